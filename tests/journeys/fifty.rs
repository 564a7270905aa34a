//! Many devices in a row, in airplane mode: some are out of order, and the app dies three times.
//!
//! Nothing may be lost, done twice or reset, and each failure has its cause. `make journey-50` plays it whole;
//! the seed that a run prints plays it again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use omniot_tests::{
    on_both_engines,
    world::{Fleet, NETWORK, Phone, Tenant, World, eventually, eventually_within},
};
use rand::{RngExt as _, SeedableRng as _, seq::SliceRandom as _};
use rand_chacha::ChaCha20Rng;
use serde_json::{Value, json};

use crate::technician;

/// So many there are where nobody says how many.
const FEW: u64 = 8;
/// How often the app dies.
const DEATHS: usize = 3;
/// Longer than all devices take, each with every deadline that it can run into.
const PATIENCE: Duration = Duration::from_secs(1_500);

#[allow(clippy::disallowed_methods, reason = "a run is told its seed and its size")]
fn told(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// What a device has: its faults, and whether it can be done while it has them.
fn faults(kind: u64, rng: &mut ChaCha20Rng) -> (Value, bool) {
    match kind % 13 {
        0 => (json!({"drop_at": rng.random_range(1..40)}), true),
        1 => (json!({"att_error_at": rng.random_range(1..40)}), true),
        2 => (json!({"att_error_at": rng.random_range(1..40), "att_code": 5}), true),
        3 => (json!({"delay_ms": rng.random_range(20..120)}), true),
        4 => (json!({"mtu": rng.random_range(23..256)}), true),
        5 => {
            let moment = ["before_store", "torn", "after_store"][rng.random_range(0..3)];
            (json!({"power_loss": moment}), true)
        }
        6 => (json!({"no_names": true}), true),
        7 => (json!({"offline": true}), true),
        8 => (json!({"lose_notifications": true}), true),
        9 => (json!({"wrong_pop": true}), false),
        10 => (json!({"no_network": true}), false),
        11 => (json!({"wrong_key": true}), false),
        _ => (json!({"refuse_network": true}), false),
    }
}

/// The technician, as the page would let them work.
struct Technician<'w> {
    phone: &'w Phone,
    rng: ChaCha20Rng,
    deaths: usize,
    since: Instant,
    /// When the app dies next.
    dies_at: Instant,
}

