//! Many devices at one site, one after the other.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use omniot_shared::{
    entities::{AttemptOutcome, Security},
    ids::DeviceId,
};
use omniot_tests::virtual_device::{fleet::usual_networks, spec::{Kind, Spec}, wifi::Network};
use serde_json::{Value, json};

use crate::{
    bench::{Bench, PASSPHRASE, SITE, SSID, device},
    ledger::{Ledger, TENANT, planned_as},
};

const SERIALS: [&str; 3] = ["OM-0001", "OM-0002", "OM-0003"];

async fn bench() -> Bench {
    Bench::with(SERIALS.map(|serial| device(serial, Security::Sec2Patch1)).to_vec()).await
}

/// A visit with all labels, not let go yet.
pub async fn visited() -> Bench {
    let bench = bench().await;
    assert_eq!(bench.ask("POST", "/app/visit", json!({"site_id": SITE})).await.status, 200);
    for serial in SERIALS {
        let added = bench.ask("POST", "/app/visit/items", json!({"label": bench.label(serial)})).await;
        assert_eq!(added.status, 200, "{}", added.body);
    }
    bench
}

pub async fn network(bench: &Bench, passphrase: &str, keep: bool) {
    let given = bench.ask("PUT", "/app/visit/network", json!({"ssid": SSID, "passphrase": passphrase, "keep": keep})).await;
    assert_eq!((given.status, &given.body["networks"]), (200, &json!([{"kind": "wifi", "name": SSID, "keep": keep}])), "{}", given.body);
}

pub async fn next(bench: &Bench) {
    let next = bench.ask("POST", "/app/visit/next", Value::Null).await;
    assert_eq!(next.status, 200, "{}", next.body);
}

pub async fn visit(bench: &Bench) -> Value {
    bench.ask("GET", "/app/visit", Value::Null).await.body
}

