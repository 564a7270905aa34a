//! A device that belongs to a tenant before the fleet starts: another tenant's device.

use ed25519_dalek::SigningKey;
use omniot_shared::{
    claim::{Grant, PublicKey, messages::ClaimRequest, owner},
    time::Millis,
};
use uuid::Uuid;

use super::{
    keeping::Kept,
    spec::{Factory, Spec},
};

/// What the device keeps when it leaves its box.
pub fn first_state(spec: &Spec, factory: &Factory) -> Kept {
    claimed(spec, factory).unwrap_or_default()
}

fn claimed(spec: &Spec, factory: &Factory) -> Option<Kept> {
    let seed: [u8; 32] = hex::decode(spec.owned_by.as_ref()?).ok()?.try_into().ok()?;
    let claim_key = SigningKey::from_bytes(&seed);
    let grant = Grant {
        tenant: Uuid::from_u128(u128::from_be_bytes(*seed.first_chunk()?)).into(),
        id: Uuid::from_u128(1).into(),
        technician: Uuid::from_u128(1).into(),
        client: Uuid::from_u128(1).into(),
        not_before: Millis(0),
        not_after: Millis(i64::MAX),
        backend_url: "http://127.0.0.1:9".into(),
        trust_anchor: Vec::new(),
        sites: Vec::new(),
        claim_key: PublicKey::of(&claim_key),
    };
    let request = ClaimRequest { grant: grant.sign(&claim_key).parts().ok(), site: Vec::new(), nonce: vec![1; 16], release: None };
    let accepted = owner::decide(&owner::OwnerState::default(), &spec.serial, &factory.key, &request, None).ok()?;
    Some(Kept::default().with(&accepted.state))
}
