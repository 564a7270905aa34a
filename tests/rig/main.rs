//! The app's Bluetooth on the real thing: btleplug, the real `bluetoothd`, the kernel's own
//! Bluetooth, and virtual devices behind a virtual controller (COMMISSIONING.md 7.4).
//!
//! These tests run in a virtual machine that `make rig` starts; outside of it they are ignored.
//! `peripherals.py` puts the fleet, which this process carries, into the air.
//!
//! Deliberately not here: faults that the real thing does not have (`tests/bluez`).

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../commissioning/bench.rs"]
#[allow(dead_code, reason = "tests/commissioning uses the rest of it")]
mod bench;
#[path = "../commissioning/ledger.rs"]
#[allow(dead_code, reason = "tests/commissioning uses the rest of it")]
mod ledger;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use omniot_app::{
    RadioChoice,
    commissioning::{
        esp::level::Mode,
        flow::pace::Pace,
        radio::{Advert, Radio, RadioError, RadioState, bluetooth::Bluetooth},
    },
};
use omniot_shared::entities::{AttemptOutcome, Security};
use omniot_tests::virtual_device::{
    advert::{Endpoint, SERVICE},
    carrier::{self, Control},
    fleet::{Fleet, FleetFile, Plan, Slot},
    improv::Make,
    spec::{Kind, Spec},
    timing::Timing,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime, time::timeout};

use bench::{Bench, PASSPHRASE, SSID, device};
use ledger::Place;

/// Where `peripherals.py` looks for the fleet.
const CARRIER: &str = "127.0.0.1:7700";
/// How long the air takes to be there, in a machine that is emulated.
const START: Duration = Duration::from_secs(120);
const SOON: Duration = Duration::from_secs(60);

/// The fleet of this guest, carried as long as its process lives.
struct Rig {
    runtime: Runtime,
    fleet: Arc<Fleet>,
    _state: TempDir,
}

fn improv(serial: &str, improv: Make) -> Spec {
    Spec { kind: Kind::Improv, improv, ..device(serial, Security::Sec0) }
}

