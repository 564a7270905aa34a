//! Commissioning over the virtual radio: where the time of a device goes beside the round trips that nothing saves,
//! what a security 2 handshake costs the phone, and a list of very many devices in range.
//!
//! The app's real core signs in at a real server, which then is out of reach, as in a basement.

use std::{collections::HashMap, fs, sync::Arc, time::{Duration, Instant}};

use omniot_app::{
    Event, RadioChoice,
    commissioning::esp::sec2::{self, Inner},
};
use omniot_backend::testing::App;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::broadcast::error::TryRecvError};

use super::{Effort, load, percentile, report, stock::{Handset, Stock}};
use crate::{
    virtual_device::{
        carrier::{self, Control},
        cipher::Counting,
        fleet::{Fleet, FleetFile, Plan},
        session::{Draws, Scheme, Session},
        spec::USERNAME,
        srp::Verifier,
        timing::Timing,
    },
    world::{NETWORK, Network},
};

/// One way and back over the radio for each read and write.
const ROUND_TRIP_MS: u64 = 30;

/// All of it.
pub async fn measure(app: &App, effort: Effort) {
    let stock = Stock::of(app, "bench-commission", 0).await;
    let server = load::serve(omniot_backend::build(app.state.clone())).await;
    let network = Network::to(&[server]).await;
    one_after_the_other(&stock, &network, effort).await;
    network.restore();
    many_in_range(&stock, &network, effort).await;
    handshake(effort);
}

/// So many factory-new devices within reach of a radio.
async fn fleet(count: usize, timing: Timing) -> (Arc<Fleet>, RadioChoice, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = FleetFile::counted(u32::try_from(count).expect("not that many"));
    let fleet = Arc::new(Fleet::build(Plan { file, seed: 1, state_dir: folder.path().to_owned(), timing, fault_rate: 0 }).expect("a fleet"));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address").to_string();
    tokio::spawn(carrier::serve(listener, Arc::clone(&fleet), Control::Refused));
    (fleet, RadioChoice::Virtual(address), folder)
}

/// A phone that has what it needs, and no network any more.
async fn phone(stock: &Stock, network: &Network, radio: RadioChoice) -> Handset {
    let phone = stock.handset_near(radio).await;
    stock.sign_in(&phone, &network.origin()).await;
    phone.synced().await;
    phone.until("/app/sync", |sync| sync["grants"].as_u64() > Some(0)).await;
    network.cut();
    phone.until("/app/sync", |sync| sync["state"] == "offline").await;
    phone.ask("POST", "/app/radio/scan", Value::Null).await;
    phone
}

async fn one_after_the_other(stock: &Stock, network: &Network, effort: Effort) {
    let (fleet, radio, _folder) = fleet(effort.devices, effort.timing).await;
    fleet.slots.iter().for_each(|slot| slot.device().faults.delay_ms = ROUND_TRIP_MS);
    let phone = phone(stock, network, radio).await;
    let site = phone.get("/v1/sites").await["items"][0]["id"].clone();
    let (mut order, mut steps, mut whole, mut round_trips) = (Vec::new(), HashMap::<String, (Vec<f64>, Vec<f64>)>::new(), Vec::new(), Vec::new());
    for (_, label) in fleet.labels() {
        let begun = phone.ask("POST", "/app/commissions", json!({"label": label, "site_id": site})).await;
        let id = begun["id"].as_str().expect("an id").to_owned();
        phone.until("/app/commissions/current", |now| now["state"] == "needs_network").await;
        phone.ask("POST", &format!("/app/commissions/{id}/network"), json!({"ssid": NETWORK.0, "passphrase": NETWORK.1, "remember": false})).await;
        phone.until("/app/commissions/current", |now| now["state"] == "succeeded").await;
        let done = phone.get("/app/commissions/current").await;
        phone.ask("DELETE", "/app/commissions/current", Value::Null).await;
        let trace = phone.get(&format!("/v1/attempts/{id}/trace")).await;
        let operations = trace["operations"].as_array().expect("operations");
        let (mut took, mut trips) = (0.0, 0.0);
        for row in done["steps"].as_array().expect("steps").iter().filter(|row| row["state"] == "done") {
            let name = row["step"].as_str().expect("a name").to_owned();
            let own = operations.iter().filter(|operation| operation["step"] == row["step"] && (operation["kind"] == "read" || operation["kind"] == "write")).count();
            #[allow(clippy::cast_precision_loss, reason = "a handful")]
            let (duration, waited) = (row["duration_ms"].as_f64().unwrap_or_default(), (own as u64 * ROUND_TRIP_MS) as f64);
            (took, trips) = (took + duration, trips + waited);
            let of = steps.entry(name.clone()).or_insert_with(|| {
                order.push(name);
                Default::default()
            });
            of.0.push(duration);
            of.1.push(waited);
        }
        whole.push(took);
        round_trips.push(trips);
    }
    phone.close().await;
    let half = |samples: &mut Vec<f64>| percentile(samples, 0.5);
    report(&format!("a device commissioned, {ROUND_TRIP_MS} ms a read or write, {} of them", effort.devices), &format!("{:.0} ms, {:.0} of them round trips", half(&mut whole), half(&mut round_trips)), "");
    for name in order {
        let (took, trips) = steps.get_mut(&name).expect("counted above");
        report(&format!("… {name}"), &format!("{:.0} ms, {:.0} of them round trips", half(took), half(trips)), "");
    }
}

