//! Keeps the pack of claim grants full, so that a technician without a network does not run out.
//!
//! Deliberately not here: what becomes of a grant (`store::grants`).

use base64::{Engine, engine::general_purpose::STANDARD};
use omniot_shared::{
    claim::{Grant, SignedGrant},
    roles::Permission,
    time::Millis,
};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{Failure, on};
use crate::{
    accounts::Account,
    store::grants,
    transport::{Server, Trouble, Unreachable},
};

/// With fewer free ones than this, more are fetched …
const LOW: u32 = 50;
/// … up to this many.
const FULL: u32 = 100;
/// One that ends sooner counts as none: a day without a network is usual.
const USEFUL_MS: i64 = 24 * 3_600_000;

/// The answer of `POST /v1/grants/pack`; the key that signed them stands in each grant.
#[derive(Deserialize)]
struct Pack {
    grants: Vec<String>,
}

/// Fetches grants when they run low and the person may commission.
///
/// # Errors
/// [`Failure`]; what was there stays.
pub async fn fill(account: &Account, server: &Server) -> Result<(), Failure> {
    if !account.me().person.role.may(Permission::DeviceCommission) {
        return Ok(());
    }
    let now: Millis = account.server_now();
    let free = on(account, move |store| {
        store.apply(|db| {
            grants::forget_ended(db, now)?;
            grants::count_free(db, now.plus(USEFUL_MS))
        })
    })
    .await?;
    if free >= LOW {
        return Ok(());
    }
    let body = json!({"client_id": account.client(), "count": FULL - free});
    let pack: Pack = server.fetch(Method::POST, "/v1/grants/pack", Some(&body)).await?;
    let read: Option<Vec<_>> = pack.grants.iter().map(|text| read(text)).collect();
    let mut read = read.ok_or(Failure::Trouble(Trouble::Offline(Unreachable::SomebodyElse)))?;
    let tenant = account.me().tenant.id;
    read.retain(|(grant, _)| grant.tenant == tenant);
    on(account, move |store| store.edit(|db| grants::add(db, &read))).await
}

fn read(text: &str) -> Option<(Grant, SignedGrant)> {
    let signed = SignedGrant(STANDARD.decode(text).ok()?);
    Some((signed.read().ok()?, signed))
}
