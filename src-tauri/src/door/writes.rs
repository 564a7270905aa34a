//! `POST` and `PATCH` of synced entities: recorded as intents, answered with the optimistic row.
//!
//! The answer comes after the intent is on the disk. The rules are those of the server
//! (`omniot_shared::sync::rules`), so most refusals come here, at once, in the same words.
//! Deliberately not here: what becomes of the intent later (`sync/`).

use omniot_shared::{
    entities::Security,
    ids::{DeviceId, ModelId, SiteId},
    sync::{
        Change, Code, Patch, Refusal, Was,
        intent::{BookmarkRemove, BookmarkSet, DevicePatch, DeviceRetire, DeviceUpdate, ModelPatch, ModelUpdate, NewDevice, NewModel, NewSite, SitePatch, SiteUpdate},
    },
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Reply, path::body as read, reads::{item, shown}};
use crate::{accounts::Account, chance, sync};

/// Body of `POST /v1/sites`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteForm {
    id: Option<SiteId>,
    name: String,
    #[serde(default)]
    address: Option<String>,
    time_zone: String,
    #[serde(default)]
    note: Option<String>,
}

/// Body of `POST /v1/models`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelForm {
    id: Option<ModelId>,
    name: String,
    sku: String,
    min_security: Security,
}

/// Body of `POST /v1/devices/{id}/retire`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetireForm {
    #[serde(default)]
    reason: Option<String>,
}

/// Body of `PUT /v1/devices/{id}/bookmark`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct BookmarkForm {
    #[serde(default)]
    note: Patch<String>,
}

/// `POST /v1/sites`.
pub async fn create_site(account: &Account, body: Option<&Value>) -> Result<Reply, Reply> {
    let SiteForm { id, name, address, time_zone, note } = read(body)?;
    let id = id.unwrap_or_else(|| SiteId(chance::fresh_uuid(account.clock.now())));
    created(account, Change::SiteCreate(NewSite { id, name, address, time_zone, note })).await
}

/// `POST /v1/models`.
pub async fn create_model(account: &Account, body: Option<&Value>) -> Result<Reply, Reply> {
    let ModelForm { id, name, sku, min_security } = read(body)?;
    let id = id.unwrap_or_else(|| ModelId(chance::fresh_uuid(account.clock.now())));
    created(account, Change::ModelCreate(NewModel { id, name, sku, min_security })).await
}

/// `POST /v1/devices`.
pub async fn create_device(account: &Account, body: Option<&Value>) -> Result<Reply, Reply> {
    created(account, Change::DeviceCreate(read::<NewDevice>(body)?)).await
}

/// `PATCH /v1/sites/{id}`.
pub async fn update_site(account: &Account, id: SiteId, body: Option<&Value>) -> Result<Reply, Reply> {
    let (patch, was) = edit::<SitePatch>(body)?;
    record(account, Change::SiteUpdate(SiteUpdate { id, patch }), was).await
}

/// `PATCH /v1/models/{id}`.
pub async fn update_model(account: &Account, id: ModelId, body: Option<&Value>) -> Result<Reply, Reply> {
    let (patch, was) = edit::<ModelPatch>(body)?;
    record(account, Change::ModelUpdate(ModelUpdate { id, patch }), was).await
}

/// `PATCH /v1/devices/{id}`.
pub async fn update_device(account: &Account, id: DeviceId, body: Option<&Value>) -> Result<Reply, Reply> {
    let (patch, was) = edit::<DevicePatch>(body)?;
    record(account, Change::DeviceUpdate(DeviceUpdate { id, patch }), was).await
}

/// `POST /v1/devices/{id}/retire`.
pub async fn retire_device(account: &Account, id: DeviceId, body: Option<&Value>) -> Result<Reply, Reply> {
    let RetireForm { reason } = body.map_or_else(|| Ok(RetireForm::default()), |body| read(Some(body)))?;
    record(account, Change::DeviceRetire(DeviceRetire { id, reason }), Was::default()).await
}

/// `PUT /v1/devices/{id}/bookmark`.
pub async fn set_bookmark(account: &Account, id: DeviceId, body: Option<&Value>) -> Result<Reply, Reply> {
    let (BookmarkForm { note }, was) = body.map_or_else(|| Ok(Default::default()), |body| edit(Some(body)))?;
    item(account, id).await?;
    record(account, Change::BookmarkSet(BookmarkSet { person_id: account.me().person.id, device_id: id, note }), was).await
}

/// What is to be gone, as it was shown.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Removal {
    #[serde(default)]
    was: Was,
}

/// `DELETE /v1/devices/{id}/bookmark`.
pub async fn remove_bookmark(account: &Account, id: DeviceId, body: Option<&Value>) -> Result<Reply, Reply> {
    let Removal { was } = body.map_or_else(|| Ok(Removal::default()), |body| read(Some(body)))?;
    item(account, id).await?;
    let change = Change::BookmarkRemove(BookmarkRemove { person_id: account.me().person.id, device_id: id });
    match sync::record_over(account, change, was).await.map_err(|error| error.reply())? {
        Ok(_) => Ok(Reply::done()),
        Err(refusal) => Err(refused(&refusal)),
    }
}

async fn created(account: &Account, change: Change) -> Result<Reply, Reply> {
    record(account, change, Was::default()).await.map(|reply| Reply { status: 201, ..reply })
}

/// What to change, and what its author was shown of that.
fn edit<T: DeserializeOwned>(body: Option<&Value>) -> Result<(T, Was), Reply> {
    let mut body = body.cloned();
    let was = body.as_mut().map(Was::take).transpose().map_err(|error| Reply::invalid("invalid_field", "was", &error.to_string()))?;
    Ok((read(body.as_ref())?, was.unwrap_or_default()))
}

async fn record(account: &Account, change: Change, was: Was) -> Result<Reply, Reply> {
    match sync::record_over(account, change, was).await.map_err(|error| error.reply())? {
        Ok(Some(row)) => shown(account, &row).await,
        Ok(None) => Err(Reply::not_found()),
        Err(refusal) => Err(refused(&refusal)),
    }
}

/// A refusal in the envelope and with the status that the server would give it.
pub fn refused(refusal: &Refusal) -> Reply {
    let detail = refusal.detail.as_str();
    match (refusal.code, refusal.field.as_deref()) {
        (Code::InvalidField, Some(field)) => Reply::invalid("invalid_field", field, detail),
        (Code::NotFound | Code::NoLongerPermitted, Some(field)) if field != "id" => Reply::invalid("invalid_field", field, detail),
        (Code::NotFound | Code::RowDeleted | Code::NoLongerPermitted, _) => Reply::not_found(),
        (Code::NotAllowed, _) => Reply::error(403, "not_allowed", "Your role does not allow this."),
        (Code::AlreadyExists, _) => Reply::error(409, "already_exists", detail),
        (Code::Stale, _) => Reply::error(409, "stale", detail),
        _ => Reply::error(409, "state_conflict", detail),
    }
}
