//! What can happen next, and what comes of it.
//!
//! Deliberately not here: what must hold (`properties`).

use super::{
    Flaw, Model, server,
    state::{Changes, Deltas, INTENTS, Message, Some3, State, Word},
};

/// One thing that happens. Messages on their way are named by their place in the net.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A person records the next intent.
    Record(usize),
    /// A client pushes its outbox and hears what became of it.
    Push(usize),
    /// A client pulls up to a checkpoint.
    Pull(usize),
    /// What was late arrives.
    Arrive(usize),
    /// The second client's person is removed.
    Remove,
    /// Tombstones are dropped.
    Compact,
    /// From now on nothing goes wrong, nobody is removed and nothing dropped.
    Calm,
    /// Something goes wrong.
    Fault(Fault),
    /// Flaw: the server commits a push whose sequences it took before.
    Commit,
}

/// What goes wrong; each is paid for. A push that is lost on its way is one that was not sent, a pull that
/// is lost one that was not begun: they cost nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A push is late; the client waits for it.
    PushLate(usize),
    /// A push is late, and the client waits no longer.
    PushGivenUp(usize),
    /// A push is carried out, and arrives once more, late.
    PushTwice(usize),
    /// A push is carried out, the answer is late.
    AnswerLate(usize),
    /// A push is carried out, the answer is lost.
    AnswerLost(usize),
    /// The answer to a pull, read now, is late; another pull may overtake it.
    PullLate(usize),
    /// A pull breaks off after the change with that sequence.
    PullCut(usize, u8),
    /// A late answer to a pull breaks off there.
    Cut(usize, u8),
    /// A client loses what it had in memory, and its connections.
    Crash(usize),
    /// Flaw: the server dies between the effects of a push and their receipts.
    DieBeforeReceipts(usize),
    /// Flaw: a client dies between the cursor of a pull and its rows.
    DieBeforeRows(usize),
    /// Flaw: the server takes sequences for a push, to be committed later.
    TakeSequences(usize),
}

impl Message {
    const fn is_awaited_push(&self, client: usize) -> bool {
        match self {
            Self::Push { by, awaited, .. } => *by == client && *awaited,
            Self::Receipts { to, .. } => *to == client,
            Self::Ended { .. } | Self::Changes(_) => false,
        }
    }

    const fn is_answer_to(&self, client: usize) -> bool {
        match self {
            Self::Push { .. } => false,
            Self::Receipts { to, .. } | Self::Ended { to } | Self::Changes(Changes { to, .. }) => *to == client,
        }
    }
}

impl State {
    fn may_record(&self, intent: usize) -> bool {
        let by = self.plan[intent].by;
        let all_before = (0..intent).all(|earlier| self.plan[earlier].by != by || self.recorded[earlier]);
        !self.recorded[intent] && !self.clients[by].ended && all_before
    }

    fn may_push(&self, client: usize) -> bool {
        let it = &self.clients[client];
        let waits = self.net.iter().chain(&self.open).any(|message| message.is_awaited_push(client));
        !it.ended && !it.stuck && !waits && self.outbox(client).contains(&true)
    }

    /// A poke told it that there is something, or its next look at the server will.
    fn may_pull(&self, client: usize) -> bool {
        let it = &self.clients[client];
        !it.ended && (it.epoch == 0 || it.cursor < self.server.seq || self.is_removed(client))
    }

    fn is_removed(&self, client: usize) -> bool {
        client == 1 && self.server.removed
    }

    /// What the server makes of a push, now.
    fn carry_out(&mut self, by: usize, intents: Some3, flaw: Option<Flaw>) -> Message {
        if self.is_removed(by) { Message::Ended { to: by } } else { server::push(self, flaw, by, intents) }
    }

    /// What the server says to a pull, now.
    fn changes(&self, client: usize) -> Message {
        if self.is_removed(client) { Message::Ended { to: client } } else { Message::Changes(server::pull(self, client, &self.clients[client])) }
    }

    fn arrive(&mut self, message: Message, flaw: Option<Flaw>) {
        match message {
            Message::Push { by, intents, awaited } => {
                let answer = self.carry_out(by, intents, flaw);
                if awaited {
                    self.arrive(answer, flaw);
                }
            }
            Message::Receipts { to, asked, words } => {
                for intent in (0..INTENTS).filter(|intent| asked[*intent]) {
                    if self.heard[intent] == Word::None {
                        self.heard[intent] = words[intent];
                        self.clients[to].stuck |= words[intent] == Word::None;
                    }
                }
            }
            Message::Ended { to } => self.clients[to].end(flaw),
            Message::Changes(changes) => self.clients[changes.to].publish(&changes, flaw),
        }
    }

    fn crash(&mut self, client: usize) {
        self.net.retain(|message| !message.is_answer_to(client));
        for message in &mut self.net {
            if let Message::Push { by, awaited, .. } = message {
                *awaited &= *by != client;
            }
        }
        self.net.sort_unstable();
    }
}

