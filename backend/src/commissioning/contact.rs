//! A device's first contact: it asks for a challenge, then claims itself with grant and receipt.

use axum::extract::State;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_shared::{
    claim::{
        SignedGrant,
        contact::{Contact, Refusal, Shown, Verdict, judge},
    },
    entities::Security,
    ids::{DeviceId, ModelId, TenantId},
    sync::{
        Actor, Change, Who,
        intent::{DeviceClaimed, NewModel},
    },
    time::Millis,
};
use rand::Rng as _;
use serde::{Deserialize, Serialize};

use super::{
    error::CommissioningError,
    releases,
    secrets::{self, ClaimKey},
    store::{
        bindings::{self, Bound},
        grants, keys, refusals,
    },
};
use crate::{
    audit::{self, Author, Entry},
    db::{DbError, Scope, TenantAccess},
    http::{ApiError, AppState, Json, RequestId},
    identity::tokens::Token,
    sync,
};

/// The longest part of a claim, in base64 characters.
pub(super) const PART_LIMIT: usize = 8192;

/// Whose challenge.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChallengeRequest {
    /// The tenant of the grant.
    tenant: TenantId,
}

/// Something to sign.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Challenge {
    /// Base64; opaque; good for five minutes.
    challenge: String,
    /// For the device to set its clock.
    server_time: Millis,
}

/// Ask for a challenge to sign. Answers alike whether the tenant exists or not.
#[utoipa::path(post, path = "/v1/device/challenge", operation_id = "create_device_challenge", tag = "device", request_body = ChallengeRequest,
    responses((status = 200, body = Challenge)))]
pub(super) async fn create_device_challenge(State(state): State<AppState>, Json(body): Json<ChallengeRequest>) -> Result<Json<Challenge>, CommissioningError> {
    let (mut random, now) = ([0; 48], state.now());
    state.chance.with(|rng| rng.fill_bytes(&mut random));
    let owner = match state.db.read(&TenantAccess::for_device(body.tenant)).await {
        Ok(mut scope) => keys::owner(&mut scope).await?,
        Err(DbError::NoSuchTenant(_)) => None,
        Err(other) => return Err(other.into()),
    };
    let challenge = match owner.and_then(|owner| owner.key) {
        Some(key) => key.challenge(now, random.first_chunk().copied().unwrap_or_default()),
        None => secrets::like_a_challenge(now, random),
    };
    Ok(Json(Challenge { challenge: STANDARD.encode(challenge), server_time: now }))
}

/// What a device shows. Every part is base64 of an encoded `Signed` message but for the challenge
/// (see shared/proto/omniot_device.proto).
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Claim {
    /// As the technician gave it.
    grant: String,
    /// As the device answered it.
    receipt: String,
    /// Who it is, signed over challenge, grant and receipt.
    identity: String,
    /// As the server gave it.
    challenge: String,
}

/// What a device gets.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Claimed {
    /// What the backend calls it.
    device_id: DeviceId,
    /// `omd_…`, for `authorization: Bearer`. The same claim gives the same one.
    credential: String,
    /// The technician's record has not arrived yet.
    record_pending: bool,
    /// For the device to set its clock.
    server_time: Millis,
}

struct Parts {
    grant: Vec<u8>,
    receipt: Vec<u8>,
    identity: Vec<u8>,
    challenge: Vec<u8>,
}

impl Claim {
    fn parts(&self) -> Result<Parts, CommissioningError> {
        let part = |text: &str, field| {
            let decoded = (text.len() <= PART_LIMIT).then(|| STANDARD.decode(text).ok()).flatten();
            decoded.filter(|bytes| !bytes.is_empty()).ok_or(CommissioningError::Unreadable(field))
        };
        Ok(Parts {
            grant: part(&self.grant, "grant")?,
            receipt: part(&self.receipt, "receipt")?,
            identity: part(&self.identity, "identity")?,
            challenge: part(&self.challenge, "challenge")?,
        })
    }
}

