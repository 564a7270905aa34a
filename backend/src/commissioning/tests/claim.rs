use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_shared::{
    claim::SKEW_TOLERANCE_MS,
    ids::{DeviceId, SiteId, TenantId},
    roles::Role,
};
use serde_json::{Value, json};

use super::{
    Device,
    device::{challenge, pack},
};
use crate::{
    commissioning::grants::GRANT_MS,
    testing::{Actor, App, Log, Tenant},
};

/// A tenant with a technician and a device that took one of their grants.
async fn claimed(app: &App, name: &str, serial: &str) -> (Tenant, Actor, Device) {
    let tenant = app.tenant(name).await;
    let technician = tenant.person(Role::Technician).await;
    let mut device = Device::new(serial);
    device.take(&pack(&technician, 5, 1).await[0], None);
    (tenant, technician, device)
}

async fn post(app: &App, body: Value) -> crate::testing::Reply {
    app.nobody().post("/v1/device/claim", body).await
}

async fn audited(owner: &Actor, action: &str) -> usize {
    owner.get(&format!("/v1/audit?action={action}")).await.expect(200)["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_claimed_device_gets_a_credential_and_a_row_before_any_record_arrives() {
    for app in App::both().await {
        let (tenant, _, device) = claimed(&app, "acme", "OM-1").await;
        let owner = tenant.person(Role::Owner).await;
        let answer = post(&app, device.claim(&tenant).await).await.expect(200);
        let id = DeviceId::for_serial(tenant.id, "OM-1");
        assert_eq!((&answer["device_id"], &answer["record_pending"]), (&json!(id), &json!(true)));
        assert!(answer["credential"].as_str().unwrap().starts_with(&format!("omd_{}_", tenant.id.0.simple())));
        let rows: Vec<(String, i64)> = tenant.db_write().await.query("select state, epoch from device where tenant_id = $1 and id = $2").bind(id).all().await.unwrap();
        assert_eq!(rows, [("claimed".to_owned(), 1)]);
        assert_eq!(audited(&owner, "device.bind").await, 1, "{}", app.engine);
        let bind = owner.get("/v1/audit?action=device.bind").await.expect(200)["items"][0].clone();
        assert_eq!((&bind["actor"]["kind"], &bind["target"]["id"]), (&json!("device"), &json!(id)));
    }
}

#[tokio::test]
async fn a_model_that_a_contact_makes_demands_what_apps_demand_anyway() {
    for app in App::both().await {
        let (tenant, _, device) = claimed(&app, "acme", "OM-1").await;
        post(&app, device.claim(&tenant).await).await.expect(200);
        let models = tenant.person(Role::Owner).await.get("/v1/models").await.expect(200);
        let floors: Vec<_> = models["items"].as_array().unwrap().iter().map(|model| &model["min_security"]).collect();
        assert_eq!(floors, ["sec1"], "{}: whatever was commissioned before it is commissioned after it", app.engine);
    }
}

#[tokio::test]
async fn the_same_claim_again_and_again_is_one_binding_with_one_credential() {
    for app in App::both().await {
        let (tenant, _, device) = claimed(&app, "acme", "OM-1").await;
        let owner = tenant.person(Role::Owner).await;
        let body = device.claim(&tenant).await;
        let first = post(&app, body.clone()).await.expect(200);
        let seq = |mut scope: crate::db::Scope| async move { scope.query("select seq from tenant_clock where tenant_id = $1").one::<(i64,)>().await.unwrap().0 };
        let before = seq(tenant.db_write().await).await;
        for body in [body, device.claim(&tenant).await] {
            assert_eq!(post(&app, body).await.expect(200)["credential"], first["credential"]);
        }
        assert_eq!(seq(tenant.db_write().await).await, before, "a repetition takes no sequence");
        assert_eq!(audited(&owner, "device.bind").await, 1);
    }
}

#[tokio::test]
async fn two_claims_at_once_are_one_binding() {
    for app in App::both().await {
        let (tenant, _, device) = claimed(&app, "acme", "OM-1").await;
        let (one, two) = (device.claim(&tenant).await, device.claim(&tenant).await);
        let (one, two) = tokio::join!(post(&app, one), post(&app, two));
        assert_eq!(one.expect(200)["credential"], two.expect(200)["credential"]);
        assert_eq!(audited(&tenant.person(Role::Owner).await, "device.bind").await, 1);
    }
}

#[tokio::test]
async fn a_second_technician_raises_the_epoch_and_the_older_claim_is_stale() {
    for app in App::both().await {
        let (tenant, _, mut device) = claimed(&app, "acme", "OM-1").await;
        let older = device.clone();
        let first = post(&app, device.claim(&tenant).await).await.expect(200);
        device.take(&pack(&tenant.person(Role::Technician).await, 9, 1).await[0], None);
        let second = post(&app, device.claim(&tenant).await).await.expect(200);
        assert_ne!(first["credential"], second["credential"]);
        assert_eq!(post(&app, older.claim(&tenant).await).await.refusal(), (409, "epoch_stale".into()));
        let heartbeat = app.bearer(first["credential"].as_str().unwrap()).post("/v1/device/heartbeat", json!({ "readings": {} })).await;
        assert_eq!(heartbeat.refusal(), (401, "not_signed_in".into()), "the older credential is dead");
    }
}

#[tokio::test]
async fn the_device_stands_at_the_site_of_its_receipt_when_that_is_known() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (admin, technician) = (tenant.person(Role::Admin).await, tenant.person(Role::Technician).await);
        let site = admin.post("/v1/sites", json!({ "name": "Hall 1", "time_zone": "UTC" })).await.expect(201);
        let site: SiteId = site["id"].as_str().unwrap().parse().unwrap();
        let grants = pack(&technician, 5, 2).await;
        for (serial, grant, placed, expected) in [("OM-1", &grants[0], site, Some(site)), ("OM-2", &grants[1], SiteId(uuid::Uuid::from_u128(77)), None)] {
            let mut device = Device::new(serial);
            device.take(grant, Some(placed));
            post(&app, device.claim(&tenant).await).await.expect(200);
            let id = DeviceId::for_serial(tenant.id, serial);
            let (at,): (Option<uuid::Uuid>,) = tenant.db_write().await.query("select site_id from device where tenant_id = $1 and id = $2").bind(id).one().await.unwrap();
            assert_eq!(at.map(SiteId), expected, "{serial}");
        }
    }
}

