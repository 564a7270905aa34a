//! How an attempt is stored: inserted once, never changed.

use omniot_shared::{
    entities::Attempt,
    sync::{Row, Seq, policy::Stamps},
    time::Millis,
};
use uuid::Uuid;

use super::{Stored, from_json, name_of, named, narrow, to_json, unreadable};
use crate::db::{DbError, Value};

/// A row of `attempt`.
#[derive(Debug, Clone, sqlx::FromRow)]
#[allow(missing_docs, reason = "the columns are those of the entity")]
pub struct AttemptRow {
    pub id: Uuid,
    pub seq: i64,
    pub device_id: Option<Uuid>,
    pub serial: Option<String>,
    pub site_id: Option<Uuid>,
    pub technician_id: Uuid,
    pub technician_name: String,
    pub client_id: Uuid,
    pub app_version: String,
    pub os: String,
    pub radio: String,
    pub protocol: Option<String>,
    pub security: Option<String>,
    pub firmware: Option<String>,
    pub identity_verified: bool,
    pub rssi: Option<i64>,
    pub mtu: Option<i64>,
    pub steps: String,
    pub grant_id: Option<Uuid>,
    pub receipt: Option<String>,
    pub epoch: Option<i64>,
    pub network_name: Option<String>,
    pub outcome: String,
    pub cause: Option<String>,
    pub started_at: i64,
    pub ended_at: i64,
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = DbError;
    fn try_from(row: AttemptRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id.into(),
            device_id: row.device_id.map(Into::into),
            serial: row.serial,
            site_id: row.site_id.map(Into::into),
            technician_id: row.technician_id.into(),
            technician_name: row.technician_name,
            client_id: row.client_id.into(),
            app_version: row.app_version,
            os: row.os,
            radio: row.radio,
            protocol: row.protocol,
            security: row.security.as_deref().map(named).transpose()?,
            firmware: row.firmware,
            identity_verified: row.identity_verified,
            rssi: row.rssi.map(narrow).transpose()?,
            mtu: row.mtu.map(narrow).transpose()?,
            steps: from_json(&row.steps)?,
            grant_id: row.grant_id.map(Into::into),
            receipt: row.receipt,
            epoch: row.epoch.map(narrow).transpose()?,
            network_name: row.network_name,
            outcome: named(&row.outcome)?,
            cause: row.cause,
            started_at: Millis(row.started_at),
            ended_at: Millis(row.ended_at),
        })
    }
}

impl Stored for AttemptRow {
    const TABLE: &'static str = "attempt";
    const APPEND_ONLY: bool = true;
    const COLUMNS: &'static [&'static str] = &[
        "device_id", "serial", "site_id", "technician_id", "technician_name", "client_id", "app_version", "os", "radio", "protocol", "security", "firmware",
        "identity_verified", "rssi", "mtu", "steps", "grant_id", "receipt", "epoch", "network_name", "outcome", "cause", "started_at", "ended_at",
    ];

    fn values(row: &Row, _: &Stamps) -> Result<Vec<Value>, DbError> {
        let Row::Attempt(attempt) = row else { return Err(unreadable("not an attempt")) };
        Ok(vec![
            attempt.device_id.into(),
            attempt.serial.clone().into(),
            attempt.site_id.into(),
            attempt.technician_id.into(),
            (&attempt.technician_name).into(),
            attempt.client_id.into(),
            (&attempt.app_version).into(),
            (&attempt.os).into(),
            (&attempt.radio).into(),
            attempt.protocol.clone().into(),
            attempt.security.map(name_of).transpose()?.into(),
            attempt.firmware.clone().into(),
            attempt.identity_verified.into(),
            attempt.rssi.into(),
            attempt.mtu.into(),
            to_json(&attempt.steps)?.into(),
            attempt.grant_id.into(),
            attempt.receipt.clone().into(),
            attempt.epoch.into(),
            attempt.network_name.clone().into(),
            name_of(attempt.outcome)?.into(),
            attempt.cause.clone().into(),
            attempt.started_at.into(),
            attempt.ended_at.into(),
        ])
    }

    fn seq(&self) -> Seq {
        Seq(self.seq)
    }

    fn stamps(&self) -> Result<Stamps, DbError> {
        Ok(Stamps::new())
    }

    fn row(self) -> Result<Row, DbError> {
        Ok(Row::Attempt(Box::new(self.try_into()?)))
    }
}
