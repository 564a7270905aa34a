//! Several accounts in one app.

use std::fs;

use omniot_app::{App, Config, OpenError};
use omniot_tests::{on_both_engines, world::World};
use serde_json::{Value, json};

use crate::person::{Person, folder, succeeded};

async fn two_accounts_see_and_send_only_their_own(world: World) {
    let (first, second) = (world.tenant("northlift"), world.tenant("verdant"));
    let person = Person::signed_in(&folder(&world, "app"), &world.network.origin(), first, "operator").await;
    let northlift = person.items("/v1/devices?limit=200").await;
    world.network.cut();
    person.offline().await;
    succeeded(person.ask("POST", "/v1/sites", json!({"name": "Northern secret", "time_zone": "UTC"})).await);
    world.network.restore();
    let account = person.sign_in(second, "operator").await;
    assert_eq!(account["active"], true);
    person.synced().await;
    let verdant = person.items("/v1/devices?limit=200").await;
    assert!(verdant.iter().all(|device| !northlift.iter().any(|other| other["id"] == device["id"])), "rows of two tenants mix");
    assert!(person.items("/v1/sites?q=Northern").await.is_empty());
    assert_eq!(person.get("/v1/me").await["tenant"]["name"], "verdant");
    let accounts = person.items("/app/accounts").await;
    assert_eq!(accounts.iter().map(|account| account["active"] == true).collect::<Vec<_>>(), [false, true]);

    let one = accounts[0]["id"].as_str().unwrap();
    let open = format!("/app/accounts/{one}/activate");
    let password = json!({"password": first.signin("operator").password});
    succeeded(person.ask("POST", &open, password.clone()).await);
    person.synced().await;
    assert_eq!(person.items("/v1/sites?q=Northern").await.len(), 1);
    let theirs = second.viewer().await.get("/v1/sites?q=Northern").await.succeeded();
    assert_eq!(theirs["items"], json!([]), "an outbox goes to its own tenant only");
    let person = person.reopens().await;
    succeeded(person.ask("POST", &open, password).await);
    assert_eq!(person.get("/v1/me").await["tenant"]["name"], "northlift");
}

async fn signing_out_removes_everything_but_never_unsent_work_by_accident(world: World) {
    let tenant = world.tenant("northlift");
    let data = folder(&world, "app");
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "operator").await;
    let account = person.items("/app/accounts").await[0]["id"].as_str().unwrap().to_owned();
    world.network.cut();
    person.offline().await;
    succeeded(person.ask("POST", "/v1/sites", json!({"name": "Unsent", "time_zone": "UTC"})).await);
    let refused = person.ask("DELETE", &format!("/app/accounts/{account}"), Value::Null).await;
    assert_eq!((refused.status, refused.code()), (409, Some("changes_pending")));
    assert_eq!(person.items("/v1/sites?q=Unsent").await.len(), 1);
    let done = person.ask("DELETE", &format!("/app/accounts/{account}?discard=true"), Value::Null).await;
    assert_eq!(done.status, 204, "{}", done.body);
    assert!(person.items("/app/accounts").await.is_empty());
    let nobody = person.ask("GET", "/v1/devices", Value::Null).await;
    assert_eq!((nobody.status, nobody.code()), (401, Some("not_signed_in")));
    assert!(!data.join("accounts").join(&account).exists(), "the replica is still on the disk");
}

async fn signing_out_of_what_cannot_be_opened_ends_its_session_too(world: World) {
    let tenant = world.tenant("northlift");
    let data = folder(&world, "app");
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "operator").await;
    let account = person.items("/app/accounts").await[0]["id"].as_str().unwrap().to_owned();
    person.close().await;
    let replica = data.join("accounts").join(&account);
    for file in fs::read_dir(&replica).expect("the replica's folder").flatten() {
        fs::write(file.path(), "<html>".repeat(1000)).expect("it is overwritten");
    }
    let myself = tenant.operator().await;
    let of_the_app = async || myself.all("/v1/sessions").await.into_iter().filter(|session| session["label"].as_str().is_some_and(|label| label.starts_with("app on"))).count();
    assert_eq!(of_the_app().await, 1);
    let person = Person::with_app(&data, &world.network.origin()).await;
    let refused = person.ask("DELETE", &format!("/app/accounts/{account}"), Value::Null).await;
    assert_eq!((refused.status, refused.code()), (409, Some("changes_pending")), "{}", refused.body);
    assert_eq!(person.ask("DELETE", &format!("/app/accounts/{account}?discard=true"), Value::Null).await.status, 204);
    assert_eq!(of_the_app().await, 0, "the session goes on at the server");
}

async fn the_server_s_refusal_of_a_sign_in_comes_through(world: World) {
    let person = Person::with_app(&folder(&world, "app"), &world.network.origin()).await;
    let form = json!({"server": world.network.origin(), "tenant": "northlift", "email": "owner@northlift.example", "password": "wrong wrong wrong"});
    let wrong = person.ask("POST", "/app/accounts", form.clone()).await;
    assert_eq!((wrong.status, wrong.code()), (401, Some("wrong_credentials")));
    let mut plain = form.clone();
    plain["server"] = json!("http://example.com");
    let plain = person.ask("POST", "/app/accounts", plain).await;
    assert_eq!((plain.status, plain.code()), (422, Some("invalid_field")), "a password is not sent in the clear");
    world.network.cut();
    let offline = person.ask("POST", "/app/accounts", form).await;
    assert_eq!((offline.status, offline.code()), (503, Some("offline")));
    assert!(person.items("/app/accounts").await.is_empty());
}

async fn one_data_folder_serves_one_app_at_a_time(world: World) {
    let data = folder(&world, "app");
    let first = App::open(Config::new(&data)).await.unwrap();
    assert!(matches!(App::open(Config::new(&data)).await, Err(OpenError::InUse(_))));
    first.close().await;
    App::open(Config::new(&data)).await.unwrap().close().await;
}

on_both_engines!(
    two_accounts_see_and_send_only_their_own,
    signing_out_of_what_cannot_be_opened_ends_its_session_too,
    signing_out_removes_everything_but_never_unsent_work_by_accident,
    the_server_s_refusal_of_a_sign_in_comes_through,
    one_data_folder_serves_one_app_at_a_time,
);
