//! Proof of possession and level of security.

use omniot_app::commissioning::{esp::level::Mode, flow::pace::Pace};
use omniot_shared::{
    entities::{Device, DeviceModel, DeviceState, Security},
    ids::{DeviceId, ModelId},
    time::Millis,
};
use omniot_tests::virtual_device::{hostile::Hostile, spec::{Kind, Spec, Stack}};
use serde_json::json;
use uuid::Uuid;

use crate::{
    bench::{Bench, PASSPHRASE, SITE, SSID, device, quick},
    ledger::{Place, TENANT},
};

async fn begin_with(bench: &Bench, pop: &str) {
    let body = json!({"label": bench.label("OM-0001"), "pop": pop, "site_id": SITE});
    assert_eq!(bench.ask("POST", "/app/commissions", body).await.status, 201);
}

#[tokio::test]
async fn a_wrong_pop_is_asked_for_again_and_the_right_one_goes_on() {
    for (security, stack) in [
        (Security::Sec2Patch1, Stack::Nimble),
        (Security::Sec2Patch1, Stack::Bluedroid),
        (Security::Sec1, Stack::Nimble),
        (Security::Sec1, Stack::Bluedroid),
    ] {
        let bench = Bench::with(vec![Spec { stack, ..device("OM-0001", security) }]).await;
        begin_with(&bench, "not-the-secret").await;
        let asked = bench.until("needs_pop").await;
        assert_eq!(asked["failure"], json!({"cause": "wrong_pop", "step": "handshake", "retriable": true}), "{security:?} {stack:?}");
        let right = bench.fleet.slots[0].device().factory().pop.clone();
        bench.act("pop", json!({"pop": right})).await;
        bench.until("needs_network").await;
        bench.join(SSID, PASSPHRASE).await;
        bench.until("succeeded").await;
        let tried = bench.ledger.attempt().steps.into_iter().filter(|row| row.step == "handshake").count();
        assert_eq!(tried, 2, "both tries are recorded");
        let connected = bench.ledger.attempt().steps.into_iter().filter(|row| row.step == "connect").count();
        assert_eq!(connected, if stack == Stack::Nimble { 1 } else { 2 }, "the same link, when the device keeps it");
    }
}

#[tokio::test]
async fn the_fifth_wrong_pop_ends_the_attempt_and_the_next_must_wait() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    begin_with(&bench, "wrong-1").await;
    for number in 2..=5 {
        bench.until("needs_pop").await;
        bench.act("pop", json!({"pop": format!("wrong-{number}")})).await;
    }
    bench.until_failed("too_many_wrong_pops").await;
    bench.begin("OM-0001").await;
    bench.until_failed("too_many_wrong_pops").await;
    assert_eq!(bench.ledger.books().attempts.len(), 2);
    assert_eq!(bench.ledger.count(|place| *place == Place::Free), 10);
}

/// Two devices of one name, both heard, the one with the louder voice first.
async fn twins() -> Bench {
    twins_at(quick()).await
}

async fn twins_at(pace: Pace) -> Bench {
    let twin = |serial: &str, rssi| {
        let mut spec = Spec { name: Some("TWIN".into()), ..device(serial, Security::Sec2Patch1) };
        spec.faults.rssi = Some(rssi);
        spec
    };
    let bench = Bench::at_pace(vec![twin("OM-0001", -80), twin("OM-0002", -40)], pace, Mode::Field).await;
    hear_both(&bench).await;
    bench
}

async fn hear_both(bench: &Bench) {
    assert_eq!(bench.ask("POST", "/app/radio/scan", json!(null)).await.status, 204);
    while bench.ask("GET", "/app/radio/nearby", json!(null)).await.body["items"].as_array().unwrap().len() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(bench.ask("DELETE", "/app/radio/scan", json!(null)).await.status, 204);
}

#[tokio::test]
async fn of_two_devices_with_one_name_the_one_that_proves_the_label_is_commissioned() {
    for wrong_key in [false, true] {
        let bench = twins().await;
        if wrong_key {
            // One secret for all, as some makers have it: then the identity tells them apart.
            let pop = bench.fleet.slots[0].device().factory().pop.clone();
            let mut specs: Vec<Spec> = bench.fleet.slots.iter().map(|slot| slot.device().spec().clone()).collect();
            specs.iter_mut().for_each(|spec| spec.pop = Some(pop.clone()));
            let bench = Bench::with(specs).await;
            hear_both(&bench).await;
            commission_the_quieter(&bench, "identity_mismatch").await;
        } else {
            commission_the_quieter(&bench, "wrong_pop").await;
        }
    }
}

