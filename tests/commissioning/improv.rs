//! Improv devices: what nothing protects, with its warning, and only where nothing demands more.

use std::time::Duration;

use omniot_app::commissioning::{esp::level::Mode, flow::pace::Pace};
use omniot_shared::{
    entities::{AttemptOutcome, DeviceModel, Security},
    time::Millis,
};
use omniot_tests::virtual_device::{
    device::Power,
    faults::Faults,
    improv::Make,
    spec::{Kind, Spec},
};
use serde_json::{Value, json};

use crate::{
    bench::{Bench, PASSPHRASE, SITE, SSID, device, quick},
    ledger::{MODEL, Place, planned_as},
    networks::drop_the_link,
};

fn lamp(improv: Make) -> Spec {
    Spec { kind: Kind::Improv, improv, model: "ESPHome".into(), firmware: "2026.11.0".into(), ..Spec::ordinary("Lamp") }
}

async fn bench_of(improv: Make) -> Bench {
    Bench::with(vec![lamp(improv)]).await
}

async fn begin(bench: &Bench, more: Value) {
    let mut body = json!({"address": bench.fleet.slots[0].device().factory().address(), "site_id": SITE});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let begun = bench.ask("POST", "/app/commissions", body).await;
    assert_eq!(begun.status, 201, "{}", begun.body);
}

/// Chooses it from the list, and says that the right one blinks when it does.
async fn at_the_network(bench: &Bench) -> Value {
    bench.choose("Lamp").await;
    bench.until("needs_confirm").await;
    {
        let slot = &bench.fleet.slots[0];
        assert!(slot.device().blinks(slot.now()), "it shows itself");
    }
    bench.act("identify", json!({"confirmed": true})).await;
    bench.until("needs_network").await
}

/// Somebody presses the button, and the app notices.
async fn press(bench: &Bench) {
    let slot = &bench.fleet.slots[0];
    slot.device().press_button(slot.now());
    bench.past("needs_button").await;
}

fn times(bench: &Bench, step: &str) -> usize {
    bench.ledger.attempt().steps.iter().filter(|row| row.step == step).count()
}

#[tokio::test]
async fn a_device_joins_and_nobody_believes_that_it_is_ours() {
    let bench = bench_of(Make::default()).await;
    let asked = at_the_network(&bench).await;
    assert_eq!((&asked["warnings"], &asked["protocol"]), (&json!(["improv_open", "not_claimed"]), &json!("improv")), "said before it gets a passphrase");
    let seen: Vec<_> = asked["networks"].as_array().unwrap().iter().map(|network| (network["ssid"].as_str().unwrap(), network["auth"].as_str().unwrap())).collect();
    assert_eq!(seen, [(SSID, "wpa2"), ("Office", "wpa2"), ("Legacy-AP", "wpa2"), ("Guest", "open")]);
    bench.join(SSID, PASSPHRASE).await;
    let done = bench.until("succeeded").await;
    assert_eq!((&done["claimed"], &done["device"], &done["url"]), (&json!(false), &Value::Null, &json!("http://192.168.1.42/")));
    let attempt = bench.ledger.attempt();
    assert_eq!((attempt.outcome, attempt.protocol.as_deref(), attempt.security), (AttemptOutcome::Succeeded, Some("improv"), None));
    assert_eq!((attempt.identity_verified, attempt.firmware.as_deref(), attempt.network_name.as_deref()), (false, Some("ESPHome 2026.11.0"), Some(SSID)));
    assert_eq!(bench.ledger.count(|place| *place == Place::Free), 10, "no grant leaves for it");
    let slot = &bench.fleet.slots[0];
    assert!(slot.device().joined(slot.now()));
}

#[tokio::test]
async fn its_page_is_heard_although_it_leaves_as_soon_as_it_has_joined() {
    let pace = Pace { join_first: Duration::from_secs(1), ..quick() };
    let bench = Bench::at_pace(vec![lamp(Make { can: 0x0e, ..Make::default() })], pace, Mode::Field).await;
    begin(&bench, json!({})).await;
    bench.until("needs_network").await;
    bench.join(SSID, PASSPHRASE).await;
    assert_eq!(bench.until("succeeded").await["url"], "http://192.168.1.42/", "its service ends after 150 ms");
}

