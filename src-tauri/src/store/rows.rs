//! Synced rows in and out of their typed tables.
//!
//! Deliberately not here: which rows belong there (the sync core decides), and lists (`lists`).
//! To add a table: its `create table` in schema.sql, a `write_…` and a `read_…` here.

use omniot_shared::{
    entities::{Attempt, Bookmark, Device, DeviceModel, Site},
    fold::fold,
    ids::{BookmarkId, DeviceId, ModelId, PersonId, SiteId},
    sync::{Row, RowKey, Seq, Sight, SyncedRow, Table, rows::Scope},
    time::Millis,
};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::{StoreError, words::AsWord};

/// Columns of a site, in the order that [`site`] reads.
pub const SITE: &str = "id, name, address, time_zone, note, created_at";
/// Columns of a model, in the order that [`model`] reads.
pub const MODEL: &str = "id, name, sku, min_security, created_at";
/// Columns of a device (as `d`), in the order that [`device`] reads.
pub const DEVICE: &str = "d.id, d.serial, d.name, d.model_id, d.site_id, d.note, d.state, d.firmware, d.epoch, d.created_at";

/// Columns of a bookmark, in the order that [`bookmark`] reads.
pub const BOOKMARK: &str = "id, person_id, device_id, note, created_at";

/// Writes a row over whatever stands at its key.
///
/// # Errors
/// [`StoreError`].
pub fn put(db: &Connection, synced: &SyncedRow) -> Result<(), StoreError> {
    let seq = synced.seq;
    match &synced.row {
        Row::Site(site) => put_site(db, seq, site),
        Row::Model(model) => put_model(db, seq, model),
        Row::Device(device) => put_device(db, seq, device),
        Row::Attempt(attempt) => put_attempt(db, seq, attempt),
        Row::Bookmark(bookmark) => put_bookmark(db, seq, bookmark),
    }
}

/// The row at `key`.
///
/// # Errors
/// [`StoreError`].
pub fn get(db: &Connection, key: RowKey) -> Result<Option<SyncedRow>, StoreError> {
    match key.table {
        Table::Site => one(db, &format!("select {SITE}, seq from site where id = ?1"), key, 6, |row| site(row).map(Row::Site)),
        Table::Model => one(db, &format!("select {MODEL}, seq from model where id = ?1"), key, 5, |row| model(row).map(Row::Model)),
        Table::Device => one(db, &format!("select {DEVICE}, seq from device d where id = ?1"), key, 10, |row| device(row).map(Row::Device)),
        Table::Attempt => one(db, "select whole, seq from attempt where id = ?1", key, 1, |row| attempt(row).map(|attempt| Row::Attempt(Box::new(attempt)))),
        Table::Bookmark => one(db, &format!("select {BOOKMARK}, seq from bookmark where id = ?1"), key, 5, |row| bookmark(row).map(Row::Bookmark)),
    }
}

/// Every row of a table, one after the other.
///
/// # Errors
/// [`StoreError`], of the visitor too.
pub fn each(db: &Connection, table: Table, mut visit: impl FnMut(SyncedRow) -> Result<(), StoreError>) -> Result<(), StoreError> {
    let (sql, seq_at) = match table {
        Table::Site => (format!("select {SITE}, seq from site"), 6),
        Table::Model => (format!("select {MODEL}, seq from model"), 5),
        Table::Device => (format!("select {DEVICE}, seq from device d"), 10),
        Table::Attempt => ("select whole, seq from attempt".to_owned(), 1),
        Table::Bookmark => (format!("select {BOOKMARK}, seq from bookmark"), 5),
    };
    let mut statement = db.prepare_cached(&sql)?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let read = match table {
            Table::Site => Row::Site(site(row)?),
            Table::Model => Row::Model(model(row)?),
            Table::Device => Row::Device(device(row)?),
            Table::Attempt => Row::Attempt(Box::new(attempt(row)?)),
            Table::Bookmark => Row::Bookmark(bookmark(row)?),
        };
        visit(SyncedRow { seq: Seq(row.get(seq_at)?), row: read })?;
    }
    Ok(())
}

