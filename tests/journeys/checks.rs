//! What must be true at the end of the story, seen by everybody who looks.
//!
//! The story: three devices of `mine` succeeded, `theirs` was refused, the fourth was interrupted.

use std::collections::BTreeMap;

use omniot_tests::world::{Tenant, World, eventually};
use serde_json::Value;

/// The attempts of a tenant as `serial → (outcome, cause)` lists, over all its devices.
async fn attempts(tenant: Tenant<'_>) -> BTreeMap<String, Vec<(String, String)>> {
    let mut by_serial: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for attempt in tenant.owner().await.all("/v1/attempts").await {
        let text = |field: &str| attempt[field].as_str().unwrap_or_default().to_owned();
        by_serial.entry(text("serial")).or_default().push((text("outcome"), text("cause")));
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

/// How many devices of the tenant are online, as the platform operator sees it.
async fn operator_counts_online(world: &World, tenant: Tenant<'_>, online: u64) {
    let operator = world.operator().await;
    eventually(&format!("the operator sees {online} devices of {} online", tenant.name()), || async {
        let tenants = operator.all("/v1/operator/tenants").await;
        let row = tenants.into_iter().find(|row| row["name"] == tenant.name())?;
        (row["counts"]["online"] == online).then_some(())
    })
    .await;
}

/// Nothing of `tenant`'s devices and attempts is visible to `other`, by list, search or id.
async fn is_invisible_to(tenant: Tenant<'_>, other: Tenant<'_>, serials: &[&str]) {
    let stranger = other.owner().await;
    let owner = tenant.owner().await;
    for serial in serials {
        let device = device(tenant, serial).await.unwrap_or_else(|| panic!("{} has {serial}", tenant.name()));
        let id = device["id"].as_str().expect("a device has an id");
        stranger.get(&format!("/v1/devices/{id}")).await.refused(404, "not_found");
        assert_eq!(stranger.all(&format!("/v1/devices?q={serial}")).await, Vec::<Value>::new(), "{} finds {serial}", other.name());
    }
    let ids = |attempts: Vec<Value>| attempts.into_iter().filter_map(|attempt| attempt["id"].as_str().map(str::to_owned)).collect::<std::collections::BTreeSet<_>>();
    let (ours, theirs) = (ids(owner.all("/v1/attempts").await), ids(stranger.all("/v1/attempts").await));
    assert!(ours.is_disjoint(&theirs), "attempts of {} are visible to {}", tenant.name(), other.name());
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
