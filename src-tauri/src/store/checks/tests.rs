//! Facts about what is kept of answers and photos.

use omniot_shared::{
    checklist::{Answer, CheckItem, Evidence},
    roles::Role,
    sync::client::Meta,
};
use rusqlite::Transaction;
use tempfile::TempDir;

use super::*;
use crate::store::{Store, attachments::{Barred, Fate, due, settle}, checklist::Kept, commissions, replica};

const ME: PersonId = PersonId(Uuid::from_u128(3));
const HERE: ClientId = ClientId(Uuid::from_u128(4));

fn id(n: u128) -> AttemptId {
    AttemptId(Uuid::from_u128(n))
}

fn items() -> Vec<CheckItem> {
    let item = |n, evidence| CheckItem { id: Uuid::from_u128(n), text: format!("Question {n}"), hint: None, required: true, evidence, unit: None };
    vec![item(1, Evidence::Tick), item(2, Evidence::Photo), item(3, Evidence::Text)]
}

/// A store with a checklist of three.
fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let kept = Kept { version: 2, items: items(), updated_at: Some(Millis(1)), updated_by: Some("Ada".into()) };
    assert!(store.note(|db| checklist_of(db, &kept)).unwrap() && !store.note(|db| checklist_of(db, &kept)).unwrap(), "it is another one once");
    assert_eq!(store.read(|db| crate::store::checklist::find(db)).unwrap(), Some(kept));
    (folder, store)
}

fn checklist_of(db: &Transaction<'_>, kept: &Kept) -> Result<bool, StoreError> {
    crate::store::checklist::keep(db, kept, Millis(5))
}

fn answered(attempt: AttemptId, at: i64, answers: &[Option<Answer>]) -> Record {
    let list = Checklist { version: 2, items: items() };
    let mut record = Record { at: Millis(at), note: Some(format!("Note {at}")), ..Record::renewed(attempt, &list, None) };
    for (item, answer) in record.items.iter_mut().zip(answers) {
        item.answer.clone_from(answer);
    }
    record
}

fn photo_of(attempt: AttemptId, n: i64) -> File {
    File { attempt, kind: Kind::Photo, media_type: "image/png".into(), content: format!("picture {n}").into_bytes() }
}

fn due_at(store: &Store, now: i64) -> Option<attachments::Due> {
    store.read(|db| due(db, Barred::default(), Millis(now))).unwrap()
}

fn last(store: &Store, attempt: AttemptId) -> Option<(i64, State)> {
    store.read(|db| record(db, attempt)).unwrap().map(|(record, state)| (record.at.0, state))
}

#[test]
fn quick_answers_become_one_file_and_what_was_sent_stays_what_was_said() {
    let (_folder, store) = store();
    for at in [10, 20, 30] {
        store.edit(|db| keep_record(db, &answered(id(1), at, &[Some(Answer::Done {})]), Millis(at))).unwrap();
    }
    assert_eq!((due_at(&store, 30 + REST_MS - 1), last(&store, id(1))), (None, Some((30, State::Waiting))));
    assert_eq!(store.read(|db| rests_for(db, Millis(31))).unwrap(), Some(REST_MS - 1));
    let first = due_at(&store, 30 + REST_MS).unwrap();
    assert_eq!(store.read(|db| rests_for(db, Millis(30 + REST_MS))).unwrap(), None, "it may go");
    // Somebody goes on while it is on its way.
    store.edit(|db| keep_record(db, &answered(id(1), 40, &[]), Millis(40))).unwrap();
    store.note(|db| settle(db, &first, Fate::Sent)).unwrap();
    assert_eq!(last(&store, id(1)), Some((40, State::Waiting)), "what was said since is not taken for sent");
    store.note(|db| let_go(db, Millis(41))).unwrap();
    let second = due_at(&store, 41).unwrap();
    store.note(|db| settle(db, &second, Fate::Sent)).unwrap();
    store.edit(|db| keep_record(db, &answered(id(1), 50, &[]), Millis(50))).unwrap();
    let count = || store.read(|db| Ok(db.query_row("select count(*) from attachment", [], |row| row.get::<_, i64>(0))?)).unwrap();
    assert_eq!((count(), last(&store, id(1))), (2, Some((50, State::Waiting))));
    let third = due_at(&store, 50 + REST_MS).unwrap();
    store.note(|db| settle(db, &third, Fate::Sent)).unwrap();
    assert_eq!((count(), last(&store, id(1))), (1, Some((50, State::Sent))), "of those that the server has the last one is enough");
}

