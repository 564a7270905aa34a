//! How synchronization stands, in one honest line.
//!
//! Deliberately not here: how many changes wait (the store counts them when it is asked).

use std::sync::{Mutex, PoisonError};

use omniot_shared::time::Millis;
use serde::Serialize;

use crate::{
    events::{Event, Events},
    store::StoreError,
    transport::Trouble,
};

/// Where an account stands with its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// All that the server has is here.
    Synced,
    /// Under way.
    Syncing,
    /// The server cannot be reached.
    Offline,
    /// The session ended; local work goes on.
    NeedsSignIn,
    /// The tenant is suspended.
    Suspended,
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
    /// The last thing that went wrong, in plain words; `None` after a good round.
    pub last_error: Option<String>,
}

impl Status {
    /// Whether the server was in reach at the last attempt.
    #[must_use]
    pub const fn is_online(&self) -> bool {
        matches!(self.state, State::Synced | State::Syncing)
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
        self.change(|status| {
            status.state = State::Offline;
            status.last_error = Some(error.to_string());
        });
    }

    /// Takes note of trouble.
    pub fn trouble(&self, trouble: &Trouble) {
        self.change(|status| {
            status.state = match trouble {
                Trouble::NeedsSignIn => State::NeedsSignIn,
                Trouble::Suspended => State::Suspended,
                Trouble::Offline(_) | Trouble::Throttled(_) | Trouble::Refused { .. } => State::Offline,
            };
            status.last_error = Some(trouble.to_string());
        });
    }
}
