//! People who were removed while their app was away: nothing of the tenant stays readable, none of their work is lost.

use std::{fs, path::Path};

use omniot_app::vault::Vault;
use omniot_tests::{on_both_engines, world::{World, eventually}};
use serde_json::{Value, json};

use crate::{checks::{answers, interrupted_at, takes_this}, middlebox::{Middlebox, Mood}, network::made_a_dozen_offline, person::{Person, WrongClock, folder, succeeded}};

/// Stands in what the app holds of the tenant, and in what was changed and not sent.
const CANARY: &str = "canary-of-northlift";

/// The files under `folder` that hold the canary.
fn readable_in(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path()).flat_map(|path| {
        if path.is_dir() {
            return readable_in(&path);
        }
        let holds = fs::read(&path).is_ok_and(|bytes| bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()));
        if holds { vec![path.display().to_string()] } else { vec![] }
    }).collect()
}

/// What is in the vault, by name.
fn secrets(data: &Path) -> Vec<String> {
    Vault::open(data).expect("the vault opens").names()
}

async fn card(person: &Person) -> Value {
    person.items("/app/accounts").await[0].clone()
}

/// An operator with rows and unsent work, who is removed while the network is away.
async fn removed_while_away(world: &World, data: &Path, origin: &str, cut: impl Fn()) -> Person {
    let tenant = world.tenant("northlift");
    let (admin, olaf) = (tenant.admin().await, tenant.person("operator").await);
    let me = olaf.get("/v1/me").await.succeeded()["person"]["id"].as_str().unwrap().to_owned();
    let site = admin.post("/v1/sites", json!({"name": "Depot", "time_zone": "UTC", "note": CANARY})).await.succeeded()["id"].as_str().unwrap().to_owned();
    let person = Person::signed_in(data, origin, tenant, "operator").await;
    // A visit keeps the network of the site, and labels.
    succeeded(person.ask("POST", "/app/visit", json!({"site_id": site})).await);
    succeeded(person.ask("PUT", "/app/visit/network", json!({"ssid": "Field", "passphrase": "of the organization", "keep": true})).await);
    assert_eq!(secrets(data).len(), 3, "the token, what opens the account here, and what is kept of the visit");
    cut();
    person.offline().await;
    succeeded(person.ask("PATCH", &format!("/v1/sites/{site}"), json!({"address": format!("{CANARY} street 1")})).await);
    succeeded(person.ask("POST", "/v1/sites", json!({"name": format!("{CANARY} yard"), "time_zone": "UTC"})).await);
    assert!(!readable_in(data).is_empty(), "the test sees what it looks for");
    assert_eq!(admin.delete(&format!("/v1/people/{me}")).await.status, 204);
    person
}