#[test]
fn a_record_that_breaks_a_rule_changes_nothing() {
    let (_folder, store) = store();
    store.edit(|db| keep_record(db, &answered(id(1), 10, &[]), Millis(10))).unwrap();
    let wrong = answered(id(1), 20, &[Some(Answer::Text { text: "a tick was asked for".into() })]);
    assert!(matches!(store.edit(|db| keep_record(db, &wrong, Millis(20))), Err(StoreError::Refused(_))));
    assert_eq!(last(&store, id(1)), Some((10, State::Waiting)));
}

#[test]
fn a_full_disk_loses_nothing_of_what_was_answered_before() {
    let (_folder, store) = store();
    store.edit(|db| keep_record(db, &answered(id(1), 10, &[]), Millis(10))).unwrap();
    let pages: i64 = store.read(|db| Ok(db.query_row("pragma page_count", [], |row| row.get(0))?)).unwrap();
    store.limit_pages(pages);
    let long = Answer::Text { text: "x".repeat(1_000) };
    let mut at = 20;
    let full = loop {
        let many: Vec<_> = (0..50).map(|n| id(100 + n)).collect();
        let kept = store.edit(|db| many.iter().try_for_each(|attempt| keep_record(db, &answered(*attempt, at, &[None, None, Some(long.clone())]), Millis(at))));
        at += 1;
        match kept {
            Ok(()) => assert!(at < 100, "the disk never fills"),
            Err(error) => break error,
        }
    };
    assert!(matches!(full, StoreError::DiskFull), "{full}");
    assert_eq!(last(&store, id(1)), Some((10, State::Waiting)));
}

#[test]
fn an_attempt_has_so_many_photos_and_no_more() {
    let (_folder, store) = store();
    let add = |n: i64| store.edit(|db| add_photo(db, &photo_of(id(1), n), Millis(n))).unwrap();
    assert!((0..MOST_PHOTOS).all(add));
    assert!(!add(MOST_PHOTOS) && add(0), "one that is there is no other one");
    let shown = store.read(|db| photos(db, id(1))).unwrap();
    assert_eq!((shown.len(), shown[0].size, shown[0].state), (20, 9, State::Waiting));
    assert_eq!(store.read(|db| photo(db, id(1), shown[0].sha256)).unwrap(), Some(("image/png".into(), b"picture 0".to_vec())));
    assert_eq!(store.read(|db| photo(db, id(2), shown[0].sha256)).unwrap(), None, "of another attempt");
}

#[test]
fn a_photo_is_taken_back_with_its_answer_until_the_server_has_it() {
    let (_folder, store) = store();
    let (one, two) = (photo_of(id(1), 1), photo_of(id(1), 2));
    let names = [&one, &two].map(|file| Address::of(&file.content));
    store.edit(|db| [&one, &two].into_iter().try_for_each(|file| add_photo(db, file, Millis(1)).map(drop))).unwrap();
    let both = Answer::Photos { sha256s: names.to_vec() };
    store.edit(|db| keep_record(db, &answered(id(1), 90, &[None, Some(both.clone())]), Millis(2))).unwrap();
    let remove = |name, now| store.edit(|db| remove_photo(db, id(1), name, Millis(now), Millis(now))).unwrap();
    assert_eq!((remove(names[0], 3), remove(names[0], 3)), (Some(true), None));
    let (record, _) = store.read(|db| record(db, id(1))).unwrap().unwrap();
    assert_eq!((record.at, &record.items[1].answer), (Millis(91), &Some(Answer::Photos { sha256s: vec![names[1]] })), "later than what it takes back, whatever the clock says");
    let sent = due_at(&store, 4).unwrap();
    store.note(|db| settle(db, &sent, Fate::Sent)).unwrap();
    assert_eq!((remove(names[1], 5), last(&store, id(1))), (Some(false), Some((91, State::Waiting))));
}

