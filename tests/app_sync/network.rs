//! Networks that fail, lie or come and go.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use omniot_shared::ids::ClientId;
use omniot_tests::{on_both_engines, world::{Actor, Phone, World, eventually}};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    checks::{interrupted_at, takes_this},
    middlebox::{Middlebox, Mood},
    person::{Person, WrongClock, folder, succeeded},
    verifying::{told, verified},
};

async fn offline_work_survives_reopening_and_arrives_once(world: World) {
    let tenant = world.tenant("northlift");
    let origin = world.network.origin();
    let person = Person::signed_in(&folder(&world, "app"), &origin, tenant, "operator").await;
    let before = person.items("/v1/devices").await;
    world.network.cut();
    person.offline().await;
    let site = succeeded(person.ask("POST", "/v1/sites", json!({"name": "Hütte am Bärensee", "time_zone": "Europe/Vienna"})).await);
    let model = person.items("/v1/models").await[0]["id"].clone();
    let new = json!({"serial": "off-1", "name": "Pump", "model_id": model, "site_id": site["id"]});
    let made = person.ask("POST", "/v1/devices", new.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["site_name"], "Hütte am Bärensee", "the answer has the server's shape: {}", made.body);
    let twice = person.ask("POST", "/v1/devices", new).await;
    assert_eq!((twice.status, twice.code()), (409, Some("already_exists")));
    let device = format!("/v1/devices/{}", made.body["id"].as_str().unwrap());
    succeeded(person.ask("PATCH", &device, json!({"note": "behind the door"})).await);
    assert_eq!(person.get("/app/sync").await["pending"], 3);
    assert_eq!(person.items("/v1/sites?q=BARENSEE").await.len(), 1, "what was made offline is found at once");

    let person = person.reopens().await;
    assert_eq!(person.get("/app/sync").await["pending"], 3, "the outbox survives");
    assert_eq!(person.get(&device).await["note"], "behind the door");
    world.network.restore();
    person.sync_now().await;
    let sync = person.synced().await;
    assert_eq!(sync["attention"], 0);
    let staff = tenant.viewer().await;
    let there = staff.get(&device).await.succeeded();
    assert_eq!((&there["serial"], &there["note"], &there["site_name"]), (&json!("OFF-1"), &json!("behind the door"), &json!("Hütte am Bärensee")));
    let all = staff.get("/v1/devices?limit=200").await.succeeded();
    assert_eq!(all["items"].as_array().unwrap().len(), before.len() + 1, "once, not twice");
}

async fn a_change_elsewhere_is_here_without_being_asked_for(world: World) {
    let tenant = world.tenant("northlift");
    let person = Person::signed_in(&folder(&world, "app"), &world.network.origin(), tenant, "technician").await;
    let staff = tenant.operator().await;
    let made = staff.post("/v1/sites", json!({"name": "Made elsewhere", "time_zone": "UTC"})).await.succeeded();
    let path = format!("/v1/sites/{}", made["id"].as_str().unwrap());
    eventually("the poke brings the site", || async { Some(person.ask("GET", &path, Value::Null).await).filter(|reply| reply.status == 200) }).await;
}

async fn a_page_of_a_captive_portal_changes_nothing(world: World) {
    let tenant = world.tenant("northlift");
    let middlebox = Middlebox::before(world.server.address()).await;
    let person = Person::signed_in(&folder(&world, "app"), &middlebox.origin(), tenant, "operator").await;
    let before = person.items("/v1/devices").await;
    middlebox.becomes(Mood::CaptivePortal);
    let device = format!("/v1/devices/{}", before[0]["id"].as_str().unwrap());
    succeeded(person.ask("PATCH", &device, json!({"name": "Edited in the café"})).await);
    // What was under way when the page came may have broken off without a word.
    eventually("the page is known for what it is", || async { Some(person.offline().await).filter(|sync| sync["error"]["code"] == "captive_portal") }).await;
    let people = person.ask("GET", "/v1/people", Value::Null).await;
    assert_eq!((people.status, people.code()), (503, Some("offline")), "what only the server knows is not invented: {}", people.body);
    assert_eq!(person.items("/v1/devices").await.len(), before.len());
    assert_eq!(person.get(&device).await["name"], "Edited in the café");
    middlebox.becomes(Mood::Honest);
    person.sync_now().await;
    person.synced().await;
    assert_eq!(tenant.viewer().await.get(&device).await.succeeded()["name"], "Edited in the café");
}

