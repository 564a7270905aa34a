use omniot_shared::{
    claim::Grant,
    entities::{Bookmark, Device, DeviceState, Site},
    ids::{BookmarkId, ClientId, DeviceId, GrantId, ModelId, PersonId, SiteId, TenantId},
    sync::{Row, Seq, SyncedRow},
    time::Millis,
};
use tempfile::TempDir;
use uuid::Uuid;

use super::{
    lists::{ByName, DeviceFilter},
    *,
};

fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

fn site(n: u128, name: &str) -> SyncedRow {
    let site = Site { id: SiteId(Uuid::from_u128(n)), name: name.into(), address: None, time_zone: "UTC".into(), note: None, created_at: Millis(1) };
    SyncedRow { seq: Seq(1), row: Row::Site(site) }
}

fn device(n: u128, name: &str, site: Option<u128>) -> SyncedRow {
    let device = Device {
        id: DeviceId(Uuid::from_u128(n)),
        serial: format!("SN-{n}"),
        name: name.into(),
        model_id: ModelId(Uuid::from_u128(9)),
        site_id: site.map(|n| SiteId(Uuid::from_u128(n))),
        note: Some("n".into()),
        state: DeviceState::Claimed,
        firmware: Some("1.0".into()),
        epoch: 3,
        created_at: Millis(1),
    };
    SyncedRow { seq: Seq(7), row: Row::Device(device) }
}

fn names(store: &Store, filter: &DeviceFilter, page: &ByName) -> Vec<String> {
    store.read(|db| lists::devices(db, filter, page)).unwrap().into_iter().map(|named| named.device.name).collect()
}

#[test]
fn a_row_reads_back_as_it_was_written_after_reopening() {
    let (folder, store) = store();
    let rows = [site(1, "Café"), device(2, "Pump", Some(1)), device(3, "Fan", None)];
    store.apply(|db| rows.iter().try_for_each(|row| rows::put(db, row))).unwrap();
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    for row in &rows {
        assert_eq!(store.read(|db| rows::get(db, row.row.key())).unwrap().as_ref(), Some(row));
        assert_eq!(store.read(|db| rows::seq(db, row.row.key())).unwrap(), Some(row.seq));
    }
    store.apply(|db| rows::remove(db, rows[0].row.key())).unwrap();
    assert_eq!(store.read(|db| rows::get(db, rows[0].row.key())).unwrap(), None);
}

#[test]
fn what_fails_in_the_middle_leaves_nothing_behind() {
    let (_folder, store) = store();
    let failed = store.edit(|db| {
        rows::put(db, &site(1, "Half"))?;
        Err::<(), _>(StoreError::Closing)
    });
    assert!(matches!(failed, Err(StoreError::Closing)));
    assert_eq!(store.read(|db| rows::get(db, site(1, "").row.key())).unwrap(), None);
}

#[test]
fn a_reader_sees_one_state_while_others_write() {
    let (_folder, store) = store();
    store
        .read(|db| {
            let before = lists::sites(db, &ByName { rows: 9, ..ByName::default() })?.len();
            store.edit(|db| rows::put(db, &site(1, "New")))?;
            assert_eq!(lists::sites(db, &ByName { rows: 9, ..ByName::default() })?.len(), before, "a reader's view moved under it");
            Ok(())
        })
        .unwrap();
    assert_eq!(store.read(|db| lists::sites(db, &ByName { rows: 9, ..ByName::default() })).unwrap().len(), 1);
}

#[test]
fn lists_are_found_by_folded_name_or_serial_filtered_and_paged_by_key() {
    let (_folder, store) = store();
    let rows = [device(1, "Münster pump", Some(1)), device(2, "munster fan", None), device(3, "Zeta 50%", Some(1)), device(4, "alpha", Some(2))];
    store.apply(|db| rows.iter().try_for_each(|row| rows::put(db, row))).unwrap();
    let by_name = |q: &str| ByName { q: Some(q.into()), rows: 10, after: None };
    let all = DeviceFilter::default();
    assert_eq!(names(&store, &all, &by_name("MUNSTER")), ["munster fan", "Münster pump"]);
    assert_eq!(names(&store, &all, &by_name("sn-3")), ["Zeta 50%"]);
    assert_eq!(names(&store, &all, &by_name("0%")), ["Zeta 50%"], "a percent sign is a character, not a wildcard");
    let here = DeviceFilter { site: Some(SiteId(Uuid::from_u128(1))), ..DeviceFilter::default() };
    assert_eq!(names(&store, &here, &ByName { rows: 10, ..ByName::default() }), ["Münster pump", "Zeta 50%"]);
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.read(|db| lists::devices(db, &all, &ByName { rows: 1, after: after.clone(), q: None })).unwrap();
        let Some(last) = page.last() else { break };
        after = Some((rows::device_text(&last.device), last.device.id.0));
        seen.extend(page.into_iter().map(|named| named.device.name));
    }
    assert_eq!(seen, ["alpha", "munster fan", "Münster pump", "Zeta 50%"]);
}

