//! `GET /v1/devices/{id}/telemetry…`: from the server when it answers in time, else what was fetched before.
//!
//! What comes from here says how old it is (`as_of`). Nothing fetched is not the same as nothing measured: then
//! the answer is `offline`. Deliberately not here: fetching (`sync::telemetry`).

use std::{collections::BTreeMap, time::Duration};

use omniot_shared::{
    ids::DeviceId,
    sync::{RowKey, Table},
    telemetry::{DeviceTelemetry, MetricKind, TelemetryChunk, WINDOW_MS, stretch},
    time::Millis,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Reply, path::Path, proxy};
use crate::{
    accounts::Account,
    store::{StoreError, on_worker, rows, window},
    transport::{Trouble, Unreachable},
};

/// How long the server may take before what is here is shown.
const PATIENCE: Duration = Duration::from_secs(2);

/// `GET /v1/devices/{id}/telemetry`.
pub async fn day(account: &Account, id: DeviceId, path: &Path) -> Result<Reply, Reply> {
    path.query().knows(&["from", "to"])?;
    let now = account.server_now();
    let (from, to) = (path.query().value("from")?.map(Millis), path.query().value("to")?.map(Millis));
    let (from, to) = stretch(from, to, now).ok_or_else(|| Reply::error(400, "invalid_query", "from and to are at most 48 hours apart"))?;
    look_at(account, id, now).await?;
    if let Some(reply) = server(account, path).await {
        return Ok(reply);
    }
    let (as_of, chunks) = held(account, id, from, to, now).await?;
    Ok(Reply::ok(DeviceTelemetry { from, to, as_of: Some(as_of), chunks }))
}

/// `GET /v1/devices/{id}/telemetry/{hour}`.
pub async fn hour(account: &Account, id: DeviceId, hour: &str, path: &Path) -> Result<Reply, Reply> {
    let hour = Millis(hour.parse().map_err(|_| Reply::not_found())?);
    let now = account.server_now();
    look_at(account, id, now).await?;
    if let Some(reply) = server(account, path).await {
        return Ok(reply);
    }
    let (_, mut chunks) = held(account, id, hour, hour.plus(1), now).await?;
    chunks.pop().map(Reply::ok).ok_or_else(Reply::not_found)
}

/// The last reading of each metric in what was fetched of the last day, as the server shows latest readings.
pub async fn latest(account: &Account, id: DeviceId) -> Vec<Value> {
    let now = account.server_now();
    let held = held(account, id, now.plus(-WINDOW_MS), now, now).await;
    let mut latest = BTreeMap::new();
    for chunk in held.map(|(_, chunks)| chunks).unwrap_or_default() {
        for metric in chunk.metrics {
            if let (Some(second), Some(value)) = (metric.at.last(), metric.values.last()) {
                let value = if metric.kind == MetricKind::Flag { json!(*value == 1.0) } else { json!(value) };
                let at = chunk.hour.plus(i64::from(*second) * 1000);
                latest.insert(metric.key.clone(), json!({"key": metric.key, "value": value, "at": at}));
            }
        }
    }
    latest.into_values().collect()
}

/// That the device is here, and that somebody cares about it. Where that cannot be noted, nothing is lost.
async fn look_at(account: &Account, id: DeviceId, now: Millis) -> Result<(), Reply> {
    let is_here = on_worker(&account.store, move |store| {
        let is_here = store.read(|db| rows::seq(db, RowKey { table: Table::Device, id: id.0 }))?.is_some();
        if is_here && let Err(error) = store.window.write(|db| window::viewed(db, id, now)) {
            tracing::debug!(%error, "that a device was looked at is not noted");
        }
        Ok(is_here)
    });
    let is_here = is_here.await.map_err(|error| error.reply())?;
    if is_here { Ok(()) } else { Err(Reply::not_found()) }
}

/// What the server says, when it is there.
pub(super) async fn server(account: &Account, path: &Path) -> Option<Reply> {
    if !account.status.now().is_online() {
        return None;
    }
    let whole = path.whole();
    let asked = proxy::ask_as(account, Method::GET, &whole, None);
    let reply = tokio::time::timeout(PATIENCE, asked).await.ok()?.ok()?;
    // What is its own trouble is no reason to show nothing.
    (reply.status < 500 && reply.status != 429).then_some(reply)
}

/// What was fetched of `[from, to)`, and when that was.
async fn held(account: &Account, id: DeviceId, from: Millis, to: Millis, now: Millis) -> Result<(Millis, Vec<TelemetryChunk>), Reply> {
    let held = on_worker(&account.store, move |store| store.window.read(|db| window::between(db, id, from, to))).await;
    let held = held.unwrap_or_else(|error: StoreError| {
        tracing::warn!(%error, "what devices measured cannot be read");
        None
    });
    let (as_of, hours) = held.ok_or_else(|| Trouble::Offline(Unreachable::NoConnection).reply())?;
    Ok((as_of, hours.iter().filter_map(|(hour, content)| TelemetryChunk::open(*hour, content, now).ok()).collect()))
}
