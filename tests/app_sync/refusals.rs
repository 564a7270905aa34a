//! Sessions that end and changes that the server does not take.

use omniot_tests::{on_both_engines, world::{World, eventually}};
use serde_json::{Value, json};

use crate::person::{Person, folder, succeeded};

async fn a_session_that_ends_keeps_the_outbox_until_the_person_signs_in_again(world: World) {
    let tenant = world.tenant("northlift");
    let person = Person::signed_in(&folder(&world, "app"), &world.network.origin(), tenant, "operator").await;
    let me = person.get("/v1/me").await;
    let owner = tenant.owner().await;
    let _ = owner.delete(&format!("/v1/people/{}/sessions", me["person"]["id"].as_str().unwrap())).await.succeeded();
    person.until("the app knows that the session ended", |sync| sync["state"] == "needs_sign_in").await;
    let made = succeeded(person.ask("POST", "/v1/sites", json!({"name": "Signed out", "time_zone": "UTC"})).await);
    let person = person.reopens().await;
    let sync = person.until("it still needs a sign-in", |sync| sync["state"] == "needs_sign_in").await;
    assert_eq!(sync["pending"], 1);
    let accounts = person.items("/app/accounts").await;
    assert_eq!((accounts.len(), &accounts[0]["state"], &accounts[0]["pending"]), (1, &json!("needs_sign_in"), &json!(1)));
    let people = person.ask("GET", "/v1/people", Value::Null).await;
    assert_eq!((people.status, people.code()), (401, Some("not_signed_in")));
    person.sign_in(tenant, "operator").await;
    person.synced().await;
    assert_eq!(person.items("/app/accounts").await.len(), 1, "the same person is the same account");
    let _ = owner.get(&format!("/v1/sites/{}", made["id"].as_str().unwrap())).await.succeeded();
}

async fn what_came_while_somebody_typed_is_not_overwritten_unseen(world: World) {
    let tenant = world.tenant("northlift");
    let person = Person::signed_in(&folder(&world, "app"), &world.network.origin(), tenant, "operator").await;
    let colleague = tenant.operator().await;
    for list in ["/v1/sites", "/v1/devices"] {
        let row = person.items(list).await[0].clone();
        let path = format!("{list}/{}", row["id"].as_str().unwrap());
        colleague.patch(&path, json!({"note": "theirs"})).await.succeeded();
        eventually("it is here", || async { (person.get(&path).await["note"] == "theirs").then_some(()) }).await;
        let saved = person.ask("PATCH", &path, json!({"note": "mine", "was": {"note": row["note"]}})).await;
        assert_eq!((saved.status, saved.code()), (409, Some("stale")), "{list}: {}", saved.body);
        assert_eq!((&person.get("/app/sync").await["pending"], &person.get(&path).await["note"]), (&json!(0), &json!("theirs")), "{list}");
        succeeded(person.ask("PATCH", &path, json!({"note": "mine", "was": {"note": "theirs"}})).await);
        eventually("it is on the server", || async { (colleague.get(&path).await.succeeded()["note"] == "mine").then_some(()) }).await;
    }
    let device = person.items("/v1/devices").await[0]["id"].as_str().unwrap().to_owned();
    let list = format!("/v1/devices/{device}/bookmark");
    succeeded(person.ask("PUT", &list, json!({"note": "on the tablet", "was": {"note": null}})).await);
    let again = person.ask("PUT", &list, json!({"note": "in another window", "was": {"note": null}})).await;
    assert_eq!((again.status, again.code()), (409, Some("stale")));
    let taken_off = person.ask("DELETE", &list, json!({"was": {"note": null}})).await;
    assert_eq!((taken_off.status, taken_off.code()), (409, Some("stale")), "it was taken off as it stood before");
    succeeded(person.ask("DELETE", &list, json!({"was": {"note": "on the tablet"}})).await);
    assert_eq!(person.get(&format!("/v1/devices/{device}")).await["bookmark"], Value::Null);
}

