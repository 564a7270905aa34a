//! 2 no lost intent, 3 exactly once, 4 order: what became of each intent that an app ever recorded.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use omniot_shared::{
    ids::{AttemptId, BookmarkId, ClientId, DeviceId, IntentId, ModelId, SiteId, TenantId},
    sync::{
        RowKey, SyncedRow, Table,
        client::{Entry, State, words_of},
        intent::Change,
        receipt::{Outcome, Receipt},
        wire::{PushRequest, PushResponse, SCHEMA},
    },
    time::{Clock as _, SystemClock},
};
use reqwest::Method;
use serde_json::Value;

use super::pulled;
use crate::{
    cast::{Cast, Hand},
    ledger::{Pages, Write},
    watch::db_outbox,
};

/// So many intents are pushed together when all are pushed again: fewer than a push may hold.
const TOGETHER: usize = 50;

/// One app and everything that is known of it.
pub struct Known<'c> {
    pub hand: &'c Hand,
    pages: Pages,
    pub entries: Vec<Entry>,
    client: ClientId,
    tenant: TenantId,
    receipts: HashMap<IntentId, Receipt>,
}

impl<'c> Known<'c> {
    /// What is known of that app, and what its receipts are when it pushes everything again.
    pub async fn of(hand: &'c Hand, found: &mut Vec<String>) -> Self {
        let (mut entries, meta) = db_outbox(hand);
        // Words that lost are kept beside what was recorded, and go nowhere by themselves.
        let words: BTreeSet<IntentId> = entries.iter().map(|entry| words_of(entry.intent.id)).collect();
        entries.retain(|entry| !words.contains(&entry.intent.id));
        let mut known = Known { hand, pages: hand.ledger.pages(), entries, client: meta.client_id, tenant: meta.tenant, receipts: HashMap::new() };
        found.extend(known.pages.odd.iter().map(|odd| format!("2: {odd}")));
        known.receipts = replayed(&known, found).await;
        known
    }
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
        let push = PushRequest { schema: SCHEMA, client_id: known.client, now: SystemClock.now(), epoch: None, former: vec![], intents: part.to_vec() };
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
pub async fn replays_changed_nothing(cast: &Cast, rows: &BTreeMap<RowKey, SyncedRow>, audit: &[Value]) -> Vec<String> {
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
pub fn no_intent_is_lost(known: &Known<'_>) -> Vec<String> {
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
pub fn order_is_kept(known: &Known<'_>) -> Vec<String> {
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
pub fn effects_happened_once(all: &[Known<'_>], staff: &Pages, audit: &[Value]) -> Vec<String> {
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
    // An edit that was overtaken in full is told of, and has not happened.
    let happened = |line: &&Value| line.pointer("/detail/overtaken").is_none() || line.pointer("/detail/fields").and_then(Value::as_array).is_none_or(|fields| !fields.is_empty());
    for line in audit.iter().filter(happened) {
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
        Table::Bookmark => BookmarkId(key.id).to_string(),
    }
}
