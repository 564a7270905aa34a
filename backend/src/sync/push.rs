//! Pushes: a client's outbox, in order, each intent answered by a receipt.
//!
//! Receipts, effects and the client's last number commit together, in the caller's transaction:
//! all of a push or nothing. A push is decided in memory and written in a few statements; only
//! when the store refuses what one of them says ([`fault`]) is it run again intent by intent, so
//! that the one at fault is quarantined and the others go through. Deliberately not here: what a change may do.

use std::collections::HashMap;

use omniot_shared::{
    ids::{ClientId, IntentId},
    roles::need,
    sync::{
        Actor, Change, Code, Outcome, Receipt, Refusal, Rows as _, Seq, Who,
        policy::{self, Edit, Found, Meeting, Why},
        server::{Arrival, arrival, as_own, corrected, decide, held_by_parent},
        upcast,
        wire::{MAX_FORMER, MAX_PUSH_INTENTS, PushResponse, SCHEMA},
    },
    time::Millis,
};
use serde::Deserialize;
use serde_json::value::RawValue;

#[cfg(feature = "seeded-leaks")]
use super::seeded::{self, Bug};
use super::{
    batch::Batch,
    fault,
    store::{self, Client, Clock, NewReceipt, StoredReceipt},
    trail::Circumstances,
};
use crate::{
    audit::Author,
    db::DbError,
    escrow::{self, Kept, Why as Reason},
    http::{ApiError, Caller},
};

/// The body of a push, read as far as is needed to give every intent a receipt: one that cannot
/// be read must not hold up the others.
#[derive(Debug, Deserialize)]
pub struct Body {
    schema: u32,
    client_id: ClientId,
    now: Millis,
    #[serde(default)]
    epoch: Option<u64>,
    #[serde(default)]
    former: Vec<ClientId>,
    intents: Vec<Raw>,
}

#[derive(Debug, Deserialize)]
struct Raw {
    client_id: ClientId,
    n: u64,
    id: IntentId,
    at: Millis,
    #[serde(default)]
    at_is_rough: bool,
    #[serde(default)]
    base: Option<Seq>,
    #[serde(default)]
    words: Option<Seq>,
    #[serde(default)]
    read: Option<String>,
    #[serde(default)]
    past_lost: bool,
    #[serde(default)]
    depends_on: Vec<IntentId>,
    change: Box<RawValue>,
}

/// Why a push as a whole is not taken.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// More than [`MAX_PUSH_INTENTS`].
    #[error("a push may hold {MAX_PUSH_INTENTS} intents at most")]
    TooMany,
    /// An intent names another client, or numbers are not contiguous.
    #[error("intents of one client, numbered without gaps, are expected")]
    Disordered {
        /// Which one.
        index: usize,
        /// What is wrong with it.
        field: &'static str,
    },
    /// One or more intents before these never arrived.
    #[error("number {expected} has to come first")]
    Gap {
        /// What has to come.
        expected: u64,
    },
    /// This client's numbers were used by a copy of it, or by somebody else.
    #[error("another copy of this client has used these numbers: take a new client id")]
    Forked,
    /// The replica has seen what another life of this server has shown.
    #[error("the server was restored from a backup: say hello first")]
    OtherEpoch,
    /// The store failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<PushError> for ApiError {
    fn from(error: PushError) -> Self {
        let detail = error.to_string();
        match error {
            PushError::TooMany => Self { detail, ..Self::too_large() },
            PushError::Disordered { index, field } => Self::invalid_field(format!("intents[{index}].{field}"), detail),
            PushError::Gap { .. } => Self::conflict("sequence_gap", detail),
            PushError::Forked => Self::conflict("client_forked", detail),
            PushError::OtherEpoch => Self::conflict("other_epoch", detail),
            PushError::Db(error) => error.into(),
        }
    }
}

