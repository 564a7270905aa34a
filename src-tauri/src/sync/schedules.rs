//! The client core over the app's SQLite store and over memory, side by side.
//!
//! `shared/src/sync/sim` holds the invariants over the memory; here random schedules see that the store is
//! the same thing: after each step both hold the same, whichever transaction died in the middle and
//! whenever the file was closed and opened again.
//! Deliberately not here: a network (the simulation's), a real server (`tests/app_sync`).

#![allow(clippy::redundant_closure, reason = "a function that is generic over the replica is not one over every lifetime of it")]

use std::{cell::RefCell, collections::BTreeMap, convert::Infallible};

use omniot_shared::{
    ids::{ClientId, IntentId, PersonId, SiteId, TenantId},
    roles::Role,
    sync::{
        Change, Checksum, Code, Refusal, RowKey, Seq, Sight, SyncedRow,
        client::{self, Delta, Entry, Memory, Meta, Pull, Replica, Step},
        intent::{NewSite, SitePatch, SiteUpdate},
        patch::Patch,
        receipt::{Outcome, Receipt},
        rows::{RowSet, Scope},
        rules::{Actor, RowChange, Who},
        wire::{Begin, Checkpoint, Departure, Frame, Gone, PullRequest, PushRequest, PushResponse},
    },
    time::Millis,
};
use proptest::prelude::*;
use tempfile::TempDir;
use uuid::Uuid;

use crate::store::{
    Store, StoreError,
    replica::{self, Open},
};

const TENANT: TenantId = TenantId(Uuid::from_u128(1));

#[derive(Debug, Clone)]
enum Event {
    Create,
    Rename(u8),
    /// The server answers a push, each intent in one of several ways.
    Push { answers: Vec<u8>, most: usize },
    /// So many frames of a pull arrive.
    Pull { frames: u8 },
    /// Somebody else's work at the server.
    Elsewhere(u8),
    Erase(u8),
    /// The person sees everything, or every site whose bit is set.
    Show(Option<u8>),
    Requeue,
    Fork,
    Restored,
    Afresh,
    SetAside,
    Hold,
    Retry,
    Discard,
    /// The next transaction dies after so many writes.
    Die(u8),
    Reopen,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => Just(Event::Create),
        6 => any::<u8>().prop_map(Event::Rename),
        6 => (proptest::collection::vec(0u8..6, 1..6), 1usize..5).prop_map(|(answers, most)| Event::Push { answers, most }),
        6 => (1u8..6).prop_map(|frames| Event::Pull { frames }),
        3 => any::<u8>().prop_map(Event::Elsewhere),
        1 => any::<u8>().prop_map(Event::Erase),
        1 => proptest::option::of(any::<u8>()).prop_map(Event::Show),
        1 => Just(Event::Requeue),
        1 => Just(Event::Fork),
        1 => Just(Event::Restored),
        1 => Just(Event::Afresh),
        1 => Just(Event::SetAside),
        1 => Just(Event::Hold),
        1 => Just(Event::Retry),
        1 => Just(Event::Discard),
        3 => (0u8..12).prop_map(Event::Die),
        1 => Just(Event::Reopen),
    ]
}

/// As much of a server as makes rows, departures and receipts.
#[derive(Default)]
struct Server {
    seq: i64,
    rows: BTreeMap<RowKey, SyncedRow>,
    gone: BTreeMap<RowKey, Gone>,
    sight: Sight,
}

impl Server {
    fn apply(&mut self, change: &Change) -> bool {
        let rows: RowSet = self.rows.iter().map(|(key, synced)| (*key, synced.row.clone())).collect();
        let actor = Actor { tenant: TENANT, who: Who::System, now: Millis(5) };
        let Ok(changes) = omniot_shared::sync::apply(change, &actor, &rows) else { return false };
        for change in changes {
            self.seq += 1;
            let (key, seq) = (change.key(), Seq(self.seq));
            match change {
                RowChange::Put(row) => {
                    self.gone.remove(&key);
                    self.rows.insert(key, SyncedRow { seq, row });
                }
                RowChange::Remove(_) => self.erase(key),
            }
        }
        true
    }

    fn erase(&mut self, key: RowKey) {
        if self.rows.remove(&key).is_some() {
            self.seq += 1;
            self.gone.insert(key, Gone { table: key.table, id: key.id, seq: Seq(self.seq), why: Departure::Deleted });
        }
    }

