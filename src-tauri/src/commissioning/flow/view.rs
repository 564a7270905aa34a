//! A commission as the page sees it (docs/ARCHITECTURE.md, "The app's one door").

use omniot_shared::entities::StepOutcome;
use serde_json::{Value, json};

use super::{
    draft::{Draft, State},
    step::Step,
};

/// The commission as JSON.
pub fn view(draft: &Draft) -> Value {
    let device = draft.serial.as_ref().map(|serial| {
        let name = draft.device_name.as_ref().or(draft.known_name.as_ref()).unwrap_or(serial);
        json!({"id": draft.device_id(), "name": name, "serial": serial, "model": draft.model})
    });
    let steps: Vec<Value> = Step::ALL.iter().map(|step| step_view(draft, *step)).collect();
    json!({
        "id": draft.id, "attempt_id": draft.id, "site_id": draft.site_id,
        "device": device, "address": draft.address, "advertised": draft.advertised,
        "state": draft.state, "step": draft.step, "steps": steps,
        "networks": draft.networks, "network_name": draft.network_name,
        "network_kind": draft.network_kind, "url": draft.url, "protocol": draft.protocol,
        "failure": draft.failure, "warnings": draft.warnings,
        "security": draft.security, "identity_verified": draft.identity_verified, "claimed": draft.receipt.is_some(),
        "rssi": draft.rssi, "started_at": draft.started_at,
    })
}

/// The last that happened to a step.
fn step_view(draft: &Draft, step: Step) -> Value {
    if let Some(current) = draft.current.filter(|current| current.step == step) {
        let state = if draft.state == State::Interrupted { "failed" } else { "running" };
        return json!({"step": step, "state": state, "started_at": current.since, "duration_ms": null, "cause": null});
    }
    let Some(row) = draft.steps.iter().rev().find(|row| row.step == step.name()) else {
        return json!({"step": step, "state": "todo", "started_at": null, "duration_ms": null, "cause": null});
    };
    let state = match row.outcome {
        StepOutcome::Done => "done",
        StepOutcome::Skipped => "skipped",
        StepOutcome::Failed | StepOutcome::Interrupted => "failed",
    };
    json!({"step": step, "state": state, "started_at": row.started_at, "duration_ms": row.duration_ms, "cause": row.cause})
}
