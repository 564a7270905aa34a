use proptest::prelude::*;
use prost::Message as _;
use uuid::Uuid;

use super::{bytes, claim, claim_key, device_key, grant, signed};
use crate::claim::{
    Grant, PublicKey, Receipt, Release, SKEW_TOLERANCE_MS,
    messages::{ClaimRequest, Signed, Status},
    owner::{Accepted, OwnerState, Refusal, decide, decide_wire, reply},
};
use crate::time::Millis;

const SERIAL: &str = "OM-N0001";

fn decided(state: &OwnerState, request: &ClaimRequest) -> Result<Accepted, Refusal> {
    decide(state, SERIAL, &device_key(), request, None)
}

fn owned_by(n: u8) -> OwnerState {
    decided(&OwnerState::default(), &claim(n, u128::from(n) * 1000, 1)).unwrap().state
}

fn receipt(accepted: &Accepted) -> Receipt {
    Receipt::read(&accepted.receipt, PublicKey::of(&device_key())).unwrap()
}

fn release(n: u8, serial: &str, up_to_epoch: u32) -> Signed {
    Release { tenant: Uuid::from_u128(n.into()).into(), serial: serial.into(), up_to_epoch, not_after: Millis(10), number: 0 }.sign(&claim_key(n))
}

#[test]
fn an_unowned_device_pins_the_tenant_and_signs_a_receipt_for_epoch_one() {
    let accepted = decided(&OwnerState::default(), &claim(1, 7, 9)).unwrap();
    let receipt = receipt(&accepted);
    assert_eq!((receipt.epoch, receipt.grant, receipt.nonce.as_slice()), (1, Uuid::from_u128(7).into(), &[9; 16][..]));
    assert_eq!(accepted.state.fingerprint(), Some(PublicKey::of(&claim_key(1)).fingerprint()));
}

#[test]
fn the_same_claim_twice_gives_the_same_receipt_and_no_new_epoch() {
    let first = decided(&OwnerState::default(), &claim(1, 7, 9)).unwrap();
    let second = decided(&first.state, &claim(1, 7, 9)).unwrap();
    assert_eq!(first, second);
    assert_eq!(decided(&first.state, &claim(1, 7, 8)), Err(Refusal::GrantUsed), "another nonce is another claim");
}

#[test]
fn a_second_technician_of_the_same_tenant_raises_the_epoch() {
    let second = decided(&owned_by(1), &claim(1, 8, 9)).unwrap();
    assert_eq!(receipt(&second).epoch, 2);
}

#[test]
fn another_tenant_is_refused_with_that_word_and_changes_nothing() {
    let state = owned_by(1);
    let refused = decided(&state, &claim(2, 8, 9));
    assert_eq!(refused, Err(Refusal::OwnedByAnother(PublicKey::of(&claim_key(1)).fingerprint())));
    let wire = reply(&refused);
    assert_eq!((wire.status(), wire.owner.len(), wire.receipt), (Status::OwnedByAnother, 16, None));
}

#[test]
fn a_release_of_the_owner_lets_one_tenant_in_and_dies_with_that() {
    let state = owned_by(1);
    let with = |release: Signed| ClaimRequest { release: Some(release), ..claim(2, 8, 9) };
    let moved = decided(&state, &with(release(1, SERIAL, 1))).unwrap();
    assert_eq!(receipt(&moved).tenant, Uuid::from_u128(2).into());
    for (why, bad) in [("another serial", release(1, "OM-N0002", 1)), ("another signer", release(2, SERIAL, 1)), ("an older epoch", release(1, SERIAL, 0))] {
        assert_eq!(decided(&state, &with(bad)), Err(Refusal::BadRelease), "{why}");
    }
    let back = decided(&moved.state, &ClaimRequest { release: Some(release(2, SERIAL, 2)), ..claim(1, 10, 9) }).unwrap();
    assert_eq!(decided(&back.state, &with(release(1, SERIAL, 1))), Err(Refusal::BadRelease), "the first release is spent");
}

#[test]
fn a_factory_reset_frees_the_device_but_keeps_its_epoch() {
    let free = owned_by(1).factory_reset();
    assert_eq!((free.epoch, free.resets, free.fingerprint()), (1, 1, None));
    assert_eq!(receipt(&decided(&free, &claim(2, 8, 9)).unwrap()).epoch, 2);
}

