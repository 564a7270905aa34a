//! Several server processes on one PostgreSQL, behind one address.

use std::time::{Duration, Instant};

use omniot_tests::world::{Engine, Network, Server, World, eventually_within};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::person::{Person, folder, succeeded};

/// Far less than the minute after which an app looks by itself.
const POKED: Duration = Duration::from_secs(5);

/// A platform of two servers, and what the apps take for one.
async fn two_servers() -> Option<(World, Server, Network)> {
    let world = World::on(Engine::Postgres).await?;
    let mut second = world.server.beside();
    second.start().await;
    let network = Network::to(&[world.server.address(), second.address()]).await;
    Some((world, second, network))
}

async fn sees(person: &Person, site: &Value) {
    let path = format!("/v1/sites/{}", site["id"].as_str().unwrap());
    eventually_within(POKED, "the poke brings the site", || async { Some(person.ask("GET", &path, Value::Null).await).filter(|reply| reply.status == 200) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_at_either_server_is_poked_to_the_apps_at_both() {
    let Some((world, second, network)) = two_servers().await else { return };
    let tenant = world.tenant("northlift");
    let a = Person::signed_in(&folder(&world, "a"), &network.origin(), tenant, "operator").await;
    let b = Person::signed_in(&folder(&world, "b"), &network.origin(), tenant, "technician").await;
    let staff = tenant.admin().await;
    // More than once: a round of the app's own beginning may see the first.
    for n in 0..3 {
        let made = succeeded(a.ask("POST", "/v1/sites", json!({"name": format!("From an app {n}"), "time_zone": "UTC"})).await);
        sees(&b, &made).await;
        for server in [&world.server, &second] {
            let name = format!("At {} {n}", server.origin());
            let made = staff.at(server).post("/v1/sites", json!({"name": name, "time_zone": "UTC"})).await.succeeded();
            sees(&a, &made).await;
            sees(&b, &made).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_removed_at_one_server_loses_the_stream_at_the_other_within_a_second() {
    let Some((world, second, network)) = two_servers().await else { return };
    let tenant = world.tenant("northlift");
    let app = Person::signed_in(&folder(&world, "app"), &network.origin(), tenant, "technician").await;
    let (viewer, owner) = (tenant.viewer().await.at(&second), tenant.owner().await);
    let mut stream = viewer.request(Method::GET, "/v1/sync/stream").send().await.expect("a stream");
    until(&mut stream, "event: changed").await;
    let viewer_id = viewer.get("/v1/me").await.succeeded()["person"]["id"].clone();
    let began = Instant::now();
    let _ = owner.delete(&format!("/v1/people/{}", viewer_id.as_str().unwrap())).await.succeeded();
    until(&mut stream, "not_signed_in").await;
    assert!(began.elapsed() < Duration::from_secs(1), "cut after {:?}", began.elapsed());

    let people = owner.all("/v1/people").await;
    let technician = people.iter().find(|person| person["role"] == "technician").expect("a technician");
    let _ = owner.delete(&format!("/v1/people/{}", technician["id"].as_str().unwrap())).await.succeeded();
    eventually_within(POKED, "the app knows that its person is no member any more", || async { Some(app.get("/app/sync").await).filter(|sync| sync["state"] == "ended") }).await;
}

/// Reads on until those words come.
async fn until(stream: &mut Response, words: &str) {
    let mut text = String::new();
    while !text.contains(words) {
        let part = tokio::time::timeout(POKED, stream.chunk()).await.unwrap_or_else(|_| panic!("{words} does not come, but: {text}"));
        text.push_str(&String::from_utf8_lossy(&part.expect("an open stream").unwrap_or_else(|| panic!("it ends with: {text}"))));
    }
}