    fn push(&mut self, push: &PushRequest, answers: &[u8]) -> PushResponse {
        let no = || Refusal::new(Code::StateConflict, "no");
        let receipts: Vec<Receipt> = push.intents.iter().zip(answers.iter().cycle()).map(|(intent, answer)| {
            let outcome = match answer {
                0 => Outcome::Refused(no()),
                1 => Outcome::Later(no()),
                2 => Outcome::Superseded { lost: vec!["name".into()] },
                _ if self.apply(&intent.change) => Outcome::Applied,
                _ => Outcome::Quarantined(no()),
            };
            Receipt { n: intent.n, intent_id: intent.id, seq: Seq(self.seq), outcome }
        }).collect();
        let last_n = push.intents.last().map_or(0, |intent| intent.n);
        PushResponse { epoch: 1, seq: Seq(self.seq), last_n, server_time: Millis(5), skew_ms: 7, receipts }
    }

    fn pull(&self, request: &PullRequest) -> Vec<Frame> {
        let cursor = request.cursors[0].seq;
        let fresh = request.epoch != 1 || cursor == Seq(0) || cursor.0 > self.seq || request.scopes != self.sight;
        let seen = || self.rows.values().filter(|row| self.sight.covers(row.row.home()));
        let (from, to) = (if fresh { Seq(0) } else { cursor }, Seq(self.seq));
        let mut deltas: BTreeMap<Seq, Frame> = seen().map(|row| (row.seq, Frame::Rows(vec![row.clone()]))).collect();
        if !fresh {
            deltas.extend(self.gone.values().map(|gone| (gone.seq, Frame::Gone(vec![*gone]))));
        }
        let checksum = Checksum::of(seen().map(|row| (row.row.key(), row.seq)));
        let begin = Frame::Begin(Begin { scope: Scope::Tenant, scopes: self.sight.clone(), epoch: 1, from, to, fresh, server_time: Millis(5) });
        let changes = deltas.range(Seq(from.0 + 1)..).map(|(_, frame)| frame.clone());
        let checkpoint = Frame::Checkpoint(Checkpoint { scope: Scope::Tenant, seq: to, checksum, own: None });
        [begin].into_iter().chain(changes).chain([checkpoint]).collect()
    }
}

/// Both replicas, and what happens to them alike.
struct Twins {
    folder: TempDir,
    store: Option<Store>,
    memory: Memory,
    server: Server,
    sites: Vec<SiteId>,
    next_id: u128,
    dies_after: Option<u8>,
}

