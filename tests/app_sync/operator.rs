//! The platform's operator in the app.

use omniot_tests::{on_both_engines, world::World};
use serde_json::{Value, json};

use crate::person::{Person, folder, succeeded};

async fn an_operator_signs_in_without_an_account_and_the_page_never_sees_the_token(world: World) {
    let origin = world.network.origin();
    let person = Person::with_app(&folder(&world, "app"), &origin).await;
    let host = person.get("/app/host").await;
    assert!(host["capabilities"].as_array().unwrap().contains(&json!("operator")), "{host}");
    let nobody = person.ask("GET", "/v1/operator/me", Value::Null).await;
    assert_eq!((nobody.status, nobody.code()), (401, Some("not_signed_in")));

    let signin = &world.signins().operator;
    let sessions = format!("/v1/operator/sessions?server={}", origin.replace(':', "%3A").replace('/', "%2F"));
    let wrong = person.ask("POST", &sessions, json!({"email": signin.email, "password": "wrong wrong wrong"})).await;
    assert_eq!((wrong.status, wrong.code()), (401, Some("wrong_credentials")));
    let session = succeeded(person.ask("POST", &sessions, json!({"email": signin.email, "password": signin.password})).await);
    assert_eq!((&session["me"]["email"], &session["token"]), (&json!(signin.email), &Value::Null));

    let person = person.reopens().await;
    assert_eq!(person.get("/v1/operator/me").await["email"], json!(signin.email), "the session survives");
    let tenants = person.items("/v1/operator/tenants?limit=50").await;
    assert!(tenants.iter().any(|tenant| tenant["name"] == "northlift"), "{tenants:?}");
    assert_eq!(person.ask("GET", "/v1/devices", Value::Null).await.code(), Some("not_signed_in"), "an operator is nobody in a tenant");

    world.network.cut();
    let offline = person.ask("GET", "/v1/operator/tenants", Value::Null).await;
    assert_eq!((offline.status, offline.code()), (503, Some("offline")));
    world.network.restore();
    assert_eq!(person.ask("DELETE", "/v1/operator/sessions/current", Value::Null).await.status, 204);
    let person = person.reopens().await;
    let gone = person.ask("GET", "/v1/operator/me", Value::Null).await;
    assert_eq!((gone.status, gone.code()), (401, Some("not_signed_in")));
}

on_both_engines!(an_operator_signs_in_without_an_account_and_the_page_never_sees_the_token);
