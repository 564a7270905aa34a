//! One tablet: a durable store, what it has in memory, and crashes inside transactions.

use std::collections::{BTreeMap, HashSet};

use uuid::Uuid;

use crate::{
    ids::{ClientId, IntentId, PersonId, TenantId},
    roles::Role,
    sync::{
        client::{self, Delta, Entry, Greeting, Memory, Meta, Published, Pull, PullError, Replica, Step},
        intent::Change,
        rows::{RowKey, RowSet, Seq, SyncedRow},
        rules,
        seeded,
        sight::Sight,
        wire::{Checkpoint, Frame, HelloResponse, PullRequest, PushRequest, PushResponse},
    },
    time::{Millis, Moment, Steady},
};

/// The tablet died inside a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash;

pub struct Tablet {
    pub store: Memory,
    pub person: PersonId,
    /// How far its clock is ahead.
    pub skew: i64,
    /// Pulls under way, lost in a crash.
    pulls: BTreeMap<u32, Pull>,
    next_pull: u32,
    /// The greeting whose answer is waited for, and the cursor of then. Whatever is sent or taken in between makes it an old one.
    greeting: Option<(u32, Seq)>,
    next_greeting: u32,
    /// The next transaction dies after so many operations.
    pub dies_after: Option<u32>,
    /// Every intent that was ever committed here.
    pub recorded: Vec<IntentId>,
    /// Those that went when their rows went out of sight.
    pub narrowed: Vec<IntentId>,
    /// Those that a person gave up or tried again; how long they are kept goes by the tablet's clock.
    pub decided: Vec<IntentId>,
    pub crashes: u32,
    /// Checkpoints that did not fit: never, unless something is wrong.
    pub mismatches: u32,
}

impl Tablet {
    pub fn new(client: ClientId, tenant: TenantId, person: PersonId, role: Role, skew: i64) -> Self {
        let store = Memory::new(Meta::new(client, tenant, person, role));
        Self { store, person, skew, pulls: BTreeMap::new(), next_pull: 0, greeting: None, next_greeting: 0, dies_after: None, recorded: vec![], narrowed: vec![], decided: vec![], crashes: 0, mismatches: 0 }
    }

    /// A copy of its file, on another tablet.
    pub fn copied(&self) -> Self {
        let kept: Vec<IntentId> = self.store.entries().map(|entry| entry.intent.id).collect();
        let recorded = self.recorded.iter().filter(|id| kept.contains(id) || kept.contains(&client::words_of(**id))).copied().collect();
        Self { store: self.store.clone(), recorded, narrowed: self.narrowed.clone(), decided: self.decided.clone(), ..Self::new(self.meta().client_id, self.meta().tenant, self.person, self.meta().role, self.skew) }
    }

    pub fn meta(&self) -> Meta {
        match self.store.meta() {
            Ok(meta) => meta,
            Err(never) => match never {},
        }
    }

    /// One transaction: all of it or nothing; a crash loses what was in memory.
    fn transact<T>(&mut self, work: impl FnOnce(&mut Tx) -> Result<T, Crash>) -> Option<T> {
        let mut tx = Tx { inner: self.store.clone(), early: None, fuel: self.dies_after.take() };
        match work(&mut tx) {
            Ok(value) => {
                self.store = tx.inner;
                Some(value)
            }
            Err(Crash) => {
                if let Some(early) = tx.early {
                    self.store = early;
                }
                self.crash();
                None
            }
        }
    }

    /// What its clocks say: the one that is set, and the one that nobody sets.
    const fn moment(&self, now: Millis) -> Moment {
        Moment { at: Millis(now.0.saturating_add(self.skew)), steady: Some(Steady { run: Uuid::nil(), ms: now.0 }) }
    }

    pub fn record(&mut self, id: IntentId, now: Millis, change: Change) {
        let now = self.moment(now);
        if let Some(Ok(_)) = self.transact(|tx| client::record(tx, id, now, change)) {
            self.recorded.push(id);
        }
    }

