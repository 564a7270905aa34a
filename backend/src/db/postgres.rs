//! The scale-out engine: one PostgreSQL database, forced row-level security.
//!
//! An *owner* role runs [`migrate`]; the server runs as an *app* role that is neither owner nor
//! superuser and cannot pass by row-level security. The tenant is set for the transaction in the
//! same round trip as its `begin`, and writers of one tenant take turns by an advisory lock. Several
//! processes may serve one database: what each commits, the others hear (`tidings`, `listener`).

mod check;
mod listener;
mod tidings;

use std::{net::IpAddr, str::FromStr as _, time::Duration};

use omniot_shared::ids::TenantId;
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, PgPool, SqlSafeStr as _,
    migrate::{Migration, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};

use super::{Bus, DbError, Query, query::Tx, transaction::PgTransaction, turns::Limits};

pub(crate) use listener::Listener;
pub(super) use tidings::Tidings;

static TENANT: Migrator = sqlx::migrate!("migrations/postgres/tenant");
static CONTROL: Migrator = sqlx::migrate!("migrations/postgres/control");

/// The policy on every tenant table. The sub-select is evaluated once a statement.
const POLICY: &str = "tenant_id = (select nullif(current_setting('omniot.tenant', true), ''))::uuid";

/// Where the database is and how many connections the server may hold.
#[derive(Debug, Clone)]
pub struct PostgresConfig {
    /// The app role's URL.
    pub url: String,
    /// Connections at most; never fewer than 8.
    pub connections: u32,
    /// How long a writer waits for one of another server.
    pub patience: Duration,
}

impl PostgresConfig {
    /// With 32 connections.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), connections: 32, patience: Duration::from_secs(10) }
    }

    fn pool(&self) -> u32 {
        self.connections.max(8)
    }

    /// A quarter of the connections for the readers of one tenant, an eighth for its long answers, half for those of all.
    pub(super) fn limits(&self) -> Limits {
        let share = |part: u32| usize::try_from(self.pool() / part).unwrap_or(1);
        Limits { readers: share(4), lingering: share(2), tenant_lingering: share(8) }
    }

    /// Whether passwords and rows may cross a network in the clear with this URL.
    ///
    /// # Errors
    /// When it is no URL of a PostgreSQL.
    pub fn is_exposed(&self) -> Result<bool, DbError> {
        let options = PgConnectOptions::from_str(&self.url)?;
        let host = options.get_host();
        let near = options.get_socket().is_some() || host.starts_with('/') || host == "localhost"
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let demands = matches!(options.get_ssl_mode(), PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull);
        Ok(!near && !demands)
    }
}

impl From<&str> for PostgresConfig {
    fn from(url: &str) -> Self {
        Self::new(url)
    }
}

impl From<&String> for PostgresConfig {
    fn from(url: &String) -> Self {
        Self::new(url)
    }
}

pub(super) struct Store {
    pool: PgPool,
    patience: Duration,
}

impl Store {
    pub(super) async fn open(config: PostgresConfig) -> Result<Self, DbError> {
        let pool = PgPoolOptions::new()
            .max_connections(config.pool())
            .acquire_timeout(Duration::from_secs(10))
            .idle_timeout(Duration::from_secs(300))
            // `PgTransaction::begin` finds out, without a round trip of its own.
            .test_before_acquire(false)
            .connect(&config.url)
            .await?;
        check::check(&pool).await?;
        Ok(Self { pool, patience: config.patience })
    }

    pub(super) fn listener(&self, bus: Bus) -> Listener {
        Listener::new(PgConnectOptions::clone(&self.pool.connect_options()), bus)
    }

    pub(super) async fn begin(&self, tenant: TenantId, write: bool) -> Result<Tx, DbError> {
        // Hexadecimal digits and hyphens only: nothing to escape.
        let id = tenant.0.hyphenated();
        let set = format!("set local omniot.tenant = '{id}'");
        let statement = if write {
            let (key, _) = tenant.0.as_u64_pair();
            let low = tenant.0.as_u64_pair().1;
            let lock = i64::from_ne_bytes((key ^ low).to_ne_bytes());
            let patience = self.patience.as_millis();
            format!("begin; set local lock_timeout = {patience}; {set}; select pg_advisory_xact_lock({lock})")
        } else {
            format!("begin isolation level repeatable read read only; {set}")
        };
        Ok(Tx::Postgres(PgTransaction::begin(&self.pool, AssertSqlSafe(statement).into_sql_str()).await?))
    }

