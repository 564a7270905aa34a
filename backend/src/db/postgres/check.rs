//! What must hold in the database before the server runs on it.
//!
//! Deliberately not here: mending. `omniot migrate` does that, as the owner.

use std::collections::BTreeSet;

use sqlx::PgPool;

use super::{DbError, migrations};

/// The policy of [`super::POLICY`] as PostgreSQL prints it. Compared word for word: a policy that
/// says more than this (`… or true`) holds for nobody.
const PRINTED: &str = "(tenant_id = (( SELECT NULLIF(current_setting('omniot.tenant'::text, true), ''::text) AS \"nullif\"))::uuid)";

/// Refuses a database on which isolation cannot hold.
pub(super) async fn check(pool: &PgPool) -> Result<(), DbError> {
    let role = weak_role(pool).await?;
    let facts: Vec<Fact> = sqlx::query_as(FACTS).bind(PRINTED).fetch_all(pool).await?;
    if facts.is_empty() {
        return refuse("the database holds no OmnIoT tables yet: run omniot migrate with its owner's address first");
    }
    facts.iter().try_for_each(|fact| fact.holds(&role))?;
    let views: Vec<(String,)> = sqlx::query_as(ESCAPES).fetch_all(pool).await?;
    if let Some((name,)) = views.first() {
        return refuse(format!("the database holds {name}, a view or a function with its owner's rights, which passes by row-level security: drop it"));
    }
    same_version(pool).await
}

fn refuse<T>(why: impl Into<String>) -> Result<T, DbError> {
    Err(DbError::Unsafe(why.into()))
}

/// The role we are; refused when it, or one that it can become, stands above row-level security.
async fn weak_role(pool: &PgPool) -> Result<String, DbError> {
    let (role, strong): (String, Option<String>) = sqlx::query_as(ROLE).fetch_one(pool).await?;
    match strong {
        None => Ok(role),
        Some(strong) if strong == role => {
            refuse(format!("the database role {role} is a superuser or may bypass row-level security: give the server an ordinary role (omniot migrate --app-role makes one)"))
        }
        Some(strong) => refuse(format!("the database role {role} is a member of {strong}, a superuser or a role that may bypass row-level security: revoke that membership")),
    }
}

/// Neither older nor newer: either would write what the other does not understand.
async fn same_version(pool: &PgPool) -> Result<(), DbError> {
    let applied: Vec<(i64,)> = sqlx::query_as("select version from _sqlx_migrations where success").fetch_all(pool).await?;
    let applied: BTreeSet<i64> = applied.into_iter().map(|(version,)| version).collect();
    let wanted: BTreeSet<i64> = migrations().iter().map(|migration| migration.version).collect();
    if !applied.is_superset(&wanted) {
        return refuse("the database is older than this server: run omniot migrate with the owner's address first");
    }
    if applied != wanted {
        return refuse("the database is newer than this server: run the server that migrated it, or a later one");
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

impl Fact {
    fn holds(&self, role: &str) -> Result<(), DbError> {
        let table = &self.table_name;
        if self.owned {
            return refuse(format!("the database role {role} owns the table {table}: run the server as another role than the one that migrates"));
        }
        if !self.forced {
            return refuse(format!("row-level security is not forced on the table {table}: run omniot migrate with the owner's address"));
        }
        if self.policies != 1 || !self.policy_holds {
            return refuse(format!("the tenant policy on the table {table} is missing or not ours: run omniot migrate with the owner's address"));
        }
        Ok(())
    }
}

/// Who we are, and the strongest role that we are or can become, ourselves first.
const ROLE: &str = "
    select current_user::text,
           (select r.rolname::text from pg_roles r where (r.rolsuper or r.rolbypassrls) and pg_has_role(current_user, r.oid, 'member')
            order by r.rolname <> current_user, r.rolname limit 1)";

/// What the catalog says of each table with tenants' rows.
const FACTS: &str = "
    select c.relname::text as table_name,
           pg_has_role(current_user, c.relowner, 'member') as owned,
           c.relrowsecurity and c.relforcerowsecurity as forced,
           (select count(*) from pg_policy p where p.polrelid = c.oid) as policies,
           coalesce((select bool_and(pg_get_expr(p.polqual, p.polrelid) is not distinct from $1 and p.polpermissive
                and pg_get_expr(p.polwithcheck, p.polrelid) is not distinct from $1 and p.polcmd = '*' and p.polroles = '{0}')
             from pg_policy p where p.polrelid = c.oid), false) as policy_holds
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
      and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
    order by 1";

/// What would show rows past the policies: views and functions that run with their owner's rights.
const ESCAPES: &str = "
    select c.relname::text from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('v', 'm')
    union all select p.proname::text from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prosecdef";
