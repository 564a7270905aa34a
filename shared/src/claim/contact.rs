//! A device's first contact: the backend's decision, as a pure function.
//!
//! Deliberately not here: whether the tenant is active (the store knows before it loads
//! anything) and what the device then receives.

use prost::Message as _;

use super::{Domain, Grant, Identity, PublicKey, Receipt, SKEW_TOLERANCE_MS, Unreadable, contact_context, messages::Signed};
use crate::{
    ids::{DeviceId, GrantId, SiteId, normal_serial},
    time::Millis,
};

/// What a device shows, with every signature checked against the tenant's claim key and the device's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The permission it accepted.
    pub grant: Grant,
    /// Its proof of that.
    pub receipt: Receipt,
    /// Who it is.
    pub identity: Identity,
}

/// The parts of a contact, each an encoded `Signed` message but for the challenge.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Signed by the tenant.
    pub grant: &'a [u8],
    /// Signed by the device.
    pub receipt: &'a [u8],
    /// Signed by the device over challenge, grant and receipt.
    pub identity: &'a [u8],
    /// What the backend gave it.
    pub challenge: &'a [u8],
}

impl Contact {
    /// Checks every signature and that the parts speak of one device and one tenant.
    ///
    /// # Errors
    /// When something cannot be read, is not signed as it should, or does not fit together.
    pub fn read(shown: Shown<'_>, claim_key: PublicKey) -> Result<Self, Refusal> {
        let grant = Grant::read(&signed(shown.grant, "grant")?)?;
        if grant.claim_key != claim_key {
            return Err(Refusal::BadSignature);
        }
        let context = contact_context(shown.challenge, shown.grant, shown.receipt);
        let identity = Identity::read(&signed(shown.identity, "identity")?, Domain::Contact, &context)?;
        let receipt = Receipt::read(&signed(shown.receipt, "receipt")?, identity.public_key)?;
        let one_device = normal_serial(&receipt.serial) == normal_serial(&identity.serial);
        if !one_device || receipt.grant != grant.id || receipt.tenant != grant.tenant || !grant.covers(receipt.site) {
            return Err(Refusal::Malformed("receipt"));
        }
        Ok(Self { grant, receipt, identity })
    }

    /// The site it was placed at, if any.
    #[must_use]
    pub fn site(&self) -> Option<SiteId> {
        self.receipt.site
    }

    /// Whether the device still is as its receipt says: it may have been claimed or reset since.
    fn is_of_now(&self) -> Result<(), Refusal> {
        if self.identity.owner != Some(self.grant.claim_key.fingerprint()) {
            return Err(Refusal::OwnedByAnother);
        }
        if self.identity.epoch == self.receipt.epoch { Ok(()) } else { Err(Refusal::EpochStale) }
    }
}

/// What the store knows about the grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownGrant {
    /// When it was revoked.
    pub revoked_at: Option<Millis>,
    /// The device that spent it.
    pub spent_by: Option<Spender>,
    /// When the technician's record of the claim arrived, if it did: the claim was made before that.
    pub recorded_at: Option<Millis>,
}

/// Who spent a grant: a key, under one serial number. A device that names another one with the same key is no device that
/// the grant was given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spender {
    /// The key that it proved.
    pub key: PublicKey,
    /// The device of the serial number that it named.
    pub device: DeviceId,
}

/// What the store knows about the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The key it proved at its first contact.
    pub public_key: PublicKey,
    /// The epoch in force.
    pub epoch: u32,
    /// The grant that made it.
    pub grant: GrantId,
    /// Whether the device row is out of service.
    pub retired: bool,
}

/// What to do about an acceptable contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Spend the grant, bind the device, give it a credential.
    Bind,
    /// The same contact again: give the same answer, write nothing.
    Replay,
}

/// Why a contact is refused. Nothing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A part cannot be read or does not fit the others.
    #[error("`{0}` cannot be read or does not fit the rest")]
    Malformed(&'static str),
    /// A signature does not hold.
    #[error("a signature does not hold")]
    BadSignature,
    /// The device says that it belongs to somebody else.
    #[error("the device is owned by another organisation")]
    OwnedByAnother,
    /// The tenant never made this grant.
    #[error("the grant is unknown")]
    GrantUnknown,
    /// The grant was taken back.
    #[error("the grant was revoked")]
    GrantRevoked,
    /// The grant is out of its time.
    #[error("the grant is out of its time")]
    GrantExpired,
    /// Another device spent the grant.
    #[error("the grant was spent by another device")]
    GrantSpent,
    /// A device of that serial proved another key before.
    #[error("this serial is bound to another key")]
    KeyMismatch,
    /// A newer claim is in force.
    #[error("a newer claim is in force")]
    EpochStale,
    /// The device is out of service.
    #[error("the device is retired")]
    Retired,
}

impl Refusal {
    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed(_) => "invalid_field",
            Self::BadSignature => "bad_signature",
            Self::OwnedByAnother => "owned_by_another",
            Self::GrantUnknown => "grant_unknown",
            Self::GrantRevoked => "grant_revoked",
            Self::GrantExpired => "grant_expired",
            Self::GrantSpent => "grant_spent",
            Self::KeyMismatch => "key_mismatch",
            Self::EpochStale => "epoch_stale",
            Self::Retired => "device_retired",
        }
    }
}

impl From<Unreadable> for Refusal {
    fn from(why: Unreadable) -> Self {
        match why {
            Unreadable::Field(field) => Self::Malformed(field),
            Unreadable::Signature(_) => Self::BadSignature,
        }
    }
}

/// Decides a contact whose signatures hold. `grant` is `None` when the store has no such
/// grant, `binding` when the serial was never bound.
///
/// # Errors
/// The reason, when it is refused.
pub fn judge(contact: &Contact, grant: Option<KnownGrant>, binding: Option<Binding>, now: Millis) -> Result<Verdict, Refusal> {
    contact.is_of_now()?;
    let grant = grant.ok_or(Refusal::GrantUnknown)?;
    if grant.revoked_at.is_some() {
        return Err(Refusal::GrantRevoked);
    }
    if let Some(bound) = binding {
        if bound.retired {
            return Err(Refusal::Retired);
        }
        if bound.public_key != contact.identity.public_key {
            return Err(Refusal::KeyMismatch);
        }
        if bound.grant == contact.grant.id && bound.epoch == contact.receipt.epoch {
            return Ok(Verdict::Replay);
        }
        if contact.receipt.epoch <= bound.epoch {
            return Err(Refusal::EpochStale);
        }
    }
    // One device may use it again: its button was held, and the technician's app sent the same claim once more.
    let spender = Spender { key: contact.identity.public_key, device: DeviceId::for_serial(contact.grant.tenant, &contact.identity.serial) };
    if grant.spent_by.is_some_and(|by| by != spender) {
        return Err(Refusal::GrantSpent);
    }
    let claimed_by = grant.recorded_at.map_or(now, |recorded| recorded.min(now));
    let too_late = claimed_by > contact.grant.not_after.plus(SKEW_TOLERANCE_MS);
    let too_early = now.plus(SKEW_TOLERANCE_MS) < contact.grant.not_before;
    if too_late || too_early { Err(Refusal::GrantExpired) } else { Ok(Verdict::Bind) }
}

fn signed(bytes: &[u8], field: &'static str) -> Result<Signed, Refusal> {
    Signed::decode(bytes).map_err(|_| Refusal::Malformed(field))
}
