//! What a person wants of synchronization: a pause, mobile data saved, room given back; and what is done about a
//! change that the server did not take.

use std::sync::{Arc, atomic::{AtomicBool, Ordering}};

use omniot_tests::{on_both_engines, world::{World, eventually}};
use serde_json::{Value, json};

use crate::{
    archive::Archive,
    middlebox::{Middlebox, Mood},
    network::many_devices,
    person::{Person, folder, succeeded},
    verifying::verified,
};

async fn wish(person: &Person, wishes: Value) -> Value {
    succeeded(person.ask("PATCH", "/app/sync", wishes).await)
}

async fn names(person: &Person, list: &str) -> Vec<String> {
    person.items(&format!("/v1/{list}?limit=200")).await.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

async fn a_pause_holds_what_comes_and_lets_out_what_goes_also_after_a_restart(world: World) {
    let tenant = world.tenant("northlift");
    let staff = tenant.operator().await;
    let data = folder(&world, "app");
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "operator").await;
    assert_eq!(wish(&person, json!({"paused": true})).await["hold"], "paused");
    person.until("it says so", |sync| sync["state"] == "paused").await;
    let _ = staff.post("/v1/sites", json!({"name": "Not yet", "time_zone": "UTC"})).await.succeeded();
    let person = person.reopens().await;
    person.until("it is paused after a restart", |sync| sync["state"] == "paused").await;
    succeeded(person.ask("POST", "/v1/sites", json!({"name": "Mine", "time_zone": "UTC"})).await);
    eventually("what is done here is sent", || async { Some(staff.get("/v1/sites?q=Mine").await.succeeded()).filter(|page| !page["items"].as_array().unwrap().is_empty()) }).await;
    person.until("and has its receipt", |sync| sync["pending"] == 0).await;
    let here = names(&person, "sites").await;
    assert!(here.contains(&"Mine".to_owned()) && !here.contains(&"Not yet".to_owned()), "{here:?}");
    let asked = person.ask("POST", "/app/sync/verify", Value::Null).await;
    assert_eq!((asked.status, asked.code()), (409, Some("sync_paused")));
    assert_eq!(wish(&person, json!({"paused": false})).await["hold"], Value::Null);
    person.synced().await;
    assert!(names(&person, "sites").await.contains(&"Not yet".to_owned()));
}

/// How many rows of everything are here, of how many.
fn progress(sync: &Value) -> (u64, u64) {
    let of = |what: &str| sync["progress"][what].as_u64().unwrap_or_default();
    (of("received"), of("of"))
}

async fn a_long_first_sync_that_is_paused_goes_on_where_it_stood_also_after_a_restart(world: World) {
    let tenant = world.tenant("northlift");
    let staff = tenant.operator().await;
    many_devices(&staff, 0..2_100).await;
    let middlebox = Middlebox::before(world.server.address()).await;
    Person::signed_in(&folder(&world, "first"), &middlebox.origin(), tenant, "technician").await.close().await;
    let whole = middlebox.fetched();
    middlebox.becomes(Mood::Trickles(150));
    let person = Person::with_app(&folder(&world, "app"), &middlebox.origin()).await;
    person.sign_in(tenant, "operator").await;
    let begun = person.until("rows come", |sync| progress(sync).0 > 0).await;
    person.until("more rows come", |sync| progress(sync).0 > progress(&begun).0 && progress(sync).0 * 2 > progress(sync).1).await;
    assert_eq!(wish(&person, json!({"paused": true})).await["hold"], "paused");
    let (stood, of) = progress(&person.until("it says so", |sync| sync["state"] == "paused").await);
    assert!(stood < of && of > 2_100, "in the middle of it: {stood} of {of}");

    let person = person.reopens().await;
    person.until("it is paused after a restart", |sync| sync["state"] == "paused").await;
    let fetched = middlebox.fetched();
    let _ = staff.post("/v1/sites", json!({"name": "Not yet", "time_zone": "UTC"})).await.succeeded();
    succeeded(person.ask("POST", "/v1/sites", json!({"name": "Mine", "time_zone": "UTC"})).await);
    person.until("what is done here is sent", |sync| sync["pending"] == 0).await;
    assert_eq!(staff.all("/v1/sites?q=Mine").await.len(), 1);
    assert_eq!((names(&person, "sites").await, names(&person, "devices").await), (vec!["Mine".to_owned()], vec![]), "a part is shown");
    assert_eq!(middlebox.fetched(), fetched, "something is fetched all the same");

    wish(&person, json!({"paused": false})).await;
    let again = person.until("it goes on", |sync| progress(sync).0 > 0).await;
    assert!(progress(&again).0 >= stood, "from where it stood, {stood}: {again}");
    person.synced().await;
    let verified = verified(&person).await;
    assert_eq!(verified["result"], "same", "{verified}");
    assert!(verified["rows"].as_u64() > Some(2_100), "{verified}");
    assert!(names(&person, "sites").await.contains(&"Not yet".to_owned()));
    let both = middlebox.fetched() - whole;
    assert!(both * 4 < whole * 5, "{both} bytes came, and all there is are {whole}");
}

