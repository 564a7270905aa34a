//! How a tenant comes to be, is suspended and is resumed.

use omniot_shared::{
    ids::{ModelId, SiteId, TenantId},
    roles::Role,
    sync::{Actor, Change, Who, intent::{NewModel, NewSite}},
};
use serde_json::json;

use super::{Status, Tenant, find_tenant, store, templates};
use crate::{
    audit::{self, Author, Entry},
    commissioning,
    db::{DbError, Event, Scope, TenantAccess},
    http::{ApiError, AppState},
    identity::{self, By},
    sync,
};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// Short name: 2–40 lower-case letters, digits and inner hyphens, beginning with a letter.
    pub name: String,
    /// Full name, 1–120 characters.
    pub display_name: String,
    /// Which template it begins with.
    pub template: String,
}

/// What the template put into a new tenant.
#[derive(Debug, Clone, Default)]
pub struct Furniture {
    /// Its sites, in the template's order.
    pub sites: Vec<SiteId>,
    /// Its models, with what their devices report.
    pub models: Vec<(String, ModelId)>,
}

/// Why no tenant was made.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// The short name is taken.
    #[error("there is a tenant named {0} already")]
    NameTaken(String),
    /// A field does not fit.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which one.
        field: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// The store.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A part of the template, or the owner, was refused.
    #[error("{}", .0.detail)]
    Refused(ApiError),
}

