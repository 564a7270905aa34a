//! The places where a tenant's devices stand.
//!
//! Deliberately not here: what may be in a site and how edits meet (`omniot_shared::sync::rules`);
//! writes go through `crate::sync::execute`, so that REST and sync are one path.

mod api;
mod store;
#[cfg(test)]
mod tests;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::AppState;

/// This feature's operations.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(api::list_sites, api::create_site)).routes(routes!(api::get_site, api::update_site)).routes(routes!(api::list_site_changes))
}
