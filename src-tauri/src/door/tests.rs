use std::sync::Arc;

use omniot_shared::{
    entities::{DeviceModel, Security},
    ids::{ModelId, PersonId, TenantId},
    roles::Role,
    sync::{Row, Seq, SyncedRow},
    time::Millis,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    App, Config, Event, Reply,
    accounts::{Account, AccountId, Card, Me, Person, Registry, Tenant},
    store::rows,
    transport::Origin,
};

const MODEL: &str = "mod_00000000000000000000000000000009";

/// An app whose one account was signed in once and has no network and no session now.
async fn alone(role: Role) -> (TempDir, App, Arc<Account>) {
    let folder = tempfile::tempdir().unwrap();
    let server = Origin::read("http://127.0.0.1:1").unwrap();
    let (tenant, person) = (TenantId(Uuid::from_u128(1)), PersonId(Uuid::from_u128(2)));
    let me = Me {
        person: Person { id: person, name: "Tess".into(), email: "tess@example.com".into(), role },
        tenant: Tenant { id: tenant, name: "acme".into(), display_name: "Acme".into(), offline_days: 14 },
        permissions: vec![], everywhere: true,
        brand: json!({"name": "Acme"}),
    };
    let card = Card { id: AccountId::of(&server, tenant, person), server, me, added_at: Millis(1) };
    Registry::read(folder.path().join("accounts.json")).unwrap().change(|registry| registry.put(card)).unwrap();
    let app = App::open(Config::new(folder.path())).await.unwrap();
    let account = app.inner.door.account().unwrap();
    let model = DeviceModel { id: MODEL.parse::<ModelId>().unwrap(), name: "Sensor".into(), sku: "S".into(), min_security: Security::Sec1, created_at: Millis(1) };
    account.store.apply(|db| rows::put(db, &SyncedRow { seq: Seq(1), row: Row::Model(model.clone()) })).unwrap();
    (folder, app, account)
}

async fn ask(app: &App, method: &str, path: &str, body: Value) -> Reply {
    app.request(method, path, (!body.is_null()).then_some(body)).await
}

#[tokio::test]
async fn the_page_cannot_sign_in_past_the_vault() {
    let (_folder, app, _) = alone(Role::Owner).await;
    let reply = ask(&app, "POST", "/v1/sessions", json!({"tenant": "acme", "email": "tess@example.com", "password": "x", "client": "app"})).await;
    assert_eq!((reply.status, reply.code()), (404, Some("not_found")), "its answer would hold a token");
}

#[tokio::test]
async fn work_goes_on_without_a_session_and_says_so() {
    let (_folder, app, _) = alone(Role::Technician).await;
    let mut events = app.events();
    let made = ask(&app, "POST", "/v1/devices", json!({"serial": "a 1", "name": "Pump", "model_id": MODEL})).await;
    assert_eq!((made.status, &made.body["serial"], &made.body["model_name"]), (201, &json!("A1"), &json!("Sensor")), "{}", made.body);
    let sync = ask(&app, "GET", "/app/sync", Value::Null).await;
    assert_eq!((&sync.body["state"], &sync.body["pending"]), (&json!("needs_sign_in"), &json!(1)));
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push(event);
    }
    assert!(told.contains(&Event::Data { entity: "device" }) && told.contains(&Event::Sync), "{told:?}");
    let people = ask(&app, "GET", "/v1/people", Value::Null).await;
    assert_eq!((people.status, people.code()), (401, Some("not_signed_in")));
    let id = made.body["id"].as_str().unwrap();
    let detail = ask(&app, "GET", &format!("/v1/devices/{id}"), Value::Null).await;
    assert_eq!((&detail.body["readings"], &detail.body["last_seen_at"]), (&json!([]), &Value::Null));
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_saved_and_the_person_is_told() {
    let (_folder, app, account) = alone(Role::Owner).await;
    account.store.limit_pages(30);
    let note = "x".repeat(2_000);
    let mut answers = Vec::new();
    for n in 0..60 {
        answers.push(ask(&app, "POST", "/v1/sites", json!({"name": format!("Site {n}"), "time_zone": "UTC", "note": note})).await);
    }
    let full = answers.iter().find(|answer| answer.status != 201).expect("the disk gets full");
    assert_eq!((full.status, full.code()), (507, Some("disk_full")), "{}", full.body);
    let saved = answers.iter().filter(|answer| answer.status == 201).count();
    let shown = ask(&app, "GET", "/v1/sites?limit=200", Value::Null).await.body["items"].as_array().unwrap().len();
    let pending = ask(&app, "GET", "/app/sync", Value::Null).await.body["pending"].clone();
    assert_eq!((shown, pending), (saved, json!(saved)), "what was called saved is there, what was refused is not");
    account.store.limit_pages(1_000_000);
    assert_eq!(ask(&app, "POST", "/v1/sites", json!({"name": "Room again", "time_zone": "UTC"})).await.status, 201);
}

#[tokio::test]
async fn what_is_no_path_of_ours_is_not_found_and_nothing_crashes() {
    let (_folder, app, _) = alone(Role::Viewer).await;
    for (method, path) in [("GET", "/app/nothing"), ("GET", "/other"), ("GET", ""), ("GET", "https://elsewhere.example/v1/me"), ("POST", "/app/sync/attention/int_1/retry")] {
        let reply = ask(&app, method, path, Value::Null).await;
        assert_eq!((reply.status, reply.code()), (404, Some("not_found")), "{method} {path}");
    }
    for body in [Value::Null, json!([]), json!("x"), json!({"server": 7}), json!({"server": "https://a.example", "tenant": "t", "email": "e", "password": "p", "token": "x"})] {
        let reply = ask(&app, "POST", "/app/accounts", body.clone()).await;
        assert_eq!(reply.status, 422, "{body}: {}", reply.body);
    }
    let none = ask(&app, "GET", "/v1/tenant-card?name=acme", Value::Null).await;
    assert_eq!((none.status, none.code()), (503, Some("offline")), "the active account's server is asked when none is named");
}

#[tokio::test]
async fn a_closed_app_lets_go_of_its_folder() {
    let (folder, app, _) = alone(Role::Viewer).await;
    assert!(App::open(Config::new(folder.path())).await.is_err());
    app.close().await;
    let again = App::open(Config::new(folder.path())).await.unwrap();
    assert_eq!(ask(&again, "GET", "/v1/me", Value::Null).await.body["person"]["name"], "Tess");
}
