//! What follows from a tenant's claim key: grants' signatures, challenges, credentials.
//!
//! A challenge is `expires_at ‖ random ‖ MAC`, so it needs no row; a credential is a MAC over
//! what it is for, so that the same claim gives the same one. Both keys are HMAC-SHA256 with
//! the private half of the claim key and a domain of their own.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::SigningKey;
use hmac::{Hmac, KeyInit as _, Mac as _};
use omniot_shared::{
    claim::{PublicKey, contact::Contact},
    ids::{DeviceId, TenantId},
    time::Millis,
};
use sha2::Sha256;

use crate::identity::tokens::Token;

/// How long a challenge is good.
pub const CHALLENGE_MS: i64 = 5 * 60_000;
/// Bytes of a challenge: time, random, MAC.
const CHALLENGE_BYTES: usize = 8 + 16 + 32;

/// The claim key of one tenant. It has no `Debug`; the private half wipes itself.
pub struct ClaimKey {
    tenant: TenantId,
    key: SigningKey,
}

impl ClaimKey {
    /// From the private half.
    #[must_use]
    pub fn new(tenant: TenantId, private: &[u8; 32]) -> Self {
        Self { tenant, key: SigningKey::from_bytes(private) }
    }

    /// The private half, to sign a grant.
    #[must_use]
    pub const fn signing(&self) -> &SigningKey {
        &self.key
    }

    /// The public half, which devices pin.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey::of(&self.key)
    }

    fn mac(&self, domain: &str, parts: &[&[u8]]) -> Hmac<Sha256> {
        // HMAC pads a short key with zeros to its block; done here, so that nothing can fail.
        let mut block = [0; 64];
        block[..32].copy_from_slice(self.key.as_bytes());
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(domain.as_bytes());
        mac.update(self.tenant.0.as_bytes());
        parts.iter().for_each(|part| mac.update(part));
        mac
    }

    /// A challenge that is good from `now` for [`CHALLENGE_MS`].
    #[must_use]
    pub fn challenge(&self, now: Millis, random: [u8; 16]) -> Vec<u8> {
        let expires = now.plus(CHALLENGE_MS).0.to_be_bytes();
        let mac = self.mac("omniot/challenge/v1\0", &[&expires, &random]).finalize().into_bytes();
        [&expires[..], &random, &mac].concat()
    }

    /// Whether this server made the challenge for this tenant and it is still good.
    #[must_use]
    pub fn made(&self, challenge: &[u8], now: Millis) -> bool {
        let Some((expires, rest)) = challenge.split_first_chunk::<8>() else { return false };
        let Some((random, mac)) = rest.split_first_chunk::<16>() else { return false };
        let genuine = self.mac("omniot/challenge/v1\0", &[expires, random]).verify_slice(mac).is_ok();
        genuine && now.0 <= i64::from_be_bytes(*expires)
    }

    /// The credential that this contact earns: of this device, key, grant and epoch.
    #[must_use]
    pub fn credential(&self, device: DeviceId, contact: &Contact) -> Option<Token> {
        let parts: [&[u8]; 4] = [device.0.as_bytes(), &contact.identity.public_key.0, contact.grant.id.0.as_bytes(), &contact.receipt.epoch.to_be_bytes()];
        let secret = self.mac("omniot/credential/v1\0", &parts).finalize().into_bytes();
        Token::parse(&format!("omd_{}_{}_{}", self.tenant.0.simple(), device.0.simple(), URL_SAFE_NO_PAD.encode(secret)))
    }
}

/// What looks like a challenge, for a tenant that is not there: no oracle.
#[must_use]
pub fn like_a_challenge(now: Millis, random: [u8; CHALLENGE_BYTES - 8]) -> Vec<u8> {
    [&now.plus(CHALLENGE_MS).0.to_be_bytes()[..], &random].concat()
}

#[cfg(test)]
mod unit {
    use uuid::Uuid;

    use super::*;

    fn key(tenant: u128, private: u8) -> ClaimKey {
        ClaimKey::new(Uuid::from_u128(tenant).into(), &[private; 32])
    }

    #[test]
    fn a_challenge_is_good_for_its_tenant_and_its_time_alone() {
        let challenge = key(1, 1).challenge(Millis(0), [7; 16]);
        assert_eq!(challenge.len(), CHALLENGE_BYTES);
        assert!(key(1, 1).made(&challenge, Millis(CHALLENGE_MS)));
        assert!(!key(1, 1).made(&challenge, Millis(CHALLENGE_MS + 1)), "too late");
        assert!(!key(2, 1).made(&challenge, Millis(0)), "another tenant");
        assert!(!key(1, 2).made(&challenge, Millis(0)), "another key");
        for at in 0..challenge.len() {
            let mut forged = challenge.clone();
            forged[at] ^= 1;
            assert!(!key(1, 1).made(&forged, Millis(0)), "byte {at}");
        }
        assert!(!key(1, 1).made(&challenge[..20], Millis(0)));
        assert!(!key(1, 1).made(&like_a_challenge(Millis(0), [1; 48]), Millis(0)));
    }
}
