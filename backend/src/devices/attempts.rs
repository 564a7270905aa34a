//! Attempts to commission, and the changes of one device.

use omniot_shared::{
    entities::{Attempt, AttemptOutcome},
    ids::{DeviceId, ModelId, PersonId, SiteId},
    roles::need,
    time::Millis,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    api::{DeviceError, seen},
    store::{self, ListedAttempt, WantedAttempts},
};
use crate::{
    audit::{self, past::ListPast},
    db::DbError,
    http::{Caller, Cursor, Limit, Page, Path, Query},
};

/// An attempt with the names of its device and site.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct NamedAttempt {
    /// The attempt.
    #[serde(flatten)]
    attempt: Attempt,
    /// The name of its device, when that is there.
    device_name: Option<String>,
    /// The name of its site, when that is there.
    site_name: Option<String>,
}

impl TryFrom<ListedAttempt> for NamedAttempt {
    type Error = DbError;
    fn try_from(mut listed: ListedAttempt) -> Result<Self, DbError> {
        let (device_name, site_name) = (listed.device_name.take(), listed.site_name.take());
        Ok(Self { attempt: listed.try_into()?, device_name, site_name })
    }
}

/// Which attempts.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListAttempts {
    #[serde(default)]
    limit: Limit,
    cursor: Option<Cursor>,
    /// On this device.
    device_id: Option<DeviceId>,
    /// At this site.
    site_id: Option<SiteId>,
    /// By this person.
    technician_id: Option<PersonId>,
    /// That ended so.
    outcome: Option<AttemptOutcome>,
    /// For this reason, a code of the catalogue of causes.
    cause: Option<String>,
    /// On devices of this kind.
    model_id: Option<ModelId>,
    /// On devices that said they run this.
    firmware: Option<String>,
    /// With this version of the app.
    app_version: Option<String>,
    /// On this sort of phone or machine, as `os` says.
    phone: Option<String>,
    /// Begun then or later.
    from: Option<Millis>,
    /// Begun before.
    to: Option<Millis>,
}

/// List the attempts, newest first
#[utoipa::path(get, path = "/v1/attempts", operation_id = "list_attempts", tag = "devices", params(ListAttempts), responses((status = 200, body = Page<NamedAttempt>)))]
pub async fn list_attempts(mut caller: Caller<need::AttemptRead>, Query(list): Query<ListAttempts>) -> Result<Page<NamedAttempt>, DeviceError> {
    let before = list.cursor.map(|cursor| cursor.key::<(i64, Uuid)>()).transpose()?;
    let wanted = WantedAttempts {
        device: list.device_id,
        site: list.site_id,
        technician: list.technician_id,
        outcome: list.outcome,
        cause: list.cause,
        model: list.model_id,
        firmware: list.firmware,
        app_version: list.app_version,
        phone: list.phone,
        from: list.from,
        to: list.to,
        before,
    };
    page(&mut caller, wanted, list.limit).await
}

async fn page(caller: &mut Caller<need::AttemptRead>, wanted: WantedAttempts, limit: Limit) -> Result<Page<NamedAttempt>, DeviceError> {
    let reader = caller.person().id;
    let rows = store::attempts(caller.scope(), reader, wanted, limit.rows()).await?;
    let Page { items, next } = Page::of(rows, limit, ListedAttempt::key);
    Ok(Page { items: items.into_iter().map(NamedAttempt::try_from).collect::<Result<_, _>>()?, next })
}

/// List the attempts on a device, newest first
#[utoipa::path(get, path = "/v1/devices/{id}/attempts", operation_id = "list_device_attempts", tag = "devices", params(("id" = DeviceId, Path), ListPast),
    responses((status = 200, body = Page<NamedAttempt>), (status = 404, body = crate::http::ErrorBody)))]
pub async fn list_device_attempts(mut caller: Caller<need::AttemptRead>, Path(id): Path<DeviceId>, Query(list): Query<ListPast>) -> Result<Page<NamedAttempt>, DeviceError> {
    let before = list.cursor.map(|cursor| cursor.key::<(i64, Uuid)>()).transpose()?;
    seen(&mut caller, id).await?;
    page(&mut caller, WantedAttempts { device: Some(id), before, ..WantedAttempts::default() }, list.limit).await
}

/// List the changes of a device, newest first
#[utoipa::path(get, path = "/v1/devices/{id}/changes", operation_id = "list_device_changes", tag = "devices", params(("id" = DeviceId, Path), ListPast),
    responses((status = 200, body = Page<audit::Change>), (status = 404, body = crate::http::ErrorBody)))]
pub async fn list_device_changes(mut caller: Caller<need::DeviceRead>, Path(id): Path<DeviceId>, Query(list): Query<ListPast>) -> Result<Page<audit::Change>, DeviceError> {
    seen(&mut caller, id).await?;
    Ok(audit::past::page(caller.scope(), id, list).await?)
}
