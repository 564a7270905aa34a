//! Somebody with a tablet: the real client core, HTTP over the simulated network, and days of work.
//!
//! The driver here is as simple as the contract of `omniot_shared::sync::client` allows: a round is a greeting,
//! pushes, a pull; whatever fails ends it. What the host holds in memory goes when it is killed, its store does not.

use std::{cell::RefCell, collections::{BTreeMap, HashMap, HashSet}, rc::Rc, sync::Arc, time::Duration};

use axum::{body::Bytes, http::Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use omniot_shared::{
    entities::{Attempt, AttemptOutcome},
    ids::{AttemptId, ClientId, IntentId, ModelId, PersonId, SiteId, TenantId},
    roles::Role,
    sync::{
        Change, Patch, Row, RowChange, RowKey, RowSet, Seq, Sight, SyncedRow,
        client::{self, Greeting, Memory, Published, Pull, Replica as _, State, Step},
        frame::{FrameReader, MAGIC, check_magic},
        intent::{BookmarkRemove, BookmarkSet, DevicePatch, DeviceUpdate, NewDevice, NewSite, SitePatch, SiteUpdate},
        wire::{Frame, HelloRequest, HelloResponse, PROTOCOL, PushRequest, PushResponse, SCHEMA},
    },
    time::Millis,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use turmoil::net::TcpStream;
use uuid::Uuid;

use crate::{LIMITED, server::{PORT, Real}, versions::Version};

/// No clock is ahead or behind by more.
const TEN_YEARS_MS: i64 = 10 * 365 * 24 * 3_600_000;
/// A call that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(90);

/// Whose tablet it is.
pub struct Who {
    pub name: &'static str,
    pub token: String,
    pub person: PersonId,
    /// What their tenant's devices are.
    pub model: ModelId,
    /// In the name of everything that its tenant makes.
    pub canary: &'static str,
    /// What must never come here.
    pub foreign: &'static str,
    /// Of which version their app is, and until when: from then on it is of today.
    pub app: (Version, Duration),
}

/// What outlives a killed host, and what the invariants ask for.
pub struct Tablet {
    pub who: Who,
    pub store: Memory,
    pub rng: StdRng,
    /// How far its clock is ahead.
    pub skew: i64,
    pub recorded: Vec<(IntentId, Duration)>,
    /// When each was first seen to be settled.
    pub settled: HashMap<IntentId, Duration>,
    /// What it did to devices.
    pub evidence: Vec<Attempt>,
    pub pushed: Vec<PushRequest>,
    /// When it called, in simulated time.
    pub calls: Vec<Duration>,
    pub highest: (u64, Seq),
    /// What happened, for two runs to be compared.
    pub trace: Vec<String>,
    /// What they were allowed to see, one after the other; the last one counts.
    pub sights: Vec<Sight>,
    /// How each change stood when it was last here: what is done goes with its row when that goes out of sight.
    pub fates: HashMap<IntentId, &'static str>,
    /// Which schema the server had when it was last there: another one may take what was put off.
    pub met: Option<u32>,
    /// Whether its app is, or was, of before something that is synchronized.
    pub passed_over: bool,
    /// What the server put off.
    pub put_off: HashSet<IntentId>,
    /// Until when it works; afterwards it only synchronizes.
    pub works_until: Duration,
}

impl Tablet {
    pub fn new(who: Who, store: Memory, seed: u64, works_until: Duration) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let skew = rng.random_range(-TEN_YEARS_MS..TEN_YEARS_MS);
        let passed_over = who.app.0 != Version::TODAY;
        Self { who, store, rng, skew, passed_over, recorded: vec![], settled: HashMap::new(), evidence: vec![], pushed: vec![], calls: vec![], highest: (0, Seq(0)), trace: vec![], sights: vec![Sight::All], fates: HashMap::new(), met: None, put_off: HashSet::new(), works_until }
    }

    /// Changes that somebody has to look at, or had to.
    pub fn refused(&self) -> usize {
        self.fates.values().filter(|fate| **fate == "attention").count()
    }

    /// Of which version the app is at that time.
    pub fn version(&self, elapsed: Duration) -> Version {
        let (old, until) = &self.who.app;
        if elapsed < *until { old.clone() } else { Version::TODAY }
    }

    /// Whether they are an administrator all the time.
    pub fn is_admin(&self) -> bool {
        self.who.name != LIMITED
    }

    /// Takes down how everything stands.
    fn look(&mut self) {
        self.put_off.extend(self.store.entries().filter(|entry| matches!(entry.state, State::Deferred(_))).map(|entry| entry.intent.id));
        for entry in self.store.entries() {
            let fate = self.fates.get(&entry.intent.id);
            assert!(!entry.state.is_pending() || !matches!(fate, Some(&"accepted" | &"done" | &"attention")), "7: {} was {fate:?} and is pending again", entry.intent.id);
        }
        let now = turmoil::sim_elapsed().unwrap_or_default();
        for entry in self.store.entries().filter(|entry| !entry.state.is_pending()) {
            self.settled.entry(entry.intent.id).or_insert(now);
        }
        let fates: Vec<_> = self.store.entries().map(|entry| (entry.intent.id, entry.state.name())).collect();
        self.fates.extend(fates);
    }

    /// 10 Revocation: nothing is here that `sight` does not cover.
    fn check_sight(&self, sight: &Sight) {
        for synced in self.store.rows() {
            assert!(sight.covers(synced.row.home()), "10: {} still reads {:?}", self.who.name, synced.row);
        }
    }

    /// Beneath what waits: the rows of the last checkpoint.
    pub fn beneath(&self) -> BTreeMap<RowKey, SyncedRow> {
        let mut rows: BTreeMap<RowKey, SyncedRow> = self.store.rows().map(|synced| (synced.row.key(), synced.clone())).collect();
        let Ok(preimages) = self.store.preimages();
        for (key, before) in preimages {
            match before {
                Some(row) => rows.insert(key, row),
                None => rows.remove(&key),
            };
        }
        rows
    }

    /// 6 Atomic view: what lies beneath the changes that wait was on the server in one moment, that of the cursor.
    fn check_view(&self, real: &Real) {
        let Ok(meta) = self.store.meta();
        let then = real.moment(&self.who.token, meta.cursor).expect("somebody pulled then");
        let beneath: Vec<SyncedRow> = self.beneath().into_values().collect();
        assert_eq!(beneath, then, "6: {} shows no moment of the server at {:?}", self.who.name, meta.cursor);
    }

    /// 8 Read your writes: on top of that stands everything that waits, or was taken and has not come back yet.
    fn check_own_writes(&self) {
        let Ok(meta) = self.store.meta();
        let mut expected: RowSet = self.beneath().into_iter().map(|(key, synced)| (key, synced.row)).collect();
        for entry in self.store.entries() {
            let is_mine_still = match &entry.state {
                State::Waiting | State::Deferred(_) => true,
                State::Accepted(receipt) | State::Done { receipt: Some(receipt), .. } => receipt.seq > meta.cursor,
                State::Attention(_) | State::Done { receipt: None, .. } => false,
            };
            if is_mine_still {
                for change in omniot_shared::sync::apply(&entry.intent.change, &meta.actor(entry.intent.at), &expected).unwrap_or_default() {
                    match change {
                        RowChange::Put(row) => drop(expected.insert(row.key(), row)),
                        RowChange::Remove(key) => drop(expected.remove(&key)),
                    }
                }
            }
        }
        let shown: RowSet = self.store.rows().map(|synced| (synced.row.key(), synced.row.clone())).collect();
        assert_eq!(shown, expected, "8: {} does not show its own writes", self.who.name);
    }

    fn id(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.rng.random()).into_uuid()
    }

    fn now(&self) -> Millis {
        Real::now(turmoil::sim_elapsed().unwrap_or_default()).plus(self.skew)
    }

    fn note(&mut self, what: impl std::fmt::Display) {
        let line = format!("{:?} {}: {what}", turmoil::sim_elapsed().unwrap_or_default(), self.who.name);
        self.trace.push(line);
    }

    /// What somebody did to a device that nobody knows.
    fn attempt(&mut self) -> Attempt {
        let (Ok(meta), id, now) = (self.store.meta(), AttemptId(self.id()), self.now());
        Attempt {
            id, device_id: None, serial: None, site_id: None, technician_id: meta.person, technician_name: self.who.name.into(), client_id: meta.client_id,
            app_version: "0".into(), os: "simulated".into(), radio: "none".into(), protocol: None, security: None, firmware: None, identity_verified: false,
            rssi: None, mtu: None, steps: vec![], grant_id: None, receipt: None, epoch: None, network_name: None,
            outcome: AttemptOutcome::Failed, cause: Some(format!("{} fell over", self.who.canary)), started_at: now, ended_at: now.plus(1),
        }
    }

    /// Something that its version can write down.
    fn change(&mut self) -> Change {
        let version = self.version(turmoil::sim_elapsed().unwrap_or_default());
        loop {
            let change = self.any_change();
            if version.knows(&change) {
                return change;
            }
        }
    }

    /// Makes a site or a device, names or moves one, keeps one on the own list, or writes down what was done to one.
    fn any_change(&mut self) -> Change {
        let (mut sites, mut devices) = (vec![], vec![]);
        for synced in self.store.rows() {
            match &synced.row {
                Row::Site(site) => sites.push(site.id),
                Row::Device(device) => devices.push(device.id),
                _ => {}
            }
        }
        let name = format!("{} {}", self.who.canary, self.rng.random_range(0..1_000_000));
        let site = (!sites.is_empty()).then(|| sites[self.rng.random_range(0..sites.len())]);
        let device = (!devices.is_empty()).then(|| devices[self.rng.random_range(0..devices.len())]);
        let person_id = self.who.person;
        match (self.rng.random_range(0..11), site, device) {
            (0..2, ..) => {
                let attempt = self.attempt();
                self.evidence.push(attempt.clone());
                Change::AttemptRecord(Box::new(attempt))
            }
            (2..4, Some(id), _) => Change::SiteUpdate(SiteUpdate { id, patch: SitePatch { name: Patch::Set(name), ..SitePatch::default() } }),
            (4, _, Some(id)) => Change::DeviceUpdate(DeviceUpdate { id, patch: DevicePatch { name: Patch::Set(name), ..DevicePatch::default() } }),
            (5, Some(site), Some(id)) => Change::DeviceUpdate(DeviceUpdate { id, patch: DevicePatch { site_id: Patch::Set(site), ..DevicePatch::default() } }),
            (6, _, Some(device_id)) => Change::BookmarkSet(BookmarkSet { person_id, device_id, note: Patch::Keep }),
            (7, _, Some(device_id)) => Change::BookmarkRemove(BookmarkRemove { person_id, device_id }),
            (8, Some(site), _) if self.store.row(self.who.model.into()).is_ok_and(|row| row.is_some()) => {
                let serial = format!("SIM-{}", self.id().simple());
                Change::DeviceCreate(NewDevice { serial, name, model_id: self.who.model, site_id: Some(site), note: None })
            }
            (9, Some(id), _) => {
                let read = self.store.row(id.into()).ok().flatten().and_then(|synced| if let Row::Site(site) = synced.row { site.note } else { None });
                // Below what was read there, as far as there is room.
                let note = [read.filter(|read| read.len() < 1_000).unwrap_or_default(), name].join("\n").trim().to_owned();
                Change::SiteUpdate(SiteUpdate { id, patch: SitePatch { note: Patch::Set(note), ..SitePatch::default() } })
            }
            _ => Change::SiteCreate(NewSite { id: SiteId(self.id()), name, address: None, time_zone: "UTC".into(), note: None }),
        }
    }

    fn work(&mut self) {
        let change = self.change();
        let (id, now, key) = (IntentId(self.id()), self.now(), change.target(self.tenant()));
        let Ok(recorded) = client::record(&mut self.store, id, now, change);
        let recorded = match recorded {
            Ok(recorded) => recorded,
            Err(refusal) => {
                assert!(!self.is_admin(), "an admin may: {refusal:?}");
                self.evidence.retain(|attempt| RowKey::from(attempt.id) != key);
                return self.note(format_args!("may not: {:?}", refusal.code));
            }
        };
        assert_eq!(self.store.row(key), Ok(recorded.row), "8: what was saved is shown");
        self.recorded.push((id, turmoil::sim_elapsed().unwrap_or_default()));
        self.check_own_writes();
        self.note(format_args!("recorded {id}"));
    }

    fn tenant(&self) -> TenantId {
        let Ok(meta) = self.store.meta();
        meta.tenant
    }

    fn rename(&mut self, why: Greeting) {
        let new = ClientId(self.id());
        let Ok(()) = if why == Greeting::Restored { client::restored(&mut self.store, new) } else { client::fork(&mut self.store, new) };
        self.note(format_args!("{why:?}"));
    }

    fn check_cursor(&mut self) {
        let Ok(meta) = self.store.meta();
        assert!(meta.epoch != self.highest.0 || meta.cursor >= self.highest.1, "7: the cursor of {} fell to {:?}", self.who.name, meta.cursor);
        self.highest = (meta.epoch, meta.cursor);
    }
}

