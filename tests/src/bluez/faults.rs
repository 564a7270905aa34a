//! What goes wrong between the client and a device, on purpose.
//!
//! Deliberately not here: what goes wrong with a device (`virtual_device::faults`).

use std::collections::{BTreeSet, VecDeque};

/// The faults of the service. All off by default.
#[derive(Debug, Default)]
pub struct Faults {
    /// The next connects fail, each in these words of `org.bluez.Error.Failed`.
    pub connects_fail: VecDeque<&'static str>,
    /// Calls of these methods have their effect and are never answered.
    pub mute: BTreeSet<&'static str>,
    /// Calls of these methods are answered and have no effect.
    pub deaf: BTreeSet<&'static str>,
    /// So many notifications are lost.
    pub lose_notifications: u32,
    /// Every characteristic can notify, as firmware may be built.
    pub can_notify: bool,
    /// The next link breaks before its services are resolved.
    pub breaks_unresolved: bool,
}

/// What the system remembers of a device whose firmware was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stale {
    /// A characteristic less.
    MissesOne,
    /// All of them, where the device has others now.
    WrongHandles,
}
