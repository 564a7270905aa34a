//! What a tenant wants checked at each installation: one document with a version.
//!
//! Deliberately not here: what may be in it (`omniot_shared::checklist`), and what was answered, which are files of
//! attempts (`attachments`).

mod api;
mod store;
#[cfg(test)]
mod tests;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::AppState;

/// This feature's operations.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(api::get_checklist, api::set_checklist))
}
