use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_shared::{
    claim::{PublicKey, SignedGrant},
    ids::{ClientId, GrantId},
    roles::Role,
};
use serde_json::json;

use super::{Device, device::pack};
use crate::{commissioning::grants::GRANT_MS, testing::App};

fn ids(pack: &[String]) -> Vec<GrantId> {
    pack.iter().map(|grant| SignedGrant(STANDARD.decode(grant).unwrap()).read().unwrap().id).collect()
}

#[tokio::test]
async fn a_pack_holds_grants_that_a_device_can_check() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let technician = tenant.person(Role::Technician).await;
        let client = ClientId(uuid::Uuid::from_u128(5));
        let answer = technician.post("/v1/grants/pack", json!({ "client_id": client, "count": 3 })).await.expect(200);
        let key = PublicKey::read(&STANDARD.decode(answer["claim_key"].as_str().unwrap()).unwrap()).unwrap();
        assert_eq!(answer["grants"].as_array().unwrap().len(), 3);
        for grant in answer["grants"].as_array().unwrap() {
            let grant = SignedGrant(STANDARD.decode(grant.as_str().unwrap()).unwrap()).read().unwrap();
            assert_eq!((grant.tenant, grant.technician, grant.client, grant.claim_key), (tenant.id, technician.id, client, key));
            assert_eq!(grant.backend_url, "https://omniot.example");
            assert_eq!(grant.not_after.since(grant.not_before), GRANT_MS);
        }
    }
}

#[tokio::test]
async fn a_tenant_has_its_claim_key_from_its_first_day_and_keeps_it() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let stored = async || {
            let keys: Vec<(Vec<u8>,)> = tenant.db_write().await.query("select public_key from claim_key where tenant_id = $1").all().await.unwrap();
            keys.into_iter().map(|(key,)| STANDARD.encode(key)).collect::<Vec<_>>()
        };
        let first = stored().await;
        assert_eq!(first.len(), 1, "it is in a backup that was made before the first grant: {}", app.engine);
        let technician = tenant.person(Role::Technician).await;
        let body = json!({ "client_id": ClientId(uuid::Uuid::from_u128(5)), "count": 1 });
        assert_eq!(technician.post("/v1/grants/pack", body.clone()).await.expect(200)["claim_key"], json!(first[0]));
        assert_eq!(stored().await, first);
        // A tenant of a server that made keys when they were needed.
        let mut scope = tenant.db_write().await;
        scope.query("delete from claim_key where tenant_id = $1").execute().await.unwrap();
        scope.commit().await.unwrap();
        technician.post("/v1/grants/pack", body).await.expect(200);
        assert_eq!(stored().await.len(), 1);
    }
}

#[tokio::test]
async fn asking_again_gives_the_same_grants_and_tops_up_to_the_limit() {
    for app in App::both().await {
        let technician = app.tenant("acme").await.person(Role::Technician).await;
        let first = pack(&technician, 5, 2).await;
        assert_eq!(pack(&technician, 5, 2).await, first, "a lost answer costs nothing");
        let more = pack(&technician, 5, 100).await;
        assert_eq!(more.len(), 100);
        assert!(first.iter().all(|grant| more.contains(grant)));
        assert_eq!(ids(&pack(&technician, 5, 100).await), ids(&more), "never more than a hundred");
        assert!(ids(&pack(&technician, 6, 1).await).iter().all(|id| !ids(&more).contains(id)), "another replica has its own");
        for count in [0, 501, 4_000_000_000_u32] {
            let reply = technician.post("/v1/grants/pack", json!({ "client_id": ClientId(uuid::Uuid::from_u128(5)), "count": count })).await;
            assert_eq!(reply.refusal(), (422, "invalid_field".into()), "{count}");
        }
    }
}

#[tokio::test]
async fn expired_grants_are_replaced() {
    for app in App::both().await {
        let technician = app.tenant("acme").await.person(Role::Technician).await;
        let old = pack(&technician, 5, 2).await;
        app.pass(GRANT_MS);
        let new = pack(&technician, 5, 2).await;
        assert_eq!(new.len(), 2);
        assert!(new.iter().all(|grant| !old.contains(grant)));
    }
}

#[tokio::test]
async fn who_may_fetch_list_and_take_back_is_the_matrix() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let body = json!({ "client_id": ClientId(uuid::Uuid::from_u128(5)), "count": 1 });
        for role in Role::ALL {
            let person = tenant.person(role).await;
            let fetch = person.post("/v1/grants/pack", body.clone()).await.status;
            let list = person.get("/v1/grants").await.status;
            let manages = matches!(role, Role::Owner | Role::Admin);
            assert_eq!((fetch, list), (if role == Role::Viewer { 403 } else { 200 }, if manages { 200 } else { 403 }), "{}", role.name());
        }
        assert_eq!(app.nobody().post("/v1/grants/pack", body).await.refusal(), (401, "not_signed_in".into()));
    }
}

