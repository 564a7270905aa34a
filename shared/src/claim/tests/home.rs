use uuid::Uuid;

use super::{claim, claim_key, device_key};
use crate::claim::{
    Notice, Release,
    home::Backend,
    messages::{ClaimRequest, Signed},
    owner::{OwnerState, Refusal, decide},
};
use crate::time::Millis;

const SERIAL: &str = "OM-N0001";
const OLD: &str = "http://127.0.0.1:8080";
const NEW: &str = "https://new.example.com";

fn owned() -> OwnerState {
    decide(&OwnerState::default(), SERIAL, &device_key(), &claim(1, 7, 9), None).unwrap().state
}

fn at(url: &str) -> Backend {
    Backend { url: url.into(), trust_anchor: Vec::new() }
}

fn notice(number: u32, url: &str) -> Notice {
    Notice { tenant: Uuid::from_u128(1).into(), serial: SERIAL.into(), epoch: 1, number, backend: at(url) }
}

fn signed(notice: &Notice) -> Signed {
    notice.sign(&claim_key(1))
}

fn urls(state: &OwnerState) -> Vec<String> {
    state.owner.as_ref().unwrap().backends().into_iter().map(|backend| backend.url).collect()
}

#[test]
fn a_device_tries_the_new_address_and_keeps_the_old_one_until_the_new_one_answered() {
    let told = owned().hear(SERIAL, &signed(&notice(1, NEW))).unwrap();
    assert_eq!(urls(&owned()), [OLD]);
    assert_eq!(urls(&told), [NEW, OLD]);
    assert_eq!(urls(&told.answered(&at(OLD))), [NEW, OLD], "the old one answers as ever");
    let settled = told.answered(&at(NEW));
    assert_eq!(urls(&settled), [NEW]);
    assert_eq!((told.owner.as_ref().unwrap().told().url.as_str(), settled.owner.as_ref().unwrap().told().url.as_str()), (NEW, NEW));
    let back = settled.hear(SERIAL, &signed(&notice(2, OLD))).unwrap();
    assert_eq!(urls(&back), [OLD, NEW], "and back again");
}

#[test]
fn a_move_that_was_called_off_or_goes_elsewhere_keeps_the_address_that_answers() {
    let told = owned().hear(SERIAL, &signed(&notice(1, NEW))).unwrap();
    assert_eq!(urls(&told.hear(SERIAL, &signed(&notice(2, OLD))).unwrap()), [OLD]);
    assert_eq!(urls(&told.hear(SERIAL, &signed(&notice(2, "https://newer.example.com"))).unwrap()), ["https://newer.example.com", OLD]);
}

#[test]
fn a_notice_heard_before_changes_nothing_and_a_forged_or_strange_one_is_refused() {
    let told = owned().hear(SERIAL, &signed(&notice(2, NEW))).unwrap();
    for number in [0, 1, 2] {
        assert_eq!(told.hear(SERIAL, &signed(&notice(number, "https://evil.example.com"))), Ok(told.clone()), "{number}");
    }
    let next = notice(3, "https://evil.example.com");
    let mut forged = signed(&next);
    forged.body[3] ^= 1;
    for (why, refusal, wrong) in [
        ("another signer", Refusal::BadSignature, next.sign(&claim_key(2))),
        ("a changed byte", Refusal::BadSignature, forged),
        ("another device", Refusal::Malformed, signed(&Notice { serial: "OM-N0002".into(), ..next.clone() })),
        ("another epoch", Refusal::Malformed, signed(&Notice { epoch: 2, ..next.clone() })),
        ("another tenant with that key", Refusal::Malformed, signed(&Notice { tenant: Uuid::from_u128(2).into(), ..next.clone() })),
        ("an address that is none", Refusal::Malformed, signed(&Notice { backend: at("https://a@b"), ..next.clone() })),
    ] {
        assert_eq!(told.hear(SERIAL, &wrong), Err(refusal), "{why}");
    }
    assert!(OwnerState::default().hear(SERIAL, &signed(&next)).is_err(), "nobody owns it");
}

#[test]
fn a_new_claim_begins_where_its_grant_says() {
    let settled = owned().hear(SERIAL, &signed(&notice(4, NEW))).unwrap().answered(&at(NEW));
    let again = decide(&settled, SERIAL, &device_key(), &claim(1, 8, 9), None).unwrap().state;
    assert_eq!(urls(&again), [OLD]);
    assert_eq!(again.owner.as_ref().unwrap().heard, 0, "numbers begin anew with an epoch");
    assert_eq!(again.hear(SERIAL, &signed(&notice(5, NEW))), Err(Refusal::Malformed), "what was said to the earlier epoch is over");
}

#[test]
fn a_release_that_was_taken_back_is_dead_once_the_device_heard_so() {
    let release = |number| Release { tenant: Uuid::from_u128(1).into(), serial: SERIAL.into(), up_to_epoch: 1, not_after: Millis(i64::MAX), number }.sign(&claim_key(1));
    let take = |state: &OwnerState, number| decide(state, SERIAL, &device_key(), &ClaimRequest { release: Some(release(number)), ..claim(2, 8, 9) }, None).map(|accepted| accepted.state.epoch);
    assert_eq!(take(&owned(), 0), Ok(2), "it has not heard yet");
    let told = owned().hear(SERIAL, &signed(&notice(1, OLD))).unwrap();
    assert_eq!(urls(&told), [OLD], "only the number is news");
    assert_eq!(take(&told, 0), Err(Refusal::BadRelease));
    assert_eq!(take(&told, 1), Ok(2), "one that was made later is good");
}
