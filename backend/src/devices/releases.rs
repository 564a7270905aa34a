//! Letting go of a device, so that another organization can claim it.
//!
//! Deliberately not here: what is signed and what becomes of it (`crate::commissioning::releases`).

use omniot_shared::{entities::Device, ids::DeviceId, roles::need};
use serde::Serialize;

use super::api::{DeviceError, seen};
use crate::{
    audit::Entry,
    commissioning::releases::{self, ReleaseError, ReleaseStanding},
    http::{ApiError, Caller, ErrorBody, Json, NoContent, Path},
};

/// A release to hand over.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DeviceRelease {
    /// `OMR1.…`: whoever holds it may claim the device.
    text: String,
    /// How it stands.
    #[serde(flatten)]
    standing: ReleaseStanding,
}

impl From<ReleaseError> for DeviceError {
    fn from(error: ReleaseError) -> Self {
        match error {
            ReleaseError::NotOurs => ApiError::conflict("state_conflict", "This device has not been in contact here, or has left.").into(),
            ReleaseError::Db(error) => error.into(),
        }
    }
}

/// Release a device, so that another organization can claim it
///
/// Twice gives the same release. It is good for 30 days, and until the device is claimed again.
#[utoipa::path(post, path = "/v1/devices/{id}/release", operation_id = "release_device", tag = "devices", params(("id" = DeviceId, Path)),
    responses((status = 200, body = DeviceRelease), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn release_device(mut caller: Caller<need::DeviceRelease>, Path(id): Path<DeviceId>) -> Result<Json<DeviceRelease>, DeviceError> {
    let device: Device = seen(&mut caller, id).await?.try_into()?;
    let (now, person) = (caller.now(), caller.person().clone());
    let signed = releases::sign(caller.scope(), &device, (person.id, &person.name), now).await?;
    if signed.is_new {
        let detail = serde_json::json!({ "up_to_epoch": signed.letter.release.up_to_epoch, "expires_at": signed.standing.expires_at });
        caller.audit(Entry::new("device.release").target("device", id, &device.name).detail(detail)).await?;
    }
    caller.commit().await?;
    Ok(Json(DeviceRelease { text: signed.letter.to_text(), standing: signed.standing }))
}

/// Take the release of a device back, as long as it is not used
///
/// The device hears of it at its next heartbeat; until then somebody who has the release could still claim it.
#[utoipa::path(delete, path = "/v1/devices/{id}/release", operation_id = "withdraw_release", tag = "devices", params(("id" = DeviceId, Path)),
    responses((status = 204), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn withdraw_release(mut caller: Caller<need::DeviceRelease>, Path(id): Path<DeviceId>) -> Result<NoContent, DeviceError> {
    let device: Device = seen(&mut caller, id).await?.try_into()?;
    let now = caller.now();
    if releases::withdraw(caller.scope(), &device, now).await? {
        caller.audit(Entry::new("device.release_withdraw").target("device", id, &device.name)).await?;
    }
    caller.commit().await?;
    Ok(NoContent)
}
