//! Server rows underneath, pending intents on top (SYNC.md 1.2 *Rebase*).

use super::{Meta, Replica, State};
#[cfg(test)]
use crate::sync::seeded::{Bug, is};
use crate::sync::{
    intent::Intent,
    receipt::Refusal,
    rows::{RowKey, RowSet, Seq, SyncedRow},
    rules::{self, RowChange},
};

/// Shows an intent's effect on top of the rows, keeping what is underneath. A refusal changes nothing.
pub(super) fn show<R: Replica>(replica: &mut R, meta: &Meta, intent: &Intent) -> Result<Result<(), Refusal>, R::Error> {
    let mut rows = RowSet::new();
    for key in intent.change.touches(meta.tenant) {
        if let Some(synced) = replica.row(key)? {
            rows.insert(key, synced.row);
        }
    }
    let changes = match rules::apply(&intent.change, &meta.actor(intent.at), &rows) {
        Ok(changes) => changes,
        Err(refusal) => return Ok(Err(refusal)),
    };
    for change in changes {
        put_on_top(replica, change)?;
    }
    Ok(Ok(()))
}

fn put_on_top<R: Replica>(replica: &mut R, change: RowChange) -> Result<(), R::Error> {
    let key = change.key();
    let under = replica.row(key)?;
    replica.keep_preimage(key, under.as_ref())?;
    match change {
        RowChange::Put(row) => replica.put(&SyncedRow { seq: under.map_or(Seq(0), |under| under.seq), row }),
        RowChange::Remove(key) => replica.remove(key),
    }
}

/// Takes every optimistic row away again: only server rows are left.
pub(super) fn lay_bare<R: Replica>(replica: &mut R) -> Result<(), R::Error> {
    for (key, under) in replica.preimages()? {
        restore(replica, key, under.as_ref())?;
    }
    replica.clear_preimages()
}

fn restore<R: Replica>(replica: &mut R, key: RowKey, under: Option<&SyncedRow>) -> Result<(), R::Error> {
    match under {
        Some(row) => replica.put(row),
        None => replica.remove(key),
    }
}

/// Runs the pending intents again, in the order they were recorded. One that the rules refuse by
/// now shows nothing and stays in the outbox: the server has the last word, with its reason.
pub(super) fn show_again<R: Replica>(replica: &mut R, meta: &Meta) -> Result<(), R::Error> {
    for entry in replica.outbox()? {
        #[cfg(test)]
        if is(Bug::RebaseForgetsAccepted) && matches!(entry.state, State::Accepted(_)) || is(Bug::RebaseForgetsPending) && entry.state == State::Waiting {
            continue;
        }
        if entry.state.is_shown() {
            let _refused_for_now = show(replica, meta, &entry.intent)?;
        }
    }
    Ok(())
}

/// The same server rows, the intents as they are in the outbox now.
pub(super) fn rebase<R: Replica>(replica: &mut R, meta: &Meta) -> Result<(), R::Error> {
    lay_bare(replica)?;
    show_again(replica, meta)
}

/// Intents that this checkpoint brings back as server rows need not be shown from here any more.
pub(super) fn settle<R: Replica>(replica: &mut R, cursor: Seq, now: crate::time::Millis) -> Result<bool, R::Error> {
    let mut any = false;
    for mut entry in replica.outbox()? {
        if let State::Accepted(receipt) = &entry.state
            && receipt.seq <= cursor
        {
            entry.state = State::Done { receipt: Some(receipt.clone()), at: now };
            replica.save_entry(&entry)?;
            any = true;
        }
    }
    Ok(any)
}
