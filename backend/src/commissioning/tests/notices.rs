use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_shared::{claim::messages::Signed, roles::Role};
use prost::Message as _;
use serde_json::{Value, json};

use super::{Device, device::pack};
use crate::testing::App;

/// The notice in the answer to a heartbeat.
pub fn notice(answer: &Value) -> Option<Signed> {
    Signed::decode(&*STANDARD.decode(answer["notice"].as_str()?).unwrap()).ok()
}

#[tokio::test]
async fn a_deployment_that_moves_tells_its_devices_and_they_follow_once_it_answers() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let technician = tenant.person(Role::Technician).await;
        let mut device = Device::new("OM-1");
        device.take(&pack(&technician, 5, 1).await[0], None);
        let answer = app.nobody().post("/v1/device/claim", device.claim(&tenant).await).await.expect(200);
        let moved = app.moved_to("https://new.example");
        let beat = async |app: &App, device: &Device| {
            let owner = device.state.owner.clone().unwrap();
            let body = json!({ "readings": {}, "reports_to": owner.told().url, "heard": owner.heard });
            app.bearer(answer["credential"].as_str().unwrap()).post("/v1/device/heartbeat", body).await.expect(200)
        };
        assert_eq!(notice(&beat(&app, &device).await), None, "it reports where it should");
        let told = notice(&beat(&moved, &device).await).expect("news");
        assert_eq!(notice(&beat(&moved, &device).await), Some(told.clone()), "the same until it heard");
        device.state = device.state.hear("OM-1", &told).unwrap();
        let urls = |device: &Device| device.state.owner.as_ref().unwrap().backends().into_iter().map(|backend| backend.url).collect::<Vec<_>>();
        assert_eq!(urls(&device), ["https://new.example", "https://omniot.example"], "{}", app.engine);
        assert_eq!(notice(&beat(&moved, &device).await), None, "it was told");
        device.state = device.state.answered(&device.state.owner.as_ref().unwrap().backends()[0]);
        assert_eq!(urls(&device), ["https://new.example"]);
    }
}

#[tokio::test]
async fn a_new_trust_anchor_at_the_same_address_is_told_as_an_address_is() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let technician = tenant.person(Role::Technician).await;
        let mut device = Device::new("OM-1");
        device.take(&pack(&technician, 5, 1).await[0], None);
        let answer = app.nobody().post("/v1/device/claim", device.claim(&tenant).await).await.expect(200);
        let beat = async |app: &App, device: &Device, says: bool| {
            let owner = device.state.owner.clone().unwrap();
            let mut body = json!({ "readings": {}, "reports_to": owner.told().url, "heard": owner.heard });
            if says {
                body["trusts"] = json!(owner.told().trusts());
            }
            notice(&app.bearer(answer["credential"].as_str().unwrap()).post("/v1/device/heartbeat", body).await.expect(200))
        };
        assert_eq!(beat(&app, &device, true).await, None, "it trusts what it should: {}", app.engine);
        for (n, anchor) in [vec![7; 40], vec![8; 40], vec![]].into_iter().enumerate() {
            let renewed = app.at("https://omniot.example", &anchor);
            assert_eq!(beat(&renewed, &device, false).await, None, "it does not say what it trusts");
            let told = beat(&renewed, &device, true).await.expect("news");
            device.state = device.state.hear("OM-1", &told).unwrap();
            assert_eq!(beat(&renewed, &device, true).await, None, "it was told");
            let first = device.state.owner.as_ref().unwrap().backends()[0].clone();
            assert_eq!((&*first.url, &first.trust_anchor, device.state.owner.as_ref().unwrap().heard), ("https://omniot.example", &anchor, n as u32 + 1));
            device.state = device.state.answered(&first);
            assert_eq!(device.state.owner.as_ref().unwrap().backends(), [first]);
        }
        let long = json!({ "readings": {}, "heard": 0, "reports_to": "https://omniot.example", "trusts": "A".repeat(45) });
        assert_eq!(app.bearer(answer["credential"].as_str().unwrap()).post("/v1/device/heartbeat", long).await.refusal(), (422, "invalid_field".into()));
    }
}

#[tokio::test]
async fn a_pack_leads_to_where_the_server_is() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let technician = tenant.person(Role::Technician).await;
        let held = pack(&technician, 5, 2).await;
        let moved = app.moved_to("https://new.example");
        let fetched = pack(&technician.at(&moved), 5, 2).await;
        assert_eq!(fetched.len(), 2, "{}", app.engine);
        let urls = fetched.iter().map(|grant| omniot_shared::claim::SignedGrant(STANDARD.decode(grant).unwrap()).read().unwrap().backend_url);
        assert!(urls.clone().all(|url| url == "https://new.example"), "the old ones are handed out no more: {:?}", urls.collect::<Vec<_>>());
        let mut device = Device::new("OM-1");
        device.take(&held[0], None);
        app.nobody().post("/v1/device/claim", device.claim(&tenant).await).await.expect(200);
    }
}

#[tokio::test]
async fn a_pack_trusts_what_the_server_shows() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let technician = tenant.person(Role::Technician).await;
        let held = pack(&technician, 5, 2).await;
        let anchors = |grants: &[String]| grants.iter().map(|grant| omniot_shared::claim::SignedGrant(STANDARD.decode(grant).unwrap()).read().unwrap().trust_anchor).collect::<Vec<_>>();
        for anchor in [vec![7; 40], vec![8; 40], vec![]] {
            let renewed = app.at("https://omniot.example", &anchor);
            let fetched = pack(&technician.at(&renewed), 5, 2).await;
            assert_eq!(anchors(&fetched), [anchor.clone(), anchor], "no device is told to trust what is over: {}", app.engine);
        }
        assert_eq!(pack(&technician, 5, 2).await, held, "and those of before are good again once it is what it was");
        let mut device = Device::new("OM-1");
        device.take(&held[0], None);
        app.nobody().post("/v1/device/claim", device.claim(&tenant).await).await.expect(200);
    }
}

#[tokio::test]
async fn a_device_that_does_not_say_what_it_heard_is_told_nothing() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (device, _) = super::device::claimed(&tenant, "OM-1").await;
        let moved = app.moved_to("https://new.example");
        let there = device.at(&moved);
        for body in [json!({ "readings": {} }), json!({ "readings": {}, "heard": 0 }), json!({ "readings": {}, "reports_to": "https://omniot.example" })] {
            assert_eq!(notice(&there.post("/v1/device/heartbeat", body).await.expect(200)), None);
        }
        let long = json!({ "readings": {}, "heard": 0, "reports_to": format!("https://{}", "a".repeat(255)) });
        assert_eq!(there.post("/v1/device/heartbeat", long).await.refusal(), (422, "invalid_field".into()));
    }
}
