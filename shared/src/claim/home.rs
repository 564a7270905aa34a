//! Where a device reports: as its grant says, or as its owner told it since.
//!
//! The owner tells it by a [`Notice`] in the answer to a heartbeat, signed with the pinned claim key. The
//! device tries the new address first and keeps the old one until the new one has answered. A notice
//! also takes back every release with a lower number.
//!
//! Deliberately not here: when a device asks, and HTTP.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::SigningKey;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::{
    Domain, PublicKey, Unreadable,
    grant::{TRUST_ANCHOR_LIMIT, origin},
    id, messages, open,
    owner::{Owner, OwnerState, Refusal},
    seal, text,
};
use crate::ids::{TenantId, normal_serial};

/// A backend's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// An http(s) origin without a trailing slash.
    pub url: String,
    /// DER certificate to trust for it; empty: the public ones.
    pub trust_anchor: Vec<u8>,
}

impl Backend {
    /// Its trust anchor as a heartbeat names it: base64 of the SHA-256, empty where the public ones count.
    #[must_use]
    pub fn trusts(&self) -> String {
        if self.trust_anchor.is_empty() { String::new() } else { STANDARD.encode(Sha256::digest(&self.trust_anchor)) }
    }
}

/// What the owner tells its device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The owner.
    pub tenant: TenantId,
    /// The device.
    pub serial: String,
    /// The commissioning epoch it is for.
    pub epoch: u32,
    /// Rises with each notice of an epoch.
    pub number: u32,
    /// Where to report from now on.
    pub backend: Backend,
}

impl Notice {
    /// Signs it with the owner's claim key.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> messages::Signed {
        let body = messages::Notice {
            tenant: self.tenant.0.as_bytes().to_vec(),
            serial: normal_serial(&self.serial),
            epoch: self.epoch,
            number: self.number,
            backend_url: self.backend.url.clone(),
            trust_anchor: self.backend.trust_anchor.clone(),
        };
        seal(key, Domain::Notice, &[], body.encode_to_vec())
    }

    /// Reads a notice that `owner` must have signed.
    ///
    /// # Errors
    /// When a field is wrong or the signature is not the owner's.
    pub fn read(signed: &messages::Signed, owner: PublicKey) -> Result<Self, Unreadable> {
        let body = messages::Notice::decode(open(owner, Domain::Notice, &[], signed)?).map_err(|_| Unreadable::Field("notice"))?;
        if body.trust_anchor.len() > TRUST_ANCHOR_LIMIT {
            return Err(Unreadable::Field("trust_anchor"));
        }
        Ok(Self {
            tenant: id(&body.tenant, "tenant")?,
            serial: text(&body.serial, 1, 64, "serial")?,
            epoch: body.epoch,
            number: body.number,
            backend: Backend { url: origin(&body.backend_url)?, trust_anchor: body.trust_anchor },
        })
    }
}

impl Owner {
    /// Where to report, in the order to try.
    #[must_use]
    pub fn backends(&self) -> Vec<Backend> {
        self.next.iter().chain([&self.backend]).cloned().collect()
    }

    /// Where it was told last to report; what a heartbeat names, so that nobody tells it twice.
    #[must_use]
    pub fn told(&self) -> &Backend {
        self.next.as_ref().unwrap_or(&self.backend)
    }
}

impl OwnerState {
    /// What to store after a notice. Equal to the old state when it was heard before.
    ///
    /// # Errors
    /// The reason, when it is none of the owner's for this device and epoch. The state stands.
    pub fn hear(&self, serial: &str, signed: &messages::Signed) -> Result<Self, Refusal> {
        let owner = self.owner.as_ref().ok_or(Refusal::BadSignature)?;
        let notice = Notice::read(signed, owner.claim_key)?;
        if notice.tenant != owner.tenant || normal_serial(&notice.serial) != normal_serial(serial) || notice.epoch != self.epoch {
            return Err(Refusal::Malformed);
        }
        if notice.number <= owner.heard {
            return Ok(self.clone());
        }
        let next = Some(notice.backend).filter(|backend| *backend != owner.backend);
        Ok(Self { owner: Some(Owner { heard: notice.number, next, ..owner.clone() }), ..self.clone() })
    }

    /// What to store after `backend` answered a heartbeat with success. Equal to the old state when that is no news.
    #[must_use]
    pub fn answered(&self, backend: &Backend) -> Self {
        let mut state = self.clone();
        if let Some(owner) = &mut state.owner
            && let Some(next) = owner.next.take_if(|next| next == backend)
        {
            owner.backend = next;
        }
        state
    }
}
