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
    channels: Arc<Mutex<HashMap<TenantId, broadcast::Sender<Event>>>>,
}

impl Bus {
    /// From now on, what commits in `tenant`.
    #[must_use]
    pub fn subscribe(&self, tenant: TenantId) -> broadcast::Receiver<Event> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.entry(tenant).or_insert_with(|| broadcast::channel(BACKLOG).0).subscribe()
    }

    /// Tells the streams of `tenant`; a tenant nobody listens to costs nothing.
    pub(super) fn publish(&self, tenant: TenantId, events: &[Event]) {
        if events.is_empty() {
            return;
        }
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(&tenant) {
            if channel.receiver_count() == 0 {
                channels.remove(&tenant);
                return;
            }
            for event in events {
                let _ = channel.send(*event);
            }
        }
    }
}
