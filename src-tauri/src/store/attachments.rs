//! Files that belong to attempts: kept here until the server has them, and a while longer.
//!
//! A trace under way is no file yet: it becomes one in the transaction that records its attempt ([`seal_trace`]).
//! Photos and what was checked are evidence: none is forgotten that the server does not have.
//! Deliberately not here: what is in them (`omniot_shared::attachment`), when they are sent (`sync::attachments`), and
//! what a person does with evidence ([`super::checks`]).

use omniot_shared::{
    attachment::{Address, Kind},
    ids::AttemptId,
    sync::Change,
    time::Millis,
};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::{StoreError, replica};

/// How long what the server has is kept, to be looked at without a network.
const KEEP_MS: i64 = 30 * 24 * 3_600_000;
/// Nothing is put off for longer: what seems to be was so by another clock.
pub const LONGEST_REST_MS: i64 = 3_600_000;
/// So many traces wait for attempts that are not here. No time limits them: a tablet's clock may be years off.
const KEEP_STRAYS: i64 = 200;
/// Of those that the server has, so many traces are kept, and so many photos with their bytes.
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

/// What may not go now, beside what waits for its attempt or its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Barred {
    /// No photo: they are for Wi-Fi only, and this is none.
    pub photos: bool,
}

/// Attempts whose record waits for a person: the server has none of them.
fn refused_attempts(db: &Connection) -> Result<String, StoreError> {
    let ids = replica::attention(db)?.into_iter().filter_map(|entry| match entry.intent.change {
        Change::AttemptRecord(record) => Some(hex::encode(record.id.0.as_bytes())),
        _ => None,
    });
    Ok(serde_json::to_string(&ids.collect::<Vec<_>>())?)
}

/// A file that may go now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Where it stands.
    place: i64,
    /// What it is called: by now another file may stand in its place.
    pub address: Address,
    /// Itself.
    pub file: File,
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
    keep(db, &File { attempt, kind: Kind::Trace, media_type: "application/zstd".to_owned(), content }, now).map(drop)
}

/// Keeps a file for the server; the same one twice is one.
///
/// # Errors
/// [`StoreError`].
pub fn keep(db: &Connection, file: &File, now: Millis) -> Result<Address, StoreError> {
    keep_until(db, file, now, Millis(0))
}

/// The same, to be sent from `not_before` on.
///
/// # Errors
/// [`StoreError`].
pub fn keep_until(db: &Connection, file: &File, now: Millis, not_before: Millis) -> Result<Address, StoreError> {
    let address = Address::of(&file.content);
    let sql = "insert into attachment (attempt_id, sha256, kind, media_type, state, size, made_at, not_before, content) \
               values (?1, ?2, ?3, ?4, 'waiting', ?5, ?6, ?7, ?8) on conflict (attempt_id, sha256) do nothing";
    let size = i64::try_from(file.content.len()).unwrap_or(i64::MAX);
    let values = params![file.attempt.0.as_bytes(), address.0, file.kind.name(), file.media_type, size, now.0, not_before.0, file.content];
    db.prepare_cached(sql)?.execute(values)?;
    Ok(address)
}

/// The oldest file that may go now: the server has its attempt, or may have it where that is out of sight here, and
/// it is not `barred`.
///
/// # Errors
/// [`StoreError`].
pub fn due(db: &Connection, barred: Barred, now: Millis) -> Result<Option<Due>, StoreError> {
    let sql = "select f.place, f.attempt_id, f.kind, f.media_type, f.content from attachment f \
               where f.state = 'waiting' and (f.not_before <= ?2 or f.not_before > ?2 + ?3) and (?1 = 0 or f.kind <> 'photo') \
                 and not exists (select 1 from attempt a where a.id = f.attempt_id and a.seq = 0) \
                 and f.attempt_id not in (select id from commission) \
                 and f.attempt_id not in (select unhex(value) from json_each(?4)) order by f.place limit 1";
    let found = db.prepare_cached(sql)?.query_row(params![barred.photos, now.0, LONGEST_REST_MS, refused_attempts(db)?], |row| Ok((row.get(0)?, file(row)?))).optional()?;
    found.map(|(place, file)| file.map(|file| Due { place, address: Address::of(&file.content), file })).transpose()
}

fn file(row: &rusqlite::Row<'_>) -> rusqlite::Result<Result<File, StoreError>> {
    let name: String = row.get(2)?;
    let (attempt, media_type, content) = (AttemptId(Uuid::from_bytes(row.get(1)?)), row.get(3)?, row.get(4)?);
    let kind = Kind::named(&name).ok_or_else(|| StoreError::Damaged(format!("a file of the kind {name}")));
    Ok(kind.map(|kind| File { attempt, kind, media_type, content }))
}

