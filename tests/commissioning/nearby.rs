//! What is in the air, labels, and bad input.

use std::time::Duration;

use omniot_shared::{
    entities::Security,
    ids::DeviceId,
};
use omniot_tests::virtual_device::device::Power;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    bench::{Bench, SITE, device},
    ledger::{TENANT, planned_as},
};

async fn listed(bench: &Bench) -> Vec<Value> {
    bench.ask("GET", "/app/radio/nearby", Value::Null).await.body["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_is_near_is_listed_strongest_first_with_the_name_of_the_planned_device() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1), device("OM-0002", Security::Sec2Patch1), device("OM-0003", Security::Sec1)]).await;
    bench.ledger.books().known.push(planned_as("OM-0002", "Cold room"));
    assert!(listed(&bench).await.is_empty(), "nobody listens yet");
    assert_eq!(bench.ask("POST", "/app/radio/scan", Value::Null).await.status, 204);
    let seen = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            let seen = listed(&bench).await;
            if seen.len() == 3 {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let seen = seen.await.unwrap();
    let rssi: Vec<_> = seen.iter().map(|item| item["rssi"].as_i64().unwrap()).collect();
    assert!(rssi.is_sorted_by(|a, b| a >= b), "{rssi:?}");
    for item in &seen {
        assert_eq!(item["protocol"], "esp");
        let planned = if item["name"] == "OM-0002" { json!({"device_id": DeviceId::for_serial(TENANT, "OM-0002"), "name": "Cold room"}) } else { Value::Null };
        assert_eq!(item["planned"], planned, "{item}");
    }
    assert_eq!(bench.ask("DELETE", "/app/radio/scan", Value::Null).await.status, 204);
}

#[tokio::test]
async fn the_scan_of_a_commission_goes_on_when_the_page_leaves() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    let slot = bench.fleet.named("OM-0001")[0];
    slot.device().power(Power::Off, slot.now());
    assert_eq!(bench.ask("POST", "/app/radio/scan", Value::Null).await.status, 204);
    bench.begin("OM-0001").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(bench.ask("DELETE", "/app/radio/scan", Value::Null).await.status, 204);
    slot.device().power(Power::On, slot.now());
    bench.until("needs_network").await;
}

#[tokio::test]
async fn a_label_is_read_without_giving_its_secret_away() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    let read = bench.ask("POST", "/app/labels/read", json!({"text": bench.label("OM-0001")})).await;
    assert_eq!((read.status, &read.body["serial"], &read.body["has_pop"], &read.body["security"]), (200, &json!("OM-0001"), &json!(true), &json!(2)));
    let pop = bench.fleet.slots[0].device().factory().pop.clone();
    assert!(!read.body.to_string().contains(&pop), "the secret stays in the core");
    for (text, code) in [("", "label_empty"), ("hello", "label_unreadable"), (r#"{"name":"N","transport":"softap"}"#, "label_not_bluetooth"), (r#"{"pop":"x"}"#, "label_incomplete")] {
        let answer = bench.ask("POST", "/app/labels/read", json!({"text": text})).await;
        assert_eq!((answer.status, answer.code()), (422, Some(code)), "{text}");
    }
}

#[tokio::test]
async fn a_body_that_is_wrong_has_its_own_code_and_nothing_begins() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    let label = bench.label("OM-0001");
    let unknown_site = omniot_shared::ids::SiteId(Uuid::from_u128(9));
    for (body, status, code, field) in [
        (Value::Null, 400, "malformed_json", Value::Null),
        (json!([]), 422, "invalid_field", Value::Null),
        (json!({"site_id": SITE}), 422, "invalid_field", json!("address")),
        (json!({"label": label}), 422, "invalid_field", json!("site_id")),
        (json!({"label": label, "site_id": "sit_x"}), 422, "invalid_field", Value::Null),
        (json!({"label": label, "site_id": unknown_site}), 422, "invalid_field", json!("site_id")),
        (json!({"label": "nothing", "site_id": SITE}), 422, "label_unreadable", json!("label")),
        (json!({"label": label, "site_id": SITE, "more": 1}), 422, "unknown_field", json!("more")),
        (json!({"label": label, "site_id": SITE, "pop": "x".repeat(129)}), 422, "invalid_field", json!("pop")),
        (json!({"label": label, "site_id": SITE, "device_name": "x".repeat(121)}), 422, "invalid_field", json!("device_name")),
    ] {
        let answer = bench.ask("POST", "/app/commissions", body.clone()).await;
        assert_eq!((answer.status, answer.code(), &answer.body["error"]["field"]), (status, Some(code), &field), "{body}");
    }
    assert_eq!(bench.current().await, Value::Null);
}

#[tokio::test]
async fn what_a_commission_does_not_wait_for_is_a_conflict_and_an_unknown_one_is_not_found() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    let strange = "/app/commissions/att_00000000000000000000000000000001/cancel";
    assert_eq!(bench.ask("POST", strange, Value::Null).await.status, 404);
    bench.begin("OM-0001").await;
    assert_eq!(bench.ask("POST", strange, Value::Null).await.status, 404);
    bench.until("needs_network").await;
    for (action, body) in [("pop", json!({"pop": "x"})), ("identify", json!({"confirmed": true}))] {
        let answer = bench.act(action, body).await;
        assert_eq!((answer.status, answer.code()), (409, Some("state_conflict")), "{action}");
    }
    assert_eq!(bench.act("dance", Value::Null).await.status, 404);
}
