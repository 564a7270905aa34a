use uuid::Uuid;

use super::*;
use crate::{
    entities::{Attempt, AttemptOutcome, Device, DeviceModel, DeviceState, Security, Site},
    ids::{AttemptId, ClientId, ModelId, SiteId},
    sync::{
        intent::{BookmarkRemove, BookmarkSet, DeviceClaimed, DeviceOnline, DevicePatch, DeviceRetire, DeviceUpdate, NewDevice, NewModel, NewSite, SitePatch, SiteUpdate},
        patch::Patch,
        rows::RowSet,
    },
};

const TENANT: TenantId = TenantId(Uuid::from_u128(1));
const PERSON: PersonId = PersonId(Uuid::from_u128(2));

fn actor(role: Role) -> Actor<'static> {
    Actor { tenant: TENANT, who: Who::Person { id: PERSON, role, sight: &Sight::All }, now: Millis(1_000) }
}

fn device_actor(serial: &str) -> Actor<'static> {
    Actor { tenant: TENANT, who: Who::Device(DeviceId::for_serial(TENANT, serial)), now: Millis(9) }
}

fn site(n: u128) -> Site {
    Site { id: SiteId(Uuid::from_u128(n)), name: "Depot".into(), address: None, time_zone: "Europe/Vienna".into(), note: None, created_at: Millis(0) }
}

fn model() -> DeviceModel {
    DeviceModel { id: ModelId(Uuid::from_u128(50)), name: "Sensor".into(), sku: "S1".into(), min_security: Security::Sec1, created_at: Millis(0) }
}

fn device(state: DeviceState) -> Device {
    Device { id: DeviceId::for_serial(TENANT, "A1"), serial: "A1".into(), name: "Roof".into(), model_id: model().id, site_id: None, note: None, state, firmware: None, epoch: 3, created_at: Millis(0) }
}

fn attempt(outcome: AttemptOutcome, epoch: Option<u32>) -> Attempt {
    Attempt {
        id: AttemptId(Uuid::from_u128(70)), device_id: Some(DeviceId::for_serial(TENANT, "A1")), serial: Some("A1".into()), site_id: Some(site(11).id),
        technician_id: PERSON, technician_name: "Tess".into(), client_id: ClientId(Uuid::from_u128(3)), app_version: "0.1.0".into(), os: "linux".into(),
        radio: "virtual".into(), protocol: Some("esp".into()), security: Some(Security::Sec2Patch1), firmware: Some("1.2".into()), identity_verified: true,
        rssi: Some(-50), mtu: Some(517), steps: vec![], grant_id: None, receipt: epoch.map(|_| "cmVjZWlwdA==".into()), epoch, network_name: Some("Hall".into()), outcome, cause: None,
        started_at: Millis(1), ended_at: Millis(2),
    }
}

fn rows(all: impl IntoIterator<Item = Row>) -> RowSet {
    all.into_iter().map(|row| (row.key(), row)).collect()
}

fn base() -> Vec<Row> {
    vec![site(10).into(), site(11).into(), model().into()]
}

fn with(state: DeviceState) -> RowSet {
    rows(base().into_iter().chain([device(state).into()]))
}

fn new_site(name: &str) -> NewSite {
    NewSite { id: SiteId(Uuid::from_u128(99)), name: name.into(), address: Some("  ".into()), time_zone: "UTC".into(), note: None }
}

fn the_device(changes: &[RowChange]) -> &Device {
    changes.iter().find_map(|change| match change { RowChange::Put(Row::Device(device)) => Some(device), _ => None }).expect("a device is put")
}

fn refusal(change: Change, who: &Actor, rows: &RowSet) -> (Code, Option<String>) {
    let refusal = apply(&change, who, rows).expect_err("it is refused");
    (refusal.code, refusal.field)
}

fn field(name: &str) -> (Code, Option<String>) {
    (Code::InvalidField, Some(name.to_owned()))
}

