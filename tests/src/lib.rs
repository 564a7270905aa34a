//! What plays the story of OmnIoT: virtual devices, actors, journeys.
//!
//! Deliberately not here: anything that ships.

pub mod bench;
pub mod isolation;
pub mod virtual_device;
pub mod world;
