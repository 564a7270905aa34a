//! Changes that go to "needs attention" without a refusal of the server, and those that need nobody any more.
//!
//! Deliberately not here: what a person does about them (`retry`, `discard`).

use uuid::Uuid;

use super::{Entry, Reading, Replica, State};
use crate::{
    ids::IntentId,
    sync::{
        intent::{Change, Intent},
        policy,
        receipt::{Code, Outcome, Receipt, Refusal},
        rows::{RowSet, Seq},
        rules,
    },
    time::{Millis, Moment},
};

/// Keeps a change that the rules refuse here and that must not be thrown away, such as the record of an attempt. What its
/// author may not do any more is sent all the same: the server keeps it for the administrators. Anything else waits for a
/// person to decide about it, and takes no number of the outbox.
///
/// # Errors
/// Whatever the store says; roll back.
pub fn hold<R: Replica>(replica: &mut R, id: IntentId, now: impl Into<Moment>, change: Change, refusal: Refusal) -> Result<(), R::Error> {
    let (mut meta, now) = (replica.meta()?, now.into());
    let mut intent = Intent { client_id: meta.client_id, n: 0, id, at: now.at, at_is_rough: false, base: None, words: None, read: None, past_lost: false, depends_on: vec![], change };
    let (mut state, mut reading) = (State::Waiting, Some(Reading::taken(now, &meta)));
    if matches!(refusal.code, Code::NotAllowed | Code::NoLongerPermitted) {
        intent.n = meta.next_n;
        meta.next_n += 1;
    } else {
        state = State::Attention(Receipt { n: 0, intent_id: id, seq: meta.cursor, outcome: Outcome::Refused(refusal) });
        reading = None;
    }
    replica.save_entry(&Entry { order: meta.next_order, intent, state, reading })?;
    meta.next_order += 1;
    replica.save_meta(&meta)
}

/// Under which id the words are kept that an intent lost: one for all copies of a replica, however often they are lost.
#[must_use]
pub fn words_of(intent: IntentId) -> IntentId {
    IntentId(Uuid::new_v5(&intent.0, b"words"))
}

/// Keeps what a person wrote and an accepted intent lost, for them to decide about: it is sent again only if they
/// want it. Whether there is something new to decide.
pub(super) fn keep_words<R: Replica>(replica: &mut R, entry: &Entry, receipt: &Receipt) -> Result<bool, R::Error> {
    let (Outcome::Merged { lost } | Outcome::Superseded { lost }) = &receipt.outcome else { return Ok(false) };
    #[cfg(test)]
    if crate::sync::seeded::is(crate::sync::seeded::Bug::LostWordsForgotten) {
        return Ok(false);
    }
    let mut meta = replica.meta()?;
    let Some(change) = policy::words_lost(&entry.intent.change, lost, meta.tenant) else { return Ok(false) };
    let id = words_of(entry.intent.id);
    // The same words were lost to a server that was put back since: what was decided then stands.
    if replica.entry(id)?.is_some() {
        return Ok(false);
    }
    let lost = lost.iter().filter(|field| policy::is_written(change.target(meta.tenant).table, field)).cloned().collect();
    let intent = Intent { n: 0, id, base: None, words: None, read: None, past_lost: false, depends_on: vec![], change, ..entry.intent.clone() };
    let receipt = Receipt { n: 0, intent_id: id, seq: receipt.seq, outcome: Outcome::Superseded { lost } };
    replica.save_entry(&Entry { order: meta.next_order, intent, state: State::Attention(receipt), reading: None })?;
    meta.next_order += 1;
    replica.save_meta(&meta)?;
    Ok(true)
}

