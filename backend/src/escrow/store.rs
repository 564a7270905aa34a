//! The SQL of keys, leavers and their work.

use omniot_shared::{
    ids::{AttemptId, ClientId, IntentId, PersonId},
    roles::Role,
    sync::{escrow::{PublicKey, Secret}, upcast},
    time::Millis,
};
use uuid::Uuid;

use super::{Author, Kept, recorded};
use crate::db::{DbError, Scope};

/// Why a change is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EscrowReason)]
pub enum Why {
    /// Its author was removed before they could send it.
    Left,
    /// Its author may not do it, or not any more: their role, or their sites.
    NoLongerPermitted,
}

impl Why {
    const fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::NoLongerPermitted => "no_longer_permitted",
        }
    }

    fn named(name: &str) -> Self {
        if name == "left" { Self::Left } else { Self::NoLongerPermitted }
    }
}

fn broken(what: &str) -> DbError {
    DbError::Other(sqlx::Error::Decode(what.into()))
}

fn role(name: &str) -> Result<Role, DbError> {
    Role::named(name).ok_or_else(|| broken("a role is unknown"))
}

fn key(bytes: Vec<u8>) -> Result<[u8; 32], DbError> {
    bytes.try_into().map_err(|_| broken("a key has another length"))
}

const SECRET: &str = "select private_key from escrow_key where tenant_id = $1";
const PUBLIC: &str = "select public_key from escrow_key where tenant_id = $1";
const INSERT_SECRET: &str = "insert into escrow_key (tenant_id, public_key, private_key, created_at) values ($1, $2, $3, $4)";

/// The tenant's private half; `None` before it was needed.
pub async fn secret(scope: &mut Scope) -> Result<Option<Secret>, DbError> {
    let row: Option<(Vec<u8>,)> = scope.query(SECRET).optional().await?;
    row.map(|(bytes,)| key(bytes).map(Secret::new)).transpose()
}

/// The tenant's public half.
pub async fn public(scope: &mut Scope) -> Result<Option<PublicKey>, DbError> {
    let row: Option<(Vec<u8>,)> = scope.query(PUBLIC).optional().await?;
    row.map(|(bytes,)| key(bytes).map(PublicKey)).transpose()
}

/// Keeps the tenant's key.
pub async fn insert_secret(scope: &mut Scope, public: PublicKey, secret: &Secret, now: Millis) -> Result<(), DbError> {
    scope.query(INSERT_SECRET).bind(public.0).bind(secret.bytes()).bind(now).execute().await.map(drop)
}

const REPLICA_KEY: &str = "select public_key from replica_key where tenant_id = $1 and client_id = $2 and person_id = $3";
const INSERT_REPLICA_KEY: &str = "
    insert into replica_key (tenant_id, client_id, person_id, public_key, shown_at) values ($1, $2, $3, $4, $5)
    on conflict do nothing";

/// The key that this person's replica showed first.
pub async fn replica_key(scope: &mut Scope, client: ClientId, person: PersonId) -> Result<Option<PublicKey>, DbError> {
    let row: Option<(Vec<u8>,)> = scope.query(REPLICA_KEY).bind(client).bind(person).optional().await?;
    row.map(|(bytes,)| key(bytes).map(PublicKey)).transpose()
}

/// Keeps it, unless there is one.
pub async fn insert_replica_key(scope: &mut Scope, client: ClientId, person: PersonId, shown: PublicKey, now: Millis) -> Result<(), DbError> {
    scope.query(INSERT_REPLICA_KEY).bind(client).bind(person).bind(shown.0).bind(now).execute().await.map(drop)
}

/// Somebody who was removed.
#[derive(Debug, Clone)]
pub struct Leaver {
    /// Their name then.
    pub name: String,
    /// Their role then.
    pub role: Role,
    /// When.
    pub removed_at: Millis,
}

const LEAVER: &str = "select name, role, removed_at from leaver where tenant_id = $1 and person_id = $2";
const INSERT_LEAVER: &str = "
    insert into leaver (tenant_id, person_id, name, role, removed_at) values ($1, $2, $3, $4, $5)
    on conflict do nothing";
const MEMBER: &str = "select name, role from person where tenant_id = $1 and id = $2";

/// That person, if they were removed.
pub async fn leaver(scope: &mut Scope, person: PersonId) -> Result<Option<Leaver>, DbError> {
    let row: Option<(String, String, i64)> = scope.query(LEAVER).bind(person).optional().await?;
    row.map(|(name, of, at)| Ok(Leaver { name, role: role(&of)?, removed_at: Millis(at) })).transpose()
}

/// Remembers somebody who is removed.
pub async fn insert_leaver(scope: &mut Scope, person: PersonId, name: &str, role: Role, now: Millis) -> Result<(), DbError> {
    scope.query(INSERT_LEAVER).bind(person).bind(name).bind(role.name()).bind(now).execute().await.map(drop)
}

/// Name and role of that person, if they are one of the tenant's.
pub async fn member(scope: &mut Scope, person: PersonId) -> Result<Option<(String, Role)>, DbError> {
    let row: Option<(String, String)> = scope.query(MEMBER).bind(person).optional().await?;
    row.map(|(name, of)| Ok((name, role(&of)?))).transpose()
}

const HELD: &str = "
    select count(*), cast(coalesce(sum(length(change) + coalesce(length(read), 0)), 0) as bigint) from escrow where tenant_id = $1 and person_id = $2";
