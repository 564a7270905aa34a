//! The synced entities, as they stand in stores and travel on the wire.
//!
//! Deliberately not here: what may happen to them (`sync::rules`), how fields merge
//! (`sync::policy`), latest readings (they never take a sequence) and people (not synced).
//! To add a field: here, its policy in `sync::policy`, its column in both stores.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{AttemptId, BookmarkId, ClientId, DeviceId, GrantId, ModelId, PersonId, SiteId},
    time::Millis,
};

/// A place where devices stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Site {
    /// Made by whoever creates the site (UUIDv7).
    pub id: SiteId,
    /// 1–120 characters.
    pub name: String,
    /// Postal address, free text, at most 400 characters.
    pub address: Option<String>,
    /// IANA name, e.g. `Europe/Vienna`.
    pub time_zone: String,
    /// Free text, at most 2,000 characters.
    pub note: Option<String>,
    /// When it was created, by its author's corrected clock.
    pub created_at: Millis,
}

/// The weakest protection of the radio session that a model accepts; the air may only raise it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// No encryption. Developer mode only.
    Sec0,
    /// X25519 + PoP, AES-CTR.
    Sec1,
    /// SRP-6a, AES-GCM with a fixed nonce (firmware before the 2025 fix).
    Sec2Patch0,
    /// SRP-6a, AES-GCM with a counting nonce.
    Sec2Patch1,
}

/// A kind of device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeviceModel {
    /// Made by whoever creates the model (UUIDv7).
    pub id: ModelId,
    /// 1–120 characters.
    pub name: String,
    /// What the device itself reports as its model, 1–60 characters.
    pub sku: String,
    /// The floor for the radio session.
    pub min_security: Security,
    /// When it was created.
    pub created_at: Millis,
}

/// Where a device stands in its life. Moves only forward along
/// planned → claimed → online → retired (retired from anywhere), by compare-and-set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// Expected at a site, not yet seen.
    Planned,
    /// It accepted a grant of this tenant.
    Claimed,
    /// It has been in contact with the backend.
    Online,
    /// Out of service; nothing may change it any more.
    Retired,
}

/// One device of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Device {
    /// [`DeviceId::for_serial`] of the tenant and `serial`.
    pub id: DeviceId,
    /// What the label shows and the device reports; normalized, 1–64 characters.
    pub serial: String,
    /// 1–120 characters.
    pub name: String,
    /// Its kind.
    pub model_id: ModelId,
    /// Where it stands, when that is known.
    pub site_id: Option<SiteId>,
    /// Free text, at most 2,000 characters.
    pub note: Option<String>,
    /// Where it stands in its life.
    pub state: DeviceState,
    /// What the device last said it runs.
    pub firmware: Option<String>,
    /// The commissioning epoch that is in force; 0 before the first claim.
    pub epoch: u32,
    /// When the row was created.
    pub created_at: Millis,
}

/// A device that a person put on their own list. Nobody else ever sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Bookmark {
    /// [`BookmarkId::of`] the two.
    pub id: BookmarkId,
    /// Whose it is.
    pub person_id: PersonId,
    /// What it marks; may be out of sight by now.
    pub device_id: DeviceId,
    /// What they want to remember, at most 2,000 characters.
    pub note: Option<String>,
    /// When it was put on the list.
    pub created_at: Millis,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// Claimed and joined its network.
    Succeeded,
    /// A step failed for good; `cause` says why.
    Failed,
    /// The technician stopped it.
    Cancelled,
    /// The app or the machine died in the middle.
    Interrupted,
}

/// What became of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// It did what it should.
    Done,
    /// It did not; `cause` says why.
    Failed,
    /// It was not needed.
    Skipped,
    /// It had begun when the app died.
    Interrupted,
}

/// One step of an attempt. A step that was tried again is recorded again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AttemptStep {
    /// `connect`, `discover`, … (docs/ARCHITECTURE.md lists them).
    pub step: String,
    /// By the app's clock.
    pub started_at: Millis,
    /// Milliseconds, from a monotonic clock.
    pub duration_ms: u32,
    /// What became of it.
    pub outcome: StepOutcome,
    /// A code of the catalogue of causes, e.g. `wrong_password`.
    pub cause: Option<String>,
}

/// One attempt to commission one device: append-only, one writer, evidence. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Attempt {
    /// Made by the app (UUIDv7).
    pub id: AttemptId,
    /// The device, when it was known which.
    pub device_id: Option<DeviceId>,
    /// As read from the label or the device.
    pub serial: Option<String>,
    /// Where the technician was working.
    pub site_id: Option<SiteId>,
    /// Who did it.
    pub technician_id: PersonId,
    /// Their name then.
    pub technician_name: String,
    /// Which replica recorded it.
    pub client_id: ClientId,
    /// Version of the app.
    pub app_version: String,
    /// Operating system of the app's machine and what sort of machine it is, as far as they are known: `android 14, Google Pixel 7`.
    pub os: String,
    /// `virtual` or `bluetooth`.
    pub radio: String,
    /// `esp` or `improv`.
    pub protocol: Option<String>,
    /// The protection that was really used.
    pub security: Option<Security>,
    /// What the device said it runs.
    pub firmware: Option<String>,
    /// Whether the device proved the key that its label pins.
    pub identity_verified: bool,
    /// dBm, at the moment of connecting.
    pub rssi: Option<i32>,
    /// Bytes.
    pub mtu: Option<u32>,
    /// What happened, in order.
    pub steps: Vec<AttemptStep>,
    /// The grant that was given to the device.
    pub grant_id: Option<GrantId>,
    /// The device's signed receipt, base64 (standard alphabet).
    pub receipt: Option<String>,
    /// The device's commissioning epoch after the claim.
    pub epoch: Option<u32>,
    /// Network name, never the passphrase.
    pub network_name: Option<String>,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// A code of the catalogue of causes when it did not succeed.
    pub cause: Option<String>,
    /// By the app's clock.
    pub started_at: Millis,
    /// By the app's clock.
    pub ended_at: Millis,
}
