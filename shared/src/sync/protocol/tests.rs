//! The exploration, and that it finds what it should.
//!
//! Deliberately not here: a fault in every plan, or two, at once: `make model FAULTS=1` (9 million states, 20 s).

use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasher as _, Hasher as _, RandomState},
    time::Instant,
};

use stateright::{Checker, HasDiscoveries, Model as _};

use super::{
    Flaw, Model,
    Wish::{Create, CreateBadly, EditMine, EditOld, EraseOld},
    properties::{AT_REST, EXACTLY_ONCE, MONOTONIC, NO_WEDGE, ORDER, RECEIPT_AND_EFFECT, REMOVED, TOMBSTONES, WHOLE_VIEW},
    state::{Plan, State, every_plan, plan},
};

/// A row goes under an edit, a parent and its child, a refusal before something independent, a client that only reads.
fn telling_plans() -> Vec<Plan> {
    vec![plan(1, [EraseOld, EditOld, Create]), plan(1, [EraseOld, CreateBadly, EditMine]), plan(2, [CreateBadly, Create, EraseOld]), plan(0, [EraseOld, Create, EditMine])]
}

fn explore(what: &str, plans: Vec<Plan>, faults: u8) -> impl Checker<Model> {
    let (began, count) = (Instant::now(), plans.len());
    let checker = Model { plans, faults, flaw: None }.checker().threads(2).spawn_dfs().join();
    eprintln!(
        "{what}: {count} plans with {faults} faults each: {} states, {} transitions, {} steps deep, {} ms",
        checker.unique_state_count(), checker.state_count(), checker.max_depth(), began.elapsed().as_millis()
    );
    for (name, path) in checker.discoveries() {
        let fails = checker.model().property(name).expectation.discovery_is_failure();
        assert!(!fails, "{name}: {:?} after {:?}", path.last_state().plan, path.clone().into_actions());
    }
    checker
}

/// A number from the environment: `make model FAULTS=2`.
#[allow(clippy::disallowed_methods, reason = "how far to search is the caller's wish, not a rule's input")]
fn asked(name: &str) -> Option<u8> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn no_order_of_events_breaks_the_protocol() {
    explore("every plan", every_plan(), asked("OMNIOT_MODEL_FAULTS").unwrap_or(0));
}

#[test]
fn no_order_of_events_and_no_fault_breaks_the_protocol() {
    explore("the telling plans", telling_plans(), 1).assert_properties();
    explore("one client's work", vec![plan(0, [EraseOld, CreateBadly, Create])], 2);
}

/// All of them take a minute with optimizations off; each run takes another part.
#[test]
fn no_fault_breaks_a_share_of_the_plans() {
    let first = usize::try_from(RandomState::new().build_hasher().finish() % SHARES).unwrap_or_default();
    let plans = every_plan().into_iter().skip(first).step_by(SHARES as usize).collect();
    explore(&format!("every {SHARES}th plan from the {first}th"), plans, 1);
}

/// In so many parts `make test` plays the plans with a fault.
const SHARES: u64 = 8;

#[test]
fn each_flaw_is_found() {
    for (flaw, property) in [
        (Flaw::ReceiptApart, EXACTLY_ONCE),
        (Flaw::ReceiptApart, RECEIPT_AND_EFFECT),
        (Flaw::ReplayRunsAgain, EXACTLY_ONCE),
        (Flaw::RefusedKeepsNumber, NO_WEDGE),
        (Flaw::RefusedKeepsNumber, AT_REST),
        (Flaw::LastFirst, ORDER),
        (Flaw::ParentForgotten, ORDER),
        (Flaw::TombstonesDroppedEarly, TOMBSTONES),
        (Flaw::TombstonesDroppedEarly, AT_REST),
        (Flaw::SequenceTakenEarly, WHOLE_VIEW),
        (Flaw::CursorBeforeRows, WHOLE_VIEW),
        (Flaw::OlderPullWins, MONOTONIC),
        (Flaw::FreshAddsToStaged, TOMBSTONES),
        (Flaw::RowsOutliveAccess, REMOVED),
        (Flaw::LateRowsComeBack, REMOVED),
    ] {
        let wanted = HasDiscoveries::AnyOf(BTreeSet::from([property]));
        let checker = Model { plans: telling_plans(), faults: 1, flaw: Some(flaw) }.checker().finish_when(wanted).spawn_bfs().join();
        let Some(path) = checker.discovery(property) else { panic!("{flaw:?} does not break \u{201c}{property}\u{201d}") };
        eprintln!("{flaw:?} breaks \u{201c}{property}\u{201d} in {} states: {:?}", checker.unique_state_count(), path.into_actions());
    }
}

/// Whether a way leads from `state` back to one that it came through.
fn has_cycle(model: &Model, state: State, is_left: &mut HashMap<State, bool>) -> bool {
    if let Some(is_left) = is_left.get(&state) {
        return !is_left;
    }
    is_left.insert(state.clone(), false);
    let cycle = model.next_states(&state).into_iter().any(|next| has_cycle(model, next, is_left));
    is_left.insert(state, true);
    cycle
}

#[test]
fn no_way_leads_in_a_circle() {
    let model = Model { plans: vec![plan(1, [EraseOld, CreateBadly, EditMine])], faults: 1, flaw: None };
    let mut is_left = HashMap::new();
    for state in model.init_states() {
        assert!(!has_cycle(&model, state, &mut is_left));
    }
    assert!(is_left.len() > 1_000, "{} states were looked at", is_left.len());
}
