//! The invariants of SYNC.md section 2, by number, once the weather is good and everybody has synchronized.
//!
//! What is wrong is listed, not thrown: a run with a planted bug shows which of them sees it.
//! Deliberately not here: 7, which must hold at every moment (`watch`).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::Path,
    time::Duration,
};

use omniot_shared::{
    ids::{AttemptId, ClientId, DeviceId, IntentId, ModelId, SiteId, TenantId},
    sync::{
        Row, RowKey, SyncedRow, Table,
        client::{Entry, State},
        frame::{FrameReader, MAGIC},
        intent::Change,
        receipt::{Outcome, Receipt},
        wire::{Frame, PushRequest, PushResponse, SCHEMA},
    },
    time::{Clock as _, SystemClock},
};
use omniot_tests::world::Actor;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    cast::{CANARY, Cast, Hand},
    ledger::{Pages, Write},
    watch::db_outbox,
};

/// How long healthy apps are left alone to see what they ask by themselves.
const QUIET: Duration = Duration::from_secs(3);
/// So many requests an app may make meanwhile: far fewer than a storm of retries, and enough for one
/// round that happens to be due.
const ASKED_IN_QUIET: u64 = 8;
/// So many requests a second an app may make in bad weather, where each edit, poke and failure is a reason for some.
const ASKED_A_SECOND: u64 = 40;

/// So many intents are pushed together when all are pushed again: fewer than a push may hold.
const TOGETHER: usize = 50;

/// One app and everything that is known of it.
struct Known<'c> {
    hand: &'c Hand,
    pages: Pages,
    entries: Vec<Entry>,
    client: ClientId,
    tenant: TenantId,
    receipts: HashMap<IntentId, Receipt>,
}