#[tokio::test]
async fn a_list_pages_through_all_grants_and_names_their_state() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (technician, admin) = (tenant.person(Role::Technician).await, tenant.person(Role::Admin).await);
        let grants = pack(&technician, 5, 5).await;
        let [revoked, spent, ..] = ids(&grants)[..] else { panic!() };
        admin.delete(&format!("/v1/grants/{revoked}")).await.expect(204);
        let mut device = Device::new("OM-1");
        device.take(&grants[1], None);
        app.nobody().post("/v1/device/claim", device.claim(&tenant).await).await.expect(200);
        let (mut seen, mut path) = (Vec::new(), "/v1/grants?limit=2".to_owned());
        loop {
            let page = admin.get(&path).await.expect(200);
            seen.extend(page["items"].as_array().unwrap().clone());
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/v1/grants?limit=2&cursor={next}");
        }
        assert_eq!(seen.len(), 5);
        let state = |id: GrantId| seen.iter().find(|item| item["id"] == json!(id)).unwrap()["state"].clone();
        assert_eq!((state(revoked), state(spent)), (json!("revoked"), json!("spent")));
        assert!(seen.iter().all(|item| item["technician"]["id"] == json!(technician.id)));
        assert_eq!(admin.get("/v1/grants?cursor=nonsense").await.refusal(), (400, "invalid_cursor".into()));
        let others = admin.get(&format!("/v1/grants?technician_id={}", admin.id)).await.expect(200);
        assert_eq!(others["items"], json!([]));
    }
}

#[tokio::test]
async fn a_spent_grant_cannot_be_taken_back_and_another_tenants_is_not_there() {
    for app in App::both().await {
        let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
        let (technician, admin, stranger) = (acme.person(Role::Technician).await, acme.person(Role::Admin).await, other.person(Role::Owner).await);
        let grants = pack(&technician, 5, 2).await;
        let [spent, free] = ids(&grants)[..] else { panic!() };
        let mut device = Device::new("OM-1");
        device.take(&grants[0], None);
        app.nobody().post("/v1/device/claim", device.claim(&acme).await).await.expect(200);
        assert_eq!(admin.delete(&format!("/v1/grants/{spent}")).await.refusal(), (409, "grant_spent".into()));
        assert_eq!(stranger.delete(&format!("/v1/grants/{free}")).await.refusal(), (404, "not_found".into()));
        assert_eq!(stranger.get("/v1/grants").await.expect(200)["items"], json!([]));
        admin.delete(&format!("/v1/grants/{free}")).await.expect(204);
        admin.delete(&format!("/v1/grants/{free}")).await.expect(204);
    }
}

#[tokio::test]
async fn a_grant_that_a_record_names_stays_for_its_device() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (technician, admin) = (acme.person(Role::Technician).await, acme.person(Role::Admin).await);
        let grants = pack(&technician, 5, 2).await;
        let [named, free] = ids(&grants)[..] else { panic!() };
        let mut scope = acme.db_write().await;
        let record = "insert into attempt (tenant_id, id, seq, scope, client_id, technician_id, technician_name, app_version, os, radio, identity_verified, steps, grant_id, outcome, started_at, ended_at)
            values ($1, $2, 1, 'tenant', $2, $3, 'T', '1', 'linux', 'virtual', $4, '[]', $5, 'interrupted', 1, 2)";
        scope.query(record).bind(uuid::Uuid::nil()).bind(technician.id).bind(true).bind(named).execute().await.unwrap();
        scope.commit().await.unwrap();
        assert_eq!(admin.delete(&format!("/v1/grants/{named}")).await.refusal(), (409, "grant_recorded".into()), "{}", app.engine);
        admin.delete(&format!("/v1/grants/{free}")).await.expect(204);
        let mut device = Device::new("OM-1");
        device.take(&grants[0], None);
        app.nobody().post("/v1/device/claim", device.claim(&acme).await).await.expect(200);
    }
}

#[tokio::test]
async fn grants_that_are_soon_over_do_not_count() {
    for app in App::both().await {
        let technician = app.tenant("acme").await.person(Role::Technician).await;
        let first = pack(&technician, 5, 2).await;
        app.pass(GRANT_MS - 25 * 3_600_000);
        assert_eq!(pack(&technician, 5, 2).await, first, "good for a day and more ({})", app.engine);
        app.pass(2 * 3_600_000);
        let topped = pack(&technician, 5, 2).await;
        assert_eq!((topped.len(), topped.iter().filter(|grant| first.contains(grant)).count()), (4, 2), "two fresh ones beside those that are nearly over");
        assert_eq!(pack(&technician, 5, 2).await.len(), 4, "asking again gives the same");
    }
}
