//! A device's heartbeat: it is there, and this is what it measures.

use std::collections::BTreeMap;

use omniot_shared::{
    sync::{Actor, Change, Who, intent::DeviceOnline},
    time::Millis,
};
use serde::{Deserialize, Serialize};

use super::{
    DeviceCaller, ReadingValue,
    error::CommissioningError,
    store::{bindings, presence},
};
use crate::{http::Json, sync};

/// The most readings in one heartbeat.
const READINGS_LIMIT: usize = 32;
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
}

/// What it hears back.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct HeartbeatHeard {
    /// For the device to set its clock.
    server_time: Millis,
}

/// Take a device's heartbeat. Keeps the latest value of each reading; an older one never replaces a newer one.
#[utoipa::path(post, path = "/v1/device/heartbeat", operation_id = "record_heartbeat", tag = "device", request_body = Heartbeat,
    responses((status = 200, body = HeartbeatHeard), (status = 401, body = crate::http::ErrorBody), (status = 422, body = crate::http::ErrorBody)))]
pub(super) async fn record_heartbeat(mut device: DeviceCaller, Json(body): Json<Heartbeat>) -> Result<Json<HeartbeatHeard>, CommissioningError> {
    check(&body)?;
    let now = device.now;
    let at = measured_at(body.sent_at, now);
    for (key, value) in &body.readings {
        if !presence::keep(&mut device.scope, device.id, key, value, at).await? {
            return Err(CommissioningError::Reading(key.clone(), "A device has at most 64 different readings."));
        }
    }
    bindings::seen(&mut device.scope, device.id, now).await?;
    come_online(&mut device, body.firmware).await?;
    device.scope.commit().await?;
    Ok(Json(HeartbeatHeard { server_time: now }))
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
    let refuse = |key: &str, why| Err(CommissioningError::Reading(key.chars().take(40).collect(), why));
    if body.readings.len() > READINGS_LIMIT {
        return refuse("*", "A heartbeat has at most 32 readings.");
    }
    for (key, value) in &body.readings {
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
}
