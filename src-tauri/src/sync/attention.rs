//! "Needs attention": what a person sees of a change that the server did not take.
//!
//! Deliberately not here: the words for each code (the UI's), and deciding (`retry`, `discard`).

use omniot_shared::{
    ids::{AttemptId, DeviceId, ModelId, SiteId, TenantId},
    sync::{
        Change, RowKey, Table,
        client::{Entry, Replica as _, State},
    },
};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    accounts::Account,
    store::{StoreError, on_worker, replica::{self, Open}},
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

/// Everything that has not reached the server, as it would be sent: for whoever has to save it without one.
///
/// # Errors
/// [`StoreError`].
pub async fn unsent(account: &Account) -> Result<Vec<Value>, StoreError> {
    on_worker(&account.store, |store| {
        store.read(|db| {
            let waiting = Open(db).outbox()?.into_iter().filter(|entry| matches!(entry.state, State::Waiting | State::Deferred { .. }));
            waiting.chain(replica::attention(db)?).map(|entry| Ok(json!({"state": entry.state.name(), "intent": entry.intent}))).collect()
        })
    })
    .await
}

fn item(db: &Connection, entry: &Entry, tenant: TenantId) -> Result<Value, StoreError> {
    let change = serde_json::to_value(&entry.intent.change)?;
    let key = entry.intent.change.target(tenant);
    // What stands at the server, not what another pending edit of this person makes of it.
    let theirs = replica::server_row(db, key)?.map(|synced| serde_json::to_value(synced.row)).transpose()?;
    let theirs = theirs.and_then(|tagged| tagged.get(key.table.name()).cloned());
    let body = change.get("body");
    // A patch is what the person typed; around it stands only the id.
    let mine = body.and_then(|body| body.get("patch")).or(body);
    let refusal = match &entry.state {
        State::Attention(receipt) => receipt.outcome.refusal(),
        _ => None,
    };
    let text = |row: Option<&Value>, field| row.and_then(|row| row.get(field)).and_then(Value::as_str).map(str::to_owned);
    let name = text(theirs.as_ref(), "name").or_else(|| text(mine, "name")).or_else(|| text(mine, "serial"));
    Ok(json!({
        "intent_id": entry.intent.id,
        "kind": entry.intent.change.kind(),
        "target": {"kind": key.table.name(), "id": id_text(key), "name": name},
        "at": entry.intent.at,
        "code": refusal.map(|refusal| refusal.code.name()),
        "detail": refusal.map(|refusal| refusal.detail.as_str()),
        "mine": mine,
        "theirs": theirs,
        "evidence": matches!(entry.intent.change, Change::AttemptRecord(_)),
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
