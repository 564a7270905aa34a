//! Whole commissions through the system's Bluetooth, with what goes wrong there.

use std::{sync::Arc, time::Duration};

use omniot_app::{
    RadioChoice,
    commissioning::{esp::level::Mode, flow::pace::Pace},
};
use omniot_shared::entities::{AttemptOutcome, Security};
use omniot_tests::{
    bluez::{
        Bluez,
        bus::{
            Policy::{Closed, Open},
            on_a_bus,
        },
        faults::Stale,
    },
    virtual_device::{
        carrier,
        device::Power,
        spec::{Kind, Spec, Stack},
    },
};
use serde_json::{Value, json};

use crate::{
    bench::{self, Bench, PASSPHRASE, SSID, device, quick},
    ledger::Place,
    table::until,
};

const SERIAL: &str = "OM-0001";

async fn bench_with(bus: &str, devices: Vec<Spec>, pace: Pace) -> (Bench, Bluez) {
    let (fleet, state) = bench::fleet(devices);
    carrier::animate(&fleet);
    let bluez = Bluez::start(bus, Arc::clone(&fleet)).await.expect("our org.bluez starts");
    let bench = Bench::over(RadioChoice::Bluetooth, (fleet, state), pace, Mode::Field).await;
    (bench, bluez)
}

async fn bench(bus: &str, security: Security) -> (Bench, Bluez) {
    bench_with(bus, vec![device(SERIAL, security)], pace()).await
}

/// As the bench has it; several benches side by side hear a device later.
fn pace() -> Pace {
    Pace { find: Duration::from_secs(10), ..quick() }
}

/// The technician tries once more.
async fn retry(bench: &Bench) {
    assert_eq!(bench.act("retry", Value::Null).await.status, 200);
}

/// On from the question for a network to the end.
async fn finish(bench: &Bench) -> Value {
    bench.until("needs_network").await;
    bench.join(SSID, PASSPHRASE).await;
    bench.until("succeeded").await
}

#[test]
fn a_device_is_commissioned_through_the_systems_bluetooth() {
    on_a_bus(Open, async |bus| {
        let devices = [("OM-0001", Security::Sec2Patch1), ("OM-0002", Security::Sec2Patch0), ("OM-0003", Security::Sec1)];
        let (bench, bluez) = bench_with(&bus, devices.iter().map(|(serial, security)| device(serial, *security)).collect(), pace()).await;
        for (number, (serial, security)) in devices.into_iter().enumerate() {
            bench.commission(serial).await;
            let attempt = bench.ledger.books().attempts[number].clone();
            assert_eq!((attempt.outcome, attempt.security, attempt.radio.as_str()), (AttemptOutcome::Succeeded, Some(security), "bluetooth"));
            assert_eq!((attempt.serial.as_deref(), attempt.epoch, attempt.mtu), (Some(serial), Some(1), Some(256)));
            assert!(attempt.identity_verified && attempt.rssi.is_some());
            assert!(bench.fleet.named(serial)[0].device().identity().owner.is_some(), "the device knows its owner");
        }
        assert_eq!(bluez.most_in_flight(), 1, "one operation at a time");
        assert_eq!(bluez.calls("Connect").len(), devices.len(), "each at the first try: the scan was stopped before");
        assert!(!bluez.scans(), "nobody listens any more");
    });
}

#[test]
fn a_connect_is_tried_four_times_with_longer_and_longer_waits() {
    on_a_bus(Open, async |bus| {
        let pace = Pace { connect_again: Pace::default().connect_again, ..pace() };
        let (bench, bluez) = bench_with(&bus, vec![device(SERIAL, Security::Sec2Patch1)], pace).await;
        bluez.faults().connects_fail.extend(["le-connection-abort-by-local"; 3]);
        bench.begin(SERIAL).await;
        finish(&bench).await;
        let tries: Vec<_> = bluez.calls("Connect").iter().map(|call| call.at).collect();
        let waits: Vec<_> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(waits.len(), 3);
        for (wait, least) in waits.iter().zip([350, 1000, 2000]) {
            assert!(*wait >= Duration::from_millis(least), "{waits:?}");
        }
    });
}

