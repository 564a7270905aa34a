//! "Needs attention": what a person sees of a change that the server did not take.
//!
//! Deliberately not here: the words for each code (the UI's), and deciding (`retry`, `discard`).

use omniot_shared::{
    ids::{AttemptId, DeviceId, ModelId, SiteId, TenantId},
    sync::{
        RowKey, Table,
        client::{Entry, State},
    },
};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    accounts::Account,
    store::{StoreError, on_worker, replica, rows},
};

/// The changes that need a person, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn attention(account: &Account) -> Result<Vec<Value>, StoreError> {
    let tenant = account.me().tenant.id;
    on_worker(&account.store, move |store| {
        store.read(|db| replica::attention(db)?.iter().map(|entry| item(db, entry, tenant)).collect())
    })
    .await
}

fn item(db: &Connection, entry: &Entry, tenant: TenantId) -> Result<Value, StoreError> {
    let change = serde_json::to_value(&entry.intent.change)?;
    let key = entry.intent.change.target(tenant);
    let theirs = rows::get(db, key)?.map(|synced| serde_json::to_value(synced.row)).transpose()?;
    let theirs = theirs.and_then(|tagged| tagged.get(key.table.name()).cloned());
    let body = change.get("body");
    // A patch is what the person typed; around it stands only the id.
    let mine = body.and_then(|body| body.get("patch")).or(body);
    let refusal = match &entry.state {
        State::Attention(receipt) => receipt.outcome.refusal(),
        _ => None,
    };
    let name = mine.and_then(|mine| mine.get("name")).or_else(|| theirs.as_ref().and_then(|theirs| theirs.get("name")));
    Ok(json!({
        "intent_id": entry.intent.id,
        "kind": entry.intent.change.kind(),
        "target": {"kind": key.table.name(), "id": id_text(key), "name": name},
        "at": entry.intent.at,
        "code": refusal.map(|refusal| refusal.code.name()),
        "detail": refusal.map(|refusal| refusal.detail.as_str()),
        "mine": mine,
        "theirs": theirs,
    }))
}

fn id_text(key: RowKey) -> String {
    match key.table {
        Table::Site => SiteId(key.id).to_string(),
        Table::Model => ModelId(key.id).to_string(),
        Table::Device => DeviceId(key.id).to_string(),
        Table::Attempt => AttemptId(key.id).to_string(),
    }
}