impl Twins {
    fn new() -> Self {
        let id = Uuid::from_u128;
        let meta = Meta::new(ClientId(id(2)), TENANT, PersonId(id(3)), Role::Owner);
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.edit(|db| replica::begin(db, &meta)).unwrap();
        Self { folder, store: Some(store), memory: Memory::new(meta), server: Server::default(), sites: vec![SiteId(id(4))], next_id: 100, dies_after: None }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn id(&mut self) -> Uuid {
        self.next_id += 1;
        Uuid::from_u128(self.next_id)
    }

    /// One transaction on both; `None` when it died, and then on neither.
    fn both<T: PartialEq + std::fmt::Debug>(
        &mut self,
        stored: impl Fn(&mut Dying<'_>) -> Result<T, StoreError>,
        in_memory: impl FnOnce(&mut Memory) -> Result<T, Infallible>,
    ) -> Option<T> {
        let fuel = self.dies_after.take();
        let done = self.store().note(|db| stored(&mut Dying { open: Open(db), fuel: RefCell::new(fuel) }));
        match done {
            Ok(done) => {
                let Ok(expected) = in_memory(&mut self.memory);
                assert_eq!(done, expected);
                Some(done)
            }
            Err(StoreError::Closing) => None,
            Err(error) => panic!("the store failed: {error}"),
        }
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Create => {
                let change = self.new_site();
                self.record(change);
            }
            Event::Rename(n) => {
                let (id, name) = (self.sites[usize::from(n) % self.sites.len()], Patch::Set(format!("name {n}")));
                self.record(Change::SiteUpdate(SiteUpdate { id, patch: SitePatch { name, ..SitePatch::default() } }));
            }
            Event::Push { answers, most } => {
                let Ok(push) = client::next_push_of(&self.memory, Millis(9), most);
                assert_eq!(self.store().read(|db| client::next_push_of(&Open(db), Millis(9), most)).unwrap(), push);
                if let Some(push) = push {
                    let answer = self.server.push(&push, &answers);
                    self.both(|db| client::take_receipts(db, &answer), |memory| client::take_receipts(memory, &answer));
                }
            }
            Event::Pull { frames } => self.pull(frames.into()),
            Event::Elsewhere(n) => {
                let change = self.new_site();
                self.server.apply(&change);
                let (id, name) = (self.sites[usize::from(n) % self.sites.len()], Patch::Set(format!("theirs {n}")));
                self.server.apply(&Change::SiteUpdate(SiteUpdate { id, patch: SitePatch { name, ..SitePatch::default() } }));
            }
            Event::Erase(n) => self.server.erase(self.sites[usize::from(n) % self.sites.len()].into()),
            Event::Show(sites) => {
                let chosen = |mask: u8| self.sites.iter().enumerate().filter(|(n, _)| mask >> (n % 8) & 1 == 1).map(|(_, site)| *site).collect();
                self.server.sight = sites.map_or(Sight::All, |mask| Sight::Sites(chosen(mask)));
                self.server.seq += 1;
            }
            Event::Requeue => drop(self.both(|db| client::requeue_deferred(db), client::requeue_deferred)),
            Event::Fork => {
                let new = ClientId(self.id());
                self.both(|db| client::fork(db, new), |memory| client::fork(memory, new));
            }
            Event::Restored => {
                let new = ClientId(self.id());
                self.both(|db| client::restored(db, new), |memory| client::restored(memory, new));
            }
            Event::Afresh => drop(self.both(|db| client::start_afresh(db), client::start_afresh)),
            Event::SetAside => {
                let Ok(waiting) = self.memory.waiting(1);
                if let Some(id) = waiting.first().map(|entry| entry.intent.id) {
                    let no = Refusal::new(Code::Malformed, "too large");
                    self.both(|db| client::set_aside(db, id, no.clone()), |memory| client::set_aside(memory, id, no.clone()));
                }
            }
            Event::Hold => {
                let (id, change, no) = (IntentId(self.id()), self.new_site(), Refusal::new(Code::NotAllowed, ""));
                self.both(|db| client::hold(db, id, Millis(9), change.clone(), no.clone()), |memory| client::hold(memory, id, Millis(9), change.clone(), no.clone()));
            }
            Event::Retry => {
                let new = IntentId(self.id());
                if let Some(id) = self.attention() {
                    self.both(|db| client::retry(db, id, new, Millis(9)), |memory| client::retry(memory, id, new, Millis(9)));
                }
            }
            Event::Discard => {
                if let Some(id) = self.attention() {
                    self.both(|db| client::discard(db, id, Millis(9)), |memory| client::discard(memory, id, Millis(9)));
                }
            }
            Event::Die(after) => self.dies_after = Some(after),
            Event::Reopen => {
                self.store = None;
                self.store = Some(Store::open(self.folder.path()).unwrap());
            }
        }
    }

    fn new_site(&mut self) -> Change {
        let id = SiteId(self.id());
        self.sites.push(id);
        Change::SiteCreate(NewSite { id, name: format!("site {}", self.next_id), address: None, time_zone: "UTC".into(), note: None })
    }

    fn record(&mut self, change: Change) {
        let id = IntentId(self.id());
        self.both(|db| client::record(db, id, Millis(9), change.clone()), |memory| client::record(memory, id, Millis(9), change.clone()));
    }

    fn attention(&self) -> Option<IntentId> {
        self.memory.entries().find(|entry| entry.state.name() == "attention").map(|entry| entry.intent.id)
    }

    fn pull(&mut self, frames: usize) {
        let Ok(theirs) = Pull::begin(&self.memory);
        let stored = self.store().read(|db| Pull::begin(&Open(db))).unwrap();
        assert_eq!(stored.request(), theirs.request());
        let answer = self.server.pull(stored.request());
        let [stored, theirs] = [stored, theirs].map(RefCell::new);
        for frame in answer.into_iter().take(frames) {
            let step = stored.borrow_mut().take(frame.clone()).unwrap();
            assert_eq!(theirs.borrow_mut().take(frame).unwrap(), step);
            if step == Step::Narrow {
                let sight = stored.borrow().sight().cloned().unwrap();
                self.both(|db| client::narrow(db, &sight), |memory| client::narrow(memory, &sight));
                return;
            }
            if let Step::Publish(checkpoint) = step {
                let (stored, theirs) = (RefCell::new(Some(stored.into_inner())), theirs.into_inner());
                self.both(
                    |db| client::publish(db, stored.borrow_mut().take().ok_or(StoreError::Closing)?, &checkpoint, Millis(9)),
                    |memory| client::publish(memory, theirs, &checkpoint, Millis(9)),
                );
                return;
            }
        }
        // The stream broke off.
        self.both(|db| client::stage(db, &mut stored.borrow_mut()), |memory| client::stage(memory, &mut theirs.borrow_mut()));
    }

    fn are_alike(&self) {
        let Ok((meta, outbox, done, under, staged)) = held(&self.memory);
        let found = self.store().read(|db| held(&Open(db))).unwrap();
        assert_eq!(found, (meta, outbox, done, under, staged));
        for entry in self.memory.entries() {
            assert_eq!(self.store().read(|db| Open(db).entry(entry.intent.id)).unwrap().as_ref(), Some(entry));
        }
        for site in &self.sites {
            let Ok(row) = self.memory.row((*site).into());
            let found = self.store().read(|db| Ok((Open(db).row((*site).into())?, Open(db).seq_of((*site).into())?))).unwrap();
            assert_eq!(found, (row.clone(), row.map(|row| row.seq)));
        }
    }
}

type Held = (Meta, Vec<Entry>, Vec<Entry>, BTreeMap<RowKey, Option<SyncedRow>>, Vec<Delta>);

fn held<R: Replica>(replica: &R) -> Result<Held, R::Error> {
    Ok((replica.meta()?, replica.outbox()?, replica.acknowledged()?, replica.preimages()?.into_iter().collect(), replica.staged(0, usize::MAX)?))
}

/// The store's open transaction, which may die at any write.
struct Dying<'a> {
    open: Open<'a>,
    fuel: RefCell<Option<u8>>,
}

