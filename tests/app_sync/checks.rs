//! What a technician checks at an installation: answers, a note and photos, without a network and through a bad one.

use std::{
    path::Path,
    sync::{Arc, atomic::{AtomicBool, Ordering}},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_tests::{on_both_engines, world::{Actor, World, eventually}};
use reqwest::Method;
use rusqlite::Connection;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{archive::Archive, middlebox::{Middlebox, Mood}, person::{Person, WrongClock, folder, succeeded}};

const TICK: Uuid = Uuid::from_u128(1);
const PHOTO: Uuid = Uuid::from_u128(2);
const VOLTAGE: Uuid = Uuid::from_u128(3);
/// Longer than a file that did not get through lets others go first.
const LATER_MS: i64 = 600_000;

fn item(id: Uuid, text: &str, evidence: &str, required: bool) -> Value {
    json!({"id": id, "text": text, "hint": null, "required": required, "evidence": evidence, "unit": (evidence == "number").then_some("V")})
}

/// The organization wants three things checked.
async fn wanted(admin: &Actor) {
    let items = [item(TICK, "Sealed?", "tick", true), item(PHOTO, "Label", "photo", true), item(VOLTAGE, "Voltage", "number", false)];
    let _ = admin.send(Method::PUT, "/v1/checklist", Some(json!({"version": 0, "items": items}))).await.succeeded();
}

/// Another attempt of this person, as an app that died in the middle of it leaves it behind.
async fn interrupted(person: Person, data: &Path) -> (Person, String) {
    interrupted_at(person, data, &json!({})).await
}

/// The same where more is known of it.
pub async fn interrupted_at(person: Person, data: &Path, known: &Value) -> (Person, String) {
    let account = person.items("/app/accounts").await[0]["id"].as_str().unwrap().to_owned();
    let db = data.join("accounts").join(account).join("replica.db");
    let (id, origin) = (Uuid::now_v7(), person.server().to_owned());
    person.close().await;
    Connection::open(db).unwrap().execute("insert into commission (id, whole) values (?1, ?2)", rusqlite::params![id.as_bytes(), known.to_string()]).unwrap();
    (Person::with_app(data, &origin).await, format!("att_{}", id.simple()))
}

fn png(n: usize) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n".as_slice(), &n.to_le_bytes(), &vec![7; 100_000]].concat()
}

/// Where the app shows what was checked at an attempt.
pub fn checks(attempt: &str) -> String {
    format!("/app/attempts/{attempt}/checks")
}

async fn takes(person: &Person, attempt: &str, n: usize) -> String {
    takes_this(person, attempt, &png(n)).await
}

/// A photo of these bytes is taken at that attempt.
pub async fn takes_this(person: &Person, attempt: &str, photo: &[u8]) -> String {
    let body = json!({"media_type": "image/png", "content": STANDARD.encode(photo)});
    let taken = person.ask("POST", &format!("/app/attempts/{attempt}/photos"), body).await;
    assert_eq!(taken.status, 201, "{}", taken.body);
    taken.body["sha256"].as_str().unwrap().to_owned()
}

/// What was checked is answered so.
pub async fn answers(person: &Person, attempt: &str, note: &str, answers: Value) -> Value {
    succeeded(person.ask("PUT", &checks(attempt), json!({"note": note, "answers": answers})).await)
}

fn answer(id: Uuid, answer: &Value) -> Value {
    json!({"id": id, "answer": answer})
}

async fn is_sent(person: &Person, attempt: &str) -> Value {
    person.sync_now().await;
    eventually("all that was checked is sent", || async {
        let seen = person.get(&checks(attempt)).await;
        let photos = seen["photos"].as_array().unwrap().iter().all(|photo| photo["state"] == "sent");
        Some(seen).filter(|seen| photos && seen["record_state"] == "sent")
    })
    .await
}

async fn unsent(person: &Person) -> i64 {
    person.items("/app/accounts").await[0]["unsent"].as_i64().unwrap()
}

