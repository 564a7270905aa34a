//! Bad input: what devices say, right until somebody twisted it, against the whole server.
//!
//! Whatever comes, it is answered by a code or taken; a refused one changes nothing, nobody else is touched, and the
//! device it speaks of gets in afterwards. 256 requests to an engine in an ordinary run, `PROPTEST_CASES=20000` for more.
//! Deliberately not here: what is *wrong* about each request (`claim` and `releases` ask for the code of each kind).

mod lies;
mod standing;

use std::{cell::RefCell, collections::BTreeMap};

use axum::http::Request;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_shared::{
    claim::messages::{self, Signed},
    roles::Role,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use prost::Message as _;
use serde_json::{Value, json};

use super::{
    Device,
    device::{challenge, claimed},
};
use crate::{
    commissioning::store::keys,
    testing::{
        Actor, App, Client, Reply, Tenant,
        twists::{self, ByteTwist, Node, Twist},
    },
};
use lies::{Lie, Shown, Truth};
use standing::Standing;

/// The codes of docs/API.md and docs/DEVICE-CONTRACT.md that an answer to these endpoints may carry.
const CODES: [&str; 17] = [
    "malformed_json", "bad_request", "too_large", "unsupported_media_type", "unknown_field", "invalid_field", "not_signed_in", "challenge_expired", "bad_signature", "owned_by_another",
    "grant_unknown", "grant_revoked", "grant_expired", "grant_spent", "key_mismatch", "epoch_stale", "device_retired",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Endpoint {
    Challenge,
    Claim,
    Handover,
    Heartbeat,
}

/// One request, and what is wrong with it.
#[derive(Debug, Clone)]
struct Case {
    endpoint: Endpoint,
    lies: Vec<Lie>,
    twists: Vec<Twist>,
    bytes: Vec<ByteTwist>,
    content_type: Option<&'static str>,
    standing: Standing,
    /// It is sent twice.
    is_repeated: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let endpoint = prop_oneof![1 => Just(Endpoint::Challenge), 8 => Just(Endpoint::Claim), 4 => Just(Endpoint::Handover), 3 => Just(Endpoint::Heartbeat)];
    let lies = prop_oneof![1 => Just(vec![]), 2 => prop::collection::vec(lies::lie(), 1..4)];
    let twists = prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(twists::twist(), 1..4)];
    let bytes = prop_oneof![9 => Just(vec![]), 1 => prop::collection::vec(twists::byte_twist(), 1..4)];
    let content_type = prop_oneof![20 => Just(Some("application/json")), 1 => prop::sample::select(vec![None, Some(""), Some("text/html"), Some("application/octet-stream")])];
    (endpoint, lies, twists, bytes, content_type, standing::standing(), prop::bool::weighted(0.2))
        .prop_map(|(endpoint, lies, twists, bytes, content_type, standing, is_repeated)| Case { endpoint, lies, twists, bytes, content_type, standing, is_repeated })
}

/// Two tenants: one is attacked, the other must not notice.
struct Scene {
    app: App,
    mine: Tenant,
    theirs: Tenant,
    technician: Actor,
    admin: Actor,
    tenant_key: ed25519_dalek::SigningKey,
    /// What a device of the other tenant shows.
    others: Shown,
    /// A device of the attacked tenant that is in contact all the time, and must stay so.
    canary: Client,
    serials: RefCell<u32>,
    answers: RefCell<BTreeMap<String, u32>>,
}

impl Scene {
    async fn of(app: &App) -> Self {
        let (mine, theirs) = (app.tenant("acme").await, app.tenant("globex").await);
        let (technician, admin) = (mine.person(Role::Technician).await, mine.person(Role::Admin).await);
        let (canary, _) = claimed(&mine, "OM-2").await;
        let stranger = theirs.person(Role::Technician).await;
        let mut theirs_device = Device::new("OM-1");
        theirs_device.take(&super::device::pack(&stranger, 5, 1).await[0], None);
        let over = challenge(app, &theirs.id.to_string()).await;
        let others = truth(&theirs_device, key(&theirs).await, over).told(&[], None);
        let tenant_key = key(&mine).await;
        Self { app: app.clone(), mine, theirs, technician, admin, tenant_key, others, canary, serials: RefCell::default(), answers: RefCell::default() }
    }

    /// The number of the next device.
    fn next(&self) -> u32 {
        let mut serials = self.serials.borrow_mut();
        *serials += 1;
        *serials
    }

    async fn play(&self, case: &Case) -> Result<(), TestCaseError> {
        let (device, credential) = self.device(case.standing).await?;
        self.app.pass(1);
        let over = challenge(&self.app, &self.mine.id.to_string()).await;
        let truth = truth(&device, self.tenant_key.clone(), over);
        let (path, body) = self.body(case, &truth.told(&case.lies, Some(&self.others)));
        let before = (db_footprint(&self.mine).await, db_footprint(&self.theirs).await);
        let reply = self.send(case, path, &body, credential.as_deref()).await;
        let after = (db_footprint(&self.mine).await, db_footprint(&self.theirs).await);
        let shown = || format!("{} {} after {}", reply.status, String::from_utf8_lossy(&reply.bytes), String::from_utf8_lossy(&body[..body.len().min(4_000)]));
        prop_assert!(is_proper(case.endpoint, &reply), "{}", shown());
        *self.answers.borrow_mut().entry(format!("{:?} {} {}", case.endpoint, reply.status, reply.refusal().1)).or_default() += 1;
        prop_assert_eq!(&after.1, &before.1, "another tenant was touched by {}", shown());
        let is_taken = reply.status < 300 && case.endpoint != Endpoint::Challenge;
        prop_assert!(is_taken || after == before, "it was refused and changed something: {:?} became {:?}: {}", before.0, after.0, shown());
        if case.is_repeated {
            let again = self.send(case, path, &body, credential.as_deref()).await;
            prop_assert_eq!(again.refusal(), reply.refusal(), "another answer to the same: {}", shown());
            prop_assert!(case.endpoint == Endpoint::Challenge || db_footprint(&self.mine).await == after.0, "the same once more changed something: {}", shown());
        }
        if !is_taken && case.standing.is_welcome() {
            self.gets_in(&device).await?;
        }
        prop_assert_eq!(self.canary.post("/v1/device/heartbeat", json!({ "readings": {} })).await.status, 200);
        Ok(())
    }

    /// The device's own claim is taken.
    async fn gets_in(&self, device: &Device) -> Result<String, TestCaseError> {
        let reply = self.app.nobody().post("/v1/device/claim", device.claim(&self.mine).await).await;
        prop_assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.bytes));
        Ok(reply.json()["credential"].as_str().unwrap().to_owned())
    }

    fn body(&self, case: &Case, shown: &Shown) -> (&'static str, Vec<u8>) {
        let [grant, receipt, release, contact, handover, challenge] = [&shown.grant, &shown.receipt, &shown.release, &shown.contact, &shown.handover, &shown.challenge].map(|part| STANDARD.encode(part));
        let (path, request) = match case.endpoint {
            Endpoint::Challenge => ("/v1/device/challenge", json!({ "tenant": self.mine.id })),
            Endpoint::Claim => ("/v1/device/claim", json!({ "grant": grant, "receipt": receipt, "identity": contact, "challenge": challenge })),
            Endpoint::Handover => ("/v1/device/handover", json!({ "release": release, "identity": handover, "challenge": challenge })),
            Endpoint::Heartbeat => ("/v1/device/heartbeat", self.heartbeat()),
        };
        let mut tree = Node::of(&request);
        for twist in &case.twists {
            twist.apply(&mut tree, &[json!(self.theirs.id).to_string(), json!(STANDARD.encode(&self.others.grant)).to_string()]);
        }
        let mut body = tree.text().into_bytes();
        for twist in &case.bytes {
            twist.apply(&mut body);
        }
        (path, body)
    }

    fn heartbeat(&self) -> Value {
        let now = self.app.state.now().0;
        let history = [json!({ "at": now - 60_000, "readings": { "temperature_c": 21.5, "mains": false } })];
        json!({ "readings": { "temperature_c": 21.4, "door": "closed", "mains": true }, "firmware": "1.4.2", "sent_at": now, "history": history, "reports_to": "https://old.example", "trusts": "", "heard": 0 })
    }

    async fn send(&self, case: &Case, path: &str, body: &[u8], credential: Option<&str>) -> Reply {
        let mut request = Request::post(path);
        if let Some(content_type) = case.content_type {
            request = request.header("content-type", content_type);
        }
        if let Some(token) = credential.filter(|_| case.endpoint == Endpoint::Heartbeat) {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.app.send(request.body(body.to_vec().into()).expect("a request")).await
    }

    async fn at_the_end(self) {
        let kept = "select (select count(*) from device_refusal where tenant_id = $1), (select count(*) from device where tenant_id = $1)";
        let (refusals, devices): (i64, i64) = self.mine.db_write().await.query(kept).one().await.expect("it reads");
        let (theirs, _): (i64, i64) = self.theirs.db_write().await.query(kept).one().await.expect("it reads");
        assert!(theirs == 0 && 0 < refusals && refusals <= devices, "what is kept of refused ones is bounded: {refusals} of {devices}, {theirs}");
        let answers = self.answers.into_inner();
        eprintln!("{}: {answers:?}", self.app.engine);
        let is_good = |answer: &&String| answer.contains(" 200 ") || answer.contains(" 204 ");
        assert!(answers.keys().filter(is_good).count() == 4 && answers.len() > 20, "every endpoint takes some and refuses some: {answers:?}");
    }
}

