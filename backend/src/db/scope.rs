//! A transaction bound to one tenant, and the control store's transaction beside it.

use std::ops::RangeInclusive;

use omniot_shared::ids::TenantId;
use sqlx::SqlSafeStr;

use super::{Bus, DbError, Event, Query, Value, postgres::Tidings, query::Tx, turns::Turn};

/// A transaction that reads, or reads and writes, one tenant's data and nothing else.
/// Dropping it without [`Scope::commit`] undoes everything and tells nobody.
pub struct Scope {
    tx: Tx,
    tenant: TenantId,
    events: Vec<Event>,
    marks: Vec<usize>,
    bus: Bus,
    // After the transaction: the next one's turn comes when this one is over.
    turn: Option<Turn>,
}

impl Scope {
    pub(super) fn new(tx: Tx, tenant: TenantId, bus: Bus, turn: Option<Turn>) -> Self {
        Self { tx, tenant, events: Vec::new(), marks: Vec::new(), bus, turn }
    }

    /// Whose data this is.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// A statement. `$1` is the tenant and is bound already.
    pub fn query(&mut self, sql: impl SqlSafeStr) -> Query<'_> {
        Query::new(&mut self.tx, sql.into_sql_str(), vec![Value::from(self.tenant)])
    }

    /// Cuts rows of `width` values each into the portions that one statement takes best.
    pub fn portions<'r, T>(&self, mut rows: &'r [T], width: usize) -> Vec<&'r [T]> {
        let mut parts = Vec::new();
        for size in self.tx.portions(rows.len(), width) {
            let (part, rest) = rows.split_at(size);
            parts.push(part);
            rows = rest;
        }
        parts
    }

    /// A statement without the tenant, for tests that tamper.
    #[cfg(test)]
    pub async fn db_raw(&mut self, sql: &'static str) {
        Query::new(&mut self.tx, sql.into_sql_str(), Vec::new()).execute().await.expect("a raw statement");
    }

    /// Takes the next `count` numbers of the tenant's sequence. Numbers of a transaction that does
    /// not commit are not used up, and commit order is sequence order (SYNC.md 1.2).
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn next_seq(&mut self, count: u32) -> Result<RangeInclusive<i64>, DbError> {
        const TAKE: &str = "update tenant_clock set seq = seq + $2 where tenant_id = $1 returning seq";
        let (last,): (i64,) = self.query(TAKE).bind(count).one().await?;
        Ok(last - i64::from(count) + 1..=last)
    }

    /// Asks for leave to hold this snapshot for as long as a client takes to read: without it, a few
    /// slow clients would hold all connections.
    ///
    /// # Errors
    /// [`DbError::Busy`] when too many do so already, in this tenant or in all.
    pub fn linger(&mut self) -> Result<(), DbError> {
        self.turn.as_mut().map_or(Ok(()), Turn::linger)
    }

    /// Whether a stream of this process would hear what is notified.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.bus.is_heard(self.tenant)
    }

    /// Remembers an event for the tenant's bus; it goes out after the commit, or not at all.
    pub fn notify(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Opens a part that can be undone alone with [`Scope::undo`] or kept with [`Scope::keep`].
    /// Parts nest.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn part(&mut self) -> Result<(), DbError> {
        self.marks.push(self.events.len());
        Query::new(&mut self.tx, "savepoint part".into_sql_str(), Vec::new()).execute().await.map(drop)
    }

    /// Keeps the innermost part.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn keep(&mut self) -> Result<(), DbError> {
        self.marks.pop();
        Query::new(&mut self.tx, "release savepoint part".into_sql_str(), Vec::new()).execute().await.map(drop)
    }

    /// Undoes the innermost part, with the events it announced.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn undo(&mut self) -> Result<(), DbError> {
        if let Some(mark) = self.marks.pop() {
            self.events.truncate(mark);
        }
        Query::new(&mut self.tx, "rollback to savepoint part".into_sql_str(), Vec::new()).execute().await?;
        Query::new(&mut self.tx, "release savepoint part".into_sql_str(), Vec::new()).execute().await.map(drop)
    }

    /// Commits, then tells the tenant's streams, here and in the other processes on a PostgreSQL.
    ///
    /// # Errors
    /// Whatever the store says; nothing has happened then.
    pub async fn commit(mut self) -> Result<(), DbError> {
        if let Some(tidings) = Tidings::of(self.bus.origin(), self.tenant, &self.events) {
            self.tx.leave_word(&tidings).await?;
        }
        self.tx.commit().await?;
        self.bus.publish(self.tenant, &self.events);
        Ok(())
    }
}

/// A transaction on the control store: which tenants there are, operators and their sessions.
pub struct Control {
    tx: Tx,
    _turn: Turn,
}

impl Control {
    pub(super) fn new(tx: Tx, turn: Turn) -> Self {
        Self { tx, _turn: turn }
    }

    /// A statement; the first [`Query::bind`] is `$1`.
    pub fn query(&mut self, sql: impl SqlSafeStr) -> Query<'_> {
        Query::new(&mut self.tx, sql.into_sql_str(), Vec::new())
    }

    /// Commits.
    ///
    /// # Errors
    /// Whatever the store says; nothing has happened then.
    pub async fn commit(self) -> Result<(), DbError> {
        self.tx.commit().await
    }
}
