//! One request for each operation of the API, aimed at the things of an [`Estate`].

use omniot_backend::testing::START;
use omniot_shared::{ids::ClientId, telemetry::hour_of};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Estate;

/// A request: its path and body.
#[derive(Debug, Clone)]
pub struct Sample {
    /// With ids and query filled in.
    pub path: String,
    /// JSON, if the operation takes a body.
    pub body: Option<Value>,
}

fn no_body(path: impl Into<String>) -> Sample {
    Sample { path: path.into(), body: None }
}

fn with(path: impl Into<String>, body: Value) -> Sample {
    Sample { path: path.into(), body: Some(body) }
}

/// The request for an operation; `None` when nobody has written one yet, which fails the matrix.
#[must_use]
pub fn sample(operation: &str, at: &Estate) -> Option<Sample> {
    let Estate { site, group, model, device, person, session, invitation, grant, client, attempt, file, escrowed, word, tenant, owner, .. } = at;
    let replica = ClientId(Uuid::now_v7()).to_string();
    let push = json!({"schema": 1, "client_id": replica, "now": 0, "intents": [
        {"client_id": replica, "n": 1, "id": "int_00000000000000000000000000000001", "at": 0, "base": null,
         "change": {"kind": "device.update", "body": {"id": device, "patch": {"name": "stolen"}}}}]});
    Some(match operation {
        // Before signing in
        "find_tenant_card" => no_body("/v1/tenant-card?name=acme"),
        "create_session" => with("/v1/sessions", json!({"tenant": "acme", "email": owner.email, "password": "wrong horse battery", "client": "app"})),
        "request_password_reset" => with("/v1/password-resets", json!({"tenant": "acme", "email": owner.email})),
        "complete_password_reset" => with("/v1/password-resets/complete", json!({"token": "omr_forged", "password": "a long enough one"})),
        "lookup_invitation" => with("/v1/invitations/lookup", json!({"token": "omi_forged"})),
        "accept_invitation" => with("/v1/invitations/accept", json!({"token": "omi_forged", "name": "X", "password": "a long enough one"})),
        // One's own
        "get_me" => no_body("/v1/me"),
        "update_tenant" => with("/v1/tenant", json!({"offline_days": 30})),
        "update_me" => with("/v1/me", json!({"name": "Somebody"})),
        "set_own_password" => with("/v1/me/password", json!({"current": "wrong horse battery", "new": "another long password"})),
        "list_own_sessions" => no_body("/v1/sessions"),
        "end_current_session" => no_body("/v1/sessions/current"),
        "revoke_own_session" => no_body(format!("/v1/sessions/{session}")),
        "list_roles" => no_body("/v1/roles"),
        // People
        "list_people" => no_body("/v1/people"),
        "update_person" => with(format!("/v1/people/{person}"), json!({"name": "Stolen"})),
        "remove_person" => no_body(format!("/v1/people/{person}")),
        "list_person_sessions" | "revoke_person_sessions" => no_body(format!("/v1/people/{person}/sessions")),
        "get_person_sites" => no_body(format!("/v1/people/{person}/sites")),
        "set_person_sites" => with(format!("/v1/people/{person}/sites"), json!({"sites": [site], "groups": [group]})),
        "list_site_groups" => no_body(format!("/v1/site-groups?q={word}")),
        "create_site_group" => with("/v1/site-groups", json!({"name": "Attack"})),
        "get_site_group" | "delete_site_group" => no_body(format!("/v1/site-groups/{group}")),
        "update_site_group" => with(format!("/v1/site-groups/{group}"), json!({"version": 1, "name": "Stolen"})),
        "list_invitations" => no_body("/v1/invitations"),
        "create_invitation" => with("/v1/invitations", json!({"email": "new@example.org", "role": "viewer"})),
        "withdraw_invitation" => no_body(format!("/v1/invitations/{invitation}")),
        // Assets
        "list_sites" => no_body(format!("/v1/sites?q={word}")),
        "create_site" => with("/v1/sites", json!({"name": "Attack", "time_zone": "UTC"})),
        "get_site" => no_body(format!("/v1/sites/{site}")),
        "update_site" => with(format!("/v1/sites/{site}"), json!({"name": "Stolen"})),
        "list_site_changes" => no_body(format!("/v1/sites/{site}/changes")),
        "list_models" => no_body("/v1/models"),
        "create_model" => with("/v1/models", json!({"name": "Attack", "sku": "ATTACK", "min_security": "sec1"})),
        "get_model" => no_body(format!("/v1/models/{model}")),
        "update_model" => with(format!("/v1/models/{model}"), json!({"name": "Stolen"})),
        "list_model_changes" => no_body(format!("/v1/models/{model}/changes")),
        "list_devices" => no_body(format!("/v1/devices?site_id={site}")),
        "create_device" => with("/v1/devices", json!({"serial": "ATTACK-1", "name": "Attack", "model_id": model, "site_id": site})),
        "get_device" => no_body(format!("/v1/devices/{device}")),
        "update_device" => with(format!("/v1/devices/{device}"), json!({"name": "Stolen"})),
        "list_waiting_devices" => no_body("/v1/devices/waiting"),
        "release_device" => no_body(format!("/v1/devices/{device}/release")),
        "forget_device_key" => no_body(format!("/v1/devices/{device}/key")),
        "withdraw_release" => no_body(format!("/v1/devices/{device}/release")),
        "receive_release" => with("/v1/releases", json!({"text": "OMR1.stolen"})),
        "hand_over_device" => with("/v1/device/handover", json!({"release": "AA==", "identity": "AA==", "challenge": "AA=="})),
        "retire_device" => with(format!("/v1/devices/{device}/retire"), json!({"reason": "stolen"})),
        "set_bookmark" => with(format!("/v1/devices/{device}/bookmark"), json!({"note": "stolen"})),
        "remove_bookmark" => no_body(format!("/v1/devices/{device}/bookmark")),
        "list_device_attempts" => no_body(format!("/v1/devices/{device}/attempts")),
        "list_device_changes" => no_body(format!("/v1/devices/{device}/changes")),
        "list_device_telemetry" => no_body(format!("/v1/devices/{device}/telemetry")),
        "get_telemetry_chunk" => no_body(format!("/v1/devices/{device}/telemetry/{}", hour_of(START).0)),
        "fetch_telemetry" => with("/v1/telemetry", json!({"from": 0, "devices": [{"id": device, "rev": 0}]})),
        "list_attempts" => no_body(format!("/v1/attempts?device_id={device}")),
        "get_commissioning_quality" => no_body(format!("/v1/attempts/quality?site_id={site}")),
        "list_attachments" => no_body(format!("/v1/attempts/{attempt}/attachments")),
        "get_attempt_checks" => no_body(format!("/v1/attempts/{attempt}/checks")),
        "get_checklist" => no_body("/v1/checklist"),
        "set_checklist" => with("/v1/checklist", json!({"version": 1, "items": []})),
        "get_attempt_trace" => no_body(format!("/v1/attempts/{attempt}/trace")),
        "get_attachment" => no_body(format!("/v1/attempts/{attempt}/attachments/{file}")),
        "put_attachment" => with(format!("/v1/attempts/{attempt}/attachments/{file}"), json!({})),
        "list_audit" => no_body(format!("/v1/audit?target_id={device}")),
        // Commissioning
        "fetch_grants" => with("/v1/grants/pack", json!({"client_id": client, "count": 1})),
        "list_grants" => no_body("/v1/grants"),
        "revoke_grant" => no_body(format!("/v1/grants/{grant}")),
        "create_device_challenge" => with("/v1/device/challenge", json!({"tenant": tenant.id.to_string()})),
        "claim_device" => with("/v1/device/claim", json!({"grant": "AA==", "receipt": "AA==", "identity": "AA==", "challenge": "AA=="})),
        "record_heartbeat" => with("/v1/device/heartbeat", json!({"readings": {"temperature": 4.5}})),
        // Sync
        "report_mismatch" => with("/v1/sync/mismatch", json!({"client_id": client, "seq": 1, "found_by": "verify", "replica": {"count": 1, "sum": "0000000000000001"}, "server": {"count": 2, "sum": "0000000000000002"}})),
        "verify_replica" => with("/v1/sync/verify", json!({"schema": 1, "epoch": 1, "seq": 1})),
        "greet_sync" => with("/v1/sync/hello", json!({"protocol": 1, "schema": 1, "client_id": client, "app_version": "0", "now": 0})),
        "pull_changes" => with("/v1/sync/pull", json!({"schema": 1, "client_id": client, "epoch": 0, "cursors": []})),
        "push_intents" => with("/v1/sync/push", push),
        "stream_pokes" => no_body("/v1/sync/stream"),
        "await_poke" => no_body("/v1/sync/poke?after=0"),
        "fetch_segment" => no_body("/v1/sync/segment/forged"),
        // Work of people who left
        "hand_over_work" => with("/v1/sync/escrow", json!({"tenant": tenant.id, "person_id": owner.id, "client_id": client, "at": 0, "signature": "AAAA", "sealed": []})),
        "list_escrow" => no_body("/v1/escrow"),
        "accept_escrowed" => with(format!("/v1/escrow/{escrowed}/accept"), json!({})),
        "reject_escrowed" => with(format!("/v1/escrow/{escrowed}/reject"), json!({})),
        // The platform's operators: a tenant's people are nobody there
        "create_operator_session" => with("/v1/operator/sessions", json!({"email": "x@example.org", "password": "wrong horse battery"})),
        "end_operator_session" => no_body("/v1/operator/sessions/current"),
        "get_operator" => no_body("/v1/operator/me"),
        "list_templates" => no_body("/v1/operator/templates"),
        "list_tenants" => no_body("/v1/operator/tenants"),
        "create_tenant" => with("/v1/operator/tenants", json!({"name": "attack", "display_name": "Attack", "template": "blank", "owner_email": "x@example.org"})),
        "get_tenant" => no_body(format!("/v1/operator/tenants/{}", tenant.id)),
        "suspend_tenant" => with(format!("/v1/operator/tenants/{}/suspend", tenant.id), json!({"reason": "attack"})),
        "resume_tenant" => with(format!("/v1/operator/tenants/{}/resume", tenant.id), json!({})),
        "list_mail" => no_body(format!("/v1/operator/mail?tenant_id={}", tenant.id)),
        // Only there while its leak is planted
        "read_leaked" => no_body(format!("/v1/leaked?tenant={}", tenant.id)),
        _ => return None,
    })
}