type Shared = Rc<RefCell<Tablet>>;

/// What runs on the tablet's host, until the host is killed.
pub async fn live(tablet: Shared, real: Arc<Real>) -> turmoil::Result {
    loop {
        let pause = tablet.borrow_mut().rng.random_range(5 * 60..3 * 3_600);
        tokio::time::sleep(Duration::from_secs(pause)).await;
        if turmoil::sim_elapsed().unwrap_or_default() < tablet.borrow().works_until {
            let edits = tablet.borrow_mut().rng.random_range(0..4);
            (0..edits).for_each(|_| tablet.borrow_mut().work());
        }
        let ended = round(&tablet, &real).await;
        tablet.borrow_mut().note(format_args!("round: {ended:?}"));
    }
}

/// Why a round ended early.
#[derive(Debug)]
enum Failure {
    Network,
    Refused(u16),
}

async fn round(tablet: &Shared, real: &Real) -> Result<(), Failure> {
    greet(tablet).await?;
    loop {
        let push = {
            let mut tablet = tablet.borrow_mut();
            let now = tablet.now();
            let Ok(push) = client::next_push(&tablet.store, now);
            let Some(push) = push else { break };
            tablet.pushed.push(push.clone());
            push
        };
        match fetch::<PushResponse>(tablet, "/v1/sync/push", json!(push)).await {
            Ok(answer) => {
                let Ok(taken) = client::take_receipts(&mut tablet.borrow_mut().store, &answer);
                tablet.borrow_mut().look();
                tablet.borrow_mut().note(format_args!("{taken:?}"));
            }
            Err(Failure::Refused(409)) => tablet.borrow_mut().rename(Greeting::Forked),
            Err(failure) => return Err(failure),
        }
    }
    // Once more when it is narrowed or overtaken.
    for _ in 0..2 {
        if pull(tablet, real).await? {
            break;
        }
    }
    Ok(())
}

