//! Many devices in a row, in airplane mode: some are out of order (`out_of_order`), and the app dies three times, the last
//! time when two thirds are through. One was online before, one has photos of a turn that failed, and one label names no level
//! of protection.
//!
//! Nothing may be lost, done twice or reset, and each failure has its cause. `make journey-50` plays it whole;
//! the seed that a run prints plays it again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_tests::{
    on_both_engines,
    world::{Fleet, NETWORK, Phone, Tenant, World, eventually, eventually_within},
};
use rand::{RngExt as _, SeedableRng as _, seq::SliceRandom as _};
use rand_chacha::ChaCha20Rng;
use serde_json::{Value, json};

use crate::{
    out_of_order::{SORTS, Trouble, sorts, trouble},
    technician,
};

/// So many there are where nobody says how many.
const FEW: u64 = 8;
/// So many are out of order where there are few.
const FEWEST_BROKEN: usize = 4;
/// How often the app dies.
const DEATHS: usize = 3;
/// Longer than all devices take, each with every deadline that it can run into.
const PATIENCE: Duration = Duration::from_secs(1_500);

#[allow(clippy::disallowed_methods, reason = "a run is told its seed and its size")]
fn told(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// The technician, as the page would let them work.
struct Technician<'w> {
    phone: &'w Phone,
    rng: ChaCha20Rng,
    deaths: usize,
    since: Instant,
    /// When the app dies next, but for the last time.
    dies_at: Instant,
}

/// Whether two thirds have had their turn.
fn is_nearly_through(visit: &Value) -> bool {
    let count = |name: &str| visit["counts"][name].as_u64().unwrap_or_default();
    let through = count("done") + count("failed");
    count("running") == 1 && through * 3 >= 2 * (through + count("waiting") + count("running"))
}