async fn what_was_checked_without_a_network_arrives_and_only_who_made_the_attempt_adds_to_it(world: World) {
    let (tenant, data) = (world.tenant("northlift"), folder(&world, "app"));
    let admin = tenant.admin().await;
    wanted(&admin).await;
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "technician").await;
    assert_eq!(person.get("/v1/checklist").await["version"], 1);
    world.network.cut();
    person.offline().await;
    let (person, attempt) = interrupted(person, &data).await;
    let list = person.get("/v1/checklist").await;
    assert_eq!((&list["version"], list["items"].as_array().map(Vec::len), list["updated_by"].is_string()), (&json!(1), Some(3), true), "as it was fetched");
    let seen = person.get(&checks(&attempt)).await;
    assert_eq!((&seen["checklist"]["items"], &seen["record"], &seen["photos"]), (&list["items"], &Value::Null, &json!([])));

    let (kept, mistaken) = (takes(&person, &attempt, 1).await, takes(&person, &attempt, 2).await);
    let both = answer(PHOTO, &json!({"kind": "photos", "sha256s": [kept, mistaken]}));
    answers(&person, &attempt, "  Behind the pump ", json!([answer(TICK, &json!({"kind": "done"})), both])).await;
    assert_eq!(person.ask("DELETE", &format!("/app/attempts/{attempt}/photos/{mistaken}"), Value::Null).await.status, 204);
    let before = person.get(&checks(&attempt)).await;
    let saved = succeeded(person.ask("POST", "/app/sync/export", Value::Null).await);
    assert_eq!((&saved["changes"], &saved["files"], &person.get("/app/sync").await["evidence"]), (&json!(1), &json!(2), &json!(2)), "the attempt, a photo and what was said");
    let mut archive = Archive::of(&saved);
    let listed = archive.changes()["files"].clone();
    assert_eq!((&listed[0]["sha256"], &listed[0]["attempt_id"], &listed[1]["kind"]), (&json!(kept), &json!(attempt), &json!("checks")));
    let content = |archive: &mut Archive, n: usize| archive.file(listed[n]["name"].as_str().unwrap()).expect("a file of the archive");
    assert_eq!(content(&mut archive, 0), png(1), "to the last byte");
    assert_eq!(serde_json::from_slice::<Value>(&content(&mut archive, 1)).unwrap()["note"], "Behind the pump");
    let unfit = [
        (answer(TICK, &json!({"kind": "text", "text": "yes"})), "answers[0].answer"),
        (answer(VOLTAGE, &json!({"kind": "not_applicable", "reason": " "})), "answers[0].answer"),
        (answer(PHOTO, &json!({"kind": "photos", "sha256s": [mistaken]})), "answers[0].answer"),
        (answer(Uuid::from_u128(9), &json!({"kind": "done"})), "answers[0].id"),
    ];
    for (wrong, field) in unfit {
        let refused = person.ask("PUT", &checks(&attempt), json!({"note": null, "answers": [wrong]})).await;
        assert_eq!((refused.status, refused.code(), &refused.body["error"]["field"]), (422, Some("invalid_field"), &json!(field)), "{wrong}");
    }
    for (photo, status, code) in [
        (json!({"media_type": "image/jpeg", "content": STANDARD.encode(png(1))}), 422, "invalid_attachment"),
        (json!({"media_type": "image/gif", "content": STANDARD.encode("GIF89a")}), 415, "unsupported_media_type"),
        (json!({"media_type": "image/png", "content": "%"}), 422, "invalid_field"),
        (json!({"media_type": "image/png", "content": STANDARD.encode([png(1), vec![0; 500_000]].concat())}), 413, "too_large"),
    ] {
        let refused = person.ask("POST", &format!("/app/attempts/{attempt}/photos"), photo).await;
        assert_eq!((refused.status, refused.code()), (status, Some(code)));
    }
    assert_eq!(person.get(&checks(&attempt)).await, before, "what was refused changed nothing");

    let person = person.reopens().await;
    assert_eq!(person.get(&checks(&attempt)).await, before, "and neither did the end of the app");
    assert_eq!(unsent(&person).await, 3, "an attempt, what was checked, and a photo");
    let account = person.items("/app/accounts").await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(person.ask("DELETE", &format!("/app/accounts/{account}"), Value::Null).await.code(), Some("changes_pending"));

    world.network.restore();
    is_sent(&person, &attempt).await;
    person.synced().await;
    assert_eq!(unsent(&person).await, 0);
    let read = admin.get(&format!("/v1/attempts/{attempt}/checks")).await.succeeded();
    assert_eq!(read["record"], before["record"]);
    assert_eq!((&read["record"]["note"], &read["record"]["items"][0]["answer"], &read["record"]["items"][1]["answer"]), (&json!("Behind the pump"), &json!({"kind": "done"}), &json!({"kind": "photos", "sha256s": [kept]})));
    assert_eq!((read["photos"].as_array().map(Vec::len), &read["photos"][0]["sha256"]), (Some(1), &json!(kept)), "what was taken back never went");
    let photo = format!("/app/attempts/{attempt}/photos/{kept}");
    assert_eq!(person.ask("DELETE", &photo, Value::Null).await.code(), Some("state_conflict"), "the server has it");

    // What is said later goes on from what stands, also where the list has changed meanwhile.
    let _ = admin.send(Method::PUT, "/v1/checklist", Some(json!({"version": 1, "items": [item(VOLTAGE, "Voltage at L1", "number", true)]}))).await.succeeded();
    assert_eq!(person.get("/v1/checklist").await["version"], 2);
    answers(&person, &attempt, "Behind the pump", json!([answer(VOLTAGE, &json!({"kind": "number", "number": 230.5}))])).await;
    is_sent(&person, &attempt).await;
    let asked: Vec<Value> = admin.get(&format!("/v1/attempts/{attempt}/checks")).await.succeeded()["record"]["items"].as_array().unwrap().iter().map(|item| item["text"].clone()).collect();
    assert_eq!(asked, ["Voltage at L1", "Sealed?", "Label"]);

    let other = Person::signed_in(&folder(&world, "other"), &world.network.origin(), tenant, "admin").await;
    let nothing = json!({"note": "mine", "answers": []});
    for (method, path, body) in [("GET", checks(&attempt), Value::Null), ("PUT", checks(&attempt), nothing), ("DELETE", photo.clone(), Value::Null),
        ("POST", format!("/app/attempts/{attempt}/photos"), json!({"media_type": "image/png", "content": STANDARD.encode(png(3))}))] {
        assert_eq!(other.ask(method, &path, body).await.status, 404, "{method} {path}");
    }
    let shown = other.get(&photo).await;
    assert_eq!((&shown, shown["content"].as_str()), (&person.get(&photo).await, Some(STANDARD.encode(png(1)).as_str())), "and whoever sees the attempt sees it");
    assert_eq!(other.ask("GET", &photo.replace(&kept, &mistaken), Value::Null).await.status, 404);
}