/// Carries a push out; commit afterwards.
///
/// # Errors
/// [`PushError`]: nothing happened then.
pub async fn push(caller: &mut Caller<need::Sync>, body: &Body) -> Result<PushResponse, PushError> {
    check_order(body)?;
    let (person, now) = (caller.person().id, caller.now());
    let (clock, known) = store::opening(caller.scope(), Some(body.client_id)).await?;
    let (epoch, mut seq) = (clock.epoch, clock.seq);
    if body.epoch.is_some_and(|said| said != epoch) {
        return Err(PushError::OtherEpoch);
    }
    if known.is_some_and(|known| known.person != person) {
        return Err(PushError::Forked);
    }
    let last_n = known.map_or(0, |known| known.last_n);
    if let Some(first) = body.intents.first()
        && let Arrival::Gap { expected } = arrival(last_n, first.n)
    {
        return Err(PushError::Gap { expected });
    }
    let (seen, news): (Vec<&Raw>, Vec<&Raw>) = body.intents.iter().partition(|raw| arrival(last_n, raw.n) == Arrival::Replay);
    let mut receipts = replay(caller, body.client_id, &seen).await?;
    #[cfg(feature = "seeded-leaks")]
    let clock = if seeded::is(Bug::ReplayRunsAgain) && !seen.is_empty() {
        run(caller, body, &seen, &mut HashMap::new(), None).await?;
        store::opening(caller.scope(), None).await?.0
    } else {
        clock
    };
    let new_last = news.last().map_or(last_n, |raw| raw.n);
    if !news.is_empty() {
        let words = said_before(caller, &news).await?;
        let again: Vec<IntentId> = news.iter().map(|raw| raw.id).filter(|id| words.contains_key(id)).collect();
        let made;
        (made, seq) = carry_out(caller, body, &news, words, clock).await?;
        keep(caller, body.client_id, Client { person, last_n: new_last }, &made, &again).await?;
        receipts.extend(made.into_iter().map(|new| new.receipt));
    }
    Ok(PushResponse {
        epoch,
        seq,
        last_n: new_last,
        server_time: now,
        skew_ms: skew(body, now),
        receipts,
    })
}

fn check_order(body: &Body) -> Result<(), PushError> {
    if body.intents.len() > MAX_PUSH_INTENTS {
        return Err(PushError::TooMany);
    }
    let mut expected = None;
    for (index, raw) in body.intents.iter().enumerate() {
        if raw.client_id != body.client_id {
            return Err(PushError::Disordered { index, field: "client_id" });
        }
        let fits = i64::try_from(raw.n).is_ok() && raw.n > 0 && expected.is_none_or(|expected| raw.n == expected);
        if !fits {
            return Err(PushError::Disordered { index, field: "n" });
        }
        expected = Some(raw.n + 1);
    }
    Ok(())
}

const fn skew(body: &Body, now: Millis) -> i64 {
    body.now.0.saturating_sub(now.0)
}

/// Keeps the receipts and the client's last number.
async fn keep(caller: &mut Caller<need::Sync>, id: ClientId, client: Client, made: &[NewReceipt], again: &[IntentId]) -> Result<(), DbError> {
    #[cfg(feature = "seeded-leaks")]
    if seeded::shows(Bug::ReceiptApart) {
        seeded::die();
        return Ok(());
    }
    let now = caller.now();
    store::save_client(caller.scope(), id, client, now).await?;
    store::insert_receipts(caller.scope(), id, made, again, now).await
}

/// What was answered before is answered again.
async fn replay(caller: &mut Caller<need::Sync>, client: ClientId, seen: &[&Raw]) -> Result<Vec<Receipt>, PushError> {
    let (Some(first), Some(last)) = (seen.first(), seen.last()) else { return Ok(vec![]) };
    let stored = store::receipts_by_number(caller.scope(), client, first.n, last.n).await?;
    // A receipt that put an intent off was overwritten when it came again: then the last word stands for it.
    let overwritten: Vec<IntentId> = seen.iter().filter(|raw| !stored.contains_key(&raw.n)).map(|raw| raw.id).collect();
    let words = store::receipts_by_intent(caller.scope(), &overwritten).await?;
    seen.iter()
        .map(|raw| {
            let receipt = stored.get(&raw.n).or_else(|| words.get(&raw.id));
            receipt.filter(|receipt| receipt.intent == raw.id).map(|receipt| receipt.under(raw.n)).ok_or(PushError::Forked)
        })
        .collect()
}

/// What was said before about new intents and those that they depend on.
async fn said_before(caller: &mut Caller<need::Sync>, news: &[&Raw]) -> Result<HashMap<IntentId, StoredReceipt>, DbError> {
    let mut ids: Vec<IntentId> = news.iter().flat_map(|raw| raw.depends_on.iter().copied().chain([raw.id])).collect();
    ids.sort_unstable();
    ids.dedup();
    store::receipts_by_intent(caller.scope(), &ids).await
}

