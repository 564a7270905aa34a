//! Bad input: requests that were right until somebody twisted them, against the whole server.
//!
//! Whatever comes, it is answered by a code or carried out; nobody else is touched, and the client it
//! came from can go on. 256 requests to an engine in an ordinary run, `PROPTEST_CASES=20000` for more.
//! Deliberately not here: what is *wrong* about each request (`pushes` asks for the code of each kind).

mod requests;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use omniot_shared::{entities::Security, ids::ModelId, sync::intent::NewModel};
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use serde_json::Value;

use super::*;
use crate::{http::BODY_BYTES, testing::twists::{self, ByteTwist, Node, Twist}};
use requests::{Endpoint, Envelope, Make};

/// The codes of docs/API.md that an answer to these endpoints may carry.
const CODES: [&str; 11] = ["app_too_old", "other_epoch", "malformed_json", "bad_request", "not_found", "client_forked", "sequence_gap", "too_large", "unsupported_media_type", "unknown_field", "invalid_field"];

/// One request, and how it is twisted.
#[derive(Debug, Clone)]
struct Case {
    endpoint: Endpoint,
    makes: Vec<Make>,
    /// Somebody asks who works at one site only.
    limited: bool,
    /// The push begins with numbers that other intents have.
    replays: bool,
    twists: Vec<Twist>,
    bytes: Vec<ByteTwist>,
    envelope: Envelope,
}

fn case() -> impl Strategy<Value = Case> {
    let endpoint = prop_oneof![1 => Just(Endpoint::Hello), 2 => Just(Endpoint::Pull), 7 => Just(Endpoint::Push)];
    let bytes = prop_oneof![4 => Just(vec![]), 1 => prop::collection::vec(twists::byte_twist(), 1..4)];
    let makes = prop::collection::vec(requests::make(), 1..7);
    (endpoint, makes, any::<bool>(), prop::bool::weighted(0.2), prop::collection::vec(twists::twist(), 0..4), bytes, requests::envelope())
        .prop_map(|(endpoint, makes, limited, replays, twists, bytes, envelope)| Case { endpoint, makes, limited, replays, twists, bytes, envelope })
}

/// What only those are sent who see every site.
const HIDDEN: &str = "canary-of-the-west";

/// Two tenants: one is attacked, the other must not notice.
struct Scene {
    app: App,
    mine: Tenant,
    theirs: Tenant,
    admin: Actor,
    /// Works at the site of the cast, and not where [`HIDDEN`] is.
    limited: Actor,
    cast: requests::Cast,
    /// What the other tenant holds.
    canary: Tablet,
    /// How often which answer came.
    answers: RefCell<BTreeMap<String, u32>>,
}

impl Scene {
    async fn of(app: &App) -> Self {
        let (mine, theirs) = (app.tenant("acme").await, app.tenant("globex").await);
        let mut canary = Tablet::of(&theirs, Role::Owner).await;
        let foreign_site = canary.new_site("Globex HQ");
        canary.sync().await;
        let mut colleague = Tablet::of(&mine, Role::Admin).await;
        let site = colleague.new_site("Depot");
        let hidden_site = colleague.new_site(HIDDEN);
        let model: ModelId = app.state.new_id();
        colleague.record(Change::ModelCreate(NewModel { id: model, name: "Meter".into(), sku: "M-1".into(), min_security: Security::Sec1 }));
        let foreign_intent = colleague.next_push().expect("two intents").intents[0].id;
        colleague.sync().await;
        let admin = mine.person(Role::Admin).await;
        let limited = mine.person(Role::Operator).await;
        admin.put(&format!("/v1/people/{}/sites", limited.id), json!({"sites": [site]})).await.expect(200);
        let cast = requests::Cast { person: admin.id, tenant: mine.id, site, hidden_site, model, foreign_site, foreign_client: colleague.meta().client_id, foreign_intent };
        Self { app: app.clone(), mine, theirs, admin, limited, cast, canary, answers: RefCell::default() }
    }

