//! Facts about how files are kept and when they may go.

use omniot_shared::{
    entities::{Attempt, AttemptOutcome},
    ids::{ClientId, IntentId, PersonId},
    sync::{Code, Intent, Outcome, Receipt, Refusal, Row, RowKey, Seq, SyncedRow, Table, client::{Entry, State}},
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

/// The record of that attempt has come so far.
fn record(store: &Store, n: u128, state: State) {
    let Row::Attempt(attempt) = attempt(n, 0).row else { unreachable!() };
    let id = IntentId(Uuid::from_u128(n));
    let intent = Intent { client_id: ClientId(Uuid::nil()), n: 1, id, at: Millis(0), at_is_rough: false, base: None, words: None, read: None, past_lost: false, depends_on: vec![], change: Change::AttemptRecord(attempt) };
    store.edit(|db| Open(db).save_entry(&Entry { order: 1, intent: intent.clone(), state: state.clone(), reading: None })).unwrap();
}

fn word(outcome: Outcome) -> Receipt {
    Receipt { n: 1, intent_id: IntentId(Uuid::from_u128(1)), seq: Seq(7), outcome }
}

fn refused() -> State {
    State::Attention(word(Outcome::Refused(Refusal::new(Code::NotAllowed, ""))))
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
    record(&store, 1, State::Waiting);
    assert_eq!(due_now(&store, false, 2), None, "the server would not know whose it is");
    record(&store, 1, State::Deferred(Refusal::new(Code::NeedsNewerServer, "")));
    assert_eq!(due_now(&store, false, 2), None, "nor where it was put off");
    record(&store, 1, State::Accepted(word(Outcome::Applied)));
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
    store.note(|db| prune(db, Millis(3 * KEEP_MS)).and_then(|_| forget_sent_before(db, Millis(i64::MAX)))).unwrap();
    assert_eq!((count(&store, "select count(*) from attachment"), count(&store, kept)), (1, 1), "however old it is");
}

#[test]
fn of_a_refused_record_files_go_where_the_server_has_the_attempt_all_the_same() {
    let (_folder, store, id) = store(0);
    store.edit(|db| keep(db, &photo(id), Millis(1))).unwrap();
    record(&store, 1, refused());
    let of = || due_now(&store, false, 2).map(|due| due.of);
    assert_eq!((of(), store.read(|db| is_there(db, id)).unwrap()), (Some(Standing::Unknown), false), "the server is asked");
    store.apply(|db| rows::put(db, &attempt(1, 7))).unwrap();
    assert_eq!(of(), Some(Standing::There), "somebody accepted it there");
}

#[test]
fn who_gives_a_record_up_gives_up_no_file_of_what_the_server_has() {
    let (_folder, store, id) = store(7);
    store.edit(|db| keep(db, &photo(id), Millis(1))).unwrap();
    let of = || due_now(&store, false, 2).map(|due| due.of);
    store.edit(|db| give_up(db, id, Millis(5))).unwrap();
    assert_eq!((unsent(&store), of()), (1, Some(Standing::There)), "its row came from there");
    store.apply(|db| rows::put(db, &attempt(1, 0))).unwrap();
    store.edit(|db| give_up(db, id, Millis(5))).unwrap();
    assert_eq!((unsent(&store), of()), (0, Some(Standing::GivenUp)), "of another one the server is asked");
    assert!(due_now(&store, true, 2).is_some(), "over any network: it is a word only");
    store.note(|db| take_back(db, id)).unwrap();
    assert_eq!((unsent(&store), of()), (1, Some(Standing::Unknown)), "it has it");
    store.edit(|db| give_up(db, id, Millis(5))).unwrap();
    store.note(|db| prune(db, Millis(5 + KEEP_MS))).unwrap();
    assert_eq!(count(&store, "select count(*) from attachment"), 1);
    store.note(|db| prune(db, Millis(6 + KEEP_MS))).unwrap();
    assert_eq!(count(&store, "select count(*) from attachment"), 0, "and where nobody says it for long, they go");
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
    store.note(|db| prune(db, Millis(KEEP_FRESH_MS))).unwrap();
    assert_eq!(held(), (KEEP_SENT + 3, KEEP_SENT + 3), "a server that is put back would lack them");
    store.note(|db| prune(db, Millis(KEEP_FRESH_MS + 1))).unwrap();
    assert_eq!(held(), (KEEP_SENT, KEEP_SENT + 3));
}

#[test]
fn of_many_traces_that_the_server_has_the_latest_are_kept_and_none_goes_within_a_week() {
    let (_folder, store, id) = store(7);
    for n in 0..KEEP_SENT + 3 {
        store.edit(|db| keep(db, &file_of(id, Kind::Trace, format!("trace {n}").as_bytes()), Millis(n))).unwrap();
        let first = due_now(&store, false, 500).unwrap();
        store.note(|db| settle(db, &first, Fate::Sent)).unwrap();
    }
    for (at, held) in [(KEEP_FRESH_MS, KEEP_SENT + 3), (KEEP_FRESH_MS + 1, KEEP_SENT)] {
        store.note(|db| prune(db, Millis(at))).unwrap();
        assert_eq!(count(&store, "select count(*) from attachment"), held, "at {at}");
    }
}

#[test]
fn a_change_that_rotted_keeps_nobody_from_room_and_goes_when_no_backup_can_lack_it() {
    let (_folder, store, _) = store(7);
    let day = 24 * 3_600_000;
    let heard = |days: i64| store.note(|db| clock::heard(db, clock::Contact { at: Millis(days * day), steady: None })).unwrap();
    record(&store, 1, State::Done { receipt: Some(word(Outcome::Applied)), at: Millis(100 * day) });
    store.edit(|db| {
        let insert = "insert into outbox (place, id, n, state, done_at, whole) values (?1, ?2, 0, 'done', ?3, cast(?4 as text))";
        db.execute(insert, params![7, [7_u8; 16], 100 * day, b"{\"order\": 7, \"sta\xff".as_slice()])?;
        db.execute(insert, params![8, [8_u8; 16], 100 * day, br#"{"state": {"done": {"receipt": null, "at": 1}}}"#.as_slice()])?;
        Ok(())
    }).unwrap();
    for (days, kept) in [(101, 2), (130, 2), (131, 0)] {
        heard(days);
        store.free_up().unwrap();
        assert_eq!(count(&store, "select count(*) from outbox"), kept, "after {days} days");
    }
}

#[test]
fn who_wants_room_gets_that_of_files_which_the_server_has_had_for_a_week_or_all_on_a_full_disk() {
    let (_folder, store, id) = store(7);
    let heard = |days: i64| store.note(|db| clock::heard(db, clock::Contact { at: Millis(days * 24 * 3_600_000), steady: None })).unwrap();
    let held = || count(&store, "select count(*) from attachment where octet_length(content) > 0");
    store.refill();
    heard(100);
    // Its own clock is a month ahead, and nobody asks it.
    store.edit(|db| keep(db, &photo(id), Millis(131 * 24 * 3_600_000))).unwrap();
    let first = due_now(&store, false, 500).unwrap();
    store.note(|db| settle(db, &first, Fate::Sent)).unwrap();
    record(&store, 1, State::Done { receipt: Some(word(Outcome::Applied)), at: Millis(100 * 24 * 3_600_000) });
    let kept = || count(&store, "select count(*) from outbox");
    for (days, files, changes) in [(107, 1, 1), (108, 0, 1), (130, 0, 1), (131, 0, 0)] {
        heard(days);
        store.free_up().unwrap();
        assert_eq!((held(), kept()), (files, changes), "after {days} days");
    }
    store.edit(|db| keep(db, &file_of(id, Kind::Photo, b"another"), Millis(1))).unwrap();
    let next = due_now(&store, false, 500).unwrap();
    store.note(|db| settle(db, &next, Fate::Sent)).unwrap();
    store.free_up().unwrap();
    assert_eq!(held(), 1);
    assert!(store.reserve.release(), "the disk is short");
    store.free_up().unwrap();
    assert_eq!(held(), 0);
}
