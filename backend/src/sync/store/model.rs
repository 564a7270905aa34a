//! How a device model is stored.

use omniot_shared::{
    entities::DeviceModel,
    fold::fold,
    sync::{Row, Seq, policy::Stamps},
    time::Millis,
};
use uuid::Uuid;

use super::{Stored, from_json, name_of, named, to_json, unreadable};
use crate::db::{DbError, Value};

/// A row of `device_model`.
#[derive(Debug, Clone, sqlx::FromRow)]
#[allow(missing_docs, reason = "the columns are those of the entity")]
pub struct ModelRow {
    pub id: Uuid,
    pub seq: i64,
    #[sqlx(default)]
    pub stamps: String,
    pub name: String,
    pub sku: String,
    pub min_security: String,
    pub created_at: i64,
}

impl TryFrom<ModelRow> for DeviceModel {
    type Error = DbError;
    fn try_from(row: ModelRow) -> Result<Self, DbError> {
        Ok(Self { id: row.id.into(), min_security: named(&row.min_security)?, name: row.name, sku: row.sku, created_at: Millis(row.created_at) })
    }
}

impl Stored for ModelRow {
    const TABLE: &'static str = "device_model";
    const COLUMNS: &'static [&'static str] = &["stamps", "search_text", "name", "sku", "min_security", "created_at"];

    fn values(row: &Row, stamps: &Stamps) -> Result<Vec<Value>, DbError> {
        let Row::Model(model) = row else { return Err(unreadable("not a model")) };
        Ok(vec![
            to_json(stamps)?.into(),
            fold(&format!("{} {}", model.name, model.sku)).into(),
            (&model.name).into(),
            (&model.sku).into(),
            name_of(model.min_security)?.into(),
            model.created_at.into(),
        ])
    }

    fn seq(&self) -> Seq {
        Seq(self.seq)
    }

    fn stamps(&self) -> Result<Stamps, DbError> {
        from_json(&self.stamps)
    }

    fn row(self) -> Result<Row, DbError> {
        Ok(Row::Model(self.try_into()?))
    }
}
