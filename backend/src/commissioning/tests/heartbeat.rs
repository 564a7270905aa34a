use omniot_shared::{ids::DeviceId, roles::Role};
use serde_json::{Value, json};

use super::device::claimed;
use crate::{
    commissioning::presence,
    testing::{App, Client, Reply, Tenant},
};

async fn online(app: &App) -> (Tenant, Client, DeviceId) {
    let tenant = app.tenant("acme").await;
    let (device, id) = claimed(&tenant, "OM-1").await;
    (tenant, device, id)
}

async fn beat(device: &Client, body: Value) -> Reply {
    device.post("/v1/device/heartbeat", body).await
}

async fn shown(tenant: &Tenant, id: DeviceId) -> Value {
    serde_json::to_value(presence(&mut tenant.db_write().await, id).await.unwrap()).unwrap()
}

async fn row(tenant: &Tenant) -> (String, Option<String>, i64) {
    let (state, firmware) = tenant.db_write().await.query("select state, firmware from device where tenant_id = $1").one::<(String, Option<String>)>().await.unwrap();
    let (seq,) = tenant.db_write().await.query("select seq from tenant_clock where tenant_id = $1").one::<(i64,)>().await.unwrap();
    (state, firmware, seq)
}

#[tokio::test]
async fn the_first_heartbeat_brings_the_device_online_and_the_next_take_no_sequence() {
    for app in App::both().await {
        let (tenant, device, id) = online(&app).await;
        assert_eq!(row(&tenant).await.0, "claimed");
        beat(&device, json!({ "readings": { "temperature_c": 21.5, "door": "closed", "mains": true }, "firmware": "1.4.2" })).await.expect(200);
        let (state, _, seq) = row(&tenant).await;
        assert_eq!(state, "online");
        app.pass(10_000);
        beat(&device, json!({ "readings": { "temperature_c": 22 }, "firmware": "1.4.2" })).await.expect(200);
        assert_eq!(row(&tenant).await.2, seq, "telemetry takes no sequence");
        let presence = shown(&tenant, id).await;
        assert_eq!(presence["readings"]["temperature_c"]["value"], json!(22.0));
        assert_eq!(presence["readings"]["door"]["value"], json!("closed"), "what a heartbeat leaves out stays");
        assert_eq!(presence["last_seen_at"], json!(app.state.now()));
        assert_eq!(presence["record_pending"], json!(true));
    }
}

#[tokio::test]
async fn new_firmware_reaches_the_device_row() {
    for app in App::both().await {
        let (tenant, device, _) = online(&app).await;
        beat(&device, json!({ "readings": {} })).await.expect(200);
        beat(&device, json!({ "readings": {}, "firmware": "2.0.0" })).await.expect(200);
        assert_eq!(row(&tenant).await.1.as_deref(), Some("2.0.0"));
    }
}

#[tokio::test]
async fn a_late_reading_never_replaces_a_newer_one() {
    for app in App::both().await {
        let (tenant, device, id) = online(&app).await;
        let now = app.state.now();
        beat(&device, json!({ "readings": { "t": 2 }, "sent_at": now })).await.expect(200);
        beat(&device, json!({ "readings": { "t": 1 }, "sent_at": now.plus(-60_000) })).await.expect(200);
        beat(&device, json!({ "readings": { "t": 3 }, "sent_at": now.plus(9_000_000) })).await.expect(200);
        let reading = shown(&tenant, id).await["readings"]["t"].clone();
        assert_eq!(reading, json!({ "value": 3.0, "at": now }), "a clock that is ahead is brought back to now");
    }
}

#[tokio::test]
async fn the_latest_value_is_the_latest_of_all_that_a_heartbeat_tells() {
    for app in App::both().await {
        let (tenant, device, id) = online(&app).await;
        let now = app.state.now();
        let history = json!([{ "at": now.plus(-60_000), "readings": { "t": 1, "door": "open" } }, { "at": now.plus(-30_000), "readings": { "door": "ajar" } }]);
        beat(&device, json!({ "readings": { "t": 2 }, "sent_at": now, "history": history })).await.expect(200);
        let shown = shown(&tenant, id).await;
        assert_eq!(shown["readings"]["t"], json!({ "value": 2.0, "at": now }), "{}", app.engine);
        assert_eq!(shown["readings"]["door"], json!({ "value": "ajar", "at": now.plus(-30_000) }));
    }
}

