//! Signatures with a domain: what was signed for one purpose is worth nothing for another.
//!
//! Deliberately not here: where keys come from and where they are kept.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::messages::Signed;

/// What a signature is for. The text is part of the signed bytes and ends with a zero byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// A tenant permits a claim.
    Grant,
    /// A tenant lets go of a device.
    Release,
    /// A device proves who it is to a technician's app. Context: the challenge, 32 bytes.
    Identity,
    /// A device accepted a grant.
    Receipt,
    /// A device proves who it is to the backend. Context: [`contact_context`].
    Contact,
    /// A tenant tells its device where to report.
    Notice,
    /// A device proves to the owner it left that it left. Context: [`handover_context`].
    Handover,
}

impl Domain {
    /// All domains.
    pub const ALL: [Self; 7] = [Self::Grant, Self::Release, Self::Identity, Self::Receipt, Self::Contact, Self::Notice, Self::Handover];

    /// The bytes that stand before everything else.
    #[must_use]
    pub const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Grant => b"omniot/grant/v1\0",
            Self::Release => b"omniot/release/v1\0",
            Self::Identity => b"omniot/identity/v1\0",
            Self::Receipt => b"omniot/receipt/v1\0",
            Self::Contact => b"omniot/contact/v1\0",
            Self::Notice => b"omniot/notice/v1\0",
            Self::Handover => b"omniot/handover/v1\0",
        }
    }
}

/// The signature does not hold, or the key is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not hold")]
pub struct BadSignature;

/// An Ed25519 public key of a device or of a tenant's claim key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// The public half of `key`.
    #[must_use]
    pub fn of(key: &SigningKey) -> Self {
        Self(key.verifying_key().to_bytes())
    }

    /// From bytes of the wire; `None` when there are not 32.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// First 16 bytes of its SHA-256.
    #[must_use]
    pub fn fingerprint(self) -> Fingerprint {
        let digest = Sha256::digest(self.0);
        let mut first = [0; 16];
        first.copy_from_slice(&digest[..16]);
        Fingerprint(first)
    }
}

/// First 16 bytes of SHA-256 of a public key; on a label as base64url (22 characters).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// From bytes of the wire; `None` when there are not 16.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// From base64url without padding.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| Self::read(&bytes))
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

fn signing_bytes(domain: Domain, context: &[u8], body: &[u8]) -> Vec<u8> {
    [domain.prefix(), context, body].concat()
}

/// Signs `body` for one purpose.
#[must_use]
pub fn seal(key: &SigningKey, domain: Domain, context: &[u8], body: Vec<u8>) -> Signed {
    let signature = key.sign(&signing_bytes(domain, context, &body));
    Signed { body, signature: signature.to_bytes().to_vec() }
}

/// The body, when `key` signed it for that purpose. Strict: weak keys and malleable signatures fail (RFC 8032, ZIP 215 not applied).
///
/// # Errors
/// [`BadSignature`] in every other case.
pub fn open<'a>(key: PublicKey, domain: Domain, context: &[u8], signed: &'a Signed) -> Result<&'a [u8], BadSignature> {
    let signature = Signature::from_slice(&signed.signature).map_err(|_| BadSignature)?;
    let key = VerifyingKey::from_bytes(&key.0).map_err(|_| BadSignature)?;
    key.verify_strict(&signing_bytes(domain, context, &signed.body), &signature).map_err(|_| BadSignature)?;
    Ok(&signed.body)
}

/// The context of [`Domain::Contact`]; `grant` and `receipt` are the encoded `Signed` messages.
#[must_use]
pub fn contact_context(challenge: &[u8], grant: &[u8], receipt: &[u8]) -> Vec<u8> {
    [challenge, grant, receipt].iter().flat_map(Sha256::digest).collect()
}

/// The context of [`Domain::Handover`]; `release` is the encoded `Signed` message.
#[must_use]
pub fn handover_context(challenge: &[u8], release: &[u8]) -> Vec<u8> {
    [challenge, release].iter().flat_map(Sha256::digest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_for_one_purpose_is_worth_nothing_for_another() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = PublicKey::of(&key);
        for made in Domain::ALL {
            let signed = seal(&key, made, b"", b"body".to_vec());
            for asked in Domain::ALL {
                assert_eq!(open(public, asked, b"", &signed).is_ok(), made == asked, "{made:?} read as {asked:?}");
            }
        }
    }

    #[test]
    fn a_changed_byte_anywhere_or_another_key_fails() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let signed = seal(&key, Domain::Grant, b"", b"body".to_vec());
        for at in 0..signed.signature.len() {
            let mut forged = signed.clone();
            forged.signature[at] ^= 1;
            assert_eq!(open(PublicKey::of(&key), Domain::Grant, b"", &forged), Err(BadSignature), "byte {at}");
        }
        let mut forged = signed.clone();
        forged.body[0] ^= 1;
        assert!(open(PublicKey::of(&key), Domain::Grant, b"", &forged).is_err());
        assert!(open(PublicKey::of(&SigningKey::from_bytes(&[8; 32])), Domain::Grant, b"", &signed).is_err());
        let short = Signed { signature: vec![0; 63], ..signed };
        assert!(open(PublicKey::of(&key), Domain::Grant, b"", &short).is_err());
    }

    #[test]
    fn the_all_zero_key_signs_nothing() {
        let weak = Signed { body: b"x".to_vec(), signature: vec![0; 64] };
        assert_eq!(open(PublicKey([0; 32]), Domain::Grant, b"", &weak), Err(BadSignature));
    }

    #[test]
    fn a_fingerprint_reads_back_from_its_text() {
        let fingerprint = PublicKey([9; 32]).fingerprint();
        assert_eq!(fingerprint.to_string().len(), 22);
        assert_eq!(Fingerprint::parse(&fingerprint.to_string()), Some(fingerprint));
        assert_eq!(Fingerprint::parse("short"), None);
    }
}
