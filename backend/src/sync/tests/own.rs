//! What is one person's own: their list of devices, on every tablet of theirs and on nobody else's.

use axum::http::Method;
use omniot_shared::{
    ids::DeviceId,
    sync::{
        Code, Seq,
        intent::{BookmarkRemove, BookmarkSet},
    },
};

use super::{streams::Ear, *};

/// What nobody but its author may ever be sent.
pub(super) const CANARY: &str = "canary-of-my-own";

/// A device, made by that person.
pub(super) async fn device(actor: &Actor) -> DeviceId {
    let model = actor.post("/v1/models", json!({"name": "Sensor", "sku": "S1", "min_security": "sec1"})).await.expect(201);
    let device = actor.post("/v1/devices", json!({"serial": "OM-1", "name": "Door", "model_id": model["id"]})).await.expect(201);
    serde_json::from_value(device["id"].clone()).expect("an id")
}

/// Somebody with two tablets, somebody else who sees everything, and a device.
struct Place {
    tenant: Tenant,
    mine: Tablet,
    mine_too: Tablet,
    other: Tablet,
    device: DeviceId,
}

impl Place {
    async fn of(app: &App) -> Self {
        let tenant = app.tenant("acme").await;
        let tess = tenant.person(Role::Technician).await;
        let (mut mine, mut mine_too) = (Tablet::for_actor(&tenant, tess.clone(), Role::Technician), Tablet::for_actor(&tenant, tess, Role::Technician));
        let mut other = Tablet::of(&tenant, Role::Owner).await;
        let device = device(&other.actor).await;
        for tablet in [&mut mine, &mut mine_too, &mut other] {
            tablet.sync().await;
        }
        Self { tenant, mine, mine_too, other, device }
    }

    fn set(&self, note: &str) -> Change {
        Change::BookmarkSet(BookmarkSet { person_id: self.mine.actor.id, device_id: self.device, note: Patch::Set(note.to_owned()) })
    }
}

fn notes(tablet: &Tablet) -> Vec<Option<String>> {
    tablet.rows().into_iter().filter_map(|synced| if let Row::Bookmark(bookmark) = synced.row { Some(bookmark.note) } else { None }).collect()
}

/// Whether the server holds what this tablet holds, to the last letter.
async fn is_verified(tablet: &Tablet) -> bool {
    let (meta, mut whole) = (tablet.meta(), omniot_shared::sync::Checksum::default());
    tablet.rows().iter().for_each(|row| whole.add_whole(row).expect("it has JSON"));
    let asked = json!({"schema": SCHEMA, "epoch": meta.epoch, "seq": meta.cursor, "scopes": meta.sight});
    tablet.actor.post("/v1/sync/verify", asked).await.expect(200)["whole"] == json!(whole)
}

#[tokio::test]
async fn it_comes_to_all_tablets_of_its_owner_and_to_nobody_elses() {
    for app in App::both().await {
        let mut place = Place::of(&app).await;
        let set = place.set(CANARY);
        place.mine.record(set);
        place.mine.sync().await;
        place.mine_too.sync().await;
        assert_eq!((notes(&place.mine), notes(&place.mine_too)), (vec![Some(CANARY.to_owned())], vec![Some(CANARY.to_owned())]), "{}", app.engine);

        let pull = Pull::begin(&place.other.store).expect("memory never fails");
        let came = frames(&place.other.actor.post("/v1/sync/pull", json!(pull.request())).await.bytes);
        let anew = frames(&place.other.actor.post("/v1/sync/pull", json!(from_nothing(place.other.meta().client_id))).await.bytes);
        assert!(!format!("{came:?}{anew:?}").contains(CANARY), "9: another's own was sent: {came:?} {anew:?}");
        assert!(matches!(place.other.take(pull, &came), Some(Published::Now { .. })));
        assert!(is_verified(&place.mine).await && is_verified(&place.mine_too).await && is_verified(&place.other).await);

        let listed = place.mine.actor.get("/v1/devices?bookmarked=true").await.expect(200);
        assert_eq!((&listed["items"][0]["bookmark"]["note"], listed["items"].as_array().map(Vec::len)), (&json!(CANARY), Some(1)));
        let theirs = place.other.actor.get("/v1/devices").await.expect(200);
        assert_eq!(theirs["items"][0]["bookmark"], Value::Null);
        assert_eq!(place.other.actor.get("/v1/devices?bookmarked=true").await.expect(200)["items"], json!([]));

        // Taken off on one tablet, it goes on the other; the one who sees everything is told nothing of it.
        let remove = BookmarkRemove { person_id: place.mine.actor.id, device_id: place.device };
        place.mine_too.record(Change::BookmarkRemove(remove));
        place.mine_too.sync().await;
        place.mine.sync().await;
        assert_eq!((notes(&place.mine), notes(&place.mine_too)), (vec![], vec![]));
        let pull = Pull::begin(&place.other.store).expect("memory never fails");
        let came = frames(&place.other.actor.post("/v1/sync/pull", json!(pull.request())).await.bytes);
        assert!(matches!(came.as_slice(), [Frame::Begin(_), Frame::Checkpoint(_)]), "{came:?}");
        assert!(matches!(place.other.take(pull, &came), Some(Published::Now { .. })));
        assert!(is_verified(&place.mine).await && is_verified(&place.other).await);
        db_checksum_holds(&place.tenant).await;
    }
}