#[test]
fn a_site_is_made_with_trimmed_texts_and_the_time_of_its_author() {
    let changes = apply(&Change::SiteCreate(new_site("  Dock 4 ")), &actor(Role::Admin), &RowSet::new()).unwrap();
    let [RowChange::Put(Row::Site(site))] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!((site.name.as_str(), &site.address, site.created_at), ("Dock 4", &None, Millis(1_000)), "a blank address is none");
}

#[test]
fn a_field_that_breaks_a_rule_is_named() {
    let admin = actor(Role::Admin);
    let none = RowSet::new();
    let with_zone = |zone: &str| Change::SiteCreate(NewSite { time_zone: zone.into(), ..new_site("x") });
    for (change, name) in [
        (Change::SiteCreate(new_site("   ")), "name"),
        (Change::SiteCreate(new_site(&"é".repeat(121))), "name"),
        (Change::SiteCreate(new_site("a\u{7}b")), "name"),
        (with_zone("Mars/../Base"), "time_zone"),
        (with_zone("8 o'clock"), "time_zone"),
        (Change::SiteCreate(NewSite { address: Some("a".repeat(401)), ..new_site("x") }), "address"),
        (Change::SiteCreate(NewSite { note: Some("a".repeat(2_001)), ..new_site("x") }), "note"),
        (Change::ModelCreate(NewModel { id: model().id, name: "x".into(), sku: String::new(), min_security: Security::Sec1 }), "sku"),
        (Change::DeviceCreate(NewDevice { serial: " ".into(), name: "x".into(), model_id: model().id, site_id: None, note: None }), "serial"),
        (Change::DeviceCreate(NewDevice { serial: "ä".into(), name: "x".into(), model_id: model().id, site_id: None, note: None }), "serial"),
    ] {
        assert_eq!(refusal(change.clone(), &admin, &none), field(name), "{change:?}");
    }
    assert!(apply(&Change::SiteCreate(new_site(&"é".repeat(120))), &admin, &none).is_ok(), "120 characters are 120 whatever their bytes");
}

#[test]
fn a_patch_leaves_clears_and_sets() {
    let old = Site { note: Some("old".into()), address: Some("Street 1".into()), ..site(10) };
    let patch = SitePatch { name: Patch::Set("New".into()), note: Patch::Clear, ..SitePatch::default() };
    let changes = apply(&Change::SiteUpdate(SiteUpdate { id: old.id, patch }), &actor(Role::Operator), &rows([old.clone().into()])).unwrap();
    assert_eq!(changes, [RowChange::Put(Site { name: "New".into(), note: None, ..old.clone() }.into())]);
    let same = SitePatch { name: Patch::Set("Depot".into()), ..SitePatch::default() };
    assert_eq!(apply(&Change::SiteUpdate(SiteUpdate { id: old.id, patch: same }), &actor(Role::Operator), &rows([old.clone().into()])), Ok(vec![]), "no change takes no sequence");
    let cleared = SitePatch { name: Patch::Clear, ..SitePatch::default() };
    assert_eq!(refusal(Change::SiteUpdate(SiteUpdate { id: old.id, patch: cleared }), &actor(Role::Operator), &rows([old.into()])), field("name"));
}

#[test]
fn each_role_may_what_the_matrix_says() {
    let create = Change::SiteCreate(new_site("x"));
    let report = Change::DeviceOnline(DeviceOnline { id: device(DeviceState::Claimed).id, firmware: None });
    for role in Role::ALL {
        assert_eq!(apply(&create, &actor(role), &RowSet::new()).is_ok(), role.may(Permission::SiteWrite), "{role:?} and site.create");
        assert_eq!(refusal(report.clone(), &actor(role), &with(DeviceState::Claimed)).0, Code::NotAllowed, "no person reports for a device");
    }
}

