//! Facts about invitations.

use omniot_shared::{ids::InvitationId, roles::Role};
use serde_json::json;

use super::{PASSWORD, db_actions, db_mailed_token, db_mails, signed_in};
use crate::{
    audit::Author,
    identity::{rules::INVITATION_MS, tokens::{Kind, Token}},
    tenancy,
    testing::App,
};

const LOOKUP: &str = "/v1/invitations/lookup";
const ACCEPT: &str = "/v1/invitations/accept";

#[tokio::test]
async fn an_invited_person_looks_accepts_and_signs_in() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let admin = acme.person(Role::Admin).await;
        let made = admin.post("/v1/invitations", json!({"email": " New.Person@Acme.example ", "role": "technician"})).await.expect(201);
        assert_eq!((&made["email"], &made["role"]), (&json!("new.person@acme.example"), &json!("technician")));
        assert!(!made.to_string().contains("omi_"), "the token is in the mail only");
        let token = db_mailed_token(&acme, "new.person@acme.example").await;
        let card = app.nobody().post(LOOKUP, json!({"token": token})).await.expect(200);
        assert_eq!((&card["email"], &card["role"], &card["tenant"]["name"]), (&json!("new.person@acme.example"), &json!("technician"), &json!("acme")));
        assert!(card["tenant"]["brand"]["tokens"].is_object());
        let answer = app.nobody().post(ACCEPT, json!({"token": token, "name": "Nia Person", "password": PASSWORD})).await.expect(201);
        assert_eq!(answer, json!({"email": "new.person@acme.example", "tenant": "acme"}));
        let nia = signed_in(&app, "acme", "new.person@acme.example", PASSWORD).await;
        assert_eq!(nia.get("/v1/me").await.expect(200)["person"]["role"], "technician");
        assert_eq!(admin.get("/v1/invitations").await.expect(200)["items"], json!([]), "it is not open any more");
        let actions = db_actions(&acme).await;
        assert!(actions.iter().any(|a| a == "invitation.create") && actions.iter().any(|a| a == "invitation.accept"), "{actions:?}");
    }
}

#[tokio::test]
async fn a_link_works_once() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let admin = acme.person(Role::Admin).await;
        admin.post("/v1/invitations", json!({"email": "n@acme.example", "role": "viewer"})).await.expect(201);
        let token = db_mailed_token(&acme, "n@acme.example").await;
        let accept = |name: &str| json!({"token": token, "name": name, "password": PASSWORD});
        let nobody = app.nobody();
        let (x, y) = tokio::join!(nobody.post(ACCEPT, accept("First")), nobody.post(ACCEPT, accept("Second")));
        let mut codes = [x.refusal(), y.refusal()];
        codes.sort();
        assert_eq!(codes, [(201, String::new()), (410, "link_used".to_owned())], "{}: at the same time", app.engine);
        assert_eq!(nobody.post(ACCEPT, accept("Third")).await.refusal(), (410, "link_used".to_owned()));
        assert_eq!(nobody.post(LOOKUP, json!({"token": token})).await.refusal(), (410, "link_used".to_owned()));
    }
}

#[tokio::test]
async fn an_old_link_says_so_and_the_address_can_be_invited_again() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = super::member(&acme, "Ada", Role::Admin).await;
        let admin = signed_in(&app, "acme", &email, PASSWORD).await;
        admin.post("/v1/invitations", json!({"email": "n@acme.example", "role": "viewer"})).await.expect(201);
        let token = db_mailed_token(&acme, "n@acme.example").await;
        app.pass(INVITATION_MS - 1);
        app.nobody().post(LOOKUP, json!({"token": token})).await.expect(200);
        assert_eq!(admin.post("/v1/invitations", json!({"email": "n@acme.example", "role": "viewer"})).await.refusal(), (409, "already_exists".to_owned()), "one is open");
        app.pass(1);
        assert_eq!(app.nobody().post(LOOKUP, json!({"token": token})).await.refusal(), (410, "link_expired".to_owned()));
        let late = app.nobody().post(ACCEPT, json!({"token": token, "name": "Late", "password": PASSWORD})).await;
        assert_eq!(late.refusal(), (410, "link_expired".to_owned()));
        admin.post("/v1/invitations", json!({"email": "n@acme.example", "role": "viewer"})).await.expect(201);
        assert_eq!(admin.get("/v1/invitations").await.expect(200)["items"].as_array().map(Vec::len), Some(1), "the old one is closed");
    }
}

