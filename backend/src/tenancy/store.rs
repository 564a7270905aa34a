//! The SQL of tenants: the index in the control store and the tenant's own row.

use std::{
    num::NonZeroUsize,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use lru::LruCache;
use omniot_shared::{
    brand::{Brand, Theme},
    ids::TenantId,
    time::Millis,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::db::{Control, Db, DbError, Scope};

/// Whether a tenant is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Served.
    Active,
    /// Every session, device and stream is refused.
    Suspended,
}

impl Status {
    /// The name in the store and on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    fn named(name: &str) -> Self {
        if name == "active" { Self::Active } else { Self::Suspended }
    }
}

/// A tenant as the index knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its short name: what people type at sign-in and what a host name begins with.
    pub name: String,
    /// Its full name.
    pub display_name: String,
    /// Whether it is served. Inside a scope, the tenant's own row decides.
    pub status: Status,
    /// When it was made.
    pub created_at: Millis,
}

#[derive(sqlx::FromRow)]
struct IndexRow {
    id: Uuid,
    name: String,
    display_name: String,
    status: String,
    created_at: i64,
}

impl From<IndexRow> for Tenant {
    fn from(row: IndexRow) -> Self {
        let status = Status::named(&row.status);
        Self { id: TenantId(row.id), name: row.name, display_name: row.display_name, status, created_at: Millis(row.created_at) }
    }
}

const BY_NAME: &str = "select id, name, display_name, status, created_at from control_tenant where name = $1";
const BY_ID: &str = "select id, name, display_name, status, created_at from control_tenant where id = $1";
const LIST: &str = "
    select id, name, display_name, status, created_at from control_tenant
    where (cast($1 as text) is null or search_text like $1 escape '\\')
      and (cast($2 as text) is null or status = $2)
      and (cast($3 as text) is null or name > $3)
    order by name limit $4";
const INDEX: &str = "
    insert into control_tenant (id, name, search_text, display_name, status, template, created_at)
    values ($1, $2, $3, $4, $5, $6, $7)";
const SET_INDEX_STATUS: &str = "update control_tenant set status = $2 where id = $1";

/// The tenant of that short name, whatever its status. Matched exactly; fold what people type first.
///
/// # Errors
/// Whatever the store says.
pub async fn find_tenant(db: &Db, name: &str) -> Result<Option<Tenant>, DbError> {
    let row: Option<IndexRow> = db.control_read().await?.query(BY_NAME).bind(name).optional().await?;
    Ok(row.map(Tenant::from))
}

pub(crate) async fn by_id(control: &mut Control, id: TenantId) -> Result<Option<Tenant>, DbError> {
    let row: Option<IndexRow> = control.query(BY_ID).bind(id).optional().await?;
    Ok(row.map(Tenant::from))
}

/// What to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    pub pattern: Option<String>,
    pub status: Option<Status>,
    pub after: Option<String>,
    pub rows: i64,
}

pub(crate) async fn list(control: &mut Control, wanted: &Wanted) -> Result<Vec<Tenant>, DbError> {
    let status = wanted.status.map(Status::name);
    let rows: Vec<IndexRow> = control.query(LIST).bind(wanted.pattern.as_ref()).bind(status).bind(wanted.after.as_ref()).bind(wanted.rows).all().await?;
    Ok(rows.into_iter().map(Tenant::from).collect())
}

pub(crate) async fn index(control: &mut Control, tenant: &Tenant, template: &str) -> Result<(), DbError> {
    let search = omniot_shared::fold::fold(&format!("{} {}", tenant.name, tenant.display_name));
    let query = control.query(INDEX).bind(tenant.id).bind(&tenant.name).bind(search).bind(&tenant.display_name);
    query.bind(tenant.status.name()).bind(template).bind(tenant.created_at).execute().await.map(drop)
}

pub(crate) async fn set_index_status(control: &mut Control, id: TenantId, status: Status) -> Result<(), DbError> {
    control.query(SET_INDEX_STATUS).bind(id).bind(status.name()).execute().await.map(drop)
}

const INSERT: &str = "
    insert into tenant (tenant_id, name, display_name, status, brand, created_at) values ($1, $2, $3, $4, $5, $6)";
