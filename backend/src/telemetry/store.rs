//! The SQL of chunks.

use std::collections::HashMap;

use omniot_shared::{ids::{DeviceId, SiteId}, time::Millis};
use uuid::Uuid;

use crate::db::{DbError, Scope, Value};

/// So many chunks that are too old go at once: more than one write begins, so that they do not pile up.
const FORGET_AT_ONCE: i64 = 8;

const CONTENT: &str = "select content from telemetry_chunk where tenant_id = $1 and device_id = $2 and hour = $3";
const PUT: &str = "
    insert into telemetry_chunk (tenant_id, device_id, hour, rev, content)
    select $1, $2, $3, coalesce(max(c.rev), 0) + 1, $4 from telemetry_chunk c where c.tenant_id = $1 and c.device_id = $2
    on conflict (tenant_id, device_id, hour) do update set rev = excluded.rev, content = excluded.content";
const FORGET: &str = "
    delete from telemetry_chunk where tenant_id = $1 and (device_id, hour) in (
        select c.device_id, c.hour from telemetry_chunk c where c.tenant_id = $1 and c.hour < $2 order by c.hour limit $3)";
const BETWEEN: &str = "
    select hour, content from telemetry_chunk
    where tenant_id = $1 and device_id = $2 and hour >= $3 and hour < $4 order by hour";
const SINCE: &str = "
    select hour, rev, content from telemetry_chunk
    where tenant_id = $1 and device_id = $2 and rev > $3 and hour >= $4 order by rev limit $5";

/// A chunk as it is kept.
#[derive(Debug, sqlx::FromRow)]
pub struct Kept {
    /// When the hour began.
    pub hour: i64,
    /// Its place among the changes of the device's chunks.
    pub rev: i64,
    /// Its bytes.
    pub content: Vec<u8>,
}

const PLACES: &str = "select id, site_id from device where tenant_id = $1 and id = any($2)";
const NEWEST: &str = "select device_id, max(rev) from telemetry_chunk where tenant_id = $1 and device_id = any($2) group by device_id";

/// Where these devices stand; those that are not there are left out.
pub async fn places(scope: &mut Scope, devices: &[DeviceId]) -> Result<HashMap<DeviceId, Option<SiteId>>, DbError> {
    let rows: Vec<(Uuid, Option<Uuid>)> = scope.query(PLACES).bind(Value::ids(devices.iter().copied())).all().await?;
    Ok(rows.into_iter().map(|(device, site)| (DeviceId(device), site.map(SiteId))).collect())
}

/// The bytes of one hour.
pub async fn content(scope: &mut Scope, device: DeviceId, hour: Millis) -> Result<Option<Vec<u8>>, DbError> {
    let row: Option<(Vec<u8>,)> = scope.query(CONTENT).bind(device).bind(hour).optional().await?;
    Ok(row.map(|(content,)| content))
}

/// Keeps one hour over what stands there, with the device's next `rev`.
pub async fn put(scope: &mut Scope, device: DeviceId, hour: Millis, content: Vec<u8>) -> Result<(), DbError> {
    scope.query(PUT).bind(device).bind(hour).bind(content).execute().await.map(drop)
}

/// Forgets some of the oldest chunks of the tenant that began before `at`.
pub async fn forget_before(scope: &mut Scope, at: Millis) -> Result<(), DbError> {
    scope.query(FORGET).bind(at).bind(FORGET_AT_ONCE).execute().await.map(drop)
}

/// The hours of a device that began in `[from, to)`, oldest first.
pub async fn between(scope: &mut Scope, device: DeviceId, from: Millis, to: Millis) -> Result<Vec<(i64, Vec<u8>)>, DbError> {
    scope.query(BETWEEN).bind(device).bind(from).bind(to).all().await
}

/// At most `rows` hours of a device that changed after `rev`, in the order in which they did.
pub async fn since(scope: &mut Scope, device: DeviceId, rev: i64, from: Millis, rows: i64) -> Result<Vec<Kept>, DbError> {
    scope.query(SINCE).bind(device).bind(rev).bind(from).bind(rows).all().await
}

/// The highest `rev` of each of these devices that has chunks.
pub async fn newest(scope: &mut Scope, devices: &[DeviceId]) -> Result<HashMap<DeviceId, i64>, DbError> {
    let rows: Vec<(Uuid, i64)> = scope.query(NEWEST).bind(Value::ids(devices.iter().copied())).all().await?;
    Ok(rows.into_iter().map(|(device, rev)| (DeviceId(device), rev)).collect())
}