#[tokio::test]
async fn a_revoked_an_expired_and_an_unknown_grant_are_refused() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (admin, technician) = (tenant.person(Role::Admin).await, tenant.person(Role::Technician).await);
        let grants = pack(&technician, 5, 3).await;
        let mut devices: Vec<_> = ["OM-1", "OM-2", "OM-3"].map(Device::new).into();
        devices.iter_mut().zip(&grants).for_each(|(device, grant)| device.take(grant, None));
        let items = admin.get("/v1/grants").await.expect(200)["items"].as_array().unwrap().clone();
        let revoked = omniot_shared::claim::SignedGrant(STANDARD.decode(&grants[0]).unwrap()).read().unwrap().id;
        assert_eq!(items.len(), 3);
        admin.delete(&format!("/v1/grants/{revoked}")).await.expect(204);
        let log = Log::of_this_thread();
        assert_eq!(post(&app, devices[0].claim(&tenant).await).await.refusal(), (403, "grant_revoked".into()));
        let line = log.answered("/v1/device/claim");
        let device = DeviceId::for_serial(tenant.id, "OM-1");
        assert!(line.contains(&format!("tenant.id={}", tenant.id)) && line.contains(&format!("actor.id={device}")), "the log does not say who was refused: {line}");
        let lost = omniot_shared::claim::SignedGrant(STANDARD.decode(&grants[1]).unwrap()).read().unwrap().id;
        let mut scope = tenant.db_write().await;
        scope.query("delete from claim_grant where tenant_id = $1 and id = $2").bind(lost).execute().await.unwrap();
        scope.commit().await.unwrap();
        assert_eq!(post(&app, devices[1].claim(&tenant).await).await.refusal(), (403, "grant_unknown".into()));
        app.pass(GRANT_MS + SKEW_TOLERANCE_MS + 1);
        assert_eq!(post(&app, devices[2].claim(&tenant).await).await.refusal(), (403, "grant_expired".into()));
    }
}

