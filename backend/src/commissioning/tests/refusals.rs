use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_shared::{
    ids::{DeviceId, SiteId},
    roles::Role,
};
use serde_json::{Value, json};

use super::{Device, device::pack};
use crate::testing::{Actor, App, Client, Tenant};

const MINUTE: i64 = 60_000;

/// A tenant with a device in contact, and another one that says to be it.
struct Story {
    app: App,
    tenant: Tenant,
    owner: Actor,
    technician: Actor,
    device: Device,
    credential: Client,
}

impl Story {
    async fn of(app: &App) -> Self {
        let tenant = app.tenant("acme").await;
        let (owner, technician) = (tenant.person(Role::Owner).await, tenant.person(Role::Technician).await);
        let mut device = Device::new("OM-1");
        for grant in pack(&technician, 5, 3).await {
            device.take(&grant, None);
        }
        let answer = app.nobody().post("/v1/device/claim", device.claim(&tenant).await).await.expect(200);
        let credential = app.bearer(answer["credential"].as_str().unwrap());
        app.pass(MINUTE);
        Self { app: app.clone(), tenant, owner, technician, device, credential }
    }

    /// Another board in the same housing, claimed over the radio.
    async fn other(&self) -> Device {
        let mut other = Device { key: ed25519_dalek::SigningKey::from_bytes(&[9; 32]), ..Device::new("OM-1") };
        other.take(&pack(&self.technician, 6, 1).await[0], None);
        other
    }

    async fn claim(&self, device: &Device) -> (u16, String) {
        self.app.nobody().post("/v1/device/claim", device.claim(&self.tenant).await).await.refusal()
    }

    fn path(&self) -> String {
        format!("/v1/devices/{}", DeviceId::for_serial(self.tenant.id, "OM-1"))
    }

    async fn refused(&self) -> Value {
        self.owner.get(&self.path()).await.expect(200)["refused"].clone()
    }