    pub fn begin_greeting(&mut self) -> (u32, ClientId) {
        self.next_greeting += 1;
        self.greeting = Some((self.next_greeting, self.meta().cursor));
        (self.next_greeting, self.meta().client_id)
    }

    /// What the answer to a greeting says about this replica; `None` when nobody waits for it any more.
    pub fn take_greeting(&mut self, greeting: u32, hello: &HelloResponse) -> Option<Greeting> {
        let (_, asked_at) = self.greeting.take_if(|(waited, _)| *waited == greeting)?;
        let found = self.transact(|tx| client::greet(tx, hello, asked_at))?;
        if self.meta().exceeds(&hello.sight) && self.narrow(&hello.sight) {
            let hidden = self.store.rows().find(|synced| synced.seq > Seq(0) && !hello.sight.covers(synced.row.home()));
            assert_eq!(hidden, None, "10: a greeting said what is seen now, and more is still held");
        }
        Some(found)
    }

    pub fn restored(&mut self, new: ClientId) -> bool {
        self.greeting = None;
        self.transact(|tx| client::restored(tx, new)).is_some()
    }

    pub fn next_push(&mut self, now: Millis) -> Option<PushRequest> {
        self.greeting = None;
        match client::next_push(&self.store, self.moment(now)) {
            Ok(push) => push,
            Err(never) => match never {},
        }
    }

    pub fn take_receipts(&mut self, answer: &PushResponse) {
        self.greeting = None;
        self.transact(|tx| client::take_receipts(tx, answer));
    }

    pub fn fork(&mut self, new: ClientId) -> bool {
        self.greeting = None;
        self.transact(|tx| client::fork(tx, new)).is_some()
    }

    pub fn requeue(&mut self) {
        self.transact(client::requeue_deferred);
    }

    pub fn start_afresh(&mut self) {
        self.transact(client::start_afresh);
    }

    /// What somebody has to decide about next.
    pub fn next_attention(&self) -> Option<Change> {
        self.store.entries().find(|entry| entry.state.name() == "attention").map(|entry| entry.intent.change.clone())
    }

    pub fn decide_attention(&mut self, new: IntentId, now: Millis) {
        let now = self.moment(now);
        let Some(entry) = self.store.entries().find(|entry| entry.state.name() == "attention").cloned() else { return };
        if new.0.as_u128().is_multiple_of(2) {
            let discarded = self.transact(|tx| client::discard(tx, entry.intent.id, now.at));
            self.decided.extend(discarded.map(|_| entry.intent.id));
        } else if let Some(Some(Ok(_))) = self.transact(|tx| client::retry(tx, entry.intent.id, new, now)) {
            self.recorded.push(new);
            self.decided.push(entry.intent.id);
        }
    }

    pub fn begin_pull(&mut self) -> (u32, PullRequest) {
        let pull = match Pull::begin(&self.store) {
            Ok(pull) => pull,
            Err(never) => match never {},
        };
        self.next_pull += 1;
        let request = pull.request().clone();
        self.pulls.insert(self.next_pull, pull);
        (self.next_pull, request)
    }

    /// The answer to a pull, perhaps cut off. An answer nobody waits for is dropped.
    pub fn take_frames(&mut self, pull: u32, frames: Vec<Frame>, now: Millis) -> Result<(), PullError> {
        let (at, now) = (now, now.plus(self.skew));
        let Some(mut pull) = self.pulls.remove(&pull) else { return Ok(()) };
        for frame in frames {
            match pull.take(frame)? {
                Step::More => {}
                Step::Stage => match self.transact(|tx| client::stage(tx, &mut pull)) {
                    Some(true) => {}
                    Some(false) | None => return Ok(()),
                },
                Step::Publish(checkpoint) => {
                    if let Some(Published::Mismatch { .. }) = self.noting_settled(|tablet| tablet.transact(|tx| published(tx, pull, &checkpoint, now, at))) {
                        self.mismatches += 1;
                    }
                    return Ok(());
                }
                // The server here answers with a segment's frames at once.
                Step::Fetch(_) => return Err(PullError::OutOfOrder),
                Step::Narrow => {
                    let sight = pull.sight().cloned().unwrap_or_default();
                    self.narrow(&sight);
                    return Ok(());
                }
            }
        }
        self.transact(|tx| client::stage(tx, &mut pull));
        Ok(())
    }

