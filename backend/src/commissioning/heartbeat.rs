//! A device's heartbeat: it is there, this is what it measures, and what it measured while nobody heard it.
//!
//! Deliberately not here: which readings of the past are kept (`crate::telemetry`).

use std::collections::BTreeMap;

use axum::extract::State;
use omniot_shared::{
    sync::{Actor, Change, Who, intent::DeviceOnline},
    telemetry::Sample,
    time::Millis,
};
use serde::{Deserialize, Serialize};

use super::{
    DeviceCaller, ReadingValue,
    error::CommissioningError,
    notices::{self, Told},
    store::{bindings, presence},
};
use crate::{
    http::{AppState, Json},
    sync,
    telemetry::{self, Point},
};

/// The most readings of one moment.
const READINGS_LIMIT: usize = 32;
/// The most readings of earlier moments in one heartbeat.
const HISTORY_LIMIT: usize = 1000;
/// The longest address.
const ADDRESS_LIMIT: usize = 255;
/// The longest hash, in base64.
const HASH_LIMIT: usize = 44;
/// The longest text.
const TEXT_LIMIT: usize = 120;
/// How long ago a reading may have been made.
const LATE_MS: i64 = 24 * 3_600_000;

/// What a device says.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Heartbeat {
    /// At most 32; keys of 1–40 characters of `a-z 0-9 _ .`
    readings: BTreeMap<String, ReadingValue>,
    /// What it runs.
    firmware: Option<String>,
    /// By the device's own clock.
    sent_at: Option<Millis>,
    /// What it measured earlier and could not tell; at most 1000 readings in all. Only with `sent_at`.
    #[serde(default)]
    history: Vec<Moment>,
    /// Where it was told last to report, by its grant or a notice.
    #[schema(max_length = 255)]
    reports_to: Option<String>,
    /// What it was told last to trust there: base64 of the SHA-256 of the trust anchor, empty where it has none. Without it,
    /// it is told of another address only.
    #[schema(max_length = 44)]
    trusts: Option<String>,
    /// The number of the last notice that it heard in this epoch; without one it is told nothing.
    heard: Option<u32>,
}

/// What a device measured at one moment.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Moment {
    /// By the device's own clock, like `sent_at`: how long ago it was is what counts.
    at: Millis,
    /// At most 32, with keys as in `readings`.
    readings: BTreeMap<String, ReadingValue>,
}

/// What it hears back.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct HeartbeatHeard {
    /// For the device to set its clock.
    server_time: Millis,
    /// What its owner tells it: base64 of an encoded `Signed` with a `Notice` (see docs/DEVICE-CONTRACT.md).
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
}

/// Take a device's heartbeat. Keeps the latest value of each reading; an older one never replaces a newer one. Numbers and yes/no are kept for curves, too; the same again changes nothing.
#[utoipa::path(post, path = "/v1/device/heartbeat", operation_id = "record_heartbeat", tag = "device", request_body = Heartbeat,
    responses((status = 200, body = HeartbeatHeard), (status = 401, body = crate::http::ErrorBody), (status = 422, body = crate::http::ErrorBody)))]
pub(super) async fn record_heartbeat(State(state): State<AppState>, mut device: DeviceCaller, Json(body): Json<Heartbeat>) -> Result<Json<HeartbeatHeard>, CommissioningError> {
    check(&body)?;
    let now = device.now;
    let moments = body.moments(now);
    for (key, (at, value)) in latest(&moments) {
        if !presence::keep(&mut device.scope, device.id, key, value, at).await? {
            return Err(CommissioningError::Reading(key.to_owned(), "A device has at most 64 different readings."));
        }
    }
    telemetry::record(&mut device.scope, device.id, &points(&moments), now, state.settings.telemetry_days).await?;
    bindings::seen(&mut device.scope, device.id, now).await?;
    let notice = match (&body.reports_to, body.heard) {
        (Some(reports_to), Some(heard)) => notices::due(&mut device, &state, Told { reports_to, trusts: body.trusts.as_deref(), heard }).await?,
        _ => None,
    };
    come_online(&mut device, body.firmware).await?;
    device.scope.commit().await?;
    Ok(Json(HeartbeatHeard { server_time: now, notice }))
}

type Readings = BTreeMap<String, ReadingValue>;

impl Heartbeat {
    /// All it tells, each moment at the time that is believed: a clock that is wrong is so by as much for all.
    fn moments(&self, now: Millis) -> Vec<(Millis, &Readings)> {
        let sent_at = self.sent_at.unwrap_or(now);
        let at = measured_at(self.sent_at, now);
        let earlier = self.history.iter().map(|moment| (at.plus(-sent_at.since(moment.at).max(0)), &moment.readings));
        earlier.chain([(at, &self.readings)]).collect()
    }
}

/// The last value of each reading, and when it was.
fn latest<'m>(moments: &[(Millis, &'m Readings)]) -> BTreeMap<&'m str, (Millis, &'m ReadingValue)> {
    let mut latest: BTreeMap<&str, (Millis, &ReadingValue)> = BTreeMap::new();
    for (at, readings) in moments {
        for (key, value) in *readings {
            let known = latest.entry(key).or_insert((*at, value));
            if known.0 <= *at {
                *known = (*at, value);
            }
        }
    }
    latest
}

