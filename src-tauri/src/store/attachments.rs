//! Files that belong to attempts: kept here until the server has them, and a while longer.
//!
//! A trace under way is no file yet: it becomes one in the transaction that records its attempt ([`seal_trace`]).
//! Deliberately not here: what is in them (`omniot_shared::attachment`) and when they are sent (`sync::attachments`).

use omniot_shared::{
    attachment::{Address, Kind},
    ids::AttemptId,
    time::Millis,
};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::StoreError;

/// How long what the server has is kept, to be looked at without a network.
const KEEP_MS: i64 = 30 * 24 * 3_600_000;
/// Nothing is put off for longer: what seems to be was so by another clock.
pub const LONGEST_REST_MS: i64 = 3_600_000;
/// So many wait for attempts that are not here. No time limits them: a tablet's clock may be years off.
const KEEP_STRAYS: i64 = 200;
/// So many of those that the server has are kept.
const KEEP_SENT: i64 = 100;

/// A file of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The attempt.
    pub attempt: AttemptId,
    /// What it is.
    pub kind: Kind,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// Over which networks a file may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Over any.
    Any,
    /// Not while mobile data is saved.
    WifiOnly,
}

/// What the server said to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It has it.
    Sent,
    /// It will never take it.
    Refused,
}

impl Fate {
    const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Refused => "refused",
        }
    }
}

/// Keeps what the flight recorder wrote so far, over what was kept before.
///
/// # Errors
/// [`StoreError`].
pub fn save_trace(db: &Connection, attempt: AttemptId, content: &[u8]) -> Result<(), StoreError> {
    let sql = "insert into trace (attempt_id, content) values (?1, ?2) on conflict (attempt_id) do update set content = excluded.content";
    db.prepare_cached(sql)?.execute(params![attempt.0.as_bytes(), content])?;
    Ok(())
}

/// The trace of an attempt is whole and waits for the server; none is fine.
///
/// # Errors
/// [`StoreError`].
pub fn seal_trace(db: &Connection, attempt: AttemptId, now: Millis) -> Result<(), StoreError> {
    let sql = "delete from trace where attempt_id = ?1 returning content";
    let content: Option<Vec<u8>> = db.prepare_cached(sql)?.query_row([attempt.0.as_bytes()], |row| row.get(0)).optional()?;
    let Some(content) = content else { return Ok(()) };
    keep(db, &File { attempt, kind: Kind::Trace, media_type: "application/zstd".to_owned(), content }, Way::Any, now).map(drop)
}

/// Keeps a file for the server; the same one twice is one.
///
/// # Errors
/// [`StoreError`].
pub fn keep(db: &Connection, file: &File, way: Way, now: Millis) -> Result<Address, StoreError> {
    let address = Address::of(&file.content);
    let sql = "insert into attachment (attempt_id, sha256, kind, media_type, state, wifi_only, made_at, not_before, content) \
               values (?1, ?2, ?3, ?4, 'waiting', ?5, ?6, 0, ?7) on conflict (attempt_id, sha256) do nothing";
    let values = params![file.attempt.0.as_bytes(), address.0, file.kind.name(), file.media_type, way == Way::WifiOnly, now.0, file.content];
    db.prepare_cached(sql)?.execute(values)?;
    Ok(address)
}

/// The oldest file that may go now, and its place: the server has its attempt, or may have it where that is out of
/// sight here, and `saves_data` does not hold it back.
///
/// # Errors
/// [`StoreError`].
pub fn due(db: &Connection, saves_data: bool, now: Millis) -> Result<Option<(i64, File)>, StoreError> {
    let sql = "select f.place, f.attempt_id, f.kind, f.media_type, f.content from attachment f \
               where f.state = 'waiting' and (f.not_before <= ?2 or f.not_before > ?2 + ?3) and (?1 = 0 or f.wifi_only = 0) \
                 and not exists (select 1 from attempt a where a.id = f.attempt_id and a.seq = 0) \
                 and f.attempt_id not in (select id from commission) order by f.place limit 1";
    let found = db.prepare_cached(sql)?.query_row(params![saves_data, now.0, LONGEST_REST_MS], |row| Ok((row.get(0)?, file(row)?))).optional()?;
    found.map(|(place, file)| Ok((place, file?))).transpose()
}

fn file(row: &rusqlite::Row<'_>) -> rusqlite::Result<Result<File, StoreError>> {
    let name: String = row.get(2)?;
    let (attempt, media_type, content) = (AttemptId(Uuid::from_bytes(row.get(1)?)), row.get(3)?, row.get(4)?);
    let kind = Kind::named(&name).ok_or_else(|| StoreError::Damaged(format!("a file of the kind {name}")));
    Ok(kind.map(|kind| File { attempt, kind, media_type, content }))
}