/// What a device shows, before anybody lies. The release is one that its owner might have signed.
fn truth(device: &Device, tenant: ed25519_dalek::SigningKey, challenge: Vec<u8>) -> Truth {
    let owner = device.state.owner.clone().expect("it was claimed");
    let signed = |bytes: &[u8]| Signed::decode(bytes).expect("it is whole").body;
    let shown = device.claim_over(&challenge);
    let identity = STANDARD.decode(shown["identity"].as_str().unwrap()).unwrap();
    Truth {
        tenant,
        device: device.key.clone(),
        grant: messages::Grant::decode(&*signed(&owner.grant)).unwrap(),
        receipt: messages::Receipt::decode(&*signed(&owner.receipt)).unwrap(),
        identity: messages::Identity::decode(&*signed(&identity)).unwrap(),
        release: messages::Release { tenant: owner.tenant.0.as_bytes().to_vec(), serial: device.serial.clone(), up_to_epoch: device.state.epoch, not_after: i64::MAX, number: 0 },
        challenge,
    }
}

async fn key(tenant: &Tenant) -> ed25519_dalek::SigningKey {
    let mut scope = tenant.db_write().await;
    keys::owner(&mut scope).await.unwrap().unwrap().key.expect("it made grants").signing().clone()
}

/// All that a device's contact can change of a tenant, as one text for each table.
async fn db_footprint(tenant: &Tenant) -> Vec<String> {
    let mut scope = tenant.db_write().await;
    let mut footprint = vec![];
    for sql in [
        "select cast(seq as text) from tenant_clock where tenant_id = $1",
        "select cast(count(*) as text) from audit where tenant_id = $1",
        "select cast(count(*) as text) from device_model where tenant_id = $1",
        "select cast(count(*) as text) || state || cast(sum(epoch) as text) from device where tenant_id = $1 group by state order by state",
        "select cast(count(*) as text) || ' ' || cast(sum(epoch) as text) || ' ' || cast(sum(resets) as text) || ' ' || cast(sum(notice) as text) || ' ' || cast(max(bound_at) as text) || ' '
            || cast(max(last_seen_at) as text) || ' ' || cast(count(handed_over_at) as text) from device_binding where tenant_id = $1",
        "select cast(count(spent_at) as text) || ' ' || cast(count(revoked_at) as text) || ' ' || cast(count(device_id) as text) from claim_grant where tenant_id = $1",
        "select cast(count(*) as text) || ' ' || coalesce(cast(max(at) as text), '') from device_reading where tenant_id = $1",
        "select cast(count(*) as text) from telemetry_chunk where tenant_id = $1",
    ] {
        let rows: Vec<(Option<String>,)> = scope.query(sql).all().await.expect("it reads");
        footprint.push(rows.into_iter().map(|(text,)| text.unwrap_or_default()).collect::<Vec<_>>().join(" "));
    }
    footprint
}

