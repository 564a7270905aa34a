//! The telemetry window: what devices measured lately, an hour of a device in one chunk.
//!
//! Heartbeats bring readings ([`record`]); a chunk grows while its hour is open and late readings are taken, and is
//! immutable once it is sealed (`omniot_shared::telemetry`). Each heartbeat that begins an hour forgets a few
//! chunks that are older than the server keeps.
//! Deliberately not here: the latest value of each reading (`commissioning`), texts (only their latest value
//! is kept), the change sequence and the streams of pokes, which telemetry never touches, and sums over days.

mod api;
mod rules;
mod store;
#[cfg(test)]
mod tests;

use omniot_shared::{ids::DeviceId, telemetry::Chunk, time::Millis};
use tower_http::compression::CompressionLayer;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use rules::Point;

use crate::{
    db::{DbError, Scope},
    http::AppState,
};

/// This feature's operations.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(api::list_device_telemetry))
        .routes(routes!(api::get_telemetry_chunk))
        .layer(CompressionLayer::new())
        .routes(routes!(api::fetch_telemetry))
}

/// How long chunks are kept, in days, unless the server is told otherwise.
pub const KEEP_DAYS: u16 = 30;

/// Keeps readings of a device, each once; those for sealed hours are left out.
///
/// # Errors
/// Whatever the store says.
pub async fn record(scope: &mut Scope, device: DeviceId, points: &[Point<'_>], now: Millis, keep_days: u16) -> Result<(), DbError> {
    for (hour, points) in rules::by_hour(points, now) {
        let known = store::content(scope, device, hour).await?;
        let is_new = known.is_none();
        let Ok(mut chunk) = known.map_or(Ok(Chunk::default()), |bytes| Chunk::decode(&bytes)) else {
            tracing::error!(device.id = %device, hour = hour.0, "a chunk of telemetry cannot be read; it is left as it is");
            continue;
        };
        // All of them: `any` would stop at the first that is new.
        let added = points.iter().filter(|point| point.add_to(&mut chunk)).count();
        if added > 0 {
            store::put(scope, device, hour, chunk.encode()).await?;
        }
        if added > 0 && is_new {
            store::forget_before(scope, rules::kept_since(now, keep_days)).await?;
        }
    }
    Ok(())
}
