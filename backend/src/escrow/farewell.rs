//! An app without a session: how its person stands, and what it hands over.

use axum::http::StatusCode;
use omniot_shared::{
    ids::IntentId,
    sync::{
        escrow::{ACCEPTED_MS, FarewellRequest, FarewellResponse, Sealed, Secret, Standing},
        server::corrected,
    },
    time::Millis,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Author, Kept, Why, store::{self, Leaver}};
use crate::{
    audit::{self, Entry},
    db::{DbError, Scope},
    http::ApiError,
    sync::store::receipts_by_intent,
    tenancy::store::{Status, standing},
};

/// What is in a box: an intent, read as far as is needed to keep it. A newer app's change may be readable
/// after an update.
#[derive(Deserialize)]
struct Boxed {
    id: IntentId,
    at: Millis,
    change: Box<RawValue>,
}

/// Every change says of what kind it is.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "kind")]
    _kind: String,
}

/// What whoever proved nothing is told, whatever it is that does not fit.
pub fn unproven() -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "bad_signature", "Nothing that is known here signed this.")
}

/// Who proved themselves: `None` for a member.
pub type Proven = Option<Leaver>;

/// Whose replica asks. Whatever does not fit is the same to whoever asks.
///
/// # Errors
/// `bad_signature`; `tenant_suspended`, to whoever proved themselves; whatever the store says.
pub async fn prove(scope: &mut Scope, request: &FarewellRequest) -> Result<Proven, ApiError> {
    let key = store::replica_key(scope, request.client_id, request.person_id).await?;
    key.filter(|key| request.is_signed_by(*key)).ok_or_else(unproven)?;
    let (_, status) = standing(scope).await?;
    if status != Status::Active {
        return Err(ApiError::tenant_suspended());
    }
    match store::leaver(scope, request.person_id).await? {
        Some(leaver) => Ok(Some(leaver)),
        None if store::is_member(scope, request.person_id).await? => Ok(None),
        None => Err(unproven()),
    }
}

/// The answer while nothing is taken.
pub fn answer(proven: &Proven, now: Millis) -> FarewellResponse {
    FarewellResponse {
        standing: if proven.is_some() { Standing::Ended } else { Standing::Member },
        accepted_until: proven.as_ref().map(|leaver| leaver.removed_at.plus(ACCEPTED_MS)),
        server_time: now,
        taken: vec![],
        refused: vec![],
    }
}

/// Takes what a leaver hands over; commit afterwards.
///
/// # Errors
/// Whatever the store says.
pub async fn take(scope: &mut Scope, request: &FarewellRequest, leaver: &Leaver, now: Millis, request_id: &str) -> Result<FarewellResponse, DbError> {
    let mut answer = answer(&Some(leaver.clone()), now);
    let ids: Vec<IntentId> = request.sealed.iter().map(|sealed| sealed.intent_id).collect();
    if answer.accepted_until.is_none_or(|until| now > until) {
        return Ok(FarewellResponse { refused: ids, ..answer });
    }
    let secret = store::secret(scope).await?;
    let receipts = receipts_by_intent(scope, &ids).await?;
    let skew = request.at.since(now);
    let mut changes = Vec::new();
    for sealed in &request.sealed {
        if receipts.get(&sealed.intent_id).is_some_and(|receipt| receipt.outcome.is_accepted()) {
            // The answer to a push was lost; the work stands.
            answer.taken.push(sealed.intent_id);
        } else if let Some(boxed) = secret.as_ref().and_then(|secret| opened(secret, request, sealed)) {
            changes.push(Kept { intent: boxed.id, made_at: corrected(boxed.at, skew, now), change: boxed.change.get().to_owned() });
        }
    }
    let author = Author { id: request.person_id, name: leaver.name.clone(), role: leaver.role, client: request.client_id };
    let before = store::held(scope, author.id).await?.0;
    answer.taken.extend(super::keep(scope, &author, Why::Left, &changes, now).await?);
    answer.refused = ids.into_iter().filter(|id| !answer.taken.contains(id)).collect();
    let new = store::held(scope, author.id).await?.0 - before;
    if new > 0 {
        let entry = Entry::new("escrow.receive").target("person", author.id, &author.name).detail(serde_json::json!({ "changes": new }));
        audit::append(scope, &audit::Author::person(author.id, &author.name), now, Some(request_id), entry).await?;
    }
    Ok(answer)
}

fn opened(secret: &Secret, request: &FarewellRequest, sealed: &Sealed) -> Option<Boxed> {
    let plain = secret.open(request.tenant, request.client_id, sealed)?;
    let boxed: Boxed = serde_json::from_slice(&plain).ok()?;
    serde_json::from_str::<Kind>(boxed.change.get()).ok()?;
    Some(boxed).filter(|boxed| boxed.id == sealed.intent_id)
}
