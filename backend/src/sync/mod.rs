//! The server side of synchronization, and the one way that synced entities change.
//!
//! [`execute`] carries out one change in the caller's transaction (REST), [`execute_as`] the same
//! for devices and jobs; `push` carries out a client's outbox with receipts; `pull` streams what
//! changed. All of them write rows, sequence, tombstones, checksum and audit together.
//! Deliberately not here: what a change may do (`omniot_shared::sync::rules`).

mod api;
mod batch;
mod execute;
mod fault;
mod news;
mod pull;
mod push;
mod restore;
#[cfg(feature = "seeded-leaks")]
pub mod seeded;
mod segment;
pub mod store;
mod stream;
#[cfg(test)]
mod tests;
mod trail;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::AppState;

pub use execute::{Executed, ExecuteError, execute, execute_as, execute_late, execute_over, remove};
pub(crate) use fault::is_the_intents as is_the_changes;
pub use restore::restored;
pub use segment::Segments;

/// This feature's operations.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(api::greet_sync))
        .routes(routes!(api::verify_replica))
        .routes(routes!(api::report_mismatch))
        .routes(routes!(api::push_intents))
        .routes(routes!(api::pull_changes))
        .routes(routes!(api::fetch_segment))
        .routes(routes!(api::stream_pokes))
        .routes(routes!(api::await_poke))
}