/// Claim oneself, as a device, with a technician's grant. Again and again gives the same answer.
#[utoipa::path(post, path = "/v1/device/claim", operation_id = "claim_device", tag = "device", request_body = Claim,
    responses((status = 200, body = Claimed), (status = 403, body = crate::http::ErrorBody), (status = 409, body = crate::http::ErrorBody), (status = 422, body = crate::http::ErrorBody)))]
pub(super) async fn claim_device(State(state): State<AppState>, request_id: RequestId, Json(body): Json<Claim>) -> Result<Json<Claimed>, CommissioningError> {
    let parts = body.parts()?;
    let tenant = SignedGrant(parts.grant.clone()).read().map_err(Refusal::from)?.tenant;
    let access = TenantAccess::for_device(tenant);
    // Signatures first, on a snapshot: an unproven caller never holds the tenant's writer.
    let mut looking = open(state.db.read(&access).await)?;
    prove(&mut looking, &parts, state.now()).await?;
    drop(looking);
    let mut scope = open(state.db.write(&access).await)?;
    let now = state.now();
    let (key, contact) = prove(&mut scope, &parts, now).await?;
    let arrival = Arrival { contact, key, now, request_id };
    match arrival.settle(&mut scope, &state).await {
        Ok(claimed) => {
            scope.commit().await?;
            Ok(Json(claimed))
        }
        Err(error) => {
            drop(scope);
            arrival.keep_refusal(&state, &access, &parts.receipt, &error).await;
            Err(error)
        }
    }
}

/// A tenant that is not there looks like one that did not sign.
pub(super) fn open(scope: Result<Scope, DbError>) -> Result<Scope, CommissioningError> {
    scope.map_err(|error| match error {
        DbError::NoSuchTenant(_) => Refusal::BadSignature.into(),
        other => other.into(),
    })
}

/// Everything that can be said without looking at grants and devices.
async fn prove(scope: &mut Scope, parts: &Parts, now: Millis) -> Result<(ClaimKey, Contact), CommissioningError> {
    let owner = keys::owner(scope).await?.ok_or(Refusal::BadSignature)?;
    let key = owner.key.ok_or(Refusal::BadSignature)?;
    let shown = Shown { grant: &parts.grant, receipt: &parts.receipt, identity: &parts.identity, challenge: &parts.challenge };
    let contact = Contact::read(shown, key.public())?;
    if contact.grant.tenant != scope.tenant() {
        return Err(Refusal::BadSignature.into());
    }
    // Proven, and before anything is refused: the log names who was.
    let span = tracing::Span::current();
    span.record("tenant.id", tracing::field::display(scope.tenant()));
    span.record("actor.id", tracing::field::display(DeviceId::for_serial(scope.tenant(), &contact.identity.serial)));
    if !owner.active {
        return Err(ApiError::tenant_suspended().into());
    }
    if !key.made(&parts.challenge, now) {
        return Err(CommissioningError::BadChallenge);
    }
    Ok((key, contact))
}

/// A proven contact.
struct Arrival {
    contact: Contact,
    key: ClaimKey,
    now: Millis,
    request_id: RequestId,
}

/// How things stood before a device is bound.
struct Before {
    /// The resets that were known.
    resets: u32,
    /// It used this grant before, and was reset since.
    is_spent: bool,
    /// The key that its serial number had proved was forgotten.
    is_forgotten: bool,
}

