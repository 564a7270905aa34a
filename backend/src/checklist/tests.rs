//! Facts about a tenant's checklist, through the API, on both engines.

use omniot_shared::roles::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::testing::{App, Tenant};

const PATH: &str = "/v1/checklist";

fn item(n: u128, text: &str) -> Value {
    json!({"id": Uuid::from_u128(n), "text": text, "hint": null, "required": true, "evidence": "tick", "unit": null})
}

async fn db_changes(tenant: &Tenant) -> Vec<Value> {
    let log = tenant.person(Role::Admin).await.get("/v1/audit?action=checklist.change").await.expect(200);
    log["items"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_checklist_is_made_changed_and_read_by_whoever_sees_devices() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (operator, technician) = (tenant.person(Role::Operator).await, tenant.person(Role::Technician).await);
        assert_eq!(technician.get(PATH).await.expect(200), json!({"version": 0, "items": [], "updated_at": null, "updated_by": null}), "{}", app.engine);
        let voltage = json!({"id": Uuid::from_u128(2), "text": " Voltage ", "hint": "At L1", "required": false, "evidence": "number", "unit": "V"});
        let made = operator.put(PATH, json!({"version": 0, "items": [item(1, "Sealed?"), voltage]})).await.expect(200);
        let name = operator.get("/v1/me").await.expect(200)["person"]["name"].clone();
        assert_eq!((&made["version"], &made["items"][1]["text"], &made["updated_by"], &made["updated_at"]), (&json!(1), &json!("Voltage"), &name, &json!(app.state.now())));
        assert_eq!(technician.get(PATH).await.expect(200), made);
        let changed = operator.put(PATH, json!({"version": 1, "items": [item(3, "Photo?"), item(1, "Is it sealed?")]})).await.expect(200);
        assert_eq!((&changed["version"], &changed["items"][0]["text"]), (&json!(2), &json!("Photo?")));
        let log = db_changes(&tenant).await;
        assert_eq!((log.len(), &log[0]["detail"]), (2, &json!({"added": 1, "removed": 1, "changed": 1})), "{}", log[0]);
        assert_ne!(log[0]["before_hash"], log[0]["after_hash"]);
        let emptied = operator.put(PATH, json!({"version": 2, "items": []})).await.expect(200);
        assert_eq!((&emptied["version"], &emptied["items"]), (&json!(3), &json!([])), "an organization may want nothing checked any more");
    }
}

#[tokio::test]
async fn the_same_twice_happens_once_and_what_was_not_seen_is_not_overwritten() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let operator = tenant.person(Role::Operator).await;
        let first = json!({"version": 0, "items": [item(1, "Sealed?")]});
        let made = operator.put(PATH, first.clone()).await.expect(200);
        assert_eq!(operator.put(PATH, first).await.expect(200), made, "{}: sent twice", app.engine);
        assert_eq!(db_changes(&tenant).await.len(), 1, "and written down once");
        for version in [0, 2, -1] {
            let late = operator.put(PATH, json!({"version": version, "items": [item(2, "Other?")]})).await;
            assert_eq!(late.refusal(), (409, "stale".to_owned()), "{version}");
        }
        assert_eq!(operator.get(PATH).await.expect(200), made);
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_field() {
    for app in App::both().await {
        let operator = app.tenant("acme").await.person(Role::Operator).await;
        let with = |name: &str, value: Value| {
            let mut one = item(1, "Sealed?");
            one[name] = value;
            json!({"version": 0, "items": [item(2, "Other?"), one]})
        };
        let cases = [
            (with("text", json!(" ")), "invalid_field", "items[1].text"),
            (with("unit", json!("V")), "invalid_field", "items[1].unit"),
            (with("hint", json!("x".repeat(501))), "invalid_field", "items[1].hint"),
            (with("id", json!(Uuid::from_u128(2))), "invalid_field", "items[1].id"),
            (with("evidence", json!("smell")), "invalid_field", "items[1].evidence"),
            (with("colour", json!("red")), "unknown_field", "items[1].colour"),
            (json!({"items": []}), "invalid_field", "version"),
            (json!({"version": 0, "items": (0..51).map(|n| item(n, "?")).collect::<Vec<_>>()}), "invalid_field", "items"),
        ];
        for (body, code, field) in cases {
            let reply = operator.put(PATH, body.clone()).await;
            assert_eq!((reply.refusal(), &reply.json()["error"]["field"]), ((422, code.to_owned()), &json!(field)), "{}: {body}", app.engine);
        }
        assert_eq!(operator.get(PATH).await.expect(200)["version"], 0);
    }
}

#[tokio::test]
async fn only_who_changes_models_everywhere_changes_it_and_another_tenant_has_its_own() {
    for app in App::both().await {
        let (tenant, other) = (app.tenant("acme").await, app.tenant("bolt").await);
        let owner = tenant.person(Role::Owner).await;
        let limited = tenant.person(Role::Operator).await;
        owner.put(&format!("/v1/people/{}/sites", limited.id), json!({"sites": []})).await.expect(200);
        let body = json!({"version": 0, "items": [item(1, "Sealed?")]});
        for nobody in [&tenant.person(Role::Technician).await, &tenant.person(Role::Viewer).await, &limited] {
            assert_eq!(nobody.put(PATH, body.clone()).await.refusal(), (403, "not_allowed".to_owned()), "{}", app.engine);
            assert_eq!(nobody.get(PATH).await.expect(200)["version"], 0, "and everybody reads it");
        }
        assert_eq!(app.nobody().get(PATH).await.refusal(), (401, "not_signed_in".to_owned()));
        owner.put(PATH, body).await.expect(200);
        assert_eq!(other.person(Role::Owner).await.get(PATH).await.expect(200)["version"], 0);
    }
}
