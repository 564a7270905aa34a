//! Facts about tenants.

use omniot_shared::{ids::TenantId, roles::Role};
use serde_json::json;

use super::{NewTenant, provision};
use crate::{
    audit::Author,
    db::{Event, Layout, Scope, TenantAccess},
    http::ApiError,
    testing::{Actor, App},
};

fn new(name: &str, template: &str) -> NewTenant {
    NewTenant { name: name.to_owned(), display_name: format!("{name} Ltd"), template: template.to_owned() }
}

#[tokio::test]
async fn a_new_tenant_has_what_its_template_says_as_numbered_changes() {
    for app in App::both().await {
        let made = provision(&app.state, &Author::system("test"), None, new("cold", "cold-chain"), async |_: &mut Scope, _: &super::Furniture| Ok(())).await;
        let id = made.expect("a tenant").id;
        let tenant = crate::testing::Tenant { app: app.clone(), id, name: "cold".to_owned() };
        let admin = tenant.person(Role::Admin).await;
        let sites = admin.get("/v1/sites").await.expect(200);
        let names: Vec<&str> = sites["items"].as_array().expect("sites").iter().filter_map(|site| site["name"].as_str()).collect();
        assert_eq!(names, ["Central cold store", "City depot"], "on {}", app.engine);
        let models = admin.get("/v1/models").await.expect(200);
        assert_eq!(models["items"].as_array().map(Vec::len), Some(2));
        let (seq,): (i64,) = tenant.db_write().await.query("select seq from tenant_clock where tenant_id = $1").one().await.expect("a clock");
        assert!(seq > 0, "replicas see the template's rows");
        let card = app.nobody().get("/v1/tenant-card?name=Cold").await.expect(200);
        assert_eq!((&card["name"], &card["display_name"]), (&json!("cold"), &json!("cold Ltd")));
        assert_eq!(card["brand"]["name"], json!("Verdant"), "{}", card["brand"]["name"]);
    }
}

#[tokio::test]
async fn a_tenant_that_fails_to_come_to_be_leaves_nothing_behind() {
    for app in [App::sqlite_with(Layout::FileEach).await].into_iter().chain(App::both().await) {
        let refuse = async |_: &mut Scope, _: &super::Furniture| Err(ApiError::invalid_field("owner_email", "no"));
        provision(&app.state, &Author::system("test"), None, new("acme", "facility"), refuse).await.expect_err("refused");
        assert_eq!(app.nobody().get("/v1/tenant-card?name=acme").await.status, 404, "on {}", app.engine);
        app.tenant("acme").await;
        app.nobody().get("/v1/tenant-card?name=acme").await.expect(200);
    }
}

#[tokio::test]
async fn two_who_take_the_same_name_at_once_make_one_tenant() {
    for app in App::both().await {
        let make = || {
            let state = app.state.clone();
            tokio::spawn(async move { provision(&state, &Author::system("test"), None, new("twin", "facility"), async |_: &mut Scope, _: &super::Furniture| Ok(())).await })
        };
        let (one, other) = (make(), make());
        let made = [one.await.expect("a task"), other.await.expect("a task")];
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1, "{made:?} on {}", app.engine);
        let refused = made.into_iter().find_map(Result::err).map(ApiError::from).expect("the other");
        assert_eq!((refused.code, refused.field.as_deref()), ("name_taken", Some("name")));
    }
}

