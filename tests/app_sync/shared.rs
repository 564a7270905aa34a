//! A tablet that several people use, and one that nobody hears of for long.

use omniot_app::Reply;
use omniot_tests::{
    on_both_engines,
    world::{Tenant, World, eventually},
};
use serde_json::{Value, json};

use crate::person::{Person, WrongClock, folder, succeeded};

const NEW_PASSWORD: &str = "a harbour crane at dawn";

async fn opens(person: &Person, id: &str, password: &str) -> Reply {
    person.ask("POST", &format!("/app/accounts/{id}/activate"), json!({"password": password})).await
}

fn said(reply: &Reply) -> (u16, Option<&str>) {
    (reply.status, reply.code())
}

fn id_of(account: &Value) -> String {
    account["id"].as_str().expect("an account has an id").to_owned()
}

/// The ids of an operator's and a technician's account in one app; the technician, who came last, works in it.
async fn two_people(person: &Person, tenant: Tenant<'_>) -> (String, String) {
    let operator = person.items("/app/accounts").await.first().map(id_of).expect("the operator is signed in");
    let technician = id_of(&person.sign_in(tenant, "technician").await);
    person.synced().await;
    (operator, technician)
}

async fn another_person_on_a_shared_tablet_sees_and_sends_nothing_of_it(world: World) {
    let tenant = world.tenant("northlift");
    let person = Person::signed_in(&folder(&world, "app"), &world.network.origin(), tenant, "operator").await;
    let (operator, technician) = two_people(&person, tenant).await;
    succeeded(opens(&person, &operator, &tenant.signin("operator").password).await);
    world.network.cut();
    person.offline().await;
    succeeded(person.ask("POST", "/v1/sites", json!({"name": "Only mine", "time_zone": "UTC"})).await);
    // A colleague takes the tablet, far from any network.
    succeeded(opens(&person, &technician, &tenant.signin("technician").password).await);
    assert_eq!(person.get("/v1/me").await["person"]["email"], tenant.signin("technician").email.as_str());
    assert!(person.items("/v1/sites?q=Only").await.is_empty(), "rows of the person before are there");
    assert_eq!(person.get("/app/sync").await["pending"], 0, "so is their outbox");
    let theirs = format!("/app/accounts/{operator}");
    assert_eq!(said(&person.ask("POST", &format!("{theirs}/activate"), Value::Null).await), (403, Some("account_locked")));
    assert_eq!(said(&opens(&person, &operator, "not this one").await), (403, Some("wrong_password")));
    for path in [theirs.clone(), format!("{theirs}?discard=true")] {
        assert_eq!(said(&person.ask("DELETE", &path, Value::Null).await), (403, Some("account_locked")), "somebody else signs them out");
    }
    assert_eq!(person.get("/v1/me").await["person"]["email"], tenant.signin("technician").email.as_str());
    let locked: Vec<_> = person.items("/app/accounts").await.iter().map(|account| account["locked"] == true).collect();
    assert_eq!(locked, [true, false]);
    // What waits goes in its author's name, whoever holds the tablet.
    world.network.restore();
    person.sync_now().await;
    let viewer = tenant.viewer().await;
    let site = eventually("the site is on the server", || async { viewer.all("/v1/sites?q=Only").await.first().cloned() }).await;
    assert_eq!(site["name"], "Only mine");
    succeeded(opens(&person, &operator, &tenant.signin("operator").password).await);
    assert_eq!(person.items("/v1/sites?q=Only").await.len(), 1);
}