async fn a_file_that_is_cut_or_whose_answer_is_lost_is_sent_again_and_is_there_once(world: World) {
    let (tenant, data) = (world.tenant("northlift"), folder(&world, "app"));
    let admin = tenant.admin().await;
    wanted(&admin).await;
    let middlebox = Middlebox::before(world.server.address()).await;
    let person = Person::signed_in(&data, &middlebox.origin(), tenant, "technician").await;
    let (mut person, attempt) = interrupted(person, &data).await;
    person.synced().await;
    let at_server = async || admin.get(&format!("/v1/attempts/{attempt}/attachments")).await.succeeded()["items"].as_array().unwrap().len();
    for (n, mood) in [Mood::HalvesFiles, Mood::BlessesFiles, Mood::SwallowsFiles].into_iter().enumerate() {
        middlebox.becomes(mood);
        takes(&person, &attempt, n).await;
        person.sync_now().await;
        let expected = n + usize::from(mood == Mood::SwallowsFiles);
        if mood == Mood::SwallowsFiles {
            eventually("the server has it, and nobody knows here", || async { (at_server().await == expected).then_some(()) }).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        assert_eq!((at_server().await, &person.get(&checks(&attempt)).await["photos"][n]["state"]), (expected, &json!("waiting")), "{mood:?}");
        middlebox.becomes(Mood::Honest);
        person.close().await;
        person = Person::with_clock(&data, &middlebox.origin(), WrongClock(LATER_MS * (i64::try_from(n).unwrap() + 1))).await;
        eventually("it is sent again", || async { Some(person.get(&checks(&attempt)).await).filter(|seen| seen["photos"][n]["state"] == "sent") }).await;
        assert_eq!(at_server().await, n + 1, "{mood:?}");
    }
}

async fn what_was_made_goes_while_nothing_is_fetched(world: World) {
    let (tenant, data) = (world.tenant("northlift"), folder(&world, "app"));
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "technician").await;
    succeeded(person.ask("PATCH", "/app/sync", json!({"paused": true})).await);
    let (person, attempt) = interrupted(person, &data).await;
    takes(&person, &attempt, 1).await;
    answers(&person, &attempt, "On the roof", json!([])).await;
    is_sent(&person, &attempt).await;
    assert_eq!(person.get("/app/sync").await["state"], "paused");
}

