//! Commissioning: from a label in a technician's hand to a claimed device on its network,
//! over Bluetooth LE and without the server (docs/COMMISSIONING.md).
//!
//! Rooms: [`radio`] carries bytes · [`esp`] speaks Espressif's provisioning protocol as pure
//! state machines · [`flow`] is the engine and its seam to the store.
//!
//! Deliberately not here: the store, accounts and synchronization.
//! To add a protocol: a sibling of [`esp`] that works over [`radio::Link`].

pub mod esp;
pub mod flow;
pub mod radio;
