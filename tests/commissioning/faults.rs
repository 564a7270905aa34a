//! Links that drop, devices that are silent, and whatever else the air does.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use omniot_app::commissioning::esp::level::Mode;
use omniot_shared::entities::{AttemptOutcome, Security, StepOutcome};
use omniot_tests::virtual_device::{device::Power, spec::{Spec, Stack}};
use serde_json::Value;

use crate::{
    bench::{Bench, PASSPHRASE, SSID, device, quick},
    ledger::Place,
};

/// Drives to the end, whatever waits; `None` when it stays failed.
async fn to_the_end(bench: &Bench) -> Option<Value> {
    let mut retries = 0;
    loop {
        let now = bench.current().await;
        match now["state"].as_str().unwrap() {
            "running" => tokio::time::sleep(Duration::from_millis(2)).await,
            "needs_network" => {
                let _ = bench.act("network", serde_json::json!({"ssid": SSID, "passphrase": PASSPHRASE})).await;
            }
            "needs_pop" => {
                let pop = bench.fleet.slots[0].device().factory().pop.clone();
                let _ = bench.act("pop", serde_json::json!({"pop": pop})).await;
            }
            "failed" if retries < 3 && now["failure"]["retriable"] == true => {
                retries += 1;
                let _ = bench.act("retry", Value::Null).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            "succeeded" => return Some(now),
            _ => return None,
        }
    }
}

/// Eight benches at a time: most of each run is waiting.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_drops_at_any_operation_is_taken_up_again() {
    stream::iter(1..=44)
        .for_each_concurrent(AT_ONCE, async |at| {
            let bench = Bench::with(vec![device("OM-0001", Security::Sec1)]).await;
            bench.faults("OM-0001", |faults| faults.drop_at = Some(at));
            bench.begin("OM-0001").await;
            let ended = tokio::time::timeout(Duration::from_secs(60), to_the_end(&bench)).await;
            let ended = ended.unwrap_or_else(|_| panic!("dropped at {at}: never ended"));
            assert!(ended.is_some(), "dropped at {at}: {:#}", bench.current().await);
            assert_eq!(bench.ledger.attempt().epoch, Some(1), "dropped at {at}: claimed once");
            assert_eq!(bench.ledger.count(|place| *place == Place::Free), 9, "dropped at {at}: one grant");
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_att_error_at_any_operation_is_survived_or_named() {
    let runs = (1..=34).map(|at| (at, if at % 2 == 0 { Stack::Nimble } else { Stack::Bluedroid }));
    stream::iter(runs)
        .for_each_concurrent(AT_ONCE, async |(at, stack)| {
            let bench = Bench::with(vec![Spec { stack, ..device("OM-0001", Security::Sec1) }]).await;
            bench.faults("OM-0001", |faults| faults.att_error_at = Some(at));
            bench.begin("OM-0001").await;
            let ended = tokio::time::timeout(Duration::from_secs(60), to_the_end(&bench)).await;
            let ended = ended.unwrap_or_else(|_| panic!("error at {at}: never ended"));
            assert!(ended.is_some(), "error at {at}: {:#}", bench.current().await);
            assert_eq!(bench.ledger.attempt().epoch, Some(1), "error at {at}: claimed once");
        })
        .await;
}

#[tokio::test]
async fn a_silent_device_meets_the_deadline_of_the_step() {
    let pace = omniot_app::commissioning::flow::pace::Pace { discover: Duration::from_millis(200), exchange: Duration::from_millis(200), operation: Duration::from_millis(100), ..quick() };
    let bench = Bench::at_pace(vec![device("OM-0001", Security::Sec2Patch1)], pace, Mode::Field).await;
    bench.faults("OM-0001", |faults| faults.silent = true);
    bench.begin("OM-0001").await;
    let now = bench.until_failed("no_answer").await;
    assert_eq!(now["failure"]["retriable"], true);
    bench.faults("OM-0001", |faults| faults.silent = false);
    bench.act("retry", Value::Null).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    bench.until("needs_network").await;
}

/// A device whose scan never ends waits for a network.
async fn blind() -> Bench {
    let pace = omniot_app::commissioning::flow::pace::Pace { scan: Duration::from_millis(200), ..quick() };
    let bench = Bench::at_pace(vec![device("OM-0001", Security::Sec2Patch1)], pace, Mode::Field).await;
    bench.faults("OM-0001", |faults| faults.endless_scan = true);
    bench.begin("OM-0001").await;
    asks_for_a_name(&bench).await;
    bench
}

async fn asks_for_a_name(bench: &Bench) {
    let asked = bench.until("needs_network").await;
    assert_eq!((&asked["networks"], &asked["warnings"]), (&serde_json::json!([]), &serde_json::json!(["scan_failed"])), "{asked:#}");
    let scan = asked["steps"].as_array().unwrap().iter().find(|step| step["step"] == "scan_networks").unwrap();
    assert_eq!((&scan["state"], &scan["cause"]), (&serde_json::json!("skipped"), &serde_json::json!("scan_failed")));
}

#[tokio::test]
async fn a_device_that_cannot_look_for_networks_joins_one_by_its_name() {
    let bench = blind().await;
    assert_eq!(bench.act("retry", Value::Null).await.status, 200, "it may look again");
    asks_for_a_name(&bench).await;
    bench.join("Nowhere", PASSPHRASE).await;
    asks_for_a_name(&bench).await;
    let asked = bench.current().await;
    assert_eq!((&asked["failure"]["cause"], &asked["network_name"]), (&serde_json::json!("network_not_found"), &serde_json::json!("Nowhere")), "why it looked again is still said");
    bench.join(SSID, PASSPHRASE).await;
    bench.until("succeeded").await;
    let attempt = bench.ledger.attempt();
    let outcomes = |name: &str| attempt.steps.iter().filter(|row| row.step == name).map(|row| (row.outcome, row.cause.clone())).collect::<Vec<_>>();
    let scan = [(StepOutcome::Failed, Some("no_answer".into())), (StepOutcome::Failed, Some("no_answer".into())), (StepOutcome::Skipped, Some("scan_failed".into()))];
    assert_eq!(outcomes("scan_networks"), [&scan[..]; 3].concat(), "another link may heal it");
    assert_eq!(outcomes("set_network"), [(StepOutcome::Done, None), (StepOutcome::Done, None)], "whoever is asked finds a link");
}

#[tokio::test]
async fn a_device_that_can_look_again_shows_its_list_and_warns_of_nothing() {
    let bench = blind().await;
    bench.faults("OM-0001", |faults| faults.endless_scan = false);
    assert_eq!(bench.act("retry", Value::Null).await.status, 200);
    let asked = bench.until("needs_network").await;
    assert_eq!((asked["networks"].as_array().unwrap().is_empty(), &asked["warnings"]), (false, &serde_json::json!([])));
}

#[tokio::test]
async fn a_link_that_is_lost_while_it_looks_for_networks_is_no_scan_that_failed() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.faults("OM-0001", |faults| faults.endless_scan = true);
    bench.begin("OM-0001").await;
    while bench.current().await["step"] != "scan_networks" {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let slot = bench.fleet.named("OM-0001")[0];
    slot.device().power(Power::Off, slot.now());
    slot.link_ended();
    bench.until_failed("not_advertising").await;
}

#[tokio::test]
async fn a_device_that_starts_anew_at_each_scan_is_given_a_network_by_its_name() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.faults("OM-0001", |faults| faults.endless_scan = true);
    bench.begin("OM-0001").await;
    let slot = bench.fleet.named("OM-0001")[0];
    loop {
        let now = bench.current().await;
        assert!(now["failure"].is_null() || now["state"] == "running", "{now:#}");
        match (now["state"].as_str(), now["step"].as_str()) {
            (Some("needs_network"), _) => break,
            (_, Some("scan_networks")) => {
                slot.device().power(Power::Off, slot.now());
                slot.link_ended();
                slot.device().power(Power::On, slot.now());
            }
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(bench.current().await["warnings"], serde_json::json!(["scan_failed"]));
    bench.join(SSID, PASSPHRASE).await;
    bench.until("succeeded").await;
}

#[tokio::test]
async fn a_device_that_is_not_there_is_said_to_be_not_advertising() {
    let pace = omniot_app::commissioning::flow::pace::Pace { find: Duration::from_millis(200), ..quick() };
    let bench = Bench::at_pace(vec![device("OM-0001", Security::Sec2Patch1)], pace, Mode::Field).await;
    let label = bench.label("OM-0001").replace("OM-0001", "OM-0009");
    bench.ask("POST", "/app/commissions", serde_json::json!({"label": label, "site_id": crate::bench::SITE})).await;
    bench.until_failed("not_advertising").await;
}

#[tokio::test]
async fn a_radio_that_is_not_there_has_its_own_cause() {
    use omniot_app::{
        RadioChoice,
        commissioning::{Commissioning, Settings, api, radio},
        events::Events,
    };
    use std::sync::Arc;
    let ledger = Arc::new(crate::ledger::Ledger::new(crate::bench::SITE));
    for choice in [RadioChoice::None, RadioChoice::Virtual("127.0.0.1:1".into())] {
        let office = crate::ledger::Office::with(&ledger);
        let app = Commissioning::new(radio::open(&choice), office, Events::default(), Arc::new(omniot_shared::time::SystemClock), Settings { pace: quick(), ..Settings::new("0") });
        let scanned = api::handle(&app, "POST", "/app/radio/scan", "", None).await;
        assert_eq!((scanned.status, scanned.code()), (409, Some("adapter_absent")));
        let status = serde_json::to_value(app.radio_status().await).unwrap();
        assert_eq!(status["state"], "absent");
        let begun = api::handle(&app, "POST", "/app/commissions", "", Some(serde_json::json!({"address": "X", "site_id": crate::bench::SITE}))).await;
        assert_eq!(begun.status, 201);
        let failed = tokio::time::timeout(Duration::from_secs(5), async {
            loop {
                let now = api::handle(&app, "GET", "/app/commissions/current", "", None).await.body;
                if now["state"] == "failed" {
                    return now;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert_eq!(failed.await.unwrap()["failure"]["cause"], "adapter_absent");
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_goes_on_when_there_is_room() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.ledger.books().full_disk = true;
    bench.join(SSID, PASSPHRASE).await;
    bench.until_failed("store_failed").await;
    bench.ledger.books().full_disk = false;
    bench.act("retry", Value::Null).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    bench.until("succeeded").await;
    assert_eq!(bench.ledger.attempt().outcome, AttemptOutcome::Succeeded);
}