async fn many_in_range(stock: &Stock, network: &Network, effort: Effort) {
    let (fleet, radio, _folder) = fleet(effort.advertising, effort.timing).await;
    let count = fleet.slots.len();
    let phone = phone(stock, network, radio).await;
    phone.until("/app/radio/nearby", |nearby| nearby["items"].as_array().is_some_and(|items| items.len() == count)).await;
    let mut events = phone.events();
    let (began, busy) = (Instant::now(), cpu());
    let (mut told, mut asked) = (0_u32, Vec::new());
    while began.elapsed() < effort.round {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let mut is_new = false;
        loop {
            match events.try_recv() {
                Ok(Event::Nearby) => is_new = true,
                Ok(_) | Err(TryRecvError::Lagged(_)) => {}
                Err(_) => break,
            }
        }
        if is_new {
            told += 1;
            let began = Instant::now();
            phone.get("/app/radio/nearby").await;
            asked.push(began.elapsed().as_secs_f64() * 1_000.0);
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let share = (cpu() - busy) / seconds * 100.0;
    phone.close().await;
    let slowest = if asked.is_empty() { 0.0 } else { percentile(&mut asked, 0.95) };
    report(&format!("{count} devices in range"), &format!("told {:.1} times a second", f64::from(told) / seconds), "≤ 2 a second");
    report("… the whole list asked for", &format!("p95 {slowest:.1} ms"), "≤ 100 ms");
    report("… of one core, the devices and their adverts included", &format!("{share:.0} %"), "");
}

/// Seconds of processor time that this process took so far.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    // A tick is a hundredth of a second on every Linux that we know.
    ticks.sum::<f64>() / 100.0
}

/// What the phone computes in a handshake, the device's side left out.
fn handshake(effort: Effort) {
    let mut chance = ChaCha20Rng::seed_from_u64(1);
    let verifier = Verifier::make(USERNAME, b"abcd1234", &[7; 16]);
    let mut took = Vec::new();
    for n in 0..effort.rounds * 4 {
        let draws = Draws::from(&mut chance);
        let mut device = Session::new(Scheme::Sec2(verifier.clone(), Counting::Each));
        let mut here = Duration::ZERO;
        let began = Instant::now();
        let (opened, command) = sec2::open([u8::try_from(n + 1).expect("few"); 32], USERNAME.as_bytes(), b"abcd1234", Inner::Whole).expect("a good key");
        here += began.elapsed();
        let reply = device.handshake(&command, &draws).expect("an answer");
        let began = Instant::now();
        let (proving, command) = opened.prove(&reply).expect("a good answer");
        here += began.elapsed();
        let reply = device.handshake(&command, &draws).expect("a proof");
        let began = Instant::now();
        proving.finish(&reply, sec2::Counting::Each).expect("the right proof");
        took.push((here + began.elapsed()).as_secs_f64() * 1_000.0);
    }
    report("a security 2 handshake, what the phone computes", &format!("p50 {:.1} ms, p95 {:.1} ms", percentile(&mut took.clone(), 0.5), percentile(&mut took, 0.95)), "");
}