impl Technician<'_> {
    async fn visit(&self) -> Value {
        self.phone.get("/app/visit").await.succeeded()
    }

    /// Looks on until nobody's turn is left; decides what only a person can.
    async fn look_on(&mut self) -> Value {
        loop {
            assert!(self.since.elapsed() < PATIENCE, "the visit comes to no end: {}", self.visit().await);
            let visit = self.visit().await;
            let is_last = self.deaths + 1 == DEATHS;
            if self.deaths < DEATHS && if is_last { is_nearly_through(&visit) } else { Instant::now() >= self.dies_at } {
                self.dies().await;
                continue;
            }
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
    let mut chosen = serials.clone();
    chosen.shuffle(&mut rng);
    let in_order = chosen.split_off((count * 3 / 5).clamp(FEWEST_BROKEN, SORTS));
    let [known, unpinned, ..] = &in_order[..] else { panic!("{count} devices are too few") };

    let phone = Phone::new(&world, "phone", Some(&fleet)).await;
    phone.sign_in(north, "technician").await;
    technician::is_equipped(&phone).await;
    let site = technician::first_site(&phone).await;
    is_online_beforehand(&phone, &fleet, known, &site).await;
    world.network.cut();
    let broken = out_of_order(&fleet, &chosen, &mut rng).await;
    phone.post("/app/radio/scan", Value::Null).await.succeeded();
    phone.post("/app/visit", json!({"site_id": site, "auto": true})).await.succeeded();
    phone.request("PUT", "/app/visit/network", json!({"ssid": NETWORK.0, "passphrase": NETWORK.1})).await.succeeded();
    for serial in &serials {
        let label = if serial == unpinned { without_level(fleet.label(serial)) } else { fleet.label(serial).to_owned() };
        phone.post("/app/visit/items", json!({"label": label})).await.succeeded();
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

    // Somebody mends what was out of order, and they get another turn: one by reading its label again.
    fleet.control("*", "faults", json!({"faults": {}})).await;
    let photographed = &chosen[0];
    let mut photo = None;
    for item in first["items"].as_array().unwrap().iter().filter(|item| item["state"] == "failed") {
        let serial = item["serial"].as_str().unwrap();
        if broken.get(serial).is_some_and(|trouble| trouble.needs_button) {
            fleet.control(serial, "button", json!({})).await;
        }
        if serial == photographed {
            photo = Some(is_photographed(&phone, &item["attempt_id"]).await);
            phone.post("/app/visit/items", json!({"label": fleet.label(serial)})).await.succeeded();
        } else {
            phone.post(&format!("/app/visit/items/{}/again", item["id"].as_str().unwrap()), Value::Null).await.succeeded();
        }
    }
    let photo = photo.expect("the first of those out of order always fails");
    phone.request("PUT", "/app/visit/network", json!({"ssid": NETWORK.0, "passphrase": NETWORK.1})).await.succeeded();
    technician.goes_on().await;
    let last = technician.look_on().await;
    tell_of_surprises(&phone, &last, &BTreeMap::new()).await;
    assert_eq!(last["counts"], json!({"done": count, "failed": 0, "waiting": 0, "running": 0}), "{last}");
    assert_eq!(technician.deaths, DEATHS, "the app died as often as it should");
    assert_eq!(item_of(&last, known)["seen"], false, "it was online under its claim of before: {last}");
    let took = technician.since.elapsed();
    phone.request("DELETE", "/app/commissions/current", Value::Null).await.succeeded();

    world.network.restore();
    phone.post("/app/sync/now", Value::Null).await.succeeded();
    eventually_within(Duration::from_secs(60), "the app synchronizes again", || async { (phone.get("/app/sync").await.succeeded()["pending"] == 0).then_some(()) }).await;
    all_have_arrived(north, &fleet, &serials, known).await;
    eventually_within(Duration::from_secs(60), "each device is seen", || async {
        let visit = phone.get("/app/visit").await.succeeded();
        visit["items"].as_array().unwrap().iter().all(|item| item["seen"] == true).then_some(())
    })
    .await;
    phone.request("DELETE", "/app/visit", Value::Null).await.succeeded();
    let attempt = item_of(&last, photographed)["attempt_id"].as_str().unwrap().to_owned();
    let owner = north.owner().await;
    // Behind the traces of all attempts, one after the other.
    eventually_within(Duration::from_secs(180), "the photo of the turn before is at the success", || async {
        let answer = owner.get(&format!("/v1/attempts/{attempt}/checks")).await;
        answer.body["photos"].as_array().is_some_and(|photos| photos.iter().any(|kept| kept["sha256"] == photo.as_str())).then_some(())
    })
    .await;
    eprintln!("{count} devices took {:.0} s, {} of them were out of order", took.as_secs_f64(), broken.len());
}

/// Each of these has a fault, each its own as long as there are sorts enough. What is wrong with whom.
async fn out_of_order(fleet: &Fleet, chosen: &[String], rng: &mut ChaCha20Rng) -> BTreeMap<String, Trouble> {
    let mut broken = BTreeMap::new();
    for (serial, sort) in chosen.iter().zip(sorts(chosen.len(), rng)) {
        let trouble = trouble(sort, rng);
        eprintln!("{serial} has {}", trouble.faults);
        fleet.control(serial, "faults", json!({"faults": trouble.faults})).await;
        broken.insert(serial.clone(), trouble);
    }
    broken
}

/// It was commissioned and came online, and somebody pressed its button since.
async fn is_online_beforehand(phone: &Phone, fleet: &Fleet, serial: &str, site: &str) {
    technician::commissions(phone, fleet, serial, site).await;
    phone.request("DELETE", "/app/commissions/current", Value::Null).await.succeeded();
    eventually_within(Duration::from_secs(60), "it is online", || async {
        let found = phone.items(&format!("/v1/devices?q={serial}")).await;
        found.iter().any(|device| device["serial"] == serial && device["state"] == "online").then_some(())
    })
    .await;
    phone.synced().await;
    fleet.control(serial, "button", json!({})).await;
}

/// A photo of what is wrong, at an attempt that failed; where it can be seen later.
async fn is_photographed(phone: &Phone, attempt: &Value) -> String {
    let photo = [b"\x89PNG\r\n\x1a\n".as_slice(), &[7; 20_000]].concat();
    let path = format!("/app/attempts/{}/photos", attempt.as_str().unwrap());
    phone.post(&path, json!({"media_type": "image/png", "content": STANDARD.encode(photo)})).await.succeeded()["sha256"].as_str().unwrap().to_owned()
}

/// What happened to a device that is in order and failed, for whoever reads the run.
async fn tell_of_surprises(phone: &Phone, visit: &Value, broken: &BTreeMap<String, Trouble>) {
    for item in visit["items"].as_array().unwrap().iter().filter(|item| item["state"] == "failed" && !broken.contains_key(item["serial"].as_str().unwrap())) {
        let attempts = phone.items(&format!("/v1/devices/{}/attempts", item["device"]["id"].as_str().unwrap())).await;
        for attempt in attempts.iter().rev() {
            let steps: Vec<String> = attempt["steps"].as_array().unwrap().iter().map(|row| format!("{} {} {}", row["step"], row["outcome"], row["cause"])).collect();
            eprintln!("{} {} {} receipt: {} {steps:?}", item["serial"], attempt["outcome"], attempt["cause"], attempt["receipt"].is_string());
        }
    }
}

fn item_of<'v>(visit: &'v Value, serial: &str) -> &'v Value {
    visit["items"].as_array().unwrap().iter().find(|item| item["serial"] == serial).unwrap_or_else(|| panic!("{serial} is not in the visit: {visit}"))
}