/// Runs new intents together; apart when the store fails on them. The tenant stands at `clock`; their receipts, and where it stands then.
async fn carry_out(caller: &mut Caller<need::Sync>, body: &Body, news: &[&Raw], mut known: HashMap<IntentId, StoredReceipt>, clock: Clock) -> Result<(Vec<NewReceipt>, Seq), PushError> {
    let mut last = clock.seq;
    caller.scope().part().await?;
    match run(caller, body, news, &mut known.clone(), Some(clock)).await {
        Ok(done) => {
            caller.scope().keep().await?;
            return Ok(done);
        }
        // Not the intents' fault: nothing of this push happened, and it comes again.
        Err(error) if !fault::is_the_intents(&error) => return Err(error.into()),
        Err(error) => {
            tracing::warn!(%error, client.id = %body.client_id, "a push failed as a whole; its intents are run one by one");
            caller.scope().undo().await?;
        }
    }
    let mut made = Vec::with_capacity(news.len());
    for raw in news {
        caller.scope().part().await?;
        match run(caller, body, &[raw], &mut known, None).await {
            Ok((one, seq)) => {
                caller.scope().keep().await?;
                made.extend(one);
                last = seq;
            }
            Err(error) if !fault::is_the_intents(&error) => return Err(error.into()),
            Err(error) => {
                caller.scope().undo().await?;
                made.push(quarantine(raw, &error, last, &mut known));
            }
        }
    }
    Ok((made, last))
}

/// What this replica was called before, as far as that was a replica of the same person.
async fn former(caller: &mut Caller<need::Sync>, body: &Body, batch: &Batch) -> Result<Vec<ClientId>, DbError> {
    let person = caller.person().id;
    let mut former = vec![];
    for id in body.former.iter().rev().take(MAX_FORMER) {
        if batch.holds_word_of(*id) && store::client(caller.scope(), *id).await?.is_some_and(|client| client.person == person) {
            former.push(*id);
        }
    }
    Ok(former)
}

fn quarantine(raw: &Raw, error: &DbError, seq: Seq, known: &mut HashMap<IntentId, StoredReceipt>) -> NewReceipt {
    tracing::error!(%error, intent.id = %raw.id, "an intent was quarantined");
    let outcome = Outcome::Quarantined(Refusal::new(Code::Internal, "the server could not carry this out; it is kept for inspection"));
    known.insert(raw.id, StoredReceipt { intent: raw.id, seq, outcome: outcome.clone() });
    NewReceipt { receipt: Receipt { n: raw.n, intent_id: raw.id, seq, outcome }, is_final: true, body: Some(raw.change.get().to_owned()) }
}

/// Decides these intents one after the other and writes what comes of them. `clock`: where the tenant stands, where that is known.
async fn run(caller: &mut Caller<need::Sync>, body: &Body, news: &[&Raw], known: &mut HashMap<IntentId, StoredReceipt>, clock: Option<Clock>) -> Result<(Vec<NewReceipt>, Seq), DbError> {
    let changes: Vec<Result<Change, Outcome>> = news.iter().map(|raw| read(body.schema, &raw.change)).collect();
    let mut batch = match clock {
        Some(clock) => Batch::open_at(caller.scope(), clock, changes.iter().flatten()).await?,
        None => Batch::open(caller.scope(), changes.iter().flatten()).await?,
    };
    let former = former(caller, body, &batch).await?;
    let mut made = Vec::with_capacity(news.len());
    let mut escrowed = Vec::new();
    for (raw, change) in news.iter().zip(changes) {
        if let Some(before) = known.get(&raw.id).filter(|before| before.outcome.is_final()) {
            made.push(NewReceipt { receipt: before.under(raw.n), is_final: false, body: None });
            continue;
        }
        let is_own = change.as_ref().is_ok_and(|change| change.owner().is_some());
        let outcome = match held_by_parent(&raw.depends_on, |id| known.get(&id).map(|receipt| &receipt.outcome)) {
            Some(held) => held,
            None => match change {
                Ok(change) => decide_one(caller, body, &former, raw, change, &mut batch),
                Err(unreadable) => unreadable,
            },
        };
        // What is its author's own is no administrator's business.
        if !is_own && is_for_escrow(caller, &outcome, raw, &escrowed).await? {
            escrowed.push(Kept { intent: raw.id, made_at: made_at(caller, body, raw), schema: body.schema, change: raw.change.get().to_owned(), read: raw.read.clone().filter(|_| !raw.past_lost) });
        }
        let stored = StoredReceipt { intent: raw.id, seq: batch.seq(), outcome };
        made.push(NewReceipt { receipt: stored.under(raw.n), is_final: stored.outcome.is_final(), body: None });
        known.insert(raw.id, stored);
    }
    #[cfg(feature = "seeded-leaks")]
    if seeded::shows(Bug::ReceiptWithoutEffect) {
        let seq = batch.seq();
        return Ok((made, seq));
    }
    let author = Author::person(caller.person().id, &caller.person().name);
    let (now, request_id) = (caller.now(), caller.request_id().clone());
    let seq = batch.write(caller.scope(), &author, now, Some(request_id.as_str())).await?;
    hold(caller, body.client_id, &escrowed, &mut made).await?;
    Ok((made, seq))
}

