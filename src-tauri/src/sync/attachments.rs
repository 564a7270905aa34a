//! Sends the files of attempts: each in one request once the server has the attempt, again as long as it takes.
//!
//! A round never fails because of a file. What the server cannot take now waits; what it will never take is given up
//! with a word in the log.
//! Deliberately not here: what is kept for how long (`store::attachments`).

use omniot_shared::attachment::Address;

use super::{Failure, on, wishes};
use crate::{
    accounts::Account,
    store::attachments::{self, Fate, File},
    transport::{Server, Trouble},
};

/// So many go in one round, so that a long queue does not keep a round from its end.
const MOST: usize = 50;
/// How long a file lets others go first that did not get through to the server.
const SLOW_MS: i64 = 300_000;

/// Whether something may go now.
pub async fn wait(account: &Account) -> bool {
    next(account).await.is_ok_and(|next| next.is_some())
}

/// Sends what may go now.
///
/// # Errors
/// [`Failure::Store`] only: what happens on the way is for the next round.
pub async fn send(account: &Account, server: &Server) -> Result<(), Failure> {
    let now = account.clock.now();
    on(account, move |store| store.note(|db| attachments::prune(db, now))).await?;
    for _ in 0..MOST {
        let Some((place, file)) = next(account).await? else { return Ok(()) };
        match put(server, file).await {
            Ok(()) => settle(account, place, Fate::Sent).await?,
            Err(Trouble::Refused { status, code, .. }) if is_final(status) => {
                tracing::warn!(status, code, "the server takes this file of an attempt never; it is given up");
                settle(account, place, Fate::Refused).await?;
            }
            // No room for it there now, or it stumbled over this one: the others may go.
            Err(Trouble::Refused { status, code, .. }) => {
                tracing::info!(status, code, "the server cannot take a file of an attempt now");
                put_off(account, place, attachments::LONGEST_REST_MS).await?;
            }
            Err(trouble) => {
                tracing::debug!(%trouble, "files of attempts wait for the next round");
                if trouble.is_offline() {
                    put_off(account, place, SLOW_MS).await?;
                }
                return Ok(());
            }
        }
    }
    // There is more, and this round did its share.
    account.wake.notify_one();
    Ok(())
}

/// Whether the same file would be refused in the same way for ever. A right that went may come back (403, 404), and
/// so may a server that knows of files.
const fn is_final(status: u16) -> bool {
    matches!(status, 409 | 413 | 415 | 422)
}

/// The next file that may go, with what is wished for at this moment.
async fn next(account: &Account) -> Result<Option<(i64, File)>, Failure> {
    // The system is asked only where something waits.
    let now = account.clock.now();
    if on(account, move |store| store.read(|db| attachments::due(db, false, now))).await?.is_none() {
        return Ok(None);
    }
    let saves_data = wishes::saves_data(account).await;
    on(account, move |store| store.read(|db| attachments::due(db, saves_data, now))).await
}

async fn put(server: &Server, file: File) -> Result<(), Trouble> {
    let path = format!("/v1/attempts/{}/attachments/{}", file.attempt, Address::of(&file.content));
    let answer = server.put(&path, &file.media_type, file.content).await?;
    if answer.is_success() { Ok(()) } else { Err(Trouble::of_answer(&answer)) }
}

async fn put_off(account: &Account, place: i64, by_ms: i64) -> Result<(), Failure> {
    let at = account.clock.now().plus(by_ms);
    on(account, move |store| store.note(|db| attachments::put_off(db, place, at))).await
}

async fn settle(account: &Account, place: i64, fate: Fate) -> Result<(), Failure> {
    on(account, move |store| store.note(|db| attachments::settle(db, place, fate))).await
}
