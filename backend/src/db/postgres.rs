//! The scale-out engine: one PostgreSQL database, forced row-level security.
//!
//! An *owner* role runs [`migrate`]; the server runs as an *app* role that is neither owner nor
//! superuser and cannot pass by row-level security. The tenant is set for the transaction in the
//! same round trip as its `begin`, and writers of one tenant take turns by an advisory lock.

use std::time::Duration;

use omniot_shared::ids::TenantId;
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, PgPool,
    migrate::Migrator,
    postgres::PgPoolOptions,
};

use super::{DbError, query::Tx};

static TENANT: Migrator = sqlx::migrate!("migrations/postgres/tenant");
static CONTROL: Migrator = sqlx::migrate!("migrations/postgres/control");

/// The policy on every tenant table. The sub-select is evaluated once a statement.
const POLICY: &str = "tenant_id = (select nullif(current_setting('omniot.tenant', true), ''))::uuid";

pub(super) struct Store {
    pool: PgPool,
}

impl Store {
    pub(super) async fn open(url: &str) -> Result<Self, DbError> {
        let pool = PgPoolOptions::new()
            .max_connections(20)
            .acquire_timeout(Duration::from_secs(10))
            .idle_timeout(Duration::from_secs(300))
            .connect(url)
            .await?;
        check(&pool).await?;
        Ok(Self { pool })
    }

    #[allow(clippy::disallowed_methods, reason = "this is where transactions are opened")]
    pub(super) async fn begin(&self, tenant: TenantId, write: bool) -> Result<Tx, DbError> {
        // Hexadecimal digits and hyphens only: nothing to escape.
        let id = tenant.0.hyphenated();
        let set = format!("select set_config('omniot.tenant', '{id}', true)");
        let statement = if write {
            let (key, _) = tenant.0.as_u64_pair();
            let low = tenant.0.as_u64_pair().1;
            let lock = i64::from_ne_bytes((key ^ low).to_ne_bytes());
            format!("begin; set local lock_timeout = '10s'; {set}; select pg_advisory_xact_lock({lock})")
        } else {
            format!("begin isolation level repeatable read read only; {set}")
        };
        Ok(Tx::Postgres(self.pool.begin_with(AssertSqlSafe(statement)).await?))
    }

    #[allow(clippy::disallowed_methods, reason = "this is where transactions are opened")]
    pub(super) async fn begin_control(&self, write: bool) -> Result<Tx, DbError> {
        let statement = if write { "begin" } else { "begin isolation level repeatable read read only" };
        Ok(Tx::Postgres(self.pool.begin_with(statement).await?))
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
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
    let mut merged = TENANT.migrations.to_vec();
    // One list, one table of versions: control files are numbered from 100001.
    merged.extend(CONTROL.migrations.iter().cloned().map(|mut migration| {
        migration.version += 100_000;
        migration
    }));
    Migrator::with_migrations(merged).run_direct(None, &mut owner, false).await?;
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

/// Refuses a database on which isolation cannot hold.
async fn check(pool: &PgPool) -> Result<(), DbError> {
    let refuse = |why: String| Err(DbError::Unsafe(why));
    let (role, strong): (String, bool) =
        sqlx::query_as("select rolname::text, rolsuper or rolbypassrls from pg_roles where rolname = current_user").fetch_one(pool).await?;
    if strong {
        return refuse(format!("the database role {role} is a superuser or may bypass row-level security: give the server an ordinary role (omniot migrate --app-role makes one)"));
    }
    let facts: Vec<Fact> = sqlx::query_as(FACTS).fetch_all(pool).await?;
    if facts.is_empty() {
        return refuse("the database holds no OmnIoT tables yet: run omniot migrate with its owner's address first".to_owned());
    }
    for fact in facts {
        let table = &fact.table_name;
        if fact.owned {
            return refuse(format!("the database role {role} owns the table {table}: run the server as another role than the one that migrates"));
        }
        if !fact.forced {
            return refuse(format!("row-level security is not forced on the table {table}: run omniot migrate with the owner's address"));
        }
        if fact.policies != 1 || !fact.policy_holds {
            return refuse(format!("the tenant policy on the table {table} is missing or not ours: run omniot migrate with the owner's address"));
        }
    }
    let views: Vec<(String,)> = sqlx::query_as(ESCAPES).fetch_all(pool).await?;
    if let Some((name,)) = views.first() {
        return refuse(format!("the database holds {name}, a view or a function with its owner's rights, which passes by row-level security: drop it"));
    }
    let (last,): (Option<i64>,) = sqlx::query_as("select max(version) from _sqlx_migrations where success and version < 100000").fetch_one(pool).await?;
    let wanted = TENANT.migrations.iter().map(|migration| migration.version).max();
    if last < wanted {
        return refuse("the database is older than this server: run omniot migrate with the owner's address first".to_owned());
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Fact {
    table_name: String,
    owned: bool,
    forced: bool,
    policies: i64,
    policy_holds: bool,
}

/// What the catalog says of each table with tenants' rows.
const FACTS: &str = "
    select c.relname::text as table_name,
           pg_has_role(current_user, c.relowner, 'member') as owned,
           c.relrowsecurity and c.relforcerowsecurity as forced,
           (select count(*) from pg_policy p where p.polrelid = c.oid) as policies,
           coalesce((select bool_and(pg_get_expr(p.polqual, p.polrelid) like '%tenant_id = %omniot.tenant%' and p.polqual is not null
                and pg_get_expr(p.polwithcheck, p.polrelid) = pg_get_expr(p.polqual, p.polrelid) and p.polcmd = '*')
             from pg_policy p where p.polrelid = c.oid), false) as policy_holds
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
      and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
    order by 1";

/// What would show rows past the policies: views and functions that run with their owner's rights.
const ESCAPES: &str = "
    select c.relname::text from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('v', 'm')
    union all select p.proname::text from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prosecdef";
