//! "Needs attention": what a person sees of a change that the server did not take, or of what they wrote and lost.
//!
//! Deliberately not here: the words for each code (the UI's), and deciding (`retry`, `discard`).

use omniot_shared::{
    ids::{AttemptId, BookmarkId, DeviceId, IntentId, ModelId, SiteId, TenantId},
    sync::{
        Change, Code, Outcome, Receipt, Refusal, RowKey, Table,
        client::{self, Entry, Replica as _, State},
    },
    time::Millis,
};
use rusqlite::Connection;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    accounts::Account,
    events::Event,
    store::{StoreError, attachments, checks::{self, Counts}, on_worker, replica::Open, unreadable::{self, Unreadable}},
};

/// the code of what a person wrote where somebody else's word stands.
const OVERTAKEN: &str = "overtaken";

/// The changes that need a person, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn attention(account: &Account) -> Result<Vec<Value>, StoreError> {
    let tenant = account.me().tenant.id;
    on_worker(&account.store, move |store| {
        store.read(|db| {
            let mut items = Open(db).attention()?.iter().map(|entry| item(db, entry, tenant)).collect::<Result<Vec<_>, _>>()?;
            items.extend(unreadable::all(db)?.iter().map(unreadable_item));
            Ok(items)
        })
    })
    .await
}

/// Nobody has to decide about what stands by now, and files of such a record wait no more. `at`: by the server's clock.
///
/// # Errors
/// [`StoreError`].
pub fn settle(db: &Connection, at: Millis) -> Result<(), StoreError> {
    for entry in Open(db).attention()? {
        let is_settled = client::settle_attention(&mut Open(db), entry.intent.id, at)?;
        if let (true, Change::AttemptRecord(record)) = (is_settled, &entry.intent.change) {
            attachments::put_off_no_more(db, record.id)?;
        }
    }
    Ok(())
}

/// `change` with the values that a person corrected. Evidence is not corrected, and what a change is about
/// stays, but for the serial number of a new device.
pub fn corrected(change: &Change, values: &Map<String, Value>) -> Result<Change, Refusal> {
    if matches!(change, Change::AttemptRecord(_)) {
        return Err(Refusal::new(Code::AppendOnly, "a record is not corrected afterwards"));
    }
    if values.contains_key("id") {
        return Err(Refusal::field("id", "what it is about cannot be changed"));
    }
    let unfit = |error: serde_json::Error| Refusal::field("values", error.to_string());
    let mut written = serde_json::to_value(change).map_err(unfit)?;
    let body = written.get_mut("body").and_then(Value::as_object_mut);
    let fields = body.map(|body| if body.contains_key("patch") { body.get_mut("patch").and_then(Value::as_object_mut) } else { Some(body) });
    if let Some(fields) = fields.flatten() {
        fields.extend(values.clone());
    }
    serde_json::from_value(written).map_err(unfit)
}

/// What the server said about it, or the rules here.
pub(super) const fn last_word(state: &State) -> Option<&Receipt> {
    match state {
        State::Attention(receipt) => Some(receipt),
        _ => None,
    }
}

fn item(db: &Connection, entry: &Entry, tenant: TenantId) -> Result<Value, StoreError> {
    let change = serde_json::to_value(&entry.intent.change)?;
    let key = entry.intent.change.target(tenant);
    // As it is shown: what else its author did there since would go with a retry, too.
    let theirs = Open(db).row(key)?.map(|synced| serde_json::to_value(synced.row)).transpose()?;
    let theirs = theirs.and_then(|tagged| tagged.get(key.table.name()).cloned());
    let body = change.get("body");
    // A patch is what the person typed; around it stands only the id.
    let mine = body.and_then(|body| body.get("patch")).or(body);
    let word = last_word(&entry.state).map(|receipt| &receipt.outcome);
    let refusal = word.and_then(Outcome::refusal);
    let code = refusal.map(|refusal| refusal.code.name()).or(word.map(|_| OVERTAKEN));
    let text = |row: Option<&Value>, field| row.and_then(|row| row.get(field)).and_then(Value::as_str).map(str::to_owned);
    let name = text(theirs.as_ref(), "name").or_else(|| text(mine, "name")).or_else(|| text(mine, "serial"));
    let lost = match &entry.intent.change {
        Change::AttemptRecord(record) if !attachments::is_there(db, record.id)? => checks::counts(db, &[record.id])?.remove(&record.id).unwrap_or_default(),
        _ => Counts::default(),
    };
    Ok(json!({
        "intent_id": entry.intent.id,
        "kind": entry.intent.change.kind(),
        "target": {"kind": key.table.name(), "id": id_text(key), "name": name},
        "at": entry.intent.at,
        "code": code,
        "detail": refusal.map(|refusal| refusal.detail.as_str()),
        "mine": mine,
        "theirs": theirs,
        "evidence": matches!(entry.intent.change, Change::AttemptRecord(_)),
        // What goes with the record when it is discarded.
        "photos": lost.photos,
        "answers": lost.answered + usize::from(lost.note.is_some()),
    }))
}

/// Of what cannot be read: when it was made, and its text.
fn unreadable_item(one: &Unreadable) -> Value {
    json!({
        "intent_id": one.id,
        "kind": "unreadable",
        "target": null,
        "at": made_at(one.id.0),
        "code": "unreadable",
        "detail": null,
        "mine": null,
        "theirs": null,
        // Cautious: what is given up may be the record of an attempt.
        "evidence": one.text.contains("attempt.record"),
        "text": one.text,
    })
}

/// The moment in a UUIDv7.
fn made_at(id: Uuid) -> i64 {
    let (seconds, nanos) = id.get_timestamp().map_or((0, 0), |at| at.to_unix());
    i64::try_from(seconds).unwrap_or(0).saturating_mul(1_000).saturating_add(i64::from(nanos / 1_000_000))
}

/// Gives up a change that cannot be read. `false` when there is none.
///
/// # Errors
/// [`StoreError`]: nothing happened.
pub async fn discard_unreadable(account: &Account, id: IntentId) -> Result<bool, StoreError> {
    let discarded = on_worker(&account.store, move |store| store.edit(|db| unreadable::forget(db, id))).await?;
    account.events.tell(Event::Sync);
    Ok(discarded)
}

fn id_text(key: RowKey) -> String {
    match key.table {
        Table::Site => SiteId(key.id).to_string(),
        Table::Model => ModelId(key.id).to_string(),
        Table::Device => DeviceId(key.id).to_string(),
        Table::Attempt => AttemptId(key.id).to_string(),
        Table::Bookmark => BookmarkId(key.id).to_string(),
    }
}
