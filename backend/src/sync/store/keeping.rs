//! What synchronization keeps about itself: replicas, receipts, the epoch.

use std::collections::HashMap;

use omniot_shared::{
    ids::{ClientId, IntentId, PersonId},
    sync::{Outcome, Receipt, Seq, wire::Began},
    time::Millis,
};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{from_json, narrow, placeholders, to_json};
use crate::{
    audit::Head,
    db::{DbError, Scope, Value},
};

const STAND: &str = "
    select c.seq, coalesce(s.epoch, 1), coalesce(s.min_retained_seq, 0)
    from tenant_clock c left join sync_state s on s.tenant_id = c.tenant_id where c.tenant_id = $1";
const OPENING: &str = "
    select c.seq, coalesce(s.epoch, 1), c.audit_n, c.audit_head, r.person_id, r.last_n
    from tenant_clock c left join sync_state s on s.tenant_id = c.tenant_id left join sync_client r on r.tenant_id = c.tenant_id and r.id = $2
    where c.tenant_id = $1";
const MOVE_CLOCK: &str = "update tenant_clock set seq = $2, audit_n = $3, audit_head = $4 where tenant_id = $1";
const CLIENT: &str = "select person_id, last_n from sync_client where tenant_id = $1 and id = $2";
const SAVE_CLIENT: &str = "
    insert into sync_client (tenant_id, id, person_id, last_n, first_seen_at, last_seen_at) values ($1, $2, $3, $4, $5, $5)
    on conflict (tenant_id, id) do update set last_n = excluded.last_n, last_seen_at = excluded.last_seen_at";
const RECEIPTS_BY_NUMBER: &str = "
    select n, intent_id, seq, outcome from receipt
    where tenant_id = $1 and client_id = $2 and n >= $3 and n <= $4 order by n";

/// Where a tenant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    /// The last sequence that was given.
    pub seq: Seq,
    /// Which life of the store this is; 1 until it was restored from a backup.
    pub epoch: u64,
    /// Cursors below this need everything again.
    pub min_retained: Seq,
}

/// Where this tenant stands.
///
/// # Errors
/// Whatever the store says.
pub async fn stand(scope: &mut Scope) -> Result<Stand, DbError> {
    let (seq, epoch, min_retained): (i64, i64, i64) = scope.query(STAND).one().await?;
    Ok(Stand { seq: Seq(seq), epoch: narrow(epoch)?, min_retained: Seq(min_retained) })
}

/// What a writer goes on from: the last sequence and the last entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// The last sequence that was given.
    pub seq: Seq,
    /// Which life of the store this is.
    pub epoch: u64,
    /// Where the audit log ends.
    pub head: Head,
}

/// What a writer goes on from, and that replica when it has pushed before.
///
/// # Errors
/// Whatever the store says.
pub async fn opening(scope: &mut Scope, id: Option<ClientId>) -> Result<(Clock, Option<Client>), DbError> {
    type Row = (i64, i64, i64, Option<Vec<u8>>, Option<Uuid>, Option<i64>);
    let (seq, epoch, n, hash, person, last_n): Row = scope.query(OPENING).bind(id).one().await?;
    let client = person.zip(last_n).map(|(person, last_n)| Ok::<_, DbError>(Client { person: person.into(), last_n: narrow(last_n)? })).transpose()?;
    Ok((Clock { seq: Seq(seq), epoch: narrow(epoch)?, head: Head { n, hash: hash.unwrap_or_default() } }, client))
}

/// Keeps how far a writer has come. The tenant's only writer calls it, so that commit order is sequence order
/// (SYNC.md 1.2), as with [`Scope::next_seq`].
///
/// # Errors
/// Whatever the store says.
pub async fn move_clock(scope: &mut Scope, seq: Seq, head: Head) -> Result<(), DbError> {
    let hash = Some(head.hash).filter(|hash| !hash.is_empty());
    scope.query(MOVE_CLOCK).bind(seq.0).bind(head.n).bind(hash).execute().await.map(drop)
}

const RESTORED: &str = "
    insert into sync_state (tenant_id, epoch, min_retained_seq) select tenant_id, cast($2 as bigint), seq from tenant_clock where tenant_id = $1
    on conflict (tenant_id) do update set min_retained_seq = excluded.min_retained_seq,
        epoch = case when sync_state.epoch < excluded.epoch then excluded.epoch else sync_state.epoch + 1 end";

const BEGIN_EPOCH: &str = "
    insert into sync_epoch (tenant_id, epoch, seq)
    select c.tenant_id, s.epoch, c.seq from tenant_clock c join sync_state s on s.tenant_id = c.tenant_id where c.tenant_id = $1";
const BEGAN: &str = "select epoch, seq from sync_epoch where tenant_id = $1 order by epoch desc limit 100";

/// Begins another epoch at the present sequence, and where the tenant stands then: the store was restored from a backup, and what
/// replicas hold of later sequences is of a past that is lost.
///
/// The epoch is the time in seconds, or one more than the last where that is more: the same backup
/// put back twice holds the same last epoch, and must not begin the same one twice.
///
/// # Errors
/// Whatever the store says.
pub async fn begin_epoch(scope: &mut Scope, now: Millis) -> Result<Stand, DbError> {
    scope.query(RESTORED).bind(now.0 / 1000).execute().await?;
    scope.query(BEGIN_EPOCH).execute().await?;
    stand(scope).await
}

/// The one of a store that no backup was put back for.
pub const FIRST_EPOCH: u64 = 1;

