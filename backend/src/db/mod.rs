//! The tenant scope: the only door to data.
//!
//! [`Db::read`] and [`Db::write`] open a transaction bound to one tenant ([`Scope`]). One SQL text
//! runs on both engines; `$1` is always the tenant, bound by the scope itself, and every tenant
//! table has `tenant_id` first in its primary key, foreign keys and indexes. On SQLite the
//! transaction is on the tenant's own file; on PostgreSQL forced row-level security shows it the
//! tenant's rows only. On both engines a tenant has **one writer at a time**, so a rule that reads
//! and then writes needs no lock of its own; a read scope sees one snapshot.
//!
//! Deliberately not here: pools outside this module, an ORM, SQL of the features.
//!
//! How to write a feature's store:
//!
//! ```ignore
//! #[derive(sqlx::FromRow)]
//! struct SiteRow { id: Uuid, name: String, created_at: i64 }      // uuid, bigint (i64), text, bytea (Vec<u8>), bool, json
//!
//! const FIND: &str = "select id, name, created_at from site where tenant_id = $1 and id = $2";
//!
//! pub async fn find(scope: &mut Scope, id: SiteId) -> Result<Option<SiteRow>, DbError> {
//!     scope.query(FIND).bind(id).optional().await             // also: one, all, execute
//! }
//! // nullable parameters: `.bind(None::<SiteId>)` or any Option; in SQL `cast($3 as text) is null`.
//! // after a change of synced rows: let seqs = scope.next_seq(1).await?; scope.notify(Event::changed(*seqs.end()));
//! ```
//!
//! Adding a table: `migrations/{sqlite,postgres}/tenant/000N_name.sql`, same number in both; STRICT
//! on SQLite; uuid → `blob`, bigint → `integer`, bytea → `blob`, boolean → `integer`, jsonb → `text`.
//! On PostgreSQL row-level security, its policy and the grants are put on every table with a
//! `tenant_id` by `omniot migrate` itself; a migration must not do it.

mod access;
mod bus;
mod dialect;
mod error;
pub mod postgres;
mod private;
mod query;
mod scope;
mod sqlite;
#[cfg(test)]
mod tests;
mod transaction;
mod turns;
mod value;

use std::sync::Arc;

use omniot_shared::ids::TenantId;

use query::Tx;

pub use access::TenantAccess;
pub use bus::{Bus, Event, News};
pub use error::DbError;
pub(crate) use postgres::Listener;
pub use postgres::PostgresConfig;
#[cfg(test)]
pub use query::STATEMENTS;
pub use query::{Query, Row, placeholders};
pub use scope::{Control, Scope};
pub(crate) use sqlite::Mark;
pub use sqlite::{Layout, SqliteConfig};
pub use value::Value;

enum Engine {
    Sqlite(sqlite::Store),
    Postgres(postgres::Store),
}

/// The store of a deployment: all tenants and the control rows. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    engine: Arc<Engine>,
    turns: Arc<turns::Turns>,
    bus: Bus,
}

impl Db {
    /// Opens the embedded engine, making the folder, the control file and the template as needed.
    ///
    /// # Errors
    /// When the folder cannot be written or holds a newer version's files.
    pub async fn sqlite(config: SqliteConfig) -> Result<Self, DbError> {
        Ok(Self::new(Engine::Sqlite(sqlite::Store::open(config).await?), sqlite::LIMITS))
    }

    /// Connects to PostgreSQL as the app role, and refuses where isolation cannot hold.
    ///
    /// # Errors
    /// [`DbError::Unsafe`] with one sentence, or what the connection said.
    pub async fn postgres(config: impl Into<PostgresConfig>) -> Result<Self, DbError> {
        let config = config.into();
        let limits = config.limits();
        Ok(Self::new(Engine::Postgres(postgres::Store::open(config).await?), limits))
    }

    fn new(engine: Engine, limits: turns::Limits) -> Self {
        Self { engine: Arc::new(engine), turns: Arc::new(turns::Turns::new(limits)), bus: Bus::default() }
    }

    /// The events of this store.
    #[must_use]
    pub const fn bus(&self) -> &Bus {
        &self.bus
    }