#[test]
fn a_device_that_never_takes_the_link_is_a_failure_with_a_name() {
    on_a_bus(Open, async |bus| {
        let (bench, bluez) = bench(&bus, Security::Sec2Patch1).await;
        bluez.faults().connects_fail.extend(["le-connection-abort-by-local"; 4]);
        bench.begin(SERIAL).await;
        bench.until_failed("connect_failed").await;
        assert_eq!((bluez.calls("Connect").len(), bluez.calls("Disconnect").len()), (4, 4), "each was closed");
        retry(&bench).await;
        finish(&bench).await;
    });
}

#[test]
fn a_connect_that_is_never_answered_meets_its_deadline_and_is_tried_again() {
    on_a_bus(Open, async |bus| {
        let (bench, bluez) = bench(&bus, Security::Sec2Patch1).await;
        bluez.faults().mute.insert("Connect");
        bench.begin(SERIAL).await;
        bench.until_failed("connect_failed").await;
        until("nothing keeps the device's only link", || !bench.fleet.slots[0].device().linked()).await;
        bluez.faults().mute.clear();
        retry(&bench).await;
        finish(&bench).await;
    });
}

#[test]
fn services_of_an_older_firmware_are_forgotten_and_looked_for_anew() {
    on_a_bus(Open, async |bus| {
        for stale in [Stale::MissesOne, Stale::WrongHandles] {
            let (bench, bluez) = bench(&bus, Security::Sec2Patch1).await;
            bluez.remember_old_services(SERIAL, stale);
            bench.begin(SERIAL).await;
            finish(&bench).await;
            assert_eq!(bluez.calls("RemoveDevice").len(), 1, "{stale:?}");
            drop(bluez);
            bench.app.close().await;
            // The name is free again when the service has left the bus.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
}

#[test]
fn a_link_that_drops_at_any_operation_is_taken_up_again_and_is_no_wrong_proof() {
    on_a_bus(Open, async |bus| {
        let devices: Vec<Spec> = (1..=9).map(|at| device(&format!("OM-{at:04}"), Security::Sec2Patch1)).collect();
        let (bench, _bluez) = bench_with(&bus, devices, pace()).await;
        for at in 1..=9 {
            let serial = format!("OM-{at:04}");
            bench.faults(&serial, |faults| faults.drop_at = Some(at));
            bench.begin(&serial).await;
            finish(&bench).await;
            let attempt = bench.ledger.books().attempts.last().cloned().unwrap();
            assert_eq!((attempt.epoch, attempt.cause), (Some(1), None), "dropped at {at}");
            let causes: Vec<_> = attempt.steps.iter().filter_map(|step| step.cause.as_deref()).collect();
            assert!(causes.contains(&"link_lost") && !causes.contains(&"wrong_pop"), "dropped at {at}: {causes:?}");
        }
        assert_eq!(bench.ledger.count(|place| *place == Place::Spent), 9);
    });
}

#[test]
fn a_wrong_proof_is_asked_for_again_whatever_the_stack_says() {
    on_a_bus(Open, async |bus| {
        let devices = vec![device("OM-0001", Security::Sec2Patch1), Spec { stack: Stack::Bluedroid, ..device("OM-0002", Security::Sec2Patch1) }];
        let (bench, _bluez) = bench_with(&bus, devices, pace()).await;
        for serial in ["OM-0001", "OM-0002"] {
            bench.faults(serial, |faults| faults.wrong_pop = true);
            bench.begin(serial).await;
            bench.until("needs_pop").await;
            let right = format!("{}x", bench.fleet.named(serial)[0].device().factory().pop);
            assert_eq!(bench.act("pop", json!({"pop": right})).await.status, 200);
            finish(&bench).await;
        }
    });
}

#[test]
fn an_improv_device_takes_the_right_passphrase_after_a_wrong_one_whatever_the_system_repeats() {
    on_a_bus(Open, async |bus| {
        let lamp = Spec { kind: Kind::Improv, ..device(SERIAL, Security::Sec0) };
        let (bench, _bluez) = bench_with(&bus, vec![lamp], pace()).await;
        bench.choose(SERIAL).await;
        bench.until("needs_confirm").await;
        bench.act("identify", json!({"confirmed": true})).await;
        for wrong in ["wrong-password", "wrong-again"] {
            bench.until("needs_network").await;
            bench.join(SSID, wrong).await;
            assert_eq!(bench.until("needs_network").await["failure"]["cause"], "unable_to_connect");
        }
        assert_eq!(finish(&bench).await["url"], "http://192.168.1.42/");
        assert_eq!(bench.ledger.attempt().mtu, Some(256), "known once its services are");
    });
}

#[test]
fn an_adapter_that_is_off_or_gone_is_named_and_retried_when_it_is_back() {
    on_a_bus(Open, async |bus| {
        let (bench, bluez) = bench(&bus, Security::Sec2Patch1).await;
        bluez.power("hci0", false).await;
        assert_eq!(bench.ask("POST", "/app/radio/scan", Value::Null).await.code(), Some("adapter_off"));
        bench.begin(SERIAL).await;
        bench.until_failed("adapter_off").await;
        bluez.unplug("hci0").await;
        retry(&bench).await;
        bench.until_failed("adapter_absent").await;
        bluez.plug("hci0").await;
        retry(&bench).await;
        finish(&bench).await;
    });
}

#[test]
fn an_adapter_that_goes_off_under_the_pages_scan_is_named_at_once() {
    on_a_bus(Open, async |bus| {
        let pace = Pace { find: Duration::from_secs(20), ..pace() };
        let (bench, bluez) = bench_with(&bus, vec![device(SERIAL, Security::Sec2Patch1)], pace).await;
        assert_eq!(bench.ask("POST", "/app/radio/scan", Value::Null).await.status, 204);
        bluez.power("hci0", false).await;
        for slot in &bench.fleet.slots {
            slot.device().power(Power::Off, slot.now());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        bench.begin(SERIAL).await;
        bench.until_failed("adapter_off").await;
    });
}

#[test]
fn a_person_who_may_not_use_bluetooth_learns_it_from_the_commission() {
    on_a_bus(Closed, async |bus| {
        let (bench, _bluez) = bench(&bus, Security::Sec2Patch1).await;
        assert_eq!(bench.ask("POST", "/app/radio/scan", Value::Null).await.code(), Some("no_permission"));
        bench.begin(SERIAL).await;
        bench.until_failed("no_permission").await;
    });
}

#[test]
fn a_device_that_only_the_cache_knows_is_not_advertising() {
    on_a_bus(Open, async |bus| {
        let pace = Pace { find: Duration::from_millis(500), ..pace() };
        let (bench, bluez) = bench_with(&bus, vec![device(SERIAL, Security::Sec2Patch1)], pace).await;
        for slot in &bench.fleet.slots {
            slot.device().power(Power::Off, slot.now());
        }
        bluez.remember(SERIAL);
        bench.begin(SERIAL).await;
        bench.until_failed("not_advertising").await;
        assert!(bluez.calls("Connect").is_empty(), "nobody tried to reach what was not heard");
    });
}

#[test]
fn a_link_that_a_killed_app_left_behind_is_given_back_at_the_next_start() {
    on_a_bus(Open, async |bus| {
        let (mut bench, bluez) = bench(&bus, Security::Sec2Patch1).await;
        bench.begin(SERIAL).await;
        bench.until("needs_network").await;
        // Nobody says goodbye for a process that is killed, and BlueZ keeps the link.
        bluez.faults().deaf.insert("Disconnect");
        bench.kill_and_start().await;
        until("its last word was not heard", || !bluez.calls("Disconnect").is_empty()).await;
        bluez.faults().deaf.clear();
        bench.commission(SERIAL).await;
        let outcomes: Vec<_> = bench.ledger.books().attempts.iter().map(|attempt| attempt.outcome).collect();
        assert_eq!(outcomes, [AttemptOutcome::Interrupted, AttemptOutcome::Succeeded]);
    });
}

#[test]
fn a_device_that_falls_silent_meets_the_deadline_and_the_link_is_closed() {
    on_a_bus(Open, async |bus| {
        let pace = Pace { discover: Duration::from_millis(400), exchange: Duration::from_millis(400), operation: Duration::from_millis(200), ..pace() };
        let (bench, bluez) = bench_with(&bus, vec![device(SERIAL, Security::Sec2Patch1)], pace).await;
        bench.faults(SERIAL, |faults| faults.silent = true);
        bench.begin(SERIAL).await;
        bench.until_failed("no_answer").await;
        assert_eq!(bluez.most_in_flight(), 1, "no operation went out beside the one that was given up");
        bench.faults(SERIAL, |faults| faults.silent = false);
    });
}
