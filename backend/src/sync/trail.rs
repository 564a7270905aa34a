//! What the audit log says about a change of a synced row: what changed, and where it met another edit.
//!
//! Deliberately not here: values. The names of the changed fields are enough to read, and the
//! hashes of before and after are enough to prove.

use std::{collections::BTreeMap, fmt::Display};

use omniot_shared::{
    ids::{AttemptId, BookmarkId, DeviceId, ModelId, SiteId, TenantId},
    sync::{Change, Row, RowKey, Table, policy::{self, Meeting}},
    time::Millis,
};
use serde_json::{Map, Value, json};

use crate::{
    audit::{self, Entry},
    db::{DbError, Scope},
};

/// A clock that is wrong by less is not worth a word, and neither is a change that was as long on its way.
const WORTH_SAYING_MS: i64 = 60_000;
/// So far back the log is searched for who made the other edit.
const LOOK_BACK: i64 = 200;

/// What is told of a change that nobody sees in the rows.
#[derive(Debug, Clone, Default)]
pub struct Circumstances {
    /// Fields that lost, as the receipt names them.
    pub lost: Vec<String>,
    /// Where it met other edits.
    pub met: Vec<Meeting>,
    /// When it was made, corrected, where it came later.
    pub made_at: Option<Millis>,
    /// What its author's clock was wrong by.
    pub skew_ms: i64,
    /// Whether the clock was set in between, nobody knows when.
    pub is_rough: bool,
}

/// An entry before it is known whose the other edits were.
#[derive(Debug)]
pub struct Draft {
    entry: Entry,
    detail: Map<String, Value>,
    target: String,
    met: Vec<Meeting>,
}

/// The draft for one row that `change` turned from `old` into `new`; none for what is its author's own.
pub fn draft(tenant: TenantId, change: &Change, old: Option<&Row>, new: Option<&Row>, key: RowKey, told: &Circumstances) -> Option<Draft> {
    if key.table.is_personal() {
        return None;
    }
    // A technician's record that takes a device over is two facts: the record, and the claim.
    let action = if change.target(tenant) == key { change.kind() } else { "device.claimed" };
    let target = wire_id(key).to_string();
    let entry = Entry::new(action).target(key.table.name(), &target, &name(new.or(old)));
    let entry = match old {
        Some(old) => entry.before(old),
        None => entry,
    };
    let entry = match new {
        Some(new) => entry.after(new),
        None => entry,
    };
    let fields = old.zip(new).map(|(old, new)| policy::changed(old, new));
    // A field that was won and is what it was before: nobody lost anything.
    let is_told = |met: &&Meeting| !met.won || fields.as_ref().is_some_and(|fields| fields.contains(&met.field.as_str()));
    let met = told.met.iter().filter(is_told).cloned().collect();
    Some(Draft { entry, detail: detail(change, fields, key, tenant, told), target, met })
}

/// The entries, with the names of those whose edits were met.
///
/// # Errors
/// Whatever the store says.
pub async fn finish(scope: &mut Scope, drafts: Vec<Draft>) -> Result<Vec<Entry>, DbError> {
    let mut entries = Vec::with_capacity(drafts.len());
    for Draft { entry, mut detail, target, met } in drafts {
        if !met.is_empty() {
            let others = others(scope, &target, &met).await?;
            let with = |met: &Meeting| json!({"field": met.field, "won": met.won, "why": met.why, "other": others.get(&met.field), "other_at": met.other_at});
            detail.insert("met".to_owned(), met.iter().map(with).collect());
        }
        entries.push(entry.detail(detail));
    }
    Ok(entries)
}

/// Who last changed each of these fields before, or made the row: the log knows.
async fn others(scope: &mut Scope, target: &str, met: &[Meeting]) -> Result<BTreeMap<String, Value>, DbError> {
    let past = audit::store::for_target(scope, target, None, LOOK_BACK).await?;
    let changes = |change: &audit::Change, field: &str| {
        let fields = change.detail.as_ref().and_then(|detail| detail.get("fields")).and_then(Value::as_array);
        match fields {
            Some(fields) => fields.iter().any(|changed| changed == field),
            None => matches!(change.action.as_str(), "site.create" | "model.create" | "device.create" | "device.claimed"),
        }
    };
    let by = |field: &str| past.iter().find(|change| changes(change, field)).map(|change| json!(change.actor));
    Ok(met.iter().filter_map(|met| Some((met.field.clone(), by(&met.field)?))).collect())
}

fn detail(change: &Change, fields: Option<Vec<&str>>, key: RowKey, tenant: TenantId, told: &Circumstances) -> Map<String, Value> {
    let mut detail = Map::new();
    if let Some(fields) = fields {
        detail.insert("fields".to_owned(), json!(fields));
    }
    if !told.lost.is_empty() {
        detail.insert("overtaken".to_owned(), json!(told.lost));
    }
    if let Some(made_at) = told.made_at {
        detail.insert("made_at".to_owned(), json!(made_at));
    }
    if told.skew_ms.saturating_abs() > WORTH_SAYING_MS {
        detail.insert("clock_skew_ms".to_owned(), json!(told.skew_ms));
    }
    if told.is_rough {
        detail.insert("time_is_rough".to_owned(), json!(true));
    }
    match change {
        Change::DeviceRetire(retire) => drop(detail.insert("reason".to_owned(), json!(retire.reason))),
        Change::AttemptRecord(attempt) if change.target(tenant) != key => drop(detail.insert("attempt_id".to_owned(), json!(attempt.id))),
        Change::AttemptRecord(attempt) => {
            detail.insert("outcome".to_owned(), json!(attempt.outcome));
            detail.insert("device_id".to_owned(), json!(attempt.device_id));
        }
        _ => {}
    }
    detail
}

impl Circumstances {
    /// What is told of an edit that was made at `at` (corrected) and came at `now` from a clock that is wrong by `skew_ms`,
    /// and may have been set in between (`is_rough`).
    pub fn of(at: Millis, now: Millis, skew_ms: i64, is_rough: bool) -> Self {
        let made_at = Some(at).filter(|at| now.since(*at) > WORTH_SAYING_MS);
        Self { made_at, skew_ms, is_rough, ..Self::default() }
    }
}

fn name(row: Option<&Row>) -> String {
    match row {
        Some(Row::Site(site)) => site.name.clone(),
        Some(Row::Model(model)) => model.name.clone(),
        Some(Row::Device(device)) => device.name.clone(),
        Some(Row::Attempt(attempt)) => attempt.serial.clone().unwrap_or_default(),
        Some(Row::Bookmark(_)) | None => String::new(),
    }
}

fn wire_id(key: RowKey) -> Box<dyn Display + Send> {
    match key.table {
        Table::Site => Box::new(SiteId(key.id)),
        Table::Model => Box::new(ModelId(key.id)),
        Table::Device => Box::new(DeviceId(key.id)),
        Table::Attempt => Box::new(AttemptId(key.id)),
        Table::Bookmark => Box::new(BookmarkId(key.id)),
    }
}