    async fn waiting(&self) -> Vec<Value> {
        self.owner.get("/v1/devices/waiting?waits_for=contact").await.expect(200)["items"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn a_refused_contact_is_seen_until_the_device_is_let_in() {
    for app in App::both().await {
        let story = Story::of(&app).await;
        let mut older = Device::new("OM-1");
        older.take(&pack(&story.technician, 7, 1).await[0], None);
        assert_eq!(story.claim(&older).await, (409, "epoch_stale".into()));
        let at = app.state.now();
        let grant = older.state.owner.as_ref().unwrap().grant_id;
        assert_eq!(story.refused().await, json!({ "code": "epoch_stale", "grant_id": grant, "at": at, "since": at, "is_proven": true }), "{}", app.engine);
        let waiting = story.waiting().await;
        assert_eq!((waiting.len(), &waiting[0]["serial"], &waiting[0]["refused"]["code"], &waiting[0]["since"]), (1, &json!("OM-1"), &json!("epoch_stale"), &json!(at)));
        app.pass(MINUTE);
        assert_eq!(story.claim(&older).await, (409, "epoch_stale".into()));
        assert_eq!((&story.refused().await["at"], &story.refused().await["since"]), (&json!(app.state.now()), &json!(at)), "the latest, and since when");
        app.pass(1);
        story.credential.post("/v1/device/heartbeat", json!({ "readings": {} })).await.expect(200);
        assert_eq!((story.refused().await, story.waiting().await.len()), (json!(null), 0), "it is in contact");
        app.pass(MINUTE);
        assert_eq!(story.claim(&older).await, (409, "epoch_stale".into()));
        assert_eq!(story.claim(&story.device).await.0, 200);
        let (rows,): (i64,) = story.tenant.db_write().await.query("select count(*) from device_refusal where tenant_id = $1").one().await.unwrap();
        assert_eq!(rows, 0, "who is let in has none");
    }
}

#[tokio::test]
async fn each_refusal_of_a_planned_device_is_kept_as_said_by_nobody_known() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (admin, technician) = (tenant.person(Role::Admin).await, tenant.person(Role::Technician).await);
        let model = admin.post("/v1/models", json!({ "name": "Sensor", "sku": "S1", "min_security": "sec1" })).await.expect(201);
        let planned = admin.post("/v1/devices", json!({ "serial": "OM-1", "name": "Roof", "model_id": model["id"] })).await.expect(201);
        let path = format!("/v1/devices/{}", planned["id"].as_str().unwrap());
        let mut device = Device::new("OM-1");
        let grants = pack(&technician, 5, 1).await;
        device.take(&grants[0], None);
        let items = admin.get("/v1/grants").await.expect(200)["items"].clone();
        admin.delete(&format!("/v1/grants/{}", items[0]["id"].as_str().unwrap())).await.expect(204);
        let reply = app.nobody().post("/v1/device/claim", device.claim(&tenant).await).await;
        assert_eq!(reply.refusal(), (403, "grant_revoked".into()));
        let refused = admin.get(&path).await.expect(200)["refused"].clone();
        assert_eq!((&refused["code"], &refused["is_proven"]), (&json!("grant_revoked"), &json!(false)), "{}", app.engine);
        let mut stranger = Device::new("OM-2");
        stranger.take(&grants[0], None);
        assert_eq!(app.nobody().post("/v1/device/claim", stranger.claim(&tenant).await).await.refusal(), (403, "grant_revoked".into()));
        let (rows,): (i64,) = tenant.db_write().await.query("select count(*) from device_refusal where tenant_id = $1").one().await.unwrap();
        assert_eq!(rows, 1, "of a device that nobody knows nothing is kept");
    }
}

#[tokio::test]
async fn nobody_fills_the_store_or_speaks_over_a_device_itself() {
    for app in App::both().await {
        let story = Story::of(&app).await;
        let mut older = Device::new("OM-1");
        older.take(&pack(&story.technician, 7, 1).await[0], None);
        let other = story.other().await;
        let at = app.state.now();
        for _ in 0..5 {
            assert_eq!(story.claim(&other).await, (409, "key_mismatch".into()));
            app.pass(1_000);
        }
        let refused = story.refused().await;
        assert_eq!((&refused["code"], &refused["at"], &refused["is_proven"]), (&json!("key_mismatch"), &json!(at), &json!(false)), "once a minute: {}", app.engine);
        assert_eq!(story.claim(&older).await, (409, "epoch_stale".into()));
        assert_eq!(story.refused().await["code"], "epoch_stale", "the device's own word is shown at once");
        app.pass(10 * MINUTE);
        assert_eq!(story.claim(&other).await, (409, "key_mismatch".into()));
        assert_eq!(story.refused().await["code"], "epoch_stale", "and not spoken over");
        let forged = Device { key: ed25519_dalek::SigningKey::from_bytes(&[8; 32]), ..older.clone() };
        assert_eq!(story.claim(&forged).await, (403, "bad_signature".into()));
        let (mut body, over) = (older.claim(&story.tenant).await, super::device::challenge(&app, &story.tenant.id.to_string()).await);
        body["challenge"] = older.claim_over(&over)["challenge"].clone();
        assert_eq!(app.nobody().post("/v1/device/claim", body).await.refusal(), (403, "bad_signature".into()));
        assert_eq!(story.refused().await["at"], json!(at.plus(5_000)), "what is not signed is not kept");
    }
}

#[tokio::test]
async fn a_key_is_forgotten_for_one_that_was_refused_and_the_device_begins_anew() {
    for app in App::both().await {
        let story = Story::of(&app).await;
        let forget = format!("{}/key", story.path());
        assert_eq!(story.owner.delete(&forget).await.refusal(), (409, "state_conflict".into()), "nothing was refused: {}", app.engine);
        let other = story.other().await;
        assert_eq!(story.claim(&other).await, (409, "key_mismatch".into()));
        for (role, refusal) in [(Role::Operator, (403, "not_allowed")), (Role::Technician, (403, "not_allowed"))] {
            assert_eq!(story.tenant.person(role).await.delete(&forget).await.refusal(), (refusal.0, refusal.1.into()));
        }
        app.pass(1);
        story.credential.post("/v1/device/heartbeat", json!({ "readings": {} })).await.expect(200);
        assert_eq!(story.owner.delete(&forget).await.refusal(), (409, "state_conflict".into()), "the device itself is in contact");
        app.pass(MINUTE);
        assert_eq!(story.claim(&other).await, (409, "key_mismatch".into()));
        assert_eq!(story.owner.delete(&forget).await.refusal(), (409, "key_unproven".into()), "whoever holds a permission could say so");
        assert_eq!(story.owner.delete(&format!("{forget}?heir=anyone")).await.status, 400);
        let forget = format!("{forget}?heir=unproven");
        story.owner.delete(&forget).await.expect(204);
        assert_eq!(story.refused().await["code"], "key_forgotten");
        assert_eq!(story.waiting().await.len(), 1, "it has not been let in yet");
        assert_eq!(story.owner.delete(&forget).await.refusal(), (409, "state_conflict".into()), "it is forgotten already");
        let heartbeat = story.credential.post("/v1/device/heartbeat", json!({ "readings": {} })).await;
        assert_eq!(heartbeat.refusal(), (401, "not_signed_in".into()), "the credential of the key is dead");
        assert_eq!(story.claim(&other).await.0, 200);
        let shown = story.owner.get(&story.path()).await.expect(200);
        assert_eq!((&shown["epoch"], &shown["refused"], &shown["state"]), (&json!(1), &json!(null), &json!("online")), "its epochs begin anew");
        assert_eq!(story.claim(&story.device).await, (409, "key_mismatch".into()), "now the former key is the other one");
        let entries = story.owner.get("/v1/audit?action=device.forget_key").await.expect(200)["items"].clone();
        assert_eq!((entries.as_array().unwrap().len(), entries[0]["actor"]["id"].clone()), (1, json!(story.owner.id)));
    }
}

#[tokio::test]
async fn electronics_that_a_technician_put_in_and_recorded_is_told_from_what_only_says_so() {
    for app in App::both().await {
        let story = Story::of(&app).await;
        let forget = format!("{}/key", story.path());
        let (put_in, forged) = (story.other().await, story.other().await);
        super::device::record(&story.tenant, &story.technician, &put_in).await;
        let forged = Device { key: ed25519_dalek::SigningKey::from_bytes(&[8; 32]), state: omniot_shared::claim::owner::OwnerState::default(), ..forged };
        let mut forged = forged;
        // With the very permission that the technician used.
        forged.take(&STANDARD.encode(&put_in.state.owner.as_ref().unwrap().grant), None);
        assert_eq!(story.claim(&forged).await, (409, "key_mismatch".into()));
        assert_eq!((&story.refused().await["is_proven"], story.owner.delete(&forget).await.refusal()), (&json!(false), (409, "key_unproven".into())), "{}", app.engine);
        assert_eq!(story.claim(&put_in).await, (409, "key_mismatch".into()));
        assert_eq!(story.refused().await["is_proven"], true);
        app.pass(MINUTE);
        assert_eq!(story.claim(&forged).await, (409, "key_mismatch".into()));
        assert_eq!(story.refused().await["is_proven"], true, "it is not spoken over");
        story.owner.delete(&forget).await.expect(204);
        assert_eq!(story.claim(&put_in).await.0, 200);
    }
}

#[tokio::test]
async fn the_former_device_comes_back_when_its_key_was_forgotten_and_it_is_still_there() {
    for app in App::both().await {
        let story = Story::of(&app).await;
        let other = story.other().await;
        assert_eq!(story.claim(&other).await, (409, "key_mismatch".into()));
        story.owner.delete(&format!("{}/key?heir=unproven", story.path())).await.expect(204);
        assert_eq!(story.claim(&story.device).await.0, 200, "{}", app.engine);
        assert_eq!(story.owner.get(&story.path()).await.expect(200)["epoch"], 3);
    }
}

#[tokio::test]
async fn a_receipt_that_a_technician_recorded_proves_the_device_that_shows_it() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (admin, technician) = (tenant.person(Role::Admin).await, tenant.person(Role::Technician).await);
        let model = admin.post("/v1/models", json!({ "name": "Sensor", "sku": "S1", "min_security": "sec1" })).await.expect(201);
        let site = admin.post("/v1/sites", json!({ "name": "Hall 1", "time_zone": "UTC" })).await.expect(201);
        let site: SiteId = site["id"].as_str().unwrap().parse().unwrap();
        let planned = admin.post("/v1/devices", json!({ "serial": "OM-1", "name": "Roof", "model_id": model["id"] })).await.expect(201);
        let mut device = Device::new("OM-1");
        device.take(&pack(&technician, 5, 1).await[0], Some(site));
        super::device::record(&tenant, &technician, &device).await;
        let lost = device.state.owner.as_ref().unwrap().grant_id;
        let mut scope = tenant.db_write().await;
        scope.query("update claim_grant set revoked_at = 1 where tenant_id = $1 and id = $2").bind(lost).execute().await.unwrap();
        scope.commit().await.unwrap();
        assert_eq!(app.nobody().post("/v1/device/claim", device.claim(&tenant).await).await.refusal(), (403, "grant_revoked".into()));
        let refused = admin.get(&format!("/v1/devices/{}", planned["id"].as_str().unwrap())).await.expect(200)["refused"].clone();
        assert_eq!((&refused["code"], &refused["is_proven"]), (&json!("grant_revoked"), &json!(true)), "{}", app.engine);
    }
}
