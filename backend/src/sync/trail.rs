//! What the audit log says about a change of a synced row.
//!
//! Deliberately not here: values. The names of the changed fields are enough to read, and the
//! hashes of before and after are enough to prove.

use std::fmt::Display;

use omniot_shared::{
    ids::{AttemptId, DeviceId, ModelId, SiteId, TenantId},
    sync::{Change, Row, RowKey, Table},
};
use serde_json::{Map, Value, json};

use crate::audit::Entry;

/// The entry for one row that `change` turned from `old` into `new`.
pub fn entry(tenant: TenantId, change: &Change, old: Option<&Row>, new: Option<&Row>, key: RowKey, lost: &[String]) -> Entry {
    // A technician's record that takes a device over is two facts: the record, and the claim.
    let action = if change.target(tenant) == key { change.kind() } else { "device.claimed" };
    let entry = Entry::new(action).target(key.table.name(), wire_id(key), &name(new.or(old))).detail(detail(change, old, new, key, tenant, lost));
    let entry = match old {
        Some(old) => entry.before(old),
        None => entry,
    };
    match new {
        Some(new) => entry.after(new),
        None => entry,
    }
}

fn detail(change: &Change, old: Option<&Row>, new: Option<&Row>, key: RowKey, tenant: TenantId, lost: &[String]) -> Value {
    let mut detail = Map::new();
    if let (Some(old), Some(new)) = (old, new) {
        detail.insert("fields".to_owned(), json!(changed(old, new)));
    }
    if !lost.is_empty() {
        detail.insert("overtaken".to_owned(), json!(lost));
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
    Value::Object(detail)
}

/// The fields in which two versions of a row differ.
fn changed(old: &Row, new: &Row) -> Vec<String> {
    let fields = |row: &Row| match serde_json::to_value(row) {
        Ok(Value::Object(tagged)) => tagged.into_values().next(),
        _ => None,
    };
    let (Some(Value::Object(old)), Some(Value::Object(new))) = (fields(old), fields(new)) else { return vec![] };
    new.into_iter().filter(|(name, value)| old.get(name) != Some(value)).map(|(name, _)| name).collect()
}

fn name(row: Option<&Row>) -> String {
    match row {
        Some(Row::Site(site)) => site.name.clone(),
        Some(Row::Model(model)) => model.name.clone(),
        Some(Row::Device(device)) => device.name.clone(),
        Some(Row::Attempt(attempt)) => attempt.serial.clone().unwrap_or_default(),
        None => String::new(),
    }
}

fn wire_id(key: RowKey) -> Box<dyn Display + Send> {
    match key.table {
        Table::Site => Box::new(SiteId(key.id)),
        Table::Model => Box::new(ModelId(key.id)),
        Table::Device => Box::new(DeviceId(key.id)),
        Table::Attempt => Box::new(AttemptId(key.id)),
    }
}
