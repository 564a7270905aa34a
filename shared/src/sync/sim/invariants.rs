//! The invariants of docs/SYNC.md, by number.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{server::checksums, tablet::Tablet, world::World};
use crate::{
    ids::{ClientId, IntentId, PersonId},
    sync::{
        client::{self, Delta, Entry, Replica as _, State},
        intent::Change,
        policy,
        receipt::{Outcome, Receipt},
        rows::{Row, RowKey, RowSet, Scope, Seq, SyncedRow},
        rules::{self, RowChange},
    },
};

/// Those that hold in every state.
pub fn hold(world: &World) {
    assert!(world.has_model());
    for (n, tablet) in world.tablets.iter().enumerate() {
        no_intent_is_lost(world, tablet, n);
        views_are_whole(world, tablet, n);
        own_writes_are_read(tablet, n);
        nothing_is_held_out_of_sight(world, tablet, n);
    }
    receipts_stand_for_effects(world);
    evidence_stands(world);
    words_go_only_where_they_were_read(world);
    order_is_kept(world);
}

/// Those that hold once the network is well, outboxes are pushed and all have pulled.
pub fn hold_at_rest(world: &mut World) {
    outboxes_are_drained(world);
    acknowledged_work_stands(world);
    clients_converge(world);
    replays_change_nothing(world);
    pull_waits_for_nothing(world);
}

/// 1 Convergence: rows and checksum of every client are the server's; what was deleted does not come back with a
/// client that was away (11), and what was forgotten meanwhile makes no difference (12).
fn clients_converge(world: &World) {
    for (n, tablet) in world.tablets.iter().enumerate() {
        let rows: BTreeMap<RowKey, SyncedRow> = tablet.store.rows().map(|synced| (synced.row.key(), synced.clone())).collect();
        let (meta, sight) = (tablet.meta(), world.server.sight_of(tablet.meta().client_id));
        assert_eq!(meta.sight, sight, "1: tablet {n} holds something else than its person may see");
        assert_eq!(rows, world.server.seen(&sight, Some(tablet.person)), "1: tablet {n} and the server differ");
        assert_eq!((meta.checksum, meta.own), checksums(rows.values()), "1: the checksums of tablet {n} differ");
        assert_eq!(tablet.mismatches, 0, "1: tablet {n} converged only by pulling everything anew");
    }
}

/// 2 No lost intent: recorded once, it is in the outbox, under attention, or has its one final receipt.
fn no_intent_is_lost(world: &World, tablet: &Tablet, n: usize) {
    let entries: HashMap<IntentId, &Entry> = tablet.store.entries().map(|entry| (entry.intent.id, entry)).collect();
    let words: HashMap<IntentId, IntentId> = tablet.recorded.iter().map(|id| (client::words_of(*id), *id)).collect();
    let is_known = |id| tablet.recorded.contains(id) || words.contains_key(id);
    assert!(tablet.store.entries().all(|entry| is_known(&entry.intent.id)), "2: tablet {n} keeps what was never recorded");
    assert_eq!(entries.len(), tablet.store.entries().count(), "2: tablet {n} keeps every intent once");
    for id in &tablet.recorded {
        let Some(entry) = entries.get(id) else {
            // What was done to a row that went out of sight is forgotten with it, once the server has spoken.
            if tablet.decided.contains(id) {
                continue;
            }
            let is_accepted = world.lives().filter_map(|server| server.finals.get(id)).any(|receipt| receipt.outcome.is_accepted());
            assert!(is_accepted && tablet.narrowed.contains(id), "2: tablet {n} lost {id}");
            continue;
        };
        let said = match &entry.state {
            State::Waiting | State::Deferred(_) | State::Done { receipt: None, .. } => continue,
            State::Accepted(receipt) | State::Attention(receipt) | State::Done { receipt: Some(receipt), .. } => receipt,
        };
        let is_its_word = world.lives().filter_map(|server| server.finals.get(id)).any(|word| word.outcome == said.outcome);
        assert!(is_its_word, "2: tablet {n} does not hold the server's one final word about {id}: {said:?}");
        assert_eq!(said.outcome.is_accepted(), !matches!(entry.state, State::Attention(_)), "2: refused means attention");
        let (Outcome::Merged { lost } | Outcome::Superseded { lost }) = &said.outcome else { continue };
        let (kept, change) = (client::words_of(*id), policy::words_lost(&entry.intent.change, lost, tablet.meta().tenant));
        let is_kept = entries.get(&kept).is_some_and(|kept| Some(&kept.intent.change) == change.as_ref()) || tablet.decided.contains(&kept);
        assert!(change.is_none() || is_kept, "2: tablet {n} lost what its person wrote with {id}");
    }
    for kept in words.keys().filter_map(|id| entries.get(id)) {
        assert!(matches!(kept.state, State::Attention(_) | State::Done { receipt: None, .. }), "2: tablet {n} sends again what lost, and nobody wished it");
    }
}

