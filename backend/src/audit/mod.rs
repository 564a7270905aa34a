//! The audit log of a tenant: every change of state, in the transaction that makes it, hash-chained.
//!
//! Deliberately not here: telemetry, reads, and what a person typed as a secret.
//! To write an entry: `caller.audit(Entry::new("site.create").target("site", id, &name).after(&site))`,
//! or [`append`] with an [`Author`] where nobody is signed in.

mod api;
mod chain;
mod entry;
pub mod past;
pub mod store;
#[cfg(test)]
mod tests;

pub use api::{Actor, AuditEntry, Change, Target};
pub use chain::{Broken, Verdict, verify};
pub use entry::{Author, Entry};
pub use store::{Head, append, append_all, append_to};

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::AppState;

/// This feature's operations.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(api::list_audit))
}
