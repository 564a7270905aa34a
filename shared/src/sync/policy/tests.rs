//! Facts about how edits of one field meet.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::*;
use crate::{
    entities::{Attempt, AttemptOutcome, DeviceState, Security},
    ids::{AttemptId, BookmarkId, ModelId, PersonId, SiteId},
    sync::intent::{BookmarkRemove, ModelPatch, ModelUpdate, NewDevice},
};

fn site(name: &str) -> Site {
    Site { id: SiteId(Uuid::nil()), name: name.into(), address: None, time_zone: "UTC".into(), note: None, created_at: Millis(0) }
}

fn one_of_each() -> [Row; 5] {
    let model = DeviceModel { id: ModelId(Uuid::nil()), name: "m".into(), sku: "s".into(), min_security: Security::Sec1, created_at: Millis(0) };
    let device = Device { id: DeviceId(Uuid::nil()), serial: "A".into(), name: "d".into(), model_id: model.id, site_id: None, note: None, state: DeviceState::Planned, firmware: None, epoch: 0, created_at: Millis(0) };
    let attempt = Attempt {
        id: AttemptId(Uuid::nil()), device_id: None, serial: None, site_id: None, technician_id: PersonId(Uuid::nil()), technician_name: "t".into(),
        client_id: ClientId(Uuid::nil()), app_version: "0".into(), os: "o".into(), radio: "virtual".into(), protocol: None, security: None, firmware: None,
        identity_verified: false, rssi: None, mtu: None, steps: vec![], grant_id: None, receipt: None, epoch: None, network_name: None,
        outcome: AttemptOutcome::Failed, cause: None, started_at: Millis(0), ended_at: Millis(0),
    };
    let bookmark = Bookmark { id: BookmarkId(Uuid::nil()), person_id: PersonId(Uuid::nil()), device_id: device.id, note: None, created_at: Millis(0) };
    [site("s").into(), model.into(), device.into(), Box::new(attempt).into(), bookmark.into()]
}

fn fields_of(row: &Row) -> BTreeSet<String> {
    let tagged = serde_json::to_value(row).unwrap();
    tagged.as_object().unwrap().values().find_map(serde_json::Value::as_object).unwrap().keys().cloned().collect()
}

#[test]
fn what_changed_is_named_as_on_the_wire() {
    let (max, text, later) = (Uuid::max(), || Some("x".to_owned()), Millis(1));
    let others: [Row; 4] = [
        Site { id: SiteId(max), name: "x".into(), address: text(), time_zone: "x".into(), note: text(), created_at: later }.into(),
        DeviceModel { id: ModelId(max), name: "x".into(), sku: "x".into(), min_security: Security::Sec0, created_at: later }.into(),
        Device { id: DeviceId(max), serial: "x".into(), name: "x".into(), model_id: ModelId(max), site_id: Some(SiteId(max)), note: text(), state: DeviceState::Online, firmware: text(), epoch: 1, created_at: later }.into(),
        Bookmark { id: BookmarkId(max), person_id: PersonId(max), device_id: DeviceId(max), note: text(), created_at: later }.into(),
    ];
    for other in others {
        let row = one_of_each().into_iter().find(|row| row.key().table == other.key().table).unwrap();
        assert_eq!(changed(&row, &other).into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), fields_of(&row));
        assert!(changed(&row, &row).is_empty());
    }
}

#[test]
fn no_field_lacks_a_policy() {
    for row in one_of_each() {
        let table = row.key().table;
        for field in fields_of(&row) {
            assert!(policy(table, &field).is_some(), "{}.{field} has no policy", table.name());
        }
    }
    assert_eq!(policy(Table::Site, "serial"), None, "and only real fields have one");
}

