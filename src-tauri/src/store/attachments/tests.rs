//! Facts about how files are kept and when they may go.

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
