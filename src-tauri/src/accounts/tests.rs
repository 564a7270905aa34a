use std::{fs, io::Write, path::Path};

use omniot_shared::{
    entities::{Attempt, AttemptOutcome},
    ids::{AttemptId, ClientId, PersonId, TenantId},
    roles::Role,
    time::Millis,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{AccountId, Card, Me, Person, Registry, Tenant};
use crate::{
    App, Config, Reply,
    commissioning::flow::desk::{Desk, Desks},
    store::{Store, commissions},
    transport::{Origin, Server},
    vault::Vault,
};

/// A data folder with so many accounts that were signed in once; nobody answers at their server.
fn folder_of(data: &Path, people: u128) -> Vec<AccountId> {
    folder_at(data, people, "http://127.0.0.1:1")
}

fn folder_at(data: &Path, people: u128, server: &str) -> Vec<AccountId> {
    folder_with(data, people, server, Role::Owner)
}

fn folder_with(data: &Path, people: u128, server: &str, role: Role) -> Vec<AccountId> {
    let server = Origin::read(server).unwrap();
    let mut registry = Registry::read(data.join("accounts.json")).unwrap();
    let cards: Vec<Card> = (1..=people)
        .map(|n| {
            let (tenant, person) = (TenantId(Uuid::from_u128(1)), PersonId(Uuid::from_u128(n)));
            let me = Me {
                person: Person { id: person, name: format!("Person {n}"), email: "x@example.com".into(), role },
                tenant: Tenant { id: tenant, name: "acme".into(), display_name: "Acme".into(), offline_days: 14 },
                permissions: vec![], everywhere: true,
                brand: json!({}),
            };
            Card { id: AccountId::of(&server, tenant, person), server: server.clone(), me, added_at: Millis(1) }
        })
        .collect();
    let ids = cards.iter().map(|card| card.id.clone()).collect();
    registry.change(|registry| cards.into_iter().for_each(|card| registry.put(card))).unwrap();
    ids
}

async fn ask(app: &App, method: &str, path: &str, body: Value) -> Reply {
    app.request(method, path, (!body.is_null()).then_some(body)).await
}

async fn accounts(app: &App) -> Vec<Value> {
    ask(app, "GET", "/app/accounts", Value::Null).await.body["items"].as_array().unwrap().clone()
}

async fn saves(app: &App, name: &str) -> Reply {
    ask(app, "POST", "/v1/sites", json!({"name": name, "time_zone": "UTC"})).await
}

#[tokio::test]
async fn one_damaged_replica_is_a_card_with_a_reason_and_the_other_account_works() {
    let data = tempfile::tempdir().unwrap();
    let ids = folder_of(data.path(), 2);
    let damaged = data.path().join("accounts").join(ids[1].as_str());
    fs::create_dir_all(&damaged).unwrap();
    fs::write(damaged.join("replica.db"), "<html>".repeat(1000)).unwrap();
    let app = App::open(Config::new(data.path())).await.unwrap();

    let shown = accounts(&app).await;
    assert_eq!((&shown[0]["state"], &shown[0]["error"]), (&json!("needs_sign_in"), &Value::Null));
    assert_eq!((&shown[1]["state"], &shown[1]["error"]["code"], &shown[1]["active"]), (&json!("stopped"), &json!("store_damaged"), &json!(true)));
    let sync = ask(&app, "GET", "/app/sync", Value::Null).await;
    assert_eq!((&sync.body["state"], &sync.body["error"]["code"]), (&json!("stopped"), &json!("store_damaged")));
    assert_eq!(ask(&app, "GET", "/v1/sites", Value::Null).await.code(), Some("store_damaged"));

    assert_eq!(ask(&app, "POST", &format!("/app/accounts/{}/activate", ids[0].as_str()), Value::Null).await.status, 200);
    assert_eq!(saves(&app, "Still here").await.status, 201);
    let kept = ask(&app, "DELETE", &format!("/app/accounts/{}", ids[1].as_str()), Value::Null).await;
    assert_eq!((kept.status, kept.code()), (409, Some("changes_pending")), "nobody can say what is in it");
    assert!(damaged.exists());
    assert_eq!(ask(&app, "DELETE", &format!("/app/accounts/{}?discard=true", ids[1].as_str()), Value::Null).await.status, 204);
    assert!(!damaged.exists());
    assert_eq!(accounts(&app).await.len(), 1);
}

#[tokio::test]
async fn while_the_server_is_told_goodbye_nothing_is_called_saved() {
    let data = tempfile::tempdir().unwrap();
    // It takes the connection and says nothing, so the farewell lasts as long as it may.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ids = folder_at(data.path(), 1, &format!("http://{}", silent.local_addr().unwrap()));
    let app = App::open(Config::new(data.path())).await.unwrap();
    let path = format!("/app/accounts/{}", ids[0].as_str());
    let (left, saved) = tokio::join!(ask(&app, "DELETE", &path, Value::Null), async {
        let _told = silent.accept().await.unwrap();
        saves(&app, "Too late").await
    });
    assert_eq!((left.status, saved.status), (204, 401), "{}", saved.body);
}

#[tokio::test]
async fn an_account_that_is_leaving_refuses_edits_and_takes_them_again_when_it_stays() {
    let data = tempfile::tempdir().unwrap();
    let ids = folder_of(data.path(), 1);
    let app = App::open(Config::new(data.path())).await.unwrap();
    let account = app.inner.door.account().unwrap();
    assert_eq!(saves(&app, "Unsent").await.status, 201);
    account.store.leave();
    let refused = saves(&app, "Too late").await;
    assert_eq!((refused.status, refused.code()), (409, Some("account_leaving")));
    assert_eq!(ask(&app, "DELETE", &format!("/app/accounts/{}", ids[0].as_str()), Value::Null).await.code(), Some("changes_pending"));
    assert_eq!(saves(&app, "It stays").await.status, 201);
    let shown = accounts(&app).await;
    assert_eq!((&shown[0]["pending"], &shown[0]["unsent"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn what_a_sign_out_left_behind_is_swept_at_the_next_start() {
    let data = tempfile::tempdir().unwrap();
    let ids = folder_of(data.path(), 1);
    let (known, left) = (data.path().join("accounts").join(ids[0].as_str()), data.path().join("accounts").join("acc_left"));
    for folder in [&known, &left] {
        fs::create_dir_all(folder).unwrap();
        fs::File::create(folder.join("note")).unwrap().write_all(b"x").unwrap();
    }
    let token = zeroize::Zeroizing::new("omt_x".to_owned());
    Vault::open(data.path()).unwrap().put("acc_left", &token).unwrap();
    App::open(Config::new(data.path())).await.unwrap().close().await;
    assert!(known.join("note").exists() && !left.exists());
    assert_eq!(Vault::open(data.path()).unwrap().names(), Vec::<String>::new());

    fs::remove_file(data.path().join("accounts.json")).unwrap();
    App::open(Config::new(data.path())).await.unwrap().close().await;
    assert!(known.join("note").exists(), "without a registry nothing is known to be a remainder");
}

#[tokio::test]
async fn a_folder_without_a_card_stays_while_there_is_work_in_it_unless_its_person_signed_out() {
    let data = tempfile::tempdir().unwrap();
    folder_of(data.path(), 1);
    let left = data.path().join("accounts/acc_left");
    let store = Store::open(&left).unwrap();
    store.edit(|db| commissions::save(db, AttemptId(Uuid::from_u128(9)), "{}")).unwrap();
    drop(store);
    Vault::open(data.path()).unwrap().put("acc_left.visits", "{}").unwrap();
    let opens = async || App::open(Config::new(data.path())).await.unwrap().close().await;
    opens().await;
    assert!(left.join("replica.db").exists(), "nobody has said that it may go");
    assert_eq!(Vault::open(data.path()).unwrap().names(), ["acc_left.visits"]);
    // What signing out does first.
    fs::write(left.join("left"), []).unwrap();
    opens().await;
    assert!(!left.exists() && Vault::open(data.path()).unwrap().names().is_empty());

    Store::open(&left).unwrap();
    opens().await;
    assert!(!left.exists(), "there is nothing in it");
}

#[tokio::test]
async fn labels_that_wait_are_not_lost_by_signing_out() {
    let data = tempfile::tempdir().unwrap();
    let ids = folder_of(data.path(), 1);
    let app = App::open(Config::new(data.path())).await.unwrap();
    Desks::keep_visits(&*app.inner.door.accounts, ids[0].as_str(), Some(include_str!("../../../tests/vectors/app/visit.json"))).unwrap();
    assert_eq!(accounts(&app).await[0]["unsent"], 2, "those that are not done");
    let path = format!("/app/accounts/{}", ids[0].as_str());
    assert_eq!(ask(&app, "DELETE", &path, Value::Null).await.code(), Some("changes_pending"));
    assert_eq!(ask(&app, "DELETE", &format!("{path}?discard=true"), Value::Null).await.status, 204);
    assert_eq!(app.inner.door.accounts.vault().names(), Vec::<String>::new());
}

#[tokio::test]
async fn a_change_that_cannot_be_read_is_shown_with_its_text_saved_and_given_up() {
    let data = tempfile::tempdir().unwrap();
    folder_of(data.path(), 1);
    let app = App::open(Config::new(data.path())).await.unwrap();
    assert_eq!((saves(&app, "Rots").await.status, saves(&app, "Stays").await.status), (201, 201));
    let account = app.inner.door.account().unwrap();
    account.store.edit(|db| Ok(db.execute("update outbox set whole = replace(whole, 'site.create', 'room.create') where n = 1", [])?)).unwrap();
    drop(account);
    app.close().await;

    let app = App::open(Config::new(data.path())).await.unwrap();
    let sync = ask(&app, "GET", "/app/sync", Value::Null).await.body;
    assert_eq!((&sync["pending"], &sync["attention"]), (&json!(1), &json!(1)));
    let items = ask(&app, "GET", "/app/sync/attention", Value::Null).await.body["items"].clone();
    assert_eq!((items.as_array().unwrap().len(), &items[0]["code"]), (1, &json!("unreadable")));
    assert!(items[0]["text"].as_str().unwrap().contains("Rots") && items[0]["at"].as_i64() > Some(1_700_000_000_000), "{items}");
    let saved = ask(&app, "POST", "/app/sync/export", Value::Null).await.body;
    let mut archive = zip::ZipArchive::new(fs::File::open(saved["path"].as_str().unwrap()).unwrap()).unwrap();
    let text = std::io::read_to_string(archive.by_name("changes.json").unwrap()).unwrap();
    assert!(saved["changes"] == 2 && text.contains("Rots") && text.contains("Stays"), "{text}");
    let path = format!("/app/sync/attention/{}", items[0]["intent_id"].as_str().unwrap());
    assert_eq!(ask(&app, "POST", &format!("{path}/export"), Value::Null).await.body["changes"], 1);
    assert_eq!(ask(&app, "POST", &format!("{path}/retry"), Value::Null).await.status, 404);
    assert_eq!((ask(&app, "DELETE", &path, Value::Null).await.status, ask(&app, "DELETE", &path, Value::Null).await.status), (204, 404));
    assert_eq!(ask(&app, "GET", "/app/sync", Value::Null).await.body["attention"], 0);
}

#[tokio::test]
async fn an_attempt_that_its_author_may_not_make_any_more_waits_for_the_server_all_the_same() {
    let data = tempfile::tempdir().unwrap();
    folder_with(data.path(), 1, "http://127.0.0.1:1", Role::Viewer);
    let app = App::open(Config::new(data.path())).await.unwrap();
    let account = app.inner.door.account().unwrap();
    let id = AttemptId(Uuid::from_u128(9));
    account.store.edit(|db| commissions::save(db, id, "{}")).unwrap();
    Desk::record(&*account, &attempt(id), None).await.unwrap();

    let items = ask(&app, "GET", "/app/sync/attention", Value::Null).await.body["items"].clone();
    assert_eq!(items, json!([]));
    let shown = accounts(&app).await;
    assert_eq!((&shown[0]["pending"], &shown[0]["unsent"]), (&json!(1), &json!(1)), "it is unfinished no more, and would be lost with the account");
    assert_eq!(account.store.read(|db| commissions::all(db)).unwrap(), []);
}

fn attempt(id: AttemptId) -> Attempt {
    Attempt {
        id, device_id: None, serial: Some("SN-1".into()), site_id: None, technician_id: PersonId(Uuid::from_u128(1)), technician_name: "Tess".into(),
        client_id: ClientId(Uuid::nil()), app_version: "1".into(), os: "linux".into(), radio: "virtual".into(), protocol: None, security: None, firmware: None,
        identity_verified: true, rssi: None, mtu: None, steps: vec![], grant_id: None, receipt: None, epoch: None, network_name: None,
        outcome: AttemptOutcome::Succeeded, cause: None, started_at: Millis(1), ended_at: Millis(2),
    }
}

#[tokio::test]
async fn a_late_answer_to_an_older_session_signs_nobody_out() {
    let data = tempfile::tempdir().unwrap();
    folder_of(data.path(), 1);
    let app = App::open(Config::new(data.path())).await.unwrap();
    let account = app.inner.door.account().unwrap();
    let token = |text: &str| zeroize::Zeroizing::new(text.to_owned());
    account.sign_in(token("omt_old"));
    let old: Server = account.server().unwrap();
    account.sign_in(token("omt_new"));
    assert!(!account.session_ended(&old));
    assert!(account.server().is_ok(), "the new session holds");
    assert!(account.session_ended(&account.server().unwrap()));
    assert!(account.server().is_err());
}

#[test]
fn a_disk_that_takes_nothing_keeps_nobody_out_and_nobody_in() {
    let data = tempfile::tempdir().unwrap();
    let ids = folder_of(data.path(), 2);
    let mut registry = Registry::read(data.path().join("accounts.json")).unwrap();
    fs::remove_dir_all(data.path()).unwrap();
    assert!(registry.change(|_| ()).is_err(), "nothing can be written");
    for active in [None, Some(ids[0].clone())] {
        registry.activate(active.clone());
        assert_eq!(registry.active, active);
    }
}