pub async fn until(bench: &Bench, is_so: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..1_500 {
        let now = visit(bench).await;
        if is_so(&now) {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never was so: {} {}", visit(bench).await, bench.current().await);
}

pub fn counts(visit: &Value) -> (u64, u64, u64) {
    let count = |name: &str| visit["counts"][name].as_u64().unwrap();
    (count("done"), count("failed"), count("waiting") + count("running"))
}

#[tokio::test]
async fn one_after_the_other_without_a_hand() {
    let bench = visited().await;
    network(&bench, PASSPHRASE, false).await;
    bench.faults("OM-0002", |faults| faults.drop_at = Some(3));
    next(&bench).await;
    let done = until(&bench, |visit| counts(visit).2 == 0).await;
    assert_eq!(counts(&done), (3, 0, 0), "{done}");
    let items = done["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["rssi"].is_i64() && item["took_ms"].is_u64() && item["attempt_id"].is_string()), "{done}");
    assert!(!bench.ledger.books().visits.as_ref().unwrap().contains("\"pop\""), "what is done needs its label no more");
}

#[tokio::test]
async fn once_the_lease_is_over_the_device_under_way_is_finished_and_no_other_begins() {
    let bench = visited().await;
    network(&bench, PASSPHRASE, false).await;
    next(&bench).await;
    until(&bench, |visit| visit["counts"]["running"] == 1).await;
    bench.ledger.books().lease_over = true;
    let end = until(&bench, |visit| visit["counts"]["done"] == 1 && visit["counts"]["running"] == 0).await;
    assert_eq!(counts(&end), (1, 0, 2), "{end}");
    let refused = bench.ask("POST", "/app/visit/next", Value::Null).await;
    assert_eq!((refused.status, refused.code()), (403, Some("lease_over")));
    assert_eq!(counts(&visit(&bench).await), (1, 0, 2), "the others wait");
    bench.ledger.books().lease_over = false;
    next(&bench).await;
    until(&bench, |visit| counts(visit) == (3, 0, 0)).await;
}

#[tokio::test]
async fn a_device_that_fails_waits_behind_the_others_and_keeps_its_cause() {
    let bench = visited().await;
    network(&bench, PASSPHRASE, false).await;
    bench.faults("OM-0001", |faults| faults.wrong_key = true);
    next(&bench).await;
    let end = until(&bench, |visit| counts(visit).2 == 0).await;
    assert_eq!(counts(&end), (2, 1, 0));
    let last = end["items"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["serial"], &last["state"], &last["cause"]), (&json!("OM-0001"), &json!("failed"), &json!("identity_mismatch")), "{end}");
    assert_eq!(bench.ledger.books().attempts.iter().filter(|attempt| attempt.outcome == AttemptOutcome::Failed).count(), 1, "it is not tried again without a reason");
    bench.faults("OM-0001", |faults| faults.wrong_key = false);
    let again = format!("/app/visit/items/{}/again", last["id"].as_str().unwrap());
    assert_eq!(bench.ask("POST", &again, Value::Null).await.status, 200);
    assert_eq!(bench.ask("POST", &again, Value::Null).await.status, 409, "it waits already");
    next(&bench).await;
    until(&bench, |visit| counts(visit) == (3, 0, 0)).await;
}

#[tokio::test]
async fn a_label_is_matched_to_the_device_that_was_planned_under_its_serial_number() {
    let bench = bench().await;
    bench.ledger.books().known.extend([planned_as("OM-0003", "Cellar"), planned_as("OM-0002", "Roof"), planned_as("OM-0020", "Yard")]);
    assert_eq!(bench.ask("POST", "/app/visit", json!({"site_id": SITE})).await.status, 200);
    let names = |visit: &Value| visit["planned"].as_array().unwrap().iter().map(|device| device["name"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(names(&visit(&bench).await), BTreeSet::from(["Cellar", "Roof", "Yard"].map(str::to_owned)));
    for (serial, name, left) in [("OM-0002", json!("Roof"), vec!["Cellar", "Yard"]), ("OM-0001", Value::Null, vec!["Cellar", "Yard"]), ("OM-0003", json!("Cellar"), vec!["Yard"])] {
        let added = bench.ask("POST", "/app/visit/items", json!({"label": bench.label(serial)})).await.body;
        let item = added["items"].as_array().unwrap().iter().find(|item| item["serial"] == serial).unwrap();
        assert_eq!(item["device"]["name"], name, "{serial}: {added:#}");
        assert_eq!(names(&added), left.into_iter().map(str::to_owned).collect(), "{serial}: what is not scanned yet");
    }
    network(&bench, PASSPHRASE, false).await;
    next(&bench).await;
    let done = until(&bench, |visit| counts(visit).2 == 0).await;
    let roof = done["items"].as_array().unwrap().iter().find(|item| item["device"]["name"] == "Roof").unwrap();
    let made = bench.ledger.books().attempts.iter().find(|attempt| json!(attempt.id) == roof["attempt_id"]).map(|attempt| (attempt.serial.clone(), attempt.device_id));
    assert_eq!(made, Some((Some("OM-0002".into()), Some(DeviceId::for_serial(TENANT, "OM-0002")))), "and it is that device which was commissioned: {done:#}");
}

#[tokio::test]
async fn the_app_may_die_with_any_write_of_the_visit() {
    for is_written in [false, true] {
        for write in 0..4 {
            let mut bench = visited().await;
            network(&bench, PASSPHRASE, false).await;
            bench.ledger.books().dies_at_visit = Some((write, is_written));
            // Where it dies at once, nobody hears an answer.
            bench.ask("POST", "/app/visit/next", Value::Null).await;
            until(&bench, |_| bench.ledger.books().full_disk).await;
            bench.kill_and_start().await;
            bench.ledger.books().full_disk = false;
            // A start that could write nothing is followed by one that can.
            bench.kill_and_start().await;
            next(&bench).await;
            let done = until(&bench, |visit| counts(visit).2 == 0).await;
            assert_eq!(counts(&done), (3, 0, 0), "died with write {write}, {is_written}: {done:#}");
            recorded(&bench, |bench| bench.ledger.books().unfinished.is_empty()).await;
            let books = bench.ledger.books();
            let grants = |serial: &str| books.attempts.iter().filter(|attempt| attempt.serial.as_deref() == Some(serial)).filter_map(|attempt| attempt.grant_id).collect::<BTreeSet<_>>();
            let all: Vec<BTreeSet<_>> = SERIALS.iter().map(|serial| grants(serial)).collect();
            assert!(all.iter().all(|of| of.len() == 1) && all.iter().flatten().collect::<BTreeSet<_>>().len() == 3, "one permission for each device: {all:?}, died with write {write}, {is_written}");
        }
    }
}

async fn recorded(bench: &Bench, is_so: impl Fn(&Bench) -> bool) {
    let waiting = async {
        while !is_so(bench) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("the attempts are recorded");
}

#[tokio::test]
async fn a_wrong_passphrase_is_asked_for_once_and_the_right_one_serves_the_rest() {
    let bench = visited().await;
    network(&bench, "not this one", true).await;
    next(&bench).await;
    bench.until("needs_network").await;
    assert_eq!(bench.current().await["failure"]["cause"], "wrong_password");
    bench.act("network", json!({"ssid": SSID, "passphrase": PASSPHRASE, "remember": true})).await;
    let end = until(&bench, |visit| counts(visit).2 == 0).await;
    assert_eq!(counts(&end), (3, 0, 0));
    recorded(&bench, |bench| bench.ledger.books().attempts.len() >= 3).await;
    assert_eq!(bench.ledger.books().attempts.len(), 3, "one attempt each");
}

#[tokio::test]
async fn after_a_death_it_goes_on_where_it_was_when_somebody_says_so() {
    let mut bench = visited().await;
    network(&bench, PASSPHRASE, false).await;
    next(&bench).await;
    until(&bench, |visit| counts(visit).0 == 1).await;
    bench.kill_and_start().await;
    let now = visit(&bench).await;
    assert_eq!((&now["going"], counts(&now)), (&json!(false), (1, 0, 2)), "{now}");
    assert_eq!(now["networks"][0]["name"], SSID, "it is kept");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(visit(&bench).await["counts"], now["counts"], "nothing happens by itself");
    next(&bench).await;
    until(&bench, |visit| counts(visit) == (3, 0, 0)).await;
    // A device is done once it is in its network; its record may have to wait for the server's word, or for the next start.
    let claimed = |bench: &Bench| bench.ledger.books().attempts.iter().filter(|attempt| attempt.receipt.is_some()).filter_map(|attempt| attempt.serial.clone()).collect::<BTreeSet<_>>().len();
    recorded(&bench, |bench| claimed(bench) == 3).await;
    assert!(bench.ledger.books().attempts.len() <= 4);
}

#[tokio::test]
async fn the_network_goes_with_the_visit_unless_it_is_wanted_again() {
    for keep in [false, true] {
        let bench = visited().await;
        network(&bench, PASSPHRASE, keep).await;
        assert_eq!(bench.ask("DELETE", "/app/visit", Value::Null).await.status, 204);
        assert_eq!(visit(&bench).await, Value::Null);
        let text = bench.ledger.books().visits.clone().unwrap_or_default();
        assert_eq!(text.contains(PASSPHRASE), keep, "{text}");
        assert!(!text.contains("\"pop\""), "{text}");
        bench.ask("POST", "/app/visit", json!({"site_id": SITE, "auto": false})).await;
        assert_eq!(visit(&bench).await["networks"].as_array().unwrap().len(), usize::from(keep));
    }
}

#[tokio::test]
async fn a_hidden_network_is_typed_once_for_all_devices_of_a_visit() {
    let mut networks = usual_networks();
    networks.push(Network { hidden: true, ssid: "Backstage".into(), ..networks[0].clone() });
    let mut bench = Bench::among(networks, SERIALS.map(|serial| device(serial, Security::Sec2Patch1)).to_vec()).await;
    bench.ask("POST", "/app/visit", json!({"site_id": SITE})).await;
    for serial in SERIALS {
        bench.ask("POST", "/app/visit/items", json!({"label": bench.label(serial)})).await;
    }
    next(&bench).await;
    bench.until("needs_network").await;
    bench.act("network", json!({"ssid": "Backstage", "passphrase": PASSPHRASE, "remember": true})).await;
    until(&bench, |visit| counts(visit).0 == 1).await;
    bench.kill_and_start().await;
    next(&bench).await;
    let done = until(&bench, |visit| counts(visit).2 == 0).await;
    assert_eq!(counts(&done), (3, 0, 0), "also after a death: {done:#}");
}

#[tokio::test]
async fn two_labels_of_one_name_are_two_devices_of_the_visit() {
    let twin = |serial: &str| Spec { name: Some("PROV_LAMP".into()), kind: Kind::Espressif, ..device(serial, Security::Sec2Patch1) };
    let bench = Bench::with(vec![twin("OM-0001"), twin("OM-0002")]).await;
    bench.ask("POST", "/app/visit", json!({"site_id": SITE})).await;
    for (count, serial) in [(1, "OM-0001"), (2, "OM-0002")] {
        let added = bench.ask("POST", "/app/visit/items", json!({"label": bench.label(serial)})).await;
        assert_eq!((added.status, added.body["items"].as_array().map(Vec::len)), (200, Some(count)), "{}", added.body);
    }
    next(&bench).await;
    for done in 1..=2 {
        while bench.current().await["state"] != "needs_network" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bench.join(SSID, PASSPHRASE).await;
        until(&bench, |visit| counts(visit).0 == done).await;
    }
    for slot in &bench.fleet.slots {
        assert!(slot.device().joined(slot.now()));
    }
    assert!(bench.ledger.books().carried.is_empty(), "what was answered at one is none of the other's");
}

#[tokio::test]
async fn a_visit_belongs_to_its_account() {
    let bench = visited().await;
    bench.office.activate(&Arc::new(Ledger::of("acc_2", SITE)));
    assert_eq!(visit(&bench).await, Value::Null);
    assert_eq!(bench.ask("POST", "/app/visit/next", Value::Null).await.status, 409);
    bench.office.activate(&bench.ledger);
    assert_eq!(counts(&visit(&bench).await), (0, 0, 3));
}

#[tokio::test]
async fn bad_input_is_answered_and_changes_nothing() {
    let bench = bench().await;
    let pin = bench.label("OM-0001");
    let asked = async |method: &str, path: &str, body: Value| {
        let reply = bench.ask(method, path, body).await;
        (reply.status, reply.code().unwrap_or_default().to_owned())
    };
    let refused = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(asked("POST", "/app/visit/items", json!({"label": pin})).await, refused(409, "state_conflict"), "no visit");
    assert_eq!(asked("POST", "/app/visit", json!({"site_id": "site_00000000000000000000000000000001"})).await, refused(422, "invalid_field"));
    assert_eq!(asked("POST", "/app/visit", json!({"site_id": SITE})).await.0, 200);
    assert_eq!(asked("POST", "/app/visit", json!({"site_id": SITE})).await, refused(409, "state_conflict"), "one at a time");
    assert_eq!(asked("POST", "/app/visit/next", Value::Null).await, refused(409, "state_conflict"), "nobody waits");
    assert_eq!(asked("POST", "/app/visit/items", json!({"label": "no label"})).await.0, 422);
    assert_eq!(asked("POST", "/app/visit/items", json!({"label": pin, "device_name": "x".repeat(121)})).await, refused(422, "invalid_field"));
    assert_eq!(asked("POST", "/app/visit/items", json!({"label": pin})).await.0, 200);
    assert_eq!(asked("POST", "/app/visit/items", json!({"label": pin})).await, refused(409, "already_exists"));
    assert_eq!(asked("PUT", "/app/visit/network", json!({"ssid": SSID, "passphrase": "shorts"})).await, refused(422, "invalid_field"));
    assert_eq!(asked("PUT", "/app/visit/network", json!({"keep": true})).await, refused(422, "invalid_field"));
    assert_eq!(asked("DELETE", "/app/visit/items/nothing", Value::Null).await.0, 404);
    assert_eq!(asked("PATCH", "/app/visit", json!({"auto": "yes"})).await, refused(422, "invalid_field"));
    bench.ledger.books().full_disk = true;
    assert_eq!(asked("PATCH", "/app/visit", json!({"auto": false})).await, refused(507, "disk_full"));
    bench.ledger.books().full_disk = false;
    let now = visit(&bench).await;
    assert_eq!((&now["auto"], counts(&now)), (&json!(true), (0, 0, 1)), "{now}");
    assert!(!now.to_string().contains("pop"), "no secret goes out");
}