/// All that hold at rest; what is wrong.
pub async fn hold_at_rest(cast: &mut Cast) -> Vec<String> {
    let mut found = requests_are_bounded(&cast.hands).await;
    let rows = pulled(&cast.owner).await;
    let audit = cast.owner.all("/v1/audit").await;
    let mut all = Vec::new();
    for hand in &cast.hands {
        found.extend(replica_converges(hand, &rows).await);
        let (entries, meta) = db_outbox(hand);
        let mut known = Known { hand, pages: hand.ledger.pages(), entries, client: meta.client_id, tenant: meta.tenant, receipts: HashMap::new() };
        found.extend(known.pages.odd.iter().map(|odd| format!("2: {odd}")));
        known.receipts = replayed(&known, &mut found).await;
        found.extend(no_intent_is_lost(&known));
        found.extend(order_is_kept(&known));
        all.push(known);
    }
    found.extend(replays_changed_nothing(cast, &rows, &audit).await);
    found.extend(effects_happened_once(&all, &cast.staff.ledger.pages(), &audit));
    found.extend(attempts_are_whole(&all, &rows));
    found.extend(neighbours_are_unseen(&cast.hands));
    found.extend(audit_chains_verify(cast).await);
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

/// 3 Exactly once: everything an app ever recorded is pushed again; the receipts that come back.
async fn replayed(known: &Known<'_>, found: &mut Vec<String>) -> HashMap<IntentId, Receipt> {
    let name = known.hand.name;
    let intents: Vec<_> = known.entries.iter().map(|entry| entry.intent.clone()).collect();
    if !intents.iter().enumerate().all(|(at, intent)| intent.n == at as u64 + 1 && intent.client_id == known.client) {
        found.push(format!("7: {name} has numbered its intents anew, and nobody gave it a reason to"));
        return HashMap::new();
    }
    let mut receipts = HashMap::new();
    for part in intents.chunks(TOGETHER) {
        let push = PushRequest { schema: SCHEMA, client_id: known.client, now: SystemClock.now(), intents: part.to_vec() };
        let answer = known.hand.actor.request(Method::POST, "/v1/sync/push").json(&push).send().await.expect("the server answers");
        let text = answer.text().await.expect("an answer");
        match serde_json::from_str::<PushResponse>(&text) {
            Ok(answer) => receipts.extend(answer.receipts.into_iter().map(|receipt| (receipt.intent_id, receipt))),
            Err(_) => found.push(format!("3: what {name} has pushed, pushed again, is answered {text}")),
        }
    }
    receipts
}

/// 3 Exactly once, after [`replayed`]: not a row, not a line of the audit log more.
async fn replays_changed_nothing(cast: &Cast, rows: &BTreeMap<RowKey, SyncedRow>, audit: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    if pulled(&cast.owner).await != *rows {
        found.push("3: pushing everything again has changed rows".to_owned());
    }
    let (before, after) = (audit.len(), cast.owner.all("/v1/audit").await.len());
    if before != after {
        found.push(format!("3: pushing everything again has added {} lines to the audit log", after - before));
    }
    found
}

/// 2 No lost intent: what somebody was told is saved has its one receipt, or needs attention; and there is nothing else.
fn no_intent_is_lost(known: &Known<'_>) -> Vec<String> {
    let (name, mut found) = (known.hand.name, Vec::new());
    let bodies: Vec<(&Entry, String)> = known.entries.iter().map(|entry| (entry, serde_json::to_string(&entry.intent.change).expect("a change is JSON"))).collect();
    let mut accounted: BTreeSet<IntentId> = BTreeSet::new();
    for write in &known.pages.writes {
        let of_it: Vec<_> = bodies.iter().filter(|(entry, body)| entry.intent.change.kind() == write.kind && body.contains(&write.words)).collect();
        accounted.extend(of_it.iter().map(|(entry, _)| entry.intent.id));
        if of_it.len() > 1 || (write.answered && of_it.is_empty()) {
            found.push(format!("2: {} of {name}, {}, is recorded {} times", write.kind, write.words, of_it.len()));
        }
    }
    let mut untold = 0;
    for (entry, body) in &bodies {
        if let Change::AttemptRecord(attempt) = &entry.intent.change {
            let is_known = known.pages.commissions.iter().any(|begun| begun.attempt.as_deref() == Some(attempt.id.to_string().as_str()));
            untold += usize::from(!is_known);
        } else if !accounted.contains(&entry.intent.id) && !known.pages.commissions.iter().any(|begun| body.contains(&begun.words)) {
            found.push(format!("2: nobody asked {name} for {body}"));
        }
    }
    for begun in known.pages.commissions.iter().filter_map(|begun| begun.attempt.as_deref()) {
        let records = bodies.iter().filter(|(entry, _)| matches!(&entry.intent.change, Change::AttemptRecord(attempt) if attempt.id.to_string() == begun)).count();
        if records != 1 {
            found.push(format!("2: {name} began {begun}, and there are {records} records of it"));
        }
    }
    if untold > known.pages.commissions.iter().filter(|begun| begun.attempt.is_none()).count() {
        found.push(format!("2: {name} has records of {untold} commissions that nobody began"));
    }
    found.extend(known.entries.iter().filter_map(|entry| wrong_state(known, entry)));
    found
}

/// What is wrong with how far an intent has come; what was told is what the server keeps.
fn wrong_state(known: &Known<'_>, entry: &Entry) -> Option<String> {
    let (name, id) = (known.hand.name, entry.intent.id);
    let held = match &entry.state {
        State::Waiting | State::Deferred(_) | State::Done { receipt: None, .. } => return Some(format!("2: {id} of {name} is {}", entry.state.name())),
        State::Accepted(receipt) | State::Attention(receipt) | State::Done { receipt: Some(receipt), .. } => receipt,
    };
    if held.outcome.is_accepted() == matches!(entry.state, State::Attention(_)) {
        return Some(format!("2: {id} of {name} is {} with {:?}", entry.state.name(), held.outcome));
    }
    match known.receipts.get(&id) {
        Some(kept) if kept.outcome == held.outcome => None,
        kept => Some(format!("2: {name} holds {:?} for {id}, and the server {:?}", held.outcome, kept.map(|kept| &kept.outcome))),
    }
}

/// 4 Order: what a client did later did not take effect earlier, and nothing before what it depends on.
fn order_is_kept(known: &Known<'_>) -> Vec<String> {
    let (name, mut found, mut last) = (known.hand.name, Vec::new(), 0);
    for entry in &known.entries {
        let Some(receipt) = known.receipts.get(&entry.intent.id) else { continue };
        if receipt.seq.0 < last {
            found.push(format!("4: {} of {name} took effect at {}, one before it at {last}", entry.intent.id, receipt.seq.0));
        }
        last = receipt.seq.0;
        let parents = entry.intent.depends_on.iter().filter_map(|parent| known.receipts.get(parent));
        let early = parents.filter(|parent| receipt.outcome.is_accepted() && (!parent.outcome.is_accepted() || parent.seq > receipt.seq));
        found.extend(early.map(|parent| format!("4: {} of {name} came before {}", entry.intent.id, parent.intent_id)));
    }
    found
}

/// How many lines of the audit log an outcome stands for, at least and at most.
const fn lines(change: &Change, outcome: &Outcome) -> (usize, usize) {
    match (outcome, change) {
        (Outcome::Applied, _) => (1, 1),
        // Two people who made one device have changed nothing.
        (Outcome::Merged { .. }, Change::DeviceCreate(_)) => (0, 0),
        // What was left of it may be what stands there: the device is at that site already.
        (Outcome::Merged { .. }, _) => (0, 1),
        _ => (0, 0),
    }
}

/// 3 Exactly once: for each row and kind of change the audit log has a line for each that was accepted, and no other.
fn effects_happened_once(all: &[Known<'_>], staff: &Pages, audit: &[Value]) -> Vec<String> {
    let mut expected: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
    for known in all {
        for entry in &known.entries {
            let Some(receipt) = known.receipts.get(&entry.intent.id) else { continue };
            let (least, most) = lines(&entry.intent.change, &receipt.outcome);
            let about = expected.entry((entry.intent.change.kind().to_owned(), target(known, entry))).or_default();
            *about = (about.0 + least, about.1 + most);
        }
    }
    for Write { kind, target, answered, .. } in staff.writes.iter().filter(|write| write.kind != "refused") {
        let about = expected.entry(((*kind).to_owned(), target.clone())).or_default();
        // Nobody knows whether what was not answered has happened.
        *about = (about.0 + usize::from(*answered), about.1 + 1);
    }
    let text = |line: &Value, path| line.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut there: BTreeMap<(String, String), usize> = BTreeMap::new();
    for line in audit {
        *there.entry((text(line, "/action"), text(line, "/target/id"))).or_default() += 1;
    }
    let wrong = expected.into_iter().filter_map(|(about, (least, most))| {
        let lines = there.get(&about).copied().unwrap_or_default();
        (lines < least || lines > most).then(|| format!("3: {} of {} happened {lines} times; {least} to {most} were accepted", about.0, about.1))
    });
    wrong.collect()
}

/// The id of the row that an intent is about.
fn target(known: &Known<'_>, entry: &Entry) -> String {
    let key = entry.intent.change.target(known.tenant);
    match key.table {
        Table::Site => SiteId(key.id).to_string(),
        Table::Model => ModelId(key.id).to_string(),
        Table::Device => DeviceId(key.id).to_string(),
        Table::Attempt => AttemptId(key.id).to_string(),
    }
}

/// 13 Evidence: every attempt that was accepted stands at the server as it was recorded, and no other does.
fn attempts_are_whole(all: &[Known<'_>], rows: &BTreeMap<RowKey, SyncedRow>) -> Vec<String> {
    let mut found = Vec::new();
    let mut kept: BTreeMap<String, &omniot_shared::entities::Attempt> = BTreeMap::new();
    for synced in rows.values() {
        if let Row::Attempt(attempt) = &synced.row {
            kept.insert(attempt.id.to_string(), attempt);
        }
    }
    for known in all {
        for entry in &known.entries {
            let Change::AttemptRecord(made) = &entry.intent.change else { continue };
            let stands = kept.remove(made.id.to_string().as_str());
            if stands != Some(made) {
                found.push(format!("13: {} recorded {made:?}, and the server has {stands:?}", known.hand.name));
            }
        }
    }
    found.extend(kept.keys().map(|id| format!("13: nobody recorded {id}")));
    found
}

/// 9 Isolation: what only the neighbour's rows say was never on these apps' wires, and is in none of their files.
fn neighbours_are_unseen(hands: &[Hand]) -> Vec<String> {
    let mut found = Vec::new();
    for hand in hands {
        let heard = hand.relay.heard();
        if !heard.iter().any(|body| body.contains("Machine room")) {
            found.push(format!("9: what {} was sent cannot be read: not even its own rows are in it", hand.name));
        }
        found.extend(heard.iter().filter(|body| body.contains(CANARY)).map(|body| format!("9: {} was sent {body}", hand.name)));
        found.extend(files_with(hand.phone.folder(), CANARY).into_iter().map(|file| format!("9: {} has the neighbour's rows in {file}", hand.name)));
    }
    found
}

fn files_with(folder: &Path, words: &str) -> Vec<String> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read(&path).is_ok_and(|bytes| bytes.windows(words.len()).any(|window| window == words.as_bytes())) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

/// Nobody has rewritten what happened.
async fn audit_chains_verify(cast: &Cast) -> Vec<String> {
    let mut found = Vec::new();
    for tenant in ["northlift", "verdant"] {
        let output = cast.world.server.omniot(&["audit", "verify", tenant]).await;
        if !output.status.success() {
            found.push(format!("3: omniot audit verify {tenant}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)));
        }
    }
    found
}
