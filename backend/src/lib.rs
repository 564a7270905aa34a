//! The OmnIoT server.

pub mod db;
pub mod identity;
