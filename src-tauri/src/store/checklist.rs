//! The organization's checklist, as it was last fetched.
//!
//! Deliberately not here: fetching it (`sync::checklist`), and what is answered ([`super::checks`]).

use omniot_shared::{checklist::{CheckItem, Checklist}, time::Millis};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::StoreError;

/// The checklist in the shape of the server's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Rises with each change.
    pub version: i64,
    /// In order.
    pub items: Vec<CheckItem>,
    /// When it was last changed.
    pub updated_at: Option<Millis>,
    /// Who did.
    pub updated_by: Option<String>,
}

impl From<Kept> for Checklist {
    fn from(kept: Kept) -> Self {
        Self { version: kept.version, items: kept.items }
    }
}

/// The checklist; `None` when it was never fetched.
///
/// # Errors
/// [`StoreError`].
pub fn find(db: &Connection) -> Result<Option<Kept>, StoreError> {
    let sql = "select version, items, updated_at, updated_by from checklist";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, Option<i64>>(2)?, row.get(3)?));
    let Some((version, items, at, by)) = db.prepare_cached(sql)?.query_row([], row).optional()? else { return Ok(None) };
    Ok(Some(Kept { version, items: serde_json::from_str(&items)?, updated_at: at.map(Millis), updated_by: by }))
}

/// Keeps it over what was kept; whether it is another one.
///
/// # Errors
/// [`StoreError`].
pub fn keep(db: &Connection, kept: &Kept, now: Millis) -> Result<bool, StoreError> {
    let is_other = find(db)?.as_ref() != Some(kept);
    let sql = "insert or replace into checklist (only, version, items, updated_at, updated_by, fetched_at) values (1, ?1, ?2, ?3, ?4, ?5)";
    let values = params![kept.version, serde_json::to_string(&kept.items)?, kept.updated_at.map(|at| at.0), kept.updated_by, now.0];
    db.prepare_cached(sql)?.execute(values)?;
    Ok(is_other)
}
