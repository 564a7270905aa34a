//! People who work at chosen sites: what they may not see any more leaves their machine.

use std::{fs, path::Path};

use omniot_app::vault::Vault;
use omniot_tests::{on_both_engines, world::{World, eventually}};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    person::{Person, WrongClock, folder, succeeded},
    storage::db_change,
    verifying::{told, verified},
};

/// Stands in what only those see who work at the site that is taken away.
const CANARY: &str = "canary-of-the-depot";

/// Whether any file under `folder` holds that canary: the replica's rows and free pages, its log, anything.
pub fn is_readable_in(folder: &Path, canary: &str) -> bool {
    fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path()).any(|path| {
        if path.is_dir() {
            return is_readable_in(&path, canary);
        }
        fs::read(&path).is_ok_and(|bytes| bytes.windows(canary.len()).any(|window| window == canary.as_bytes()))
    })
}

async fn what_a_person_may_not_see_any_more_leaves_the_file_and_unsent_work_does_not(world: World) {
    let tenant = world.tenant("northlift");
    let (admin, technician) = (tenant.admin().await, tenant.technician().await);
    let model = admin.all("/v1/models").await[0]["id"].clone();
    let site = |name: &str| json!({"name": name, "time_zone": "UTC", "note": if name == "Depot" { CANARY } else { "" }});
    let (depot, yard) = (admin.post("/v1/sites", site("Depot")).await.succeeded()["id"].clone(), admin.post("/v1/sites", site("Yard")).await.succeeded()["id"].clone());
    for n in 0..300 {
        let at = if n % 2 == 0 { &depot } else { &yard };
        let note = if n % 2 == 0 { CANARY } else { "ordinary" };
        admin.post("/v1/devices", json!({"serial": format!("SIGHT-{n:03}"), "name": format!("Sensor {n}"), "model_id": model, "site_id": at, "note": note})).await.succeeded();
    }
    let me = technician.get("/v1/me").await.succeeded()["person"]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/people/{me}/sites");
    let show = |sites: Value| admin.send(Method::PUT, &path, Some(json!({"sites": sites})));

    show(json!([depot, yard])).await.succeeded();
    let data = folder(&world, "app");
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "technician").await;
    assert_eq!(person.items("/v1/sites?limit=200").await.len(), 2, "the demo's own sites are not theirs");
    assert_eq!(person.items("/v1/devices?q=SIGHT&limit=200").await.len(), 200);
    assert_eq!(person.get("/app/sync").await["sites"], 2);
    assert!(is_readable_in(&data, CANARY), "the test sees what it looks for");

    // Somebody commissions there.
    let kept = || Vault::open(&data).expect("the vault opens").names().iter().any(|name| name.ends_with(".visits"));
    succeeded(person.ask("POST", "/app/visit", json!({"site_id": depot})).await);
    succeeded(person.ask("PUT", "/app/visit/network", json!({"ssid": "Depot", "passphrase": "of the depot", "keep": true})).await);
    assert!(kept());

    // Away from the network, work is done at the site that is taken away meanwhile.
    world.network.cut();
    person.offline().await;
    let id = person.items("/v1/devices?q=SIGHT-000").await[0]["id"].as_str().unwrap().to_owned();
    succeeded(person.ask("PATCH", &format!("/v1/devices/{id}"), json!({"name": "Renamed in the field"})).await);
    show(json!([yard])).await.succeeded();
    assert!(person.items("/v1/devices?q=SIGHT&limit=200").await.len() == 200, "nobody has told this machine yet");
    world.network.restore();
    person.sync_now().await;
    person.until("the person sees one site", |sync| sync["state"] == "synced" && sync["sites"] == 1).await;

    assert_eq!(person.items("/v1/devices?q=SIGHT&limit=200").await.len(), 150);
    assert_eq!(person.ask("GET", &format!("/v1/devices/{id}"), Value::Null).await.status, 404);
    let attention = person.items("/app/sync/attention").await;
    assert_eq!(attention.iter().map(|item| item["code"].clone()).collect::<Vec<_>>(), ["no_longer_permitted"], "the work is not thrown away");
    assert!(!is_readable_in(&data, CANARY), "10: a row that was taken away is readable in a file");
    eventually("10: neither network nor labels of it are kept", || async { (!kept()).then_some(()) }).await;
    assert_eq!(person.get("/app/visit").await, Value::Null);
    let verified = succeeded(person.ask("POST", "/app/sync/verify", Value::Null).await);
    assert_eq!(verified["result"], "same", "{verified}");

    // And back: everything comes again.
    show(Value::Null).await.succeeded();
    person.until("the person sees everything", |sync| sync["state"] == "synced" && sync["sites"].is_null()).await;
    assert_eq!(person.items("/v1/devices?q=SIGHT&limit=200").await.len(), 200, "a page of three hundred");
}

