//! The platform operator's console: who runs this deployment, and what they do with its tenants.
//!
//! Operators are a population of their own, in the control store. What they do to a tenant stands in
//! that tenant's audit log. Deliberately not here: a way into a tenant's data (support access will be
//! time-boxed and asked for).

mod api;
pub mod operators;
mod sign_in;
pub mod store;
mod tenants;
#[cfg(test)]
mod tests;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::AppState;

/// This feature's operations.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(sign_in::create_operator_session))
        .routes(routes!(sign_in::end_operator_session))
        .routes(routes!(sign_in::get_operator))
        .routes(routes!(api::list_templates))
        .routes(routes!(tenants::list_tenants, tenants::create_tenant))
        .routes(routes!(tenants::get_tenant))
        .routes(routes!(tenants::suspend_tenant))
        .routes(routes!(tenants::resume_tenant))
        .routes(routes!(api::list_mail))
}
