//! Networks that do not work at first.

use omniot_shared::entities::{AttemptOutcome, Security};
use omniot_tests::virtual_device::{device::Power, faults::FalseSuccess, fleet::usual_networks, spec::{Era, Spec}, wifi::Network};
use serde_json::{Value, json};

use crate::bench::{Bench, PASSPHRASE, SSID, device};

async fn waiting_for_a_network() -> Bench {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench
}

fn times(bench: &Bench, step: &str) -> usize {
    bench.ledger.attempt().steps.iter().filter(|row| row.step == step).count()
}

fn switch_off_and_on(bench: &Bench) {
    let slot = bench.fleet.named("OM-0001")[0];
    slot.device().power_cut(slot.now());
    slot.link_ended();
}

pub fn drop_the_link(bench: &Bench) {
    let slot = &bench.fleet.slots[0];
    slot.device().disconnect();
    slot.link_ended();
}

async fn joining(bench: &Bench) {
    while bench.current().await["step"] != "join" {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_wrong_password_goes_back_to_the_password_on_the_same_link() {
    for security in [Security::Sec2Patch1, Security::Sec1] {
        let bench = Bench::with(vec![device("OM-0001", security)]).await;
        bench.begin("OM-0001").await;
        bench.until("needs_network").await;
        for wrong in ["wrong-password", "wrong-again"] {
            bench.join(SSID, wrong).await;
            let asked = bench.until("needs_network").await;
            assert_eq!(asked["failure"], json!({"cause": "wrong_password", "step": "join", "retriable": true}));
        }
        bench.join(SSID, PASSPHRASE).await;
        let done = bench.until("succeeded").await;
        assert_eq!(done["failure"], Value::Null);
        assert_eq!((times(&bench, "connect"), times(&bench, "join"), times(&bench, "claim")), (1, 3, 1), "one link, one claim, three tries");
        let causes: Vec<_> = bench.ledger.attempt().steps.into_iter().filter_map(|row| row.cause).collect();
        assert_eq!(causes.iter().filter(|cause| *cause == "wrong_password").count(), 2, "the recorder keeps both");
    }
}

#[tokio::test]
async fn a_remembered_network_that_the_device_refuses_is_forgotten_and_asked_for() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1), device("OM-0002", Security::Sec2Patch1), device("OM-0003", Security::Sec2Patch1)]).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.act("network", json!({"ssid": SSID, "passphrase": PASSPHRASE, "remember": true})).await;
    bench.until("succeeded").await;
    bench.faults("OM-0002", |faults| faults.refuse_network = true);
    bench.begin("OM-0002").await;
    let asked = bench.until("needs_network").await;
    assert_eq!((&asked["failure"]["cause"], &asked["network_name"]), (&json!("network_refused"), &json!(SSID)));
    bench.act("cancel", Value::Null).await;
    bench.begin("OM-0003").await;
    let asked = bench.until("needs_network").await;
    assert_eq!(asked["failure"], Value::Null, "the next one is not given what did not work");
}

const HIDDEN: &str = "Backstage";

/// Devices among networks of which one hides its name.
async fn around_a_hidden_network(devices: Vec<Spec>) -> Bench {
    let mut networks = usual_networks();
    networks.push(Network { hidden: true, ssid: HIDDEN.into(), ..networks[0].clone() });
    Bench::among(networks, devices).await
}

async fn is_remembered(bench: &Bench, serial: &str, ssid: &str) {
    bench.begin(serial).await;
    bench.until("needs_network").await;
    bench.act("network", json!({"ssid": ssid, "passphrase": PASSPHRASE, "remember": true})).await;
    bench.until("succeeded").await;
}

#[tokio::test]
async fn a_hidden_network_that_worked_is_not_typed_again_for_the_next_device() {
    let bench = around_a_hidden_network(["OM-0001", "OM-0002", "OM-0003"].map(|serial| device(serial, Security::Sec2Patch1)).to_vec()).await;
    is_remembered(&bench, "OM-0001", HIDDEN).await;
    bench.begin("OM-0002").await;
    let done = bench.until("succeeded").await;
    assert_eq!((&done["network_name"], &done["warnings"]), (&json!(HIDDEN), &json!([])));

    // Where it is not, it is not found once, and then somebody is asked.
    bench.faults("OM-0003", |faults| faults.no_network = true);
    bench.begin("OM-0003").await;
    let asked = bench.until("needs_network").await;
    assert_eq!(asked["failure"]["cause"], "network_not_found");
    bench.act("cancel", Value::Null).await;
    let attempt = bench.ledger.books().attempts.last().cloned().unwrap();
    assert_eq!(attempt.steps.iter().filter(|row| row.step == "join").count(), 1);
}