#[tokio::test]
async fn an_address_beside_a_label_is_only_where_to_begin() {
    for louder_first in [true, false] {
        let bench = twins().await;
        let address = bench.fleet.slots[usize::from(louder_first)].device().factory().address();
        let body = json!({"label": bench.label("OM-0001"), "address": address, "site_id": SITE});
        assert_eq!(bench.ask("POST", "/app/commissions", body).await.status, 201);
        bench.until("needs_network").await;
        bench.join(SSID, PASSPHRASE).await;
        let done = bench.until("succeeded").await;
        assert_eq!(done["device"]["serial"], "OM-0001", "{done:#}");
        let causes: Vec<_> = bench.ledger.attempt().steps.into_iter().filter_map(|row| row.cause).collect();
        assert_eq!(causes.iter().any(|cause| cause == "wrong_pop"), louder_first, "{causes:?}");
        assert_eq!(bench.ledger.count(|place| matches!(place, Place::Spent)), 1);
    }
}

/// Something louder has the name and the secret of OM-0001, and is as that says.
async fn beside(other: impl Fn(&mut Spec)) -> Bench {
    let bench = twins().await;
    let pop = bench.fleet.slots[0].device().factory().pop.clone();
    let mut specs: Vec<Spec> = bench.fleet.slots.iter().map(|slot| Spec { pop: Some(pop.clone()), ..slot.device().spec().clone() }).collect();
    other(&mut specs[1]);
    let bench = Bench::with(specs).await;
    hear_both(&bench).await;
    bench
}

#[tokio::test]
async fn whatever_keeps_a_namesake_from_being_the_device_the_next_one_has_its_turn() {
    type Change = fn(&mut Spec);
    let others: [(&str, Change); 6] = [
        ("identity_missing", |spec| spec.kind = Kind::Espressif),
        ("identity_invalid", |spec| spec.faults.odd_serial = true),
        ("downgrade_refused", |spec| spec.faults.downgrade = Some(Security::Sec1)),
        ("downgrade_refused", |spec| spec.kind = Kind::Improv),
        ("gatt_error", |spec| spec.faults.gatt_133 = 99),
        ("invalid_reply", |spec| spec.faults.hostile = Some(Hostile::EmptyHandshake)),
    ];
    for (cause, other) in others {
        let bench = beside(other).await;
        bench.begin("OM-0001").await;
        bench.until("needs_network").await;
        bench.join(SSID, PASSPHRASE).await;
        let done = bench.until("succeeded").await;
        assert_eq!((&done["device"]["serial"], &done["warnings"]), (&json!("OM-0001"), &json!([])), "{cause}: {done:#}");
        let causes: Vec<_> = bench.ledger.attempt().steps.into_iter().filter_map(|row| row.cause).collect();
        assert_eq!(causes.first().map(String::as_str), Some(cause), "the louder one was asked first: {causes:?}");
        assert_eq!(bench.ledger.count(|place| matches!(place, Place::Spent)), 1, "{cause}: and no permission left for it");
    }
}

#[tokio::test]
async fn where_no_namesake_is_the_device_what_the_first_one_failed_for_stands() {
    let bench = twins().await;
    bench.faults("OM-0001", |faults| faults.downgrade = Some(Security::Sec1));
    bench.begin("OM-0001").await;
    let asked = bench.until("needs_pop").await;
    assert_eq!(asked["failure"], json!({"cause": "wrong_pop", "step": "handshake", "retriable": true}), "{asked:#}");
    bench.act("cancel", json!(null)).await;
    let causes: Vec<_> = bench.ledger.attempt().steps.into_iter().filter_map(|row| row.cause).collect();
    assert_eq!(causes, ["wrong_pop", "downgrade_refused"], "both were asked");
}

#[tokio::test]
async fn when_the_time_to_search_is_over_no_other_namesake_is_begun_with() {
    let bench = twins_at(Pace { search: std::time::Duration::ZERO, ..quick() }).await;
    bench.begin("OM-0001").await;
    let asked = bench.until("needs_pop").await;
    assert_eq!(asked["failure"], json!({"cause": "wrong_pop", "step": "handshake", "retriable": true}), "{asked:#}");
    bench.act("cancel", json!(null)).await;
    let causes: Vec<_> = bench.ledger.attempt().steps.into_iter().filter_map(|row| row.cause).collect();
    assert_eq!(causes, ["wrong_pop"], "only one was asked");
}

