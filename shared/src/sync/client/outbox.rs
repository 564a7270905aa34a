//! Pushing the outbox, and what receipts do to it.

use std::collections::HashSet;

#[cfg(test)]
use crate::sync::seeded::{Bug, is};
use super::{Entry, Meta, Recorded, Replica, State, held, reading, rebase, record};
use crate::{
    ids::{ClientId, IntentId},
    sync::{
        intent::Change,
        policy,
        receipt::{Code, Outcome, Receipt, Refusal},
        rows::Seq,
        wire::{HelloResponse, MAX_FORMER, MAX_PUSH_BYTES, MAX_PUSH_INTENTS, PushRequest, PushResponse, SCHEMA},
    },
    time::{Millis, Moment},
};

/// What is left of a push's size for everything that is not an intent.
const ENVELOPE: usize = 1_024;

/// What a `hello` tells about the relation of this replica and that server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greeting {
    /// Go on.
    Known,
    /// The server has receipts for numbers that this replica never gave: this file is an old copy. Call [`fork`].
    Forked,
    /// The server was restored from a backup. Call [`restored`].
    Restored,
}

/// Reads a `hello` and keeps the measured skew. Call it before the round's first push: an answer
/// that is older than receipts already taken would look like a server that forgot them.
///
/// `asked_at` is the cursor as it was when the `hello` was sent: somebody else may pull meanwhile, and the answer is older
/// than what that brought.
///
/// # Errors
/// Whatever the store says; roll back.
pub fn greet<R: Replica>(replica: &mut R, hello: &HelloResponse, asked_at: Seq) -> Result<Greeting, R::Error> {
    let mut meta = replica.meta()?;
    let life = meta.lives_in();
    let is_other_life = life != 0 && life != hello.epoch;
    meta.skew_ms = hello.skew_ms;
    meta.greeted = hello.epoch;
    if life == 0 {
        meta.life = hello.epoch;
    }
    replica.save_meta(&meta)?;
    let back_in_time = is_other_life || meta.epoch != 0 && hello.seq < meta.cursor.min(asked_at);
    // The first number without a receipt: the server must have answered all before it.
    let unanswered = replica.waiting(1)?.first().map_or(meta.next_n, |entry| entry.intent.n);
    let has_forgotten = hello.last_n.saturating_add(1) < unanswered;
    Ok(if back_in_time || has_forgotten {
        // Within one epoch nothing tells how far both pasts are the same.
        forget_the_lost_past(replica, if is_other_life { hello.kept_since(life) } else { Seq(0) })?;
        Greeting::Restored
    } else if hello.last_n >= meta.next_n {
        Greeting::Forked
    } else {
        Greeting::Known
    })
}

/// Sequences after `last` belong to a past that the server lost, and others will give them again:
/// what was seen then was seen no later than `last`, or their edits would be taken for known ones. So is what is recorded
/// while rows of then are shown.
fn forget_the_lost_past<R: Replica>(replica: &mut R, last: Seq) -> Result<(), R::Error> {
    let mut meta = replica.meta()?;
    meta.kept = Some(meta.kept.map_or(last, |before| before.min(last)));
    replica.save_meta(&meta)?;
    let mut entries = replica.acknowledged()?;
    entries.extend(replica.outbox()?);
    entries.extend(replica.attention()?);
    for mut entry in entries.into_iter().filter(|entry| entry.intent.base > Some(last)) {
        entry.intent.base = Some(last);
        entry.intent.past_lost = true;
        entry.intent.words = entry.intent.words.map(|seen| seen.min(last));
        replica.save_entry(&entry)?;
    }
    Ok(())
}

/// The next intents to push, `None` when there are none, with their times as the clock says that now. Ask again after
/// [`take_receipts`].
///
/// # Errors
/// Whatever the store says.
pub fn next_push<R: Replica>(replica: &R, now: impl Into<Moment>) -> Result<Option<PushRequest>, R::Error> {
    next_push_of(replica, now, MAX_PUSH_INTENTS)
}

