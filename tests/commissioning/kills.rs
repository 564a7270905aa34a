//! The app dies in the middle.

use std::time::Duration;

use omniot_shared::{
    claim::Grant,
    entities::{AttemptOutcome, Security, StepOutcome},
    ids::ClientId,
};
use omniot_tests::virtual_device::device::Power;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    bench::{Bench, PASSPHRASE, SITE, SSID, device},
    ledger::{Place, claim_key},
};

#[tokio::test]
async fn a_killed_commission_becomes_one_interrupted_attempt_exactly_once() {
    let mut bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.kill_and_start().await;
    let attempt = bench.ledger.attempt();
    assert_eq!((attempt.outcome, attempt.cause.as_deref()), (AttemptOutcome::Interrupted, Some("interrupted")));
    assert_eq!(attempt.epoch, Some(1), "it had been claimed, and the record says so");
    let left = bench.ask("GET", "/app/commissions/unfinished", Value::Null).await.body;
    assert_eq!((&left["items"][0]["state"], &left["items"][0]["attempt_id"]), (&json!("interrupted"), &json!(attempt.id)));
    bench.kill_and_start().await;
    assert_eq!(bench.ledger.books().attempts.len(), 1, "the second start records nothing more");
    let left = bench.ask("GET", "/app/commissions/unfinished", Value::Null).await.body;
    assert_eq!(left["items"], json!([]));
}

#[tokio::test]
async fn after_a_kill_at_any_moment_the_device_can_be_commissioned_and_no_grant_serves_two() {
    for wait in [0, 5, 10, 20, 30, 45, 60, 80, 100] {
        let mut bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1), device("OM-0002", Security::Sec2Patch1)]).await;
        bench.begin("OM-0001").await;
        tokio::time::sleep(Duration::from_millis(wait)).await;
        let step = bench.current().await["step"].clone();
        bench.kill_and_start().await;
        bench.commission("OM-0002").await;
        bench.commission("OM-0001").await;
        let books = bench.ledger.books();
        let outcomes: Vec<_> = books.attempts.iter().map(|attempt| attempt.outcome).collect();
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == AttemptOutcome::Succeeded).count(), 2, "killed at {step}");
        assert!(outcomes.len() <= 3, "killed at {step}: {outcomes:?}");
        let of = |serial: &str| -> Vec<_> {
            let mine = books.attempts.iter().filter(|attempt| attempt.serial.as_deref() == Some(serial));
            mine.filter_map(|attempt| attempt.grant_id).collect()
        };
        assert!(of("OM-0001").iter().all(|grant| !of("OM-0002").contains(grant)), "killed at {step}: a grant served two devices");
    }
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_step_is_a_row_of_the_record() {
    let mut bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.faults("OM-0001", |faults| faults.silent = true);
    bench.begin("OM-0001").await;
    while bench.current().await["step"] != "version" {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    bench.kill_and_start().await;
    let attempt = bench.ledger.attempt();
    let last = attempt.steps.last().unwrap();
    assert_eq!((last.step.as_str(), last.outcome), ("version", StepOutcome::Interrupted));
    assert_eq!(bench.ledger.count(|place| *place == Place::Free), 10, "no grant was in play");
}

#[tokio::test]
async fn a_failure_that_nobody_came_back_to_is_recorded_as_that_failure() {
    let mut bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.join("Legacy-AP", "legacy-2009").await;
    bench.until_failed("join_timeout").await;
    bench.kill_and_start().await;
    let attempt = bench.ledger.attempt();
    assert_eq!((attempt.outcome, attempt.cause.as_deref()), (AttemptOutcome::Failed, Some("join_timeout")));
}

#[tokio::test]
async fn a_cancelled_commission_gives_its_device_free_and_is_recorded() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    let busy = bench.ask("POST", "/app/commissions", json!({"label": bench.label("OM-0001"), "site_id": SITE})).await;
    assert_eq!((busy.status, busy.code()), (409, Some("state_conflict")), "one at a time");
    assert_eq!(bench.act("cancel", Value::Null).await.body["state"], "cancelled");
    assert_eq!(bench.ledger.attempt().outcome, AttemptOutcome::Cancelled);
    assert_eq!(bench.act("cancel", Value::Null).await.status, 409, "twice is not cancelled twice");
    assert!(!bench.fleet.slots[0].device().linked(), "the device is free");
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.join(SSID, PASSPHRASE).await;
    bench.until("succeeded").await;
    assert_eq!(bench.ledger.books().attempts.len(), 2);
}

