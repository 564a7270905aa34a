//! Facts about signing in.

use axum::{body::Body, http::{Request, header}};
use omniot_shared::{roles::Role, time::Millis};
use serde_json::json;

use super::{PASSWORD, credentials, db_actions, member, signed_in};
use crate::{audit::Author, tenancy, testing::App};

#[tokio::test]
async fn a_person_signs_in_and_learns_who_they_are() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (id, email) = member(&acme, "Ada Lovelace", Role::Technician).await;
        let mut typed = credentials(" ACME ", &format!(" {} ", email.to_uppercase()), PASSWORD);
        typed["label"] = json!("Field tablet 3");
        let answer = app.nobody().post("/v1/sessions", typed).await.expect(201);
        let token = answer["token"].as_str().expect("a token for the app");
        let me = app.bearer(token).get("/v1/me").await.expect(200);
        assert_eq!(me, answer["me"], "{}: sign-in and /v1/me agree", app.engine);
        assert_eq!(me["person"], json!({"id": id, "name": "Ada Lovelace", "email": email, "role": "technician"}));
        assert_eq!(me["tenant"], json!({"id": acme.id, "name": "acme", "display_name": "acme Ltd", "offline_days": 14}));
        let permissions = me["permissions"].as_array().expect("permissions");
        assert!(permissions.contains(&json!("device.commission")) && !permissions.contains(&json!("person.read")), "{permissions:?}");
        assert!(me["brand"]["tokens"]["light"].is_object());
        assert_eq!(db_actions(&acme).await.last().map(String::as_str), Some("session.begin"));
    }
}

#[tokio::test]
async fn the_browser_gets_a_cookie_that_scripts_cannot_read_and_no_token() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Admin).await;
        let reply = app.nobody().post("/v1/sessions", json!({"tenant": "acme", "email": email, "password": PASSWORD, "client": "web"})).await;
        assert_eq!(reply.expect(201)["token"], json!(null));
        let cookie = reply.headers[header::SET_COOKIE].to_str().expect("text").to_owned();
        for part in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/", "Max-Age=43200"] {
            assert!(cookie.split("; ").any(|have| have == part), "{part} in {cookie}");
        }
        let pair = cookie.split(';').next().expect("name=value").to_owned();
        let request = |method: &str, path: &str, sure: bool| {
            let request = Request::builder().method(method).uri(path).header(header::COOKIE, &pair);
            let request = if sure { request.header("x-omniot", "1") } else { request };
            request.body(Body::empty()).expect("a request")
        };
        app.send(request("GET", "/v1/me", false)).await.expect(200);
        assert_eq!(app.send(request("DELETE", "/v1/sessions/current", false)).await.refusal(), (403, "csrf".to_owned()));
        let out = app.send(request("DELETE", "/v1/sessions/current", true)).await;
        out.expect(204);
        assert!(out.headers[header::SET_COOKIE].to_str().expect("text").contains("Max-Age=0"), "the cookie is taken back");
        assert_eq!(app.send(request("GET", "/v1/me", false)).await.refusal(), (401, "not_signed_in".to_owned()));
    }
}

#[tokio::test]
async fn unknown_tenant_unknown_address_and_wrong_password_are_one_answer_after_the_same_work() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        app.tenant("bolt").await;
        let (_, email) = member(&acme, "Ada", Role::Admin).await;
        let before = app.state.passwords.dummy_checks();
        let wrong = app.nobody().post("/v1/sessions", credentials("acme", &email, "wrong horse battery")).await;
        assert_eq!(app.state.passwords.dummy_checks(), before, "a known account is checked against its own hash");
        for (tenant, email) in [("acme", "nobody@acme.example"), ("nowhere", email.as_str()), ("bolt", email.as_str()), ("", ""), ("acme", "' or 1=1 --")] {
            let dummies = app.state.passwords.dummy_checks();
            let reply = app.nobody().post("/v1/sessions", credentials(tenant, email, PASSWORD)).await;
            assert_eq!(reply.refusal(), (401, "wrong_credentials".to_owned()), "{tenant} {email}");
            assert_eq!(reply.bytes, wrong.bytes, "the same words for {tenant} {email}");
            assert_eq!(app.state.passwords.dummy_checks(), dummies + 1, "the dummy is checked for {tenant} {email}");
        }
    }
}