    /// Sends the twisted request; then its client goes on as if nothing had been.
    async fn play(&self, case: &Case) -> Result<(), TestCaseError> {
        let client: ClientId = self.app.state.new_id();
        let caller = if case.limited { &self.limited } else { &self.admin };
        self.pushes_well(caller, client, 0).await?;
        self.pushes_well(caller, client, 1).await?;
        let before = db_footprint(&self.theirs).await;
        let body = self.body(case, client);
        let shown = String::from_utf8_lossy(&body[..body.len().min(4_000)]).into_owned();
        let reply = self.app.send(case.envelope.request(case.endpoint, &caller.token, body)).await;
        let said = check_answer(case.endpoint, &reply).map_err(|why| TestCaseError::fail(format!("{why}\nafter {shown}")))?;
        *self.answers.borrow_mut().entry(format!("{:?} {} {}", case.endpoint, reply.status, reply.refusal().1)).or_default() += 1;
        prop_assert_eq!(db_footprint(&self.theirs).await, before, "another tenant was touched by {}", shown);
        if case.limited {
            let is_told = said.contains(HIDDEN) || case.endpoint == Endpoint::Pull && reply.status == 200 && format!("{:?}", frames(&reply.bytes)).contains(HIDDEN);
            prop_assert!(!is_told, "what is out of sight was sent after {}", shown);
        }
        let last_n = self.greets(caller, client).await?;
        self.pushes_well(caller, client, last_n).await?;
        let numbers = db_numbers(&self.mine, client).await;
        // The receipt of what was put off twice in one push stands under one of its numbers.
        let may_miss = said.contains(r#""later""#);
        let all: Vec<i64> = (1..=last_n.cast_signed() + 1).collect();
        prop_assert!(numbers == all || may_miss, "{:?} are not the numbers 1 to {} after {}", numbers, last_n + 1, shown);
        Ok(())
    }

    fn body(&self, case: &Case, client: ClientId) -> Vec<u8> {
        let first = if case.replays { 1 } else { 3 };
        let request = self.cast.request(&self.app, case.endpoint, client, first, &case.makes);
        let mut tree = Node::of(&request);
        for twist in &case.twists {
            twist.apply(&mut tree, &self.cast.foreign_words());
        }
        let mut body = tree.text().into_bytes();
        for twist in &case.bytes {
            twist.apply(&mut body);
        }
        body
    }

    async fn greets(&self, caller: &Actor, client: ClientId) -> Result<u64, TestCaseError> {
        let hello = json!({"protocol": 1, "schema": SCHEMA, "client_id": client, "app_version": "0.1.0", "now": self.app.state.now()});
        let reply = caller.post("/v1/sync/hello", hello).await;
        prop_assert_eq!(reply.status, 200);
        Ok(reply.json()["last_n"].as_u64().unwrap_or_default())
    }

    /// A right push of one intent after `last_n` is carried out.
    async fn pushes_well(&self, caller: &Actor, client: ClientId, last_n: u64) -> Result<(), TestCaseError> {
        let one = intent(&self.app, client, last_n + 1, rename(self.cast.site, &format!("Depot {last_n}")));
        let reply = caller.post("/v1/sync/push", json!(push_of(&self.app, client, vec![one]))).await;
        prop_assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.bytes));
        let answer = reply.json();
        prop_assert_eq!(&answer["last_n"], &json!(last_n + 1));
        prop_assert!(["applied", "superseded"].contains(&outcomes(&answer)[0].as_str()), "{}", answer);
        Ok(())
    }

    async fn at_the_end(mut self) {
        db_checksum_holds(&self.mine).await;
        let held = self.canary.rows();
        assert!(matches!(self.canary.pull().await, Published::Now { changes: 0, .. }));
        assert_eq!(self.canary.rows(), held);
        let mut reader = Tablet::of(&self.mine, Role::Viewer).await;
        assert!(matches!(reader.pull().await, Published::Now { .. }), "what was let in can be pulled");
        let answers = self.answers.into_inner();
        eprintln!("{}: {answers:?}", self.app.engine);
        let is_good = |answer: &&String| answer.contains(" 200 ");
        assert!(answers.keys().filter(is_good).count() == 3 && answers.len() > 8, "every endpoint accepts some and refuses some: {answers:?}");
    }
}

/// What there is of a tenant, to see that none of it changes.
async fn db_footprint(tenant: &Tenant) -> (i64, i64, i64) {
    let sql = "select (select seq from tenant_clock where tenant_id = $1), (select count(*) from receipt where tenant_id = $1), (select count(*) from sync_client where tenant_id = $1)";
    tenant.db_write().await.query(sql).one().await.expect("it reads")
}

/// The numbers of a client that have a receipt.
async fn db_numbers(tenant: &Tenant, client: ClientId) -> Vec<i64> {
    let mut scope = tenant.db_write().await;
    let rows: Vec<(i64,)> = scope.query("select n from receipt where tenant_id = $1 and client_id = $2 order by n").bind(client).all().await.expect("it reads");
    rows.into_iter().map(|(n,)| n).collect()
}