#[test]
fn a_full_disk_is_one_clear_error_and_the_reserve_serves_local_edits_first() {
    let (folder, store) = store();
    let reserve = folder.path().join("reserve");
    assert_eq!(std::fs::metadata(&reserve).unwrap().len(), reserve::SIZE);
    let mut big = site(1, "Big");
    if let Row::Site(site) = &mut big.row {
        site.note = Some("x".repeat(1_000_000));
    }
    store.limit_pages(40);
    let pulled = store.apply(|db| rows::put(db, &big));
    assert!(matches!(pulled, Err(StoreError::DiskFull)), "{pulled:?}");
    assert!(reserve.exists(), "pulled rows do not get the reserved room");
    let edited = store.edit(|db| rows::put(db, &big));
    assert!(matches!(edited, Err(StoreError::DiskFull)), "{edited:?}");
    assert!(!reserve.exists(), "a local edit gets the reserved room");
    assert_eq!(store.read(|db| rows::get(db, big.row.key())).unwrap(), None, "nothing is half done");
    store.limit_pages(1_000_000);
    store.edit(|db| rows::put(db, &big)).unwrap();
    store.settle();
    assert!(reserve.exists(), "the room is taken again when there is some");
}

#[test]
fn the_log_is_emptied_also_where_the_file_cannot_be_written_anew_and_that_stays_due() {
    let (folder, store) = store();
    let canary = "what a person may not see any more";
    store.apply(|db| rows::put(db, &site(1, canary))).unwrap();
    store.note(|db| rows::remove(db, site(1, "").row.key()).and_then(|()| scrub::wish(db))).unwrap();
    let log = || std::fs::read(folder.path().join("replica.db-wal")).unwrap();
    assert!(log().windows(canary.len()).any(|part| part == canary.as_bytes()), "the test sees what it looks for");
    let writers = store.writers();
    // While a statement of its own runs, SQLite does not write a file anew.
    let mut busy = writers.pulled.prepare("values (1), (2)").unwrap();
    let mut rows = busy.query([]).unwrap();
    rows.next().unwrap();
    assert!(scrub::settle(&writers.pulled).is_err());
    assert_eq!(log(), Vec::<u8>::new());
    drop(rows);
    drop(busy);
    assert_eq!(meta::get::<bool>(&writers.pulled, "scrub").unwrap(), Some(true), "it is due still");
    assert!(scrub::settle(&writers.pulled).unwrap());
    assert_eq!(meta::get::<bool>(&writers.pulled, "scrub").unwrap(), Some(false));
}

#[test]
fn the_reserved_room_cannot_be_compressed_away() {
    let (folder, _store) = store();
    let reserved = std::fs::read(folder.path().join("reserve")).unwrap();
    let packed = zstd::encode_all(&reserved[..1024 * 1024], 1).unwrap();
    assert!(packed.len() > 1_000_000, "{}", packed.len());
}

#[test]
fn local_edits_commit_durably_and_pulled_rows_quickly() {
    let (_folder, store) = store();
    let writers = store.writers();
    let mode = |connection: &Connection| connection.query_row("pragma synchronous", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!((mode(&writers.local), mode(&writers.pulled)), (2, 1), "FULL is 2, NORMAL is 1");
}

#[test]
fn a_replica_of_a_newer_app_and_a_file_that_is_none_are_left_alone() {
    let (folder, store) = store();
    store.writers().local.pragma_update(None, "user_version", 99).unwrap();
    drop(store);
    assert!(matches!(Store::open(folder.path()), Err(StoreError::FromTheFuture)));
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("replica.db"), "<html>".repeat(1000)).unwrap();
    assert!(matches!(Store::open(other.path()), Err(StoreError::Damaged(_))));
    assert_eq!(std::fs::read(other.path().join("replica.db")).unwrap().len(), 6000);
}