#[tokio::test]
async fn five_wrong_passwords_make_even_the_right_one_wait_and_then_it_works() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Admin).await;
        for _ in 0..5 {
            assert_eq!(app.nobody().post("/v1/sessions", credentials("acme", &email, "wrong horse battery")).await.status, 401);
        }
        let reply = app.nobody().post("/v1/sessions", credentials("acme", &email, PASSWORD)).await;
        assert_eq!(reply.refusal(), (429, "throttled".to_owned()));
        assert_eq!(reply.headers[header::RETRY_AFTER], "30");
        app.pass(29_999);
        assert_eq!(app.nobody().post("/v1/sessions", credentials("acme", &email, PASSWORD)).await.status, 429);
        app.pass(1);
        signed_in(&app, "acme", &email, PASSWORD).await;
        for _ in 0..5 {
            assert_eq!(app.nobody().post("/v1/sessions", credentials("acme", &email, "wrong horse battery")).await.status, 401, "a success forgets the failures");
        }
    }
}

#[tokio::test]
async fn accounts_that_do_not_exist_are_throttled_like_those_that_do() {
    for app in App::both().await {
        app.tenant("acme").await;
        for (tenant, email) in [("acme", "nobody@acme.example"), ("nowhere", "nobody@nowhere.example")] {
            for _ in 0..5 {
                assert_eq!(app.nobody().post("/v1/sessions", credentials(tenant, email, PASSWORD)).await.status, 401);
            }
            assert_eq!(app.nobody().post("/v1/sessions", credentials(tenant, email, PASSWORD)).await.refusal(), (429, "throttled".to_owned()), "{tenant}");
        }
    }
}

#[tokio::test]
async fn attempts_at_the_same_time_are_all_counted() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Admin).await;
        let tries = (0..12).map(|_| {
            let (app, typed) = (app.clone(), credentials("acme", &email, "wrong horse battery"));
            tokio::spawn(async move { app.nobody().post("/v1/sessions", typed).await.status })
        });
        let mut refused = 0;
        for attempt in tries.collect::<Vec<_>>() {
            refused += usize::from(attempt.await.expect("an answer") == 429);
        }
        assert_eq!(refused, 7, "{}: five of twelve were checked", app.engine);
    }
}

#[tokio::test]
async fn an_address_that_tries_many_accounts_has_to_wait() {
    for app in App::both().await {
        app.tenant("acme").await;
        let mut last = 0;
        for n in 0..51 {
            last = app.nobody().post("/v1/sessions", credentials("acme", &format!("p{n}@acme.example"), PASSWORD)).await.status;
        }
        assert_eq!(last, 429);
    }
}

#[tokio::test]
async fn a_suspended_tenant_says_so_only_to_who_knows_the_password_and_cuts_who_is_in() {
    for app in App::both().await {
        let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
        let (_, email) = member(&acme, "Ada", Role::Owner).await;
        let (_, other) = member(&bolt, "Bob", Role::Owner).await;
        let (ada, bob) = (signed_in(&app, "acme", &email, PASSWORD).await, signed_in(&app, "bolt", &other, PASSWORD).await);
        tenancy::suspend(&app.state, &Author::system("test"), None, acme.id, "unpaid").await.expect("suspended");
        let suspended = (403, "tenant_suspended".to_owned());
        assert_eq!(ada.get("/v1/me").await.refusal(), suspended);
        assert_eq!(app.nobody().post("/v1/sessions", credentials("acme", &email, PASSWORD)).await.refusal(), suspended);
        assert_eq!(app.nobody().post("/v1/sessions", credentials("acme", &email, "wrong horse battery")).await.status, 401);
        bob.get("/v1/me").await.expect(200);
        tenancy::resume(&app.state, &Author::system("test"), None, acme.id).await.expect("resumed");
        ada.get("/v1/me").await.expect(200);
    }
}

