//! What changed, told to the open streams of one tenant in this process, after the commit.
//!
//! What other processes commit comes in through [`Bus::relay`]: on PostgreSQL from `postgres::listener`,
//! on SQLite from the server's watch. Deliberately not here: delivery guarantees. A lost event costs
//! nothing: a stream that lags reads again, and the next event carries a higher number.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use omniot_shared::ids::{PersonId, TenantId};
use tokio::sync::broadcast;
use uuid::Uuid;

/// Something committed in one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Synced entities changed; `seq` is the last sequence of the transaction.
    Changed {
        /// The tenant's sequence after the change.
        seq: i64,
        /// What changed, where it is little. It stays in this process.
        news: Option<Arc<News>>,
    },
    /// Somebody's role or session, or the tenant's status, changed: each stream checks its right to go on.
    AccessChanged,
    /// What other processes committed may have passed unheard: each stream checks its right and reads
    /// where the tenant stands. Nobody commits this; see [`Bus::doubt`].
    Missed,
}

/// All that changed between two sequences, as those who see everything are told of it.
#[derive(Debug, PartialEq, Eq)]
pub struct News {
    /// The tenant's sequence before.
    pub from: i64,
    /// Whose own rows changed, too: they are not in it, so it is of no use to that person.
    pub own_of: Option<PersonId>,
    /// The poke, as it goes out.
    pub poke: String,
}

impl Event {
    /// Synced entities changed up to `seq`; what changed has to be fetched.
    #[must_use]
    pub const fn changed(seq: i64) -> Self {
        Self::Changed { seq, news: None }
    }
}

/// How many events a slow stream may lag before it is told that it missed some.
const BACKLOG: usize = 64;

/// The events of all tenants, one channel each.
#[derive(Debug, Clone)]
pub struct Bus {
    origin: Uuid,
    channels: Arc<Mutex<Channels>>,
}

impl Default for Bus {
    fn default() -> Self {
        Self { origin: Uuid::from_u128(rand::random()), channels: Arc::default() }
    }
}

#[derive(Debug, Default)]
struct Channels {
    open: HashMap<TenantId, Channel>,
    is_over: bool,
}

/// The streams of one tenant, and the highest sequence they were told.
#[derive(Debug)]
struct Channel {
    sender: broadcast::Sender<Event>,
    told: i64,
}

impl Bus {
    /// Who speaks here, among all processes on one store: by chance, since process ids are one machine's.
    pub(super) const fn origin(&self) -> Uuid {
        self.origin
    }

    /// From now on, what commits in `tenant`.
    #[must_use]
    pub fn subscribe(&self, tenant: TenantId) -> broadcast::Receiver<Event> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if channels.is_over {
            return broadcast::channel(1).1;
        }
        channels.open.entry(tenant).or_insert_with(|| Channel { sender: broadcast::channel(BACKLOG).0, told: 0 }).sender.subscribe()
    }

    /// The tenants that somebody listens to.
    #[must_use]
    pub fn watched(&self) -> Vec<TenantId> {
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.open.iter().filter(|(_, channel)| channel.sender.receiver_count() > 0).map(|(tenant, _)| *tenant).collect()
    }

    /// Whether somebody here listens to that tenant.
    pub(super) fn is_heard(&self, tenant: TenantId) -> bool {
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.open.get(&tenant).is_some_and(|channel| channel.sender.receiver_count() > 0)
    }

    /// Ends the streams of all tenants, and those that are still to come: the server stops.
    pub fn close(&self) {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.open.clear();
        channels.is_over = true;
    }

    /// Tells what another process committed; a change that the streams know of already is not repeated.
    pub(crate) fn relay(&self, tenant: TenantId, event: Event) {
        if let Event::Changed { seq, .. } = &event {
            let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
            if channels.open.get(&tenant).is_none_or(|channel| channel.told >= *seq) {
                return;
            }
        }
        self.publish(tenant, &[event]);
    }

    /// Tells the streams of all tenants that something may have been missed.
    pub(crate) fn doubt(&self) {
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        for channel in channels.open.values() {
            let _ = channel.sender.send(Event::Missed);
        }
    }

    /// Tells the streams of `tenant`; a tenant nobody listens to costs nothing.
    pub(super) fn publish(&self, tenant: TenantId, events: &[Event]) {
        if events.is_empty() {
            return;
        }
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.open.get_mut(&tenant) {
            if channel.sender.receiver_count() == 0 {
                channels.open.remove(&tenant);
                return;
            }
            for event in events {
                if let Event::Changed { seq, .. } = event {
                    channel.told = channel.told.max(*seq);
                }
                let _ = channel.sender.send(event.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast::error::TryRecvError;

    use super::*;

    #[test]
    fn a_bus_that_is_closed_ends_the_streams_there_are_and_those_to_come() {
        let (bus, tenant) = (Bus::default(), TenantId(uuid::Uuid::nil()));
        let mut before = bus.subscribe(tenant);
        assert_eq!(before.try_recv(), Err(TryRecvError::Empty));
        bus.close();
        assert_eq!((before.try_recv(), bus.subscribe(tenant).try_recv()), (Err(TryRecvError::Closed), Err(TryRecvError::Closed)));
    }
}
