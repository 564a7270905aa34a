use prost::Message as _;

use super::{bytes, claim, claim_key, device_key, grant, signed};
use crate::claim::{
    Domain, Identity, PublicKey, SKEW_TOLERANCE_MS, contact_context,
    contact::{Binding, Contact, KnownGrant, Refusal, Shown, Spender, Verdict, judge},
    messages::Signed,
    owner::{OwnerState, decide},
};
use crate::{ids::DeviceId, time::Millis};

const SERIAL: &str = "OM-N0001";
const FRESH: KnownGrant = KnownGrant { revoked_at: None, spent_by: None, recorded_at: None };

/// The three parts that a device of tenant 1 shows after claiming with grant 7.
struct Parts {
    grant: Vec<u8>,
    receipt: Vec<u8>,
    identity: Vec<u8>,
}

fn identity(state: &OwnerState) -> Identity {
    state.describe(Identity {
        serial: SERIAL.into(),
        model: "NV-200".into(),
        hardware_id: "aabbccddeeff".into(),
        firmware: "1.4.2".into(),
        public_key: PublicKey::of(&device_key()),
        owner: None,
        epoch: 0,
        resets: 0,
    })
}

fn parts(challenge: &[u8]) -> Parts {
    let accepted = decide(&OwnerState::default(), SERIAL, &device_key(), &claim(1, 7, 9), None).unwrap();
    let (grant, receipt) = (bytes(&signed(1, &grant(1, 7))), bytes(&accepted.receipt));
    let identity = bytes(&identity(&accepted.state).sign(&device_key(), Domain::Contact, &contact_context(challenge, &grant, &receipt)));
    Parts { grant, receipt, identity }
}

fn read(parts: &Parts, challenge: &[u8]) -> Result<Contact, Refusal> {
    let shown = Shown { grant: &parts.grant, receipt: &parts.receipt, identity: &parts.identity, challenge };
    Contact::read(shown, PublicKey::of(&claim_key(1)))
}

fn contact() -> Contact {
    read(&parts(b"challenge"), b"challenge").unwrap()
}

fn spender() -> Spender {
    Spender { key: PublicKey::of(&device_key()), device: DeviceId::for_serial(contact().grant.tenant, SERIAL) }
}

fn bound(epoch: u32, grant: u128) -> Binding {
    Binding { public_key: PublicKey::of(&device_key()), epoch, grant: uuid::Uuid::from_u128(grant).into(), retired: false }
}

const NOW: Millis = Millis(2_000);

#[test]
fn a_true_contact_reads_and_binds() {
    assert_eq!(judge(&contact(), Some(FRESH), None, NOW), Ok(Verdict::Bind));
}

#[test]
fn an_answer_to_another_challenge_is_refused() {
    assert_eq!(read(&parts(b"challenge"), b"another"), Err(Refusal::BadSignature));
}

#[test]
fn a_grant_of_another_tenant_is_refused() {
    let parts = parts(b"c");
    let shown = Shown { grant: &parts.grant, receipt: &parts.receipt, identity: &parts.identity, challenge: b"c" };
    assert_eq!(Contact::read(shown, PublicKey::of(&claim_key(2))), Err(Refusal::BadSignature));
}

#[test]
fn a_receipt_forged_by_another_key_or_for_another_grant_is_refused() {
    let forged = |receipt: Signed| {
        let mut parts = parts(b"c");
        parts.receipt = receipt.encode_to_vec();
        let state = OwnerState { epoch: 1, owner: decide(&OwnerState::default(), SERIAL, &device_key(), &claim(1, 7, 9), None).unwrap().state.owner, ..OwnerState::default() };
        parts.identity = bytes(&identity(&state).sign(&device_key(), Domain::Contact, &contact_context(b"c", &parts.grant, &parts.receipt)));
        read(&parts, b"c")
    };
    let by = |key: ed25519_dalek::SigningKey, grant| decide(&OwnerState::default(), SERIAL, &key, &claim(1, grant, 9), None).unwrap().receipt;
    assert_eq!(forged(by(claim_key(9), 7)), Err(Refusal::BadSignature));
    assert_eq!(forged(by(device_key(), 8)), Err(Refusal::Malformed("receipt")));
    assert!(forged(by(device_key(), 7)).is_ok(), "the true one passes");
}

