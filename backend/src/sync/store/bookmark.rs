//! How a bookmark is stored, and how all of one person's are forgotten.

use omniot_shared::{
    entities::Bookmark,
    ids::PersonId,
    sync::{Row, Seq, policy::Stamps, rows::Scope as SyncScope},
    time::Millis,
};
use uuid::Uuid;

use super::{Stored, from_json, to_json, unreadable};
use crate::db::{DbError, Scope, Value};

/// A row of `bookmark`.
#[derive(Debug, Clone, sqlx::FromRow)]
#[allow(missing_docs, reason = "the columns are those of the entity")]
pub struct BookmarkRow {
    pub id: Uuid,
    pub seq: i64,
    #[sqlx(default)]
    pub stamps: String,
    pub person_id: Uuid,
    pub device_id: Uuid,
    pub note: Option<String>,
    pub created_at: i64,
}

impl From<BookmarkRow> for Bookmark {
    fn from(row: BookmarkRow) -> Self {
        Self { id: row.id.into(), person_id: row.person_id.into(), device_id: row.device_id.into(), note: row.note, created_at: Millis(row.created_at) }
    }
}

impl Stored for BookmarkRow {
    const TABLE: &'static str = "bookmark";
    const COLUMNS: &'static [&'static str] = &["stamps", "person_id", "device_id", "note", "created_at"];

    fn values(row: &Row, stamps: &Stamps) -> Result<Vec<Value>, DbError> {
        let Row::Bookmark(bookmark) = row else { return Err(unreadable("not a bookmark")) };
        Ok(vec![to_json(stamps)?.into(), bookmark.person_id.into(), bookmark.device_id.into(), bookmark.note.clone().into(), bookmark.created_at.into()])
    }

    fn seq(&self) -> Seq {
        Seq(self.seq)
    }

    fn stamps(&self) -> Result<Stamps, DbError> {
        from_json(&self.stamps)
    }

    fn row(self) -> Result<Row, DbError> {
        Ok(Row::Bookmark(self.into()))
    }
}

const FORGET_ROWS: &str = "delete from bookmark where tenant_id = $1 and scope = $2";
const FORGET_DEPARTURES: &str = "delete from tombstone where tenant_id = $1 and scope = $2";
const FORGET_SUM: &str = "delete from sync_scope where tenant_id = $1 and scope = $2";

/// Forgets all that was one person's own. Nobody else ever saw it, so nobody is told.
///
/// # Errors
/// Whatever the store says.
pub async fn forget_own(scope: &mut Scope, person: PersonId) -> Result<(), DbError> {
    let home = SyncScope::Person(person).name();
    for sql in [FORGET_ROWS, FORGET_DEPARTURES, FORGET_SUM] {
        scope.query(sql).bind(&home).execute().await?;
    }
    Ok(())
}