#[tokio::test]
async fn a_withdrawn_invitation_cannot_be_accepted() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let admin = acme.person(Role::Admin).await;
        let made = admin.post("/v1/invitations", json!({"email": "n@acme.example", "role": "viewer"})).await.expect(201);
        let token = db_mailed_token(&acme, "n@acme.example").await;
        let path = format!("/v1/invitations/{}", made["id"].as_str().expect("an id"));
        admin.delete(&path).await.expect(204);
        assert_eq!(admin.delete(&path).await.refusal(), (404, "not_found".to_owned()), "twice");
        assert_eq!(app.nobody().post(LOOKUP, json!({"token": token})).await.refusal(), (410, "link_used".to_owned()));
        admin.post("/v1/invitations", json!({"email": "n@acme.example", "role": "viewer"})).await.expect(201);
    }
}

#[tokio::test]
async fn who_may_not_invite_any_more_has_invited_nobody() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (owner, admin) = (acme.person(Role::Owner).await, acme.person(Role::Admin).await);
        let other = acme.person(Role::Owner).await;
        admin.post("/v1/invitations", json!({"email": "pal@acme.example", "role": "admin"})).await.expect(201);
        other.post("/v1/invitations", json!({"email": "heir@acme.example", "role": "owner"})).await.expect(201);
        other.post("/v1/invitations", json!({"email": "hand@acme.example", "role": "viewer"})).await.expect(201);
        let mut links = vec![];
        for (email, status) in [("pal@acme.example", 410), ("heir@acme.example", 410), ("hand@acme.example", 200)] {
            links.push((email, db_mailed_token(&acme, email).await, status));
        }
        owner.delete(&format!("/v1/people/{}", admin.id)).await.expect(204);
        owner.patch(&format!("/v1/people/{}", other.id), json!({"role": "admin"})).await.expect(200);
        for (email, token, status) in links {
            assert_eq!(app.nobody().post(LOOKUP, json!({"token": token})).await.status, status, "{email}");
        }
    }
}

#[tokio::test]
async fn an_administrator_invites_no_owner_and_withdraws_no_owners_invitation() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (owner, admin) = (acme.person(Role::Owner).await, acme.person(Role::Admin).await);
        assert_eq!(admin.post("/v1/invitations", json!({"email": "n@acme.example", "role": "owner"})).await.refusal(), (403, "not_allowed".to_owned()));
        let made = owner.post("/v1/invitations", json!({"email": "n@acme.example", "role": "owner"})).await.expect(201);
        let path = format!("/v1/invitations/{}", made["id"].as_str().expect("an id"));
        assert_eq!(admin.delete(&path).await.refusal(), (403, "not_allowed".to_owned()));
        assert_eq!(db_mails(&acme).await.len(), 1, "the refused one wrote no mail");
    }
}

#[tokio::test]
async fn somebody_who_is_here_is_not_invited() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (admin, viewer) = (acme.person(Role::Admin).await, acme.person(Role::Viewer).await);
        let reply = admin.post("/v1/invitations", json!({"email": viewer.email.to_uppercase(), "role": "admin"})).await;
        assert_eq!((reply.refusal(), &reply.json()["error"]["field"]), ((409, "already_exists".to_owned()), &json!("email")));
        for email in ["", "nobody", "a@b@c.de", "a@b.de\r\nBcc: x@y.de"] {
            let reply = admin.post("/v1/invitations", json!({"email": email, "role": "viewer"})).await;
            assert_eq!((reply.refusal(), &reply.json()["error"]["field"]), ((422, "invalid_field".to_owned()), &json!("email")), "{email:?}");
        }
    }
}