impl From<ApiError> for ProvisionError {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<ProvisionError> for ApiError {
    fn from(error: ProvisionError) -> Self {
        match error {
            ProvisionError::NameTaken(_) => Self::conflict("name_taken", error.to_string()).field("name"),
            ProvisionError::Invalid { field, reason } => Self::invalid_field(field, reason),
            ProvisionError::Db(error) => error.into(),
            ProvisionError::Refused(error) => error,
        }
    }
}

fn check(new: &NewTenant) -> Result<templates::Template, ProvisionError> {
    let name = new.name.as_bytes();
    let plain = name.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-');
    if !(2..=40).contains(&name.len()) || !plain || !name.first().is_some_and(u8::is_ascii_lowercase) || name.last() == Some(&b'-') {
        let reason = "2 to 40 lower-case letters, digits and hyphens, beginning with a letter";
        return Err(ProvisionError::Invalid { field: "name", reason });
    }
    let letters = new.display_name.trim().chars().count();
    if !(1..=120).contains(&letters) || new.display_name.chars().any(char::is_control) {
        return Err(ProvisionError::Invalid { field: "display_name", reason: "1 to 120 characters" });
    }
    templates::find(&new.template).ok_or(ProvisionError::Invalid { field: "template", reason: "there is no such template" })
}

/// Makes a tenant in its own transaction; `owner` adds its first person or invites them, in the same one.
/// It is seen by others only when everything of it is there.
///
/// # Errors
/// Says which field does not fit, or that the name is taken; nothing is left behind then.
pub async fn provision(state: &AppState, author: &Author, request_id: Option<&str>, new: NewTenant, owner: impl AsyncFnOnce(&mut Scope, &Furniture) -> Result<(), ApiError>) -> Result<Tenant, ProvisionError> {
    let template = check(&new)?;
    if find_tenant(&state.db, &new.name).await?.is_some() {
        return Err(ProvisionError::NameTaken(new.name));
    }
    let id: TenantId = state.new_id();
    let display_name = new.display_name.trim().to_owned();
    let tenant = Tenant { id, name: new.name, display_name, status: Status::Active, created_at: state.now() };
    state.db.place(id)?;
    let made = furnish(state, author, request_id, &tenant, &template, owner).await;
    if made.is_err() {
        state.db.unplace(id).await?;
    }
    made.map(|()| tenant)
}

async fn furnish(
    state: &AppState,
    author: &Author,
    request_id: Option<&str>,
    tenant: &Tenant,
    template: &templates::Template,
    owner: impl AsyncFnOnce(&mut Scope, &Furniture) -> Result<(), ApiError>,
) -> Result<(), ProvisionError> {
    let mut scope = state.db.write(&TenantAccess::for_job(tenant.id, "provision")).await?;
    store::insert(&mut scope, tenant, templates::brand_file(&template.brand)).await?;
    // Devices pin it for good: it is in every backup that has the tenant.
    let claim_key = commissioning::new_claim_key(&mut scope, state, tenant.created_at).await?.public().fingerprint().to_string();
    let entry = Entry::new("tenant.create").target("tenant", tenant.id, &tenant.display_name);
    let entry = entry.detail(json!({"name": tenant.name, "template": template.name, "claim_key": claim_key}));
    audit::append(&mut scope, author, tenant.created_at, request_id, entry).await?;
    let furniture = equip(state, &mut scope, author, request_id, template).await?;
    owner(&mut scope, &furniture).await?;
    // The index last: a crash before it leaves a file that nothing points to.
    let mut control = state.db.control_write().await?;
    match store::index(&mut control, tenant, template.name).await {
        Err(error) if error.is_unique() => return Err(ProvisionError::NameTaken(tenant.name.clone())),
        other => other?,
    }
    scope.commit().await?;
    control.commit().await?;
    Ok(())
}

/// The sites and models of the template, as changes like any other: with sequence, checksum and audit.
async fn equip(state: &AppState, scope: &mut Scope, author: &Author, request_id: Option<&str>, template: &templates::Template) -> Result<Furniture, ApiError> {
    let actor = Actor { tenant: scope.tenant(), who: Who::System, now: state.now() };
    let mut furniture = Furniture::default();
    for site in &template.sites {
        let new = NewSite { id: state.new_id(), name: site.name.clone(), address: site.address.clone(), time_zone: site.time_zone.clone(), note: None };
        furniture.sites.push(new.id);
        sync::execute_as(scope, &actor, author, request_id, Change::SiteCreate(new)).await?;
    }
    for model in &template.models {
        let new = NewModel { id: state.new_id(), name: model.name.clone(), sku: model.sku.clone(), min_security: model.min_security };
        furniture.models.push((model.sku.clone(), new.id));
        sync::execute_as(scope, &actor, author, request_id, Change::ModelCreate(new)).await?;
    }
    Ok(furniture)
}

/// Suspends a tenant: from the next request on, every session, device and stream of it is refused.
/// Twice is once.
///
/// # Errors
/// `not_found` without such a tenant; whatever the store says.
pub async fn suspend(state: &AppState, author: &Author, request_id: Option<&str>, id: TenantId, reason: &str) -> Result<Tenant, ApiError> {
    turn(state, author, request_id, id, Status::Suspended, Some(reason)).await
}

/// Serves a suspended tenant again. Twice is once.
///
/// # Errors
/// `not_found` without such a tenant; whatever the store says.
pub async fn resume(state: &AppState, author: &Author, request_id: Option<&str>, id: TenantId) -> Result<Tenant, ApiError> {
    turn(state, author, request_id, id, Status::Active, None).await
}

async fn turn(state: &AppState, author: &Author, request_id: Option<&str>, id: TenantId, status: Status, reason: Option<&str>) -> Result<Tenant, ApiError> {
    let known = store::by_id(&mut state.db.control_read().await?, id).await?;
    let tenant = known.ok_or_else(ApiError::not_found)?;
    let mut scope = state.db.write(&TenantAccess::for_job(id, "suspend_or_resume")).await?;
    if store::set_status(&mut scope, status, reason).await? {
        let action = if status == Status::Suspended { "tenant.suspend" } else { "tenant.resume" };
        let entry = Entry::new(action).target("tenant", id, &tenant.display_name).detail(json!({"reason": reason}));
        audit::append(&mut scope, author, state.now(), request_id, entry).await?;
        scope.notify(Event::AccessChanged);
    }
    // The tenant's own row decides; the index follows it, and a repeated call mends it.
    scope.commit().await?;
    let mut control = state.db.control_write().await?;
    store::set_index_status(&mut control, id, status).await?;
    control.commit().await?;
    Ok(Tenant { status, ..tenant })
}

/// [`provision`], inviting `owner_email` as the first owner.
///
/// # Errors
/// As [`provision`]; `invalid_field` for the address.
pub async fn provision_with_owner(state: &AppState, author: &Author, request_id: Option<&str>, new: NewTenant, owner_email: &str) -> Result<Tenant, ProvisionError> {
    let by = By { author, request_id };
    let invite = async |scope: &mut Scope, _: &Furniture| match identity::invite(scope, state, by, owner_email, Role::Owner).await {
        Ok(_) => Ok(()),
        Err(error) => Err(match ApiError::from(error) {
            // The body names it so.
            error if error.field.as_deref() == Some("email") => error.field("owner_email"),
            error => error,
        }),
    };
    provision(state, author, request_id, new, invite).await
}
