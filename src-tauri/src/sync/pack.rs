//! Keeps the pack of claim grants full, so that a technician without a network does not run out; the releases that
//! other organizations gave come with it.
//!
//! A round never fails because the server refuses it: an older one knows of no pack, and one that stumbles may not next
//! time. Deliberately not here: what becomes of a grant (`store::grants`).

use base64::{Engine, engine::general_purpose::STANDARD};
use omniot_shared::{
    claim::{Grant, Letter, SignedGrant},
    roles::Permission,
    time::Millis,
};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{Failure, on};
use crate::{
    accounts::Account,
    store::{grants, releases},
    transport::{Server, Trouble, Unreachable},
};

/// So many the server keeps for one replica, those included that it has not heard of being used.
const FULL: u32 = 100;
/// With fewer free ones than this, more are fetched: nobody knows which round is the last before a day without a network.
const LOW: u32 = 90;
/// When the server had no more to give, it is asked again only after so many more were used.
const STEP: u32 = 10;
/// One that ends sooner counts as none: a day without a network is usual.
const USEFUL_MS: i64 = 24 * 3_600_000;

/// The answer of `POST /v1/grants/pack`; the key that signed them stands in each grant.
#[derive(Deserialize)]
struct Pack {
    grants: Vec<String>,
    /// Of a server that is older than they are, none.
    #[serde(default)]
    releases: Vec<String>,
}

/// Fetches grants when they run low or may be good no longer, and the person may commission. `left` is how many there were after the
/// last time, `None` when that says nothing any more.
///
/// # Errors
/// [`Failure`]; what was there stays.
pub async fn fill(account: &Account, server: &Server, left: &mut Option<u32>) -> Result<(), Failure> {
    if !account.me().person.role.may(Permission::DeviceCommission) {
        return Ok(());
    }
    let now: Millis = account.server_now();
    let free = on(account, move |store| store.read(|db| grants::count_free(db, now.plus(USEFUL_MS)))).await?;
    if !is_low(free, *left) {
        return Ok(());
    }
    on(account, move |store| store.note(|db| grants::forget_ended(db, now))).await?;
    // The whole that is wished for: the server knows how much of it this replica has.
    let body = json!({"client_id": account.client(), "count": FULL});
    let pack: Pack = match server.fetch(Method::POST, "/v1/grants/pack", Some(&body)).await {
        Ok(pack) => pack,
        Err(Trouble::Refused { status, code, .. }) => {
            tracing::warn!(status, code, "the server gives no grants now");
            // It is asked again when some were used, or in a while.
            *left = Some(free);
            return Ok(());
        }
        Err(trouble) => return Err(trouble.into()),
    };
    let read: Option<Vec<_>> = pack.grants.iter().map(|text| read(text)).collect();
    let mut read = read.ok_or(Failure::Trouble(Trouble::Offline(Unreachable::SomebodyElse)))?;
    let tenant = account.me().tenant.id;
    read.retain(|(grant, _)| grant.tenant == tenant);
    // One that cannot be read is of no use; the grants are.
    let letters: Vec<_> = pack.releases.iter().filter_map(|text| Letter::parse(text).ok()).collect();
    let added = on(account, move |store| {
        store.edit(|db| {
            grants::take_in(db, &read)?;
            releases::take_in(db, &letters, now)?;
            grants::count_free(db, now.plus(USEFUL_MS))
        })
    });
    *left = Some(added.await?);
    Ok(())
}

/// Whether to ask for more, with so many free ones now and so many `left` after the last time.
const fn is_low(free: u32, left: Option<u32>) -> bool {
    match left {
        // Some may have been taken back meanwhile, however many there are.
        None => true,
        _ if free >= LOW => false,
        Some(left) => free + STEP <= left,
    }
}

fn read(text: &str) -> Option<(Grant, SignedGrant)> {
    let signed = SignedGrant(STANDARD.decode(text).ok()?);
    Some((signed.read().ok()?, signed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_is_filled_long_before_it_is_empty_and_not_asked_for_in_vain() {
        assert!(is_low(FULL, None), "the server is asked now and then which are still good");
        assert!(!is_low(LOW, Some(FULL)) && is_low(LOW - 1, Some(FULL)), "half a pack is no stock for a day without a network");
        assert!(!is_low(55, Some(60)), "the server had no more just now");
        assert!(is_low(50, Some(60)));
    }

    #[tokio::test]
    async fn a_server_that_gives_no_grants_ends_no_round_and_is_not_asked_with_each() {
        use std::{sync::{Arc, atomic::{AtomicU32, Ordering}}, time::Duration};

        use crate::sync::testing::{account, refuses, server};

        for (status, code) in [(404, "not_found"), (500, "internal")] {
            let (folder, asked) = (tempfile::tempdir().unwrap(), Arc::new(AtomicU32::new(0)));
            let heard = asked.clone();
            let origin = server(Duration::ZERO, move |_, _| {
                heard.fetch_add(1, Ordering::SeqCst);
                refuses(status, code)
            });
            let account = account(folder.path(), &origin.await);
            let mut left = None;
            for _ in 0..3 {
                fill(&account, &account.server().unwrap(), &mut left).await.unwrap();
            }
            assert_eq!(asked.load(Ordering::SeqCst), 1, "{status}");
        }
    }
}
