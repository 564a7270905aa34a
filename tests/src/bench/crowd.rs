//! Many at once: a hundred first pulls, and one change while a thousand clients listen, of one tenant or of a
//! thousand.

use std::time::{Duration, Instant};

use axum::http::header::AUTHORIZATION;
use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use omniot_backend::testing::{Actor, App};
use omniot_shared::{ids::ClientId, roles::Role, sync::{frame::{FrameReader, MAGIC}, wire::Frame}};
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Effort, load, report, stock::Stock};

/// What a hundred first pulls of 10,000 devices may take, clients included.
const MOST_MIB: f64 = 768.0;

/// Everything about crowds.
pub async fn measure(app: &App, effort: Effort) {
    pulls(app, effort).await;
    listeners(app, effort).await;
    tenants(app, effort).await;
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
        let body = json!({"schema": 1, "client_id": ClientId(Uuid::now_v7()), "epoch": 0, "cursors": [], "accepts": ["segment"]});
        let (client, server, token) = (client.clone(), server.clone(), format!("Bearer {}", stock.owner.token));
        all.spawn(async move {
            let (start, length) = read(client.post(format!("{server}/v1/sync/pull")).header(AUTHORIZATION, &token).json(&body)).await;
            let Some(id) = shown(&start) else { return length };
            read(client.get(format!("{server}/v1/sync/segment/{id}")).header(AUTHORIZATION, &token)).await.1
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
    report(&format!("{} first pulls of {} devices at once, {}", effort.crowd, effort.synced, app.engine), &format!("{took:.1} s, {mib:.0} MiB more, clients included"), &format!("≤ {MOST_MIB} MiB"));
    assert!(mib <= MOST_MIB, "{mib:.0} MiB for {} clients", effort.crowd);
}

/// How an answer begins, and how long it is, for a client that comes back later when it is asked to.
async fn read(request: reqwest::RequestBuilder) -> (Vec<u8>, usize) {
    loop {
        let answer = request.try_clone().expect("a body in memory").send().await.expect("an answer");
        if answer.status() == 200 {
            let (mut start, mut length, mut parts) = (Vec::new(), 0, answer.bytes_stream());
            while let Some(part) = parts.next().await {
                let part = part.expect("a whole answer");
                length += part.len();
                start.extend_from_slice(&part[..part.len().min(SHORT - start.len())]);
            }
            return (start, length);
        }
        assert!(matches!(answer.status().as_u16(), 429 | 503), "{}", answer.status());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// An answer that only shows its client to a segment is shorter.
const SHORT: usize = 4_096;

/// The segment that the answer to a pull shows, if it does.
fn shown(pulled: &[u8]) -> Option<String> {
    let mut frames = FrameReader::default();
    frames.push(&zstd::decode_all(pulled.get(MAGIC.len()..)?).ok()?);
    while let Some(frame) = frames.next_frame().ok()? {
        if let Frame::Segment(segment) = frame {
            return Some(segment.id);
        }
    }
    None
}

async fn listeners(app: &App, effort: Effort) {
    let tenant = app.tenant("bench-listen").await;
    let owner = tenant.person(Role::Owner).await;
    let ears = ears(app, std::iter::repeat_n(owner.token.as_str(), effort.listeners)).await;
    let (answered, heard) = change(&owner, ears).await;
    report(&format!("one change with {} clients of its tenant listening, {}", effort.listeners, app.engine), &format!("answered in {answered:.1} ms, last poke after {heard:.1} ms"), "");
}

async fn tenants(app: &App, effort: Effort) {
    let mut owners = Vec::with_capacity(effort.listeners);
    for n in 0..effort.listeners {
        owners.push(app.tenant(&format!("bench-one-of-many-{n}")).await.person(Role::Owner).await);
    }
    let Some(last) = owners.last() else { return };
    let mut ears = ears(app, owners.iter().map(|owner| owner.token.as_str())).await;
    // Only those of the tenant that changes hear of it.
    let of_last = ears.pop().expect("one for each tenant");
    let (answered, heard) = change(last, vec![of_last]).await;
    report(&format!("one change with a client of each of {} tenants listening, {}", effort.listeners, app.engine), &format!("answered in {answered:.1} ms, its poke after {heard:.1} ms"), "");
    drop(ears);
}

type Ear = BoxStream<'static, reqwest::Result<Bytes>>;

/// Streams that have said where they stand.
async fn ears<'t>(app: &App, tokens: impl Iterator<Item = &'t str>) -> Vec<Ear> {
    let server = format!("http://{}", load::serve(omniot_backend::build(app.state.clone())).await);
    let (client, mut all) = (reqwest::Client::new(), Vec::new());
    for token in tokens {
        // One after the other: this is about listening, not about arriving.
        let answer = client.get(format!("{server}/v1/sync/stream")).header(AUTHORIZATION, format!("Bearer {token}")).send().await.expect("a stream");
        assert_eq!(answer.status(), 200);
        let mut parts = answer.bytes_stream().boxed();
        parts.next().await.expect("a greeting").expect("bytes");
        all.push(parts);
    }
    all
}

/// Milliseconds until a change is answered, and until the last of these has heard of it.
async fn change(owner: &Actor, ears: Vec<Ear>) -> (f64, f64) {
    let mut all = JoinSet::new();
    for mut ear in ears {
        all.spawn(async move {
            ear.next().await.expect("a poke").expect("bytes");
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
    (answered, last.duration_since(began).as_secs_f64() * 1_000.0)
}
