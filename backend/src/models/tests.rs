//! Facts about device models, through the API, on both engines.

use omniot_shared::{ids::ModelId, roles::Role};
use serde_json::{Value, json};

use crate::testing::App;

fn sensor(name: &str) -> Value {
    json!({"name": name, "sku": "OM-SENSE-1", "min_security": "sec1"})
}

#[tokio::test]
async fn a_model_is_created_found_and_edited() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let (operator, viewer) = (acme.person(Role::Operator).await, acme.person(Role::Viewer).await);
        let made = operator.post("/v1/models", sensor("Fühler")).await.expect(201);
        operator.post("/v1/models", json!({"name": "Ventil", "sku": "OM-VALVE-1", "min_security": "sec2_patch1"})).await.expect(201);
        let path = format!("/v1/models/{}", made["id"].as_str().expect("an id"));
        assert_eq!(viewer.get(&path).await.expect(200), made);
        for q in ["fuhler", "sense"] {
            let page = viewer.get(&format!("/v1/models?q={q}")).await.expect(200);
            assert_eq!(page["items"], json!([made]), "{}: {q}", app.engine);
        }
        let edited = operator.patch(&path, json!({"min_security": "sec2_patch1"})).await.expect(200);
        assert_eq!((&edited["min_security"], &edited["name"]), (&json!("sec2_patch1"), &json!("Fühler")));
        let first = viewer.get("/v1/models?limit=1").await.expect(200);
        let second = viewer.get(&format!("/v1/models?limit=1&cursor={}", first["next"].as_str().expect("more"))).await.expect(200);
        assert_eq!((&second["items"][0]["name"], &second["next"]), (&json!("Ventil"), &json!(null)));
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_field() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let operator = acme.person(Role::Operator).await;
        let made = operator.post("/v1/models", sensor("Sensor")).await.expect(201);
        let path = format!("/v1/models/{}", made["id"].as_str().expect("an id"));
        let cases = [
            (json!({"name": " ", "sku": "x", "min_security": "sec1"}), "invalid_field", "name"),
            (json!({"name": "x", "sku": "x".repeat(61), "min_security": "sec1"}), "invalid_field", "sku"),
            (json!({"name": "x", "sku": "x", "min_security": "sec3"}), "invalid_field", "min_security"),
            (json!({"name": "x", "sku": "x", "min_security": "sec1", "colour": "red"}), "unknown_field", "colour"),
        ];
        for (body, code, field) in cases {
            let reply = operator.post("/v1/models", body.clone()).await;
            assert_eq!((reply.refusal(), &reply.json()["error"]["field"]), ((422, code.to_owned()), &json!(field)), "{body}");
        }
        for field in ["name", "sku", "min_security"] {
            let reply = operator.patch(&path, json!({field: null})).await;
            assert_eq!((reply.refusal(), &reply.json()["error"]["field"]), ((422, "invalid_field".to_owned()), &json!(field)));
        }
    }
}

#[tokio::test]
async fn another_tenants_model_does_not_exist_and_a_weaker_role_only_looks() {
    for app in App::both().await {
        let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
        let (operator, other, viewer) = (acme.person(Role::Operator).await, bolt.person(Role::Owner).await, acme.person(Role::Viewer).await);
        let body = json!({"id": app.state.new_id::<ModelId>(), "name": "Sensor", "sku": "S", "min_security": "sec1"});
        let made = operator.post("/v1/models", body.clone()).await.expect(201);
        assert_eq!(operator.post("/v1/models", body).await.refusal(), (409, "already_exists".to_owned()));
        let path = format!("/v1/models/{}", made["id"].as_str().expect("an id"));
        assert_eq!(other.get(&path).await.refusal(), (404, "not_found".to_owned()));
        assert_eq!(other.patch(&path, json!({"name": "Mine"})).await.refusal(), (404, "not_found".to_owned()));
        assert_eq!(other.get("/v1/models").await.expect(200)["items"], json!([]));
        assert_eq!(viewer.patch(&path, json!({"name": "Mine"})).await.refusal(), (403, "not_allowed".to_owned()));
        assert_eq!(viewer.post("/v1/models", sensor("x")).await.refusal(), (403, "not_allowed".to_owned()));
    }
}