async fn greet(tablet: &Shared) -> Result<(), Failure> {
    let (hello, asked_at, before) = {
        let tablet = tablet.borrow();
        let Ok(meta) = tablet.store.meta();
        (HelloRequest { protocol: PROTOCOL, schema: SCHEMA, client_id: meta.client_id, app_version: "0.1.0".into(), now: tablet.now(), device_key: None }, meta.cursor, tablet.sights.len() - 1)
    };
    let answer: HelloResponse = fetch(tablet, "/v1/sync/hello", json!(hello)).await?;
    let mut tablet = tablet.borrow_mut();
    assert!(tablet.sights[before..].contains(&answer.sight), "9: {} is told of {:?}", tablet.who.name, answer.sight);
    tablet.look();
    let Ok(greeting) = client::greet(&mut tablet.store, &answer, asked_at);
    if tablet.met.replace(answer.schema) != Some(answer.schema) {
        let Ok(again) = client::requeue_deferred(&mut tablet.store);
        tablet.note(format_args!("the server is of schema {}, {again} go again", answer.schema));
    }
    let Ok(meta) = tablet.store.meta();
    if meta.exceeds(&answer.sight) {
        let Ok(()) = client::narrow(&mut tablet.store, &answer.sight);
    }
    tablet.check_sight(&answer.sight);
    if greeting != Greeting::Known {
        tablet.rename(greeting);
    }
    Ok(())
}