#[test]
fn rows_and_edits_that_come_after_the_end_find_it_closed() {
    let (_folder, store) = store();
    store.leave();
    assert!(matches!(store.apply(|db| rows::put(db, &site(1, "late"))), Err(StoreError::Leaving)));
    assert!(matches!(store.edit(|db| rows::put(db, &site(1, "late"))), Err(StoreError::Leaving)));
    assert_eq!(store.read(|db| rows::get(db, site(1, "late").row.key())).unwrap(), None);
    store.note(|db| meta::set(db, "farewell", &1)).unwrap();
    store.stay();
    store.apply(|db| rows::put(db, &site(1, "in time"))).unwrap();
}

#[test]
fn a_replica_of_an_older_app_is_taken_over_and_loses_nothing() {
    use omniot_shared::{
        ids::IntentId,
        roles::Role,
        sync::{Change, Checksum, client::{self, Meta, Replica as _}, intent::NewSite},
    };
    let folder = tempfile::tempdir().unwrap();
    let old = Connection::open(folder.path().join("replica.db")).unwrap();
    old.execute_batch(include_str!("schema.sql")).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    let id = Uuid::from_u128;
    let fresh = Meta::new(ClientId(id(1)), TenantId(id(2)), PersonId(id(3)), Role::Admin);
    // As the app of version 1 wrote it down: nothing of lists.
    let mut written = serde_json::to_value(Meta { epoch: 1, cursor: Seq(7), ..fresh.clone() }).unwrap();
    written.as_object_mut().unwrap().remove("own");
    meta::set(&old, "replica", &written).unwrap();
    let new = NewSite { id: SiteId(id(4)), name: "Depot".into(), address: None, time_zone: "UTC".into(), note: None };
    client::record(&mut replica::Open(&old), IntentId(id(5)), Millis(1), Change::SiteCreate(new)).unwrap().unwrap();
    drop(old);

    let store = Store::open(folder.path()).unwrap();
    let meta = store.edit(|db| replica::begin(db, &fresh)).unwrap();
    assert_eq!((meta.own, meta.cursor, meta.next_n), (Checksum::default(), Seq(7), 2), "what it passed over is found by its checksum");
    assert_eq!(store.read(|db| replica::Open(db).outbox()).unwrap().len(), 1, "what was recorded waits still");
    let list = Bookmark { id: BookmarkId(id(6)), person_id: PersonId(id(3)), device_id: DeviceId(id(7)), note: Some("n".into()), created_at: Millis(1) };
    let row = SyncedRow { seq: Seq(8), row: Row::Bookmark(list) };
    store.apply(|db| rows::put(db, &row)).unwrap();
    assert_eq!(store.read(|db| rows::get(db, row.row.key())).unwrap(), Some(row), "and there is room for it");
}

fn grant(n: u128, not_after: i64, sites: &[u128]) -> (Grant, omniot_shared::claim::SignedGrant) {
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let grant = Grant {
        tenant: TenantId(Uuid::from_u128(1)),
        id: GrantId(Uuid::from_u128(n)),
        technician: PersonId(Uuid::from_u128(2)),
        client: ClientId(Uuid::from_u128(3)),
        not_before: Millis(0),
        not_after: Millis(not_after),
        backend_url: "https://example.com".into(),
        trust_anchor: vec![],
        sites: sites.iter().map(|n| SiteId(Uuid::from_u128(*n))).collect(),
        claim_key: omniot_shared::claim::PublicKey::of(&key),
    };
    let signed = grant.sign(&key);
    (signed.read().unwrap(), signed)
}

