//! Facts about checklists and what is answered to them.

use super::*;
use crate::{
    attachment::{self, Address, Kind, Unfit},
    ids::AttemptId,
    sync::Code,
    time::Millis,
};

fn item(n: u128, evidence: Evidence) -> CheckItem {
    CheckItem { id: Uuid::from_u128(n), text: format!("Question {n}"), hint: None, required: n == 1, evidence, unit: None }
}

fn list() -> Checklist {
    let number = CheckItem { unit: Some("V".into()), ..item(3, Evidence::Number) };
    Checklist { version: 4, items: vec![item(1, Evidence::Tick), item(2, Evidence::Text), number, item(4, Evidence::Photo)] }
}

fn photo(n: u8) -> Address {
    Address([n; 32])
}

/// An answer that fits each evidence.
fn right(evidence: Evidence) -> Answer {
    match evidence {
        Evidence::Tick => Answer::Done {},
        Evidence::Text => Answer::Text { text: "At the gate".into() },
        Evidence::Number => Answer::Number { number: 230.5 },
        Evidence::Photo => Answer::Photos { sha256s: vec![photo(1), photo(2)] },
    }
}

fn answered() -> Record {
    let mut record = Record { at: Millis(7), note: Some("Behind the pump".into()), ..Record::renewed(AttemptId(Uuid::from_u128(9)), &list(), None) };
    for item in &mut record.items {
        item.answer = Some(right(item.evidence));
    }
    record
}

fn refused<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
    let refusal = result.unwrap_err();
    assert_eq!(refusal.code, Code::InvalidField, "{refusal}");
    refusal.field.unwrap()
}

#[test]
fn a_list_is_kept_with_its_texts_trimmed_and_a_rule_that_is_broken_is_named() {
    let padded = CheckItem { text: "  Sealed? ".into(), hint: Some("  ".into()), ..item(1, Evidence::Tick) };
    assert_eq!(kept_items(vec![padded]).unwrap(), [CheckItem { text: "Sealed?".into(), ..item(1, Evidence::Tick) }]);
    assert_eq!(kept_items(vec![]).unwrap(), []);
    let with = |change: fn(&mut CheckItem)| {
        let mut one = item(2, Evidence::Text);
        change(&mut one);
        refused(kept_items(vec![item(1, Evidence::Tick), one]))
    };
    assert_eq!(with(|one| one.text = " ".into()), "items[1].text");
    assert_eq!(with(|one| one.text = "two\nlines".into()), "items[1].text");
    assert_eq!(with(|one| one.text = "x".repeat(TEXT + 1)), "items[1].text");
    assert_eq!(with(|one| one.hint = Some("x".repeat(HINT + 1))), "items[1].hint");
    assert_eq!(with(|one| one.unit = Some("V".into())), "items[1].unit");
    assert_eq!(with(|one| (one.evidence, one.unit) = (Evidence::Number, Some("x".repeat(UNIT + 1)))), "items[1].unit");
    assert_eq!(with(|one| (one.evidence, one.unit) = (Evidence::Number, Some("k\nV".into()))), "items[1].unit");
    assert_eq!(with(|one| one.id = Uuid::from_u128(1)), "items[1].id");
    let many = |count: u128| kept_items((0..count).map(|n| item(n, Evidence::Tick)).collect());
    assert!(many(50).is_ok());
    assert_eq!(refused(many(51)), "items");
}

#[test]
fn what_changes_between_two_lists_is_counted() {
    let (before, mut after) = (list().items, list().items);
    after.remove(0);
    after[0].required = true;
    after.push(item(9, Evidence::Tick));
    after.swap(1, 2);
    assert_eq!(Difference::between(&before, &after), Difference { added: 1, removed: 1, changed: 1 });
    assert_eq!(Difference::between(&before, &before), Difference::default());
}

#[test]
fn a_record_reads_back_as_it_was_written() {
    let record = answered();
    let bytes = record.pack().unwrap();
    assert_eq!(Record::unpack(&bytes), Ok(record.clone()));
    assert_eq!(attachment::check(Kind::Checks, "application/json", Address::of(&bytes), &bytes), Ok(()));
    assert_eq!((record.answered(), record.open_required()), (4, 0));
    assert_eq!(record.photos().collect::<Vec<_>>(), [photo(1), photo(2)]);
    let blank = Record::renewed(record.attempt_id, &list(), None);
    assert_eq!((blank.answered(), blank.open_required()), (0, 1));
    assert_eq!(serde_json::to_value(&record.items[0]).unwrap()["answer"], serde_json::json!({"kind": "done"}));
}

#[test]
fn an_answer_fits_its_evidence_and_no_other_and_what_does_not_apply_fits_each() {
    let all = [Evidence::Tick, Evidence::Text, Evidence::Number, Evidence::Photo];
    for (place, asked) in all.into_iter().enumerate() {
        for given in all {
            let mut record = answered();
            record.items[place].answer = Some(right(given));
            assert_eq!(record.pack().is_ok(), asked == given, "{given:?} for {asked:?}");
            if asked != given {
                assert_eq!(refused(record.pack()), format!("items[{place}].answer"));
            }
        }
        let mut record = answered();
        record.items[place].answer = Some(Answer::NotApplicable { reason: "No mains here".into() });
        assert_eq!((record.pack().is_ok(), record.answered(), record.open_required()), (true, 4, 0), "{asked:?}");
    }
}

