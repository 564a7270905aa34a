use omniot_app::commissioning::esp::{
    EspError,
    config::Joining,
    endpoints::Endpoints,
    level::{self, Mode, PopSource},
};
use omniot_shared::{
    claim::messages::{IdentifyReply, IdentifyRequest, Status},
    entities::Security,
    label,
};

use super::{Bench, Client, ordinary};
use crate::virtual_device::{
    advert::Endpoint,
    device::Outcome,
    faults::{FalseSuccess, Faults},
    spec::{Spec, Stack},
    timing::Timing,
};

const LEVELS: [Security; 4] = [Security::Sec0, Security::Sec1, Security::Sec2Patch0, Security::Sec2Patch1];

#[test]
fn the_apps_client_takes_a_device_from_handshake_to_network_at_each_level() {
    for security in LEVELS {
        let bench = Bench::new(ordinary(security));
        let mut device = bench.device();
        let mut client = Client::open(&mut device, 1);
        assert_eq!(client.networks(), ["Plant-Floor", "Office", "Legacy-AP", "Guest"]);
        client.join("Plant-Floor", "press-on-2026");
        assert_eq!(client.joining(1), Ok(Joining::Connecting(None)));
        let joined = client.joining(1000).unwrap();
        assert!(matches!(joined, Joining::Connected { ssid, .. } if ssid == b"Plant-Floor"), "{security:?}");
        let now = client.now;
        assert!(!device.tick(now + Timing::FAST.stop_ms - 1));
        assert!(device.tick(now + Timing::FAST.stop_ms), "it ends its link after it was polled");
        assert!(!device.advertises(now + 60_000), "and is done with provisioning");
        assert!(bench.device().joined(60_000), "after a restart it joins by itself");
    }
}

#[test]
fn a_wrong_password_is_mended_on_the_same_link() {
    let bench = Bench::new(ordinary(Security::Sec2Patch1));
    let mut device = bench.device();
    let mut client = Client::open(&mut device, 1);
    client.join("Office", "coffee");
    assert_eq!(client.joining(1000), Ok(Joining::WrongPassphrase));
    client.reset();
    client.join("Nowhere", "x");
    assert_eq!(client.joining(1000), Ok(Joining::NotFound));
    client.reset();
    client.join("Office", "tea at four");
    assert!(matches!(client.joining(1000), Ok(Joining::Connected { .. })));
}

#[test]
fn what_the_air_announces_is_what_the_label_demands_unless_it_lies() {
    for security in LEVELS {
        let bench = Bench::new(ordinary(security));
        let mut device = bench.device();
        let pop = device.factory().label(device.spec()).pop.map_or(PopSource::None, |pop| PopSource::Label(pop.bits()));
        let version = Client::connect(&mut device, 1).unwrap().version();
        let judged = level::judge(&version, Some(security), pop, Mode::Developer);
        assert_eq!(judged.map(|(level, _)| level).ok(), Some(security), "{version:?}");
    }
    let bench = Bench::new(Spec { faults: Faults { downgrade: Some(Security::Sec1), ..Faults::default() }, ..ordinary(Security::Sec2Patch1) });
    let mut device = bench.device();
    let version = Client::connect(&mut device, 1).unwrap().version();
    assert!(level::judge(&version, Some(Security::Sec2Patch1), PopSource::Label(80), Mode::Field).is_err(), "the app refuses the downgrade");
}

#[test]
fn a_wrong_pop_fails_as_its_stack_fails() {
    for (stack, refused, lives) in [(Stack::Nimble, Outcome::Att(0x04), true), (Stack::Bluedroid, Outcome::AttThenGone(0x85), false)] {
        for security in [Security::Sec1, Security::Sec2Patch1] {
            let bench = Bench::new(Spec { stack, ..ordinary(security) });
            let mut device = bench.device();
            let pop = device.factory().pop.clone();
            let mut client = Client::connect(&mut device, 1).unwrap();
            assert_eq!(client.shake_hands(security, "guess"), Err(refused.clone()), "{stack:?} {security:?}");
            assert_eq!(client.device.linked(), lives);
            if lives {
                client.shake_hands(security, &pop).expect("another try on the same link");
            }
        }
    }
}

