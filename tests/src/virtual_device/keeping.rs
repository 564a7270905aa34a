//! What a device keeps through a loss of power: one small file, replaced as a whole.
//!
//! Write beside, flush, rename, flush the folder: at every moment the file is the old
//! state or the new one.
//!
//! Deliberately not here: the factory's secrets; they follow from the fleet's seed.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use omniot_shared::{
    claim::{
        SignedGrant,
        owner::{Owner, OwnerState},
    },
    ids::SiteId,
};
use serde::{Deserialize, Serialize};

use super::{faults::PowerLoss, wifi::Credentials};

/// The file's content.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Kept {
    /// How often it was claimed.
    pub epoch: u32,
    /// How often it was reset by its button.
    pub resets: u32,
    /// Its owner.
    pub owner: Option<KeptOwner>,
    /// The network it joins by itself.
    pub wifi: Option<Credentials>,
    /// The Thread dataset with which it attaches by itself, in hex.
    #[serde(default)]
    pub thread: Option<String>,
    /// What the backend gave it, and for which epoch.
    pub credential: Option<(u32, String)>,
}

/// An owner, with the bytes in hex.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptOwner {
    grant: String,
    nonce: String,
    site: Option<SiteId>,
    receipt: String,
}

impl Kept {
    /// The owner state in it; unowned when the owner cannot be read.
    #[must_use]
    pub fn state(&self) -> OwnerState {
        OwnerState { epoch: self.epoch, resets: self.resets, owner: self.owner.as_ref().and_then(KeptOwner::read) }
    }

    /// With another owner state; a credential of an older epoch goes.
    #[must_use]
    pub fn with(&self, state: &OwnerState) -> Self {
        Self {
            epoch: state.epoch,
            resets: state.resets,
            owner: state.owner.as_ref().map(KeptOwner::of),
            wifi: self.wifi.clone(),
            thread: self.thread.clone(),
            credential: self.credential.clone().filter(|(epoch, _)| *epoch == state.epoch && state.owner.is_some()),
        }
    }
}

impl KeptOwner {
    fn of(owner: &Owner) -> Self {
        Self { grant: hex::encode(&owner.grant), nonce: hex::encode(&owner.nonce), site: owner.site, receipt: hex::encode(&owner.receipt) }
    }

    fn read(&self) -> Option<Owner> {
        let grant = SignedGrant(hex::decode(&self.grant).ok()?);
        let read = grant.read().ok()?;
        Some(Owner {
            claim_key: read.claim_key,
            grant: grant.0,
            grant_id: read.id,
            nonce: hex::decode(&self.nonce).ok()?,
            site: self.site,
            receipt: hex::decode(&self.receipt).ok()?,
        })
    }
}

/// Where a device keeps it.
pub struct Keeper {
    path: PathBuf,
}

impl Keeper {
    /// In `dir`, under the device's serial.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(dir: &Path, serial: &str) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let name: String = serial.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
        Ok(Self { path: dir.join(format!("{name}.json")) })
    }

    /// What is kept; the default for a device out of the box. A leftover of a torn write is ignored.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn load(&self) -> io::Result<Option<Kept>> {
        match fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::from),
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Keeps it, or loses power on the way.
    ///
    /// # Errors
    /// When the disk refuses; the old file stands.
    pub fn save(&self, kept: &Kept, loss: Option<PowerLoss>) -> io::Result<()> {
        let bytes = serde_json::to_vec(kept)?;
        let beside = self.path.with_extension("new");
        if loss == Some(PowerLoss::BeforeStore) {
            return Ok(());
        }
        let mut file = File::create(&beside)?;
        if loss == Some(PowerLoss::Torn) {
            return file.write_all(bytes.get(..bytes.len() / 2).unwrap_or_default());
        }
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}
