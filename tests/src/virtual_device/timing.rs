//! How long a device takes for what it does.

/// Milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From Apply to the first try.
    pub apply_ms: u64,
    /// Of one try to join.
    pub join_ms: u64,
    /// Of a Wi-Fi scan.
    pub scan_ms: u64,
    /// From a polled *Connected* to the end of the BLE service.
    pub stop_ms: u64,
    /// From joining to the end of the BLE service when nobody polls.
    pub auto_stop_ms: u64,
    /// Between adverts.
    pub advert_ms: u64,
    /// Between a try to reach the backend and the next; doubled with each that comes to nothing.
    pub contact_ms: u64,
    /// The most that this becomes. A real device waits longer.
    pub contact_most_ms: u64,
    /// Between heartbeats.
    pub heartbeat_ms: u64,
    /// For which an Improv device takes a network after its button was pressed.
    pub authorized_ms: u64,
    /// After which an Improv device stops trying to join.
    pub give_up_ms: u64,
    /// Of a restart after power came back.
    pub boot_ms: u64,
}

impl Timing {
    /// As firmware in the field.
    pub const REAL: Self = Self { apply_ms: 1000, join_ms: 1800, scan_ms: 1500, stop_ms: 1000, auto_stop_ms: 30_000, advert_ms: 160, contact_ms: 2000, contact_most_ms: 60_000, heartbeat_ms: 10_000, authorized_ms: 60_000, give_up_ms: 30_000, boot_ms: 800 };
    /// For tests.
    pub const FAST: Self = Self { apply_ms: 20, join_ms: 40, scan_ms: 20, stop_ms: 150, auto_stop_ms: 3000, advert_ms: 40, contact_ms: 100, contact_most_ms: 1000, heartbeat_ms: 1000, authorized_ms: 400, give_up_ms: 800, boot_ms: 50 };
}
