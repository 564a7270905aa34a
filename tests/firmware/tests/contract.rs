//! The example against the public known answers, against the reference rules, and against losses of power at every byte.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use omniot_firmware::{
    claim::{answered, decide, hear, reply, reset},
    device::{Device, Factory},
    flash::{Failed, Flash},
    sealed::fingerprint,
    state::State,
};
use omniot_shared::claim::{Domain, Grant, PublicKey, home::Backend, messages, owner, seal};
use proptest::prelude::*;
use prost::Message as _;
use serde_json::Value;
use uuid::Uuid;

const SERIAL: &str = "OM-N0001";
const SIZE: usize = 4096;

fn known() -> Value {
    serde_json::from_str(include_str!("../../vectors/claim.json")).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn factory() -> Factory {
    let seed: [u8; 32] = bytes(&known()["device_seed"]).try_into().unwrap();
    Factory { key: ed25519_dalek::SigningKey::from_bytes(&seed), serial: SERIAL.into(), model: "NV-200".into(), hardware_id: "aabbccddeeff".into(), firmware: "1.4.2".into() }
}

/// Flash in memory, whose power goes after so many bytes that were erased or written.
#[derive(Clone)]
struct Ram {
    slots: [[u8; SIZE]; 2],
    power: usize,
}

impl Ram {
    const fn new() -> Self {
        Self { slots: [[0xff; SIZE]; 2], power: usize::MAX }
    }

    fn put(&mut self, slot: usize, bytes: impl Iterator<Item = u8>) -> Result<(), Failed> {
        for (at, byte) in bytes.enumerate() {
            if self.power == 0 {
                return Err(Failed);
            }
            self.power -= 1;
            self.slots[slot][at] = byte;
        }
        Ok(())
    }
}

impl Flash for Ram {
    fn read(&self, slot: usize, into: &mut [u8]) {
        into.copy_from_slice(&self.slots[slot][..into.len()]);
    }

    fn erase(&mut self, slot: usize) -> Result<(), Failed> {
        self.put(slot, std::iter::repeat_n(0xff, SIZE))
    }

    fn program(&mut self, slot: usize, bytes: &[u8]) -> Result<(), Failed> {
        self.put(slot, bytes.iter().copied())
    }

    fn size(&self) -> usize {
        SIZE
    }
}

#[test]
fn each_known_answer_is_given() {
    let known = known();
    let mut device = Device::boot(factory(), Ram::new());
    let identified = device.identify(&bytes(&known["identity_request"]));
    let identity = messages::IdentityReply::decode(&*identified).unwrap().identity.unwrap();
    assert_eq!(hex::encode(identity.encode_to_vec()), known["identity"]);
    let said = messages::ClaimReply::decode(&*device.claim(&bytes(&known["claim_request"]), None)).unwrap();
    assert_eq!(hex::encode(said.receipt.unwrap().encode_to_vec()), known["receipt"]);
    assert_eq!(hex::encode(device.contact(&bytes(&known["challenge"])).unwrap()), known["contact_identity"]);
}

#[test]
fn the_dialog_is_held_word_for_word() {
    let known = known();
    let mut device = Device::boot(factory(), Ram::new());
    let dialog = known["dialog"].as_array().unwrap();
    assert!(dialog.len() >= 20);
    for step in dialog {
        let what = step["what"].as_str().unwrap();
        if step["claim"].is_string() {
            assert_eq!(hex::encode(device.claim(&bytes(&step["claim"]), None)), step["reply"], "{what}");
        } else if step["notice"].is_string() {
            assert_eq!(device.hear(&bytes(&step["notice"])).unwrap(), step["accepted"], "{what}");
        } else {
            device.reset().unwrap();
        }
        // What counts is what is kept.
        device = Device::boot(factory(), device.flash);
        let (state, after) = (device.state(), &step["after"]);
        let owner = state.owner.as_ref();
        assert_eq!((state.epoch, state.resets), (after["epoch"].as_u64().unwrap() as u32, after["resets"].as_u64().unwrap() as u32), "{what}");
        assert_eq!(hex::encode(owner.map(|owner| fingerprint(&owner.claim_key).to_vec()).unwrap_or_default()), after["owner"], "{what}");
        assert_eq!(owner.map_or(0, |owner| owner.heard), after["heard"].as_u64().unwrap() as u32, "{what}");
        let backends: Vec<&str> = owner.map(|owner| owner.next.iter().chain([&owner.backend]).map(|backend| backend.url.as_str()).collect()).unwrap_or_default();
        assert_eq!(serde_json::to_value(backends).unwrap(), after["backends"], "{what}");
        assert_eq!(state.left.is_some(), after["left"], "{what}");
    }
}

#[test]
fn a_device_that_left_tells_its_former_owner() {
    let known = known();
    let mut device = Device::boot(factory(), Ram::new());
    let (claim, release) = (messages::ClaimRequest::decode(&*bytes(&known["claim_request"])).unwrap(), messages::Signed::decode(&*bytes(&known["release"])).unwrap());
    device.claim(&claim.encode_to_vec(), None);
    let theirs = claim_of(2, 8, 9, Some(release));
    device.claim(&theirs.encode_to_vec(), None);
    assert_eq!(hex::encode(device.handover(&bytes(&known["challenge"])).unwrap()), known["handover_identity"]);
    device.handed_over().unwrap();
    assert_eq!(device.handover(&[0; 32]), None);
}

#[test]
fn power_that_goes_at_any_byte_leaves_the_old_owner_or_the_new_one_and_the_claim_can_be_repeated() {
    let mut before = Device::boot(factory(), Ram::new());
    before.claim(&claim_of(1, 7, 9, None).encode_to_vec(), None);
    let next = claim_of(1, 8, 9, None).encode_to_vec();
    let mut whole = Device::boot(factory(), before.flash.clone());
    let reply = whole.claim(&next, None);
    let (old, new) = (before.state().clone(), whole.state().clone());
    let (mut kept_old, mut kept_new) = (0, 0);
    for power in 0..=SIZE + new.to_bytes().len() + 16 {
        let mut device = Device::boot(factory(), Ram { power, ..before.flash.clone() });
        device.claim(&next, None);
        let mut again = Device::boot(factory(), Ram { power: usize::MAX, ..device.flash });
        assert!(*again.state() == old || *again.state() == new, "half a state after {power} bytes");
        if *again.state() == old { kept_old += 1 } else { kept_new += 1 }
        assert_eq!(again.claim(&next, None), reply, "after {power} bytes");
        assert_eq!(*again.state(), new);
    }
    assert!(kept_old > SIZE && kept_new >= 1, "{kept_old} and {kept_new}");
}

fn claim_key(n: u8) -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[n; 32])
}