#[test]
fn a_device_that_names_another_owner_is_refused() {
    let mut parts = parts(b"c");
    let mut other = identity(&OwnerState { epoch: 1, ..OwnerState::default() });
    other.owner = Some(PublicKey::of(&claim_key(2)).fingerprint());
    parts.identity = bytes(&other.sign(&device_key(), Domain::Contact, &contact_context(b"c", &parts.grant, &parts.receipt)));
    assert_eq!(judge(&read(&parts, b"c").unwrap(), Some(FRESH), None, NOW), Err(Refusal::OwnedByAnother));
}

#[test]
fn the_same_contact_again_is_a_replay_even_when_the_grant_is_spent() {
    let spent = KnownGrant { spent_by: Some(spender()), ..FRESH };
    assert_eq!(judge(&contact(), Some(spent), Some(bound(1, 7)), NOW), Ok(Verdict::Replay));
}

#[test]
fn each_other_obstacle_has_its_own_reason() {
    let revoked = KnownGrant { revoked_at: Some(NOW), ..FRESH };
    let spent = KnownGrant { spent_by: Some(Spender { key: PublicKey([1; 32]), ..spender() }), ..FRESH };
    let under_another_name = KnownGrant { spent_by: Some(Spender { device: DeviceId::for_serial(contact().grant.tenant, "OM-N0002"), ..spender() }), ..FRESH };
    let stranger = Binding { public_key: PublicKey([1; 32]), ..bound(0, 1) };
    for (expected, grant, binding) in [
        (Refusal::GrantUnknown, None, None),
        (Refusal::GrantRevoked, Some(revoked), None),
        (Refusal::GrantSpent, Some(spent), None),
        (Refusal::GrantSpent, Some(under_another_name), None),
        (Refusal::KeyMismatch, Some(FRESH), Some(stranger)),
        (Refusal::EpochStale, Some(FRESH), Some(bound(1, 8))),
        (Refusal::EpochStale, Some(FRESH), Some(bound(6, 8))),
        (Refusal::Retired, Some(FRESH), Some(Binding { retired: true, ..bound(0, 1) })),
    ] {
        assert_eq!(judge(&contact(), grant, binding, NOW), Err(expected));
    }
}

#[test]
fn a_device_that_was_reset_and_took_the_same_grant_again_is_bound_again() {
    let spent = KnownGrant { spent_by: Some(spender()), ..FRESH };
    let reset = decide(&OwnerState::default(), SERIAL, &device_key(), &claim(1, 7, 9), None).unwrap().state.factory_reset();
    let again = decide(&reset, SERIAL, &device_key(), &claim(1, 7, 9), None).unwrap();
    let (grant, receipt) = (bytes(&signed(1, &grant(1, 7))), bytes(&again.receipt));
    let shown = identity(&again.state).sign(&device_key(), Domain::Contact, &contact_context(b"c", &grant, &receipt));
    let contact = read(&Parts { grant, receipt, identity: bytes(&shown) }, b"c").unwrap();
    assert_eq!(contact.identity.resets, 1, "and the reset is told");
    assert_eq!(judge(&contact, Some(spent), Some(bound(1, 7)), NOW), Ok(Verdict::Bind));
}

#[test]
fn clocks_may_be_wrong_by_hours_but_not_by_days() {
    let contact = contact();
    let (first, last) = (contact.grant.not_before, contact.grant.not_after);
    for (now, good) in [(first.plus(-SKEW_TOLERANCE_MS), true), (first.plus(-SKEW_TOLERANCE_MS - 1), false), (last.plus(SKEW_TOLERANCE_MS), true), (last.plus(SKEW_TOLERANCE_MS + 1), false)] {
        assert_eq!(judge(&contact, Some(FRESH), None, now).is_ok(), good, "{now:?}");
    }
    let recorded = KnownGrant { recorded_at: Some(last), ..FRESH };
    assert_eq!(judge(&contact, Some(recorded), None, last.plus(SKEW_TOLERANCE_MS * 100)), Ok(Verdict::Bind), "claimed in time, seen late");
}