#[test]
fn an_attempt_is_ours_while_it_is_under_way_and_when_something_of_it_is_kept() {
    let (_folder, store) = store();
    let is = |n| store.read(|db| is_ours(db, id(n), ME, HERE)).unwrap();
    assert!(!is(1));
    store.edit(|db| commissions::save(db, id(1), "{}")).unwrap();
    store.edit(|db| keep_record(db, &answered(id(2), 1, &[]), Millis(1))).unwrap();
    let insert = "insert into attempt (id, seq, technician_id, outcome, started_at, whole) values (?1, 1, ?2, 'failed', 1, json_object('client_id', ?3))";
    let row = |n, person: PersonId, client: ClientId| store.edit(|db| Ok(db.execute(insert, params![id(n).0.as_bytes(), person.0.as_bytes(), client.to_string()])?)).unwrap();
    row(3, ME, HERE);
    row(4, PersonId(Uuid::from_u128(9)), HERE);
    row(5, ME, ClientId(Uuid::from_u128(9)));
    assert_eq!([1, 2, 3, 4, 5].map(is), [true, true, true, false, false]);
}

#[test]
fn the_devices_of_a_visit_are_counted_at_once() {
    let (_folder, store) = store();
    let named = vec![Address::of(&photo_of(id(2), 1).content)];
    store.edit(|db| {
        add_photo(db, &photo_of(id(2), 1), Millis(1))?;
        add_photo(db, &photo_of(id(2), 2), Millis(1))?;
        add_photo(db, &photo_of(id(3), 1), Millis(1))?;
        keep_record(db, &answered(id(2), 1, &[]), Millis(1))?;
        keep_record(db, &answered(id(2), 2, &[Some(Answer::Done {}), Some(Answer::Photos { sha256s: named.clone() })]), Millis(1))
    }).unwrap();
    let counts = store.read(|db| counts(db, &[id(1), id(2), id(3)])).unwrap();
    let open = Counts { answered: 0, total: 3, required_open: 3, photos: 0, note: None };
    assert_eq!(counts[&id(1)], open);
    assert_eq!(counts[&id(2)], Counts { answered: 2, total: 3, required_open: 1, photos: 2, note: Some("Note 2".into()) });
    assert_eq!(counts[&id(3)], Counts { photos: 1, ..open });
}

#[test]
fn files_of_an_older_app_are_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let old = Connection::open(folder.path().join("replica.db")).unwrap();
    for sql in [include_str!("../schema.sql"), include_str!("../schema-2.sql"), include_str!("../schema-3.sql")] {
        old.execute_batch(sql).unwrap();
    }
    old.pragma_update(None, "user_version", 3).unwrap();
    let insert = "insert into attachment (attempt_id, sha256, kind, media_type, state, wifi_only, made_at, not_before, content) values (?1, ?2, 'photo', 'image/png', 'waiting', 1, 1, 0, ?3)";
    let content = photo_of(id(1), 1).content;
    old.execute(insert, params![id(1).0.as_bytes(), Address::of(&content).0, content]).unwrap();
    drop(old);
    let store = Store::open(folder.path()).unwrap();
    let shown = store.read(|db| photos(db, id(1))).unwrap();
    assert_eq!((shown[0].size, due_at(&store, 1).map(|due| due.file.content)), (9, Some(content)));
}