/// One pull; `false` when it has to be done again.
async fn pull(tablet: &Shared, real: &Real) -> Result<bool, Failure> {
    let Ok(mut pull) = Pull::begin(&tablet.borrow().store);
    let before = tablet.borrow().sights.len() - 1;
    let version = tablet.borrow().version(turmoil::sim_elapsed().unwrap_or_default());
    let (status, bytes, is_whole) = call(tablet, "/v1/sync/pull", json!(pull.request())).await?;
    if status != 200 {
        return Err(Failure::Refused(status));
    }
    let mut tablet = tablet.borrow_mut();
    for frame in frames(&bytes) {
        assert!(!format!("{frame:?}").contains(tablet.who.foreign), "9: something of another tenant came to {}", tablet.who.name);
        if let Frame::Rows(rows) = &frame {
            for synced in rows {
                let may_be_seen = tablet.sights[before..].iter().any(|sight| sight.covers(synced.row.home()));
                assert!(may_be_seen && is_own(&synced.row, tablet.who.person), "9: {} was sent {:?}", tablet.who.name, synced.row);
            }
        }
        match pull.take(frame).expect("the frames make sense") {
            Step::More => {}
            Step::Stage => {
                let Ok(_fits) = client::stage(&mut tablet.store, &mut pull);
            }
            Step::Fetch(segment) => panic!("so few rows are not kept: {segment:?}"),
            Step::Narrow => {
                let sight = pull.sight().cloned().expect("it was said");
                let Ok(()) = client::narrow(&mut tablet.store, &sight);
                return Ok(false);
            }
            Step::Publish(checkpoint) => {
                let now = tablet.now();
                tablet.look();
                let Ok(published) = client::publish(&mut tablet.store, pull, &checkpoint, now);
                if matches!(published, Published::Now { .. }) {
                    tablet.check_view(real);
                    tablet.check_own_writes();
                }
                tablet.note(format_args!("{published:?}"));
                if matches!(published, Published::Mismatch { .. }) {
                    // What an app of before lists passed over is found once it is updated.
                    assert!(version == Version::TODAY && std::mem::take(&mut tablet.passed_over), "1: {published:?}");
                    tablet.highest.1 = Seq(0);
                    return Ok(false);
                }
                tablet.check_cursor();
                tablet.look();
                let Ok(meta) = tablet.store.meta();
                tablet.check_sight(&meta.sight);
                return Ok(matches!(published, Published::Now { .. }));
            }
        }
    }
    assert!(!is_whole, "6: a whole pull ends in a checkpoint");
    let Ok(_fits) = client::stage(&mut tablet.store, &mut pull);
    tablet.note("cut");
    Err(Failure::Network)
}

