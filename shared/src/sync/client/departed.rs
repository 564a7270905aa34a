//! What goes with rows that went out of their person's sight.

use std::collections::{HashMap, HashSet};

use super::{Entry, Replica, State, rebase};
use crate::{
    ids::TenantId,
    sync::{
        intent::{Change, DevicePatch, DeviceUpdate},
        patch::Patch,
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
    let mut hidden: HashSet<RowKey> = hidden.into_iter().map(|(key, _)| key).collect();
    hidden.extend(made_out_of_sight(replica, meta.tenant, sight)?);
    forget_done_to(replica, |change, tenant| hidden.contains(&change.target(tenant)))?;
    replica.clear_staged()?;
    meta.staged = None;
    meta.sight = meta.sight.and(sight);
    rebase::show_again(replica, &meta)?;
    replica.save_meta(&meta)
}

/// Of what went out of sight goes what was done to it and has its last word, or was given up, too. What has none stays in the outbox, for
/// the server to speak it; and records of attempts stay: they are their author's.
pub(super) fn forget_done_to<R: Replica>(replica: &mut R, is_departed: impl Fn(&Change, TenantId) -> bool) -> Result<(), R::Error> {
    let tenant = replica.meta()?.tenant;
    for entry in decided(replica)?.into_iter().chain(replica.given_up()?) {
        let change = &entry.intent.change;
        if is_departed(change, tenant) && !matches!(change, Change::AttemptRecord(_)) {
            replica.remove_entry(entry.intent.id)?;
        }
    }
    Ok(())
}

/// Devices that were made here and that no pull has brought yet, so that they stand in no row, where the last word about
/// their place is one out of sight.
fn made_out_of_sight<R: Replica>(replica: &R, tenant: TenantId, sight: &Sight) -> Result<Vec<RowKey>, R::Error> {
    let mut decided = decided(replica)?;
    decided.sort_by_key(|entry| entry.order);
    let mut sites = HashMap::new();
    for entry in decided {
        let change = &entry.intent.change;
        match change {
            Change::DeviceCreate(device) => drop(sites.insert(change.target(tenant), device.site_id)),
            Change::DeviceUpdate(DeviceUpdate { patch: DevicePatch { site_id, .. }, .. }) => {
                sites.entry(change.target(tenant)).and_modify(|at| match site_id {
                    Patch::Keep => {}
                    Patch::Clear => *at = None,
                    Patch::Set(site) => *at = Some(*site),
                });
            }
            _ => {}
        }
    }
    let mut made = Vec::new();
    for (key, site) in sites {
        if site.is_some_and(|site| !sight.covers(Scope::Site(site))) && replica.row(key)?.is_none() {
            made.push(key);
        }
    }
    Ok(made)
}

/// Those that have their last word.
fn decided<R: Replica>(replica: &R) -> Result<Vec<Entry>, R::Error> {
    let accepted = replica.outbox()?.into_iter().filter(|entry| matches!(entry.state, State::Accepted(_)));
    Ok(replica.acknowledged()?.into_iter().chain(accepted).collect())
}
