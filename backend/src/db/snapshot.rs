//! A snapshot of a SQLite file: a transaction that only reads.
//!
//! It begins together with its first statement, and ends when the connection goes back to the pool
//! ([`end`]): each of the two would otherwise be a hop of its own to the connection's thread, in
//! which SQLite does next to nothing.

use std::ops::{Deref, DerefMut};

use sqlx::{AssertSqlSafe, Sqlite, SqlSafeStr as _, SqlStr, SqliteConnection, SqlitePool, pool::PoolConnection};

/// A connection whose transaction begins with the first statement and is undone after the last.
pub(super) struct Snapshot {
    connection: PoolConnection<Sqlite>,
    has_begun: bool,
}

impl Snapshot {
    /// On a connection of a pool that ends transactions with [`end`] and cannot write.
    #[allow(clippy::disallowed_methods, reason = "this is where snapshots are opened")]
    pub(super) async fn open(pool: &SqlitePool) -> Result<Self, sqlx::Error> {
        Ok(Self { connection: pool.acquire().await?, has_begun: false })
    }

    /// The statement to run instead: the first one begins the transaction, too.
    pub(super) fn begin_with(&mut self, sql: SqlStr) -> SqlStr {
        if std::mem::replace(&mut self.has_begun, true) {
            return sql;
        }
        AssertSqlSafe(format!("begin deferred; {}", sql.as_str())).into_sql_str()
    }
}

/// Ends what a [`Snapshot`] left open, if it did; `false` where the connection is of no more use.
pub(super) async fn end(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    match sqlx::raw_sql("rollback").execute(connection).await {
        // Nothing was asked of it, so nothing was begun.
        Err(sqlx::Error::Database(error)) if error.message().contains("no transaction is active") => Ok(true),
        Err(_) => Ok(false),
        Ok(_) => Ok(true),
    }
}

impl Deref for Snapshot {
    type Target = SqliteConnection;
    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Snapshot {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}
