//! A device that was claimed by another organization tells the one that released it.
//!
//! Deliberately not here: the decision (`omniot_shared::claim::handover`).

use axum::extract::State;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_shared::{
    claim::{
        contact::{Binding, Refusal},
        handover::{Handover, Verdict, former_owner, judge},
    },
    ids::DeviceId,
    time::Millis,
};
use serde::Deserialize;

use super::{
    contact::{PART_LIMIT, open},
    error::CommissioningError,
    store::{bindings, keys},
};
use crate::{
    audit::{self, Author, Entry},
    db::{Scope, TenantAccess},
    http::{ApiError, AppState, Json, NoContent, RequestId},
};

/// What a device shows to the owner that it left. Every part is base64 (see docs/DEVICE-CONTRACT.md).
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HandoverForm {
    /// The release that it used, an encoded `Signed`.
    release: String,
    /// Who it is now, signed over challenge and release.
    identity: String,
    /// As the former owner's server gave it.
    challenge: String,
}

struct Parts {
    release: Vec<u8>,
    identity: Vec<u8>,
    challenge: Vec<u8>,
}

impl HandoverForm {
    fn parts(&self) -> Result<Parts, CommissioningError> {
        let part = |text: &str, field| {
            let decoded = (text.len() <= PART_LIMIT).then(|| STANDARD.decode(text).ok()).flatten();
            decoded.filter(|bytes| !bytes.is_empty()).ok_or(CommissioningError::Unreadable(field))
        };
        Ok(Parts { release: part(&self.release, "release")?, identity: part(&self.identity, "identity")?, challenge: part(&self.challenge, "challenge")? })
    }
}

/// Tell the former owner, as a device, that another organization has claimed it. Again and again is fine.
#[utoipa::path(post, path = "/v1/device/handover", operation_id = "hand_over_device", tag = "device", request_body = HandoverForm,
    responses((status = 204), (status = 403, body = crate::http::ErrorBody), (status = 409, body = crate::http::ErrorBody), (status = 422, body = crate::http::ErrorBody)))]
pub(super) async fn hand_over_device(State(state): State<AppState>, request_id: RequestId, Json(form): Json<HandoverForm>) -> Result<NoContent, CommissioningError> {
    let parts = form.parts()?;
    let access = TenantAccess::for_device(former_owner(&parts.release)?);
    // Signatures first, on a snapshot: an unproven caller never holds the tenant's writer.
    let mut looking = open(state.db.read(&access).await)?;
    prove(&mut looking, &parts, state.now()).await?;
    drop(looking);
    let mut scope = open(state.db.write(&access).await)?;
    let now = state.now();
    let handover = prove(&mut scope, &parts, now).await?;
    let device = DeviceId::for_serial(scope.tenant(), &handover.identity.serial);
    let bound = bindings::find(&mut scope, device).await?;
    // The answer was lost: a release may be good for more epochs than the device has had.
    let is_again = bound.as_ref().is_some_and(|bound| {
        let Binding { public_key, epoch, .. } = bound.binding;
        bound.handed_over_at.is_some() && (public_key, epoch) == (handover.identity.public_key, handover.identity.epoch)
    });
    if !is_again && judge(&handover, bound.and_then(|bound| bound.in_force()))? == Verdict::HandOver {
        bindings::hand_over(&mut scope, device, handover.identity.epoch, now).await?;
        let author = Author::device(device, &handover.identity.serial);
        let owner = handover.identity.owner.map(|owner| owner.to_string());
        let entry = Entry::new("device.hand_over").target("device", device, &handover.identity.serial);
        let entry = entry.detail(serde_json::json!({ "epoch": handover.identity.epoch, "owner": owner }));
        audit::append(&mut scope, &author, now, Some(request_id.as_str()), entry).await?;
    }
    scope.commit().await?;
    Ok(NoContent)
}

/// Everything that can be said without looking at devices.
async fn prove(scope: &mut Scope, parts: &Parts, now: Millis) -> Result<Handover, CommissioningError> {
    let owner = keys::owner(scope).await?.ok_or(Refusal::BadSignature)?;
    let key = owner.key.ok_or(Refusal::BadSignature)?;
    let handover = Handover::read(&parts.release, &parts.identity, &parts.challenge, key.public())?;
    if handover.release.tenant != scope.tenant() {
        return Err(Refusal::BadSignature.into());
    }
    let span = tracing::Span::current();
    span.record("tenant.id", tracing::field::display(scope.tenant()));
    span.record("actor.id", tracing::field::display(DeviceId::for_serial(scope.tenant(), &handover.identity.serial)));
    if !owner.active {
        return Err(ApiError::tenant_suspended().into());
    }
    if !key.made(&parts.challenge, now) {
        return Err(CommissioningError::BadChallenge);
    }
    Ok(handover)
}