/// The same, of at most so many intents: where something on the way does not let more through.
///
/// # Errors
/// Whatever the store says.
pub fn next_push_of<R: Replica>(replica: &R, now: impl Into<Moment>, most: usize) -> Result<Option<PushRequest>, R::Error> {
    let (meta, now) = (replica.meta()?, now.into());
    let (mut intents, mut room) = (Vec::new(), MAX_PUSH_BYTES - ENVELOPE);
    for mut entry in replica.waiting(most.clamp(1, MAX_PUSH_INTENTS))? {
        reading::set_right(&mut entry, now, meta.skew_ms);
        // The server wants an intent in the form in which it is measured here; one that cannot be
        // measured (it always can) goes alone.
        let size = serde_json::to_vec(&entry.intent).map_or(MAX_PUSH_BYTES, |json| json.len() + 1);
        if size > room && !intents.is_empty() {
            break;
        }
        room = room.saturating_sub(size);
        intents.push(entry.intent);
    }
    Ok((!intents.is_empty()).then_some(PushRequest { schema: SCHEMA, client_id: meta.client_id, now: now.at, epoch: Some(meta.lives_in()).filter(|life| *life != 0), former: meta.former, intents }))
}

/// What receipts came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// Accepted, in whole, in part or overtaken.
    pub accepted: usize,
    /// To "needs attention".
    pub refused: usize,
    /// To be sent again later.
    pub deferred: usize,
    /// Words that accepted ones lost: to "needs attention".
    pub kept: usize,
}

/// Takes the answer to a push. The same answer twice, or an old one late, changes nothing; nor does one of
/// another life of the server than the one this replica stands in ([`greet`] tells).
///
/// # Errors
/// Whatever the store says; roll back.
pub fn take_receipts<R: Replica>(replica: &mut R, response: &PushResponse) -> Result<Taken, R::Error> {
    let mut meta = replica.meta()?;
    let mut taken = Taken::default();
    if !meta.accepts(response.epoch) {
        return Ok(taken);
    }
    meta.skew_ms = response.skew_ms;
    meta.life = response.epoch;
    replica.save_meta(&meta)?;
    let mut accepted = Vec::new();
    for receipt in &response.receipts {
        accepted.extend(take_receipt(replica, receipt, &mut taken)?);
    }
    overtake(replica, &accepted, response.server_time)?;
    let may_have_arrived = response.receipts.iter().any(|receipt| receipt.seq <= meta.cursor);
    let arrived_already = may_have_arrived && rebase::settle(replica, meta.cursor, response.server_time)?;
    if arrived_already || taken.refused > 0 {
        rebase::rebase(replica, &meta)?;
    }
    Ok(taken)
}

/// Takes one receipt; the entry that was accepted by it.
fn take_receipt<R: Replica>(replica: &mut R, receipt: &Receipt, taken: &mut Taken) -> Result<Option<Entry>, R::Error> {
    let Some(mut entry) = replica.entry(receipt.intent_id)? else { return Ok(None) };
    if !entry.state.is_pending() {
        return Ok(None);
    }
    entry.state = match &receipt.outcome {
        Outcome::Later(_) if entry.state != State::Waiting || receipt.n != entry.intent.n => return Ok(None),
        #[cfg(test)]
        Outcome::Later(_) if is(Bug::LaterIsFinal) => State::Done { receipt: Some(receipt.clone()), at: Millis(0) },
        Outcome::Later(refusal) => {
            taken.deferred += 1;
            State::Deferred(refusal.clone())
        }
        Outcome::Refused(_) | Outcome::Quarantined(_) => {
            taken.refused += 1;
            State::Attention(receipt.clone())
        }
        Outcome::Applied | Outcome::Merged { .. } | Outcome::Superseded { .. } => {
            taken.accepted += 1;
            taken.kept += usize::from(held::keep_words(replica, &entry, receipt)?);
            State::Accepted(receipt.clone())
        }
    };
    replica.save_entry(&entry)?;
    Ok(matches!(entry.state, State::Accepted(_)).then_some(entry))
}

/// What was put off comes to the server after what its author did later: it says no more what that says anew.
fn overtake<R: Replica>(replica: &mut R, accepted: &[Entry], at: Millis) -> Result<(), R::Error> {
    #[cfg(test)]
    if is(Bug::OlderOfOnesOwnWins) {
        return Ok(());
    }
    if accepted.is_empty() {
        return Ok(());
    }
    let tenant = replica.meta()?.tenant;
    for mut entry in replica.deferred()? {
        let target = entry.intent.change.target(tenant);
        let later = accepted.iter().filter(|other| other.order > entry.order).map(|other| &other.intent.change).filter(|change| change.target(tenant) == target);
        match policy::without(&entry.intent.change, later) {
            Some(change) if change == entry.intent.change => continue,
            Some(change) => entry.intent.change = change,
            None => entry.state = State::Done { receipt: None, at },
        }
        replica.save_entry(&entry)?;
    }
    Ok(())
}

