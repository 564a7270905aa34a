//! The OmnIoT server.

pub mod identity;
