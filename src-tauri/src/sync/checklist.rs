//! Keeps the organization's checklist at hand for who commissions without a network.
//!
//! A round never fails because of it: a server that does not know of checklists has none.
//! Deliberately not here: what is answered (files of attempts, [`super::attachments`]).

use std::time::Duration;

use omniot_shared::roles::Permission;
use reqwest::Method;
use serde_json::Value;
use tokio::time::Instant;

use super::{Failure, on};
use crate::{
    accounts::Account,
    events::Event,
    store::{StoreError, checklist::{self, Kept}, on_worker},
    transport::{Server, Trouble},
};

/// Where it is.
pub const PATH: &str = "/v1/checklist";
/// It is asked for again after so long.
const OFTEN: Duration = Duration::from_secs(15 * 60);

/// Fetches it when that was long ago or not in this run (`asked`), for a person who may commission.
///
/// # Errors
/// [`Failure`]; what was there stays.
pub async fn fill(account: &Account, server: &Server, asked: &mut Option<Instant>) -> Result<(), Failure> {
    let is_due = asked.is_none_or(|at| at.elapsed() >= OFTEN);
    if !is_due || !account.me().person.role.may(Permission::DeviceCommission) {
        return Ok(());
    }
    match server.fetch::<Value>(Method::GET, PATH, None).await {
        Ok(answer) => keep(account, &answer).await?,
        Err(Trouble::Refused { status, code, .. }) => tracing::info!(status, code, "the server gives no checklist now"),
        Err(trouble) => return Err(trouble.into()),
    }
    *asked = Some(Instant::now());
    Ok(())
}

/// Keeps what the server answered. What this version cannot read is left aside.
///
/// # Errors
/// [`StoreError`]; what was there stays.
pub async fn keep(account: &Account, answer: &Value) -> Result<(), StoreError> {
    let kept: Kept = match serde_json::from_value(answer.clone()) {
        Ok(kept) => kept,
        Err(error) => {
            tracing::warn!(%error, "the checklist cannot be read by this version; the one before stays");
            return Ok(());
        }
    };
    let now = account.clock.now();
    if on_worker(&account.store, move |store| store.note(|db| checklist::keep(db, &kept, now))).await? {
        account.events.tell(Event::Data { entity: "checklist" });
    }
    Ok(())
}

/// How long until a record of checks may go that waits for the next edit.
pub(super) async fn rests_for(account: &Account) -> Option<Duration> {
    let now = account.clock.now();
    let rests = on(account, move |store| store.read(|db| crate::store::checks::rests_for(db, now))).await.ok().flatten()?;
    Some(Duration::from_millis(rests.unsigned_abs()))
}
