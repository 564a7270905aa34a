//! Files that belong to attempts: what the flight recorder wrote, photos, and what was checked.
//!
//! Each is called by the SHA-256 of its bytes, put once by whoever made the attempt, and seen by whoever sees the
//! attempt. A tenant's files together have a quota. They never take a sequence: synchronization does not carry them.
//! Deliberately not here: what is in them and which are taken (`omniot_shared::attachment`).
//! To add a kind: there, and in the `check` of the table.

mod adding;
mod api;
mod checks;
mod store;
#[cfg(test)]
mod tests;

use tower_http::compression::CompressionLayer;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::AppState;

pub use adding::{Older, add};
pub use api::AttachmentError;
pub use checks::is_of as are_checks_of;
pub use store::{New, meter, owner};

/// The most bytes of one tenant's files, unless the server is told otherwise.
pub const QUOTA_BYTES: i64 = 2 * 1024 * 1024 * 1024;

/// This feature's operations.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(api::get_attempt_trace))
        .layer(CompressionLayer::new())
        .routes(routes!(api::list_attachments))
        .routes(routes!(checks::get_attempt_checks))
        .routes(routes!(api::get_attachment, api::put_attachment))
}
