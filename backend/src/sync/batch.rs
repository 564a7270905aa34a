//! Changes on their way into the store: loaded once, decided in memory, written together.
//!
//! The caller holds the tenant's only writer, so what was loaded stays true until [`Batch::write`],
//! and sequences and numbers of the audit log can be handed out before they are kept. Deliberately not here: receipts
//! (`push`), permission and validation (`omniot_shared::sync::rules`).

use std::{collections::{BTreeMap, BTreeSet, HashMap}, sync::Arc};

use omniot_shared::{
    ids::{ClientId, PersonId, TenantId},
    sync::{
        Change, Checksum, Outcome, Row, RowChange, RowKey, RowSet, Rows as _, Seq, Sight, SyncedRow, Table,
        client::Delta,
        policy::{self, Edit, Stamps},
        rows::Scope as SyncScope,
        server::Decision,
        wire::{Begin, Departure, Gone},
    },
    time::Millis,
};

use super::{news, store::{self, Clock, Sums, Written}, trail::{self, Circumstances, Draft}};
use crate::{
    audit::{self, Author},
    db::{DbError, Event, News, Scope},
};

/// What stands beside a row.
#[derive(Debug, Clone, Default)]
struct Facts {
    /// As it stands in the store, and its sequence there; `None` when it is not there yet.
    stored: Option<(Row, Seq)>,
    /// Its sequence after this batch.
    seq: Seq,
    stamps: Stamps,
}

impl Facts {
    /// Its home in the store.
    fn home(&self) -> Option<SyncScope> {
        self.stored.as_ref().map(|(row, _)| row.home())
    }
}

/// Changes of one tenant that are written together.
#[derive(Debug)]
pub struct Batch {
    tenant: TenantId,
    rows: RowSet,
    facts: HashMap<RowKey, Facts>,
    /// Where the tenant stood.
    clock: Clock,
    last: Seq,
    /// What becomes of each changed row: `true` = it lives.
    fate: BTreeMap<RowKey, bool>,
    /// The homes that rows moved out of.
    left: Vec<(SyncScope, Gone)>,
    entries: Vec<Draft>,
}