#[test]
fn words_that_lose_are_a_change_of_their_own_and_nothing_else_is() {
    let (tenant, note) = (TenantId(Uuid::from_u128(1)), || Patch::Set("ring twice".to_owned()));
    let (name, device) = (Patch::Set("x".to_owned()), DeviceId::for_serial(tenant, "A"));
    let new = NewDevice { serial: "A".into(), name: "x".into(), model_id: ModelId(Uuid::nil()), site_id: None, note: Some("ring twice".into()) };
    let of_device = || Change::DeviceUpdate(DeviceUpdate { id: device, patch: DevicePatch { note: note(), ..DevicePatch::default() } });
    let of_site = |name: &Patch<String>| Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::nil()), patch: SitePatch { name: name.clone(), note: note(), ..SitePatch::default() } });
    let of_bookmark = Change::BookmarkSet(BookmarkSet { person_id: PersonId(Uuid::nil()), device_id: device, note: note() });
    let both = Change::DeviceUpdate(DeviceUpdate { id: device, patch: DevicePatch { name: name.clone(), note: note(), ..DevicePatch::default() } });
    let lost = ["name".to_owned(), "note".to_owned()];
    for (change, words) in [(both, of_device()), (Change::DeviceCreate(new), of_device()), (of_site(&name), of_site(&Patch::Keep)), (of_bookmark.clone(), of_bookmark)] {
        assert_eq!(words_lost(&change, &lost, tenant), Some(words));
        assert_eq!(words_lost(&change, &lost[..1], tenant), None, "a choice is no words");
    }
    let emptied = Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::nil()), patch: SitePatch { note: Patch::Clear, ..SitePatch::default() } });
    assert_eq!(words_lost(&emptied, &lost, tenant), None, "nor is nothing");
    for row in one_of_each() {
        let table = row.key().table;
        for field in fields_of(&row).iter().filter(|field| is_written(table, field)) {
            assert_eq!(policy(table, field), Some(Policy::Words), "{field} of {} can lose", table.name());
        }
    }
}

#[test]
fn every_field_a_patch_can_touch_can_also_lose() {
    let everything = [
        Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::nil()), patch: SitePatch { name: Patch::Clear, address: Patch::Clear, time_zone: Patch::Clear, note: Patch::Clear } }),
        Change::ModelUpdate(ModelUpdate { id: ModelId(Uuid::nil()), patch: ModelPatch { name: Patch::Clear, sku: Patch::Clear, min_security: Patch::Clear } }),
        Change::DeviceUpdate(DeviceUpdate { id: DeviceId(Uuid::nil()), patch: DevicePatch { name: Patch::Clear, model_id: Patch::Clear, site_id: Patch::Clear, note: Patch::Clear } }),
    ];
    for mut change in everything {
        let body = serde_json::to_value(&change).unwrap()["body"]["patch"].clone();
        let (table, fields) = patched(&change).unwrap();
        assert_eq!(fields.len(), body.as_object().unwrap().len(), "{}: patched() names every field of the patch", table.name());
        for field in fields {
            assert!(matches!(policy(table, field), Some(Policy::Lww | Policy::Server | Policy::Words)), "{}.{field} can be edited concurrently", table.name());
            forget(&mut change, field);
            assert!(!patched(&change).unwrap().1.contains(&field), "{field} is forgotten");
        }
    }
}

#[test]
fn what_was_said_anew_is_said_no_more() {
    let (device, person) = (DeviceId(Uuid::nil()), PersonId(Uuid::nil()));
    let set = |note: Patch<String>| Change::BookmarkSet(BookmarkSet { person_id: person, device_id: device, note });
    let (remove, gate) = (Change::BookmarkRemove(BookmarkRemove { person_id: person, device_id: device }), || Patch::Set("Gate 2".to_owned()));
    for (earlier, later, left) in [
        (set(gate()), set(Patch::Clear), None),
        (set(gate()), set(Patch::Keep), Some(set(gate()))),
        (set(gate()), remove.clone(), None),
        (set(Patch::Keep), set(gate()), None),
        (remove.clone(), set(Patch::Keep), None),
        (remove.clone(), remove, None),
    ] {
        assert_eq!(without(&earlier, [&later].into_iter()), left, "{earlier:?} before {later:?}");
    }
    let retired = Change::DeviceRetire(crate::sync::intent::DeviceRetire { id: device, reason: None });
    let moved = Change::DeviceUpdate(DeviceUpdate { id: device, patch: DevicePatch { site_id: Patch::Clear, ..DevicePatch::default() } });
    assert_eq!(without(&retired, [&moved].into_iter()), Some(retired), "it is another thing to say");
}