async fn who_was_removed_holds_nothing_and_their_work_is_with_the_administrators(world: World) {
    let data = folder(&world, "app");
    let person = removed_while_away(&world, &data, &world.network.origin(), || world.network.cut()).await;
    assert_eq!(person.items("/v1/sites?q=Depot").await.len(), 1, "nobody has told this machine yet");
    world.network.restore();
    person.sync_now().await;
    person.until("the membership has ended", |sync| sync["state"] == "ended").await;
    let handed = eventually("the work is handed over", || async { Some(card(&person).await).filter(|card| card["farewell"] == json!({"handed": 2, "lost": 0, "waiting": 0}) && card["unsent"] == 0) }).await;
    assert_eq!(handed["state"], "ended");
    assert_eq!(person.ask("GET", "/v1/sites", Value::Null).await.code(), Some("membership_ended"));
    assert_eq!(person.ask("POST", "/v1/sites", json!({"name": "More", "time_zone": "UTC"})).await.code(), Some("membership_ended"));
    assert_eq!(readable_in(&data), Vec::<String>::new(), "10: what was held is readable in a file");
    assert_eq!(secrets(&data), Vec::<String>::new(), "10: nothing of it opens a network or a device");
    assert_eq!(person.ask("GET", "/app/visit", Value::Null).await.code(), Some("not_signed_in"));

    let admin = world.tenant("northlift").admin().await;
    let items = admin.get("/v1/escrow").await.succeeded()["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 2);
    for item in &items {
        assert_eq!((&item["why"], &item["author"]["role"]), (&json!("left"), &json!("operator")));
        let accepted = admin.post(&format!("/v1/escrow/{}/accept", item["id"].as_str().unwrap()), json!({})).await.succeeded();
        assert_eq!(accepted["refusal"], Value::Null, "{item}");
    }
    assert_eq!(admin.all(&format!("/v1/sites?q={CANARY}")).await.len(), 2, "the address of the one, the name of the other");

    // The card stays, also when the app is opened again, until the person removes it.
    let person = person.reopens().await;
    let card = card(&person).await;
    assert_eq!((&card["state"], &card["farewell"]["handed"]), (&json!("ended"), &json!(2)));
    assert_eq!(person.ask("DELETE", &format!("/app/accounts/{}", card["id"].as_str().unwrap()), Value::Null).await.status, 204);
    person.close().await;
}

on_both_engines!(who_was_removed_holds_nothing_and_their_work_is_with_the_administrators);

async fn work_of_who_was_removed_gets_through_where_long_requests_break_off(world: World) {
    let tenant = world.tenant("northlift");
    let middlebox = Middlebox::before(world.server.address()).await;
    let person = made_a_dozen_offline(&world, &middlebox, "Far", (3, "short")).await;
    let (admin, me) = (tenant.admin().await, tenant.person("operator").await.get("/v1/me").await.succeeded()["person"]["id"].as_str().unwrap().to_owned());
    assert_eq!(admin.delete(&format!("/v1/people/{me}")).await.status, 204);
    middlebox.becomes(Mood::BreaksBodies(2_500));
    person.sync_now().await;
    person.until("the membership has ended", |sync| sync["state"] == "ended").await;
    eventually("all of it is handed over", || async {
        person.sync_now().await;
        Some(card(&person).await).filter(|card| card["farewell"] == json!({"handed": 12, "lost": 0, "waiting": 0}))
    })
    .await;
    assert_eq!(admin.all("/v1/escrow").await.len(), 12);
    person.close().await;
}

on_both_engines!(work_of_who_was_removed_gets_through_where_long_requests_break_off);

async fn photos_and_checks_of_who_was_removed_follow_their_records(world: World) {
    let (tenant, data) = (world.tenant("northlift"), folder(&world, "app"));
    let admin = tenant.admin().await;
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "technician").await;
    let me = person.get("/v1/me").await["person"]["id"].as_str().unwrap().to_owned();
    let photo = |word: &str| [b"\x89PNG\r\n\x1a\n".as_slice(), CANARY.as_bytes(), word.as_bytes()].concat();
    // Of one attempt the server has the record, the other one waits with its own.
    let (person, sent) = interrupted_at(person, &data, &json!({})).await;
    person.sync_now().await;
    let files = async |attempt: &str| admin.get(&format!("/v1/attempts/{attempt}/attachments")).await.body["items"].as_array().map(Vec::len);
    eventually("the record is there", || async { files(&sent).await }).await;
    world.network.cut();
    person.offline().await;
    takes_this(&person, &sent, &photo("of the first")).await;
    let (person, unsent) = interrupted_at(person, &data, &json!({})).await;
    takes_this(&person, &unsent, &photo("of the second")).await;
    takes_this(&person, &unsent, &photo("and another one")).await;
    answers(&person, &unsent, CANARY, json!([])).await;
    assert!(!readable_in(&data).is_empty(), "the test sees what it looks for");
    assert_eq!(admin.delete(&format!("/v1/people/{me}")).await.status, 204);
    world.network.restore();
    person.sync_now().await;
    eventually("all of it is handed over", || async { Some(card(&person).await).filter(|card| card["farewell"] == json!({"handed": 5, "lost": 0, "waiting": 0})) }).await;
    assert_eq!(readable_in(&data), Vec::<String>::new(), "10: what was held is readable in a file");
    assert_eq!((files(&sent).await, files(&unsent).await), (Some(1), None));
    let items = admin.all("/v1/escrow").await;
    assert_eq!((items.len(), &items[0]["files"]), (1, &json!(3)));
    let _ = admin.post(&format!("/v1/escrow/{}/accept", items[0]["id"].as_str().unwrap()), json!({})).await.succeeded();
    assert_eq!(files(&unsent).await, Some(3));
    let checks = admin.get(&format!("/v1/attempts/{unsent}/checks")).await.succeeded();
    assert_eq!((&checks["record"]["note"], checks["photos"].as_array().map(Vec::len)), (&json!(CANARY), Some(2)));
    person.close().await;
}