#[tokio::test]
async fn an_error_leaves_it_up_and_another_passphrase_goes_over_the_same_link() {
    let bench = bench_of(Make::default()).await;
    at_the_network(&bench).await;
    for (ssid, passphrase) in [(SSID, "wrong-password"), ("Nowhere", "long enough"), (SSID, "wrong-password")] {
        bench.join(ssid, passphrase).await;
        let asked = bench.until("needs_network").await;
        assert_eq!(asked["failure"], json!({"cause": "unable_to_connect", "step": "join", "retriable": true}));
    }
    bench.join(SSID, PASSPHRASE).await;
    bench.until("succeeded").await;
    assert_eq!((times(&bench, "connect"), times(&bench, "join")), (1, 4));
}

#[tokio::test]
async fn a_network_that_never_lets_it_in_is_given_up_by_the_device() {
    let bench = bench_of(Make::default()).await;
    at_the_network(&bench).await;
    bench.join("Legacy-AP", "legacy-2009").await;
    assert_eq!(bench.until("needs_network").await["failure"]["cause"], "unable_to_connect");
}

#[tokio::test]
async fn somebody_presses_the_button_before_anything_is_asked_for() {
    let bench = bench_of(Make { button: true, ..Make::default() }).await;
    begin(&bench, json!({})).await;
    let waiting = bench.until("needs_button").await;
    assert_eq!((&waiting["step"], &waiting["failure"]), (&json!("handshake"), &Value::Null));
    press(&bench).await;
    bench.until("needs_confirm").await;
    bench.act("identify", json!({"confirmed": true})).await;
    bench.until("needs_network").await;
    // The technician takes longer than the device waits.
    tokio::time::sleep(Duration::from_millis(500)).await;
    bench.join(SSID, PASSPHRASE).await;
    let again = bench.until("needs_button").await;
    assert_eq!(again["step"], "set_network", "and the network is not asked for a second time");
    press(&bench).await;
    bench.until("succeeded").await;
}

#[tokio::test]
async fn a_button_that_nobody_presses_has_a_deadline() {
    let bench = bench_of(Make { button: true, ..Make::default() }).await;
    begin(&bench, json!({})).await;
    bench.until("needs_button").await;
    bench.past("needs_button").await;
    let failed = bench.until("failed").await;
    assert_eq!(failed["failure"], json!({"cause": "button_not_pressed", "step": "handshake", "retriable": true}));
}

#[tokio::test]
async fn what_the_device_cannot_is_not_asked_of_it() {
    let bench = bench_of(Make { can: 0, notifies: false, ..Make::default() }).await;
    begin(&bench, json!({"device_name": "Cold room 3"})).await;
    let asked = bench.until("needs_network").await;
    assert_eq!(asked["networks"], json!([]), "it does not say what it sees");
    bench.join(SSID, PASSPHRASE).await;
    let done = bench.until("succeeded").await;
    assert_eq!(done["warnings"], json!(["improv_open", "not_claimed"]), "a name is not asked of it");
    let attempt = bench.ledger.attempt();
    assert_eq!((attempt.firmware, attempt.outcome), (None, AttemptOutcome::Succeeded));
}

