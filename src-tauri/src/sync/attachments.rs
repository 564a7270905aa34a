//! Sends the files of attempts: each in one request once the server has the attempt, again as long as it takes.
//!
//! A round never fails because of a file. What the server cannot take now waits; a trace that it will never take is
//! given up with a word in the log, a photo or what was checked stays and is shown as refused. Of an attempt that is not
//! here (out of sight, its record refused or given up) the server is asked whether it has it.
//! Deliberately not here: what is kept for how long (`store::attachments`).

use std::{collections::HashSet, time::Duration};

use omniot_shared::{attachment::Kind, ids::AttemptId};
use tokio::time::Instant;

use super::{Failure, on, wishes};
use crate::{
    accounts::Account,
    events::Event,
    store::{attachments::{self, Barred, Due, Fate, Standing}, clock, scrub},
    transport::{Server, Trouble, Unreachable},
};

#[cfg(test)]
mod tests;

/// So many go in one round, so that a long queue does not keep a round from its end.
const MOST: usize = 50;
/// And none begins after so long.
const SHARE: Duration = Duration::from_secs(30);
/// How long a file lets others go first that did not get through to the server.
const SLOW_MS: i64 = 300_000;

/// Whether something may go now.
pub async fn wait(account: &Account) -> bool {
    next(account).await.is_ok_and(|next| next.is_some())
}

/// Sends what may go now, until something else is to be done or this has had its share. Then the next round, which is
/// due at once, goes on with it: one file at least goes in each, however often somebody calls.
///
/// # Errors
/// [`Failure::Store`] only: what happens on the way is for the next round.
pub async fn send(account: &Account, server: &Server) -> Result<(), Failure> {
    tidy(account).await?;
    let (until, mut there) = (Instant::now() + SHARE, HashSet::new());
    for before in 0..=MOST {
        let Some(due) = next(account).await? else { break };
        if before == MOST || before > 0 && (account.is_called() || Instant::now() >= until) {
            account.wake.notify_one();
            break;
        }
        if carry(account, server, due, &mut there).await? == Way::Closed {
            break;
        }
    }
    tidy(account).await
}

/// Of what the server has, nothing is kept that may not be seen here.
async fn tidy(account: &Account) -> Result<(), Failure> {
    on(account, |store| {
        let departed = store.note(|db| {
            let departed = attachments::prune(db, clock::of_server(db)?)?;
            if departed {
                scrub::wish(db)?;
            }
            Ok(departed)
        })?;
        if departed {
            store.settle();
        }
        Ok(())
    })
    .await
}

/// Whether others may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    Closed,
}

/// Sends one file. Of an attempt that is not here the server is asked first, once (`there`): nothing is carried there in
/// vain, and nothing is given up that belongs to something there.
async fn carry(account: &Account, server: &Server, due: Due, there: &mut HashSet<AttemptId>) -> Result<Way, Failure> {
    if due.of != Standing::There && !there.contains(&due.file.attempt) {
        if let Err(trouble) = ask(server, &due).await {
            return hear(account, due, trouble).await;
        }
        there.insert(due.file.attempt);
    }
    if due.is_given_up {
        // As one that waits it goes over any network or not.
        on(account, move |store| store.note(|db| attachments::take_back(db, due.file.attempt))).await?;
        return Ok(Way::Open);
    }
    // Whoever takes a file away before this is told that it is nowhere else; after it, that it may be.
    let Some(was_tried) = on(account, { let due = due.clone(); move |store| store.note(|db| attachments::note_tried(db, &due)) }).await? else { return Ok(Way::Open) };
    match put(server, &due, due.file.content.clone()).await {
        Ok(()) => settle(account, due, Fate::Sent).await.map(|()| Way::Open),
        Err(trouble) => {
            if !was_tried && trouble == Trouble::Offline(Unreachable::NoConnection) {
                let due = due.clone();
                on(account, move |store| store.note(|db| attachments::note_not_tried(db, &due))).await?;
            }
            hear(account, due, trouble).await
        }
    }
}

/// Takes note of why a file did not arrive.
async fn hear(account: &Account, due: Due, trouble: Trouble) -> Result<Way, Failure> {
    match trouble {
        Trouble::Refused { status, code, .. } if is_final(due.file.kind, status, &code) => {
            tracing::warn!(status, code, kind = due.file.kind.name(), "the server takes this file of an attempt never");
            settle(account, due, Fate::Refused).await?;
        }
        // Somebody gave it up here, and there it belongs to nothing.
        Trouble::Refused { status: 404, code, .. } if due.of == Standing::GivenUp && code == "not_found" => {
            on(account, move |store| {
                store.note(|db| attachments::forget_given_up(db, due.file.attempt).and_then(|()| scrub::wish(db)))?;
                store.settle();
                Ok(())
            })
            .await?;
        }
        // The server does not know the attempt, or does not say that it does.
        Trouble::Refused { status: 404, .. } => {
            let at = account.clock.now().plus(attachments::LONGEST_REST_MS);
            on(account, move |store| store.note(|db| attachments::put_off_all(db, &due, at))).await?;
        }
        // No room for it there now, or it stumbled over this one: the others may go.
        Trouble::Refused { status, code, .. } => {
            tracing::info!(status, code, "the server cannot take a file of an attempt now");
            put_off(account, due, attachments::LONGEST_REST_MS).await?;
        }
        trouble => {
            tracing::debug!(%trouble, "files of attempts wait for the next round");
            if trouble.is_offline() {
                put_off(account, due, SLOW_MS).await?;
            }
            return Ok(Way::Closed);
        }
    }
    Ok(Way::Open)
}

/// Whether the server has the attempt. It says so before it looks at a file: to an empty one it says that these are not
/// the bytes of that name, or that it takes none of that kind.
async fn ask(server: &Server, due: &Due) -> Result<(), Trouble> {
    match put(server, due, vec![]).await {
        Err(Trouble::Refused { status: 415 | 422, .. }) => Ok(()),
        answered => answered,
    }
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

async fn put(server: &Server, due: &Due, content: Vec<u8>) -> Result<(), Trouble> {
    let path = format!("/v1/attempts/{}/attachments/{}", due.file.attempt, due.address);
    server.put(&path, &due.file.media_type, content, &format!("\"{}\"", due.address)).await
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