impl Batch {
    /// Loads the rows that these changes touch, and where the tenant stands.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn open(scope: &mut Scope, changes: impl IntoIterator<Item = &Change>) -> Result<Self, DbError> {
        let (clock, _) = store::opening(scope, None).await?;
        Self::open_at(scope, clock, changes).await
    }

    /// Loads the rows that these changes touch; the tenant stands at `clock`.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn open_at(scope: &mut Scope, clock: Clock, changes: impl IntoIterator<Item = &Change>) -> Result<Self, DbError> {
        let tenant = scope.tenant();
        let keys: Vec<RowKey> = changes.into_iter().flat_map(|change| change.touches(tenant)).collect();
        let (mut rows, mut facts) = (RowSet::new(), HashMap::new());
        for (key, loaded) in store::load(scope, &keys).await? {
            facts.insert(key, Facts { stored: Some((loaded.row.clone(), loaded.seq)), seq: loaded.seq, stamps: loaded.stamps });
            rows.insert(key, loaded.row);
        }
        let last = clock.seq;
        Ok(Self { tenant, rows, facts, clock, last, fate: BTreeMap::new(), left: Vec::new(), entries: Vec::new() })
    }

    /// The rows as this batch leaves them so far.
    pub const fn rows(&self) -> &RowSet {
        &self.rows
    }

    /// Whether that replica last changed something here.
    pub fn holds_word_of(&self, client: ClientId) -> bool {
        self.facts.values().any(|facts| facts.stamps.values().any(|stamp| stamp.by == Some(client)))
    }

    /// The stamps of a change's target row.
    pub fn stamps(&self, change: &Change) -> Stamps {
        self.facts.get(&change.target(self.tenant)).map(|facts| facts.stamps.clone()).unwrap_or_default()
    }

    /// The tenant's sequence as this batch leaves it so far.
    pub const fn seq(&self) -> Seq {
        self.last
    }

    /// Takes in what becomes of `change`, and gives the receipt's word. One that was overtaken in full changes nothing and
    /// is told of.
    pub fn take_in(&mut self, change: &Change, decision: Decision, edit: &Edit<'_>, told: &Circumstances) -> Outcome {
        let target = change.target(self.tenant);
        let Decision { changes, outcome, is_joined } = decision;
        if let Some(row) = self.rows.row(target).filter(|_| changes.is_empty() && !told.lost.is_empty()) {
            self.entries.extend(trail::draft(self.tenant, change, Some(row), Some(row), target, told));
        }
        for row_change in changes {
            self.last = Seq(self.last.0 + 1);
            let key = row_change.key();
            let old = self.rows.remove(&key);
            let facts = self.facts.entry(key).or_default();
            let left = old.as_ref().map(Row::home);
            match row_change {
                RowChange::Put(row) => {
                    // Who sees only where it was is told that it left, who sees both before it comes again.
                    if let Some(left) = left.filter(|left| facts.stored.is_some() && *left != row.home()) {
                        self.left.push((left, Gone { table: key.table, id: key.id, seq: self.last, why: Departure::LeftScope }));
                        self.last = Seq(self.last.0 + 1);
                    }
                    facts.seq = self.last;
                    facts.stamps = policy::stamped(std::mem::take(&mut facts.stamps), old.as_ref(), &row, edit, is_joined, self.last);
                    self.entries.extend(trail::draft(self.tenant, change, old.as_ref(), Some(&row), key, told));
                    self.rows.insert(key, row);
                    self.fate.insert(key, true);
                }
                RowChange::Remove(_) => {
                    facts.seq = self.last;
                    // Whatever is made anew under this key has a history of its own.
                    facts.stamps.clear();
                    self.entries.extend(trail::draft(self.tenant, change, old.as_ref(), None, key, told));
                    self.fate.insert(key, false);
                }
            }
        }
        outcome
    }

    /// Writes rows, tombstones, checksum, sequence and audit entries; the poke goes out on commit.
    ///
    /// # Errors
    /// Whatever the store says; the caller then undoes the part or the transaction.
    pub async fn write(mut self, scope: &mut Scope, author: &Author, at: Millis, request_id: Option<&str>) -> Result<Seq, DbError> {
        let entries = trail::finish(scope, std::mem::take(&mut self.entries)).await?;
        let is_changed = self.last != self.clock.seq;
        if !is_changed && entries.is_empty() {
            return Ok(self.last);
        }
        if is_changed {
            let checksum = self.write_sums(scope).await?;
            self.write_rows(scope, at).await?;
            let news = if scope.is_heard() { self.news(checksum, at) } else { None };
            scope.notify(Event::Changed { seq: self.last.0, news });
        }
        let head = audit::append_to(scope, self.clock.head, author, at, request_id, entries).await?;
        store::move_clock(scope, self.last, head).await?;
        Ok(self.last)
    }

    /// What this batch changes, for those who see everything: where it is little, they need not ask for it.
    fn news(&self, checksum: Checksum, at: Millis) -> Option<Arc<News>> {
        if self.fate.len() > news::MOST {
            return None;
        }
        // What is somebody's own is nobody's news: its owner fetches it.
        let (own, shared): (Vec<_>, Vec<_>) = self.fate.iter().partition(|(key, _)| key.table.is_personal());
        let owners: BTreeSet<PersonId> = own.into_iter().filter_map(|(key, _)| self.owner(*key)).collect();
        if owners.len() > 1 {
            return None;
        }
        let mut deltas: Vec<Delta> = shared.into_iter().filter_map(|(key, alive)| {
            let facts = self.facts.get(key)?;
            match self.rows.get(key).filter(|_| *alive) {
                Some(row) => Some(Delta::Row(SyncedRow { seq: facts.seq, row: row.clone() })),
                None => facts.stored.as_ref().map(|_| Delta::Gone(Gone { table: key.table, id: key.id, seq: facts.seq, why: Departure::Deleted })),
            }
        }).collect();
        deltas.sort_unstable_by_key(Delta::seq);
        let begin = Begin { scope: SyncScope::Tenant, scopes: Sight::All, epoch: self.clock.epoch, from: self.clock.seq, to: self.last, fresh: false, server_time: at };
        news::of(begin, deltas, checksum, owners.into_iter().next())
    }

    /// Whose own row that is, or was.
    fn owner(&self, key: RowKey) -> Option<PersonId> {
        let stored = || self.facts.get(&key)?.home();
        match self.rows.get(&key).map(Row::home).or_else(stored) {
            Some(SyncScope::Person(person)) => Some(person),
            _ => None,
        }
    }

    /// Keeps the checksums; that of all rows that are shared.
    async fn write_sums(&self, scope: &mut Scope) -> Result<Checksum, DbError> {
        let changed = || self.fate.iter().filter_map(|(key, alive)| Some((*key, self.facts.get(key)?, self.rows.get(key).filter(|_| *alive))));
        let homes = changed().flat_map(|(_, facts, row)| facts.home().into_iter().chain(row.map(Row::home)));
        let mut sums = Sums::load(scope, homes.collect::<BTreeSet<_>>()).await?;
        for (key, facts, row) in changed() {
            if let Some((row, seq)) = &facts.stored {
                sums.remove(row.home(), key, *seq);
            }
            if let Some(row) = row {
                sums.add(row.home(), key, facts.seq);
            }
        }
        let whole = sums.whole();
        sums.save(scope).await?;
        Ok(whole)
    }

    async fn write_rows(&self, scope: &mut Scope, at: Millis) -> Result<(), DbError> {
        let mut lives = Vec::with_capacity(self.fate.len());
        for (key, alive) in &self.fate {
            let Some(facts) = self.facts.get(key) else { continue };
            if let Some(row) = self.rows.get(key).filter(|_| *alive) {
                lives.push(Written { seq: facts.seq, row, stamps: &facts.stamps, before: facts.stored.as_ref().map(|(row, _)| row) });
            }
        }
        store::write(scope, &lives).await?;
        for (home, gone) in &self.left {
            store::bury(scope, *home, *gone, at).await?;
        }
        // Children before parents, and only what was there.
        for table in Table::ALL.into_iter().rev() {
            for (key, _) in self.fate.iter().filter(|(key, alive)| !**alive && key.table == table) {
                if let Some((facts, home)) = self.facts.get(key).and_then(|facts| Some((facts, facts.home()?))) {
                    store::remove(scope, home, *key, facts.seq, at).await?;
                }
            }
        }
        if self.left.is_empty() && self.fate.values().all(|alive| *alive) {
            return Ok(());
        }
        store::forget_departed(scope, at.plus(-store::TOMBSTONES_MS)).await
    }
}
