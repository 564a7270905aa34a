//! Known answers for device makers: `tests/vectors/claim.json`.
//! `OMNIOT_WRITE_VECTORS=1 cargo test -p omniot-shared vectors` writes the file anew;
//! an existing value must never change.

use prost::Message as _;
use serde_json::json;

use super::{claim, claim_key, device_key, grant, signed};
use crate::{
    claim::{
        Domain, Grant, Identity, Letter, Notice, PublicKey, Release, contact_context, handover_context,
        home::Backend,
        messages::{ClaimRequest, IdentityRequest, Signed},
        owner::{OwnerState, decide, reply},
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
    let release = Release { tenant: uuid::Uuid::from_u128(1).into(), serial: "OM-N0001".into(), up_to_epoch: 1, not_after: Millis(2_000_000_000_000), number: 0 };
    let letter = Letter::of(&release, &tenant);
    let notice = notice(1, 1, "https://new.example.com").encode_to_vec();
    let (told, moved) = (release.sign(&tenant).encode_to_vec(), ClaimRequest { release: Some(release.sign(&tenant)), ..claim(2, 8, 9) });
    let moved = decide(&accepted.state, "OM-N0001", &device, &moved, None).unwrap().state;
    let context = handover_context(&challenge, &told);
    let handover = moved.describe(identity.clone()).sign(&device, Domain::Handover, &context);
    json!({
        "about": "Every value is hex unless it is a text. Seeds are Ed25519 private keys.",
        "about_dialog": "One device from its box on: each request in order, what it answers, and its state afterwards. Steps: claim (omniot-claim), notice (in the answer to a heartbeat; accepted or not), reset (the button).",
        "dialog": dialog(),
        "handover_context": hex::encode(context),
        "handover_identity": hex::encode(handover.encode_to_vec()),
        "letter": letter.to_text(),
        "notice": hex::encode(notice),
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

fn notice(epoch: u32, number: u32, url: &str) -> Signed {
    let backend = Backend { url: url.into(), trust_anchor: Vec::new() };
    Notice { tenant: uuid::Uuid::from_u128(1).into(), serial: "OM-N0001".into(), epoch, number, backend }.sign(&claim_key(1))
}

/// One step of the dialog.
enum Step {
    Claim(ClaimRequest),
    Notice(Signed),
    Reset,
}

fn steps() -> Vec<(&'static str, Step)> {
    let release = |n: u8, up_to_epoch, number| {
        let release = Release { tenant: uuid::Uuid::from_u128(n.into()).into(), serial: "om-n0001".into(), up_to_epoch, not_after: Millis(2_000_000_000_000), number };
        Some(release.sign(&claim_key(n)))
    };
    let site = uuid::Uuid::from_u128(0x517E);
    let scoped = Grant { sites: vec![site.into()], ..grant(1, 8) };
    let at = |site: &[u8]| Step::Claim(ClaimRequest { grant: Some(signed(1, &scoped)), site: site.to_vec(), ..claim(1, 8, 9) });
    let mut forged = claim(1, 7, 9);
    forged.grant.as_mut().unwrap().signature[0] ^= 1;
    vec![
        ("no grant", Step::Claim(ClaimRequest { grant: None, ..claim(1, 7, 9) })),
        ("a forged grant", Step::Claim(forged)),
        ("a nonce that is too short", Step::Claim(ClaimRequest { nonce: vec![9; 15], ..claim(1, 7, 9) })),
        ("the first claim", Step::Claim(claim(1, 7, 9))),
        ("the same again: the same receipt", Step::Claim(claim(1, 7, 9))),
        ("the same grant with another nonce", Step::Claim(claim(1, 7, 8))),
        ("a grant for other sites", at(uuid::Uuid::from_u128(1).as_bytes())),
        ("a grant for certain sites, and no site", at(&[])),
        ("a second technician, at a site of the grant", at(site.as_bytes())),
        ("another tenant", Step::Claim(claim(2, 8, 9))),
        ("another tenant with a release for an earlier epoch", Step::Claim(ClaimRequest { release: release(1, 1, 0), ..claim(2, 8, 9) })),
        ("another tenant with a release of its own", Step::Claim(ClaimRequest { release: release(2, 2, 0), ..claim(2, 8, 9) })),
        ("a notice for an earlier epoch", Step::Notice(notice(1, 1, "https://new.example.com"))),
        ("a notice: report elsewhere", Step::Notice(notice(2, 1, "https://new.example.com"))),
        ("the same notice again", Step::Notice(notice(2, 1, "https://new.example.com"))),
        ("another tenant with a release that the notice took back", Step::Claim(ClaimRequest { release: release(1, 2, 0), ..claim(2, 8, 9) })),
        ("another tenant with a release that is good", Step::Claim(ClaimRequest { release: release(1, 2, 1), ..claim(2, 8, 9) })),
        ("the former owner", Step::Claim(claim(1, 9, 9))),
        ("the button", Step::Reset),
        ("anybody, after the button", Step::Claim(claim(1, 9, 9))),
    ]
}

fn dialog() -> serde_json::Value {
    let (mut state, mut said) = (OwnerState::default(), Vec::new());
    for (what, step) in steps() {
        let mut line = json!({ "what": what });
        match step {
            Step::Claim(request) => {
                let outcome = decide(&state, "OM-N0001", &device_key(), &request, None);
                line["claim"] = hex::encode(request.encode_to_vec()).into();
                line["reply"] = hex::encode(reply(&outcome).encode_to_vec()).into();
                state = outcome.map_or(state, |accepted| accepted.state);
            }
            Step::Notice(signed) => {
                let heard = state.hear("OM-N0001", &signed);
                line["notice"] = hex::encode(signed.encode_to_vec()).into();
                line["accepted"] = heard.is_ok().into();
                state = heard.unwrap_or(state);
            }
            Step::Reset => {
                line["reset"] = true.into();
                state = state.factory_reset();
            }
        }
        let owner = state.owner.as_ref();
        line["after"] = json!({
            "epoch": state.epoch,
            "resets": state.resets,
            "owner": hex::encode(state.fingerprint().map(|owner| owner.0.to_vec()).unwrap_or_default()),
            "heard": owner.map_or(0, |owner| owner.heard),
            "backends": owner.map(|owner| owner.backends().into_iter().map(|backend| backend.url).collect::<Vec<_>>()).unwrap_or_default(),
            "left": state.left.is_some(),
        });
        said.push(line);
    }
    said.into()
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