#[test]
fn words_that_an_own_change_hid_were_not_seen_whatever_else_was() {
    let theirs = Stamp { seq: Seq(5), at: Millis(100), by: OTHER };
    let stamps = Stamps::from([("name".to_owned(), theirs), ("note".to_owned(), theirs)]);
    let stands = Row::from(Site { note: Some("Dog in the yard".into()), ..site("a") });
    let mut change = rename();
    let merged = merge(&mut change, &Found { row: Some(&stands), stamps: &stamps }, &Edit { base: Some(Seq(6)), words: Some(Seq(4)), at: Millis(99), by: MINE, read: None, past_lost: false });
    assert_eq!(merged, Merged { lost: vec![], is_joined: true });
    let Change::SiteUpdate(update) = change else { unreachable!() };
    assert_eq!((update.patch.name.value().unwrap().as_str(), update.patch.note.value().unwrap().as_str()), ("mine", "Dog in the yard\nn"));
}

const OTHER: Option<ClientId> = Some(ClientId(Uuid::from_u128(8)));
const MINE: Option<ClientId> = Some(ClientId(Uuid::from_u128(9)));

fn rename() -> Change {
    Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::nil()), patch: SitePatch { name: Patch::Set("mine".into()), note: Patch::Set("n".into()), ..SitePatch::default() } })
}

fn lost(stamp: Stamp, edit: Edit) -> Vec<String> {
    merge(&mut rename(), &Found { row: None, stamps: &Stamps::from([("name".to_owned(), stamp)]) }, &edit).lost
}

#[test]
fn causality_comes_before_the_clock() {
    let stamp = Stamp { seq: Seq(5), at: Millis(999), by: OTHER };
    assert_eq!(lost(stamp, Edit { base: Some(Seq(5)), words: None, at: Millis(0), by: MINE, read: None, past_lost: false }), [""; 0], "I had seen it: my wrong clock does not matter");
    assert_eq!(lost(Stamp { by: MINE, ..stamp }, Edit { base: Some(Seq(2)), words: None, at: Millis(0), by: MINE, read: None, past_lost: false }), [""; 0], "it was my own earlier edit");
    assert_eq!(lost(stamp, Edit { base: None, words: None, at: Millis(0), by: None, read: None, past_lost: false }), [""; 0], "an online edit sees the present row");
}

#[test]
fn of_two_concurrent_edits_the_later_stands_and_only_in_the_contested_field() {
    let stamp = Stamp { seq: Seq(5), at: Millis(100), by: OTHER };
    let mine = |at| Edit { base: Some(Seq(2)), words: None, at: Millis(at), by: MINE, read: None, past_lost: false };
    assert_eq!(lost(stamp, mine(99)), ["name"]);
    assert_eq!(lost(stamp, mine(100)), ["name"], "a tie goes to what stands, on every replay");
    assert_eq!(lost(stamp, mine(101)), [""; 0]);
}

#[test]
fn a_concurrent_assignment_stays_as_the_server_has_it_however_late_the_other() {
    let mut change = Change::DeviceUpdate(DeviceUpdate { id: DeviceId(Uuid::nil()), patch: DevicePatch { site_id: Patch::Clear, ..DevicePatch::default() } });
    let stamps = Stamps::from([("site_id".to_owned(), Stamp { seq: Seq(5), at: Millis(0), by: OTHER })]);
    assert_eq!(merge(&mut change, &Found { row: None, stamps: &stamps }, &Edit { base: Some(Seq(1)), words: None, at: Millis(9_999), by: MINE, read: None, past_lost: false }).lost, ["site_id"]);
}

#[test]
fn what_was_seen_in_a_past_that_is_lost_does_not_lose_to_who_came_back_first() {
    let stamps = Stamps::from(["site_id", "min_security"].map(|field| (field.to_owned(), Stamp { seq: Seq(5), at: Millis(100), by: OTHER })));
    let mine = |at, past_lost| Edit { base: Some(Seq(1)), words: None, at: Millis(at), by: MINE, read: None, past_lost };
    let lost = |mut change, edit: &Edit<'_>| merge(&mut change, &Found { row: None, stamps: &stamps }, edit).lost;
    let moved = || Change::DeviceUpdate(DeviceUpdate { id: DeviceId(Uuid::nil()), patch: DevicePatch { site_id: Patch::Clear, ..DevicePatch::default() } });
    assert_eq!(lost(moved(), &mine(101, true)), [""; 0], "it may have been seen");
    assert_eq!((lost(moved(), &mine(99, true)), lost(moved(), &mine(101, false))), (vec!["site_id".into()], vec!["site_id".into()]));
    let model = Row::from(DeviceModel { id: ModelId(Uuid::nil()), name: "m".into(), sku: "s".into(), min_security: Security::Sec1, created_at: Millis(0) });
    let floor = |floor, at| {
        let mut change = Change::ModelUpdate(ModelUpdate { id: ModelId(Uuid::nil()), patch: ModelPatch { min_security: Patch::Set(floor), ..ModelPatch::default() } });
        merge(&mut change, &Found { row: Some(&model), stamps: &stamps }, &mine(at, true)).lost
    };
    assert_eq!(floor(Security::Sec0, 101), ["min_security"], "a weaker floor slips in never");
    assert_eq!(floor(Security::Sec2Patch1, 99), [""; 0], "and a stronger one is not lost");
}