async fn a_refused_change_waits_for_a_person_with_both_versions(world: World) {
    let tenant = world.tenant("northlift");
    let person = Person::signed_in(&folder(&world, "app"), &world.network.origin(), tenant, "technician").await;
    let device = person.items("/v1/devices").await[0].clone();
    let path = format!("/v1/devices/{}", device["id"].as_str().unwrap());
    world.network.cut();
    person.offline().await;
    succeeded(person.ask("PATCH", &path, json!({"name": "My name for it"})).await);
    succeeded(person.ask("PATCH", &format!("/v1/devices/{}", person.items("/v1/devices").await[1]["id"].as_str().unwrap()), json!({"note": "fine"})).await);
    let _ = tenant.operator().await.post(&format!("{path}/retire"), json!({"reason": "broken"})).await.succeeded();
    world.network.restore();
    person.sync_now().await;
    let sync = person.synced().await;
    assert_eq!(sync["attention"], 1, "one is refused, the other went on: {sync}");
    let items = person.items("/app/sync/attention").await;
    let item = &items[0];
    assert_eq!((&item["kind"], &item["code"], &item["target"]["id"]), (&json!("device.update"), &json!("state_conflict"), &device["id"]));
    assert!(!item["detail"].as_str().unwrap().is_empty(), "it says why: {item}");
    assert_eq!(item["mine"], json!({"name": "My name for it"}));
    assert_eq!((&item["theirs"]["state"], &item["theirs"]["name"]), (&json!("retired"), &device["name"]));
    assert_eq!(person.get(&path).await["name"], device["name"], "what was refused is not shown as if it stood");

    let intent = item["intent_id"].as_str().unwrap();
    let again = person.ask("POST", &format!("/app/sync/attention/{intent}/retry"), Value::Null).await;
    assert_eq!((again.status, again.code()), (409, Some("state_conflict")), "refused again, at once");
    assert_eq!(person.items("/app/sync/attention").await.len(), 1);
    let gone = person.ask("DELETE", &format!("/app/sync/attention/{intent}"), Value::Null).await;
    assert_eq!(gone.status, 204);
    assert_eq!(person.get("/app/sync").await["attention"], 0);
    let twice = person.ask("DELETE", &format!("/app/sync/attention/{intent}"), Value::Null).await;
    assert_eq!(twice.status, 404);
}

async fn what_was_written_and_overtaken_is_kept_until_its_author_decides(world: World) {
    let tenant = world.tenant("northlift");
    let staff = tenant.operator().await;
    let person = Person::signed_in(&folder(&world, "app"), &world.network.origin(), tenant, "technician").await;
    let device = person.items("/v1/devices").await[0].clone();
    let path = format!("/v1/devices/{}", device["id"].as_str().unwrap());
    // Two of these do not fit into one note, and what stands stays.
    let long = |text: &str| format!("{text} {}", "x".repeat(1_100));
    let overtaken = async |mine: &str, theirs: &str| {
        let (mine, theirs) = (&long(mine), &long(theirs));
        world.network.cut();
        person.offline().await;
        succeeded(person.ask("PATCH", &path, json!({"name": format!("Pump, {}", &mine[..3]), "note": mine})).await);
        let _ = staff.patch(&path, json!({"note": theirs})).await.succeeded();
        world.network.restore();
        person.sync_now().await;
        person.until("it needs attention", |sync| sync["attention"] == 1 && sync["state"] == "synced" && sync["pending"] == 0).await;
        eventually("the newer word is here", || async { (person.get(&path).await["note"] == *theirs).then_some(()) }).await;
        let item = person.items("/app/sync/attention").await[0].clone();
        assert_eq!((&item["kind"], &item["code"], &item["target"]["id"]), (&json!("device.update"), &json!("overtaken"), &device["id"]));
        assert_eq!((&item["mine"], &item["theirs"]["note"]), (&json!({"note": mine}), &json!(theirs)));
        let there = staff.get(&path).await.succeeded();
        assert_eq!((&there["name"], &there["note"]), (&json!(format!("Pump, {}", &mine[..3])), &json!(theirs)), "what did not lose was taken, and nothing is sent again");
        format!("/app/sync/attention/{}", item["intent_id"].as_str().unwrap())
    };
    let note_there = async |note: &str| {
        person.sync_now().await;
        assert_eq!(person.synced().await["attention"], 0);
        eventually("the server says so", || async { (staff.get(&path).await.succeeded()["note"] == note).then_some(()) }).await;
    };

    let item = overtaken("Key at the porter", "Fence is open").await;
    assert_eq!(person.ask("POST", &format!("{item}/retry"), Value::Null).await.status, 204);
    note_there(&long("Key at the porter")).await;

    let item = overtaken("Code 4711", "Fence is shut").await;
    assert_eq!(person.ask("POST", &format!("{item}/retry"), json!({"values": {"note": "Fence is shut. Code 4711"}})).await.status, 204);
    note_there("Fence is shut. Code 4711").await;

    let item = overtaken("Dog", "No dog").await;
    assert_eq!(person.ask("DELETE", &item, Value::Null).await.status, 204);
    note_there(&long("No dog")).await;

    overtaken("Ring twice", "Ring once").await;
    let _ = staff.patch(&path, json!({"note": long("Ring twice")})).await.succeeded();
    person.until("nobody has to decide about what stands", |sync| sync["attention"] == 0).await;
}

