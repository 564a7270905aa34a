//! Virtual devices: the device side of commissioning, right in itself, with faults on demand
//! (COMMISSIONING.md 6). The binary `omniot-device` runs a fleet of them.
//!
//! From the inside out: [`srp`], [`cipher`], [`session`] (protocomm) · [`wifi`] (scan, config,
//! control) and [`thread`] · [`improv`] (the other protocol) · [`chunked`] and [`keeping`] (the OmnIoT endpoints and what survives power loss) ·
//! [`device`] · [`contact`] and `cloud` (the way to the backend) · [`fleet`], [`carrier`] (the virtual radio) and [`http`] (for foreign clients).
//!
//! Deliberately not here: anything of the app's; only the protobuf messages of ESP
//! provisioning are shared with it, so that each side checks the other.
//! To add a fault: a field of [`faults::Faults`], and the one place where it strikes.

pub mod advert;
pub mod carrier;
pub mod chunked;
pub mod cipher;
mod cloud;
pub mod contact;
mod control;
pub mod device;
pub mod faults;
pub mod fleet;
pub mod hostile;
pub mod http;
pub mod improv;
pub mod keeping;
mod owning;
mod pre_owned;
pub mod script;
pub mod session;
pub mod spec;
pub mod srp;
#[cfg(test)]
mod tests;
pub mod thread;
pub mod timing;
#[cfg(test)]
mod vectors;
pub mod wifi;
