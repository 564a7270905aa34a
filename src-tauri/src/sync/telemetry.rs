//! Fetches the last day of what devices measured, while rounds rest: a technician sees the curve without a network.
//!
//! It begins after a good round, ends when the next one begins or the network fails, and wakes nobody. What came
//! is kept, so the next time goes on from there. Devices that somebody looked at or commissioned lately come
//! first and are asked for often.
//! Deliberately not here: the file (`store::window`), and the door that reads it.

use std::{collections::HashMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_shared::{
    ids::DeviceId,
    sync::{RowKey, Table},
    telemetry::{Chunk, DEVICES_LIMIT, DeviceMark, HOUR_MS, PackedChunk, TelemetryNews, WINDOW_MS, WantedTelemetry, hour_of},
    time::Millis,
};
use reqwest::Method;

use super::{Failure, on, round::value, wishes};
use crate::{
    accounts::Account,
    store::{
        Store, StoreError, rows,
        window::{self, Held},
    },
    transport::Trouble,
};

/// After so many packed bytes the rest waits for another round.
const ROUND_BYTES: usize = 512 * 1024;
/// What an account's chunks may take.
const ACCOUNT_BYTES: i64 = 8 * 1024 * 1024;
/// With more than this no further devices are begun.
const ROOM_BYTES: i64 = ACCOUNT_BYTES / 4 * 3;
/// Devices that somebody cared about within so long come first.
const RECENT_MS: i64 = 7 * 24 * HOUR_MS;
/// They are asked for so often, all others once an hour.
const OFTEN_MS: i64 = 5 * 60_000;
/// The same, as the driver waits.
pub(super) const OFTEN: Duration = Duration::from_millis(OFTEN_MS.unsigned_abs());
/// After a full disk or a refusal nothing is tried for so long.
const REST_MS: i64 = HOUR_MS;

/// Fetches what is due. Whatever goes wrong is no trouble of synchronization.
pub async fn keep_up(account: &Account) {
    let failure = match catch_up(account).await {
        Ok(()) => return,
        Err(failure) => failure,
    };
    tracing::debug!(%failure, "telemetry waits for another round");
    let window = &account.store.window;
    if matches!(failure, Failure::Store(StoreError::DiskFull)) {
        window.give_up();
    }
    if matches!(failure, Failure::Store(_) | Failure::Trouble(Trouble::Refused { .. })) {
        window.rest_until(account.server_now().plus(REST_MS));
    }
}

async fn catch_up(account: &Account) -> Result<(), Failure> {
    // Whatever is fetched or not, and after a crash too.
    on(account, |store| {
        forget_departed(store);
        Ok(())
    })
    .await?;
    if account.wishes.now().paused || wishes::saves_data(account).await {
        return Ok(());
    }
    let (server, now) = (account.server()?, account.server_now());
    let from = hour_of(now.plus(-WINDOW_MS));
    let wanted = on(account, move |store| prepare(store, now)).await?;
    let mut left = ROUND_BYTES;
    for part in wanted.chunks(DEVICES_LIMIT) {
        let mut devices = part.to_vec();
        loop {
            let body = value(&WantedTelemetry { from, devices: devices.clone() })?;
            let news: TelemetryNews = server.fetch(Method::POST, "/v1/telemetry", Some(&body)).await?;
            let (more, came) = (news.more && !news.chunks.is_empty(), news.chunks.iter().map(|chunk| chunk.content.len()).sum());
            advance(&mut devices, &news.chunks);
            let asked = devices.clone();
            on(account, move |store| take_in(store, &news, &asked)).await?;
            left = left.saturating_sub(came);
            if left == 0 {
                return Ok(());
            }
            if !more {
                break;
            }
        }
    }
    Ok(())
}

/// The marks after what was received.
fn advance(devices: &mut [DeviceMark], chunks: &[PackedChunk]) {
    for mark in devices {
        // In order of `rev`, and after a restore of the server lower than before.
        mark.rev = chunks.iter().rfind(|chunk| chunk.device_id == mark.id).map_or(mark.rev, |chunk| chunk.rev);
    }
}

fn take_in(store: &Store, news: &TelemetryNews, asked: &[DeviceMark]) -> Result<(), StoreError> {
    store.window.write(|db| {
        for chunk in &news.chunks {
            let is_asked = asked.iter().any(|mark| mark.id == chunk.device_id);
            let content = STANDARD.decode(&chunk.content).ok().filter(|content| Chunk::decode(content).is_ok());
            match content {
                Some(content) if is_asked => window::put(db, chunk.device_id, chunk.hour, &content)?,
                _ => tracing::debug!(device.id = %chunk.device_id, "a chunk of telemetry cannot be read; it is passed over"),
            }
        }
        for mark in asked {
            window::received(db, mark.id, mark.rev)?;
            if !news.more {
                window::complete(db, mark.id, news.as_of)?;
            }
        }
        Ok(())
    })
}

/// Forgets what is old or too much, and says what to ask for.
fn prepare(store: &Store, now: Millis) -> Result<Vec<DeviceMark>, StoreError> {
    if store.window.rests(now) {
        return Ok(Vec::new());
    }
    let reporting = store.read(|db| window::reporting(db))?;
    store.window.write(|db| {
        window::forget_before(db, hour_of(now.plus(-WINDOW_MS)))?;
        let plan = plan(&reporting, &window::held(db)?, now);
        plan.evicted.iter().try_for_each(|device| window::evict(db, *device))?;
        Ok(plan.wanted)
    })
}

/// Forgets devices that are not in the replica any more. When that fails, everything goes.
pub fn forget_departed(store: &Store) {
    let forget = || -> Result<(), StoreError> {
        let held = store.window.read(window::held)?;
        let is_gone = |id: &DeviceId| store.read(|db| Ok(rows::seq(db, RowKey { table: Table::Device, id: id.0 })?.is_none()));
        let mut gone = Vec::new();
        for id in held.into_keys() {
            if is_gone(&id)? {
                gone.push(id);
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        store.window.write(|db| gone.iter().try_for_each(|id| window::forget(db, *id)))?;
        store.window.settle();
        Ok(())
    };
    if let Err(error) = forget() {
        tracing::warn!(%error, "telemetry of departed devices cannot be told apart; all of it is given up");
        store.window.give_up();
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    wanted: Vec<DeviceMark>,
    evicted: Vec<DeviceId>,
}

/// What to ask for in which order, and what to take away, with these devices and their latest attempts.
fn plan(reporting: &[(DeviceId, i64)], held: &HashMap<DeviceId, Held>, now: Millis) -> Plan {
    let of = |id: &DeviceId| held.get(id).copied().unwrap_or_default();
    let mut devices: Vec<_> = reporting.iter().map(|(id, attempted_at)| (of(id).viewed_at.max(*attempted_at), *id)).collect();
    devices.sort_by_key(|(cared_at, id)| (std::cmp::Reverse(*cared_at), id.0));
    let (mut plan, mut used) = (Plan::default(), 0);
    for (cared_at, id) in devices {
        let known = of(&id);
        used += known.bytes;
        if used > ACCOUNT_BYTES {
            plan.evicted.extend((known.bytes > 0).then_some(id));
            continue;
        }
        let is_recent = now.0 - cared_at < RECENT_MS;
        let is_due = now.0 - known.as_of >= if is_recent { OFTEN_MS } else { HOUR_MS };
        if is_due && (known.bytes > 0 || used < ROOM_BYTES) {
            plan.wanted.push(DeviceMark { id, rev: known.rev });
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const NOW: Millis = Millis(1_790_000_000_000);

    fn id(n: u128) -> DeviceId {
        DeviceId(Uuid::from_u128(n))
    }

    fn held(viewed_ago: i64, asked_ago: i64, bytes: i64) -> Held {
        Held { rev: 7, as_of: NOW.0 - asked_ago, viewed_at: NOW.0 - viewed_ago, bytes }
    }

    fn ids(plan: &Plan) -> Vec<u128> {
        plan.wanted.iter().map(|mark| mark.id.0.as_u128()).collect()
    }

    #[test]
    fn what_somebody_cared_about_comes_first_and_more_often() {
        let reporting = [(id(1), 0), (id(2), 0), (id(3), NOW.0 - 60_000), (id(4), 0), (id(5), 0)];
        let known = HashMap::from([(id(2), held(1000, 6 * 60_000, 10)), (id(4), held(RECENT_MS + 1, 6 * 60_000, 10)), (id(5), held(5000, 60_000, 10))]);
        let plan = plan(&reporting, &known, NOW);
        assert_eq!(ids(&plan), [2, 3, 1], "looked at, commissioned, never seen; 4 and 5 are not due yet");
        assert_eq!(plan.wanted[0].rev, 7);
    }

    #[test]
    fn what_is_too_much_goes_from_the_end_and_nothing_new_is_begun_for_it() {
        let reporting: Vec<_> = (1..=6).map(|n| (id(n), 0)).collect();
        let third = ACCOUNT_BYTES / 3;
        let known = HashMap::from([(id(1), held(1000, HOUR_MS, third)), (id(2), held(2000, HOUR_MS, third)), (id(4), held(3000, HOUR_MS, third)), (id(5), held(4000, HOUR_MS, third))]);
        let plan = plan(&reporting, &known, NOW);
        assert_eq!((ids(&plan), plan.evicted), (vec![1, 2, 4], vec![id(5)]), "5 has no room; 3 and 6 would have none");
    }
}
