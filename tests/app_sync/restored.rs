//! A server that lost its latest past: a backup was put back.

use omniot_tests::{on_both_engines, world::{World, eventually}};
use serde_json::{Value, json};

use crate::{
    person::{Person, succeeded},
    storage::{db_back_up, db_put_back},
    verifying::{told, verified},
};

fn path(list: &str, row: &Value) -> String {
    format!("/v1/{list}/{}", row["id"].as_str().expect("a row has an id"))
}

/// Keeps everything the server has; it runs again afterwards.
async fn back_up(world: &mut World) {
    world.server.kill().await;
    db_back_up(world).await;
    world.server.start().await;
}

/// The server begins another life where the backup was made.
async fn put_back(world: &mut World) {
    world.server.kill().await;
    db_put_back(world, "northlift").await;
    world.server.start().await;
}

async fn what_people_did_after_the_backup_is_there_again_once(mut world: World) {
    let (data, origin) = (world.folder().to_owned(), world.network.origin());
    let person = Person::signed_in(&data.join("one"), &origin, world.tenant("northlift"), "operator").await;
    let other = Person::signed_in(&data.join("two"), &origin, world.tenant("northlift"), "technician").await;
    let reader = Person::signed_in(&data.join("three"), &origin, world.tenant("northlift"), "viewer").await;
    let (model, device) = (person.items("/v1/models").await[0]["id"].clone(), person.items("/v1/devices").await[0].clone());
    back_up(&mut world).await;
    for app in [&person, &other, &reader] {
        app.sync_now().await;
        app.synced().await;
    }

    let site = succeeded(person.ask("POST", "/v1/sites", json!({"name": "Since the backup", "time_zone": "UTC"})).await);
    let pump = json!({"serial": "SINCE-1", "name": "Pump", "model_id": model, "site_id": site["id"]});
    let pump = path("devices", &succeeded(person.ask("POST", "/v1/devices", pump).await));
    for name in ["Pump one", "Pump, the first"] {
        succeeded(person.ask("PATCH", &pump, json!({"name": name})).await);
        person.synced().await;
    }
    succeeded(person.ask("PUT", &format!("{pump}/bookmark"), json!({"note": "look again"})).await);
    person.synced().await;
    eventually("it comes to the other one", || async { (other.items("/v1/devices?q=SINCE-1").await.len() == 1).then_some(()) }).await;
    let note = path("devices", &device);
    succeeded(other.ask("PATCH", &note, json!({"note": "behind the door"})).await);
    succeeded(other.ask("PATCH", &pump, json!({"note": "drips"})).await);
    other.synced().await;
    let staff = world.tenant("northlift").admin().await;
    let site_elsewhere = staff.post("/v1/sites", json!({"name": "By no app", "time_zone": "UTC"})).await.succeeded();
    for app in [&person, &reader] {
        eventually("and what was done by no app", || async { (app.items("/v1/sites?q=By+no+app").await.len() == 1).then_some(()) }).await;
    }

    // The one who made the pump comes before who changed it: the other way round that change needs attention.
    other.close().await;
    world.network.cut();
    put_back(&mut world).await;
    let staff = world.tenant("northlift").admin().await;
    staff.get(&path("sites", &site_elsewhere)).await.refused(404, "not_found");
    // Its sequence is above that of the past by the time that anybody asks: to who only reads, the epoch alone tells.
    for n in 0..20 {
        let _ = staff.post("/v1/sites", json!({"name": format!("Since then {n}"), "time_zone": "UTC"})).await.succeeded();
    }
    world.network.restore();
    person.sync_now().await;
    eventually("the pump is there again", || async { (staff.get(&pump).await.status == 200).then_some(()) }).await;
    let other = Person::with_app(&data.join("two"), &origin).await;
    eventually("everything stands", || async {
        let (there, noted) = (staff.get(&pump).await, staff.get(&note).await.succeeded());
        (there.status == 200 && there.body["note"] == "drips" && there.body["name"] == "Pump, the first" && noted["note"] == "behind the door").then_some(())
    })
    .await;
    for app in [&person, &other, &reader] {
        app.sync_now().await;
        assert_eq!(app.synced().await["attention"], 0);
        eventually("it is as the server is", || async {
            let (here, there) = (app.get(&pump).await, staff.get(&pump).await.succeeded());
            let sites = app.items("/v1/sites?q=Since&limit=200").await.len();
            (here["name"] == there["name"] && here["note"] == there["note"] && sites == 21).then_some(())
        })
        .await;
        assert!(app.items("/v1/sites?q=By+no+app").await.is_empty(), "what nobody has done again is no more");
        assert_eq!(verified(app).await["result"], "same");
    }
    assert_eq!((staff.all("/v1/sites?q=Since+the+backup").await.len(), staff.all("/v1/devices?q=SINCE-1").await.len()), (1, 1), "once");
    assert_eq!(person.get(&pump).await["bookmark"]["note"], "look again");
    let names: Vec<Value> = staff.all(&format!("{pump}/changes")).await.iter().map(|change| change["action"].clone()).collect();
    assert_eq!(names.len(), 4, "made, named twice and noted: {names:?}");
    assert!(told(world.tenant("northlift")).await.is_empty(), "no replica came to other rows");
}

async fn a_note_of_a_colleague_in_a_life_that_an_app_has_not_seen_stands_beside_its_own(mut world: World) {
    let (data, origin) = (world.folder().to_owned(), world.network.origin());
    let person = Person::signed_in(&data.join("one"), &origin, world.tenant("northlift"), "operator").await;
    let site = path("sites", &person.items("/v1/sites").await[0]);
    back_up(&mut world).await;
    // What nobody gives again takes the site far above all that its server will do to it.
    let colleague = world.tenant("northlift").admin().await;
    for n in 0..20 {
        colleague.patch(&site, json!({"name": format!("Hall {n}")})).await.succeeded();
    }
    eventually("it is here", || async { (person.get(&site).await["name"] == "Hall 19").then_some(()) }).await;
    succeeded(person.ask("POST", "/v1/sites", json!({"name": "Since the backup", "time_zone": "UTC"})).await);
    person.synced().await;
    succeeded(person.ask("PATCH", "/app/sync", json!({"paused": true})).await);
    person.until("it is paused", |sync| sync["state"] == "paused").await;

    put_back(&mut world).await;
    let colleague = world.tenant("northlift").admin().await;
    person.sync_now().await;
    eventually("the app has greeted, and gives again what was lost", || async { colleague.all("/v1/sites?q=Since").await.first().cloned() }).await;
    colleague.patch(&site, json!({"note": "Key at the porter"})).await.succeeded();
    assert_ne!(person.get(&site).await["note"], "Key at the porter", "nothing is fetched yet");
    succeeded(person.ask("PATCH", &site, json!({"note": "Fence is open"})).await);
    person.until("it is sent", |sync| sync["pending"] == 0).await;
    assert_eq!(colleague.get(&site).await.succeeded()["note"], "Fence is open\nKey at the porter", "both stand, the newer first");

    succeeded(person.ask("PATCH", "/app/sync", json!({"paused": false})).await);
    assert_eq!(person.synced().await["attention"], 0);
    assert_eq!(person.get(&site).await["note"], "Fence is open\nKey at the porter");
    assert_eq!(person.get(&site).await["name"], colleague.get(&site).await.succeeded()["name"]);
    assert_eq!(verified(&person).await["result"], "same");
}

on_both_engines!(
    what_people_did_after_the_backup_is_there_again_once,
    a_note_of_a_colleague_in_a_life_that_an_app_has_not_seen_stands_beside_its_own,
);
