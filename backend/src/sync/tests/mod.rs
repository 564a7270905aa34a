//! Facts about sync over HTTP, on both engines, with the real client core in memory.

mod cost;
mod fuzz;
mod histories;
mod own;
mod pulls;
mod pushes;
mod segments;
mod sights;
mod streams;
mod versions;

use omniot_shared::{
    ids::{ClientId, IntentId, SiteId},
    roles::Role,
    sync::{
        Change, Intent, Outcome, Patch, Receipt, Row, Sight, SyncedRow,
        client::{self, Memory, Meta, Published, Pull, Replica as _, Step},
        frame::{FrameReader, MAGIC, check_magic},
        intent::{NewSite, SitePatch, SiteUpdate},
        wire::{Frame, HelloResponse, PullRequest, PushRequest, PushResponse, SCHEMA, Segment},
    },
    time::Millis,
};
use serde_json::{Value, json};

use super::store;
use crate::testing::{Actor, App, Reply, Tenant};

/// Somebody with a replica.
struct Tablet {
    app: App,
    actor: Actor,
    store: Memory,
}

impl Tablet {
    async fn of(tenant: &Tenant, role: Role) -> Self {
        let actor = tenant.person(role).await;
        Self::for_actor(tenant, actor, role)
    }

    fn for_actor(tenant: &Tenant, actor: Actor, role: Role) -> Self {
        let client: ClientId = tenant.app.state.new_id();
        let store = Memory::new(Meta::new(client, tenant.id, actor.id, role));
        Self { app: tenant.app.clone(), actor, store }
    }

    fn meta(&self) -> Meta {
        self.store.meta().expect("memory never fails")
    }

    /// Records a change as a person would; it must be allowed.
    fn record(&mut self, change: Change) -> Intent {
        let (id, now): (IntentId, Millis) = (self.app.state.new_id(), self.app.state.now());
        client::record(&mut self.store, id, now, change).expect("memory never fails").expect("it is allowed").intent
    }

    fn new_site(&mut self, name: &str) -> SiteId {
        let site = new_site(&self.app, name);
        let id = site.id;
        self.record(Change::SiteCreate(site));
        id
    }

    fn rename(&mut self, site: SiteId, name: &str) -> Intent {
        self.record(rename(site, name))
    }

    fn next_push(&self) -> Option<PushRequest> {
        client::next_push(&self.store, self.app.state.now()).expect("memory never fails")
    }

    /// Pushes everything there is, and takes the receipts.
    async fn push(&mut self) -> Vec<Receipt> {
        let mut receipts = vec![];
        while let Some(push) = self.next_push() {
            let answer: PushResponse = serde_json::from_value(self.send(&push).await.expect(200)).expect("a push response");
            client::take_receipts(&mut self.store, &answer).expect("memory never fails");
            receipts.extend(answer.receipts);
        }
        receipts
    }

    async fn send(&self, push: &PushRequest) -> Reply {
        self.actor.post("/v1/sync/push", json!(push)).await
    }

    async fn pull(&mut self) -> Published {
        let pull = Pull::begin(&self.store).expect("memory never fails");
        let reply = self.actor.post("/v1/sync/pull", json!(pull.request())).await;
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.bytes));
        let came = frames(&reply.bytes);
        let Some(Frame::Segment(segment)) = came.last() else { return self.take(pull, &came).expect("the stream is whole") };
        assert!(matches!(self.take(pull, &self.segment(segment).await), Some(Published::Now { .. })));
        let rest = Pull::begin(&self.store).expect("memory never fails");
        let reply = self.actor.post("/v1/sync/pull", json!(rest.request())).await;
        self.take(rest, &frames(&reply.bytes)).expect("the stream is whole")
    }

    async fn segment(&self, segment: &Segment) -> Vec<Frame> {
        let reply = self.actor.get(&format!("/v1/sync/segment/{}", segment.id)).await;
        assert_eq!((reply.status, reply.bytes.len() as u64), (200, segment.bytes));
        frames(&reply.bytes)
    }

    /// Feeds frames to the client core; `None` when no checkpoint came.
    fn take(&mut self, mut pull: Pull, frames: &[Frame]) -> Option<Published> {
        for frame in frames {
            match pull.take(frame.clone()).expect("frames make sense") {
                Step::More => {}
                Step::Stage => assert!(client::stage(&mut self.store, &mut pull).expect("memory never fails")),
                Step::Publish(checkpoint) => {
                    let now = self.app.state.now();
                    return Some(client::publish(&mut self.store, pull, &checkpoint, now).expect("memory never fails"));
                }
                Step::Fetch(segment) => panic!("{segment:?} is to be fetched"),
                Step::Narrow => {
                    let sight = pull.sight().cloned().expect("it was said");
                    client::narrow(&mut self.store, &sight).expect("memory never fails");
                    return None;
                }
            }
        }
        client::stage(&mut self.store, &mut pull).expect("memory never fails");
        None
    }

    async fn sync(&mut self) {
        self.push().await;
        assert!(matches!(self.pull().await, Published::Now { .. }));
    }

    fn rows(&self) -> Vec<SyncedRow> {
        self.store.rows().cloned().collect()
    }

    fn site(&self, id: SiteId) -> Option<omniot_shared::entities::Site> {
        match self.store.row(id.into()).expect("memory never fails") {
            Some(SyncedRow { row: Row::Site(site), .. }) => Some(site),
            _ => None,
        }
    }
}