#[test]
fn photos_and_checks_are_sealed_with_the_end_of_a_membership_and_the_checklist_goes() {
    use crate::store::farewell;
    let (_folder, store) = store();
    let meta = Meta::new(HERE, omniot_shared::ids::TenantId(Uuid::from_u128(2)), ME, Role::Technician);
    store.edit(|db| replica::begin(db, &meta)).unwrap();
    let shown = store.edit(|db| farewell::make(db, HERE)).unwrap();
    store.note(|db| farewell::heard(db, &shown, omniot_shared::sync::escrow::Secret::new([7; 32]).public().unwrap())).unwrap();
    store.edit(|db| add_photo(db, &photo_of(id(1), 1), Millis(1)).and_then(|_| keep_record(db, &answered(id(1), 1, &[]), Millis(1)))).unwrap();
    let begun = store.note(|db| farewell::begin(db, None, farewell::Seals::All)).unwrap().unwrap();
    assert_eq!((begun.lost, begun.waiting, last(&store, id(1)), store.read(|db| crate::store::checklist::find(db)).unwrap()), (0, 2, None, None));
}

#[test]
fn what_was_answered_goes_on_at_the_next_attempt_and_the_earlier_one_keeps_its_own() {
    let (_folder, store) = store();
    let (kept, given_back) = (photo_of(id(1), 1), photo_of(id(1), 2));
    let names = [&kept, &given_back].map(|file| Address::of(&file.content));
    store.edit(|db| [&kept, &given_back].into_iter().try_for_each(|file| add_photo(db, file, Millis(1)).map(drop))).unwrap();
    store.edit(|db| keep_record(db, &answered(id(1), 90, &[Some(Answer::Done {}), Some(Answer::Photos { sha256s: names.to_vec() })]), Millis(2))).unwrap();
    // The bytes of one are with the server alone.
    store.edit(|db| Ok(db.execute("update attachment set state = 'sent', content = x'' where sha256 = ?1", [names[1].0])?)).unwrap();
    for _ in 0..2 {
        store.edit(|db| carry_over(db, id(1), id(2), Millis(3))).unwrap();
    }
    let (record, state) = store.read(|db| record(db, id(2))).unwrap().unwrap();
    assert_eq!((record.attempt_id, record.note.as_deref(), state), (id(2), Some("Note 90"), State::Waiting));
    assert_eq!(record.items[1].answer, Some(Answer::Photos { sha256s: vec![names[0]] }));
    assert_eq!(store.read(|db| photos(db, id(2))).unwrap().len(), 1);
    assert_eq!((last(&store, id(1)), store.read(|db| photos(db, id(1))).unwrap().len()), (Some((90, State::Waiting)), 2));
    // What is said at the earlier one later goes on as long as nothing else was said there, and there is no record of it yet.
    let says = |n, at, said: &[Option<Answer>]| {
        store.edit(|db| {
            let was = super::record(db, id(n))?.map(|(record, _)| record);
            keep_record(db, &answered(id(n), at, said), Millis(3))?;
            goes_on_at(db, id(n))?.map_or(Ok(()), |next| carry_on(db, id(n), next, was.as_ref(), Millis(3)))
        }).unwrap();
    };
    let at = |n| last(&store, id(n)).map(|(at, _)| at);
    says(1, 92, &[]);
    assert_eq!(at(2), Some(92), "what was still being typed goes on, too");
    store.edit(|db| carry_over(db, id(2), id(3), Millis(4))).unwrap();
    says(1, 93, &[]);
    assert_eq!((at(2), at(3)), (Some(92), Some(93)), "at the latest one");
    says(3, 94, &[Some(Answer::Done {})]);
    says(1, 94, &[]);
    assert_eq!(store.read(|db| super::record(db, id(3))).unwrap().unwrap().0.answered(), 1, "what was said since stands, whatever a clock says");
    store.edit(|db| carry_over(db, id(1), id(4), Millis(5))).unwrap();
    store.edit(|db| Ok(db.execute("insert into attempt (id, seq, technician_id, outcome, started_at, whole) values (?1, 0, x'', 'failed', 0, '{}')", [id(4).0.as_bytes()])?)).unwrap();
    assert_eq!(store.read(|db| goes_on_at(db, id(1))).unwrap(), None, "and what is recorded goes on no more");
    store.edit(|db| carry_over(db, id(7), id(8), Millis(5))).unwrap();
    assert_eq!(last(&store, id(8)), None, "of nothing comes nothing");
}