async fn a_pull_that_breaks_off_publishes_nothing_and_is_taken_up_again(world: World) {
    let tenant = world.tenant("northlift");
    let middlebox = Middlebox::before(world.server.address()).await;
    let person = Person::signed_in(&folder(&world, "app"), &middlebox.origin(), tenant, "technician").await;
    let before = person.items("/v1/sites?limit=200").await.len();
    middlebox.becomes(Mood::CutsPulls(700));
    let staff = tenant.operator().await;
    for n in 0..60 {
        // Chance does not compress: not even one of these fits through the gap.
        let note: String = (0..50).map(|_| hex::encode(rand::random::<[u8; 16]>())).collect();
        let body = json!({"name": format!("Site {n}"), "note": note, "time_zone": "UTC"});
        let _ = staff.post("/v1/sites", body).await.succeeded();
    }
    for _ in 0..5 {
        person.sync_now().await;
        person.offline().await;
        assert_eq!(person.items("/v1/sites?limit=200").await.len(), before, "a part of a checkpoint is shown");
    }
    middlebox.becomes(Mood::Honest);
    person.sync_now().await;
    person.synced().await;
    assert_eq!(person.items("/v1/sites?limit=200").await.len(), before + 60);
}

/// Three hundred devices of each push; of two thousand rows and more the server keeps a segment.
pub async fn many_devices(staff: &Actor, numbers: Range<u64>) {
    let model = staff.get("/v1/models").await.succeeded()["items"][0]["id"].clone();
    let client = ClientId(Uuid::now_v7());
    for first in numbers.clone().step_by(300) {
        let intents: Vec<Value> = (first..first + 300).map(|n| {
            json!({"client_id": client, "n": n - numbers.start + 1, "id": format!("int_{}", Uuid::now_v7().simple()), "at": 0, "base": null, "change": {"kind": "device.create",
                "body": {"serial": format!("SEG-{n:05}"), "name": format!("Sensor {n} {}", Uuid::now_v7()), "note": "a long one ".repeat(40), "model_id": model, "site_id": null}}})
        }).collect();
        let body = json!({"schema": 1, "client_id": client, "now": 0, "intents": intents});
        assert_eq!(staff.post("/v1/sync/push", body).await.succeeded()["receipts"].as_array().map(Vec::len), Some(300));
    }
}

async fn a_segment_that_breaks_off_goes_on_where_it_did(world: World) {
    let tenant = world.tenant("northlift");
    let staff = tenant.operator().await;
    many_devices(&staff, 0..2_100).await;
    // The first one pulls row by row, and what went out is kept for the next.
    let first = Person::signed_in(&folder(&world, "first"), &world.network.origin(), tenant, "technician").await;
    let middlebox = Middlebox::before(world.server.address()).await;
    middlebox.becomes(Mood::CutsSegments(30_000));
    let second = Person::signed_in(&folder(&world, "second"), &middlebox.origin(), tenant, "technician").await;
    assert!(!middlebox.pieces().is_empty(), "it came in pieces");
    for path in ["/v1/devices?q=SEG-00000", "/v1/devices?q=SEG-02099"] {
        let items = second.items(path).await;
        assert_eq!((items.len(), &items), (1, &first.items(path).await));
    }
    let whole = verified(&second).await;
    assert_eq!(whole["result"], "same", "{whole}");
}

