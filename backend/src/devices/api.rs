//! `/v1/devices`.

use omniot_shared::{
    entities::{Device, DeviceState},
    fold::like_pattern,
    ids::{DeviceId, ModelId, SiteId},
    roles::need,
    sync::{
        Change, RowKey, Was,
        intent::{DevicePatch, DeviceRetire, DeviceUpdate, NewDevice},
    },
    time::Millis,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::store::{self, Listed};
use crate::{
    commissioning::{
        self, Presence, ReadingValue,
        refusals::{self, RefusedContact},
        releases::{ReleaseStanding, parting},
    },
    db::DbError,
    http::{ApiError, Caller, Created, Cursor, Edit, Json, Limit, Needs, Page, Path, Query},
    sync::{self, ExecuteError},
};

/// Why something about devices was refused.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// There is no such device here.
    #[error("there is no such device")]
    NotFound,
    /// The rules refuse the change, or the store failed.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The store.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The edge refused already.
    #[error("{}", .0.detail)]
    Api(ApiError),
}

impl From<ApiError> for DeviceError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<DeviceError> for ApiError {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::NotFound => Self::not_found(),
            DeviceError::Execute(error) => error.into(),
            DeviceError::Db(error) => error.into(),
            DeviceError::Api(error) => error,
        }
    }
}

crate::respond!(DeviceError);

/// A device with the names of its site and model.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct NamedDevice {
    /// The device.
    #[serde(flatten)]
    device: Device,
    /// The name of its site.
    site_name: Option<String>,
    /// The name of its model.
    model_name: Option<String>,
    /// When it was last in contact; `null` before its first claim.
    last_seen_at: Option<Millis>,
    /// What you keep about it on your own list; `null` when it is not there.
    bookmark: Option<DeviceBookmark>,
}

/// A device's place on one's own list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DeviceBookmark {
    /// Seen by you only.
    note: Option<String>,
    /// Since when.
    created_at: Millis,
}

impl TryFrom<Listed> for NamedDevice {
    type Error = DbError;
    fn try_from(mut listed: Listed) -> Result<Self, DbError> {
        let (site_name, model_name, last_seen_at) = (listed.site_name.take(), listed.model_name.take(), listed.last_seen_at.map(Millis));
        let bookmark = listed.marked_at.map(|at| DeviceBookmark { note: listed.mark_note.take(), created_at: Millis(at) });
        Ok(Self { device: listed.try_into()?, site_name, model_name, last_seen_at, bookmark })
    }
}

/// A device with what it last reported.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DeviceDetail {
    /// The device.
    #[serde(flatten)]
    device: NamedDevice,
    /// The latest value of each key, by key.
    readings: Vec<LatestReading>,
    /// Whether the device has claimed itself and its technician's record has not arrived yet.
    record_pending: bool,
    /// The latest release of it; `null` when nobody ever let go of it.
    release: Option<ReleaseStanding>,
    /// When it said that another organization has claimed it by that release.
    handed_over_at: Option<Millis>,
    /// What it, or something that says to be it, was refused since it was last in contact.
    refused: Option<RefusedContact>,
}

/// The latest value of one key.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LatestReading {
    /// What is measured, e.g. `temperature_c`.
    key: String,
    /// A number, a text or yes/no.
    value: ReadingValue,
    /// When, by the server's clock or the device's corrected one.
    at: Millis,
}

impl DeviceDetail {
    fn new(device: NamedDevice, presence: Presence, (release, handed_over_at): (Option<ReleaseStanding>, Option<Millis>), refused: Option<RefusedContact>) -> Self {
        let readings = presence.readings.into_iter().map(|(key, reading)| LatestReading { key, value: reading.value, at: reading.at }).collect();
        Self { device, readings, record_pending: presence.record_pending, release, handed_over_at, refused }
    }
}

/// Which devices.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListDevices {
    #[serde(default)]
    limit: Limit,
    cursor: Option<Cursor>,
    /// In name or serial number, folded.
    q: Option<String>,
    /// At this site.
    site_id: Option<SiteId>,
    /// Of this kind.
    model_id: Option<ModelId>,
    /// In this state.
    state: Option<DeviceState>,
    /// `true`: on your own list.
    #[serde(default)]
    bookmarked: bool,
}