async fn what_two_people_wrote_without_knowing_of_each_other_both_stands_whoever_sends_first(world: World) {
    let tenant = world.tenant("northlift");
    let (staff, way) = (tenant.operator().await, world.network.origin());
    Person::signed_in(&folder(&world, "one"), &way, tenant, "technician").await.close().await;
    Person::signed_in(&folder(&world, "two"), &way, tenant, "operator").await.close().await;
    let devices = staff.get("/v1/devices").await.succeeded()["items"].clone();
    for (n, (early, late)) in [("one", "two"), ("two", "one")].into_iter().enumerate() {
        let path = format!("/v1/devices/{}", devices[n]["id"].as_str().unwrap());
        world.network.cut();
        for (name, note) in [("one", "Key at the porter"), ("two", "Fence is open")] {
            let person = Person::with_app(&folder(&world, name), &way).await;
            succeeded(person.ask("PATCH", &path, json!({"note": note})).await);
            person.close().await;
        }
        world.network.restore();
        for (name, is_both) in [(early, false), (late, true), (early, true)] {
            let person = Person::with_app(&folder(&world, name), &way).await;
            person.until("it is sent", |sync| sync["pending"] == 0 && sync["state"] == "synced").await;
            let note = person.get(&path).await["note"].clone();
            assert_eq!(note == "Fence is open\nKey at the porter", is_both, "the newer first: {note}");
            assert_eq!(person.get("/app/sync").await["attention"], 0, "nobody is asked");
            person.close().await;
        }
        let past = staff.get(&format!("{path}/changes")).await.succeeded();
        assert_eq!(past.pointer("/items/0/detail/met/0/why"), Some(&json!("both")), "{past}");
    }
}

