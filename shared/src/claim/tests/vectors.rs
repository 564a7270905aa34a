//! Known answers for device makers: `tests/vectors/claim.json`.
//! `OMNIOT_WRITE_VECTORS=1 cargo test -p omniot-shared vectors` writes the file anew;
//! an existing value must never change.

use prost::Message as _;
use serde_json::json;

use super::{claim, claim_key, device_key, grant, signed};
use crate::{
    claim::{
        Domain, Identity, PublicKey, Release, contact_context,
        messages::IdentityRequest,
        owner::{OwnerState, decide},
    },
    label::ClaimCode,
    time::Millis,
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/claim.json");

fn answers() -> serde_json::Value {
    let (tenant, device) = (claim_key(1), device_key());
    let public = PublicKey::of(&device);
    let request = claim(1, 7, 9);
    let accepted = decide(&OwnerState::default(), "OM-N0001", &device, &request, None).unwrap();
    let identity = Identity {
        serial: "OM-N0001".into(),
        model: "NV-200".into(),
        hardware_id: "aabbccddeeff".into(),
        firmware: "1.4.2".into(),
        public_key: public,
        owner: None,
        epoch: 0,
        resets: 0,
    };
    let challenge = [0xC4; 32];
    let (grant, receipt) = (signed(1, &grant(1, 7)).encode_to_vec(), accepted.receipt.encode_to_vec());
    let contact = accepted.state.describe(identity.clone()).sign(&device, Domain::Contact, &contact_context(&challenge, &grant, &receipt));
    let release = Release { tenant: uuid::Uuid::from_u128(1).into(), serial: "OM-N0001".into(), up_to_epoch: 1, not_after: Millis(2_000_000_000_000) };
    json!({
        "about": "Every value is hex unless it is a text. Seeds are Ed25519 private keys.",
        "tenant_seed": hex::encode(tenant.to_bytes()),
        "tenant_public": hex::encode(PublicKey::of(&tenant).0),
        "tenant_fingerprint": hex::encode(PublicKey::of(&tenant).fingerprint().0),
        "device_seed": hex::encode(device.to_bytes()),
        "device_public": hex::encode(public.0),
        "label_k": public.fingerprint().to_string(),
        "label_c": ClaimCode::of(public).to_string(),
        "grant": hex::encode(&grant),
        "challenge": hex::encode(challenge),
        "identity_request": hex::encode(IdentityRequest { challenge: challenge.to_vec() }.encode_to_vec()),
        "identity": hex::encode(identity.sign(&device, Domain::Identity, &challenge).encode_to_vec()),
        "claim_request": hex::encode(request.encode_to_vec()),
        "receipt": hex::encode(&receipt),
        "contact_context": hex::encode(contact_context(&challenge, &grant, &receipt)),
        "contact_identity": hex::encode(contact.encode_to_vec()),
        "release": hex::encode(release.sign(&tenant).encode_to_vec()),
    })
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a switch for the one who writes the vectors")]
fn the_known_answers_hold() {
    let text = format!("{}\n", serde_json::to_string_pretty(&answers()).unwrap());
    if std::env::var("OMNIOT_WRITE_VECTORS").is_ok() {
        std::fs::write(FILE, &text).unwrap();
    }
    let known = std::fs::read_to_string(FILE).expect("tests/vectors/claim.json");
    assert_eq!(text, known, "a known answer changed: device makers rely on it");
}
