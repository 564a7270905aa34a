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
    store::{grants, lists, releases},
    transport::{Server, Trouble, Unreachable},
};

/// So many are wished for, those included that the server has not heard of being used.
const FULL: u32 = 100;
/// So many the server keeps for one replica: as many as a visit has devices.
const MOST: u32 = 500;
/// With fewer free ones than all but these, more are fetched: nobody knows which round is the last before a day without a
/// network.
const SPARE: u32 = 10;
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

/// What came of the last time that grants were fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    /// So many were free then.
    left: u32,
    /// So many were wished for.
    wished: u32,
}

/// Fetches grants when they run low or may be good no longer, and the person may commission. `stock` is `None` when what came of
/// the last time says nothing any more.
///
/// # Errors
/// [`Failure`]; what was there stays.
pub async fn fill(account: &Account, server: &Server, stock: &mut Option<Stock>) -> Result<(), Failure> {
    if !account.me().person.role.may(Permission::DeviceCommission) {
        return Ok(());
    }
    let now: Millis = account.server_now();
    let visit = account.expected();
    let counted = on(account, move |store| {
        store.read(|db| {
            let planned = visit.map(|(site, _)| lists::count_planned(db, site)).transpose()?;
            Ok((grants::count_free(db, now.plus(USEFUL_MS))?, planned.unwrap_or(0)))
        })
    });
    let (free, planned) = counted.await?;
    let full = full(visit.map_or(0, |(_, labels)| labels), planned);
    if !is_low(free, *stock, full) {
        return Ok(());
    }
    on(account, move |store| store.note(|db| grants::forget_ended(db, now))).await?;
    // The whole that is wished for: the server knows how much of it this replica has.
    let ask = |count| {
        let body = json!({"client_id": account.client(), "count": count});
        async move { server.fetch::<Pack>(Method::POST, "/v1/grants/pack", Some(&body)).await }
    };
    let pack = match ask(full).await {
        // A server of before gives no more to anybody.
        Err(Trouble::Refused { status: 422, .. }) if full > FULL => ask(FULL).await,
        answered => answered,
    };
    let pack = match pack {
        Ok(pack) => pack,
        Err(Trouble::Refused { status, code, .. }) => {
            tracing::warn!(status, code, "the server gives no grants now");
            // It is asked again when some were used, or in a while.
            *stock = Some(Stock { left: free, wished: full });
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
    *stock = Some(Stock { left: added.await?, wished: full });
    Ok(())
}

/// How many are wished for, with so many labels of a visit that wait and so many devices that are planned at its site. A
/// device may take a second one, and others come along.
fn full(labels: u32, planned: u32) -> u32 {
    labels.saturating_add(planned).saturating_add(SPARE).clamp(FULL, MOST)
}

/// Whether to ask for more, with so many free ones now, what came of the last time, and a `full` pack of so many.
const fn is_low(free: u32, stock: Option<Stock>, full: u32) -> bool {
    match stock {
        // Some may have been taken back meanwhile, however many there are.
        None => true,
        _ if free + SPARE >= full => false,
        Some(stock) => full > stock.wished || free + STEP <= stock.left,
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
        let stock = |left, wished| Some(Stock { left, wished });
        assert!(is_low(FULL, None, FULL), "the server is asked now and then which are still good");
        assert!(!is_low(90, stock(FULL, FULL), FULL) && is_low(89, stock(FULL, FULL), FULL), "half a pack is no stock for a day without a network");
        assert!(!is_low(55, stock(60, FULL), FULL), "the server had no more just now");
        assert!(is_low(50, stock(60, FULL), FULL));
        assert!(is_low(FULL, stock(FULL, FULL), 300), "a large visit is ahead");
        assert!(!is_low(FULL, stock(FULL, 300), 300), "and the server gives no more");
    }

    #[test]
    fn a_pack_follows_the_visit_that_is_ahead_up_to_the_most_that_one_holds() {
        for (labels, planned, expected) in [(0, 0, FULL), (90, 0, FULL), (60, 60, 130), (300, 0, 310), (u32::MAX, u32::MAX, MOST)] {
            assert_eq!(full(labels, planned), expected, "{labels} labels, {planned} planned");
        }
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
