//! The invariants of docs/SYNC.md, by number, once the weather is fair.

use std::{cell::RefCell, collections::{BTreeMap, HashSet}, rc::Rc, time::Duration};

use omniot_shared::sync::{
    Row, Seq, SyncedRow,
    client::{Entry, Replica as _, State},
};
use serde_json::json;

use crate::{CALM, HEALTHY, LATENCY, TICK, WORK, digest, server::Real, tablet::Tablet, versions::Version};

/// Nobody calls more often within a minute.
const CALLS_A_MINUTE: usize = 20;

/// Nobody whose way is well waits for longer.
const MOST_WAITING: Duration = Duration::from_secs(9 * 3_600);

/// All of them; one number for everything that happened.
pub fn hold(real: &Real, tablets: &[Rc<RefCell<Tablet>>]) -> u64 {
    let mut lines = vec![];
    for tablet in tablets {
        let tablet = tablet.borrow();
        work_is_settled(real, &tablet);
        order_is_kept(&tablet);
        calls_are_bounded(&tablet);
        skew_is_recorded(&tablet);
        if tablet.who.name == HEALTHY {
            progresses(&tablet);
        }
        converges(real, &tablet);
        evidence_stands(&tablet);
        lines.extend(tablet.trace.iter().cloned());
        lines.push(format!("{:?}", tablet.store));
    }
    for tablet in tablets {
        replays_change_nothing(real, &tablet.borrow());
    }
    digest(lines)
}

/// The server's rows as this person sees them, and its sequence.
fn seen(real: &Real, tablet: &Tablet) -> (Seq, Vec<SyncedRow>) {
    let Ok(meta) = tablet.store.meta();
    real.seen(&tablet.who.token, meta.client_id, &tablet.version(WORK + CALM), WORK + CALM)
}

/// 1 Convergence.
fn converges(real: &Real, tablet: &Tablet) {
    let (seq, theirs) = seen(real, tablet);
    let Ok(meta) = tablet.store.meta();
    let ours: Vec<SyncedRow> = tablet.beneath().into_values().collect();
    assert!(seq > Seq(0), "something happened");
    assert_eq!((meta.cursor, &ours), (seq, &theirs), "1: {} and the server differ", tablet.who.name);
}

/// 2 No lost intent, 5 no wedge: each that was recorded is there once and was taken, or refused for a reason that counts;
/// what was settled may have gone with a row that went out of sight.
fn work_is_settled(real: &Real, tablet: &Tablet) {
    let kept: HashSet<_> = tablet.store.entries().map(|entry| entry.intent.id).collect();
    let recorded: HashSet<_> = tablet.recorded.iter().map(|(id, _)| *id).collect();
    assert!(kept.is_subset(&recorded), "2: {} keeps what nobody recorded", tablet.who.name);
    for id in recorded.difference(&kept) {
        let fate = tablet.fates.get(id).copied();
        assert!(!tablet.is_admin() && matches!(fate, Some("done" | "accepted" | "attention")), "2: {} lost {id}, which was {fate:?}", tablet.who.name);
    }
    assert!(!recorded.is_empty(), "{} worked", tablet.who.name);
    let Ok(meta) = tablet.store.meta();
    let target = |entry: &Entry| entry.intent.change.target(meta.tenant);
    for entry in tablet.store.entries() {
        let is_settled = match &entry.state {
            State::Done { receipt: Some(_), .. } => true,
            // A server of before put it off, and its author went on with the same thing, which a later one took.
            State::Done { receipt: None, .. } => {
                tablet.put_off.contains(&entry.intent.id) && tablet.store.entries().any(|later| later.order > entry.order && target(later) == target(entry) && matches!(later.state, State::Done { receipt: Some(_), .. }))
            }
            State::Attention(_) => !tablet.is_admin(),
            // The server does not know it to this day.
            State::Deferred(_) => real.version() != Version::TODAY,
            _ => false,
        };
        assert!(is_settled, "5: {} is stuck with {:?}", tablet.who.name, entry);
    }
}

/// 13 Evidence: what was done to devices stands as it was written down, or waits for somebody who decides about it.
fn evidence_stands(tablet: &Tablet) {
    for attempt in &tablet.evidence {
        let row = tablet.store.rows().find_map(|synced| match &synced.row {
            Row::Attempt(row) if row.id == attempt.id => Some(row.clone()),
            _ => None,
        });
        let Ok(meta) = tablet.store.meta();
        let waits = tablet.store.entries().any(|entry| entry.intent.change.target(meta.tenant) == attempt.id.into() && matches!(entry.state, State::Attention(_)));
        assert!(row.as_deref() == Some(attempt) || (waits && !tablet.is_admin()), "13: what {} did is lost or altered: {row:?}", tablet.who.name);
    }
}

/// 3 Exactly once: whatever is pushed again changes nothing.
fn replays_change_nothing(real: &Real, tablet: &Tablet) {
    let before = seen(real, tablet);
    for push in &tablet.pushed {
        let (status, _) = real.ask(&tablet.who.token, "/v1/sync/push", &json!(push), WORK + CALM);
        assert!(matches!(status, 200 | 409), "3: a replay is answered {status}");
    }
    assert_eq!(seen(real, tablet), before, "3: replays of {} changed the server", tablet.who.name);
}

/// 4 Order: what one tablet did took effect in its order, which is that of its numbers: what a server of before put off has a later one.
fn order_is_kept(tablet: &Tablet) {
    let taken = tablet.store.entries().filter_map(|entry| if let State::Done { receipt: Some(receipt), .. } = &entry.state { Some((receipt.n, receipt.seq)) } else { None });
    let seqs: BTreeMap<u64, Seq> = taken.collect();
    assert!(seqs.values().is_sorted(), "4: the work of {} took effect in another order: {seqs:?}", tablet.who.name);
}

/// 14 Progress: no retry storm.
fn calls_are_bounded(tablet: &Tablet) {
    for (n, first) in tablet.calls.iter().enumerate() {
        let within = tablet.calls[n..].iter().take_while(|call| **call < *first + Duration::from_secs(60)).count();
        assert!(within <= CALLS_A_MINUTE, "14: {} called {within} times within a minute", tablet.who.name);
    }
}

/// 14 Progress: who has a way to the server is not kept waiting by others that have none. Somebody wakes every three hours at
/// least, and may find the server down.
fn progresses(tablet: &Tablet) {
    for (id, recorded) in tablet.recorded.iter().filter(|(id, _)| !tablet.put_off.contains(id)) {
        let settled = tablet.settled.get(id).unwrap_or_else(|| panic!("14: {id} of {} was never settled", tablet.who.name));
        assert!(*settled <= *recorded + MOST_WAITING, "14: {id} of {} waited from {recorded:?} to {settled:?}", tablet.who.name);
    }
}

/// 15 Skew: a clock that is years off is known to be, to what the network takes.
fn skew_is_recorded(tablet: &Tablet) {
    let Ok(meta) = tablet.store.meta();
    let error = (meta.skew_ms - tablet.skew).unsigned_abs();
    assert!(u128::from(error) <= LATENCY.as_millis() * 2 + TICK.as_millis(), "15: the clock of {} is {} ms ahead, and {} were recorded", tablet.who.name, tablet.skew, meta.skew_ms);
}
