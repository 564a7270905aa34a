//! The flight recorder, and causes that only what happens on the radio can name.

use std::time::Duration;

use omniot_app::commissioning::{esp::level::Mode, flow::pace::Pace};
use omniot_shared::{
    attachment::trace::{self, Trace},
    entities::{AttemptOutcome, Security, StepOutcome},
};
use omniot_tests::virtual_device::spec::{Kind, Spec, Stack};
use serde_json::{Value, json};

use crate::bench::{Bench, PASSPHRASE, SITE, SSID, device, quick};

/// What was kept of the one attempt.
fn kept(bench: &Bench) -> Trace {
    let attempt = bench.ledger.attempt();
    trace::unpack(&bench.ledger.books().traces[&attempt.id]).unwrap()
}

async fn one(security: Security) -> Bench {
    Bench::with(vec![device("OM-0001", security)]).await
}

#[tokio::test]
async fn every_operation_is_written_down_with_its_step_sizes_time_and_outcome() {
    let bench = one(Security::Sec2Patch1).await;
    bench.commission("OM-0001").await;
    let trace = kept(&bench);
    let kinds: Vec<&str> = trace.operations.iter().map(|one| one.kind.as_str()).collect();
    for kind in ["scan", "scan_end", "connect", "mtu", "discover", "write", "read", "disconnect"] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    assert!(trace.operations.is_sorted_by_key(|one| one.at_ms));
    let handshake: Vec<_> = trace.operations.iter().filter(|one| one.step == "handshake").collect();
    let sizes: Vec<_> = handshake.iter().map(|one| (one.kind.as_str(), one.endpoint.as_deref(), one.size)).collect();
    let session = Some("prov-session");
    assert_eq!(sizes, [("write", session, Some(406)), ("read", session, Some(416)), ("write", session, Some(75)), ("read", session, Some(89))], "as COMMISSIONING.md 2.4 has them");
    let mtu = trace.operations.iter().find(|one| one.kind == "mtu").unwrap();
    assert_eq!((mtu.size, mtu.step.as_str()), (bench.ledger.attempt().mtu, "connect"));
    assert!(trace.operations.iter().all(|one| one.outcome == "ok" && one.retry == 0), "{trace:#?}");
    let live = bench.ask("GET", "/app/commissions/current/trace", Value::Null).await;
    assert_eq!((live.status, live.body["operations"].as_array().map(Vec::len)), (200, Some(trace.operations.len())), "the page sees the same");
}

#[tokio::test]
async fn what_failed_is_marked_with_code_and_retry() {
    let bench = one(Security::Sec1).await;
    bench.faults("OM-0001", |faults| faults.gatt_133 = 2);
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.act("cancel", Value::Null).await;
    let trace = kept(&bench);
    let connects: Vec<_> = trace.operations.iter().filter(|one| one.kind == "connect").map(|one| (one.outcome.as_str(), one.code, one.retry)).collect();
    assert_eq!(connects, [("gatt", Some(133), 0), ("gatt", Some(133), 1), ("ok", None, 2)]);
}

#[tokio::test]
async fn an_operation_that_nobody_waits_for_any_more_is_given_up_in_the_trace() {
    let pace = Pace { exchange: Duration::from_millis(200), operation: Duration::from_millis(80), ..quick() };
    let bench = Bench::at_pace(vec![device("OM-0001", Security::Sec1)], pace, Mode::Field).await;
    bench.faults("OM-0001", |faults| faults.silent = true);
    bench.begin("OM-0001").await;
    bench.until_failed("no_answer").await;
    bench.act("cancel", Value::Null).await;
    let trace = kept(&bench);
    assert!(trace.operations.iter().any(|one| one.outcome == "given_up" && one.duration_ms >= 60), "{trace:#?}");
}

#[tokio::test]
async fn notifications_of_an_improv_device_are_in_the_trace_by_their_size() {
    let bench = Bench::with(vec![Spec { kind: Kind::Improv, ..device("OM-0001", Security::Sec0) }]).await;
    let address = bench.fleet.slots[0].device().factory().address();
    bench.ask("POST", "/app/commissions", json!({"address": address, "site_id": SITE})).await;
    bench.until("needs_confirm").await;
    bench.act("identify", json!({"confirmed": true})).await;
    bench.until("needs_network").await;
    bench.join(SSID, PASSPHRASE).await;
    bench.until("succeeded").await;
    let trace = kept(&bench);
    let of = |kind: &str, endpoint: &str| trace.operations.iter().any(|one| one.kind == kind && one.endpoint.as_deref() == Some(endpoint) && (kind == "subscribe" || one.size.is_some_and(|size| size > 0)));
    assert!(of("subscribe", "improv-result") && of("notification", "improv-state") && of("write", "improv-command"), "{trace:#?}");
}

