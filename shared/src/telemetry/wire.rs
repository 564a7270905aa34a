//! Chunks on the wire: readable columns for everybody, packed bytes for the app.

use serde::{Deserialize, Serialize};

use super::{Chunk, STEP_MS, Unreadable, chunk::etag, is_sealed};
use crate::{ids::DeviceId, time::Millis};

/// What a device measured in a stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeviceTelemetry {
    /// The beginning of the first hour that was looked at.
    pub from: Millis,
    /// Where the stretch ends.
    pub to: Millis,
    /// Only from the app, when the server was not asked: when the server last said so. `null` is now.
    pub as_of: Option<Millis>,
    /// The hours in which something was measured, oldest first.
    pub chunks: Vec<TelemetryChunk>,
}

/// One hour of a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TelemetryChunk {
    /// When it began.
    pub hour: Millis,
    /// Nothing is added to it any more.
    pub sealed: bool,
    /// Names its content; another content has another one.
    pub etag: String,
    /// What it takes in the store.
    pub bytes: u32,
    /// By name.
    pub metrics: Vec<TelemetryMetric>,
}

/// What values a metric has in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricKind {
    /// Numbers.
    Number,
    /// Yes and no, as 1 and 0.
    Flag,
}

/// The readings of one metric in an hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TelemetryMetric {
    /// What is measured, e.g. `temperature_c`.
    pub key: String,
    /// What its values are.
    pub kind: MetricKind,
    /// When, in seconds after the hour began, rising; multiples of ten.
    pub at: Vec<u16>,
    /// One for each moment.
    pub values: Vec<f64>,
}

impl TelemetryChunk {
    /// A chunk as everybody may read it.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn open(hour: Millis, content: &[u8], now: Millis) -> Result<Self, Unreadable> {
        let step = u16::try_from(STEP_MS / 1000).map_err(|_| Unreadable)?;
        let chunk = Chunk::decode(content)?;
        let metrics = chunk.columns().map(|(key, column)| TelemetryMetric {
            key: key.to_owned(),
            kind: if column.is_flag() { MetricKind::Flag } else { MetricKind::Number },
            at: column.steps().iter().map(|at| at * step).collect(),
            values: column.values().to_vec(),
        });
        let bytes = u32::try_from(content.len()).unwrap_or(u32::MAX);
        Ok(Self { hour, sealed: is_sealed(hour, now), etag: etag(content), bytes, metrics: metrics.collect() })
    }
}

/// What an app asks for: everything of these devices that it does not hold yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedTelemetry {
    /// Only hours that began then or later.
    pub from: Millis,
    /// At most 64; what comes first matters most.
    pub devices: Vec<DeviceMark>,
}

/// How much of a device somebody holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceMark {
    /// The device.
    pub id: DeviceId,
    /// The highest `rev` received of it; 0 for none.
    pub rev: i64,
}

/// What an app did not hold yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TelemetryNews {
    /// By the server's clock.
    pub as_of: Millis,
    /// There was more than one answer holds: ask again with the new marks.
    pub more: bool,
    /// In the order of the devices that were asked for, and of `rev` within one.
    pub chunks: Vec<PackedChunk>,
}

/// A chunk in few bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PackedChunk {
    /// Whose.
    pub device_id: DeviceId,
    /// When the hour began.
    pub hour: Millis,
    /// Rises with each change of any chunk of the device.
    pub rev: i64,
    /// Base64 of the bytes that `omniot_shared::telemetry::Chunk` reads.
    pub content: String,
}
