//! Lists of synced rows: filters, folded search and keyset pages, as the server has them.
//!
//! Deliberately not here: single rows (`rows`) and what a list looks like on the wire (the door).
//! To add a filter: a field of the list's filter and its condition.

use omniot_shared::{
    entities::{Attempt, AttemptOutcome, Device, DeviceModel, DeviceState, Site},
    fold::like_pattern,
    ids::{AttemptId, DeviceId, ModelId, PersonId, SiteId},
};
use rusqlite::{Connection, ToSql};
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

    fn by_name(&mut self, page: &ByName, columns: &[&str]) {
        if let Some(pattern) = page.q.as_deref().and_then(like_pattern) {
            let found: Vec<String> = columns.iter().map(|column| format!("{column} like ? escape '\\'")).collect();
            self.and(&format!("({})", found.join(" or ")), columns.iter().map(|_| boxed(pattern.clone())));
        }
        if let Some((name, id)) = &page.after {
            self.and("(folded, id) > (?, ?)", [boxed(name.clone()), boxed(id.into_bytes())]);
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

const BY_NAME: &str = "order by folded, id";

/// Sites by name.
///
/// # Errors
/// [`StoreError`].
pub fn sites(db: &Connection, page: &ByName) -> Result<Vec<Site>, StoreError> {
    let mut wanted = Where::default();
    wanted.by_name(page, &["folded"]);
    wanted.all(db, &format!("select {} from site", rows::SITE), BY_NAME, page.rows, rows::site)
}

/// Models by name.
///
/// # Errors
/// [`StoreError`].
pub fn models(db: &Connection, page: &ByName) -> Result<Vec<DeviceModel>, StoreError> {
    let mut wanted = Where::default();
    wanted.by_name(page, &["folded"]);
    wanted.all(db, &format!("select {} from model", rows::MODEL), BY_NAME, page.rows, rows::model)
}

/// Devices by name.
///
/// # Errors
/// [`StoreError`].
pub fn devices(db: &Connection, filter: &DeviceFilter, page: &ByName) -> Result<Vec<Device>, StoreError> {
    let mut wanted = Where::default();
    wanted.id("site_id", filter.site.map(Uuid::from));
    wanted.id("model_id", filter.model.map(Uuid::from));
    if let Some(state) = filter.state {
        wanted.and("state = ?", [boxed(AsWord(state))]);
    }
    wanted.by_name(page, &["folded", "lower(serial)"]);
    wanted.all(db, &format!("select {} from device", rows::DEVICE), BY_NAME, page.rows, rows::device)
}

/// Attempts, newest first.
///
/// # Errors
/// [`StoreError`].
pub fn attempts(db: &Connection, filter: &AttemptFilter) -> Result<Vec<Attempt>, StoreError> {
    let mut wanted = Where::default();
    wanted.id("device_id", filter.device.map(Uuid::from));
    wanted.id("site_id", filter.site.map(Uuid::from));
    wanted.id("technician_id", filter.technician.map(Uuid::from));
    if let Some(outcome) = filter.outcome {
        wanted.and("outcome = ?", [boxed(AsWord(outcome))]);
    }
    if let Some((started_at, id)) = filter.after {
        wanted.and("(started_at, id) < (?, ?)", [boxed(started_at), boxed(id.0.into_bytes())]);
    }
    wanted.all(db, "select whole from attempt", "order by started_at desc, id desc", filter.rows, rows::attempt)
}

/// The model of that SKU; the first by name when there are several.
///
/// # Errors
/// [`StoreError`].
pub fn model_of_sku(db: &Connection, sku: &str) -> Result<Option<DeviceModel>, StoreError> {
    let mut wanted = Where::default();
    wanted.and("sku = ?", [boxed(sku.to_owned())]);
    Ok(wanted.all(db, &format!("select {} from model", rows::MODEL), BY_NAME, 1, rows::model)?.pop())
}
