//! The server: a push in one transaction, a pull from one snapshot.
//!
//! Deliberately not here: who is heard (`step`).

use uuid::Uuid;

use super::{
    Flaw, Wish,
    state::{Changes, Client, Deltas, INTENTS, Message, OLD, ROWS, Some3, State, Word},
};
use crate::{
    ids::IntentId,
    sync::{
        receipt::{Code, Outcome, Refusal},
        server::{Arrival, arrival, held_by_parent},
    },
};

static APPLIED: Outcome = Outcome::Applied;
static REFUSED: Outcome = Outcome::Refused(Refusal { code: Code::InvalidField, detail: String::new(), field: None });

const fn outcome(word: Word) -> Option<&'static Outcome> {
    match word {
        Word::None => None,
        Word::Accepted(_) => Some(&APPLIED),
        Word::Refused(_) => Some(&REFUSED),
    }
}

fn id(intent: usize) -> IntentId {
    IntentId(Uuid::from_u128(intent as u128))
}

/// Carries a push out; the answer.
pub fn push(state: &mut State, flaw: Option<Flaw>, by: usize, intents: Some3) -> Message {
    let mut order: Vec<usize> = (0..INTENTS).filter(|intent| intents[*intent]).collect();
    if flaw == Some(Flaw::LastFirst) {
        // Not even the numbers are looked at.
        order.reverse();
    }
    let mut words = [Word::None; INTENTS];
    for intent in order {
        let n = state.number(intent);
        let last_n = u64::from(state.server.last_n[by]);
        match arrival(last_n, n.into()) {
            Arrival::Replay if flaw != Some(Flaw::ReplayRunsAgain) && state.server.receipts[intent] != Word::None => words[intent] = state.server.receipts[intent],
            Arrival::Gap { .. } if flaw != Some(Flaw::LastFirst) => break,
            _ => {
                let word = carry_out(state, flaw, intent);
                state.server.let_in |= by == 1 && state.server.removed;
                state.server.receipts[intent] = word;
                words[intent] = word;
                if !(flaw == Some(Flaw::RefusedKeepsNumber) && matches!(word, Word::Refused(_))) {
                    state.server.last_n[by] = state.server.last_n[by].max(n);
                }
            }
        }
    }
    Message::Receipts { to: by, asked: intents, words }
}

/// With a flaw: the effects without their receipts.
pub fn effects_alone(state: &mut State, by: usize, intents: Some3) {
    let last_n = state.server.last_n[by];
    for intent in (0..INTENTS).filter(|intent| intents[*intent]) {
        if state.number(intent) > last_n {
            carry_out(state, None, intent);
        }
    }
}

fn carry_out(state: &mut State, flaw: Option<Flaw>, intent: usize) -> Word {
    let receipts = state.server.receipts;
    let parents: Vec<IntentId> = state.parent(intent).into_iter().map(id).collect();
    let held = held_by_parent(&parents, |parent| (0..INTENTS).find(|intent| id(*intent) == parent).and_then(|intent| outcome(receipts[intent])));
    if held.is_some() && flaw != Some(Flaw::ParentForgotten) {
        return Word::Refused(state.server.seq);
    }
    let own_row = 1 + state.parent(intent).unwrap_or(intent);
    let server = &mut state.server;
    let (row, lives) = match state.plan[intent].wish {
        Wish::Create => (own_row, true),
        Wish::CreateBadly => return Word::Refused(server.seq),
        Wish::EditMine if server.rows[own_row] != 0 || flaw == Some(Flaw::ParentForgotten) => (own_row, true),
        Wish::EditOld if server.rows[OLD] != 0 => (OLD, true),
        Wish::EraseOld if server.rows[OLD] != 0 => (OLD, false),
        Wish::EditMine | Wish::EditOld | Wish::EraseOld => return Word::Refused(server.seq),
    };
    server.taken += 1;
    server.seq = server.seq.max(server.taken);
    let at = server.taken;
    server.rows[row] = if lives { at } else { 0 };
    server.gone[row] = if lives { 0 } else { at };
    server.effects[intent] += 1;
    if server.effect_at[intent] == 0 {
        server.effect_at[intent] = at;
    }
    Word::Accepted(at)
}

/// What changed since, for a client that stands there.
pub fn pull(state: &State, to: usize, client: &Client) -> Changes {
    let (server, asked) = (&state.server, client.place());
    let cursor = asked.staged.map_or(asked.cursor, |(cursor, _)| cursor);
    let epoch = if asked.staged.is_some() { 1 } else { asked.epoch };
    let useful = epoch == 1 && cursor > 0 && cursor <= server.seq && cursor >= server.min_retained;
    let from = if useful { cursor } else { 0 };
    let mut deltas: Deltas = [0; ROWS];
    for (row, delta) in deltas.iter_mut().enumerate() {
        if server.rows[row] > from {
            *delta = server.rows[row].cast_signed();
        } else if useful && server.gone[row] > from && server.gone[row] > server.dropped {
            *delta = -server.gone[row].cast_signed();
        }
    }
    Changes { to, asked, fresh: !useful, until: server.seq, deltas }
}

/// Tombstones go, and cursors that would need them get everything anew.
pub fn compact(state: &mut State, flaw: Option<Flaw>) {
    state.server.dropped = state.server.seq;
    if flaw != Some(Flaw::TombstonesDroppedEarly) {
        state.server.min_retained = state.server.seq;
    }
}
