//! An app without a session: how its person stands, and what it hands over.

use axum::http::StatusCode;
use omniot_shared::{
    ids::IntentId,
    roles::Role,
    sync::{
        escrow::{ACCEPTED_MS, BoxedFile, FarewellRequest, FarewellResponse, Standing},
        server::corrected,
        upcast,
    },
    time::Millis,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Author, Kept, MOST_CHANGES, MOST_FILES, MOST_FILES_OF_A_MEMBER, MOST_OF_A_MEMBER, Why, files::{self, Desk, Fate}, store::{self, Leaver}};
use crate::{
    audit::{self, Entry},
    db::{DbError, Scope},
    http::ApiError,
    sync::store::{Stand, receipts_by_intent, stand},
    tenancy::store::{Status, standing},
};

/// What is in a box: an intent, read as far as is needed to keep it. A newer app's change may be readable
/// after an update.
#[derive(Deserialize)]
struct Boxed {
    /// Of the app that sealed it; the first ones did not say.
    #[serde(default = "first_schema")]
    schema: u32,
    id: IntentId,
    at: Millis,
    #[serde(default)]
    read: Option<String>,
    /// In which the author had read that; who does not say, in this one.
    #[serde(default)]
    epoch: Option<u64>,
    change: Box<RawValue>,
}

const fn first_schema() -> u32 {
    1
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

/// Who proved themselves.
#[derive(Debug, Clone)]
pub struct Proven {
    /// The name and role that they have, or had.
    name: String,
    role: Role,
    /// `None` for a member.
    removed_at: Option<Millis>,
    /// Of the server.
    epoch: u64,
}

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
    let Stand { epoch, .. } = stand(scope).await?;
    if let Some(Leaver { name, role, removed_at }) = store::leaver(scope, request.person_id).await? {
        return Ok(Proven { name, role, removed_at: Some(removed_at), epoch });
    }
    let (name, role) = store::member(scope, request.person_id).await?.ok_or_else(unproven)?;
    Ok(Proven { name, role, removed_at: None, epoch })
}

/// The answer while nothing is taken.
pub fn answer(proven: &Proven, now: Millis) -> FarewellResponse {
    FarewellResponse {
        standing: if proven.removed_at.is_some() { Standing::Ended } else { Standing::Member },
        accepted_until: proven.removed_at.map(|removed_at| removed_at.plus(ACCEPTED_MS)),
        server_time: now,
        epoch: Some(proven.epoch),
        taken: vec![],
        refused: vec![],
    }
}

/// Takes what a leaver hands over, or a member who was taken for one (a server that was restored since); commit
/// afterwards.
///
/// # Errors
/// Whatever the store says.
pub async fn take(scope: &mut Scope, request: &FarewellRequest, proven: &Proven, desk: Desk<'_>) -> Result<FarewellResponse, DbError> {
    let now = desk.now;
    let mut answer = answer(proven, now);
    let ids: Vec<IntentId> = request.sealed.iter().map(|sealed| sealed.intent_id).collect();
    if answer.accepted_until.is_some_and(|until| now > until) {
        return Ok(FarewellResponse { refused: ids, ..answer });
    }
    let secret = store::secret(scope).await?;
    let receipts = receipts_by_intent(scope, &ids).await?;
    let skew = request.at.since(now);
    let (mut changes, mut files) = (Vec::new(), Vec::new());
    for sealed in &request.sealed {
        if receipts.get(&sealed.intent_id).is_some_and(|receipt| receipt.outcome.is_accepted()) {
            // The answer to a push was lost; the work stands.
            answer.taken.push(sealed.intent_id);
            continue;
        }
        let plain = secret.as_ref().and_then(|secret| secret.open(request.tenant, request.client_id, sealed));
        if let Some(file) = plain.as_ref().and_then(|plain| BoxedFile::read(plain)).filter(|file| file.id() == sealed.intent_id) {
            files.push(file);
        } else if let Some(boxed) = plain.and_then(|plain| read(&plain)).filter(|boxed| boxed.id == sealed.intent_id) {
            if upcast::change(boxed.schema, boxed.change.get()).is_ok_and(|change| change.owner().is_some()) {
                // What was their own is nobody's to decide about.
                answer.taken.push(sealed.intent_id);
                continue;
            }
            // What a server has lost since nobody took out.
            let read = boxed.read.filter(|_| boxed.epoch.is_none_or(|epoch| epoch == proven.epoch));
            changes.push(Kept { intent: boxed.id, made_at: corrected(boxed.at, skew, now), schema: boxed.schema, change: boxed.change.get().to_owned(), read });
        }
    }
    let author = Author { id: request.person_id, name: proven.name.clone(), role: proven.role, client: request.client_id };
    let (most, most_files) = if proven.removed_at.is_some() { (MOST_CHANGES, MOST_FILES) } else { (MOST_OF_A_MEMBER, MOST_FILES_OF_A_MEMBER) };
    let before = store::held(scope, author.id).await?.0;
    answer.taken.extend(super::keep(scope, &author, Why::Left, &changes, most, now).await?);
    let new = store::held(scope, author.id).await?.0 - before;
    let mut wait: Vec<IntentId> = changes.iter().map(|kept| kept.intent).collect();
    let mut held = 0;
    if !files.is_empty() {
        super::forget_old(scope, now).await?;
    }
    for file in files {
        match files::take(scope, &author, &file, most_files, desk).await? {
            Fate::Taken => answer.taken.push(file.id()),
            Fate::Held => {
                held += 1;
                answer.taken.push(file.id());
            }
            Fate::Later => wait.push(file.id()),
            Fate::Refused => {}
        }
    }
    // What there is no room for now is not spoken of: it waits where it is.
    answer.refused = ids.into_iter().filter(|id| !answer.taken.contains(id) && !wait.contains(id)).collect();
    if new + held > 0 {
        let entry = Entry::new("escrow.receive").target("person", author.id, &author.name).detail(serde_json::json!({ "changes": new, "files": held }));
        audit::append(scope, &audit::Author::person(author.id, &author.name), now, desk.request_id, entry).await?;
    }
    Ok(answer)
}

/// The change in a box.
fn read(plain: &[u8]) -> Option<Boxed> {
    let boxed: Boxed = serde_json::from_slice(plain).ok()?;
    serde_json::from_str::<Kind>(boxed.change.get()).ok()?;
    Some(boxed)
}