/// Takes a change from under "needs attention" that stands by now, so that nobody has to decide: the record of an
/// attempt that the server has (an administrator accepted it), or what the row says, whoever made it say so. `at`: by the server's clock.
///
/// # Errors
/// Whatever the store says; roll back.
pub fn settle_attention<R: Replica>(replica: &mut R, id: IntentId, at: Millis) -> Result<bool, R::Error> {
    let Some(mut entry) = replica.entry(id)? else { return Ok(false) };
    let State::Attention(receipt) = &entry.state else { return Ok(false) };
    let meta = replica.meta()?;
    let target = entry.intent.change.target(meta.tenant);
    let Some(row) = replica.row(target)? else { return Ok(false) };
    let is_covered = replica.is_covered(target)?;
    #[cfg(test)]
    let is_covered = is_covered && !crate::sync::seeded::is(crate::sync::seeded::Bug::ShadowSettles);
    let word = if matches!(entry.intent.change, Change::AttemptRecord(_)) {
        // One of that number that says something else is not this one.
        let is_another = receipt.outcome.refusal().is_some_and(|refusal| refusal.code == Code::AppendOnly);
        if row.seq == Seq(0) || is_another {
            return Ok(false);
        }
        // A server that is put back to before would have to get it again.
        Some(Receipt { seq: row.seq, outcome: Outcome::Applied, ..receipt.clone() })
    } else {
        let is_said = || rules::apply(&entry.intent.change, &meta.actor(entry.intent.at), &RowSet::from([(target, row.row)])).is_ok_and(|changes| changes.is_empty());
        // Under what is pending here nobody sees what stands.
        if is_covered || !is_said() {
            return Ok(false);
        }
        None
    };
    entry.state = State::Done { receipt: word, at };
    replica.save_entry(&entry)?;
    Ok(true)
}

/// Takes a waiting intent out of the way that no push gets through with (too large for something on the
/// way): it goes to "needs attention", and those behind it move up, so that their numbers stay contiguous.
/// `false` when it does not wait.
///
/// # Errors
/// Whatever the store says; roll back.
pub fn set_aside<R: Replica>(replica: &mut R, id: IntentId, refusal: Refusal) -> Result<bool, R::Error> {
    let Some(mut entry) = replica.entry(id)?.filter(|entry| entry.state == State::Waiting) else { return Ok(false) };
    let (free, seq) = (entry.intent.n, replica.meta()?.cursor);
    entry.state = State::Attention(Receipt { n: free, intent_id: id, seq, outcome: Outcome::Refused(refusal) });
    replica.save_entry(&entry)?;
    close_up(replica, &[id], Some(free))?;
    Ok(true)
}

