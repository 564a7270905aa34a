//! Files of attempts whose author may commission no more, or sees the site no more: they arrive all the same, and nothing
//! of them stays where it may not.

use std::sync::{Arc, atomic::{AtomicBool, Ordering}};

use omniot_tests::{on_both_engines, world::{Actor, World, eventually}};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{checks::{answers, checks, interrupted_at, takes_this}, person::{Person, folder, succeeded}, sights::is_readable_in};

/// Stands in a photo and in what was answered at the site that is taken away.
const CANARY: &str = "canary-of-the-boiler-room";

fn photo(word: &str) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n".as_slice(), word.repeat(400).as_bytes()].concat()
}

async fn sites(owner: &Actor) -> (Value, Value) {
    let site = async |name: &str| owner.post("/v1/sites", json!({"name": name, "time_zone": "UTC"})).await.succeeded()["id"].clone();
    (site("Depot").await, site("Yard").await)
}

async fn id_of(person: &Person) -> String {
    person.get("/v1/me").await["person"]["id"].as_str().unwrap().to_owned()
}

async fn work_at(owner: &Actor, person: &str, sites: Value) {
    owner.send(Method::PUT, &format!("/v1/people/{person}/sites"), Some(json!({"sites": sites}))).await.succeeded();
}

/// How many files the server has of that attempt, when it has it.
async fn has(owner: &Actor, attempt: &str) -> Option<usize> {
    let answer = owner.get(&format!("/v1/attempts/{attempt}/attachments")).await;
    (answer.status == 200).then(|| answer.body["items"].as_array().unwrap().len())
}

async fn accept_all(owner: &Actor) {
    for item in owner.all("/v1/escrow").await {
        let _ = owner.post(&format!("/v1/escrow/{}/accept", item["id"].as_str().unwrap()), json!({})).await.succeeded();
    }
}

async fn files_go_also_where_their_author_may_commission_no_more(world: World) {
    let (tenant, data) = (world.tenant("northlift"), folder(&world, "app"));
    let owner = tenant.owner().await;
    let metered = Arc::new(AtomicBool::new(true));
    let says = metered.clone();
    let on_mobile_data = async || {
        let says = says.clone();
        Person::with_config(&data, &world.network.origin(), |config| config.metered = Arc::new(move || Some(says.load(Ordering::SeqCst)))).await
    };
    let person = on_mobile_data().await;
    person.sign_in(tenant, "technician").await;
    person.synced().await;
    let me = id_of(&person).await;
    succeeded(person.ask("PATCH", "/app/sync", json!({"photos_wifi": true})).await);
    // Of one attempt the server has the record, and its photo waits for another network; the other one waits itself.
    let (person, first) = interrupted_at(person, &data, &json!({})).await;
    person.close().await;
    let person = on_mobile_data().await;
    takes_this(&person, &first, &photo("first")).await;
    person.sync_now().await;
    person.synced().await;
    world.network.cut();
    person.offline().await;
    let (person, second) = interrupted_at(person, &data, &json!({})).await;
    person.close().await;
    let person = on_mobile_data().await;
    takes_this(&person, &second, &photo("second")).await;
    answers(&person, &second, "On the roof", json!([])).await;
    assert_eq!((has(&owner, &first).await, has(&owner, &second).await), (Some(0), None));

    let _ = owner.patch(&format!("/v1/people/{me}"), json!({"role": "viewer"})).await.succeeded();
    world.network.restore();
    metered.store(false, Ordering::SeqCst);
    person.sync_now().await;
    eventually("what waited for another network is there", || async { has(&owner, &first).await.filter(|files| *files == 1) }).await;
    person.until("the other record needs somebody", |sync| sync["attention"] == 1).await;
    accept_all(&owner).await;
    person.until("nobody has to decide any more", |sync| sync["attention"] == 0).await;
    person.sync_now().await;
    eventually("and its files are there", || async { has(&owner, &second).await.filter(|files| *files == 2) }).await;
    assert_eq!(person.get("/v1/me").await["person"]["role"], "viewer");
    person.until("nothing is left to send", |sync| sync["evidence"] == 0).await;
}