async fn the_note_of_a_device_that_two_people_made_is_kept(world: World) {
    let tenant = world.tenant("northlift");
    let staff = tenant.operator().await;
    let person = Person::signed_in(&folder(&world, "app"), &world.network.origin(), tenant, "technician").await;
    let model = person.items("/v1/models").await[0]["id"].clone();
    let new = |note: &str| json!({"serial": "TWICE-1", "name": "Pump", "model_id": model, "note": note});
    world.network.cut();
    person.offline().await;
    succeeded(person.ask("POST", "/v1/devices", new("Behind the boiler")).await);
    let made = staff.post("/v1/devices", new("In the cellar")).await.succeeded();
    world.network.restore();
    person.sync_now().await;
    person.until("it needs attention", |sync| sync["attention"] == 1 && sync["state"] == "synced").await;
    let item = person.items("/app/sync/attention").await[0].clone();
    assert_eq!((&item["kind"], &item["code"], &item["mine"]), (&json!("device.update"), &json!("overtaken"), &json!({"note": "Behind the boiler"})));
    let retry = format!("/app/sync/attention/{}/retry", item["intent_id"].as_str().unwrap());
    let blind = person.ask("POST", &retry, json!({"was": {"note": "what stood there an hour ago"}})).await;
    assert_eq!((blind.status, blind.code()), (409, Some("stale")), "nobody overwrites what the page did not show them");
    // What they wrote there since, and has not been sent, is shown beside it and goes only knowingly.
    let path = format!("/v1/devices/{}", made["id"].as_str().unwrap());
    world.network.cut();
    person.offline().await;
    succeeded(person.ask("PATCH", &path, json!({"note": "Newer words"})).await);
    let blind = person.ask("POST", &retry, json!({"was": {"note": item["theirs"]["note"]}})).await;
    assert_eq!((blind.status, blind.code()), (409, Some("stale")));
    let item = person.items("/app/sync/attention").await[0].clone();
    assert_eq!((&item["theirs"]["note"], &person.get(&path).await["note"]), (&json!("Newer words"), &json!("Newer words")));
    world.network.restore();
    person.sync_now().await;
    person.until("that is sent", |sync| sync["pending"] == 0 && sync["state"] == "synced").await;
    assert_eq!(person.ask("POST", &retry, json!({"was": {"note": "Newer words"}})).await.status, 204);
    eventually("it stands", || async { (staff.get(&path).await.succeeded()["note"] == "Behind the boiler").then_some(()) }).await;
}

async fn a_suspended_tenant_s_work_waits_and_arrives_once_it_is_resumed(world: World) {
    let tenant = world.tenant("northlift");
    let person = Person::signed_in(&folder(&world, "app"), &world.network.origin(), tenant, "operator").await;
    let platform = world.operator().await;
    let tenants = platform.all("/v1/operator/tenants").await;
    let id = tenants.iter().find(|row| row["name"] == "northlift").expect("the operator sees the tenant")["id"].as_str().unwrap().to_owned();
    let _ = platform.post(&format!("/v1/operator/tenants/{id}/suspend"), json!({"reason": "unpaid"})).await.succeeded();
    person.until("the app knows that the tenant is suspended", |sync| sync["state"] == "suspended").await;
    let made = succeeded(person.ask("POST", "/v1/sites", json!({"name": "While suspended", "time_zone": "UTC"})).await);
    let people = person.ask("GET", "/v1/people", Value::Null).await;
    assert_eq!((people.status, people.code()), (403, Some("tenant_suspended")));
    person.sync_now().await;
    let person = person.reopens().await;
    let sync = person.until("it is still suspended", |sync| sync["state"] == "suspended").await;
    assert_eq!((&sync["pending"], &sync["attention"]), (&json!(1), &json!(0)), "the outbox is kept");
    let _ = platform.post(&format!("/v1/operator/tenants/{id}/resume"), json!({})).await.succeeded();
    person.sync_now().await;
    assert_eq!(person.synced().await["attention"], 0);
    let staff = tenant.viewer().await;
    let _ = staff.get(&format!("/v1/sites/{}", made["id"].as_str().unwrap())).await.succeeded();
    let all = staff.get("/v1/sites?q=While+suspended").await.succeeded();
    assert_eq!(all["items"].as_array().unwrap().len(), 1, "once: {all}");
}

