//! Facts about the telemetry window, through the API, on both engines.

use axum::{body::Body, http::{Request, header}};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_shared::{ids::DeviceId, roles::Role, telemetry::{Chunk, HOUR_MS, hour_of}, time::Millis};
use serde_json::{Value, json};

use super::KEEP_DAYS;
use crate::{commissioning::tests::device::claimed, testing::{Actor, App, Client, Reply, Tenant}};

/// A tenant with a device that reports, and somebody who looks at it.
struct Plant {
    app: App,
    tenant: Tenant,
    device: Client,
    id: DeviceId,
    viewer: Actor,
}

impl Plant {
    async fn of(app: &App, name: &str) -> Self {
        let tenant = app.tenant(name).await;
        let (device, id) = claimed(&tenant, "OM-1").await;
        let viewer = tenant.person(Role::Viewer).await;
        Self { app: app.clone(), tenant, device, id, viewer }
    }

    async fn beat(&self, body: Value) {
        self.device.post("/v1/device/heartbeat", body).await.expect(200);
    }

    /// Reports `t` at that moment, and with it what it measured earlier.
    async fn tell(&self, at: Millis, t: f64, earlier: &[(Millis, f64)]) {
        let history: Vec<Value> = earlier.iter().map(|(at, t)| json!({"at": at, "readings": {"t": t}})).collect();
        self.beat(json!({"readings": {"t": t}, "sent_at": at, "history": history})).await;
    }

    fn path(&self) -> String {
        format!("/v1/devices/{}/telemetry", self.id)
    }

    async fn chunks(&self) -> Vec<Value> {
        self.viewer.get(&self.path()).await.expect(200)["chunks"].as_array().expect("chunks").clone()
    }

    /// Asks with `If-None-Match`.
    async fn ask(&self, path: &str, tag: &str) -> Reply {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {}", self.viewer.token)).header(header::IF_NONE_MATCH, tag);
        self.app.send(request.body(Body::empty()).expect("a request")).await
    }

    async fn news(&self, rev: i64) -> Value {
        self.viewer.post("/v1/telemetry", json!({"from": 0, "devices": [{"id": self.id, "rev": rev}]})).await.expect(200)
    }

    async fn rows(&self) -> i64 {
        self.tenant.db_write().await.query("select count(*) from telemetry_chunk where tenant_id = $1").one::<(i64,)>().await.expect("a count").0
    }

    async fn seq(&self) -> i64 {
        self.tenant.db_write().await.query("select seq from tenant_clock where tenant_id = $1").one::<(i64,)>().await.expect("a sequence").0
    }
}

fn header_of(reply: &Reply, name: header::HeaderName) -> &str {
    reply.headers.get(name).map_or("", |value| value.to_str().expect("text"))
}

fn etags(chunks: &[Value]) -> Vec<Value> {
    chunks.iter().map(|chunk| chunk["etag"].clone()).collect()
}

#[tokio::test]
async fn heartbeats_become_columns_by_the_hour_and_take_no_sequence() {
    for app in App::both().await {
        let (plant, other) = (Plant::of(&app, "acme").await, Plant::of(&app, "bolt").await);
        plant.beat(json!({"readings": {"temperature_c": 21.5, "mains": true, "door": "closed"}})).await;
        other.tell(app.state.now(), 99.0, &[]).await;
        let (seq, first) = (plant.seq().await, app.state.now());
        app.pass(60_000);
        plant.beat(json!({"readings": {"temperature_c": 21.75, "mains": false}})).await;
        app.pass(HOUR_MS);
        plant.beat(json!({"readings": {"temperature_c": -3}})).await;
        assert_eq!(plant.seq().await, seq, "{}: telemetry takes no sequence", app.engine);
        let chunks = plant.chunks().await;
        let hours: Vec<_> = chunks.iter().map(|chunk| chunk["hour"].clone()).collect();
        assert_eq!(hours, [json!(hour_of(first)), json!(hour_of(app.state.now()))], "{}", app.engine);
        let second = (first.0 % HOUR_MS) / 10_000 * 10;
        let columns = json!([
            {"key": "mains", "kind": "flag", "at": [second, second + 60], "values": [1.0, 0.0]},
            {"key": "temperature_c", "kind": "number", "at": [second, second + 60], "values": [21.5, 21.75]},
        ]);
        assert_eq!(chunks[0]["metrics"], columns, "a text has no curve");
        let one = plant.viewer.get(&format!("{}/{}", plant.path(), hour_of(first).0)).await.expect(200);
        assert_eq!(one, chunks[0]);
    }
}

