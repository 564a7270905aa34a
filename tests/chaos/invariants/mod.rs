//! The invariants of SYNC.md section 2, by number, once the weather is good and everybody has synchronized.
//!
//! What is wrong is listed, not thrown: a run with a planted bug shows which of them sees it.
//! Deliberately not here: 7, which must hold at every moment (`watch`).

mod evidence;
mod intents;

use std::{collections::BTreeMap, time::Duration};

use omniot_shared::{
    ids::ClientId,
    sync::{
        RowKey, SyncedRow,
        frame::{FrameReader, MAGIC},
        wire::{Frame, SCHEMA},
    },
};
use omniot_tests::world::Actor;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cast::{Cast, Hand};
use intents::Known;

/// How long healthy apps are left alone to see what they ask by themselves.
const QUIET: Duration = Duration::from_secs(3);
/// So many requests an app may make meanwhile: far fewer than a storm of retries, and enough for one
/// round that happens to be due.
const ASKED_IN_QUIET: u64 = 8;
/// So many requests a second an app may make in bad weather, where each edit, poke and failure is a reason for some.
const ASKED_A_SECOND: u64 = 40;

/// All that hold at rest; what is wrong.
pub async fn hold_at_rest(cast: &mut Cast) -> Vec<String> {
    let mut found = requests_are_bounded(&cast.hands).await;
    let rows = pulled(&cast.owner).await;
    let audit = cast.owner.all("/v1/audit").await;
    let mut all = Vec::new();
    for hand in &cast.hands {
        found.extend(replica_converges(hand, &rows).await);
        let known = Known::of(hand, &mut found).await;
        found.extend(intents::no_intent_is_lost(&known));
        found.extend(intents::order_is_kept(&known));
        all.push(known);
    }
    found.extend(intents::replays_changed_nothing(cast, &rows, &audit).await);
    found.extend(intents::effects_happened_once(&all, &cast.staff.ledger.pages(), &audit));
    found.extend(evidence::attempts_are_whole(&all, &rows));
    found.extend(evidence::neighbours_are_unseen(&cast.hands));
    found.extend(evidence::audit_chains_verify(cast).await);
    found
}

/// 14 Progress: apps that are healthy and idle leave the server alone.
async fn requests_are_bounded(hands: &[Hand]) -> Vec<String> {
    let before: Vec<u64> = hands.iter().map(|hand| hand.relay.asked()).collect();
    tokio::time::sleep(QUIET).await;
    let asked = hands.iter().zip(before).map(|(hand, before)| (hand.name, hand.relay.asked() - before));
    asked.filter(|(_, asked)| *asked > ASKED_IN_QUIET).map(|(name, asked)| format!("14: {name} asked {asked} times in {QUIET:?} with nothing to do")).collect()
}

/// 14 Progress: no storm of retries in bad weather that lasted so long.
pub fn no_retry_storm(hands: &[Hand], lasted: Duration) -> Vec<String> {
    let wild = hands.iter().filter(|hand| hand.relay.asked() > ASKED_A_SECOND * lasted.as_secs());
    wild.map(|hand| format!("14: {} asked {} times in {lasted:?} of bad weather", hand.name, hand.relay.asked())).collect()
}

/// Every row of the tenant, as a new app of this person would get it.
async fn pulled(actor: &Actor) -> BTreeMap<RowKey, SyncedRow> {
    let body = json!({"schema": SCHEMA, "client_id": ClientId(Uuid::now_v7()), "epoch": 0, "cursors": []});
    let answer = actor.request(Method::POST, "/v1/sync/pull").json(&body).send().await.expect("the server answers");
    let bytes = answer.bytes().await.expect("the pull is whole");
    let mut reader = FrameReader::default();
    reader.push(&zstd::decode_all(&bytes[MAGIC.len()..]).expect("a zstd stream"));
    let mut rows = BTreeMap::new();
    while let Some(frame) = reader.next_frame().expect("a frame") {
        if let Frame::Rows(some) = frame {
            rows.extend(some.into_iter().map(|row| (row.row.key(), row)));
        }
    }
    rows
}

/// 1 Convergence: what an app shows is what the server has, row for row, and its digest is the server's.
async fn replica_converges(hand: &Hand, rows: &BTreeMap<RowKey, SyncedRow>) -> Vec<String> {
    let mut found = Vec::new();
    let mut shown: BTreeMap<String, Value> = BTreeMap::new();
    for list in ["/v1/sites", "/v1/models", "/v1/devices", "/v1/attempts"] {
        shown.extend(hand.all(list).await.into_iter().map(|item| (item["id"].as_str().unwrap_or_default().to_owned(), item)));
    }
    for synced in rows.values() {
        let tagged = serde_json::to_value(&synced.row).expect("a row is JSON");
        let row = tagged.as_object().and_then(|tagged| tagged.values().next()).expect("a row is tagged with its kind");
        let id = row["id"].as_str().unwrap_or_default();
        let Some(item) = shown.remove(id) else {
            found.push(format!("1: {} does not have {row}", hand.name));
            continue;
        };
        let differs = row.as_object().into_iter().flatten().find(|(field, value)| item.get(*field) != Some(value));
        found.extend(differs.map(|(field, value)| format!("1: {} shows {field} of {id} as {}, not {value}", hand.name, item[field])));
    }
    found.extend(shown.values().map(|item| format!("1: {} shows {item}, which is not there", hand.name)));
    let verified = hand.phone.post("/app/sync/verify", Value::Null).await;
    if verified.body["result"] != "same" || verified.body["rows"] != rows.len() {
        found.push(format!("1: \"verify my data\" says {} to {} of {} rows", verified.body, hand.name, rows.len()));
    }
    found
}
