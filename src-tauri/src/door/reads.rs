//! `GET /v1/…` answered from the replica, in the shapes of the server.
//!
//! Deliberately not here: lists that only the server has (people, audit, changes).

use std::time::Duration;

use omniot_shared::{
    attachment::trace,
    ids::{AttemptId, DeviceId},
    roles::Role,
    sync::{Row, RowKey},
};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Reply,
    path::{Query, page},
    telemetry,
};
use crate::{
    accounts::Account,
    store::{
        attachments,
        lists::{self, AttemptFilter, ByName, DeviceFilter, NamedDevice},
        on_worker, rows,
    },
};

/// How long a device's latest readings may take before the page is shown without them.
const READINGS: Duration = Duration::from_secs(2);

/// What a list of attempts can be asked for.
const ATTEMPT_FILTERS: [&str; 13] = ["limit", "cursor", "device_id", "site_id", "technician_id", "outcome", "cause", "model_id", "firmware", "app_version", "phone", "from", "to"];

/// A device as lists show it. When it was last in contact is never synced: only the server knows.
#[derive(Serialize)]
pub struct DeviceItem {
    #[serde(flatten)]
    named: NamedDevice,
    last_seen_at: Option<i64>,
}

impl From<NamedDevice> for DeviceItem {
    fn from(named: NamedDevice) -> Self {
        Self { named, last_seen_at: None }
    }
}

/// What the server adds to a device's row; never synced, so only there while there is a network.
#[derive(Default, Deserialize)]
struct Contact {
    #[serde(default)]
    readings: Vec<Value>,
    #[serde(default)]
    last_seen_at: Option<i64>,
    #[serde(default)]
    record_pending: bool,
    /// How its release stands; a server of before does not say.
    #[serde(default, deserialize_with = "said")]
    release: Option<Value>,
    #[serde(default)]
    handed_over_at: Option<i64>,
    #[serde(default)]
    refused: Option<Value>,
}

/// What is said, `null` too.
fn said<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// `GET /v1/roles`.
pub fn roles() -> Reply {
    let of = |role: Role| omniot_shared::roles::Permission::ALL.iter().filter(move |needed| role.may(**needed)).map(|needed| needed.name());
    let items: Vec<Value> = Role::ALL.into_iter().map(|role| json!({"role": role, "permissions": of(role).collect::<Vec<_>>()})).collect();
    Reply::ok(json!({"items": items}))
}

/// `GET /v1/sites`.
pub async fn sites(account: &Account, query: &Query) -> Result<Reply, Reply> {
    let (limit, wanted) = by_name(query, &[])?;
    let found = on_worker(&account.store, move |store| store.read(|db| lists::sites(db, &wanted))).await;
    let found = found.map_err(|error| error.reply())?;
    Ok(page(found, limit, |site| (rows::site_text(site), site.id.0)))
}

/// `GET /v1/models`.
pub async fn models(account: &Account, query: &Query) -> Result<Reply, Reply> {
    let (limit, wanted) = by_name(query, &[])?;
    let found = on_worker(&account.store, move |store| store.read(|db| lists::models(db, &wanted))).await;
    let found = found.map_err(|error| error.reply())?;
    Ok(page(found, limit, |model| (rows::model_text(model), model.id.0)))
}

/// `GET /v1/devices`.
pub async fn devices(account: &Account, query: &Query) -> Result<Reply, Reply> {
    let (limit, wanted) = by_name(query, &["site_id", "model_id", "state", "bookmarked"])?;
    let filter = DeviceFilter { site: query.value("site_id")?, model: query.value("model_id")?, state: query.word("state")?, marked: query.value::<bool>("bookmarked")?.unwrap_or_default() };
    let found = on_worker(&account.store, move |store| store.read(|db| lists::devices(db, &filter, &wanted))).await;
    let found: Vec<DeviceItem> = found.map_err(|error| error.reply())?.into_iter().map(DeviceItem::from).collect();
    Ok(page(found, limit, |item| (rows::device_text(&item.named.device), item.named.device.id.0)))
}

