//! A transaction on a pooled PostgreSQL connection, in a known state whenever it ends.
//!
//! `sqlx::Transaction` counts a transaction as open only once its `begin` was answered. One that
//! failed half-way (a lock that was not given in time), or whose caller went away meanwhile, would
//! go back to the pool open, aborted or holding a tenant's lock. Here such a connection is closed.

use std::ops::{Deref, DerefMut};

use sqlx::{PgConnection, PgPool, Postgres, SqlStr, pool::PoolConnection, postgres::PgTransactionManager};
use sqlx_core::transaction::TransactionManager as _;

/// Where a transaction stands.
enum Stage {
    /// Its `begin` was sent and not answered, or answered with an error.
    InDoubt,
    Open,
    Over,
}

/// An open transaction; dropping it without [`PgTransaction::commit`] undoes it.
pub(super) struct PgTransaction {
    connection: PoolConnection<Postgres>,
    stage: Stage,
}

impl PgTransaction {
    /// Runs `statements`, which begin a transaction, in one round trip.
    ///
    /// Connections are not asked first whether they are still there: that would be a round trip more for
    /// each transaction. One that the database has closed meanwhile shows it here, where nothing is lost
    /// yet, and the next is taken, until there are none but new ones.
    #[allow(clippy::disallowed_methods, reason = "this is where transactions are opened")]
    pub(super) async fn begin(pool: &PgPool, statements: SqlStr) -> Result<Self, sqlx::Error> {
        let mut stale = pool.options().get_max_connections();
        loop {
            let mut opening = Self { connection: pool.acquire().await?, stage: Stage::InDoubt };
            match PgTransactionManager::begin(&mut opening.connection, Some(statements.clone())).await {
                Ok(()) => {
                    opening.stage = Stage::Open;
                    return Ok(opening);
                }
                Err(error) if stale > 0 && was_closed(&error) => stale -= 1,
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) async fn commit(mut self) -> Result<(), sqlx::Error> {
        PgTransactionManager::commit(&mut self.connection).await?;
        self.stage = Stage::Over;
        Ok(())
    }
}

/// Whether the database had closed the connection, in an orderly way (`57P01` to `57P05`) or not.
fn was_closed(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P")),
        _ => false,
    }
}

impl Drop for PgTransaction {
    fn drop(&mut self) {
        match self.stage {
            Stage::InDoubt => self.connection.close_on_drop(),
            // Sent when the connection goes back to the pool, which waits for the answer.
            Stage::Open => PgTransactionManager::start_rollback(&mut self.connection),
            Stage::Over => {}
        }
    }
}

impl Deref for PgTransaction {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for PgTransaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
