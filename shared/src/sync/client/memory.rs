//! A replica in memory: for tests and for the examples. Cloning it is taking a snapshot.

use std::{collections::BTreeMap, convert::Infallible};

use super::{Delta, Entry, Meta, Replica, State};
use crate::{
    ids::IntentId,
    sync::{
        rows::{RowKey, Seq, SyncedRow},
        sight::Sight,
    },
    time::Millis,
};

/// A replica in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    meta: Meta,
    rows: BTreeMap<RowKey, SyncedRow>,
    preimages: BTreeMap<RowKey, Option<SyncedRow>>,
    entries: BTreeMap<u64, Entry>,
    staged: Vec<Delta>,
}

impl Memory {
    /// A replica that holds nothing yet.
    #[must_use]
    pub const fn new(meta: Meta) -> Self {
        Self { meta, rows: BTreeMap::new(), preimages: BTreeMap::new(), entries: BTreeMap::new(), staged: Vec::new() }
    }

    /// The rows as the UI reads them.
    pub fn rows(&self) -> impl Iterator<Item = &SyncedRow> {
        self.rows.values()
    }

    /// Every intent it has kept, in the order of recording.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }
}

impl Replica for Memory {
    type Error = Infallible;

    fn meta(&self) -> Result<Meta, Infallible> {
        Ok(self.meta.clone())
    }

    fn save_meta(&mut self, meta: &Meta) -> Result<(), Infallible> {
        self.meta = meta.clone();
        Ok(())
    }

    fn row(&self, key: RowKey) -> Result<Option<SyncedRow>, Infallible> {
        Ok(self.rows.get(&key).cloned())
    }

    fn put(&mut self, row: &SyncedRow) -> Result<(), Infallible> {
        self.rows.insert(row.row.key(), row.clone());
        Ok(())
    }

    fn remove(&mut self, key: RowKey) -> Result<(), Infallible> {
        self.rows.remove(&key);
        Ok(())
    }

    fn remove_all(&mut self) -> Result<(), Infallible> {
        self.rows.clear();
        Ok(())
    }

    fn remove_hidden(&mut self, sight: &Sight) -> Result<Vec<(RowKey, Seq)>, Infallible> {
        let hidden: Vec<(RowKey, Seq)> = self.rows.iter().filter(|(_, synced)| !sight.covers(synced.row.home())).map(|(key, synced)| (*key, synced.seq)).collect();
        self.rows.retain(|_, synced| sight.covers(synced.row.home()));
        Ok(hidden)
    }

    fn preimages(&self) -> Result<Vec<(RowKey, Option<SyncedRow>)>, Infallible> {
        Ok(self.preimages.iter().map(|(key, row)| (*key, row.clone())).collect())
    }

    fn is_covered(&self, key: RowKey) -> Result<bool, Infallible> {
        Ok(self.preimages.contains_key(&key))
    }

    fn keep_preimage(&mut self, key: RowKey, row: Option<&SyncedRow>) -> Result<(), Infallible> {
        self.preimages.entry(key).or_insert_with(|| row.cloned());
        Ok(())
    }

    fn clear_preimages(&mut self) -> Result<(), Infallible> {
        self.preimages.clear();
        Ok(())
    }

    fn outbox(&self) -> Result<Vec<Entry>, Infallible> {
        Ok(self.entries.values().filter(|entry| entry.state.is_shown()).cloned().collect())
    }

    fn waiting(&self, limit: usize) -> Result<Vec<Entry>, Infallible> {
        let mut waiting: Vec<Entry> = self.entries.values().filter(|entry| entry.state == State::Waiting).cloned().collect();
        waiting.sort_by_key(|entry| entry.intent.n);
        waiting.truncate(limit);
        Ok(waiting)
    }

    fn deferred(&self) -> Result<Vec<Entry>, Infallible> {
        Ok(self.entries.values().filter(|entry| matches!(entry.state, State::Deferred(_))).cloned().collect())
    }

    fn entry(&self, id: IntentId) -> Result<Option<Entry>, Infallible> {
        Ok(self.entries.values().find(|entry| entry.intent.id == id).cloned())
    }

    fn acknowledged(&self) -> Result<Vec<Entry>, Infallible> {
        Ok(self.entries.values().filter(|entry| matches!(entry.state, State::Done { receipt: Some(_), .. })).cloned().collect())
    }

    fn given_up(&self) -> Result<Vec<Entry>, Infallible> {
        Ok(self.entries.values().filter(|entry| matches!(entry.state, State::Done { receipt: None, .. })).cloned().collect())
    }

    fn attention(&self) -> Result<Vec<Entry>, Infallible> {
        Ok(self.entries.values().filter(|entry| matches!(entry.state, State::Attention(_))).cloned().collect())
    }

    fn save_entry(&mut self, entry: &Entry) -> Result<(), Infallible> {
        self.entries.insert(entry.order, entry.clone());
        Ok(())
    }

    fn remove_entry(&mut self, id: IntentId) -> Result<(), Infallible> {
        self.entries.retain(|_, entry| entry.intent.id != id);
        Ok(())
    }

    fn forget_done_before(&mut self, at: Millis) -> Result<(), Infallible> {
        self.entries.retain(|_, entry| !matches!(entry.state, State::Done { at: done, .. } if done < at));
        Ok(())
    }

    fn stage(&mut self, deltas: &[Delta]) -> Result<(), Infallible> {
        self.staged.extend_from_slice(deltas);
        Ok(())
    }

    fn staged(&self, skip: usize, limit: usize) -> Result<Vec<Delta>, Infallible> {
        Ok(self.staged.iter().skip(skip).take(limit).cloned().collect())
    }

    fn clear_staged(&mut self) -> Result<(), Infallible> {
        self.staged.clear();
        Ok(())
    }
}