async fn what_the_rules_refuse_is_refused_here_in_the_server_s_words(world: World) {
    let tenant = world.tenant("northlift");
    let person = Person::signed_in(&folder(&world, "app"), &world.network.origin(), tenant, "technician").await;
    let server = tenant.technician().await;
    let model = person.items("/v1/models").await[0]["id"].clone();
    let device = |name: &str| json!({"serial": "X-1", "name": name, "model_id": model});
    for (path, body) in [
        ("/v1/sites", json!({"name": "No right", "time_zone": "UTC"})),
        ("/v1/devices", device("")),
        ("/v1/devices", device(&"x".repeat(121))),
        ("/v1/devices", json!({"serial": "X-1", "name": "x", "model_id": "mod_0198c0f2a7b87e0e9c1d2e3f4a5b6c7d"})),
        ("/v1/devices", json!({"serial": "X-1", "name": "x", "model_id": model, "tenant": "verdant"})),
        ("/v1/devices", json!({"serial": 7, "name": "x", "model_id": model})),
        ("/v1/devices", json!({"name": "x", "model_id": model})),
        ("/v1/devices/dev_0198c0f2a7b87e0e9c1d2e3f4a5b6c7d/retire", json!({})),
    ] {
        let there = server.post(path, body.clone()).await;
        let here = person.ask("POST", path, body.clone()).await;
        let of = |body: &Value| (body.pointer("/error/code").cloned(), body.pointer("/error/field").cloned());
        assert_eq!((here.status, of(&here.body)), (there.status.as_u16(), of(&there.body)), "POST {path} {body}: {} / {}", here.body, there.body);
    }
    for path in ["/v1/devices?limit=0", "/v1/devices?cursor=%3Chtml%3E", "/v1/devices?state=melted", "/v1/devices/nonsense", "/v1/sites/sit_0198c0f2a7b87e0e9c1d2e3f4a5b6c7d", "/v1/devices?colour=red"] {
        let there = server.get(path).await;
        let here = person.ask("GET", path, Value::Null).await;
        assert_eq!((here.status, here.code()), (there.status.as_u16(), there.code()), "GET {path}");
    }
    assert_eq!(person.get("/app/sync").await["pending"], 0, "nothing of it is in the outbox");
}

async fn local_answers_have_the_server_s_shapes(world: World) {
    let tenant = world.tenant("northlift");
    let person = Person::signed_in(&folder(&world, "app"), &world.network.origin(), tenant, "operator").await;
    let server = tenant.operator().await;
    let device = person.items("/v1/devices").await[0]["id"].as_str().unwrap().to_owned();
    let site = person.items("/v1/sites").await[0]["id"].as_str().unwrap().to_owned();
    for path in [
        "/v1/me".to_owned(),
        "/v1/roles".to_owned(),
        "/v1/sites".to_owned(),
        "/v1/models".to_owned(),
        "/v1/devices?limit=200".to_owned(),
        "/v1/devices?limit=3&q=1".to_owned(),
        format!("/v1/devices?site_id={site}"),
        "/v1/attempts".to_owned(),
        format!("/v1/sites/{site}"),
        format!("/v1/devices/{device}"),
        format!("/v1/devices/{device}/attempts"),
    ] {
        let (here, mut there) = (person.get(&path).await, server.get(&path).await.succeeded());
        // In lists only the server knows it: it is never synced.
        for item in there.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten().filter(|item| item.get("last_seen_at").is_some()) {
            item["last_seen_at"] = Value::Null;
        }
        assert_eq!(here, there, "{path}");
    }
    let first = server.get("/v1/devices?limit=5").await.succeeded();
    let next = format!("/v1/devices?limit=5&cursor={}", first["next"].as_str().unwrap());
    let ids = |page: Value| page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(person.get(&next).await), ids(server.get(&next).await.succeeded()), "a page goes on where the server would");
}

on_both_engines!(
    what_came_while_somebody_typed_is_not_overwritten_unseen,
    a_suspended_tenant_s_work_waits_and_arrives_once_it_is_resumed,
    a_session_that_ends_keeps_the_outbox_until_the_person_signs_in_again,
    a_refused_change_waits_for_a_person_with_both_versions,
    what_was_written_and_overtaken_is_kept_until_its_author_decides,
    what_two_people_wrote_without_knowing_of_each_other_both_stands_whoever_sends_first,
    the_note_of_a_device_that_two_people_made_is_kept,
    what_the_rules_refuse_is_refused_here_in_the_server_s_words,
    local_answers_have_the_server_s_shapes,
);
