//! Virtual devices: the device side of commissioning, right in itself, with faults on demand
//! (COMMISSIONING.md 6). The binary `omniot-device` runs a fleet of them.
//!
//! Deliberately not here: anything of the app's; only the protobuf messages of ESP
//! provisioning are shared with it, so that each side checks the other.

pub mod cipher;
pub mod session;
pub mod srp;
pub mod timing;
#[cfg(test)]
mod vectors;
pub mod wifi;