#[tokio::test]
async fn suspension_bites_on_the_next_request_and_only_there() {
    for app in App::both().await {
        let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
        let (person, neighbour) = (acme.person(Role::Owner).await, other.person(Role::Owner).await);
        let operator = app.operator().await;
        let mut streams = app.state.bus.subscribe(acme.id);
        person.get("/v1/audit").await.expect(200);
        let suspended = operator.post(&format!("/v1/operator/tenants/{}/suspend", acme.id), json!({"reason": "unpaid"})).await.expect(200);
        assert_eq!(suspended["status"], json!("suspended"));
        for path in ["/v1/audit", "/v1/sites", "/v1/me"] {
            assert_eq!(person.get(path).await.refusal(), (403, "tenant_suspended".to_owned()), "{path} on {}", app.engine);
        }
        let write = person.post("/v1/sites", json!({"name": "Hall", "time_zone": "UTC"})).await;
        assert_eq!(write.refusal(), (403, "tenant_suspended".to_owned()));
        assert_eq!(streams.try_recv(), Ok(Event::AccessChanged), "open streams are told");
        neighbour.get("/v1/audit").await.expect(200);
        let again = operator.post(&format!("/v1/operator/tenants/{}/suspend", acme.id), json!({"reason": "unpaid"})).await.expect(200);
        assert_eq!(again["status"], json!("suspended"), "twice is once");
        operator.post(&format!("/v1/operator/tenants/{}/resume", acme.id), json!({})).await.expect(200);
        let log = person.get("/v1/audit?q=tenant").await.expect(200);
        let acts: Vec<(&str, &str)> = log["items"].as_array().expect("items").iter().map(|entry| (entry["action"].as_str().unwrap_or_default(), entry["actor"]["kind"].as_str().unwrap_or_default())).collect();
        assert_eq!(acts[..2], [("tenant.resume", "operator"), ("tenant.suspend", "operator")], "{acts:?} on {}", app.engine);
    }
}

#[tokio::test]
async fn the_card_is_found_by_name_or_host_and_nowhere_else() {
    let app = App::sqlite().await;
    app.tenant("acme").await;
    let by_host = |host: &'static str| {
        let app = app.clone();
        async move { app.send(axum::http::Request::get("/v1/tenant-card").header("host", host).body(axum::body::Body::empty()).expect("a request")).await.status }
    };
    assert_eq!((by_host("acme.omniot.example").await, by_host("ACME.omniot.example:443").await), (200, 200));
    assert_eq!((by_host("other.omniot.example").await, by_host("localhost:8080").await), (404, 404));
    for name in ["", "nobody", "acme%20", "%27%20or%201=1", "ac%25"] {
        let status = app.nobody().get(&format!("/v1/tenant-card?name={name}")).await.status;
        assert_eq!(status, if name == "acme%20" { 200 } else { 404 }, "{name}");
    }
}

#[tokio::test]
async fn an_id_of_no_tenant_opens_nothing() {
    let app = App::sqlite_with(Layout::FileEach).await;
    let access = TenantAccess::for_job(TenantId(uuid::Uuid::nil()), "test");
    assert!(app.state.db.read(&access).await.is_err());
}

#[tokio::test]
async fn how_long_a_device_may_be_read_without_a_contact_is_the_tenant_s_own() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let other = app.tenant("cold").await;
        let (admin, technician) = (tenant.person(Role::Admin).await, tenant.person(Role::Technician).await);
        let days = async |who: &Actor| who.get("/v1/me").await.expect(200)["tenant"]["offline_days"].clone();
        assert_eq!(days(&technician).await, json!(14), "{}", app.engine);
        for _ in 0..2 {
            assert_eq!(admin.patch("/v1/tenant", json!({"offline_days": 30})).await.expect(200), json!({"offline_days": 30}));
        }
        assert_eq!(admin.patch("/v1/tenant", json!({})).await.expect(200), json!({"offline_days": 30}), "what is absent stays");
        assert_eq!(days(&technician).await, json!(30));
        assert_eq!(days(&other.person(Role::Technician).await).await, json!(14), "{}: another tenant's", app.engine);
        for wrong in [0, -1, 91, i32::MAX] {
            let refused = admin.patch("/v1/tenant", json!({"offline_days": wrong})).await.expect(422);
            assert_eq!((&refused["error"]["code"], &refused["error"]["field"]), (&json!("invalid_field"), &json!("offline_days")));
        }
        for role in [Role::Operator, Role::Viewer, Role::Technician] {
            assert_eq!(tenant.person(role).await.patch("/v1/tenant", json!({"offline_days": 1})).await.expect(403)["error"]["code"], "not_allowed");
        }
        assert_eq!(days(&technician).await, json!(30));
        let log = admin.get("/v1/audit?action=tenant.change").await.expect(200);
        assert_eq!((log["items"].as_array().map(Vec::len), &log["items"][0]["detail"]), (Some(1), &json!({"offline_days": 30})), "written down once");
    }
}