/// Takes down what the server said to a file. Of one that it refused, nothing is kept but that.
///
/// # Errors
/// [`StoreError`].
pub fn settle(db: &Connection, place: i64, fate: Fate) -> Result<(), StoreError> {
    let sql = "update attachment set state = ?2, content = case when ?2 = 'refused' then x'' else content end where place = ?1";
    db.prepare_cached(sql)?.execute(params![place, fate.name()])?;
    Ok(())
}

/// The server cannot take a file now; it is left alone with it until `at`.
///
/// # Errors
/// [`StoreError`].
pub fn put_off(db: &Connection, place: i64, at: Millis) -> Result<(), StoreError> {
    db.prepare_cached("update attachment set not_before = ?2 where place = ?1")?.execute(params![place, at.0])?;
    Ok(())
}

/// The trace of an attempt, sent or not, whole or under way.
///
/// # Errors
/// [`StoreError`].
pub fn trace_of(db: &Connection, attempt: AttemptId) -> Result<Option<Vec<u8>>, StoreError> {
    let sql = "select content from attachment where attempt_id = ?1 and kind = 'trace' and state <> 'refused' \
               union all select content from trace where attempt_id = ?1 limit 1";
    Ok(db.prepare_cached(sql)?.query_row([attempt.0.as_bytes()], |row| row.get(0)).optional()?)
}

