//! A day's edits: made offline, pushed when the network is back, pulled by another handset; and one
//! edit at a time while both are online.

use std::time::{Duration, Instant};

use omniot_app::Event;
use omniot_backend::{db, testing::App};
use omniot_shared::{ids::TenantId, sync::wire::MAX_PUSH_INTENTS};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::{Effort, load, percentile, report, stock::{Handset, Stock}};
use crate::world::Network;

/// Offline edits both ways, then edits seen live.
pub async fn measure(app: &App, effort: Effort) {
    let stock = Stock::of(app, "bench-edits", 2 * effort.edits).await;
    let server = load::serve(omniot_backend::build(app.state.clone())).await;
    let (near, far) = (Network::to(&[server]).await, Network::to(&[server]).await);
    let (a, b) = (stock.handset().await, stock.handset().await);
    stock.sign_in(&a, &near.origin()).await;
    stock.sign_in(&b, &far.origin()).await;
    a.synced().await;
    b.synced().await;
    let devices = all_devices(&a).await;
    offline(app, effort, stock.tenant.id, &devices, (&a, &near), (&b, &far)).await;
    live(app, effort, &stock, &devices, (&a, &b)).await;
    a.close().await;
    b.close().await;
}

/// A device, and where a handset shows what it holds of it. Not the page of one device: that asks the server
/// for the latest readings.
struct Shown {
    id: String,
    list: String,
}

impl Shown {
    async fn until_noted(&self, handset: &Handset, note: &str) {
        let is_it = |item: &Value| item["id"] == self.id && item["note"] == note;
        handset.until_told(&self.list, |page| page["items"].as_array().is_some_and(|items| items.iter().any(is_it))).await;
    }
}

async fn all_devices(handset: &Handset) -> Vec<Shown> {
    let (mut ids, mut next) = (Vec::new(), String::new());
    loop {
        let page = handset.get(&format!("/v1/devices?limit=200{next}")).await;
        ids.extend(page["items"].as_array().expect("items").iter().filter_map(|item| {
            Some(Shown { id: item["id"].as_str()?.to_owned(), list: format!("/v1/devices?limit=1&q={}", item["serial"].as_str()?) })
        }));
        let Some(cursor) = page["next"].as_str() else { return ids };
        next = format!("&cursor={cursor}");
    }
}

async fn offline(app: &App, effort: Effort, tenant: TenantId, devices: &[Shown], (a, near): (&Handset, &Network), (b, far): (&Handset, &Network)) {
    let count = effort.edits;
    let (mut saved, mut pushed, mut pulled) = (Vec::new(), Vec::new(), Vec::new());
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        for (handset, network) in [(a, near), (b, far)] {
            network.cut();
            handset.until("/app/sync", |sync| sync["state"] == "offline").await;
        }
        let note = format!("edited in round {round}");
        for Shown { id, .. } in &devices[..count] {
            let began = Instant::now();
            a.ask("PATCH", &format!("/v1/devices/{id}"), json!({"note": note})).await;
            saved.push(began.elapsed().as_secs_f64() * 1_000.0);
        }
        near.restore();
        let mut server = app.state.bus.subscribe(tenant);
        let began = Instant::now();
        let since = move || began.elapsed().as_secs_f64() * 1_000.0;
        let commits = tokio::spawn(async move {
            let mut commits = Vec::new();
            while let Ok(event) = server.recv().await {
                commits.extend(matches!(event, db::Event::Changed { .. }).then(since));
                if commits.len() == count.div_ceil(MAX_PUSH_INTENTS) {
                    break;
                }
            }
            commits
        });
        a.ask("POST", "/app/sync/now", Value::Null).await;
        a.until("/app/sync", |sync| sync["pending"] == 0).await;
        pushed.push(since());
        let commits = commits.await.expect("it listens");
        first.extend(commits.first());
        last.extend(commits.last());
        a.synced().await;
        far.restore();
        let began = Instant::now();
        b.ask("POST", "/app/sync/now", Value::Null).await;
        devices[count - 1].until_noted(b, &note).await;
        pulled.push(began.elapsed().as_secs_f64() * 1_000.0);
        b.synced().await;
    }
    let (commit, engine) = (commit(), app.engine);
    report(&format!("one edit saved on the handset ÷ a durable commit of rusqlite, {engine}"), &format!("{:.1} ({:.2} / {commit:.2} ms)", percentile(&mut saved, 0.5) / commit, percentile(&mut saved, 0.5)), "");
    report(&format!("{count} offline edits pushed and acknowledged, {engine}"), &format!("{:.0} ms", percentile(&mut pushed, 0.5)), "≤ 150 ms where a commit takes ≤ 1");
    report("… the first push committed by the server, and the last, after", &format!("{:.0} and {:.0} ms", percentile(&mut first, 0.5), percentile(&mut last, 0.5)), "");
    report(&format!("… and pulled by another handset, {engine}"), &format!("{:.0} ms", percentile(&mut pulled, 0.5)), "≤ 60 ms");
}

/// Milliseconds of a durable commit of one small row.
fn commit() -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let db = Connection::open(folder.path().join("floor.db")).expect("a file");
    db.execute_batch("pragma journal_mode=wal; pragma synchronous=full; create table edit (id integer primary key, text text);").expect("a table");
    let mut took: Vec<f64> = (0..200).map(|n| {
        let began = Instant::now();
        db.execute("insert into edit values (?1, ?2)", (n, "edited in a round")).expect("a row");
        began.elapsed().as_secs_f64() * 1_000.0
    }).collect();
    percentile(&mut took, 0.5)
}

/// Where the time of an edit goes: kept here, at the server, told there, shown there; each since the edit began.
const STAGES: [&str; 4] = ["kept on the one", "committed by the server", "told on the other", "shown there"];

/// What a person looks at, and how many devices stand there.
const PAGE: (&str, usize) = ("/v1/devices?limit=50", 50);
/// Nobody edits without a pause; what the edit before left to do is over by then.
const BETWEEN: Duration = Duration::from_millis(100);

async fn live(app: &App, effort: Effort, stock: &Stock, devices: &[Shown], (a, b): (&Handset, &Handset)) {
    let mut took: [Vec<f64>; 4] = Default::default();
    for n in 0..effort.looks {
        let (list, most) = PAGE;
        let device = Shown { id: devices[n % devices.len().min(most)].id.clone(), list: list.to_owned() };
        tokio::time::sleep(BETWEEN).await;
        let note = format!("live {n}");
        let (mut server, mut told) = (app.state.bus.subscribe(stock.tenant.id), b.events());
        let began = Instant::now();
        let mut passed = |stage: usize| took[stage].push(began.elapsed().as_secs_f64() * 1_000.0);
        a.ask("PATCH", &format!("/v1/devices/{}", device.id), json!({"note": note})).await;
        passed(0);
        while !matches!(server.recv().await, Ok(db::Event::Changed { .. })) {}
        passed(1);
        while !matches!(told.recv().await, Ok(Event::Data { entity: "device" })) {}
        passed(2);
        device.until_noted(b, &note).await;
        passed(3);
    }
    let [.., shown] = &mut took;
    let (half, most) = (percentile(shown, 0.5), percentile(shown, 0.95));
    report(&format!("an edit on one handset is seen on another, {}", app.engine), &format!("p50 {half:.1} ms, p95 {most:.1} ms"), "≤ 10 / 25 ms");
    for (stage, took) in STAGES.iter().zip(&mut took) {
        report(&format!("… {stage}, after"), &format!("p50 {:.1} ms", percentile(took, 0.5)), "");
    }
}
