//! Facts about forgotten passwords.

use omniot_shared::roles::Role;
use serde_json::json;

use super::{PASSWORD, credentials, db_actions, db_mailed_token, db_mails, member, signed_in};
use crate::{
    audit::Author,
    db::STATEMENTS,
    identity::{rules::RESET_MS, settled, tokens::{Kind, Token}},
    tenancy,
    testing::{App, Reply, Tenant},
};

const NEW: &str = "another long password";

async fn ask(app: &App, tenant: &str, email: &str) -> Reply {
    let reply = app.nobody().post("/v1/password-resets", json!({"tenant": tenant, "email": email})).await;
    settled().await;
    reply
}

#[tokio::test]
async fn nothing_is_looked_up_before_the_answer() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Admin).await;
        for email in [email.as_str(), "nobody@acme.example"] {
            STATEMENTS.with(std::cell::Cell::take);
            app.nobody().post("/v1/password-resets", json!({"tenant": "acme", "email": email})).await.expect(202);
            assert_eq!(STATEMENTS.with(std::cell::Cell::take), 0, "{}: {email} takes no time of the store", app.engine);
            settled().await;
            assert!(STATEMENTS.with(std::cell::Cell::take) > 0, "and then the work is done");
        }
    }
}

/// Every text in the outbox, as it lies in the store.
async fn db_raw_mail(acme: &Tenant) -> String {
    let rows: Vec<(String, Option<String>)> = acme.db_write().await.query("select body, link from mail where tenant_id = $1").all().await.expect("the outbox");
    rows.into_iter().map(|(body, link)| format!("{body}\n{}\n", link.unwrap_or_default())).collect()
}

#[tokio::test]
async fn a_links_token_stays_in_the_outbox_only_while_it_can_be_used() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Admin).await;
        ask(&app, "acme", &email).await;
        let replaced = db_mailed_token(&acme, &email).await;
        assert_eq!(db_raw_mail(&acme).await.matches(&replaced).count(), 1, "in the link alone");
        app.pass(1);
        ask(&app, "acme", &email).await;
        let used = db_mailed_token(&acme, &email).await;
        assert!(!db_raw_mail(&acme).await.contains(&replaced), "{}: a newer one took its place", app.engine);
        complete(&app, &used, NEW).await.expect(204);
        assert!(!db_raw_mail(&acme).await.contains("omr_"), "used");
        app.pass(RESET_MS * 3);
        ask(&app, "acme", &email).await;
        let old = db_mailed_token(&acme, &email).await;
        app.pass(RESET_MS * 3);
        ask(&app, "acme", "nobody@acme.example").await;
        let owner = acme.person(Role::Owner).await;
        owner.post("/v1/invitations", json!({"email": "new@acme.example", "role": "viewer"})).await.expect(201);
        assert!(!db_raw_mail(&acme).await.contains(&old), "too old");
        app.pass(crate::mail::KEPT_MS + 1);
        let mut scope = acme.db_write().await;
        let letter = crate::mail::Mail { id: app.state.new_id(), recipient: "x@y.z".into(), subject: "s".into(), body: "b".into(), link: None, about: None, created_at: app.state.now() };
        crate::mail::post(&mut scope, &letter).await.expect("posted");
        assert_eq!(crate::mail::list(&mut scope, None, 200).await.expect("the outbox").len(), 1, "and old letters go");
    }
}

async fn complete(app: &App, token: &str, password: &str) -> Reply {
    app.nobody().post("/v1/password-resets/complete", json!({"token": token, "password": password})).await
}

#[tokio::test]
async fn a_link_sets_a_new_password_and_ends_every_session() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Admin).await;
        let session = signed_in(&app, "acme", &email, PASSWORD).await;
        assert_eq!(ask(&app, "acme", &email).await.status, 202);
        let token = db_mailed_token(&acme, &email).await;
        app.pass(1);
        complete(&app, &token, NEW).await.expect(204);
        assert_eq!(session.get("/v1/me").await.refusal(), (401, "not_signed_in".to_owned()));
        assert_eq!(app.nobody().post("/v1/sessions", credentials("acme", &email, PASSWORD)).await.status, 401, "the old password is gone");
        signed_in(&app, "acme", &email, NEW).await;
        assert_eq!(complete(&app, &token, "and yet another one").await.refusal(), (410, "link_used".to_owned()));
        let mails = db_mails(&acme).await;
        assert!(mails.last().is_some_and(|(to, body)| *to == email && body.contains("was changed just now") && !body.contains("omr_")), "{mails:?}");
        let actions = db_actions(&acme).await;
        assert!(actions.iter().any(|a| a == "password.request") && actions.iter().any(|a| a == "password.reset"), "{actions:?}");
    }
}