#[tokio::test]
async fn the_name_goes_to_the_device_or_its_host_name_to_an_older_one() {
    for (device_name, name, host) in [(true, "Cold room 3", "lamp"), (false, "Lamp", "cold-room-3")] {
        let bench = bench_of(Make { device_name, can: 0x0e, ..Make::default() }).await;
        begin(&bench, json!({"device_name": "Cold room 3"})).await;
        bench.until("needs_network").await;
        bench.join(SSID, PASSPHRASE).await;
        bench.until("succeeded").await;
        let device = bench.fleet.slots[0].device();
        assert_eq!((device.improv.name.as_str(), device.improv.hostname.as_str()), (name, host));
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_a_host_name_does_not_stop_it() {
    let bench = bench_of(Make { device_name: false, can: 0x0e, ..Make::default() }).await;
    begin(&bench, json!({"device_name": "\u{51b7}\u{85cf}"})).await;
    bench.until("needs_network").await;
    bench.join(SSID, PASSPHRASE).await;
    assert_eq!(bench.until("succeeded").await["warnings"], json!(["improv_open", "not_claimed", "name_refused"]));
}

#[tokio::test]
async fn lost_notifications_and_the_smallest_mtu_cost_time_and_nothing_else() {
    for set in [|faults: &mut Faults| faults.lose_notifications = true, |faults: &mut Faults| faults.mtu = Some(23)] {
        let bench = bench_of(Make::default()).await;
        bench.faults("Lamp", set);
        let asked = at_the_network(&bench).await;
        assert_eq!(asked["networks"].as_array().unwrap().len(), 4);
        bench.join(SSID, PASSPHRASE).await;
        assert_eq!(bench.until("succeeded").await["url"], "http://192.168.1.42/");
    }
}

#[tokio::test]
async fn a_remembered_network_is_not_given_away_to_it() {
    let bench = Bench::with(vec![device("OM-0002", Security::Sec2Patch1), lamp(Make { can: 0x0e, ..Make::default() })]).await;
    bench.begin("OM-0002").await;
    bench.until("needs_network").await;
    bench.act("network", json!({"ssid": SSID, "passphrase": PASSPHRASE, "remember": true})).await;
    bench.until("succeeded").await;
    let address = bench.fleet.slots[1].device().factory().address();
    bench.ask("POST", "/app/commissions", json!({"address": address, "site_id": SITE})).await;
    bench.until("needs_network").await;
}

#[tokio::test]
async fn whatever_demands_protection_refuses_it_before_a_word_is_said() {
    let label = |more: &str| format!(r#"{{"ver":"v1","name":"Lamp","transport":"ble"{more}}}"#);
    for (body, cause, step) in [
        (json!({"label": label(r#","pop":"abcd1234""#)}), "downgrade_refused", "version"),
        (json!({"label": label(r#","security":2"#)}), "downgrade_refused", "version"),
        (json!({"pop": "typed"}), "downgrade_refused", "version"),
        (json!({"label": code()}), "identity_missing", "identity"),
    ] {
        let bench = bench_of(Make::default()).await;
        begin(&bench, body.clone()).await;
        let failed = bench.until_failed(cause).await;
        assert_eq!((&failed["failure"]["step"], &failed["failure"]["retriable"]), (&json!(step), &json!(false)), "{body}");
        assert_eq!(bench.ledger.attempt().network_name, None);
    }
}

fn code() -> String {
    omniot_shared::label::ClaimCode::of(omniot_shared::claim::PublicKey([3; 32])).to_string()
}

/// The lamp is planned, and heard: its name in the air is what finds the planned device.
async fn planned(bench: &Bench, floor: Security) {
    bench.ledger.books().models.push(DeviceModel { id: MODEL, name: "Lamp".into(), sku: "LAMP".into(), min_security: floor, created_at: Millis(0) });
    bench.ledger.books().known.push(planned_as("LAMP", "Lamp in the hall"));
    heard(bench).await;
}

/// It is among those nearby.
async fn heard(bench: &Bench) {
    bench.ask("POST", "/app/radio/scan", Value::Null).await;
    tokio::time::timeout(Duration::from_secs(5), async {
        while bench.ask("GET", "/app/radio/nearby", Value::Null).await.body["items"] == json!([]) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
}

/// A lamp that joins what it was given by an attempt that ends meanwhile, and stays in the air.
async fn joins_unwatched(passphrase: &str, ends: impl AsyncFnOnce(&mut Bench)) -> Bench {
    let mut bench = Bench::lingering(vec![lamp(Make { can: 0x0e, ..Make::default() })]).await;
    planned(&bench, Security::Sec0).await;
    begin(&bench, json!({})).await;
    bench.until("needs_network").await;
    bench.join(SSID, passphrase).await;
    while bench.current().await["step"] != "join" {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    ends(&mut bench).await;
    heard(&bench).await;
    begin(&bench, json!({})).await;
    bench
}

#[tokio::test]
async fn one_that_joins_while_the_app_is_dead_is_asked_for_nothing_else() {
    let bench = joins_unwatched(PASSPHRASE, async |bench| bench.kill_and_start().await).await;
    let done = bench.until("succeeded").await;
    let attempts = bench.ledger.books().attempts.clone();
    let [first, last] = &attempts[..] else { panic!("{attempts:?}") };
    assert_eq!((first.outcome, last.outcome, last.network_name.as_deref()), (AttemptOutcome::Interrupted, AttemptOutcome::Succeeded, Some(SSID)), "{done:#}");
    assert!(!done["warnings"].as_array().unwrap().contains(&json!("join_unconfirmed")), "it has said so itself");
}

#[tokio::test]
async fn silence_is_no_success_after_it_has_said_that_it_has_no_network() {
    let bench = joins_unwatched("wrong-password", async |bench| bench.kill_and_start().await).await;
    bench.until("needs_network").await;
    {
        let slot = &bench.fleet.slots[0];
        slot.device().power(Power::Off, slot.now());
        slot.link_ended();
    }
    bench.join(SSID, PASSPHRASE).await;
    bench.until_failed("not_advertising").await;
}

#[tokio::test]
async fn a_link_that_drops_while_it_tries_hides_no_wrong_password() {
    let bench = bench_of(Make { can: 0x0e, ..Make::default() }).await;
    begin(&bench, json!({})).await;
    bench.until("needs_network").await;
    bench.join(SSID, "wrong-password").await;
    while bench.current().await["step"] != "join" {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop_the_link(&bench);
    assert_eq!(bench.until("needs_network").await["failure"]["cause"], "unable_to_connect");
}

#[tokio::test]
async fn one_that_is_in_a_network_and_was_given_none_by_this_attempt_is_named() {
    let bench = joins_unwatched(PASSPHRASE, async |bench| assert_eq!(bench.act("cancel", Value::Null).await.body["state"], "cancelled")).await;
    bench.until_failed("already_joined").await;
}

#[tokio::test]
async fn a_planned_device_is_as_protected_as_its_model_says() {
    for (floor, refused) in [(Security::Sec0, false), (Security::Sec1, true)] {
        let bench = bench_of(Make { can: 0x0e, ..Make::default() }).await;
        planned(&bench, floor).await;
        begin(&bench, json!({})).await;
        if refused {
            bench.until_failed("below_policy").await;
        } else {
            bench.until("needs_network").await;
        }
    }
}

/// Before the device sees what was written, or after it has obeyed; whether it notifies or is looked at.
#[tokio::test]
async fn a_link_that_drops_at_any_operation_is_taken_up_again() {
    use futures::{StreamExt as _, stream};
    let cases = (1..=60).flat_map(|at| [(at, false, true), (at, true, true), (at, true, false)]);
    stream::iter(cases)
        .for_each_concurrent(8, async |(at, is_obeyed, notifies)| {
            let what = format!("dropped at {at}, obeyed {is_obeyed}, notifies {notifies}");
            let bench = bench_of(Make { can: 0x0e, notifies, ..Make::default() }).await;
            bench.faults("Lamp", |faults| *(if is_obeyed { &mut faults.drop_after } else { &mut faults.drop_at }) = Some(at));
            begin(&bench, json!({})).await;
            let ended = tokio::time::timeout(Duration::from_secs(30), async {
                loop {
                    let now = bench.current().await;
                    match now["state"].as_str().unwrap() {
                        "running" => tokio::time::sleep(Duration::from_millis(2)).await,
                        "needs_network" => {
                            let _ = bench.act("network", json!({"ssid": SSID, "passphrase": PASSPHRASE})).await;
                        }
                        "succeeded" => return,
                        other => panic!("{what}: {other}: {now:#}"),
                    }
                }
            });
            ended.await.unwrap_or_else(|_| panic!("{what}: never ended"));
        })
        .await;
}
