//! Who owns a device: the device's own decision, as a pure function.
//!
//! The caller stores [`Accepted::state`] durably **before** it answers with the receipt.
//! Power loss before the store leaves the old owner, after it the new one; the app then
//! sends the same claim again and gets the same receipt.
//!
//! Deliberately not here: storage, and the backend's view ([`super::contact`]).

use ed25519_dalek::SigningKey;
use prost::Message as _;

use super::{
    Fingerprint, Grant, Identity, PublicKey, Receipt, Release, SKEW_TOLERANCE_MS, Unreadable,
    home::Backend,
    messages::{ClaimReply, ClaimRequest, Signed, Status},
    proof,
};
use crate::{
    ids::{GrantId, SiteId, TenantId, normal_serial},
    time::Millis,
};

/// What a device remembers about its owner. The epoch survives a factory reset,
/// so that an old receipt or release never becomes good again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnerState {
    /// How often it was claimed.
    pub epoch: u32,
    /// How often it was reset by its button.
    pub resets: u32,
    /// Its owner; `None`: unowned.
    pub owner: Option<Owner>,
    /// The owner that released it and does not know yet that it left.
    pub left: Option<Left>,
}

/// A former owner, to be told ([`super::handover`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Who.
    pub tenant: TenantId,
    /// Where.
    pub backend: Backend,
    /// The release that was used (an encoded `Signed`).
    pub release: Vec<u8>,
}

/// The owner, and the claim that made it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Who.
    pub tenant: TenantId,
    /// The address that answers; that of the grant until it was told another.
    pub backend: Backend,
    /// The address that it was told, and that has not answered yet.
    pub next: Option<Backend>,
    /// The number of the last notice that it heard in this epoch.
    pub heard: u32,
    /// The pinned key of the tenant.
    pub claim_key: PublicKey,
    /// The grant, as it came (an encoded `Signed`).
    pub grant: Vec<u8>,
    /// Its id.
    pub grant_id: GrantId,
    /// The nonce of the claim.
    pub nonce: Vec<u8>,
    /// Where the technician placed it.
    pub site: Option<SiteId>,
    /// The receipt that was given (an encoded `Signed`).
    pub receipt: Vec<u8>,
}

impl OwnerState {
    /// The owner's fingerprint, as `omniot-id` reports it.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.owner.as_ref().map(|owner| owner.claim_key.fingerprint())
    }

    /// After the button was held: unowned, same epoch, one more reset.
    #[must_use]
    pub fn factory_reset(&self) -> Self {
        Self { epoch: self.epoch, resets: self.resets.saturating_add(1), owner: None, left: self.left.clone() }
    }

    /// After the former owner was told, or cannot be.
    #[must_use]
    pub fn settled(&self) -> Self {
        Self { left: None, ..self.clone() }
    }

    /// Puts owner, epoch and resets into an identity.
    #[must_use]
    pub fn describe(&self, identity: Identity) -> Identity {
        Identity { owner: self.fingerprint(), epoch: self.epoch, resets: self.resets, ..identity }
    }
}

/// A claim that the device accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What to store, before answering. Equal to the old state when the claim was a repetition.
    pub state: OwnerState,
    /// What to answer.
    pub receipt: Signed,
}

/// Why a device refuses a claim. Its state does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request cannot be read.
    #[error("the claim cannot be read")]
    Malformed,
    /// The grant's signature does not hold.
    #[error("the grant's signature does not hold")]
    BadSignature,
    /// Another tenant owns the device.
    #[error("the device is owned by another organisation")]
    OwnedByAnother(Fingerprint),
    /// The release is not the owner's, or not for this device and epoch.
    #[error("the release does not fit")]
    BadRelease,
    /// The grant was used on this device already, by another claim.
    #[error("the grant was used already")]
    GrantUsed,
    /// The device knows the time, and it is not the grant's.
    #[error("the grant is out of its time")]
    GrantExpired,
    /// The grant does not cover the site.
    #[error("the grant does not cover that site")]
    SiteNotCovered,
}

impl Refusal {
    /// The status on the wire.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Malformed => Status::Malformed,
            Self::BadSignature => Status::BadSignature,
            Self::OwnedByAnother(_) => Status::OwnedByAnother,
            Self::BadRelease => Status::BadRelease,
            Self::GrantUsed => Status::GrantUsed,
            Self::GrantExpired => Status::GrantExpired,
            Self::SiteNotCovered => Status::SiteNotCovered,
        }
    }
}

impl From<Unreadable> for Refusal {
    fn from(why: Unreadable) -> Self {
        match why {
            Unreadable::Field(_) => Self::Malformed,
            Unreadable::Signature(_) => Self::BadSignature,
        }
    }
}

/// A claim with its signed parts as the bytes that came: they are kept, hashed and compared as such, and encoded by nobody a
/// second time.
#[derive(Clone, PartialEq, prost::Message)]
struct Arrived {
    #[prost(bytes = "vec", optional, tag = "1")]
    grant: Option<Vec<u8>>,
    #[prost(bytes = "vec", tag = "2")]
    site: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    nonce: Vec<u8>,
    #[prost(bytes = "vec", optional, tag = "4")]
    release: Option<Vec<u8>>,
}

