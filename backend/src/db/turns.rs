//! Whose turn it is to use the store: no tenant can keep the others waiting.
//!
//! Connections are few and shared. So before one is taken, the caller takes a *turn* in its
//! tenant's line: one writer at a time, in the order in which they came, and only so many readers.
//! A snapshot that is held for as long as a client reads ([`Turn::linger`]) takes one of the few
//! places for such, or none at all. Deliberately not here: connections, and turns across processes
//! (PostgreSQL's advisory lock).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use omniot_shared::ids::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::DbError;

/// Nobody waits in line for longer than this.
const PATIENCE: Duration = Duration::from_secs(10);
/// Lines that nobody stands in are forgotten when there are more than this.
const IDLE_LANES: usize = 1024;

/// How much of a store one tenant, and all long answers, may hold at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Readers of one tenant.
    pub readers: usize,
    /// Long answers of all tenants.
    pub lingering: usize,
    /// Long answers of one tenant; fewer than its readers, so that short ones get through.
    pub tenant_lingering: usize,
}

/// The lines of all tenants.
pub(super) struct Turns {
    limits: Limits,
    lanes: Mutex<HashMap<TenantId, Arc<Lane>>>,
    lingering: Arc<Semaphore>,
}

/// The line of one tenant.
struct Lane {
    writer: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    lingering: Arc<Semaphore>,
    everybody: Arc<Semaphore>,
}

/// A place at the front; given back when dropped.
pub(super) struct Turn {
    // Keeps the line from being forgotten while somebody has a turn.
    lane: Arc<Lane>,
    _permit: OwnedSemaphorePermit,
    lingering: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
}

impl Turns {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, lanes: Mutex::default(), lingering: Arc::new(Semaphore::new(limits.lingering)) }
    }

    fn lane(&self, tenant: TenantId) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.len() > IDLE_LANES && !lanes.contains_key(&tenant) {
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        let places = |count| Arc::new(Semaphore::new(count));
        let fresh = || {
            let Limits { readers, tenant_lingering, .. } = self.limits;
            Arc::new(Lane { writer: places(1), readers: places(readers), lingering: places(tenant_lingering), everybody: self.lingering.clone() })
        };
        lanes.entry(tenant).or_insert_with(fresh).clone()
    }

    /// Waits for the tenant's writer, or for one of its readers.
    ///
    /// # Errors
    /// [`DbError::Busy`] after [`PATIENCE`].
    pub(super) async fn wait(&self, tenant: TenantId, write: bool) -> Result<Turn, DbError> {
        let lane = self.lane(tenant);
        let line = if write { &lane.writer } else { &lane.readers };
        match tokio::time::timeout(PATIENCE, line.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Turn { lane, _permit: permit, lingering: None }),
            _ => Err(DbError::Busy),
        }
    }
}

impl Turn {
    /// From now on this turn may last for as long as a client likes.
    ///
    /// # Errors
    /// [`DbError::Busy`] when there are too many such already; at once, for who waits holds a connection.
    pub(super) fn linger(&mut self) -> Result<(), DbError> {
        let place = |of: &Arc<Semaphore>| of.clone().try_acquire_owned().map_err(|_| DbError::Busy);
        if self.lingering.is_none() {
            self.lingering = Some((place(&self.lane.lingering)?, place(&self.lane.everybody)?));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(n: u128) -> TenantId {
        TenantId(uuid::Uuid::from_u128(n))
    }

    const LIMITS: Limits = Limits { readers: 2, lingering: 2, tenant_lingering: 1 };

    #[tokio::test(start_paused = true)]
    async fn one_tenant_waits_for_itself_and_the_others_do_not() {
        let turns = Turns::new(LIMITS);
        let _held = (turns.wait(tenant(1), true).await.expect("the writer"), turns.wait(tenant(1), false).await.expect("a reader"), turns.wait(tenant(1), false).await.expect("a reader"));
        assert!(matches!(turns.wait(tenant(1), true).await, Err(DbError::Busy)));
        assert!(matches!(turns.wait(tenant(1), false).await, Err(DbError::Busy)));
        turns.wait(tenant(2), true).await.expect("another tenant's writer");
        turns.wait(tenant(2), false).await.expect("another tenant's reader");
    }

    #[tokio::test]
    async fn only_so_many_linger_of_one_tenant_and_of_all() {
        let turns = Turns::new(LIMITS);
        let mut readers = Vec::new();
        for n in [1, 1, 2, 3] {
            readers.push(turns.wait(tenant(n), false).await.expect("a reader"));
        }
        let lingers: Vec<bool> = readers.iter_mut().map(|turn| turn.linger().is_ok()).collect();
        assert_eq!(lingers, [true, false, true, false], "one of a tenant, two of all");
        drop(readers);
        turns.wait(tenant(3), false).await.expect("a reader").linger().expect("a place is free again");
    }

    #[tokio::test]
    async fn lines_that_nobody_stands_in_are_forgotten() {
        let turns = Turns::new(LIMITS);
        let held = turns.wait(tenant(0), true).await.expect("the writer");
        for n in 1..3_000 {
            turns.wait(tenant(n), false).await.expect("a reader");
        }
        assert!(turns.lanes.lock().expect("no panic").len() <= IDLE_LANES + 1);
        assert!(tokio::time::timeout(Duration::from_millis(20), turns.wait(tenant(0), true)).await.is_err(), "who has a turn keeps it");
        drop(held);
    }
}