async fn devices_that_move_out_of_sight_leave_the_file(world: World) {
    let tenant = world.tenant("northlift");
    let (admin, technician) = (tenant.admin().await, tenant.technician().await);
    let model = admin.all("/v1/models").await[0]["id"].clone();
    let site = async |name: &str| admin.post("/v1/sites", json!({"name": name, "time_zone": "UTC"})).await.succeeded()["id"].clone();
    let (depot, yard) = (site("Depot").await, site("Yard").await);
    let mut devices = Vec::new();
    for n in 0..120 {
        let note = if n % 3 == 0 { CANARY } else { "ordinary" };
        let made = admin.post("/v1/devices", json!({"serial": format!("MOVES-{n:03}"), "name": format!("Sensor {n}"), "model_id": model, "site_id": yard, "note": note})).await.succeeded();
        devices.push(made["id"].as_str().unwrap().to_owned());
    }
    let me = technician.get("/v1/me").await.succeeded()["person"]["id"].as_str().unwrap().to_owned();
    admin.send(Method::PUT, &format!("/v1/people/{me}/sites"), Some(json!({"sites": [yard]}))).await.succeeded();
    let data = folder(&world, "app");
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "technician").await;
    assert_eq!(person.items("/v1/devices?q=MOVES&limit=200").await.len(), 120);
    assert!(is_readable_in(&data, CANARY), "the test sees what it looks for");

    for device in devices.iter().step_by(3) {
        admin.patch(&format!("/v1/devices/{device}"), json!({"site_id": depot})).await.succeeded();
    }
    eventually("they have left the list", || async { (person.items("/v1/devices?q=MOVES&limit=200").await.len() == 80).then_some(()) }).await;
    eventually("10: a row that has moved away is readable in no file", || async { (!is_readable_in(&data, CANARY)).then_some(()) }).await;
    let verified = succeeded(person.ask("POST", "/app/sync/verify", Value::Null).await);
    assert_eq!(verified["result"], "same", "{verified}");
}

async fn a_site_that_leaves_a_group_leaves_the_files_of_those_who_work_there(world: World) {
    let tenant = world.tenant("northlift");
    let (admin, technician) = (tenant.admin().await, tenant.technician().await);
    let model = admin.all("/v1/models").await[0]["id"].clone();
    let site = async |name: &str, note: &str| {
        let site = admin.post("/v1/sites", json!({"name": name, "time_zone": "UTC", "note": note})).await.succeeded()["id"].clone();
        for n in 0..40 {
            let device = json!({"serial": format!("GROUP-{name}-{n:02}"), "name": format!("Sensor {n}"), "model_id": model, "site_id": site, "note": note});
            admin.post("/v1/devices", device).await.succeeded();
        }
        site
    };
    let (depot, yard) = (site("Depot", CANARY).await, site("Yard", "ordinary").await);
    let group = admin.post("/v1/site-groups", json!({"name": "Coast", "sites": [depot, yard]})).await.succeeded();
    let path = format!("/v1/site-groups/{}", group["id"].as_str().unwrap());
    let me = technician.get("/v1/me").await.succeeded()["person"]["id"].as_str().unwrap().to_owned();
    admin.send(Method::PUT, &format!("/v1/people/{me}/sites"), Some(json!({"sites": [], "groups": [group["id"]]}))).await.succeeded();

    let data = folder(&world, "app");
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "technician").await;
    assert_eq!(person.items("/v1/devices?q=GROUP&limit=200").await.len(), 80);
    assert_eq!(person.get("/app/sync").await["sites"], 2, "to the app a group is its sites");
    assert!(is_readable_in(&data, CANARY), "the test sees what it looks for");

    admin.patch(&path, json!({"version": 1, "sites": [yard]})).await.succeeded();
    person.until("the person sees one site", |sync| sync["state"] == "synced" && sync["sites"] == 1).await;
    assert_eq!(person.items("/v1/devices?q=GROUP&limit=200").await.len(), 40);
    assert!(!is_readable_in(&data, CANARY), "10: a row of a site that left the group is readable in a file");
    let verified = succeeded(person.ask("POST", "/app/sync/verify", Value::Null).await);
    assert_eq!(verified["result"], "same", "{verified}");

    admin.patch(&path, json!({"version": 2, "sites": [depot, yard]})).await.succeeded();
    person.until("the site is in the group again", |sync| sync["state"] == "synced" && sync["sites"] == 2).await;
    assert_eq!(person.items("/v1/devices?q=GROUP&limit=200").await.len(), 80);
    admin.delete(&path).await.succeeded();
    person.until("the group is gone", |sync| sync["state"] == "synced" && sync["sites"] == 0).await;
    assert_eq!(person.items("/v1/devices?q=GROUP&limit=200").await.len(), 0);
    assert!(!is_readable_in(&data, CANARY), "10: a row of a group that was deleted is readable in a file");
}

