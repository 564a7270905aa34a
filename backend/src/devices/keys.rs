//! Having the key of a device forgotten: another one than it proved before takes its place.
//!
//! Deliberately not here: when a key does not fit, and what a device is then told (`crate::commissioning`).

use omniot_shared::{entities::Device, ids::DeviceId, roles::need};
use serde::Deserialize;

use super::api::{DeviceError, seen};
use crate::{
    audit::Entry,
    commissioning::refusals::{self, Heir, NotForgotten},
    http::{ApiError, Caller, ErrorBody, NoContent, Path, Query},
};

/// For whom.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ForgetKey {
    /// `unproven`: also when nobody has shown that the other key is that of this device. Whoever holds a permission of the
    /// organization could have shown it.
    #[serde(default = "proven")]
    #[param(inline)]
    heir: Heir,
}

const fn proven() -> Heir {
    Heir::Proven
}

/// Forget the key that a device proved, so that one with another key can take its place
///
/// For a device whose electronics were replaced. Only while one with another key is refused, and only when the device has not
/// been in contact since; its history stays. Its credential is dead from then on. Where the refusal is not `is_proven`, only
/// with `heir=unproven`.
#[utoipa::path(delete, path = "/v1/devices/{id}/key", operation_id = "forget_device_key", tag = "devices", params(("id" = DeviceId, Path), ForgetKey),
    responses((status = 204), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn forget_device_key(mut caller: Caller<need::DeviceRelease>, Path(id): Path<DeviceId>, Query(wish): Query<ForgetKey>) -> Result<NoContent, DeviceError> {
    let device: Device = seen(&mut caller, id).await?.try_into()?;
    let now = caller.now();
    let key = match refusals::forget_key(caller.scope(), id, wish.heir, now).await {
        Ok(key) => key,
        Err(NotForgotten::NoneRefused) => return Err(ApiError::conflict("state_conflict", "No other key was refused since this device was last in contact.").into()),
        Err(NotForgotten::Unproven) => {
            let detail = "Nobody has shown that the other key is that of this device; `heir=unproven` has the known one forgotten all the same.";
            return Err(ApiError::conflict("key_unproven", detail).into());
        }
        Err(NotForgotten::Db(error)) => return Err(error.into()),
    };
    let detail = serde_json::json!({ "key": key, "heir": wish.heir });
    caller.audit(Entry::new("device.forget_key").target("device", id, &device.name).detail(detail)).await?;
    caller.commit().await?;
    Ok(NoContent)
}
