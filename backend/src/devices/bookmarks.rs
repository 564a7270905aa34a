//! One's own list of devices, over HTTP.
//!
//! Deliberately not here: reading it (the devices' own list knows it as a filter), and what apps do offline (`sync`).

use omniot_shared::{
    ids::DeviceId,
    roles::need,
    sync::{
        Change, Patch, Was,
        intent::{BookmarkRemove, BookmarkSet},
    },
};
use serde::Deserialize;

use super::api::{DeviceError, NamedDevice, seen, shown};
use crate::{
    http::{Caller, Edit, ErrorBody, Json, NoContent, Path},
    sync,
};

/// What to note on one's own list.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BookmarkForm {
    /// At most 2,000 characters; left out, what is noted there stays.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    note: Patch<String>,
}

/// Of `BookmarkForm`, with what its form showed.
type BookmarkEdit = Edit<BookmarkForm>;

/// Put a device on your own list
///
/// Nobody else sees that, nor what you note there. Twice is fine.
#[utoipa::path(put, path = "/v1/devices/{id}/bookmark", operation_id = "set_bookmark", tag = "devices", params(("id" = DeviceId, Path)), request_body = BookmarkEdit,
    responses((status = 200, body = NamedDevice), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn set_bookmark(mut caller: Caller<need::DeviceRead>, Path(id): Path<DeviceId>, Edit { patch, was }: BookmarkEdit) -> Result<Json<NamedDevice>, DeviceError> {
    seen(&mut caller, id).await?;
    let set = BookmarkSet { person_id: caller.person().id, device_id: id, note: patch.note };
    sync::execute_over(&mut caller, Change::BookmarkSet(set), &was).await?;
    shown(caller, id).await.map(Json)
}

/// What to take a device off the list with.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// The note as it was shown; what was noted otherwise since stays, and 409 says so.
    #[serde(default)]
    was: Was,
}

/// Take a device off your own list
///
/// What is noted there goes with it: say what that was.
#[utoipa::path(delete, path = "/v1/devices/{id}/bookmark", operation_id = "remove_bookmark", tag = "devices", params(("id" = DeviceId, Path)), request_body = Option<Removal>,
    responses((status = 204), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn remove_bookmark(mut caller: Caller<need::DeviceRead>, Path(id): Path<DeviceId>, removal: Option<Json<Removal>>) -> Result<NoContent, DeviceError> {
    seen(&mut caller, id).await?;
    let remove = BookmarkRemove { person_id: caller.person().id, device_id: id };
    let was = removal.map(|Json(Removal { was })| was).unwrap_or_default();
    sync::remove(&mut caller, Change::BookmarkRemove(remove), &was).await?;
    caller.commit().await.map_err(DeviceError::from)?;
    Ok(NoContent)
}