/// Takes down what the server said to a file. Of a trace that it refused, nothing is kept but that; of the records of
/// an attempt that it has, the last one is kept.
///
/// # Errors
/// [`StoreError`].
pub fn settle(db: &Connection, due: &Due, fate: Fate) -> Result<(), StoreError> {
    let sql = "update attachment set state = ?3, content = case when ?3 = 'refused' and kind = 'trace' then x'' else content end where place = ?1 and sha256 = ?2";
    let settled = db.prepare_cached(sql)?.execute(params![due.place, due.address.0, fate.name()])?;
    if settled > 0 && fate == Fate::Sent && due.file.kind == Kind::Checks {
        let sql = "delete from attachment where attempt_id = ?1 and kind = 'checks' and state = 'sent' and place < ?2";
        db.prepare_cached(sql)?.execute(params![due.file.attempt.0.as_bytes(), due.place])?;
    }
    Ok(())
}

/// The server cannot take a file now; it is left alone with it until `at`.
///
/// # Errors
/// [`StoreError`].
pub fn put_off(db: &Connection, due: &Due, at: Millis) -> Result<(), StoreError> {
    db.prepare_cached("update attachment set not_before = ?3 where place = ?1 and sha256 = ?2")?.execute(params![due.place, due.address.0, at.0])?;
    Ok(())
}

/// The same for all files of its attempt.
///
/// # Errors
/// [`StoreError`].
pub fn put_off_all(db: &Connection, due: &Due, at: Millis) -> Result<(), StoreError> {
    let sql = "update attachment set not_before = ?2 where attempt_id = ?1 and state = 'waiting'";
    db.prepare_cached(sql)?.execute(params![due.file.attempt.0.as_bytes(), at.0])?;
    Ok(())
}

/// Takes down whether a file may be with the server from now on.
///
/// # Errors
/// [`StoreError`].
pub fn note_tried(db: &Connection, due: &Due, is_tried: bool) -> Result<(), StoreError> {
    db.prepare_cached("update attachment set tried = ?3 where place = ?1 and sha256 = ?2")?.execute(params![due.place, due.address.0, is_tried])?;
    Ok(())
}

/// The server has lost its latest past: what is here of what it had is sent again.
///
/// # Errors
/// [`StoreError`].
pub fn send_again(db: &Connection) -> Result<(), StoreError> {
    db.execute("update attachment set state = 'waiting', not_before = 0 where state = 'sent' and octet_length(content) > 0", [])?;
    Ok(())
}

/// The server may be another one now: evidence that it refused is offered once more.
///
/// # Errors
/// [`StoreError`].
pub fn offer_again(db: &Connection) -> Result<(), StoreError> {
    db.execute("update attachment set state = 'waiting', not_before = 0 where state = 'refused' and kind in ('photo', 'checks')", [])?;
    Ok(())
}

