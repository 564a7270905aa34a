//! The SQL of checklists.

use omniot_shared::{checklist::CheckItem, ids::PersonId, time::Millis};

use crate::db::{DbError, Scope};

const FIND: &str = "select version, items, updated_at, updated_by_name from checklist where tenant_id = $1";
const PUT: &str = "
    insert into checklist (tenant_id, version, items, updated_at, updated_by, updated_by_name)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (tenant_id) do update set version = excluded.version, items = excluded.items,
      updated_at = excluded.updated_at, updated_by = excluded.updated_by, updated_by_name = excluded.updated_by_name";

/// The checklist of a tenant.
#[derive(Debug)]
pub struct Kept {
    /// Rises with each change.
    pub version: i64,
    /// In order.
    pub items: Vec<CheckItem>,
    /// When it was last changed.
    pub updated_at: Millis,
    /// The name of who did, as it was then.
    pub updated_by_name: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    version: i64,
    items: String,
    updated_at: i64,
    updated_by_name: String,
}

fn unreadable(error: serde_json::Error) -> DbError {
    sqlx::Error::Decode(error.into()).into()
}

/// The checklist; `None` while nobody has made one.
pub async fn find(scope: &mut Scope) -> Result<Option<Kept>, DbError> {
    let Some(row) = scope.query(FIND).optional::<Row>().await? else { return Ok(None) };
    let items = serde_json::from_str(&row.items).map_err(unreadable)?;
    Ok(Some(Kept { version: row.version, items, updated_at: Millis(row.updated_at), updated_by_name: row.updated_by_name }))
}

/// Keeps it over what stood.
pub async fn put(scope: &mut Scope, kept: &Kept, by: PersonId) -> Result<(), DbError> {
    let items = serde_json::to_string(&kept.items).map_err(unreadable)?;
    scope.query(PUT).bind(kept.version).bind(items).bind(kept.updated_at).bind(by).bind(&kept.updated_by_name).execute().await?;
    Ok(())
}
