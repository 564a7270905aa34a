//! The SQL of the synced tables: loading by key, writing many rows at once, reading by sequence.
//!
//! One text serves both engines. The texts of many-row statements are put together from
//! constants and placeholders only, in few sizes, so that each is prepared once a connection.
//! Deliberately not here: lists, search and filters (the features' own stores) and what a change
//! may do. To add a table: its file with a [`Stored`], its arms in this one.

mod attempt;
mod bookmark;
mod device;
mod keeping;
mod model;
mod site;
mod sums;
mod view;

use std::collections::{BTreeMap, HashMap};

use omniot_shared::{
    sync::{
        Checksum, Row, RowKey, Seq, SyncedRow, Table,
        policy::Stamps,
        rows::Scope as SyncScope,
        wire::{Departure, Gone},
    },
    time::Millis,
};
use serde::{Deserialize, Serialize, de::IntoDeserializer as _, de::value::StrDeserializer};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::db::{DbError, Query, Scope, Value, placeholders};
use view::Homes;

pub use attempt::AttemptRow;
pub use bookmark::{BookmarkRow, forget_own};
pub use device::DeviceRow;
pub use keeping::{Client, Clock, FIRST_EPOCH, NewReceipt, Stand, StoredReceipt, began, begin_epoch, client, insert_receipts, move_clock, opening, receipts_by_intent, receipts_by_number, save_client, stand};
pub use model::ModelRow;
pub use site::SiteRow;
pub use sums::{Sums, checksum, checksums, tables_agree};
pub use view::{Own, View};

/// A row as it stands, with what synchronization keeps beside it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The sequence of its last change.
    pub seq: Seq,
    /// Who last changed which field.
    pub stamps: Stamps,
    /// The row.
    pub row: Row,
}

/// How one kind of row is stored. `COLUMNS` are those after `id, seq, scope`.
trait Stored: crate::db::Row + Sized {
    /// The table's name.
    const TABLE: &'static str;
    /// Its own columns, in the order of [`Stored::values`].
    const COLUMNS: &'static [&'static str];
    /// Whether a row may change after it was written.
    const APPEND_ONLY: bool = false;

    fn values(row: &Row, stamps: &Stamps) -> Result<Vec<Value>, DbError>;
    fn seq(&self) -> Seq;
    /// Of a row that was read with [`STAMPS`].
    fn stamps(&self) -> Result<Stamps, DbError>;
    fn row(self) -> Result<Row, DbError>;
}

/// The column of [`Stamps`].
const STAMPS: &str = "stamps";

/// The rows at `keys`, as many of them as there are.
///
/// # Errors
/// Whatever the store says.
pub async fn load(scope: &mut Scope, keys: &[RowKey]) -> Result<HashMap<RowKey, Loaded>, DbError> {
    let mut found = HashMap::with_capacity(keys.len());
    for table in Table::ALL {
        let mut ids: Vec<Uuid> = keys.iter().filter(|key| key.table == table).map(|key| key.id).collect();
        ids.sort_unstable();
        ids.dedup();
        let rows = match table {
            Table::Site => load_table::<SiteRow>(scope, &ids).await,
            Table::Model => load_table::<ModelRow>(scope, &ids).await,
            Table::Device => load_table::<DeviceRow>(scope, &ids).await,
            Table::Attempt => load_table::<AttemptRow>(scope, &ids).await,
            Table::Bookmark => load_table::<BookmarkRow>(scope, &ids).await,
        }?;
        found.extend(rows.into_iter().map(|loaded| (loaded.row.key(), loaded)));
    }
    Ok(found)
}

async fn load_table<T: Stored>(scope: &mut Scope, ids: &[Uuid]) -> Result<Vec<Loaded>, DbError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("select {} from {} where tenant_id = $1 and id = any($2)", T::all_columns(), T::TABLE);
    let rows: Vec<T> = scope.query(AssertSqlSafe(sql)).bind(Value::ids(ids.iter().copied())).all().await?;
    rows.into_iter().map(|row| Ok(Loaded { seq: row.seq(), stamps: row.stamps()?, row: row.row()? })).collect()
}

