//! Facts about statistics, through the API, on both engines.

use omniot_shared::{
    ids::{AttemptId, ClientId},
    roles::Role,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::testing::{Actor, App, START, Tenant};

/// Records attempts as an app does.
struct Field {
    tenant: Tenant,
    owner: Actor,
    tess: Actor,
    site: Value,
    model: Value,
}

/// One attempt: its device, when it began, how long it took and how it ended.
struct Try<'a>(&'a str, i64, i64, &'a str);

impl Field {
    async fn of(app: &App, name: &str) -> Self {
        let tenant = app.tenant(name).await;
        let (owner, tess) = (tenant.person(Role::Owner).await, tenant.person(Role::Technician).await);
        let site = owner.post("/v1/sites", json!({"name": "Hall", "time_zone": "UTC"})).await.expect(201);
        let model = owner.post("/v1/models", json!({"name": "Sensor", "sku": "S1", "min_security": "sec1"})).await.expect(201);
        Self { tenant, owner, tess, site, model }
    }

    async fn plan(&self, serial: &str) -> Value {
        let device = json!({"serial": serial, "name": serial, "model_id": self.model["id"], "site_id": self.site["id"]});
        self.owner.post("/v1/devices", device).await.expect(201)
    }

    /// `more` stands over what an ordinary attempt says. An outcome such as `failed no_answer` names the cause.
    async fn attempt(&self, Try(serial, at, took, outcome): Try<'_>, more: Value) -> AttemptId {
        let (id, client) = (AttemptId(Uuid::now_v7()), ClientId(Uuid::now_v7()));
        let (outcome, cause) = outcome.split_once(' ').map_or((outcome, None), |(outcome, cause)| (outcome, Some(cause)));
        let device = omniot_shared::ids::DeviceId::for_serial(self.tenant.id, serial);
        let mut attempt = json!({"id": id, "device_id": device, "serial": serial, "site_id": self.site["id"], "technician_id": self.tess.id, "technician_name": "Tess", "client_id": client,
            "app_version": "1.0", "os": "android 14, Pixel 7", "radio": "bluetooth", "protocol": "esp", "security": null, "firmware": "1.4.2", "identity_verified": true, "rssi": null, "mtu": null,
            "steps": [], "grant_id": null, "receipt": null, "epoch": null, "network_name": null, "outcome": outcome, "cause": cause, "started_at": START.0 + at, "ended_at": START.0 + at + took});
        for (name, value) in more.as_object().into_iter().flatten() {
            attempt[name] = value.clone();
        }
        let intent = json!({"client_id": client, "n": 1, "id": format!("int_{}", Uuid::now_v7().simple()), "at": 2, "base": null, "change": {"kind": "attempt.record", "body": attempt}});
        let answer = self.tess.post("/v1/sync/push", json!({"schema": 1, "client_id": client, "now": 2, "intents": [intent]})).await.expect(200);
        assert_eq!(answer["receipts"][0]["outcome"]["kind"], "applied", "{answer}");
        id
    }

    async fn asked(&self, query: &str) -> Value {
        let period = format!("from={}&to={}", START.0, START.0 + 1_000_000);
        self.owner.get(&format!("/v1/attempts/quality?{period}&{query}")).await.expect(200)
    }
}

#[tokio::test]
async fn success_median_first_tries_and_causes_are_counted() {
    for app in App::both().await {
        let field = Field::of(&app, "acme").await;
        for serial in ["A", "B", "C", "D"] {
            field.plan(serial).await;
        }
        let tries = [
            Try("A", 1, 40_000, "succeeded"),
            Try("B", 2, 900, "failed wrong_password"),
            Try("B", 3, 20_000, "succeeded"),
            Try("C", 4, 100, "cancelled"),
            Try("C", 5, 30_001, "succeeded"),
            Try("D", 6, 500, "interrupted interrupted"),
            Try("D", 7, 800, "failed wrong_password"),
        ];
        for one in tries {
            field.attempt(one, json!({})).await;
        }
        let said = field.asked("by=model").await;
        let group = &said["groups"][0];
        let numbers = |of: &Value| ["attempts", "succeeded", "failed", "cancelled", "interrupted", "devices", "first_try"].map(|name| of[name].as_i64().expect("a number"));
        assert_eq!(numbers(group), [7, 3, 2, 1, 1, 4, 2], "{}: stopped ones are no first try", app.engine);
        assert_eq!((&group["model_id"], &group["name"], &group["median_ms"]), (&field.model["id"], &json!("Sensor"), &json!(30_001)));
        assert_eq!(group["causes"], json!([{"cause": "wrong_password", "attempts": 2}, {"cause": "interrupted", "attempts": 1}]));
        assert_eq!(numbers(&said["total"]), numbers(group));
        // An even number: between the two middle ones, and the same on both engines.
        field.attempt(Try("A", 8, 35_000, "succeeded"), json!({})).await;
        assert_eq!(field.asked("by=model").await["total"]["median_ms"], json!((30_001 + 35_000) / 2), "{}", app.engine);
    }
}

#[tokio::test]
async fn attempts_fall_into_their_groups_and_are_found_by_them() {
    for app in App::both().await {
        let field = Field::of(&app, "acme").await;
        field.plan("A").await;
        field.attempt(Try("A", 1, 10, "succeeded"), json!({})).await;
        let old = field.attempt(Try("X", 2, 10, "failed no_answer"), json!({"firmware": null, "app_version": "0.9", "os": "linux"})).await;
        for (by, names) in [("model", json!(["Sensor", null])), ("firmware", json!(["1.4.2", null])), ("app_version", json!(["0.9", "1.0"])), ("phone", json!(["android 14, Pixel 7", "linux"]))] {
            let said = field.asked(&format!("by={by}")).await;
            let mut found: Vec<Value> = said["groups"].as_array().expect("groups").iter().map(|group| group["name"].clone()).collect();
            found.sort_by_key(|name| (name.is_null(), name.to_string()));
            assert_eq!(json!(found), names, "{by} on {}", app.engine);
        }
        for query in ["cause=no_answer", "app_version=0.9", "phone=linux", &format!("from={}", START.0 + 2), &format!("outcome=failed&to={}", START.0 + 9)] {
            let found = field.owner.get(&format!("/v1/attempts?{query}")).await.expect(200);
            assert_eq!((found["items"].as_array().map(Vec::len), &found["items"][0]["id"]), (Some(1), &json!(old)), "{query}");
        }
        let model = field.model["id"].as_str().expect("an id");
        for query in [&format!("model_id={model}"), "firmware=1.4.2", &format!("to={}", START.0 + 2)] {
            let found = field.owner.get(&format!("/v1/attempts?{query}")).await.expect(200);
            assert_eq!((found["items"].as_array().map(Vec::len), &found["items"][0]["serial"]), (Some(1), &json!("A")), "{query}");
        }
    }
}

#[tokio::test]
async fn what_is_out_of_sight_out_of_time_or_anothers_does_not_count() {
    for app in App::both().await {
        let (field, other) = (Field::of(&app, "acme").await, Field::of(&app, "bolt").await);
        let far = field.owner.post("/v1/sites", json!({"name": "Far", "time_zone": "UTC"})).await.expect(201);
        assert_eq!(field.asked("").await["total"]["attempts"], 0, "nothing yet");
        field.attempt(Try("A", 1, 10, "succeeded"), json!({})).await;
        field.attempt(Try("B", 2, 10, "failed no_answer"), json!({"site_id": far["id"]})).await;
        field.attempt(Try("C", 2_000_000, 10, "failed no_answer"), json!({})).await;
        other.attempt(Try("A", 1, 10, "failed no_answer"), json!({})).await;
        let count = async |who: &Actor, query: &str| {
            let said = who.get(&format!("/v1/attempts/quality?from={}&to={}{query}", START.0, START.0 + 1_000_000)).await.expect(200);
            (said["total"]["attempts"].clone(), said["total"]["causes"].as_array().map(Vec::len))
        };
        let here = format!("&site_id={}", field.site["id"].as_str().expect("an id"));
        assert_eq!(count(&field.owner, "").await, (json!(2), Some(1)), "{}", app.engine);
        assert_eq!(count(&field.owner, &here).await, (json!(1), Some(0)));
        let tim = field.tenant.person(Role::Technician).await;
        field.owner.put(&format!("/v1/people/{}/sites", tim.id), json!({"sites": [field.site["id"]]})).await.expect(200);
        assert_eq!(count(&tim, "").await, (json!(1), Some(0)), "he works here alone");
        for bad in ["by=colour", "from=x", "site_id=x", "limit=3"] {
            assert_eq!(field.owner.get(&format!("/v1/attempts/quality?{bad}")).await.refusal(), (400, "invalid_query".to_owned()), "{bad}");
        }
    }
}