#[test]
fn a_grant_is_kept_for_one_device_until_it_is_settled() {
    let (_folder, store) = store();
    let pack = [grant(1, 900, &[]), grant(2, 500, &[]), grant(3, 400, &[8]), grant(4, 50, &[])];
    store.edit(|db| grants::take_in(db, &pack)).unwrap();
    store.edit(|db| grants::take_in(db, &pack)).unwrap();
    let here = SiteId(Uuid::from_u128(1));
    let take = |serial: &str, nonce| store.edit(|db| grants::take(db, here, serial, [nonce; 16], Millis(100))).unwrap();
    let first = take("A", 1).unwrap();
    assert_eq!(first.id, pack[1].0.id, "the soonest to end that is still good and covers the site");
    assert_eq!(take("A", 9).unwrap(), first, "the same device again: the same grant with its first nonce");
    let second = take("B", 2).unwrap();
    assert_eq!(second.id, pack[0].0.id);
    assert_eq!(take("C", 3), None, "none is left: nothing is given twice");
    store.edit(|db| grants::give_back(db, second.id)).unwrap();
    assert_eq!(take("C", 3).unwrap().id, second.id, "what never left may serve another");
    store.edit(|db| grants::send(db, first.id)).unwrap();
    store.edit(|db| grants::give_back(db, first.id)).unwrap();
    assert_eq!(take("A", 9).unwrap(), first, "what was sent is for that device alone");
    store.edit(|db| grants::spend(db, first.id)).unwrap();
    store.edit(|db| grants::take_in(db, &pack)).unwrap();
    assert_eq!(take("A", 4), None, "a spent grant does not come back");
    assert_eq!(store.read(|db| grants::count_free(db, Millis(100))).unwrap(), 1, "the one of another site");
}

#[test]
fn a_clock_that_was_set_back_takes_no_grant_away_and_one_that_ended_is_not_sent_again() {
    let (_folder, store) = store();
    let pack = [grant(1, 500, &[]), grant(2, 900, &[])];
    store.edit(|db| grants::take_in(db, &pack)).unwrap();
    let here = SiteId(Uuid::from_u128(1));
    let take = |at| store.edit(|db| grants::take(db, here, "A", [1; 16], Millis(at))).unwrap();
    let first = take(-1_000_000_000).unwrap();
    assert_eq!(first.id, pack[0].0.id, "it cannot be earlier than when the grant began");
    store.edit(|db| grants::send(db, first.id)).unwrap();
    assert_eq!(take(500).unwrap(), first);
    assert_eq!(take(501).unwrap().id, pack[1].0.id, "a device that took it would be refused by the server");
}

#[test]
fn a_clock_that_is_ahead_is_told_from_a_pack_that_is_used_up_by_what_the_server_said_last() {
    let (_folder, store) = store();
    let here = SiteId(Uuid::from_u128(1));
    let take = |serial: &str, at| store.edit(|db| grants::take(db, here, serial, [1; 16], Millis(at))).unwrap();
    let would = |serial: &str| store.read(|db| grants::would_be_good(db, here, serial)).unwrap();
    assert!(!would("A"), "there is none");
    store.edit(|db| grants::take_in(db, &[grant(1, 500, &[])])).unwrap();
    assert_eq!(take("A", 600), None);
    assert!(!would("A"), "nobody said what time it is");
    store.edit(|db| clock::heard(db, clock::Contact { at: Millis(400), steady: None })).unwrap();
    assert!(would("A"), "it was good when the server was heard");
    let first = take("A", 450).unwrap();
    store.edit(|db| grants::send(db, first.id)).unwrap();
    assert_eq!(take("A", 600), None);
    assert!(would("A") && !would("B"), "what was sent is for its device");
    assert_eq!(take("A", 450), Some(first), "and is not lost to a clock that was ahead for a moment");
    store.edit(|db| clock::heard(db, clock::Contact { at: Millis(501), steady: None })).unwrap();
    assert!(!would("A"), "it is over by the server's own clock");
}

#[test]
fn a_grant_that_leads_to_where_the_server_was_gives_way_to_one_of_today() {
    let (_folder, store) = store();
    let moved = |n, url: &str, anchor: &[u8]| {
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let signed = Grant { backend_url: url.into(), trust_anchor: anchor.into(), ..grant(n, 900, &[]).0 }.sign(&key);
        (signed.read().unwrap(), signed)
    };
    let here = SiteId(Uuid::from_u128(1));
    let take = || store.edit(|db| grants::take(db, here, "A", [1; 16], Millis(100))).unwrap().unwrap().id;
    let leads_home = |n| store.read(|db| grants::leads_home(db, GrantId(Uuid::from_u128(n)))).unwrap();
    store.edit(|db| grants::take_in(db, &[grant(1, 500, &[])])).unwrap();
    let first = take();
    store.edit(|db| grants::send(db, first)).unwrap();
    assert!(leads_home(1), "nothing else is known");
    assert!(!leads_home(9), "nobody knows");
    store.edit(|db| grants::take_in(db, &[grant(2, 800, &[])])).unwrap();
    assert_eq!((leads_home(1), take()), (true, first), "the device may have it");
    for (n, url, anchor) in [(3, "https://example.com", &[7_u8; 40][..]), (4, "https://new.example", &[])] {
        store.edit(|db| grants::take_in(db, &[moved(n, url, anchor)])).unwrap();
        assert!(!leads_home(1), "{url}");
        assert_eq!(take(), GrantId(Uuid::from_u128(n)), "{url}");
    }
}