/// Up to `limit` rows of `table` in view that last changed in (`after`, `until`], in order of sequence.
///
/// # Errors
/// Whatever the store says.
pub async fn since(scope: &mut Scope, table: Table, view: &View, after: Seq, until: Seq, limit: u32) -> Result<Vec<SyncedRow>, DbError> {
    let Some(homes) = view.of(table) else { return Ok(Vec::new()) };
    match table {
        Table::Site => since_in::<SiteRow>(scope, homes, after, until, limit).await,
        Table::Model => since_in::<ModelRow>(scope, homes, after, until, limit).await,
        Table::Device => since_in::<DeviceRow>(scope, homes, after, until, limit).await,
        Table::Attempt => since_in::<AttemptRow>(scope, homes, after, until, limit).await,
        Table::Bookmark => since_in::<BookmarkRow>(scope, homes, after, until, limit).await,
    }
}

async fn since_in<T: Stored>(scope: &mut Scope, homes: Homes, after: Seq, until: Seq, limit: u32) -> Result<Vec<SyncedRow>, DbError> {
    let sql = format!(
        "select {} from {} where tenant_id = $1 and seq > $2 and seq <= $3{} order by seq limit $4",
        T::columns_of_row(),
        T::TABLE,
        homes.condition(5)
    );
    let rows: Vec<T> = homes.bind(scope.query(AssertSqlSafe(sql)).bind(after.0).bind(until.0).bind(limit)).all().await?;
    rows.into_iter().map(|row| Ok(SyncedRow { seq: row.seq(), row: row.row()? })).collect()
}

/// How many rows are read at once to be compared.
const COMPARED_AT_ONCE: u32 = 1_000;

/// The digest of every row in view up to `until` with everything it says.
///
/// # Errors
/// Whatever the store says.
pub async fn whole(scope: &mut Scope, view: &View, until: Seq) -> Result<Checksum, DbError> {
    let mut whole = Checksum::default();
    for table in Table::ALL {
        let mut after = Seq(0);
        loop {
            let rows = since(scope, table, view, after, until, COMPARED_AT_ONCE).await?;
            let Some(last) = rows.last() else { break };
            after = last.seq;
            rows.iter().try_for_each(|row| whole.add_whole(row)).map_err(|_| unreadable("a row has no JSON"))?;
        }
    }
    Ok(whole)
}

/// A row on its way into the store.
#[derive(Debug, Clone, Copy)]
pub struct Written<'r> {
    /// Its new sequence.
    pub seq: Seq,
    /// Itself.
    pub row: &'r Row,
    /// Who last changed which field.
    pub stamps: &'r Stamps,
    /// What stands in the store now, where something does: columns that stay as they are are not written,
    /// and the indexes over them stay as they are.
    pub before: Option<&'r Row>,
}