/// Gives deferred intents new numbers, so that the next push sends them again; how many. An edit of a thing to which
/// its author did more, which waits to be sent, stays behind until there is a word about that ([`overtake`]).
///
/// # Errors
/// Whatever the store says; roll back.
pub fn requeue_deferred<R: Replica>(replica: &mut R) -> Result<usize, R::Error> {
    let (mut meta, mut deferred) = (replica.meta()?, replica.deferred()?);
    if deferred.is_empty() {
        return Ok(0);
    }
    let waiting = replica.waiting(usize::MAX)?;
    let is_ahead = |entry: &Entry, of: &Entry| entry.order > of.order && entry.intent.change.target(meta.tenant) == of.intent.change.target(meta.tenant);
    deferred.retain(|entry| entry.intent.change.creates() || !waiting.iter().any(|other| is_ahead(other, entry)));
    let count = deferred.len();
    number(replica, &mut meta, deferred)?;
    Ok(count)
}

/// This file is a copy: it takes a new name and numbers its pending intents anew. Their own ids
/// stay, so that the server knows those it has seen.
///
/// # Errors
/// Whatever the store says; roll back.
pub fn fork<R: Replica>(replica: &mut R, new: ClientId) -> Result<(), R::Error> {
    let pending = replica.outbox()?.into_iter().filter(|entry| entry.state.is_pending()).collect();
    rename(replica, new, pending)
}

/// The server lost its latest past: everything it may have forgotten is sent again, and the rows
/// are pulled anew. Until then those of before are shown, with all that is pending again on top.
///
/// # Errors
/// Whatever the store says; roll back.
pub fn restored<R: Replica>(replica: &mut R, new: ClientId) -> Result<(), R::Error> {
    let mut entries = replica.acknowledged()?;
    #[cfg(test)]
    if is(Bug::AcknowledgedIsSafe) {
        entries.clear();
    }
    entries.extend(replica.outbox()?);
    // What administrators could still accept they can no more.
    entries.extend(replica.attention()?.into_iter().filter(was_kept_there));
    entries.sort_by_key(|entry| entry.order);
    // What is not sent again (refused in the former life, or given up) nobody waits for: this server may have put it off.
    let sent: HashSet<IntentId> = entries.iter().map(|entry| entry.intent.id).collect();
    entries.iter_mut().for_each(|entry| entry.intent.depends_on.retain(|parent| sent.contains(parent)));
    let mut meta = replica.meta()?;
    meta.life = meta.greeted;
    meta.former.push(meta.client_id);
    meta.former.drain(..meta.former.len().saturating_sub(MAX_FORMER));
    // Sequences of the lost past say nothing about the present one.
    meta.epoch = 0;
    meta.cursor = Seq(0);
    meta.staged = None;
    replica.clear_staged()?;
    replica.save_meta(&meta)?;
    rename(replica, new, entries)?;
    let meta = replica.meta()?;
    rebase::rebase(replica, &meta)
}

/// Whether a change that needs attention was refused by the server to somebody who might not make it any more: it was kept
/// there for the administrators.
fn was_kept_there(entry: &Entry) -> bool {
    let State::Attention(receipt) = &entry.state else { return false };
    entry.intent.n > 0 && receipt.outcome.refusal().is_some_and(|refusal| matches!(refusal.code, Code::NoLongerPermitted | Code::NotAllowed | Code::ParentRefused))
}

fn rename<R: Replica>(replica: &mut R, new: ClientId, entries: Vec<Entry>) -> Result<(), R::Error> {
    let mut meta = replica.meta()?;
    meta.client_id = new;
    meta.next_n = 1;
    number(replica, &mut meta, entries)
}

fn number<R: Replica>(replica: &mut R, meta: &mut Meta, entries: Vec<Entry>) -> Result<(), R::Error> {
    for mut entry in entries {
        entry.intent.client_id = meta.client_id;
        entry.intent.n = meta.next_n;
        entry.state = State::Waiting;
        meta.next_n += 1;
        replica.save_entry(&entry)?;
    }
    replica.save_meta(meta)
}

