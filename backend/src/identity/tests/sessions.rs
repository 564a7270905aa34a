//! Facts about sessions.

use omniot_shared::roles::Role;
use serde_json::json;

use super::{PASSWORD, credentials, db_actions, member, signed_in};
use crate::{
    db::Event,
    http::{APP_SESSION_MS, WEB_SESSION_MS},
    identity::tokens::{Kind, Token},
    testing::App,
};

#[tokio::test]
async fn a_person_sees_their_own_sessions_and_ends_one() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Viewer).await;
        member(&acme, "Bob", Role::Viewer).await;
        let bob = signed_in(&app, "acme", "bob@acme.example", PASSWORD).await;
        let first = signed_in(&app, "acme", &email, PASSWORD).await;
        app.pass(1000);
        let second = signed_in(&app, "acme", &email, PASSWORD).await;
        let page = second.get("/v1/sessions").await.expect(200);
        let items = page["items"].as_array().expect("items");
        assert_eq!(items.len(), 2, "{}: Bob's is not among them", app.engine);
        assert_eq!((&items[0]["current"], &items[1]["current"]), (&json!(true), &json!(false)), "newest first");
        let id = items[1]["id"].as_str().expect("an id");
        let mut events = app.state.bus.subscribe(acme.id);
        assert_eq!(bob.delete(&format!("/v1/sessions/{id}")).await.refusal(), (404, "not_found".to_owned()), "not one's own");
        second.delete(&format!("/v1/sessions/{id}")).await.expect(204);
        assert_eq!(events.try_recv(), Ok(Event::AccessChanged), "open streams are told");
        assert_eq!(first.get("/v1/me").await.refusal(), (401, "not_signed_in".to_owned()));
        assert_eq!(second.delete(&format!("/v1/sessions/{id}")).await.status, 404, "twice is not there any more");
        assert_eq!(db_actions(&acme).await.last().map(String::as_str), Some("session.revoke"));
    }
}

#[tokio::test]
async fn signing_out_ends_this_session_only() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Viewer).await;
        let (one, two) = (signed_in(&app, "acme", &email, PASSWORD).await, signed_in(&app, "acme", &email, PASSWORD).await);
        one.delete("/v1/sessions/current").await.expect(204);
        assert_eq!(one.get("/v1/me").await.status, 401);
        two.get("/v1/me").await.expect(200);
    }
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Viewer).await;
        let ada = signed_in(&app, "acme", &email, PASSWORD).await;
        app.pass(APP_SESSION_MS);
        assert_eq!(ada.get("/v1/me").await.refusal(), (401, "not_signed_in".to_owned()));
        let again = signed_in(&app, "acme", &email, PASSWORD).await;
        assert_eq!(again.get("/v1/sessions").await.expect(200)["items"].as_array().map(Vec::len), Some(1), "the dead one is not listed");
        const { assert!(WEB_SESSION_MS < APP_SESSION_MS) };
    }
}

#[tokio::test]
async fn a_token_that_we_did_not_give_is_no_session() {
    for app in App::both().await {
        let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
        let (_, email) = member(&acme, "Ada", Role::Owner).await;
        let token = app.nobody().post("/v1/sessions", credentials("acme", &email, PASSWORD)).await.expect(201)["token"].as_str().expect("a token").to_owned();
        let secret = token.rsplit_once('_').expect("a secret").1;
        let mint = |kind| app.state.chance.with(|rng| Token::mint(kind, rng)).reveal().to_owned();
        let forged = [
            mint(Kind::Person(acme.id)),
            mint(Kind::Invitation(acme.id)),
            mint(Kind::Person(app.state.new_id())),
            format!("omt_{}_{secret}", bolt.id.0.simple()),
            token.replacen("omt_", "omi_", 1),
            "nonsense".to_owned(),
        ];
        for token in forged {
            assert_eq!(app.bearer(&token).get("/v1/me").await.refusal(), (401, "not_signed_in".to_owned()), "{token}");
        }
        app.bearer(&token).get("/v1/me").await.expect(200);
    }
}

#[tokio::test]
async fn lists_of_sessions_are_paged() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Viewer).await;
        let mut ada = signed_in(&app, "acme", &email, PASSWORD).await;
        for _ in 0..4 {
            ada = signed_in(&app, "acme", &email, PASSWORD).await;
        }
        let (mut seen, mut path) = (Vec::new(), "/v1/sessions?limit=2".to_owned());
        loop {
            let page = ada.get(&path).await.expect(200);
            seen.extend(page["items"].as_array().expect("items").iter().map(|item| item["id"].to_string()));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/v1/sessions?limit=2&cursor={next}");
        }
        assert_eq!(seen.len(), 5);
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 5, "none twice");
        assert_eq!(ada.get("/v1/sessions?cursor=bm90IG1pbmU").await.refusal(), (400, "invalid_cursor".to_owned()));
        for bad in ["limit=0", "limit=201", "limit=x", "colour=red"] {
            assert_eq!(ada.get(&format!("/v1/sessions?{bad}")).await.refusal(), (400, "invalid_query".to_owned()), "{bad}");
        }
    }
}

#[tokio::test]
async fn signing_in_for_ever_does_not_pile_up_sessions() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Viewer).await;
        let first = signed_in(&app, "acme", &email, PASSWORD).await;
        let mut last = first.clone();
        for _ in 0..100 {
            app.pass(1);
            last = signed_in(&app, "acme", &email, PASSWORD).await;
        }
        let (count,): (i64,) = acme.db_write().await.query("select count(*) from session where tenant_id = $1").one().await.expect("a count");
        assert_eq!(count, 100, "{}", app.engine);
        assert_eq!(first.get("/v1/me").await.status, 401, "the one unused for longest went");
        last.get("/v1/me").await.expect(200);
    }
}

#[tokio::test]
async fn one_may_go_away_from_a_suspended_tenant_and_do_nothing_else() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let ada = acme.person(Role::Admin).await;
        crate::tenancy::suspend(&app.state, &crate::audit::Author::system("test"), None, acme.id, "unpaid").await.expect("suspended");
        assert_eq!(ada.get("/v1/sessions").await.refusal(), (403, "tenant_suspended".to_owned()));
        ada.delete("/v1/sessions/current").await.expect(204);
        assert_eq!(ada.get("/v1/me").await.refusal(), (401, "not_signed_in".to_owned()), "{}", app.engine);
    }
}
