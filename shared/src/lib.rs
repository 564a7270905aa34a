//! What the server, the app and the tests agree on: pure, no IO.
//!
//! Deliberately not here: anything that opens a file, a socket or a clock.

pub mod attachment;
pub mod brand;
pub mod checklist;
pub mod claim;
pub mod entities;
pub mod fold;
pub mod ids;
pub mod label;
pub mod roles;
pub mod sync;
pub mod telemetry;
pub mod time;
