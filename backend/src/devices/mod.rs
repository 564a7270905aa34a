//! The devices of a tenant, the attempts to commission them, and what happened to them.
//!
//! Deliberately not here: the life planned → claimed → online → retired (`omniot_shared::sync::rules`),
//! claims and heartbeats (`commissioning`). Writes go through `crate::sync::execute`, so that
//! REST and sync are one path.

mod api;
mod attempts;
mod bookmarks;
mod keys;
mod releases;
mod store;
#[cfg(test)]
mod tests;
mod waiting;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::AppState;

/// This feature's operations.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(api::list_devices, api::create_device))
        .routes(routes!(api::get_device, api::update_device))
        .routes(routes!(api::retire_device))
        .routes(routes!(releases::release_device, releases::withdraw_release))
        .routes(routes!(keys::forget_device_key))
        .routes(routes!(waiting::list_waiting_devices))
        .routes(routes!(bookmarks::set_bookmark, bookmarks::remove_bookmark))
        .routes(routes!(attempts::list_attempts))
        .routes(routes!(attempts::list_device_attempts))
        .routes(routes!(attempts::list_device_changes))
}