impl Technician<'_> {
    async fn visit(&self) -> Value {
        self.phone.get("/app/visit").await.succeeded()
    }

    /// Looks on until nobody's turn is left; decides what only a person can.
    async fn look_on(&mut self) -> Value {
        loop {
            assert!(self.since.elapsed() < PATIENCE, "the visit comes to no end: {}", self.visit().await);
            if self.deaths < DEATHS && Instant::now() >= self.dies_at {
                self.dies().await;
            }
            let visit = self.visit().await;
            if visit["counts"]["waiting"] == 0 && visit["counts"]["running"] == 0 {
                return visit;
            }
            self.decide().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn dies(&mut self) {
        self.deaths += 1;
        self.dies_at = Instant::now() + Duration::from_millis(self.rng.random_range(300..6_000));
        self.phone.kill().await;
        self.phone.start().await;
        self.phone.post("/app/radio/scan", Value::Null).await;
        self.goes_on().await;
    }

    async fn goes_on(&self) {
        let next = self.phone.post("/app/visit/next", Value::Null).await;
        assert!((200..300).contains(&next.status) || next.status == 409, "{next:?}");
    }

    async fn decide(&self) {
        let now = self.phone.get("/app/commissions/current").await.succeeded();
        let Some(id) = now["id"].as_str() else {
            self.goes_on().await;
            return;
        };
        let (action, body) = match now["state"].as_str() {
            Some("needs_confirm") => ("identify", json!({"confirmed": true})),
            // The label's secret is wrong, or the device takes no network: the others come first.
            Some("needs_pop" | "needs_network") => ("cancel", Value::Null),
            _ => return,
        };
        // It may have gone on by itself.
        self.phone.post(&format!("/app/commissions/{id}/{action}"), body).await;
        if action == "cancel" {
            self.goes_on().await;
        }
    }
}

async fn fifty_devices_in_a_row(world: World) {
    let seed = told("OMNIOT_FIFTY_SEED", u64::from(rand::random::<u32>()));
    let count = usize::try_from(told("OMNIOT_FIFTY_DEVICES", FEW)).unwrap();
    eprintln!("{count} devices in a row, {:?}: OMNIOT_FIFTY_SEED={seed} OMNIOT_FIFTY_DEVICES={count}", world.engine());
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let north = world.tenant("northlift");
    let serials: Vec<String> = (1..=count).map(|n| format!("OM-F{n:04}")).collect();
    let fleet = Fleet::start(&world, &serials.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let broken = out_of_order(&fleet, &serials, &mut rng).await;

    let phone = Phone::new(&world, "phone", Some(&fleet)).await;
    phone.sign_in(north, "technician").await;
    technician::is_equipped(&phone).await;
    world.network.cut();
    let site = technician::first_site(&phone).await;
    phone.post("/app/radio/scan", Value::Null).await.succeeded();
    phone.post("/app/visit", json!({"site_id": site, "auto": true})).await.succeeded();
    phone.request("PUT", "/app/visit/network", json!({"ssid": NETWORK.0, "passphrase": NETWORK.1})).await.succeeded();
    for serial in &serials {
        phone.post("/app/visit/items", json!({"label": fleet.label(serial)})).await.succeeded();
    }
    let twice = phone.post("/app/visit/items", json!({"label": fleet.label(&serials[0])})).await;
    assert_eq!((twice.status, twice.code()), (409, Some("already_exists")));

    let now = Instant::now();
    let dies_at = now + Duration::from_millis(rng.random_range(300..4_000));
    let mut technician = Technician { phone: &phone, rng, deaths: 0, since: now, dies_at };
    technician.goes_on().await;
    let first = technician.look_on().await;
    tell_of_surprises(&phone, &first, &broken).await;
    every_failure_has_its_cause(&first, &broken);

    // Somebody mends what was out of order, and they get another turn.
    fleet.control("*", "faults", json!({"faults": {}})).await;
    for item in first["items"].as_array().unwrap().iter().filter(|item| item["state"] == "failed") {
        phone.post(&format!("/app/visit/items/{}/again", item["id"].as_str().unwrap()), Value::Null).await.succeeded();
    }
    phone.request("PUT", "/app/visit/network", json!({"ssid": NETWORK.0, "passphrase": NETWORK.1})).await.succeeded();
    technician.goes_on().await;
    let last = technician.look_on().await;
    tell_of_surprises(&phone, &last, &BTreeMap::new()).await;
    assert_eq!(last["counts"], json!({"done": count, "failed": 0, "waiting": 0, "running": 0}), "{last}");
    assert_eq!(technician.deaths, DEATHS, "the app died as often as it should");
    let took = technician.since.elapsed();
    phone.request("DELETE", "/app/visit", Value::Null).await.succeeded();
    phone.request("DELETE", "/app/commissions/current", Value::Null).await.succeeded();

    world.network.restore();
    phone.post("/app/sync/now", Value::Null).await.succeeded();
    eventually_within(Duration::from_secs(60), "the app synchronizes again", || async { (phone.get("/app/sync").await.succeeded()["pending"] == 0).then_some(()) }).await;
    all_have_arrived(north, &fleet, &serials).await;
    eprintln!("{count} devices took {:.0} s, {} of them were out of order", took.as_secs_f64(), broken.len());
}

/// Every tenth device has a fault; each kind has its turn before one comes twice. Which of them cannot be done.
async fn out_of_order(fleet: &Fleet, serials: &[String], rng: &mut ChaCha20Rng) -> BTreeMap<String, bool> {
    let mut kinds: Vec<u64> = (0..13).collect();
    kinds.shuffle(rng);
    let mut chosen = serials.to_vec();
    chosen.shuffle(rng);
    chosen.truncate((serials.len() / 10).max(4));
    let mut broken = BTreeMap::new();
    for (serial, kind) in chosen.into_iter().zip(kinds.into_iter().cycle()) {
        let (faults, can_be_done) = faults(kind, rng);
        eprintln!("{serial} has {faults}");
        fleet.control(&serial, "faults", json!({"faults": faults})).await;
        broken.insert(serial, can_be_done);
    }
    broken
}

/// What happened to a device that is in order and failed, for whoever reads the run.
async fn tell_of_surprises(phone: &Phone, visit: &Value, broken: &BTreeMap<String, bool>) {
    for item in visit["items"].as_array().unwrap().iter().filter(|item| item["state"] == "failed" && !broken.contains_key(item["serial"].as_str().unwrap())) {
        let attempts = phone.items(&format!("/v1/devices/{}/attempts", item["device"]["id"].as_str().unwrap())).await;
        for attempt in attempts.iter().rev() {
            let steps: Vec<String> = attempt["steps"].as_array().unwrap().iter().map(|row| format!("{} {} {}", row["step"], row["outcome"], row["cause"])).collect();
            eprintln!("{} {} {} receipt: {} {steps:?}", item["serial"], attempt["outcome"], attempt["cause"], attempt["receipt"].is_string());
        }
    }
}

fn every_failure_has_its_cause(visit: &Value, broken: &BTreeMap<String, bool>) {
    for item in visit["items"].as_array().unwrap() {
        let serial = item["serial"].as_str().unwrap();
        match item["state"].as_str() {
            Some("done") => assert!(broken.get(serial).is_none_or(|can_be_done| *can_be_done), "{serial} cannot have been done: {item}"),
            Some("failed") => {
                assert!(broken.contains_key(serial), "{serial} is in order: {item}");
                assert!(item["cause"].is_string() && item["cause"] != "interrupted", "{serial} failed without a cause: {item}");
            }
            other => panic!("{serial} is {other:?} at the end: {item}"),
        }
    }
}

/// Each device is there once, claims itself, and was claimed under one epoch: nobody had to reset it.
async fn all_have_arrived(tenant: Tenant<'_>, fleet: &Fleet, serials: &[String]) {
    let owner = tenant.owner().await;
    eventually_within(Duration::from_secs(60), "all devices are online", || async {
        let devices = owner.all("/v1/devices?q=OM-F").await;
        let online: BTreeSet<_> = devices.iter().filter(|device| device["state"] == "online").filter_map(|device| device["serial"].as_str().map(str::to_owned)).collect();
        assert!(devices.len() <= serials.len(), "a device is there twice: {devices:?}");
        (online == serials.iter().cloned().collect()).then_some(())
    })
    .await;
    let mut succeeded: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    eventually("every success is recorded", || async {
        let attempts = owner.all("/v1/attempts?outcome=succeeded").await;
        let of = |serial: &String| attempts.iter().filter(|attempt| attempt["serial"] == serial.as_str()).count();
        serials.iter().all(|serial| of(serial) == 1).then_some(())
    })
    .await;
    for attempt in owner.all("/v1/attempts").await {
        let serial = attempt["serial"].as_str().unwrap_or_default().to_owned();
        if !serials.contains(&serial) {
            continue;
        }
        match attempt["outcome"].as_str() {
            Some("succeeded") => succeeded.entry(serial).or_default().push(attempt),
            _ => assert!(attempt["cause"].is_string(), "an attempt without a cause: {attempt}"),
        }
    }
    for serial in serials {
        assert_eq!(succeeded.get(serial).map_or(0, Vec::len), 1, "{serial} succeeded once");
        let state = fleet.control(serial, "state", json!({})).await;
        assert_eq!(state["resets"], 0, "{serial} was reset: {state}");
    }
}

on_both_engines!(fifty_devices_in_a_row);