/// `GET /v1/attempts` and, with a device, `GET /v1/devices/{id}/attempts`.
pub async fn attempts(account: &Account, query: &Query, device: Option<DeviceId>) -> Result<Reply, Reply> {
    query.knows(if device.is_some() { &["limit", "cursor"] } else { &ATTEMPT_FILTERS })?;
    let limit = query.limit()?;
    let filter = AttemptFilter {
        device: device.or(query.value("device_id")?),
        site: query.value("site_id")?,
        technician: query.value("technician_id")?,
        outcome: query.word("outcome")?,
        cause: query.text("cause"),
        model: query.value("model_id")?,
        firmware: query.text("firmware"),
        app_version: query.text("app_version"),
        phone: query.text("phone"),
        from: query.value("from")?,
        to: query.value("to")?,
        after: query.cursor::<(i64, AttemptId)>()?,
        rows: limit + 1,
    };
    if let Some(device) = device {
        row(account, device.into()).await?;
    }
    let found = on_worker(&account.store, move |store| store.read(|db| lists::attempts(db, &filter))).await;
    Ok(page(found.map_err(|error| error.reply())?, limit, |named| (named.attempt.started_at.0, named.attempt.id)))
}

/// `GET /v1/attempts/{id}/trace`, of an attempt that was made here and is here.
pub async fn trace(account: &Account, id: AttemptId) -> Result<Reply, Reply> {
    row(account, id.into()).await?;
    let kept = on_worker(&account.store, move |store| store.read(|db| attachments::trace_of(db, id))).await;
    let packed = kept.map_err(|error| error.reply())?.ok_or_else(Reply::not_found)?;
    trace::unpack(&packed).map(Reply::ok).map_err(|_| Reply::not_found())
}

/// `GET /v1/sites/{id}` and the like.
pub async fn one(account: &Account, key: RowKey) -> Result<Reply, Reply> {
    match row(account, key).await? {
        Row::Site(site) => Ok(Reply::ok(site)),
        Row::Model(model) => Ok(Reply::ok(model)),
        Row::Attempt(attempt) => Ok(Reply::ok(attempt)),
        // One sees it at its device.
        Row::Bookmark(bookmark) => Ok(Reply::ok(item(account, bookmark.device_id).await?)),
        Row::Device(device) => Ok(Reply::ok(item(account, device.id).await?)),
    }
}

/// A row that was just written, as the server would show it.
pub async fn shown(account: &Account, written: &Row) -> Result<Reply, Reply> {
    one(account, written.key()).await
}

/// `GET /v1/devices/{id}`: the row from here, readings from the server when it answers in time, else the last
/// that were fetched.
pub async fn device(account: &Account, id: DeviceId) -> Result<Reply, Reply> {
    let item = item(account, id).await?;
    let told = contact(account, id).await;
    let is_unknown = told.is_none();
    let contact = match told {
        Some(contact) => contact,
        None => Contact { readings: telemetry::latest(account, id).await, ..Contact::default() },
    };
    let mut reply = Reply::ok(item);
    if let Some(body) = reply.body.as_object_mut() {
        body.insert("readings".to_owned(), Value::Array(contact.readings));
        body.insert("last_seen_at".to_owned(), json!(contact.last_seen_at));
        body.insert("record_pending".to_owned(), Value::Bool(contact.record_pending));
        body.insert("handed_over_at".to_owned(), json!(contact.handed_over_at));
        body.insert("refused".to_owned(), json!(contact.refused));
        if let Some(release) = contact.release {
            body.insert("release".to_owned(), release);
        }
        if is_unknown {
            // Not the same as "never": the server knows, and cannot be asked.
            body.insert("last_seen_unknown".to_owned(), Value::Bool(true));
        }
    }
    Ok(reply)
}

async fn contact(account: &Account, id: DeviceId) -> Option<Contact> {
    if !account.status.now().is_online() {
        return None;
    }
    let server = account.server().ok()?;
    let path = format!("/v1/devices/{id}");
    let asked = server.fetch(Method::GET, &path, None);
    tokio::time::timeout(READINGS, asked).await.ok()?.ok()
}

/// The device as lists show it, or 404.
pub async fn item(account: &Account, id: DeviceId) -> Result<DeviceItem, Reply> {
    let found = on_worker(&account.store, move |store| store.read(|db| lists::device(db, id))).await;
    Ok(found.map_err(|error| error.reply())?.ok_or_else(Reply::not_found)?.into())
}

/// The row at `key`, or 404.
async fn row(account: &Account, key: RowKey) -> Result<Row, Reply> {
    let found = on_worker(&account.store, move |store| store.read(|db| rows::get(db, key))).await;
    Ok(found.map_err(|error| error.reply())?.ok_or_else(Reply::not_found)?.row)
}

fn by_name(query: &Query, filters: &[&str]) -> Result<(u32, ByName), Reply> {
    query.knows(&[&["limit", "cursor", "q"], filters].concat())?;
    let limit = query.limit()?;
    let after = query.cursor::<(String, Uuid)>()?;
    Ok((limit, ByName { after, rows: limit + 1, q: query.text("q") }))
}