async fn a_record_that_an_administrator_accepts_needs_nobody_any_more_and_its_photos_go(world: World) {
    let (tenant, data) = (world.tenant("northlift"), folder(&world, "app"));
    let owner = tenant.owner().await;
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "technician").await;
    let me = person.get("/v1/me").await["person"]["id"].as_str().unwrap().to_owned();
    let becomes = async |role: &str| owner.patch(&format!("/v1/people/{me}"), json!({"role": role})).await.succeeded();
    world.network.cut();
    person.offline().await;
    let (person, attempt) = interrupted(person, &data).await;
    takes(&person, &attempt, 1).await;
    answers(&person, &attempt, "On the roof", json!([])).await;
    let _ = becomes("viewer").await;
    world.network.restore();
    person.sync_now().await;
    person.until("the record needs somebody", |sync| sync["attention"] == 1).await;
    let item = person.items("/app/sync/attention").await[0].clone();
    assert_eq!((&item["photos"], &item["answers"]), (&json!(1), &json!(1)), "what would be lost with it");
    let _ = becomes("technician").await;
    person.sync_now().await;
    person.until("the right is back", |sync| sync["state"] == "synced").await;
    assert_eq!(person.get(&checks(&attempt)).await["photos"][0]["state"], "waiting");
    let escrowed = owner.all("/v1/escrow").await;
    assert_eq!(escrowed.len(), 1);
    let _ = owner.post(&format!("/v1/escrow/{}/accept", escrowed[0]["id"].as_str().unwrap()), json!({})).await.succeeded();
    person.sync_now().await;
    person.until("nobody has to decide any more", |sync| sync["attention"] == 0).await;
    is_sent(&person, &attempt).await;
}

async fn photos_wait_for_wifi_where_that_is_wished_and_nothing_else_does(world: World) {
    let (tenant, data) = (world.tenant("northlift"), folder(&world, "app"));
    let admin = tenant.admin().await;
    wanted(&admin).await;
    let metered = Arc::new(AtomicBool::new(true));
    let says = metered.clone();
    let on_mobile_data = async || {
        let says = says.clone();
        Person::with_config(&data, &world.network.origin(), |config| config.metered = Arc::new(move || Some(says.load(Ordering::SeqCst)))).await
    };
    let person = on_mobile_data().await;
    person.sign_in(tenant, "technician").await;
    person.synced().await;
    assert_eq!(person.get("/app/sync").await["photos_wifi"], false);
    assert_eq!(succeeded(person.ask("PATCH", "/app/sync", json!({"photos_wifi": true})).await)["photos_wifi"], true);
    let (person, attempt) = interrupted(person, &data).await;
    person.close().await;
    let person = on_mobile_data().await;
    assert_eq!(person.get("/app/sync").await["photos_wifi"], true, "it outlives the app");
    takes(&person, &attempt, 1).await;
    answers(&person, &attempt, "On the roof", json!([])).await;
    person.sync_now().await;
    let seen = eventually("what was said is sent", || async { Some(person.get(&checks(&attempt)).await).filter(|seen| seen["record_state"] == "sent") }).await;
    assert_eq!(seen["photos"][0]["state"], "waiting");
    assert_eq!(unsent(&person).await, 1);
    metered.store(false, Ordering::SeqCst);
    is_sent(&person, &attempt).await;
    metered.store(true, Ordering::SeqCst);
    takes(&person, &attempt, 2).await;
    person.sync_now().await;
    person.synced().await;
    assert_eq!(person.get(&checks(&attempt)).await["photos"][1]["state"], "waiting", "the wish is looked at when it is to go");
    succeeded(person.ask("PATCH", "/app/sync", json!({"photos_wifi": false})).await);
    is_sent(&person, &attempt).await;
}

