//! Facts about the people of a tenant.

use omniot_shared::{ids::{ClientId, PersonId}, roles::Role};
use serde_json::json;

use super::{PASSWORD, db_actions, member, names, signed_in};
use crate::{db::Event, testing::App};

#[tokio::test]
async fn people_are_found_by_folded_name_and_address() {
    for app in App::both().await {
        let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
        let viewer = acme.person(Role::Viewer).await;
        for name in ["Jürgen Müller", "Łukasz Straße", "Zoë 100%"] {
            member(&acme, name, Role::Operator).await;
        }
        member(&bolt, "Jürgen Other", Role::Operator).await;
        let found = async |q: &str| viewer.get(&format!("/v1/people?q={q}")).await.expect(200);
        assert_eq!(names(&found("JURGEN").await), ["Jürgen Müller"], "{}", app.engine);
        assert_eq!(names(&found("m%C3%BCller").await), ["Jürgen Müller"]);
        assert_eq!(names(&found("lukasz+strasse").await), ["Łukasz Straße"]);
        assert_eq!(names(&found("j%C3%BCrgen.m%C3%BCller%40acme").await), ["Jürgen Müller"], "by address");
        assert_eq!(names(&found("100%25").await), ["Zoë 100%"], "a percent sign is a percent sign");
        assert_eq!(names(&found("_").await), Vec::<&str>::new(), "an underscore is no wildcard");
        assert_eq!(names(&found("").await).len(), 4, "nothing asked finds all of this tenant");
    }
}

#[tokio::test]
async fn a_page_stays_where_it_is_when_people_join_before_it() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        for name in ["Bea", "Dan", "Fay", "Hal"] {
            member(&acme, name, Role::Technician).await;
        }
        member(&acme, "Zed", Role::Admin).await;
        let zed = signed_in(&app, "acme", "zed@acme.example", PASSWORD).await;
        let first = zed.get("/v1/people?limit=2").await.expect(200);
        assert_eq!(names(&first), ["Bea", "Dan"]);
        member(&acme, "Ann", Role::Technician).await;
        member(&acme, "Eve", Role::Technician).await;
        let cursor = first["next"].as_str().expect("there is more");
        let second = zed.get(&format!("/v1/people?limit=2&cursor={cursor}")).await.expect(200);
        assert_eq!(names(&second), ["Eve", "Fay"], "nobody twice, nobody left out");
        let cursor = second["next"].as_str().expect("there is more");
        let third = zed.get(&format!("/v1/people?limit=2&cursor={cursor}")).await.expect(200);
        assert_eq!((names(&third), &third["next"]), (vec!["Hal", "Zed"], &json!(null)));
    }
}

#[tokio::test]
async fn a_change_of_role_counts_from_the_next_request_on() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (owner, target) = (acme.person(Role::Owner).await, acme.person(Role::Operator).await);
        target.get("/v1/people").await.expect(200);
        let mut events = app.state.bus.subscribe(acme.id);
        let answer = owner.patch(&format!("/v1/people/{}", target.id), json!({"role": "technician"})).await.expect(200);
        assert_eq!(answer["role"], "technician");
        assert_eq!(events.try_recv(), Ok(Event::AccessChanged), "open streams are told");
        assert_eq!(target.get("/v1/people").await.refusal(), (403, "not_allowed".to_owned()));
        assert_eq!(target.get("/v1/me").await.expect(200)["person"]["role"], "technician");
        assert_eq!(db_actions(&acme).await.last().map(String::as_str), Some("person.update"));
        let before = db_actions(&acme).await.len();
        owner.patch(&format!("/v1/people/{}", target.id), json!({"role": "technician"})).await.expect(200);
        assert_eq!(db_actions(&acme).await.len(), before, "nothing changed, nothing is written down");
    }
}

#[tokio::test]
async fn a_removed_person_is_out_at_once_and_can_be_invited_again() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (admin, target) = (acme.person(Role::Admin).await, acme.person(Role::Technician).await);
        let mut events = app.state.bus.subscribe(acme.id);
        admin.delete(&format!("/v1/people/{}", target.id)).await.expect(204);
        assert_eq!(events.try_recv(), Ok(Event::AccessChanged));
        assert_eq!(target.get("/v1/me").await.refusal(), (401, "not_signed_in".to_owned()));
        assert_eq!(admin.delete(&format!("/v1/people/{}", target.id)).await.status, 404, "twice is not there any more");
        admin.post("/v1/invitations", json!({"email": target.email, "role": "technician"})).await.expect(201);
    }
}

