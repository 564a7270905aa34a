//! What a device is made as: its label, its secrets, its network surroundings.
//!
//! Secrets follow from the fleet's seed and the serial, so that a label stays good over
//! restarts and two runs with one seed are the same.

use ed25519_dalek::SigningKey;
use omniot_shared::{
    claim::PublicKey,
    entities::Security,
    label::{ClaimCode, Label, Network as LabelNetwork, Pinned, Pop},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{faults::Faults, improv};

/// The user name of security 2, as in the IDF examples.
pub const USERNAME: &str = "wifiprov";

/// The Bluetooth stack of the firmware; they fail differently (COMMISSIONING.md 2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stack {
    /// ATT error 0x04, the link stays.
    #[default]
    Nimble,
    /// ATT error 0x85, then it disconnects.
    Bluedroid,
}

/// What sort of firmware it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// OmnIoT's endpoints beside Espressif's.
    #[default]
    Omniot,
    /// Espressif's endpoints only, and such a label.
    Espressif,
    /// Improv: nothing protected, nothing claimed, and no label.
    Improv,
    /// As Espressif's, for Thread, as its label says.
    Thread,
}

/// How old its provisioning is (COMMISSIONING.md 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Era {
    /// The component `network_provisioning`.
    #[default]
    Network,
    /// `wifi_provisioning` of IDF 5.
    Wifi,
    /// That of IDF 4: it names no scheme, and cannot begin again.
    Idf4,
    /// Before there were capabilities: a bare text, no scan either.
    Bare,
}

/// One device of a fleet file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// As on the label.
    pub serial: String,
    /// The advertised name; the serial when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// The model's SKU.
    #[serde(default = "sku")]
    pub model: String,
    /// What it runs.
    #[serde(default = "firmware")]
    pub firmware: String,
    /// The protection it demands, and its label names.
    #[serde(default = "strongest")]
    pub security: Security,
    /// How it fails.
    #[serde(default)]
    pub stack: Stack,
    /// How often it tries a network again before it gives up.
    #[serde(default)]
    pub attempts: u32,
    /// How old its provisioning is.
    #[serde(default)]
    pub era: Era,
    /// Its proof of possession, in the place of the factory's; empty: none, as security 1 allows it.
    #[serde(default)]
    pub pop: Option<String>,
    /// Its verifier was made by Espressif's tool, which strips a zero of the inner digest.
    #[serde(default)]
    pub stripped_verifier: bool,
    /// Which endpoints it has, and what its label pins.
    #[serde(default)]
    pub kind: Kind,
    /// How its Improv service is made, when it is of that kind.
    #[serde(default)]
    pub improv: improv::Make,
    /// Belongs already to the tenant whose claim key has this seed (64 hex digits).
    #[serde(default)]
    pub owned_by: Option<String>,
    /// What goes wrong with it.
    #[serde(default)]
    pub faults: Faults,
}

fn sku() -> String {
    "OM-SENSE-1".into()
}

fn firmware() -> String {
    "1.4.2".into()
}

const fn strongest() -> Security {
    Security::Sec2Patch1
}

impl Spec {
    /// An ordinary device with that serial.
    #[must_use]
    pub fn ordinary(serial: &str) -> Self {
        Self {
            serial: serial.into(),
            name: None,
            model: sku(),
            firmware: firmware(),
            security: strongest(),
            stack: Stack::Nimble,
            attempts: 0,
            era: Era::Network,
            pop: None,
            stripped_verifier: false,
            kind: Kind::Omniot,
            improv: improv::Make::default(),
            owned_by: None,
            faults: Faults::default(),
        }
    }

    /// The advertised name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.serial)
    }
}

/// An address as the radio shows it.
pub(super) fn shown_address(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02X}")).join(":")
}

/// What the factory gave a device.
pub struct Factory {
    /// Its identity.
    pub key: SigningKey,
    /// Its proof of possession.
    pub pop: String,
    /// Salt of its SRP verifier.
    pub salt: [u8; 16],
    /// Its Bluetooth address.
    pub mac: [u8; 6],
}

impl Factory {
    /// The secrets of `serial` in the fleet with that seed.
    #[must_use]
    pub fn make(seed: u64, serial: &str) -> Self {
        let draw = |what: &str| -> [u8; 32] { Sha256::new().chain_update(format!("{what}/{seed}/{serial}")).finalize().into() };
        let first = |what: &str| draw(what);
        let mut salt = [0; 16];
        salt.copy_from_slice(&first("salt")[..16]);
        let mut mac = [0; 6];
        mac.copy_from_slice(&first("mac")[..6]);
        mac[0] |= 0xc0;
        const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        let pop = first("pop").iter().take(16).map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect();
        Self { key: SigningKey::from_bytes(&first("key")), pop, salt, mac }
    }

    /// The address that it begins with, as the radio shows it.
    #[must_use]
    pub fn address(&self) -> String {
        shown_address(self.mac)
    }

    /// The base MAC, as the device reports it.
    #[must_use]
    pub fn hardware_id(&self) -> String {
        hex::encode(self.mac)
    }

    /// What is printed on the device.
    #[must_use]
    pub fn label(&self, spec: &Spec) -> Label {
        let public = PublicKey::of(&self.key);
        let security = match spec.security {
            Security::Sec0 => 0,
            Security::Sec1 => 1,
            Security::Sec2Patch0 | Security::Sec2Patch1 => 2,
        };
        Label {
            name: spec.name().to_owned(),
            pop: (security > 0 && !self.pop.is_empty()).then(|| Pop::new(self.pop.clone())),
            username: (security == 2).then(|| USERNAME.to_owned()),
            security: Some(security),
            network: if spec.kind == Kind::Thread { LabelNetwork::Thread } else { LabelNetwork::Wifi },
            pinned: (spec.kind == Kind::Omniot).then(|| Pinned { serial: spec.serial.clone(), key: public.fingerprint(), code: ClaimCode::of(public) }),
        }
    }
}