#[tokio::test]
async fn oversized_and_odd_readings_are_refused_whole() {
    for app in App::both().await {
        let (tenant, device, id) = online(&app).await;
        let many: serde_json::Map<String, Value> = (0..33).map(|n| (format!("k{n}"), json!(n))).collect();
        for (what, body, code) in [
            ("33 readings", json!({ "readings": many }), "invalid_field"),
            ("a long name", json!({ "readings": { "k".repeat(41): 1 } }), "invalid_field"),
            ("a name with a space", json!({ "readings": { "a b": 1 } }), "invalid_field"),
            ("an empty name", json!({ "readings": { "": 1 } }), "invalid_field"),
            ("a long text", json!({ "readings": { "a": "x".repeat(121) } }), "invalid_field"),
            ("a list", json!({ "readings": { "a": [1] } }), "invalid_field"),
            ("a null", json!({ "readings": { "a": null } }), "invalid_field"),
            ("no readings", json!({}), "invalid_field"),
            ("history without a time of sending", json!({ "readings": {}, "history": [{ "at": 0, "readings": {} }] }), "invalid_field"),
            ("too much history", json!({ "readings": {}, "sent_at": 0, "history": vec![json!({ "at": 0, "readings": { "a": 1 } }); 1001] }), "invalid_field"),
            ("a long name in the history", json!({ "readings": {}, "sent_at": 0, "history": [{ "at": 0, "readings": { "k".repeat(41): 1 } }] }), "invalid_field"),
            ("an unknown field", json!({ "readings": {}, "tenant": "x" }), "unknown_field"),
            ("long firmware", json!({ "readings": {}, "firmware": "x".repeat(500) }), "invalid_field"),
        ] {
            assert_eq!(beat(&device, body).await.refusal(), (422, code.to_owned()), "{what} on {}", app.engine);
        }
        assert_eq!(shown(&tenant, id).await["readings"], json!({}), "nothing of them was kept");
    }
}

#[tokio::test]
async fn a_device_keeps_at_most_sixty_four_different_readings() {
    for app in App::both().await {
        let (tenant, device, id) = online(&app).await;
        for round in 0..3 {
            let readings: serde_json::Map<String, Value> = (0..32).map(|n| (format!("k{round}_{n}"), json!(n))).collect();
            let status = beat(&device, json!({ "readings": readings })).await.status;
            assert_eq!(status, if round < 2 { 200 } else { 422 });
        }
        assert_eq!(shown(&tenant, id).await["readings"].as_object().unwrap().len(), 64);
        beat(&device, json!({ "readings": { "k0_0": 7 } })).await.expect(200);
    }
}

#[tokio::test]
async fn forged_foreign_and_personal_credentials_are_refused() {
    for app in App::both().await {
        let (tenant, device, id) = online(&app).await;
        let other = app.tenant("other").await;
        let person = tenant.person(Role::Owner).await;
        let secret = "A".repeat(43);
        let forged = [
            format!("omd_{}_{}_{secret}", tenant.id.0.simple(), id.0.simple()),
            format!("omd_{}_{}_{secret}", other.id.0.simple(), id.0.simple()),
            format!("omd_{}_{}_{secret}", uuid::Uuid::from_u128(5).simple(), id.0.simple()),
            person.token.clone(),
            "omd_".to_owned(),
        ];
        for token in forged {
            assert_eq!(beat(&app.bearer(&token), json!({ "readings": {} })).await.refusal(), (401, "not_signed_in".into()), "{token}");
        }
        assert_eq!(beat(&app.nobody(), json!({ "readings": {} })).await.refusal(), (401, "not_signed_in".into()));
        assert_eq!(device.get("/v1/me").await.refusal(), (401, "not_signed_in".into()), "a device is no person");
    }
}
