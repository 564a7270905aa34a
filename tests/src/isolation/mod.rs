//! The attack that every build makes on itself: each operation of the API, called by those who must
//! not see a tenant's data, on both engines.
//!
//! [`Estate`] is the tenant under attack, full of canaries; [`samples`] knows one request for each
//! operation, aimed at that tenant's things; [`attack`] sends them and writes down what came back,
//! and [`rows`] whether anything of the tenant was changed.
//! The tests in `tests/isolation` compare that with a golden matrix.
//! Deliberately not here: the catalog and SQL guards (beside `backend/src/db`).
//! A new operation fails the matrix until it has its line in [`samples`].

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "in a test, a step that fails is a test that fails")]

pub mod attack;
pub mod estate;
pub mod rows;
pub mod samples;

pub use attack::{CALLERS, Finding, Line, PUBLIC, attack, leaks, matrix, probes};
pub use estate::Estate;