#[tokio::test]
async fn clocks_that_are_wrong_by_hours_do_not_lose_a_device() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let grants = pack(&tenant.person(Role::Technician).await, 5, 2).await;
        for (serial, grant, moved) in [("OM-1", &grants[0], -11 * 3_600_000), ("OM-2", &grants[1], GRANT_MS + 22 * 3_600_000)] {
            let mut device = Device::new(serial);
            device.take(grant, None);
            app.pass(moved);
            post(&app, device.claim(&tenant).await).await.expect(200);
        }
    }
}

#[tokio::test]
async fn one_grant_serves_one_device() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let grants = pack(&tenant.person(Role::Technician).await, 5, 1).await;
        let (mut one, mut two) = (Device::new("OM-1"), Device::new("OM-2"));
        one.take(&grants[0], None);
        two.take(&grants[0], None);
        post(&app, one.claim(&tenant).await).await.expect(200);
        assert_eq!(post(&app, two.claim(&tenant).await).await.refusal(), (409, "grant_spent".into()));
        // One that has spent it, and now says that it is another one.
        let mut liar = Device { key: one.key.clone(), ..Device::new("OM-3") };
        liar.take(&grants[0], None);
        assert_eq!(post(&app, liar.claim(&tenant).await).await.refusal(), (409, "grant_spent".into()), "{}", app.engine);
        assert_eq!(tenant.person(Role::Admin).await.get("/v1/devices?q=OM-3").await.expect(200)["items"], json!([]));
    }
}

#[tokio::test]
async fn a_serial_that_proved_one_key_is_not_taken_over_by_another() {
    for app in App::both().await {
        let (tenant, technician, device) = claimed(&app, "acme", "OM-1").await;
        post(&app, device.claim(&tenant).await).await.expect(200);
        let mut fake = Device { key: ed25519_dalek::SigningKey::from_bytes(&[9; 32]), ..Device::new("OM-1") };
        let grants = pack(&technician, 6, 2).await;
        fake.take(&grants[0], None);
        fake.take(&grants[1], None);
        assert_eq!(post(&app, fake.claim(&tenant).await).await.refusal(), (409, "key_mismatch".into()));
    }
}

#[tokio::test]
async fn a_retired_device_stays_retired() {
    for app in App::both().await {
        let (tenant, technician, mut device) = claimed(&app, "acme", "OM-1").await;
        let answer = post(&app, device.claim(&tenant).await).await.expect(200);
        let retire = format!("/v1/devices/{}/retire", answer["device_id"].as_str().unwrap());
        tenant.person(Role::Admin).await.post(&retire, json!({ "reason": "scrapped" })).await.expect(200);
        assert_eq!(post(&app, device.claim(&tenant).await).await.refusal(), (409, "device_retired".into()));
        device.take(&pack(&technician, 6, 1).await[0], None);
        assert_eq!(post(&app, device.claim(&tenant).await).await.refusal(), (409, "device_retired".into()));
        let heartbeat = app.bearer(answer["credential"].as_str().unwrap()).post("/v1/device/heartbeat", json!({ "readings": {} })).await;
        assert_eq!(heartbeat.refusal(), (409, "device_retired".into()));
    }
}

#[tokio::test]
async fn a_suspended_tenants_devices_are_refused_with_that_word() {
    for app in App::both().await {
        let (tenant, technician, device) = claimed(&app, "acme", "OM-1").await;
        let mut waiting = Device::new("OM-2");
        waiting.take(&pack(&technician, 6, 1).await[0], None);
        let answer = post(&app, device.claim(&tenant).await).await.expect(200);
        let operator = app.operator().await;
        operator.post(&format!("/v1/operator/tenants/{}/suspend", tenant.id), json!({ "reason": "unpaid" })).await.expect(200);
        let bound = app.bearer(answer["credential"].as_str().unwrap());
        for body in [waiting.claim(&tenant).await, device.claim(&tenant).await] {
            assert_eq!(post(&app, body).await.refusal(), (403, "tenant_suspended".into()));
        }
        assert_eq!(bound.post("/v1/device/heartbeat", json!({ "readings": {} })).await.refusal(), (403, "tenant_suspended".into()));
        operator.post(&format!("/v1/operator/tenants/{}/resume", tenant.id), json!({})).await.expect(200);
        post(&app, waiting.claim(&tenant).await).await.expect(200);
        bound.post("/v1/device/heartbeat", json!({ "readings": {} })).await.expect(200);
    }
}