#[tokio::test]
async fn the_answer_does_not_tell_who_has_an_account() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Admin).await;
        let known = ask(&app, "acme", &email).await;
        for (tenant, email) in [("acme", "nobody@acme.example"), ("nowhere", email.as_str()), ("acme", "not an address")] {
            let reply = ask(&app, tenant, email).await;
            assert_eq!((reply.status, &reply.bytes), (202, &known.bytes), "{tenant} {email}");
        }
        assert_eq!(db_mails(&acme).await.len(), 1);
    }
}

#[tokio::test]
async fn a_newer_link_takes_the_place_of_the_older() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Admin).await;
        ask(&app, "acme", &email).await;
        let first = db_mailed_token(&acme, &email).await;
        app.pass(1);
        ask(&app, "acme", &email).await;
        let second = db_mailed_token(&acme, &email).await;
        assert_eq!(complete(&app, &first, NEW).await.refusal(), (410, "link_used".to_owned()));
        complete(&app, &second, NEW).await.expect(204);
    }
}

#[tokio::test]
async fn a_link_is_too_old_after_an_hour() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Admin).await;
        ask(&app, "acme", &email).await;
        app.pass(RESET_MS);
        assert_eq!(complete(&app, &db_mailed_token(&acme, &email).await, NEW).await.refusal(), (410, "link_expired".to_owned()));
    }
}

#[tokio::test]
async fn a_mailbox_is_not_flooded() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Admin).await;
        for _ in 0..6 {
            assert_eq!(ask(&app, "acme", &email).await.status, 202, "the answer stays the same");
        }
        assert_eq!(db_mails(&acme).await.len(), 3);
    }
}

#[tokio::test]
async fn a_forged_foreign_or_wrong_link_finds_nothing_and_a_bad_password_keeps_it_open() {
    for app in App::both().await {
        let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
        let (_, email) = member(&acme, "Ada", Role::Admin).await;
        ask(&app, "acme", &email).await;
        let token = db_mailed_token(&acme, &email).await;
        let secret = token.rsplit_once('_').expect("a secret").1;
        let minted = app.state.chance.with(|rng| Token::mint(Kind::PasswordReset(acme.id), rng)).reveal().to_owned();
        for forged in [minted, format!("omr_{}_{secret}", bolt.id.0.simple()), token.replacen("omr_", "omi_", 1), String::new()] {
            assert_eq!(complete(&app, &forged, NEW).await.refusal(), (404, "not_found".to_owned()), "{forged}");
        }
        let reply = complete(&app, &token, "short").await;
        assert_eq!((reply.refusal(), &reply.json()["error"]["field"]), ((422, "invalid_field".to_owned()), &json!("password")));
        complete(&app, &token, NEW).await.expect(204);
    }
}

#[tokio::test]
async fn a_reset_forgets_the_failures_that_led_to_it() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Admin).await;
        for _ in 0..6 {
            app.nobody().post("/v1/sessions", credentials("acme", &email, "wrong horse battery")).await;
        }
        ask(&app, "acme", &email).await;
        complete(&app, &db_mailed_token(&acme, &email).await, NEW).await.expect(204);
        signed_in(&app, "acme", &email, NEW).await;
    }
}

#[tokio::test]
async fn a_suspended_tenant_sends_and_takes_no_links() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Admin).await;
        ask(&app, "acme", &email).await;
        let token = db_mailed_token(&acme, &email).await;
        tenancy::suspend(&app.state, &Author::system("test"), None, acme.id, "unpaid").await.expect("suspended");
        assert_eq!(complete(&app, &token, NEW).await.refusal(), (403, "tenant_suspended".to_owned()));
        assert_eq!(ask(&app, "acme", &email).await.status, 202);
        assert_eq!(db_mails(&acme).await.len(), 1);
    }
}

#[tokio::test]
async fn a_removed_persons_link_is_gone() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let owner = acme.person(Role::Owner).await;
        let (id, email) = member(&acme, "Ada", Role::Admin).await;
        ask(&app, "acme", &email).await;
        let token = db_mailed_token(&acme, &email).await;
        owner.delete(&format!("/v1/people/{id}")).await.expect(204);
        assert_eq!(complete(&app, &token, NEW).await.refusal(), (404, "not_found".to_owned()));
    }
}

#[tokio::test]
async fn a_link_used_twice_at_once_sets_one_password() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Admin).await;
        ask(&app, "acme", &email).await;
        let token = db_mailed_token(&acme, &email).await;
        let (x, y) = tokio::join!(complete(&app, &token, "the first new one"), complete(&app, &token, "the second new one"));
        let mut answers = [x.refusal(), y.refusal()];
        answers.sort();
        assert_eq!(answers, [(204, String::new()), (410, "link_used".to_owned())], "{}", app.engine);
        let winner = if x.status == 204 { "the first new one" } else { "the second new one" };
        signed_in(&app, "acme", &email, winner).await;
    }
}