#[tokio::test]
async fn a_sign_in_that_is_not_one_is_refused_by_field() {
    let app = App::sqlite().await;
    app.tenant("acme").await;
    let nobody = app.nobody();
    let mut typed = credentials("acme", "a@b.c", PASSWORD);
    typed["remember"] = json!(true);
    let reply = nobody.post("/v1/sessions", typed).await;
    assert_eq!((reply.refusal(), &reply.json()["error"]["field"]), ((422, "unknown_field".to_owned()), &json!("remember")));
    let reply = nobody.post("/v1/sessions", json!({"tenant": "acme", "email": "a@b.c", "client": "app"})).await;
    assert_eq!((reply.refusal(), &reply.json()["error"]["field"]), ((422, "invalid_field".to_owned()), &json!("password")));
    let reply = nobody.post("/v1/sessions", json!({"tenant": "acme", "email": "a@b.c", "password": "x", "client": "toaster"})).await;
    assert_eq!((reply.refusal(), &reply.json()["error"]["field"]), ((422, "invalid_field".to_owned()), &json!("client")));
    let mut typed = credentials("acme", "a@b.c", PASSWORD);
    typed["label"] = json!("x".repeat(121));
    let reply = nobody.post("/v1/sessions", typed).await;
    assert_eq!((reply.refusal(), &reply.json()["error"]["field"]), ((422, "invalid_field".to_owned()), &json!("label")));
}

#[tokio::test]
async fn what_strangers_typed_is_not_kept() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        app.nobody().post("/v1/sessions", credentials("acme", "my-secret@elsewhere.example", PASSWORD)).await;
        let rows: Vec<(String, i64)> = acme.db_write().await.query("select subject, last_at from sign_in_throttle where tenant_id = $1").all().await.expect("rows");
        assert_eq!(rows.len(), 2, "from here and from everywhere");
        assert!(rows.iter().all(|row| !row.0.contains("secret")), "{rows:?}");
        app.pass(2 * 86_400_000);
        app.nobody().post("/v1/sessions", credentials("acme", "another@elsewhere.example", PASSWORD)).await;
        let rows: Vec<(String, i64)> = acme.db_write().await.query("select subject, last_at from sign_in_throttle where tenant_id = $1").all().await.expect("rows");
        assert_eq!(rows.iter().map(|(_, at)| Millis(*at)).collect::<Vec<_>>(), [app.state.now(); 2], "old counts are swept");
    }
}

/// Somebody's request to sign in from an address, as a proxy or the socket says it.
async fn from(app: &App, address: &str, typed: serde_json::Value) -> crate::testing::Reply {
    let peer: std::net::SocketAddr = format!("{address}:4000").parse().expect("an address");
    let mut request = Request::builder().method("POST").uri("/v1/sessions").header(header::CONTENT_TYPE, "application/json").body(Body::from(typed.to_string())).expect("a request");
    request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
    app.send(request).await
}

#[tokio::test]
async fn guessing_elsewhere_locks_nobody_out_of_the_network_they_signed_in_from() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Admin).await;
        from(&app, "192.0.2.1", credentials("acme", &email, PASSWORD)).await.expect(201);
        let mut last = 0;
        for n in 0..101 {
            last = from(&app, &format!("198.51.{n}.7"), credentials("acme", &email, "wrong horse battery")).await.status;
        }
        assert_eq!(last, 429, "{}: a hundred guesses from a hundred networks", app.engine);
        assert_eq!(from(&app, "203.0.113.5", credentials("acme", &email, PASSWORD)).await.status, 429, "a network that nobody knows waits");
        from(&app, "192.0.2.1", credentials("acme", &email, PASSWORD)).await.expect(201);
        let refusals = db_actions(&acme).await.iter().filter(|action| *action == "session.refuse").count();
        assert!((1..=20).contains(&refusals), "the log tells of it, a sample: {refusals}");
    }
}

#[tokio::test]
async fn what_is_too_long_to_be_one_is_refused_by_field_before_it_is_counted() {
    let app = App::sqlite().await;
    app.tenant("acme").await;
    for (tenant, email, field) in [("a".repeat(41), "a@b.c".to_owned(), "tenant"), ("acme".to_owned(), format!("{}@b.c", "a".repeat(251)), "email")] {
        for path in ["/v1/sessions", "/v1/password-resets"] {
            let mut body = json!({"tenant": tenant, "email": email});
            if path == "/v1/sessions" {
                body = credentials(&tenant, &email, PASSWORD);
            }
            let reply = app.nobody().post(path, body).await;
            assert_eq!((reply.refusal(), &reply.json()["error"]["field"]), ((422, "invalid_field".to_owned()), &json!(field)), "{path}");
        }
    }
}