#[test]
fn a_forged_or_borrowed_grant_is_refused() {
    let mut forged = claim(1, 7, 9);
    forged.grant.as_mut().unwrap().body[5] ^= 1;
    assert!(matches!(decided(&OwnerState::default(), &forged), Err(Refusal::BadSignature | Refusal::Malformed)));
    let posing = Grant { claim_key: PublicKey::of(&claim_key(1)), ..grant(1, 7) };
    let mut stolen = signed(2, &posing);
    let real = signed(1, &posing);
    stolen.body = real.body;
    let request = ClaimRequest { grant: Some(stolen), ..claim(1, 7, 9) };
    assert_eq!(decided(&OwnerState::default(), &request), Err(Refusal::BadSignature), "signed by tenant 2 in the name of tenant 1");
}

#[test]
fn what_was_signed_is_kept_as_it_came() {
    // A field that nobody knows yet, behind the signature: the bytes are others than those that are encoded here.
    let known = signed(1, &grant(1, 7)).encode_to_vec();
    let came = [&known[..], &[0x7a, 2, b'h', b'i']].concat();
    let framed = |bytes: &[u8]| [&[0x0a, (bytes.len() & 0x7f) as u8 | 0x80, (bytes.len() >> 7) as u8], bytes].concat();
    let rest = ClaimRequest { grant: None, ..claim(1, 7, 9) }.encode_to_vec();
    let wire = [framed(&came), rest.clone()].concat();
    let taken = decide_wire(&OwnerState::default(), SERIAL, &device_key(), &wire, None).unwrap();
    assert_eq!(taken.state.owner.as_ref().unwrap().grant, came, "its hash is that of the bytes that the backend made");
    assert_eq!(decide_wire(&taken.state, SERIAL, &device_key(), &wire, None), Ok(taken.clone()), "the same bytes are the same claim");
    let other = [framed(&known), rest].concat();
    assert_eq!(decide_wire(&taken.state, SERIAL, &device_key(), &other, None), Err(Refusal::GrantUsed), "and others are not");
}

#[test]
fn site_scope_nonce_and_time_are_checked() {
    let site = Uuid::from_u128(0x517E);
    let scoped = Grant { sites: vec![site.into()], ..grant(1, 7) };
    let at = |site: Vec<u8>| ClaimRequest { grant: Some(signed(1, &scoped)), site, ..claim(1, 7, 9) };
    assert!(decided(&OwnerState::default(), &at(site.as_bytes().to_vec())).is_ok());
    assert_eq!(decided(&OwnerState::default(), &at(Uuid::from_u128(1).as_bytes().to_vec())), Err(Refusal::SiteNotCovered));
    assert_eq!(decided(&OwnerState::default(), &at(Vec::new())), Err(Refusal::SiteNotCovered));
    assert_eq!(decided(&OwnerState::default(), &at(vec![1; 3])), Err(Refusal::Malformed));
    let short = ClaimRequest { nonce: vec![1; 15], ..claim(1, 7, 9) };
    assert_eq!(decided(&OwnerState::default(), &short), Err(Refusal::Malformed));
}

#[test]
fn a_device_that_was_told_the_time_bears_clocks_that_are_hours_off_and_no_more() {
    let (first, last) = (Millis(1_000), Millis(1_000_000_000));
    for (now, good) in [
        (Some(first.plus(-SKEW_TOLERANCE_MS - 1)), false),
        (Some(first.plus(-SKEW_TOLERANCE_MS)), true),
        (Some(last.plus(SKEW_TOLERANCE_MS)), true),
        (Some(last.plus(SKEW_TOLERANCE_MS + 1)), false),
        (Some(Millis(i64::MIN)), false),
        (Some(Millis(i64::MAX)), false),
        (None, true),
    ] {
        let outcome = decide(&OwnerState::default(), SERIAL, &device_key(), &claim(1, 7, 9), now);
        assert_eq!(outcome.is_ok(), good, "{now:?}");
        assert!(good || outcome == Err(Refusal::GrantExpired), "{now:?}");
    }
    let with = ClaimRequest { release: Some(release(1, SERIAL, 1)), ..claim(2, 8, 9) };
    let at = |now| decide(&owned_by(1), SERIAL, &device_key(), &with, Some(now)).is_ok();
    assert!(at(Millis(10).plus(SKEW_TOLERANCE_MS)) && !at(Millis(11).plus(SKEW_TOLERANCE_MS)), "a release ends as a grant does");
}