#[tokio::test]
async fn the_same_heartbeat_again_late_or_out_of_order_leaves_the_same_chunks() {
    for app in App::both().await {
        let now = hour_of(app.state.now()).plus(5 * 60_000);
        app.pass(now.since(app.state.now()) + HOUR_MS);
        let now = app.state.now();
        let moments: Vec<(Millis, f64)> = (1..40).map(|n| (now.plus(-n * 120_000), 20.0 + n as f64 / 10.0)).collect();
        let (forward, backward) = (Plant::of(&app, "acme").await, Plant::of(&app, "bolt").await);
        forward.tell(now, 20.0, &moments).await;
        let once = forward.chunks().await;
        let rev = forward.news(0).await["chunks"].as_array().expect("chunks").iter().filter_map(|chunk| chunk["rev"].as_i64()).max();
        forward.tell(now, 20.0, &moments).await;
        assert_eq!(forward.chunks().await, once, "{}: told twice", app.engine);
        assert_eq!(forward.news(rev.expect("a rev")).await["chunks"], json!([]), "and nobody fetches it again");
        for (at, t) in moments.iter().rev().chain(&moments) {
            backward.tell(*at, *t, &[]).await;
        }
        backward.tell(now, 20.0, &[]).await;
        assert_eq!(etags(&backward.chunks().await), etags(&once), "{}: one by one, in another order", app.engine);
        forward.tell(now, 77.0, &[]).await;
        assert_eq!(etags(&forward.chunks().await), etags(&once), "what stands is not changed");
    }
}

#[tokio::test]
async fn a_finished_hour_takes_late_readings_until_it_is_sealed_and_then_stays() {
    for app in App::both().await {
        let plant = Plant::of(&app, "acme").await;
        let hour = hour_of(app.state.now());
        plant.tell(hour.plus(1000), 1.0, &[]).await;
        let path = format!("{}/{}", plant.path(), hour.0);
        let open = plant.viewer.get(&path).await;
        assert_eq!((open.status, header_of(&open, header::CACHE_CONTROL)), (200, "private, no-cache"));
        app.pass(hour.plus(7 * HOUR_MS - 1000).since(app.state.now()));
        plant.tell(hour.plus(30_000), 2.0, &[]).await;
        let late = plant.viewer.get(&path).await;
        assert_ne!(header_of(&late, header::ETAG), header_of(&open, header::ETAG), "{}: six hours late", app.engine);
        assert_eq!(late.json()["sealed"], false);
        app.pass(1000);
        plant.tell(hour.plus(60_000), 3.0, &[]).await;
        let sealed = plant.viewer.get(&path).await;
        assert_eq!((&sealed.json()["sealed"], &sealed.json()["etag"]), (&json!(true), &late.json()["etag"]), "nothing was added");
        assert_eq!(header_of(&sealed, header::CACHE_CONTROL), "private, no-cache", "whoever keeps it asks whether they still may");
        assert_eq!(header_of(&sealed, header::VARY).split(", ").take(2).collect::<Vec<_>>(), ["authorization", "cookie"], "the next person in the browser gets none of it");
    }
}

#[tokio::test]
async fn who_has_it_already_is_told_so_in_few_bytes() {
    for app in App::both().await {
        let plant = Plant::of(&app, "acme").await;
        plant.tell(app.state.now(), 1.0, &[]).await;
        for path in [plant.path(), format!("{}/{}", plant.path(), hour_of(app.state.now()).0)] {
            let tag = header_of(&plant.viewer.get(&path).await, header::ETAG).to_owned();
            let again = plant.ask(&path, &format!("\"other\", {tag}")).await;
            assert_eq!((again.status, again.bytes.len(), header_of(&again, header::ETAG)), (304, 0, tag.as_str()), "{path} on {}", app.engine);
            assert_eq!(plant.ask(&path, "W/\"other\"").await.status, 200);
        }
        let tag = header_of(&plant.viewer.get(&plant.path()).await, header::ETAG).to_owned();
        app.pass(20_000);
        plant.tell(app.state.now(), 2.0, &[]).await;
        assert_eq!(plant.ask(&plant.path(), &tag).await.status, 200, "there is news");
    }
}

#[tokio::test]
async fn what_is_not_there_and_what_is_somebody_elses_look_alike() {
    for app in App::both().await {
        let (plant, other) = (Plant::of(&app, "acme").await, Plant::of(&app, "bolt").await);
        plant.tell(app.state.now(), 1.0, &[]).await;
        let hour = hour_of(app.state.now()).0;
        let missing = (404, "not_found".to_owned());
        let nothing = format!("/v1/devices/{}/telemetry", DeviceId::for_serial(plant.tenant.id, "nothing"));
        for path in [nothing.clone(), format!("{nothing}/{hour}"), format!("{}/{}", plant.path(), hour + 1), format!("{}/{}", plant.path(), hour - HOUR_MS), format!("{}/x", plant.path())] {
            assert_eq!(plant.viewer.get(&path).await.refusal(), missing, "{path} on {}", app.engine);
        }
        for path in [plant.path(), format!("{}/{hour}", plant.path())] {
            assert_eq!(other.viewer.get(&path).await.refusal(), missing, "{path} on {}", app.engine);
            assert_eq!(plant.device.get(&path).await.refusal(), (401, "not_signed_in".to_owned()), "a device reads nothing");
        }
        let stolen = json!({"from": 0, "devices": [{"id": plant.id, "rev": 0}]});
        assert_eq!(other.viewer.post("/v1/telemetry", stolen).await.expect(200)["chunks"], json!([]), "{}", app.engine);
        for query in ["from=0&to=172800001", "from=5&to=4", "from=x", "since=0"] {
            assert_eq!(plant.viewer.get(&format!("{}?{query}", plant.path())).await.refusal(), (400, "invalid_query".to_owned()), "{query}");
        }
        let many = vec![json!({"id": plant.id, "rev": 0}); 65];
        assert_eq!(plant.viewer.post("/v1/telemetry", json!({"from": 0, "devices": many})).await.refusal(), (422, "invalid_field".to_owned()));
    }
}

