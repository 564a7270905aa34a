//! Devices that mean harm: the app names a cause in time, and nothing leaves it before its proof.

use std::time::Duration;

use omniot_app::commissioning::{esp::level::Mode, flow::pace::Pace};
use omniot_shared::entities::Security;
use omniot_tests::virtual_device::{
    hostile::Hostile,
    improv::Make,
    spec::{Kind, Spec, Stack},
};
use serde_json::{Value, json};

use crate::{
    bench::{Bench, PASSPHRASE, SITE, SSID, device, quick},
    ledger::Place,
};

/// Deadlines so short that three tries of a step are over in a few seconds.
fn impatient() -> Pace {
    let ms = Duration::from_millis;
    Pace { exchange: ms(700), claim: ms(700), handshake: ms(3000), scan: ms(700), join: ms(1000), operation: ms(500), authorize: ms(500), ..quick() }
}

async fn against(hostile: Hostile, spec: Spec) -> Bench {
    let serial = spec.serial.clone();
    let bench = Bench::at_pace(vec![spec], impatient(), Mode::Field).await;
    bench.faults(&serial, |faults| faults.hostile = Some(hostile));
    bench
}

/// How it ends, when nobody does anything but give the network where it is asked for.
async fn end(bench: &Bench) -> Value {
    let ended = async {
        loop {
            let now = bench.current().await;
            match now["state"].as_str().unwrap() {
                "running" | "needs_button" => tokio::time::sleep(Duration::from_millis(5)).await,
                "needs_network" if now["failure"].is_null() => {
                    let _ = bench.act("network", json!({"ssid": SSID, "passphrase": PASSPHRASE})).await;
                }
                _ => return now,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(25), ended).await.unwrap_or_else(|_| panic!("it never ends"))
}

fn was_given(bench: &Bench) -> bool {
    bench.fleet.slots[0].device().was_given_a_network()
}

#[tokio::test]
async fn before_its_proof_it_learns_nothing_and_is_named() {
    for (hostile, cause) in [
        (Hostile::EmptyHandshake, "invalid_reply"),
        (Hostile::ZeroKey, "device_unproven"),
        (Hostile::Echo, "invalid_reply"),
        (Hostile::Pretends, "device_unproven"),
    ] {
        for (security, stack) in [(Security::Sec1, Stack::Nimble), (Security::Sec2Patch1, Stack::Nimble), (Security::Sec2Patch1, Stack::Bluedroid)] {
            let bench = against(hostile, Spec { stack, ..device("OM-0001", security) }).await;
            bench.faults("OM-0001", |faults| faults.wrong_pop = hostile == Hostile::Pretends);
            bench.begin("OM-0001").await;
            let ended = end(&bench).await;
            assert_eq!((&ended["failure"]["cause"], &ended["failure"]["step"]), (&json!(cause), &json!("handshake")), "{hostile:?} {security:?}");
            assert!(!was_given(&bench), "{hostile:?}: it was given a network");
            assert_eq!(bench.ledger.count(|place| *place == Place::Free), 10, "{hostile:?}: a grant left");
        }
    }
}

#[tokio::test]
async fn a_device_that_cannot_say_who_it_is_is_given_neither_grant_nor_network() {
    for (hostile, causes) in [
        (Hostile::Garbage, &["invalid_reply"][..]),
        (Hostile::EmptyReplies, &["identity_invalid", "invalid_reply"]),
        (Hostile::ShortReplies, &["invalid_reply", "identity_invalid"]),
        (Hostile::LongReplies, &["invalid_reply", "identity_invalid"]),
        (Hostile::EndlessReplies, &["no_answer"]),
    ] {
        for security in [Security::Sec1, Security::Sec2Patch0, Security::Sec2Patch1] {
            let bench = against(hostile, device("OM-0001", security)).await;
            bench.begin("OM-0001").await;
            let ended = end(&bench).await;
            let cause = ended["failure"]["cause"].as_str().unwrap_or_default();
            assert!(causes.contains(&cause) && ended["failure"]["step"] == "identity", "{hostile:?} {security:?}: {ended:#}");
            assert!(!was_given(&bench), "{hostile:?}: it was given a network");
            assert_eq!(bench.ledger.count(|place| *place == Place::Free), 10, "{hostile:?}: a grant left");
        }
    }
}

#[tokio::test]
async fn a_receipt_for_another_grant_or_an_old_one_is_none_and_the_network_stays_here() {
    for hostile in [Hostile::OtherReceipt, Hostile::OldReceipt] {
        let bench = against(hostile, device("OM-0001", Security::Sec2Patch1)).await;
        bench.begin("OM-0001").await;
        let ended = end(&bench).await;
        assert_eq!((&ended["failure"]["cause"], &ended["claimed"]), (&json!("receipt_invalid"), &json!(false)), "{hostile:?}");
        assert!(!was_given(&bench), "{hostile:?}: it was given a network");
        let attempt = bench.ledger.attempt();
        assert_eq!((attempt.receipt, attempt.epoch), (None, None), "{hostile:?}: what does not fit is not recorded");
    }
}

#[tokio::test]
async fn another_key_on_the_second_link_is_another_device() {
    let bench = against(Hostile::KeySwap, device("OM-0001", Security::Sec2Patch1)).await;
    // Without a label nothing but the first link says which key it must be.
    let (address, pop) = {
        let device = bench.fleet.slots[0].device();
        (device.factory().address(), device.factory().pop.clone())
    };
    bench.ask("POST", "/app/commissions", json!({"address": address, "pop": pop, "site_id": SITE})).await;
    bench.until("needs_confirm").await;
    bench.act("identify", json!({"confirmed": true})).await;
    bench.until("needs_network").await;
    {
        let slot = &bench.fleet.slots[0];
        slot.device().disconnect();
        slot.link_ended();
    }
    bench.join(SSID, PASSPHRASE).await;
    bench.until_failed("identity_mismatch").await;
    assert!(!was_given(&bench), "the passphrase is for the device of the first link");
}

#[tokio::test]
async fn a_claimed_device_that_plays_with_its_networks_is_named_in_time() {
    let bench = against(Hostile::EmptyNetwork, device("OM-0001", Security::Sec2Patch1)).await;
    bench.begin("OM-0001").await;
    let ended = end(&bench).await;
    assert_eq!(ended["failure"], json!({"cause": "invalid_reply", "step": "set_network", "retriable": true}), "{ended:#}");
    assert_eq!(ended["warnings"], json!(["scan_failed"]), "nor did it show a list");
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.faults("OM-0001", |faults| faults.hostile = Some(Hostile::EndlessNetworks));
    bench.begin("OM-0001").await;
    let asked = bench.until("needs_network").await;
    assert_eq!(asked["networks"].as_array().unwrap().len(), 1, "a list has an end, whatever the device counts");
}

#[tokio::test]
async fn an_improv_device_that_babbles_or_measures_oddly_is_named_in_time() {
    for (hostile, causes) in [(Hostile::Babbles, &["no_answer", "join_timeout"][..]), (Hostile::OddValues, &["invalid_reply"])] {
        let lamp = Spec { kind: Kind::Improv, improv: Make { can: 0, ..Make::default() }, ..Spec::ordinary("Lamp") };
        let bench = against(hostile, lamp).await;
        let address = bench.fleet.slots[0].device().factory().address();
        bench.ask("POST", "/app/commissions", json!({"address": address, "site_id": SITE})).await;
        let ended = end(&bench).await;
        let cause = ended["failure"]["cause"].as_str().unwrap_or_default();
        assert!(causes.contains(&cause), "{hostile:?}: {ended:#}");
    }
}