/// A label as makers print it that leave the level to the air.
fn without_level(label: &str) -> String {
    let mut label: Value = serde_json::from_str(label).unwrap();
    label.as_object_mut().unwrap().remove("security");
    label.to_string()
}

fn every_failure_has_its_cause(visit: &Value, broken: &BTreeMap<String, Trouble>) {
    for item in visit["items"].as_array().unwrap() {
        let serial = item["serial"].as_str().unwrap();
        match item["state"].as_str() {
            // One that only says what is not so is in its network all the same, and silence shows it after a death.
            Some("done") => assert!(broken.get(serial).is_none_or(|trouble| trouble.causes.is_empty() || trouble.may_be_guessed), "{serial} cannot have been done: {item}"),
            Some("failed") => {
                let trouble = broken.get(serial).unwrap_or_else(|| panic!("{serial} is in order: {item}"));
                let cause = item["cause"].as_str().unwrap_or_default();
                let is_expected = if trouble.causes.is_empty() { !["", "interrupted"].contains(&cause) } else { trouble.causes.contains(&cause) };
                assert!(is_expected, "{serial} has {} and fails with {cause:?}: {item}", trouble.faults);
            }
            other => panic!("{serial} is {other:?} at the end: {item}"),
        }
    }
}

/// Each device is there once, claims itself and succeeded once, but for the one that did before; nobody had to reset it.
async fn all_have_arrived(tenant: Tenant<'_>, fleet: &Fleet, serials: &[String], known: &str) {
    let successes = |serial: &String| if serial == known { 2 } else { 1 };
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
        let recorded = |serial: &String| attempts.iter().filter(|attempt| attempt["serial"] == serial.as_str()).count();
        serials.iter().all(|serial| recorded(serial) == successes(serial)).then_some(())
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
        assert_eq!(succeeded.get(serial).map_or(0, Vec::len), successes(serial), "{serial} succeeded once, and once before");
        let state = fleet.control(serial, "state", json!({})).await;
        assert_eq!(state["resets"], 0, "{serial} was reset: {state}");
    }
}

on_both_engines!(fifty_devices_in_a_row);