/// Closes up behind intents that do not wait any more without a receipt, `free` being the first number that was given to
/// one of them and is to be given again: those behind it move up, nobody waits for what never comes, and its effect is
/// shown no more. Such are intents that are set aside, and those that the store cannot read any more: it passes over them.
///
/// # Errors
/// Whatever the store says; roll back.
pub fn close_up<R: Replica>(replica: &mut R, lost: &[IntentId], free: Option<u64>) -> Result<(), R::Error> {
    let mut meta = replica.meta()?;
    if let Some(free) = free {
        meta.next_n = free;
        for mut behind in replica.waiting(usize::MAX)?.into_iter().filter(|other| other.intent.n > free) {
            behind.intent.n = meta.next_n;
            meta.next_n += 1;
            replica.save_entry(&behind)?;
        }
    }
    // The server may have put it off before, and would let its children wait for it for ever.
    for mut child in replica.outbox()?.into_iter().filter(|other| other.intent.depends_on.iter().any(|parent| lost.contains(parent))) {
        child.intent.depends_on.retain(|parent| !lost.contains(parent));
        replica.save_entry(&child)?;
    }
    replica.save_meta(&meta)?;
    super::rebase::rebase(replica, &meta)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{ClientId, PersonId, SiteId, TenantId},
        roles::Role,
        sync::{
            client::{self, Memory, Meta},
            Patch,
            intent::{NewSite, SitePatch, SiteUpdate},
            wire::PushResponse,
        },
    };
    use uuid::Uuid;

    fn site(n: u128) -> Change {
        Change::SiteCreate(NewSite { id: SiteId(Uuid::from_u128(n)), name: format!("Site {n}"), address: None, time_zone: "UTC".into(), note: None })
    }

    fn replica() -> Memory {
        let id = |n| Uuid::from_u128(n);
        Memory::new(Meta::new(ClientId(id(1)), TenantId(id(2)), PersonId(id(3)), Role::Admin))
    }

    #[test]
    fn an_intent_that_is_set_aside_leaves_no_hole_in_the_numbers() {
        let mut store = replica();
        for n in 1..=3 {
            client::record(&mut store, IntentId(Uuid::from_u128(10 + n)), Millis(1), site(n)).unwrap().unwrap();
        }
        let refusal = Refusal::new(Code::InvalidField, "too large");
        assert!(set_aside(&mut store, IntentId(Uuid::from_u128(12)), refusal.clone()).unwrap());
        assert!(!set_aside(&mut store, IntentId(Uuid::from_u128(12)), refusal).unwrap(), "only once");
        let push = client::next_push(&store, Millis(2)).unwrap().unwrap();
        assert_eq!(push.intents.iter().map(|intent| (intent.n, intent.id.0.as_u128())).collect::<Vec<_>>(), [(1, 11), (2, 13)]);
        assert_eq!(store.rows().count(), 2, "what needs attention is not shown as if it stood");
        let next = client::record(&mut store, IntentId(Uuid::from_u128(14)), Millis(1), site(4)).unwrap().unwrap();
        assert_eq!(next.intent.n, 3);
        assert!(client::discard(&mut store, IntentId(Uuid::from_u128(12)), Millis(3)).unwrap());
    }

    #[test]
    fn nothing_waits_for_an_intent_that_is_set_aside() {
        let mut store = replica();
        let (parent, child) = (IntentId(Uuid::from_u128(10)), IntentId(Uuid::from_u128(11)));
        client::record(&mut store, parent, Millis(1), site(1)).unwrap().unwrap();
        let patch = SitePatch { note: Patch::Set("x".into()), ..SitePatch::default() };
        client::record(&mut store, child, Millis(1), Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::from_u128(1)), patch })).unwrap().unwrap();
        assert_eq!(store.entry(child).unwrap().unwrap().intent.depends_on, [parent]);
        set_aside(&mut store, parent, Refusal::new(Code::InvalidField, "too large")).unwrap();
        assert!(store.entry(child).unwrap().unwrap().intent.depends_on.is_empty());
    }

    /// A site whose new note lost against another one, as the server says.
    fn overtaken(store: &mut Memory) -> IntentId {
        let (made, edited, site_id) = (IntentId(Uuid::from_u128(10)), IntentId(Uuid::from_u128(11)), SiteId(Uuid::from_u128(1)));
        client::record(store, made, Millis(1), site(1)).unwrap().unwrap();
        let patch = SitePatch { name: Patch::Set("Depot".into()), note: Patch::Set("ring twice".into()), ..SitePatch::default() };
        client::record(store, edited, Millis(2), Change::SiteUpdate(SiteUpdate { id: site_id, patch })).unwrap().unwrap();
        lost_again(store);
        words_of(edited)
    }

    fn lost_again(store: &mut Memory) {
        let word = |n, outcome| Receipt { n, intent_id: IntentId(Uuid::from_u128(u128::from(n) + 9)), seq: Seq(4), outcome };
        let receipts = vec![word(1, Outcome::Applied), word(2, Outcome::Merged { lost: vec!["note".into()] })];
        client::take_receipts(store, &PushResponse { epoch: 1, seq: Seq(4), last_n: 2, server_time: Millis(0), skew_ms: 0, receipts }).unwrap();
    }

    #[test]
    fn words_that_lose_wait_for_their_author_and_the_rest_is_accepted() {
        let mut store = replica();
        let words = overtaken(&mut store);
        lost_again(&mut store);
        let states: Vec<&str> = store.entries().map(|entry| entry.state.name()).collect();
        assert_eq!(states, ["accepted", "accepted", "attention"], "the same answer again changes nothing");
        let kept = store.entry(words).unwrap().unwrap();
        let patch = SitePatch { note: Patch::Set("ring twice".into()), ..SitePatch::default() };
        assert_eq!(kept.intent.change, Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::from_u128(1)), patch }), "and says nothing of the name");
        assert_eq!(client::next_push(&store, Millis(3)).unwrap(), None, "it is not sent");
        client::restored(&mut store, ClientId(Uuid::from_u128(20))).unwrap();
        assert_eq!(client::next_push(&store, Millis(3)).unwrap().unwrap().intents.len(), 2, "nor again");

        let mine = client::retry(&mut store, words, IntentId(Uuid::from_u128(30)), Millis(3)).unwrap().unwrap().unwrap();
        assert_eq!(mine.intent.n, 3, "unless its author wants it");
        lost_again(&mut store);
        assert_eq!(store.entry(words).unwrap().unwrap().state.name(), "done", "what was decided stays decided");
    }

    #[test]
    fn what_stands_by_now_needs_nobody() {
        let mut store = replica();
        let words = overtaken(&mut store);
        assert!(!settle_attention(&mut store, words, Millis(9)).unwrap(), "the row says it only as long as the other change is pending here");
        let mut seen = store.clone();
        super::super::rebase::lay_bare(&mut seen).unwrap();
        let row = store.row(SiteId(Uuid::from_u128(1)).into()).unwrap().unwrap();
        seen.put(&row).unwrap();
        assert!(settle_attention(&mut seen, words, Millis(9)).unwrap(), "it says it");
        assert_eq!(seen.entry(words).unwrap().unwrap().state, State::Done { receipt: None, at: Millis(9) });
        let theirs = SitePatch { note: Patch::Set("ask the porter".into()), ..SitePatch::default() };
        client::record(&mut store, IntentId(Uuid::from_u128(12)), Millis(3), Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::from_u128(1)), patch: theirs })).unwrap().unwrap();
        assert!(!settle_attention(&mut store, words, Millis(9)).unwrap(), "the row says something else");
        assert!(!settle_attention(&mut store, IntentId(Uuid::from_u128(12)), Millis(9)).unwrap(), "nor is it a word about what is under way");
    }

    #[test]
    fn what_its_author_may_not_do_any_more_is_sent_and_shows_nothing() {
        let mut store = replica();
        hold(&mut store, IntentId(Uuid::from_u128(10)), Millis(1), site(1), Refusal::new(Code::NotAllowed, "")).unwrap();
        let next = client::record(&mut store, IntentId(Uuid::from_u128(11)), Millis(1), site(2)).unwrap().unwrap();
        let push = client::next_push(&store, Millis(2)).unwrap().unwrap();
        assert_eq!(push.intents.iter().map(|intent| (intent.n, intent.id.0.as_u128())).collect::<Vec<_>>(), [(1, 10), (2, 11)]);
        assert_eq!((next.intent.n, store.rows().count()), (2, 1));
    }

    #[test]
    fn a_change_that_is_held_is_never_sent_and_waits_for_a_person() {
        let mut store = replica();
        hold(&mut store, IntentId(Uuid::from_u128(10)), Millis(1), site(1), Refusal::new(Code::InvalidField, "")).unwrap();
        assert_eq!(client::next_push(&store, Millis(2)).unwrap(), None);
        assert_eq!(store.rows().count(), 0);
        let tried = client::retry(&mut store, IntentId(Uuid::from_u128(10)), IntentId(Uuid::from_u128(11)), Millis(3)).unwrap().unwrap();
        assert_eq!(tried.unwrap().intent.n, 1);
    }
}