/// 2 No lost intent, at rest: what a tablet calls accepted the server holds, though it was put back meanwhile.
fn acknowledged_work_stands(world: &World) {
    for (n, tablet) in world.tablets.iter().enumerate() {
        for entry in tablet.store.entries() {
            if matches!(&entry.state, State::Accepted(_) | State::Done { receipt: Some(_), .. }) {
                let word = world.server.finals.get(&entry.intent.id);
                assert!(word.is_some_and(|word| word.outcome.is_accepted()), "2: the server knows nothing of {}, which tablet {n} calls synced", entry.intent.id);
            }
        }
    }
}

/// 2 No lost intent, for words: what somebody wrote into a note goes only with a change whose author had it before them,
/// or had written it themselves before that.
/// After a backup was put back, words may stand again that were replaced, knowingly, in the life that was lost.
fn words_go_only_where_they_were_read(world: &World) {
    let went_before: HashSet<&String> = world.past.values().flat_map(|server| server.words_gone.iter().map(|(_, line)| line).chain(&server.replaced)).collect();
    assert_eq!(world.server.words_missing, [], "2: an accepted note is not whole");
    for (intent, line) in &world.server.words_gone {
        let is_known = world.read.get(intent).is_some_and(|read| read.contains(line));
        assert!(is_known || went_before.contains(line), "2: {line:.20} went with {intent}, whose author had never read it");
    }
}

/// 3 Exactly once, first half: an accepted creation has its row, or a tombstone of it.
fn receipts_stand_for_effects(world: &World) {
    let server = &world.server;
    for intent in world.pushed.iter().flat_map(|push| &push.intents) {
        let Some(Receipt { outcome: Outcome::Applied, seq, .. }) = server.finals.get(&intent.id) else { continue };
        if intent.change.creates() {
            let key = intent.change.target(server.tenant);
            let was_there = server.history.range(..=*seq).next_back().is_some_and(|(_, rows)| rows.contains_key(&key));
            assert!(was_there, "3: {} was accepted at {seq:?} and has no effect", intent.id);
        }
    }
}

/// 13 Evidence: the record of an attempt stands as it was recorded, whatever becomes of its device, its site or its author.
fn evidence_stands(world: &World) {
    for intent in world.pushed.iter().flat_map(|push| &push.intents) {
        let Change::AttemptRecord(recorded) = &intent.change else { continue };
        if world.server.finals.get(&intent.id).is_some_and(|receipt| receipt.outcome.is_accepted()) {
            let stands = world.server.rows.get(&intent.change.target(world.server.tenant)).map(|synced| &synced.row);
            assert_eq!(stands, Some(&Row::from(recorded.clone())), "13: the record {} is another one now, or gone", intent.id);
        }
    }
}

/// 3 Exactly once, second half: replaying every push there ever was leaves the server as it is.
fn replays_change_nothing(world: &mut World) {
    for push in &world.pushed {
        let mut after = world.server.clone();
        if after.push(push).is_ok() {
            assert!(after == world.server, "3: a replayed push changed the server: {push:?}");
        }
    }
}

/// 4 Order: effects in the client's order; children never before their parents.
fn order_is_kept(world: &World) {
    let mut last: HashMap<ClientId, Seq> = HashMap::new();
    for ((client, n), receipt) in &world.server.receipts {
        let is_first_word = world.server.first_under.get(&receipt.intent_id) == Some(&(*client, *n));
        let before = last.entry(*client).or_default();
        if is_first_word {
            assert!(receipt.seq >= *before, "4: {client} {n} took effect at {:?}, an earlier one at {before:?}", receipt.seq);
            *before = receipt.seq;
        }
    }
    for intent in world.pushed.iter().flat_map(|push| &push.intents) {
        let Some(child) = world.server.finals.get(&intent.id).filter(|child| child.outcome.is_accepted()) else { continue };
        for parent in &intent.depends_on {
            let parent = world.server.finals.get(parent);
            assert!(parent.is_some_and(|parent| parent.outcome.is_accepted() && parent.seq <= child.seq), "4: {} came before its parent", intent.id);
        }
    }
}

/// 5 No wedge, first half, and 14 Progress: after a bounded number of rounds every intent has its last word, and every
/// tablet stands where the server does.
fn outboxes_are_drained(world: &World) {
    for (n, tablet) in world.tablets.iter().enumerate() {
        let stuck: Vec<_> = tablet.store.entries().filter(|entry| entry.state.is_pending()).map(|entry| (entry.intent.n, entry.state.name())).collect();
        assert!(stuck.is_empty(), "5: tablet {n} is stuck with {stuck:?}");
        assert_eq!(world.cursor(n), world.server.seq, "14: tablet {n} has not got there");
    }
}

/// 5 No wedge, second half: a pull goes through whatever is in the outbox.
fn pull_waits_for_nothing(world: &mut World) {
    use super::events::{Edit, Event};
    for tablet in 0..world.tablets.len() {
        world.step(Event::Edit { tablet: u8::try_from(tablet).unwrap(), edit: Edit::CreateSite });
        world.step(Event::Staff(Edit::CreateSite));
        world.pull_alone(tablet);
        assert_eq!(world.cursor(tablet), world.server.seq, "5: tablet {tablet} pulls with a full outbox");
        hold(world);
    }
}