/// Whether an administrator may still want it: its author may not do it any more, or it depends on such a one.
async fn is_for_escrow(caller: &mut Caller<need::Sync>, outcome: &Outcome, raw: &Raw, before: &[Kept]) -> Result<bool, DbError> {
    Ok(match outcome.refusal().map(|refusal| refusal.code) {
        // They may have made it while they were allowed to.
        Some(Code::NoLongerPermitted | Code::NotAllowed) => true,
        Some(Code::ParentRefused) => {
            let person = caller.person().id;
            before.iter().any(|kept| raw.depends_on.contains(&kept.intent)) || escrow::keeps_any(caller.scope(), person, &raw.depends_on).await?
        }
        _ => false,
    })
}

/// Keeps refused changes for the administrators, and says so in their receipts.
async fn hold(caller: &mut Caller<need::Sync>, client: ClientId, escrowed: &[Kept], made: &mut [NewReceipt]) -> Result<(), DbError> {
    let (person, now) = (caller.person().clone(), caller.now());
    let author = escrow::Author { id: person.id, name: person.name, role: person.role, client };
    let kept = escrow::keep(caller.scope(), &author, Reason::NoLongerPermitted, escrowed, escrow::MOST_CHANGES, now).await?;
    for receipt in made.iter_mut().filter(|new| kept.contains(&new.receipt.intent_id)) {
        if let Outcome::Refused(refusal) = &mut receipt.receipt.outcome {
            refusal.detail.push_str("; it is kept, an administrator can still accept it");
        }
    }
    Ok(())
}

fn made_at(caller: &Caller<need::Sync>, body: &Body, raw: &Raw) -> Millis {
    corrected(raw.at, skew(body, caller.now()), caller.now())
}

fn decide_one(caller: &Caller<need::Sync>, body: &Body, former: &[ClientId], raw: &Raw, change: Change, batch: &mut Batch) -> Outcome {
    let person = caller.person();
    let at = made_at(caller, body, raw);
    let actor = Actor { tenant: caller.tenant(), who: Who::Person { id: person.id, role: person.role, sight: &person.sight }, now: at };
    // A client always says what it had seen; one that does not had seen nothing.
    let edit = Edit { base: Some(raw.base.unwrap_or_default()), words: raw.words, at, by: Some(body.client_id), read: raw.read.as_deref(), past_lost: raw.past_lost };
    let stamps = as_own(batch.stamps(&change), change.target(caller.tenant()).table, former, body.client_id);
    let decision = decide(change.clone(), &edit, &actor, batch.rows(), &stamps);
    let found = Found { row: batch.rows().row(change.target(caller.tenant())), stamps: &stamps };
    let told = told(&change, &found, &edit, &decision.outcome, Circumstances::of(at, caller.now(), skew(body, caller.now()), raw.at_is_rough));
    batch.take_in(&change, decision, &edit, &told)
}

/// What the log tells of an intent: what was lost to whom and why, and what was won.
fn told(change: &Change, found: &Found<'_>, edit: &Edit<'_>, outcome: &Outcome, plain: Circumstances) -> Circumstances {
    let lost = match outcome {
        Outcome::Merged { lost } | Outcome::Superseded { lost } => lost.clone(),
        _ => vec![],
    };
    let mut met = policy::meetings(change, found, edit);
    if met.is_empty() {
        // No patch lost: the thing was made twice.
        met = lost.iter().map(|field| Meeting { field: field.clone(), won: false, why: Why::First, other_at: None }).collect();
    }
    Circumstances { lost, met, ..plain }
}

/// A change of this or any earlier schema, or the receipt's word about one that this server cannot read: a newer
/// app's may be readable after an update; anything else is a fault.
fn read(schema: u32, raw: &RawValue) -> Result<Change, Outcome> {
    upcast::change(schema, raw.get()).map_err(|error| {
        if schema > SCHEMA {
            Outcome::Later(Refusal::new(Code::NeedsNewerServer, format!("this server knows changes up to schema {SCHEMA}, not {schema}")))
        } else {
            Outcome::Refused(Refusal::new(Code::Malformed, format!("this is not a change: {error}")))
        }
    })
}