#[tokio::test]
async fn a_kill_while_the_network_is_handed_over_leaves_a_device_that_can_be_finished() {
    for step in ["set_network", "apply"] {
        let mut bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
        bench.begin("OM-0001").await;
        bench.until("needs_network").await;
        bench.faults("OM-0001", |faults| faults.delay_ms = 50);
        bench.join(SSID, PASSPHRASE).await;
        while bench.current().await["step"] != step {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // It is stored before it begins, and the device takes its time.
        tokio::time::sleep(Duration::from_millis(20)).await;
        bench.kill_and_start().await;
        bench.faults("OM-0001", |faults| faults.delay_ms = 0);
        let first = bench.ledger.attempt();
        let last = first.steps.last().unwrap();
        assert_eq!((first.outcome, last.step.as_str(), last.outcome), (AttemptOutcome::Interrupted, step, StepOutcome::Interrupted));
        bench.begin("OM-0001").await;
        // Whether Apply was heard before the link went, nobody knows.
        if bench.past("running").await["state"] == "needs_network" {
            bench.join(SSID, PASSPHRASE).await;
        }
        let done = bench.until("succeeded").await;
        let books = bench.ledger.books();
        let attempt = books.attempts.last().unwrap();
        assert_eq!((books.attempts.len(), attempt.epoch, attempt.grant_id), (2, Some(1), first.grant_id), "killed at {step}: it was claimed once: {done:#}");
        let slot = &bench.fleet.slots[0];
        assert!(slot.device().joined(slot.now()), "killed at {step}: it is in its network");
    }
}

/// The app dies while the device joins.
async fn killed_while_joining() -> Bench {
    let mut bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.join(SSID, PASSPHRASE).await;
    while bench.current().await["step"] != "join" {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    bench.kill_and_start().await;
    assert_eq!(bench.ledger.attempt().outcome, AttemptOutcome::Interrupted);
    bench
}

/// Waits until the device is in its network, and is silent or not. One that has just lost its link is silent for a moment.
pub async fn joined(bench: &Bench, is_silent: bool) {
    let slot = &bench.fleet.slots[0];
    let mut looks = 0;
    while looks < 30 {
        let is_so = {
            let (now, device) = (slot.now(), slot.device());
            device.joined(now) && device.advertises(now) != is_silent
        };
        looks = if is_so { looks + 1 } else { 0 };
        if !is_silent && looks > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_device_that_joined_while_the_app_was_dead_is_not_lost() {
    let mut bench = killed_while_joining().await;
    joined(&bench, true).await;
    // Whatever happens before it is looked for again says nothing about it.
    bench.begin("OM-0001").await;
    bench.act("cancel", Value::Null).await;
    bench.kill_and_start().await;
    bench.begin("OM-0001").await;
    let ended = bench.until("succeeded").await;
    assert!(ended["warnings"].as_array().unwrap().contains(&json!("join_unconfirmed")), "{ended}");
    let books = bench.ledger.books();
    let [first, _, last] = &books.attempts[..] else { panic!("{:?}", books.attempts) };
    assert_eq!((last.outcome, &last.receipt, last.grant_id, last.epoch), (AttemptOutcome::Succeeded, &first.receipt, first.grant_id, Some(1)));
    assert_eq!(last.network_name.as_deref(), Some(SSID));
}

#[tokio::test]
async fn nor_is_one_whose_app_died_again_before_a_network_was_spoken_of() {
    let mut bench = killed_while_joining().await;
    joined(&bench, false).await;
    bench.begin("OM-0001").await;
    bench.kill_and_start().await;
    joined(&bench, true).await;
    bench.begin("OM-0001").await;
    let ended = bench.until("succeeded").await;
    assert!(ended["warnings"].as_array().unwrap().contains(&json!("join_unconfirmed")), "{ended}");
}

#[tokio::test]
async fn a_device_that_is_in_its_network_and_still_talks_is_asked_for_nothing_else() {
    let bench = killed_while_joining().await;
    joined(&bench, false).await;
    bench.begin("OM-0001").await;
    let done = bench.until("succeeded").await;
    assert_eq!(done["warnings"], json!([]), "it has said so itself");
    let books = bench.ledger.books();
    let [first, last] = &books.attempts[..] else { panic!("{:?}", books.attempts) };
    assert_eq!((last.outcome, &last.receipt, last.network_name.as_deref()), (AttemptOutcome::Succeeded, &first.receipt, Some(SSID)), "{done:#}");
}

#[tokio::test]
async fn silence_is_no_success_after_the_device_has_said_no() {
    let mut bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.join(SSID, "not the password").await;
    bench.until("needs_network").await;
    bench.kill_and_start().await;
    let now = bench.fleet.slots[0].now();
    bench.fleet.slots[0].device().power(Power::Off, now);
    bench.begin("OM-0001").await;
    bench.until_failed("not_advertising").await;
}

/// The app died while the device joined, and the device is heard again.
async fn heard_again(passphrase: &str) -> Bench {
    let mut bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1), device("OM-0002", Security::Sec2Patch1)]).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.join(SSID, passphrase).await;
    while bench.current().await["step"] != "join" {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    bench.kill_and_start().await;
    assert_eq!(bench.ledger.attempt().outcome, AttemptOutcome::Interrupted);
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench
}

fn goes_dark(bench: &Bench) {
    let slot = bench.fleet.named("OM-0001")[0];
    slot.device().power(Power::Off, slot.now());
    slot.link_ended();
}

/// Somebody types a passphrase to remember for a device that is gone.
async fn joins_nothing(bench: &Bench, what: &str) {
    assert_eq!(bench.act("network", json!({"ssid": SSID, "passphrase": PASSPHRASE, "remember": true})).await.status, 200);
    let failed = bench.until_failed("not_advertising").await;
    assert_eq!(failed["warnings"], json!([]), "{what}: it was given nothing to join");
    bench.begin("OM-0002").await;
    bench.until("needs_network").await;
}

#[tokio::test]
async fn nor_after_it_was_heard_again_and_nothing_left_for_it_since() {
    let bench = heard_again("not the password").await;
    goes_dark(&bench);
    joins_nothing(&bench, "it waits for a network").await;

    let bench = heard_again("not the password").await;
    bench.join(SSID, "nor this one").await;
    let asked = bench.until("needs_network").await;
    assert_eq!(asked["failure"]["cause"], "wrong_password");
    goes_dark(&bench);
    joins_nothing(&bench, "it said no").await;

    let bench = heard_again("not the password").await;
    goes_dark(&bench);
    assert_eq!(bench.act("retry", Value::Null).await.status, 200);
    bench.until_failed("not_advertising").await;
}

#[tokio::test]
async fn nor_after_what_was_looked_for_in_vain() {
    let bench = heard_again("not the password").await;
    bench.join("Legacy-AP", "legacy-2009").await;
    bench.until_failed("join_timeout").await;
    goes_dark(&bench);
    assert_eq!(bench.act("retry", Value::Null).await.status, 200);
    bench.until_failed("not_advertising").await;
}

#[tokio::test]
async fn a_device_that_was_claimed_by_the_attempt_before_needs_no_second_permission() {
    let mut bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.kill_and_start().await;
    bench.ledger.books().grants.retain(|_, (_, place)| *place != Place::Free);
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.join(SSID, PASSPHRASE).await;
    let done = bench.until("succeeded").await;
    let books = bench.ledger.books();
    let [first, last] = &books.attempts[..] else { panic!("{:?}", books.attempts) };
    assert_eq!((last.outcome, &last.receipt, last.grant_id, last.epoch), (AttemptOutcome::Succeeded, &first.receipt, first.grant_id, Some(1)), "{done:#}");
}

#[tokio::test]
async fn a_receipt_that_does_not_lead_to_the_server_any_more_is_not_taken_over() {
    for (what, is_taken_over) in [("nothing", true), ("another server", false), ("another certificate", false), ("refused", false), ("refused, and unknown here", true)] {
        let mut bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
        bench.begin("OM-0001").await;
        bench.until("needs_network").await;
        bench.kill_and_start().await;
        let first = bench.ledger.attempt();
        {
            let mut books = bench.ledger.books();
            for (signed, _) in books.grants.values_mut().filter(|(_, place)| *place == Place::Free) {
                let grant = signed.read().unwrap();
                *signed = match what {
                    "another server" => Grant { backend_url: "https://new.example".into(), ..grant }.sign(&claim_key()),
                    "another certificate" => Grant { trust_anchor: vec![7; 40], ..grant }.sign(&claim_key()),
                    _ => continue,
                };
            }
            books.online = what == "refused";
            if what.starts_with("refused") {
                books.refused.push(("OM-0001".into(), first.grant_id.unwrap(), "grant_revoked".into()));
            }
        }
        bench.begin("OM-0001").await;
        bench.until("needs_network").await;
        bench.join(SSID, PASSPHRASE).await;
        bench.until("succeeded").await;
        let books = bench.ledger.books();
        let last = books.attempts.last().unwrap();
        assert_eq!((last.grant_id == first.grant_id, last.epoch), (is_taken_over, Some(if is_taken_over { 1 } else { 2 })), "{what}");
    }
}

#[tokio::test]
async fn a_receipt_of_before_the_server_was_restored_is_not_taken_over() {
    let mut bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.kill_and_start().await;
    bench.ledger.books().renamed = Some(ClientId(Uuid::from_u128(301)));
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.join(SSID, PASSPHRASE).await;
    bench.until("succeeded").await;
    let books = bench.ledger.books();
    let [first, last] = &books.attempts[..] else { panic!("{:?}", books.attempts) };
    assert_eq!((first.epoch, last.epoch, last.outcome), (Some(1), Some(2), AttemptOutcome::Succeeded));
    assert_ne!(first.grant_id, last.grant_id, "the server may not know the first any more");
}