async fn a_shared_tablet_is_locked_when_it_starts_and_when_somebody_locks_it(world: World) {
    let tenant = world.tenant("northlift");
    let person = Person::signed_in(&folder(&world, "app"), &world.network.origin(), tenant, "operator").await;
    let person = person.reopens().await;
    assert_eq!(person.get("/v1/me").await["person"]["role"], "operator", "a person alone is not asked");
    let (operator, technician) = two_people(&person, tenant).await;
    world.network.cut();
    let person = person.reopens().await;
    for (method, path) in [("GET", "/v1/devices"), ("GET", "/v1/me"), ("POST", "/app/sync/export"), ("GET", "/app/visit"), ("GET", "/app/sync/attention")] {
        let reply = person.ask(method, path, Value::Null).await;
        assert!([401, 409].contains(&reply.status), "{method} {path}: {} {}", reply.status, reply.body);
    }
    assert!(person.items("/app/accounts").await.iter().all(|account| account["locked"] == true && account["active"] == false));
    succeeded(opens(&person, &technician, &tenant.signin("technician").password).await);
    assert!(!person.items("/v1/devices").await.is_empty(), "the right password opens it without a network");
    succeeded(person.ask("POST", "/app/accounts/lock", Value::Null).await);
    assert_eq!(said(&person.ask("GET", "/v1/devices", Value::Null).await), (401, Some("not_signed_in")));
    // Who signs out leaves the tablet to nobody.
    succeeded(opens(&person, &operator, &tenant.signin("operator").password).await);
    succeeded(person.ask("DELETE", &format!("/app/accounts/{operator}"), Value::Null).await);
    assert_eq!(said(&person.ask("GET", "/v1/devices", Value::Null).await), (401, Some("not_signed_in")));
    assert_eq!(person.items("/app/accounts").await.len(), 1);
}

async fn wrong_passwords_on_a_shared_tablet_make_one_wait_also_after_a_restart(world: World) {
    let tenant = world.tenant("northlift");
    let person = Person::signed_in(&folder(&world, "app"), &world.network.origin(), tenant, "operator").await;
    let (operator, technician) = two_people(&person, tenant).await;
    world.network.cut();
    for _ in 0..5 {
        assert_eq!(said(&opens(&person, &operator, "not this one").await), (403, Some("wrong_password")));
    }
    let right = tenant.signin("operator").password.clone();
    let wait = opens(&person, &operator, &right).await;
    assert_eq!(said(&wait), (429, Some("throttled")));
    assert!((1..=31).contains(&wait.body["error"]["retry_after"].as_u64().unwrap_or(0)), "{}", wait.body);
    let person = person.reopens().await;
    assert_eq!(said(&opens(&person, &operator, &right).await), (429, Some("throttled")), "a restart makes tries free");
    succeeded(opens(&person, &technician, &tenant.signin("technician").password).await);
    // Who has a network proves it to the server.
    world.network.restore();
    person.sign_in(tenant, "operator").await;
    succeeded(opens(&person, &technician, &tenant.signin("technician").password).await);
    succeeded(opens(&person, &operator, &right).await);
}

async fn the_password_of_today_opens_an_account_of_a_shared_tablet(world: World) {
    let tenant = world.tenant("northlift");
    let person = Person::signed_in(&folder(&world, "app"), &world.network.origin(), tenant, "operator").await;
    let (operator, technician) = two_people(&person, tenant).await;
    let (first, theirs) = (tenant.signin("operator").password.clone(), tenant.signin("technician").password.clone());
    // Changed in the app: it opens at once.
    let change = json!({"current": theirs, "new": NEW_PASSWORD});
    succeeded(person.ask("POST", "/v1/me/password", change).await);
    succeeded(opens(&person, &operator, &first).await);
    world.network.cut();
    assert_eq!(said(&opens(&person, &technician, &theirs).await), (403, Some("wrong_password")));
    succeeded(opens(&person, &technician, NEW_PASSWORD).await);
    world.network.restore();
    // Changed elsewhere: the server knows.
    let elsewhere = tenant.operator().await;
    elsewhere.post("/v1/me/password", json!({"current": first, "new": "another harbour crane"})).await.succeeded();
    eventually("the app knows that the session ended", || async {
        person.items("/app/accounts").await.iter().any(|account| account["id"] == operator.as_str() && account["state"] == "needs_sign_in").then_some(())
    })
    .await;
    assert_eq!(said(&opens(&person, &operator, &first).await), (403, Some("wrong_password")), "what was changed because somebody knew it opens nothing");
    succeeded(opens(&person, &operator, "another harbour crane").await);
    assert_eq!(person.synced().await["state"], "synced", "it is a sign-in, too");
    succeeded(opens(&person, &technician, NEW_PASSWORD).await);
    world.network.cut();
    assert_eq!(said(&opens(&person, &operator, &first).await), (403, Some("wrong_password")));
    succeeded(opens(&person, &operator, "another harbour crane").await);
}