async fn commission_the_quieter(bench: &Bench, cause: &str) {
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.join(SSID, PASSPHRASE).await;
    let done = bench.until("succeeded").await;
    assert_eq!(done["device"]["serial"], "OM-0001", "{done:#}");
    let attempt = bench.ledger.attempt();
    let causes: Vec<_> = attempt.steps.iter().filter_map(|row| row.cause.as_deref()).collect();
    assert_eq!(causes.first(), Some(&cause), "the louder one was asked first: {causes:?}");
    assert_eq!(bench.ledger.count(|place| matches!(place, Place::Spent)), 1, "and no permission left for it");
}

#[tokio::test]
async fn a_device_of_the_same_name_locks_itself_and_not_the_one_that_is_meant() {
    let bench = twins().await;
    let louder = bench.fleet.slots[1].device().factory().address();
    let body = json!({"address": louder, "pop": "wrong-1", "site_id": SITE});
    assert_eq!(bench.ask("POST", "/app/commissions", body).await.status, 201);
    for number in 2..=5 {
        bench.until("needs_pop").await;
        bench.act("pop", json!({"pop": format!("wrong-{number}")})).await;
    }
    bench.until_failed("too_many_wrong_pops").await;
    hear_both(&bench).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.join(SSID, PASSPHRASE).await;
    let done = bench.until("succeeded").await;
    assert_eq!(done["device"]["serial"], "OM-0001", "{done:#}");
    let causes: Vec<_> = bench.ledger.books().attempts.last().unwrap().steps.iter().filter_map(|row| row.cause.clone()).collect();
    assert!(!causes.iter().any(|cause| cause == "wrong_pop" || cause == "too_many_wrong_pops"), "the locked one was not asked: {causes:?}");
}

#[tokio::test]
async fn the_air_cannot_lower_the_level_of_the_label() {
    for lower in [Security::Sec0, Security::Sec1] {
        let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
        bench.faults("OM-0001", |faults| faults.downgrade = Some(lower));
        bench.begin("OM-0001").await;
        let now = bench.until_failed("downgrade_refused").await;
        assert_eq!((&now["failure"]["step"], &now["failure"]["retriable"]), (&json!("version"), &json!(false)));
        assert_eq!(bench.ledger.attempt().security, None, "no session began");
    }
}

#[tokio::test]
async fn the_models_floor_holds_where_the_label_allows_more() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch0)]).await;
    let model = DeviceModel { id: ModelId(Uuid::from_u128(1)), name: "Sensor".into(), sku: "OM-SENSE-1".into(), min_security: Security::Sec2Patch1, created_at: Millis(0) };
    bench.ledger.books().models.push(model.clone());
    bench.begin("OM-0001").await;
    let now = bench.until_failed("below_policy").await;
    assert_eq!(now["failure"]["step"], "identity", "it is known only once the device said its model");
    bench.ledger.books().known.push(Device {
        id: DeviceId::for_serial(TENANT, "OM-0001"),
        serial: "OM-0001".into(),
        name: "One".into(),
        model_id: model.id,
        site_id: None,
        note: None,
        state: DeviceState::Planned,
        firmware: None,
        epoch: 0,
        created_at: Millis(0),
    });
    bench.begin("OM-0001").await;
    let now = bench.until_failed("below_policy").await;
    assert_eq!((&now["failure"]["step"], &now["failure"]["retriable"]), (&json!("version"), &json!(false)), "a planned device is refused before the handshake");
    // What its label denies it is no question of what anybody demands.
    bench.faults("OM-0001", |faults| faults.downgrade = Some(Security::Sec1));
    bench.begin("OM-0001").await;
    bench.until_failed("downgrade_refused").await;
}

#[tokio::test]
async fn a_model_that_nobody_decided_about_refuses_nothing_that_was_good_enough_before() {
    for security in [Security::Sec1, Security::Sec2Patch0, Security::Sec2Patch1] {
        let bench = Bench::with(vec![device("OM-0001", security)]).await;
        let model = DeviceModel { id: ModelId(Uuid::from_u128(1)), name: "OM-SENSE-1".into(), sku: "OM-SENSE-1".into(), min_security: Security::Sec1, created_at: Millis(0) };
        bench.ledger.books().models.push(model);
        bench.commission("OM-0001").await;
    }
}

#[tokio::test]
async fn a_device_without_protection_is_for_developers_only() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec0)]).await;
    bench.begin("OM-0001").await;
    bench.until_failed("unprotected").await;
    let bench = Bench::at_pace(vec![device("OM-0001", Security::Sec0)], quick(), Mode::Developer).await;
    let done = bench.commission("OM-0001").await;
    assert_eq!(done["warnings"], json!(["security_none"]));
}

