//! What goes with rows that went out of their person's sight.

use std::collections::HashSet;

use super::{Replica, State, rebase};
use crate::{
    ids::TenantId,
    sync::{
        intent::{Change, NewDevice},
        rows::{RowKey, Scope},
        sight::Sight,
    },
};

/// This person sees less than before: rows that are out of sight go at once, with what was staged and what
/// was done to such rows and has its last word.
///
/// # Errors
/// Whatever the store says; roll back.
pub fn narrow<R: Replica>(replica: &mut R, sight: &Sight) -> Result<(), R::Error> {
    let mut meta = replica.meta()?;
    rebase::lay_bare(replica)?;
    let hidden = replica.remove_hidden(sight)?;
    for (key, seq) in &hidden {
        meta.checksum.remove(*key, *seq);
    }
    let hidden: HashSet<RowKey> = hidden.into_iter().map(|(key, _)| key).collect();
    // One that was made here, and has not been pulled, stands in no row yet.
    let is_made_there = |change: &Change| matches!(change, Change::DeviceCreate(NewDevice { site_id: Some(site), .. }) if !sight.covers(Scope::Site(*site)));
    forget_done_to(replica, |change, tenant| hidden.contains(&change.target(tenant)) || is_made_there(change))?;
    replica.clear_staged()?;
    meta.staged = None;
    meta.sight = meta.sight.and(sight);
    rebase::show_again(replica, &meta)?;
    replica.save_meta(&meta)
}

/// Of what went out of sight goes what was done to it and has its last word, too. What has none stays in the outbox, for
/// the server to speak it; and records of attempts stay: they are their author's.
pub(super) fn forget_done_to<R: Replica>(replica: &mut R, is_departed: impl Fn(&Change, TenantId) -> bool) -> Result<(), R::Error> {
    let tenant = replica.meta()?.tenant;
    let accepted = replica.outbox()?.into_iter().filter(|entry| matches!(entry.state, State::Accepted(_)));
    for entry in replica.acknowledged()?.into_iter().chain(accepted) {
        let change = &entry.intent.change;
        if is_departed(change, tenant) && !matches!(change, Change::AttemptRecord(_)) {
            replica.remove_entry(entry.intent.id)?;
        }
    }
    Ok(())
}
