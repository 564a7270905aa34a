//! Lists of synced rows: filters, folded search and keyset pages, as the server has them.
//!
//! Deliberately not here: single rows (`rows`) and what a list looks like on the wire (the door).
//! To add a filter: a field of the list's filter and its condition.

use omniot_shared::{
    entities::{Attempt, AttemptOutcome, Device, DeviceModel, DeviceState, Site},
    fold::fold,
    ids::{AttemptId, DeviceId, ModelId, PersonId, SiteId},
    time::Millis,
};
use rusqlite::{Connection, ToSql};
use serde::Serialize;
use uuid::Uuid;

use super::{StoreError, rows, words::AsWord};

/// Where a page of a list by name begins, and how long it is.
#[derive(Debug, Clone, Default)]
pub struct ByName {
    /// After this folded name and id.
    pub after: Option<(String, Uuid)>,
    /// At most so many rows.
    pub rows: u32,
    /// What to look for, as typed.
    pub q: Option<String>,
}

/// Which devices.
#[derive(Debug, Clone, Default)]
pub struct DeviceFilter {
    /// At this site.
    pub site: Option<SiteId>,
    /// Of this kind.
    pub model: Option<ModelId>,
    /// In this state.
    pub state: Option<DeviceState>,
    /// On one's own list.
    pub marked: bool,
}

/// Which attempts, newest first.
#[derive(Debug, Clone, Default)]
pub struct AttemptFilter {
    /// Of this device.
    pub device: Option<DeviceId>,
    /// At this site.
    pub site: Option<SiteId>,
    /// By this person.
    pub technician: Option<PersonId>,
    /// That ended so.
    pub outcome: Option<AttemptOutcome>,
    /// For this reason.
    pub cause: Option<String>,
    /// Of devices of this kind.
    pub model: Option<ModelId>,
    /// Of devices that run this.
    pub firmware: Option<String>,
    /// With this version of the app.
    pub app_version: Option<String>,
    /// On this sort of phone or machine.
    pub phone: Option<String>,
    /// Begun then or later, milliseconds.
    pub from: Option<i64>,
    /// Begun before.
    pub to: Option<i64>,
    /// Before (older than) this start and id.
    pub after: Option<(i64, AttemptId)>,
    /// At most so many rows.
    pub rows: u32,
}

/// Conditions and their values, put together.
#[derive(Default)]
struct Where {
    sql: String,
    values: Vec<Box<dyn ToSql>>,
}

impl Where {
    fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Box<dyn ToSql>>) {
        self.sql.push_str(if self.sql.is_empty() { " where " } else { " and " });
        self.sql.push_str(condition);
        self.values.extend(values);
    }

    fn id(&mut self, column: &str, id: Option<Uuid>) {
        if let Some(id) = id {
            self.and(&format!("{column} = ?"), [boxed(id.into_bytes())]);
        }
    }

    /// `row` is the alias of the listed table.
    fn by_name(&mut self, page: &ByName, row: &str) {
        // Both are folded: comparing bytes finds what the server's `like` finds, in half the time.
        if let Some(sought) = page.q.as_deref().map(fold).filter(|sought| !sought.is_empty()) {
            self.and(&format!("instr({row}.search_text, ?) > 0"), [boxed(sought)]);
        }
        if let Some((text, id)) = &page.after {
            self.and(&format!("({row}.search_text, {row}.id) > (?, ?)"), [boxed(text.clone()), boxed(id.into_bytes())]);
        }
    }

    fn all<T>(self, db: &Connection, select: &str, tail: &str, limit: u32, read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>) -> Result<Vec<T>, StoreError> {
        let mut statement = db.prepare_cached(&format!("{select}{} {tail} limit {limit}", self.sql))?;
        let values: Vec<&dyn ToSql> = self.values.iter().map(Box::as_ref).collect();
        let found = statement.query_map(values.as_slice(), read)?.collect::<Result<_, _>>()?;
        Ok(found)
    }
}

fn boxed(value: impl ToSql + 'static) -> Box<dyn ToSql> {
    Box::new(value)
}

/// A device and the names of what it points to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedDevice {
    /// The device.
    #[serde(flatten)]
    pub device: Device,
    /// Of its site, when that is here.
    pub site_name: Option<String>,
    /// Of its model, when that is here.
    pub model_name: Option<String>,
    /// Its place on one's own list.
    pub bookmark: Option<Mark>,
}

/// What a person keeps about a device on their own list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// What they noted.
    pub note: Option<String>,
    /// Since when.
    pub created_at: Millis,
}

/// An attempt and the names of what it points to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedAttempt {
    /// The attempt.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// Of its device, when that is here.
    pub device_name: Option<String>,
    /// Of its site, when that is here.
    pub site_name: Option<String>,
}

/// Sites by name.
///
/// # Errors
/// [`StoreError`].
pub fn sites(db: &Connection, page: &ByName) -> Result<Vec<Site>, StoreError> {
    let mut wanted = Where::default();
    wanted.by_name(page, "site");
    wanted.all(db, &format!("select {} from site", rows::SITE), "order by search_text, id", page.rows, rows::site)
}

