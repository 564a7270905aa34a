//! The decisions: whose claim a device takes, and what it makes of a notice. Pure: state in, state out.

use alloc::vec::Vec;

use ed25519_dalek::SigningKey;

use crate::{
    grant::{Backend, Grant, Notice, Release, Wrong, same_serial},
    sealed::{RECEIPT, Signed, fingerprint, sign},
    state::{Left, Owner, State},
    wire::{Malformed, Message, Value, each},
};

/// Clocks may be wrong by so much, either way.
pub const SKEW_MS: i64 = 12 * 60 * 60 * 1000;

/// What a device answers to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// It cannot be read.
    Malformed = 1,
    /// A signature does not hold.
    BadSignature = 2,
    /// It belongs to somebody else.
    OwnedByAnother = 3,
    /// The release is not the owner's for this device, epoch and number.
    BadRelease = 4,
    /// The grant made the owner already, by another claim.
    GrantUsed = 5,
    /// The grant is out of its time.
    GrantExpired = 6,
    /// The grant is not for that site.
    SiteNotCovered = 7,
    /// The new state could not be kept; the old one stands.
    StorageFailed = 9,
}

impl From<Wrong> for Status {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Malformed => Self::Malformed,
            Wrong::Signature => Self::BadSignature,
        }
    }
}

impl From<Malformed> for Status {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// The bytes of a `Signed`, which they must be whether it is looked at or not.
fn signed(value: Value<'_>) -> Result<&[u8], Malformed> {
    Signed::read(value.bytes()?)?;
    value.bytes()
}

/// A claim as it came.
#[derive(Default)]
struct Request<'a> {
    grant: Option<&'a [u8]>,
    site: &'a [u8],
    nonce: &'a [u8],
    release: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut request = Self::default();
        each(bytes, |field, value| {
            match field {
                1 => request.grant = Some(signed(value)?),
                2 => request.site = value.bytes()?,
                3 => request.nonce = value.bytes()?,
                4 => request.release = Some(signed(value)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(request)
    }
}

/// Decides a claim: what to keep, **before** the receipt in it is answered. Equal to `state` when the claim came again.
/// `now`: `None` unless the time was told since the device last had power.
///
/// # Errors
/// What to answer; nothing changes.
pub fn decide(state: &State, serial: &str, key: &SigningKey, request: &[u8], now: Option<i64>) -> Result<State, Status> {
    let request = Request::read(request)?;
    let signed = request.grant.ok_or(Status::Malformed)?;
    let grant = Grant::read(signed)?;
    if !matches!(request.site.len(), 0 | 16) || !(16..=32).contains(&request.nonce.len()) {
        return Err(Status::Malformed);
    }
    // Told already, or about to be told nothing: it is back.
    let mut left = state.left.clone().filter(|left| left.tenant != grant.tenant);
    if let Some(owner) = &state.owner {
        if owner.claim_key != grant.claim_key {
            left = Some(released(state, owner, serial, request.release, now)?);
        } else if owner.grant_id == grant.id {
            let is_same = owner.nonce == request.nonce && owner.site == request.site && owner.grant == signed;
            return if is_same { Ok(state.clone()) } else { Err(Status::GrantUsed) };
        }
    }
    if !grant.sites.is_empty() && !grant.sites.iter().any(|site| site == request.site) {
        return Err(Status::SiteNotCovered);
    }
    if now.is_some_and(|now| now.saturating_add(SKEW_MS) < grant.not_before || now.saturating_sub(SKEW_MS) > grant.not_after) {
        return Err(Status::GrantExpired);
    }
    let epoch = state.epoch.checked_add(1).ok_or(Status::Malformed)?;
    let body = Message::default().bytes(1, &grant.id).bytes(2, &grant.tenant).number(3, epoch.into());
    let body = body.bytes(4, request.nonce).bytes(5, request.site).bytes(6, serial.as_bytes());
    let owner = Owner {
        claim_key: grant.claim_key,
        tenant: grant.tenant,
        grant_id: grant.id,
        grant: signed.into(),
        nonce: request.nonce.into(),
        site: request.site.into(),
        receipt: sign(key, RECEIPT, &[], &body.0),
        backend: grant.backend,
        next: None,
        heard: 0,
    };
    Ok(State { epoch, resets: state.resets, owner: Some(owner), left })
}

/// The owner's release for this device, epoch and number, or why there is none; whom to tell then.
fn released(state: &State, owner: &Owner, serial: &str, release: Option<&[u8]>, now: Option<i64>) -> Result<Left, Status> {
    let signed = release.ok_or(Status::OwnedByAnother)?;
    let release = Release::read(signed, &owner.claim_key).map_err(|_| Status::BadRelease)?;
    let is_in_time = now.is_none_or(|now| now.saturating_sub(SKEW_MS) <= release.not_after);
    if !same_serial(&release.serial, serial) || state.epoch > release.up_to_epoch || owner.heard > release.number || !is_in_time {
        return Err(Status::BadRelease);
    }
    Ok(Left { tenant: owner.tenant, backend: owner.backend.clone(), release: signed.into() })
}

/// The answer to a claim.
#[must_use]
pub fn reply(state: &State, outcome: &Result<State, Status>) -> Vec<u8> {
    let owner = |state: &State| state.owner.as_ref().map(|owner| fingerprint(&owner.claim_key)).unwrap_or_default();
    match outcome {
        Ok(accepted) => Message::default().message(2, accepted.owner.as_ref().map_or(&[], |owner| &owner.receipt)).0,
        Err(Status::OwnedByAnother) => Message::default().number(1, Status::OwnedByAnother as u64).bytes(3, &owner(state)).0,
        Err(status) => Message::default().number(1, *status as u64).0,
    }
}

/// What to keep after the notice in a heartbeat's answer. Equal to `state` when it was heard before.
///
/// # Errors
/// It is none of the owner's for this device and epoch; nothing changes.
pub fn hear(state: &State, serial: &str, notice: &[u8]) -> Result<State, Wrong> {
    let owner = state.owner.as_ref().ok_or(Wrong::Signature)?;
    let notice = Notice::read(notice, &owner.claim_key)?;
    if notice.tenant != owner.tenant || !same_serial(&notice.serial, serial) || notice.epoch != state.epoch {
        return Err(Wrong::Malformed);
    }
    if notice.number <= owner.heard {
        return Ok(state.clone());
    }
    let next = (notice.backend != owner.backend).then_some(notice.backend);
    Ok(State { owner: Some(Owner { heard: notice.number, next, ..owner.clone() }), ..state.clone() })
}

/// What to keep after `backend` took a heartbeat: when it is the address that it was told, it is the address now. URL and
/// trust anchor are one address.
#[must_use]
pub fn answered(state: &State, backend: &Backend) -> State {
    let mut state = state.clone();
    if let Some(owner) = &mut state.owner
        && let Some(next) = owner.next.take_if(|next| next == backend)
    {
        owner.backend = next;
    }
    state
}

/// What to keep after the button was held: nobody's, the epoch stays.
#[must_use]
pub fn reset(state: &State) -> State {
    State { owner: None, resets: state.resets.saturating_add(1), ..state.clone() }
}
