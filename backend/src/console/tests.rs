//! Facts about the console.

use omniot_shared::roles::Role;
use serde_json::{Value, json};

use super::store;
use crate::{
    http::OPERATOR_SESSION_MS,
    testing::{App, Client},
};

const PASSWORD: &str = "a long enough one";

async fn db_operator(app: &App) {
    let operator = store::Operator { id: app.state.new_id(), email: "olga@omniot.example".to_owned(), name: "Olga".to_owned() };
    let hash = app.state.passwords.hash(PASSWORD).await.expect("a hash");
    let mut control = app.state.db.control_write().await.expect("control");
    store::insert(&mut control, &operator, &hash, app.state.now()).await.expect("an operator");
    control.commit().await.expect("a commit");
}

fn sign_in(email: &str, password: &str) -> Value {
    json!({"email": email, "password": password, "client": "app"})
}

#[tokio::test]
async fn an_operator_signs_in_and_out() {
    for app in App::both().await {
        db_operator(&app).await;
        let session = app.nobody().post("/v1/operator/sessions", sign_in(" OLGA@omniot.example", PASSWORD)).await.expect(201);
        assert_eq!(session["me"]["name"], json!("Olga"));
        let operator = app.bearer(session["token"].as_str().expect("a token"));
        assert_eq!(operator.get("/v1/operator/me").await.expect(200)["email"], json!("olga@omniot.example"));
        operator.delete("/v1/operator/sessions/current").await.expect(204);
        assert_eq!(operator.get("/v1/operator/me").await.refusal(), (401, "not_signed_in".to_owned()), "on {}", app.engine);
    }
}

#[tokio::test]
async fn the_browser_gets_its_token_in_a_cookie_that_scripts_cannot_read() {
    let app = App::sqlite().await;
    db_operator(&app).await;
    let reply = app.nobody().post("/v1/operator/sessions", json!({"email": "olga@omniot.example", "password": PASSWORD})).await;
    assert_eq!(reply.expect(201)["token"], json!(null));
    let cookie = reply.headers["set-cookie"].to_str().expect("text");
    for part in ["omniot_operator=omo_", "HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
        assert!(cookie.contains(part), "{cookie} lacks {part}");
    }
}