#[test]
fn a_pack_is_all_there_is_and_what_was_taken_stays_with_its_device() {
    let (_folder, store) = store();
    let pack = [grant(1, 500, &[]), grant(2, 600, &[]), grant(3, 700, &[])];
    store.edit(|db| grants::take_in(db, &pack)).unwrap();
    let here = SiteId(Uuid::from_u128(1));
    let take = |serial: &str| store.edit(|db| grants::take(db, here, serial, [1; 16], Millis(100))).unwrap();
    let first = take("A").unwrap();
    store.edit(|db| grants::take_in(db, &[grant(4, 400, &[]), grant(3, 700, &[])])).unwrap();
    assert_eq!(store.read(|db| grants::count_free(db, Millis(100))).unwrap(), 2, "the one that the server took back is gone");
    assert_eq!(take("A").unwrap(), first, "what may have been sent is not taken from its device");
    assert_eq!(take("B").unwrap().id, grant(4, 400, &[]).0.id);
    store.edit(|db| grants::forget_free(db)).unwrap();
    assert_eq!((take("C"), take("A").unwrap()), (None, first.clone()));
    store.edit(|db| grants::spend_kept(db)).unwrap();
    store.edit(|db| grants::take_in(db, &[grant(5, 900, &[])])).unwrap();
    assert_eq!(take("A").unwrap().id, grant(5, 900, &[]).0.id, "of a past that the server lost nothing is shown to a device");
    store.edit(|db| grants::give_back(db, first.id)).unwrap();
    assert_eq!(take("B"), None, "nor does it come back when its commission ends");
}

#[test]
fn an_unfinished_commission_is_there_until_it_is_forgotten() {
    let (_folder, store) = store();
    let id = omniot_shared::ids::AttemptId(Uuid::from_u128(1));
    store.edit(|db| commissions::save(db, id, "{}")).unwrap();
    store.edit(|db| commissions::save(db, id, "{\"step\":2}")).unwrap();
    assert_eq!(store.read(|db| commissions::all(db)).unwrap(), [(id, "{\"step\":2}".to_owned())]);
    store.edit(|db| commissions::forget(db, id)).unwrap();
    assert!(store.read(|db| commissions::all(db)).unwrap().is_empty());
}

fn marker() -> Vec<u8> {
    b"what the device measured".repeat(40)
}

/// A store that holds an hour of device 2, whose row is there, and of device 3, whose is not.
fn measured() -> (TempDir, Store) {
    let (folder, store) = store();
    store.apply(|db| rows::put(db, &device(2, "Pump", None))).unwrap();
    let hold = |n: u128, content: &[u8]| {
        let id = DeviceId(Uuid::from_u128(n));
        store.window.write(|db| window::put(db, id, Millis(0), content).and_then(|()| window::received(db, id, 4)).and_then(|()| window::complete(db, id, Millis(9)))).unwrap();
    };
    hold(2, b"short");
    hold(3, &marker());
    (folder, store)
}

#[test]
fn what_a_departed_device_measured_is_gone_from_the_disk() {
    let (folder, store) = measured();
    crate::sync::telemetry::forget_departed(&store);
    let held = store.window.read(window::held).unwrap();
    assert_eq!(held.into_iter().collect::<Vec<_>>(), [(DeviceId(Uuid::from_u128(2)), window::Held { rev: 4, as_of: 9, viewed_at: 0, bytes: 5 })]);
    for file in ["telemetry.db", "telemetry.db-wal"] {
        let bytes = std::fs::read(folder.path().join(file)).unwrap_or_default();
        assert!(!bytes.windows(24).any(|part| part == &marker()[..24]), "{file} still holds it");
    }
}

