//! How well commissioning goes: success, time and causes, by model, firmware, app version and phone.
//!
//! Counted from the attempts that the reader sees, at the moment of asking.
//! Deliberately not here: the attempts themselves (`devices`) and the words of causes.
//! To add a grouping: a word in [`api::By`], its arm in each `case` of the store, a filter of `list_attempts`.

mod api;
mod store;
#[cfg(test)]
mod tests;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::AppState;

/// This feature's operations.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(api::get_commissioning_quality))
}
