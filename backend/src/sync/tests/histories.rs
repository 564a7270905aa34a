//! Who changed what, who won where two edits met, and why: what the log tells of pushes.

use omniot_shared::{
    entities::Security,
    ids::{DeviceId, ModelId},
    sync::{Seq, intent::{DevicePatch, DeviceUpdate, NewDevice, NewModel}},
};

use super::*;

const HOUR: i64 = 3_600_000;

async fn changes(actor: &Actor, path: &str) -> Vec<Value> {
    actor.get(&format!("{path}/changes")).await.expect(200)["items"].as_array().expect("items").clone()
}

impl Tablet {
    /// Edits with a clock that is wrong by `skew`, and sends that an hour later.
    async fn renames_offline(&mut self, site: SiteId, name: &str, skew: i64) -> Vec<Receipt> {
        let (id, at): (IntentId, Millis) = (self.app.state.new_id(), self.app.state.now().plus(skew));
        client::record(&mut self.store, id, at, rename(site, name)).expect("memory never fails").expect("it is allowed");
        self.app.pass(HOUR);
        let push = client::next_push(&self.store, self.app.state.now().plus(skew)).expect("memory never fails").expect("a push");
        let answer: PushResponse = serde_json::from_value(self.send(&push).await.expect(200)).expect("a push response");
        client::take_receipts(&mut self.store, &answer).expect("memory never fails");
        answer.receipts
    }
}

#[tokio::test]
async fn an_edit_that_was_overtaken_stands_in_the_history_with_who_won_and_why() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (mut a, mut b) = (Tablet::of(&tenant, Role::Admin).await, Tablet::of(&tenant, Role::Operator).await);
        let site = a.new_site("Depot");
        a.sync().await;
        b.sync().await;
        let made_at = app.state.now();
        let late = b.record(rename(site, "Mine, earlier"));
        app.pass(HOUR);
        a.rename(site, "Theirs, later");
        a.sync().await;
        let theirs_at = app.state.now();
        app.pass(HOUR);
        let receipts = b.push().await;
        assert!(matches!(&receipts[0].outcome, Outcome::Superseded { lost } if lost == &["name"]), "{receipts:?}");

        let past = changes(&b.actor, &format!("/v1/sites/{site}")).await;
        let detail = &past[0]["detail"];
        assert_eq!((&past[0]["action"], &past[0]["actor"]["id"]), (&json!("site.update"), &json!(b.actor.id)), "{}: {past:?}", app.engine);
        assert_eq!((&detail["fields"], &detail["overtaken"], &detail["made_at"]), (&json!([]), &json!(["name"]), &json!(made_at)));
        let met = &detail["met"][0];
        assert_eq!((&met["field"], &met["won"], &met["why"], &met["other_at"]), (&json!("name"), &json!(false), &json!("newer"), &json!(theirs_at)));
        assert_eq!(met["other"]["id"], json!(a.actor.id), "who won: {met}");
        assert_eq!(detail.get("clock_skew_ms"), None, "the clock was right");
        assert_eq!(past[1]["detail"].get("met"), None, "the winner met nobody then");

        // Sent again it is told once.
        let again = push_of(&app, b.meta().client_id, vec![late]);
        b.send(&again).await.expect(200);
        assert_eq!(changes(&b.actor, &format!("/v1/sites/{site}")).await.len(), past.len());
        db_checksum_holds(&tenant).await;
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_corrected_and_the_history_says_by_how_much() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (mut a, mut b) = (Tablet::of(&tenant, Role::Admin).await, Tablet::of(&tenant, Role::Operator).await);
        let site = a.new_site("Depot");
        a.sync().await;
        b.sync().await;
        a.rename(site, "Theirs");
        a.sync().await;
        app.pass(60_000);
        // B has not seen it, and edits later although its clock shows three hours earlier.
        let made_at = app.state.now();
        let receipts = b.renames_offline(site, "Mine", -3 * HOUR).await;
        assert_eq!(receipts[0].outcome, Outcome::Applied);
        let past = changes(&b.actor, &format!("/v1/sites/{site}")).await;
        let detail = &past[0]["detail"];
        assert_eq!((&detail["fields"], &detail["made_at"], &detail["clock_skew_ms"]), (&json!(["name"]), &json!(made_at), &json!(-3 * HOUR)), "{}", app.engine);
        let met = &detail["met"][0];
        assert_eq!((&met["won"], &met["why"], &met["other"]["id"]), (&json!(true), &json!("newer"), &json!(a.actor.id)));
    }
}

