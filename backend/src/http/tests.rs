//! Facts about the edge: who is let in, and how everything else is refused.

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use omniot_shared::roles::Role;
use serde_json::json;

use super::{BODY_BYTES, WEB_SESSION_MS};
use crate::{
    db::TenantAccess,
    identity::tokens::{Kind, Token},
    testing::{App, Log, Reply, Tenant},
};

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

async fn with(app: &App, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(Body::from(body.to_owned())).expect("a request")).await
}

#[tokio::test]
async fn a_token_that_is_missing_forged_or_of_another_kind_is_not_signed_in() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let admin = acme.person(Role::Admin).await;
        admin.get("/v1/audit").await.expect(200);
        let other = app.tenant("other").await;
        let forged = app.state.chance.with(|rng| Token::mint(Kind::Person(acme.id), rng));
        let nowhere = app.state.chance.with(|rng| Token::mint(Kind::Person(app.state.new_id()), rng));
        let moved = admin.token.replace(&acme.id.0.simple().to_string(), &other.id.0.simple().to_string());
        for token in ["", "omt_", "x", forged.reveal(), nowhere.reveal(), &moved, &admin.token[..admin.token.len() - 1], &format!("{}A", admin.token)] {
            assert_eq!(app.bearer(token).get("/v1/audit").await.refusal(), refused(401, "not_signed_in"), "{token} on {}", app.engine);
        }
        assert_eq!(app.nobody().get("/v1/audit").await.refusal(), refused(401, "not_signed_in"));
        assert_eq!(app.operator().await.get("/v1/audit").await.refusal(), refused(401, "not_signed_in"), "an operator is nobody in a tenant");
        assert_eq!(app.bearer(&admin.token).get("/v1/operator/tenants").await.refusal(), refused(401, "not_signed_in"), "a person is no operator");
    }
}

#[tokio::test]
async fn a_role_that_changes_counts_from_the_next_request_on() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let person = acme.person(Role::Admin).await;
        person.get("/v1/audit").await.expect(200);
        let mut scope = acme.db_write().await;
        scope.query("update person set role = 'viewer' where tenant_id = $1 and id = $2").bind(person.id).execute().await.expect("a demotion");
        scope.commit().await.expect("a commit");
        assert_eq!(person.get("/v1/audit").await.refusal(), refused(403, "not_allowed"), "on {}", app.engine);
    }
}

#[tokio::test]
async fn a_write_with_a_cookie_needs_the_header_that_other_sites_cannot_send() {
    let app = App::sqlite().await;
    let acme = app.tenant("acme").await;
    let person = acme.person(Role::Admin).await;
    let cookie = format!("theme=dark; omniot_session={}", person.token);
    let read = with(&app, Method::GET, "/v1/audit", &[("cookie", &cookie)], "").await;
    assert_eq!(read.status, 200, "reading needs none");
    let json = ("content-type", "application/json");
    let site = r#"{"name":"Hall","time_zone":"UTC"}"#;
    for header in [("x-other", "1"), ("x-omniot", "0")] {
        let write = with(&app, Method::POST, "/v1/sites", &[("cookie", &cookie), json, header], site).await;
        assert_eq!(write.refusal(), refused(403, "csrf"));
    }
    let write = with(&app, Method::POST, "/v1/sites", &[("cookie", &cookie), json, ("x-omniot", "1")], site).await;
    assert_eq!(write.status, 201, "{write:?}");
}

async fn db_last_used(tenant: &Tenant) -> (i64, i64) {
    tenant.db_write().await.query("select last_used_at, expires_at from session where tenant_id = $1").one().await.expect("one session")
}

#[tokio::test]
async fn the_app_s_session_slides_and_is_noted_at_most_once_a_minute() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let person = acme.person(Role::Admin).await;
        let (began, ends) = db_last_used(&acme).await;
        app.pass(59_000);
        person.get("/v1/audit").await.expect(200);
        app.pass(1_000);
        person.post("/v1/sites", json!({"name": "Hall", "time_zone": "UTC"})).await.expect(201);
        assert_eq!(db_last_used(&acme).await, (began + 60_000, ends + 60_000), "a write notes it in its own transaction, on {}", app.engine);
        app.pass(60_000);
        person.get("/v1/audit").await.expect(200);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while db_last_used(&acme).await.0 != began + 120_000 {
            assert!(std::time::Instant::now() < deadline, "a read notes it soon after, on {}", app.engine);
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        app.pass(30 * 24 * 3_600_000);
        assert_eq!(person.get("/v1/audit").await.refusal(), refused(401, "not_signed_in"), "30 days unused");
    }
}

