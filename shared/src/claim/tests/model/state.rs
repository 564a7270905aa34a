//! What everybody knows.

/// Devices.
pub const DEVICES: usize = 2;
/// Tenants.
pub const TENANTS: usize = 2;
/// Grants: the first two are the first tenant's.
pub const GRANTS: usize = 3;
/// One more than the highest epoch.
pub const EPOCHS: usize = 5;

/// Whose grant it is.
pub const fn tenant_of(grant: u8) -> usize {
    if grant < 2 { 0 } else { 1 }
}

/// A release as it lies in somebody's hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slip {
    /// The owner who signed it.
    pub tenant: u8,
    /// For this device.
    pub device: u8,
    pub up_to_epoch: u8,
    pub number: u8,
}

/// What a device keeps, as far as these runs differ in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Kept {
    pub epoch: u8,
    pub resets: u8,
    /// The grant that made its owner.
    pub owner: Option<u8>,
    pub heard: u8,
    /// The release it used, while the former owner does not know.
    pub left: Option<Slip>,
}

/// What a device shows at a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shown {
    pub device: u8,
    pub epoch: u8,
    pub grant: u8,
}

/// A backend's binding of one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bound {
    pub epoch: u8,
    pub grant: u8,
    pub is_handed_over: bool,
    /// Of the last notice in this epoch.
    pub notice: u8,
}

/// One tenant's backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Books {
    pub bound: [Option<Bound>; DEVICES],
    /// What it signed.
    pub slip: Option<Slip>,
    pub is_withdrawn: bool,
}

/// Everything. The lower half is what the properties look at; nobody in the story knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct State {
    pub devices: [Kept; DEVICES],
    pub tenants: [Books; TENANTS],
    /// By which device.
    pub spent: [Option<u8>; GRANTS],
    pub revoked: Option<u8>,
    /// Contacts that are late.
    pub net: Vec<Shown>,
    pub claims: u8,
    pub late: u8,

    /// Which grant began which epoch, as the device has it.
    pub began: [[Option<u8>; EPOCHS]; DEVICES],
    /// Which epoch the technician has a receipt for.
    pub receipts: [[u8; GRANTS]; DEVICES],
    /// Which devices each grant ever bound, as bits.
    pub binds: [u8; GRANTS],
    /// The highest epoch that each backend ever bound.
    pub highest: [[u8; DEVICES]; TENANTS],
    /// The device of the slip said that it left.
    pub has_told: [bool; TENANTS],
    pub slip_uses: [u8; TENANTS],
    /// The device heard that the slip was taken back.
    pub slip_is_dead: [bool; TENANTS],
    pub was_taken: bool,
    pub epoch_fell: bool,
}
