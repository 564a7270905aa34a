//! Synchronization of one account: local edits in, rounds with the server, what needs a person.
//!
//! The rules are the core's (`omniot_shared::sync::client`); here each of its calls gets its transaction:
//! a durable one for what a person does, a quick one for what the server sends.
//! Deliberately not here: HTTP itself (`transport`), rows on disk (`store`).

use omniot_shared::{
    ids::IntentId,
    sync::{
        Change, Refusal, Row, Sight, Was,
        client::{self, Replica as _},
    },
};
use rusqlite::Transaction;
use serde_json::{Map, Value};

use crate::{
    accounts::Account,
    chance,
    door::Reply,
    events::Event,
    store::{
        Store, StoreError, attachments as files, clock, grants, on_worker,
        replica::{self, Open},
    },
    transport::Trouble,
};

pub mod attachments;
mod attention;
pub mod checklist;
mod driver;
pub mod export;
pub mod farewell;
mod frames;
mod incident;
mod pack;
mod pokes;
mod publishing;
mod pushing;
mod round;
#[cfg(test)]
mod schedules;
pub mod status;
pub(crate) mod telemetry;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod verifying;
pub mod wishes;

pub use attention::{attention, discard_unreadable};
pub use driver::run;
pub use verifying::{Verified, verify};

/// Why a round did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Between here and the server.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// Between here and the disk.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the server sends cannot be taken, or does not come to the rows that it says it holds.
    #[error("{detail}")]
    Unfit {
        /// In plain words.
        detail: String,
        /// It was everything there is, not what came after something that is here.
        fresh: bool,
    },
    /// Nothing is to be fetched now.
    #[error("nothing is fetched: it is held")]
    Held(wishes::Hold),
}

impl Failure {
    /// Whether something else may still get through: the server, which was greeted before, is there for all that is known.
    const fn is_of_one_way(&self) -> bool {
        use crate::transport::Unreachable::{Cut, SomebodyElse};
        matches!(self, Self::Unfit { .. } | Self::Trouble(Trouble::Refused { .. } | Trouble::Offline(Cut | SomebodyElse)))
    }

    /// As an answer of the door.
    #[must_use]
    pub fn reply(&self) -> Reply {
        match self {
            Self::Trouble(trouble) => trouble.reply(),
            Self::Store(error) => error.reply(),
            Self::Unfit { detail, .. } => Reply::error(502, "data_mismatch", detail),
            Self::Held(_) => Reply::error(409, "sync_paused", "Synchronization is paused on this machine."),
        }
    }
}

/// What waits in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Changes that the server has not answered.
    pub pending: i64,
    /// Changes that need a person.
    pub attention: i64,
    /// Photos and answers to checklists that the server does not have.
    pub evidence: i64,
    /// How many of these it will never take.
    pub refused: i64,
    /// Devices that can be commissioned without a network.
    pub grants: u32,
    /// At how many chosen sites the person works; `None`: everywhere.
    pub sites: Option<usize>,
}

/// Counts what waits.
///
/// # Errors
/// [`StoreError`].
pub async fn waiting(account: &Account) -> Result<Waiting, StoreError> {
    let now = account.server_now();
    on_worker(&account.store, move |store| {
        store.read(|db| {
            let pending = replica::count(db, &["waiting", "deferred"])?;
            let attention = replica::count(db, &["attention"])?;
            let sites = match Open(db).meta()?.sight {
                Sight::All => None,
                Sight::Sites(sites) => Some(sites.len()),
            };
            Ok(Waiting { pending, attention, evidence: files::unsent_evidence(db)?, refused: files::refused_evidence(db)?, grants: grants::count_free(db, now)?, sites })
        })
    })
    .await
}

/// Records a change: when this returns `Ok(Ok(…))` it is on the disk and in the lists, and will reach
/// the server. The row is the target as it is shown from now on.
///
/// # Errors
/// [`StoreError`]: nothing was recorded.
pub async fn record(account: &Account, change: Change) -> Result<Result<Option<Row>, Refusal>, StoreError> {
    record_over(account, change, Was::default()).await
}

/// The same, where the row is here still as its editor was shown it: a pull may bring more while they type.
///
/// # Errors
/// [`StoreError`]: nothing was recorded.
pub async fn record_over(account: &Account, change: Change, was: Was) -> Result<Result<Option<Row>, Refusal>, StoreError> {
    let recorded = record_where(account, vec![change], move |db, change| Ok(was.still(shown(db, change)?.as_ref())?), |_| Ok(())).await?;
    Ok(recorded.map(|mut rows| rows.pop().flatten()))
}

/// The row that a change is about, as it is shown.
fn shown(db: &Transaction<'_>, change: &Change) -> Result<Option<Row>, StoreError> {
    let replica = Open(db);
    let tenant = replica.meta()?.tenant;
    Ok(replica.row(change.target(tenant))?.map(|synced| synced.row))
}