async fn a_segment_that_breaks_off_and_is_replaced_meanwhile_is_gone_on_with_and_nothing_is_lost(world: World) {
    let tenant = world.tenant("northlift");
    let staff = tenant.operator().await;
    many_devices(&staff, 0..2_100).await;
    Person::signed_in(&folder(&world, "first"), &world.network.origin(), tenant, "technician").await.close().await;
    let middlebox = Middlebox::before(world.server.address()).await;
    middlebox.becomes(Mood::HoldsPieces(40_000));
    let person = Person::with_app(&folder(&world, "app"), &middlebox.origin()).await;
    person.sign_in(tenant, "technician").await;
    let piece = eventually("the rest is asked for", || async { middlebox.pieces().first().cloned() }).await;
    assert_eq!(person.items("/v1/devices").await, [Value::Null; 0], "a part of a segment is shown");
    // More than a tenth of the rows: the next one who comes is recorded anew.
    many_devices(&staff, 2_100..2_400).await;
    Person::signed_in(&folder(&world, "next"), &world.network.origin(), tenant, "technician").await.close().await;
    staff.get(&piece).await.refused(404, "not_found");

    middlebox.becomes(Mood::Honest);
    person.synced().await;
    let whole = verified(&person).await;
    assert_eq!(whole["result"], "same", "{whole}");
    assert!(whole["rows"].as_u64() > Some(2_400), "{whole}");
    assert!(told(tenant).await.is_empty(), "what came in two parts adds up at once");
    for serial in ["SEG-00000", "SEG-02399"] {
        assert_eq!(person.items(&format!("/v1/devices?q={serial}")).await.len(), 1, "{serial}");
    }
}