async fn what_the_server_refuses_stays_here_and_whoever_may_no_longer_commission_keeps_what_was_answered(world: World) {
    let (tenant, data) = (world.tenant("northlift"), folder(&world, "app"));
    let (owner, tess) = (tenant.owner().await, tenant.technician().await);
    wanted(&owner).await;
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "technician").await;
    let (person, attempt) = interrupted(person, &data).await;
    person.synced().await;
    for n in 0..omniot_shared::attachment::MOST {
        let bytes = png(1_000 + n);
        let path = format!("/v1/attempts/{attempt}/attachments/{}", omniot_shared::attachment::Address::of(&bytes));
        let put = tess.request(Method::PUT, &path).header("content-type", "image/png").body(bytes).send().await.unwrap();
        assert_eq!(put.status(), 204);
    }
    let photo = takes(&person, &attempt, 1).await;
    let seen = eventually("the server has no room for it", || async { Some(person.get(&checks(&attempt)).await).filter(|seen| seen["photos"][0]["state"] == "refused") }).await;
    assert_eq!((&seen["photos"][0]["sha256"], unsent(&person).await), (&json!(photo), 1), "it is not lost, and counted");
    assert_eq!(person.get(&format!("/app/attempts/{attempt}/photos/{photo}")).await["content"], STANDARD.encode(png(1)));
    assert_eq!(person.ask("DELETE", &format!("/app/attempts/{attempt}/photos/{photo}"), Value::Null).await.status, 204, "who knows of it may let it go");

    world.network.cut();
    person.offline().await;
    let (person, second) = interrupted(person, &data).await;
    answers(&person, &second, "Left at the gate", json!([])).await;
    let me = tess.get("/v1/me").await.succeeded()["person"]["id"].as_str().unwrap().to_owned();
    let _ = owner.patch(&format!("/v1/people/{me}"), json!({"role": "viewer"})).await.succeeded();
    world.network.restore();
    eventually("the app knows of the other role", || async { Some(person.get("/v1/me").await).filter(|me| me["person"]["role"] == "viewer") }).await;
    let refused = person.ask("PUT", &checks(&attempt), json!({"note": "more", "answers": []})).await;
    assert_eq!((refused.status, refused.code()), (403, Some("not_allowed")));
    let body = json!({"media_type": "image/png", "content": STANDARD.encode(png(5))});
    assert_eq!(person.ask("POST", &format!("/app/attempts/{attempt}/photos"), body).await.status, 403);
    let seen = person.get(&checks(&second)).await;
    assert_eq!((&seen["record"]["note"], &seen["record_state"]), (&json!("Left at the gate"), &json!("waiting")));
    assert!(unsent(&person).await >= 2, "the attempt needs somebody, and what was answered waits for the right to come back");
}

on_both_engines!(
    what_was_checked_without_a_network_arrives_and_only_who_made_the_attempt_adds_to_it,
    a_file_that_is_cut_or_whose_answer_is_lost_is_sent_again_and_is_there_once,
    what_was_made_goes_while_nothing_is_fetched,
    a_record_that_an_administrator_accepts_needs_nobody_any_more_and_its_photos_go,
    photos_wait_for_wifi_where_that_is_wished_and_nothing_else_does,
    what_the_server_refuses_stays_here_and_whoever_may_no_longer_commission_keeps_what_was_answered,
);
