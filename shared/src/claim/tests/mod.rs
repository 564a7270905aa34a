mod contact;
mod contract;
mod handover;
mod home;
mod model;
mod owner;
mod vectors;

use ed25519_dalek::SigningKey;
use prost::Message as _;
use uuid::Uuid;

use super::{
    Grant, PublicKey,
    messages::{ClaimRequest, Signed},
};
use crate::time::Millis;

/// The claim key of tenant `n`.
pub(super) fn claim_key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

/// The key of the device under test.
pub(super) fn device_key() -> SigningKey {
    SigningKey::from_bytes(&[0xD0; 32])
}

/// Grant number `id` of tenant `n`, for every site.
pub(super) fn grant(n: u8, id: u128) -> Grant {
    Grant {
        tenant: Uuid::from_u128(n.into()).into(),
        id: Uuid::from_u128(id).into(),
        technician: Uuid::from_u128(0x7EC).into(),
        client: Uuid::from_u128(0xC11).into(),
        not_before: Millis(1_000),
        not_after: Millis(1_000_000_000),
        backend_url: "http://127.0.0.1:8080".into(),
        trust_anchor: Vec::new(),
        sites: Vec::new(),
        claim_key: PublicKey::of(&claim_key(n)),
    }
}

/// `grant` as a device receives it.
pub(super) fn signed(n: u8, grant: &Grant) -> Signed {
    grant.sign(&claim_key(n)).parts().unwrap()
}

/// A claim with grant `id` of tenant `n`.
pub(super) fn claim(n: u8, id: u128, nonce: u8) -> ClaimRequest {
    ClaimRequest { grant: Some(signed(n, &grant(n, id))), site: Vec::new(), nonce: vec![nonce; 16], release: None }
}

/// `message` as a whole, encoded.
pub(super) fn bytes(message: &Signed) -> Vec<u8> {
    message.encode_to_vec()
}