#[test]
fn a_device_reports_about_itself_only() {
    let report = Change::DeviceOnline(DeviceOnline { id: device(DeviceState::Claimed).id, firmware: Some("2".into()) });
    let changes = apply(&report, &device_actor("A1"), &with(DeviceState::Claimed)).unwrap();
    assert_eq!((the_device(&changes).state, the_device(&changes).firmware.as_deref()), (DeviceState::Online, Some("2")));
    assert_eq!(refusal(report.clone(), &device_actor("B2"), &with(DeviceState::Claimed)).0, Code::NotAllowed);
    assert_eq!(refusal(Change::SiteCreate(new_site("x")), &device_actor("A1"), &RowSet::new()).0, Code::NotAllowed);
    let still = Change::DeviceOnline(DeviceOnline { id: device(DeviceState::Online).id, firmware: None });
    assert_eq!(apply(&still, &device_actor("A1"), &with(DeviceState::Online)), Ok(vec![]), "a heartbeat without news takes no sequence");
}

#[test]
fn states_move_only_forward() {
    let retire = || Change::DeviceRetire(DeviceRetire { id: device(DeviceState::Planned).id, reason: None });
    for state in [DeviceState::Planned, DeviceState::Claimed, DeviceState::Online] {
        assert_eq!(the_device(&apply(&retire(), &actor(Role::Operator), &with(state)).unwrap()).state, DeviceState::Retired);
    }
    let edit = Change::DeviceUpdate(DeviceUpdate { id: device(DeviceState::Planned).id, patch: DevicePatch { name: Patch::Set("x".into()), ..DevicePatch::default() } });
    let claim = Change::DeviceClaimed(DeviceClaimed { serial: "A1".into(), model_id: None, site_id: None, epoch: 9, firmware: None, anew: false });
    let report = Change::DeviceOnline(DeviceOnline { id: device(DeviceState::Planned).id, firmware: None });
    for (change, who) in [(retire(), actor(Role::Admin)), (edit, actor(Role::Admin)), (claim, device_actor("A1")), (report.clone(), device_actor("A1"))] {
        assert_eq!(refusal(change, &who, &with(DeviceState::Retired)).0, Code::StateConflict, "a retired device is changed by nothing");
    }
    assert_eq!(refusal(report, &device_actor("A1"), &with(DeviceState::Planned)).0, Code::StateConflict, "online without a claim");
}

#[test]
fn a_claim_raises_the_epoch_and_never_lowers_it() {
    let claim = |epoch, site_id| Change::DeviceClaimed(DeviceClaimed { serial: "a 1".into(), model_id: None, site_id, epoch, firmware: Some("1".into()), anew: false });
    let changes = apply(&claim(4, Some(site(10).id)), &device_actor("A1"), &with(DeviceState::Planned)).unwrap();
    assert_eq!((the_device(&changes).state, the_device(&changes).epoch, the_device(&changes).site_id), (DeviceState::Claimed, 4, Some(site(10).id)));
    assert_eq!(refusal(claim(2, None), &device_actor("A1"), &with(DeviceState::Online)).0, Code::Stale);
    let again = apply(&claim(4, None), &device_actor("A1"), &rows(base().into_iter().chain([the_device(&changes).clone().into()])));
    assert_eq!(again, Ok(vec![]), "the same claim again changes nothing");
    let known = || rows(base().into_iter().chain([the_device(&changes).clone().into()]));
    let Change::DeviceClaimed(first) = claim(1, None) else { panic!("it is a claim") };
    let anew = apply(&Change::DeviceClaimed(DeviceClaimed { anew: true, ..first }), &device_actor("A1"), &known()).unwrap();
    assert_eq!((the_device(&anew).state, the_device(&anew).epoch, the_device(&anew).site_id), (DeviceState::Claimed, 1, Some(site(10).id)), "its key was forgotten: it begins anew");
}

#[test]
fn a_claim_makes_the_row_that_no_technician_has_synced_yet() {
    let claim = |model_id| Change::DeviceClaimed(DeviceClaimed { serial: "A1".into(), model_id, site_id: None, epoch: 1, firmware: None, anew: false });
    let made = apply(&claim(Some(model().id)), &device_actor("A1"), &rows(base())).unwrap();
    assert_eq!((the_device(&made).state, the_device(&made).name.as_str()), (DeviceState::Claimed, "A1"));
    assert_eq!(refusal(claim(None), &device_actor("A1"), &rows(base())), (Code::NotFound, Some("model_id".into())));
}