#[tokio::test]
async fn who_had_seen_the_other_edit_wins_whatever_the_clocks_say_and_where_a_device_stands_is_the_servers() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (mut a, mut b) = (Tablet::of(&tenant, Role::Admin).await, Tablet::of(&tenant, Role::Admin).await);
        let (site, there) = (a.new_site("Depot"), a.new_site("Hall"));
        let model = NewModel { id: app.state.new_id(), name: "Sensor".into(), sku: "S1".into(), min_security: Security::Sec1 };
        a.record(Change::ModelCreate(model.clone()));
        let device = NewDevice { serial: "A1".into(), name: "Pump".into(), model_id: model.id, site_id: None, note: None };
        let id = omniot_shared::ids::DeviceId::for_serial(tenant.id, "A1");
        a.record(Change::DeviceCreate(device.clone()));
        a.sync().await;
        b.sync().await;
        // The one wins since it was seen: the intent says an earlier time, and the server has nothing to correct.
        a.rename(site, "One");
        a.sync().await;
        b.sync().await;
        let (intent, at): (IntentId, Millis) = (app.state.new_id(), app.state.now().plus(-HOUR));
        client::record(&mut b.store, intent, at, rename(site, "Two")).expect("memory never fails").expect("it is allowed");
        b.sync().await;
        let past = changes(&a.actor, &format!("/v1/sites/{site}")).await;
        assert_eq!((&past[0]["detail"]["met"][0]["won"], &past[0]["detail"]["met"][0]["why"]), (&json!(true), &json!("seen")), "{}", app.engine);

        let moved = |site| Change::DeviceUpdate(DeviceUpdate { id, patch: DevicePatch { site_id: Patch::Set(site), ..DevicePatch::default() } });
        b.record(moved(there));
        a.record(moved(site));
        a.sync().await;
        app.pass(HOUR);
        b.push().await;
        let past = changes(&a.actor, &format!("/v1/devices/{id}")).await;
        let met = &past[0]["detail"]["met"][0];
        assert_eq!((&met["field"], &met["won"], &met["why"], &met["other"]["id"]), (&json!("site_id"), &json!(false), &json!("stands"), &json!(a.actor.id)));

        // What was seen in a life of the server that is lost is judged by its time: it must not count who comes back first.
        let back = |c: &Tablet, past_lost| Intent { base: Some(Seq(1)), past_lost, ..intent_of(&app, c, moved(there)) };
        for (past_lost, outcome) in [(false, "superseded"), (true, "applied")] {
            let c = Tablet::of(&tenant, Role::Admin).await;
            let push = push_of(&app, c.meta().client_id, vec![back(&c, past_lost)]);
            assert_eq!(outcomes(&c.send(&push).await.expect(200)), [outcome], "{}", app.engine);
        }

        // The same device made twice: the first stands.
        let mut c = Tablet::of(&tenant, Role::Technician).await;
        let second = NewDevice { name: "Other name".into(), ..device };
        let receipts = c.send(&push_of(&app, c.meta().client_id, vec![intent_of(&app, &c, Change::DeviceCreate(second))])).await.expect(200);
        assert_eq!(outcomes(&receipts), ["merged"]);
        let past = changes(&a.actor, &format!("/v1/devices/{id}")).await;
        let met = past[0]["detail"]["met"].as_array().expect("meetings");
        assert_eq!((&past[0]["action"], &past[0]["actor"]["id"]), (&json!("device.create"), &json!(c.actor.id)));
        assert!(met.iter().any(|met| met["field"] == "name" && met["why"] == "first" && met["other"]["id"] == json!(a.actor.id)), "{met:?}");
        c.sync().await;
        db_checksum_holds(&tenant).await;
    }
}

