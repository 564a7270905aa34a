//! What plays the story of OmnIoT: virtual devices, actors, journeys.
//!
//! Deliberately not here: anything that ships.

#[cfg(feature = "attack")]
pub mod bench;
pub mod bluez;
#[cfg(feature = "attack")]
pub mod isolation;
pub mod virtual_device;
pub mod world;