#[tokio::test]
async fn an_unknown_operator_and_a_wrong_password_are_one_answer_and_are_throttled() {
    let app = App::sqlite().await;
    db_operator(&app).await;
    let before = app.state.passwords.dummy_checks();
    for (email, password) in [("nobody@omniot.example", PASSWORD), ("olga@omniot.example", "wrong")] {
        let reply = app.nobody().post("/v1/operator/sessions", sign_in(email, password)).await;
        assert_eq!(reply.refusal(), (401, "wrong_credentials".to_owned()));
    }
    assert_eq!(app.state.passwords.dummy_checks(), before + 1, "the unknown one costs the same work");
    let mut last = (0, String::new());
    for _ in 0..6 {
        last = app.nobody().post("/v1/operator/sessions", sign_in("olga@omniot.example", "wrong")).await.refusal();
    }
    assert_eq!(last, (429, "throttled".to_owned()));
    let right = app.nobody().post("/v1/operator/sessions", sign_in("olga@omniot.example", PASSWORD)).await;
    assert_eq!(right.refusal(), (429, "throttled".to_owned()), "nor does guessing go on with the right one");
    assert!(right.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn an_operator_s_session_ends_after_its_hours() {
    let app = App::sqlite().await;
    db_operator(&app).await;
    let session = app.nobody().post("/v1/operator/sessions", sign_in("olga@omniot.example", PASSWORD)).await.expect(201);
    let operator = app.bearer(session["token"].as_str().expect("a token"));
    app.pass(OPERATOR_SESSION_MS - 1);
    operator.get("/v1/operator/me").await.expect(200);
    app.pass(1);
    assert_eq!(operator.get("/v1/operator/me").await.refusal(), (401, "not_signed_in".to_owned()));
}

async fn create(operator: &Client, name: &str) -> Value {
    let body = json!({"name": name, "display_name": format!("Tenant {name}"), "template": "facility", "owner_email": format!("boss@{name}.example")});
    operator.post("/v1/operator/tenants", body).await.expect(201)
}

#[tokio::test]
async fn a_tenant_is_made_with_an_invited_owner_who_can_come_in() {
    for app in App::both().await {
        let operator = app.operator().await;
        let made = create(&operator, "newco").await;
        assert_eq!(made["counts"], json!({"people": 0, "sites": 2, "devices": 0, "online": 0}), "on {}", app.engine);
        let id = made["id"].as_str().expect("an id");
        let mail = operator.get(&format!("/v1/operator/mail?tenant_id={id}")).await.expect(200);
        assert_eq!(mail["items"][0]["recipient"], json!("boss@newco.example"));
        let link = mail["items"][0]["link"].as_str().expect("a link").to_owned();
        let token = link.split("token=").nth(1).expect("a token").split('&').next().expect("a token");
        let body = json!({"token": token, "name": "Berta Boss", "password": "correct horse battery"});
        app.nobody().post("/v1/invitations/accept", body).await.expect(201);
        let body = json!({"tenant": "newco", "email": "boss@newco.example", "password": "correct horse battery", "client": "app"});
        let session = app.nobody().post("/v1/sessions", body).await.expect(201);
        assert_eq!(session["me"]["person"]["role"], json!("owner"));
        let shown = operator.get(&format!("/v1/operator/tenants/{id}")).await.expect(200);
        assert_eq!(shown["counts"]["people"], json!(1));
    }
}

#[tokio::test]
async fn a_tenant_that_does_not_fit_is_refused_by_field_and_leaves_nothing() {
    let app = App::sqlite().await;
    let operator = app.operator().await;
    create(&operator, "taken").await;
    let good = json!({"name": "fresh", "display_name": "Fresh", "template": "facility", "owner_email": "o@fresh.example"});
    for (field, value, status, code) in [
        ("name", json!("taken"), 409, "name_taken"),
        ("name", json!("Fresh"), 422, "invalid_field"),
        ("name", json!("f"), 422, "invalid_field"),
        ("name", json!("-fresh"), 422, "invalid_field"),
        ("name", json!("fre/../sh"), 422, "invalid_field"),
        ("name", json!("x".repeat(41)), 422, "invalid_field"),
        ("display_name", json!("  "), 422, "invalid_field"),
        ("display_name", json!("x".repeat(121)), 422, "invalid_field"),
        ("display_name", json!("a\u{0}b"), 422, "invalid_field"),
        ("template", json!("nothing"), 422, "invalid_field"),
        ("owner_email", json!("nobody"), 422, "invalid_field"),
        ("status", json!("active"), 422, "unknown_field"),
    ] {
        let mut body = good.clone();
        body[field] = value.clone();
        let reply = operator.post("/v1/operator/tenants", body).await;
        assert_eq!((reply.refusal(), reply.json()["error"]["field"].as_str()), ((status, code.to_owned()), Some(field)), "{field} = {value}");
    }
    operator.post("/v1/operator/tenants", good).await.expect(201);
}

#[tokio::test]
async fn tenants_are_found_by_folded_name_and_status_and_paged() {
    for app in App::both().await {
        let operator = app.operator().await;
        for name in ["alpha", "beta", "gamma"] {
            app.tenant(name).await;
        }
        let made = operator.post("/v1/operator/tenants", json!({"name": "umlaut", "display_name": "Kühlhaus Süd", "template": "blank", "owner_email": "o@x.example"})).await.expect(201);
        operator.post(&format!("/v1/operator/tenants/{}/suspend", made["id"].as_str().expect("an id")), json!({"reason": "test"})).await.expect(200);
        let names = |page: &Value| -> Vec<String> { page["items"].as_array().expect("items").iter().map(|item| item["name"].as_str().unwrap_or_default().to_owned()).collect() };
        let first = operator.get("/v1/operator/tenants?limit=3").await.expect(200);
        assert_eq!(names(&first), ["alpha", "beta", "gamma"], "on {}", app.engine);
        let rest = operator.get(&format!("/v1/operator/tenants?limit=3&cursor={}", first["next"].as_str().expect("more"))).await.expect(200);
        assert_eq!((names(&rest), &rest["next"]), (vec!["umlaut".to_owned()], &json!(null)));
        assert_eq!(names(&operator.get("/v1/operator/tenants?q=kuhlhaus%20SUD").await.expect(200)), ["umlaut"]);
        assert_eq!(names(&operator.get("/v1/operator/tenants?status=suspended").await.expect(200)), ["umlaut"]);
        assert_eq!(names(&operator.get("/v1/operator/tenants?status=active&q=a").await.expect(200)), ["alpha", "beta", "gamma"]);
        assert_eq!(operator.get("/v1/operator/tenants?status=gone").await.refusal(), (400, "invalid_query".to_owned()));
    }
}

#[tokio::test]
async fn the_mail_of_one_tenant_holds_nothing_of_another_and_is_hidden_outside_development() {
    for app in App::both().await {
        let operator = app.operator().await;
        create(&operator, "one").await;
        let two = create(&operator, "two").await;
        let mail = operator.get(&format!("/v1/operator/mail?tenant_id={}", two["id"].as_str().expect("an id"))).await.expect(200);
        assert_eq!((mail["items"].as_array().map(Vec::len), &mail["items"][0]["recipient"]), (Some(1), &json!("boss@two.example")), "on {}", app.engine);
        assert_eq!(operator.get("/v1/operator/mail?tenant_id=ten_00000000000000000000000000000001").await.refusal(), (404, "not_found".to_owned()));
        let hidden = app.without_development().bearer_of(&operator).get(&format!("/v1/operator/mail?tenant_id={}", two["id"].as_str().expect("an id"))).await;
        assert_eq!(hidden.refusal(), (404, "not_found".to_owned()));
    }
}

#[tokio::test]
async fn nobody_but_an_operator_reaches_the_console() {
    let app = App::sqlite().await;
    let acme = app.tenant("acme").await;
    let owner = acme.person(Role::Owner).await;
    for path in ["/v1/operator/me", "/v1/operator/templates", "/v1/operator/tenants", &format!("/v1/operator/tenants/{}", acme.id), &format!("/v1/operator/mail?tenant_id={}", acme.id)] {
        assert_eq!(owner.get(path).await.refusal(), (401, "not_signed_in".to_owned()), "{path}");
        assert_eq!(app.nobody().get(path).await.refusal(), (401, "not_signed_in".to_owned()), "{path}");
    }
    let suspend = format!("/v1/operator/tenants/{}/suspend", acme.id);
    assert_eq!(owner.post(&suspend, json!({"reason": "x"})).await.refusal(), (401, "not_signed_in".to_owned()));
    let operator = app.operator().await;
    assert_eq!(operator.post(&suspend, json!({"reason": " "})).await.refusal(), (422, "invalid_field".to_owned()));
    assert_eq!(operator.post("/v1/operator/tenants/ten_00000000000000000000000000000001/suspend", json!({"reason": "x"})).await.refusal(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn failures_of_an_operator_s_sign_in_survive_a_restart() {
    for app in App::both().await {
        db_operator(&app).await;
        for _ in 0..5 {
            app.nobody().post("/v1/operator/sessions", sign_in("olga@omniot.example", "wrong")).await;
        }
        let state = crate::http::AppState { throttle: std::sync::Arc::default(), ..app.state.clone() };
        let restarted = app.with_router(crate::build(state));
        assert_eq!(restarted.nobody().post("/v1/operator/sessions", sign_in("olga@omniot.example", PASSWORD)).await.refusal(), (429, "throttled".to_owned()), "{}", app.engine);
        app.pass(30_000);
        restarted.nobody().post("/v1/operator/sessions", sign_in("olga@omniot.example", PASSWORD)).await.expect(201);
    }
}

#[tokio::test]
async fn an_address_that_waits_counts_on_nobody_s_account() {
    let app = App::sqlite().await;
    db_operator(&app).await;
    for n in 0..50 {
        app.nobody().post("/v1/operator/sessions", sign_in(&format!("p{n}@omniot.example"), "wrong")).await;
    }
    for _ in 0..6 {
        assert_eq!(app.nobody().post("/v1/operator/sessions", sign_in("olga@omniot.example", "wrong")).await.refusal().0, 429);
    }
    let mut control = app.state.db.control_read().await.expect("control");
    let subject = crate::identity::throttle::Subjects::of("olga@omniot.example", "unknown").account;
    let counted: Option<(i64,)> = control.query("select failures from control_throttle where subject = $1").bind(subject).optional().await.expect("it reads");
    assert_eq!(counted, None);
    let long = app.nobody().post("/v1/operator/sessions", sign_in(&"a".repeat(255), "wrong")).await;
    assert_eq!(long.refusal(), (422, "invalid_field".to_owned()));
}

#[tokio::test]
async fn operators_are_listed_given_new_passwords_and_removed_but_never_the_last() {
    use super::operators::{self, OperatorError};
    let app = App::sqlite().await;
    db_operator(&app).await;
    let session = app.nobody().post("/v1/operator/sessions", sign_in("olga@omniot.example", PASSWORD)).await.expect(201);
    let olga = app.bearer(session["token"].as_str().expect("a token"));
    operators::set_password(&app.state, "OLGA@omniot.example", "quite another one").await.expect("set");
    assert_eq!(olga.get("/v1/operator/me").await.refusal().0, 401, "her sessions ended");
    app.nobody().post("/v1/operator/sessions", sign_in("olga@omniot.example", "quite another one")).await.expect(201);
    assert!(matches!(operators::set_password(&app.state, "nobody@x.example", "quite another one").await, Err(OperatorError::Unknown(_))));
    assert!(matches!(operators::remove(&app.state, "olga@omniot.example").await, Err(OperatorError::Last)));
    operators::add(&app.state, "otto@omniot.example", "Otto", "a long enough one").await.expect("added");
    operators::remove(&app.state, "olga@omniot.example").await.expect("removed");
    let left: Vec<String> = operators::list(&app.state).await.expect("listed").into_iter().map(|operator| operator.email).collect();
    assert_eq!(left, ["otto@omniot.example"]);
    assert_eq!(app.nobody().post("/v1/operator/sessions", sign_in("olga@omniot.example", "quite another one")).await.refusal().0, 401);
}
