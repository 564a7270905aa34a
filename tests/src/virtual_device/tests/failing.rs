use omniot_shared::{claim::messages::{IdentityReply, IdentityRequest}, entities::Security};
use prost::Message as _;
use proptest::prelude::*;
use rand::SeedableRng as _;

use super::{Bench, Client, ordinary};
use crate::virtual_device::{advert::Endpoint, device::Outcome, faults::Faults, spec::Spec};

fn with(faults: Faults) -> Bench {
    Bench::new(Spec { faults, ..ordinary(Security::Sec1) })
}

#[test]
fn a_link_drops_at_the_step_that_was_asked_for_and_once() {
    let bench = with(Faults { drop_at: Some(3), ..Faults::default() });
    let mut device = bench.device();
    let mut client = Client::connect(&mut device, 1).unwrap();
    client.raw(Endpoint::Version, b"x").unwrap();
    assert_eq!(client.raw(Endpoint::Version, b"x"), Err(Outcome::Gone));
    assert!(!device.linked());
    Client::open(&mut device, 2).identity();
}

#[test]
fn an_att_error_leaves_the_link_and_strikes_once() {
    let bench = with(Faults { att_error_at: Some(1), att_code: Some(0x11), ..Faults::default() });
    let mut device = bench.device();
    let mut client = Client::connect(&mut device, 1).unwrap();
    assert_eq!(client.raw(Endpoint::Version, b"x"), Err(Outcome::Att(0x11)));
    client.raw(Endpoint::Version, b"x").unwrap();
}

#[test]
fn a_silent_device_connects_and_never_answers() {
    let bench = with(Faults { silent: true, ..Faults::default() });
    let mut device = bench.device();
    assert_eq!(Client::connect(&mut device, 1).unwrap().raw(Endpoint::Version, b"x"), Err(Outcome::Silence));
}

#[test]
fn a_device_with_another_key_than_its_label_cannot_prove_itself() {
    let bench = with(Faults { wrong_key: true, ..Faults::default() });
    let mut device = bench.device();
    let pinned = device.factory().label(device.spec()).pinned.unwrap().key;
    let mut client = Client::open(&mut device, 1);
    let challenge = [9; 32];
    let reply: IdentityReply = client.message(Endpoint::Identity, &IdentityRequest { challenge: challenge.to_vec() }).unwrap();
    let proven = omniot_shared::claim::identify(&reply, &challenge);
    assert!(proven.is_err() || proven.is_ok_and(|identity| identity.public_key.fingerprint() != pinned));
}

#[test]
fn a_malformed_request_is_told_in_the_reply_and_the_session_goes_on() {
    let bench = with(Faults::default());
    let mut device = bench.device();
    let mut client = Client::open(&mut device, 1);
    let reply: IdentityReply = client.message(Endpoint::Identity, &IdentityRequest { challenge: vec![1; 31] }).unwrap();
    assert_eq!(reply.status(), omniot_shared::claim::messages::Status::Malformed);
    client.identity();
}

#[test]
fn the_same_seed_draws_the_same_faults() {
    let drawn = |seed| {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(seed);
        (0..50).map(|_| Faults::drawn(&mut rng, 60)).collect::<Vec<_>>()
    };
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7), drawn(8));
    assert!(drawn(7).iter().any(|faults| *faults == Faults::default()), "some are spared");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a client writes to whatever endpoint, in the clear or inside the session.
    #[test]
    fn a_device_survives_any_bytes_on_any_endpoint(writes in proptest::collection::vec((0_usize..8, proptest::collection::vec(any::<u8>(), 0..300), any::<bool>()), 1..30)) {
        let bench = Bench::new(ordinary(Security::Sec0));
        let mut device = bench.device();
        let mut client = Client::open(&mut device, 1);
        for (endpoint, bytes, inside) in writes {
            let endpoint = Endpoint::ALL[endpoint];
            let value = if inside { omniot_shared::claim::messages::Chunk { offset: 0, total: u32::try_from(bytes.len()).unwrap(), payload: bytes }.encode_to_vec() } else { bytes };
            let _ = client.raw(endpoint, &value);
        }
        device.disconnect();
        prop_assert_eq!(Client::open(&mut device, 2).identity().epoch, 0, "nothing of it claimed the device");
    }
}
