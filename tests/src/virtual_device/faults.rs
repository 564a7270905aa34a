//! What goes wrong on purpose, at runtime and from the first start.
//!
//! Deliberately not here: chance. [`Faults::drawn`] takes its randomness as a parameter,
//! so a seed repeats a run.

use std::time::Duration;

use omniot_shared::entities::Security;
use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

use super::{hostile::Hostile, wifi::Trouble};

/// The faults of one device. All off by default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Drops the link at the n-th read or write of a link (1 is the first), once.
    pub drop_at: Option<u32>,
    /// Obeys the n-th read or write of a link and drops the link before it answers, once.
    pub drop_after: Option<u32>,
    /// Answers the n-th read or write of a link with an ATT error, once.
    pub att_error_at: Option<u32>,
    /// Which one; 0x0E (unlikely error) when absent.
    pub att_code: Option<u8>,
    /// Waits before each answer.
    pub delay_ms: u64,
    /// Waits for each packet of ATT, of which a long value needs many where the MTU is small.
    pub packet_ms: u64,
    /// Its errors come as Android tells them: what is no ATT error of the specification as a status of its own, 0x85 as 133.
    pub on_android: bool,
    /// Connects, and never answers.
    pub silent: bool,
    /// The largest MTU it accepts.
    pub mtu: Option<u16>,
    /// Answers the question how joining goes with a reply that only looks like a success.
    pub false_success: Option<FalseSuccess>,
    /// Announces and speaks a weaker protection than its label says.
    pub downgrade: Option<Security>,
    /// Loses power while it stores a new owner, once.
    pub power_loss: Option<PowerLoss>,
    /// Its descriptors 0x2901 cannot be read.
    pub no_names: bool,
    /// Signs with another key than its label pins.
    pub wrong_key: bool,
    /// Has another PoP than its label says.
    pub wrong_pop: bool,
    /// Says that it needs no PoP, and uses none, whatever its label says.
    pub no_pop: bool,
    /// Every passphrase is wrong.
    pub wrong_password: bool,
    /// No network is in reach when joining.
    pub no_network: bool,
    /// Refuses every network that it is given.
    pub refuse_network: bool,
    /// Its scan for networks never ends.
    pub endless_scan: bool,
    /// Says that its serial number is one that nobody can store.
    pub odd_serial: bool,
    /// It means harm.
    pub hostile: Option<Hostile>,
    /// What it notifies gets lost.
    pub lose_notifications: bool,
    /// It is in its network, but nothing leads from there to the backend.
    pub offline: bool,
    /// It joins, and the network gives it no address.
    pub no_address: bool,
    /// So many tries to connect end with GATT status 133, as phones have them.
    pub gatt_133: u32,
    /// So many tries to connect end with HCI reason 0x3E.
    pub hci_3e: u32,
    /// So many claims are answered `BUSY`.
    pub busy: u32,
    /// What it takes for the time, as if it had been told so: milliseconds since 1970. Grants of another time are `GRANT_EXPIRED`.
    pub told_ms: Option<i64>,
    /// It has another Bluetooth address each time it starts.
    pub new_address: bool,
    /// How loud it is heard, dBm, wherever it stands.
    pub rssi: Option<i32>,
}

/// A value of so many bytes on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Written.
    ToDevice(usize),
    /// Read.
    FromDevice(usize),
}

/// The last error code of the specification that Android tells as such.
const LAST_ATT_ERROR: u8 = 0x13;

/// A reply that a careless client takes for *Connected* (COMMISSIONING.md 2.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FalseSuccess {
    /// An empty status.
    Empty,
    /// A status that is cut off.
    Truncated,
}

impl FalseSuccess {
    /// The plaintext of the reply.
    #[must_use]
    pub const fn reply(self) -> &'static [u8] {
        match self {
            Self::Empty => &[0x08, 0x01, 0x5a, 0x00],
            Self::Truncated => &[0x08, 0x01, 0x5a, 0x24, 0x5a, 0x22],
        }
    }
}

/// When power is lost during a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerLoss {
    /// Nothing was written.
    BeforeStore,
    /// The new file is half written beside the old one.
    Torn,
    /// So many bytes of the new file are written beside the old one.
    TornAt(usize),
    /// The new state is stored, the answer is not sent.
    AfterStore,
}

impl Faults {
    /// Some fault, or none, by chance: `rate` is the share of devices with one, in percent.
    pub fn drawn(rng: &mut impl Rng, rate: u32) -> Self {
        let mut faults = Self::default();
        if rng.random_range(0..100) >= rate {
            return faults;
        }
        match rng.random_range(0..8) {
            0 => faults.drop_at = Some(rng.random_range(1..40)),
            1 => faults.att_error_at = Some(rng.random_range(1..40)),
            2 => faults.delay_ms = rng.random_range(20..300),
            3 => faults.mtu = Some(rng.random_range(23..256)),
            4 => faults.power_loss = Some([PowerLoss::BeforeStore, PowerLoss::Torn, PowerLoss::AfterStore][rng.random_range(0..3)]),
            5 => faults.no_names = true,
            6 => faults.offline = true,
            _ => faults.wrong_pop = true,
        }
        faults
    }

    /// How the next try to connect fails, if it does: what says so, and its code.
    pub fn failed_connect(&mut self) -> Option<(&'static str, u8)> {
        let (left, failure) = if self.gatt_133 > 0 { (&mut self.gatt_133, ("gatt", 133)) } else { (&mut self.hci_3e, ("hci", 0x3e)) };
        *left = left.checked_sub(1)?;
        Some(failure)
    }

    /// How long a value of that length is on its way (Core Specification, Vol 3, Part F, 3.4): one that does not fit is
    /// written in pieces and then executed, and read in pieces.
    #[must_use]
    pub const fn on_its_way(&self, way: Way, mtu: u16) -> Duration {
        let mtu = mtu as usize;
        let packets = match way {
            Way::ToDevice(length) if length <= mtu - 3 => 1,
            Way::ToDevice(length) => length.div_ceil(mtu - 5) + 1,
            Way::FromDevice(length) => length / (mtu - 1) + 1,
        };
        Duration::from_millis(self.packet_ms * packets as u64)
    }

    /// How the application's error `code` is told: what says so, and its code.
    #[must_use]
    pub const fn told(&self, code: u8) -> (&'static str, u8) {
        if self.on_android && code > LAST_ATT_ERROR { ("gatt", code) } else { ("att", code) }
    }

    /// Those that concern its networks.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        Trouble { wrong_password: self.wrong_password, no_network: self.no_network, refuse: self.refuse_network, endless_scan: self.endless_scan, no_address: self.no_address }
    }
}