async fn much_is_not_fetched_over_a_metered_network_without_a_word_and_curves_are_not_by_themselves(world: World) {
    let tenant = world.tenant("northlift");
    let metered = Arc::new(AtomicBool::new(true));
    let says = metered.clone();
    let data = folder(&world, "app");
    let person = Person::with_config(&data, &world.network.origin(), |config| {
        config.metered = Arc::new(move || Some(says.load(Ordering::SeqCst)));
        config.large = 10;
    })
    .await;
    person.sign_in(tenant, "operator").await;
    let sync = person.until("it asks first", |sync| sync["hold"] == "metered" && sync["state"] == "paused").await;
    assert_eq!((&sync["state"], &sync["metered"], &sync["save_data"]), (&json!("paused"), &json!(true), &json!("automatic")));
    assert!(sync["expected"]["rows"].as_u64() > Some(10) && sync["expected"]["bytes"].as_u64() > Some(400), "{sync}");
    assert_eq!(names(&person, "devices").await, [""; 0], "nothing came");
    succeeded(person.ask("POST", "/v1/sites", json!({"name": "Meanwhile", "time_zone": "UTC"})).await);
    person.until("what is done here is sent", |sync| sync["pending"] == 0).await;
    wish(&person, json!({"anyway": true})).await;
    let sync = person.synced().await;
    assert_eq!(sync["progress"], Value::Null);
    assert!(!names(&person, "devices").await.is_empty());
    let taken = || async { person.get("/app/sync/storage").await["room"]["telemetry"].as_u64().unwrap() };
    let empty = taken().await;
    metered.store(false, Ordering::SeqCst);
    person.sync_now().await;
    eventually("where it costs nothing they are fetched", || async { Some(taken().await).filter(|bytes| *bytes > empty) }).await;

    // Room is given back, and nothing else goes.
    world.network.cut();
    person.offline().await;
    succeeded(person.ask("POST", "/v1/sites", json!({"name": "Unsent", "time_zone": "UTC"})).await);
    let before = (names(&person, "sites").await, names(&person, "devices").await);
    let freed = succeeded(person.ask("POST", "/app/sync/storage/free", Value::Null).await);
    assert!(freed["freed"].as_u64() > Some(0), "{freed}");
    assert_eq!(taken().await, 0);
    assert_eq!((names(&person, "sites").await, names(&person, "devices").await), before);
    let room = person.get("/app/sync/storage").await;
    let parts: u64 = room["room"].as_object().unwrap().values().map(|bytes| bytes.as_u64().unwrap()).sum();
    assert_eq!(room["total"], parts);
    assert_eq!(person.get("/app/sync").await["pending"], 1, "what was not sent is kept");
    let device = person.items("/v1/devices?limit=1").await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(person.get(&format!("/v1/devices/{device}")).await["last_seen_unknown"], true, "offline nobody says never");
    world.network.restore();
    person.sync_now().await;
    person.synced().await;
    assert_eq!(person.get(&format!("/v1/devices/{device}")).await.get("last_seen_unknown"), None);
}

async fn a_refused_change_is_corrected_and_sent_again_or_saved(world: World) {
    let tenant = world.tenant("northlift");
    let staff = tenant.operator().await;
    let person = Person::signed_in(&folder(&world, "app"), &world.network.origin(), tenant, "operator").await;
    let model = person.items("/v1/models").await[0]["id"].clone();
    world.network.cut();
    person.offline().await;
    let new = |name: &str| json!({"serial": "TWICE-1", "name": name, "model_id": model});
    succeeded(person.ask("POST", "/v1/devices", new("Second")).await);
    let first = staff.post("/v1/devices", new("First")).await.succeeded();
    let _ = staff.post(&format!("/v1/devices/{}/retire", first["id"].as_str().unwrap()), json!({"reason": "broken"})).await.succeeded();
    world.network.restore();
    person.sync_now().await;
    person.until("it needs attention", |sync| sync["attention"] == 1 && sync["state"] == "synced").await;
    let item = person.items("/app/sync/attention").await[0].clone();
    assert_eq!((&item["code"], &item["mine"]["serial"], &item["theirs"]["name"]), (&json!("state_conflict"), &json!("TWICE-1"), &json!("First")));
    let path = format!("/app/sync/attention/{}", item["intent_id"].as_str().unwrap());

    let saved = succeeded(person.ask("POST", &format!("{path}/export"), Value::Null).await);
    let file = Archive::of(&saved).changes();
    assert_eq!((&saved["changes"], &file["changes"][0]["intent"]["id"], &file["changes"][0]["receipt"]["outcome"]["code"]), (&json!(1), &item["intent_id"], &json!("state_conflict")));

    for (values, field) in [(json!({"colour": "red"}), "values"), (json!({"id": "dev_1"}), "id"), (json!({"name": ""}), "name")] {
        let wrong = person.ask("POST", &format!("{path}/retry"), json!({"values": values})).await;
        assert_eq!((wrong.status, wrong.body.pointer("/error/field")), (422, Some(&json!(field))), "{}", wrong.body);
    }
    assert_eq!(person.items("/app/sync/attention").await.len(), 1, "it waits for something that can be");
    let sent = person.ask("POST", &format!("{path}/retry"), json!({"values": {"serial": "TWICE-2"}})).await;
    assert_eq!(sent.status, 204, "{}", sent.body);
    let sync = person.synced().await;
    assert_eq!(sync["attention"], 0);
    let there = staff.get("/v1/devices?q=TWICE-2").await.succeeded();
    assert_eq!(there["items"][0]["name"], "Second");
    assert_eq!(person.ask("POST", &format!("{path}/export"), Value::Null).await.status, 404, "nothing of it is left to save");
}

on_both_engines!(
    a_pause_holds_what_comes_and_lets_out_what_goes_also_after_a_restart,
    a_long_first_sync_that_is_paused_goes_on_where_it_stood_also_after_a_restart,
    much_is_not_fetched_over_a_metered_network_without_a_word_and_curves_are_not_by_themselves,
    a_refused_change_is_corrected_and_sent_again_or_saved,
);
