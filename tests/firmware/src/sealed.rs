//! Signatures: Ed25519 over `domain ‖ context ‖ body`.

use alloc::vec::Vec;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::wire::{Malformed, Message, each};

/// Of a grant, by the tenant's claim key.
pub const GRANT: &[u8] = b"omniot/grant/v1\0";
/// Of a release, by the owner's claim key.
pub const RELEASE: &[u8] = b"omniot/release/v1\0";
/// Of a notice, by the owner's claim key.
pub const NOTICE: &[u8] = b"omniot/notice/v1\0";
/// Of an identity for an app, by the device; context: the challenge.
pub const IDENTITY: &[u8] = b"omniot/identity/v1\0";
/// Of a receipt, by the device.
pub const RECEIPT: &[u8] = b"omniot/receipt/v1\0";
/// Of an identity for the backend, by the device; context: [`digests`] of challenge, grant, receipt.
pub const CONTACT: &[u8] = b"omniot/contact/v1\0";
/// Of an identity for a former owner, by the device; context: [`digests`] of challenge, release.
pub const HANDOVER: &[u8] = b"omniot/handover/v1\0";

/// A body and its signature.
pub struct Signed<'a> {
    /// What was signed, exactly these bytes.
    pub body: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Signed<'a> {
    /// Reads an encoded `Signed`.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut signed = Self { body: &[], signature: &[] };
        each(bytes, |field, value| {
            match field {
                1 => signed.body = value.bytes()?,
                2 => signed.signature = value.bytes()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(signed)
    }

    /// Whether `key` signed it for that purpose. Strict: weak keys and malleable signatures fail.
    #[must_use]
    pub fn is_by(&self, key: &[u8; 32], domain: &[u8]) -> bool {
        let (Ok(key), Ok(signature)) = (VerifyingKey::from_bytes(key), Signature::from_slice(self.signature)) else { return false };
        key.verify_strict(&[domain, self.body].concat(), &signature).is_ok()
    }
}

/// Signs a body; an encoded `Signed`.
#[must_use]
pub fn sign(key: &SigningKey, domain: &[u8], context: &[u8], body: &[u8]) -> Vec<u8> {
    let signature = key.sign(&[domain, context, body].concat());
    Message::default().bytes(1, body).bytes(2, &signature.to_bytes()).0
}

/// First 16 bytes of SHA-256 of a public key.
#[must_use]
pub fn fingerprint(key: &[u8; 32]) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&Sha256::digest(key)[..16]);
    first
}

/// SHA-256 of each part, one after the other.
#[must_use]
pub fn digests(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(Sha256::digest).collect()
}
