//! The tenant under attack and the tenant that attacks.

use omniot_backend::{
    identity::tokens::{Kind, Token},
    testing::{Actor, App, Client, Tenant},
};
use omniot_shared::{
    attachment::{Address, trace::{self, Operation, Trace}},
    ids::{ClientId, DeviceId, GrantId, IntentId},
    roles::Role,
    time::Millis,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// Stands in every text of the tenant under attack. Whoever else receives it has found a leak.
pub const CANARY: &str = "canary_7f3e";

/// The same shape as [`CANARY`], in the tenant that attacks.
pub const OWN: &str = "ownbird_19c4";

/// A tenant with one of everything.
pub struct Estate {
    /// The tenant.
    pub tenant: Tenant,
    /// Its owner.
    pub owner: Actor,
    /// Ids of its things.
    pub site: String,
    /// A group of sites.
    pub group: String,
    /// A device model.
    pub model: String,
    /// A planned device.
    pub device: String,
    /// A person who is not the owner.
    pub person: String,
    /// A session of that person.
    pub session: String,
    /// An open invitation.
    pub invitation: String,
    /// A grant that was handed out.
    pub grant: String,
    /// A replica.
    pub client: String,
    /// An attempt to commission the device.
    pub attempt: String,
    /// The trace that belongs to it, by its digest.
    pub file: String,
    /// Work of somebody who left, waiting for a decision.
    pub escrowed: String,
    /// The device, calling with its credential.
    pub device_caller: Client,
    /// The word in all its texts.
    pub word: &'static str,
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap_or_else(|| panic!("an id in {answer}")).to_owned()
}

impl Estate {
    /// Builds it through the API, as its owner would.
    pub async fn build(app: &App, name: &str, word: &'static str) -> Self {
        let tenant = app.tenant(name).await;
        let owner = tenant.person(Role::Owner).await;
        let site = id(&owner.post("/v1/sites", json!({"name": format!("Hall {word}"), "time_zone": "UTC", "note": word})).await.expect(201));
        let group = id(&owner.post("/v1/site-groups", json!({"name": format!("Group {word}"), "sites": [site]})).await.expect(201));
        let model = id(&owner.post("/v1/models", json!({"name": format!("Sensor {word}"), "sku": "OM-SENSE-1", "min_security": "sec2_patch1"})).await.expect(201));
        let device = id(&owner.post("/v1/devices", json!({"serial": "OM-X0001", "name": format!("Door {word}"), "model_id": model, "site_id": site, "note": word})).await.expect(201));
        let admin = tenant.person(Role::Admin).await;
        for who in [&owner, &admin] {
            owner.patch(&format!("/v1/people/{}", who.id), json!({"name": format!("Person {word}")})).await.expect(200);
        }
        let session = admin.get("/v1/sessions").await.expect(200)["items"][0]["id"].as_str().expect("the admin's session").to_owned();
        let invitation = id(&owner.post("/v1/invitations", json!({"email": format!("{word}@example.org"), "role": "viewer"})).await.expect(201));
        let client = ClientId(Uuid::from_u128(u128::from(name.len() as u64) << 64 | 7)).to_string();
        owner.post("/v1/grants/pack", json!({"client_id": client, "count": 1})).await.expect(200);
        let grant = id(&owner.get("/v1/grants").await.expect(200)["items"][0]);
        let attempt = record_attempt(&owner, &client, &device, &site, word).await;
        let file = add_trace(&owner, &attempt, word).await;
        answer_checks(&owner, &attempt, word).await;
        let device_caller = db_bind(app, &tenant, &device, &grant).await;
        device_caller.post("/v1/device/heartbeat", json!({"readings": {word: 4.5}})).await.expect(200);
        let person = admin.id.to_string();
        let escrowed = db_escrow(&tenant, &owner, &client, &site, word).await;
        Self { escrowed, tenant, owner, site, group, model, device, person, session, invitation, grant, client, attempt, file, device_caller, word }
    }

    /// The id that the device of the same serial has in another tenant.
    #[must_use]
    pub fn device_in(&self, tenant: &Tenant) -> String {
        DeviceId::for_serial(tenant.id, "OM-X0001").to_string()
    }

    /// A person of that role, freshly signed in.
    pub async fn person(&self, role: Role) -> Actor {
        self.tenant.person(role).await
    }
}

/// An attempt to commission the device, pushed as the app does.
async fn record_attempt(owner: &Actor, client: &str, device: &str, site: &str, word: &str) -> String {
    let id = format!("att_{}", Uuid::now_v7().simple());
    let attempt = json!({"id": id, "device_id": device, "serial": "OM-X0001", "site_id": site,
        "technician_id": owner.id, "technician_name": format!("Person {word}"), "client_id": client, "app_version": "1", "os": "test", "radio": "virtual",
        "protocol": null, "security": null, "firmware": null, "identity_verified": false, "rssi": null, "mtu": null, "steps": [], "grant_id": null,
        "receipt": null, "epoch": null, "network_name": word, "outcome": "failed", "cause": "out_of_range", "started_at": 1, "ended_at": 2});
    let intent = json!({"client_id": client, "n": 1, "id": format!("int_{}", Uuid::now_v7().simple()), "at": 2, "base": null, "change": {"kind": "attempt.record", "body": attempt}});
    let answer = owner.post("/v1/sync/push", json!({"schema": 1, "client_id": client, "now": 2, "intents": [intent]})).await.expect(200);
    assert_eq!(answer["receipts"][0]["outcome"]["kind"], "applied", "the attempt arrives: {answer}");
    id
}

/// What the flight recorder wrote of it.
async fn add_trace(owner: &Actor, attempt: &str, word: &str) -> String {
    let operation = Operation { at_ms: 1, duration_ms: 2, kind: "read".into(), step: "version".into(), endpoint: Some(word.into()), size: Some(3), outcome: "ok".into(), code: None, retry: 0 };
    let trace = Trace { attempt_id: attempt.parse().expect("an id"), started_at: Millis(1), operations: vec![operation], left_out: 0 };
    let packed = trace::pack(&trace).expect("a trace");
    let file = Address::of(&packed).to_string();
    owner.put_bytes(&format!("/v1/attempts/{attempt}/attachments/{file}"), "application/zstd", &packed).await.expect(204);
    file
}

/// What is to be checked, and what was.
async fn answer_checks(owner: &Actor, attempt: &str, word: &str) {
    let item = json!({"id": Uuid::now_v7(), "text": format!("Sealed {word}?"), "hint": word, "required": true, "evidence": "text", "unit": null});
    owner.put("/v1/checklist", json!({"version": 0, "items": [item]})).await.expect(200);
    let asked = json!({"id": item["id"], "text": item["text"], "required": true, "evidence": "text", "unit": null, "answer": {"kind": "text", "text": word}});
    let record = json!({"schema": 1, "attempt_id": attempt, "at": 2, "checklist": 1, "note": word, "items": [asked]}).to_string();
    let file = Address::of(record.as_bytes());
    owner.put_bytes(&format!("/v1/attempts/{attempt}/attachments/{file}"), "application/json", record.as_bytes()).await.expect(204);
}

/// Gives the device a credential behind the API's back; how it earns one is `commissioning`'s to test.
async fn db_bind(app: &App, tenant: &Tenant, device: &str, grant: &str) -> Client {
    let (device, grant): (DeviceId, GrantId) = (device.parse().expect("an id"), grant.parse().expect("an id"));
    let token = app.state.chance.with(|rng| Token::mint(Kind::Device(tenant.id, device), rng));
    let mut scope = tenant.db_write().await;
    scope.query("insert into device_binding (tenant_id, device_id, public_key, hardware_id, grant_id, epoch, resets, credential_hash, bound_at, last_seen_at) values ($1, $2, $3, 'hw', $4, 1, 0, $3, 1, 1)")
        .bind(device).bind(token.hash().bytes()).bind(grant).execute().await.expect("a binding");
    scope.commit().await.expect("a commit");
    app.bearer(token.reveal())
}

/// A change that its author could not send any more; how it comes there is `escrow`'s to test.
async fn db_escrow(tenant: &Tenant, author: &Actor, client: &str, site: &str, word: &str) -> String {
    let (id, client): (IntentId, ClientId) = (Uuid::now_v7().into(), client.parse().expect("an id"));
    let change = json!({"kind": "site.update", "body": {"id": site, "patch": {"note": word}}}).to_string();
    let mut scope = tenant.db_write().await;
    scope.query("insert into escrow (tenant_id, intent_id, client_id, person_id, person_name, role, why, made_at, received_at, change) values ($1, $2, $3, $4, $5, 'admin', 'left', 1, 1, $6)")
        .bind(id).bind(client).bind(author.id).bind(word).bind(change).execute().await.expect("an item");
    scope.commit().await.expect("a commit");
    id.to_string()
}

/// Suspends or resumes a tenant as the operator does.
pub async fn set_suspended(operator: &Client, tenant: &Tenant, suspended: bool) {
    let path = format!("/v1/operator/tenants/{}/{}", tenant.id, if suspended { "suspend" } else { "resume" });
    let body = if suspended { json!({"reason": "attack"}) } else { json!({}) };
    let reply = operator.post(&path, body).await;
    assert!(reply.status < 300, "{path}: {reply:?}");
}