    /// A snapshot of one tenant that cannot write.
    ///
    /// # Errors
    /// [`DbError::NoSuchTenant`] (SQLite), [`DbError::Busy`], or what the store says.
    pub async fn read(&self, access: &TenantAccess) -> Result<Scope, DbError> {
        self.scope(access, false).await
    }

    /// The one writer of one tenant; waits for its turn.
    ///
    /// # Errors
    /// [`DbError::NoSuchTenant`] (SQLite), [`DbError::Busy`], or what the store says.
    pub async fn write(&self, access: &TenantAccess) -> Result<Scope, DbError> {
        self.scope(access, true).await
    }

    async fn scope(&self, access: &TenantAccess, write: bool) -> Result<Scope, DbError> {
        let tenant = access.tenant();
        let turn = self.turns.wait(tenant, write).await?;
        let tx = self.begin(tenant, write).await?;
        Ok(Scope::new(tx, tenant, self.bus.clone(), Some(turn)))
    }

    /// A snapshot out of turn, for the watch over open streams: a tenant whose readers are all taken
    /// must be cut off all the same. Its callers are few and bounded by themselves.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub(crate) async fn glance(&self, access: &TenantAccess) -> Result<Scope, DbError> {
        let tenant = access.tenant();
        Ok(Scope::new(self.begin(tenant, false).await?, tenant, self.bus.clone(), None))
    }

    /// The ear for what other processes commit; `None` on SQLite, where nobody says so and a look must tell.
    #[must_use]
    pub(crate) fn listener(&self) -> Option<Listener> {
        match &*self.engine {
            Engine::Sqlite(_) => None,
            Engine::Postgres(store) => Some(store.listener(self.bus.clone())),
        }
    }

    /// A mark that changes whenever another process writes to the tenant's file; `None` without one.
    #[must_use]
    pub(crate) fn mark(&self, tenant: TenantId) -> Option<Mark> {
        match &*self.engine {
            Engine::Sqlite(store) => store.mark(tenant),
            Engine::Postgres(_) => None,
        }
    }

    async fn begin(&self, tenant: TenantId, write: bool) -> Result<Tx, DbError> {
        match &*self.engine {
            Engine::Sqlite(store) => store.begin(tenant, write).await,
            Engine::Postgres(store) => store.begin(tenant, write).await,
        }
    }

    /// A snapshot of the control store.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn control_read(&self) -> Result<Control, DbError> {
        self.control(false).await
    }

    /// A writing transaction on the control store.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn control_write(&self) -> Result<Control, DbError> {
        self.control(true).await
    }

    async fn control(&self, write: bool) -> Result<Control, DbError> {
        // The control store is a tenant like any other here: a flood at the doors must not take all connections.
        let turn = self.turns.wait(TenantId(uuid::Uuid::nil()), false).await?;
        let tx = match &*self.engine {
            Engine::Sqlite(store) => store.begin_control(write).await,
            Engine::Postgres(store) => store.begin_control(write).await,
        }?;
        Ok(Control::new(tx, turn))
    }

    /// Whether the store can be read and written now.
    ///
    /// # Errors
    /// Why not.
    pub async fn probe(&self) -> Result<(), DbError> {
        match &*self.engine {
            Engine::Sqlite(store) => store.probe()?,
            Engine::Postgres(store) => store.probe().await?,
        }
        self.control_write().await?.query("select cast(1 as bigint)").one::<(i64,)>().await.map(drop)
    }

    /// Makes the place of a new tenant (a file on SQLite, nothing on PostgreSQL).
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn place(&self, tenant: TenantId) -> Result<(), DbError> {
        match &*self.engine {
            Engine::Sqlite(store) => store.place(tenant),
            Engine::Postgres(_) => Ok(()),
        }
    }

    /// Takes back the place of a tenant that never came to be.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub async fn unplace(&self, tenant: TenantId) -> Result<(), DbError> {
        match &*self.engine {
            Engine::Sqlite(store) => store.remove(tenant).await,
            Engine::Postgres(_) => Ok(()),
        }
    }

    /// Waits for open transactions and closes every file and connection.
    pub async fn close(&self) {
        match &*self.engine {
            Engine::Sqlite(store) => store.close().await,
            Engine::Postgres(store) => store.close().await,
        }
    }
}
