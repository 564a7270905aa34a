//! `/v1/devices/{id}/telemetry` for everybody, `/v1/telemetry` for the app.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_shared::{
    ids::DeviceId,
    roles::need,
    telemetry::{DEVICES_LIMIT, DeviceMark, DeviceTelemetry, PackedChunk, TelemetryChunk, TelemetryNews, WantedTelemetry, etag, stretch},
    time::Millis,
};
use serde::{Deserialize, Serialize};

use super::store;
use crate::{
    db::{DbError, Scope},
    http::{ApiError, Caller, Json, Path, Query, Reader, is_known},
};

/// An answer to an app ends behind the chunk with which it holds so many packed bytes.
const ANSWER_BYTES: usize = 64 * 1024;
/// And so many hours of one device are read for it at once.
const ANSWER_HOURS: i64 = 32;

/// Why telemetry was refused.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// There is no such device or no such hour here.
    #[error("there is nothing here")]
    NotFound,
    /// The stretch of time is none, or too long.
    #[error("no stretch of at most 48 hours")]
    Stretch,
    /// More devices than one question may name.
    #[error("too many devices")]
    TooManyDevices,
    /// The store.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<TelemetryError> for ApiError {
    fn from(error: TelemetryError) -> Self {
        match error {
            TelemetryError::NotFound => Self::not_found(),
            TelemetryError::Stretch => Self::invalid_query("`from` and `to` are at most 48 hours apart."),
            TelemetryError::TooManyDevices => Self::invalid_field("devices", "At most 64 devices at once."),
            TelemetryError::Db(error) => error.into(),
        }
    }
}

crate::respond!(TelemetryError);

/// From when to when.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Stretch {
    /// Hours that began then or later, the one that was running included; 24 hours before `to`.
    from: Option<Millis>,
    /// Hours that began before; now.
    to: Option<Millis>,
}

/// An answer that its reader may keep: with `ETag`, and 304 for who has it already.
pub struct Tagged<T> {
    body: T,
    tag: String,
    is_known: bool,
}

impl<T> Tagged<T> {
    fn new(body: T, tag: &str, asked: &HeaderMap) -> Self {
        // Weak: on its way it may be packed.
        let tag = format!("W/\"{tag}\"");
        let is_known = is_known(asked, &tag);
        Self { body, tag, is_known }
    }
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = if self.is_known { StatusCode::NOT_MODIFIED.into_response() } else { axum::Json(self.body).into_response() };
        let headers = response.headers_mut();
        // Asked for each time: the right to see it may end, however long it stays the same.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        // Who signs in next in the same browser gets nothing of what was kept.
        headers.append(header::VARY, HeaderValue::from_static("authorization, cookie"));
        if let Ok(tag) = HeaderValue::from_str(&self.tag) {
            headers.insert(header::ETAG, tag);
        }
        response
    }
}

/// List what a device measured, hour by hour
///
/// Numbers and yes/no, the first of each ten seconds. The last 24 hours unless something else is asked for.
#[utoipa::path(get, path = "/v1/devices/{id}/telemetry", operation_id = "list_device_telemetry", tag = "devices", params(("id" = DeviceId, Path), Stretch),
    responses((status = 200, body = DeviceTelemetry), (status = 304, description = "As `If-None-Match` says"), (status = 400, body = crate::http::ErrorBody), (status = 404, body = crate::http::ErrorBody)))]
pub async fn list_device_telemetry(mut caller: Caller<need::DeviceRead>, Path(id): Path<DeviceId>, Query(asked): Query<Stretch>, headers: HeaderMap) -> Result<Tagged<DeviceTelemetry>, TelemetryError> {
    let now = caller.now();
    let (from, to) = stretch(asked.from, asked.to, now).ok_or(TelemetryError::Stretch)?;
    seen(&mut caller, &[id]).await?.pop().ok_or(TelemetryError::NotFound)?;
    let rows = store::between(caller.scope(), id, from, to).await?;
    let chunks: Vec<TelemetryChunk> = rows.iter().filter_map(|(hour, content)| opened(Millis(*hour), content, now)).collect();
    let parts: Vec<String> = chunks.iter().map(|chunk| format!("{} {} {}", chunk.hour.0, chunk.etag, chunk.sealed)).collect();
    let tag = etag(format!("{} {}", from.0, parts.join(",")).as_bytes());
    Ok(Tagged::new(DeviceTelemetry { from, to, as_of: None, chunks }, &tag, &headers))
}