#[test]
fn a_false_success_is_not_taken_by_the_app() {
    for lie in [FalseSuccess::Empty, FalseSuccess::Truncated] {
        let bench = Bench::new(Spec { faults: Faults { false_success: Some(lie), ..Faults::default() }, ..ordinary(Security::Sec2Patch1) });
        let mut device = bench.device();
        let mut client = Client::open(&mut device, 1);
        client.join("Office", "wrong");
        let told = client.joining(1000);
        assert!(matches!(told, Err(EspError::FalseSuccess | EspError::Unreadable)), "{lie:?}: {told:?}");
    }
}

#[test]
fn the_label_names_the_device_as_it_advertises_and_proves_itself() {
    let bench = Bench::new(ordinary(Security::Sec2Patch1));
    let mut device = bench.device();
    let text = device.factory().label(device.spec()).to_json();
    let Ok(label::Scanned::Label(label)) = label::read(&text) else { panic!("{text}") };
    assert_eq!(label.name, device.spec().name());
    assert!(label.pop.as_ref().is_some_and(|pop| pop.bits() >= 64), "strong enough for security 1");
    let pinned = label.pinned.unwrap();
    let identity = Client::open(&mut device, 1).identity();
    assert_eq!((identity.serial.as_str(), identity.public_key.fingerprint()), (pinned.serial.as_str(), pinned.key));
}

#[test]
fn a_device_shows_itself_and_says_so_with_an_empty_reply() {
    for security in LEVELS {
        let bench = Bench::new(ordinary(security));
        let mut device = bench.device();
        let mut client = Client::open(&mut device, 1);
        let reply: IdentifyReply = client.message(Endpoint::Identify, &IdentifyRequest { seconds: 30 }).unwrap();
        assert_eq!(reply.status(), Status::Ok, "{security:?}");
        assert!(client.device.blinks(30_000) && !client.device.blinks(30_001));
        let reply: IdentifyReply = client.message(Endpoint::Identify, &IdentifyRequest { seconds: 61 }).unwrap();
        assert_eq!(reply.status(), Status::Malformed, "{security:?}");
    }
}

#[test]
fn a_long_write_and_an_unknown_characteristic_are_att_errors() {
    let bench = Bench::new(ordinary(Security::Sec2Patch1));
    let mut device = bench.device();
    let mut client = Client::connect(&mut device, 1).unwrap();
    assert_eq!(client.raw(Endpoint::Session, &[0; 513]), Err(Outcome::Att(0x0d)));
    assert_eq!(client.device.write(uuid::Uuid::nil(), b"x", 1), Outcome::Att(0x0a));
    assert_eq!(client.device.write(Endpoint::Version.uuid(), b"", 1), Outcome::Value(Vec::new()), "NimBLE ignores an empty write");
    assert_eq!(client.raw(Endpoint::Config, b"\x52\x00"), Err(Outcome::Att(0x04)), "no session yet");
}

#[test]
fn the_apps_map_of_endpoints_holds_with_names_and_without() {
    for named in [true, false] {
        let discovered: Vec<_> = Endpoint::ALL
            .into_iter()
            .map(|endpoint| omniot_app::commissioning::radio::Endpoint {
                uuid: endpoint.uuid(),
                name: named.then(|| endpoint.name().to_owned()),
                properties: Default::default(),
            })
            .collect();
        let map = Endpoints::read(&discovered);
        for endpoint in Endpoint::ALL {
            assert_eq!(map.get(endpoint.name()), Some(endpoint.uuid()), "{} with names: {named}", endpoint.name());
        }
    }
}