/// Models by name.
///
/// # Errors
/// [`StoreError`].
pub fn models(db: &Connection, page: &ByName) -> Result<Vec<DeviceModel>, StoreError> {
    let mut wanted = Where::default();
    wanted.by_name(page, "model");
    wanted.all(db, &format!("select {} from model", rows::MODEL), "order by search_text, id", page.rows, rows::model)
}

const NAMES: &str = "s.name, m.name, k.note, k.created_at from device d \
     left join site s on s.id = d.site_id left join model m on m.id = d.model_id left join bookmark k on k.device_id = d.id";
const BY_TEXT: &str = "order by d.search_text, d.id";

fn named_device(row: &rusqlite::Row<'_>) -> rusqlite::Result<NamedDevice> {
    let note = row.get(12)?;
    let bookmark = row.get::<_, Option<i64>>(13)?.map(|at| Mark { note, created_at: Millis(at) });
    Ok(NamedDevice { device: rows::device(row)?, site_name: row.get(10)?, model_name: row.get(11)?, bookmark })
}

/// Devices by name.
///
/// # Errors
/// How many devices are planned at a site.
///
/// # Errors
/// [`StoreError`].
pub fn count_planned(db: &Connection, site: SiteId) -> Result<u32, StoreError> {
    let sql = "select count(*) from device where site_id = ?1 and state = 'planned'";
    Ok(db.prepare_cached(sql)?.query_row([site.0.as_bytes()], |row| row.get(0))?)
}

/// [`StoreError`].
pub fn devices(db: &Connection, filter: &DeviceFilter, page: &ByName) -> Result<Vec<NamedDevice>, StoreError> {
    let mut wanted = Where::default();
    wanted.id("d.site_id", filter.site.map(Uuid::from));
    wanted.id("d.model_id", filter.model.map(Uuid::from));
    if let Some(state) = filter.state {
        wanted.and("d.state = ?", [boxed(AsWord(state))]);
    }
    if filter.marked {
        wanted.and("k.id is not null", []);
    }
    wanted.by_name(page, "d");
    wanted.all(db, &format!("select {}, {NAMES}", rows::DEVICE), BY_TEXT, page.rows, named_device)
}

/// The device of that id.
///
/// # Errors
/// [`StoreError`].
pub fn device(db: &Connection, id: DeviceId) -> Result<Option<NamedDevice>, StoreError> {
    let mut wanted = Where::default();
    wanted.id("d.id", Some(id.0));
    Ok(wanted.all(db, &format!("select {}, {NAMES}", rows::DEVICE), BY_TEXT, 1, named_device)?.pop())
}

/// Attempts, newest first.
///
/// # Errors
/// [`StoreError`].
pub fn attempts(db: &Connection, filter: &AttemptFilter) -> Result<Vec<NamedAttempt>, StoreError> {
    let mut wanted = Where::default();
    wanted.id("a.device_id", filter.device.map(Uuid::from));
    wanted.id("a.site_id", filter.site.map(Uuid::from));
    wanted.id("a.technician_id", filter.technician.map(Uuid::from));
    if let Some(outcome) = filter.outcome {
        wanted.and("a.outcome = ?", [boxed(AsWord(outcome))]);
    }
    wanted.id("d.model_id", filter.model.map(Uuid::from));
    for (name, value) in [("cause", &filter.cause), ("firmware", &filter.firmware), ("app_version", &filter.app_version), ("os", &filter.phone)] {
        if let Some(value) = value {
            wanted.and(&format!("json_extract(a.whole, '$.{name}') = ?"), [boxed(value.clone())]);
        }
    }
    if let Some(from) = filter.from {
        wanted.and("a.started_at >= ?", [boxed(from)]);
    }
    if let Some(to) = filter.to {
        wanted.and("a.started_at < ?", [boxed(to)]);
    }
    if let Some((started_at, id)) = filter.after {
        wanted.and("(a.started_at, a.id) < (?, ?)", [boxed(started_at), boxed(id.0.into_bytes())]);
    }
    let select = "select a.whole, d.name, s.name from attempt a left join device d on d.id = a.device_id left join site s on s.id = a.site_id";
    wanted.all(db, select, "order by a.started_at desc, a.id desc", filter.rows, |row| {
        Ok(NamedAttempt { attempt: rows::attempt(row)?, device_name: row.get(1)?, site_name: row.get(2)? })
    })
}

/// The model of that SKU; the first by name when there are several.
///
/// # Errors
/// [`StoreError`].
pub fn model_of_sku(db: &Connection, sku: &str) -> Result<Option<DeviceModel>, StoreError> {
    let mut wanted = Where::default();
    wanted.and("sku = ?", [boxed(sku.to_owned())]);
    Ok(wanted.all(db, &format!("select {} from model", rows::MODEL), "order by search_text, id", 1, rows::model)?.pop())
}
