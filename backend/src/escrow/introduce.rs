//! What a replica and its tenant show each other in `hello`, while its person is a member.

use omniot_shared::{
    ids::{ClientId, PersonId},
    roles::need,
    sync::escrow::{PublicKey, Secret},
    time::Millis,
};
use rand::Rng as _;

use super::store;
use crate::{
    audit::{self, Author, Entry},
    db::{DbError, Scope},
    http::{ApiError, AppState, Reader},
};

/// The tenant's key, for a replica that shows its own; made, and the replica's kept, where that is not so yet.
/// `None` for a replica of that name that showed another key before: what it sealed could never be handed over.
///
/// # Errors
/// Whatever the store says, or that the person may not any more.
pub async fn introduced(state: &AppState, mut caller: Reader<need::Sync>, client: ClientId, shown: PublicKey) -> Result<Option<PublicKey>, ApiError> {
    let (person, name, now) = (caller.person().id, caller.person().name.clone(), caller.now());
    let scope = caller.scope();
    if let (Some(ours), Some(theirs)) = (store::public(scope).await?, store::replica_key(scope, client, person).await?) {
        return Ok((theirs == shown).then_some(ours));
    }
    let (ticket, request_id) = (caller.ticket(), caller.request_id().clone());
    // Only now the writer, and the snapshot is given back before.
    drop(caller);
    let mut scope = ticket.open_to_write(state).await?;
    let ours = match store::public(&mut scope).await? {
        Some(ours) => ours,
        None => make(&mut scope, state, &Author::person(person, &name), request_id.as_str(), now).await?,
    };
    let stands = first(&mut scope, client, person, shown, now).await?;
    scope.commit().await?;
    Ok(stands.then_some(ours))
}

/// The first key that a replica shows stands; whether it is this one.
async fn first(scope: &mut Scope, client: ClientId, person: PersonId, shown: PublicKey, now: Millis) -> Result<bool, DbError> {
    store::insert_replica_key(scope, client, person, shown, now).await?;
    Ok(store::replica_key(scope, client, person).await? == Some(shown))
}

async fn make(scope: &mut Scope, state: &AppState, author: &Author, request_id: &str, now: Millis) -> Result<PublicKey, ApiError> {
    let mut bytes = [0; 32];
    state.chance.with(|rng| rng.fill_bytes(&mut bytes));
    let secret = Secret::new(bytes);
    let public = secret.public().ok_or_else(|| ApiError::internal(&"32 random bytes are no key"))?;
    store::insert_secret(scope, public, &secret, now).await?;
    audit::append(scope, author, now, Some(request_id), Entry::new("escrow_key.create")).await?;
    Ok(public)
}