#[test]
fn a_successful_attempt_takes_its_device_over() {
    let record = Change::AttemptRecord(Box::new(attempt(AttemptOutcome::Succeeded, Some(4))));
    let changes = apply(&record, &actor(Role::Technician), &with(DeviceState::Planned)).unwrap();
    assert_eq!(changes.len(), 2, "the record and the device");
    let device = the_device(&changes);
    assert_eq!((device.state, device.epoch, device.site_id, device.firmware.as_deref()), (DeviceState::Claimed, 3, Some(site(11).id), Some("1.2")), "the epoch waits for the device's own word");
}

#[test]
fn what_calls_itself_like_a_planned_device_and_claims_nothing_is_not_taken_for_it() {
    let claimed = attempt(AttemptOutcome::Succeeded, Some(4));
    let unclaimed = [
        Attempt { protocol: Some("improv".into()), identity_verified: false, receipt: None, epoch: None, ..claimed.clone() },
        Attempt { receipt: None, ..claimed.clone() },
        Attempt { epoch: None, ..claimed },
    ];
    for attempt in unclaimed {
        for state in [DeviceState::Planned, DeviceState::Claimed] {
            let record = Change::AttemptRecord(Box::new(attempt.clone()));
            assert_eq!(apply(&record, &actor(Role::Technician), &with(state)).unwrap().len(), 1, "the record of the work, and nothing about the device");
        }
    }
}

#[test]
fn the_device_decides_between_two_technicians() {
    let higher = Device { epoch: 7, site_id: Some(site(10).id), ..device(DeviceState::Claimed) };
    let there = rows(base().into_iter().chain([higher.into()]));
    let late = Change::AttemptRecord(Box::new(attempt(AttemptOutcome::Succeeded, Some(6))));
    let changes = apply(&late, &actor(Role::Technician), &there).unwrap();
    assert_eq!(changes.len(), 1, "the work is recorded; epoch 7 > 6, so the device stays as it is");
}

#[test]
fn an_attempt_survives_whatever_became_of_its_device() {
    for outcome in [AttemptOutcome::Succeeded, AttemptOutcome::Failed, AttemptOutcome::Cancelled, AttemptOutcome::Interrupted] {
        let record = Change::AttemptRecord(Box::new(attempt(outcome, Some(9))));
        for there in [with(DeviceState::Retired), rows(base())] {
            assert_eq!(apply(&record, &actor(Role::Technician), &there).unwrap().len(), 1, "{outcome:?}: recorded, nothing else changed");
        }
    }
}

#[test]
fn an_attempt_with_odd_names_and_a_clock_set_back_is_still_evidence() {
    let odd = Attempt { network_name: Some("Caf\u{e9}\u{7}\t".into()), started_at: Millis(9), ended_at: Millis(-5), ..attempt(AttemptOutcome::Failed, None) };
    assert!(apply(&Change::AttemptRecord(Box::new(odd.clone())), &actor(Role::Technician), &rows(base())).is_ok());
    let zero = Attempt { network_name: Some("a\0b".into()), ..odd };
    assert_eq!(recorded(zero).network_name.as_deref(), Some("a\u{2400}b"), "no store holds a zero character");
    let absurd = Attempt { started_at: Millis(i64::MIN), ended_at: Millis(i64::MAX), ..attempt(AttemptOutcome::Failed, None) };
    let kept = recorded(absurd);
    assert_eq!((kept.started_at, kept.ended_at), (Millis(0), Millis(8_640_000_000_000_000)), "no page breaks on a date that no calendar has");
}

/// The attempt as the rules keep it.
fn kept(attempt: Attempt) -> Attempt {
    match apply(&Change::AttemptRecord(Box::new(attempt)), &actor(Role::Technician), &rows(base())).unwrap().remove(0) {
        RowChange::Put(Row::Attempt(kept)) => *kept,
        other => panic!("{other:?} is no attempt"),
    }
}

