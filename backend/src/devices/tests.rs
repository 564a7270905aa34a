//! Facts about devices and attempts, through the API, on both engines.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_shared::{
    claim::SignedGrant,
    entities::{Attempt, AttemptOutcome, AttemptStep, StepOutcome},
    ids::{AttemptId, ClientId, DeviceId, GrantId, SiteId},
    roles::Role,
    sync::{Actor as SyncActor, Change, Sight, Who},
    time::Millis,
};
use serde_json::{Value, json};

use crate::{
    audit::Author,
    commissioning::tests::device::{claimed, pack},
    sync,
    testing::{Actor, App, Tenant},
};

/// A tenant with a model and a site, and somebody who runs them.
struct Plant {
    tenant: Tenant,
    operator: Actor,
    model: Value,
    site: Value,
}

impl Plant {
    async fn of(app: &App, name: &str) -> Self {
        let tenant = app.tenant(name).await;
        let operator = tenant.person(Role::Operator).await;
        let model = operator.post("/v1/models", json!({"name": "Fühler", "sku": "S1", "min_security": "sec1"})).await.expect(201);
        let site = operator.post("/v1/sites", json!({"name": "Halle Süd", "time_zone": "UTC"})).await.expect(201);
        Self { tenant, operator, model, site }
    }

    async fn plan(&self, serial: &str, name: &str) -> Value {
        let body = json!({"serial": serial, "name": name, "model_id": self.model["id"], "site_id": self.site["id"]});
        self.operator.post("/v1/devices", body).await.expect(201)
    }

    /// An attempt by `technician`, as the app records it.
    async fn attempt(&self, technician: &Actor, serial: &str, outcome: AttemptOutcome, at: i64) -> AttemptId {
        self.recorded(technician, serial, (outcome, None, None), at).await
    }

    /// An attempt that the device answered with a receipt, of its first epoch.
    async fn claim_attempt(&self, technician: &Actor, serial: &str, grant: &str, at: i64) -> AttemptId {
        let grant = SignedGrant(STANDARD.decode(grant).expect("base64")).read().expect("a grant").id;
        self.recorded(technician, serial, (AttemptOutcome::Succeeded, Some(1), Some(grant)), at).await
    }

    async fn recorded(&self, technician: &Actor, serial: &str, (outcome, epoch, grant_id): (AttemptOutcome, Option<u32>, Option<GrantId>), at: i64) -> AttemptId {
        let app = &self.tenant.app;
        let site: SiteId = serde_json::from_value(self.site["id"].clone()).expect("an id");
        let attempt = Attempt {
            id: app.state.new_id(),
            device_id: Some(DeviceId::for_serial(self.tenant.id, serial)),
            serial: Some(serial.to_owned()),
            site_id: Some(site),
            technician_id: technician.id,
            technician_name: "Tess".to_owned(),
            client_id: app.state.new_id::<ClientId>(),
            app_version: "0.1.0".to_owned(),
            os: "linux".to_owned(),
            radio: "virtual".to_owned(),
            protocol: Some("esp".to_owned()),
            security: None,
            firmware: None,
            identity_verified: true,
            rssi: Some(-60),
            mtu: Some(517),
            steps: vec![AttemptStep { step: "connect".to_owned(), started_at: Millis(at), duration_ms: 5, outcome: StepOutcome::Done, cause: None }],
            grant_id,
            receipt: epoch.map(|_| "cmVjZWlwdA==".to_owned()),
            epoch,
            network_name: None,
            outcome,
            cause: None,
            started_at: Millis(at),
            ended_at: Millis(at + 10),
        };
        let id = attempt.id;
        let mut scope = self.tenant.db_write().await;
        let actor = SyncActor { tenant: self.tenant.id, who: Who::Person { id: technician.id, role: Role::Technician, sight: &Sight::All }, now: app.state.now() };
        let author = Author::person(technician.id, "Tess");
        sync::execute_as(&mut scope, &actor, &author, None, Change::AttemptRecord(Box::new(attempt))).await.expect("recorded");
        scope.commit().await.expect("a commit");
        id
    }
}

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().expect("items").iter().filter_map(|item| item["name"].as_str()).collect()
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().expect("items").iter().filter_map(|item| item["id"].as_str()).collect()
}

