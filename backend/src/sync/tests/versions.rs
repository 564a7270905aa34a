//! Apps of other versions: every change ever shipped is carried out, and what is too old may only push.

use omniot_shared::{
    ids::{DeviceId, TenantId},
    sync::wire::MIN_SCHEMA,
};

use super::*;

/// Every shape that was shipped: the folders of `tests/vectors/sync`, each with all the changes of its time.
fn shipped() -> Vec<(String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/sync");
    let shapes = std::fs::read_dir(folder).expect("the fixtures").map(|entry| entry.expect("a folder").path());
    shapes.map(|shape| (shape.display().to_string(), std::fs::read_to_string(shape.join("push_request.json")).expect("a push"))).collect()
}

/// The push of a fixture, as if this person's app in this tenant had made it.
fn made_by(text: &str, tenant: TenantId, actor: &Actor) -> Value {
    let device = DeviceId::for_serial(tenant, "OM-1");
    let text = text.replace("dev_000000000000000000000000000000d1", &device.to_string());
    serde_json::from_str(&text.replace("per_00000000000000000000000000000007", &actor.id.to_string())).expect("JSON")
}

#[tokio::test]
async fn every_change_ever_shipped_is_carried_out() {
    for app in App::both().await {
        for (n, (shape, text)) in shipped().into_iter().enumerate() {
            let tenant = app.tenant(&format!("acme-{n}")).await;
            let actor = tenant.person(Role::Admin).await;
            let push = made_by(&text, tenant.id, &actor);
            let answer = actor.post("/v1/sync/push", push.clone()).await.expect(200);
            let intents = push["intents"].as_array().expect("intents");
            for (intent, receipt) in intents.iter().zip(answer["receipts"].as_array().expect("receipts")) {
                let outcome = &receipt["outcome"];
                match intent["change"]["kind"].as_str().expect("a kind") {
                    // What only the server says of a device is understood, and not taken from an app.
                    "device.claimed" | "device.online" => assert_eq!(outcome["code"], "not_allowed", "{shape}: {intent:#} {outcome}"),
                    _ => assert_eq!(outcome["kind"], "applied", "{shape} on {}: {intent:#} {outcome}", app.engine),
                }
            }
            let site = actor.get("/v1/sites").await.expect(200)["items"][0].clone();
            assert_eq!((&site["name"], &site["note"]), (&json!("Depot South"), &json!("Key at the desk")), "{shape}");
            let again = actor.post("/v1/sync/push", push).await.expect(200);
            assert_eq!(again["receipts"], answer["receipts"], "{shape}");
            db_checksum_holds(&tenant).await;
        }
    }
}

#[tokio::test]
async fn an_app_that_is_too_old_pushes_and_does_not_pull() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut a = Tablet::of(&tenant, Role::Admin).await;
        let pull = |schema: u32| json!({"schema": schema, "client_id": a.meta().client_id, "epoch": 0, "cursors": []});
        a.actor.post("/v1/sync/pull", pull(MIN_SCHEMA)).await.expect(200);
        assert_eq!(a.actor.post("/v1/sync/pull", pull(MIN_SCHEMA - 1)).await.refusal(), (409, "app_too_old".into()));
        let hello = json!({"protocol": 1, "schema": MIN_SCHEMA - 1, "client_id": a.meta().client_id, "app_version": "0.0.1", "now": app.state.now()});
        assert_eq!(a.actor.post("/v1/sync/hello", hello).await.expect(200)["min_schema"], json!(MIN_SCHEMA));
        a.new_site("by an old app");
        let push = PushRequest { schema: MIN_SCHEMA - 1, ..a.next_push().expect("one") };
        assert_eq!(outcomes(&a.send(&push).await.expect(200)), ["applied"]);
    }
}

#[tokio::test]
async fn an_app_of_before_there_were_sites_pulls_as_it_did() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut a = Tablet::of(&tenant, Role::Admin).await;
        a.new_site("one");
        a.sync().await;
        let text = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/sync/schema-1-before-sites/pull_request.json")).expect("a pull");
        let mut asked: Value = serde_json::from_str(&text).expect("JSON");
        asked["cursors"][0]["seq"] = json!(a.meta().cursor);
        a.new_site("two");
        a.push().await;
        let frames = frames(&a.actor.post("/v1/sync/pull", asked).await.bytes);
        let Frame::Begin(begin) = &frames[0] else { panic!("{frames:?}") };
        assert!(!begin.fresh, "who holds everything and says nothing of sites goes on from its cursor");
        assert!(matches!(&frames[1..], [Frame::Rows(rows), Frame::Checkpoint(_)] if rows.len() == 1), "{frames:?}");
    }
}