fn new_site(app: &App, name: &str) -> NewSite {
    NewSite { id: app.state.new_id(), name: name.to_owned(), address: None, time_zone: "Europe/Vienna".to_owned(), note: None }
}

fn rename(site: SiteId, name: &str) -> Change {
    Change::SiteUpdate(SiteUpdate { id: site, patch: SitePatch { name: Patch::Set(name.to_owned()), ..SitePatch::default() } })
}

/// An intent made by hand.
fn intent(app: &App, client: ClientId, n: u64, change: Change) -> Intent {
    Intent { client_id: client, n, id: app.state.new_id(), at: app.state.now(), at_is_rough: false, base: None, words: None, read: None, past_lost: false, depends_on: vec![], change }
}

fn push_of(app: &App, client: ClientId, intents: Vec<Intent>) -> PushRequest {
    PushRequest { schema: SCHEMA, client_id: client, now: app.state.now(), epoch: None, former: vec![], intents }
}

fn outcomes(answer: &Value) -> Vec<String> {
    let receipts = answer["receipts"].as_array().expect("receipts");
    receipts.iter().map(|receipt| receipt["outcome"]["kind"].as_str().expect("a kind").to_owned()).collect()
}

/// The frames of a whole or a cut-off answer.
fn frames(bytes: &[u8]) -> Vec<Frame> {
    check_magic(bytes).expect("it is ours");
    let mut plain = Vec::new();
    if let Some(packed) = bytes.get(MAGIC.len()..) {
        let mut decoder = zstd::stream::read::Decoder::new(packed).expect("zstd");
        // What can be read before the cut is read.
        let mut buffer = [0; 1_000];
        while let Ok(count @ 1..) = std::io::Read::read(&mut decoder, &mut buffer) {
            plain.extend_from_slice(&buffer[..count]);
        }
    }
    let mut reader = FrameReader::default();
    reader.push(&plain);
    let mut frames = vec![];
    while let Some(frame) = reader.next_frame().expect("frames") {
        frames.push(frame);
    }
    frames
}

/// What every test may ask at its end: the checksum kept beside the rows is the rows' own.
async fn db_checksum_holds(tenant: &Tenant) {
    let mut scope = tenant.db_write().await;
    assert!(store::tables_agree(&mut scope).await.expect("it reads"), "the kept checksum is that of the rows");
}

fn from_nothing(client: ClientId) -> PullRequest {
    PullRequest { schema: SCHEMA, client_id: client, epoch: 0, cursors: vec![], scopes: Sight::All, accepts: vec![] }
}

#[tokio::test]
async fn what_one_edits_offline_the_other_has_after_a_sync() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (mut a, mut b) = (Tablet::of(&tenant, Role::Admin).await, Tablet::of(&tenant, Role::Operator).await);
        let site = a.new_site("Depot");
        a.rename(site, "Depot South");
        a.sync().await;
        b.sync().await;
        assert_eq!(b.site(site).expect("it is there").name, "Depot South");
        assert_eq!(a.rows(), b.rows(), "both hold the same rows under the same sequences ({})", app.engine);
        assert_eq!(a.meta().checksum, b.meta().checksum);
        db_checksum_holds(&tenant).await;
    }
}

#[tokio::test]
async fn two_edits_of_different_fields_merge_and_of_one_field_the_later_stands() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (mut a, mut b) = (Tablet::of(&tenant, Role::Admin).await, Tablet::of(&tenant, Role::Operator).await);
        let site = a.new_site("Depot");
        a.sync().await;
        b.sync().await;
        a.rename(site, "from A");
        app.pass(1_000);
        let patch = SitePatch { name: Patch::Set("from B".into()), note: Patch::Set("note of B".into()), ..SitePatch::default() };
        b.record(Change::SiteUpdate(SiteUpdate { id: site, patch }));
        // The later edit arrives first: arrival decides nothing.
        b.sync().await;
        let receipts = a.push().await;
        assert_eq!(receipts[0].outcome, Outcome::Superseded { lost: vec!["name".into()] });
        assert!(matches!(a.pull().await, Published::Now { .. }));
        let merged = a.site(site).expect("it is there");
        assert_eq!((merged.name.as_str(), merged.note.as_deref()), ("from B", Some("note of B")));
        assert_eq!(a.rows(), b.rows());
    }
}

#[tokio::test]
async fn hello_tells_where_the_server_stands_and_how_wrong_the_clock_is() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let a = Tablet::of(&tenant, Role::Technician).await;
        let hello = |client: ClientId, now: Millis| json!({"protocol": 1, "schema": 1, "client_id": client, "app_version": "0.1.0", "now": now});
        let three_hours = 3 * 3_600_000;
        let answer = a.actor.post("/v1/sync/hello", hello(a.meta().client_id, app.state.now().plus(three_hours))).await.expect(200);
        assert_eq!((&answer["skew_ms"], &answer["last_n"], &answer["epoch"]), (&json!(three_hours), &json!(0), &json!(1)));
        a.app.nobody().post("/v1/sync/hello", hello(a.meta().client_id, Millis(0))).await.expect(401);
        let mut admin = Tablet::of(&tenant, Role::Admin).await;
        admin.new_site("x");
        admin.push().await;
        let answer = admin.actor.post("/v1/sync/hello", hello(admin.meta().client_id, app.state.now())).await.expect(200);
        assert_eq!(answer["last_n"], json!(1));
        let stranger = a.actor.post("/v1/sync/hello", hello(admin.meta().client_id, app.state.now())).await.expect(200);
        assert_eq!(stranger["last_n"], json!(0), "how far somebody else has come is not told");
    }
}
