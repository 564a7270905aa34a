//! The app's real Bluetooth, btleplug unmodified, against our own `org.bluez` on a private bus:
//! each rule of the radio ([`rules`], [`adapters`], [`links`]), and whole commissions ([`flows`]).
//!
//! Deliberately not here: the kernel's own Bluetooth.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod adapters;
#[path = "../commissioning/bench.rs"]
#[allow(dead_code, reason = "tests/commissioning uses the rest of it")]
mod bench;
mod flows;
#[path = "../commissioning/ledger.rs"]
#[allow(dead_code, reason = "tests/commissioning uses the rest of it")]
mod ledger;
mod links;
mod rules;
mod table;
