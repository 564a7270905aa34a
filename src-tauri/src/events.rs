//! What the app tells its listeners: that something changed, never what it is now.
//!
//! Deliberately not here: contents. A listener that missed events reads everything again.
//! To add one: a variant, and a line in docs/ARCHITECTURE.md.

use serde::Serialize;
use tokio::sync::broadcast;

/// One event on the channel `omniot`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The state of synchronization changed (`GET /app/sync`).
    Sync,
    /// Accounts came, went or another is active (`GET /app/accounts`).
    Accounts,
    /// Rows of an entity changed: `site`, `model`, `device` or `attempt` (also its files); or the `checklist` did.
    Data {
        /// Which entity.
        entity: &'static str,
    },
    /// The list of nearby devices changed (`GET /app/radio/nearby`).
    Nearby,
    /// The current commission changed (`GET /app/commissions/current`).
    Commission,
    /// Somebody wants to close the window; the page says when.
    Close,
    /// The operating system handed us a deep link.
    Link {
        /// As it came.
        url: String,
    },
}

/// The sending end, cheap to clone. Sending never waits and never fails.
#[derive(Debug, Clone)]
pub struct Events(broadcast::Sender<Event>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::channel(256).0)
    }
}

impl Events {
    /// Tells all listeners; nobody listening is fine.
    pub fn tell(&self, event: Event) {
        let _ = self.0.send(event);
    }

    /// A new listener, from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }
}