#[test]
fn of_an_attempt_out_of_sight_nothing_stays_but_that_there_was_something() {
    let (_folder, store) = store();
    let said = answered(id(1), 10, &[Some(Answer::Done {})]);
    store.edit(|db| keep_record(db, &said, Millis(10))).unwrap();
    let first = due_at(&store, 10 + REST_MS).unwrap();
    let is_away = || store.read(|db| super::is_away(db, id(1))).unwrap();
    store.note(|db| attachments::prune(db, Millis(11))).unwrap();
    assert!(!is_away(), "what was not sent stays");
    store.note(|db| settle(db, &first, Fate::Sent).and_then(|()| attachments::prune(db, Millis(12)))).unwrap();
    assert_eq!((is_away(), last(&store, id(1))), (true, None));
    let later = Record { at: Millis(99), ..said.clone() };
    store.note(|db| take_back(db, id(1), Some(&later))).unwrap();
    assert_eq!((is_away(), last(&store, id(1))), (false, Some((99, State::Sent))));
    store.note(|db| attachments::send_again(db)).unwrap();
    let again = due_at(&store, 12).unwrap();
    assert_eq!(again.address, Address::of(&later.pack().unwrap()), "a server that is put back gets what it had");
    store.note(|db| settle(db, &again, Fate::Sent)).unwrap();
    assert_eq!(due_at(&store, 12), None);
    store.note(|db| attachments::prune(db, Millis(13)).and_then(|_| take_back(db, id(1), None))).unwrap();
    assert_eq!((is_away(), last(&store, id(1))), (false, None), "the server has none");
}

#[test]
fn a_photo_that_was_on_its_way_is_not_taken_back_unless_it_never_left() {
    let (_folder, store) = store();
    let file = photo_of(id(1), 1);
    store.edit(|db| add_photo(db, &file, Millis(1))).unwrap();
    let due = due_at(&store, 2).unwrap();
    let remove = || store.edit(|db| remove_photo(db, id(1), Address::of(&file.content), Millis(3), Millis(3))).unwrap();
    let tries = || store.note(|db| attachments::note_tried(db, &due)).unwrap();
    assert_eq!((tries(), remove()), (Some(false), Some(false)));
    assert_eq!(tries(), Some(true), "the next time it is known that it may have arrived");
    store.note(|db| attachments::note_not_tried(db, &due)).unwrap();
    assert_eq!((remove(), tries()), (Some(true), None), "what somebody took away is not to go");
}

#[test]
fn a_server_that_lost_its_past_gets_files_again_and_another_one_is_offered_what_was_refused() {
    let (_folder, store) = store();
    store.edit(|db| (1..=3).try_for_each(|n| add_photo(db, &photo_of(id(1), n), Millis(1)).map(drop))).unwrap();
    for fate in [Fate::Sent, Fate::Refused] {
        let due = due_at(&store, 2).unwrap();
        store.note(|db| settle(db, &due, fate)).unwrap();
    }
    let states = || store.read(|db| photos(db, id(1))).unwrap().iter().map(|photo| photo.state).collect::<Vec<_>>();
    assert_eq!(states(), [State::Sent, State::Refused, State::Waiting]);
    store.note(|db| attachments::offer_again(db)).unwrap();
    assert_eq!(states(), [State::Sent, State::Waiting, State::Waiting]);
    store.note(|db| attachments::send_again(db)).unwrap();
    assert_eq!(states(), [State::Waiting; 3]);
    store.edit(|db| attachments::give_up(db, id(1), Millis(3))).unwrap();
    assert_eq!((states(), store.read(|db| is_ours(db, id(1), ME, HERE)).unwrap()), (vec![], false), "of what was given up nothing is shown");
}
