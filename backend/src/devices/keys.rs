//! Having the key of a device forgotten: another one than it proved before takes its place.
//!
//! Deliberately not here: when a key does not fit, and what a device is then told (`crate::commissioning`).

use omniot_shared::{entities::Device, ids::DeviceId, roles::need};

use super::api::{DeviceError, seen};
use crate::{
    audit::Entry,
    commissioning::refusals,
    http::{ApiError, Caller, ErrorBody, NoContent, Path},
};

/// Forget the key that a device proved, so that one with another key can take its place
///
/// For a device whose electronics were replaced. Only while one with another key is refused, and only when the device has not
/// been in contact since; its history stays. Its credential is dead from then on.
#[utoipa::path(delete, path = "/v1/devices/{id}/key", operation_id = "forget_device_key", tag = "devices", params(("id" = DeviceId, Path)),
    responses((status = 204), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn forget_device_key(mut caller: Caller<need::DeviceRelease>, Path(id): Path<DeviceId>) -> Result<NoContent, DeviceError> {
    let device: Device = seen(&mut caller, id).await?.try_into()?;
    let now = caller.now();
    let Some(key) = refusals::forget_key(caller.scope(), id, now).await? else {
        return Err(ApiError::conflict("state_conflict", "No other key was refused since this device was last in contact.").into());
    };
    caller.audit(Entry::new("device.forget_key").target("device", id, &device.name).detail(serde_json::json!({ "key": key }))).await?;
    caller.commit().await?;
    Ok(NoContent)
}