#[tokio::test]
async fn an_app_fetches_each_change_once() {
    for app in App::both().await {
        let plant = Plant::of(&app, "acme").await;
        let start = app.state.now();
        plant.tell(start, 1.0, &[(start.plus(-HOUR_MS), 0.5)]).await;
        let news = plant.news(0).await;
        let of = |news: &Value| news["chunks"].as_array().expect("chunks").iter().map(|chunk| (chunk["hour"].as_i64().expect("an hour"), chunk["rev"].as_i64().expect("a rev"))).collect::<Vec<_>>();
        assert_eq!(of(&news), [(hour_of(start.plus(-HOUR_MS)).0, 1), (hour_of(start).0, 2)], "{}", app.engine);
        let content = STANDARD.decode(news["chunks"][1]["content"].as_str().expect("base64")).expect("base64");
        assert_eq!(Chunk::decode(&content).expect("a chunk").readings(), 1);
        assert_eq!((of(&plant.news(2).await), &news["more"]), (vec![], &json!(false)), "nothing new");
        plant.tell(start, 1.0, &[(start.plus(-HOUR_MS - 20_000), 0.4)]).await;
        assert_eq!(of(&plant.news(2).await), [(hour_of(start.plus(-HOUR_MS - 20_000)).0, 3)], "only the hour that a late reading changed");
        assert_eq!(of(&plant.news(1000).await).len(), 2, "a mark of a past that is lost counts as none");
        let later = json!({"from": hour_of(start).plus(HOUR_MS), "devices": [{"id": plant.id, "rev": 0}]});
        assert_eq!(of(&plant.viewer.post("/v1/telemetry", later).await.expect(200)), [], "what is older is not asked for");
    }
}

/// Numbers that do not pack, so that an answer is full.
#[tokio::test]
async fn an_answer_to_an_app_is_bounded_and_the_next_goes_on() {
    for app in App::both().await {
        let plant = Plant::of(&app, "acme").await;
        let readings = |seed: u32| (0..32).map(|key| (format!("k{key}"), json!(f64::from(seed * 31 + key).sqrt()))).collect::<serde_json::Map<_, _>>();
        for _ in 0..16 {
            let now = app.state.now();
            let history: Vec<Value> = (1..=31).map(|n| json!({"at": now.plus(-i64::from(n) * 10_000), "readings": readings(n)})).collect();
            plant.beat(json!({"readings": readings(0), "sent_at": now, "history": history})).await;
            app.pass(HOUR_MS);
        }
        let (mut rev, mut asked, mut hours) = (0, 0, Vec::new());
        loop {
            let news = plant.news(rev).await;
            let chunks = news["chunks"].as_array().expect("chunks");
            let bytes: usize = chunks.iter().map(|chunk| chunk["content"].as_str().expect("base64").len()).sum();
            assert!(bytes < 120_000, "{bytes} on {}", app.engine);
            hours.extend(chunks.iter().map(|chunk| chunk["hour"].clone()));
            rev = chunks.last().expect("a chunk")["rev"].as_i64().expect("a rev");
            asked += 1;
            if news["more"] == false {
                break;
            }
        }
        assert_eq!((asked > 1, hours.len() as i64), (true, plant.rows().await), "{}: each hour once, in {asked} answers", app.engine);
    }
}

#[tokio::test]
async fn what_is_older_than_the_server_keeps_goes_a_little_at_a_time() {
    for app in App::both().await {
        let (plant, other) = (Plant::of(&app, "acme").await, Plant::of(&app, "bolt").await);
        other.tell(app.state.now(), 1.0, &[]).await;
        for _ in 0..20 {
            plant.tell(app.state.now(), 1.0, &[]).await;
            app.pass(HOUR_MS);
        }
        assert_eq!(plant.rows().await, 20);
        app.pass(i64::from(KEEP_DAYS) * 24 * HOUR_MS);
        let left = [13, 6, 3, 4];
        for rows in left {
            plant.tell(app.state.now(), 1.0, &[]).await;
            assert_eq!(plant.rows().await, rows, "{}: eight at once, and one comes", app.engine);
            app.pass(HOUR_MS);
        }
        assert_eq!(other.rows().await, 1, "{}: nobody else's", app.engine);
    }
}
