//! The telemetry window: what devices measured, in chunks of one device and one hour.
//!
//! A chunk only grows: a reading that stands is never changed, so the same heartbeat again, late or out of
//! order, leaves the same chunk. An hour is open while it runs, finished when it is over, and **sealed**
//! [`SEALED_AFTER_MS`] later; then nothing is added any more and a copy of it is good for ever.
//! Deliberately not here: where chunks are kept (the server's and the app's stores), texts (only their
//! latest value is of use), and the change sequence, which telemetry never touches.

mod chunk;
#[cfg(test)]
mod tests;
mod wire;

pub use chunk::{Chunk, Column, Sample, Unreadable, etag};
pub use wire::{DeviceMark, DeviceTelemetry, MetricKind, PackedChunk, TelemetryChunk, TelemetryMetric, TelemetryNews, WantedTelemetry};

use crate::time::Millis;

/// What one chunk covers.
pub const HOUR_MS: i64 = 3_600_000;
/// Of one metric one reading is kept in each of these: the first that came.
pub const STEP_MS: i64 = 10_000;
/// Steps of an hour.
pub const STEPS: u16 = 360;
/// An hour takes late readings for so long after its end.
pub const SEALED_AFTER_MS: i64 = 6 * HOUR_MS;
/// What a technician's app keeps, and what is answered when nobody says otherwise.
pub const WINDOW_MS: i64 = 24 * HOUR_MS;
/// The longest stretch in one answer.
pub const STRETCH_MS: i64 = 2 * WINDOW_MS;
/// The most devices in one question of an app.
pub const DEVICES_LIMIT: usize = 64;

/// When the hour began in which `at` lies.
#[must_use]
pub const fn hour_of(at: Millis) -> Millis {
    Millis(at.0 - at.0.rem_euclid(HOUR_MS))
}

/// In which step of its hour `at` lies.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "there are 360 steps")]
pub const fn step_of(at: Millis) -> u16 {
    (at.0.rem_euclid(HOUR_MS) / STEP_MS) as u16
}

/// Whether the hour that began at `hour` takes nothing any more.
#[must_use]
pub fn is_sealed(hour: Millis, now: Millis) -> bool {
    hour.plus(HOUR_MS + SEALED_AFTER_MS) <= now
}

/// Whole hours between `from` and `to`; the last day when neither is said. `None` when that is no stretch of
/// at most [`STRETCH_MS`].
#[must_use]
pub fn stretch(from: Option<Millis>, to: Option<Millis>, now: Millis) -> Option<(Millis, Millis)> {
    let to = to.or_else(|| from.map(|from| from.plus(WINDOW_MS).min(now))).unwrap_or(now);
    let from = from.unwrap_or_else(|| to.plus(-WINDOW_MS));
    let length = to.since(from);
    (0..=STRETCH_MS).contains(&length).then(|| (hour_of(from), to))
}