fn claim_of(n: u8, id: u128, nonce: u8, release: Option<messages::Signed>) -> messages::ClaimRequest {
    let grant = Grant {
        tenant: Uuid::from_u128(n.into()).into(),
        id: Uuid::from_u128(id).into(),
        technician: Uuid::from_u128(0x7EC).into(),
        client: Uuid::from_u128(0xC11).into(),
        not_before: omniot_shared::time::Millis(1_000),
        not_after: omniot_shared::time::Millis(1_000_000_000),
        backend_url: "http://127.0.0.1:8080".into(),
        trust_anchor: if id.is_multiple_of(2) { Vec::new() } else { vec![7; 40] },
        sites: if id.is_multiple_of(3) { vec![Uuid::from_u128(5).into()] } else { Vec::new() },
        claim_key: PublicKey::of(&claim_key(n)),
    };
    let site = if nonce.is_multiple_of(2) { Uuid::from_u128(5).as_bytes().to_vec() } else { Vec::new() };
    messages::ClaimRequest { grant: grant.sign(&claim_key(n)).parts().ok(), site, nonce: vec![nonce; 16], release }
}

/// What happens to a device.
#[derive(Debug, Clone)]
enum Act {
    Claim { tenant: u8, grant: u128, nonce: u8, release: Option<(u8, u32, u32, String)>, now: Option<i64>, flip: Option<(usize, u8)> },
    Notice { tenant: u8, epoch: u32, number: u32, serial: String, backend: Backend },
    Answered { backend: Backend },
    Reset,
}

/// The serial number as a message may have it, and as it may not.
fn serials() -> impl Strategy<Value = String> {
    let odd = [format!("{SERIAL}{}", " ".repeat(64 - SERIAL.len())), format!("{SERIAL}{}", " ".repeat(65 - SERIAL.len())), "OM-\tN0001".into(), "\u{85}OM-N0001".into(), String::new(), "OM-N0002".into()];
    prop_oneof![3 => Just(SERIAL.to_owned()), 1 => Just("om-n 0001".to_owned()), 2 => proptest::sample::select(odd.to_vec())]
}

/// Few enough that a device is told the same URL with another anchor.
fn backends() -> impl Strategy<Value = Backend> {
    let urls = proptest::sample::select(vec!["https://new.example.com", "http://127.0.0.1:8080"]);
    (urls, proptest::sample::select(vec![vec![], vec![7; 40], vec![8; 40]])).prop_map(|(url, trust_anchor)| Backend { url: url.into(), trust_anchor })
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let release = proptest::option::of((1_u8..4, 0_u32..6, 0_u32..3, serials()));
    let now = prop_oneof![3 => Just(None), 1 => (-100_000_000_i64..1_100_000_000).prop_map(Some)];
    let flip = prop_oneof![4 => Just(None), 1 => (0_usize..400, 0_u8..8).prop_map(Some)];
    let claim = (1_u8..4, 1_u128..7, 1_u8..4, release, now, flip).prop_map(|(tenant, grant, nonce, release, now, flip)| Act::Claim { tenant, grant, nonce, release, now, flip });
    let notice = (1_u8..4, 0_u32..5, 0_u32..4, serials(), backends()).prop_map(|(tenant, epoch, number, serial, backend)| Act::Notice { tenant, epoch, number, serial, backend });
    let answered = backends().prop_map(|backend| Act::Answered { backend });
    proptest::collection::vec(prop_oneof![6 => claim, 3 => notice, 2 => answered, 1 => Just(Act::Reset)], 1..14)
}