/// What has a curve.
fn points<'m>(moments: &[(Millis, &'m Readings)]) -> Vec<Point<'m>> {
    let of = |at: Millis, readings: &'m Readings| {
        readings.iter().filter_map(move |(metric, value)| {
            let sample = match value {
                ReadingValue::Number(number) => Sample::Number(*number),
                ReadingValue::Flag(flag) => Sample::Flag(*flag),
                ReadingValue::Text(_) => return None,
            };
            Some(Point { at, metric, sample })
        })
    };
    moments.iter().flat_map(|(at, readings)| of(*at, readings)).collect()
}

/// Tells the device row only when there is news, because that takes a sequence.
async fn come_online(device: &mut DeviceCaller, firmware: Option<String>) -> Result<(), CommissioningError> {
    let new_firmware = firmware.is_some() && firmware != device.row.firmware;
    if device.row.state != "claimed" && !new_firmware {
        return Ok(());
    }
    let actor = Actor { tenant: device.scope.tenant(), who: Who::Device(device.id), now: device.now };
    let (author, request_id) = (device.author(), device.request_id.clone());
    let change = Change::DeviceOnline(DeviceOnline { id: device.id, firmware });
    sync::execute_as(&mut device.scope, &actor, &author, Some(request_id.as_str()), change).await?;
    Ok(())
}

/// The device's own time when it is believable: never ahead of ours, at most a day behind.
fn measured_at(sent_at: Option<Millis>, now: Millis) -> Millis {
    sent_at.unwrap_or(now).clamp(now.plus(-LATE_MS), now)
}

fn check(body: &Heartbeat) -> Result<(), CommissioningError> {
    if body.history.iter().map(|moment| moment.readings.len()).sum::<usize>() > HISTORY_LIMIT || body.history.len() > HISTORY_LIMIT {
        return Err(CommissioningError::History("history", "At most 1000 readings of earlier moments at once."));
    }
    if body.sent_at.is_none() && !body.history.is_empty() {
        return Err(CommissioningError::History("sent_at", "Without the time of sending nobody knows how long ago the earlier moments were."));
    }
    if body.reports_to.as_ref().is_some_and(|address| address.len() > ADDRESS_LIMIT) {
        return Err(CommissioningError::History("reports_to", "An address has at most 255 characters."));
    }
    if body.trusts.as_ref().is_some_and(|hash| hash.len() > HASH_LIMIT) {
        return Err(CommissioningError::History("trusts", "A hash has at most 44 characters."));
    }
    body.history.iter().map(|moment| &moment.readings).chain([&body.readings]).try_for_each(check_readings)
}

fn check_readings(readings: &Readings) -> Result<(), CommissioningError> {
    let refuse = |key: &str, why| Err(CommissioningError::Reading(key.chars().take(40).collect(), why));
    if readings.len() > READINGS_LIMIT {
        return refuse("*", "A moment has at most 32 readings.");
    }
    for (key, value) in readings {
        let plain = key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.'));
        if !(1..=40).contains(&key.len()) || !plain {
            return refuse(key, "A reading's name has 1 to 40 characters of a-z, 0-9, _ and the dot.");
        }
        match value {
            ReadingValue::Text(text) if text.chars().count() > TEXT_LIMIT => return refuse(key, "A text has at most 120 characters."),
            ReadingValue::Number(number) if !number.is_finite() => return refuse(key, "A number must be finite."),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_device_clock_that_is_wrong_by_hours_or_years_moves_nothing_ahead() {
        let now = Millis(LATE_MS * 10);
        for (sent, kept) in [(None, now), (Some(now.plus(5_000_000)), now), (Some(now.plus(-1000)), now.plus(-1000)), (Some(Millis(0)), now.plus(-LATE_MS)), (Some(Millis(i64::MAX)), now)] {
            assert_eq!(measured_at(sent, now), kept, "{sent:?}");
        }
    }

    #[test]
    fn earlier_moments_lie_as_far_back_as_the_device_says_however_wrong_its_clock_is() {
        let now = Millis(LATE_MS * 10);
        let reading = Readings::from([("t".to_owned(), ReadingValue::Number(1.0))]);
        let at = |sent_at: Millis, ago: i64| {
            let history = vec![Moment { at: sent_at.plus(-ago), readings: reading.clone() }];
            let body = Heartbeat { readings: Readings::new(), firmware: None, sent_at: Some(sent_at), history, reports_to: None, trusts: None, heard: None };
            body.moments(now)[0].0
        };
        assert_eq!(at(now, 60_000), now.plus(-60_000));
        assert_eq!(at(now.plus(9 * LATE_MS), 60_000), now.plus(-60_000), "ahead by days");
        assert_eq!(at(Millis(0), 60_000), now.plus(-LATE_MS - 60_000), "behind by years: no later than it could be");
        assert_eq!(at(now, -5), now, "after it was sent there is nothing");
    }
}