/// Tries a refused intent again, as a new one against the rows of today. Refused at once, it stays
/// under "needs attention".
///
/// # Errors
/// Whatever the store says; roll back.
pub fn retry<R: Replica>(replica: &mut R, refused: IntentId, new: IntentId, now: impl Into<Moment>) -> Result<Option<Result<Recorded, Refusal>>, R::Error> {
    retry_as(replica, refused, None, new, now)
}

/// The same with another change in its place: what a person corrected.
///
/// # Errors
/// Whatever the store says; roll back.
pub fn retry_as<R: Replica>(replica: &mut R, refused: IntentId, change: Option<Change>, new: IntentId, now: impl Into<Moment>) -> Result<Option<Result<Recorded, Refusal>>, R::Error> {
    let Some(entry) = replica.entry(refused)?.filter(|entry| matches!(entry.state, State::Attention(_))) else { return Ok(None) };
    let now = now.into();
    let recorded = record(replica, new, now, change.unwrap_or_else(|| entry.intent.change.clone()))?;
    if recorded.is_ok() {
        close(replica, entry, now.at)?;
    }
    Ok(Some(recorded))
}

/// Gives a refused intent up. `false` when it is not under "needs attention".
///
/// # Errors
/// Whatever the store says; roll back.
pub fn discard<R: Replica>(replica: &mut R, refused: IntentId, now: Millis) -> Result<bool, R::Error> {
    let Some(entry) = replica.entry(refused)?.filter(|entry| matches!(entry.state, State::Attention(_))) else { return Ok(false) };
    close(replica, entry, now)?;
    Ok(true)
}