/// Show what a device measured in one hour
///
/// `hour` is when it began, in milliseconds. What is kept of it is asked for each time: the right to see it may have ended.
#[utoipa::path(get, path = "/v1/devices/{id}/telemetry/{hour}", operation_id = "get_telemetry_chunk", tag = "devices", params(("id" = DeviceId, Path), ("hour" = i64, Path)),
    responses((status = 200, body = TelemetryChunk), (status = 304, description = "As `If-None-Match` says"), (status = 404, body = crate::http::ErrorBody)))]
pub async fn get_telemetry_chunk(mut caller: Caller<need::DeviceRead>, Path((id, hour)): Path<(DeviceId, i64)>, headers: HeaderMap) -> Result<Tagged<TelemetryChunk>, TelemetryError> {
    seen(&mut caller, &[id]).await?.pop().ok_or(TelemetryError::NotFound)?;
    let content = store::content(caller.scope(), id, Millis(hour)).await?.ok_or(TelemetryError::NotFound)?;
    let chunk = opened(Millis(hour), &content, caller.now()).ok_or(TelemetryError::NotFound)?;
    let tag = format!("{}-{}", chunk.etag, u8::from(chunk.sealed));
    Ok(Tagged::new(chunk, &tag, &headers))
}

/// One that cannot be read is passed over, once in the log, rather than hiding all others.
fn opened(hour: Millis, content: &[u8], now: Millis) -> Option<TelemetryChunk> {
    let opened = TelemetryChunk::open(hour, content, now);
    opened.inspect_err(|error| tracing::error!(%error, hour = hour.0, "a chunk is passed over")).ok()
}

/// Fetch what an app does not hold of its devices' telemetry
///
/// Devices that are not there, or out of sight, are passed over. A mark that is higher than anything here, as after a restore, counts as none.
#[utoipa::path(post, path = "/v1/telemetry", operation_id = "fetch_telemetry", tag = "devices", request_body = WantedTelemetry,
    responses((status = 200, body = TelemetryNews), (status = 422, body = crate::http::ErrorBody)))]
pub async fn fetch_telemetry(mut caller: Reader<need::DeviceRead>, Json(wanted): Json<WantedTelemetry>) -> Result<Json<TelemetryNews>, TelemetryError> {
    if wanted.devices.len() > DEVICES_LIMIT {
        return Err(TelemetryError::TooManyDevices);
    }
    let mut news = TelemetryNews { as_of: caller.now(), more: false, chunks: Vec::new() };
    let ids: Vec<DeviceId> = wanted.devices.iter().map(|mark| mark.id).collect();
    let ids = seen(&mut caller, &ids).await?;
    let newest = store::newest(caller.scope(), &ids).await?;
    let mut left = ANSWER_BYTES;
    for mark in &wanted.devices {
        match newest.get(&mark.id) {
            Some(rev) if *rev == mark.rev => {}
            Some(rev) => {
                let mark = DeviceMark { rev: if mark.rev > *rev { 0 } else { mark.rev }, ..*mark };
                news.more = !add_news(caller.scope(), mark, wanted.from, &mut left, &mut news.chunks).await?;
            }
            None => {}
        }
        if news.more {
            break;
        }
    }
    Ok(Json(news))
}

/// Those of these devices that the person sees.
async fn seen(caller: &mut Caller<need::DeviceRead>, devices: &[DeviceId]) -> Result<Vec<DeviceId>, DbError> {
    let places = store::places(caller.scope(), devices).await?;
    Ok(places.into_iter().filter(|(_, site)| caller.sees(*site)).map(|(device, _)| device).collect())
}

/// Adds what is new of one device; `false` when there is no room for more.
async fn add_news(scope: &mut Scope, mark: DeviceMark, from: Millis, left: &mut usize, chunks: &mut Vec<PackedChunk>) -> Result<bool, DbError> {
    let hours = store::since(scope, mark.id, mark.rev, from, ANSWER_HOURS + 1).await?;
    for (kept, place) in hours.into_iter().zip(0..) {
        if *left == 0 || place == ANSWER_HOURS {
            return Ok(false);
        }
        *left = left.saturating_sub(kept.content.len());
        chunks.push(PackedChunk { device_id: mark.id, hour: Millis(kept.hour), rev: kept.rev, content: STANDARD.encode(&kept.content) });
    }
    Ok(true)
}
