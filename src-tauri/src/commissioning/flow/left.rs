//! What interrupted commissions left behind, for the page, until somebody dismisses them.
//!
//! They are recorded already; this is only what the technician is told.
//! Deliberately not here: how they are recorded (`recovery`).

use std::sync::{Mutex, MutexGuard, PoisonError};

use omniot_shared::ids::AttemptId;
use serde_json::Value;

use super::{draft::Draft, view::view};

struct Leftover {
    account: String,
    id: AttemptId,
    serial: Option<String>,
    view: Value,
}

/// What interrupted commissions left behind, in all accounts.
#[derive(Default)]
pub struct LeftBehind(Mutex<Vec<Leftover>>);

impl LeftBehind {
    /// An interrupted commission of `account`.
    pub fn add(&self, account: &str, draft: &Draft) {
        let mut held = self.held();
        // Found twice (two look-ups at once), it is still one.
        held.retain(|left| left.id != draft.id);
        held.push(Leftover { account: account.to_owned(), id: draft.id, serial: draft.serial.clone(), view: view(draft) });
    }

    /// Those of one account, as the page sees them.
    pub fn of(&self, account: &str) -> Vec<Value> {
        self.held().iter().filter(|left| left.account == account).map(|left| left.view.clone()).collect()
    }

    /// The technician has seen it; whether there was one.
    pub fn dismiss(&self, account: &str, id: AttemptId) -> bool {
        let mut held = self.held();
        let before = held.len();
        held.retain(|left| left.account != account || left.id != id);
        held.len() != before
    }

    /// The device of that serial is commissioned now: nothing is unfinished about it.
    pub fn settled(&self, account: &str, serial: &str) {
        self.held().retain(|left| left.account != account || left.serial.as_deref() != Some(serial));
    }

    fn held(&self) -> MutexGuard<'_, Vec<Leftover>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
