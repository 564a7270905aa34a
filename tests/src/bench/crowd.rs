//! Many at once: a hundred first pulls, and one change while a thousand clients listen.

use std::time::{Duration, Instant};

use axum::http::header::AUTHORIZATION;
use futures::StreamExt as _;
use omniot_backend::testing::App;
use omniot_shared::{ids::ClientId, roles::Role};
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Effort, load, report, stock::Stock};

/// Everything about crowds.
pub async fn measure(app: &App, effort: Effort) {
    pulls(app, effort).await;
    listeners(app, effort).await;
}

/// Resident memory of this process, bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1024
}

async fn pulls(app: &App, effort: Effort) {
    let stock = Stock::of(app, "bench-crowd", effort.synced).await;
    let server = format!("http://{}", load::serve(omniot_backend::build(app.state.clone())).await);
    let before = resident();
    let began = Instant::now();
    let (client, mut all, mut most) = (reqwest::Client::new(), JoinSet::new(), before);
    for _ in 0..effort.crowd {
        let body = json!({"schema": 1, "client_id": ClientId(Uuid::now_v7()), "epoch": 0, "cursors": []});
        let request = client.post(format!("{server}/v1/sync/pull")).header(AUTHORIZATION, format!("Bearer {}", stock.owner.token)).json(&body);
        all.spawn(async move {
            // As a client does that the server asks to come back later.
            loop {
                let answer = request.try_clone().expect("a body in memory").send().await.expect("an answer");
                if answer.status() == 200 {
                    let mut bytes = 0;
                    let mut parts = answer.bytes_stream();
                    while let Some(part) = parts.next().await {
                        bytes += part.expect("a whole pull").len();
                    }
                    return bytes;
                }
                assert!(matches!(answer.status().as_u16(), 429 | 503), "{}", answer.status());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
    }
    let mut tick = tokio::time::interval(Duration::from_millis(2));
    while !all.is_empty() {
        tokio::select! {
            Some(done) = all.join_next() => assert!(done.expect("a client") > 0),
            _ = tick.tick() => most = most.max(resident()),
        }
    }
    let took = began.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "bytes of memory")]
    let mib = most.saturating_sub(before) as f64 / 1_048_576.0;
    report(&format!("{} first pulls of {} devices at once, {}", effort.crowd, effort.synced, app.engine), &format!("{took:.1} s, {mib:.0} MiB more, clients included"), "bounded");
}

async fn listeners(app: &App, effort: Effort) {
    let server = format!("http://{}", load::serve(omniot_backend::build(app.state.clone())).await);
    let tenant = app.tenant("bench-listen").await;
    let owner = tenant.person(Role::Owner).await;
    let (client, mut all) = (reqwest::Client::new(), JoinSet::new());
    for _ in 0..effort.listeners {
        // One after the other: this is about listening, not about arriving.
        let request = client.get(format!("{server}/v1/sync/stream")).header(AUTHORIZATION, format!("Bearer {}", owner.token));
        let answer = request.send().await.expect("a stream");
        assert_eq!(answer.status(), 200);
        let mut parts = answer.bytes_stream();
        parts.next().await.expect("a greeting").expect("bytes");
        all.spawn(async move {
            parts.next().await.expect("a poke").expect("bytes");
            Instant::now()
        });
    }
    let began = Instant::now();
    owner.post("/v1/sites", json!({"name": "Hall 9", "time_zone": "UTC"})).await.expect(201);
    let answered = began.elapsed().as_secs_f64() * 1_000.0;
    let mut last = began;
    while let Some(heard) = all.join_next().await {
        last = last.max(heard.expect("a listener"));
    }
    let heard = last.duration_since(began).as_secs_f64() * 1_000.0;
    report(&format!("one change with {} clients of its tenant listening, {}", effort.listeners, app.engine), &format!("answered in {answered:.1} ms, last poke after {heard:.1} ms"), "");
}
