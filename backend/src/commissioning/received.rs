//! Releases that other organizations gave to this one: its technicians carry them to the devices.
//!
//! Deliberately not here: whether a release is good. Its signature is checked for being whole; whose key it is,
//! and whether the device still honours it, only the device knows.

use axum::http::StatusCode;
use omniot_shared::{claim::Letter, roles::need, time::Millis};
use serde::{Deserialize, Serialize};

use super::{
    error::CommissioningError,
    store::{keys, releases},
};
use crate::{
    audit::Entry,
    http::{ApiError, Caller, Created, Json},
};

/// A release as its owner gave it.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseForm {
    /// `OMR1.…`; white space in it is left out.
    text: String,
}

/// No release is good for longer: one made up would never go.
const LONGEST_MS: i64 = 60 * 24 * 3_600_000;

/// What a release is for.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ReceivedRelease {
    /// The device.
    serial: String,
    /// Until when it can be taken over.
    expires_at: Millis,
}

/// Take in a release that another organization gave. The technicians' apps fetch it with their next pack of grants.
#[utoipa::path(post, path = "/v1/releases", operation_id = "receive_release", tag = "commissioning", request_body = ReleaseForm,
    responses((status = 201, body = ReceivedRelease), (status = 422, body = crate::http::ErrorBody)))]
pub(super) async fn receive_release(mut caller: Caller<need::DeviceCommission>, Json(form): Json<ReleaseForm>) -> Result<Created<ReceivedRelease>, CommissioningError> {
    let letter = Letter::parse(&form.text).map_err(|_| refused("release_unreadable", "This is not a whole release."))?;
    let (now, person) = (caller.now(), caller.person().id);
    if letter.release.not_after <= now {
        return Err(refused("release_expired", "The time of this release is over.").into());
    }
    if letter.release.not_after > now.plus(LONGEST_MS) {
        return Err(refused("release_unreadable", "This release has no end that can be: no organization makes one for so long.").into());
    }
    let own = keys::owner(caller.scope()).await?.and_then(|owner| owner.key);
    if own.is_some_and(|key| key.public() == letter.owner) {
        return Err(refused("release_own", "This organization made the release itself.").into());
    }
    releases::receive(caller.scope(), &letter, person, now).await?;
    let entry = Entry::new("release.receive").target("release", &letter.release.serial, &letter.release.serial);
    caller.audit(entry.detail(serde_json::json!({ "owner": letter.owner.fingerprint().to_string() }))).await?;
    caller.commit().await?;
    Ok(Created(ReceivedRelease { serial: letter.release.serial, expires_at: letter.release.not_after }))
}

fn refused(code: &'static str, detail: &str) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail).field("text")
}