async fn files_of_a_site_that_was_taken_away_arrive_and_are_readable_no_more(world: World) {
    let (tenant, data) = (world.tenant("northlift"), folder(&world, "app"));
    let owner = tenant.owner().await;
    let (depot, yard) = sites(&owner).await;
    let technician = tenant.technician().await;
    let me = technician.get("/v1/me").await.succeeded()["person"]["id"].as_str().unwrap().to_owned();
    work_at(&owner, &me, json!([depot, yard])).await;
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "technician").await;
    // What the server has of one attempt, and what it has not of another one, at the site that is taken away.
    let (person, sent) = interrupted_at(person, &data, &json!({"site_id": depot})).await;
    takes_this(&person, &sent, &photo(CANARY)).await;
    answers(&person, &sent, CANARY, json!([])).await;
    person.sync_now().await;
    eventually("it is there", || async { has(&owner, &sent).await.filter(|files| *files == 2) }).await;
    world.network.cut();
    person.offline().await;
    let (person, unsent) = interrupted_at(person, &data, &json!({"site_id": depot})).await;
    takes_this(&person, &unsent, &photo(&format!("{CANARY} too"))).await;
    work_at(&owner, &me, json!([yard])).await;
    assert!(is_readable_in(&data, CANARY), "the test sees what it looks for");
    world.network.restore();
    person.sync_now().await;
    eventually("evidence arrives wherever it was made", || async { has(&owner, &unsent).await.filter(|files| *files == 1) }).await;
    eventually("10: a file of a site that was taken away is readable here", || async { (!is_readable_in(&data, CANARY)).then_some(()) }).await;
    assert_eq!(person.get("/app/sync").await["evidence"], 0);
    assert_eq!(person.ask("GET", &checks(&unsent), Value::Null).await.status, 404);
}

async fn who_gives_a_record_up_takes_no_file_from_an_attempt_that_was_accepted_out_of_their_sight(world: World) {
    let (tenant, data) = (world.tenant("northlift"), folder(&world, "app"));
    let owner = tenant.owner().await;
    let (depot, yard) = sites(&owner).await;
    let technician = tenant.technician().await;
    let me = technician.get("/v1/me").await.succeeded()["person"]["id"].as_str().unwrap().to_owned();
    work_at(&owner, &me, json!([depot, yard])).await;
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "technician").await;
    world.network.cut();
    person.offline().await;
    let mut made = Vec::new();
    let mut person = person;
    for n in 0..2 {
        let (opened, attempt) = interrupted_at(person, &data, &json!({"site_id": depot})).await;
        takes_this(&opened, &attempt, &photo(&format!("attempt {n}"))).await;
        person = opened;
        made.push(attempt);
    }
    work_at(&owner, &me, json!([yard])).await;
    let _ = owner.patch(&format!("/v1/people/{me}"), json!({"role": "viewer"})).await.succeeded();
    world.network.restore();
    person.sync_now().await;
    person.until("both records need somebody", |sync| sync["attention"] == 2 && sync["state"] == "synced").await;
    for (n, attempt) in made.iter().enumerate() {
        if n == 0 {
            let escrowed = owner.all("/v1/escrow").await;
            let item = escrowed.iter().find(|item| item["target"]["id"] == **attempt).expect("it is kept");
            let _ = owner.post(&format!("/v1/escrow/{}/accept", item["id"].as_str().unwrap()), json!({})).await.succeeded();
            assert_eq!(has(&owner, attempt).await, Some(0));
        }
        let items = person.items("/app/sync/attention").await;
        let item = items.iter().find(|item| item["target"]["id"] == **attempt).expect("nobody told this machine");
        assert_eq!(person.ask("DELETE", &format!("/app/sync/attention/{}", item["intent_id"].as_str().unwrap()), Value::Null).await.status, 204);
        if n == 0 {
            eventually("its photo is there", || async { has(&owner, attempt).await.filter(|files| *files == 1) }).await;
        }
    }
    assert_eq!(person.get("/app/sync").await["evidence"], 0, "what was given up is nobody's");
    eventually("and goes where it belongs to nothing", || async { (!is_readable_in(&data, "attempt 1attempt 1")).then_some(()) }).await;
    assert_eq!(has(&owner, &made[1]).await, None);
}

on_both_engines!(
    files_go_also_where_their_author_may_commission_no_more,
    files_of_a_site_that_was_taken_away_arrive_and_are_readable_no_more,
    who_gives_a_record_up_takes_no_file_from_an_attempt_that_was_accepted_out_of_their_sight,
);
