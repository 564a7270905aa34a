//! Sends every sample as everybody who must not see, and looks at what comes back.

use std::time::Duration;

use axum::http::Method;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_backend::{
    audit::Author,
    identity::{By, NewPerson, add_person, settled},
    leaks,
    testing::{App, Client, Reply, Tenant},
};
use omniot_shared::{roles::Role, sync::frame};
use serde_json::json;
use uuid::Uuid;

use super::{
    estate::{CANARY, Estate, OWN, set_suspended},
    rows::{self, Rows},
    samples::{Sample, sample},
};

/// How everything begins that zstd has packed.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// A stream has no end: who is not refused within this time has one.
const LISTEN: Duration = Duration::from_millis(300);

/// An operation and what each caller was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its operation id.
    pub operation: String,
    /// `401 not_signed_in`, `200`, … for each of [`CALLERS`].
    pub cells: Vec<String>,
}

/// Who calls, in the order of the matrix.
pub const CALLERS: [&str; 7] = ["anonymous", "other tenant", "other device", "viewer", "technician", "device", "suspended"];

/// Operations that answer somebody who is not signed in with something other than 401
/// `not_signed_in`: what comes before signing in, and what proves itself otherwise.
/// This list may only shrink.
pub const PUBLIC: [&str; 11] = [
    "accept_invitation", "claim_device", "complete_password_reset", "create_device_challenge", "create_operator_session", "create_session",
    "find_tenant_card", "hand_over_device", "hand_over_work", "lookup_invitation", "request_password_reset",
];

/// Something that crossed the boundary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding(pub String);

/// Every operation of the description: its id, method and path template.
fn operations() -> Vec<(String, Method)> {
    let description = serde_json::to_value(omniot_backend::description()).expect("the description is JSON");
    let mut all: Vec<_> = description["paths"].as_object().expect("paths").values().flat_map(|item| {
        item.as_object().expect("an item").iter().filter_map(|(method, operation)| {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).ok()?;
            Some((operation["operationId"].as_str()?.to_owned(), method))
        })
    }).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// What came back; nothing when a stream was opened, which has no end.
async fn call(client: &Client, method: &Method, sample: &Sample) -> Option<Reply> {
    let patience = if sample.path == "/v1/sync/stream" { LISTEN } else { Duration::from_secs(30) };
    tokio::time::timeout(patience, client.call(method.clone(), &sample.path, sample.body.clone())).await.ok()
}

/// What was answered, short enough for a table.
fn cell(reply: Option<&Reply>) -> String {
    let Some(reply) = reply else { return "stream".to_owned() };
    let (status, code) = reply.refusal();
    if code.is_empty() { status.to_string() } else { format!("{status} {code}") }
}

/// The body as text; a pull, packed telemetry and a trace are unpacked first.
fn text(reply: &Reply) -> String {
    let body = reply.json();
    let packed = body["chunks"].as_array().into_iter().flatten().filter_map(|chunk| STANDARD.decode(chunk["content"].as_str()?).ok());
    let telemetry: Vec<u8> = packed.flatten().collect();
    let packed = reply.bytes.strip_prefix(frame::MAGIC.as_slice()).or_else(|| Some(reply.bytes.as_slice()).filter(|bytes| bytes.starts_with(&ZSTD)));
    let bytes = packed.map_or_else(|| reply.bytes.clone(), |packed| zstd::decode_all(packed).unwrap_or_default());
    String::from_utf8_lossy(&[bytes, telemetry].concat()).into_owned()
}

fn look_for_canary(operation: &str, who: &str, reply: &Reply, findings: &mut Vec<Finding>) {
    if text(reply).contains(CANARY) {
        findings.push(Finding(format!("{operation}: {who} received the canary")));
    }
}

async fn look_for_changes(what: &str, before: &Rows, victim: &Tenant, findings: &mut Vec<Finding>) {
    let changed = rows::changed(before, &rows::db_rows(victim).await);
    findings.extend(changed.iter().map(|table| Finding(format!("{what}: the victim's rows changed in {table}"))));
}

/// The matrix and what leaked while it was made.
///
/// # Panics
/// When an operation has no sample.
pub async fn attack(app: &App) -> (Vec<Line>, Vec<Finding>) {
    let victim = Estate::build(app, "acme", CANARY).await;
    let thief = Estate::build(app, "bolt", OWN).await;
    let operator = app.operator().await;
    let (mut lines, mut findings) = (Vec::new(), Vec::new());
    for (operation, method) in operations() {
        if sample(&operation, &victim).is_none() {
            findings.push(Finding(format!("{operation}: no sample aims at it (tests/src/isolation/samples.rs)")));
            continue;
        }
        let aim = || sample(&operation, &victim).expect("it was there a moment ago");
        let (viewer, technician) = (victim.person(Role::Viewer).await, victim.person(Role::Technician).await);
        let mut cells = Vec::new();
        let rival = thief.person(Role::Owner).await;
        let before = rows::db_rows(&victim.tenant).await;
        let callers: [&Client; 6] = [&app.nobody(), &rival, &thief.device_caller, &viewer, &technician, &victim.device_caller];
        for (who, client) in CALLERS.into_iter().zip(callers) {
            let reply = call(client, &method, &aim()).await;
            let outside = matches!(who, "anonymous" | "other tenant" | "other device");
            if let Some(reply) = reply.as_ref().filter(|_| outside && operation != "find_tenant_card") {
                look_for_canary(&operation, who, reply, &mut findings);
            }
            cells.push(cell(reply.as_ref()));
            // What is public writes by itself: a try that is counted, a letter.
            if who == "other device" && !PUBLIC.contains(&operation.as_str()) {
                look_for_changes(&operation, &before, &victim.tenant, &mut findings).await;
            }
        }
        settled().await;
        if cells[0] != "401 not_signed_in" && !PUBLIC.contains(&operation.as_str()) {
            findings.push(Finding(format!("{operation}: anybody is answered {}", cells[0])));
        }
        let owner = victim.person(Role::Owner).await;
        set_suspended(&operator, &victim.tenant, true).await;
        let suspended = if operation == "record_heartbeat" { &victim.device_caller } else { &*owner };
        cells.push(cell(call(suspended, &method, &aim()).await.as_ref()));
        set_suspended(&operator, &victim.tenant, false).await;
        lines.push(Line { operation, cells });
    }
    probe(&victim, &thief, &operator, &mut findings).await;
    shared_address(app, &victim, &thief, &operator, &mut findings).await;
    (lines, findings)
}