    /// Whether it came about.
    fn narrow(&mut self, sight: &Sight) -> bool {
        if seeded::is(seeded::Bug::NothingNarrows) {
            return true;
        }
        self.noting_departed(|tablet| tablet.transact(|tx| client::narrow(tx, sight)).is_some())
    }

    /// What was done to rows that go out of sight goes with them; of no other row.
    fn noting_departed<T>(&mut self, does: impl FnOnce(&mut Self) -> T) -> T {
        let tenant = self.meta().tenant;
        let before: Vec<_> = self.store.entries().map(|entry| (entry.intent.id, entry.intent.change.target(tenant), matches!(entry.state, client::State::Done { receipt: None, .. }))).collect();
        let done = does(self);
        let (kept, rows): (HashSet<_>, _) = (self.store.entries().map(|entry| entry.intent.id).collect(), self.server_rows());
        for (id, _, is_given_up) in before.into_iter().filter(|(id, row, _)| !kept.contains(id) && !rows.contains_key(row)) {
            // Nobody waits for a word about what was given up.
            let goes = if is_given_up { &mut self.decided } else { &mut self.narrowed };
            goes.push(id);
        }
        done
    }

    /// The rows without the pending intents on top.
    pub fn server_rows(&self) -> BTreeMap<RowKey, SyncedRow> {
        let mut rows: BTreeMap<RowKey, SyncedRow> = self.store.rows().map(|synced| (synced.row.key(), synced.clone())).collect();
        for (key, under) in self.store.preimages().unwrap_or_else(|never| match never {}) {
            match under {
                Some(row) => rows.insert(key, row),
                None => rows.remove(&key),
            };
        }
        rows
    }

    /// What came with a poke.
    pub fn take_news(&mut self, frames: Vec<Frame>, now: Millis) {
        let published = self.noting_settled(|tablet| tablet.transact(|tx| match Pull::of_poke(tx, frames)? {
            Some((pull, checkpoint)) => published(tx, pull, &checkpoint, now, now).map(Some),
            None => Ok(None),
        }));
        if let Some(Some(Published::Mismatch { .. })) = published {
            self.mismatches += 1;
        }
    }

    /// 2 No lost intent: what needs nobody any more since it `does` that stands in the server's row.
    fn noting_settled<T>(&mut self, does: impl FnOnce(&mut Self) -> T) -> T {
        let before: HashSet<IntentId> = self.store.entries().filter(|entry| entry.state.name() == "attention").map(|entry| entry.intent.id).collect();
        let done = self.noting_departed(does);
        let (meta, rows) = (self.meta(), self.server_rows());
        for entry in self.store.entries().filter(|entry| before.contains(&entry.intent.id) && matches!(entry.state, client::State::Done { receipt: None, .. })) {
            let target = entry.intent.change.target(meta.tenant);
            let there: RowSet = rows.get(&target).map(|synced| (target, synced.row.clone())).into_iter().collect();
            let left = rules::apply(&entry.intent.change, &meta.actor(entry.intent.at), &there);
            assert!(left.is_ok_and(|left| left.is_empty()), "2: {} needed somebody, and nobody decided", entry.intent.id);
        }
        done
    }

    pub fn crash(&mut self) {
        self.pulls.clear();
        self.greeting = None;
        self.crashes += 1;
    }
}

/// A transaction that may die at any operation.
struct Tx {
    inner: Memory,
    early: Option<Memory>,
    fuel: Option<u32>,
}

