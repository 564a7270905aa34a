//! The sync core's view of an open transaction (see the contract in `omniot_shared::sync::client`).
//!
//! Deliberately not here: when a transaction begins and with which durability ([`super::Store`]).

use std::collections::HashMap;

use omniot_shared::{
    ids::IntentId,
    sync::{
        Checksum, RowKey, Seq, Sight, SyncedRow, Table,
        client::{Delta, Entry, Meta, Replica, State},
    },
    time::Millis,
};
use rusqlite::{Connection, Params, params};
use uuid::Uuid;

use super::{StoreError, meta, rows, unreadable};

/// Under this name stands the replica's record about itself.
const META: &str = "replica";

/// An open transaction, as a replica.
pub struct Open<'a>(pub &'a Connection);

impl Open<'_> {
    /// Those that cannot be read are passed over (see [`super::unreadable`]).
    fn entries(&self, condition: &str, values: impl Params) -> Result<Vec<Entry>, StoreError> {
        let mut statement = self.0.prepare_cached(&format!("select whole from outbox where {condition}"))?;
        let mut found = statement.query(values)?;
        let mut entries = Vec::new();
        while let Some(row) = found.next()? {
            entries.extend(unreadable::read(row.get_ref(0)?));
        }
        Ok(entries)
    }
}

/// Makes the record of a new replica.
///
/// # Errors
/// [`StoreError`].
pub fn begin(db: &Connection, fresh: &Meta) -> Result<Meta, StoreError> {
    if let Some(known) = meta::get(db, META)? {
        return Ok(known);
    }
    meta::set(db, META, fresh)?;
    Ok(fresh.clone())
}

/// The digest of the server's rows, as they are here, with everything they say.
///
/// # Errors
/// [`StoreError`].
pub fn whole(db: &Connection) -> Result<Checksum, StoreError> {
    let mut whole = Checksum::default();
    let under: HashMap<RowKey, Option<SyncedRow>> = Open(db).preimages()?.into_iter().collect();
    for row in under.values().flatten() {
        whole.add_whole(row)?;
    }
    for table in Table::ALL {
        rows::each(db, table, |row| {
            // A row that only this replica knows, or one whose own row was counted above.
            if row.seq != Seq(0) && !under.contains_key(&row.row.key()) {
                whole.add_whole(&row)?;
            }
            Ok(())
        })?;
    }
    Ok(whole)
}

/// How many intents are in these states.
///
/// # Errors
/// [`StoreError`].
pub fn count(db: &Connection, states: &[&str]) -> Result<i64, StoreError> {
    // One state at a time: those that are done are many, and none of anybody's business here.
    let mut statement = db.prepare_cached("select count(*) from outbox where state = ?1")?;
    states.iter().map(|state| Ok(statement.query_row([state], |row| row.get::<_, i64>(0))?)).sum()
}

