//! What changed, told to the open streams of one tenant, after the commit and in this process.
//!
//! Deliberately not here: delivery guarantees. A lost event costs nothing: a stream that lags
//! reads again, and the next event carries a higher number.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use omniot_shared::ids::TenantId;
use tokio::sync::broadcast;

/// Something committed in one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Synced entities changed; `seq` is the last sequence of the transaction.
    Changed {
        /// The tenant's sequence after the change.
        seq: i64,
    },
    /// Somebody's role or session, or the tenant's status, changed: each stream checks its right to go on.
    AccessChanged,
}

/// How many events a slow stream may lag before it is told that it missed some.
const BACKLOG: usize = 64;

/// The events of all tenants, one channel each.
#[derive(Debug, Clone, Default)]
pub struct Bus {
    channels: Arc<Mutex<HashMap<TenantId, Channel>>>,
}

/// The streams of one tenant, and the highest sequence they were told.
#[derive(Debug)]
struct Channel {
    sender: broadcast::Sender<Event>,
    told: i64,
}

impl Bus {
    /// From now on, what commits in `tenant`.
    #[must_use]
    pub fn subscribe(&self, tenant: TenantId) -> broadcast::Receiver<Event> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.entry(tenant).or_insert_with(|| Channel { sender: broadcast::channel(BACKLOG).0, told: 0 }).sender.subscribe()
    }

    /// The tenants that somebody listens to.
    #[must_use]
    pub fn watched(&self) -> Vec<TenantId> {
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.iter().filter(|(_, channel)| channel.sender.receiver_count() > 0).map(|(tenant, _)| *tenant).collect()
    }

    /// Tells what another process committed; a change that the streams know of already is not repeated.
    pub(crate) fn relay(&self, tenant: TenantId, event: Event) {
        if let Event::Changed { seq } = event {
            let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
            if channels.get(&tenant).is_none_or(|channel| channel.told >= seq) {
                return;
            }
        }
        self.publish(tenant, &[event]);
    }

    /// Tells the streams of `tenant`; a tenant nobody listens to costs nothing.
    pub(super) fn publish(&self, tenant: TenantId, events: &[Event]) {
        if events.is_empty() {
            return;
        }
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get_mut(&tenant) {
            if channel.sender.receiver_count() == 0 {
                channels.remove(&tenant);
                return;
            }
            for event in events {
                if let Event::Changed { seq } = event {
                    channel.told = channel.told.max(*seq);
                }
                let _ = channel.sender.send(*event);
            }
        }
    }
}