/// What the reference rules answer to the bytes of a claim, and the state after it.
fn reference(state: &owner::OwnerState, factory: &Factory, wire: &[u8], now: Option<i64>) -> (Vec<u8>, Option<owner::OwnerState>) {
    let outcome = owner::decide_wire(state, SERIAL, &factory.key, wire, now.map(omniot_shared::time::Millis));
    (owner::reply(&outcome).encode_to_vec(), outcome.map(|accepted| accepted.state).ok())
}

#[test]
fn any_one_bit_that_is_wrong_is_answered_as_the_reference_rules_do() {
    let (factory, mine, theirs) = (factory(), State::default(), owner::OwnerState::default());
    let wire = claim_of(1, 7, 2, None).encode_to_vec();
    for bit in 0..wire.len() * 8 {
        let mut wrong = wire.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(reply(&mine, &decide(&mine, SERIAL, &factory.key, &wrong, None)), reference(&theirs, &factory, &wrong, None).0, "bit {bit}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever happens to a device, the example and the reference rules say the same, byte for byte.
    #[test]
    fn the_example_decides_as_the_reference_rules_do(acts in acts()) {
        let factory = factory();
        let (mut mine, mut theirs) = (State::default(), owner::OwnerState::default());
        for act in acts {
            match act {
                Act::Claim { tenant, grant, nonce, release, now, flip } => {
                    let release = release.map(|(by, up_to_epoch, number, serial)| {
                        let body = messages::Release { tenant: Uuid::from_u128(by.into()).as_bytes().to_vec(), serial, up_to_epoch, not_after: 500_000_000, number };
                        seal(&claim_key(by), Domain::Release, &[], body.encode_to_vec())
                    });
                    let mut wire = claim_of(tenant, u128::from(tenant) * 10 + grant, nonce, release).encode_to_vec();
                    if let Some((at, bit)) = flip {
                        let at = at % wire.len();
                        wire[at] ^= 1 << bit;
                    }
                    let outcome = decide(&mine, SERIAL, &factory.key, &wire, now);
                    let (status, state) = reference(&theirs, &factory, &wire, now);
                    prop_assert_eq!(reply(&mine, &outcome), status);
                    mine = outcome.unwrap_or(mine);
                    theirs = state.unwrap_or(theirs);
                }
                Act::Notice { tenant, epoch, number, serial, backend } => {
                    let tenant_id = Uuid::from_u128(tenant.into()).as_bytes().to_vec();
                    let body = messages::Notice { tenant: tenant_id, serial, epoch, number, backend_url: backend.url, trust_anchor: backend.trust_anchor };
                    let signed = seal(&claim_key(tenant), Domain::Notice, &[], body.encode_to_vec());
                    let heard = hear(&mine, SERIAL, &signed.encode_to_vec());
                    let reference = theirs.hear(SERIAL, &signed);
                    prop_assert_eq!(heard.is_ok(), reference.is_ok());
                    mine = heard.unwrap_or(mine);
                    theirs = reference.unwrap_or(theirs);
                }
                Act::Answered { backend } => {
                    mine = answered(&mine, &omniot_firmware::grant::Backend { url: backend.url.clone(), trust_anchor: backend.trust_anchor.clone() });
                    theirs = theirs.answered(&backend);
                }
                Act::Reset => {
                    mine = reset(&mine);
                    theirs = theirs.factory_reset();
                }
            }
            prop_assert_eq!(&State::read(&mine.to_bytes()).unwrap(), &mine);
            let addresses = mine.owner.as_ref().map(|owner| owner.next.iter().chain([&owner.backend]).map(|backend| (backend.url.clone(), backend.trust_anchor.clone())).collect::<Vec<_>>());
            let expected = theirs.owner.as_ref().map(|owner| owner.backends().into_iter().map(|backend| (backend.url, backend.trust_anchor)).collect::<Vec<_>>());
            prop_assert_eq!(mine.owner.as_ref().map(|owner| &owner.grant), theirs.owner.as_ref().map(|owner| &owner.grant));
            prop_assert_eq!((mine.epoch, mine.resets, addresses, mine.left.is_some()), (theirs.epoch, theirs.resets, expected, theirs.left.is_some()));
        }
    }

    #[test]
    fn any_bytes_are_refused_and_never_a_panic(noise in proptest::collection::vec(any::<u8>(), 0..300)) {
        let (factory, state) = (factory(), State::default());
        prop_assert!(decide(&state, SERIAL, &factory.key, &noise, None).is_err());
        let _ = State::read(&noise);
        prop_assert!(hear(&state, SERIAL, &noise).is_err());
    }
}
