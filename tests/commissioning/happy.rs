//! Nothing goes wrong.

use omniot_shared::{
    claim::{Receipt, messages::Signed},
    entities::{AttemptOutcome, Security, StepOutcome},
};
use omniot_tests::virtual_device::wifi::Network;
use prost::Message as _;
use serde_json::{Value, json};

use crate::{
    bench::{Bench, PASSPHRASE, SITE, SSID, device},
    ledger::Place,
};

fn rows(view: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    view["steps"].as_array().unwrap().iter().map(|row| (text(&row["step"]), text(&row["state"]))).collect()
}

#[tokio::test]
async fn a_device_is_commissioned_in_airplane_mode_at_every_level_of_security() {
    for (security, warnings) in [
        (Security::Sec2Patch1, json!([])),
        (Security::Sec2Patch0, json!(["security_repeated_nonce"])),
        (Security::Sec1, json!([])),
    ] {
        let bench = Bench::with(vec![device("OM-0001", security)]).await;
        let done = bench.commission("OM-0001").await;
        assert_eq!(done["warnings"], warnings, "{security:?}");
        assert_eq!(done["failure"], Value::Null);
        let skipped: Vec<_> = rows(&done).into_iter().filter(|(_, state)| state != "done").collect();
        let expected = [("identify", "skipped"), ("cloud", "skipped")].map(|(step, state)| (step.to_owned(), state.to_owned()));
        assert_eq!(skipped, expected, "the label proves the identity, and there is no network: {done:#}");
        assert_eq!(done["steps"][11]["cause"], "offline_deferred");

        let attempt = bench.ledger.attempt();
        assert_eq!((attempt.outcome, attempt.security, attempt.cause.as_deref()), (AttemptOutcome::Succeeded, Some(security), None));
        assert!(attempt.identity_verified && attempt.rssi.is_some() && attempt.mtu.is_some());
        assert_eq!((attempt.serial.as_deref(), attempt.network_name.as_deref(), attempt.epoch), (Some("OM-0001"), Some(SSID), Some(1)));
        assert!(attempt.steps.iter().all(|row| matches!(row.outcome, StepOutcome::Done | StepOutcome::Skipped)), "{:#?}", attempt.steps);
        assert_eq!(bench.ledger.books().devices.len(), 1);
        assert!(bench.ledger.books().unfinished.is_empty(), "nothing is left unfinished");
    }
}

#[tokio::test]
async fn the_receipt_is_the_devices_own_and_names_grant_site_and_tenant() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.commission("OM-0001").await;
    let attempt = bench.ledger.attempt();
    let signed = Signed::decode(&*STANDARD.decode(attempt.receipt.unwrap()).unwrap()).unwrap();
    let key = bench.fleet.named("OM-0001")[0].device().identity().public_key;
    let receipt = Receipt::read(&signed, key).unwrap();
    assert_eq!((Some(receipt.grant), receipt.site, receipt.epoch), (attempt.grant_id, Some(SITE), 1));
    assert_eq!(bench.ledger.count(|place| *place == Place::Spent), 1, "its grant is spent");
    assert_eq!(bench.ledger.count(|place| *place == Place::Free), 9, "no other is");
    assert!(bench.fleet.named("OM-0001")[0].device().identity().owner.is_some());
}

#[tokio::test]
async fn a_device_from_the_list_is_asked_for_its_pop_and_shows_itself() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    let address = bench.fleet.slots[0].device().factory().address();
    let begun = bench.ask("POST", "/app/commissions", json!({"address": address, "site_id": SITE, "device_name": " Cold room 3 "})).await;
    assert_eq!(begun.status, 201);
    bench.until("needs_pop").await;
    let pop = bench.fleet.slots[0].device().factory().pop.clone();
    assert_eq!(bench.act("pop", json!({"pop": pop})).await.status, 200);
    bench.until("needs_confirm").await;
    {
        let slot = &bench.fleet.slots[0];
        assert!(slot.device().blinks(slot.now()), "the device shows itself while the technician looks");
    }
    bench.act("identify", json!({"confirmed": true})).await;
    let now = bench.until("needs_network").await;
    assert_eq!(now["networks"][0]["ssid"], SSID, "strongest first: {now:#}");
    bench.join(SSID, PASSPHRASE).await;
    let done = bench.until("succeeded").await;
    assert_eq!(done["device"]["name"], "Cold room 3");
    assert!(!bench.ledger.attempt().identity_verified, "nothing but the technician's eyes said which device it is");
}

