//! How a site is stored.

use omniot_shared::{
    entities::Site,
    fold::fold,
    sync::{Row, Seq, policy::Stamps},
    time::Millis,
};
use uuid::Uuid;

use super::{Stored, from_json, to_json, unreadable};
use crate::db::{DbError, Value};

/// A row of `site`.
#[derive(Debug, Clone, sqlx::FromRow)]
#[allow(missing_docs, reason = "the columns are those of the entity")]
pub struct SiteRow {
    pub id: Uuid,
    pub seq: i64,
    #[sqlx(default)]
    pub stamps: String,
    pub name: String,
    pub address: Option<String>,
    pub time_zone: String,
    pub note: Option<String>,
    pub created_at: i64,
}

impl From<SiteRow> for Site {
    fn from(row: SiteRow) -> Self {
        Self { id: row.id.into(), name: row.name, address: row.address, time_zone: row.time_zone, note: row.note, created_at: Millis(row.created_at) }
    }
}

impl Stored for SiteRow {
    const TABLE: &'static str = "site";
    const COLUMNS: &'static [&'static str] = &["stamps", "search_text", "name", "address", "time_zone", "note", "created_at"];

    fn values(row: &Row, stamps: &Stamps) -> Result<Vec<Value>, DbError> {
        let Row::Site(site) = row else { return Err(unreadable("not a site")) };
        let search = fold(&format!("{} {}", site.name, site.address.as_deref().unwrap_or_default()));
        Ok(vec![
            to_json(stamps)?.into(),
            search.into(),
            (&site.name).into(),
            site.address.clone().into(),
            (&site.time_zone).into(),
            site.note.clone().into(),
            site.created_at.into(),
        ])
    }

    fn seq(&self) -> Seq {
        Seq(self.seq)
    }

    fn stamps(&self) -> Result<Stamps, DbError> {
        from_json(&self.stamps)
    }

    fn row(self) -> Result<Row, DbError> {
        Ok(Row::Site(self.into()))
    }
}
