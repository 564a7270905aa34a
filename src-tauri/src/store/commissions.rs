//! Commissions that have begun and not ended, so that a crash leaves a trace.
//!
//! Deliberately not here: what they contain (the flow engine's JSON, without secrets).

use omniot_shared::ids::AttemptId;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::StoreError;

/// Keeps the state of a commission over the one before.
///
/// # Errors
/// [`StoreError`].
pub fn save(db: &Connection, id: AttemptId, json: &str) -> Result<(), StoreError> {
    let sql = "insert into commission (id, whole) values (?1, ?2) on conflict (id) do update set whole = excluded.whole";
    db.prepare_cached(sql)?.execute(params![id.0.as_bytes(), json])?;
    Ok(())
}

/// All of them, oldest first (their ids carry the time).
///
/// # Errors
/// [`StoreError`].
pub fn all(db: &Connection) -> Result<Vec<(AttemptId, String)>, StoreError> {
    let mut statement = db.prepare_cached("select id, whole from commission order by id")?;
    let found = statement.query_map([], |row| Ok((AttemptId(Uuid::from_bytes(row.get(0)?)), row.get(1)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Forgets one; none is fine.
///
/// # Errors
/// [`StoreError`].
pub fn forget(db: &Connection, id: AttemptId) -> Result<(), StoreError> {
    db.prepare_cached("delete from commission where id = ?1")?.execute([id.0.as_bytes()])?;
    Ok(())
}