#[tokio::test]
async fn the_browser_s_session_does_not_slide() {
    let app = App::sqlite().await;
    let acme = app.tenant("acme").await;
    let person = acme.person(Role::Admin).await;
    let mut scope = acme.db_write().await;
    scope.query("update session set client = 'web', expires_at = $2 where tenant_id = $1").bind(app.state.now().plus(WEB_SESSION_MS)).execute().await.expect("a browser");
    scope.commit().await.expect("a commit");
    app.pass(WEB_SESSION_MS - 1);
    person.post("/v1/sites", json!({"name": "Hall", "time_zone": "UTC"})).await.expect(201);
    app.pass(1);
    assert_eq!(person.get("/v1/audit").await.refusal(), refused(401, "not_signed_in"));
}

#[tokio::test]
async fn bodies_that_do_not_fit_are_refused_in_the_envelope_and_change_nothing() {
    let app = App::sqlite().await;
    let acme = app.tenant("acme").await;
    let person = acme.person(Role::Admin).await;
    let bearer = format!("Bearer {}", person.token);
    let auth = ("authorization", bearer.as_str());
    let json = ("content-type", "application/json; charset=utf-8");
    let huge = format!(r#"{{"name":"{}","time_zone":"UTC"}}"#, "x".repeat(BODY_BYTES));
    for (body, status, code, field) in [
        ("", 400, "malformed_json", None),
        ("{", 400, "malformed_json", None),
        ("{} {}", 422, "invalid_field", Some("name")),
        (r#"{"name":"Hall","time_zone":"UTC"} x"#, 400, "malformed_json", None),
        ("<html>", 400, "malformed_json", None),
        ("\u{0}", 400, "malformed_json", None),
        ("[]", 422, "invalid_field", Some("body")),
        (r#"{"name":"Hall","time_zone":"UTC","colour":1}"#, 422, "unknown_field", Some("colour")),
        (r#"{"name":"Hall"}"#, 422, "invalid_field", Some("time_zone")),
        (r#"{"name":7,"time_zone":"UTC"}"#, 422, "invalid_field", Some("name")),
        (r#"{"name":"a","name":"b","time_zone":"UTC"}"#, 422, "invalid_field", Some("name")),
        (huge.as_str(), 413, "too_large", None),
    ] {
        let reply = with(&app, Method::POST, "/v1/sites", &[auth, json], body).await;
        let shown = &body[..body.len().min(60)];
        assert_eq!(reply.refusal(), refused(status, code), "{shown}");
        assert_eq!(reply.json()["error"]["field"].as_str(), field, "{shown}");
    }
    let form = with(&app, Method::POST, "/v1/sites", &[auth, ("content-type", "application/x-www-form-urlencoded")], "name=Hall").await;
    assert_eq!(form.refusal(), refused(415, "unsupported_media_type"));
    let sites = person.get("/v1/sites").await.expect(200);
    assert_eq!(sites["items"], json!([]));
}

#[tokio::test]
async fn a_length_that_lies_is_refused_before_the_body_is_read() {
    let app = App::sqlite().await;
    let reply = with(&app, Method::POST, "/v1/sites", &[("content-length", "99999999999")], "").await;
    assert_eq!(reply.refusal(), refused(413, "too_large"));
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_envelope_with_a_request_id() {
    let app = App::sqlite().await;
    let acme = app.tenant("acme").await;
    let person = acme.person(Role::Admin).await;
    let mut ids = Vec::new();
    for (method, path, status, code) in [
        (Method::GET, "/v1/nothing", 404, "not_found"),
        (Method::GET, "/", 404, "not_found"),
        (Method::PUT, "/v1/sites", 405, "bad_request"),
        (Method::GET, "/v1/sites/sit_00000000000000000000000000000007", 404, "not_found"),
        (Method::GET, "/v1/sites/dev_00000000000000000000000000000007", 404, "not_found"),
        (Method::GET, "/v1/sites/%FF", 404, "not_found"),
    ] {
        let reply = person.call(method.clone(), path, None).await;
        assert_eq!(reply.refusal(), refused(status, code), "{method} {path}");
        ids.push(reply.headers["x-request-id"].to_str().expect("text").to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6, "each request has its own id");
}

#[tokio::test]
async fn the_audit_log_names_the_request_that_changed_something() {
    let app = App::sqlite().await;
    let acme = app.tenant("acme").await;
    let person = acme.person(Role::Admin).await;
    let reply = person.post("/v1/sites", json!({"name": "Hall", "time_zone": "UTC"})).await;
    let id = reply.headers["x-request-id"].to_str().expect("text").to_owned();
    let entry = person.get("/v1/audit?action=site.create").await.expect(200)["items"][0].clone();
    assert_eq!((entry["request_id"].as_str(), entry["actor"]["id"].as_str()), (Some(id.as_str()), Some(person.id.to_string().as_str())));
}

#[tokio::test]
async fn a_slow_sender_does_not_hold_the_tenant_s_writer() {
    let app = App::sqlite().await;
    let acme = app.tenant("acme").await;
    let person = acme.person(Role::Admin).await;
    let (send, body) = tokio::sync::mpsc::channel::<Result<&'static [u8], std::io::Error>>(1);
    let slow = Request::post("/v1/sites")
        .header(header::AUTHORIZATION, format!("Bearer {}", person.token))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(body)))
        .expect("a request");
    let sending = tokio::spawn({ let app = app.clone(); async move { app.send(slow).await } });
    send.send(Ok(br#"{"name":"Slow","#)).await.expect("the first half");
    tokio::task::yield_now().await;
    let quick = tokio::time::timeout(std::time::Duration::from_secs(5), person.post("/v1/sites", json!({"name": "Quick", "time_zone": "UTC"}))).await;
    quick.expect("another write goes ahead").expect(201);
    send.send(Ok(br#""time_zone":"UTC"}"#)).await.expect("the second half");
    drop(send);
    sending.await.expect("an answer").expect(201);
}

#[tokio::test]
async fn a_ticket_ends_with_the_session_the_role_and_the_tenant() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let person = acme.person(Role::Technician).await;
        let ticket = super::Ticket::for_test(acme.id, &person.token, omniot_shared::roles::Permission::Sync, "technician");
        ticket.check(&app.state).await.expect("a technician may synchronize");
        let mut scope = app.state.db.write(&TenantAccess::for_job(acme.id, "test")).await.expect("a scope");
        scope.query("delete from session where tenant_id = $1").execute().await.expect("revoked");
        scope.commit().await.expect("a commit");
        assert_eq!(ticket.check(&app.state).await.expect_err("over").code, "not_signed_in", "on {}", app.engine);
    }
}

#[tokio::test]
async fn a_handler_that_panics_or_never_ends_is_answered_in_the_envelope() {
    let app = App::sqlite().await;
    let router = axum::Router::new()
        .route("/boom", axum::routing::get(|| async { panic!("a bug") as &'static str }))
        .route("/forever", axum::routing::get(std::future::pending::<&'static str>))
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(super::panicked))
        .layer(axum::middleware::from_fn_with_state(app.state.clone(), super::surround));
    let app = app.with_router(router);
    let broken = app.nobody().get("/boom").await;
    assert_eq!(broken.refusal(), refused(500, "internal"));
    assert!(!String::from_utf8_lossy(&broken.bytes).contains("a bug"), "what broke inside stays inside");
    tokio::time::pause();
    let late = app.nobody().get("/forever").await;
    assert_eq!(late.refusal(), refused(503, "timeout"));
    assert!(late.headers.contains_key("retry-after") && late.headers.contains_key("x-request-id"));
}

#[tokio::test]
async fn a_ticket_of_another_role_is_over_even_when_the_permission_stays() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (owner, person) = (acme.person(Role::Owner).await, acme.person(Role::Operator).await);
        let ticket = super::Ticket::for_test(acme.id, &person.token, omniot_shared::roles::Permission::Sync, "operator");
        let mut streams = app.state.bus.subscribe(acme.id);
        ticket.check(&app.state).await.expect("an operator may synchronize");
        owner.patch(&format!("/v1/people/{}", person.id), json!({"role": "viewer"})).await.expect(200);
        assert_eq!(streams.try_recv(), Ok(crate::db::Event::AccessChanged), "open streams are told, on {}", app.engine);
        assert_eq!(ticket.check(&app.state).await.expect_err("over").code, "not_allowed", "on {}", app.engine);
        person.get("/v1/sites").await.expect(200);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_large_one() {
    let app = App::sqlite().await;
    let broken = Body::from_stream(futures::stream::iter([Ok("{"), Err(std::io::Error::other("gone"))]));
    let request = Request::builder().method(Method::POST).uri("/v1/sessions").header(header::CONTENT_TYPE, "application/json");
    assert_eq!(app.send(request.body(broken).expect("a request")).await.refusal(), refused(400, "bad_request"));
    let endless = Body::from_stream(futures::stream::iter((0..3).map(|_| Ok::<_, std::io::Error>(vec![b' '; BODY_BYTES / 2]))));
    let request = Request::builder().method(Method::POST).uri("/v1/sessions").header(header::CONTENT_TYPE, "application/json");
    assert_eq!(app.send(request.body(endless).expect("a request")).await.refusal(), refused(413, "too_large"));
}

#[tokio::test]
async fn the_character_nul_is_bad_input_wherever_it_stands() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let owner = acme.person(Role::Owner).await;
        for (path, body, field) in [
            ("/v1/invitations", json!({"email": "a\u{0}@acme.example", "role": "viewer"}), "email"),
            ("/v1/sites", json!({"name": "Hall", "time_zone": "UTC", "address": "a\u{0}"}), "address"),
            ("/v1/sites", json!({"name": "\\\u{0}", "time_zone": "UTC"}), "name"),
            ("/v1/sessions", json!({"tenant": "acme", "email": "a\u{0}", "password": "seven green kettles", "client": "app"}), "email"),
            ("/v1/password-resets", json!({"tenant": "\u{0}", "email": "a@acme.example"}), "tenant"),
        ] {
            let reply = owner.post(path, body).await;
            assert_eq!((reply.refusal(), &reply.json()["error"]["field"]), (refused(422, "invalid_field"), &json!(field)), "{path} on {}", app.engine);
        }
        owner.post("/v1/sites", json!({"name": r"Hall \u0000", "time_zone": "UTC"})).await.expect(201);
        for path in ["/v1/tenant-card?name=a%00", "/v1/sites?q=%00", "/v1/audit?action=%00"] {
            assert_eq!(owner.get(path).await.refusal(), refused(400, "invalid_query"), "{path} on {}", app.engine);
        }
        assert_eq!(owner.get("/v1/sites/a%00").await.refusal(), refused(404, "not_found"));
    }
}

#[tokio::test]
async fn the_line_of_a_request_names_its_tenant_and_its_actor_also_when_it_is_refused() {
    for app in App::both().await {
        let (acme, operator) = (app.tenant("acme").await, app.operator().await);
        let (owner, viewer) = (acme.person(Role::Owner).await, acme.person(Role::Viewer).await);
        let log = Log::of_this_thread();
        let says = |route: &str, actor: &str| {
            let line = log.answered(route);
            for part in [format!("tenant.id={}", acme.id), format!("actor.id={actor}"), "request.id=".to_owned()] {
                assert!(line.contains(&part), "{part} is missing in {line}");
            }
        };
        owner.get("/v1/sites").await.expect(200);
        says("/v1/sites", &owner.id.to_string());
        assert_eq!(viewer.get("/v1/audit").await.refusal().0, 403);
        says("/v1/audit", &viewer.id.to_string());
        let suspend = format!("/v1/operator/tenants/{}/suspend", acme.id);
        operator.post(&suspend, json!({"reason": " "})).await.expect(422);
        operator.post(&suspend, json!({"reason": "unpaid"})).await.expect(200);
        says("/v1/operator/tenants/{id}/suspend", "opr_");
        assert_eq!(viewer.get("/v1/devices").await.refusal().1, "tenant_suspended");
        says("/v1/devices", &viewer.id.to_string());
    }
}
