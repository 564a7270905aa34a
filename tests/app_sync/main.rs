//! The app's core against the real server: what a technician did is never lost, whatever stands between.
//!
//! Each test plays through the app's one door. Deliberately not here: the radio (`commissioning`), the
//! story of the whole (`journeys`), and the rules of synchronization (`omniot-shared` tests those alone).

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "in a test, a step that fails is a test that fails")]

mod accounts;
mod archive;
mod checks;
mod disk;
mod evidence;
mod farewell;
mod middlebox;
mod network;
mod operator;
mod own;
mod person;
mod refusals;
mod restored;
mod servers;
mod shared;
mod sights;
mod storage;
mod telemetry;
mod verifying;
mod wishes;
