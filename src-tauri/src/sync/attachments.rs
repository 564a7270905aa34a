//! Sends the files of attempts: each in one request once the server has the attempt, again as long as it takes.
//!
//! A round never fails because of a file. What the server cannot take now waits; a trace that it will never take is
//! given up with a word in the log, a photo or what was checked stays and is shown as refused.
//! Deliberately not here: what is kept for how long (`store::attachments`).

use omniot_shared::attachment::Kind;

use super::{Failure, on, wishes};
use crate::{
    accounts::Account,
    events::Event,
    store::{attachments::{self, Barred, Due, Fate}, clock},
    transport::{Server, Trouble, Unreachable},
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
    on(account, |store| store.note(|db| attachments::prune(db, clock::of_server(db)?))).await?;
    for _ in 0..MOST {
        let Some(due) = next(account).await? else { return Ok(()) };
        if due.file.kind == Kind::Photo {
            note_tried(account, &due, true).await?;
        }
        match put(server, &due).await {
            Ok(()) => settle(account, due, Fate::Sent).await?,
            Err(Trouble::Refused { status, code, .. }) if is_final(due.file.kind, status, &code) => {
                tracing::warn!(status, code, kind = due.file.kind.name(), "the server takes this file of an attempt never");
                settle(account, due, Fate::Refused).await?;
            }
            // The server does not know the attempt, or does not say that it does.
            Err(Trouble::Refused { status: 404, .. }) => {
                let at = account.clock.now().plus(attachments::LONGEST_REST_MS);
                on(account, move |store| store.note(|db| attachments::put_off_all(db, &due, at))).await?;
            }
            // No room for it there now, or it stumbled over this one: the others may go.
            Err(Trouble::Refused { status, code, .. }) => {
                tracing::info!(status, code, "the server cannot take a file of an attempt now");
                put_off(account, due, attachments::LONGEST_REST_MS).await?;
            }
            Err(trouble) => {
                tracing::debug!(%trouble, "files of attempts wait for the next round");
                if trouble == Trouble::Offline(Unreachable::NoConnection) {
                    note_tried(account, &due, false).await?;
                }
                if trouble.is_offline() {
                    put_off(account, due, SLOW_MS).await?;
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
/// so may a server that knows of files. Evidence is given up for less: a proxy with a small limit (413) and bytes that
/// were changed on the way are of this way only, and a server that does not know of checks (415) may come to know.
fn is_final(kind: Kind, status: u16, code: &str) -> bool {
    match kind {
        Kind::Trace => matches!(status, 409 | 413 | 415 | 422),
        Kind::Photo | Kind::Checks => status == 409 || (status == 422 && code == "invalid_attachment"),
    }
}

/// The next file that may go, with what is wished for at this moment.
async fn next(account: &Account) -> Result<Option<Due>, Failure> {
    let now = account.clock.now();
    let first = on(account, move |store| store.read(|db| attachments::due(db, Barred::default(), now))).await?;
    // The system is asked only where a photo is next.
    if first.as_ref().is_none_or(|due| due.file.kind != Kind::Photo) || !wishes::bars_photos(account).await {
        return Ok(first);
    }
    on(account, move |store| store.read(|db| attachments::due(db, Barred { photos: true }, now))).await
}

async fn put(server: &Server, due: &Due) -> Result<(), Trouble> {
    let path = format!("/v1/attempts/{}/attachments/{}", due.file.attempt, due.address);
    server.put(&path, &due.file.media_type, due.file.content.clone(), &format!("\"{}\"", due.address)).await
}

async fn note_tried(account: &Account, due: &Due, is_tried: bool) -> Result<(), Failure> {
    let due = due.clone();
    on(account, move |store| store.note(|db| attachments::note_tried(db, &due, is_tried))).await
}

async fn put_off(account: &Account, due: Due, by_ms: i64) -> Result<(), Failure> {
    let at = account.clock.now().plus(by_ms);
    on(account, move |store| store.note(|db| attachments::put_off(db, &due, at))).await
}

async fn settle(account: &Account, due: Due, fate: Fate) -> Result<(), Failure> {
    on(account, move |store| store.note(|db| attachments::settle(db, &due, fate))).await?;
    // Pages show how far each has come.
    account.events.tell(Event::Data { entity: "attempt" });
    account.events.tell(Event::Sync);
    Ok(())
}