#[tokio::test]
async fn a_device_that_cannot_look_for_networks_is_given_the_remembered_one() {
    let old = |serial: &str| Spec { era: Era::Bare, ..device(serial, Security::Sec1) };
    let bench = around_a_hidden_network(vec![old("OM-0001"), old("OM-0002"), device("OM-0003", Security::Sec2Patch1)]).await;
    is_remembered(&bench, "OM-0001", HIDDEN).await;
    bench.begin("OM-0002").await;
    bench.until("succeeded").await;
    // That those joined it says nothing about whether it can be seen.
    bench.begin("OM-0003").await;
    let asked = bench.until("needs_network").await;
    assert!(asked["warnings"].as_array().unwrap().contains(&json!("network_unseen")), "{asked:#}");
}

#[tokio::test]
async fn a_network_is_chosen_by_its_id_and_a_hidden_one_keeps_its_name_when_it_fails() {
    let bench = waiting_for_a_network().await;
    let asked = bench.current().await;
    let id = asked["networks"][0]["id"].clone();
    bench.join("Hidden one", "long enough").await;
    let asked = bench.until("needs_network").await;
    assert_eq!((&asked["network_name"], &asked["failure"]["cause"]), (&json!("Hidden one"), &json!("network_not_found")));
    assert_eq!(bench.act("network", json!({"network_id": id, "passphrase": PASSPHRASE})).await.status, 200);
    assert_eq!(bench.until("succeeded").await["network_name"], SSID);
}

#[tokio::test]
async fn a_network_that_is_not_there_is_looked_for_again() {
    let bench = waiting_for_a_network().await;
    bench.join("Nowhere", "long enough").await;
    let asked = bench.until("needs_network").await;
    assert_eq!(asked["failure"]["cause"], "network_not_found");
    assert!(!asked["networks"].as_array().unwrap().is_empty(), "with a fresh list");
    bench.join(SSID, PASSPHRASE).await;
    bench.until("succeeded").await;
    assert_eq!((times(&bench, "connect"), times(&bench, "scan_networks")), (1, 2));
}

#[tokio::test]
async fn the_technician_may_scan_again() {
    let bench = waiting_for_a_network().await;
    assert_eq!(bench.act("retry", Value::Null).await.status, 200);
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    bench.until("needs_network").await;
    bench.join(SSID, PASSPHRASE).await;
    bench.until("succeeded").await;
    assert_eq!(times(&bench, "scan_networks"), 2);
}