#[tokio::test]
async fn a_challenge_is_answered_alike_for_every_tenant_and_good_for_its_own_alone() {
    for app in App::both().await {
        let (tenant, _, device) = claimed(&app, "acme", "OM-1").await;
        let (other, ..) = claimed(&app, "other", "OM-9").await;
        let nobody = TenantId(uuid::Uuid::from_u128(0xDEAD));
        for stranger in [other.id, nobody] {
            let foreign = challenge(&app, &stranger.to_string()).await;
            assert_eq!(foreign.len(), challenge(&app, &tenant.id.to_string()).await.len());
            assert_eq!(post(&app, device.claim_over(&foreign)).await.refusal(), (403, "challenge_expired".into()));
        }
        let body = device.claim(&tenant).await;
        app.pass(crate::commissioning::secrets::CHALLENGE_MS + 1);
        assert_eq!(post(&app, body).await.refusal(), (403, "challenge_expired".into()));
        assert_eq!(app.nobody().post("/v1/device/challenge", json!({ "tenant": "acme" })).await.refusal(), (422, "invalid_field".into()));
    }
}

#[tokio::test]
async fn forged_borrowed_and_unreadable_parts_are_refused_and_write_nothing() {
    for app in App::both().await {
        let (tenant, _, device) = claimed(&app, "acme", "OM-1").await;
        let (other, _, stranger) = claimed(&app, "other", "OM-9").await;
        let good = device.claim(&tenant).await;
        let foreign = stranger.claim(&other).await;
        let with = |field: &str, value: Value| {
            let mut body = good.clone();
            body[field] = value;
            body
        };
        let flipped = |field: &str| {
            let mut bytes = STANDARD.decode(good[field].as_str().unwrap()).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            json!(STANDARD.encode(bytes))
        };
        for (what, body, refusal) in [
            ("grant of another tenant", with("grant", foreign["grant"].clone()), (403, "bad_signature")),
            ("receipt of another device", with("receipt", foreign["receipt"].clone()), (403, "bad_signature")),
            ("flipped grant", with("grant", flipped("grant")), (403, "bad_signature")),
            ("flipped receipt", with("receipt", flipped("receipt")), (403, "bad_signature")),
            ("flipped identity", with("identity", flipped("identity")), (403, "bad_signature")),
            ("no base64", with("grant", json!("%%%")), (422, "invalid_field")),
            ("empty", with("receipt", json!("")), (422, "invalid_field")),
            ("too long", with("identity", json!("A".repeat(9000))), (422, "invalid_field")),
            ("wrong type", with("grant", json!(7)), (422, "invalid_field")),
            ("unknown field", with("tenant", json!(other.id)), (422, "unknown_field")),
        ] {
            let reply = post(&app, body).await;
            assert_eq!(reply.refusal(), (refusal.0, refusal.1.to_owned()), "{what} on {}", app.engine);
        }
        for (what, kind, body, refusal) in [
            ("no JSON", "application/json", "{", (400, "malformed_json")),
            ("not an object", "application/json", "[]", (422, "invalid_field")),
            ("a form", "text/plain", "grant=1", (415, "unsupported_media_type")),
        ] {
            let request = axum::http::Request::post("/v1/device/claim").header("content-type", kind).body(body.into()).unwrap();
            assert_eq!(app.send(request).await.refusal(), (refusal.0, refusal.1.to_owned()), "{what}");
        }
        let devices: Vec<(i64,)> = tenant.db_write().await.query("select epoch from device where tenant_id = $1").all().await.unwrap();
        assert!(devices.is_empty(), "nothing was written");
    }
}

#[tokio::test]
async fn a_device_that_belongs_to_another_tenant_is_refused_with_that_word() {
    for app in App::both().await {
        let (tenant, _, device) = claimed(&app, "acme", "OM-1").await;
        let (_, _, stranger) = claimed(&app, "other", "OM-1").await;
        // It shows our grant and receipt, but its signed identity names another owner.
        let mut confused = device.clone();
        let owner = confused.state.owner.as_mut().unwrap();
        owner.claim_key = stranger.state.owner.as_ref().unwrap().claim_key;
        assert_eq!(post(&app, confused.claim(&tenant).await).await.refusal(), (403, "owned_by_another".into()));
    }
}
