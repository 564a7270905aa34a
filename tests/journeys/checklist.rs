//! What an organization wants checked, from the admin who says so to the technician without a network and back.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_tests::{
    on_both_engines,
    world::{Fleet, NETWORK, Phone, World, eventually_within},
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::technician;

const SERIALS: [&str; 2] = ["OM-K0001", "OM-K0002"];
const SEALED: Uuid = Uuid::from_u128(1);
const LABEL: Uuid = Uuid::from_u128(2);

async fn visit(phone: &Phone) -> Value {
    phone.get("/app/visit").await.succeeded()
}

/// Looks on until each device is done.
async fn all_are_done(phone: &Phone) -> Value {
    eventually_within(Duration::from_secs(90), "each device is done", || async {
        let now = phone.get("/app/commissions/current").await.succeeded();
        if now["state"] == "needs_confirm" {
            phone.post(&format!("/app/commissions/{}/identify", now["id"].as_str().unwrap()), json!({"confirmed": true})).await.succeeded();
        }
        Some(visit(phone).await).filter(|visit| visit["counts"]["done"] == SERIALS.len())
    })
    .await
}

async fn what_an_organization_wants_checked_is_checked_without_a_network_and_read_by_its_staff(world: World) {
    let north = world.tenant("northlift");
    let (admin, viewer) = (north.admin().await, north.viewer().await);
    let item = |id: Uuid, text: &str, evidence: &str| json!({"id": id, "text": text, "hint": "At the door", "required": true, "evidence": evidence, "unit": null});
    let wanted = json!({"version": 0, "items": [item(SEALED, "Is it sealed?", "tick"), item(LABEL, "A photo of the label", "photo")]});
    let _ = admin.send(Method::PUT, "/v1/checklist", Some(wanted)).await.succeeded();

    let fleet = Fleet::start(&world, &SERIALS).await;
    let phone = Phone::new(&world, "phone", Some(&fleet)).await;
    phone.sign_in(north, "technician").await;
    technician::is_equipped(&phone).await;
    let site = technician::first_site(&phone).await;
    world.network.cut();
    phone.post("/app/radio/scan", Value::Null).await.succeeded();
    phone.post("/app/visit", json!({"site_id": site, "auto": true})).await.succeeded();
    phone.request("PUT", "/app/visit/network", json!({"ssid": NETWORK.0, "passphrase": NETWORK.1})).await.succeeded();
    for serial in SERIALS {
        let added = phone.post("/app/visit/items", json!({"label": fleet.label(serial)})).await.succeeded();
        assert!(added["items"].as_array().unwrap().iter().all(|item| item["checks"].is_null()), "nothing was begun: {added}");
    }
    phone.post("/app/visit/next", Value::Null).await.succeeded();
    let first = all_are_done(&phone).await["items"][0].clone();
    assert_eq!(first["checks"], json!({"answered": 0, "total": 2, "required_open": 2, "photos": 0, "note": null}));

    // The first device is checked while there is no network, and the app dies in between.
    let attempt = first["attempt_id"].as_str().unwrap().to_owned();
    let photo = [b"\x89PNG\r\n\x1a\n".as_slice(), &[7; 200_000]].concat();
    let taken = phone.post(&format!("/app/attempts/{attempt}/photos"), json!({"media_type": "image/png", "content": STANDARD.encode(&photo)})).await.succeeded();
    let checks = format!("/app/attempts/{attempt}/checks");
    let says = |answers: Value| json!({"note": "The door sticks", "answers": answers});
    phone.request("PUT", &checks, says(json!([{"id": LABEL, "answer": {"kind": "photos", "sha256s": [taken["sha256"]]}}]))).await.succeeded();
    phone.kill().await;
    phone.start().await;
    phone.request("PUT", &checks, says(json!([{"id": SEALED, "answer": {"kind": "done"}}]))).await.succeeded();
    let items = visit(&phone).await["items"].clone();
    let counts: Vec<&Value> = items.as_array().unwrap().iter().map(|item| &item["checks"]).collect();
    assert_eq!(counts, [&json!({"answered": 2, "total": 2, "required_open": 0, "photos": 1, "note": "The door sticks"}), &json!({"answered": 0, "total": 2, "required_open": 2, "photos": 0, "note": null})]);

    world.network.restore();
    phone.post("/app/sync/now", Value::Null).await.succeeded();
    let read = eventually_within(Duration::from_secs(60), "staff read what was checked", || async {
        let answer = viewer.get(&format!("/v1/attempts/{attempt}/checks")).await;
        Some(answer).filter(|answer| answer.status == 200).map(|answer| answer.body).filter(|read| !read["record"].is_null() && read["photos"][0].is_object())
    })
    .await;
    assert_eq!((&read["record"]["note"], &read["record"]["items"][0]["text"], &read["record"]["items"][0]["answer"]), (&json!("The door sticks"), &json!("Is it sealed?"), &json!({"kind": "done"})));
    assert_eq!(read["record"]["items"][1]["answer"]["sha256s"], json!([taken["sha256"]]));
    let path = format!("/v1/attempts/{attempt}/attachments/{}", taken["sha256"].as_str().unwrap());
    let fetched = viewer.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(fetched.headers()["content-type"], "image/png");
    assert_eq!(fetched.bytes().await.unwrap(), photo.as_slice());
    let log = admin.get("/v1/audit?action=checklist.change").await.succeeded();
    assert_eq!(log["items"][0]["detail"], json!({"added": 2, "removed": 0, "changed": 0}));
}

on_both_engines!(what_an_organization_wants_checked_is_checked_without_a_network_and_read_by_its_staff);
