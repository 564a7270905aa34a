//! What an administrator sees of a change, and what becomes of it.

use omniot_shared::{
    ids::{AttemptId, BookmarkId, DeviceId, IntentId, ModelId, PersonId, SiteId, TenantId},
    roles::{Role, need},
    sync::{Actor, Change, Code, Refusal, RowKey, Sight, Table, Who, upcast},
    time::Millis,
};
use serde::Serialize;
use serde_json::Value;

use super::{files, recorded, store::{self, Item, Why}};
use crate::{
    audit::{self, Entry},
    db::{DbError, Scope},
    http::{ApiError, Caller},
    sync::{self, ExecuteError},
};

type Managing = Caller<need::PersonManage>;

/// A change that waits for a decision.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Escrowed {
    id: IntentId,
    author: EscrowAuthor,
    why: Why,
    /// When it was made, as well as that is known.
    made_at: Millis,
    received_at: Millis,
    /// As in the audit log.
    kind: String,
    target: EscrowTarget,
    /// What it would write.
    mine: Option<Value>,
    /// What stands there now.
    theirs: Option<Value>,
    /// The record of an attempt: whoever rejects it loses the evidence of what was done.
    evidence: bool,
    /// How many photos and lists of checks wait for this attempt.
    files: i64,
}

/// Who made it, as they were known then.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct EscrowAuthor {
    id: PersonId,
    name: String,
    role: Role,
}

/// What a change is about.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
pub struct EscrowTarget {
    /// `site`, `model`, `device` or `attempt`; `null` for a change that this server cannot read yet.
    kind: Option<&'static str>,
    id: Option<String>,
    name: Option<String>,
}

/// What accepting came to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EscrowAccepted)]
pub struct Accepted {
    /// Why not; `null` when it was carried out.
    pub refusal: Option<Refusal>,
}

/// As administrators see it, beside the rows that stand there now.
///
/// # Errors
/// Whatever the store says.
pub async fn shown(scope: &mut Scope, items: Vec<Item>) -> Result<Vec<Escrowed>, DbError> {
    let tenant = scope.tenant();
    let changes: Vec<Option<Change>> = items.iter().map(|item| upcast::change(item.schema, &item.change).ok()).collect();
    let keys: Vec<RowKey> = changes.iter().flatten().map(|change| change.target(tenant)).collect();
    let rows = sync::store::load(scope, &keys).await?;
    let files = files::waiting(scope).await?;
    let row = |key: RowKey| rows.get(&key).and_then(|loaded| serde_json::to_value(&loaded.row).ok()).and_then(|tagged| tagged.get(key.table.name()).cloned());
    let count = |item: &Item, attempt| files.iter().find(|(of, by, _)| *of == attempt && *by == item.author.id).map_or(0, |(_, _, count)| *count);
    let one = |(item, change): (Item, Option<Change>)| {
        let files = change.as_ref().and_then(recorded).map_or(0, |attempt| count(&item, attempt));
        one(item, change.as_ref(), tenant, row, files)
    };
    Ok(items.into_iter().zip(changes).map(one).collect())
}

fn one(item: Item, change: Option<&Change>, tenant: TenantId, row: impl Fn(RowKey) -> Option<Value>, files: i64) -> Escrowed {
    let raw: Value = serde_json::from_str(&item.change).unwrap_or_default();
    let body = raw.get("body");
    let mine = body.and_then(|body| body.get("patch")).or(body).cloned();
    let key = change.map(|change| change.target(tenant));
    let theirs = key.and_then(row);
    let text = |of: Option<&Value>, field: &str| of.and_then(|of| of.get(field)).and_then(Value::as_str).map(str::to_owned);
    let name = text(theirs.as_ref(), "name").or_else(|| text(mine.as_ref(), "name")).or_else(|| text(mine.as_ref(), "serial"));
    Escrowed {
        id: item.intent,
        author: EscrowAuthor { id: item.author.id, name: item.author.name, role: item.author.role },
        why: item.why,
        made_at: item.made_at,
        received_at: item.received_at,
        kind: text(Some(&raw), "kind").unwrap_or_default(),
        target: key.map_or_else(EscrowTarget::default, |key| EscrowTarget { kind: Some(key.table.name()), id: Some(wire_id(key)), name }),
        evidence: change.and_then(recorded).is_some(),
        files,
        mine,
        theirs,
    }
}

fn wire_id(key: RowKey) -> String {
    match key.table {
        Table::Site => SiteId(key.id).to_string(),
        Table::Model => ModelId(key.id).to_string(),
        Table::Device => DeviceId(key.id).to_string(),
        Table::Attempt => AttemptId(key.id).to_string(),
        Table::Bookmark => BookmarkId(key.id).to_string(),
    }
}

