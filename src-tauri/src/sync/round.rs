//! One round with the server: push what waits, pull what is new, fetch grants.
//!
//! Deliberately not here: when (`driver`), and what frames and receipts do (the core).

use omniot_shared::{
    ids::ClientId,
    roles::Role,
    sync::{
        Seq,
        client::{self, Greeting, Published, Pull, Replica, Step},
        wire::{HelloRequest, HelloResponse, PROTOCOL, PushRequest, PushResponse, SCHEMA},
    },
};
use reqwest::Method;

use super::{Failure, frames::Frames, on, pack};
use crate::{
    accounts::Account,
    chance,
    events::Event,
    store::{StoreError, replica::Open},
    transport::{Server, Trouble, Unreachable},
};

/// A pull that is overtaken or does not fit is begun anew so often within one round.
const PULLS: usize = 3;
/// After a pull of more changes the log is moved into the main file.
const LARGE: usize = 10_000;

/// Introduces the replica and the server to each other.
///
/// # Errors
/// [`Failure`].
pub async fn hello(account: &Account, server: &Server) -> Result<(), Failure> {
    let hello = HelloRequest {
        protocol: PROTOCOL,
        schema: SCHEMA,
        client_id: account.client(),
        app_version: account.version.clone(),
        now: account.clock.now(),
    };
    let answer: HelloResponse = server.fetch(Method::POST, "/v1/sync/hello", Some(&value(&hello)?)).await?;
    account.status.change(|status| status.clock_skew_ms = Some(answer.skew_ms));
    let greeting = on(account, move |store| store.apply(|db| client::greet(&mut Open(db), &answer))).await?;
    match greeting {
        Greeting::Known => Ok(()),
        Greeting::Forked => rename(account, Rename::Fork).await,
        Greeting::Restored => rename(account, Rename::Restore).await,
    }
}

/// Keeps the role with which local edits are judged up to date.
///
/// # Errors
/// [`Failure`].
pub async fn keep_role(account: &Account, role: Role) -> Result<(), Failure> {
    on(account, move |store| {
        store.apply(|db| {
            let mut replica = Open(db);
            let mut meta = replica.meta()?;
            if meta.role == role {
                return Ok(());
            }
            meta.role = role;
            replica.save_meta(&meta)
        })
    })
    .await
}

/// Pushes and pulls until both sides agree. A push that fails does not hold the pull back.
///
/// # Errors
/// [`Failure`].
pub async fn round(account: &Account, server: &Server) -> Result<(), Failure> {
    on(account, |store| store.apply(|db| client::requeue_deferred(&mut Open(db)))).await?;
    loop {
        let pushed = push(account, server).await;
        pull(account, server).await?;
        if !pushed? {
            break;
        }
    }
    pack::fill(account, server).await
}

/// Whether the replica has come as far as `seq`.
pub async fn knows(account: &Account, seq: Seq) -> bool {
    let cursor = on(account, |store| store.read(|db| Ok(Open(db).meta()?.cursor))).await;
    cursor.is_ok_and(|cursor| cursor >= seq)
}

/// Pushes one batch. Whether there may be more.
async fn push(account: &Account, server: &Server) -> Result<bool, Failure> {
    let now = account.clock.now();
    let next: Option<PushRequest> = on(account, move |store| store.read(|db| client::next_push(&Open(db), now))).await?;
    let Some(request) = next else { return Ok(false) };
    let answer = server.fetch::<PushResponse>(Method::POST, "/v1/sync/push", Some(&value(&request)?)).await;
    let answer = match answer {
        Err(Trouble::Refused { code, .. }) if code == "client_forked" => {
            rename(account, Rename::Fork).await?;
            return Ok(true);
        }
        // The server has forgotten numbers it had given receipts for: everything it may have lost is sent again.
        Err(Trouble::Refused { code, .. }) if code == "sequence_gap" => {
            rename(account, Rename::Restore).await?;
            return Ok(true);
        }
        answer => answer?,
    };
    account.status.change(|status| status.clock_skew_ms = Some(answer.skew_ms));
    let now = account.clock.now();
    let taken = on(account, move |store| store.apply(|db| client::take_receipts(&mut Open(db), &answer, now))).await?;
    if taken.refused > 0 {
        tracing::warn!(refused = taken.refused, "the server refused changes; they need attention");
        tell_data(account);
    }
    account.events.tell(Event::Sync);
    // Deferred ones wait for the next round; sending them again at once would turn in circles.
    Ok(taken.accepted + taken.refused > 0)
}

