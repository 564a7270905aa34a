//! Recording what a person changes: durable first, then "saved".

use std::collections::HashSet;

#[cfg(test)]
use crate::sync::seeded::{Bug, is};
use super::{Entry, Meta, Reading, Replica, State, rebase};
use crate::{
    ids::IntentId,
    sync::{
        intent::{Change, Intent},
        policy,
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
    let (Seen { base, words, read, past_lost }, depends_on) = (seen(replica, &meta, &change, target)?, depends_on(replica, &meta, &change)?);
    let intent = Intent { client_id: meta.client_id, n: meta.next_n, id, at: now.at, at_is_rough: false, base, words, read, past_lost, depends_on, change };
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

/// What the author has seen of the target, `None` when the change makes it; and of the words there, where that is less:
/// what an own edit hides as long as it waits is not seen before it is settled. Of a past that the server lost, what stands still.
fn seen<R: Replica>(replica: &R, meta: &Meta, change: &Change, target: RowKey) -> Result<Seen, R::Error> {
    if change.creates() {
        return Ok(Seen::default());
    }
    let shown = replica.seq_of(target)?.unwrap_or_default();
    let past_lost = meta.kept.is_some_and(|kept| kept < shown);
    let read = if policy::hides_words(change) { policy::words_in(replica.row(target)?.as_ref().map(|synced| &synced.row)) } else { None };
    let kept = meta.kept;
    #[cfg(test)]
    let kept = kept.filter(|_| !is(Bug::LostPastIsSeen));
    let shown = kept.map_or(shown, |kept| shown.min(kept));
    #[cfg(test)]
    if is(Bug::HiddenCountsAsSeen) {
        return Ok(Seen { base: Some(shown), words: None, read, past_lost });
    }
    if !policy::hides_words(change) || !replica.is_covered(target)? {
        return Ok(Seen { base: Some(shown), words: None, read, past_lost });
    }
    let hides = |change: &Change| change.target(meta.tenant) == target && policy::hides_words(change);
    let hiding: Vec<Intent> = replica.outbox()?.into_iter().map(|entry| entry.intent).filter(|intent| hides(&intent.change)).collect();
    let words = hiding.iter().map(|intent| intent.words.or(intent.base).unwrap_or_default()).min();
    // What an own edit put in that waits was not read there: the server may not have it yet.
    let first = hiding.first();
    #[cfg(test)]
    let first = first.filter(|_| !is(Bug::OwnPendingIsRead));
    let read = first.map_or(read, |first| first.read.clone());
    Ok(Seen { base: Some(shown), words: words.filter(|words| *words < shown), read, past_lost })
}

/// What the author of a change had before them.
#[derive(Default)]
struct Seen {
    /// Of the target.
    base: Option<Seq>,
    /// Of the words there, where that is less.
    words: Option<Seq>,
    /// Those words.
    read: Option<String>,
    /// Whether they saw more, in a past that is lost.
    past_lost: bool,
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        entities::Site,
        ids::{ClientId, PersonId, SiteId, TenantId},
        roles::Role,
        sync::{
            client::Memory,
            intent::{SitePatch, SiteUpdate},
            patch::Patch,
        },
        time::Millis,
    };

    #[test]
    fn what_an_own_edit_hides_was_not_seen() {
        let id = |n| Uuid::from_u128(n);
        let meta = Meta::new(ClientId(id(1)), TenantId(id(2)), PersonId(id(3)), Role::Admin);
        let mut replica = Memory::new(meta.clone());
        let stands = |seq, note: &str| SyncedRow {
            seq: Seq(seq),
            row: Site { id: SiteId(id(4)), name: "Lager".into(), address: None, time_zone: "UTC".into(), note: Some(note.into()), created_at: Millis(0) }.into(),
        };
        let seen = |replica: &mut Memory, n, patch| {
            let intent = record(replica, IntentId(id(n)), Millis(1), Change::SiteUpdate(SiteUpdate { id: SiteId(id(4)), patch })).unwrap().unwrap().intent;
            (intent.base, intent.words)
        };
        let note = |text: &str| SitePatch { note: Patch::Set(text.into()), ..SitePatch::default() };
        replica.put(&stands(2, "Gate 2")).unwrap();
        assert_eq!(seen(&mut replica, 5, note("Gate 2, ring twice")), (Some(Seq(2)), None));
        // A pull brings what somebody else wrote, underneath.
        rebase::lay_bare(&mut replica).unwrap();
        replica.put(&stands(6, "Dog in the yard")).unwrap();
        rebase::show_again(&mut replica, &meta).unwrap();
        let unseen = (Some(Seq(6)), Some(Seq(2)));
        assert_eq!(seen(&mut replica, 6, note("Ring twice")), unseen);
        let name = Patch::Set("Depot".to_owned());
        assert_eq!(seen(&mut replica, 7, SitePatch { name: name.clone(), ..SitePatch::default() }), (Some(Seq(6)), None), "a name hides no words");
        assert_eq!(seen(&mut replica, 8, SitePatch { name, ..note("Ring thrice") }), unseen, "of the name its author knows what is shown");
    }
}
