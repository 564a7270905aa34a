//! The kinds of devices a tenant has.
//!
//! Deliberately not here: what may be in a model (`omniot_shared::sync::rules`); writes go through
//! `crate::sync::execute`, so that REST and sync are one path.

mod api;
mod store;
#[cfg(test)]
mod tests;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::AppState;

/// This feature's operations.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(api::list_models, api::create_model)).routes(routes!(api::get_model, api::update_model)).routes(routes!(api::list_model_changes))
}