#[tokio::test]
async fn words_of_two_people_stand_side_by_side_and_the_history_says_so_and_what_is_not_known_of_a_time() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (mut a, mut b) = (Tablet::of(&tenant, Role::Admin).await, Tablet::of(&tenant, Role::Operator).await);
        let site = a.new_site("Depot");
        a.sync().await;
        b.sync().await;
        let note = |text: &str| Change::SiteUpdate(SiteUpdate { id: site, patch: SitePatch { note: Patch::Set(text.to_owned()), ..SitePatch::default() } });
        a.record(note("Fence is open"));
        app.pass(HOUR);
        b.record(note("Key at the porter"));
        a.sync().await;
        let mut push = b.next_push().expect("one");
        b.record(note("Key at the porter\nCode 4711"));
        push.intents[0].at_is_rough = true;
        let answer: PushResponse = serde_json::from_value(b.send(&push).await.expect(200)).expect("a push response");
        assert_eq!(answer.receipts[0].outcome, Outcome::Applied, "{}", app.engine);
        let there = a.actor.get(&format!("/v1/sites/{site}")).await.expect(200);
        assert_eq!(there["note"], "Key at the porter\nFence is open");
        let detail = changes(&a.actor, &format!("/v1/sites/{site}")).await[0]["detail"].clone();
        assert_eq!((&detail["fields"], &detail["met"][0]["won"], &detail["met"][0]["why"], &detail["time_is_rough"]), (&json!(["note"]), &json!(true), &json!("both"), &json!(true)));
        assert_eq!(detail["met"][0]["other"]["id"], json!(a.actor.id));

        // Nor does the second edit of somebody who has not seen the first of the other one.
        b.push().await;
        assert_eq!(a.actor.get(&format!("/v1/sites/{site}")).await.expect(200)["note"], "Key at the porter\nFence is open\nCode 4711", "{}", app.engine);

        // A device whose id follows from its serial number: who edits it without having seen it made is not the first.
        let model: ModelId = serde_json::from_value(a.actor.post("/v1/models", json!({"name": "Pump", "sku": "P", "min_security": "sec1"})).await.expect(201)["id"].clone()).expect("an id");
        b.sync().await;
        let new = |name: &str, site_id| Change::DeviceCreate(NewDevice { serial: "TWICE".into(), name: name.into(), model_id: model, site_id, note: None });
        b.record(new("Mine", None));
        let device = DeviceId::for_serial(tenant.id, "TWICE");
        b.record(Change::DeviceUpdate(DeviceUpdate { id: device, patch: DevicePatch { name: Patch::Set("Mine, better".into()), ..DevicePatch::default() } }));
        app.pass(HOUR);
        a.sync().await;
        a.record(new("Theirs", Some(site)));
        a.sync().await;
        let receipts = b.push().await;
        assert!(matches!(&receipts[1].outcome, Outcome::Superseded { lost } if lost == &["name"]), "{receipts:?}");
        assert_eq!(a.actor.get(&format!("/v1/devices/{device}")).await.expect(200)["name"], "Theirs");
    }
}

fn intent_of(app: &App, tablet: &Tablet, change: Change) -> Intent {
    intent(app, tablet.meta().client_id, 1, change)
}

#[tokio::test]
async fn the_history_of_a_model_is_told_and_that_of_a_site_out_of_sight_is_not() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut a = Tablet::of(&tenant, Role::Admin).await;
        let (one, other) = (a.new_site("One"), a.new_site("Other"));
        let model = NewModel { id: app.state.new_id(), name: "Sensor".into(), sku: "S1".into(), min_security: Security::Sec1 };
        a.record(Change::ModelCreate(model.clone()));
        a.sync().await;
        let limited = tenant.person(Role::Technician).await;
        a.actor.put(&format!("/v1/people/{}/sites", limited.id), json!({"sites": [one]})).await.expect(200);
        assert_eq!(changes(&limited, &format!("/v1/models/{}", model.id)).await[0]["action"], "model.create");
        assert_eq!(changes(&limited, &format!("/v1/sites/{one}")).await.len(), 1);
        limited.get(&format!("/v1/sites/{other}/changes")).await.expect(404);
        assert_eq!(limited.get("/v1/me").await.expect(200)["everywhere"], false);
        assert_eq!(a.actor.get("/v1/me").await.expect(200)["everywhere"], true);
    }
}