async fn what_is_here_is_read_for_as_long_as_the_organization_allows_without_a_contact(world: World) {
    let tenant = world.tenant("northlift");
    let (data, origin) = (folder(&world, "app"), world.network.origin());
    let later = |days: i64| WrongClock(days * 24 * 3_600_000);
    let person = Person::signed_in(&data, &origin, tenant, "operator").await;
    world.network.cut();
    person.offline().await;
    succeeded(person.ask("POST", "/v1/sites", json!({"name": "Long ago", "time_zone": "UTC"})).await);
    assert_eq!(person.get("/app/sync").await["lease"]["days"], 14);
    person.close().await;
    let person = Person::with_clock(&data, &origin, later(13)).await;
    assert_eq!(person.items("/v1/sites?q=Long").await.len(), 1, "within the lease");
    person.close().await;
    let person = Person::with_clock(&data, &origin, later(15)).await;
    succeeded(person.ask("POST", "/app/sync/storage/free", Value::Null).await);
    for (method, path) in [("GET", "/v1/devices"), ("GET", "/v1/sites?q=Long"), ("POST", "/app/sync/export"), ("GET", "/app/sync/attention"), ("GET", "/app/visit"), ("GET", "/v1/people")] {
        assert_eq!(said(&person.ask(method, path, Value::Null).await), (403, Some("lease_over")), "{method} {path}");
    }
    assert_eq!(said(&person.ask("POST", "/v1/sites", json!({"name": "Blind", "time_zone": "UTC"})).await), (403, Some("lease_over")));
    assert_eq!(person.get("/v1/me").await["person"]["role"], "operator", "who it is, is said");
    let sync = person.get("/app/sync").await;
    assert_eq!((&sync["lease"]["is_over"], &sync["pending"]), (&json!(true), &json!(1)), "the outbox stays: {sync}");
    world.network.restore();
    person.sync_now().await;
    person.synced().await;
    assert_eq!(person.items("/v1/sites?q=Long").await.len(), 1, "a contact opens it again");
    assert_eq!(tenant.viewer().await.all("/v1/sites?q=Long").await.len(), 1, "nothing was lost");
    // Who works far from any network is given more.
    tenant.person("admin").await.patch("/v1/tenant", json!({"offline_days": 30})).await.succeeded();
    person.close().await;
    let person = Person::with_clock(&data, &origin, later(15)).await;
    person.until("the app knows of it", |sync| sync["lease"]["days"] == 30).await;
    world.network.cut();
    person.close().await;
    let person = Person::with_clock(&data, &origin, later(15 + 29)).await;
    assert!(!person.items("/v1/devices").await.is_empty());
    person.close().await;
    let person = Person::with_clock(&data, &origin, later(15 + 31)).await;
    assert_eq!(said(&person.ask("GET", "/v1/devices", Value::Null).await), (403, Some("lease_over")));
}

async fn a_session_that_ended_reads_and_writes_within_the_lease_and_after_it_signs_in(world: World) {
    let tenant = world.tenant("northlift");
    let (data, origin) = (folder(&world, "app"), world.network.origin());
    let person = Person::signed_in(&data, &origin, tenant, "operator").await;
    let myself = tenant.operator().await;
    let sessions = myself.all("/v1/sessions").await;
    let of_the_app = sessions.iter().find(|session| session["label"].as_str().is_some_and(|label| label.starts_with("app on"))).expect("the app's session");
    myself.delete(&format!("/v1/sessions/{}", of_the_app["id"].as_str().unwrap())).await.succeeded();
    person.sync_now().await;
    person.until("the app wants a sign-in", |sync| sync["state"] == "needs_sign_in").await;
    succeeded(person.ask("POST", "/v1/sites", json!({"name": "Without a session", "time_zone": "UTC"})).await);
    assert!(!person.items("/v1/devices").await.is_empty());
    person.close().await;
    let person = Person::with_clock(&data, &origin, WrongClock(15 * 24 * 3_600_000)).await;
    person.sync_now().await;
    assert_eq!(said(&person.ask("GET", "/v1/devices", Value::Null).await), (403, Some("lease_over")), "a network alone opens nothing: they may have been removed");
    person.sign_in(tenant, "operator").await;
    person.synced().await;
    assert_eq!(person.items("/v1/sites?q=Without").await.len(), 1);
}

