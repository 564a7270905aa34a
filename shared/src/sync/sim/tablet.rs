//! One tablet: a durable store, what it has in memory, and crashes inside transactions.

use std::collections::BTreeMap;

use crate::{
    ids::{ClientId, IntentId, PersonId, TenantId},
    roles::Role,
    sync::{
        client::{self, Delta, Entry, Memory, Meta, Published, Pull, PullError, Replica, Step},
        intent::Change,
        rows::{RowKey, Seq, SyncedRow},
        seeded,
        sight::Sight,
        wire::{Frame, PullRequest, PushRequest, PushResponse},
    },
    time::Millis,
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
    /// The next transaction dies after so many operations.
    pub dies_after: Option<u32>,
    /// Every intent that was ever committed here.
    pub recorded: Vec<IntentId>,
    pub crashes: u32,
    /// Checkpoints that did not fit: never, unless something is wrong.
    pub mismatches: u32,
}

impl Tablet {
    pub fn new(client: ClientId, tenant: TenantId, person: PersonId, role: Role, skew: i64) -> Self {
        let store = Memory::new(Meta::new(client, tenant, person, role));
        Self { store, person, skew, pulls: BTreeMap::new(), next_pull: 0, dies_after: None, recorded: vec![], crashes: 0, mismatches: 0 }
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
                self.pulls.clear();
                self.crashes += 1;
                None
            }
        }
    }

    pub fn record(&mut self, id: IntentId, now: Millis, change: Change) {
        let at = now.plus(self.skew);
        if let Some(Ok(_)) = self.transact(|tx| client::record(tx, id, at, change)) {
            self.recorded.push(id);
        }
    }

    pub fn next_push(&self, now: Millis) -> Option<PushRequest> {
        match client::next_push(&self.store, now.plus(self.skew)) {
            Ok(push) => push,
            Err(never) => match never {},
        }
    }

    pub fn take_receipts(&mut self, answer: &PushResponse, now: Millis) {
        self.transact(|tx| client::take_receipts(tx, answer, now));
    }

    pub fn fork(&mut self, new: ClientId) -> bool {
        self.transact(|tx| client::fork(tx, new)).is_some()
    }

    pub fn requeue(&mut self) {
        self.transact(client::requeue_deferred);
    }

    pub fn decide_attention(&mut self, new: IntentId, now: Millis) {
        let Some(entry) = self.store.entries().find(|entry| entry.state.name() == "attention").cloned() else { return };
        if new.0.as_u128().is_multiple_of(2) {
            self.transact(|tx| client::discard(tx, entry.intent.id, now));
        } else if let Some(Some(Ok(_))) = self.transact(|tx| client::retry(tx, entry.intent.id, new, now)) {
            self.recorded.push(new);
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
        let Some(mut pull) = self.pulls.remove(&pull) else { return Ok(()) };
        for frame in frames {
            match pull.take(frame)? {
                Step::More => {}
                Step::Stage => match self.transact(|tx| client::stage(tx, &mut pull)) {
                    Some(true) => {}
                    Some(false) | None => return Ok(()),
                },
                Step::Publish(checkpoint) => {
                    if let Some(Published::Mismatch { .. }) = self.transact(|tx| client::publish(tx, pull, &checkpoint, now)) {
                        self.mismatches += 1;
                    }
                    return Ok(());
                }
                // No server of the simulation keeps any.
                Step::Fetch(_) => return Ok(()),
                Step::Narrow => {
                    let sight = pull.sight().cloned().unwrap_or_default();
                    self.transact(|tx| client::narrow(tx, &sight));
                    return Ok(());
                }
            }
        }
        self.transact(|tx| client::stage(tx, &mut pull));
        Ok(())
    }

    pub fn crash(&mut self) {
        self.pulls.clear();
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
    fn keep_preimage(&mut self, key: RowKey, row: Option<&SyncedRow>) -> Result<(), Crash> { write!(self, self.inner.keep_preimage(key, row)) }
    fn clear_preimages(&mut self) -> Result<(), Crash> { write!(self, self.inner.clear_preimages()) }
    fn outbox(&self) -> Result<Vec<Entry>, Crash> { read!(self.inner.outbox()) }
    fn waiting(&self, limit: usize) -> Result<Vec<Entry>, Crash> { read!(self.inner.waiting(limit)) }
    fn entry(&self, id: IntentId) -> Result<Option<Entry>, Crash> { read!(self.inner.entry(id)) }
    fn acknowledged(&self) -> Result<Vec<Entry>, Crash> { read!(self.inner.acknowledged()) }
    fn save_entry(&mut self, entry: &Entry) -> Result<(), Crash> { write!(self, self.inner.save_entry(entry)) }
    fn remove_entry(&mut self, id: IntentId) -> Result<(), Crash> { write!(self, self.inner.remove_entry(id)) }
    fn forget_done_before(&mut self, at: Millis) -> Result<(), Crash> { write!(self, self.inner.forget_done_before(at)) }
    fn stage(&mut self, deltas: &[Delta]) -> Result<(), Crash> { write!(self, self.inner.stage(deltas)) }
    fn staged(&self, skip: usize, limit: usize) -> Result<Vec<Delta>, Crash> { read!(self.inner.staged(skip, limit)) }
    fn clear_staged(&mut self) -> Result<(), Crash> { write!(self, self.inner.clear_staged()) }
}