/// The sequence of the row at `key`, without reading the rest.
///
/// # Errors
/// [`StoreError`].
pub fn seq(db: &Connection, key: RowKey) -> Result<Option<Seq>, StoreError> {
    let sql = match key.table {
        Table::Site => "select seq from site where id = ?1",
        Table::Model => "select seq from model where id = ?1",
        Table::Device => "select seq from device where id = ?1",
        Table::Attempt => "select seq from attempt where id = ?1",
        Table::Bookmark => "select seq from bookmark where id = ?1",
    };
    Ok(db.prepare_cached(sql)?.query_row([key.id.as_bytes()], |row| row.get(0)).optional()?.map(Seq))
}

/// Takes the row at `key` away; none is fine.
///
/// # Errors
/// [`StoreError`].
pub fn remove(db: &Connection, key: RowKey) -> Result<(), StoreError> {
    let sql = match key.table {
        Table::Site => "delete from site where id = ?1",
        Table::Model => "delete from model where id = ?1",
        Table::Device => "delete from device where id = ?1",
        Table::Attempt => "delete from attempt where id = ?1",
        Table::Bookmark => "delete from bookmark where id = ?1",
    };
    db.prepare_cached(sql)?.execute([key.id.as_bytes()])?;
    Ok(())
}

/// Takes every row of every table away.
///
/// # Errors
/// [`StoreError`].
pub fn clear(db: &Connection) -> Result<(), StoreError> {
    for table in Table::ALL {
        db.execute(&format!("delete from {}", table.name()), [])?;
    }
    Ok(())
}

/// Removes every synced row that is out of sight; which ones, and their sequences.
///
/// # Errors
/// [`StoreError`].
pub fn clear_hidden(db: &Connection, sight: &Sight) -> Result<Vec<(RowKey, Seq)>, StoreError> {
    let mut hidden = Vec::new();
    // What is one's own is never out of sight.
    for table in Table::ALL.into_iter().filter(|table| !table.is_personal()) {
        let site = match table {
            Table::Site => "id",
            Table::Model | Table::Bookmark => "null",
            Table::Device | Table::Attempt => "site_id",
        };
        let mut statement = db.prepare_cached(&format!("select id, seq, {site} from {}", table.name()))?;
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            let at: Option<[u8; 16]> = row.get(2)?;
            if !sight.covers(at.map_or(Scope::Common, |at| Scope::Site(SiteId(Uuid::from_bytes(at))))) {
                hidden.push((RowKey { table, id: uuid(row, 0)? }, Seq(row.get(1)?)));
            }
        }
    }
    hidden.iter().try_for_each(|(key, _)| remove(db, *key))?;
    Ok(hidden)
}

fn one(
    db: &Connection,
    sql: &str,
    key: RowKey,
    seq_at: usize,
    read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<Row>,
) -> Result<Option<SyncedRow>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let found = statement.query_row([key.id.as_bytes()], |row| Ok(SyncedRow { seq: Seq(row.get(seq_at)?), row: read(row)? }));
    Ok(found.optional()?)
}

fn put_site(db: &Connection, seq: Seq, site: &Site) -> Result<(), StoreError> {
    let sql = "insert or replace into site (id, seq, name, search_text, address, time_zone, note, created_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    db.prepare_cached(sql)?.execute(params![site.id.0.as_bytes(), seq.0, site.name, site_text(site), site.address, site.time_zone, site.note, site.created_at.0])?;
    Ok(())
}

fn put_model(db: &Connection, seq: Seq, model: &DeviceModel) -> Result<(), StoreError> {
    let sql = "insert or replace into model (id, seq, name, search_text, sku, min_security, created_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    db.prepare_cached(sql)?.execute(params![model.id.0.as_bytes(), seq.0, model.name, model_text(model), model.sku, AsWord(model.min_security), model.created_at.0])?;
    Ok(())
}

fn put_device(db: &Connection, seq: Seq, device: &Device) -> Result<(), StoreError> {
    let sql = "insert or replace into device \
         (id, seq, serial, name, search_text, model_id, site_id, note, state, firmware, epoch, created_at) \
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    db.prepare_cached(sql)?.execute(params![
        device.id.0.as_bytes(),
        seq.0,
        device.serial,
        device.name,
        device_text(device),
        device.model_id.0.as_bytes(),
        device.site_id.as_ref().map(|site| site.0.as_bytes()),
        device.note,
        AsWord(device.state),
        device.firmware,
        device.epoch,
        device.created_at.0,
    ])?;
    Ok(())
}

