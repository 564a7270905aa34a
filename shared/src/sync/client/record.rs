//! Recording what a person changes: durable first, then "saved".

use std::collections::HashSet;

use super::{Entry, Meta, Reading, Replica, State, rebase};
use crate::{
    ids::IntentId,
    sync::{
        intent::{Change, Intent},
        receipt::Refusal,
        rows::{RowKey, Seq, SyncedRow},
    },
    time::Moment,
};

/// A change that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// As it will be pushed.
    pub intent: Intent,
    /// Its target row as it is shown from now on.
    pub row: Option<SyncedRow>,
}

/// Applies `change` to the shown rows and puts it into the outbox. `id` is a new UUIDv7, `now` by this
/// machine's clocks. A refusal changes nothing and goes back to the person at once.
///
/// # Errors
/// Whatever the store says; roll back.
pub fn record<R: Replica>(replica: &mut R, id: IntentId, now: impl Into<Moment>, change: Change) -> Result<Result<Recorded, Refusal>, R::Error> {
    let mut meta = replica.meta()?;
    let now = now.into();
    let target = change.target(meta.tenant);
    let (base, depends_on) = (base(replica, &change, target)?, depends_on(replica, &meta, &change)?);
    let intent = Intent { client_id: meta.client_id, n: meta.next_n, id, at: now.at, at_is_rough: false, base, depends_on, change };
    if let Err(refusal) = rebase::show(replica, &meta, &intent)? {
        return Ok(Err(refusal));
    }
    replica.save_entry(&Entry { order: meta.next_order, intent: intent.clone(), state: State::Waiting, reading: Some(Reading::taken(now, &meta)) })?;
    meta.next_n += 1;
    meta.next_order += 1;
    replica.save_meta(&meta)?;
    let row = replica.row(target)?;
    Ok(Ok(Recorded { intent, row }))
}

/// What the author has seen of the target; `None` when the change makes it.
fn base<R: Replica>(replica: &R, change: &Change, target: RowKey) -> Result<Option<Seq>, R::Error> {
    if change.creates() { Ok(None) } else { Ok(Some(replica.seq_of(target)?.unwrap_or_default())) }
}

/// The pending intents that made rows which this one uses.
fn depends_on<R: Replica>(replica: &R, meta: &Meta, change: &Change) -> Result<Vec<IntentId>, R::Error> {
    // Evidence stands by itself: a refused device or site does not take its attempt along.
    if matches!(change, Change::AttemptRecord(_)) {
        return Ok(vec![]);
    }
    let mut local = HashSet::new();
    for key in change.touches(meta.tenant) {
        if replica.seq_of(key)? == Some(Seq(0)) {
            local.insert(key);
        }
    }
    if local.is_empty() {
        return Ok(vec![]);
    }
    let makes = |entry: &Entry| entry.intent.change.creates() && local.contains(&entry.intent.change.target(meta.tenant));
    Ok(replica.outbox()?.into_iter().filter(|entry| makes(entry)).map(|entry| entry.intent.id).collect())
}
