//! Who am I, and what may each role do.

use axum::extract::State;
use omniot_shared::{
    brand::Theme,
    ids::{PersonId, TenantId},
    roles::{Permission, Role},
    sync::Sight,
};
use serde::{Deserialize, Serialize};

use crate::{
    http::{AppState, Caller, Json, NoContent, Reader, SignedIn, two_state},
    identity::{
        IdentityError,
        own::{self, Changing},
    },
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
    /// Whether they work at every site. Whoever works at chosen ones only makes no sites and changes no models.
    pub everywhere: bool,
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
    /// Days without a word from the server after which a device shows nothing of the tenant.
    pub offline_days: i32,
}

impl Me {
    /// From what the store knows.
    pub fn new(person: MePerson, everywhere: bool, id: TenantId, tenant: Own) -> Self {
        let permissions = permissions(person.role);
        Self { person, tenant: MeTenant { id, name: tenant.name, display_name: tenant.display_name, offline_days: tenant.offline_days }, permissions, everywhere, brand: tenant.brand }
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
    let everywhere = person.sight == Sight::All;
    let person = MePerson { id: person.id, name: person.name, email: person.email, role: person.role };
    Ok(Json(Me::new(person, everywhere, caller.tenant(), tenant)))
}

/// What somebody changes about themselves; absent means leave.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MePatch {
    /// As they want to be called; 1–120 characters.
    #[serde(default, deserialize_with = "two_state")]
    #[schema(value_type = String)]
    name: Option<String>,
}

/// Change one's own name
#[utoipa::path(patch, path = "/v1/me", operation_id = "update_me", tag = "identity", request_body = MePatch,
    responses((status = 200, body = Me), (status = 422, body = crate::http::ErrorBody)))]
pub async fn update_me(mut caller: Caller<SignedIn>, Json(patch): Json<MePatch>) -> Result<Json<Me>, IdentityError> {
    let caller_person = caller.person().clone();
    let name = match &patch.name {
        Some(name) => own::rename(&mut caller, name).await?.name,
        None => caller_person.name,
    };
    let (tenant, tenant_id) = (store::own(caller.scope()).await?, caller.tenant());
    caller.commit().await?;
    let person = MePerson { id: caller_person.id, name, email: caller_person.email, role: caller_person.role };
    Ok(Json(Me::new(person, caller_person.sight == Sight::All, tenant_id, tenant)))
}

/// One's own password, the current and the new one.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// As it is now.
    #[schema(format = Password)]
    current: String,
    /// At least 10 characters.
    #[schema(format = Password)]
    new: String,
}

/// Change one's own password
///
/// Ends the person's other sessions.
#[utoipa::path(post, path = "/v1/me/password", operation_id = "set_own_password", tag = "identity", request_body = PasswordChange,
    responses((status = 204), (status = 401, body = crate::http::ErrorBody), (status = 422, body = crate::http::ErrorBody), (status = 429, body = crate::http::ErrorBody)))]
pub async fn set_own_password(caller: Reader<SignedIn>, State(state): State<AppState>, Json(body): Json<PasswordChange>) -> Result<NoContent, IdentityError> {
    Changing::of(caller.0, state).set(&body.current, &body.new).await?;
    Ok(NoContent)
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