    pub(super) async fn begin_control(&self, write: bool) -> Result<Tx, DbError> {
        let statement = if write { "begin" } else { "begin isolation level repeatable read read only" };
        Ok(Tx::Postgres(PgTransaction::begin(&self.pool, statement.into_sql_str()).await?))
    }

    /// Whether this database takes writes: one that follows another, or is being moved, does not.
    pub(super) async fn probe(&self) -> Result<(), DbError> {
        const READ_ONLY: &str = "select current_setting('transaction_read_only')";
        let mut tx = self.begin_control(true).await?;
        let (read_only,): (String,) = Query::new(&mut tx, READ_ONLY.into_sql_str(), Vec::new()).one().await?;
        if read_only == "on" { Err(DbError::Unwritable("the database takes no writes".to_owned())) } else { Ok(()) }
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// One list, one table of versions: control files are numbered from 100001.
fn migrations() -> Vec<Migration> {
    let mut merged = TENANT.migrations.to_vec();
    merged.extend(CONTROL.migrations.iter().cloned().map(|mut migration| {
        migration.version += 100_000;
        migration
    }));
    merged
}

/// The role the server runs as.
#[derive(Debug, Clone)]
pub struct AppRole {
    /// Its name: lower-case letters, digits and underscores.
    pub name: String,
    /// Its password; `None` leaves it as it is.
    pub password: Option<String>,
}

/// Brings the database to this version's shape as its owner, then makes the app role, puts
/// row-level security on every tenant table and grants what the app needs. Safe to repeat.
///
/// # Errors
/// When the role name is not a plain name, or what the database says.
pub async fn migrate(owner_url: &str, role: &AppRole) -> Result<(), DbError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if role.name.is_empty() || role.name.len() > 60 || !role.name.chars().all(plain) {
        return Err(DbError::Unsafe("the app role's name may hold lower-case letters, digits and underscores only".to_owned()));
    }
    let mut owner = PgConnection::connect(owner_url).await?;
    Migrator::with_migrations(migrations()).run_direct(None, &mut owner, false).await?;
    make_role(&mut owner, role).await?;
    seal(&mut owner, &role.name).await?;
    owner.close().await?;
    Ok(())
}

async fn make_role(owner: &mut PgConnection, role: &AppRole) -> Result<(), DbError> {
    let name = &role.name;
    let (there,): (bool,) = sqlx::query_as("select exists (select from pg_roles where rolname = $1)").bind(name).fetch_one(&mut *owner).await?;
    if !there {
        let sql = format!("create role {name} login nosuperuser nobypassrls nocreatedb nocreaterole noinherit");
        owner.execute(AssertSqlSafe(sql)).await?;
    }
    if let Some(password) = &role.password {
        let quoted = password.replace('\'', "''");
        owner.execute(AssertSqlSafe(format!("alter role {name} password E'{}'", quoted.replace('\\', "\\\\")))).await?;
    }
    Ok(())
}

/// Row-level security and grants, from the catalog: no table can be forgotten.
async fn seal(owner: &mut PgConnection, role: &str) -> Result<(), DbError> {
    let tables: Vec<(String, bool)> = sqlx::query_as(TABLES).fetch_all(&mut *owner).await?;
    let mut sql = format!("grant usage on schema public to {role};");
    for (table, tenant) in tables {
        if tenant {
            sql.push_str(&format!(
                "alter table \"{table}\" enable row level security; alter table \"{table}\" force row level security;
                 drop policy if exists tenant_isolation on \"{table}\";
                 create policy tenant_isolation on \"{table}\" using ({POLICY}) with check ({POLICY});"
            ));
        }
        let grants = match table.as_str() {
            "audit" => "select, insert",
            "_sqlx_migrations" => "select",
            _ => "select, insert, update, delete",
        };
        sql.push_str(&format!("revoke all on \"{table}\" from {role}; revoke all on \"{table}\" from public; grant {grants} on \"{table}\" to {role};"));
    }
    let mut tx = owner.begin().await?;
    tx.execute(AssertSqlSafe(sql)).await?;
    tx.commit().await?;
    Ok(())
}

/// Every table, and whether it holds tenants' rows.
const TABLES: &str = "
    select c.relname::text, exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
    from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by 1";