fn put_attempt(db: &Connection, seq: Seq, attempt: &Attempt) -> Result<(), StoreError> {
    let sql = "insert or replace into attempt (id, seq, device_id, site_id, technician_id, outcome, started_at, whole) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    db.prepare_cached(sql)?.execute(params![
        attempt.id.0.as_bytes(),
        seq.0,
        attempt.device_id.as_ref().map(|id| id.0.as_bytes()),
        attempt.site_id.as_ref().map(|id| id.0.as_bytes()),
        attempt.technician_id.0.as_bytes(),
        AsWord(attempt.outcome),
        attempt.started_at.0,
        serde_json::to_string(attempt)?,
    ])?;
    Ok(())
}

fn put_bookmark(db: &Connection, seq: Seq, bookmark: &Bookmark) -> Result<(), StoreError> {
    let sql = "insert or replace into bookmark (id, seq, person_id, device_id, note, created_at) values (?1, ?2, ?3, ?4, ?5, ?6)";
    db.prepare_cached(sql)?.execute(params![
        bookmark.id.0.as_bytes(),
        seq.0,
        bookmark.person_id.0.as_bytes(),
        bookmark.device_id.0.as_bytes(),
        bookmark.note,
        bookmark.created_at.0,
    ])?;
    Ok(())
}

/// What a site is found and sorted by: as the server has it.
#[must_use]
pub fn site_text(site: &Site) -> String {
    fold(&format!("{} {}", site.name, site.address.as_deref().unwrap_or_default()))
}

/// What a model is found and sorted by: as the server has it.
#[must_use]
pub fn model_text(model: &DeviceModel) -> String {
    fold(&format!("{} {}", model.name, model.sku))
}

/// What a device is found and sorted by: as the server has it.
#[must_use]
pub fn device_text(device: &Device) -> String {
    fold(&format!("{} {}", device.name, device.serial))
}

/// Reads [`SITE`].
///
/// # Errors
/// Of rusqlite, when a column is not what it should be.
pub fn site(row: &rusqlite::Row<'_>) -> rusqlite::Result<Site> {
    Ok(Site {
        id: SiteId(uuid(row, 0)?),
        name: row.get(1)?,
        address: row.get(2)?,
        time_zone: row.get(3)?,
        note: row.get(4)?,
        created_at: Millis(row.get(5)?),
    })
}

/// Reads [`MODEL`].
///
/// # Errors
/// Of rusqlite, when a column is not what it should be.
pub fn model(row: &rusqlite::Row<'_>) -> rusqlite::Result<DeviceModel> {
    Ok(DeviceModel {
        id: ModelId(uuid(row, 0)?),
        name: row.get(1)?,
        sku: row.get(2)?,
        min_security: row.get::<_, AsWord<_>>(3)?.0,
        created_at: Millis(row.get(4)?),
    })
}

/// Reads [`DEVICE`].
///
/// # Errors
/// Of rusqlite, when a column is not what it should be.
pub fn device(row: &rusqlite::Row<'_>) -> rusqlite::Result<Device> {
    let site: Option<[u8; 16]> = row.get(4)?;
    Ok(Device {
        id: DeviceId(uuid(row, 0)?),
        serial: row.get(1)?,
        name: row.get(2)?,
        model_id: ModelId(uuid(row, 3)?),
        site_id: site.map(|bytes| SiteId(Uuid::from_bytes(bytes))),
        note: row.get(5)?,
        state: row.get::<_, AsWord<_>>(6)?.0,
        firmware: row.get(7)?,
        epoch: row.get(8)?,
        created_at: Millis(row.get(9)?),
    })
}

/// Reads [`BOOKMARK`].
///
/// # Errors
/// Of rusqlite, when a column is not what it should be.
pub fn bookmark(row: &rusqlite::Row<'_>) -> rusqlite::Result<Bookmark> {
    Ok(Bookmark {
        id: BookmarkId(uuid(row, 0)?),
        person_id: PersonId(uuid(row, 1)?),
        device_id: DeviceId(uuid(row, 2)?),
        note: row.get(3)?,
        created_at: Millis(row.get(4)?),
    })
}

/// Reads the column `whole` of an attempt.
///
/// # Errors
/// Of rusqlite, when it is not an attempt.
pub fn attempt(row: &rusqlite::Row<'_>) -> rusqlite::Result<Attempt> {
    let whole = row.get_ref(0)?.as_str()?;
    serde_json::from_str(whole).map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error)))
}

fn uuid(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Uuid> {
    row.get(at).map(Uuid::from_bytes)
}
