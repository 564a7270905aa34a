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
        home::Backend,
        owner::{Left, Owner, OwnerState},
    },
    ids::{SiteId, TenantId},
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
    /// Whom to tell that it left.
    #[serde(default)]
    pub(super) left: Option<KeptLeft>,
}

/// An owner, with the bytes in hex.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptOwner {
    grant: String,
    nonce: String,
    site: Option<SiteId>,
    receipt: String,
    #[serde(default)]
    heard: u32,
    /// The address that answers, when it is another than the grant's.
    #[serde(default)]
    backend: Option<KeptBackend>,
    /// The address that it was told.
    #[serde(default)]
    next: Option<KeptBackend>,
}

/// An address, with the certificate in hex.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptBackend {
    url: String,
    trust_anchor: String,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptLeft {
    tenant: TenantId,
    backend: KeptBackend,
    release: String,
}

impl KeptBackend {
    fn of(backend: &Backend) -> Self {
        Self { url: backend.url.clone(), trust_anchor: hex::encode(&backend.trust_anchor) }
    }

    fn read(&self) -> Option<Backend> {
        Some(Backend { url: self.url.clone(), trust_anchor: hex::decode(&self.trust_anchor).ok()? })
    }
}

impl Kept {
    /// The owner state in it; unowned when the owner cannot be read.
    #[must_use]
    pub fn state(&self) -> OwnerState {
        let left = |left: &KeptLeft| Some(Left { tenant: left.tenant, backend: left.backend.read()?, release: hex::decode(&left.release).ok()? });
        OwnerState { epoch: self.epoch, resets: self.resets, owner: self.owner.as_ref().and_then(KeptOwner::read), left: self.left.as_ref().and_then(left) }
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
            left: state.left.as_ref().map(|left| KeptLeft { tenant: left.tenant, backend: KeptBackend::of(&left.backend), release: hex::encode(&left.release) }),
        }
    }
}

impl KeptOwner {
    fn of(owner: &Owner) -> Self {
        Self {
            grant: hex::encode(&owner.grant),
            nonce: hex::encode(&owner.nonce),
            site: owner.site,
            receipt: hex::encode(&owner.receipt),
            heard: owner.heard,
            backend: Some(KeptBackend::of(&owner.backend)),
            next: owner.next.as_ref().map(KeptBackend::of),
        }
    }

    fn read(&self) -> Option<Owner> {
        let grant = SignedGrant(hex::decode(&self.grant).ok()?);
        let read = grant.read().ok()?;
        Some(Owner {
            tenant: read.tenant,
            backend: self.backend.as_ref().map_or_else(|| Some(read.backend()), KeptBackend::read)?,
            next: self.next.as_ref().and_then(KeptBackend::read),
            heard: self.heard,
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
        let torn_at = match loss {
            Some(PowerLoss::Torn) => Some(bytes.len() / 2),
            Some(PowerLoss::TornAt(byte)) => Some(byte.min(bytes.len())),
            _ => None,
        };
        if let Some(byte) = torn_at {
            return file.write_all(bytes.get(..byte).unwrap_or_default());
        }
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}