/// Where the epochs began, the latest ones of very many.
///
/// # Errors
/// Whatever the store says.
pub async fn began(scope: &mut Scope) -> Result<Vec<Began>, DbError> {
    let rows: Vec<(i64, i64)> = scope.query(BEGAN).all().await?;
    rows.into_iter().map(|(epoch, seq)| Ok(Began { epoch: narrow(epoch)?, seq: Seq(seq) })).collect()
}

/// A replica that has pushed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Whose it is.
    pub person: PersonId,
    /// The last number with a receipt.
    pub last_n: u64,
}

/// That replica, when it has pushed before.
///
/// # Errors
/// Whatever the store says.
pub async fn client(scope: &mut Scope, id: ClientId) -> Result<Option<Client>, DbError> {
    let row: Option<(Uuid, i64)> = scope.query(CLIENT).bind(id).optional().await?;
    row.map(|(person, last_n)| Ok(Client { person: person.into(), last_n: narrow(last_n)? })).transpose()
}

/// Keeps how far a replica has come.
///
/// # Errors
/// Whatever the store says.
pub async fn save_client(scope: &mut Scope, id: ClientId, client: Client, now: Millis) -> Result<(), DbError> {
    scope.query(SAVE_CLIENT).bind(id).bind(client.person).bind(client.last_n.cast_signed()).bind(now).execute().await.map(drop)
}

/// A receipt as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReceipt {
    /// The intent.
    pub intent: IntentId,
    /// Where its effect is visible.
    pub seq: Seq,
    /// What became of it.
    pub outcome: Outcome,
}

impl StoredReceipt {
    /// The same word, for the number under which it is asked for now.
    #[must_use]
    pub fn under(&self, n: u64) -> Receipt {
        Receipt { n, intent_id: self.intent, seq: self.seq, outcome: self.outcome.clone() }
    }
}

/// The receipts of a replica from `first` to `last`, by number.
///
/// # Errors
/// Whatever the store says.
pub async fn receipts_by_number(scope: &mut Scope, client: ClientId, first: u64, last: u64) -> Result<HashMap<u64, StoredReceipt>, DbError> {
    let rows: Vec<(i64, Uuid, i64, String)> =
        scope.query(RECEIPTS_BY_NUMBER).bind(client).bind(first.cast_signed()).bind(last.cast_signed()).all().await?;
    rows.into_iter()
        .map(|(n, intent, seq, outcome)| Ok((narrow(n)?, StoredReceipt { intent: intent.into(), seq: Seq(seq), outcome: from_json(&outcome)? })))
        .collect()
}

/// Two halves, each with an index of its own; the final ones come last and stand.
const RECEIPTS_BY_INTENT: &str = "
    select intent_id, seq, outcome, is_final from receipt where tenant_id = $1 and not is_final and intent_id = any($2) union all
    select intent_id, seq, outcome, is_final from receipt where tenant_id = $1 and is_final and intent_id = any($2) order by is_final";
const OVERWRITE: &str = "delete from receipt where tenant_id = $1 and not is_final and intent_id = any($2)";

/// The last word about these intents, whichever replica and number it came under: the final one,
/// or that they were put off.
///
/// # Errors
/// Whatever the store says.
pub async fn receipts_by_intent(scope: &mut Scope, intents: &[IntentId]) -> Result<HashMap<IntentId, StoredReceipt>, DbError> {
    let mut found = HashMap::new();
    if intents.is_empty() {
        return Ok(found);
    }
    let query = scope.query(RECEIPTS_BY_INTENT).bind(Value::ids(intents.iter().copied()));
    for (intent, seq, outcome, _) in query.all::<(Uuid, i64, String, bool)>().await? {
        found.insert(intent.into(), StoredReceipt { intent: intent.into(), seq: Seq(seq), outcome: from_json(&outcome)? });
    }
    Ok(found)
}

/// Forgets that these intents were put off: another word about them takes the place of that.
async fn overwrite(scope: &mut Scope, intents: &[IntentId]) -> Result<(), DbError> {
    if intents.is_empty() {
        return Ok(());
    }
    scope.query(OVERWRITE).bind(Value::ids(intents.iter().copied())).execute().await.map(drop)
}

/// A receipt to keep.
#[derive(Debug, Clone)]
pub struct NewReceipt {
    /// What the client is told.
    pub receipt: Receipt,
    /// Whether this is the one final receipt of its intent (a second number of an intent that has
    /// one already is kept, too, but is not).
    pub is_final: bool,
    /// The intent, when the server failed on it.
    pub body: Option<String>,
}

/// Keeps receipts of one replica, `again` being the intents that have one already.
///
/// # Errors
/// [`DbError::Unique`] when a number or an intent has one already; whatever else the store says.
pub async fn insert_receipts(scope: &mut Scope, client: ClientId, receipts: &[NewReceipt], again: &[IntentId], now: Millis) -> Result<(), DbError> {
    overwrite(scope, again).await?;
    for part in scope.portions(receipts, 6) {
        let rows: Vec<String> = (0..part.len()).map(|row| format!("($1, $2, $3, {})", placeholders(4 + row * 6, 6))).collect();
        let sql = format!("insert into receipt (tenant_id, client_id, recorded_at, n, intent_id, seq, outcome, is_final, body) values {}", rows.join(", "));
        let mut query = scope.query(AssertSqlSafe(sql)).bind(client).bind(now);
        for NewReceipt { receipt, is_final, body } in part {
            query = query.bind(receipt.n.cast_signed()).bind(receipt.intent_id).bind(receipt.seq.0);
            query = query.bind(to_json(&receipt.outcome)?).bind(*is_final).bind(body.clone());
        }
        query.execute().await?;
    }
    Ok(())
}