/// An answer of that endpoint, or a refusal in our envelope with a code that the documents name.
fn is_proper(endpoint: Endpoint, reply: &Reply) -> bool {
    match (reply.status, endpoint) {
        (200, Endpoint::Challenge) => reply.json()["challenge"].is_string(),
        (200, Endpoint::Claim) => reply.json()["credential"].is_string(),
        (200, Endpoint::Heartbeat) => reply.json()["server_time"].is_i64(),
        (204, Endpoint::Handover) => reply.bytes.is_empty(),
        (400..500, _) => CODES.contains(&reply.refusal().1.as_str()) && reply.json()["error"]["detail"].is_string(),
        _ => false,
    }
}

#[test]
fn whatever_a_device_says_is_answered_by_a_code_and_a_refused_one_changes_nothing() {
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
fn what_a_device_says_is_right_before_anybody_lies() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let scene = Scene::of(&App::sqlite().await).await;
        for endpoint in [Endpoint::Challenge, Endpoint::Claim, Endpoint::Handover, Endpoint::Heartbeat] {
            let case = Case { endpoint, lies: vec![], twists: vec![], bytes: vec![], content_type: Some("application/json"), standing: Standing::Bound, is_repeated: true };
            scene.play(&case).await.unwrap();
        }
        let answers: Vec<String> = scene.answers.borrow().keys().cloned().collect();
        assert_eq!(answers, ["Challenge 200 ", "Claim 200 ", "Handover 204 ", "Heartbeat 200 "]);
    });
}