/// Pulls up to a checkpoint.
async fn pull(account: &Account, server: &Server) -> Result<(), Failure> {
    for _ in 0..PULLS {
        if pull_once(account, server).await? {
            return Ok(());
        }
    }
    Err(Trouble::Offline(Unreachable::Cut).into())
}

/// One pull. `false` when another one is needed at once.
async fn pull_once(account: &Account, server: &Server) -> Result<bool, Failure> {
    let mut pull = on(account, |store| store.read(|db| Pull::begin(&Open(db)))).await?;
    let mut frames = Frames::open(server, pull.request()).await?;
    loop {
        let next = match frames.next().await {
            Ok(next) if !next.is_empty() => next,
            // No checkpoint: what came is kept for the next pull to go on from, and not shown.
            broken => {
                stage(account, pull).await?;
                return Err(broken.err().unwrap_or(Trouble::Offline(Unreachable::Cut)).into());
            }
        };
        for frame in next {
            match pull.take(frame).map_err(|error| nonsense(&error))? {
                Step::More => {}
                Step::Stage => match stage(account, pull).await? {
                    Some(staged) => pull = staged,
                    None => return Ok(false),
                },
                Step::Publish(checkpoint) => {
                    let now = account.clock.now();
                    let mut pull = Some(pull);
                    let published = on(account, move |store| {
                        // On a full disk nothing is tried twice for pulled rows, so the pull is there to take.
                        store.apply(|db| {
                            let pull = pull.take().ok_or(StoreError::Closing)?;
                            client::publish(&mut Open(db), pull, &checkpoint, now)
                        })
                    })
                    .await?;
                    return take_note(account, published).await;
                }
                Step::Drop(_) => {
                    on(account, |store| store.apply(|db| client::drop_scope(&mut Open(db)))).await?;
                    tell_data(account);
                    return Ok(true);
                }
            }
        }
    }
}

/// Puts what was received on the disk, unpublished. `None` when another pull was faster.
async fn stage(account: &Account, mut pull: Pull) -> Result<Option<Pull>, Failure> {
    on(account, move |store| {
        let fits = store.apply(|db| client::stage(&mut Open(db), &mut pull))?;
        Ok(fits.then_some(pull))
    })
    .await
}

/// What publishing came to. `false` when the pull must be done again.
async fn take_note(account: &Account, published: Published) -> Result<bool, Failure> {
    match published {
        Published::Now { changes, .. } => {
            if changes > 0 {
                tell_data(account);
            }
            if changes > LARGE {
                on(account, |store| {
                    store.settle();
                    Ok(())
                })
                .await?;
            }
            Ok(true)
        }
        Published::Mismatch { ours, theirs } => {
            tracing::error!(?ours, ?theirs, "the replica is not what the server holds; it is pulled anew");
            Ok(false)
        }
        Published::Overtaken => Ok(false),
    }
}

enum Rename {
    Fork,
    Restore,
}

/// The replica takes a new name and sends again what the server may not have.
async fn rename(account: &Account, why: Rename) -> Result<(), Failure> {
    let client = ClientId(chance::fresh_uuid(account.clock.now()));
    on(account, move |store| {
        store.edit(|db| match why {
            Rename::Fork => client::fork(&mut Open(db), client),
            Rename::Restore => client::restored(&mut Open(db), client),
        })
    })
    .await?;
    account.becomes(client);
    Ok(())
}

fn tell_data(account: &Account) {
    for entity in ["site", "model", "device", "attempt"] {
        account.events.tell(Event::Data { entity });
    }
}

fn value(body: &impl serde::Serialize) -> Result<serde_json::Value, Failure> {
    Ok(serde_json::to_value(body).map_err(StoreError::from)?)
}

/// A server that sends nonsense is not the one we know.
fn nonsense(error: &client::PullError) -> Failure {
    tracing::error!(%error, "the pull makes no sense and is given up");
    Trouble::Offline(Unreachable::SomebodyElse).into()
}