/// 6 Atomic view and 7 monotonic: beneath the pending intents lie the server's rows of exactly one
/// moment, that of the cursor; the cursor only rises (a lower one would name other rows).
fn views_are_whole(world: &World, tablet: &Tablet, n: usize) {
    let meta = tablet.meta();
    let under = tablet.server_rows();
    let (epoch, cursor) = world.shown(n, meta.epoch, meta.cursor);
    let Some((_, then)) = world.life(epoch).and_then(|server| server.history.range(..=cursor).next_back()) else { panic!("6: the cursor of tablet {n} lies before time") };
    let is_seen = |home| meta.sight.covers(home) && is_own_or_shared(home, tablet.person);
    let then: BTreeMap<_, _> = then.iter().filter(|(_, synced)| is_seen(synced.row.home())).map(|(key, synced)| (*key, synced.clone())).collect();
    assert_eq!(under, then, "6: tablet {n} shows the rows of {cursor:?} in {epoch}");
    let high = world.highest_cursor(n, epoch, cursor);
    assert!(cursor >= high, "7: the cursor of tablet {n} fell from {high:?} to {cursor:?} in {epoch}");
    for entry in tablet.store.entries() {
        let is_settled = !entry.state.is_pending();
        assert!(is_settled || !world.was_settled(n, entry.intent.id), "7: {} was synced and is pending again", entry.intent.id);
        if is_settled {
            world.note_settled(n, entry.intent.id);
        }
    }
}

/// 9 Isolation and 10 revocation: since the first checkpoint after a person came to see less, nothing of the
/// rest is on their tablet, staged or shown.
fn nothing_is_held_out_of_sight(world: &World, tablet: &Tablet, n: usize) {
    let not_theirs = tablet.store.rows().find(|synced| !is_own_or_shared(synced.row.home(), tablet.person));
    assert_eq!(not_theirs, None, "9: tablet {n} holds what is somebody else's own");
    let meta = tablet.meta();
    let Some((since, sight)) = world.server.sights.get(&tablet.person) else { return };
    let rows = tablet.server_rows();
    if let Some(staged) = &meta.staged {
        let hidden = rows.values().find(|row| !staged.sight.covers(row.row.home()));
        assert_eq!(hidden, None, "10: tablet {n} receives what is seen now, and still holds more");
    }
    // What was seen in a former life of the server says nothing about a sight of this one.
    let in_this_life = |(epoch, seq): (u64, Seq)| if epoch == world.server.epoch { seq } else { Seq(0) };
    let staged = meta.staged.as_ref().map_or((0, Seq(0)), |staged| (staged.epoch, staged.cursor));
    let position = in_this_life((meta.epoch, meta.cursor)).max(in_this_life(staged));
    if position < *since {
        return;
    }
    for row in rows.values() {
        assert!(sight.covers(row.row.home()), "10: tablet {n} still holds {:?} at {:?}", row.row.key(), meta.cursor);
    }
    for delta in tablet.store.staged(0, usize::MAX).unwrap_or_else(|never| match never {}) {
        if let Delta::Row(synced) = delta {
            let home = synced.row.home();
            assert!(sight.covers(home) && is_own_or_shared(home, tablet.person), "9: tablet {n} was sent {:?}", synced.row.key());
        }
    }
}

fn is_own_or_shared(home: Scope, person: PersonId) -> bool {
    !matches!(home, Scope::Person(owner) if owner != person)
}

/// 8 Read your writes: what is shown is the server's rows with, in their order, all intents that
/// were not refused and not yet brought back by a pull.
fn own_writes_are_read(tablet: &Tablet, n: usize) {
    let meta = tablet.meta();
    let under = tablet.server_rows();
    let mut expected: RowSet = under.into_iter().map(|(key, synced)| (key, synced.row)).collect();
    for entry in tablet.store.entries() {
        let still_mine = match &entry.state {
            State::Waiting | State::Deferred(_) => true,
            State::Accepted(receipt) | State::Done { receipt: Some(receipt), .. } => receipt.seq > meta.cursor,
            State::Attention(_) | State::Done { receipt: None, .. } => false,
        };
        if !still_mine {
            continue;
        }
        for change in rules::apply(&entry.intent.change, &meta.actor(entry.intent.at), &expected).unwrap_or_default() {
            match change {
                RowChange::Put(row) => expected.insert(row.key(), row),
                RowChange::Remove(key) => expected.remove(&key),
            };
        }
    }
    let shown: RowSet = tablet.store.rows().map(|synced| (synced.row.key(), synced.row.clone())).collect();
    assert!(shown == expected, "8: tablet {n} does not show its own writes\n shown {shown:#?}\n expected {expected:#?}");
}