/// Runs a body in the rig, once everything is in the air.
fn on_the_rig<F: Future<Output = ()>>(body: impl FnOnce(&'static Rig) -> F) {
    static RIG: OnceLock<Rig> = OnceLock::new();
    let rig = RIG.get_or_init(|| {
        let state = tempfile::tempdir().unwrap();
        let devices = vec![
            device("OM-R001", Security::Sec2Patch1),
            device("OM-R002", Security::Sec2Patch1),
            device("OM-R003", Security::Sec2Patch1),
            improv("OM-R004", Make { button: true, ..Make::default() }),
            improv("OM-R005", Make::default()),
        ];
        let file = FleetFile { networks: Vec::new(), devices };
        // An emulated machine reads slowly that a device has joined or that its button was pressed: both last a little longer
        // than with real ones.
        let timing = Timing { stop_ms: 15_000, auto_stop_ms: 120_000, authorized_ms: 240_000, ..Timing::REAL };
        let fleet = Arc::new(Fleet::build(Plan { file, seed: 1, state_dir: state.path().to_owned(), timing, fault_rate: 0 }).unwrap());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let carried = Arc::clone(&fleet);
        runtime.block_on(async {
            let listener = TcpListener::bind(CARRIER).await.expect("nobody else is in this guest");
            tokio::spawn(carrier::serve(listener, carried, Control::Refused));
            let mut silent: Vec<String> = fleet.slots.iter().map(|slot| slot.device().spec().name().to_owned()).collect();
            hear(&Bluetooth::new(), START, |name| {
                silent.retain(|waited| waited != name);
                silent.is_empty()
            })
            .await;
        });
        Rig { runtime, fleet, _state: state }
    });
    rig.runtime.block_on(body(rig));
}

impl Rig {
    fn slot(&self, name: &str) -> &Slot {
        self.fleet.named(name)[0]
    }

    /// A bench of its own, for one of the devices.
    async fn bench(&self) -> Bench {
        let state = tempfile::tempdir().unwrap();
        Bench::over(RadioChoice::Bluetooth, (Arc::clone(&self.fleet), state), Pace::default(), Mode::Field).await
    }
}

/// The advert whose name is the wanted one.
async fn hear(radio: &Bluetooth, limit: Duration, mut is_wanted: impl FnMut(&str) -> bool) -> Advert {
    let heard = async {
        let mut adverts = radio.scan().await.expect("the radio scans");
        loop {
            let advert = adverts.recv().await.expect("the scan lives");
            if advert.name.as_deref().is_some_and(&mut is_wanted) {
                radio.stop_scan().await.expect("the scan stops");
                return advert;
            }
        }
    };
    timeout(limit, heard).await.expect("it is heard")
}

/// The way from the label to the end.
async fn commission(bench: &Bench, serial: &str) -> Value {
    bench.begin(serial).await;
    bench.until("needs_network").await;
    bench.join(SSID, PASSPHRASE).await;
    bench.until("succeeded").await
}

/// Somebody sees that the right one blinks, and is asked for a network.
async fn at_the_network(bench: &Bench, slot: &Slot) -> Value {
    bench.until("needs_confirm").await;
    assert!(slot.device().blinks(slot.now()), "it shows itself");
    assert_eq!(bench.act("identify", json!({"confirmed": true})).await.status, 200);
    bench.until("needs_network").await
}

#[test]
#[ignore = "runs in the kernel rig: make rig"]
fn a_device_is_heard_read_and_written_through_the_kernel() {
    on_the_rig(async |rig| {
        let radio = Bluetooth::new();
        assert_eq!(radio.state().await, RadioState::Ready);
        let advert = hear(&radio, SOON, |name| name == "OM-R001").await;
        assert!(advert.services.contains(&SERVICE), "{advert:?}");
        assert!(advert.rssi.is_some());
        let link = timeout(SOON, radio.connect(&advert.address)).await.unwrap().expect("the device takes the link");
        let endpoints = timeout(SOON, link.discover()).await.unwrap().expect("its services are found");
        for endpoint in Endpoint::ALL {
            let found = endpoints.iter().find(|found| found.uuid == endpoint.uuid()).expect("each endpoint");
            assert_eq!(found.name.as_deref(), Some(endpoint.name()), "the text of descriptor 0x2901");
        }
        assert_eq!(link.mtu(), 256, "what the device allows");
        link.write(Endpoint::Version.uuid(), b"ESP").await.unwrap();
        assert!(String::from_utf8(link.read(Endpoint::Version.uuid()).await.unwrap()).unwrap().contains("netprov-v1.2"));
        assert_eq!(link.write(Endpoint::Session.uuid(), b"junk").await, Err(RadioError::Att(0x04)), "the device's own refusal");
        assert_eq!(link.write(Endpoint::Session.uuid(), &[0; 400]).await, Err(RadioError::Att(0x04)), "a long write arrives whole");
        {
            let mut device = rig.fleet.named("OM-R001")[0].device();
            device.faults.drop_at = Some(device.operations() + 1);
        }
        assert_eq!(link.write(Endpoint::Version.uuid(), b"ESP").await, Err(RadioError::Gone), "a link that breaks is no refusal");
        timeout(SOON, link.closed()).await.expect("the link says that it is over");
        radio.forget(&advert.address).await;
        let again = hear(&radio, SOON, |name| name == "OM-R001").await;
        let link = timeout(SOON, radio.connect(&again.address)).await.unwrap().expect("the device takes a link again");
        link.disconnect().await;
        let free = async {
            while rig.fleet.named("OM-R001")[0].device().linked() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(SOON, free).await.expect("the device has its link back");
    });
}

#[test]
#[ignore = "runs in the kernel rig: make rig"]
fn a_device_is_commissioned_over_the_kernels_bluetooth() {
    on_the_rig(async |rig| {
        let bench = rig.bench().await;
        let done = commission(&bench, "OM-R002").await;
        assert_eq!(done["warnings"], json!([]), "{done:#}");
        let attempt = bench.ledger.attempt();
        assert_eq!((attempt.outcome, attempt.radio.as_str(), attempt.security), (AttemptOutcome::Succeeded, "bluetooth", Some(Security::Sec2Patch1)));
        assert_eq!((attempt.mtu, attempt.epoch, attempt.identity_verified), (Some(256), Some(1), true));
        assert!(rig.fleet.named("OM-R002")[0].device().identity().owner.is_some(), "the device knows its owner");
        let causes: Vec<_> = attempt.steps.iter().filter_map(|step| step.cause.as_deref()).collect();
        assert_eq!(causes, ["offline_deferred"], "nothing had to be tried again: {:#?}", attempt.steps);
    });
}

#[test]
#[ignore = "runs in the kernel rig: make rig"]
fn a_wrong_proof_and_a_broken_link_are_told_apart_and_survived() {
    on_the_rig(async |rig| {
        let bench = rig.bench().await;
        // The fifth operation of a link carries the proof.
        bench.faults("OM-R003", |faults| (faults.drop_at, faults.wrong_pop) = (Some(5), true));
        bench.begin("OM-R003").await;
        bench.until("needs_pop").await;
        let right = format!("{}x", rig.fleet.named("OM-R003")[0].device().factory().pop);
        assert_eq!(bench.act("pop", json!({"pop": right})).await.status, 200);
        bench.until("needs_network").await;
        bench.join(SSID, PASSPHRASE).await;
        bench.until("succeeded").await;
        let attempt = bench.ledger.attempt();
        let causes: Vec<_> = attempt.steps.iter().filter_map(|step| step.cause.as_deref()).collect();
        assert_eq!(causes, ["link_lost", "wrong_pop", "offline_deferred"], "{:#?}", attempt.steps);
    });
}

#[test]
#[ignore = "runs in the kernel rig: make rig"]
fn an_improv_device_is_chosen_from_the_list_and_joins_its_network() {
    on_the_rig(async |rig| {
        let (bench, slot) = (rig.bench().await, rig.slot("OM-R004"));
        assert_eq!(bench.choose("OM-R004").await["protocol"], "improv", "the list knows what it is");
        bench.until("needs_button").await;
        slot.device().press_button(slot.now());
        bench.past("needs_button").await;
        let asked = at_the_network(&bench, slot).await;
        assert_eq!(asked["warnings"], json!(["improv_open", "not_claimed"]), "said before it gets a passphrase");
        let seen: Vec<_> = asked["networks"].as_array().unwrap().iter().map(|network| network["ssid"].as_str().unwrap()).collect();
        assert_eq!(seen, [SSID, "Office", "Legacy-AP", "Guest"], "as the device sees them");
        bench.join(SSID, PASSPHRASE).await;
        let done = bench.until("succeeded").await;
        assert_eq!((&done["claimed"], &done["url"]), (&json!(false), &json!("http://192.168.1.42/")), "its last word is heard");
        assert!(slot.device().joined(slot.now()), "it is in the network");
        let attempt = bench.ledger.attempt();
        assert_eq!((attempt.outcome, attempt.radio.as_str(), attempt.protocol.as_deref()), (AttemptOutcome::Succeeded, "bluetooth", Some("improv")));
        assert_eq!((attempt.security, attempt.identity_verified, attempt.mtu), (None, false, Some(256)), "nobody believes that it is ours");
        assert_eq!((attempt.firmware.as_deref(), attempt.network_name.as_deref()), (Some("OM-SENSE-1 1.4.2"), Some(SSID)));
        assert_eq!(bench.ledger.count(|place| *place == Place::Free), 10, "no grant leaves for it");
        let causes: Vec<_> = attempt.steps.iter().filter_map(|step| step.cause.as_deref()).collect();
        assert_eq!(causes, ["not_offered"; 3], "nothing had to be tried again: {:#?}", attempt.steps);
    });
}

#[test]
#[ignore = "runs in the kernel rig: make rig"]
fn an_improv_device_that_got_a_wrong_passphrase_says_so_and_takes_the_right_one() {
    on_the_rig(async |rig| {
        let (bench, slot) = (rig.bench().await, rig.slot("OM-R005"));
        bench.choose("OM-R005").await;
        at_the_network(&bench, slot).await;
        bench.join(SSID, "wrong-password").await;
        let asked = bench.until("needs_network").await;
        assert_eq!(asked["failure"], json!({"cause": "unable_to_connect", "step": "join", "retriable": true}));
        assert!(!slot.device().joined(slot.now()));
        bench.join(SSID, PASSPHRASE).await;
        bench.until("succeeded").await;
        assert!(slot.device().joined(slot.now()), "it is in the network");
        let attempt = bench.ledger.attempt();
        assert_eq!(attempt.outcome, AttemptOutcome::Succeeded);
        let of = |step: &str| attempt.steps.iter().filter(|row| row.step == step).map(|row| row.cause.as_deref()).collect::<Vec<_>>();
        assert_eq!((of("connect"), of("join")), (vec![None], vec![Some("unable_to_connect"), None]), "over one link: {:#?}", attempt.steps);
    });
}