/// Forgets all files of an attempt that was given up.
///
/// # Errors
/// [`StoreError`].
pub fn forget_all_of(db: &Connection, attempt: AttemptId) -> Result<(), StoreError> {
    db.execute("delete from attachment where attempt_id = ?1", [attempt.0.as_bytes()])?;
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

/// How much evidence the server does not have: photos and what was checked, also what it refused. It would be lost with the account.
///
/// # Errors
/// [`StoreError`].
pub fn unsent_evidence(db: &Connection) -> Result<i64, StoreError> {
    let sql = "select count(*) from attachment where state <> 'sent' and kind in ('photo', 'checks')";
    Ok(db.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// Forgets what is not needed any more: what the server has, when it is old, one of many, or of an attempt that is out
/// of sight; and the oldest of many traces that wait for attempts that are not here. Evidence that the server does not
/// have stays, and so does what was checked at attempts that are here: the next answer goes on from it.
///
/// # Errors
/// [`StoreError`].
pub fn prune(db: &Connection, now: Millis) -> Result<(), StoreError> {
    let old = now.plus(-KEEP_MS).0;
    let sql = "delete from attachment where (state = 'sent' and kind <> 'checks' and made_at < ?1) or (state = 'refused' and kind = 'trace' and made_at < ?1) \
                 or (state = 'sent' and kind <> 'checks' and not exists (select 1 from attempt a where a.id = attempt_id)) \
                 or place in (select place from attachment where state = 'sent' and kind = 'trace' order by made_at desc, place desc limit -1 offset ?2) \
                 or place in (select place from attachment f where state = 'waiting' and kind = 'trace' and attempt_id not in (select id from commission) \
                              and not exists (select 1 from attempt a where a.id = f.attempt_id) order by place desc limit -1 offset ?3)";
    db.prepare_cached(sql)?.execute(params![old, KEEP_SENT, KEEP_STRAYS])?;
    // Nothing of it stays, but that there was something: whoever comes to see the attempt again writes nothing over it.
    let sql = "update attachment set content = x'' where state = 'sent' and kind = 'checks' and octet_length(content) > 0 \
                 and not exists (select 1 from attempt a where a.id = attempt_id)";
    db.prepare_cached(sql)?.execute([])?;
    let sql = "update attachment set content = x'' where place in (select place from attachment \
                 where state = 'sent' and kind = 'photo' and octet_length(content) > 0 order by made_at desc, place desc limit -1 offset ?1)";
    db.prepare_cached(sql)?.execute([KEEP_SENT])?;
    // Under way is what has a begun commission.
    db.prepare_cached("delete from trace where attempt_id not in (select id from commission)")?.execute([])?;
    Ok(())
}

/// Gives back the room of what the server has; that there are photos, and what was checked, stays known.
///
/// # Errors
/// [`StoreError`].
pub fn forget_sent(db: &Connection) -> Result<(), StoreError> {
    db.prepare_cached("delete from attachment where state = 'sent' and kind = 'trace'")?.execute([])?;
    db.prepare_cached("update attachment set content = x'' where state = 'sent' and kind = 'photo'")?.execute([])?;
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

    fn file_of(attempt: AttemptId, kind: Kind, content: &[u8]) -> File {
        File { attempt, kind, media_type: "image/png".into(), content: content.to_vec() }
    }

    fn photo(attempt: AttemptId) -> File {
        file_of(attempt, Kind::Photo, b"picture")
    }

    fn due_now(store: &Store, photos: bool, now: i64) -> Option<Due> {
        store.read(|db| due(db, Barred { photos }, Millis(now))).unwrap()
    }

    fn count(store: &Store, sql: &str) -> i64 {
        store.read(|db| Ok(db.query_row(sql, [], |row| row.get(0))?)).unwrap()
    }

    fn unsent(store: &Store) -> i64 {
        store.read(|db| unsent_evidence(db)).unwrap()
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
        let first = due_now(&store, true, 2).unwrap();
        assert_eq!((first.file.attempt, first.file.kind, first.file.content.as_slice()), (id, Kind::Trace, &b"two"[..]));
        store.note(|db| settle(db, &first, Fate::Sent)).unwrap();
        assert_eq!(due_now(&store, false, 2), None);
        assert_eq!(store.read(|db| trace_of(db, id)).unwrap().unwrap(), b"two", "and can be looked at without a network");
    }

    #[test]
    fn a_photo_waits_while_photos_are_barred_and_one_put_off_until_its_time() {
        let (_folder, store, id) = store(7);
        store.edit(|db| keep(db, &photo(id), Millis(1)).and_then(|_| keep(db, &photo(id), Millis(2)))).unwrap();
        assert_eq!(due_now(&store, true, 3), None);
        assert_eq!(unsent(&store), 1, "the same twice is one, and would be lost by signing out");
        let first = due_now(&store, false, 3).unwrap();
        store.note(|db| put_off(db, &first, Millis(10))).unwrap();
        assert_eq!((due_now(&store, false, 9), due_now(&store, false, 10).is_some()), (None, true));
        store.note(|db| put_off(db, &first, Millis(3 * LONGEST_REST_MS))).unwrap();
        assert!(due_now(&store, false, 10).is_some(), "put off by a clock that was years ahead");
        store.edit(|db| keep(db, &file_of(id, Kind::Trace, b"trace"), Millis(3))).unwrap();
        assert_eq!(due_now(&store, true, 10).unwrap().file.kind, Kind::Trace, "and keeps nothing else from going");
    }

    #[test]
    fn evidence_that_the_server_refuses_stays_and_is_counted_and_a_trace_goes() {
        let (_folder, store, id) = store(7);
        store.edit(|db| keep(db, &photo(id), Millis(1)).and_then(|_| keep(db, &file_of(id, Kind::Trace, b"trace"), Millis(1)))).unwrap();
        for _ in 0..2 {
            let first = due_now(&store, false, 3).unwrap();
            store.note(|db| settle(db, &first, Fate::Refused)).unwrap();
        }
        assert_eq!((due_now(&store, false, 10), unsent(&store)), (None, 1));
        let kept = "select count(*) from attachment where octet_length(content) > 0";
        assert_eq!((count(&store, kept), count(&store, &format!("{kept} and kind = 'photo'"))), (1, 1));
        store.note(|db| prune(db, Millis(3 * KEEP_MS)).and_then(|()| forget_sent(db))).unwrap();
        assert_eq!((count(&store, "select count(*) from attachment"), count(&store, kept)), (1, 1), "however old it is");
    }

    #[test]
    fn what_is_said_of_a_file_is_not_said_of_the_one_that_took_its_place() {
        let (_folder, store, id) = store(7);
        store.edit(|db| keep(db, &photo(id), Millis(1))).unwrap();
        let sent = due_now(&store, false, 3).unwrap();
        store.edit(|db| Ok(db.execute("delete from attachment", [])?)).unwrap();
        store.edit(|db| keep(db, &file_of(id, Kind::Photo, b"another"), Millis(2))).unwrap();
        assert_eq!(due_now(&store, false, 3).unwrap().place, sent.place);
        store.note(|db| settle(db, &sent, Fate::Sent).and_then(|()| put_off(db, &sent, Millis(9)))).unwrap();
        assert_eq!(due_now(&store, false, 3).unwrap().file.content, b"another");
    }

    #[test]
    fn what_is_not_needed_any_more_is_forgotten_and_what_waits_is_not() {
        let (_folder, store, id) = store(7);
        let stray = AttemptId(Uuid::from_u128(9));
        let trace = |attempt| file_of(attempt, Kind::Trace, b"trace");
        store.edit(|db| keep(db, &photo(id), Millis(1)).and_then(|_| keep(db, &photo(stray), Millis(1))).and_then(|_| keep(db, &trace(stray), Millis(1)))).unwrap();
        store.apply(|db| save_trace(db, stray, b"of nothing")).unwrap();
        store.note(|db| prune(db, Millis(3 * KEEP_MS))).unwrap();
        assert_eq!((count(&store, "select count(*) from attachment"), count(&store, "select count(*) from trace")), (3, 0), "whatever the clock says, it was not sent");
        for n in 0..KEEP_STRAYS {
            let more = AttemptId(Uuid::from_u128(100 + n.unsigned_abs() as u128));
            store.edit(|db| keep(db, &trace(more), Millis(1)).and_then(|_| keep(db, &photo(more), Millis(1)))).unwrap();
        }
        store.note(|db| prune(db, Millis(2))).unwrap();
        let of_kind = |kind: &str, of: &str| count(&store, &format!("select count(*) from attachment where kind = '{kind}' and attempt_id {of} x'{}'", hex::encode(stray.0.as_bytes())));
        assert_eq!((of_kind("trace", "="), of_kind("trace", "<>")), (0, KEEP_STRAYS), "the oldest of too many traces is given up");
        assert_eq!((of_kind("photo", "="), of_kind("photo", "<>")), (1, KEEP_STRAYS + 1), "and no photo");
        store.edit(|db| Ok(db.execute("delete from attachment where attempt_id <> ?1", [id.0.as_bytes()])?)).unwrap();
        let first = due_now(&store, false, KEEP_MS + 2).unwrap();
        store.note(|db| settle(db, &first, Fate::Sent).and_then(|()| rows::remove(db, RowKey { table: Table::Attempt, id: id.0 }))).unwrap();
        store.note(|db| prune(db, Millis(2))).unwrap();
        assert_eq!(count(&store, "select count(*) from attachment"), 0, "it is out of sight");
    }

    #[test]
    fn of_many_photos_that_the_server_has_the_bytes_of_the_latest_are_kept_and_all_are_known() {
        let (_folder, store, id) = store(7);
        for n in 0..KEEP_SENT + 3 {
            store.edit(|db| keep(db, &file_of(id, Kind::Photo, format!("picture {n}").as_bytes()), Millis(n))).unwrap();
            let first = due_now(&store, false, 500).unwrap();
            store.note(|db| settle(db, &first, Fate::Sent)).unwrap();
        }
        let held = || (count(&store, "select count(*) from attachment where octet_length(content) > 0"), count(&store, "select count(*) from attachment where size > 8"));
        store.note(|db| prune(db, Millis(500))).unwrap();
        assert_eq!(held(), (KEEP_SENT, KEEP_SENT + 3));
        store.note(|db| forget_sent(db)).unwrap();
        assert_eq!(held(), (0, KEEP_SENT + 3), "somebody wanted the room");
    }
}
