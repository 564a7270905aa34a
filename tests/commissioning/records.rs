//! Records that are hard to save.

use std::time::Duration;

use omniot_shared::entities::{AttemptOutcome, Security};
use serde_json::{Value, json};

use crate::bench::{Bench, PASSPHRASE, SITE, SSID, device};

async fn until_recorded(bench: &Bench) {
    let recorded = async {
        while bench.ledger.books().attempts.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), recorded).await.expect("it is recorded in the end");
}

#[tokio::test]
async fn a_serial_number_that_nobody_can_store_is_no_identity() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.faults("OM-0001", |faults| faults.odd_serial = true);
    let (address, pop) = {
        let device = bench.fleet.slots[0].device();
        (device.factory().address(), device.factory().pop.clone())
    };
    bench.ask("POST", "/app/commissions", json!({"address": address, "pop": pop, "site_id": SITE})).await;
    bench.until_failed("identity_invalid").await;
    assert_eq!(bench.ledger.attempt().serial, None, "it is recorded, without a device");
}

#[tokio::test]
async fn a_record_is_tried_until_the_disk_has_room_and_the_technician_sees_that_it_waits() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1), device("OM-0002", Security::Sec2Patch1)]).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.ledger.books().full_disk = true;
    let stopped = bench.act("cancel", Value::Null).await.body;
    assert_eq!(stopped["warnings"], json!(["not_recorded"]));
    bench.ask("DELETE", "/app/commissions/current", Value::Null).await;
    let waiting = bench.ask("GET", "/app/commissions/unfinished", Value::Null).await.body;
    assert_eq!(waiting["items"][0]["warnings"], json!(["not_recorded"]), "also when the next one has begun");
    let path = format!("/app/commissions/unfinished/{}", stopped["id"].as_str().unwrap());
    assert_eq!(bench.ask("DELETE", &path, Value::Null).await.status, 409);
    tokio::time::sleep(Duration::from_millis(150)).await;
    bench.ledger.books().full_disk = false;
    bench.app.account_changed().await;
    until_recorded(&bench).await;
    assert_eq!(bench.ledger.attempt().outcome, AttemptOutcome::Cancelled, "as it ended, and not as an interrupted one");
    let gone = async {
        while bench.ask("GET", "/app/commissions/unfinished", Value::Null).await.body["items"] != json!([]) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("nothing waits any more");
}

#[tokio::test]
async fn a_technician_who_tries_for_ever_still_has_a_record_that_can_be_saved() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.faults("OM-0001", |faults| faults.refuse_network = true);
    for _ in 0..40 {
        bench.join(SSID, PASSPHRASE).await;
        bench.until("needs_network").await;
    }
    bench.act("cancel", Value::Null).await;
    let attempt = bench.ledger.attempt();
    let tries: Vec<_> = attempt.steps.iter().filter(|row| row.step == "set_network").collect();
    assert_eq!(tries.len(), 30, "the first and the latest");
    assert!(tries.is_sorted_by_key(|row| row.started_at));
    assert_eq!(attempt.network_name.as_deref(), Some(SSID));
}
