//! The device's side of docs/DEVICE-CONTRACT.md, as small as it can be: no std, no protobuf library.
//!
//! From the inside out: [`wire`] (protobuf), [`sealed`] (signatures), [`grant`] (what owners sign), [`state`] (what a device keeps),
//! [`flash`] (how it keeps that through a loss of power), [`claim`] (the decisions), [`device`] (the endpoints, in the order
//! that the contract asks for).
//!
//! It answers byte for byte what `tests/vectors/claim.json` says, and what the reference rules say to any sequence
//! of claims (`tests/contract.rs`). Read it, or port it to C.
//!
//! Deliberately not here: Bluetooth, the ESP session, chunks, Wi-Fi, HTTP.
#![no_std]

extern crate alloc;

pub mod claim;
pub mod device;
pub mod flash;
pub mod grant;
pub mod sealed;
pub mod state;
pub mod wire;
