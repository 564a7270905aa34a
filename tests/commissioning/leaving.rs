//! Leaving a commission, and the next device.

use std::{sync::Arc, time::Duration};

use omniot_app::commissioning::{esp::level::Mode, flow::pace::Pace};
use omniot_shared::entities::{AttemptOutcome, Security};
use serde_json::{Value, json};

use crate::{
    bench::{Bench, PASSPHRASE, SITE, SSID, device, quick},
    ledger::Ledger,
};

async fn leave(bench: &Bench) -> u16 {
    bench.ask("DELETE", "/app/commissions/current", Value::Null).await.status
}

/// A bench whose first device waits for the server.
async fn at_the_cloud() -> Bench {
    let pace = Pace { cloud: Duration::from_secs(60), ..quick() };
    let bench = Bench::at_pace(vec![device("OM-0001", Security::Sec2Patch1), device("OM-0002", Security::Sec2Patch1)], pace, Mode::Field).await;
    bench.ledger.books().online = true;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.join(SSID, PASSPHRASE).await;
    while bench.current().await["step"] != "cloud" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((&bench.current().await["claimed"], bench.app.is_busy("acc_1")), (&json!(true), false));
    bench
}

#[tokio::test]
async fn one_that_waits_for_the_server_is_left_as_the_success_that_it_is() {
    let bench = at_the_cloud().await;
    assert_eq!((leave(&bench).await, bench.current().await), (204, Value::Null));
    assert_eq!(bench.ledger.attempt().outcome, AttemptOutcome::Succeeded);
    let bench = at_the_cloud().await;
    assert_eq!(bench.act("cancel", Value::Null).await.body["state"], "succeeded", "nothing is stopped, and nothing says so");
    let bench = at_the_cloud().await;
    bench.begin("OM-0002").await;
    assert_eq!(bench.ledger.attempt().outcome, AttemptOutcome::Succeeded);
}

#[tokio::test]
async fn nothing_goes_on_for_an_account_that_is_gone() {
    let bench = at_the_cloud().await;
    bench.office.0.lock().unwrap().clear();
    bench.office.activate(&Arc::new(Ledger::of("acc_2", SITE)));
    bench.app.account_changed().await;
    bench.office.activate(&bench.ledger);
    assert_eq!(bench.current().await, Value::Null, "it does not wait for the server any more");
    assert!(bench.ledger.books().attempts.is_empty(), "nothing is written for an account that was removed");
}

#[tokio::test]
async fn one_that_runs_or_waits_for_its_technician_is_not_left() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.begin("OM-0001").await;
    assert_eq!(leave(&bench).await, 409);
    bench.until("needs_network").await;
    assert_eq!(leave(&bench).await, 409);
    bench.join("Legacy-AP", "legacy-2009").await;
    bench.until_failed("join_timeout").await;
    assert_eq!((leave(&bench).await, bench.current().await), (204, Value::Null));
    let attempt = bench.ledger.attempt();
    assert_eq!((attempt.outcome, attempt.cause.as_deref()), (AttemptOutcome::Failed, Some("join_timeout")), "recorded first");
    assert_eq!(leave(&bench).await, 204, "there is nothing to leave");
}

#[tokio::test]
async fn a_device_blinks_again_when_the_technician_asks() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    let (address, pop) = {
        let device = bench.fleet.slots[0].device();
        (device.factory().address(), device.factory().pop.clone())
    };
    bench.ask("POST", "/app/commissions", json!({"address": address, "pop": pop, "site_id": SITE})).await;
    bench.until("needs_confirm").await;
    let began = bench.fleet.slots[0].device().blinks_until();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(bench.act("retry", Value::Null).await.status, 200);
    let again = async {
        while bench.fleet.slots[0].device().blinks_until() == began {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), again).await.expect("it blinks anew");
    bench.until("needs_confirm").await;
    bench.act("identify", json!({"confirmed": true})).await;
    bench.until("needs_network").await;
}