async fn who_comes_back_after_four_months_holds_what_stands_and_their_work_has_arrived(world: World) {
    const FOUR_MONTHS_MS: i64 = 120 * 24 * 3_600_000;
    let tenant = world.tenant("northlift");
    let (admin, technician) = (tenant.admin().await, tenant.technician().await);
    let model = admin.all("/v1/models").await[0]["id"].clone();
    let site = async |name: &str| admin.post("/v1/sites", json!({"name": name, "time_zone": "UTC"})).await.succeeded()["id"].clone();
    let (depot, yard) = (site("Depot").await, site("Yard").await);
    let new = |serial: &str, note: &str| json!({"serial": serial, "name": serial, "model_id": model, "site_id": yard, "note": note});
    let mut devices = Vec::new();
    for (serial, note) in [("AWAY-LEAVES-1", CANARY), ("AWAY-LEAVES-2", CANARY), ("AWAY-STAYS", ""), ("AWAY-CHANGES", ""), ("AWAY-LISTED", "")] {
        devices.push(format!("/v1/devices/{}", admin.post("/v1/devices", new(serial, note)).await.succeeded()["id"].as_str().unwrap()));
    }
    let [leaves, leaves_too, stays, changes, listed] = &devices[..] else { unreachable!() };
    let me = technician.get("/v1/me").await.succeeded()["person"]["id"].as_str().unwrap().to_owned();
    admin.send(Method::PUT, &format!("/v1/people/{me}/sites"), Some(json!({"sites": [yard]}))).await.succeeded();
    let (data, origin) = (folder(&world, "app"), world.network.origin());
    let person = Person::signed_in(&data, &origin, tenant, "technician").await;
    succeeded(person.ask("PUT", &format!("{listed}/bookmark"), json!({})).await);
    person.synced().await;
    assert!(is_readable_in(&data, CANARY), "the test sees what it looks for");
    world.network.cut();
    person.offline().await;
    succeeded(person.ask("PATCH", stays, json!({"name": "Named long ago"})).await);
    succeeded(person.ask("PATCH", leaves, json!({"name": "Named out of sight"})).await);
    succeeded(person.ask("POST", "/v1/devices", new("AWAY-MADE", "")).await);
    person.close().await;

    admin.patch(leaves, json!({"site_id": depot})).await.succeeded();
    admin.patch(changes, json!({"note": "another one"})).await.succeeded();
    technician.delete(&format!("{listed}/bookmark")).await.succeeded();
    admin.post("/v1/devices", new("AWAY-CAME", "")).await.succeeded();
    let departed = db_change(&world, &format!("update tombstone set at = at - {FOUR_MONTHS_MS}")).await;
    assert_eq!(departed, 2);
    admin.patch(leaves_too, json!({"site_id": depot})).await.succeeded();
    assert_eq!(db_change(&world, "update tombstone set at = at").await, 1, "the old ones are forgotten");
    admin.delete(&format!("/v1/people/{me}/sessions")).await.succeeded();

    world.network.restore();
    let person = Person::with_clock(&data, &origin, WrongClock(FOUR_MONTHS_MS)).await;
    person.until("the app wants a sign-in", |sync| sync["state"] == "needs_sign_in").await;
    let shown = person.ask("GET", "/v1/devices", Value::Null).await;
    assert_eq!((shown.status, shown.code()), (403, Some("lease_over")));
    person.sign_in(tenant, "technician").await;
    let sync = person.synced().await;
    assert_eq!((&sync["error"], &sync["sites"], &sync["attention"]), (&Value::Null, &json!(1), &json!(1)), "{sync}");
    let item = person.items("/app/sync/attention").await[0].clone();
    assert_eq!((&item["code"], &item["mine"]), (&json!("no_longer_permitted"), &json!({"name": "Named out of sight"})));
    let technician = tenant.technician().await;
    let shown = |devices: Vec<Value>| devices.into_iter().map(|device| (device["serial"].clone(), device["name"].clone(), device["note"].clone())).collect::<Vec<_>>();
    let here = shown(person.items("/v1/devices?limit=200").await);
    assert_eq!(here, shown(technician.all("/v1/devices").await));
    assert_eq!(here.len(), 5, "stays, changes, listed, made and came: {here:?}");
    assert_eq!(technician.get(stays).await.succeeded()["name"], "Named long ago");
    assert!(person.items("/v1/devices?bookmarked=true").await.is_empty(), "what was taken off the list on another machine");
    eventually("10: a row that has moved away is readable in no file", || async { (!is_readable_in(&data, CANARY)).then_some(()) }).await;
    assert_eq!(verified(&person).await["result"], "same");
    assert!(told(tenant).await.is_empty(), "everything came anew at once, and not because it did not add up");
    person.close().await;
}

on_both_engines!(who_comes_back_after_four_months_holds_what_stands_and_their_work_has_arrived);
on_both_engines!(a_site_that_leaves_a_group_leaves_the_files_of_those_who_work_there);
on_both_engines!(what_a_person_may_not_see_any_more_leaves_the_file_and_unsent_work_does_not);
on_both_engines!(devices_that_move_out_of_sight_leave_the_file);
