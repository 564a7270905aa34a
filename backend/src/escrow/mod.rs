//! Work that its author may not send any more, until an administrator has decided about it.
//!
//! It comes on two ways: from the app of a person who was removed, sealed and signed with the key of the replica
//! ([`api::hand_over_work`]), with files of attempts ([`files`]); and from a push whose intent its author may not make, or
//! make any more ([`keep`]). Accepted, a change goes the one way of all changes, in its author's name and with the right of
//! whoever accepts it.
//! Deliberately not here: boxes and signatures themselves (`omniot_shared::sync::escrow`), and what a change
//! may do (`omniot_shared::sync::rules`).

mod api;
mod decide;
mod farewell;
mod files;
mod introduce;
mod store;
#[cfg(test)]
mod tests;

use omniot_shared::{
    ids::{AttemptId, ClientId, IntentId, PersonId},
    roles::Role,
    sync::Change,
    time::Millis,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{db::{DbError, Scope}, http::AppState};

pub use introduce::introduced;
pub use store::Why;

/// So much of one person's work is kept at a time: enough for a season, too little to fill a disk with.
pub(crate) const MOST_CHANGES: i64 = 5_000;
/// … of which this much comes from a member without a session: little, so that whoever has got hold of a tablet's key
/// leaves room for their real work.
const MOST_OF_A_MEMBER: i64 = 500;
/// … and so many bytes of it.
const MOST_BYTES: i64 = 8 * 1024 * 1024;
/// So many files wait for attempts of one person at a time, within what the tenant has room for.
const MOST_FILES: i64 = 1_000;
/// … of which this much comes from a member without a session.
const MOST_FILES_OF_A_MEMBER: i64 = 50;
/// After so long, decided or not, it is forgotten. Longer than work is taken: what was decided does not come again.
const KEPT_MS: i64 = 90 * 24 * 3_600_000;

/// This feature's operations.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(api::hand_over_work))
        .routes(routes!(api::list_escrow))
        .routes(routes!(api::accept_escrowed))
        .routes(routes!(api::reject_escrowed))
}

/// Whose work it is, as they were known then.
#[derive(Debug, Clone)]
pub struct Author {
    /// Who.
    pub id: PersonId,
    /// Their name.
    pub name: String,
    /// Their role.
    pub role: Role,
    /// Their replica.
    pub client: ClientId,
}

/// One change to keep.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Which.
    pub intent: IntentId,
    /// When it was made, corrected.
    pub made_at: Millis,
    /// Of the app that made it.
    pub schema: u32,
    /// As its author sent it.
    pub change: String,
    /// What they had read where they wrote words, if they said so.
    pub read: Option<String>,
}

/// Keeps changes of one author for the administrators, until there are `most` of them and as far as there is room; those that are kept now or were before.
///
/// # Errors
/// Whatever the store says.
pub async fn keep(scope: &mut Scope, author: &Author, why: Why, changes: &[Kept], most: i64, now: Millis) -> Result<Vec<IntentId>, DbError> {
    if changes.is_empty() {
        return Ok(vec![]);
    }
    forget_old(scope, now).await?;
    let (mut count, mut bytes) = store::held(scope, author.id).await?;
    let mut kept = Vec::with_capacity(changes.len());
    for change in changes {
        let size = i64::try_from(change.change.len() + change.read.as_ref().map_or(0, String::len)).unwrap_or(i64::MAX);
        let fits = count < most && bytes.saturating_add(size) <= MOST_BYTES;
        if fits && store::insert(scope, author, why, change, now).await? {
            (count, bytes) = (count + 1, bytes.saturating_add(size));
        } else if !store::is_there(scope, author.id, change.intent).await? {
            tracing::warn!(person.id = %author.id, intent.id = %change.intent, "there is no room in escrow for a change");
            continue;
        }
        kept.push(change.intent);
    }
    Ok(kept)
}

/// The attempt that a change records.
fn recorded(change: &Change) -> Option<AttemptId> {
    match change {
        Change::AttemptRecord(attempt) => Some(attempt.id),
        _ => None,
    }
}

/// Forgets what nobody decided about in time, and what was decided long ago.
async fn forget_old(scope: &mut Scope, now: Millis) -> Result<(), DbError> {
    store::forget_before(scope, now.plus(-KEPT_MS)).await?;
    files::forget_before(scope, now.plus(-KEPT_MS)).await
}

/// Whether one of these changes of that person is kept here, decided or not.
///
/// # Errors
/// Whatever the store says.
pub async fn keeps_any(scope: &mut Scope, person: PersonId, intents: &[IntentId]) -> Result<bool, DbError> {
    for intent in intents {
        if store::is_there(scope, person, *intent).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Remembers somebody who is being removed, so that their work is still taken for a while.
///
/// # Errors
/// Whatever the store says.
pub async fn remember(scope: &mut Scope, id: PersonId, name: &str, role: Role, now: Millis) -> Result<(), DbError> {
    store::insert_leaver(scope, id, name, role, now).await
}