/// Somebody with one address in both tenants: what they do in one is nothing to the other.
async fn shared_address(app: &App, victim: &Estate, thief: &Estate, operator: &Client, findings: &mut Vec<Finding>) {
    let (email, author) = ("both@example.org", Author::system("test"));
    let mut scope = thief.tenant.db_write().await;
    let by = By { author: &author, request_id: None };
    add_person(&mut scope, &app.state, by, NewPerson { name: "Both", email, role: Role::Viewer, password: "correct horse battery" }).await.expect("a person");
    scope.commit().await.expect("a commit");
    let sign_in = |tenant: &str, password: &str| json!({"tenant": tenant, "email": email, "password": password, "client": "app"});
    app.nobody().post("/v1/sessions", sign_in(&victim.tenant.name, "wrong horse battery")).await;
    let before = rows::db_rows(&victim.tenant).await;
    app.nobody().post("/v1/sessions", sign_in(&thief.tenant.name, "correct horse battery")).await.expect(201);
    set_suspended(operator, &thief.tenant, true).await;
    look_for_changes("the probes", &before, &victim.tenant, findings).await;
    set_suspended(operator, &thief.tenant, false).await;
}

/// What no status code shows: lists, counts, pulls and references.
async fn probe(victim: &Estate, thief: &Estate, operator: &Client, findings: &mut Vec<Finding>) {
    for path in ["/v1/devices", "/v1/sites", "/v1/models", "/v1/attempts", "/v1/people", "/v1/invitations", "/v1/site-groups", "/v1/grants", "/v1/audit"] {
        look_for_canary(path, "other tenant", &thief.owner.get(path).await, findings);
    }
    let body = json!({"schema": 1, "client_id": thief.client, "epoch": 0, "cursors": []});
    look_for_canary("pull_changes", "other tenant's replica", &thief.owner.post("/v1/sync/pull", body).await, findings);
    let own = |path: String| async move { thief.owner.get(&path).await.json()["items"].as_array().map_or(0, Vec::len) };
    let counts = operator.get(&format!("/v1/operator/tenants/{}", thief.tenant.id)).await.json()["counts"].clone();
    let true_counts = [("devices", own("/v1/devices?limit=200".to_owned()).await), ("sites", own("/v1/sites?limit=200".to_owned()).await), ("people", own("/v1/people?limit=200".to_owned()).await)];
    for (what, count) in true_counts {
        if counts[what].as_u64() != u64::try_from(count).ok() {
            findings.push(Finding(format!("the operator's count of {what} is {}, the tenant has {count}", counts[what])));
        }
    }
    let stolen = json!({"serial": "STOLEN-1", "name": "x", "model_id": thief.model, "site_id": victim.site});
    let reply = thief.owner.post("/v1/devices", stolen).await;
    if !matches!(reply.status, 404 | 422) {
        findings.push(Finding(format!("a device was placed at another tenant's site: {}", cell(Some(&reply)))));
    }
    let reply = thief.owner.post("/v1/site-groups", json!({"name": "Stolen", "sites": [victim.site]})).await;
    if reply.status != 422 {
        findings.push(Finding(format!("another tenant's site was put into a group: {}", cell(Some(&reply)))));
    }
}

/// Only the probes that need no operation's sample, in two fresh tenants.
pub async fn probes(app: &App) -> Vec<Finding> {
    let once = Uuid::now_v7().simple();
    // Both are furnished while the boundary is whole.
    let leak = leaks::planted();
    leaks::plant(None);
    let victim = Estate::build(app, &format!("q{once}"), CANARY).await;
    let thief = Estate::build(app, &format!("h{once}"), OWN).await;
    leaks::plant(leak);
    let mut findings = Vec::new();
    let operator = app.operator().await;
    probe(&victim, &thief, &operator, &mut findings).await;
    shared_address(app, &victim, &thief, &operator, &mut findings).await;
    findings
}

/// What leaked, alone.
pub async fn leaks(app: &App) -> Vec<Finding> {
    attack(app).await.1
}

/// The matrix as a text table.
#[must_use]
pub fn matrix(lines: &[Line]) -> String {
    let mut table = format!("{:<28}", "");
    for caller in CALLERS {
        table.push_str(&format!("{caller:<23}"));
    }
    for line in lines {
        table = format!("{}\n{:<28}", table.trim_end(), line.operation);
        for cell in &line.cells {
            table.push_str(&format!("{cell:<23}"));
        }
    }
    format!("{}\n", table.trim_end())
}