/// Writes rows under their new sequences.
///
/// # Errors
/// [`DbError::Unique`] when an append-only row is there already; whatever else the store says.
pub async fn write(scope: &mut Scope, rows: &[Written<'_>]) -> Result<(), DbError> {
    for table in Table::ALL {
        let of_table: Vec<_> = rows.iter().filter(|written| written.row.key().table == table).copied().collect();
        match table {
            Table::Site => write_table::<SiteRow>(scope, &of_table).await,
            Table::Model => write_table::<ModelRow>(scope, &of_table).await,
            Table::Device => write_table::<DeviceRow>(scope, &of_table).await,
            Table::Attempt => write_table::<AttemptRow>(scope, &of_table).await,
            Table::Bookmark => write_table::<BookmarkRow>(scope, &of_table).await,
        }?;
    }
    Ok(())
}

async fn write_table<T: Stored>(scope: &mut Scope, rows: &[Written<'_>]) -> Result<(), DbError> {
    let mut alike: BTreeMap<Vec<&str>, Vec<Vec<Value>>> = BTreeMap::new();
    for written in rows {
        let (set, values) = T::written(written)?;
        alike.entry(set).or_default().push(values);
    }
    for (set, mut rows) in alike {
        let sizes: Vec<usize> = scope.portions(&rows, T::width()).into_iter().map(<[_]>::len).collect();
        for size in sizes {
            let query = scope.query(AssertSqlSafe(T::upsert(size, &set)));
            rows.drain(..size).flatten().fold(query, Query::bind).execute().await?;
        }
    }
    Ok(())
}

trait Texts: Stored {
    fn all_columns() -> String {
        format!("id, seq, {}", Self::COLUMNS.join(", "))
    }

    /// Without what synchronization keeps beside it: pulls read many.
    fn columns_of_row() -> String {
        let own: Vec<&str> = Self::COLUMNS.iter().copied().filter(|column| ![STAMPS, "search_text"].contains(column)).collect();
        format!("id, seq, {}", own.join(", "))
    }

    /// Values of a row, the tenant aside.
    fn width() -> usize {
        3 + Self::COLUMNS.len()
    }

    /// The columns that a row changes, and its values.
    fn written(written: &Written<'_>) -> Result<(Vec<&'static str>, Vec<Value>), DbError> {
        let columns = || ["id", "seq", "scope"].into_iter().chain(Self::COLUMNS.iter().copied());
        let values = Self::all_values(written.seq, written.row, written.stamps)?;
        let Some(before) = written.before else { return Ok((columns().skip(1).collect(), values)) };
        let before = Self::all_values(Seq(0), before, &Stamps::new())?;
        let set = columns().zip(before.iter().zip(&values)).filter(|(column, (before, now))| *column == STAMPS || before != now).map(|(column, _)| column);
        Ok((set.collect(), values))
    }

    fn all_values(seq: Seq, row: &Row, stamps: &Stamps) -> Result<Vec<Value>, DbError> {
        let mut values = vec![row.key().id.into(), seq.0.into(), row.home().name().into()];
        values.append(&mut Self::values(row, stamps)?);
        Ok(values)
    }

    /// Writes so many rows; of those that are there it changes the columns of `set`.
    fn upsert(count: usize, set: &[&str]) -> String {
        let width = Self::width();
        let rows: Vec<String> = (0..count).map(|row| format!("($1, {})", placeholders(2 + row * width, width))).collect();
        let insert = format!("insert into {} (tenant_id, id, seq, scope, {}) values {}", Self::TABLE, Self::COLUMNS.join(", "), rows.join(", "));
        if Self::APPEND_ONLY {
            return insert;
        }
        let set: Vec<String> = set.iter().map(|column| format!("{column} = excluded.{column}")).collect();
        format!("{insert} on conflict (tenant_id, id) do update set {}", set.join(", "))
    }
}

impl<T: Stored> Texts for T {}

const BURY: &str = "
    insert into tombstone (tenant_id, scope, table_name, id, seq, why, at) values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (tenant_id, scope, table_name, id) do update set seq = excluded.seq, why = excluded.why, at = excluded.at";

/// Notes that a row is no longer in `home`.
///
/// # Errors
/// Whatever the store says.
pub async fn bury(scope: &mut Scope, home: SyncScope, gone: Gone, at: Millis) -> Result<(), DbError> {
    let Gone { table, id, seq, why } = gone;
    scope.query(BURY).bind(home.name()).bind(table.name()).bind(id).bind(seq.0).bind(name_of(why)?).bind(at).execute().await.map(drop)
}

/// How long a departure is told of. A replica that was away for longer gets everything anew.
pub const TOMBSTONES_MS: i64 = 90 * 24 * 3_600_000;
/// So many are looked at with each write that makes some: more than such a write mostly makes.
const FORGET_AT_ONCE: i64 = 64;
const OLDEST: &str = "select seq, at from tombstone where tenant_id = $1 order by seq limit $2";
const FORGET: &str = "delete from tombstone where tenant_id = $1 and seq <= $2";
const RETAIN_FROM: &str = "
    insert into sync_state (tenant_id, epoch, min_retained_seq) values ($1, 1, $2)
    on conflict (tenant_id) do update set min_retained_seq =
        case when sync_state.min_retained_seq < excluded.min_retained_seq then excluded.min_retained_seq else sync_state.min_retained_seq end";

/// Forgets departures of before `at`, some of them each time, and from which cursor on none is missing.
///
/// # Errors
/// Whatever the store says.
pub async fn forget_departed(scope: &mut Scope, at: Millis) -> Result<(), DbError> {
    let oldest: Vec<(i64, i64)> = scope.query(OLDEST).bind(FORGET_AT_ONCE).all().await?;
    let Some((last, _)) = oldest.into_iter().take_while(|(_, left)| *left < at.0).last() else { return Ok(()) };
    scope.query(RETAIN_FROM).bind(last).execute().await?;
    scope.query(FORGET).bind(last).execute().await.map(drop)
}

/// Deletes a row and leaves its tombstone.
///
/// # Errors
/// [`DbError::Reference`] when something still points to it; whatever else the store says.
pub async fn remove(scope: &mut Scope, home: SyncScope, key: RowKey, seq: Seq, at: Millis) -> Result<(), DbError> {
    let table = match key.table {
        Table::Site => SiteRow::TABLE,
        Table::Model => ModelRow::TABLE,
        Table::Device => DeviceRow::TABLE,
        Table::Attempt => AttemptRow::TABLE,
        Table::Bookmark => BookmarkRow::TABLE,
    };
    scope.query(AssertSqlSafe(format!("delete from {table} where tenant_id = $1 and id = $2"))).bind(key.id).execute().await?;
    bury(scope, home, Gone { table: key.table, id: key.id, seq, why: Departure::Deleted }, at).await
}

/// Up to `limit` departures out of view in (`after`, `until`], in order of sequence.
///
/// # Errors
/// Whatever the store says.
pub async fn departed(scope: &mut Scope, view: &View, after: Seq, until: Seq, limit: u32) -> Result<Vec<Gone>, DbError> {
    let (homes, which) = view.departures();
    let which = if which.is_empty() { homes.condition(5) } else { which.to_owned() };
    let sql = format!("select table_name, id, seq, why from tombstone where tenant_id = $1 and seq > $2 and seq <= $3{which} order by seq limit $4");
    let rows: Vec<(String, Uuid, i64, String)> = homes.bind(scope.query(AssertSqlSafe(sql)).bind(after.0).bind(until.0).bind(limit)).all().await?;
    rows.into_iter()
        .map(|(table, id, seq, why)| {
            Ok(Gone { table: named(&table)?, id, seq: Seq(seq), why: named::<Departure>(&why)? })
        })
        .collect()
}

/// The value of an enum by its name on the wire.
fn named<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, DbError> {
    let text: StrDeserializer<'t, serde::de::value::Error> = text.into_deserializer();
    T::deserialize(text).map_err(unreadable)
}

/// The name of an enum's value on the wire.
fn name_of(value: impl Serialize) -> Result<String, DbError> {
    match serde_json::to_value(value).map_err(unreadable)? {
        serde_json::Value::String(name) => Ok(name),
        other => Err(unreadable(format!("{other} is no name"))),
    }
}

fn to_json(value: &impl Serialize) -> Result<String, DbError> {
    serde_json::to_string(value).map_err(unreadable)
}

fn from_json<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, DbError> {
    serde_json::from_str(text).map_err(unreadable)
}

fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> DbError {
    DbError::Other(sqlx::Error::Decode(error.into()))
}

fn narrow<T: TryFrom<i64>>(value: i64) -> Result<T, DbError> {
    T::try_from(value).map_err(|_| unreadable(format!("{value} is out of range")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_many_row_statement_names_the_tenant_and_every_value_once() {
        let sql = SiteRow::upsert(2, &["seq", "stamps"]);
        assert!(sql.starts_with("insert into site (tenant_id, id, seq, scope, stamps, search_text, name, address, time_zone, note, created_at) values ($1, $2, $3,"), "{sql}");
        assert!(sql.contains("($1, $12,") && sql.contains("$21)"), "{sql}");
        assert!(sql.ends_with("on conflict (tenant_id, id) do update set seq = excluded.seq, stamps = excluded.stamps"), "{sql}");
        assert!(!AttemptRow::upsert(1, &["seq"]).contains("on conflict"), "evidence is inserted, never replaced");
    }
}
