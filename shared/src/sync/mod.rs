//! The sync core: one authority per tenant, a replica per app account (SYNC.md).
//!
//! Pure: no file, socket, clock or chance in here. The server drives it from
//! `backend/src/sync` (sqlx), the app from `src-tauri/src/{store,sync}` (rusqlite), the tests
//! from memory. Deliberately not here: telemetry and readings (they take no sequence), people
//! (not synced), segments.
//! To add a synced entity: its struct in `entities`, a variant in [`rows`], its changes in
//! [`intent`], what may happen in `rules`, a policy for each field in `policy`.

pub mod checksum;
pub mod client;
pub mod escrow;
pub mod frame;
pub mod intent;
pub mod patch;
pub mod policy;
#[cfg(test)]
mod protocol;
pub mod receipt;
pub mod rows;
pub mod rules;
#[cfg(test)]
mod seeded;
pub mod server;
pub mod sight;
#[cfg(test)]
mod sim;
pub mod upcast;
#[cfg(test)]
mod versions;
pub mod was;
pub mod wire;

pub use checksum::Checksum;
pub use intent::{Change, Intent};
pub use patch::Patch;
pub use receipt::{Code, Outcome, Receipt, Refusal};
pub use rows::{Row, RowKey, RowSet, Rows, Seq, SyncedRow, Table};
pub use rules::{Actor, RowChange, Who, apply};
pub use sight::Sight;
pub use was::Was;