#[tokio::test]
async fn an_administrator_does_not_touch_owners_or_make_them() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (admin, owner, viewer) = (acme.person(Role::Admin).await, acme.person(Role::Owner).await, acme.person(Role::Viewer).await);
        acme.person(Role::Owner).await;
        let refused = (403, "not_allowed".to_owned());
        let path = format!("/v1/people/{}", owner.id);
        for patch in [json!({"name": "Ex"}), json!({"role": "viewer"}), json!({"role": "owner"})] {
            assert_eq!(admin.patch(&path, patch.clone()).await.refusal(), refused, "{patch}");
        }
        assert_eq!(admin.delete(&path).await.refusal(), refused);
        assert_eq!(admin.get(&format!("{path}/sessions")).await.refusal(), refused);
        assert_eq!(admin.delete(&format!("{path}/sessions")).await.refusal(), refused);
        assert_eq!(admin.patch(&format!("/v1/people/{}", viewer.id), json!({"role": "owner"})).await.refusal(), refused);
        assert_eq!(admin.patch(&format!("/v1/people/{}", admin.id), json!({"role": "owner"})).await.refusal(), refused, "not oneself either");
        owner.get("/v1/me").await.expect(200);
    }
}

#[tokio::test]
async fn the_last_owner_stays() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let owner = acme.person(Role::Owner).await;
        let path = format!("/v1/people/{}", owner.id);
        assert_eq!(owner.patch(&path, json!({"role": "admin"})).await.refusal(), (409, "last_owner".to_owned()));
        assert_eq!(owner.delete(&path).await.refusal(), (409, "last_owner".to_owned()));
        owner.patch(&path, json!({"role": "owner", "name": "Olive"})).await.expect(200);
        let second = acme.person(Role::Owner).await;
        owner.patch(&path, json!({"role": "admin"})).await.expect(200);
        assert_eq!(second.delete(&format!("/v1/people/{}", second.id)).await.refusal(), (409, "last_owner".to_owned()));
    }
}

#[tokio::test]
async fn two_owners_who_unmake_each_other_at_once_leave_one() {
    for app in App::both().await {
        for round in 0..6 {
            let acme = app.tenant(&format!("acme{round}")).await;
            let (a, b) = (acme.person(Role::Owner).await, acme.person(Role::Owner).await);
            let (to_b, to_a) = (format!("/v1/people/{}", b.id), format!("/v1/people/{}", a.id));
            let (x, y) = if round % 2 == 0 {
                tokio::join!(a.patch(&to_b, json!({"role": "admin"})), b.patch(&to_a, json!({"role": "admin"})))
            } else {
                tokio::join!(a.delete(&to_b), b.delete(&to_a))
            };
            let mut statuses = [x.status, y.status];
            statuses.sort_unstable();
            // The loser is no owner any more when its turn comes (403), or is gone (401).
            assert!(matches!(statuses, [200 | 204, 401 | 403]), "{} round {round}: {statuses:?}", app.engine);
            let (owners,): (i64,) = acme.db_write().await.query("select count(*) from person where tenant_id = $1 and role = 'owner'").one().await.expect("a count");
            assert_eq!(owners, 1);
        }
    }
}

#[tokio::test]
async fn two_owners_who_both_resign_at_once_leave_one() {
    for app in App::both().await {
        for round in 0..6 {
            let acme = app.tenant(&format!("acme{round}")).await;
            let (a, b) = (acme.person(Role::Owner).await, acme.person(Role::Owner).await);
            let (own_a, own_b) = (format!("/v1/people/{}", a.id), format!("/v1/people/{}", b.id));
            let (x, y) = tokio::join!(a.patch(&own_a, json!({"role": "viewer"})), b.patch(&own_b, json!({"role": "viewer"})));
            let mut statuses = [x.status, y.status];
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 409], "{} round {round}", app.engine);
        }
    }
}

#[tokio::test]
async fn another_tenants_people_do_not_exist() {
    for app in App::both().await {
        let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
        let (owner, other) = (acme.person(Role::Owner).await, bolt.person(Role::Viewer).await);
        let path = format!("/v1/people/{}", other.id);
        let missing = format!("/v1/people/{}", app.state.new_id::<PersonId>());
        for path in [path.as_str(), missing.as_str(), "/v1/people/per_x", "/v1/people/dev_00000000000000000000000000000007"] {
            assert_eq!(owner.patch(path, json!({"name": "Mine"})).await.refusal(), (404, "not_found".to_owned()), "{path}");
            assert_eq!(owner.delete(path).await.status, 404);
            assert_eq!(owner.get(&format!("{path}/sessions")).await.status, 404);
            assert_eq!(owner.delete(&format!("{path}/sessions")).await.status, 404);
        }
        other.get("/v1/me").await.expect(200);
        assert_eq!(owner.get("/v1/people").await.expect(200)["items"].as_array().map(Vec::len), Some(1));
    }
}