impl Arrival {
    async fn settle(&self, scope: &mut Scope, state: &AppState) -> Result<Claimed, CommissioningError> {
        let device = DeviceId::for_serial(scope.tenant(), &self.contact.identity.serial);
        let known = grants::known(scope, self.contact.grant.id).await?;
        let record_pending = known.is_none_or(|grant| grant.recorded_at.is_none());
        let is_spent = known.is_some_and(|grant| grant.spent_by.is_some());
        let bound = bindings::find(scope, device).await?;
        let verdict = judge(&self.contact, known, bound.as_ref().and_then(Bound::in_force), self.now)?;
        let credential = self.key.credential(device, &self.contact).ok_or_else(|| ApiError::internal(&"a credential has no form"))?;
        match verdict {
            Verdict::Replay => bindings::seen(scope, device, self.now).await?,
            Verdict::Bind => {
                let before = Before { resets: bound.as_ref().map_or(0, |bound| bound.resets), is_spent, is_forgotten: bound.is_some_and(|bound| bound.is_forgotten) };
                self.bind(scope, state, device, &credential, before).await?;
            }
        }
        refusals::forget(scope, device).await?;
        Ok(Claimed { device_id: device, credential: credential.reveal().to_owned(), record_pending, server_time: self.now })
    }

    async fn bind(&self, scope: &mut Scope, state: &AppState, device: DeviceId, credential: &Token, before: Before) -> Result<(), CommissioningError> {
        if bindings::is_retired(scope, device).await? {
            return Err(Refusal::Retired.into());
        }
        let identity = &self.contact.identity;
        let author = Author::device(device, &identity.serial);
        let change = DeviceClaimed {
            serial: identity.serial.clone(),
            model_id: Some(self.model(scope, state).await?),
            site_id: bindings::known_site(scope, self.contact.site()).await?,
            epoch: self.contact.receipt.epoch,
            firmware: Some(identity.firmware.clone()).filter(|firmware| !firmware.is_empty()),
            anew: before.is_forgotten,
        };
        let actor = Actor { tenant: scope.tenant(), who: Who::Device(device), now: self.now };
        sync::execute_as(scope, &actor, &author, Some(self.request_id.as_str()), Change::DeviceClaimed(change)).await?;
        if !before.is_spent && !grants::spend(scope, self.contact.grant.id, identity.public_key, device, self.now).await? {
            return Err(Refusal::GrantSpent.into());
        }
        let notice = releases::least_notice(scope, device, self.contact.receipt.epoch).await?;
        bindings::put(scope, device, &self.contact, credential.hash(), notice, self.now).await?;
        let entry = Entry::new("device.bind").target("device", device, &identity.serial).detail(serde_json::json!({
            "grant_id": self.contact.grant.id,
            "technician_id": self.contact.grant.technician,
            "epoch": self.contact.receipt.epoch,
            "key": identity.public_key.fingerprint().to_string(),
            "factory_resets": identity.resets.saturating_sub(before.resets),
        }));
        audit::append(scope, &author, self.now, Some(self.request_id.as_str()), entry).await?;
        Ok(())
    }

    /// Somebody is to see that it was refused. Where that cannot be kept, it is refused all the same.
    async fn keep_refusal(&self, state: &AppState, access: &TenantAccess, receipt: &[u8], error: &CommissioningError) {
        let CommissioningError::Refused(refusal) = error else { return };
        if let Err(error) = super::refusals::note(state, access, &self.contact, receipt, *refusal).await {
            tracing::warn!(%error, "a refused contact could not be kept");
        }
    }

    /// The model with the reported SKU; a device of an unknown kind makes its kind known.
    async fn model(&self, scope: &mut Scope, state: &AppState) -> Result<ModelId, CommissioningError> {
        let sku = Some(self.contact.identity.model.trim()).filter(|sku| !sku.is_empty()).unwrap_or("unknown");
        if let Some(id) = bindings::model_of(scope, sku).await? {
            return Ok(id);
        }
        let id: ModelId = state.new_id();
        // Nobody has decided about it: apps refuse what is below a model's floor, and a device that was good enough yesterday
        // must not be refused because the first of its kind got through. An administrator may demand more.
        let min_security = Security::Sec1;
        let new = NewModel { id, name: sku.to_owned(), sku: sku.to_owned(), min_security };
        let actor = Actor { tenant: scope.tenant(), who: Who::System, now: self.now };
        sync::execute_as(scope, &actor, &Author::system("device contact"), Some(self.request_id.as_str()), Change::ModelCreate(new)).await?;
        Ok(id)
    }
}