/// Carries a change out in its author's name. Accepted before, nothing happens; refused by the rules, it stays.
///
/// # Errors
/// `not_found`; `state_conflict` for one that was rejected; whatever the store says.
pub async fn accept(caller: &mut Managing, id: IntentId) -> Result<Accepted, ApiError> {
    let item = find(caller, id).await?;
    match item.verdict.as_deref() {
        Some("accepted") => return Ok(Accepted { refusal: None }),
        Some(_) => return Err(ApiError::conflict("state_conflict", "This change was rejected.")),
        None => {}
    }
    let Ok(change) = upcast::change(item.schema, &item.change) else {
        return Ok(Accepted { refusal: Some(Refusal::new(Code::NeedsNewerServer, "this server does not know this kind of change")) });
    };
    let attempt = recorded(&change);
    if let Some(refusal) = carry_out(caller, &item, change).await? {
        return Ok(Accepted { refusal: Some(refusal) });
    }
    if let Some(attempt) = attempt {
        let (now, request_id) = (caller.now(), caller.request_id().clone());
        files::release(caller.scope(), attempt, &item.author, now, Some(request_id.as_str())).await?;
    }
    settle(caller, &item, "accepted", "escrow.accept").await?;
    Ok(Accepted { refusal: None })
}

/// In a part of its own: what the store refuses is said, and nothing of it is left.
async fn carry_out(caller: &mut Managing, item: &Item, change: Change) -> Result<Option<Refusal>, ApiError> {
    let (now, request_id) = (caller.now(), caller.request_id().clone());
    let by = audit::Author::person(caller.person().id, &caller.person().name);
    // What the author was allowed to do and see is no question any more: they may have been demoted after they did it.
    // Whoever accepts has to be allowed to do it.
    let who = Who::Person { id: item.author.id, role: caller.person().role, sight: &Sight::All };
    let scope = caller.scope();
    let actor = Actor { tenant: scope.tenant(), who, now: item.made_at };
    scope.part().await?;
    match sync::execute_late(scope, &actor, &by, now, Some(request_id.as_str()), change, item.read.as_deref()).await {
        Ok(()) => scope.keep().await?,
        Err(ExecuteError::Refused(refusal)) => {
            scope.undo().await?;
            return Ok(Some(refusal));
        }
        Err(ExecuteError::Db(error)) if sync::is_the_changes(&error) => {
            tracing::error!(%error, intent.id = %item.intent, "the store does not take a change from escrow");
            scope.undo().await?;
            return Ok(Some(Refusal::new(Code::Internal, "the server could not carry this out")));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(None)
}

/// Lets a change go. Rejected before, nothing happens.
///
/// # Errors
/// `not_found`; `state_conflict` for one that was accepted; whatever the store says.
pub async fn reject(caller: &mut Managing, id: IntentId) -> Result<(), ApiError> {
    let item = find(caller, id).await?;
    match item.verdict.as_deref() {
        Some("rejected") => Ok(()),
        Some(_) => Err(ApiError::conflict("state_conflict", "This change was accepted.")),
        None => {
            if let Some(attempt) = upcast::change(item.schema, &item.change).ok().as_ref().and_then(recorded) {
                // Unless another record of it is still to be decided about.
                let others = store::records_of(caller.scope(), attempt, item.author.id).await?;
                if !others.iter().any(|(verdict, intent)| verdict.is_none() && *intent != item.intent) {
                    files::forget(caller.scope(), attempt, item.author.id).await?;
                }
            }
            settle(caller, &item, "rejected", "escrow.reject").await
        }
    }
}

async fn find(caller: &mut Managing, id: IntentId) -> Result<Item, ApiError> {
    store::find(caller.scope(), id).await?.ok_or_else(ApiError::not_found)
}

async fn settle(caller: &mut Managing, item: &Item, verdict: &'static str, action: &str) -> Result<(), ApiError> {
    let (now, by) = (caller.now(), caller.person().id);
    store::decide(caller.scope(), item.intent, verdict, by, now).await?;
    super::forget_old(caller.scope(), now).await?;
    let kind = serde_json::from_str::<Value>(&item.change).ok().and_then(|change| change.get("kind").cloned());
    let detail = serde_json::json!({ "kind": kind, "intent_id": item.intent });
    Ok(caller.audit(Entry::new(action).target("person", item.author.id, &item.author.name).detail(detail)).await?)
}
