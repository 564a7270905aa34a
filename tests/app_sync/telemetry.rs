//! What devices measured, without a network.

use std::path::{Path, PathBuf};

use omniot_tests::{on_both_engines, world::{World, eventually}};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::person::{Person, folder, succeeded};

/// Reports since yesterday (backend/demo/demo.toml).
const REPORTING: &str = "OM-N0005";

async fn window_of(data: &Path, person: &Person) -> PathBuf {
    let account = person.items("/app/accounts").await[0]["id"].as_str().expect("an id").to_owned();
    data.join("accounts").join(account).join("telemetry.db")
}

/// How many hours the app holds, looked at from outside.
fn db_hours(window: &Path) -> Option<i64> {
    Connection::open_with_flags(window, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE).ok()?.query_row("select count(*) from chunk", [], |row| row.get(0)).ok()
}

async fn fetched(window: &Path) -> i64 {
    eventually("the app has fetched the last day by itself", || async { db_hours(window).filter(|hours| *hours >= 48) }).await
}

async fn device(person: &Person, serial: &str) -> String {
    let found = person.items(&format!("/v1/devices?q={serial}")).await;
    found[0]["id"].as_str().expect("an id").to_owned()
}

async fn the_last_days_curve_is_there_without_a_network(world: World) {
    let (tenant, data) = (world.tenant("northlift"), folder(&world, "app"));
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "technician").await;
    fetched(&window_of(&data, &person).await).await;
    let path = format!("/v1/devices/{}/telemetry", device(&person, REPORTING).await);
    assert_eq!(person.get(&path).await["as_of"], Value::Null, "with a network the server is asked");
    world.network.cut();
    person.offline().await;
    let here = person.get(&path).await;
    let there = tenant.viewer().await.get(&path).await.succeeded();
    assert_eq!(here["chunks"], there["chunks"], "what the server holds, to the letter");
    assert!(here["chunks"].as_array().expect("chunks").len() >= 24, "a whole day: {}", here["chunks"]);
    assert!(here["as_of"].as_i64() > Some(0), "it says how old it is");
    let latest = person.get(path.trim_end_matches("/telemetry")).await["readings"].clone();
    let server = tenant.viewer().await.get(path.trim_end_matches("/telemetry")).await.succeeded()["readings"].clone();
    let of = |readings: &Value, key: &str| readings.as_array().expect("readings").iter().find(|reading| reading["key"] == key).map(|reading| reading["value"].clone());
    for key in ["temperature_c", "mains"] {
        assert_eq!(of(&latest, key), of(&server, key), "{latest}");
    }
    let hour = here["chunks"][3]["hour"].as_i64().expect("an hour");
    assert_eq!(person.get(&format!("{path}/{hour}")).await, here["chunks"][3]);
    let two_hours = person.get(&format!("{path}?from={hour}&to={}", hour + 7_200_000)).await;
    assert_eq!(two_hours["chunks"].as_array().map(Vec::len), Some(2));

    let person = person.reopens().await;
    assert_eq!(person.get(&path).await["chunks"], here["chunks"], "it survives");
    let planned = person.ask("GET", &format!("/v1/devices/{}/telemetry", device(&person, "OM-N0001").await), Value::Null).await;
    assert_eq!((planned.status, planned.code()), (503, Some("offline")), "nothing fetched is not nothing measured");
    let unknown = person.ask("GET", "/v1/devices/dev_00000000000000000000000000000001/telemetry", Value::Null).await;
    assert_eq!((unknown.status, unknown.code()), (404, Some("not_found")));
    let endless = person.ask("GET", &format!("{path}?from=0&to=999999999999"), Value::Null).await;
    assert_eq!((endless.status, endless.code()), (400, Some("invalid_query")));
}

async fn what_a_device_that_left_the_replica_measured_leaves_with_it(world: World) {
    let (tenant, data) = (world.tenant("northlift"), folder(&world, "app"));
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "operator").await;
    let window = window_of(&data, &person).await;
    let hours = fetched(&window).await;
    // As it is when the row has just left: what it measured is still there.
    let stranger = [7_u8; 16];
    let db = Connection::open(&window).expect("the file");
    db.execute("insert into device (id, rev, as_of) values (?1, 3, 1)", [&stranger]).expect("a device");
    db.execute("insert into chunk (device_id, hour, content) select ?1, hour, content from chunk where device_id <> ?1 limit 5", [&stranger]).expect("chunks");
    drop(db);
    assert_eq!(db_hours(&window), Some(hours + 5));
    let _ = tenant.operator().await.post("/v1/sites", json!({"name": "Another change", "time_zone": "UTC"})).await.succeeded();
    eventually("the next pull takes it away", || async { db_hours(&window).filter(|left| *left == hours) }).await;
    let path = format!("/v1/devices/{}/telemetry", device(&person, REPORTING).await);
    world.network.cut();
    person.offline().await;
    assert!(!person.get(&path).await["chunks"].as_array().expect("chunks").is_empty(), "what others measured stays");
    let account = window.parent().expect("a folder").to_owned();
    let id = person.items("/app/accounts").await[0]["id"].as_str().expect("an id").to_owned();
    world.network.restore();
    let left = person.ask("DELETE", &format!("/app/accounts/{id}"), Value::Null).await;
    assert_eq!(left.status, 204, "{}", left.body);
    assert!(!account.exists(), "signing out takes all of it");
}

async fn an_app_that_holds_the_day_asks_for_nothing_twice(world: World) {
    let (tenant, data) = (world.tenant("northlift"), folder(&world, "app"));
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "technician").await;
    fetched(&window_of(&data, &person).await).await;
    let came_in = person.get("/app/sync").await["bytes_in"].as_u64().expect("bytes");
    for n in 0..3 {
        succeeded(person.ask("PATCH", &format!("/v1/devices/{}", device(&person, REPORTING).await), json!({"note": format!("round {n}")})).await);
        person.synced().await;
    }
    let more = person.get("/app/sync").await["bytes_in"].as_u64().expect("bytes") - came_in;
    assert!(more < 8_000, "three rounds brought {more} bytes, and the day is larger");
}

on_both_engines!(
    the_last_days_curve_is_there_without_a_network,
    what_a_device_that_left_the_replica_measured_leaves_with_it,
    an_app_that_holds_the_day_asks_for_nothing_twice,
);