const INSERT_CLOCK: &str = "insert into tenant_clock (tenant_id) values ($1)";
const OWN: &str = "select name, display_name, status, brand, offline_days from tenant where tenant_id = $1";
const SET_OFFLINE_DAYS: &str = "update tenant set offline_days = $2 where tenant_id = $1";
const STANDING: &str = "select display_name, status from tenant where tenant_id = $1";
const SET_STATUS: &str = "update tenant set status = $2, status_reason = $3 where tenant_id = $1 and status <> $2";

/// The tenant's own row and clock; `brand` is a `brand.toml`.
pub(crate) async fn insert(scope: &mut Scope, tenant: &Tenant, brand: &str) -> Result<(), DbError> {
    let query = scope.query(INSERT).bind(&tenant.name).bind(&tenant.display_name).bind(tenant.status.name());
    query.bind(brand).bind(tenant.created_at).execute().await?;
    scope.query(INSERT_CLOCK).execute().await.map(drop)
}

/// The tenant's own row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Its short name.
    pub name: String,
    /// Its full name.
    pub display_name: String,
    /// Whether it is served.
    pub status: Status,
    /// Its brand, solved.
    pub brand: Theme,
    /// So many days without a word from the server, and a device shows nothing of it.
    pub offline_days: i32,
}

/// The tenant's own row, from inside its scope.
///
/// # Errors
/// [`DbError::NoSuchTenant`] on PostgreSQL when there is no such tenant; whatever the store says.
pub async fn own(scope: &mut Scope) -> Result<Own, DbError> {
    let row: Option<(String, String, String, String, i32)> = scope.query(OWN).optional().await?;
    let (name, display_name, status, brand, offline_days) = row.ok_or(DbError::NoSuchTenant(scope.tenant()))?;
    Ok(Own { name, display_name, status: Status::named(&status), brand: Theme::clone(&theme(&brand)), offline_days })
}

pub(super) async fn set_offline_days(scope: &mut Scope, days: i32) -> Result<(), DbError> {
    scope.query(SET_OFFLINE_DAYS).bind(days).execute().await.map(drop)
}

/// The tenant's full name and whether it is served, without its brand.
///
/// # Errors
/// [`DbError::NoSuchTenant`] on PostgreSQL when there is no such tenant; whatever the store says.
pub(crate) async fn standing(scope: &mut Scope) -> Result<(String, Status), DbError> {
    let row: Option<(String, String)> = scope.query(STANDING).optional().await?;
    let (display_name, status) = row.ok_or(DbError::NoSuchTenant(scope.tenant()))?;
    Ok((display_name, Status::named(&status)))
}

/// Themes that were solved, by their text: solving for contrast takes longer than all else of a request.
static SOLVED: LazyLock<Mutex<LruCache<[u8; 32], Arc<Theme>>>> = LazyLock::new(|| Mutex::new(LruCache::new(REMEMBERED)));
/// Some kilobytes each.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(512).unwrap();

/// A stored `brand.toml` as it travels, solved once.
fn theme(toml: &str) -> Arc<Theme> {
    let key = Sha256::digest(toml).into();
    let solved = || SOLVED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(theme) = solved().get(&key) {
        return theme.clone();
    }
    let theme = Arc::new(solve(toml));
    solved().put(key, theme.clone());
    theme
}

/// The product's own brand when this one does not read any more.
fn solve(toml: &str) -> Theme {
    Brand::read(toml).or_else(|error| {
        tracing::warn!(%error, "a stored brand does not read; the default is shown");
        Brand::read(super::templates::brand_file("omniot"))
    }).map(|brand| brand.theme()).unwrap_or_else(|_| unreachable!("the product's own brand reads: a test in shared shows it"))
}

/// Whether the status changed (it did not when it was that already).
pub(crate) async fn set_status(scope: &mut Scope, status: Status, reason: Option<&str>) -> Result<bool, DbError> {
    Ok(scope.query(SET_STATUS).bind(status.name()).bind(reason).execute().await? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brand_is_solved_once_and_each_text_is_its_own() {
        let (own, other) = (super::super::templates::brand_file("omniot"), "this is no brand");
        assert!(Arc::ptr_eq(&theme(own), &theme(own)), "the second time it is there");
        let changed = format!("{own}\n# changed");
        assert!(!Arc::ptr_eq(&theme(own), &theme(&changed)), "another text is solved anew");
        assert_eq!(theme(other), theme(own), "what does not read is the product's own");
    }
}