#[tokio::test]
async fn two_tablets_of_one_person_make_one_and_both_notes_stand() {
    for app in App::both().await {
        let mut place = Place::of(&app).await;
        let set = place.set("first");
        place.mine.record(set);
        app.pass(1_000);
        let set = place.set("second");
        place.mine_too.record(set);
        place.mine_too.sync().await;
        assert_eq!(place.mine.push().await[0].outcome, Outcome::Applied, "{}", app.engine);
        place.mine.pull().await;
        place.mine_too.pull().await;
        let both = vec![Some("second\nfirst".to_owned())];
        assert_eq!((notes(&place.mine), notes(&place.mine_too)), (both.clone(), both));
        db_checksum_holds(&place.tenant).await;
    }
}

#[tokio::test]
async fn taken_off_and_put_on_again_in_one_push_it_stands_and_a_late_removal_takes_no_newer_note_along() {
    for app in App::both().await {
        let mut place = Place::of(&app).await;
        let (path, id) = (format!("/v1/devices/{}/bookmark", place.device), place.mine.actor.id);
        let remove = Change::BookmarkRemove(BookmarkRemove { person_id: id, device_id: place.device });
        let set = place.set("first");
        place.mine.record(set);
        place.mine.sync().await;
        place.mine_too.sync().await;
        place.mine.record(remove.clone());
        let set = place.set("again");
        place.mine.record(set);
        app.pass(1_000);
        place.mine_too.actor.put(&path, json!({"note": "in the browser"})).await.expect(200);
        let outcomes: Vec<Outcome> = place.mine.push().await.into_iter().map(|receipt| receipt.outcome).collect();
        assert_eq!(outcomes[0], Outcome::Superseded { lost: vec!["note".into()] }, "{}: the removal had not seen that note", app.engine);
        place.mine.pull().await;
        assert_eq!(notes(&place.mine), [Some("in the browser\nagain".to_owned())], "both notes stand, the later one first");

        // Seen, it may go; and what is put on after that stands, in one push.
        app.pass(1_000);
        place.mine.record(remove);
        let set = place.set("anew");
        place.mine.record(set);
        assert_eq!(place.mine.push().await.into_iter().map(|receipt| receipt.outcome).collect::<Vec<_>>(), [Outcome::Applied, Outcome::Applied]);
        place.mine.pull().await;
        assert_eq!(notes(&place.mine), [Some("anew".to_owned())]);
        assert!(is_verified(&place.mine).await);
        db_checksum_holds(&place.tenant).await;
    }
}

#[tokio::test]
async fn news_of_it_say_nothing_to_others_and_are_not_for_its_owner() {
    for app in App::both().await {
        let mut place = Place::of(&app).await;
        let mut others = Ear::of(&app, &place.other.actor).await;
        let mut owners = Ear::of(&app, &place.mine_too.actor).await;
        others.poke().await;
        owners.poke().await;
        let set = place.set(CANARY);
        place.mine.record(set);
        place.mine.push().await;
        let (poke, said) = others.poke().await;
        assert!(!said.contains(CANARY), "9: {said}");
        let Ok(Some((pull, checkpoint))) = Pull::of_poke(&place.other.store, poke.frames) else { panic!("it is news: {said}") };
        let now = app.state.now();
        let published = client::publish(&mut place.other.store, pull, &checkpoint, now).expect("memory never fails");
        assert_eq!(published, Published::Now { seq: place.mine.meta().cursor.max(Seq(poke.seq.0)), changes: 0, departed: false }, "{}", app.engine);
        let (poke, said) = owners.poke().await;
        assert!(poke.frames.is_empty(), "its owner has to fetch it: {said}");
        place.mine_too.pull().await;
        assert_eq!(notes(&place.mine_too), [Some(CANARY.to_owned())]);
    }
}