/// Records several changes and something more in one transaction: all of it or nothing.
///
/// # Errors
/// [`StoreError`]: nothing was recorded.
pub async fn record_all(
    account: &Account,
    changes: Vec<Change>,
    more: impl Fn(&Transaction<'_>) -> Result<(), StoreError> + Send + 'static,
) -> Result<Result<Vec<Option<Row>>, Refusal>, StoreError> {
    record_where(account, changes, |_, _| Ok(()), more).await
}

async fn record_where(
    account: &Account,
    changes: Vec<Change>,
    may: impl Fn(&Transaction<'_>, &Change) -> Result<(), StoreError> + Send + 'static,
    more: impl Fn(&Transaction<'_>) -> Result<(), StoreError> + Send + 'static,
) -> Result<Result<Vec<Option<Row>>, Refusal>, StoreError> {
    let now = account.clock.moment();
    let named: Vec<(IntentId, Change)> = changes.into_iter().map(|change| (IntentId(chance::fresh_uuid(now.at)), change)).collect();
    let recorded = on_worker(&account.store, move |store| {
        let recorded = store.edit(|db| {
            let mut rows = Vec::new();
            for (id, change) in &named {
                may(db, change)?;
                match client::record(&mut Open(db), *id, now, change.clone())? {
                    Ok(recorded) => rows.push(recorded.row.map(|synced| synced.row)),
                    Err(refusal) => return Err(StoreError::Refused(refusal)),
                }
            }
            more(db)?;
            Ok(rows)
        });
        match recorded {
            Err(StoreError::Refused(refusal)) => Ok(Err(refusal)),
            settled => settled.map(Ok),
        }
    })
    .await?;
    if recorded.is_ok() {
        changed(account);
    }
    Ok(recorded)
}

/// Keeps a change that the rules refused here under "needs attention", with something more in the same
/// transaction: evidence is not thrown away because a role has changed.
///
/// # Errors
/// [`StoreError`]: nothing was kept.
pub async fn hold(
    account: &Account,
    change: Change,
    refusal: Refusal,
    more: impl Fn(&Transaction<'_>) -> Result<(), StoreError> + Send + 'static,
) -> Result<(), StoreError> {
    let now = account.clock.moment();
    let id = IntentId(chance::fresh_uuid(now.at));
    on_worker(&account.store, move |store| {
        store.edit(|db| {
            client::hold(&mut Open(db), id, now, change.clone(), refusal.clone())?;
            more(db)
        })
    })
    .await?;
    changed(account);
    Ok(())
}

/// Tries a refused change again, as a new one made of what stands now, and with these values where some are
/// given. `None` when it is not under "needs attention".
///
/// # Errors
/// [`StoreError`]: nothing happened.
pub async fn retry(account: &Account, refused: IntentId, values: Option<Map<String, Value>>, was: Was) -> Result<Option<Result<(), Refusal>>, StoreError> {
    let now = account.clock.moment();
    let new = IntentId(chance::fresh_uuid(now.at));
    let tried = on_worker(&account.store, move |store| {
        store.edit(|db| {
            let mut replica = Open(db);
            let entry = replica.entry(refused)?;
            if let Some(entry) = &entry
                && let Err(refusal) = was.still(shown(db, &entry.intent.change)?.as_ref())
            {
                return Ok(Some(Err(refusal)));
            }
            let change = match (entry, &values) {
                (Some(entry), Some(values)) => match attention::corrected(&entry.intent.change, values) {
                    Ok(change) => Some(change),
                    Err(refusal) => return Ok(Some(Err(refusal))),
                },
                _ => None,
            };
            client::retry_as(&mut replica, refused, change, new, now)
        })
    })
    .await?;
    changed(account);
    Ok(tried.map(|tried| tried.map(drop)))
}

/// Gives a refused change up, with the files of a record. `false` when it is not under "needs attention".
///
/// # Errors
/// [`StoreError`]: nothing happened.
pub async fn discard(account: &Account, refused: IntentId) -> Result<bool, StoreError> {
    let now = account.clock.now();
    let discarded = on_worker(&account.store, move |store| {
        store.edit(|db| {
            let mut replica = Open(db);
            let given_up = replica.entry(refused)?.filter(|entry| entry.state.name() == "attention").map(|entry| entry.intent.change);
            if let Some(Change::AttemptRecord(record)) = given_up {
                files::give_up(db, record.id, clock::of_server(db)?)?;
            }
            client::discard(&mut replica, refused, now)
        })
    })
    .await?;
    changed(account);
    // A whole round: the server says whether it has the attempt all the same.
    account.wake.notify_one();
    Ok(discarded)
}

/// The lists show it, the indicator counts it, the driver sends it.
fn changed(account: &Account) {
    for entity in ["site", "model", "device", "attempt"] {
        account.events.tell(Event::Data { entity });
    }
    account.events.tell(Event::Sync);
    account.edited.notify_one();
}

/// Runs something on the account's store where it holds up nobody.
async fn on<T: Send + 'static>(account: &Account, work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static) -> Result<T, Failure> {
    Ok(on_worker(&account.store, work).await?)
}
