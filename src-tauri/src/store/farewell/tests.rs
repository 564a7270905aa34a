//! Facts about what is sealed at the end of a membership, and what becomes of it.

use omniot_shared::{
    ids::{PersonId, SiteId, TenantId},
    roles::Role,
    sync::{Change, client, escrow::Secret, intent::NewSite},
};

use super::*;
use crate::store::{Store, replica};

fn id<T: From<Uuid>>(n: u128) -> T {
    Uuid::from_u128(n).into()
}

/// A replica with a change that waits and a commission that began.
fn replica(folder: &std::path::Path) -> Store {
    let store = Store::open(folder).unwrap();
    let meta = Meta::new(id(1), id::<TenantId>(2), id::<PersonId>(3), Role::Admin);
    store.edit(|db| replica::begin(db, &meta)).unwrap();
    let site = NewSite { id: id::<SiteId>(4), name: "Depot".into(), address: None, time_zone: "UTC".into(), note: None };
    store.edit(|db| Ok(client::record(&mut Open(db), id(5), Millis(1), Change::SiteCreate(site.clone()))?.unwrap())).unwrap();
    store.edit(|db| commissions::save(db, id(6), "{}")).unwrap();
    store
}

#[test]
fn without_a_key_of_the_tenant_nothing_is_destroyed() {
    let folder = tempfile::tempdir().unwrap();
    let store = replica(folder.path());
    let shown = store.edit(|db| make(db, id(1))).unwrap();
    assert_eq!(store.note(|db| begin(db, None, Seals::All)).unwrap(), None, "shown, but never heard of");
    assert_eq!(store.read(|db| Open(db).outbox()).unwrap().len(), 1);
    assert_eq!(store.read(|db| known(db, id(1))).unwrap().unwrap().public().unwrap(), shown.public().unwrap(), "the same is shown again");
    assert!(store.read(|db| known(db, id(9))).unwrap().is_none(), "another name has another key");
}

#[test]
fn what_waits_is_sealed_everything_else_goes_and_a_crash_before_the_commit_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = replica(folder.path());
    let tenant = Secret::new([7; 32]);
    let shown = store.edit(|db| make(db, id(1))).unwrap();
    store.note(|db| heard(db, &shown, tenant.public().unwrap())).unwrap();
    let died: Result<(), StoreError> = store.note(|db| {
        begin(db, None, Seals::All)?;
        Err(StoreError::Closing)
    });
    assert!(died.is_err());
    assert_eq!(store.read(|db| Ok((stands(db)?, Open(db).outbox()?.len(), commissions::all(db)?.len()))).unwrap(), (None, 1, 1));

    let begun = store.note(|db| begin(db, None, Seals::All)).unwrap();
    assert_eq!(begun, Some(Farewell { handed: 0, lost: 1, waiting: 1 }), "that a commission was under way is said");
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.read(|db| Ok((Open(db).outbox()?.len(), commissions::all(db)?.len(), rows::get(db, id::<SiteId>(4).into())?))).unwrap(), (0, 0, None));
    let boxes = store.read(|db| boxes(db, 10, 100_000, Barred::default())).unwrap();
    let plain = tenant.open(id(2), id(1), &boxes[0]).unwrap();
    assert_eq!(serde_json::from_slice::<Intent>(&plain).unwrap().id, id(5));
    store.note(|db| settled(db, &Said { taken: vec![id(5), id(77)], ..Said::default() })).unwrap();
    assert_eq!(store.read(|db| stands(db)).unwrap(), Some(Farewell { handed: 1, lost: 1, waiting: 0 }), "counted is what was here");
}

