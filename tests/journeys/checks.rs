//! What must be true at the end of the story, seen by everybody who looks.
//!
//! The story: three devices of `mine` succeeded, `theirs` was refused, the fourth was interrupted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use omniot_shared::{ids::ClientId, sync::frame};
use omniot_tests::world::{Actor, Fleet, NETWORK, Tenant, World, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

/// The devices of the demo that report since yesterday (backend/demo/demo.toml).
const REPORTING: [&str; 3] = ["OM-N0005", "OM-N0006", "OM-V0007"];

/// The attempts of a tenant as `serial → (outcome, cause)` lists, over all its devices but
/// those that reported before.
async fn attempts(tenant: Tenant<'_>) -> BTreeMap<String, Vec<(String, String)>> {
    let mut by_serial: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for attempt in tenant.owner().await.all("/v1/attempts").await {
        let text = |field: &str| attempt[field].as_str().unwrap_or_default().to_owned();
        if !REPORTING.contains(&text("serial").as_str()) {
            by_serial.entry(text("serial")).or_default().push((text("outcome"), text("cause")));
        }
    }
    by_serial
}

/// Exactly these attempts arrive, each once.
async fn attempts_arrive(tenant: Tenant<'_>, expected: &[(&str, &str, &str)]) {
    let mut wanted: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (serial, outcome, cause) in expected {
        wanted.entry((*serial).to_owned()).or_default().push(((*outcome).to_owned(), (*cause).to_owned()));
    }
    let count = |attempts: &BTreeMap<String, Vec<(String, String)>>| attempts.values().map(Vec::len).sum::<usize>();
    eventually("as many attempts arrive as were made", || async { (count(&attempts(tenant).await) >= expected.len()).then_some(()) }).await;
    assert_eq!(attempts(tenant).await, wanted, "the attempts of {}", tenant.name());
}

/// The device of that serial as the owner sees it.
async fn device(tenant: Tenant<'_>, serial: &str) -> Option<Value> {
    tenant.owner().await.all(&format!("/v1/devices?q={serial}")).await.into_iter().find(|device| device["serial"] == serial)
}

/// The devices claim themselves and report.
async fn devices_come_online(tenant: Tenant<'_>, serials: &[&str]) {
    for serial in serials {
        eventually(&format!("{serial} is online"), || async { device(tenant, serial).await.filter(|device| device["state"] == "online").map(drop) }).await;
    }
}

/// How many devices of the tenant have come online, as the platform operator sees it.
async fn operator_counts_online(world: &World, tenant: Tenant<'_>, come: usize) {
    let mut online = come;
    for serial in REPORTING {
        online += usize::from(device(tenant, serial).await.is_some());
    }
    let operator = world.operator().await;
    eventually(&format!("the operator sees {online} devices of {} online", tenant.name()), || async {
        let tenants = operator.all("/v1/operator/tenants").await;
        let row = tenants.into_iter().find(|row| row["name"] == tenant.name())?;
        (row["counts"]["online"] == online).then_some(())
    })
    .await;
}

/// The ids of all items of a list.
async fn ids(actor: &Actor, list: &str) -> BTreeSet<String> {
    actor.all(list).await.into_iter().filter_map(|item| item["id"].as_str().map(str::to_owned)).collect()
}

/// Everything that a new app of this person would be sent, as text.
async fn first_pull(actor: &Actor) -> String {
    let body = json!({"schema": 1, "client_id": ClientId(Uuid::now_v7()), "epoch": 0, "cursors": []});
    let answer = actor.request(Method::POST, "/v1/sync/pull").json(&body).send().await.expect("the server answers");
    assert_eq!(answer.status(), 200, "a pull of everything");
    let bytes = answer.bytes().await.expect("the pull is whole");
    let text = zstd::decode_all(&bytes[frame::MAGIC.len()..]).expect("a zstd stream");
    String::from_utf8_lossy(&text).into_owned()
}

/// Nothing of `tenant`'s is visible to `other`: not by list, search or id, not in its audit log, not in what its apps are sent.
async fn is_invisible_to(tenant: Tenant<'_>, other: Tenant<'_>, serials: &[&str]) {
    let (owner, stranger) = (tenant.owner().await, other.owner().await);
    let mut secrets: BTreeSet<String> = serials.iter().map(|serial| (*serial).to_owned()).collect();
    for serial in serials {
        let device = device(tenant, serial).await.unwrap_or_else(|| panic!("{} has {serial}", tenant.name()));
        let id = device["id"].as_str().expect("a device has an id");
        stranger.get(&format!("/v1/devices/{id}")).await.refused(404, "not_found");
        assert_eq!(stranger.all(&format!("/v1/devices?q={serial}")).await, Vec::<Value>::new(), "{} finds {serial}", other.name());
    }
    for list in ["/v1/sites", "/v1/models", "/v1/devices", "/v1/attempts", "/v1/people", "/v1/sessions", "/v1/grants"] {
        let (ours, theirs) = (ids(&owner, list).await, ids(&stranger, list).await);
        assert!(ours.is_disjoint(&theirs), "{list} of {} are visible to {}", tenant.name(), other.name());
        secrets.extend(ours);
    }
    assert!(!secrets.is_empty());
    for (what, text) in [("audit log", json!(stranger.all("/v1/audit").await).to_string()), ("pull", first_pull(&stranger).await)] {
        assert!(text.contains("OM-V"), "the {what} of {} has something in it", other.name());
        let leaked: Vec<&String> = secrets.iter().filter(|secret| text.contains(secret.as_str())).collect();
        assert!(leaked.is_empty(), "the {what} of {} holds {leaked:?} of {}", other.name(), tenant.name());
    }
}

/// Neither the secrets of labels nor passphrases lie in any file of the app or the server: data, logs, journals.
pub fn secrets_are_nowhere(world: &World, fleet: &Fleet, serials: &[&str]) {
    let pop = |serial: &&str| serde_json::from_str::<Value>(fleet.label(serial)).expect("a label is JSON")["pop"].as_str().expect("a PoP").to_owned();
    let mut secrets: Vec<String> = serials.iter().map(pop).collect();
    secrets.push(NETWORK.1.to_owned());
    let (mut folders, mut searched) = (vec![world.folder().to_owned()], 0_usize);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            // The devices themselves, who print their labels and keep their network.
            if entry.file_name().to_string_lossy().starts_with("fleet-") {
                continue;
            }
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let Ok(bytes) = fs::read(&path) else { continue };
                searched += 1;
                let text = String::from_utf8_lossy(&bytes);
                assert!(!secrets.iter().any(|secret| text.contains(secret.as_str())), "{} holds a secret", path.display());
            }
        }
    }
    assert!(searched > 5, "the app's and the server's files were searched");
}

/// `omniot audit verify` finds both chains whole, and they have something in them.
async fn audit_chains_verify(world: &World) {
    for tenant in ["northlift", "verdant"] {
        let output = world.server.omniot(&["audit", "verify", tenant]).await;
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "omniot audit verify {tenant}: {said}");
    }
}

/// The whole end of the story.
pub async fn story_has_arrived(world: &World, tenant: Tenant<'_>, other: Tenant<'_>, mine: &[&str; 4], theirs: &str) {
    let expected = [
        (mine[0], "succeeded", ""),
        (mine[1], "succeeded", ""),
        (mine[2], "succeeded", ""),
        (theirs, "failed", "owned_by_another"),
        (mine[3], "interrupted", "interrupted"),
    ];
    attempts_arrive(tenant, &expected).await;
    devices_come_online(tenant, &mine[..3]).await;
    operator_counts_online(world, tenant, 3).await;
    is_invisible_to(tenant, other, mine).await;
    audit_chains_verify(world).await;
}
