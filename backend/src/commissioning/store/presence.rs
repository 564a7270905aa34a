//! When a device was last in contact, and its latest readings.

use std::collections::BTreeMap;

use omniot_shared::{ids::DeviceId, time::Millis};
use serde::{Deserialize, Serialize};

use crate::db::{DbError, Scope};

const SEEN: &str = "
    select b.last_seen_at, (select count(*) from attempt a where a.tenant_id = $1 and a.grant_id = b.grant_id) as records
    from device_binding b where b.tenant_id = $1 and b.device_id = $2";
const READINGS: &str = "select key, value, at from device_reading where tenant_id = $1 and device_id = $2 order by key";
const COUNT: &str = "select count(*) from device_reading where tenant_id = $1 and device_id = $2";
const HAS: &str = "select count(*) from device_reading where tenant_id = $1 and device_id = $2 and key = $3";
const PUT: &str = "
    insert into device_reading (tenant_id, device_id, key, value, at) values ($1, $2, $3, $4, $5)
    on conflict (tenant_id, device_id, key) do update set value = excluded.value, at = excluded.at
    where device_reading.at <= excluded.at";

/// The most different keys of one device.
pub const KEYS_LIMIT: i64 = 64;

/// A value that a device measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum ReadingValue {
    /// Yes or no.
    Flag(bool),
    /// A finite number.
    Number(f64),
    /// At most 120 characters.
    Text(String),
}

/// The latest value of one key.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Reading {
    /// What it is.
    pub value: ReadingValue,
    /// When it was measured, by the server's clock as near as is known.
    pub at: Millis,
}

/// How a device stands with the backend; all empty before its first contact.
#[derive(Debug, Clone, PartialEq, Default, Serialize, utoipa::ToSchema)]
pub struct Presence {
    /// When it was last in contact.
    pub last_seen_at: Option<Millis>,
    /// The device reported itself, the technician's record has not arrived yet.
    pub record_pending: bool,
    /// Latest values.
    pub readings: BTreeMap<String, Reading>,
}

/// How a device stands with the backend.
///
/// # Errors
/// Whatever the store says.
pub async fn presence(scope: &mut Scope, device: DeviceId) -> Result<Presence, DbError> {
    let seen: Option<(i64, i64)> = scope.query(SEEN).bind(device).optional().await?;
    let Some((last_seen_at, records)) = seen else { return Ok(Presence::default()) };
    let rows: Vec<(String, String, i64)> = scope.query(READINGS).bind(device).all().await?;
    let readings = rows.into_iter().filter_map(|(key, value, at)| Some((key, Reading { value: serde_json::from_str(&value).ok()?, at: Millis(at) })));
    Ok(Presence { last_seen_at: Some(Millis(last_seen_at)), record_pending: records == 0, readings: readings.collect() })
}

/// Keeps a value unless a newer one is there; `false` when the device has too many keys.
///
/// # Errors
/// Whatever the store says.
pub async fn keep(scope: &mut Scope, device: DeviceId, key: &str, value: &ReadingValue, at: Millis) -> Result<bool, DbError> {
    let (known,): (i64,) = scope.query(HAS).bind(device).bind(key).one().await?;
    let (all,): (i64,) = scope.query(COUNT).bind(device).one().await?;
    if known == 0 && all >= KEYS_LIMIT {
        return Ok(false);
    }
    let text = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
    scope.query(PUT).bind(device).bind(key).bind(text).bind(at).execute().await?;
    Ok(true)
}