#[tokio::test]
async fn nobody_writes_on_anothers_list() {
    for app in App::both().await {
        let place = Place::of(&app).await;
        let push = push_of(&app, place.other.meta().client_id, vec![intent(&app, place.other.meta().client_id, 1, place.set("yours"))]);
        let receipt = place.other.send(&push).await.expect(200)["receipts"][0].clone();
        assert_eq!(receipt["outcome"]["code"], json!(Code::NotAllowed), "{}", app.engine);
        let path = format!("/v1/devices/{}/bookmark", place.device);
        let globex = app.tenant("globex").await.person(Role::Owner).await;
        assert_eq!(globex.put(&path, json!({"note": "x"})).await.status, 404);
        assert_eq!(globex.delete(&path).await.status, 404);
        let remove = async |body| place.mine.actor.call(Method::DELETE, &path, Some(body)).await;
        place.mine.actor.put(&path, json!({"note": "noted on the tablet"})).await.expect(200);
        assert_eq!(remove(json!({"was": {"note": null}})).await.refusal(), (409, "stale".into()), "{}: it was not shown", app.engine);
        assert_eq!(remove(json!({"note": null})).await.refusal(), (422, "unknown_field".into()));
        remove(json!({"was": {"note": "noted on the tablet"}})).await.expect(204);
        remove(json!({"was": {"note": null}})).await.expect(204);
        place.mine.actor.put(&path, json!({"note": "x"})).await.expect(200);
        place.mine.actor.delete(&path).await.expect(204);
        assert_eq!(place.mine.actor.put(&path, json!({"note": "x".repeat(2_001)})).await.refusal(), (422, "invalid_field".into()));
        db_checksum_holds(&place.tenant).await;
    }
}

#[tokio::test]
async fn an_app_of_before_there_were_lists_is_told_nothing_of_them() {
    for app in App::both().await {
        let mut place = Place::of(&app).await;
        let set = place.set(CANARY);
        place.mine.record(set);
        place.mine.push().await;
        for request in [json!({"schema": 1, "client_id": place.mine.meta().client_id, "epoch": 1, "cursors": [{"scope": "tenant", "seq": 1}]}), json!({"schema": 1, "client_id": place.mine.meta().client_id, "epoch": 0, "cursors": []})] {
            let came = frames(&place.mine.actor.post("/v1/sync/pull", request).await.bytes);
            assert!(!format!("{came:?}").contains("Bookmark"), "{}: {came:?}", app.engine);
            assert!(matches!(came.last(), Some(Frame::Checkpoint(checkpoint)) if checkpoint.own.is_none()), "{came:?}");
        }
        // The app is updated: the checksum finds what it passed over, which comes with everything else, and nothing
        // that it recorded is lost.
        let mut old = Tablet::for_actor(&place.tenant, place.mine.actor.clone(), Role::Technician);
        old.sync().await;
        let rows: Vec<SyncedRow> = old.rows().into_iter().filter(|row| row.row.key().table.is_personal()).collect();
        rows.iter().for_each(|row| old.store.remove(row.row.key()).expect("memory never fails"));
        old.store.save_meta(&Meta { own: Default::default(), ..old.meta() }).expect("memory never fails");
        app.pass(1_000);
        old.record(place.set("by the old app"));
        old.push().await;
        assert!(matches!(old.pull().await, Published::Now { .. } | Published::Mismatch { .. }));
        old.sync().await;
        assert_eq!(notes(&old), [Some(format!("by the old app\n{CANARY}"))], "it had not seen that note");
        assert!(is_verified(&old).await);
    }
}

#[tokio::test]
async fn it_stands_in_no_log_and_goes_with_its_owner() {
    for app in App::both().await {
        let mut place = Place::of(&app).await;
        let set = place.set(CANARY);
        place.mine.record(set);
        place.mine.push().await;
        let log = place.other.actor.get("/v1/audit").await.expect(200).to_string();
        assert!(!log.contains("bookmark") && !log.contains(CANARY), "{}: {log}", app.engine);
        let changes = place.other.actor.get(&format!("/v1/devices/{}/changes", place.device)).await.expect(200).to_string();
        assert!(!changes.contains("bookmark"), "{changes}");
        place.other.actor.delete(&format!("/v1/people/{}", place.mine.actor.id)).await.expect(204);
        let mut scope = place.tenant.db_write().await;
        let (rows,): (i64,) = scope.query("select count(*) from bookmark where tenant_id = $1").one().await.expect("a count");
        drop(scope);
        assert_eq!(rows, 0);
        db_checksum_holds(&place.tenant).await;
    }
}