/// The same; keeping that again changes nothing.
fn recorded(attempt: Attempt) -> Attempt {
    let once = kept(attempt);
    assert_eq!(kept(once.clone()), once, "and stays so");
    once
}

#[test]
fn an_attempt_stands_alone_whatever_the_device_says_and_wherever_it_was() {
    let serial = "SN\u{e9} \u{2603}\u{7} 7";
    let named = |serial: String| Attempt { device_id: Some(DeviceId::for_serial(TENANT, &serial)), serial: Some(serial), ..attempt(AttemptOutcome::Failed, None) };
    assert_eq!(recorded(named(serial.to_owned())).serial.as_deref(), Some(serial), "a serial number is evidence, as it came");
    let long = kept(named("9".repeat(200))).serial.expect("a serial");
    assert_eq!((long.chars().count(), long.ends_with('\u{2026}')), (120, true), "too long is cut and says so");
    let nowhere = Attempt { site_id: Some(SiteId(Uuid::from_u128(404))), ..attempt(AttemptOutcome::Succeeded, Some(4)) };
    let changes = apply(&Change::AttemptRecord(Box::new(nowhere)), &actor(Role::Technician), &with(DeviceState::Planned)).unwrap();
    assert_eq!((changes.len(), the_device_of(&changes).site_id), (2, None), "recorded; the device stands nowhere yet");
}

fn the_device_of(changes: &[RowChange]) -> &Device {
    changes.iter().find_map(|change| match change {
        RowChange::Put(Row::Device(device)) => Some(device),
        _ => None,
    }).expect("a device")
}

#[test]
fn of_too_many_steps_the_middle_goes_and_says_so() {
    use crate::entities::{AttemptStep, StepOutcome};
    let step = |n: i64| AttemptStep { step: format!("step {n}"), started_at: Millis(n), duration_ms: 1, outcome: StepOutcome::Failed, cause: None };
    let steps = recorded(Attempt { steps: (0..740).map(step).collect(), ..attempt(AttemptOutcome::Failed, None) }).steps;
    let names: Vec<&str> = [0, 298, 299, 300, 499].map(|n: usize| steps[n].step.as_str()).to_vec();
    assert_eq!((steps.len(), names), (500, vec!["step 0", "step 298", "241 steps left out", "step 540", "step 739"]));
}

#[test]
fn a_record_cannot_make_a_devices_own_claim_stale() {
    let forged = Change::AttemptRecord(Box::new(attempt(AttemptOutcome::Succeeded, Some(u32::MAX))));
    let there = with(DeviceState::Claimed);
    let device = the_device_of(&apply(&forged, &actor(Role::Technician), &there).unwrap()).clone();
    assert_eq!(device.epoch, 3);
    let there = rows(base().into_iter().chain([device.into()]));
    let claim = Change::DeviceClaimed(DeviceClaimed { serial: "A1".into(), model_id: None, site_id: None, epoch: 4, firmware: None, anew: false });
    assert_eq!(the_device_of(&apply(&claim, &device_actor("A1"), &there).unwrap()).epoch, 4);
}

#[test]
fn an_attempt_is_never_altered() {
    let first = attempt(AttemptOutcome::Failed, None);
    let there = rows(base().into_iter().chain([Row::from(Box::new(first.clone()))]));
    let again = Change::AttemptRecord(Box::new(first.clone()));
    assert_eq!(apply(&again, &actor(Role::Technician), &there), Ok(vec![]));
    let other = Change::AttemptRecord(Box::new(Attempt { outcome: AttemptOutcome::Succeeded, ..first.clone() }));
    assert_eq!(refusal(other, &actor(Role::Technician), &there).0, Code::AppendOnly);
    let forged = Change::AttemptRecord(Box::new(Attempt { id: AttemptId(Uuid::from_u128(71)), technician_id: PersonId(Uuid::from_u128(66)), ..first }));
    assert_eq!(refusal(forged, &actor(Role::Technician), &there), (Code::NotAllowed, Some("technician_id".into())));
}