#[test]
fn what_a_server_that_was_put_back_forgot_is_sealed_and_what_is_ones_own_is_not() {
    use omniot_shared::{ids::DeviceId, sync::{Outcome, Patch, Receipt, Seq, client::{Entry, State}, intent::BookmarkSet}};
    for (epoch, sealed) in [(Some(1), vec![5]), (None, vec![5]), (Some(2), vec![5, 7, 8])] {
        let folder = tempfile::tempdir().unwrap();
        let store = replica(folder.path());
        let shown = store.edit(|db| make(db, id(1))).unwrap();
        store.note(|db| heard(db, &shown, Secret::new([7; 32]).public().unwrap())).unwrap();
        store.edit(|db| {
            let mut open = Open(db);
            let meta = open.meta()?;
            open.save_meta(&Meta { epoch: 1, life: 1, ..meta })?;
            let entry = |order: u64, n: u128, change, state| Entry { order, intent: Intent { client_id: id(1), n: order, id: id(n), at: Millis(1), at_is_rough: false, base: None, words: None, read: None, past_lost: false, depends_on: vec![], change }, state, reading: None };
            let receipt = |n| Receipt { n: 1, intent_id: id(n), seq: Seq(1), outcome: Outcome::Applied };
            let site = |n| Change::SiteCreate(NewSite { id: id::<SiteId>(n), name: "Hall".into(), address: None, time_zone: "UTC".into(), note: None });
            open.save_entry(&entry(69, 7, site(10), State::Accepted(receipt(7))))?;
            open.save_entry(&entry(70, 8, site(9), State::Done { receipt: Some(receipt(8)), at: Millis(1) }))?;
            let mine = BookmarkSet { person_id: id::<PersonId>(3), device_id: id::<DeviceId>(6), note: Patch::Set("mine".into()) };
            open.save_entry(&entry(71, 77, Change::BookmarkSet(mine), State::Waiting))
        }).unwrap();
        store.note(|db| begin(db, epoch, Seals::All)).unwrap().unwrap();
        let boxes = store.read(|db| boxes(db, 10, 100_000, Barred::default())).unwrap();
        assert_eq!(boxes.iter().map(|sealed| sealed.intent_id.0.as_u128()).collect::<Vec<_>>(), sealed, "{epoch:?}");
    }
}

#[test]
fn photos_and_checks_are_sealed_unless_there_is_no_room_and_go_after_changes() {
    use crate::store::attachments::{File, keep};
    use omniot_shared::ids::AttemptId;
    for (seals, waiting, lost) in [(Seals::All, 3, 1), (Seals::Changes, 1, 3)] {
        let folder = tempfile::tempdir().unwrap();
        let store = replica(folder.path());
        let tenant = Secret::new([7; 32]);
        let shown = store.edit(|db| make(db, id(1))).unwrap();
        store.note(|db| heard(db, &shown, tenant.public().unwrap())).unwrap();
        let file = |kind, media_type: &str, content: &[u8]| File { attempt: id::<AttemptId>(8), kind, media_type: media_type.into(), content: content.to_vec() };
        let files = [file(Kind::Photo, "image/png", b"a photo"), file(Kind::Checks, "application/json", b"{}"), file(Kind::Trace, "application/zstd", b"a trace")];
        store.edit(|db| files.iter().try_for_each(|file| keep(db, file, Millis(1)).map(drop))).unwrap();
        assert_eq!(store.note(|db| begin(db, None, seals)).unwrap(), Some(Farewell { handed: 0, lost, waiting }), "{seals:?}");
        let sealed = store.read(|db| boxes(db, 10, 100_000, Barred::default())).unwrap();
        let plain = |sealed: &Sealed| tenant.open(id(2), id(1), sealed).unwrap();
        assert_eq!(serde_json::from_slice::<Intent>(&plain(&sealed[0])).unwrap().id, id(5), "changes first");
        let found: Vec<_> = sealed[1..].iter().map(|sealed| BoxedFile::read(&plain(sealed)).unwrap()).collect();
        assert!(found.iter().zip(&files).all(|(found, file)| (found.attempt, &found.media_type, &found.content) == (file.attempt, &file.media_type, &file.content)));
        assert_eq!(store.read(|db| boxes(db, 10, 100_000, Barred { photos: true })).unwrap().len(), 1, "files wait for another network");
        store.note(|db| put_last(db, id(5))).unwrap();
        let last = store.read(|db| boxes(db, 10, 100_000, Barred::default())).unwrap();
        assert_eq!(last.last().map(|sealed| sealed.intent_id), Some(id(5)), "what does not get through holds up no file");
    }
}

