//! A visit where something goes wrong between two turns, or a device has another one.

use std::time::Duration;

use omniot_shared::{
    entities::{Device, DeviceState, Security},
    ids::{DeviceId, ModelId},
    time::Millis,
};
use omniot_tests::virtual_device::spec::{Kind, Spec};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    bench::{Bench, PASSPHRASE, SITE, SSID, device},
    kills::joined,
    ledger::TENANT,
    visits::{counts, network, next, until, visit, visited},
};

/// A visit with this one label.
async fn with_label(bench: &Bench, label: &str) {
    assert_eq!(bench.ask("POST", "/app/visit", json!({"site_id": SITE})).await.status, 200);
    added(bench, label).await;
}

/// The item of a label that was read.
async fn added(bench: &Bench, label: &str) -> Value {
    let added = bench.ask("POST", "/app/visit/items", json!({"label": label})).await;
    assert_eq!(added.status, 200, "{}", added.body);
    added.body["items"].as_array().unwrap().last().unwrap().clone()
}

fn item(visit: &Value, serial: &str) -> Value {
    visit["items"].as_array().unwrap().iter().find(|item| item["serial"] == serial).unwrap().clone()
}

/// Decides what only a person can, until it is so.
async fn up_to(bench: &Bench, is_so: impl Fn(&Value) -> bool) {
    let deciding = async {
        loop {
            let now = bench.current().await;
            if is_so(&now) {
                return;
            }
            match now["state"].as_str() {
                Some("needs_confirm") => drop(bench.act("identify", json!({"confirmed": true})).await),
                Some("needs_network") => drop(bench.act("network", json!({"ssid": SSID, "passphrase": PASSPHRASE})).await),
                _ => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), deciding).await.unwrap_or_else(|_| panic!("it never was so"));
}

fn is_joining(now: &Value) -> bool {
    now["step"] == "join"
}

/// One failed, and two are done; what was wrong with it is mended.
async fn one_failed() -> Bench {
    let bench = visited().await;
    network(&bench, PASSPHRASE, false).await;
    bench.faults("OM-0001", |faults| faults.wrong_key = true);
    next(&bench).await;
    until(&bench, |visit| counts(visit) == (2, 1, 0)).await;
    bench.faults("OM-0001", |faults| faults.wrong_key = false);
    bench
}

#[tokio::test]
async fn a_commission_that_the_visit_cannot_keep_is_not_left_alone() {
    let bench = visited().await;
    network(&bench, PASSPHRASE, false).await;
    bench.ledger.books().full_vault = true;
    let refused = bench.ask("POST", "/app/visit/next", Value::Null).await;
    assert_eq!((refused.status, refused.code()), (507, Some("disk_full")), "{}", refused.body);
    assert_eq!(bench.current().await["state"], "cancelled");
    assert!(!bench.fleet.slots[0].device().linked(), "its device is free");
    bench.ledger.books().full_vault = false;
    assert_eq!(counts(&visit(&bench).await), (0, 0, 3));
    next(&bench).await;
    until(&bench, |visit| counts(visit) == (3, 0, 0)).await;
}

#[tokio::test]
async fn answers_that_cannot_go_on_keep_no_device_from_its_turn() {
    let bench = one_failed().await;
    bench.ledger.books().no_carrying = true;
    let failed = item(&visit(&bench).await, "OM-0001");
    assert_eq!(bench.ask("POST", &format!("/app/visit/items/{}/again", failed["id"].as_str().unwrap()), Value::Null).await.status, 200);
    next(&bench).await;
    let end = until(&bench, |visit| counts(visit) == (3, 0, 0)).await;
    assert_ne!(item(&end, "OM-0001")["attempt_id"], failed["attempt_id"]);
}

#[tokio::test]
async fn a_label_that_is_read_again_takes_its_answers_along() {
    let bench = one_failed().await;
    let first = item(&visit(&bench).await, "OM-0001")["attempt_id"].clone();
    let again = added(&bench, &bench.label("OM-0001")).await;
    assert_eq!((&again["state"], &again["attempt_id"]), (&json!("waiting"), &first), "what was photographed is still seen");
    next(&bench).await;
    let end = until(&bench, |visit| counts(visit) == (3, 0, 0)).await;
    let carried = bench.ledger.books().carried.clone();
    assert_eq!(json!(carried), json!([[first, item(&end, "OM-0001")["attempt_id"]]]));
}

#[tokio::test]
async fn one_that_is_done_by_guess_has_a_turn_when_its_label_is_read_again() {
    let mut bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    let label = bench.label("OM-0001");
    with_label(&bench, &label).await;
    network(&bench, PASSPHRASE, false).await;
    next(&bench).await;
    up_to(&bench, is_joining).await;
    bench.kill_and_start().await;
    joined(&bench, true).await;
    next(&bench).await;
    let guessed = until(&bench, |visit| counts(visit) == (1, 0, 0)).await;
    assert_eq!(guessed["items"][0]["unconfirmed"], true, "{guessed}");
    up_to(&bench, |now| now["state"] == "succeeded").await;
    let again = added(&bench, &label).await;
    assert_eq!((&again["state"], &again["attempt_id"]), (&json!("waiting"), &guessed["items"][0]["attempt_id"]));
    let slot = &bench.fleet.slots[0];
    slot.device().press_button(slot.now());
    next(&bench).await;
    let end = until(&bench, |visit| counts(visit) == (1, 0, 0)).await;
    assert_eq!(end["items"][0]["unconfirmed"], false, "{end}");
    assert_ne!(end["items"][0]["attempt_id"], again["attempt_id"]);
}

/// A device whose label names no serial number, and the text of that label.
async fn nameless(kind: Kind) -> (Bench, String) {
    let bench = Bench::with(vec![Spec { kind, ..device("OM-0001", Security::Sec2Patch1) }]).await;
    let mut label: Value = serde_json::from_str(&bench.label("OM-0001")).unwrap();
    label.as_object_mut().unwrap().remove("o");
    let label = label.to_string();
    with_label(&bench, &label).await;
    next(&bench).await;
    up_to(&bench, is_joining).await;
    (bench, label)
}

#[tokio::test]
async fn a_device_that_its_label_does_not_name_and_that_joined_while_the_app_was_dead_is_done() {
    for kind in [Kind::Espressif, Kind::Omniot] {
        let (mut bench, _) = nameless(kind).await;
        bench.kill_and_start().await;
        joined(&bench, true).await;
        next(&bench).await;
        let end = until(&bench, |visit| counts(visit).2 == 0).await;
        assert_eq!((counts(&end), &end["items"][0]["unconfirmed"]), ((1, 0, 0), &json!(true)), "{kind:?}: {end}");
        up_to(&bench, |now| now["state"] == "succeeded").await;
        let serials: Vec<_> = bench.ledger.books().attempts.iter().map(|attempt| (attempt.serial.clone(), attempt.receipt.clone())).collect();
        assert!(serials.len() == 2 && serials[0] == serials[1], "{kind:?}: what the device said stands for both: {serials:?}");
    }
}

#[tokio::test]
async fn nor_is_one_begun_anew_whose_success_the_visit_did_not_hear_of() {
    for kind in [Kind::Espressif, Kind::Omniot] {
        let (mut bench, _) = nameless(kind).await;
        bench.ledger.books().full_vault = true;
        up_to(&bench, |now| now["state"] == "succeeded").await;
        bench.kill_and_start().await;
        bench.ledger.books().full_vault = false;
        assert_eq!(counts(&visit(&bench).await), (0, 0, 1), "{kind:?}: it did not hear");
        assert_eq!(bench.ask("POST", "/app/visit/next", Value::Null).await.status, 409, "{kind:?}: nobody waits");
        assert_eq!(counts(&visit(&bench).await), (1, 0, 0), "{kind:?}");
        assert_eq!(bench.ledger.books().attempts.len(), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn a_network_that_is_forgotten_while_a_device_joins_stays_forgotten() {
    for path in ["/app/visit", "/app/visit/network"] {
        let bench = visited().await;
        assert_eq!(bench.ask("PATCH", "/app/visit", json!({"auto": false})).await.status, 200);
        network(&bench, PASSPHRASE, false).await;
        bench.faults("OM-0001", |faults| faults.no_address = true);
        next(&bench).await;
        up_to(&bench, is_joining).await;
        assert!((200..300).contains(&bench.ask("DELETE", path, Value::Null).await.status));
        bench.faults("OM-0001", |faults| faults.no_address = false);
        bench.until("succeeded").await;
        let kept = bench.ledger.books().visits.clone().unwrap_or_default();
        assert!(!kept.contains(PASSPHRASE), "DELETE {path}: {kept}");
        bench.begin("OM-0002").await;
        let asked = bench.until("needs_network").await;
        assert_eq!(asked["failure"], Value::Null, "DELETE {path}");
    }
}

#[tokio::test]
async fn a_network_that_was_replaced_while_somebody_tries_a_device_once_more_stays_replaced() {
    let bench = visited().await;
    assert_eq!(bench.ask("PATCH", "/app/visit", json!({"auto": false})).await.status, 200);
    network(&bench, PASSPHRASE, false).await;
    bench.faults("OM-0001", |faults| faults.no_address = true);
    next(&bench).await;
    until(&bench, |visit| counts(visit).2 == 2 || item(visit, "OM-0001")["cause"] == "no_address").await;
    bench.until_failed("no_address").await;
    let given = bench.ask("PUT", "/app/visit/network", json!({"ssid": "Office", "passphrase": "tea at four"})).await;
    assert_eq!(given.status, 200, "{}", given.body);
    bench.faults("OM-0001", |faults| faults.no_address = false);
    assert_eq!(bench.act("retry", Value::Null).await.status, 200);
    until(&bench, |visit| counts(visit).0 == 1).await;
    let kept = bench.ledger.books().visits.clone().unwrap();
    assert!(kept.contains("tea at four") && !kept.contains(PASSPHRASE), "{kept}");
}

#[tokio::test]
async fn one_that_is_done_and_not_seen_has_another_turn_when_its_label_is_read_again() {
    let bench = visited().await;
    assert_eq!(bench.ask("PATCH", "/app/visit", json!({"auto": false})).await.status, 200);
    network(&bench, PASSPHRASE, false).await;
    next(&bench).await;
    let done = until(&bench, |visit| counts(visit).0 == 1).await;
    let first = item(&done, "OM-0001")["attempt_id"].clone();
    bench.until("succeeded").await;
    let slot = &bench.fleet.slots[0];
    slot.device().press_button(slot.now());
    let again = added(&bench, &bench.label("OM-0001")).await;
    assert_eq!((&again["state"], &again["attempt_id"]), (&json!("waiting"), &first));
    for _ in 0..3 {
        next(&bench).await;
        until(&bench, |visit| visit["counts"]["running"] == 0).await;
        up_to(&bench, |now| now["state"] == "succeeded").await;
    }
    let end = visit(&bench).await;
    assert_eq!(counts(&end), (3, 0, 0), "{end}");
    assert_ne!(item(&end, "OM-0001")["attempt_id"], first);
    let epochs: Vec<_> = bench.ledger.books().attempts.iter().filter(|attempt| attempt.serial.as_deref() == Some("OM-0001")).map(|attempt| attempt.epoch).collect();
    assert_eq!(epochs, [Some(1), Some(2)], "it was claimed anew");
}

#[tokio::test]
async fn a_device_that_was_online_before_is_seen_when_it_shows_its_new_claim() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.commission("OM-0001").await;
    let known = Device {
        id: DeviceId::for_serial(TENANT, "OM-0001"),
        serial: "OM-0001".into(),
        name: "One".into(),
        model_id: ModelId(Uuid::from_u128(1)),
        site_id: Some(SITE),
        note: None,
        state: DeviceState::Online,
        firmware: None,
        epoch: 1,
        created_at: Millis(0),
    };
    bench.ledger.books().known.push(known);
    let slot = &bench.fleet.slots[0];
    slot.device().press_button(slot.now());
    with_label(&bench, &bench.label("OM-0001")).await;
    network(&bench, PASSPHRASE, false).await;
    next(&bench).await;
    let done = until(&bench, |visit| counts(visit) == (1, 0, 0)).await;
    assert_eq!(done["items"][0]["seen"], false, "it was online under its first claim: {done}");
    bench.ledger.books().known[0].epoch = 2;
    assert_eq!(visit(&bench).await["items"][0]["seen"], true);
}
