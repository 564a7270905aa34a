//! Firmware of every age, and what each of them can.

use omniot_app::commissioning::esp::level::Mode;
use omniot_shared::entities::Security;
use omniot_tests::virtual_device::{
    device::Power,
    spec::{Era, Spec, Stack},
};
use serde_json::{Value, json};

use crate::bench::{Bench, PASSPHRASE, SITE, SSID, device, quick};

fn of_era(era: Era, security: Security) -> Spec {
    Spec { era, ..device("OM-0001", security) }
}

#[tokio::test]
async fn firmware_of_every_age_is_commissioned() {
    for (era, security) in [
        (Era::Network, Security::Sec2Patch1),
        (Era::Wifi, Security::Sec2Patch1),
        (Era::Wifi, Security::Sec2Patch0),
        (Era::Wifi, Security::Sec1),
        (Era::Idf4, Security::Sec1),
        (Era::Bare, Security::Sec1),
    ] {
        let bench = Bench::with(vec![of_era(era, security)]).await;
        bench.begin("OM-0001").await;
        let asked = bench.until("needs_network").await;
        assert_eq!(asked["networks"] == json!([]), era == Era::Bare, "only the oldest cannot scan: {era:?}");
        bench.join(SSID, PASSPHRASE).await;
        bench.until("succeeded").await;
        assert_eq!(bench.ledger.attempt().security, Some(security), "{era:?}");
    }
}

#[tokio::test]
async fn firmware_that_cannot_begin_again_is_switched_off_and_on_after_a_wrong_password() {
    let bench = Bench::with(vec![of_era(Era::Idf4, Security::Sec1)]).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.join(SSID, "wrong-password").await;
    assert_eq!(bench.until("needs_network").await["failure"]["cause"], "wrong_password");
    bench.join(SSID, PASSPHRASE).await;
    assert_eq!(bench.until_failed("reset_unsupported").await["failure"]["retriable"], true);
    switch_off_and_on(&bench);
    bench.act("retry", Value::Null).await;
    bench.until("succeeded").await;
}

/// It holds the wrong password of an attempt before, and has just refused to be given the right one.
async fn that_refused_the_right_password() -> Bench {
    let bench = Bench::with(vec![of_era(Era::Idf4, Security::Sec1)]).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.join(SSID, "wrong-password").await;
    bench.until("needs_network").await;
    bench.act("cancel", Value::Null).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.join(SSID, PASSPHRASE).await;
    assert_eq!(bench.until_failed("reset_unsupported").await["failure"]["step"], "apply");
    bench
}

fn switch_off_and_on(bench: &Bench) {
    let slot = bench.fleet.named("OM-0001")[0];
    slot.device().power_cut(slot.now());
    slot.link_ended();
}

#[tokio::test]
async fn what_such_firmware_refused_is_neither_joined_nor_wrong() {
    let bench = that_refused_the_right_password().await;
    bench.act("retry", Value::Null).await;
    bench.until_failed("reset_unsupported").await;

    let slot = bench.fleet.named("OM-0001")[0];
    slot.device().power(Power::Off, slot.now());
    slot.link_ended();
    bench.act("retry", Value::Null).await;
    bench.until_failed("not_advertising").await;
}

#[tokio::test]
async fn once_it_was_off_such_firmware_takes_the_network_again_or_another() {
    for another in [false, true] {
        let bench = that_refused_the_right_password().await;
        switch_off_and_on(&bench);
        if another {
            bench.join("Office", "tea at four").await;
        } else {
            bench.act("retry", Value::Null).await;
        }
        bench.until("succeeded").await;
    }
}

#[tokio::test]
async fn a_device_that_asks_for_no_proof_is_for_developers_only() {
    let bare = || Spec { pop: Some(String::new()), ..device("OM-0001", Security::Sec1) };
    let bench = Bench::with(vec![bare()]).await;
    bench.begin("OM-0001").await;
    bench.until_failed("unprotected").await;
    let bench = Bench::at_pace(vec![bare()], quick(), Mode::Developer).await;
    assert_eq!(bench.commission("OM-0001").await["warnings"], json!(["security_no_pop"]));
}

#[tokio::test]
async fn a_device_that_suddenly_needs_no_proof_is_not_given_a_network() {
    for mode in [Mode::Field, Mode::Developer] {
        let bench = Bench::at_pace(vec![device("OM-0001", Security::Sec1)], quick(), mode).await;
        bench.faults("OM-0001", |faults| faults.no_pop = true);
        bench.begin("OM-0001").await;
        assert_eq!(bench.until_failed("downgrade_refused").await["failure"]["step"], "version");
    }
}

/// The password of the vector: the digest of it begins with a zero, which Espressif's tool strips.
#[tokio::test]
async fn a_verifier_of_espressifs_tool_is_met_by_a_second_try_that_nobody_notices() {
    for (stack, handshakes) in [(Stack::Nimble, 1), (Stack::Bluedroid, 2)] {
        for security in [Security::Sec2Patch1, Security::Sec2Patch0] {
            let spec = Spec { stack, pop: Some("pw69".into()), stripped_verifier: true, ..device("OM-0001", security) };
            let bench = Bench::with(vec![spec]).await;
            bench.begin("OM-0001").await;
            bench.until("needs_network").await;
            bench.join(SSID, PASSPHRASE).await;
            bench.until("succeeded").await;
            let tried = bench.ledger.attempt().steps.into_iter().filter(|row| row.step == "handshake").count();
            assert_eq!(tried, handshakes, "{stack:?}: one that hangs up needs a second link");
        }
    }
    let wrong = Spec { pop: Some("pw69".into()), stripped_verifier: true, ..device("OM-0001", Security::Sec2Patch1) };
    let bench = Bench::with(vec![wrong]).await;
    bench.faults("OM-0001", |faults| faults.wrong_pop = true);
    bench.ask("POST", "/app/commissions", json!({"label": bench.label("OM-0001"), "site_id": SITE})).await;
    assert_eq!(bench.until("needs_pop").await["failure"]["cause"], "wrong_pop", "both forms were wrong");
}