#[test]
fn what_is_late_is_given_up_only_when_the_server_has_said_so_for_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let store = replica(folder.path());
    let shown = store.edit(|db| make(db, id(1))).unwrap();
    store.note(|db| heard(db, &shown, Secret::new([7; 32]).public().unwrap())).unwrap();
    store.note(|db| begin(db, None, Seals::All)).unwrap();
    let says = |late: Option<i64>, refused: &[IntentId]| {
        let said = Said { refused: refused.to_vec(), is_late: late.is_some(), now: Millis(late.unwrap_or_default()), ..Said::default() };
        store.note(|db| settled(db, &said)).unwrap();
        store.read(|db| stands(db)).unwrap().unwrap().waiting
    };
    let at = 1_000_000;
    assert_eq!(says(Some(at), &[id(5)]), 1);
    assert_eq!(says(Some(at + LONG_MS - 1), &[id(5)]), 1);
    assert_eq!(says(None, &[]), 1, "its clock is right again");
    assert_eq!(says(Some(at + 2 * LONG_MS), &[id(5)]), 1);
    assert_eq!(says(Some(at), &[id(5)]), 1, "the clock of here was set back");
    assert_eq!(says(Some(at + LONG_MS), &[id(5)]), 0);
    assert_eq!(store.read(|db| stands(db)).unwrap().unwrap().lost, 2);
}

#[test]
fn what_was_handed_over_waits_again_once_the_server_was_put_back_and_goes_when_nothing_is_taken_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = replica(folder.path());
    let shown = store.edit(|db| make(db, id(1))).unwrap();
    store.note(|db| heard(db, &shown, Secret::new([7; 32]).public().unwrap())).unwrap();
    store.note(|db| begin(db, Some(1), Seals::All)).unwrap();
    let hears = |said: Said| {
        let fewer = store.note(|db| settled(db, &said)).unwrap();
        let Farewell { handed, lost, waiting } = store.read(|db| stands(db)).unwrap().unwrap();
        (fewer, handed, lost, waiting, store.read(|db| boxes(db, 9, 100_000, Barred::default())).unwrap().len())
    };
    let in_epoch = |epoch| Said { epoch: Some(epoch), ..Said::default() };
    assert_eq!(hears(Said { taken: vec![id(5)], ..in_epoch(1) }), (1, 1, 1, 0, 0));
    assert_eq!(hears(in_epoch(1)), (0, 1, 1, 0, 0));
    assert_eq!(hears(in_epoch(2)), (-1, 0, 1, 1, 1), "this server has none of it");
    assert_eq!(hears(Said { taken: vec![id(5)], ..in_epoch(2) }), (1, 1, 1, 0, 0));
    for now in [Millis(1), Millis(1 + LONG_MS)] {
        assert_eq!(hears(Said { is_late: true, now, ..in_epoch(2) }), (0, 1, 1, 0, 0));
    }
    assert_eq!(store.read(|db| handed(db)).unwrap(), 0, "nothing is kept for nothing");
}

#[test]
fn what_is_refused_to_somebody_who_is_a_member_again_goes_when_the_server_has_said_so_for_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let store = replica(folder.path());
    let shown = store.edit(|db| make(db, id(1))).unwrap();
    store.note(|db| heard(db, &shown, Secret::new([7; 32]).public().unwrap())).unwrap();
    store.note(|db| begin(db, None, Seals::All)).unwrap();
    store.note(|db| revive(db)).unwrap();
    let says = |refused: &[IntentId], now: i64| {
        store.note(|db| settled(db, &Said { refused: refused.to_vec(), now: Millis(now), ..Said::default() })).unwrap();
        store.read(|db| waiting(db)).unwrap()
    };
    assert_eq!(says(&[id(5)], 1), 1);
    assert_eq!(says(&[], LONG_MS), 1, "it was put forward again");
    assert_eq!(says(&[id(5)], LONG_MS + 1), 1);
    assert_eq!(says(&[id(5)], 2 * LONG_MS), 1);
    assert_eq!(says(&[id(5)], 2 * LONG_MS + 1), 0);
}