#[tokio::test]
async fn weaker_roles_look_or_do_not_even_look() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let owner = acme.person(Role::Owner).await;
        let refused = (403, "not_allowed".to_owned());
        for role in [Role::Operator, Role::Viewer, Role::Technician] {
            let actor = acme.person(role).await;
            let path = format!("/v1/people/{}", owner.id);
            assert_eq!(actor.patch(&path, json!({"name": "Ex"})).await.refusal(), refused, "{}", role.name());
            assert_eq!(actor.delete(&path).await.refusal(), refused);
            assert_eq!(actor.get(&format!("{path}/sessions")).await.refusal(), refused);
            assert_eq!(actor.get("/v1/invitations").await.refusal(), refused);
            assert_eq!(actor.get("/v1/people").await.status, if role == Role::Technician { 403 } else { 200 });
        }
        assert_eq!(app.nobody().get("/v1/people").await.refusal(), (401, "not_signed_in".to_owned()));
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_field_and_changes_nothing() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (owner, viewer) = (acme.person(Role::Owner).await, acme.person(Role::Viewer).await);
        let path = format!("/v1/people/{}", viewer.id);
        let cases = [
            (json!({"name": ""}), "invalid_field", "name"),
            (json!({"name": "x".repeat(121)}), "invalid_field", "name"),
            (json!({"name": "a\u{0}b"}), "invalid_field", "name"),
            (json!({"name": null}), "invalid_field", "name"),
            (json!({"role": "god"}), "invalid_field", "role"),
            (json!({"role": null}), "invalid_field", "role"),
            (json!({"email": "new@acme.example"}), "unknown_field", "email"),
            (json!({"tenant_id": app.state.new_id::<PersonId>()}), "unknown_field", "tenant_id"),
        ];
        for (patch, code, field) in cases {
            let reply = owner.patch(&path, patch.clone()).await;
            assert_eq!(reply.refusal(), (422, code.to_owned()), "{patch}");
            assert_eq!(reply.json()["error"]["field"], field, "{patch}");
        }
        assert_eq!(viewer.get("/v1/me").await.expect(200)["person"]["name"], "viewer acme");
    }
}

#[tokio::test]
async fn an_administrator_signs_a_person_out_everywhere() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let admin = acme.person(Role::Admin).await;
        let (id, email) = member(&acme, "Ada", Role::Technician).await;
        let (one, two) = (signed_in(&app, "acme", &email, PASSWORD).await, signed_in(&app, "acme", &email, PASSWORD).await);
        let path = format!("/v1/people/{id}/sessions");
        assert_eq!(admin.get(&path).await.expect(200)["items"].as_array().map(Vec::len), Some(2));
        let seen = admin.get("/v1/people?q=ada").await.expect(200)["items"][0]["last_seen_at"].clone();
        assert_eq!(seen, json!(app.state.now()));
        admin.delete(&path).await.expect(204);
        for session in [one, two] {
            assert_eq!(session.get("/v1/me").await.refusal(), (401, "not_signed_in".to_owned()));
        }
        assert_eq!(admin.get("/v1/people?q=ada").await.expect(200)["items"][0]["last_seen_at"], seen, "when they were seen is still known");
        assert_eq!(db_actions(&acme).await.last().map(String::as_str), Some("person.sign_out"));
    }
}

#[tokio::test]
async fn everybody_may_read_the_matrix_of_roles() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let technician = acme.person(Role::Technician).await;
        let roles = technician.get("/v1/roles").await.expect(200);
        let rows = roles["items"].as_array().expect("items");
        assert_eq!(rows.iter().filter_map(|row| row["role"].as_str()).collect::<Vec<_>>(), ["owner", "admin", "operator", "viewer", "technician"]);
        assert!(rows[0]["permissions"].as_array().expect("permissions").contains(&json!("owner.manage")));
    }
}

#[tokio::test]
async fn who_leaves_or_stops_commissioning_loses_the_claim_grants_they_hold() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let admin = acme.person(Role::Admin).await;
        let holders = [acme.person(Role::Technician).await, acme.person(Role::Technician).await, acme.person(Role::Technician).await];
        for holder in &holders {
            let body = json!({"client_id": app.state.new_id::<ClientId>(), "count": 2});
            assert_eq!(holder.post("/v1/grants/pack", body).await.expect(200)["grants"].as_array().map(Vec::len), Some(2));
        }
        admin.delete(&format!("/v1/people/{}", holders[0].id)).await.expect(204);
        admin.patch(&format!("/v1/people/{}", holders[1].id), json!({"role": "viewer"})).await.expect(200);
        admin.patch(&format!("/v1/people/{}", holders[2].id), json!({"role": "operator"})).await.expect(200);
        for (holder, revoked) in holders.iter().zip([2, 2, 0]) {
            let query = "select count(*) from claim_grant where tenant_id = $1 and person_id = $2 and revoked_at is not null";
            let (count,): (i64,) = acme.db_write().await.query(query).bind(holder.id).one().await.expect("a count");
            assert_eq!(count, revoked, "{}", app.engine);
        }
        assert_eq!(db_actions(&acme).await.iter().filter(|action| *action == "grant.revoke").count(), 2);
    }
}