impl<'a> Dying<'a> {
    fn write(&mut self) -> Result<&mut Open<'a>, StoreError> {
        match self.fuel.get_mut() {
            Some(0) => Err(StoreError::Closing),
            Some(left) => {
                *left -= 1;
                Ok(&mut self.open)
            }
            None => Ok(&mut self.open),
        }
    }
}

impl Replica for Dying<'_> {
    type Error = StoreError;

    fn meta(&self) -> Result<Meta, StoreError> { self.open.meta() }
    fn save_meta(&mut self, meta: &Meta) -> Result<(), StoreError> { self.write()?.save_meta(meta) }
    fn row(&self, key: RowKey) -> Result<Option<SyncedRow>, StoreError> { self.open.row(key) }
    fn seq_of(&self, key: RowKey) -> Result<Option<Seq>, StoreError> { self.open.seq_of(key) }
    fn put(&mut self, row: &SyncedRow) -> Result<(), StoreError> { self.write()?.put(row) }
    fn remove(&mut self, key: RowKey) -> Result<(), StoreError> { self.write()?.remove(key) }
    fn remove_all(&mut self) -> Result<(), StoreError> { self.write()?.remove_all() }
    fn remove_hidden(&mut self, sight: &Sight) -> Result<Vec<(RowKey, Seq)>, StoreError> { self.write()?.remove_hidden(sight) }
    fn preimages(&self) -> Result<Vec<(RowKey, Option<SyncedRow>)>, StoreError> { self.open.preimages() }
    fn is_covered(&self, key: RowKey) -> Result<bool, StoreError> { self.open.is_covered(key) }
    fn keep_preimage(&mut self, key: RowKey, row: Option<&SyncedRow>) -> Result<(), StoreError> { self.write()?.keep_preimage(key, row) }
    fn clear_preimages(&mut self) -> Result<(), StoreError> { self.write()?.clear_preimages() }
    fn outbox(&self) -> Result<Vec<Entry>, StoreError> { self.open.outbox() }
    fn waiting(&self, limit: usize) -> Result<Vec<Entry>, StoreError> { self.open.waiting(limit) }
    fn deferred(&self) -> Result<Vec<Entry>, StoreError> { self.open.deferred() }
    fn entry(&self, id: IntentId) -> Result<Option<Entry>, StoreError> { self.open.entry(id) }
    fn acknowledged(&self) -> Result<Vec<Entry>, StoreError> { self.open.acknowledged() }
    fn given_up(&self) -> Result<Vec<Entry>, StoreError> { self.open.given_up() }
    fn attention(&self) -> Result<Vec<Entry>, StoreError> { self.open.attention() }
    fn save_entry(&mut self, entry: &Entry) -> Result<(), StoreError> { self.write()?.save_entry(entry) }
    fn remove_entry(&mut self, id: IntentId) -> Result<(), StoreError> { self.write()?.remove_entry(id) }
    fn forget_done_before(&mut self, at: Millis) -> Result<(), StoreError> { self.write()?.forget_done_before(at) }
    fn stage(&mut self, deltas: &[Delta]) -> Result<(), StoreError> { self.write()?.stage(deltas) }
    fn staged(&self, skip: usize, limit: usize) -> Result<Vec<Delta>, StoreError> { self.open.staged(skip, limit) }
    fn clear_staged(&mut self) -> Result<(), StoreError> { self.write()?.clear_staged() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_is_what_the_memory_of_the_simulation_is(events in proptest::collection::vec(event(), 1..80)) {
        let mut twins = Twins::new();
        for event in events {
            twins.step(event);
            twins.are_alike();
        }
    }
}
