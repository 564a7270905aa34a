//! Facts about sites, through the API, on both engines.

use omniot_shared::{ids::SiteId, roles::Role};
use serde_json::{Value, json};

use crate::{db::Event, testing::App};

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().expect("items").iter().filter_map(|item| item["name"].as_str()).collect()
}

fn named(name: &str) -> Value {
    json!({"name": name, "time_zone": "Europe/Vienna"})
}

#[tokio::test]
async fn an_edit_of_what_somebody_changed_meanwhile_is_stale() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let operator = acme.person(Role::Operator).await;
        let made = operator.post("/v1/sites", named("Depot")).await.expect(201);
        let path = format!("/v1/sites/{}", made["id"].as_str().expect("an id"));
        operator.patch(&path, json!({"note": "theirs"})).await.expect(200);
        let seen_before = json!({"note": "mine", "was": {"note": null}});
        assert_eq!(operator.patch(&path, seen_before.clone()).await.refusal(), (409, "stale".into()), "{}", app.engine);
        operator.patch(&path, json!({"note": "theirs", "was": {"note": null}})).await.expect(200);
        operator.patch(&path, json!({"name": "Dock", "was": {"name": "Depot"}})).await.expect(200);
        let now = operator.get(&path).await.expect(200);
        assert_eq!((&now["name"], &now["note"]), (&json!("Dock"), &json!("theirs")), "what nobody else changed goes through");
        operator.patch(&path, json!({"note": "mine", "was": {"note": "theirs"}})).await.expect(200);
        for (body, field) in [(json!({"note": "x", "was": {"note": 7}}), "was"), (json!({"note": "x", "was": "y"}), "was"), (json!({"colour": "red", "was": {}}), "colour")] {
            let reply = operator.patch(&path, body).await;
            assert_eq!((reply.status, &reply.json()["error"]["field"]), (422, &json!(field)), "{}", app.engine);
        }
    }
}

#[tokio::test]
async fn a_site_is_created_shown_edited_and_written_down() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let operator = acme.person(Role::Operator).await;
        let mut events = app.state.bus.subscribe(acme.id);
        let made = operator.post("/v1/sites", json!({"name": " Hall 1 ", "time_zone": "Europe/Vienna", "address": "Ring 1", "note": null})).await.expect(201);
        assert_eq!((&made["name"], &made["address"], &made["note"]), (&json!("Hall 1"), &json!("Ring 1"), &json!(null)));
        assert!(matches!(events.try_recv(), Ok(Event::Changed { .. })), "replicas are told");
        let path = format!("/v1/sites/{}", made["id"].as_str().expect("an id"));
        assert_eq!(operator.get(&path).await.expect(200), made);
        let edited = operator.patch(&path, json!({"name": "Hall 2", "address": null})).await.expect(200);
        assert_eq!((&edited["name"], &edited["address"], &edited["time_zone"]), (&json!("Hall 2"), &json!(null), &json!("Europe/Vienna")), "absent stays, null clears");
        let actions: Vec<(String,)> = acme.db_write().await.query("select action from audit where tenant_id = $1 and target_kind = 'site' order by n").all().await.expect("the log");
        assert_eq!(actions, [("site.create".to_owned(),), ("site.update".to_owned(),)], "{}", app.engine);
    }
}

#[tokio::test]
async fn the_same_creation_twice_is_noticed() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let operator = acme.person(Role::Operator).await;
        let body = json!({"id": app.state.new_id::<SiteId>(), "name": "Hall", "time_zone": "UTC"});
        operator.post("/v1/sites", body.clone()).await.expect(201);
        assert_eq!(operator.post("/v1/sites", body).await.refusal(), (409, "already_exists".to_owned()));
        assert_eq!(names(&operator.get("/v1/sites").await.expect(200)), ["Hall"]);
    }
}

#[tokio::test]
async fn sites_are_found_by_folded_name_and_address() {
    for app in App::both().await {
        let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
        let (operator, other) = (acme.person(Role::Operator).await, bolt.person(Role::Operator).await);
        for name in ["München Süd", "Munchen Nord", "Wien"] {
            operator.post("/v1/sites", named(name)).await.expect(201);
        }
        operator.post("/v1/sites", json!({"name": "Depot", "time_zone": "UTC", "address": "Münchner Straße 5"})).await.expect(201);
        other.post("/v1/sites", named("München Fremd")).await.expect(201);
        let found = async |q: &str| operator.get(&format!("/v1/sites?q={q}")).await.expect(200);
        assert_eq!(names(&found("m%C3%BCnchen").await), ["Munchen Nord", "München Süd"], "{}", app.engine);
        assert_eq!(names(&found("MUNCHEN").await), ["Munchen Nord", "München Süd"]);
        assert_eq!(names(&found("strasse+5").await), ["Depot"]);
        assert_eq!(names(&found("%25").await), Vec::<&str>::new(), "a percent sign is no wildcard");
    }
}