async fn whoever_comes_next_is_not_the_operator_who_was_there(world: World) {
    let tenant = world.tenant("northlift");
    let person = Person::signed_in(&folder(&world, "app"), &world.network.origin(), tenant, "operator").await;
    let (operator, technician) = two_people(&person, tenant).await;
    let console = &world.signins().operator;
    let signs_in = async || {
        succeeded(person.ask("POST", "/v1/operator/sessions", json!({"email": console.email, "password": console.password})).await);
        person.get("/v1/operator/me").await;
    };
    let is_gone = async |how: &str| assert_eq!(said(&person.ask("GET", "/v1/operator/me", Value::Null).await), (401, Some("not_signed_in")), "{how}");
    signs_in().await;
    succeeded(opens(&person, &technician, "").await);
    person.get("/v1/operator/me").await;
    succeeded(opens(&person, &operator, &tenant.signin("operator").password).await);
    is_gone("another account is opened").await;
    signs_in().await;
    person.sign_in(tenant, "technician").await;
    is_gone("somebody else signs in").await;
    signs_in().await;
    succeeded(person.ask("POST", "/app/accounts/lock", Value::Null).await);
    is_gone("the app is locked").await;
    succeeded(opens(&person, &technician, &tenant.signin("technician").password).await);
    signs_in().await;
    succeeded(person.ask("DELETE", &format!("/app/accounts/{technician}"), Value::Null).await);
    is_gone("they sign out").await;
}

async fn what_was_given_up_at_a_sign_out_does_not_come_back_with_its_person(world: World) {
    let tenant = world.tenant("northlift");
    let data = folder(&world, "app");
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "operator").await;
    let id = person.items("/app/accounts").await.first().map(id_of).expect("an account");
    world.network.cut();
    person.offline().await;
    succeeded(person.ask("POST", "/v1/sites", json!({"name": "Given up", "time_zone": "UTC"})).await);
    let (folder, kept) = (data.join("accounts").join(&id), data.join("kept"));
    std::fs::create_dir(&kept).unwrap();
    for name in ["replica.db", "replica.db-wal"] {
        let _ = std::fs::copy(folder.join(name), kept.join(name));
    }
    succeeded(person.ask("DELETE", &format!("/app/accounts/{id}?discard=true"), Value::Null).await);
    assert!(!folder.exists());
    // As where the system removes no file that is open: the folder stays, with the mark of the sign-out.
    std::fs::rename(&kept, &folder).unwrap();
    std::fs::write(folder.join("left"), []).unwrap();
    world.network.restore();
    person.sign_in(tenant, "operator").await;
    assert_eq!(person.synced().await["pending"], 0);
    assert!(person.items("/v1/sites?q=Given").await.is_empty());
    assert!(tenant.viewer().await.all("/v1/sites?q=Given").await.is_empty(), "it was sent");
}

on_both_engines!(
    whoever_comes_next_is_not_the_operator_who_was_there,
    what_was_given_up_at_a_sign_out_does_not_come_back_with_its_person,
    another_person_on_a_shared_tablet_sees_and_sends_nothing_of_it,
    a_shared_tablet_is_locked_when_it_starts_and_when_somebody_locks_it,
    wrong_passwords_on_a_shared_tablet_make_one_wait_also_after_a_restart,
    the_password_of_today_opens_an_account_of_a_shared_tablet,
    what_is_here_is_read_for_as_long_as_the_organization_allows_without_a_contact,
    a_session_that_ended_reads_and_writes_within_the_lease_and_after_it_signs_in,
);