const INSERT: &str = "
    insert into escrow (tenant_id, intent_id, client_id, person_id, person_name, role, why, made_at, received_at, schema, change, attempt_id, read)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    on conflict do nothing";
const IS_THERE: &str = "select count(*) from escrow where tenant_id = $1 and person_id = $2 and intent_id = $3";
const FORGET: &str = "delete from escrow where tenant_id = $1 and received_at < $2";

/// How many changes of a person are here, and how long they are together.
pub async fn held(scope: &mut Scope, person: PersonId) -> Result<(i64, i64), DbError> {
    scope.query(HELD).bind(person).one().await
}

/// Keeps a change; whether it is new.
pub async fn insert(scope: &mut Scope, author: &Author, why: Why, kept: &Kept, now: Millis) -> Result<bool, DbError> {
    let attempt = upcast::change(kept.schema, &kept.change).ok().as_ref().and_then(recorded);
    let query = scope.query(INSERT).bind(kept.intent).bind(author.client).bind(author.id).bind(&author.name).bind(author.role.name());
    Ok(query.bind(why.name()).bind(kept.made_at).bind(now).bind(i64::from(kept.schema)).bind(&kept.change).bind(attempt).bind(kept.read.as_deref()).execute().await? > 0)
}

/// Whether that person's change is here.
pub async fn is_there(scope: &mut Scope, person: PersonId, intent: IntentId) -> Result<bool, DbError> {
    let (count,): (i64,) = scope.query(IS_THERE).bind(person).bind(intent).one().await?;
    Ok(count > 0)
}

const DECIDED: &str = "select verdict, intent_id from escrow where tenant_id = $1 and attempt_id = $2 and person_id = $3";

/// How it stands with the records of an attempt of that person: each with its verdict, which may be none yet.
pub async fn records_of(scope: &mut Scope, attempt: AttemptId, person: PersonId) -> Result<Vec<(Option<String>, IntentId)>, DbError> {
    let rows: Vec<(Option<String>, Uuid)> = scope.query(DECIDED).bind(attempt).bind(person).all().await?;
    Ok(rows.into_iter().map(|(verdict, intent)| (verdict, intent.into())).collect())
}

/// Forgets what came before `at`.
pub async fn forget_before(scope: &mut Scope, at: Millis) -> Result<(), DbError> {
    scope.query(FORGET).bind(at).execute().await.map(drop)
}

/// A change as it is kept.
#[derive(Debug, Clone)]
pub struct Item {
    /// Which.
    pub intent: IntentId,
    /// Whose.
    pub author: Author,
    /// Why it is here.
    pub why: Why,
    /// When it was made.
    pub made_at: Millis,
    /// When it came.
    pub received_at: Millis,
    /// Of the app that made it.
    pub schema: u32,
    /// As its author sent it.
    pub change: String,
    /// What they had read where they wrote words, if they said so.
    pub read: Option<String>,
    /// `accepted`, `rejected`, or nothing yet.
    pub verdict: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    intent_id: Uuid,
    client_id: Uuid,
    person_id: Uuid,
    person_name: String,
    role: String,
    why: String,
    made_at: i64,
    received_at: i64,
    schema: i64,
    change: String,
    read: Option<String>,
    verdict: Option<String>,
}

impl Row {
    fn item(self) -> Result<Item, DbError> {
        let author = Author { id: self.person_id.into(), name: self.person_name, role: role(&self.role)?, client: self.client_id.into() };
        Ok(Item {
            intent: self.intent_id.into(),
            author,
            why: Why::named(&self.why),
            made_at: Millis(self.made_at),
            received_at: Millis(self.received_at),
            schema: u32::try_from(self.schema).map_err(|_| broken("a schema is out of range"))?,
            change: self.change,
            read: self.read,
            verdict: self.verdict,
        })
    }
}

const FIND: &str = "
    select intent_id, client_id, person_id, person_name, role, why, made_at, received_at, schema, change, read, verdict
    from escrow where tenant_id = $1 and intent_id = $2";
const LIST: &str = "
    select intent_id, client_id, person_id, person_name, role, why, made_at, received_at, schema, change, read, verdict
    from escrow where tenant_id = $1 and verdict is null and (received_at, intent_id) > ($2, $3)
    order by received_at, intent_id limit $4";
const DECIDE: &str = "
    update escrow set verdict = $3, decided_at = $4, decided_by = $5
    where tenant_id = $1 and intent_id = $2 and verdict is null";

/// That change.
pub async fn find(scope: &mut Scope, intent: IntentId) -> Result<Option<Item>, DbError> {
    scope.query(FIND).bind(intent).optional::<Row>().await?.map(Row::item).transpose()
}

/// A page of what waits for a decision, in the order of arrival: at most `limit`, after `(received_at, intent)`.
pub async fn list(scope: &mut Scope, after: Option<(i64, Uuid)>, limit: i64) -> Result<Vec<Item>, DbError> {
    let (at, intent) = after.unwrap_or((i64::MIN, Uuid::nil()));
    scope.query(LIST).bind(at).bind(intent).bind(limit).all::<Row>().await?.into_iter().map(Row::item).collect()
}

/// Writes a decision down.
pub async fn decide(scope: &mut Scope, intent: IntentId, verdict: &'static str, by: PersonId, now: Millis) -> Result<(), DbError> {
    scope.query(DECIDE).bind(intent).bind(verdict).bind(now).bind(by).execute().await.map(drop)
}
