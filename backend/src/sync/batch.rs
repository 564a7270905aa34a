//! Changes on their way into the store: loaded once, decided in memory, written together.
//!
//! The caller holds the tenant's only writer, so what was loaded stays true until [`Batch::write`],
//! and sequences can be handed out before they are taken. Deliberately not here: receipts
//! (`push`), permission and validation (`omniot_shared::sync::rules`).

use std::collections::{BTreeMap, HashMap};

use omniot_shared::{
    ids::TenantId,
    sync::{
        Change, Checksum, Row, RowChange, RowKey, RowSet, Seq, Table,
        policy::{self, Edit, Stamps},
        rows::Scope as SyncScope,
    },
    time::Millis,
};

use super::{store, trail};
use crate::{
    audit::{self, Author, Entry},
    db::{DbError, Event, Scope},
};

/// The one scope there is so far.
const SCOPE: SyncScope = SyncScope::Tenant;

/// What stands beside a row.
#[derive(Debug, Clone, Default)]
struct Facts {
    /// Its sequence in the store; `None` when it is not there yet.
    stored: Option<Seq>,
    /// Its sequence after this batch.
    seq: Seq,
    stamps: Stamps,
}

/// Changes of one tenant that are written together.
#[derive(Debug)]
pub struct Batch {
    tenant: TenantId,
    rows: RowSet,
    facts: HashMap<RowKey, Facts>,
    first: Seq,
    last: Seq,
    /// What becomes of each changed row: `true` = it lives.
    fate: BTreeMap<RowKey, bool>,
    entries: Vec<Entry>,
}

impl Batch {
    /// Loads the rows that these changes touch.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn open(scope: &mut Scope, changes: impl IntoIterator<Item = &Change>) -> Result<Self, DbError> {
        let tenant = scope.tenant();
        let keys: Vec<RowKey> = changes.into_iter().flat_map(|change| change.touches(tenant)).collect();
        let seq = store::seq(scope).await?;
        let (mut rows, mut facts) = (RowSet::new(), HashMap::new());
        for (key, loaded) in store::load(scope, &keys).await? {
            rows.insert(key, loaded.row);
            facts.insert(key, Facts { stored: Some(loaded.seq), seq: loaded.seq, stamps: loaded.stamps });
        }
        Ok(Self { tenant, rows, facts, first: seq, last: seq, fate: BTreeMap::new(), entries: Vec::new() })
    }

    /// The rows as this batch leaves them so far.
    pub const fn rows(&self) -> &RowSet {
        &self.rows
    }

    /// The stamps of a change's target row.
    pub fn stamps(&self, change: &Change) -> Stamps {
        self.facts.get(&change.target(self.tenant)).map(|facts| facts.stamps.clone()).unwrap_or_default()
    }

    /// The tenant's sequence as this batch leaves it so far.
    pub const fn seq(&self) -> Seq {
        self.last
    }

    /// Takes in what the rules made of `change`.
    pub fn take_in(&mut self, change: &Change, changes: Vec<RowChange>, edit: &Edit, lost: &[String]) {
        for row_change in changes {
            self.last = Seq(self.last.0 + 1);
            let key = row_change.key();
            let old = self.rows.remove(&key);
            let facts = self.facts.entry(key).or_default();
            facts.seq = self.last;
            match row_change {
                RowChange::Put(row) => {
                    facts.stamps = policy::stamped(std::mem::take(&mut facts.stamps), old.as_ref(), &row, edit, self.last);
                    self.entries.push(trail::entry(self.tenant, change, old.as_ref(), Some(&row), key, lost));
                    self.rows.insert(key, row);
                    self.fate.insert(key, true);
                }
                RowChange::Remove(_) => {
                    self.entries.push(trail::entry(self.tenant, change, old.as_ref(), None, key, lost));
                    self.fate.insert(key, false);
                }
            }
        }
    }

    /// Writes rows, tombstones, checksum, sequence and audit entries; the poke goes out on commit.
    ///
    /// # Errors
    /// Whatever the store says; the caller then undoes the part or the transaction.
    pub async fn write(self, scope: &mut Scope, author: &Author, at: Millis, request_id: Option<&str>) -> Result<Seq, DbError> {
        let taken = u32::try_from(self.last.0 - self.first.0).unwrap_or(u32::MAX);
        if taken == 0 {
            return Ok(self.last);
        }
        let numbers = scope.next_seq(taken).await?;
        debug_assert_eq!(*numbers.end(), self.last.0, "one writer a tenant");
        let mut checksum = store::checksum(scope, SCOPE).await?;
        self.write_rows(scope, &mut checksum).await?;
        store::save_checksum(scope, SCOPE, checksum).await?;
        audit::append_all(scope, author, at, request_id, self.entries).await?;
        scope.notify(Event::Changed { seq: self.last.0 });
        Ok(self.last)
    }

    async fn write_rows(&self, scope: &mut Scope, checksum: &mut Checksum) -> Result<(), DbError> {
        let mut lives: Vec<(Seq, &Row, &Stamps)> = Vec::with_capacity(self.fate.len());
        for (key, alive) in &self.fate {
            let Some(facts) = self.facts.get(key) else { continue };
            if let Some(stored) = facts.stored {
                checksum.remove(*key, stored);
            }
            match self.rows.get(key) {
                Some(row) if *alive => {
                    checksum.add(*key, facts.seq);
                    lives.push((facts.seq, row, &facts.stamps));
                }
                _ => {}
            }
        }
        store::write(scope, SCOPE, &lives).await?;
        // Only a device's id is derived, so only a device can come back from the dead.
        let is_new = |key: &RowKey| key.table == Table::Device && self.facts.get(key).is_some_and(|facts| facts.stored.is_none());
        let new_devices: Vec<_> = lives.iter().map(|(_, row, _)| row.key()).filter(is_new).map(|key| key.id).collect();
        store::unbury(scope, SCOPE, Table::Device, &new_devices).await?;
        // Children before parents, and only what was there.
        for table in Table::ALL.into_iter().rev() {
            for (key, _) in self.fate.iter().filter(|(key, alive)| !**alive && key.table == table) {
                if let Some(facts) = self.facts.get(key).filter(|facts| facts.stored.is_some()) {
                    store::remove(scope, SCOPE, *key, facts.seq).await?;
                }
            }
        }
        Ok(())
    }
}