async fn where_streams_do_not_get_through_pokes_are_asked_for(world: World) {
    let tenant = world.tenant("northlift");
    let middlebox = Middlebox::before(world.server.address()).await;
    middlebox.becomes(Mood::HoldsStreams);
    let person = Person::signed_in(&folder(&world, "app"), &middlebox.origin(), tenant, "technician").await;
    let staff = tenant.operator().await;
    // The stream is given up after ten seconds; a round without a reason comes after a minute.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let began = Instant::now();
    let made = staff.post("/v1/sites", json!({"name": "Made elsewhere", "time_zone": "UTC"})).await.succeeded();
    let path = format!("/v1/sites/{}", made["id"].as_str().unwrap());
    eventually("the poke that was asked for brings the site", || async { Some(person.ask("GET", &path, Value::Null).await).filter(|reply| reply.status == 200) }).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

async fn an_answer_that_is_lost_makes_nothing_twice(world: World) {
    let tenant = world.tenant("northlift");
    let middlebox = Middlebox::before(world.server.address()).await;
    let person = Person::signed_in(&folder(&world, "app"), &middlebox.origin(), tenant, "operator").await;
    middlebox.becomes(Mood::SwallowsReceipts);
    let made = succeeded(person.ask("POST", "/v1/sites", json!({"name": "Sent twice", "time_zone": "UTC"})).await);
    let staff = tenant.viewer().await;
    let path = format!("/v1/sites/{}", made["id"].as_str().unwrap());
    eventually("the server has it", || async { Some(staff.get(&path).await).filter(|answer| answer.status == 200).map(drop) }).await;
    assert_eq!(person.get("/app/sync").await["pending"], 1, "nobody told the app");
    middlebox.becomes(Mood::Honest);
    person.sync_now().await;
    assert_eq!(person.synced().await["attention"], 0, "no error is shown for what was done");
    assert_eq!(staff.get("/v1/sites?q=Sent+twice").await.succeeded()["items"].as_array().unwrap().len(), 1);
}

/// Somebody who made twelve sites without a network, of which that one has that note.
pub async fn made_a_dozen_offline(world: &World, middlebox: &Middlebox, name: &str, (odd, its_note): (usize, &str)) -> Person {
    let person = Person::signed_in(&folder(world, "app"), &middlebox.origin(), world.tenant("northlift"), "operator").await;
    middlebox.becomes(Mood::CaptivePortal);
    person.sync_now().await;
    person.offline().await;
    for n in 0..12 {
        let note = if n == odd { its_note } else { "short" };
        succeeded(person.ask("POST", "/v1/sites", json!({"name": format!("{name} {n}"), "note": note, "time_zone": "UTC"})).await);
    }
    person
}

async fn a_filter_that_dislikes_one_change_holds_up_none_before_it_and_loses_none(world: World) {
    let tenant = world.tenant("northlift");
    let middlebox = Middlebox::before(world.server.address()).await;
    let person = made_a_dozen_offline(&world, &middlebox, "Filtered", (7, "<script>")).await;
    middlebox.becomes(Mood::Dislikes("<script>"));
    let staff = tenant.viewer().await;
    eventually("those before it are there", || async {
        person.sync_now().await;
        let there = staff.get("/v1/sites?q=Filtered&limit=200").await.succeeded();
        (there["items"].as_array().unwrap().len() == 7).then_some(())
    })
    .await;
    let sync = person.get("/app/sync").await;
    assert_eq!((&sync["pending"], &sync["attention"]), (&json!(5), &json!(0)), "nothing is given up within minutes: {sync}");
    middlebox.becomes(Mood::Honest);
    person.sync_now().await;
    assert_eq!(person.synced().await["attention"], 0);
    assert_eq!(staff.get("/v1/sites?q=Filtered&limit=200").await.succeeded()["items"].as_array().unwrap().len(), 12);
}

async fn a_change_that_does_not_get_through_holds_up_no_photo(world: World) {
    let (tenant, data) = (world.tenant("northlift"), folder(&world, "app"));
    let middlebox = Middlebox::before(world.server.address()).await;
    let person = Person::signed_in(&data, &middlebox.origin(), tenant, "technician").await;
    let (person, attempt) = interrupted_at(person, &data, &json!({})).await;
    person.sync_now().await;
    let owner = tenant.owner().await;
    let path = format!("/v1/attempts/{attempt}/attachments");
    let files = async || owner.get(&path).await.body["items"].as_array().map(Vec::len);
    eventually("the record is there", || async { files().await }).await;
    let device = person.items("/v1/devices").await[0]["id"].as_str().unwrap().to_owned();
    middlebox.becomes(Mood::Dislikes("<script>"));
    succeeded(person.ask("PUT", &format!("/v1/devices/{device}/bookmark"), json!({"note": "<script>"})).await);
    takes_this(&person, &attempt, b"\x89PNG\r\n\x1a\na photo").await;
    person.sync_now().await;
    eventually("the photo is there", || async { files().await.filter(|count| *count == 1) }).await;
    assert_eq!(person.get("/app/sync").await["pending"], 1, "the change waits");
}

async fn a_proxy_that_takes_small_requests_only_does_not_hold_the_outbox_up(world: World) {
    let tenant = world.tenant("northlift");
    let middlebox = Middlebox::before(world.server.address()).await;
    let person = made_a_dozen_offline(&world, &middlebox, "Narrow", (5, &"x".repeat(1_900))).await;
    middlebox.becomes(Mood::SmallBodies(1_500));
    person.sync_now().await;
    let sync = person.synced().await;
    assert_eq!(sync["attention"], 1, "the one that does not get through needs a person: {sync}");
    let items = person.items("/app/sync/attention").await;
    assert_eq!((&items[0]["target"]["name"], &items[0]["code"], &items[0]["evidence"]), (&json!("Narrow 5"), &json!("malformed"), &json!(false)));
    let there = tenant.viewer().await.get("/v1/sites?q=Narrow&limit=200").await.succeeded();
    assert_eq!(there["items"].as_array().unwrap().len(), 11, "all others are there: {there}");

    middlebox.becomes(Mood::Honest);
    let intent = items[0]["intent_id"].as_str().unwrap();
    assert_eq!(person.ask("POST", &format!("/app/sync/attention/{intent}/retry"), Value::Null).await.status, 204);
    person.sync_now().await;
    assert_eq!(person.synced().await["attention"], 0);
    let there = tenant.viewer().await.get("/v1/sites?q=Narrow&limit=200").await.succeeded();
    assert_eq!(there["items"].as_array().unwrap().len(), 12);
}

async fn a_clock_that_is_hours_wrong_is_measured_and_corrected(world: World) {
    let tenant = world.tenant("northlift");
    let ahead = 3 * 3_600_000;
    let person = Person::with_clock(&folder(&world, "app"), &world.network.origin(), WrongClock(ahead)).await;
    person.sign_in(tenant, "operator").await;
    let sync = person.synced().await;
    let skew = sync["clock_skew_ms"].as_i64().unwrap();
    assert!((skew - ahead).abs() < 5_000, "measured {skew}");
    assert!(sync["grants"].as_u64().unwrap() > 0, "grants are good by the server's clock");
    let made = succeeded(person.ask("POST", "/v1/sites", json!({"name": "From the future", "time_zone": "UTC"})).await);
    person.synced().await;
    let there = tenant.viewer().await.get(&format!("/v1/sites/{}", made["id"].as_str().unwrap())).await.succeeded();
    let at = there["created_at"].as_i64().unwrap();
    let now = omniot_shared::time::Clock::now(&omniot_shared::time::SystemClock).0;
    assert!((at - now).abs() < 60_000, "the server keeps the corrected time, {} ms off", at - now);
}

async fn killed_between_any_two_edits_the_app_has_every_one_it_called_saved(world: World) {
    let phone = Phone::new(&world, "phone", None).await;
    let tenant = world.tenant("northlift");
    phone.sign_in(tenant, "operator").await;
    phone.synced().await;
    world.network.cut();
    let mut saved = Vec::new();
    for n in 0..12 {
        let made = phone.post("/v1/sites", json!({"name": format!("Kept {n}"), "time_zone": "UTC"})).await.succeeded();
        saved.push(made["id"].clone());
        phone.kill().await;
        phone.start().await;
        assert_eq!(phone.get("/app/sync").await.succeeded()["pending"], saved.len(), "after kill number {n}");
    }
    world.network.restore();
    let _ = phone.post("/app/sync/now", Value::Null).await.succeeded();
    phone.synced().await;
    let staff = tenant.viewer().await;
    for id in &saved {
        let _ = staff.get(&format!("/v1/sites/{}", id.as_str().unwrap())).await.succeeded();
    }
    let kept = staff.get("/v1/sites?q=Kept&limit=200").await.succeeded();
    assert_eq!(kept["items"].as_array().unwrap().len(), saved.len());
}

async fn a_copied_data_folder_is_noticed_and_loses_nothing(world: World) {
    let tenant = world.tenant("northlift");
    let (one, two) = (folder(&world, "one"), folder(&world, "two"));
    let person = Person::signed_in(&one, &world.network.origin(), tenant, "operator").await;
    person.close().await;
    assert!(std::process::Command::new("cp").arg("-r").args([&one, &two]).status().unwrap().success());
    for (data, name) in [(&one, "From the first"), (&two, "From the copy")] {
        let person = Person::with_app(data, &world.network.origin()).await;
        succeeded(person.ask("POST", "/v1/sites", json!({"name": name, "time_zone": "UTC"})).await);
        assert_eq!(person.synced().await["attention"], 0);
        person.close().await;
    }
    let sites = tenant.viewer().await.get("/v1/sites?q=From+the").await.succeeded();
    assert_eq!(sites["items"].as_array().unwrap().len(), 2, "{sites}");
}

on_both_engines!(
    a_copied_data_folder_is_noticed_and_loses_nothing,
    offline_work_survives_reopening_and_arrives_once,
    a_change_elsewhere_is_here_without_being_asked_for,
    a_page_of_a_captive_portal_changes_nothing,
    a_filter_that_dislikes_one_change_holds_up_none_before_it_and_loses_none,
    a_change_that_does_not_get_through_holds_up_no_photo,
    a_pull_that_breaks_off_publishes_nothing_and_is_taken_up_again,
    a_segment_that_breaks_off_goes_on_where_it_did,
    a_segment_that_breaks_off_and_is_replaced_meanwhile_is_gone_on_with_and_nothing_is_lost,
    where_streams_do_not_get_through_pokes_are_asked_for,
    an_answer_that_is_lost_makes_nothing_twice,
    a_proxy_that_takes_small_requests_only_does_not_hold_the_outbox_up,
    a_clock_that_is_hours_wrong_is_measured_and_corrected,
    killed_between_any_two_edits_the_app_has_every_one_it_called_saved,
);