/// How many photos wait: they are evidence, and would be lost with the account.
///
/// # Errors
/// [`StoreError`].
pub fn unsent_photos(db: &Connection) -> Result<i64, StoreError> {
    let sql = "select count(*) from attachment where state = 'waiting' and kind = 'photo'";
    Ok(db.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// Forgets what is not needed any more: what the server has, when it is old, one of many, or of an attempt that is out
/// of sight; and the oldest of many that wait for attempts that are not here.
///
/// # Errors
/// [`StoreError`].
pub fn prune(db: &Connection, now: Millis) -> Result<(), StoreError> {
    let old = now.plus(-KEEP_MS).0;
    let sql = "delete from attachment where (state <> 'waiting' and made_at < ?1) \
                 or (state = 'sent' and not exists (select 1 from attempt a where a.id = attempt_id)) \
                 or place in (select place from attachment where state = 'sent' order by made_at desc, place desc limit -1 offset ?2) \
                 or place in (select place from attachment f where state = 'waiting' and attempt_id not in (select id from commission) \
                              and not exists (select 1 from attempt a where a.id = f.attempt_id) order by place desc limit -1 offset ?3)";
    db.prepare_cached(sql)?.execute(params![old, KEEP_SENT, KEEP_STRAYS])?;
    // Under way is what has a begun commission.
    db.prepare_cached("delete from trace where attempt_id not in (select id from commission)")?.execute([])?;
    Ok(())
}

/// Gives back the room of what the server has.
///
/// # Errors
/// [`StoreError`].
pub fn forget_sent(db: &Connection) -> Result<(), StoreError> {
    db.prepare_cached("delete from attachment where state = 'sent'")?.execute([])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use omniot_shared::{
        entities::{Attempt, AttemptOutcome},
        ids::{ClientId, PersonId},
        sync::{Row, RowKey, Seq, SyncedRow, Table},
    };
    use tempfile::TempDir;

    use super::*;
    use crate::store::{Store, commissions, rows};

    fn attempt(n: u128, seq: i64) -> SyncedRow {
        let attempt = Attempt {
            id: AttemptId(Uuid::from_u128(n)), device_id: None, serial: None, site_id: None, technician_id: PersonId(Uuid::nil()), technician_name: "t".into(),
            client_id: ClientId(Uuid::nil()), app_version: "0".into(), os: "o".into(), radio: "virtual".into(), protocol: None, security: None, firmware: None,
            identity_verified: false, rssi: None, mtu: None, steps: vec![], grant_id: None, receipt: None, epoch: None, network_name: None,
            outcome: AttemptOutcome::Failed, cause: None, started_at: Millis(0), ended_at: Millis(0),
        };
        SyncedRow { seq: Seq(seq), row: Row::Attempt(Box::new(attempt)) }
    }

    /// A store with that attempt, as far as the server knows it.
    fn store(seq: i64) -> (TempDir, Store, AttemptId) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.apply(|db| rows::put(db, &attempt(1, seq))).unwrap();
        (folder, store, AttemptId(Uuid::from_u128(1)))
    }

    fn photo(attempt: AttemptId) -> File {
        File { attempt, kind: Kind::Photo, media_type: "image/png".into(), content: b"picture".to_vec() }
    }

    fn due_now(store: &Store, saves_data: bool, now: i64) -> Option<(i64, File)> {
        store.read(|db| due(db, saves_data, Millis(now))).unwrap()
    }

    #[test]
    fn a_trace_becomes_a_file_with_its_record_and_waits_for_the_server_to_have_that() {
        let (_folder, store, id) = store(0);
        store.edit(|db| commissions::save(db, id, "{}")).unwrap();
        for content in [b"one", b"two"] {
            store.apply(|db| save_trace(db, id, content)).unwrap();
        }
        assert_eq!(store.read(|db| trace_of(db, id)).unwrap().unwrap(), b"two", "it can be looked at while it is written");
        store.note(|db| prune(db, Millis(1))).unwrap();
        store.edit(|db| seal_trace(db, id, Millis(1)).and_then(|()| commissions::forget(db, id))).unwrap();
        store.edit(|db| seal_trace(db, id, Millis(1))).unwrap();
        assert_eq!(due_now(&store, false, 2), None, "the server would not know whose it is");
        store.apply(|db| rows::put(db, &attempt(1, 7))).unwrap();
        let (place, file) = due_now(&store, true, 2).unwrap();
        assert_eq!((file.attempt, file.kind, file.content.as_slice()), (id, Kind::Trace, &b"two"[..]));
        store.note(|db| settle(db, place, Fate::Sent)).unwrap();
        assert_eq!(due_now(&store, false, 2), None);
        assert_eq!(store.read(|db| trace_of(db, id)).unwrap().unwrap(), b"two", "and can be looked at without a network");
    }

    #[test]
    fn a_photo_for_wifi_waits_while_mobile_data_is_saved_and_one_put_off_until_its_time() {
        let (_folder, store, id) = store(7);
        store.edit(|db| keep(db, &photo(id), Way::WifiOnly, Millis(1)).and_then(|_| keep(db, &photo(id), Way::WifiOnly, Millis(2)))).unwrap();
        assert_eq!(due_now(&store, true, 3), None);
        assert_eq!(store.read(unsent_photos_of).unwrap(), 1, "the same twice is one, and would be lost by signing out");
        let (place, _) = due_now(&store, false, 3).unwrap();
        store.note(|db| put_off(db, place, Millis(10))).unwrap();
        assert_eq!((due_now(&store, false, 9), due_now(&store, false, 10).is_some()), (None, true));
        store.note(|db| put_off(db, place, Millis(3 * LONGEST_REST_MS))).unwrap();
        assert!(due_now(&store, false, 10).is_some(), "put off by a clock that was years ahead");
        store.note(|db| settle(db, place, Fate::Refused)).unwrap();
        assert_eq!((due_now(&store, false, 10), store.read(unsent_photos_of).unwrap()), (None, 0));
    }

    fn unsent_photos_of(db: &rusqlite::Transaction<'_>) -> Result<i64, StoreError> {
        unsent_photos(db)
    }

    #[test]
    fn what_is_not_needed_any_more_is_forgotten_and_what_waits_is_not() {
        let (_folder, store, id) = store(7);
        let stray = AttemptId(Uuid::from_u128(9));
        store.edit(|db| keep(db, &photo(id), Way::Any, Millis(1)).and_then(|_| keep(db, &photo(stray), Way::Any, Millis(1)))).unwrap();
        store.apply(|db| save_trace(db, stray, b"of nothing")).unwrap();
        let count = |sql: &str| store.read(|db| Ok(db.query_row(sql, [], |row| row.get::<_, i64>(0))?)).unwrap();
        store.note(|db| prune(db, Millis(3 * KEEP_MS))).unwrap();
        assert_eq!((count("select count(*) from attachment"), count("select count(*) from trace")), (2, 0), "whatever the clock says, it was not sent");
        for n in 0..KEEP_STRAYS {
            let more = AttemptId(Uuid::from_u128(100 + n.unsigned_abs() as u128));
            store.edit(|db| keep(db, &photo(more), Way::Any, Millis(1))).unwrap();
        }
        store.note(|db| prune(db, Millis(2))).unwrap();
        let strays = |of: &str| count(&format!("select count(*) from attachment where attempt_id {of} x'{}'", hex::encode(stray.0.as_bytes())));
        assert_eq!((strays("="), strays("<>")), (0, KEEP_STRAYS + 1), "the oldest of too many is given up");
        store.edit(|db| Ok(db.execute("delete from attachment where attempt_id <> ?1", [id.0.as_bytes()])?)).unwrap();
        let (place, _) = due_now(&store, false, KEEP_MS + 2).unwrap();
        store.note(|db| settle(db, place, Fate::Sent).and_then(|()| rows::remove(db, RowKey { table: Table::Attempt, id: id.0 }))).unwrap();
        store.note(|db| prune(db, Millis(2))).unwrap();
        assert_eq!(count("select count(*) from attachment"), 0, "it is out of sight");
    }
}
