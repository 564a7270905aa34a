//! Espressif's unified provisioning ("protocomm") over BLE, sans I/O: bytes in, bytes out
//! (COMMISSIONING.md 2).
//!
//! Deliberately not here: the radio, waiting, deadlines, and what a technician sees.
//! To add an endpoint: its messages in [`messages`], then a room beside the others.

pub mod messages;