#[test]
fn references_to_rows_that_are_not_there_are_refused_by_field() {
    let elsewhere = SiteId(Uuid::from_u128(404));
    let new = |site_id, model_id| Change::DeviceCreate(NewDevice { serial: "N1".into(), name: "x".into(), model_id, site_id, note: None });
    let tech = actor(Role::Technician);
    assert_eq!(refusal(new(Some(elsewhere), model().id), &tech, &rows(base())), (Code::NotFound, Some("site_id".into())));
    assert_eq!(refusal(new(None, ModelId(Uuid::from_u128(404))), &tech, &rows(base())), (Code::NotFound, Some("model_id".into())));
    let crossed = Change::AttemptRecord(Box::new(Attempt { serial: Some("Z9".into()), ..attempt(AttemptOutcome::Failed, None) }));
    assert_eq!(refusal(crossed, &tech, &with(DeviceState::Planned)), field("device_id"));
}

#[test]
fn a_list_is_its_owners_and_marks_devices_that_are_in_sight() {
    let there = with(DeviceState::Online);
    let device_id = device(DeviceState::Online).id;
    let set = |person_id, note: Patch<String>| Change::BookmarkSet(BookmarkSet { person_id, device_id, note });
    let viewer = actor(Role::Viewer);
    let made = apply(&set(PERSON, Patch::Set(" ladder ".into())), &viewer, &there).unwrap();
    let [RowChange::Put(row @ Row::Bookmark(bookmark))] = made.as_slice() else { panic!("{made:?}") };
    assert_eq!((bookmark.note.as_deref(), bookmark.created_at, row.home()), (Some("ladder"), Millis(1_000), crate::sync::rows::Scope::Person(PERSON)));

    let marked = rows(there.values().cloned().chain([row.clone()]));
    assert_eq!(apply(&set(PERSON, Patch::Keep), &viewer, &marked), Ok(vec![]), "once more changes nothing");
    let cleared = apply(&set(PERSON, Patch::Clear), &viewer, &marked).unwrap();
    assert!(matches!(cleared.as_slice(), [RowChange::Put(Row::Bookmark(bookmark))] if bookmark.note.is_none() && bookmark.created_at == Millis(1_000)));
    let remove = Change::BookmarkRemove(BookmarkRemove { person_id: PERSON, device_id });
    assert_eq!(apply(&remove, &viewer, &marked), Ok(vec![RowChange::Remove(row.key())]));
    assert_eq!(apply(&remove, &viewer, &there), Ok(vec![]), "what is not there is gone");

    let other = PersonId(Uuid::from_u128(77));
    assert_eq!(refusal(set(other, Patch::Keep), &actor(Role::Owner), &there).0, Code::NotAllowed, "nobody writes on another's list");
    let theirs = Change::BookmarkRemove(BookmarkRemove { person_id: other, device_id });
    assert_eq!(refusal(theirs, &actor(Role::Owner), &there).0, Code::NotAllowed);
    assert_eq!(refusal(set(PERSON, Patch::Keep), &viewer, &rows(base())), (Code::NotFound, Some("device_id".to_owned())));
    let elsewhere = Sight::Sites([site(10).id].into());
    let at_a_site = rows(base().into_iter().chain([Device { site_id: Some(site(11).id), ..device(DeviceState::Online) }.into()]));
    let limited = Actor { who: Who::Person { id: PERSON, role: Role::Viewer, sight: &elsewhere }, ..viewer };
    assert_eq!(refusal(set(PERSON, Patch::Keep), &limited, &at_a_site), (Code::NotFound, Some("device_id".to_owned())));
    assert_eq!(apply(&remove, &limited, &rows(at_a_site.values().cloned().chain([row.clone()]))), Ok(vec![RowChange::Remove(row.key())]), "though one may take it off");
}
