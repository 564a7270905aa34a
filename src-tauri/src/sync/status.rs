//! How synchronization stands, in one honest line.
//!
//! Deliberately not here: how many changes wait (the store counts them when it is asked).

use std::sync::{Mutex, PoisonError};

use omniot_shared::time::Millis;
use serde::Serialize;

use super::wishes::Hold;
use crate::{
    events::{Event, Events},
    store::StoreError,
    transport::{Trouble, Unreachable},
};

/// Where an account stands with its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// All that the server has is here.
    Synced,
    /// Under way.
    Syncing,
    /// In contact; what is done here is sent, and nothing is fetched: somebody wants it so, or is asked.
    Paused,
    /// The server cannot be reached.
    Offline,
    /// The session ended; local work goes on.
    NeedsSignIn,
    /// The tenant is suspended.
    Suspended,
    /// The person is no member of the tenant any more; nothing of it is left here but what is sealed for it.
    Ended,
    /// It cannot go on by itself; the ailment says why. Local work may go on.
    Stopped,
}

/// Why synchronization does not go on as it should: a stable code, and plain words for logs.
///
/// `disk_full`, `store_damaged`, `captive_portal`, `throttled`, `refused`, `data_mismatch`, `internal`.
/// Having no network, no session or a suspended tenant is a state of its own and no ailment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ailment {
    /// What the page branches on.
    pub code: &'static str,
    /// In plain English.
    pub detail: String,
}

/// What is known about the last rounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Where the account stands.
    pub state: State,
    /// When everything that the server had was here, by this machine's clock.
    pub synced_at: Option<Millis>,
    /// This machine's clock minus the server's.
    pub clock_skew_ms: Option<i64>,
    /// What is wrong; `None` after a good round.
    pub error: Option<Ailment>,
    /// Why nothing is fetched although the server would answer.
    pub hold: Option<Hold>,
    /// How far fetching everything has come; `None` where only what is new is fetched.
    pub progress: Option<Progress>,
    /// How many rows this person may hold, as the server last said.
    pub rows: Option<u64>,
}

/// How far fetching everything has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Progress {
    /// Rows that came, those of before a break included.
    pub received: u64,
    /// Of how many; an older server does not say.
    pub of: Option<u64>,
    /// Bytes that came for it since the app was started.
    pub bytes: u64,
}

impl Status {
    /// Whether the server was in reach at the last attempt.
    #[must_use]
    pub const fn is_online(&self) -> bool {
        matches!(self.state, State::Synced | State::Syncing | State::Paused)
    }
}

/// The status of one account, watched by whoever listens to events.
pub struct Watched {
    status: Mutex<Status>,
    events: Events,
}

impl Watched {
    /// A status nobody has asked for yet.
    #[must_use]
    pub const fn new(status: Status, events: Events) -> Self {
        Self { status: Mutex::new(status), events }
    }

    /// The status now.
    #[must_use]
    pub fn now(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes it, and tells the listeners when that made a difference.
    pub fn change(&self, change: impl FnOnce(&mut Status)) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        let before = status.clone();
        change(&mut status);
        if *status != before {
            self.events.tell(Event::Sync);
        }
    }

    /// Takes note that this machine failed: the rows are as they were.
    pub fn failed(&self, error: &StoreError) {
        let needs_a_person = matches!(error, StoreError::DiskFull | StoreError::Damaged(_) | StoreError::FromTheFuture);
        self.ails(if needs_a_person { State::Stopped } else { State::Offline }, Some(error.ailment()));
    }

    /// Takes note that replica and server do not come to the same rows.
    pub fn mismatch(&self, detail: &str) {
        self.ails(State::Stopped, Some(Ailment { code: "data_mismatch", detail: detail.to_owned() }));
    }

    /// Takes note that the person is no member any more, and that nothing is left here.
    pub fn ended(&self) {
        self.change(|status| {
            status.state = State::Ended;
            status.error = None;
            status.synced_at = None;
        });
    }

    /// Takes note of trouble.
    pub fn trouble(&self, trouble: &Trouble) {
        let state = match trouble {
            Trouble::NeedsSignIn => State::NeedsSignIn,
            Trouble::Suspended => State::Suspended,
            // What the server refuses today it refuses tomorrow, unless the fault is its own.
            Trouble::Refused { status: 400..500, .. } => State::Stopped,
            Trouble::Offline(_) | Trouble::Throttled(_) | Trouble::Refused { .. } => State::Offline,
        };
        let code = match trouble {
            Trouble::Offline(Unreachable::SomebodyElse) => Some("captive_portal"),
            Trouble::Throttled(_) => Some("throttled"),
            Trouble::Refused { .. } => Some("refused"),
            Trouble::Offline(_) | Trouble::NeedsSignIn | Trouble::Suspended => None,
        };
        self.ails(state, code.map(|code| Ailment { code, detail: trouble.to_string() }));
    }

    /// Takes note of why nothing is fetched, or that nothing is in the way any more.
    pub fn held(&self, hold: Option<Hold>) {
        self.change(|status| {
            status.hold = hold;
            if hold.is_none() && status.state == State::Paused {
                status.state = State::Syncing;
            }
        });
    }

    fn ails(&self, state: State, error: Option<Ailment>) {
        self.change(|status| {
            status.state = state;
            status.error = error;
        });
    }
}