#[tokio::test]
async fn a_forged_or_foreign_link_finds_nothing() {
    for app in App::both().await {
        let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
        let admin = acme.person(Role::Admin).await;
        admin.post("/v1/invitations", json!({"email": "n@acme.example", "role": "viewer"})).await.expect(201);
        let token = db_mailed_token(&acme, "n@acme.example").await;
        let secret = token.rsplit_once('_').expect("a secret").1;
        let mint = |kind| app.state.chance.with(|rng| Token::mint(kind, rng)).reveal().to_owned();
        let forged =
            [mint(Kind::Invitation(acme.id)), mint(Kind::Invitation(app.state.new_id())), format!("omi_{}_{secret}", bolt.id.0.simple()), token.replacen("omi_", "omr_", 1), String::new(), "x".repeat(5000)];
        for token in forged {
            assert_eq!(app.nobody().post(LOOKUP, json!({"token": token})).await.refusal(), (404, "not_found".to_owned()), "{token}");
        }
        let outsider = bolt.person(Role::Owner).await;
        let id = admin.get("/v1/invitations").await.expect(200)["items"][0]["id"].as_str().expect("an id").to_owned();
        assert_eq!(outsider.delete(&format!("/v1/invitations/{id}")).await.refusal(), (404, "not_found".to_owned()));
        assert_eq!(admin.delete(&format!("/v1/invitations/{}", app.state.new_id::<InvitationId>())).await.status, 404);
        assert_eq!(outsider.get("/v1/invitations").await.expect(200)["items"], json!([]));
    }
}

#[tokio::test]
async fn a_bad_name_or_password_leaves_the_link_open() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let admin = acme.person(Role::Admin).await;
        admin.post("/v1/invitations", json!({"email": "n@acme.example", "role": "viewer"})).await.expect(201);
        let token = db_mailed_token(&acme, "n@acme.example").await;
        for (name, password, field) in [("", PASSWORD, "name"), ("Nia", "short", "password"), ("Nia", "n@acme.example", "password"), ("Nia", "password1234", "password")] {
            let reply = app.nobody().post(ACCEPT, json!({"token": token, "name": name, "password": password})).await;
            assert_eq!((reply.refusal(), &reply.json()["error"]["field"]), ((422, "invalid_field".to_owned()), &json!(field)), "{password}");
        }
        app.nobody().post(ACCEPT, json!({"token": token, "name": "Nia", "password": PASSWORD})).await.expect(201);
    }
}

#[tokio::test]
async fn nobody_joins_a_suspended_tenant() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let admin = acme.person(Role::Admin).await;
        admin.post("/v1/invitations", json!({"email": "n@acme.example", "role": "viewer"})).await.expect(201);
        let token = db_mailed_token(&acme, "n@acme.example").await;
        tenancy::suspend(&app.state, &Author::system("test"), None, acme.id, "unpaid").await.expect("suspended");
        assert_eq!(app.nobody().post(LOOKUP, json!({"token": token})).await.refusal(), (403, "tenant_suspended".to_owned()));
        assert_eq!(app.nobody().post(ACCEPT, json!({"token": token, "name": "Nia", "password": PASSWORD})).await.refusal(), (403, "tenant_suspended".to_owned()));
    }
}

#[tokio::test]
async fn guessing_links_is_slowed_down_and_good_ones_are_not_counted() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        acme.person(Role::Admin).await.post("/v1/invitations", json!({"email": "n@acme.example", "role": "viewer"})).await.expect(201);
        let good = db_mailed_token(&acme, "n@acme.example").await;
        for _ in 0..40 {
            app.nobody().post(LOOKUP, json!({"token": good})).await.expect(200);
        }
        let mut last = 0;
        for _ in 0..31 {
            let token = app.state.chance.with(|rng| Token::mint(Kind::Invitation(acme.id), rng));
            last = app.nobody().post(LOOKUP, json!({"token": token.reveal()})).await.status;
        }
        assert_eq!(last, 429);
    }
}

#[tokio::test]
async fn invitations_are_found_by_folded_address() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let owner = acme.person(Role::Owner).await;
        owner.post("/v1/invitations", json!({"email": "jörg@kühlhaus.example", "role": "viewer"})).await.expect(201);
        for q in ["j%C3%B6rg", "JORG", "k%C3%BChl"] {
            let found = owner.get(&format!("/v1/invitations?q={q}")).await.expect(200);
            assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{}: {q}", app.engine);
        }
    }
}
