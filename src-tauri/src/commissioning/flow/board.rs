//! The state of one commission, shared between the work and the page.

use std::sync::{Mutex, PoisonError};

use omniot_shared::label::Pop;
use serde_json::Value;

use super::{draft::Draft, secrets::Network, view::view};
use crate::events::{Event, Events};

/// What the technician decides.
pub enum Command {
    /// The proof of possession.
    Pop(Pop),
    /// The network to join.
    Network(Network),
    /// Whether the right device blinks.
    Confirm(Confirmation),
    /// Try again, or scan again.
    Retry,
}

/// Whether the right device blinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// Yes.
    Right,
    /// No.
    Wrong,
}

/// The state of one commission.
pub struct Board {
    draft: Mutex<Draft>,
    events: Events,
}

impl Board {
    /// Of a commission that begins.
    pub fn new(draft: Draft, events: Events) -> Self {
        Self { draft: Mutex::new(draft), events }
    }

    /// Looks.
    pub fn read<T>(&self, look: impl FnOnce(&Draft) -> T) -> T {
        look(&self.draft.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes it and tells the page.
    pub fn change<T>(&self, change: impl FnOnce(&mut Draft) -> T) -> T {
        let changed = change(&mut self.draft.lock().unwrap_or_else(PoisonError::into_inner));
        self.events.tell(Event::Commission);
        changed
    }

    /// As the page sees it.
    pub fn view(&self) -> Value {
        self.read(view)
    }
}