/// A proper answer, or a refusal in our envelope with a code that the documents name; its text.
fn check_answer(endpoint: Endpoint, reply: &Reply) -> Result<String, String> {
    let text = String::from_utf8_lossy(&reply.bytes).into_owned();
    let is_good = match (reply.status, endpoint) {
        (200, Endpoint::Hello) => reply.json()["seq"].is_i64(),
        (200, Endpoint::Pull) => matches!(frames(&reply.bytes).last(), Some(Frame::Checkpoint(_))),
        (200, Endpoint::Push) => serde_json::from_slice::<PushResponse>(&reply.bytes).is_ok_and(|answer| {
            let numbers: Vec<u64> = answer.receipts.iter().map(|receipt| receipt.n).collect();
            numbers.windows(2).all(|two| two[0] + 1 == two[1]) && numbers.last().is_none_or(|last| *last <= answer.last_n)
        }),
        (400..500, _) => CODES.contains(&reply.refusal().1.as_str()) && reply.json()["error"]["detail"].is_string(),
        _ => false,
    };
    if is_good { Ok(text) } else { Err(format!("{} {text}", reply.status)) }
}

#[test]
fn whatever_is_sent_is_answered_by_a_code_and_its_client_can_go_on() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for app in runtime.block_on(App::both()) {
        let scene = runtime.block_on(Scene::of(&app));
        let mut runner = TestRunner::new(Config { failure_persistence: None, max_shrink_iters: 400, ..Config::default() });
        let found = runner.run(&case(), |case| runtime.block_on(scene.play(&case)));
        if let Err(why) = found {
            panic!("{} ({})", why, app.engine);
        }
        runtime.block_on(scene.at_the_end());
    }
}

#[test]
fn what_is_announced_or_nested_beyond_measure_is_refused_unread() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for app in runtime.block_on(App::both()) {
        runtime.block_on(refuses_unread(&app));
    }
}

async fn refuses_unread(app: &App) {
    let scene = Scene::of(app).await;
    let client: ClientId = scene.app.state.new_id();
    {
        let (million, deep) = (format!("[{}]", vec!["{}"; 1_000_000].join(",")), "[".repeat(200_000));
        let push = |intents: &str| format!(r#"{{"schema":1,"client_id":"{client}","now":1,"intents":{intents}}}"#);
        let plain = |length| Envelope { length, ..Envelope::plain() };
        for (endpoint, envelope, body, refusal) in [
            (Endpoint::Push, plain(None), push(&million), (413, "too_large")),
            (Endpoint::Push, Envelope { streamed: true, ..plain(None) }, push(&million), (413, "too_large")),
            (Endpoint::Push, plain(Some("1000000000000")), push("[]"), (413, "too_large")),
            (Endpoint::Push, plain(None), push(&deep), (422, "invalid_field")),
            (Endpoint::Hello, plain(None), deep.clone(), (422, "invalid_field")),
            (Endpoint::Pull, plain(None), format!(r#"{{"schema":1,"client_id":"{client}","epoch":1,"cursors":{deep}"#), (400, "malformed_json")),
            (Endpoint::Push, Envelope { encoding: Some("zstd"), ..plain(None) }, " ".repeat(100_000_000), (415, "unsupported_media_type")),
        ] {
            let reply = scene.app.send(envelope.request(endpoint, &scene.admin.token, body.into_bytes())).await;
            assert_eq!(reply.refusal(), (refusal.0, refusal.1.to_owned()), "{endpoint:?} {envelope:?} on {}", app.engine);
        }
    }
    // A body without an end is not waited for, nor kept.
    for path in ["/v1/sync/hello", "/v1/sync/pull", "/v1/sync/push"] {
        let read = Arc::new(AtomicUsize::new(0));
        let endless = futures::stream::repeat_with({
            let read = read.clone();
            move || {
                read.fetch_add(PIECE.len(), Ordering::Relaxed);
                Ok::<_, std::io::Error>(axum::body::Bytes::from_static(PIECE))
            }
        });
        let request = axum::http::Request::post(path).header("authorization", format!("Bearer {}", scene.admin.token)).header("content-type", "application/json");
        let reply = app.send(request.body(axum::body::Body::from_stream(endless)).expect("a request")).await;
        let read = read.load(Ordering::Relaxed);
        assert_eq!(reply.refusal(), (413, "too_large".to_owned()), "{path} on {}", app.engine);
        assert!(read <= BODY_BYTES + 2 * PIECE.len(), "{path} on {}: {read} bytes were read", app.engine);
    }
}

/// A piece of a body that has no end.
const PIECE: &[u8] = &[b' '; 16 * 1024];

#[test]
fn requests_are_right_before_they_are_twisted() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let scene = Scene::of(&App::sqlite().await).await;
        let makes = [Make::Site, Make::Rename, Make::Model, Make::Device, Make::Move, Make::Attempt, Make::Retire, Make::Foreign, Make::Claimed];
        let push = scene.cast.request(&scene.app, Endpoint::Push, scene.app.state.new_id(), 1, &makes);
        let answer = scene.admin.post("/v1/sync/push", push).await.expect(200);
        let expected = ["applied", "applied", "applied", "applied", "applied", "applied", "applied", "refused", "refused"];
        assert_eq!(outcomes(&answer), expected, "{answer}");
    });
}
