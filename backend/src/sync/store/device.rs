//! How a device is stored.

use omniot_shared::{
    entities::Device,
    fold::fold,
    ids::SiteId,
    sync::{Row, Seq, policy::Stamps},
    time::Millis,
};
use uuid::Uuid;

use super::{Stored, from_json, name_of, named, narrow, to_json, unreadable};
use crate::db::{DbError, Value};

/// A row of `device`.
#[derive(Debug, Clone, sqlx::FromRow)]
#[allow(missing_docs, reason = "the columns are those of the entity")]
pub struct DeviceRow {
    pub id: Uuid,
    pub seq: i64,
    #[sqlx(default)]
    pub stamps: String,
    pub serial: String,
    pub name: String,
    pub model_id: Uuid,
    pub site_id: Option<Uuid>,
    pub note: Option<String>,
    pub state: String,
    pub firmware: Option<String>,
    pub epoch: i64,
    pub created_at: i64,
}

impl TryFrom<DeviceRow> for Device {
    type Error = DbError;
    fn try_from(row: DeviceRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id.into(),
            state: named(&row.state)?,
            epoch: narrow(row.epoch)?,
            serial: row.serial,
            name: row.name,
            model_id: row.model_id.into(),
            site_id: row.site_id.map(SiteId),
            note: row.note,
            firmware: row.firmware,
            created_at: Millis(row.created_at),
        })
    }
}

impl Stored for DeviceRow {
    const TABLE: &'static str = "device";
    const COLUMNS: &'static [&'static str] =
        &["stamps", "search_text", "serial", "name", "model_id", "site_id", "note", "state", "firmware", "epoch", "created_at"];

    fn values(row: &Row, stamps: &Stamps) -> Result<Vec<Value>, DbError> {
        let Row::Device(device) = row else { return Err(unreadable("not a device")) };
        Ok(vec![
            to_json(stamps)?.into(),
            fold(&format!("{} {}", device.name, device.serial)).into(),
            (&device.serial).into(),
            (&device.name).into(),
            device.model_id.into(),
            device.site_id.into(),
            device.note.clone().into(),
            name_of(device.state)?.into(),
            device.firmware.clone().into(),
            device.epoch.into(),
            device.created_at.into(),
        ])
    }

    fn seq(&self) -> Seq {
        Seq(self.seq)
    }

    fn stamps(&self) -> Result<Stamps, DbError> {
        from_json(&self.stamps)
    }

    fn row(self) -> Result<Row, DbError> {
        Ok(Row::Device(self.try_into()?))
    }
}