fn close<R: Replica>(replica: &mut R, mut entry: Entry, now: Millis) -> Result<(), R::Error> {
    let skew_ms = replica.meta()?.skew_ms;
    entry.state = State::Done { receipt: None, at: now.plus(skew_ms.saturating_neg()) };
    replica.save_entry(&entry)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        ids::{PersonId, SiteId, TenantId},
        roles::Role,
        sync::{
            Change, Checksum, Intent, Patch, Sight,
            client::{Memory, Published, Pull, publish},
            intent::{NewSite, SitePatch, SiteUpdate},
            rows::Scope,
            wire::{Began, Begin, Checkpoint, Frame},
        },
    };

    fn hello(epoch: u64, seq: i64, min_retained: i64) -> HelloResponse {
        HelloResponse {
            protocol: 1, schema: 1, min_schema: 1, server_version: String::new(), capabilities: vec![], server_time: Millis(0), skew_ms: 0,
            epoch, seq: Seq(seq), min_retained_seq: Seq(min_retained), began: vec![], scopes: vec![], sight: Sight::All, last_n: 0, rows: None, escrow_key: None,
        }
    }

    /// The base of an edit that was made having seen sequence 40, after that greeting.
    fn base_after(hello: &HelloResponse) -> (Greeting, Option<Seq>) {
        let id = Uuid::from_u128;
        let client = ClientId(id(1));
        let mut replica = Memory::new(Meta { epoch: 1, cursor: Seq(50), ..Meta::new(client, TenantId(id(2)), PersonId(id(3)), Role::Admin) });
        let change = Change::SiteUpdate(SiteUpdate { id: SiteId(id(4)), patch: SitePatch::default() });
        let intent = Intent { client_id: client, n: 1, id: IntentId(id(5)), at: Millis(0), at_is_rough: false, base: Some(Seq(40)), words: None, read: None, past_lost: false, depends_on: vec![], change };
        replica.save_entry(&Entry { order: 1, intent, state: State::Waiting, reading: None }).unwrap();
        let greeting = greet(&mut replica, hello, Seq(50)).unwrap();
        (greeting, replica.outbox().unwrap()[0].intent.base)
    }

    /// A replica in the first life of the server, with one new site in its outbox.
    fn with_a_site() -> (Memory, IntentId) {
        let id = Uuid::from_u128;
        let mut replica = Memory::new(Meta { epoch: 1, cursor: Seq(5), ..Meta::new(ClientId(id(1)), TenantId(id(2)), PersonId(id(3)), Role::Admin) });
        let site = NewSite { id: SiteId(id(4)), name: "Depot".into(), address: None, time_zone: "UTC".into(), note: None };
        record(&mut replica, IntentId(id(5)), Millis(0), Change::SiteCreate(site)).unwrap().unwrap();
        (replica, IntentId(id(5)))
    }

    fn applied(epoch: u64, id: IntentId) -> PushResponse {
        let receipt = Receipt { n: 1, intent_id: id, seq: Seq(4), outcome: Outcome::Applied };
        PushResponse { epoch, seq: Seq(4), last_n: 1, server_time: Millis(0), skew_ms: 0, receipts: vec![receipt] }
    }

    fn state(replica: &Memory, id: IntentId) -> State {
        replica.entry(id).unwrap().unwrap().state
    }

    #[test]
    fn an_answer_from_another_life_of_the_server_changes_nothing() {
        let (mut replica, id) = with_a_site();
        // Put back between the greeting and the push: its sequences say nothing about what is held here.
        assert_eq!(take_receipts(&mut replica, &applied(2, id)).unwrap(), Taken::default());
        assert_eq!(state(&replica, id), State::Waiting);
        assert!(replica.rows().count() == 1, "the site is still shown");
        let mut pull = Pull::begin(&replica).unwrap();
        let begin = Begin { scope: Scope::Tenant, scopes: Sight::All, epoch: 2, from: Seq(0), to: Seq(4), fresh: true, server_time: Millis(0) };
        pull.take(Frame::Begin(begin)).unwrap();
        let checkpoint = Checkpoint { scope: Scope::Tenant, seq: Seq(4), checksum: Checksum::default(), own: None };
        assert_eq!(publish(&mut replica, pull, &checkpoint, Millis(0)).unwrap(), Published::Overtaken);
        // The greeting tells, and then it is taken.
        assert_eq!(greet(&mut replica, &hello(2, 4, 4), Seq(5)).unwrap(), Greeting::Restored);
        assert_eq!(take_receipts(&mut replica, &applied(2, id)).unwrap(), Taken::default(), "not before all was begun anew");
        restored(&mut replica, ClientId(Uuid::from_u128(9))).unwrap();
        assert_eq!(take_receipts(&mut replica, &applied(1, id)).unwrap(), Taken::default(), "nor one of the life before");
        assert_eq!(take_receipts(&mut replica, &applied(2, id)).unwrap().accepted, 1);
    }

    #[test]
    fn what_was_seen_before_two_restores_counts_from_the_lower_one_also_for_what_needs_attention() {
        let began = |epoch, seq| Began { epoch, seq: Seq(seq) };
        let twice = HelloResponse { began: vec![began(2, 30), began(3, 80)], ..hello(3, 90, 85) };
        assert_eq!(base_after(&twice), (Greeting::Restored, Some(Seq(30))), "the second one raised what the first one left");
        assert_eq!(base_after(&HelloResponse { began: vec![began(3, 45)], ..hello(3, 90, 20) }), (Greeting::Restored, Some(Seq(40))), "seen before it");
        assert_eq!((twice.kept_since(2), twice.kept_since(3)), (Seq(80), Seq(85)));
        let (mut replica, id) = with_a_site();
        let mut entry = replica.entry(id).unwrap().unwrap();
        entry.intent.base = Some(Seq(100));
        let refused = Receipt { n: 1, intent_id: id, seq: Seq(5), outcome: Outcome::Refused(Refusal::new(Code::NoLongerPermitted, "")) };
        replica.save_entry(&Entry { state: State::Attention(refused), ..entry }).unwrap();
        greet(&mut replica, &hello(2, 60, 50), Seq(5)).unwrap();
        assert_eq!(replica.entry(id).unwrap().unwrap().intent.base, Some(Seq(50)));
    }

    #[test]
    fn a_replica_that_holds_nothing_published_notices_another_life_too() {
        let (mut replica, id) = with_a_site();
        crate::sync::client::start_afresh(&mut replica).unwrap();
        assert_eq!(greet(&mut replica, &hello(1, 5, 0), Seq(5)).unwrap(), Greeting::Known);
        assert_eq!(take_receipts(&mut replica, &applied(1, id)).unwrap().accepted, 1);
        fork(&mut replica, ClientId(Uuid::from_u128(9))).unwrap();
        assert_eq!(greet(&mut replica, &hello(2, 90, 30), Seq(5)).unwrap(), Greeting::Restored, "its numbers under the new name say nothing");
        restored(&mut replica, ClientId(Uuid::from_u128(10))).unwrap();
        assert_eq!(state(&replica, id), State::Waiting);
    }

    #[test]
    fn after_a_restore_nothing_waits_for_what_is_not_sent_again() {
        let (mut replica, parent) = with_a_site();
        let child = IntentId(Uuid::from_u128(6));
        let patch = SitePatch { note: Patch::Set("behind the door".into()), ..SitePatch::default() };
        record(&mut replica, child, Millis(0), Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::from_u128(4)), patch })).unwrap().unwrap();
        let parents = |replica: &Memory| replica.entry(child).unwrap().unwrap().intent.depends_on;
        assert_eq!(parents(&replica), [parent]);
        let mut sent_again = replica.clone();
        greet(&mut sent_again, &hello(2, 4, 4), Seq(5)).unwrap();
        restored(&mut sent_again, ClientId(Uuid::from_u128(9))).unwrap();
        assert_eq!(parents(&sent_again), [parent], "both come again, in their order");
        // Refused in the former life, it waits for a person; this server may have put it off, and hears no more of it.
        let refused = Receipt { n: 1, intent_id: parent, seq: Seq(5), outcome: Outcome::Refused(Refusal::new(crate::sync::Code::InvalidField, "")) };
        take_receipts(&mut replica, &PushResponse { receipts: vec![refused], ..applied(1, parent) }).unwrap();
        greet(&mut replica, &hello(2, 4, 4), Seq(5)).unwrap();
        restored(&mut replica, ClientId(Uuid::from_u128(9))).unwrap();
        assert!(parents(&replica).is_empty() && matches!(state(&replica, parent), State::Attention(_)));
    }

    #[test]
    fn what_the_server_kept_for_its_administrators_is_sent_again_after_a_restore_and_what_it_did_not_is_not() {
        let (replica, id) = with_a_site();
        let sent_again = |code, n| {
            let mut replica = replica.clone();
            let refused = Receipt { n, intent_id: id, seq: Seq(5), outcome: Outcome::Refused(Refusal::new(code, "")) };
            let mut entry = replica.entry(id).unwrap().unwrap();
            entry.intent.n = n;
            replica.save_entry(&Entry { state: State::Attention(refused), ..entry }).unwrap();
            greet(&mut replica, &hello(2, 4, 4), Seq(5)).unwrap();
            restored(&mut replica, ClientId(Uuid::from_u128(9))).unwrap();
            next_push(&replica, Millis(1)).unwrap().is_some()
        };
        assert!(sent_again(Code::NoLongerPermitted, 1) && sent_again(Code::ParentRefused, 1));
        assert!(sent_again(Code::NotAllowed, 1) && !sent_again(Code::InvalidField, 1), "nobody but its author decides about it");
        assert!(!sent_again(Code::NoLongerPermitted, 0), "it was never sent");
    }

    #[test]
    fn a_clock_that_jumps_over_a_month_forgets_no_acknowledged_work() {
        let (mut replica, id) = with_a_site();
        take_receipts(&mut replica, &applied(1, id)).unwrap();
        let years = Millis(20 * 365 * 24 * 3_600_000);
        for (seq, server_time) in [(6, Millis(0)), (7, Millis(1))] {
            let mut pull = Pull::begin(&replica).unwrap();
            let begin = Begin { scope: Scope::Tenant, scopes: Sight::All, epoch: 1, from: Seq(seq - 1), to: Seq(seq), fresh: false, server_time };
            pull.take(Frame::Begin(begin)).unwrap();
            let checkpoint = Checkpoint { scope: Scope::Tenant, seq: Seq(seq), checksum: Checksum::default(), own: None };
            assert!(matches!(publish(&mut replica, pull, &checkpoint, years).unwrap(), Published::Now { .. }));
        }
        assert!(matches!(state(&replica, id), State::Done { receipt: Some(_), .. }), "a server that is put back gets it again");
    }

    #[test]
    fn a_pull_that_was_faster_than_the_answer_to_a_greeting_makes_it_no_server_that_was_put_back() {
        let (mut replica, id) = with_a_site();
        let meta = replica.meta().unwrap();
        // "Verify my data" has pulled since the greeting was sent.
        replica.save_meta(&Meta { cursor: Seq(9), ..meta.clone() }).unwrap();
        assert_eq!(greet(&mut replica, &hello(1, 7, 0), meta.cursor).unwrap(), Greeting::Known);
        assert_eq!((replica.meta().unwrap().cursor, state(&replica, id)), (Seq(9), State::Waiting));
        assert_eq!(greet(&mut replica, &hello(1, 7, 0), Seq(9)).unwrap(), Greeting::Restored, "asked by who knows more");
    }

    #[test]
    fn what_was_put_off_replaces_nothing_that_its_author_did_later() {
        let id = Uuid::from_u128;
        let (mut replica, made) = with_a_site();
        let site = |n: u128, name: Option<&str>, note: Option<&str>| {
            let of = |text: Option<&str>| text.map_or(Patch::Keep, |text| Patch::Set(text.to_owned()));
            (IntentId(id(n)), Change::SiteUpdate(SiteUpdate { id: SiteId(id(4)), patch: SitePatch { name: of(name), note: of(note), ..SitePatch::default() } }))
        };
        let said = |replica: &mut Memory, n, intent, outcome: Outcome| {
            let receipt = Receipt { n, intent_id: IntentId(id(intent)), seq: Seq(6), outcome };
            take_receipts(replica, &PushResponse { receipts: vec![receipt], ..applied(1, made) }).unwrap()
        };
        let (both, name, note) = (site(11, Some("Depot 2"), Some("Gate 2")), site(12, Some("Depot 3"), None), site(13, None, Some("Gate 2, ring twice")));
        let put_off = || Outcome::Later(Refusal::new(Code::NeedsNewerServer, ""));
        for (id, change) in [both.clone(), name.clone()] {
            record(&mut replica, id, Millis(0), change).unwrap().unwrap();
        }
        said(&mut replica, 2, 11, put_off());
        assert_eq!(requeue_deferred(&mut replica).unwrap(), 0, "there is no word yet about what was done later");
        said(&mut replica, 3, 12, Outcome::Applied);
        let left = |replica: &Memory| replica.entry(both.0).unwrap().unwrap();
        assert_eq!(left(&replica).intent.change, site(11, None, Some("Gate 2")).1);
        assert_eq!(requeue_deferred(&mut replica).unwrap(), 1);
        said(&mut replica, 4, 11, put_off());
        record(&mut replica, note.0, Millis(0), note.1).unwrap().unwrap();
        said(&mut replica, 5, 13, Outcome::Superseded { lost: vec!["note".into()] });
        assert!(matches!(left(&replica).state, State::Done { receipt: None, .. }), "whatever became of the later one");
        assert_eq!(requeue_deferred(&mut replica).unwrap(), 0);
    }

    #[test]
    fn what_was_put_off_goes_again_together_with_what_depends_on_it() {
        let (mut replica, made) = with_a_site();
        let put_off = |n, intent| Receipt { n, intent_id: intent, seq: Seq(4), outcome: Outcome::Later(Refusal::new(Code::NeedsNewerServer, "")) };
        take_receipts(&mut replica, &PushResponse { receipts: vec![put_off(1, made)], ..applied(1, made) }).unwrap();
        let patch = SitePatch { note: Patch::Set("behind the door".into()), ..SitePatch::default() };
        let child = record(&mut replica, IntentId(Uuid::from_u128(6)), Millis(0), Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::from_u128(4)), patch })).unwrap().unwrap();
        assert_eq!(child.intent.depends_on, [made]);
        assert_eq!(requeue_deferred(&mut replica).unwrap(), 1, "it waits for its parent, and not the other way round");
    }

    #[test]
    fn what_was_seen_in_a_past_that_the_server_lost_counts_up_to_where_it_goes_on() {
        assert_eq!(base_after(&hello(1, 60, 0)), (Greeting::Known, Some(Seq(40))), "nothing was lost");
        assert_eq!(base_after(&hello(1, 30, 0)), (Greeting::Restored, Some(Seq(0))), "nobody says how much of the 30 is somebody else's");
        assert_eq!(base_after(&hello(2, 90, 30)), (Greeting::Restored, Some(Seq(30))), "31 to 40 are somebody else's");
        // First the backup of one day was put back, and then that of another day, which knows nothing of that.
        let of_another_day = |from| HelloResponse { began: vec![Began { epoch: 9, seq: Seq(60) }], ..hello(from, 90, 60) };
        assert_eq!((of_another_day(9).kept_since(1), of_another_day(9).kept_since(5)), (Seq(60), Seq(0)));
    }
}