#[tokio::test]
async fn a_grant_that_a_record_names_serves_its_device_after_its_technician_is_gone() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let admin = acme.person(Role::Admin).await;
        let technician = acme.person(Role::Technician).await;
        let body = json!({"client_id": app.state.new_id::<ClientId>(), "count": 2});
        technician.post("/v1/grants/pack", body).await.expect(200);
        let mut scope = acme.db_write().await;
        let grants: Vec<(uuid::Uuid,)> = scope.query("select id from claim_grant where tenant_id = $1 order by id").all().await.expect("grants");
        let given = "insert into attempt (tenant_id, id, seq, scope, client_id, technician_id, technician_name, app_version, os, radio, identity_verified, steps, grant_id, outcome, started_at, ended_at)
            values ($1, $2, 1, 'tenant', $2, $3, 'T', '1', 'linux', 'virtual', $4, '[]', $5, 'succeeded', 1, 2)";
        scope.query(given).bind(uuid::Uuid::nil()).bind(technician.id).bind(true).bind(grants[0].0).execute().await.expect("a record");
        scope.commit().await.expect("a commit");
        admin.delete(&format!("/v1/people/{}", technician.id)).await.expect(204);
        let revoked: Vec<(uuid::Uuid,)> = acme.db_write().await.query("select id from claim_grant where tenant_id = $1 and revoked_at is not null").all().await.expect("grants");
        assert_eq!(revoked, [grants[1]], "{}", app.engine);
    }
}

#[tokio::test]
async fn everybody_renames_themselves_and_nobody_else_is_touched() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let viewer = acme.person(Role::Viewer).await;
        let me = viewer.patch("/v1/me", serde_json::json!({"name": "  Vera Viewer "})).await.expect(200);
        assert_eq!((&me["person"]["name"], &me["person"]["role"]), (&serde_json::json!("Vera Viewer"), &serde_json::json!("viewer")));
        assert_eq!(viewer.get("/v1/me").await.expect(200), me, "{}", app.engine);
        assert_eq!(db_actions(&acme).await.last().map(String::as_str), Some("person.update"));
        let before = db_actions(&acme).await.len();
        for same in [serde_json::json!({}), serde_json::json!({"name": "Vera Viewer"})] {
            assert_eq!(viewer.patch("/v1/me", same).await.expect(200), me);
        }
        assert_eq!(db_actions(&acme).await.len(), before, "nothing changed, nothing is written down");
        assert_eq!(viewer.patch("/v1/me", serde_json::json!({"name": " "})).await.refusal(), (422, "invalid_field".to_owned()));
        assert_eq!(viewer.patch("/v1/me", serde_json::json!({"role": "owner"})).await.refusal(), (422, "unknown_field".to_owned()));
    }
}

#[tokio::test]
async fn a_person_changes_their_password_and_is_signed_out_elsewhere_only() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (_, email) = member(&acme, "Ada", Role::Viewer).await;
        let (here, there) = (signed_in(&app, "acme", &email, PASSWORD).await, signed_in(&app, "acme", &email, PASSWORD).await);
        let change = |current: &str, new: &str| serde_json::json!({"current": current, "new": new});
        let weak = here.post("/v1/me/password", change(PASSWORD, "short")).await;
        assert_eq!((weak.refusal(), &weak.json()["error"]["field"]), ((422, "invalid_field".to_owned()), &serde_json::json!("new")));
        assert_eq!(here.post("/v1/me/password", change("wrong horse battery", "another long password")).await.refusal(), (401, "wrong_credentials".to_owned()));
        here.post("/v1/me/password", change(PASSWORD, "another long password")).await.expect(204);
        here.get("/v1/me").await.expect(200);
        assert_eq!(there.get("/v1/me").await.refusal(), (401, "not_signed_in".to_owned()), "{}", app.engine);
        assert_eq!(db_actions(&acme).await.last().map(String::as_str), Some("password.change"));
        signed_in(&app, "acme", &email, "another long password").await;
        for _ in 0..5 {
            here.post("/v1/me/password", change("wrong horse battery", "yet another password")).await;
        }
        assert_eq!(here.post("/v1/me/password", change("another long password", "yet another password")).await.refusal(), (429, "throttled".to_owned()), "who found a session cannot guess on");
    }
}