impl Model {
    fn happens_anyway(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend((0..INTENTS).filter(|intent| state.may_record(*intent)).map(Action::Record));
        actions.extend((0..2).filter(|client| state.may_push(*client)).map(Action::Push));
        actions.extend((0..2).filter(|client| state.may_pull(*client)).map(Action::Pull));
        actions.extend((0..state.net.len()).map(Action::Arrive));
        actions.extend(state.open.map(|_| Action::Commit));
        actions.extend(state.may_remove.then_some(Action::Remove));
        actions.extend(state.may_compact.then_some(Action::Compact));
        if state.faults > 0 || state.may_remove || state.may_compact {
            actions.push(Action::Calm);
        }
    }

    fn goes_wrong(&self, state: &State, faults: &mut Vec<Fault>) {
        for client in 0..2 {
            if state.may_push(client) {
                faults.extend([Fault::PushLate(client), Fault::PushGivenUp(client), Fault::PushTwice(client), Fault::AnswerLate(client), Fault::AnswerLost(client)]);
                faults.extend((self.flaw == Some(Flaw::ReceiptApart)).then_some(Fault::DieBeforeReceipts(client)));
                faults.extend((self.flaw == Some(Flaw::SequenceTakenEarly) && state.open.is_none()).then_some(Fault::TakeSequences(client)));
            }
            if state.may_pull(client) {
                faults.push(Fault::PullLate(client));
                faults.extend(places_to_cut(&state.changes(client)).map(|reached| Fault::PullCut(client, reached)));
                faults.extend((self.flaw == Some(Flaw::CursorBeforeRows)).then_some(Fault::DieBeforeRows(client)));
            }
            if state.net.iter().any(|message| message.is_answer_to(client) || message.is_awaited_push(client)) {
                faults.push(Fault::Crash(client));
            }
        }
        for (at, message) in state.net.iter().enumerate() {
            faults.extend(places_to_cut(message).map(|reached| Fault::Cut(at, reached)));
        }
    }

    fn after(&self, state: &mut State, action: Action) {
        match action {
            Action::Record(intent) => state.recorded[intent] = true,
            Action::Push(by) => state.arrive(Message::Push { by, intents: state.outbox(by), awaited: true }, self.flaw),
            Action::Pull(client) => state.arrive(state.changes(client), self.flaw),
            Action::Arrive(at) => {
                let message = state.net.remove(at);
                state.arrive(message, self.flaw);
            }
            Action::Remove => (state.may_remove, state.server.removed) = (false, true),
            Action::Compact => {
                state.may_compact = false;
                server::compact(state, self.flaw);
            }
            Action::Calm => (state.faults, state.may_remove, state.may_compact) = (0, false, false),
            Action::Commit => {
                if let Some(message) = state.open.take() {
                    state.arrive(message, self.flaw);
                    state.server.taken = state.server.seq;
                }
            }
            Action::Fault(fault) => {
                state.faults -= 1;
                self.after_fault(state, fault);
            }
        }
    }

    fn after_fault(&self, state: &mut State, fault: Fault) {
        let push = |by: usize, awaited: bool| Message::Push { by, intents: state.outbox(by), awaited };
        match fault {
            Fault::PushLate(by) => state.send(push(by, true)),
            Fault::PushGivenUp(by) => state.send(push(by, false)),
            Fault::PushTwice(by) => {
                let (once, again) = (push(by, true), push(by, false));
                state.arrive(once, self.flaw);
                state.send(again);
            }
            Fault::AnswerLate(by) => {
                let answer = state.carry_out(by, state.outbox(by), self.flaw);
                state.send(answer);
            }
            Fault::AnswerLost(by) => drop(state.carry_out(by, state.outbox(by), self.flaw)),
            Fault::PullLate(client) => state.send(state.changes(client)),
            Fault::PullCut(client, reached) => {
                if let Message::Changes(changes) = state.changes(client) {
                    state.clients[client].stage(&changes, reached, self.flaw);
                }
            }
            Fault::Cut(at, reached) => {
                if let Message::Changes(changes) = state.net.remove(at) {
                    state.clients[changes.to].stage(&changes, reached, self.flaw);
                }
            }
            Fault::Crash(client) => state.crash(client),
            Fault::DieBeforeReceipts(by) => server::effects_alone(state, by, state.outbox(by)),
            Fault::DieBeforeRows(client) => {
                if let Message::Changes(changes) = state.changes(client) {
                    state.clients[client].publish_cursor_alone(&changes);
                    state.crash(client);
                }
            }
            Fault::TakeSequences(by) => {
                let asked = state.outbox(by);
                state.open = Some(push(by, true));
                state.server.seq += u8::try_from(asked.iter().filter(|asked| **asked).count()).unwrap_or(0);
            }
        }
    }
}

fn places_to_cut(message: &Message) -> impl Iterator<Item = u8> {
    let deltas = if let Message::Changes(changes) = message { changes.deltas } else { Deltas::default() };
    deltas.into_iter().filter(|delta| *delta != 0).map(i8::unsigned_abs)
}

impl stateright::Model for Model {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        self.plans.iter().map(|plan| State::new(*plan, self.faults)).collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.happens_anyway(state, actions);
        if state.faults > 0 {
            let mut faults = vec![];
            self.goes_wrong(state, &mut faults);
            actions.extend(faults.into_iter().map(Action::Fault));
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        self.after(&mut state, action);
        Some(state)
    }

    fn properties(&self) -> Vec<stateright::Property<Self>> {
        super::properties::all()
    }
}
