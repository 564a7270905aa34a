//! What commissioning needs from the rest of the app: grants, durable steps, look-ups, records.
//!
//! A [`Desk`] belongs to one signed-in account for as long as someone holds it, so that a
//! commission ends in the account in which it began. All calls but [`Desk::refusal_of`] answer from the local store.
//!
//! Deliberately not here: how any of it is stored or synchronized.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use omniot_shared::{
    claim::{Fingerprint, Letter, SignedGrant},
    entities::{Attempt, Device, DeviceModel},
    ids::{AttemptId, ClientId, GrantId, PersonId, SiteId, TenantId},
    time::Millis,
};
use zeroize::Zeroizing;

use crate::store::checks::Counts;

/// Why the desk could not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// Nobody is signed in, or the account went away.
    #[error("nobody is signed in")]
    NoAccount,
    /// No unused grant for that site is left; they come with the next synchronization.
    #[error("no claim permission is left")]
    NoGrant,
    /// There are grants for that site, and by this machine's clock alone they are over.
    #[error("by this machine's clock the claim permissions are over")]
    ClockAhead,
    /// The store failed, e.g. a full disk.
    #[error("the store failed: {0}")]
    Store(String),
}

/// Who commissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Technician {
    /// Their tenant.
    pub tenant: TenantId,
    /// The person.
    pub person: PersonId,
    /// Their name now.
    pub name: String,
    /// This replica.
    pub client: ClientId,
}

/// A grant that is kept for one device, and the nonce to send with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenGrant {
    /// Its id.
    pub id: GrantId,
    /// As it goes to the device.
    pub grant: SignedGrant,
    /// As it was stored when the grant was first taken for this device and site.
    pub nonce: [u8; 16],
}

/// What is known about a grant that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantFate {
    /// Its bytes are about to leave: from now on it is for this device alone, whatever happens.
    Sent,
    /// No byte of it left for a device: it may serve any other. Has no effect after `Sent`,
    /// also when an earlier commission of the same device sent it.
    Unsent,
    /// A device answered to it, with a receipt or a refusal that makes it useless: never again.
    Spent,
}

/// The durable state of a commission that has not ended; holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The attempt it will become; the key.
    pub id: AttemptId,
    /// JSON, opaque to the store.
    pub json: String,
}

/// What a finished commission says about its device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommissionedDevice {
    /// As proven or as on the label, normalized.
    pub serial: String,
    /// What the technician called it.
    pub name: Option<String>,
    /// What it was called here when they began, where it was known then.
    pub known_name: Option<String>,
    /// The model's SKU as the device reports it; empty when it did not.
    pub sku: String,
    /// What it runs.
    pub firmware: Option<String>,
    /// Where it stands.
    pub site: SiteId,
    /// The epoch of the receipt.
    pub epoch: u32,
}

/// One account's side of commissioning.
#[async_trait]
pub trait Desk: Send + Sync {
    /// The account it belongs to.
    fn account(&self) -> &str;

    /// Who is signed in here.
    async fn technician(&self) -> Result<Technician, DeskError>;

    /// The device of that serial (normalized by the desk) in the local store, in any state.
    async fn device_by_serial(&self, serial: &str) -> Result<Option<Device>, DeskError>;

    /// The model of that SKU in the local store.
    async fn model_by_sku(&self, sku: &str) -> Result<Option<DeviceModel>, DeskError>;

    /// The model of a stored device.
    async fn model_of(&self, device: &Device) -> Result<Option<DeviceModel>, DeskError>;

    /// The latest attempts in the local store of the device of that serial (normalized by the desk), the last one first.
    async fn attempts_of(&self, serial: &str) -> Result<Vec<Attempt>, DeskError>;

    /// The attempt of that id, when it is in the local store.
    async fn attempt(&self, id: AttemptId) -> Result<Option<Attempt>, DeskError>;

    /// The devices that are planned at a site, by name.
    async fn planned_at(&self, site: SiteId) -> Result<Vec<Device>, DeskError>;

    /// What was answered at these attempts, in numbers; of each of them.
    async fn checks_of(&self, attempts: &[AttemptId]) -> Result<BTreeMap<AttemptId, Counts>, DeskError>;

    /// What was answered and photographed at an attempt goes on at the next one of the same device; the earlier one keeps
    /// its own.
    async fn carry_checks(&self, from: AttemptId, to: AttemptId) -> Result<(), DeskError>;

    /// Whether the site is in the local store.
    async fn has_site(&self, site: SiteId) -> Result<bool, DeskError>;

    /// Keeps a grant for the device `serial` (normalized) at `site`, durably, before it returns.
    /// When one is kept for exactly these and not settled, it comes back with its first nonce;
    /// otherwise an unused one that covers the site and is good at `now`, the soonest to end
    /// first, stored together with `nonce`.
    async fn take_grant(&self, site: SiteId, serial: &str, nonce: [u8; 16], now: Millis) -> Result<TakenGrant, DeskError>;

    /// Says what became of a taken grant, durably. Unknown ids and repetitions are fine.
    async fn settle_grant(&self, grant: GrantId, fate: GrantFate) -> Result<(), DeskError>;

    /// Whether a grant leads where those lead that this replica has now, as far as is known here: of one that is not here any
    /// more nobody knows.
    async fn leads_home(&self, grant: GrantId) -> Result<bool, DeskError>;

    /// The release that `owner` gave for the device `serial` (normalized), when there is one here.
    async fn release_for(&self, serial: &str, owner: Fingerprint) -> Result<Option<Letter>, DeskError>;

    /// The code with which the server refused the device `serial` (normalized by the desk) when it showed that grant, as far as
    /// the server can be asked and keeps it.
    async fn refusal_of(&self, serial: &str, grant: GrantId) -> Option<String>;

    /// Whether the server is in reach now, as far as synchronization knows.
    async fn is_online(&self) -> bool;

    /// Whether the server was not heard for so long that nothing new begins.
    fn is_lease_over(&self) -> bool;

    /// Stores the state of a commission durably, over the one stored before.
    async fn save_commission(&self, state: &Unfinished) -> Result<(), DeskError>;

    /// Keeps what the flight recorder wrote so far of an attempt, over what was kept before. It is no evidence: where
    /// there is little room it is not kept.
    async fn save_trace(&self, attempt: AttemptId, packed: Vec<u8>) -> Result<(), DeskError>;

    /// What a crash or a kill left behind, oldest first.
    async fn load_unfinished(&self) -> Result<Vec<Unfinished>, DeskError>;

    /// In one transaction: records the attempt as an intent to synchronize (once for its id),
    /// creates the device when it is new to the store and `device` is there, lets go of its trace for the
    /// server, and forgets the unfinished state of that id. What the rules do not take waits for a person; it is never lost.
    async fn record(&self, attempt: &Attempt, device: Option<&CommissionedDevice>) -> Result<(), DeskError>;
}

/// All desks of this app.
#[async_trait]
pub trait Desks: Send + Sync + 'static {
    /// The desk of the active account.
    async fn active(&self) -> Result<Arc<dyn Desk>, DeskError>;

    /// The desks of all accounts, for what a crash left behind.
    async fn all(&self) -> Vec<Arc<dyn Desk>>;

    /// What is kept of an account's visits, sealed; `None` when nothing is.
    fn kept_visits(&self, account: &str) -> Option<Zeroizing<String>>;

    /// Keeps it, durably and sealed, over what was kept; `None` forgets.
    ///
    /// # Errors
    /// When it cannot be kept; what was kept stays.
    fn keep_visits(&self, account: &str, text: Option<&str>) -> Result<(), DeskError>;
}
