//! "Verify my data", and saving what has not been sent.

use omniot_shared::ids::SiteId;
use omniot_tests::{on_both_engines, world::{Tenant, World}};
use rusqlite::Connection;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{archive::Archive, person::{Person, WrongClock, folder, succeeded}};

/// "Verify my data", answered.
pub async fn verified(person: &Person) -> Value {
    succeeded(person.ask("POST", "/app/sync/verify", Value::Null).await)
}

async fn a_letter_that_changed_on_the_disk_is_found_and_mended_and_unsent_work_is_kept(world: World) {
    let tenant = world.tenant("northlift");
    let data = folder(&world, "app");
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "operator").await;
    let mut rows = 0;
    for list in ["sites", "models", "devices", "attempts"] {
        rows += person.items(&format!("/v1/{list}?limit=200")).await.len();
    }
    let same = verified(&person).await;
    assert_eq!(same, json!({"result": "same", "rows": rows}));

    // An edit of one's own that has not been sent is no difference.
    let site = person.items("/v1/sites?limit=1").await[0].clone();
    let path = format!("/v1/sites/{}", site["id"].as_str().unwrap());
    world.network.cut();
    person.offline().await;
    succeeded(person.ask("PATCH", &path, json!({"note": "mine"})).await);
    let offline = person.ask("POST", "/app/sync/verify", Value::Null).await;
    assert_eq!((offline.status, offline.code()), (503, Some("offline")));

    let account = person.items("/app/accounts").await[0]["id"].as_str().unwrap().to_owned();
    let other = person.items("/v1/sites?limit=200").await.into_iter().find(|other| other["id"] != site["id"]).expect("another site");
    let id: SiteId = serde_json::from_value(other["id"].clone()).unwrap();
    let db = Connection::open(data.join("accounts").join(account).join("replica.db")).expect("the replica");
    assert_eq!(db.execute("update site set name = name || '!' where id = ?1", [Uuid::from(id).as_bytes()]).expect("a rotten letter"), 1);
    drop(db);

    world.network.restore();
    person.sync_now().await;
    person.synced().await;
    assert!(person.items("/v1/sites?limit=200").await.iter().any(|site| site["name"].as_str().unwrap().ends_with('!')), "no pull sees it");
    assert_eq!(verified(&person).await, json!({"result": "different"}));
    person.until("everything is fetched anew", |sync| sync["state"] == "synced").await;
    let log = told(tenant).await;
    assert_eq!((log.len(), &log[0]["found_by"], &log[0]["server"]["count"]), (1, &json!("verify"), &json!(rows)), "{log:?}");
    let same = omniot_tests::world::eventually("what was rotten is mended", || async { Some(verified(&person).await).filter(|answer| answer["result"] == "same") }).await;
    assert_eq!(same["rows"], rows);
    let names: Vec<Value> = person.items("/v1/sites?limit=200").await.into_iter().map(|site| site["name"].clone()).collect();
    assert!(names.contains(&other["name"]), "{names:?}");
    assert_eq!(person.get(&path).await["note"], "mine");
}

async fn a_letter_that_changed_on_the_disk_is_found_within_a_week_although_nobody_asks(world: World) {
    const DAY_MS: i64 = 24 * 3_600_000;
    let (tenant, data, origin) = (world.tenant("northlift"), folder(&world, "app"), world.network.origin());
    let person = Person::signed_in(&data, &origin, tenant, "operator").await;
    person.synced().await;
    let account = person.items("/app/accounts").await[0]["id"].as_str().unwrap().to_owned();
    let replica = data.join("accounts").join(account).join("replica.db");
    omniot_tests::world::eventually("it is known from when on weeks count", || async {
        Connection::open(&replica).ok()?.query_row("select count(*) from meta where name = 'verified_at'", [], |row| row.get(0)).ok().filter(|count: &i64| *count == 1)
    })
    .await;
    person.close().await;
    assert!(Connection::open(&replica).unwrap().execute("update site set name = name || '!'", []).unwrap() > 0);
    let person = Person::with_clock(&data, &origin, WrongClock(6 * DAY_MS)).await;
    person.synced().await;
    assert!(told(tenant).await.is_empty(), "not every day");
    person.close().await;
    let person = Person::with_clock(&data, &origin, WrongClock(8 * DAY_MS)).await;
    omniot_tests::world::eventually("it is found", || async { Some(told(tenant).await).filter(|log| log.len() == 1) }).await;
    omniot_tests::world::eventually("and mended", || async {
        let sites = person.items("/v1/sites?limit=200").await;
        (!sites.is_empty() && sites.iter().all(|site| !site["name"].as_str().unwrap().ends_with('!'))).then_some(())
    })
    .await;
    person.close().await;
}