#[test]
fn of_words_what_was_read_counts_more_than_which_sequences_were_seen() {
    let row = Row::from(Site { note: Some("Dog in the yard".into()), ..site("a") });
    let stamps = Stamps::from([("note".to_owned(), Stamp { seq: Seq(5), at: Millis(100), by: OTHER })]);
    let said = |read, mine: Patch<String>| {
        let mut change = Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::nil()), patch: SitePatch { note: mine, ..SitePatch::default() } });
        let merged = merge(&mut change, &Found { row: Some(&row), stamps: &stamps }, &Edit { base: Some(Seq(7)), words: None, at: Millis(101), by: MINE, read, past_lost: false });
        let Change::SiteUpdate(update) = change else { unreachable!() };
        (merged.lost.is_empty(), update.patch.note.value().cloned())
    };
    let key = || Patch::Set("Key inside".to_owned());
    assert_eq!(said(Some("Dog in the yard"), key()), (true, Some("Key inside".into())), "it was read, and is replaced");
    assert_eq!(said(Some("Ring twice"), key()), (true, Some("Key inside\nDog in the yard".into())), "its number had been another one's");
    assert_eq!(said(Some("Ring twice"), Patch::Clear), (true, Some("Dog in the yard".into())));
    assert_eq!(said(None, key()), (true, Some("Key inside".into())));
    let after_a_restore = |read, mine| {
        let mut change = Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::nil()), patch: SitePatch { note: mine, ..SitePatch::default() } });
        let merged = merge(&mut change, &Found { row: Some(&row), stamps: &stamps }, &Edit { base: Some(Seq(0)), words: None, at: Millis(101), by: MINE, read, past_lost: true });
        let Change::SiteUpdate(update) = change else { unreachable!() };
        (merged.lost.is_empty(), update.patch.note.value().cloned())
    };
    assert_eq!(after_a_restore(Some("Dog in the yard"), Patch::Clear), (true, None), "what stands still was read");
    assert_eq!(after_a_restore(Some("Dog in the yard"), key()), (true, Some("Key inside".into())));
    assert_eq!(after_a_restore(Some("Dog in the yard\nRing twice"), key()), (true, Some("Key inside\nDog in the yard".into())), "what was lost nobody took out");
}

#[test]
fn a_meeting_says_who_won_and_why() {
    let told = |stamp: Stamp, edit: Edit| {
        let met = meetings(&rename(), &Found { row: None, stamps: &Stamps::from([("name".to_owned(), stamp)]) }, &edit);
        met.into_iter().map(|met| (met.field, met.won, met.why)).collect::<Vec<_>>()
    };
    let theirs = Stamp { seq: Seq(5), at: Millis(100), by: OTHER };
    let mine = |base, at| Edit { base: Some(Seq(base)), words: None, at: Millis(at), by: MINE, read: None, past_lost: false };
    let name = || "name".to_owned();
    assert_eq!(told(theirs, mine(2, 101)), [(name(), true, Why::Newer)]);
    assert_eq!(told(theirs, mine(2, 99)), [(name(), false, Why::Newer)]);
    assert_eq!(told(theirs, mine(5, 99)), [(name(), true, Why::Seen)], "a clock that is behind does not count");
    assert_eq!(told(theirs, mine(5, 101)), [], "one after the other is no meeting");
    assert_eq!(told(Stamp { by: MINE, ..theirs }, mine(2, 99)), [], "nor is one's own earlier edit");
    let mut moved = Change::DeviceUpdate(DeviceUpdate { id: DeviceId(Uuid::nil()), patch: DevicePatch { site_id: Patch::Clear, ..DevicePatch::default() } });
    let stamps = Stamps::from([("site_id".to_owned(), theirs)]);
    let found = Found { row: None, stamps: &stamps };
    assert_eq!(meetings(&moved, &found, &mine(2, 999))[0].why, Why::Stands);
    assert_eq!(merge(&mut moved, &found, &mine(2, 999)).lost, ["site_id"], "what is told is what happens");
}

