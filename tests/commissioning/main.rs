//! Whole commissions: the app's engine and client against virtual devices over the virtual
//! radio's socket, with real cryptography on both sides and faults on demand.
//!
//! Deliberately not here: the server and the store (the journeys have them).

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod accounts;
mod bench;
mod canary;
mod claims;
mod faults;
mod firmwares;
mod flight;
mod happy;
mod hostile;
mod improv;
mod kills;
mod ledger;
mod leaving;
mod nearby;
mod networks;
mod others;
mod proofs;
mod records;
mod transfer;
mod turns;
mod visits;