#[tokio::test]
async fn a_network_that_never_lets_it_in_has_a_deadline_and_another_may_be_given() {
    let bench = waiting_for_a_network().await;
    bench.join("Legacy-AP", "legacy-2009").await;
    let now = bench.until_failed("join_timeout").await;
    assert_eq!(now["failure"]["retriable"], true);
    assert!(bench.ledger.books().attempts.is_empty(), "it is not over yet");
    bench.join(SSID, PASSPHRASE).await;
    let now = loop {
        let now = bench.current().await;
        if now["state"] != "running" {
            break now;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    // A device that is still trying takes nothing else; it says so at Apply, not by silence.
    assert_eq!((&now["failure"]["cause"], &now["failure"]["step"]), (&json!("still_trying"), &json!("apply")), "{now:#}");
    // Trying once more is no success of the network before, and blames the right one for nothing.
    assert_eq!(bench.act("retry", Value::Null).await.status, 200);
    bench.until_failed("still_trying").await;
    switch_off_and_on(&bench);
    assert_eq!(bench.act("retry", Value::Null).await.status, 200);
    let done = bench.until("succeeded").await;
    assert_eq!((&done["network_name"], times(&bench, "claim")), (&json!(SSID), 1), "and nothing had to be reset");
}

#[tokio::test]
async fn a_device_that_forgot_its_network_while_it_joined_is_given_it_again() {
    let bench = waiting_for_a_network().await;
    bench.join(SSID, PASSPHRASE).await;
    joining(&bench).await;
    switch_off_and_on(&bench);
    let done = bench.until("succeeded").await;
    assert_eq!(done["warnings"], json!([]), "it said itself that it has joined");
}

#[tokio::test]
async fn a_link_that_drops_after_apply_hides_no_wrong_password() {
    let bench = waiting_for_a_network().await;
    bench.join(SSID, "not the password").await;
    joining(&bench).await;
    drop_the_link(&bench);
    let asked = bench.until("needs_network").await;
    assert_eq!(asked["failure"], json!({"cause": "wrong_password", "step": "join", "retriable": true}));
    bench.join(SSID, PASSPHRASE).await;
    bench.until("succeeded").await;
}

/// The commission succeeds, by the word of the device and with one claim.
async fn says_that_it_has_joined(bench: &Bench) {
    let done = bench.until("succeeded").await;
    assert_eq!(done["warnings"], json!([]), "the device says itself that it has joined");
    let slot = bench.fleet.named("OM-0001")[0];
    assert!(slot.device().joined(slot.now()));
    assert_eq!(times(bench, "claim"), 1);
}

#[tokio::test]
async fn a_device_that_forgets_its_network_and_comes_back_under_another_address_is_given_it_again() {
    let bench = waiting_for_a_network().await;
    bench.faults("OM-0001", |faults| faults.new_address = true);
    bench.join(SSID, PASSPHRASE).await;
    joining(&bench).await;
    switch_off_and_on(&bench);
    // It was told to join, and where it was nobody is any more: that is no success.
    says_that_it_has_joined(&bench).await;
}

#[tokio::test]
async fn a_device_that_comes_back_under_another_address_over_a_bad_link_has_not_joined() {
    let bench = waiting_for_a_network().await;
    bench.faults("OM-0001", |faults| faults.new_address = true);
    bench.join(SSID, PASSPHRASE).await;
    joining(&bench).await;
    bench.faults("OM-0001", |faults| faults.hci_3e = 99);
    switch_off_and_on(&bench);
    // Nobody is where it was, and whoever has its name now has not shown that it is another one.
    let failed = bench.until_failed("not_established").await;
    assert_eq!(failed["failure"]["retriable"], true);
    bench.faults("OM-0001", |faults| faults.hci_3e = 0);
    assert_eq!(bench.act("retry", Value::Null).await.status, 200);
    says_that_it_has_joined(&bench).await;
}

#[tokio::test]
async fn a_device_of_the_same_name_does_not_hide_that_the_device_has_joined() {
    let twin = |serial: &str, rssi| {
        let mut spec = Spec { name: Some("TWIN".into()), ..device(serial, Security::Sec2Patch1) };
        spec.faults.rssi = Some(rssi);
        spec
    };
    let bench = Bench::with(vec![twin("OM-0001", -40), twin("OM-0002", -80)]).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.join(SSID, PASSPHRASE).await;
    joining(&bench).await;
    let slot = bench.fleet.named("OM-0001")[0];
    drop_the_link(&bench);
    slot.device().power(Power::Off, slot.now());
    let done = bench.until("succeeded").await;
    assert_eq!(done["warnings"], json!(["join_unconfirmed"]), "{done:#}");
    let attempt = bench.ledger.attempt();
    assert_eq!((attempt.serial.as_deref(), attempt.security), (Some("OM-0001"), Some(Security::Sec2Patch1)));
    let causes: Vec<_> = attempt.steps.into_iter().filter_map(|row| row.cause).collect();
    assert!(causes.iter().any(|cause| cause == "wrong_pop"), "the other one was asked: {causes:?}");
}

#[tokio::test]
async fn silence_after_a_join_that_was_given_up_is_no_success() {
    let bench = waiting_for_a_network().await;
    bench.join("Legacy-AP", "legacy-2009").await;
    bench.until_failed("join_timeout").await;
    let slot = bench.fleet.named("OM-0001")[0];
    slot.device().power(Power::Off, slot.now());
    slot.link_ended();
    assert_eq!(bench.act("retry", Value::Null).await.status, 200);
    bench.until_failed("not_advertising").await;
}

#[tokio::test]
async fn a_success_that_shows_no_network_is_none() {
    for lie in [FalseSuccess::Empty, FalseSuccess::Truncated] {
        let bench = waiting_for_a_network().await;
        bench.faults("OM-0001", |faults| faults.false_success = Some(lie));
        bench.join(SSID, PASSPHRASE).await;
        let now = bench.until("failed").await;
        let cause = now["failure"]["cause"].as_str().unwrap().to_owned();
        assert!(["false_success", "invalid_reply"].contains(&cause.as_str()), "{now:#}");
        bench.act("cancel", Value::Null).await;
        let attempt = bench.ledger.attempt();
        assert_eq!((attempt.outcome, attempt.cause), (AttemptOutcome::Failed, Some(cause)), "what failed is on record, not that it was cancelled");
    }
}

#[tokio::test]
async fn passphrases_that_cannot_be_right_are_not_sent() {
    let bench = waiting_for_a_network().await;
    for (ssid, passphrase, field) in [
        (SSID, "short", "passphrase"),
        (SSID, "", "passphrase"),
        (SSID, &"x".repeat(64), "passphrase"),
        ("", "long enough", "ssid"),
        (&"n".repeat(33), "long enough", "ssid"),
    ] {
        let answer = bench.act("network", json!({"ssid": ssid, "passphrase": passphrase})).await;
        assert_eq!((answer.status, &answer.body["error"]["field"]), (422, &json!(field)), "{ssid:?} {passphrase:?}");
    }
    bench.join(SSID, PASSPHRASE).await;
    bench.until("succeeded").await;
}

#[tokio::test]
async fn a_link_that_drops_after_apply_is_opened_again_to_see_what_became_of_it() {
    let bench = waiting_for_a_network().await;
    bench.join(SSID, PASSPHRASE).await;
    joining(&bench).await;
    drop_the_link(&bench);
    let done = bench.until("succeeded").await;
    assert_eq!(done["warnings"], json!([]), "the device says itself that it has joined");
    assert_eq!((times(&bench, "connect"), times(&bench, "claim")), (2, 1));
}
