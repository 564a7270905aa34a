//! The end of ownership: a device that was claimed by another tips off the owner whose release it used.
//!
//! It shows that release and its own identity, signed over the former owner's challenge. The owner's
//! record then says that the device was handed over, and the credential it had is dead.
//!
//! Deliberately not here: how the device was released ([`super::release`]) and who has it now: the
//! identity names a fingerprint, which is all that the former owner learns.

use prost::Message as _;

use super::{
    Domain, Identity, PublicKey, Release,
    contact::{Binding, Refusal},
    handover_context, id, messages,
};
use crate::ids::{TenantId, normal_serial};

/// What the device shows, with both signatures checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// The release that it used.
    pub release: Release,
    /// Who it is now.
    pub identity: Identity,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The device is another's from now on: its credential dies, its epoch is known.
    HandOver,
    /// Nothing to write: it is known already, or the device was never bound here.
    Known,
}

impl Handover {
    /// Checks both signatures, and that they speak of one device that has left.
    ///
    /// # Errors
    /// When something cannot be read, is not signed as it should, or the device has not left.
    pub fn read(release: &[u8], identity: &[u8], challenge: &[u8], claim_key: PublicKey) -> Result<Self, Refusal> {
        let read = |bytes, field| messages::Signed::decode(bytes).map_err(|_| Refusal::Malformed(field));
        let context = handover_context(challenge, release);
        let release = Release::read(&read(release, "release")?, claim_key)?;
        let identity = Identity::read(&read(identity, "identity")?, Domain::Handover, &context)?;
        if normal_serial(&release.serial) != normal_serial(&identity.serial) || identity.owner == Some(claim_key.fingerprint()) {
            return Err(Refusal::Malformed("release"));
        }
        Ok(Self { release, identity })
    }
}

/// Whose release it claims to be, before anything is proven: where to look for the key.
///
/// # Errors
/// When it cannot be read.
pub fn former_owner(release: &[u8]) -> Result<TenantId, Refusal> {
    let malformed = |_| Refusal::Malformed("release");
    let signed = messages::Signed::decode(release).map_err(malformed)?;
    let body = messages::Release::decode(&*signed.body).map_err(malformed)?;
    id(&body.tenant, "release").map_err(Refusal::from)
}

/// Decides a handover whose signatures hold.
///
/// # Errors
/// The reason, when it is refused.
pub fn judge(handover: &Handover, binding: Option<Binding>) -> Result<Verdict, Refusal> {
    let Some(bound) = binding else { return Ok(Verdict::Known) };
    if bound.public_key != handover.identity.public_key {
        return Err(Refusal::KeyMismatch);
    }
    // A release is for the epochs up to its own: with a later one, the device came back and was claimed anew.
    if bound.epoch > handover.release.up_to_epoch {
        return Ok(Verdict::Known);
    }
    if handover.identity.epoch <= bound.epoch { Err(Refusal::EpochStale) } else { Ok(Verdict::HandOver) }
}
