//! Facts about visits, without a radio.

use super::*;

fn new(serial: &str) -> NewItem {
    NewItem { id: Uuid::new_v5(&Uuid::NAMESPACE_OID, serial.as_bytes()), label: Zeroizing::new(format!("label of {serial}")), name: Some(serial.into()), serial: Some(serial.into()), mark: None, device_name: None, seen: true }
}

/// A label of the maker's name, which is all that it says beside its secret.
fn nameless(secret: &str) -> NewItem {
    let text = format!(r#"{{"ver":"v1","name":"PROV_LAMP","pop":"{secret}","transport":"ble"}}"#);
    let Ok(Scanned::Label(label)) = label::read(&text) else { panic!("{text}") };
    NewItem::of(Uuid::new_v5(&Uuid::NAMESPACE_OID, secret.as_bytes()), &label, Zeroizing::new(text))
}

fn visit(serials: &[&str]) -> Visit {
    let mut visit = Visit::new(SiteId(Uuid::nil()), Millis(0), true);
    for serial in serials {
        assert!(visit.add(new(serial)).is_ok());
    }
    visit
}

fn begin(visit: &mut Visit, heard: &[&str]) -> (String, AttemptId) {
    let next = visit.next(|item| heard.contains(&item.serial.as_deref().unwrap())).unwrap();
    let (id, serial, attempt) = (next.id, next.serial.clone().unwrap(), AttemptId(Uuid::now_v7()));
    visit.began(id, attempt);
    (serial, attempt)
}

fn ending(done: bool, again: bool) -> Ending {
    Ending { done, unconfirmed: false, cause: (!done).then(|| "link_lost".into()), again, ours: false, heard: true, rssi: Some(-60), took_ms: 9, epoch: None }
}

fn silent(cause: &str) -> Ending {
    Ending { cause: Some(cause.into()), heard: false, rssi: None, ..ending(false, true) }
}

/// A device that was done, by guess or not, and has another turn.
fn done_and_wanted_again(unconfirmed: bool) -> Visit {
    let mut visit = visit(&["A"]);
    let (_, first) = begin(&mut visit, &[]);
    visit.ended(first, Ending { unconfirmed, epoch: Some(3), ..ending(true, true) });
    assert!(visit.add(NewItem { seen: false, ..new("A") }).is_ok());
    visit
}

#[test]
fn a_failure_waits_behind_the_others_and_then_for_a_person() {
    let mut visit = visit(&["A", "B"]);
    for (expected, done) in [("A", false), ("B", true), ("A", false)] {
        let (serial, attempt) = begin(&mut visit, &[]);
        assert_eq!(serial, expected);
        visit.ended(attempt, ending(done, true));
    }
    assert!(visit.next(|_| true).is_none(), "nobody's turn");
    assert_eq!((visit.count(Fate::Done), visit.count(Fate::Failed)), (1, 1));
    let failed = visit.items.iter().find(|item| item.fate == Fate::Failed).unwrap().id;
    assert!(visit.again(failed) && !visit.again(failed));
    assert_eq!(begin(&mut visit, &[]).0, "A");
}

#[test]
fn what_cannot_be_mended_is_not_tried_twice() {
    let mut visit = visit(&["A"]);
    let (_, attempt) = begin(&mut visit, &[]);
    visit.ended(attempt, ending(false, false));
    assert_eq!(visit.count(Fate::Failed), 1);
}

#[test]
fn whoever_is_heard_comes_first() {
    let mut visit = visit(&["A", "B", "C"]);
    assert_eq!(begin(&mut visit, &["C"]).0, "C");
}

#[test]
fn devices_without_a_permission_hold_up_none_that_needs_none() {
    let mut visit = visit(&["A", "B", "C"]);
    let lacking = || Ending { cause: Some("no_grant".into()), ours: true, ..ending(false, false) };
    for (expected, heard) in [("A", &["A"][..]), ("B", &["A", "B"]), ("C", &["A", "B"])] {
        let (serial, attempt) = begin(&mut visit, heard);
        assert_eq!(serial, expected);
        visit.ended(attempt, if expected == "C" { ending(true, true) } else { lacking() });
    }
    assert_eq!(begin(&mut visit, &["B"]).0, "B", "and have their turn as before once nobody else waits");
}

#[test]
fn a_device_is_in_a_visit_once_and_its_secret_goes_when_it_is_done() {
    let mut visit = visit(&["A"]);
    assert_eq!(visit.add(new("A")).err(), Some(NotAdded::Known));
    let (_, attempt) = begin(&mut visit, &[]);
    assert!(!visit.remove(visit.items[0].id), "it is at work");
    visit.ended(attempt, ending(true, true));
    assert!(visit.items[0].label().is_none());
    assert_eq!(visit.add(new("A")).err(), Some(NotAdded::Known), "it is done");
}

#[test]
fn two_labels_of_one_name_are_two_devices() {
    let mut visit = visit(&[]);
    let id = |secret| nameless(secret).id;
    assert!(visit.add(nameless("abcd1234")).is_ok() && visit.add(nameless("wxyz9876")).is_ok());
    assert_eq!(visit.add(nameless("wxyz9876")).err(), Some(NotAdded::Known));
    let attempt = AttemptId(Uuid::now_v7());
    visit.began(id("abcd1234"), attempt);
    visit.ended(attempt, ending(true, true));
    assert!(visit.remove(id("wxyz9876")));

    // The first label is gone, and what tells it from the second is not.
    let kept = serde_json::to_string(&visit).unwrap();
    assert!(!kept.contains("abcd1234"), "{kept}");
    assert_eq!(visit.add(nameless("wxyz9876")).map(|item| item.attempt), Ok(None), "what was photographed at the first is none of its");
    assert_eq!((visit.count(Fate::Done), visit.count(Fate::Waiting)), (1, 1));
    assert_eq!(visit.add(nameless("abcd1234")).map(|item| item.attempt), Ok(Some(attempt)));
}

#[test]
fn labels_that_another_version_kept_are_told_apart_by_what_they_say() {
    let mut visit = visit(&[]);
    assert!(visit.add(nameless("abcd1234")).is_ok());
    visit.items[0].mark = None;
    assert_eq!(visit.add(nameless("abcd1234")).err(), Some(NotAdded::Known));
    assert!(visit.add(nameless("wxyz9876")).is_ok());
}

#[test]
fn a_label_that_is_read_again_keeps_its_attempt_and_its_name() {
    let mut visit = visit(&[]);
    assert!(visit.add(NewItem { device_name: Some("Pump".into()), ..new("A") }).is_ok());
    let (_, first) = begin(&mut visit, &[]);
    visit.ended(first, ending(false, false));
    let again = visit.add(new("A")).unwrap();
    assert_eq!((again.fate, again.attempt, again.device_name.as_deref()), (Fate::Waiting, Some(first), Some("Pump")));
    visit.ended(first, ending(true, true));
    assert_eq!(visit.count(Fate::Done), 1, "somebody tried the same attempt once more");
}

#[test]
fn one_that_was_done_by_guess_and_is_wanted_again_has_its_turn() {
    let mut visit = visit(&["A"]);
    let (_, first) = begin(&mut visit, &[]);
    visit.ended(first, Ending { unconfirmed: true, ..ending(true, true) });
    assert_eq!(visit.add(new("A")).map(|item| item.attempt), Ok(Some(first)), "its photos are those of the attempt before");
    visit.ended(first, ending(true, true));
    assert_eq!(visit.count(Fate::Waiting), 1, "that this one succeeded is known");
    let (_, second) = begin(&mut visit, &[]);
    visit.resume();
    visit.ended(second, ending(true, true));
    assert_eq!((visit.count(Fate::Done), visit.items[0].unconfirmed), (1, false));
}

#[test]
fn one_that_is_done_and_that_the_server_has_not_seen_has_another_turn_when_its_label_is_read_again() {
    let mut visit = visit(&["A", "B"]);
    let (_, first) = begin(&mut visit, &[]);
    visit.ended(first, ending(true, true));
    assert_eq!(visit.add(NewItem { seen: true, ..new("A") }).err(), Some(NotAdded::Known), "the server has seen it");
    assert_eq!(visit.add(NewItem { seen: false, ..new("A") }).map(|item| (item.fate, item.attempt)), Ok((Fate::Waiting, Some(first))));
    visit.ended(first, ending(true, true));
    assert_eq!(visit.count(Fate::Waiting), 2, "that the first attempt succeeded is known");
    let (_, second) = begin(&mut visit, &["A"]);
    visit.ended(second, ending(true, true));
    assert_eq!((visit.count(Fate::Done), visit.count(Fate::Waiting)), (1, 1));
}

#[test]
fn one_that_is_done_and_silent_stays_done_whoever_reads_its_label_again() {
    let mut visit = visit(&["A"]);
    let (_, first) = begin(&mut visit, &[]);
    visit.ended(first, Ending { epoch: Some(3), ..ending(true, true) });
    assert!(visit.add(NewItem { seen: false, ..new("A") }).is_ok());
    let (_, second) = begin(&mut visit, &[]);
    visit.ended(second, silent("not_advertising"));
    let item = &visit.items[0];
    assert_eq!((item.fate, item.cause.as_deref(), item.unconfirmed, item.epoch, item.label().is_none()), (Fate::Done, None, false, Some(3), true));
}

#[test]
fn one_that_was_done_and_is_heard_again_is_not_done_when_it_falls_silent() {
    for first in [ending(false, true), Ending { heard: true, ..silent("not_advertising") }, Ending { ours: true, ..ending(false, true) }] {
        let mut visit = done_and_wanted_again(true);
        let (_, attempt) = begin(&mut visit, &[]);
        visit.ended(attempt, first.clone());
        assert_eq!(visit.count(Fate::Waiting), 1, "{first:?}");
        let (_, attempt) = begin(&mut visit, &[]);
        visit.ended(attempt, silent("not_advertising"));
        assert_eq!((visit.count(Fate::Done), visit.items[0].cause.as_deref()), (0, Some("not_advertising")), "{first:?}");
    }
}

#[test]
fn one_that_was_done_and_was_never_heard_is_done_when_it_is_silent_at_last() {
    let mut visit = done_and_wanted_again(true);
    let (_, attempt) = begin(&mut visit, &[]);
    visit.ended(attempt, Ending { ours: true, ..silent("adapter_off") });
    let (_, attempt) = begin(&mut visit, &[]);
    visit.ended(attempt, silent("not_advertising"));
    let item = &visit.items[0];
    assert_eq!((item.fate, item.cause.as_deref(), item.unconfirmed), (Fate::Done, None, true));
}

#[test]
fn a_done_label_that_is_read_by_mistake_and_taken_out_again_back_to_done() {
    for unconfirmed in [false, true] {
        let mut visit = done_and_wanted_again(unconfirmed);
        assert!(visit.remove(visit.items[0].id));
        let item = &visit.items[0];
        assert_eq!((item.fate, item.unconfirmed, item.epoch, item.label().is_none(), item.was_done), (Fate::Done, unconfirmed, Some(3), true, None));
        assert!(visit.remove(visit.items[0].id) && visit.items.is_empty(), "what is done can be taken out");
    }
}

#[test]
fn a_done_label_whose_new_attempt_is_stopped_before_it_is_heard_back_to_done() {
    let mut visit = done_and_wanted_again(true);
    let (_, attempt) = begin(&mut visit, &[]);
    visit.ended(attempt, silent("cancelled"));
    let item = &visit.items[0];
    assert_eq!((item.fate, item.unconfirmed, item.cause.as_deref(), item.label().is_none()), (Fate::Done, true, None, true));

    let mut heard = done_and_wanted_again(true);
    let (_, attempt) = begin(&mut heard, &[]);
    heard.ended(attempt, Ending { cause: Some("cancelled".into()), ..ending(false, false) });
    assert_eq!((heard.count(Fate::Failed), heard.items[0].was_done), (1, None));
}

#[test]
fn after_a_death_the_one_at_work_has_its_turn_first() {
    let mut visit = visit(&["A", "B", "C"]);
    let (_, attempt) = begin(&mut visit, &["B"]);
    visit.resume();
    visit.ended(attempt, ending(false, true));
    assert_eq!(visit.items[0].tries, 0, "a failure that comes late counts for nothing");
    let (serial, again) = begin(&mut visit, &[]);
    assert_eq!(serial, "B");
    visit.ended(again, ending(true, true));
    assert_eq!(visit.count(Fate::Done), 1);
}

#[test]
fn what_lies_at_this_machine_is_no_failure_of_a_device() {
    let mut visit = visit(&["A", "B"]);
    for _ in 0..5 {
        let (serial, attempt) = begin(&mut visit, &[]);
        assert_eq!(serial, "A", "it keeps its turn");
        visit.ended(attempt, Ending { ours: true, ..ending(false, true) });
    }
    assert_eq!((visit.count(Fate::Waiting), visit.items[0].cause.as_deref()), (2, Some("link_lost")));
}

#[test]
fn one_device_is_at_work_at_a_time() {
    let mut visit = visit(&["A", "B"]);
    begin(&mut visit, &["A"]);
    begin(&mut visit, &["B"]);
    assert_eq!((visit.count(Fate::Running), visit.count(Fate::Waiting)), (1, 1));
}

#[test]
fn a_visit_has_a_limit() {
    let mut visit = visit(&[]);
    for n in 0..MOST {
        assert!(visit.add(new(&format!("S{n}"))).is_ok());
    }
    assert_eq!(visit.add(new("one more")).err(), Some(NotAdded::Full));
}