#[tokio::test]
async fn a_page_stays_where_it_is_when_sites_are_added_before_it() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let operator = acme.person(Role::Operator).await;
        for name in ["b", "d", "f", "h"] {
            operator.post("/v1/sites", named(name)).await.expect(201);
        }
        let first = operator.get("/v1/sites?limit=2").await.expect(200);
        assert_eq!(names(&first), ["b", "d"]);
        app.pass(1);
        for name in ["a", "c", "d", "e"] {
            operator.post("/v1/sites", named(name)).await.expect(201);
        }
        let rest = operator.get(&format!("/v1/sites?cursor={}", first["next"].as_str().expect("more"))).await.expect(200);
        assert_eq!((names(&rest), &rest["next"]), (vec!["d", "e", "f", "h"], &json!(null)), "the second d comes after the first, by id");
        for bad in ["", "x", "eyJhIjoxfQ", "WyJhIiwxXQ"] {
            assert_eq!(operator.get(&format!("/v1/sites?cursor={bad}")).await.refusal(), (400, "invalid_cursor".to_owned()), "{bad}");
        }
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_field() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let operator = acme.person(Role::Operator).await;
        let made = operator.post("/v1/sites", named("Hall")).await.expect(201);
        let path = format!("/v1/sites/{}", made["id"].as_str().expect("an id"));
        let cases = [
            (json!({"name": "", "time_zone": "UTC"}), "invalid_field", "name"),
            (json!({"name": "x".repeat(121), "time_zone": "UTC"}), "invalid_field", "name"),
            (json!({"name": "a\u{0}", "time_zone": "UTC"}), "invalid_field", "name"),
            (json!({"name": 7, "time_zone": "UTC"}), "invalid_field", "name"),
            (json!({"name": "x", "time_zone": "Mars/Base 1"}), "invalid_field", "time_zone"),
            (json!({"name": "x"}), "invalid_field", "time_zone"),
            (json!({"name": "x", "time_zone": "UTC", "address": "x".repeat(401)}), "invalid_field", "address"),
            (json!({"name": "x", "time_zone": "UTC", "note": "x".repeat(2001)}), "invalid_field", "note"),
            (json!({"name": "x", "time_zone": "UTC", "tenant_id": "ten_x"}), "unknown_field", "tenant_id"),
            (json!({"name": "x", "time_zone": "UTC", "id": "dev_00000000000000000000000000000001"}), "invalid_field", "id"),
        ];
        for (body, code, field) in cases {
            let reply = operator.post("/v1/sites", body.clone()).await;
            assert_eq!((reply.refusal(), &reply.json()["error"]["field"]), ((422, code.to_owned()), &json!(field)), "{body}");
        }
        for (patch, code, field) in [(json!({"name": null}), "invalid_field", "name"), (json!({"created_at": 1}), "unknown_field", "created_at")] {
            let reply = operator.patch(&path, patch.clone()).await;
            assert_eq!((reply.refusal(), &reply.json()["error"]["field"]), ((422, code.to_owned()), &json!(field)), "{patch}");
        }
        assert_eq!(names(&operator.get("/v1/sites").await.expect(200)), ["Hall"], "nothing came of any of them");
    }
}

#[tokio::test]
async fn another_tenants_site_does_not_exist_and_a_weaker_role_only_looks() {
    for app in App::both().await {
        let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
        let (operator, other, technician) = (acme.person(Role::Operator).await, bolt.person(Role::Owner).await, acme.person(Role::Technician).await);
        let made = operator.post("/v1/sites", named("Hall")).await.expect(201);
        let path = format!("/v1/sites/{}", made["id"].as_str().expect("an id"));
        assert_eq!(other.get(&path).await.refusal(), (404, "not_found".to_owned()));
        assert_eq!(other.patch(&path, json!({"name": "Mine"})).await.refusal(), (404, "not_found".to_owned()));
        assert_eq!(names(&other.get("/v1/sites").await.expect(200)), Vec::<&str>::new());
        technician.get(&path).await.expect(200);
        assert_eq!(technician.patch(&path, json!({"name": "Mine"})).await.refusal(), (403, "not_allowed".to_owned()));
        assert_eq!(technician.post("/v1/sites", named("x")).await.refusal(), (403, "not_allowed".to_owned()));
        assert_eq!(app.nobody().get(&path).await.refusal(), (401, "not_signed_in".to_owned()));
        assert_eq!(operator.get("/v1/sites/sit_1").await.refusal(), (404, "not_found".to_owned()));
        let same_id = json!({"id": made["id"], "name": "Twin", "time_zone": "UTC"});
        other.post("/v1/sites", same_id).await.expect(201);
        assert_eq!(operator.get(&path).await.expect(200)["name"], "Hall", "an id of another tenant makes a row of one's own");
    }
}