/// A signed part, as it came and read.
struct Part {
    bytes: Vec<u8>,
    signed: Signed,
}

impl Part {
    fn read(bytes: Vec<u8>) -> Result<Self, Refusal> {
        let signed = Signed::decode(&*bytes).map_err(|_| Refusal::Malformed)?;
        Ok(Self { bytes, signed })
    }
}

/// As [`decide_wire`], of a request that is in nobody's bytes yet.
///
/// # Errors
/// The reason, when the claim is refused.
pub fn decide(state: &OwnerState, serial: &str, key: &SigningKey, request: &ClaimRequest, now: Option<Millis>) -> Result<Accepted, Refusal> {
    decide_wire(state, serial, key, &request.encode_to_vec(), now)
}

/// Decides a claim, an encoded [`ClaimRequest`]. `now` is `None` on a device that was not told the time since it last had power (most, before
/// their first network): then the backend alone judges the grant's time. A clock may be wrong by
/// [`SKEW_TOLERANCE_MS`] either way.
///
/// # Errors
/// The reason, when the claim is refused.
pub fn decide_wire(state: &OwnerState, serial: &str, key: &SigningKey, request: &[u8], now: Option<Millis>) -> Result<Accepted, Refusal> {
    let request = Arrived::decode(request).map_err(|_| Refusal::Malformed)?;
    let part = Part::read(request.grant.ok_or(Refusal::Malformed)?)?;
    let release = request.release.map(Part::read).transpose()?;
    let grant = Grant::read(&part.signed)?;
    let site = proof::site(&request.site)?;
    if !(16..=32).contains(&request.nonce.len()) {
        return Err(Refusal::Malformed);
    }
    let mut left = state.left.clone().filter(|left| left.tenant != grant.tenant);
    if let Some(owner) = &state.owner {
        if owner.claim_key != grant.claim_key {
            left = Some(released(state, owner, serial, release, now)?);
        } else if owner.grant_id == grant.id {
            return repeated(state, owner, &part.bytes, &request.nonce, site);
        }
    }
    if !grant.covers(site) {
        return Err(Refusal::SiteNotCovered);
    }
    if now.is_some_and(|now| !grant.may_be_in_time(now)) {
        return Err(Refusal::GrantExpired);
    }
    let epoch = state.epoch.checked_add(1).ok_or(Refusal::Malformed)?;
    let receipt = Receipt { grant: grant.id, tenant: grant.tenant, epoch, nonce: request.nonce.clone(), site, serial: serial.to_owned() }.sign(key);
    let owner = Owner {
        tenant: grant.tenant,
        backend: grant.backend(),
        next: None,
        heard: 0,
        claim_key: grant.claim_key,
        grant: part.bytes,
        grant_id: grant.id,
        nonce: request.nonce.clone(),
        site,
        receipt: receipt.encode_to_vec(),
    };
    Ok(Accepted { state: OwnerState { epoch, resets: state.resets, owner: Some(owner), left }, receipt })
}

/// The answer on the wire to [`decide`]'s outcome.
#[must_use]
pub fn reply(outcome: &Result<Accepted, Refusal>) -> ClaimReply {
    match outcome {
        Ok(accepted) => ClaimReply { status: Status::Ok.into(), receipt: Some(accepted.receipt.clone()), owner: Vec::new() },
        Err(refusal) => {
            let owner = if let Refusal::OwnedByAnother(owner) = refusal { owner.0.to_vec() } else { Vec::new() };
            ClaimReply { status: refusal.status().into(), receipt: None, owner }
        }
    }
}

/// The same claim once more (its answer was lost): the same receipt, no new epoch.
fn repeated(state: &OwnerState, owner: &Owner, grant: &[u8], nonce: &[u8], site: Option<SiteId>) -> Result<Accepted, Refusal> {
    if owner.nonce != nonce || owner.site != site || owner.grant != grant {
        return Err(Refusal::GrantUsed);
    }
    let receipt = Signed::decode(&*owner.receipt).map_err(|_| Refusal::Malformed)?;
    Ok(Accepted { state: state.clone(), receipt })
}

/// Whether the request carries the present owner's release for this device, epoch and number; whom to tell then.
fn released(state: &OwnerState, owner: &Owner, serial: &str, release: Option<Part>, now: Option<Millis>) -> Result<Left, Refusal> {
    let part = release.ok_or_else(|| Refusal::OwnedByAnother(owner.claim_key.fingerprint()))?;
    let release = Release::read(&part.signed, owner.claim_key).map_err(|_| Refusal::BadRelease)?;
    let fits = normal_serial(&release.serial) == normal_serial(serial)
        && state.epoch <= release.up_to_epoch
        && owner.heard <= release.number
        && now.is_none_or(|now| now.plus(-SKEW_TOLERANCE_MS) <= release.not_after);
    fits.then(|| Left { tenant: owner.tenant, backend: owner.backend.clone(), release: part.bytes }).ok_or(Refusal::BadRelease)
}
