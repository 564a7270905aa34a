use uuid::Uuid;

use super::{bytes, claim, claim_key, device_key};
use crate::claim::{
    Domain, Identity, PublicKey, Release,
    contact::{Binding, Refusal},
    handover::{Handover, Verdict, judge},
    handover_context,
    messages::ClaimRequest,
    owner::{OwnerState, decide},
};
use crate::time::Millis;

const SERIAL: &str = "OM-N0001";

fn release() -> Vec<u8> {
    bytes(&Release { tenant: Uuid::from_u128(1).into(), serial: SERIAL.into(), up_to_epoch: 1, not_after: Millis(i64::MAX), number: 0 }.sign(&claim_key(1)))
}

/// Tenant 1's device after tenant 2 took it over.
fn moved() -> OwnerState {
    let owned = decide(&OwnerState::default(), SERIAL, &device_key(), &claim(1, 7, 9), None).unwrap().state;
    let signed = prost::Message::decode(&*release()).unwrap();
    decide(&owned, SERIAL, &device_key(), &ClaimRequest { release: Some(signed), ..claim(2, 8, 9) }, None).unwrap().state
}

fn identity(state: &OwnerState, context: &[u8]) -> Vec<u8> {
    let blank = Identity { serial: SERIAL.into(), model: String::new(), hardware_id: String::new(), firmware: String::new(), public_key: PublicKey::of(&device_key()), owner: None, epoch: 0, resets: 0 };
    bytes(&state.describe(blank).sign(&device_key(), Domain::Handover, context))
}

fn read(state: &OwnerState, challenge: &[u8]) -> Result<Handover, Refusal> {
    Handover::read(&release(), &identity(state, &handover_context(b"challenge", &release())), challenge, PublicKey::of(&claim_key(1)))
}

fn bound(epoch: u32) -> Binding {
    Binding { public_key: PublicKey::of(&device_key()), epoch, grant: Uuid::from_u128(7).into(), retired: false }
}

#[test]
fn a_device_that_left_says_so_once() {
    let handover = read(&moved(), b"challenge").unwrap();
    assert_eq!(judge(&handover, Some(bound(1))), Ok(Verdict::HandOver));
    assert_eq!(judge(&handover, Some(bound(2))), Ok(Verdict::Known), "said before, or it came back since");
    assert_eq!(judge(&handover, None), Ok(Verdict::Known), "it was never in contact here");
}

#[test]
fn only_the_device_itself_gives_its_owner_away() {
    let handover = read(&moved(), b"challenge").unwrap();
    let stranger = Binding { public_key: PublicKey::of(&claim_key(9)), ..bound(1) };
    assert_eq!(judge(&handover, Some(stranger)), Err(Refusal::KeyMismatch));
    assert_eq!(read(&moved(), b"another"), Err(Refusal::BadSignature), "an answer to another challenge");
    let owned = decide(&OwnerState::default(), SERIAL, &device_key(), &claim(1, 7, 9), None).unwrap().state;
    assert_eq!(read(&owned, b"challenge"), Err(Refusal::Malformed("release")), "it has not left");
    let freed = Handover { identity: Identity { epoch: 1, ..handover.identity.clone() }, ..handover };
    assert_eq!(judge(&freed, Some(bound(1))), Err(Refusal::EpochStale), "nobody claimed it since");
    let context = handover_context(b"challenge", &release());
    let other = Handover::read(&release(), &identity(&moved(), &context), b"challenge", PublicKey::of(&claim_key(2)));
    assert_eq!(other, Err(Refusal::BadSignature), "a release of somebody else");
}