impl Tx {
    fn burn(&mut self) -> Result<(), Crash> {
        if seeded::takes_commit() {
            self.early = Some(self.inner.clone());
        }
        match self.fuel {
            Some(0) => Err(Crash),
            Some(left) => {
                self.fuel = Some(left - 1);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

macro_rules! read {
    ($value:expr) => {
        match $value {
            Ok(value) => Ok(value),
            Err(never) => match never {},
        }
    };
}

macro_rules! write {
    ($tx:ident, $value:expr) => {{
        $tx.burn()?;
        read!($value)
    }};
}

impl Replica for Tx {
    type Error = Crash;

    fn meta(&self) -> Result<Meta, Crash> { read!(self.inner.meta()) }
    fn save_meta(&mut self, meta: &Meta) -> Result<(), Crash> { write!(self, self.inner.save_meta(meta)) }
    fn row(&self, key: RowKey) -> Result<Option<SyncedRow>, Crash> { read!(self.inner.row(key)) }
    fn seq_of(&self, key: RowKey) -> Result<Option<Seq>, Crash> { read!(self.inner.seq_of(key)) }
    fn put(&mut self, row: &SyncedRow) -> Result<(), Crash> { write!(self, self.inner.put(row)) }
    fn remove(&mut self, key: RowKey) -> Result<(), Crash> { write!(self, self.inner.remove(key)) }
    fn remove_all(&mut self) -> Result<(), Crash> { write!(self, self.inner.remove_all()) }
    fn remove_hidden(&mut self, sight: &Sight) -> Result<Vec<(RowKey, Seq)>, Crash> { write!(self, self.inner.remove_hidden(sight)) }
    fn preimages(&self) -> Result<Vec<(RowKey, Option<SyncedRow>)>, Crash> { read!(self.inner.preimages()) }
    fn is_covered(&self, key: RowKey) -> Result<bool, Crash> { read!(self.inner.is_covered(key)) }
    fn keep_preimage(&mut self, key: RowKey, row: Option<&SyncedRow>) -> Result<(), Crash> { write!(self, self.inner.keep_preimage(key, row)) }
    fn clear_preimages(&mut self) -> Result<(), Crash> { write!(self, self.inner.clear_preimages()) }
    fn outbox(&self) -> Result<Vec<Entry>, Crash> { read!(self.inner.outbox()) }
    fn waiting(&self, limit: usize) -> Result<Vec<Entry>, Crash> { read!(self.inner.waiting(limit)) }
    fn deferred(&self) -> Result<Vec<Entry>, Crash> { read!(self.inner.deferred()) }
    fn entry(&self, id: IntentId) -> Result<Option<Entry>, Crash> { read!(self.inner.entry(id)) }
    fn acknowledged(&self) -> Result<Vec<Entry>, Crash> { read!(self.inner.acknowledged()) }
    fn given_up(&self) -> Result<Vec<Entry>, Crash> { read!(self.inner.given_up()) }
    fn attention(&self) -> Result<Vec<Entry>, Crash> { read!(self.inner.attention()) }
    fn save_entry(&mut self, entry: &Entry) -> Result<(), Crash> { write!(self, self.inner.save_entry(entry)) }
    fn remove_entry(&mut self, id: IntentId) -> Result<(), Crash> { write!(self, self.inner.remove_entry(id)) }
    fn forget_done_before(&mut self, at: Millis) -> Result<(), Crash> { write!(self, self.inner.forget_done_before(at)) }
    fn stage(&mut self, deltas: &[Delta]) -> Result<(), Crash> { write!(self, self.inner.stage(deltas)) }
    fn staged(&self, skip: usize, limit: usize) -> Result<Vec<Delta>, Crash> { read!(self.inner.staged(skip, limit)) }
    fn clear_staged(&mut self) -> Result<(), Crash> { write!(self, self.inner.clear_staged()) }
}

/// What the app does with rows that came: they are shown, and what needed somebody may stand now. `at`: by the server's clock.
fn published(tx: &mut Tx, pull: Pull, checkpoint: &Checkpoint, now: Millis, at: Millis) -> Result<Published, Crash> {
    let published = client::publish(tx, pull, checkpoint, now)?;
    if matches!(published, Published::Now { .. }) {
        for entry in tx.attention()? {
            client::settle_attention(tx, entry.intent.id, at)?;
        }
    }
    Ok(published)
}