#[tokio::test]
async fn a_device_with_another_key_than_its_label_is_refused() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.faults("OM-0001", |faults| faults.wrong_key = true);
    bench.begin("OM-0001").await;
    let now = bench.until("failed").await;
    let cause = now["failure"]["cause"].as_str().unwrap();
    assert!(["identity_mismatch", "identity_invalid"].contains(&cause), "{now:#}");
    assert_eq!(bench.ledger.count(|place| *place == Place::Free), 10, "no grant leaves for it");
}

#[tokio::test]
async fn a_typed_claim_code_proves_the_identity_too() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1), device("OM-0002", Security::Sec2Patch1)]).await;
    let read = bench.ask("POST", "/app/labels/read", json!({"text": bench.label("OM-0001")})).await;
    let code = read.body["claim_code"].as_str().unwrap().to_owned();
    for (at, verdict) in [(1, false), (0, true)] {
        let (address, pop) = {
            let device = bench.fleet.slots[at].device();
            (device.factory().address(), device.factory().pop.clone())
        };
        let body = json!({"address": address, "pop": pop, "label": code, "site_id": SITE});
        assert_eq!(bench.ask("POST", "/app/commissions", body).await.status, 201);
        if verdict {
            bench.until("needs_network").await;
        } else {
            bench.until_failed("identity_mismatch").await;
        }
    }
}

#[tokio::test]
async fn a_retired_device_is_left_alone() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.ledger.books().known.push(Device {
        id: DeviceId::for_serial(TENANT, "OM-0001"),
        serial: "OM-0001".into(),
        name: "One".into(),
        model_id: ModelId(Uuid::from_u128(1)),
        site_id: None,
        note: None,
        state: DeviceState::Retired,
        firmware: None,
        epoch: 3,
        created_at: Millis(0),
    });
    bench.begin("OM-0001").await;
    bench.until_failed("device_retired").await;
}

#[tokio::test]
async fn a_refusal_that_a_phone_tells_as_133_may_be_a_wrong_secret() {
    for security in [Security::Sec2Patch1, Security::Sec1] {
        let bench = Bench::with(vec![Spec { stack: Stack::Bluedroid, ..device("OM-0001", security) }]).await;
        bench.faults("OM-0001", |faults| faults.on_android = true);
        begin_with(&bench, "not-the-secret").await;
        let asked = bench.until("needs_pop").await;
        assert_eq!(asked["failure"], json!({"cause": "pop_or_link", "step": "handshake", "retriable": true}), "{security:?}");
        let right = bench.fleet.slots[0].device().factory().pop.clone();
        bench.act("pop", json!({"pop": right})).await;
        bench.until("needs_network").await;
        bench.join(SSID, PASSPHRASE).await;
        bench.until("succeeded").await;
        let steps = bench.ledger.attempt().steps;
        let tried = steps.iter().filter(|row| row.step == "handshake" && row.cause.as_deref() == Some("pop_or_link")).count();
        assert_eq!(tried, 3, "{security:?}: a link is tried again before anybody is asked");
    }
}

#[tokio::test]
async fn a_link_that_breaks_at_the_right_secret_asks_nobody() {
    let bench = Bench::with(vec![Spec { stack: Stack::Bluedroid, ..device("OM-0001", Security::Sec1) }]).await;
    // Two for the version, two for the first command.
    bench.faults("OM-0001", |faults| (faults.on_android, faults.att_error_at, faults.att_code) = (true, Some(5), Some(0x85)));
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.join(SSID, PASSPHRASE).await;
    bench.until("succeeded").await;
    let causes: Vec<_> = bench.ledger.attempt().steps.into_iter().filter_map(|row| row.cause).collect();
    assert_eq!(causes.iter().filter(|cause| *cause == "pop_or_link").count(), 1, "{causes:?}");
}

#[tokio::test]
async fn what_may_be_a_wrong_secret_is_counted_as_one() {
    let bench = Bench::with(vec![Spec { stack: Stack::Bluedroid, ..device("OM-0001", Security::Sec1) }]).await;
    bench.faults("OM-0001", |faults| faults.on_android = true);
    begin_with(&bench, "wrong-1").await;
    for number in 2..=5 {
        bench.until("needs_pop").await;
        bench.act("pop", json!({"pop": format!("wrong-{number}")})).await;
    }
    bench.until_failed("too_many_wrong_pops").await;
}
