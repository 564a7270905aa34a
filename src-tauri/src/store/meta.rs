//! Single values of a replica, by name: JSON texts.
//!
//! Deliberately not here: what they mean. Each user of a value names it once, as a constant.

use rusqlite::{Connection, OptionalExtension};
use serde::{Serialize, de::DeserializeOwned};

use super::StoreError;

/// The value of that name.
///
/// # Errors
/// [`StoreError`].
pub fn get<T: DeserializeOwned>(db: &Connection, name: &str) -> Result<Option<T>, StoreError> {
    let mut statement = db.prepare_cached("select value from meta where name = ?1")?;
    let text: Option<String> = statement.query_row([name], |row| row.get(0)).optional()?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}

/// Keeps a value over the one before.
///
/// # Errors
/// [`StoreError`].
pub fn set(db: &Connection, name: &str, value: &impl Serialize) -> Result<(), StoreError> {
    let sql = "insert into meta (name, value) values (?1, ?2) on conflict (name) do update set value = excluded.value";
    db.prepare_cached(sql)?.execute([name, &serde_json::to_string(value)?])?;
    Ok(())
}

/// Forgets a value; none is fine.
///
/// # Errors
/// [`StoreError`].
pub fn forget(db: &Connection, name: &str) -> Result<(), StoreError> {
    db.prepare_cached("delete from meta where name = ?1")?.execute([name])?;
    Ok(())
}