impl Replica for Open<'_> {
    type Error = StoreError;

    fn meta(&self) -> Result<Meta, StoreError> {
        meta::get(self.0, META)?.ok_or_else(|| StoreError::Damaged("the replica does not know whose it is".to_owned()))
    }

    fn save_meta(&mut self, meta: &Meta) -> Result<(), StoreError> {
        meta::set(self.0, META, meta)
    }

    fn row(&self, key: RowKey) -> Result<Option<SyncedRow>, StoreError> {
        rows::get(self.0, key)
    }

    fn seq_of(&self, key: RowKey) -> Result<Option<Seq>, StoreError> {
        rows::seq(self.0, key)
    }

    fn put(&mut self, row: &SyncedRow) -> Result<(), StoreError> {
        rows::put(self.0, row)
    }

    fn remove(&mut self, key: RowKey) -> Result<(), StoreError> {
        rows::remove(self.0, key)
    }

    fn remove_all(&mut self) -> Result<(), StoreError> {
        rows::clear(self.0)
    }

    fn remove_hidden(&mut self, sight: &Sight) -> Result<Vec<(RowKey, Seq)>, StoreError> {
        rows::clear_hidden(self.0, sight)
    }

    fn preimages(&self) -> Result<Vec<(RowKey, Option<SyncedRow>)>, StoreError> {
        let mut statement = self.0.prepare_cached("select entity, id, whole from pre_image")?;
        let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        found.map(|row| row.map_err(StoreError::from).and_then(preimage)).collect()
    }

    fn is_covered(&self, key: RowKey) -> Result<bool, StoreError> {
        let sql = "select exists (select 1 from pre_image where entity = ?1 and id = ?2)";
        Ok(self.0.prepare_cached(sql)?.query_row(params![key.table.name(), key.id.as_bytes()], |row| row.get(0))?)
    }

    fn keep_preimage(&mut self, key: RowKey, row: Option<&SyncedRow>) -> Result<(), StoreError> {
        let whole = row.map(serde_json::to_string).transpose()?;
        let sql = "insert into pre_image (entity, id, whole) values (?1, ?2, ?3) on conflict (entity, id) do nothing";
        self.0.prepare_cached(sql)?.execute(params![key.table.name(), key.id.as_bytes(), whole])?;
        Ok(())
    }

    fn clear_preimages(&mut self) -> Result<(), StoreError> {
        self.0.prepare_cached("delete from pre_image")?.execute([])?;
        Ok(())
    }

    fn outbox(&self) -> Result<Vec<Entry>, StoreError> {
        self.entries("state in ('waiting', 'deferred', 'accepted') order by place", [])
    }

    fn waiting(&self, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.entries("state = 'waiting' order by n limit ?1", [integer(limit)])
    }

    fn deferred(&self) -> Result<Vec<Entry>, StoreError> {
        self.entries("state = 'deferred' order by place", [])
    }

    fn entry(&self, id: IntentId) -> Result<Option<Entry>, StoreError> {
        Ok(self.entries("id = ?1", [id.0.as_bytes()])?.pop())
    }

    fn acknowledged(&self) -> Result<Vec<Entry>, StoreError> {
        let done = self.entries("state = 'done' order by place", [])?;
        Ok(done.into_iter().filter(|entry| matches!(entry.state, State::Done { receipt: Some(_), .. })).collect())
    }

    fn given_up(&self) -> Result<Vec<Entry>, StoreError> {
        let done = self.entries("state = 'done' order by place", [])?;
        Ok(done.into_iter().filter(|entry| matches!(entry.state, State::Done { receipt: None, .. })).collect())
    }

    fn attention(&self) -> Result<Vec<Entry>, StoreError> {
        self.entries("state = 'attention' order by place", [])
    }

    fn save_entry(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let sql = "insert into outbox (place, id, n, state, done_at, whole) values (?1, ?2, ?3, ?4, ?5, ?6) \
             on conflict (id) do update set n = excluded.n, state = excluded.state, done_at = excluded.done_at, whole = excluded.whole";
        let done_at = match &entry.state {
            State::Done { at, .. } => Some(at.0),
            _ => None,
        };
        let whole = serde_json::to_string(entry)?;
        let id = entry.intent.id.0;
        self.0.prepare_cached(sql)?.execute(params![entry.order.cast_signed(), id.as_bytes(), entry.intent.n.cast_signed(), entry.state.name(), done_at, whole])?;
        Ok(())
    }

    fn remove_entry(&mut self, id: IntentId) -> Result<(), StoreError> {
        self.0.prepare_cached("delete from outbox where id = ?1")?.execute([id.0.as_bytes()])?;
        Ok(())
    }

    fn forget_done_before(&mut self, at: Millis) -> Result<(), StoreError> {
        self.0.prepare_cached("delete from outbox where state = 'done' and done_at < ?1")?.execute([at.0])?;
        Ok(())
    }

    fn stage(&mut self, deltas: &[Delta]) -> Result<(), StoreError> {
        let mut statement = self.0.prepare_cached("insert into staged (place, whole) select coalesce(max(place), 0) + 1, ?1 from staged")?;
        for delta in deltas {
            statement.execute([serde_json::to_string(delta)?])?;
        }
        Ok(())
    }

    fn staged(&self, skip: usize, limit: usize) -> Result<Vec<Delta>, StoreError> {
        let mut statement = self.0.prepare_cached("select whole from staged where place > ?1 order by place limit ?2")?;
        let mut found = statement.query([integer(skip), integer(limit)])?;
        let mut deltas = Vec::new();
        while let Some(row) = found.next()? {
            deltas.push(serde_json::from_str(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?);
        }
        Ok(deltas)
    }

    fn clear_staged(&mut self) -> Result<(), StoreError> {
        self.0.prepare_cached("delete from staged")?.execute([])?;
        Ok(())
    }
}

/// SQLite's integers have a sign.
fn integer(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn preimage((entity, id, whole): (String, [u8; 16], Option<String>)) -> Result<(RowKey, Option<SyncedRow>), StoreError> {
    let table = Table::named(&entity).ok_or_else(|| StoreError::Damaged(format!("there is no table {entity}")))?;
    let row = whole.map(|whole| serde_json::from_str(&whole)).transpose()?;
    Ok((RowKey { table, id: Uuid::from_bytes(id) }, row))
}
