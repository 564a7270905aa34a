//! Customer organizations: what they are, how one comes to be, how it is stopped and started again.
//!
//! Deliberately not here: who may do that (`console`), its people (`identity`), and the scope itself (`db`).
//! To add a template: a file in `backend/templates/` and a line in [`templates`].

mod api;
mod provision;
pub(crate) mod store;
pub mod templates;
#[cfg(test)]
mod tests;

pub use api::TenantCard;
pub use provision::{Furniture, NewTenant, ProvisionError, provision, provision_with_owner, resume, suspend};
pub use store::{Status, Tenant, find_tenant};

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::AppState;

/// This feature's operations.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(api::find_tenant_card)).routes(routes!(api::update_tenant))
}
