//! Who am I, and what may each role do.

use axum::Json;
use omniot_shared::{
    brand::Theme,
    ids::{PersonId, TenantId},
    roles::{Permission, Role},
};
use serde::Serialize;

use crate::{
    http::{Caller, SignedIn},
    identity::IdentityError,
    tenancy::store::{self, Own},
};

/// The person who is signed in, and where.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Me {
    /// Who.
    pub person: MePerson,
    /// Where.
    pub tenant: MeTenant,
    /// What they may do at this moment, by name: `device.read`, …
    #[schema(value_type = Vec<String>, example = json!(["device.read", "site.read"]))]
    pub permissions: Vec<Permission>,
    /// How it looks here.
    pub brand: Theme,
}

/// The person of [`Me`].
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct MePerson {
    /// Who.
    pub id: PersonId,
    /// As they are called.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Their role.
    pub role: Role,
}

/// The tenant of [`Me`].
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct MeTenant {
    /// Which.
    pub id: TenantId,
    /// Its short name.
    pub name: String,
    /// As people read it.
    pub display_name: String,
}

impl Me {
    /// From what the store knows.
    pub fn new(person: MePerson, id: TenantId, tenant: Own) -> Self {
        let permissions = permissions(person.role);
        Self { person, tenant: MeTenant { id, name: tenant.name, display_name: tenant.display_name }, permissions, brand: tenant.brand }
    }
}

fn permissions(role: Role) -> Vec<Permission> {
    Permission::ALL.iter().copied().filter(|permission| role.may(*permission)).collect()
}

/// Who am I
#[utoipa::path(get, path = "/v1/me", operation_id = "get_me", tag = "identity", responses((status = 200, body = Me)))]
pub async fn get_me(mut caller: Caller<SignedIn>) -> Result<Json<Me>, IdentityError> {
    let tenant = store::own(caller.scope()).await?;
    let person = caller.person().clone();
    let person = MePerson { id: person.id, name: person.name, email: person.email, role: person.role };
    Ok(Json(Me::new(person, caller.tenant(), tenant)))
}

/// All roles.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Roles {
    /// Most powerful first.
    pub items: Vec<RoleRow>,
}

/// One role.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RoleRow {
    /// Its name.
    pub role: Role,
    /// What it may do, by name: `device.read`, …
    #[schema(value_type = Vec<String>, example = json!(["device.read", "site.read"]))]
    pub permissions: Vec<Permission>,
}

/// What each role may do
#[utoipa::path(get, path = "/v1/roles", operation_id = "list_roles", tag = "identity", responses((status = 200, body = Roles)))]
pub async fn list_roles(_caller: Caller<SignedIn>) -> Json<Roles> {
    Json(Roles { items: Role::ALL.into_iter().map(|role| RoleRow { role, permissions: permissions(role) }).collect() })
}