on_both_engines!(photos_and_checks_of_who_was_removed_follow_their_records);

async fn an_app_that_is_closed_between_sealing_and_handing_over_goes_on_days_later(mut world: World) {
    let data = folder(&world, "app");
    let way = Middlebox::before(world.server.address()).await;
    let person = removed_while_away(&world, &data, &way.origin(), || way.becomes(Mood::CaptivePortal)).await;
    // What asks how the person stands gets through; boxes do not.
    way.becomes(Mood::SmallBodies(600));
    person.sync_now().await;
    person.until("the membership has ended", |sync| sync["state"] == "ended").await;
    let shown = card(&person).await;
    assert_eq!((&shown["farewell"], &shown["unsent"]), (&json!({"handed": 0, "lost": 0, "waiting": 2}), &json!(2)));
    let account = format!("/app/accounts/{}", shown["id"].as_str().unwrap());
    assert_eq!(person.ask("DELETE", &account, Value::Null).await.code(), Some("changes_pending"), "nobody loses work by mistake");
    person.close().await;
    assert_eq!(readable_in(&data), Vec::<String>::new(), "sealed, it is readable to nobody");

    world.server.kill().await;
    way.becomes(Mood::Honest);
    let person = Person::with_clock(&data, &way.origin(), WrongClock(3 * 24 * 3_600_000)).await;
    person.sync_now().await;
    let shown = card(&person).await;
    assert_eq!((&shown["state"], &shown["farewell"]["waiting"]), (&json!("ended"), &json!(2)), "nobody answers");
    world.server.start().await;
    eventually("the work is handed over", || async {
        person.sync_now().await;
        Some(card(&person).await).filter(|card| card["farewell"] == json!({"handed": 2, "lost": 0, "waiting": 0}))
    })
    .await;
    assert_eq!(world.tenant("northlift").admin().await.all("/v1/escrow").await.len(), 2);
    person.close().await;
}

on_both_engines!(an_app_that_is_closed_between_sealing_and_handing_over_goes_on_days_later);

async fn a_session_that_merely_ended_ends_nothing_else(world: World) {
    let data = folder(&world, "app");
    let tenant = world.tenant("northlift");
    let (admin, olaf) = (tenant.admin().await, tenant.person("operator").await);
    let me = olaf.get("/v1/me").await.succeeded()["person"]["id"].as_str().unwrap().to_owned();
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "operator").await;
    let sites = person.items("/v1/sites?limit=200").await.len();
    assert_eq!(admin.delete(&format!("/v1/people/{me}/sessions")).await.status, 204);
    succeeded(person.ask("POST", "/v1/sites", json!({"name": "Made meanwhile", "time_zone": "UTC"})).await);
    person.until("the session has ended", |sync| sync["state"] == "needs_sign_in").await;
    // Asked how they stand, at once and again.
    for _ in 0..3 {
        person.sync_now().await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert_eq!(person.items("/v1/sites?limit=200").await.len(), sites + 1);
    assert_eq!(card(&person).await["farewell"], Value::Null);
    person.sign_in(tenant, "operator").await;
    person.synced().await;
    assert_eq!(admin.all("/v1/sites?q=Made%20meanwhile").await.len(), 1);
    person.close().await;
}

on_both_engines!(a_session_that_merely_ended_ends_nothing_else);