#[tokio::test]
async fn the_wrong_device_blinks_and_nothing_is_claimed() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    let (address, pop) = {
        let device = bench.fleet.slots[0].device();
        (device.factory().address(), device.factory().pop.clone())
    };
    bench.ask("POST", "/app/commissions", json!({"address": address, "pop": pop, "site_id": SITE})).await;
    bench.until("needs_confirm").await;
    bench.act("identify", json!({"confirmed": false})).await;
    bench.until_failed("wrong_device").await;
    assert_eq!(bench.ledger.count(|place| *place == Place::Free), 10);
    assert_eq!(bench.ledger.attempt().cause.as_deref(), Some("wrong_device"));
}

#[tokio::test]
async fn the_next_device_of_the_site_gets_the_remembered_network_without_a_word() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1), device("OM-0002", Security::Sec2Patch1)]).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.act("network", json!({"ssid": SSID, "passphrase": PASSPHRASE, "remember": true})).await;
    bench.until("succeeded").await;
    bench.begin("OM-0002").await;
    bench.until("succeeded").await;
    assert_eq!(bench.ledger.books().attempts.len(), 2);
}

#[tokio::test]
async fn names_that_cannot_be_read_and_the_smallest_mtu_do_no_harm() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.faults("OM-0001", |faults| {
        faults.no_names = true;
        faults.mtu = Some(23);
    });
    bench.commission("OM-0001").await;
    assert_eq!(bench.ledger.attempt().mtu, Some(23));
}

#[tokio::test]
async fn an_open_network_needs_no_passphrase() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.join("Guest", "").await;
    bench.until("succeeded").await;
}

#[tokio::test]
async fn when_there_is_a_network_the_commission_waits_until_the_server_has_seen_the_device() {
    use omniot_shared::{
        entities::{Device, DeviceState},
        ids::{DeviceId, ModelId},
        time::Millis,
    };
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.ledger.books().online = true;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.ledger.books().known.push(Device {
        id: DeviceId::for_serial(crate::ledger::TENANT, "OM-0001"),
        serial: "OM-0001".into(),
        name: "One".into(),
        model_id: ModelId(uuid::Uuid::from_u128(1)),
        site_id: Some(SITE),
        note: None,
        state: DeviceState::Online,
        firmware: None,
        epoch: 1,
        created_at: Millis(0),
    });
    bench.join(SSID, PASSPHRASE).await;
    let done = bench.until("succeeded").await;
    assert_eq!((&done["steps"][11]["state"], &done["steps"][11]["cause"]), (&json!("done"), &Value::Null));
}

#[tokio::test]
async fn a_server_that_hears_nothing_of_a_device_that_joined_is_no_failure() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.ledger.books().online = true;
    let done = bench.commission("OM-0001").await;
    assert_eq!((&done["steps"][11]["state"], &done["steps"][11]["cause"]), (&json!("skipped"), &json!("cloud_blocked")));
}

#[tokio::test]
async fn a_device_that_the_server_refuses_has_joined_and_the_reason_is_said() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1), device("OM-0002", Security::Sec2Patch1)]).await;
    let first = omniot_shared::ids::GrantId(uuid::Uuid::from_u128(1));
    {
        let mut books = bench.ledger.books();
        books.online = true;
        books.refused = vec![("OM-0001".into(), first, "key_mismatch".into()), ("OM-0002".into(), first, "key_mismatch".into())];
    }
    let done = bench.commission("OM-0001").await;
    assert_eq!((&done["steps"][11]["state"], &done["steps"][11]["cause"]), (&json!("skipped"), &json!("contact_key_mismatch")));
    let done = bench.commission("OM-0002").await;
    assert_eq!(&done["steps"][11]["cause"], &json!("cloud_blocked"), "with another grant it was refused before, not now");
}

#[tokio::test]
async fn the_networks_are_those_that_the_device_sees() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.begin("OM-0001").await;
    let now = bench.until("needs_network").await;
    let seen: Vec<_> = now["networks"].as_array().unwrap().iter().map(|network| network["ssid"].as_str().unwrap()).collect();
    let mut expected: Vec<Network> = omniot_tests::virtual_device::fleet::usual_networks().into_iter().filter(|network| !network.hidden).collect();
    expected.sort_by_key(|network| -network.rssi);
    assert_eq!(seen, expected.iter().map(|network| network.ssid.as_str()).collect::<Vec<_>>());
}