#[tokio::test]
async fn a_trace_outlives_a_kill_in_the_middle_of_a_step() {
    let pace = Pace { join: Duration::from_secs(20), ..quick() };
    let mut bench = Bench::at_pace(vec![device("OM-0001", Security::Sec1)], pace, Mode::Field).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.faults("OM-0001", |faults| faults.no_address = true);
    bench.join(SSID, PASSPHRASE).await;
    let kept_in_join = async {
        loop {
            let traces: Vec<Vec<u8>> = bench.ledger.books().traces.values().cloned().collect();
            if traces.iter().filter_map(|packed| trace::unpack(packed).ok()).any(|trace| trace.operations.iter().any(|one| one.step == "join")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), kept_in_join).await.expect("it goes to the disk while the step still runs");
    bench.kill_and_start().await;
    let attempt = bench.ledger.attempt();
    assert_eq!(attempt.outcome, AttemptOutcome::Interrupted);
    assert!(kept(&bench).operations.iter().any(|one| one.step == "join"), "and belongs to the attempt of what was interrupted");
}

#[tokio::test]
async fn what_the_page_does_with_the_radio_is_nobodys_trace() {
    let bench = one(Security::Sec1).await;
    bench.ask("POST", "/app/radio/scan", Value::Null).await;
    assert_eq!(bench.ask("GET", "/app/commissions/current/trace", Value::Null).await.status, 404);
    bench.commission("OM-0001").await;
    let before = kept(&bench);
    bench.ask("DELETE", "/app/radio/scan", Value::Null).await;
    bench.ask("POST", "/app/radio/scan", Value::Null).await;
    let live = bench.ask("GET", "/app/commissions/current/trace", Value::Null).await.body;
    assert_eq!(live["operations"].as_array().map(Vec::len), Some(before.operations.len()));
}

#[tokio::test]
async fn the_systems_own_word_for_a_connect_that_fails_is_the_cause() {
    for (cause, fault) in [("gatt_error", 133), ("not_established", 0x3e)] {
        let bench = one(Security::Sec1).await;
        bench.faults("OM-0001", |faults| if fault == 133 { faults.gatt_133 = 4 } else { faults.hci_3e = 4 });
        bench.begin("OM-0001").await;
        let now = bench.until_failed(cause).await;
        assert_eq!((&now["failure"]["step"], &now["failure"]["retriable"]), (&json!("connect"), &json!(true)));
        bench.act("retry", Value::Null).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        bench.until("needs_network").await;
    }
}

#[tokio::test]
async fn a_link_that_breaks_where_the_device_is_hardly_heard_is_out_of_range() {
    for (rssi, cause) in [(-93, "out_of_range"), (-60, "link_lost")] {
        let bench = one(Security::Sec1).await;
        bench.faults("OM-0001", |faults| {
            faults.rssi = Some(rssi);
            faults.drop_at = Some(3);
        });
        bench.begin("OM-0001").await;
        bench.until("needs_network").await;
        bench.act("cancel", Value::Null).await;
        let attempt = bench.ledger.attempt();
        let causes: Vec<_> = attempt.steps.iter().filter(|step| step.outcome == StepOutcome::Failed).filter_map(|step| step.cause.as_deref()).collect();
        assert_eq!(causes, [cause], "{rssi} dBm");
    }
}

#[tokio::test]
async fn an_att_error_is_named_by_what_the_stack_of_the_device_says() {
    for (stack, code, cause) in [(Stack::Nimble, 0x04, "att_invalid_pdu"), (Stack::Bluedroid, 0x85, "att_application_error"), (Stack::Nimble, 0x0e, "invalid_reply")] {
        let bench = Bench::with(vec![Spec { stack, ..device("OM-0001", Security::Sec1) }]).await;
        bench.faults("OM-0001", |faults| {
            faults.att_error_at = Some(1);
            faults.att_code = Some(code);
        });
        bench.begin("OM-0001").await;
        bench.until("needs_network").await;
        bench.act("cancel", Value::Null).await;
        let attempt = bench.ledger.attempt();
        let failed = attempt.steps.iter().find(|step| step.outcome == StepOutcome::Failed).unwrap();
        assert_eq!((failed.step.as_str(), failed.cause.as_deref()), ("version", Some(cause)), "{code:#04x}");
    }
}

#[tokio::test]
async fn a_network_that_gives_no_address_is_told_from_one_that_does_not_let_in() {
    let pace = Pace { join: Duration::from_millis(400), ..quick() };
    let bench = Bench::at_pace(vec![device("OM-0001", Security::Sec2Patch1)], pace, Mode::Field).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.faults("OM-0001", |faults| faults.no_address = true);
    bench.join(SSID, PASSPHRASE).await;
    let now = bench.until_failed("no_address").await;
    assert_eq!((&now["failure"]["step"], &now["failure"]["retriable"]), (&json!("join"), &json!(true)));
    bench.faults("OM-0001", |faults| faults.no_address = false);
    bench.act("retry", Value::Null).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    bench.until("succeeded").await;
}

#[tokio::test]
async fn a_5_ghz_network_is_named_so_when_its_name_and_the_devices_own_scan_say_it() {
    let bench = one(Security::Sec2Patch1).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    for (ssid, cause) in [("Plant-Floor-5G", "only_24_ghz"), ("Plant-Flour", "network_not_found")] {
        bench.join(ssid, PASSPHRASE).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(bench.until("needs_network").await["failure"]["cause"], cause, "{ssid}");
    }
}