/// What the server was told of replicas that were not as it is, newest first.
pub async fn told(tenant: Tenant<'_>) -> Vec<Value> {
    let log = tenant.admin().await.all("/v1/audit?action=sync.mismatch").await;
    log.into_iter().map(|entry| entry["detail"].clone()).collect()
}

async fn a_replica_that_does_not_add_up_is_fetched_anew_and_the_server_is_told_both_sums(world: World) {
    let tenant = world.tenant("northlift");
    let data = folder(&world, "app");
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "operator").await;
    let sites = person.items("/v1/sites?limit=200").await.len();
    let account = person.items("/app/accounts").await[0]["id"].as_str().unwrap().to_owned();
    world.network.cut();
    person.offline().await;
    succeeded(person.ask("POST", "/v1/sites", json!({"name": "Unsent", "time_zone": "UTC"})).await);
    let db = Connection::open(data.join("accounts").join(account).join("replica.db")).expect("the replica");
    let changed = "update meta set value = json_set(value, '$.checksum.sum', '00000000deadbeef') where name = 'replica'";
    assert_eq!(db.execute(changed, []).expect("a wrong sum"), 1);
    drop(db);
    world.network.restore();
    person.sync_now().await;
    let log = omniot_tests::world::eventually("the server is told", || async { Some(told(tenant).await).filter(|log| !log.is_empty()) }).await;
    person.synced().await;
    assert_eq!((log.len(), &log[0]["found_by"]), (1, &json!("checkpoint")), "{log:?}");
    let (mine, theirs) = (&log[0]["replica"], &log[0]["server"]);
    assert_eq!(mine["count"], theirs["count"], "nothing is missing");
    assert_ne!(mine["sum"], theirs["sum"]);
    assert_eq!(person.items("/v1/sites?limit=200").await.len(), sites + 1, "with what was made meanwhile");
    assert_eq!(verified(&person).await["result"], "same");
    assert_eq!(told(tenant).await.len(), 1, "once");
}

async fn what_has_not_been_sent_is_saved_into_a_file_without_the_server(world: World) {
    let tenant = world.tenant("northlift");
    let data = folder(&world, "app");
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "operator").await;
    world.network.cut();
    person.offline().await;
    for n in 0..3 {
        succeeded(person.ask("POST", "/v1/sites", json!({"name": format!("Unsent {n}"), "time_zone": "UTC"})).await);
    }
    let saved = succeeded(person.ask("POST", "/app/sync/export", Value::Null).await);
    assert_eq!((&saved["changes"], &saved["files"]), (&json!(3), &json!(0)));
    let file = Archive::of(&saved).changes();
    assert_eq!((file["tenant"]["name"].as_str(), file["changes"][2]["intent"]["change"]["body"]["name"].as_str()), (Some("northlift"), Some("Unsent 2")));
    assert!(!file.to_string().contains("omt_"), "no token leaves with it");
    assert!(person.get("/app/sync").await["storage_bytes"].as_u64() > Some(10_000));
    world.network.restore();
    person.sync_now().await;
    person.synced().await;
    assert_eq!(tenant.viewer().await.get("/v1/sites?q=Unsent").await.succeeded()["items"].as_array().unwrap().len(), 3, "nothing was taken away");
}

on_both_engines!(
    a_replica_that_does_not_add_up_is_fetched_anew_and_the_server_is_told_both_sums,
    a_letter_that_changed_on_the_disk_is_found_and_mended_and_unsent_work_is_kept,
    a_letter_that_changed_on_the_disk_is_found_within_a_week_although_nobody_asks,
    what_has_not_been_sent_is_saved_into_a_file_without_the_server,
);
