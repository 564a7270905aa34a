//! What must hold, by the numbers of the invariants in docs/SYNC.md, and what must be seen so that
//! holding means something.
//!
//! Deliberately not here: 6 and 8 for rows that are shown on top of the server's (`sim`).

use stateright::{Model as _, Property};

use super::{
    Model, Wish,
    state::{INTENTS, Message, OLD, State, Word},
};

pub const EXACTLY_ONCE: &str = "3 no intent takes effect twice";
pub const RECEIPT_AND_EFFECT: &str = "3 an effect and its receipt are one";
pub const NO_LOST_INTENT: &str = "2 each intent is in an outbox or has the server's one word";
pub const ORDER: &str = "4 a client's intents take effect in their order, children after their parents";
pub const NO_WEDGE: &str = "5 every intent of a push is answered, whatever became of those before it";
pub const WHOLE_VIEW: &str = "6 a client holds the server's rows of its cursor";
pub const MONOTONIC: &str = "7 a cursor never falls";
pub const REMOVED: &str = "10 who was told of the removal holds no row";
pub const SHUT_OUT: &str = "10 who was removed changes nothing";
pub const TOMBSTONES: &str = "11 what was deleted before a client's cursor is not held there";
pub const AT_REST: &str = "1 when it is quiet, all has been said and all hold the same";

pub fn all() -> Vec<Property<Model>> {
    vec![
        Property::always(EXACTLY_ONCE, |_, state: &State| state.server.effects.iter().all(|count| *count <= 1)),
        Property::always(RECEIPT_AND_EFFECT, |_, state: &State| (0..INTENTS).all(|intent| (state.server.effects[intent] > 0) == matches!(state.server.receipts[intent], Word::Accepted(_)))),
        Property::always(NO_LOST_INTENT, |_, state: &State| (0..INTENTS).all(|intent| is_kept(state, intent))),
        Property::always(ORDER, |_, state: &State| order_is_kept(state)),
        Property::always(NO_WEDGE, |_, state: &State| state.net.iter().all(is_answered)),
        Property::always(WHOLE_VIEW, |_, state: &State| state.clients.iter().filter(|client| !client.ended).all(|client| {
            let theirs = &state.server.rows;
            client.rows.iter().zip(theirs).all(|(mine, theirs)| *mine <= client.cursor && (*theirs == 0 || *theirs > client.cursor || mine == theirs))
        })),
        Property::always(MONOTONIC, |_, state: &State| state.clients.iter().all(|client| client.ended || client.cursor == client.high)),
        Property::always(REMOVED, |_, state: &State| state.clients.iter().all(|client| !client.ended || client.rows.iter().all(|row| *row == 0) && client.staged.is_none())),
        Property::always(SHUT_OUT, |_, state: &State| !state.server.let_in),
        Property::always(TOMBSTONES, |_, state: &State| state.clients.iter().all(|client| {
            let gone = state.server.gone[OLD];
            client.rows[OLD] == 0 || gone == 0 || gone > client.cursor
        })),
        Property::eventually(AT_REST, is_at_rest),
        Property::sometimes("a client that holds rows has to begin anew", |_, state: &State| state.clients.iter().any(|client| client.epoch == 1 && client.cursor < state.server.min_retained)),
        Property::sometimes("what is staged has to begin anew", |_, state: &State| state.clients.iter().any(|client| client.staged.is_some_and(|staged| staged.cursor < state.server.min_retained))),
        Property::sometimes("an answer is overtaken by another", |_, state: &State| state.net.iter().any(|message| matches!(message, Message::Changes(changes) if state.clients[changes.to].cursor > changes.until))),
        Property::sometimes("a child is refused with its parent", |_, state: &State| (0..INTENTS).any(|intent| state.plan[intent].wish == Wish::EditMine && matches!(state.heard[intent], Word::Refused(_)))),
        Property::sometimes("changes are read before a removal and come after it was told", |_, state: &State| state.clients[1].ended && state.net.iter().any(|message| matches!(message, Message::Changes(changes) if changes.to == 1))),
        Property::sometimes("somebody is removed with work in the outbox", |_, state: &State| state.clients[1].ended && state.outbox(1).contains(&true)),
    ]
}

/// In an outbox, or with the word that the server keeps.
fn is_kept(state: &State, intent: usize) -> bool {
    let said = state.server.receipts[intent];
    (state.recorded[intent] || said == Word::None) && (state.heard[intent] == Word::None || state.heard[intent] == said)
}

fn order_is_kept(state: &State) -> bool {
    let at = state.server.effect_at;
    let in_order = |earlier: usize, later: usize| state.plan[earlier].by != state.plan[later].by || at[later] == 0 || at[earlier] < at[later];
    let is_child_of_none = |intent: usize| state.parent(intent).is_some_and(|parent| at[intent] != 0 && at[parent] == 0);
    (0..INTENTS).all(|later| (0..later).all(|earlier| in_order(earlier, later)) && !is_child_of_none(later))
}

fn is_answered(message: &Message) -> bool {
    match message {
        Message::Receipts { asked, words, .. } => asked.iter().zip(words).all(|(asked, word)| !asked || *word != Word::None),
        _ => true,
    }
}

/// Nothing more can happen, and all is as it should be. True of no state that has a next one, so
/// that the checker's way with joins cannot lose a counterexample.
fn is_at_rest(model: &Model, state: &State) -> bool {
    let mut actions = vec![];
    let all_said = (0..INTENTS).all(|intent| state.clients[state.plan[intent].by].ended || state.recorded[intent] && state.heard[intent] != Word::None);
    let all_alike = state.clients.iter().all(|client| client.ended || client.cursor == state.server.seq && client.rows == state.server.rows);
    if all_said && all_alike && state.clients[1].ended == state.server.removed {
        model.actions(state, &mut actions);
        return actions.is_empty();
    }
    false
}
