//! What there is: a server, two clients, and what is on its way between them.
//!
//! Deliberately not here: what happens to it (`step`, `client`, `server`).

use super::Wish;

/// Intents in all.
pub const INTENTS: usize = 3;
/// The row that was there from the beginning, and one for each intent.
pub const ROWS: usize = 1 + INTENTS;
/// The row that was there from the beginning.
pub const OLD: usize = 0;

/// For each row the sequence of its last change; 0 = there is none.
pub type Rows = [u8; ROWS];
/// For each row what changed: put at that sequence, or (negative) gone at it; 0 = nothing.
pub type Deltas = [i8; ROWS];
/// Which intents.
pub type Some3 = [bool; INTENTS];

/// An intent, known from the beginning, recorded at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Planned {
    pub by: usize,
    pub wish: Wish,
}

/// All that the clients are given to do, each one's in its order.
pub type Plan = [Planned; INTENTS];

/// What is said about an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Word {
    None,
    Accepted(u8),
    Refused(u8),
}

/// Where a client stands when it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// 0 before the first checkpoint.
    pub epoch: u8,
    pub cursor: u8,
    pub staged: Option<(u8, bool)>,
}

/// What was received towards the next checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Staged {
    pub cursor: u8,
    pub fresh: bool,
    pub deltas: Deltas,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Client {
    pub epoch: u8,
    pub cursor: u8,
    pub rows: Rows,
    pub staged: Option<Staged>,
    /// It was told that access has ended.
    pub ended: bool,
    /// A gap was answered: nothing that it can do would help.
    pub stuck: bool,
    /// For the properties: the highest cursor there ever was.
    pub high: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Server {
    pub seq: u8,
    /// The next change comes after this; with one writer the same as `seq`.
    pub taken: u8,
    pub rows: Rows,
    /// When a row went; the tombstones up to `dropped` are not there any more.
    pub gone: Rows,
    pub dropped: u8,
    pub min_retained: u8,
    pub last_n: [u8; 2],
    pub receipts: [Word; INTENTS],
    pub removed: bool,
    /// For the properties: how often each intent took effect, and when first.
    pub effects: [u8; INTENTS],
    pub effect_at: [u8; INTENTS],
    /// For the properties: somebody who was removed changed something.
    pub let_in: bool,
}

/// Something on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Message {
    /// `awaited`: somebody waits for the answer.
    Push { by: usize, intents: Some3, awaited: bool },
    Receipts { to: usize, asked: Some3, words: [Word; INTENTS] },
    Ended { to: usize },
    Changes(Changes),
}

/// The answer to a pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Changes {
    pub to: usize,
    pub asked: Place,
    pub fresh: bool,
    pub until: u8,
    pub deltas: Deltas,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub plan: Plan,
    pub recorded: Some3,
    /// What the author of each intent knows, durably.
    pub heard: [Word; INTENTS],
    pub clients: [Client; 2],
    pub server: Server,
    pub net: Vec<Message>,
    pub faults: u8,
    pub may_remove: bool,
    pub may_compact: bool,
    /// With a flaw: a push whose sequences are taken, and which is not committed.
    pub open: Option<Message>,
}

impl State {
    pub fn new(plan: Plan, faults: u8) -> Self {
        let mut rows = [0; ROWS];
        rows[OLD] = 1;
        let server = Server {
            seq: 1, taken: 1, rows, gone: [0; ROWS], dropped: 0, min_retained: 0, last_n: [0; 2], receipts: [Word::None; INTENTS],
            removed: false, effects: [0; INTENTS], effect_at: [0; INTENTS], let_in: false,
        };
        Self {
            plan, recorded: [false; INTENTS], heard: [Word::None; INTENTS], clients: [Client::default(); 2], server, net: vec![],
            faults, may_remove: true, may_compact: true, open: None,
        }
    }

    /// The number of an intent on its client: 1, 2, 3.
    pub fn number(&self, intent: usize) -> u8 {
        let by = self.plan[intent].by;
        u8::try_from(self.plan[..=intent].iter().filter(|planned| planned.by == by).count()).unwrap_or(u8::MAX)
    }

    /// The intent that made the row which this one is about, when it is one of its client's.
    pub fn parent(&self, intent: usize) -> Option<usize> {
        let Planned { by, wish } = self.plan[intent];
        if wish != Wish::EditMine {
            return None;
        }
        (0..intent).rev().find(|earlier| self.plan[*earlier].by == by && matches!(self.plan[*earlier].wish, Wish::Create | Wish::CreateBadly))
    }

    /// What a client has recorded and not heard of.
    pub fn outbox(&self, client: usize) -> Some3 {
        std::array::from_fn(|intent| self.plan[intent].by == client && self.recorded[intent] && self.heard[intent] == Word::None)
    }

    pub fn send(&mut self, message: Message) {
        self.net.push(message);
        self.net.sort_unstable();
    }
}

/// Every split of three wishes between the clients, and every sequence of wishes that makes sense.
pub fn every_plan() -> Vec<Plan> {
    const WISHES: [Wish; 5] = [Wish::Create, Wish::CreateBadly, Wish::EditMine, Wish::EditOld, Wish::EraseOld];
    let mut plans = vec![];
    for of_first in 0..=INTENTS {
        for number in 0..WISHES.len().pow(3) {
            let wishes = [number % 5, number / 5 % 5, number / 25].map(|n| WISHES[n]);
            let state = State::new(plan(of_first, wishes), 0);
            if (0..INTENTS).all(|intent| wishes[intent] != Wish::EditMine || state.parent(intent).is_some()) {
                plans.push(state.plan);
            }
        }
    }
    plans
}

/// The first so many are the first client's, the others the second's.
pub fn plan(of_first: usize, wishes: [Wish; INTENTS]) -> Plan {
    std::array::from_fn(|intent| Planned { by: usize::from(intent >= of_first), wish: wishes[intent] })
}
