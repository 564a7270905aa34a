//! Pushing the outbox, and new names for replicas that turn out to be copies.
//!
//! Deliberately not here: pulling (`round`), and what receipts do (the core).

use omniot_shared::{
    ids::ClientId,
    sync::{
        Code, Refusal, Seq,
        client,
        wire::{PushRequest, PushResponse},
    },
};
use reqwest::Method;

use super::{Failure, on, round::{tell_data, value}};
use crate::{
    accounts::Account,
    chance,
    events::Event,
    store::{grants, replica::Open},
    transport::{Server, Trouble},
};

/// What came of one push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    /// Nothing waits, or what waits has to wait.
    Nothing,
    /// All of it was taken; the tenant stood there then.
    Taken(Seq),
    /// Something changed, and there may be more to push.
    More,
}

/// Pushes one batch of at most `most`.
pub(super) async fn push(account: &Account, server: &Server, most: &mut usize) -> Result<Pushed, Failure> {
    let (now, limit) = (account.clock.now(), *most);
    let next: Option<PushRequest> = on(account, move |store| store.read(|db| client::next_push_of(&Open(db), now, limit))).await?;
    let Some(request) = next else { return Ok(Pushed::Nothing) };
    match server.fetch::<PushResponse>(Method::POST, "/v1/sync/push", Some(&value(&request)?)).await {
        Ok(answer) => take_receipts(account, answer).await,
        Err(Trouble::Refused { code, .. }) if code == "client_forked" => rename(account, Rename::Fork).await.map(|()| Pushed::More),
        // The server has forgotten numbers it had given receipts for: everything it may have lost is sent again.
        Err(Trouble::Refused { code, .. }) if code == "sequence_gap" => rename(account, Rename::Restore).await.map(|()| Pushed::More),
        Err(Trouble::Refused { status: 400..500, .. }) if request.intents.len() > 1 => {
            *most = request.intents.len() / 2;
            tracing::warn!(most, "a push was refused as a whole; fewer changes are sent at once");
            Ok(Pushed::More)
        }
        Err(Trouble::Refused { status: 413 | 422, detail, .. }) => set_aside(account, &request, detail).await.map(|()| Pushed::More),
        Err(trouble) => Err(trouble.into()),
    }
}

async fn take_receipts(account: &Account, answer: PushResponse) -> Result<Pushed, Failure> {
    let seq = answer.seq;
    account.status.change(|status| status.clock_skew_ms = Some(answer.skew_ms));
    let taken = on(account, move |store| store.note(|db| client::take_receipts(&mut Open(db), &answer))).await?;
    if taken.refused > 0 {
        tracing::warn!(refused = taken.refused, "the server refused changes; they need attention");
        tell_data(account);
    }
    account.events.tell(Event::Sync);
    Ok(match (taken.accepted, taken.refused) {
        // Deferred ones wait until they are asked for again; sending them at once would turn in circles.
        (0, 0) => Pushed::Nothing,
        (_, 0) => Pushed::Taken(seq),
        _ => Pushed::More,
    })
}

/// One change that does not get through even alone must not hold up those behind it.
async fn set_aside(account: &Account, request: &PushRequest, detail: String) -> Result<(), Failure> {
    let Some(intent) = request.intents.first().map(|intent| intent.id) else { return Ok(()) };
    tracing::warn!(intent = %intent, detail, "a change does not get through; it needs attention");
    let refusal = Refusal::new(Code::Malformed, detail);
    on(account, move |store| store.note(|db| client::set_aside(&mut Open(db), intent, refusal.clone()))).await?;
    tell_data(account);
    account.events.tell(Event::Sync);
    Ok(())
}

/// Why a replica takes a new name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rename {
    /// It is a copy of a running one.
    Fork,
    /// The server lost its latest past.
    Restore,
}

/// The replica takes a new name and sends again what the server may not have.
pub(super) async fn rename(account: &Account, why: Rename) -> Result<(), Failure> {
    let client = ClientId(chance::fresh_uuid(account.clock.now()));
    on(account, move |store| {
        store.edit(|db| {
            // Grants are made out to a name: the copy has the same ones, or the server knows them no more.
            grants::forget_free(db)?;
            match why {
                Rename::Fork => client::fork(&mut Open(db), client),
                Rename::Restore => client::restored(&mut Open(db), client),
            }
        })
    })
    .await?;
    account.becomes(client);
    Ok(())
}