/// List the devices
#[utoipa::path(get, path = "/v1/devices", operation_id = "list_devices", tag = "devices", params(ListDevices), responses((status = 200, body = Page<NamedDevice>)))]
pub async fn list_devices(mut caller: Caller<need::DeviceRead>, Query(list): Query<ListDevices>) -> Result<Page<NamedDevice>, DeviceError> {
    let after = list.cursor.map(|cursor| cursor.key::<(String, Uuid)>()).transpose()?;
    let pattern = list.q.as_deref().and_then(like_pattern);
    let wanted = store::Wanted { pattern, site: list.site_id, model: list.model_id, state: list.state, marked: list.bookmarked, after };
    let reader = caller.person().id;
    let rows = store::list(caller.scope(), reader, wanted, list.limit.rows()).await?;
    let Page { items, next } = Page::of(rows, list.limit, Listed::key);
    Ok(Page { items: items.into_iter().map(NamedDevice::try_from).collect::<Result<_, _>>()?, next })
}

/// Plan a device
///
/// Its id follows from tenant and serial number; two people who plan the same one get `already_exists`.
#[utoipa::path(post, path = "/v1/devices", operation_id = "create_device", tag = "devices", request_body = NewDevice,
    responses((status = 201, body = NamedDevice), (status = 409, body = crate::http::ErrorBody), (status = 422, body = crate::http::ErrorBody)))]
pub async fn create_device(caller: Caller<need::DeviceWrite>, Json(body): Json<NewDevice>) -> Result<Created<NamedDevice>, DeviceError> {
    execute(caller, Change::DeviceCreate(body), &Was::default()).await.map(Created)
}

/// Carries out a change and gives the device as it is then.
async fn execute<N: Needs>(mut caller: Caller<N>, change: Change, was: &Was) -> Result<NamedDevice, DeviceError> {
    let RowKey { id, .. } = sync::execute_over(&mut caller, change, was).await?.row.key();
    shown(caller, DeviceId(id)).await
}

/// Commits, and gives the device as it is then.
pub(super) async fn shown<N: Needs>(mut caller: Caller<N>, id: DeviceId) -> Result<NamedDevice, DeviceError> {
    let reader = caller.person().id;
    let device = store::find(caller.scope(), reader, id).await?.ok_or(DeviceError::NotFound)?;
    caller.commit().await?;
    Ok(device.try_into()?)
}

/// That device, for somebody who sees it.
pub(super) async fn seen<N: Needs>(caller: &mut Caller<N>, id: DeviceId) -> Result<Listed, DeviceError> {
    let reader = caller.person().id;
    store::find(caller.scope(), reader, id).await?.filter(|device| caller.sees(device.site())).ok_or(DeviceError::NotFound)
}

/// Show a device
#[utoipa::path(get, path = "/v1/devices/{id}", operation_id = "get_device", tag = "devices", params(("id" = DeviceId, Path)),
    responses((status = 200, body = DeviceDetail), (status = 404, body = crate::http::ErrorBody)))]
pub async fn get_device(mut caller: Caller<need::DeviceRead>, Path(id): Path<DeviceId>) -> Result<Json<DeviceDetail>, DeviceError> {
    let device: NamedDevice = seen(&mut caller, id).await?.try_into()?;
    let presence = commissioning::presence(caller.scope(), id).await?;
    let now = caller.now();
    let parting = parting(caller.scope(), &device.device, now).await?;
    let refused = refusals::standing(caller.scope(), id).await?;
    Ok(Json(DeviceDetail::new(device, presence, parting, refused)))
}

/// Of `DevicePatch`, with what its form showed.
type DeviceEdit = Edit<DevicePatch>;

/// Edit a device
#[utoipa::path(patch, path = "/v1/devices/{id}", operation_id = "update_device", tag = "devices", params(("id" = DeviceId, Path)), request_body = DeviceEdit,
    responses((status = 200, body = NamedDevice), (status = 404, body = crate::http::ErrorBody), (status = 409, body = crate::http::ErrorBody), (status = 422, body = crate::http::ErrorBody)))]
pub async fn update_device(caller: Caller<need::DeviceWrite>, Path(id): Path<DeviceId>, Edit { patch, was }: DeviceEdit) -> Result<Json<NamedDevice>, DeviceError> {
    execute(caller, Change::DeviceUpdate(DeviceUpdate { id, patch }), &was).await.map(Json)
}

/// Why a device goes out of service.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Retirement {
    /// At most 400 characters; stands in the audit log.
    reason: Option<String>,
}

/// Take a device out of service, for good
#[utoipa::path(post, path = "/v1/devices/{id}/retire", operation_id = "retire_device", tag = "devices", params(("id" = DeviceId, Path)), request_body = Retirement,
    responses((status = 200, body = NamedDevice), (status = 404, body = crate::http::ErrorBody), (status = 409, body = crate::http::ErrorBody)))]
pub async fn retire_device(caller: Caller<need::DeviceRetire>, Path(id): Path<DeviceId>, Json(body): Json<Retirement>) -> Result<Json<NamedDevice>, DeviceError> {
    execute(caller, Change::DeviceRetire(DeviceRetire { id, reason: body.reason }), &Was::default()).await.map(Json)
}
