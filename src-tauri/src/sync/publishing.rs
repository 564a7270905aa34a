//! What came is shown, or put by: the rows of a pull, those that came with a poke, and those that go.
//!
//! Of what goes out of sight nothing stays in the file, whatever becomes of the rest of the round: rows and the files
//! that belong to them go in one transaction, with the wish to write the file anew.
//! Deliberately not here: asking for it (`round`), and which rows these are (the core).

use omniot_shared::{
    sync::{
        Sight,
        client::{self, Published, Pull, Replica as _},
        wire::{Checkpoint, FoundBy, Frame},
    },
    time::Moment,
};
use rusqlite::Transaction;

use super::{Failure, attention, incident, on, round::tell_data, telemetry, wishes};
use crate::{
    accounts::Account,
    store::{StoreError, attachments, clock::{self, Contact}, replica::Open, scrub},
};

#[cfg(test)]
mod tests;

/// After a pull of more changes the log is moved into the main file.
const LARGE: usize = 10_000;

/// Takes what came with a poke. `false` where it does not go on from what is here, or does not fit: the next
/// pull brings it.
pub async fn take_news(account: &Account, frames: Vec<Frame>) -> bool {
    if frames.is_empty() {
        return false;
    }
    let now = account.clock.moment();
    let mut frames = Some(frames);
    let taken = on(account, move |store| {
        store.apply(|db| {
            let Some((pull, checkpoint)) = Pull::of_poke(&Open(db), frames.take().unwrap_or_default())? else { return Ok(None) };
            Ok(Some(published(db, pull, &checkpoint, now)?))
        })
    });
    match taken.await {
        Ok(Some(published)) => take_note(account, published, false).await.unwrap_or(false),
        Ok(None) | Err(_) => false,
    }
}

pub(super) async fn publish(account: &Account, pull: Pull, checkpoint: Checkpoint, fresh: bool) -> Result<bool, Failure> {
    let now = account.clock.moment();
    let mut pull = Some(pull);
    let taken = on(account, move |store| {
        // On a full disk nothing is tried twice for pulled rows, so the pull is there to take.
        store.apply(|db| {
            published(db, pull.take().ok_or(StoreError::Closing)?, &checkpoint, now)
        })
    });
    take_note(account, taken.await?, fresh).await
}

/// What came is shown from here on. Of what went out of sight with it nothing stays in the file.
fn published(db: &Transaction<'_>, pull: Pull, checkpoint: &Checkpoint, now: Moment) -> Result<Published, StoreError> {
    if let Some(at) = pull.server_time() {
        clock::heard(db, Contact { at, steady: now.steady })?;
    }
    let mut published = client::publish(&mut Open(db), pull, checkpoint, now.at)?;
    if let Published::Now { departed, .. } = &mut published {
        attention::settle(db, clock::of_server(db)?)?;
        *departed |= forget_files(db)?;
        if *departed {
            scrub::wish(db)?;
        }
    }
    Ok(published)
}

/// What was sent of attempts that are not in sight any more goes with them; whether there was anything.
fn forget_files(db: &Transaction<'_>) -> Result<bool, StoreError> {
    attachments::forget_departed(db, &Open(db).meta()?.sight)
}

/// Rows that this person may not see any more go, from the file as well as from the list.
pub(super) async fn narrow(account: &Account, sight: Sight) -> Result<(), Failure> {
    tracing::info!(?sight, "this person sees less than before");
    on(account, move |store| {
        store.note(|db| {
            scrub::wish(db)?;
            client::narrow(&mut Open(db), &sight)?;
            forget_files(db)
        })?;
        telemetry::forget_departed(store);
        store.settle();
        Ok(())
    })
    .await?;
    tell_data(account);
    Ok(())
}

/// Puts what was received on the disk, unpublished. `None` when another pull was faster.
pub(super) async fn stage(account: &Account, mut pull: Pull) -> Result<Option<Pull>, Failure> {
    on(account, move |store| {
        let fits = store.apply(|db| client::stage(&mut Open(db), &mut pull))?;
        Ok(fits.then_some(pull))
    })
    .await
}

/// What publishing came to. `false` when the pull must be done again.
async fn take_note(account: &Account, published: Published, fresh: bool) -> Result<bool, Failure> {
    match published {
        Published::Now { changes, departed, .. } => {
            account.status.change(|status| status.progress = None);
            wishes::everything_came(account).await?;
            if changes > 0 {
                tell_data(account);
                leave_departed(account).await?;
            }
            if changes > LARGE || departed {
                on(account, |store| {
                    store.settle();
                    Ok(())
                })
                .await?;
            }
            Ok(true)
        }
        Published::Mismatch { seq, ours, theirs } => {
            incident::report(account, FoundBy::Checkpoint, seq, ours, theirs).await;
            Err(Failure::Unfit { detail: "the rows that came are not those that the server says it holds".to_owned(), fresh })
        }
        Published::Overtaken => Ok(false),
    }
}

/// What devices measured goes with their rows.
async fn leave_departed(account: &Account) -> Result<(), Failure> {
    on(account, |store| {
        telemetry::forget_departed(store);
        Ok(())
    })
    .await
}