#[test]
fn a_device_that_moved_on_remembers_whom_to_tell_until_it_has() {
    let moved = decided(&owned_by(1), &ClaimRequest { release: Some(release(1, SERIAL, 1)), ..claim(2, 8, 9) }).unwrap().state;
    let left = moved.left.clone().expect("tenant 1 does not know yet");
    assert_eq!((left.tenant, left.backend.url.as_str()), (Uuid::from_u128(1).into(), "http://127.0.0.1:8080"));
    let again = decided(&moved, &claim(2, 9, 9)).unwrap().state;
    assert_eq!((&again.left, &again.factory_reset().left), (&moved.left, &moved.left), "nothing else makes it forget");
    assert_eq!(again.settled().left, None);
}

/// What a technician or an attacker does to a device.
#[derive(Debug, Clone)]
enum Act {
    Claim { tenant: u8, grant: u128, nonce: u8, release_of: Option<u8> },
    PowerLoss { tenant: u8, grant: u128, nonce: u8, stored: bool },
    Reset,
    Garbage(Vec<u8>),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let one = prop_oneof![
        4 => (1_u8..4, 1_u128..6, 1_u8..3, proptest::option::of(1_u8..4)).prop_map(|(tenant, grant, nonce, release_of)| Act::Claim { tenant, grant, nonce, release_of }),
        2 => (1_u8..4, 1_u128..6, 1_u8..3, any::<bool>()).prop_map(|(tenant, grant, nonce, stored)| Act::PowerLoss { tenant, grant, nonce, stored }),
        1 => Just(Act::Reset),
        1 => proptest::collection::vec(any::<u8>(), 0..200).prop_map(Act::Garbage),
    ];
    proptest::collection::vec(one, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever happens: the epoch never falls, the owner changes only by its own release
    /// or by the button, a receipt always matches what is stored, and no receipt is given
    /// twice for different claims.
    #[test]
    fn an_owner_is_never_lost_or_taken(acts in acts()) {
        let mut stored = OwnerState::default();
        let mut given = std::collections::BTreeMap::new();
        for act in acts {
            let before = stored.clone();
            let (tenant, request, reaches_storage) = match act {
                Act::Reset => {
                    stored = stored.factory_reset();
                    prop_assert_eq!(stored.epoch, before.epoch);
                    continue;
                }
                Act::Garbage(noise) => {
                    if let Ok(request) = ClaimRequest::decode(&*noise) {
                        prop_assert!(decided(&stored, &request).is_err());
                    }
                    continue;
                }
                Act::Claim { tenant, grant, nonce, release_of } => {
                    let release = release_of.map(|n| release(n, SERIAL, before.epoch));
                    (tenant, ClaimRequest { release, ..claim(tenant, u128::from(tenant) * 100 + grant, nonce) }, true)
                }
                Act::PowerLoss { tenant, grant, nonce, stored } => (tenant, claim(tenant, u128::from(tenant) * 100 + grant, nonce), stored),
            };
            match decided(&stored, &request) {
                Err(_) => prop_assert_eq!(&stored, &before),
                Ok(accepted) => {
                    let receipt = receipt(&accepted);
                    prop_assert_eq!(receipt.epoch, accepted.state.epoch);
                    prop_assert!(accepted.state.epoch == before.epoch || accepted.state.epoch == before.epoch + 1);
                    if let Some(owner) = &before.owner {
                        let same = owner.claim_key == PublicKey::of(&claim_key(tenant));
                        let released = request.release.as_ref().is_some_and(|release| Release::read(release, owner.claim_key).is_ok());
                        prop_assert!(same || released, "taken without a release");
                    }
                    if reaches_storage {
                        stored = accepted.state.clone();
                        let known = given.insert(receipt.epoch, bytes(&accepted.receipt));
                        prop_assert!(known.is_none_or(|known| known == bytes(&accepted.receipt)), "two receipts for epoch {}", receipt.epoch);
                        prop_assert_eq!(&decided(&stored, &request).unwrap(), &accepted, "asking again changes nothing");
                    }
                }
            }
        }
    }
}