fn path(device: &Value) -> String {
    format!("/v1/devices/{}", device["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn a_device_is_planned_once_whoever_spells_its_serial() {
    for app in App::both().await {
        let plant = Plant::of(&app, "acme").await;
        let technician = plant.tenant.person(Role::Technician).await;
        let body = json!({"serial": " om-n 0001", "name": "Kühler", "model_id": plant.model["id"], "site_id": plant.site["id"]});
        let made = technician.post("/v1/devices", body).await.expect(201);
        assert_eq!(made["id"], json!(DeviceId::for_serial(plant.tenant.id, "OM-N0001")), "{}", app.engine);
        assert_eq!((&made["serial"], &made["state"], &made["site_name"], &made["model_name"]), (&json!("OM-N0001"), &json!("planned"), &json!("Halle Süd"), &json!("Fühler")));
        let again = json!({"serial": "OM-N0001", "name": "Other", "model_id": plant.model["id"]});
        assert_eq!(plant.operator.post("/v1/devices", again).await.refusal(), (409, "already_exists".to_owned()));
        let shown = plant.operator.get(&path(&made)).await.expect(200);
        assert_eq!((&shown["name"], &shown["readings"], &shown["last_seen_at"]), (&json!("Kühler"), &json!([]), &json!(null)), "not in contact yet");
    }
}

#[tokio::test]
async fn devices_are_found_and_filtered() {
    for app in App::both().await {
        let (plant, other) = (Plant::of(&app, "acme").await, Plant::of(&app, "bolt").await);
        plant.plan("A1", "Kühlregal").await;
        let roof = plant.plan("B2", "Dach").await;
        other.plan("A1", "Kühlregal").await;
        let twins = [("/v1/sites", json!({"id": plant.site["id"], "name": "Twin", "time_zone": "UTC"})), ("/v1/models", json!({"id": plant.model["id"], "name": "Twin", "sku": "T", "min_security": "sec1"}))];
        for (path, twin) in twins {
            other.operator.post(path, twin).await.expect(201);
        }
        plant.operator.patch(&path(&roof), json!({"site_id": null})).await.expect(200);
        let found = async |query: &str| plant.operator.get(&format!("/v1/devices?{query}")).await.expect(200);
        assert_eq!(names(&found("").await), ["Dach", "Kühlregal"], "{}", app.engine);
        assert_eq!(names(&found("q=KUHL").await), ["Kühlregal"]);
        assert_eq!(names(&found("q=b2").await), ["Dach"], "by serial number");
        let site = plant.site["id"].as_str().expect("an id");
        assert_eq!(names(&found(&format!("site_id={site}")).await), ["Kühlregal"]);
        let model = plant.model["id"].as_str().expect("an id");
        assert_eq!(names(&found(&format!("model_id={model}&q=dach")).await), ["Dach"]);
        plant.operator.post(&format!("{}/retire", path(&roof)), json!({})).await.expect(200);
        assert_eq!(names(&found("state=planned").await), ["Kühlregal"]);
        assert_eq!(names(&found("state=retired").await), ["Dach"]);
        let foreign = other.site["id"].as_str().expect("an id");
        assert_eq!(names(&found(&format!("site_id={foreign}")).await), Vec::<&str>::new(), "another tenant's site holds nothing here");
        for bad in ["state=broken", "site_id=x", "colour=red", "limit=0", "limit=1000"] {
            assert_eq!(plant.operator.get(&format!("/v1/devices?{bad}")).await.refusal(), (400, "invalid_query".to_owned()), "{bad}");
        }
    }
}

#[tokio::test]
async fn a_page_stays_where_it_is_when_devices_are_added_before_it() {
    for app in App::both().await {
        let plant = Plant::of(&app, "acme").await;
        for name in ["b", "d", "f"] {
            plant.plan(&format!("S{name}"), name).await;
        }
        let first = plant.operator.get("/v1/devices?limit=2").await.expect(200);
        for name in ["a", "c", "e"] {
            plant.plan(&format!("S{name}"), name).await;
        }
        let rest = plant.operator.get(&format!("/v1/devices?cursor={}", first["next"].as_str().expect("more"))).await.expect(200);
        assert_eq!((names(&first), names(&rest)), (vec!["b", "d"], vec!["e", "f"]), "{}", app.engine);
    }
}

#[tokio::test]
async fn a_retired_device_changes_no_more_and_says_why() {
    for app in App::both().await {
        let plant = Plant::of(&app, "acme").await;
        let device = plant.plan("A1", "Kühlregal").await;
        let retire = format!("{}/retire", path(&device));
        let technician = plant.tenant.person(Role::Technician).await;
        assert_eq!(technician.post(&retire, json!({})).await.refusal(), (403, "not_allowed".to_owned()));
        assert_eq!(plant.operator.post(&retire, json!({"reason": "x".repeat(401)})).await.refusal(), (422, "invalid_field".to_owned()));
        assert_eq!(plant.operator.post(&retire, json!({"reason": "scrapped"})).await.expect(200)["state"], "retired");
        assert_eq!(plant.operator.post(&retire, json!({})).await.refusal(), (409, "state_conflict".to_owned()), "twice");
        assert_eq!(plant.operator.patch(&path(&device), json!({"name": "New"})).await.refusal(), (409, "state_conflict".to_owned()));
        let changes = technician.get(&format!("{}/changes", path(&device))).await.expect(200);
        let latest = &changes["items"][0];
        assert_eq!((&latest["action"], &latest["actor"]["id"]), (&json!("device.retire"), &json!(plant.operator.id)), "{}", app.engine);
        assert!(latest.to_string().contains("scrapped"), "{latest}");
        assert!(latest.get("hash").is_none(), "the chain is for auditors");
    }
}

#[tokio::test]
async fn the_changes_of_a_device_are_its_own_newest_first_in_pages() {
    for app in App::both().await {
        let plant = Plant::of(&app, "acme").await;
        let (device, neighbour) = (plant.plan("A1", "One").await, plant.plan("B2", "Two").await);
        for name in ["Three", "Four"] {
            plant.operator.patch(&path(&device), json!({"name": name})).await.expect(200);
            plant.operator.patch(&path(&neighbour), json!({"name": name})).await.expect(200);
        }
        let first = plant.operator.get(&format!("{}/changes?limit=2", path(&device))).await.expect(200);
        let rest = plant.operator.get(&format!("{}/changes?limit=2&cursor={}", path(&device), first["next"].as_str().expect("more"))).await.expect(200);
        let actions: Vec<_> = [&first, &rest].into_iter().flat_map(|page| page["items"].as_array().expect("items")).map(|item| item["action"].clone()).collect();
        assert_eq!(actions, ["device.update", "device.update", "device.create"], "{}", app.engine);
        assert!(rest["next"].is_null());
    }
}

#[tokio::test]
async fn references_and_fields_that_do_not_fit_are_named() {
    for app in App::both().await {
        let (plant, other) = (Plant::of(&app, "acme").await, Plant::of(&app, "bolt").await);
        let good = json!({"serial": "A1", "name": "One", "model_id": plant.model["id"]});
        let with = |field: &str, value: Value| {
            let mut body = good.clone();
            body[field] = value;
            body
        };
        let cases = [
            (with("model_id", other.model["id"].clone()), "invalid_field", "model_id"),
            (with("site_id", other.site["id"].clone()), "invalid_field", "site_id"),
            (with("site_id", json!("dev_1")), "invalid_field", "site_id"),
            (with("serial", json!(" ")), "invalid_field", "serial"),
            (with("serial", json!("x".repeat(65))), "invalid_field", "serial"),
            (with("serial", json!("ÄÖ")), "invalid_field", "serial"),
            (with("name", json!("x".repeat(121))), "invalid_field", "name"),
            (with("note", json!("x".repeat(2001))), "invalid_field", "note"),
            (with("state", json!("online")), "unknown_field", "state"),
            (with("id", json!("dev_1")), "unknown_field", "id"),
        ];
        for (body, code, field) in cases {
            let reply = plant.operator.post("/v1/devices", body.clone()).await;
            assert_eq!((reply.refusal(), &reply.json()["error"]["field"]), ((422, code.to_owned()), &json!(field)), "{}: {body}", app.engine);
        }
        let device = plant.plan("A1", "One").await;
        let foreign = plant.operator.patch(&path(&device), json!({"site_id": other.site["id"]})).await;
        assert_eq!((foreign.refusal(), &foreign.json()["error"]["field"]), ((422, "invalid_field".to_owned()), &json!("site_id")));
    }
}

#[tokio::test]
async fn another_tenants_device_does_not_exist() {
    for app in App::both().await {
        let (plant, other) = (Plant::of(&app, "acme").await, Plant::of(&app, "bolt").await);
        let device = plant.plan("A1", "One").await;
        let missing = (404, "not_found".to_owned());
        for suffix in ["", "/attempts", "/changes"] {
            assert_eq!(other.operator.get(&format!("{}{suffix}", path(&device))).await.refusal(), missing, "{suffix}");
        }
        assert_eq!(other.operator.patch(&path(&device), json!({"name": "Mine"})).await.refusal(), missing);
        assert_eq!(other.operator.post(&format!("{}/retire", path(&device)), json!({})).await.refusal(), missing);
        let viewer = plant.tenant.person(Role::Viewer).await;
        assert_eq!(viewer.patch(&path(&device), json!({"name": "Mine"})).await.refusal(), (403, "not_allowed".to_owned()));
        assert_eq!(app.nobody().get(&path(&device)).await.refusal(), (401, "not_signed_in".to_owned()));
    }
}

#[tokio::test]
async fn attempts_are_listed_newest_first_by_device_site_technician_and_outcome() {
    for app in App::both().await {
        let (plant, other) = (Plant::of(&app, "acme").await, Plant::of(&app, "bolt").await);
        let (tess, tim, stranger) = (plant.tenant.person(Role::Technician).await, plant.tenant.person(Role::Technician).await, other.tenant.person(Role::Technician).await);
        let device = plant.plan("A1", "One").await;
        plant.plan("B2", "Two").await;
        other.plan("A1", "Theirs").await;
        let first = plant.attempt(&tess, "A1", AttemptOutcome::Failed, 1000).await.to_string();
        let second = plant.attempt(&tim, "A1", AttemptOutcome::Succeeded, 2000).await.to_string();
        app.pass(1);
        let third = plant.attempt(&tess, "B2", AttemptOutcome::Cancelled, 2000).await.to_string();
        other.attempt(&stranger, "A1", AttemptOutcome::Failed, 3000).await;
        let found = async |query: &str| plant.operator.get(&format!("/v1/attempts?{query}")).await.expect(200);
        let all = found("").await;
        assert_eq!(ids(&all), [&third, &second, &first], "{}: newest first, none of the other tenant's", app.engine);
        assert_eq!((&all["items"][0]["device_name"], &all["items"][0]["site_name"]), (&json!("Two"), &json!("Halle Süd")));
        assert_eq!(all["items"][0]["steps"][0]["step"], "connect");
        assert_eq!(ids(&found(&format!("device_id={}", device["id"].as_str().expect("an id"))).await), [&second, &first]);
        assert_eq!(ids(&found(&format!("technician_id={}", tess.id)).await), [&third, &first]);
        assert_eq!(ids(&found("outcome=succeeded").await), [&second]);
        assert_eq!(ids(&found(&format!("site_id={}", plant.site["id"].as_str().expect("an id"))).await).len(), 3);
        assert_eq!(ids(&plant.operator.get(&format!("{}/attempts", path(&device))).await.expect(200)), [&second, &first]);
        let page = found("limit=2").await;
        assert_eq!(ids(&found(&format!("limit=2&cursor={}", page["next"].as_str().expect("more"))).await), [&first]);
        assert_eq!(plant.operator.get("/v1/attempts?outcome=great").await.refusal(), (400, "invalid_query".to_owned()));
    }
}

#[tokio::test]
async fn devices_of_which_one_side_is_not_heard_wait_the_longest_waiting_first() {
    for app in App::both().await {
        let (plant, other) = (Plant::of(&app, "acme").await, Plant::of(&app, "bolt").await);
        let technician = plant.tenant.person(Role::Technician).await;
        let waiting = async |query: &str| plant.operator.get(&format!("/v1/devices/waiting{query}")).await.expect(200);
        assert_eq!(waiting("").await["items"], json!([]), "nothing waits: {}", app.engine);
        plant.plan("NEVER", "Never seen").await;
        plant.plan("PLANNED", "Nobody touched it").await;
        let grants = pack(&technician, 5, 2).await;
        plant.claim_attempt(&technician, "NEVER", &grants[0], app.state.now().0 - 6_000).await;
        app.pass(1);
        plant.claim_attempt(&technician, "NEVER", &grants[0], app.state.now().0 - 5_000).await;
        app.pass(1_000);
        let (credential, seen) = claimed(&plant.tenant, "SEEN").await;
        credential.post("/v1/device/heartbeat", json!({"readings": {}})).await.expect(200);
        let page = waiting("").await;
        let rows: Vec<_> = page["items"].as_array().expect("items").iter().map(|item| (item["serial"].clone(), item["waits_for"].clone())).collect();
        assert_eq!(rows, [(json!("NEVER"), json!("contact")), (json!("SEEN"), json!("record"))], "{}", app.engine);
        assert_eq!((&page["items"][0]["technician_name"], &page["items"][0]["site_name"]), (&json!("Tess"), &json!("Halle Süd")));
        assert_eq!(page["items"][0]["since"], json!(app.state.now().0 - 1_000 - 5_000 + 10));
        assert_eq!(waiting("?waits_for=record").await["items"][0]["id"], json!(seen));
        let first = waiting("?limit=1").await;
        let rest = waiting(&format!("?limit=1&cursor={}", first["next"].as_str().expect("more"))).await;
        assert_eq!((&first["items"][0]["serial"], &rest["items"][0]["serial"], &rest["next"]), (&json!("NEVER"), &json!("SEEN"), &json!(null)));
        assert_eq!(other.operator.get("/v1/devices/waiting").await.expect(200)["items"], json!([]), "another tenant sees none of it");
        plant.claim_attempt(&technician, "SEEN", &grants[1], app.state.now().0).await;
        assert_eq!(waiting("?waits_for=record").await["items"].as_array().map(Vec::len), Some(1), "a record of another grant is none of its claim");
        assert_eq!(waiting("?waits_for=contact").await["items"].as_array().map(Vec::len), Some(1), "an older claim is not waited for");
    }
}