#[test]
fn only_changed_fields_are_stamped() {
    let edit = Edit { base: None, words: None, at: Millis(7), by: MINE, read: None, past_lost: false };
    let stamps = stamped(Stamps::new(), Some(&site("a").into()), &site("b").into(), &edit, false, Seq(3));
    assert_eq!(stamps, Stamps::from([("name".to_owned(), Stamp { seq: Seq(3), at: Millis(7), by: MINE })]));
    assert_eq!(stamped(stamps, None, &site("c").into(), &edit, false, Seq(4)), Stamps::new(), "a new row starts without stamps");
}

#[test]
fn words_of_several_people_are_nobodys_own() {
    let noted = |text: &str| Row::from(Site { note: Some(text.into()), ..site("a") });
    let edit = Edit { base: Some(Seq(2)), words: None, at: Millis(7), by: MINE, read: None, past_lost: false };
    let stamps = |is_joined| stamped(Stamps::new(), Some(&noted("Dog in the yard")), &Row::from(Site { name: "b".into(), note: Some("Dog in the yard\nKey inside".into()), ..site("a") }), &edit, is_joined, Seq(6));
    assert_eq!((stamps(true)["note"].by, stamps(true)["name"].by, stamps(false)["note"].by), (None, MINE, MINE));
    // The second edit of somebody who still has not seen the dog.
    let again = |note: Patch<String>| {
        let mut change = Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::nil()), patch: SitePatch { note, ..SitePatch::default() } });
        let merged = merge(&mut change, &Found { row: Some(&noted("Dog in the yard\nKey inside")), stamps: &stamps(true) }, &Edit { at: Millis(9), read: Some("Key inside"), ..edit });
        let Change::SiteUpdate(update) = change else { unreachable!() };
        (merged.lost, update.patch.note.value().cloned())
    };
    assert_eq!(again(Patch::Set("Key inside\nCode 4711".into())), (vec![], Some("Dog in the yard\nKey inside\nCode 4711".into())));
    assert_eq!(again(Patch::Clear), (vec![], Some("Dog in the yard".into())), "nobody clears what they have not seen");
}

#[test]
fn who_has_not_seen_a_device_that_somebody_made_meets_the_making_of_it() {
    let [_, _, device, ..] = one_of_each();
    let Row::Device(device) = device else { unreachable!() };
    let nowhere = Row::from(device.clone());
    let device = Row::from(Device { site_id: Some(SiteId(Uuid::nil())), ..device });
    let stamps = stamped(Stamps::new(), None, &device, &Edit { base: None, words: None, at: Millis(100), by: OTHER, read: None, past_lost: false }, false, Seq(5));
    let change_of = |row, base, at, by| {
        let patch = DevicePatch { name: Patch::Set("mine".into()), site_id: Patch::Clear, ..DevicePatch::default() };
        let change = &mut Change::DeviceUpdate(DeviceUpdate { id: DeviceId(Uuid::nil()), patch });
        merge(change, &Found { row: Some(row), stamps: &stamps }, &Edit { base: Some(Seq(base)), words: None, at: Millis(at), by, read: None, past_lost: false }).lost
    };
    let change = |base, at, by| change_of(&device, base, at, by);
    assert_eq!(change(0, 99, MINE), ["name", "site_id"], "it is older, and where a device stands is assigned");
    assert_eq!(change(0, 101, MINE), ["site_id"], "the newer name stands");
    assert_eq!(change_of(&nowhere, 0, 101, MINE), [""; 0], "but nobody has said where");
    assert_eq!((change(5, 99, MINE), change(0, 99, OTHER)), (vec![], vec![]), "who has seen it, or made it, meets nothing");
}