#[test]
fn telemetry_gives_way_before_anything_that_a_person_did() {
    let (folder, store) = measured();
    let (telemetry, reserve) = (folder.path().join("telemetry.db"), folder.path().join("reserve"));
    assert!(telemetry.exists() && store.bytes() > store.window.bytes());
    let mut big = site(1, "Big");
    if let Row::Site(site) = &mut big.row {
        site.note = Some("x".repeat(1_000_000));
    }
    store.limit_pages(40);
    assert!(matches!(store.edit(|db| rows::put(db, &big)), Err(StoreError::DiskFull)));
    assert!(!telemetry.exists() && !reserve.exists(), "first telemetry, then the reserved room");
    let refused = store.window.write(|db| window::viewed(db, DeviceId(Uuid::from_u128(2)), Millis(1)));
    assert!(matches!(refused, Err(StoreError::DiskFull)), "without the reserved room nothing is fetched");
    store.limit_pages(1_000_000);
    store.refill();
    store.window.write(|db| window::viewed(db, DeviceId(Uuid::from_u128(2)), Millis(1))).unwrap();
    assert_eq!(store.window.read(window::held).unwrap().len(), 1, "it begins anew");
}

#[test]
fn telemetry_that_cannot_be_read_is_begun_anew_and_the_replica_stays() {
    let (folder, store) = measured();
    drop(store);
    std::fs::write(folder.path().join("telemetry.db"), "<html>".repeat(1000)).unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert!(store.window.read(window::held).unwrap().is_empty());
    assert!(store.read(|db| rows::get(db, device(2, "", None).row.key())).unwrap().is_some());
}

#[test]
fn old_hours_go_and_a_mark_goes_with_the_last_of_them() {
    let (_folder, store) = store();
    let (one, two) = (DeviceId(Uuid::from_u128(1)), DeviceId(Uuid::from_u128(2)));
    let held = store.window.write(|db| {
        for (id, hour) in [(one, 10), (one, 20), (two, 10)] {
            window::put(db, id, Millis(hour), b"x")?;
            window::received(db, id, hour)?;
        }
        window::forget_before(db, Millis(20))?;
        window::held(db)
    });
    let held = held.unwrap();
    assert_eq!((held[&one].rev, held[&one].bytes, held[&two].rev), (20, 1, 0), "what is not here is asked for from the beginning");
}

#[test]
fn attempts_are_found_by_what_they_say() {
    let (_folder, store) = store();
    let attempt = |n: u128, device: u128, at: i64, more: serde_json::Value| {
        let mut said = serde_json::json!({"id": format!("att_{n:032x}"), "device_id": format!("dev_{device:032x}"), "serial": null, "site_id": null, "technician_id": format!("per_{n:032x}"),
            "technician_name": "T", "client_id": format!("cli_{n:032x}"), "app_version": "1.0", "os": "linux", "radio": "virtual", "protocol": null, "security": null, "firmware": "1.4", "identity_verified": false,
            "rssi": null, "mtu": null, "steps": [], "grant_id": null, "receipt": null, "epoch": null, "network_name": null, "outcome": "failed", "cause": "no_answer", "started_at": at, "ended_at": at});
        said.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        SyncedRow { seq: Seq(1), row: Row::Attempt(Box::new(serde_json::from_value(said).unwrap())) }
    };
    let rows = [device(2, "Pump", None), attempt(1, 2, 10, serde_json::json!({})), attempt(2, 3, 20, serde_json::json!({"os": "android 14, Pixel 7", "app_version": "2.0", "cause": "link_lost", "firmware": null}))];
    store.apply(|db| rows.iter().try_for_each(|row| rows::put(db, row))).unwrap();
    let found = |filter: lists::AttemptFilter| -> Vec<i64> {
        let found = store.read(|db| lists::attempts(db, &lists::AttemptFilter { rows: 9, ..filter })).unwrap();
        found.iter().map(|named| named.attempt.started_at.0).collect()
    };
    let all = lists::AttemptFilter::default;
    let word = |text: &str| Some(text.to_owned());
    assert_eq!(found(all()), [20, 10]);
    assert_eq!(found(lists::AttemptFilter { cause: word("link_lost"), ..all() }), [20]);
    assert_eq!(found(lists::AttemptFilter { firmware: word("1.4"), ..all() }), [10]);
    assert_eq!(found(lists::AttemptFilter { app_version: word("2.0"), ..all() }), [20]);
    assert_eq!(found(lists::AttemptFilter { phone: word("android 14, Pixel 7"), ..all() }), [20]);
    assert_eq!(found(lists::AttemptFilter { model: Some(ModelId(Uuid::from_u128(9))), ..all() }), [10]);
    assert_eq!((found(lists::AttemptFilter { from: Some(11), ..all() }), found(lists::AttemptFilter { to: Some(20), ..all() })), (vec![20], vec![10]));
}