#[test]
fn an_answer_that_says_nothing_or_too_much_is_refused() {
    let cases = [
        (1, Answer::Text { text: String::new() }),
        (1, Answer::Text { text: " padded".into() }),
        (1, Answer::Text { text: "x".repeat(1_001) }),
        (1, Answer::Text { text: "\u{0}".into() }),
        (2, Answer::Number { number: f64::NAN }),
        (2, Answer::Number { number: f64::INFINITY }),
        (3, Answer::Photos { sha256s: vec![] }),
        (3, Answer::Photos { sha256s: vec![photo(1), photo(1)] }),
        (3, Answer::Photos { sha256s: (0..11).map(photo).collect() }),
        (0, Answer::NotApplicable { reason: "  ".into() }),
        (0, Answer::NotApplicable { reason: "x".repeat(501) }),
    ];
    for (place, answer) in cases {
        let mut record = answered();
        record.items[place].answer = Some(answer.clone());
        assert_eq!(refused(record.pack()), format!("items[{place}].answer"), "{answer:?}");
    }
    let note = |text: String| refused(Record { note: Some(text), ..answered() }.pack());
    assert_eq!((note(" ".into()), note("x".repeat(2_001)), note("padded ".into())), ("note".into(), "note".into(), "note".into()));
    assert_eq!(Answer::Text { text: " words ".into() }.trimmed(), Answer::Text { text: "words".into() });
}

#[test]
fn bytes_that_are_no_record_are_not_taken_for_one() {
    let whole = answered().pack().unwrap();
    let text = String::from_utf8(whole.clone()).unwrap();
    let twisted = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} stands in {text}");
        text.replacen(from, to, 1).into_bytes()
    };
    let cases = [
        b"{}".to_vec(),
        whole[..whole.len() - 1].to_vec(),
        twisted("\"schema\":1", "\"schema\":2"),
        twisted("\"schema\":1", "\"schema\":1,\"more\":1"),
        twisted("\"kind\":\"done\"", "\"kind\":\"done\",\"more\":1"),
        twisted("\"kind\":\"done\"", "\"kind\":\"guessed\""),
        twisted("230.5", "1e999"),
        twisted("\"evidence\":\"tick\"", "\"evidence\":\"text\""),
        twisted("\"evidence\":\"tick\"", "\"evidence\":\"tick\",\"more\":1"),
        twisted("00000002\"", "00000001\""),
    ];
    for bytes in cases {
        assert_eq!(Record::unpack(&bytes), Err(NoRecord), "{}", String::from_utf8_lossy(&bytes));
        assert_eq!(attachment::check(Kind::Checks, "application/json", Address::of(&bytes), &bytes), Err(Unfit::NotThat));
    }
    let mut crowd = answered();
    crowd.items = (0..101).map(|n| Checked::of(&item(n, Evidence::Tick), None)).collect();
    assert_eq!(refused(crowd.pack()), "items");
    crowd.items = (0..50).map(|n| Checked::of(&item(n, Evidence::Text), Some(Answer::Text { text: "\u{1F50B}".repeat(1_000) }))).collect();
    assert_eq!(refused(crowd.pack()), "items", "each answer is fine, all together are too long");
}

#[test]
fn what_was_answered_stays_when_the_list_forgets_it_and_what_was_not_goes() {
    let mut earlier = answered();
    earlier.items[1].answer = None;
    // The third is asked in another way now; the first and the fourth are no longer asked.
    let shorter = Checklist { version: 5, items: vec![item(8, Evidence::Tick), item(3, Evidence::Text)] };
    let mut record = Record::renewed(earlier.attempt_id, &shorter, Some(&earlier));
    let asked = |record: &Record| record.items.iter().map(|item| (item.id.as_u128(), item.answer.is_some())).collect::<Vec<_>>();
    assert_eq!((asked(&record), record.checklist, &record.note), (vec![(8, false), (3, true), (1, true), (4, true)], 5, &earlier.note));
    assert_eq!((&record.items[1].evidence, &record.items[1].text), (&earlier.items[2].evidence, &earlier.items[2].text), "no answer is found under another question");
    assert_eq!(asked(&Record::renewed(earlier.attempt_id, &list(), Some(&earlier))), [(1, true), (2, false), (3, true), (4, true)]);
    record.items[2].answer = None;
    record.forget_former(&shorter);
    assert_eq!(asked(&record), [(8, false), (3, true), (4, true)]);
    record.items[1].answer = None;
    assert_eq!(Record::renewed(record.attempt_id, &shorter, Some(&record)).items[1], Checked::of(&shorter.items[1], None), "who takes it back is asked anew");
    let long = |from: u128| Checklist { version: 1, items: (from..from + 50).map(|n| item(n, Evidence::Tick)).collect() };
    let mut many = earlier;
    for from in [100, 200, 300] {
        many = Record::renewed(many.attempt_id, &long(from), Some(&many));
        many.items.iter_mut().for_each(|item| item.answer = Some(right(item.evidence)));
        assert!(many.pack().is_ok(), "{} items", many.items.len());
    }
}

#[test]
fn a_photo_that_is_taken_back_leaves_its_answers() {
    let mut record = answered();
    assert!(record.drop_photo(photo(1)) && !record.drop_photo(photo(1)));
    assert_eq!(record.items[3].answer, Some(Answer::Photos { sha256s: vec![photo(2)] }));
    assert!(record.drop_photo(photo(2)));
    assert_eq!(record.items[3].answer, None, "nothing is left of it");
}