/// The frames of an answer, as far as it came.
pub fn frames(bytes: &[u8]) -> Vec<Frame> {
    check_magic(bytes).expect("it is ours");
    let mut plain = Vec::new();
    if let Some(packed) = bytes.get(MAGIC.len()..) {
        let mut decoder = zstd::stream::read::Decoder::new(packed).expect("zstd");
        let mut buffer = [0; 1_000];
        while let Ok(count @ 1..) = std::io::Read::read(&mut decoder, &mut buffer) {
            plain.extend_from_slice(&buffer[..count]);
        }
    }
    let mut reader = FrameReader::default();
    reader.push(&plain);
    std::iter::from_fn(|| reader.next_frame().expect("frames")).collect()
}

async fn fetch<T: serde::de::DeserializeOwned>(tablet: &Shared, path: &str, body: Value) -> Result<T, Failure> {
    let (status, bytes, is_whole) = call(tablet, path, body).await?;
    assert!(!String::from_utf8_lossy(&bytes).contains(tablet.borrow().who.foreign), "9: something of another tenant came");
    let version = tablet.borrow().version(turmoil::sim_elapsed().unwrap_or_default());
    match status {
        200 if is_whole => {
            let answer = version.says(path, "response", serde_json::from_slice(&bytes).expect("JSON"));
            Ok(serde_json::from_value(answer).expect("an answer"))
        }
        200 => Err(Failure::Network),
        status => Err(Failure::Refused(status)),
    }
}

/// Status, what came of the body, and whether that is all of it.
async fn call(tablet: &Shared, path: &str, body: Value) -> Result<(u16, Vec<u8>, bool), Failure> {
    let now = turmoil::sim_elapsed().unwrap_or_default();
    tablet.borrow_mut().calls.push(now);
    let body = tablet.borrow().version(now).says(path, "request", body);
    let token = tablet.borrow().who.token.clone();
    let request = Request::post(path).header("host", "server").header("authorization", format!("Bearer {token}")).header("content-type", "application/json");
    let request = request.body(Full::new(Bytes::from(body.to_string()))).expect("a request");
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let sent = tokio::time::timeout_at(deadline, async {
        let stream = TcpStream::connect(("server", PORT)).await.map_err(drop)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(drop)?;
        tokio::task::spawn_local(connection);
        sender.send_request(request).await.map_err(drop)
    });
    let Ok(Ok(response)) = sent.await else { return Err(Failure::Network) };
    let status = response.status().as_u16();
    let (mut body, mut bytes) = (response.into_body(), Vec::new());
    loop {
        match tokio::time::timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..])),
            Ok(None) => return Ok((status, bytes, true)),
            Ok(Some(Err(_))) | Err(_) => return Ok((status, bytes, false)),
        }
    }
}

/// Nobody else's own list comes here.
fn is_own(row: &Row, person: PersonId) -> bool {
    !matches!(row, Row::Bookmark(bookmark) if bookmark.person_id != person)
}

/// A replica that holds nothing.
pub fn empty(rng: &mut StdRng, tenant: TenantId, person: PersonId, role: Role) -> Memory {
    let client = ClientId(uuid::Builder::from_random_bytes(rng.random()).into_uuid());
    Memory::new(client::Meta::new(client, tenant, person, role))
}
