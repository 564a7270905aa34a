//! Sessions: begin, list, end. Reading one at the start of a request is `http`'s.

use omniot_shared::{
    ids::{PersonId, SessionId},
    time::Millis,
};
use uuid::Uuid;

use crate::{
    db::{DbError, Scope},
    identity::tokens::TokenHash,
};

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Which.
    pub id: SessionId,
    /// `web` or `app`.
    pub client: String,
    /// What the client calls itself.
    pub label: Option<String>,
    /// Where it signed in from.
    pub address: Option<String>,
    /// When it signed in.
    pub created_at: Millis,
    /// Its last request.
    pub last_used_at: Millis,
    /// When it ends by itself.
    pub expires_at: Millis,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    client: String,
    label: Option<String>,
    address: Option<String>,
    created_at: i64,
    last_used_at: i64,
    expires_at: i64,
}

impl From<Row> for Session {
    fn from(row: Row) -> Self {
        Self {
            id: SessionId(row.id),
            client: row.client,
            label: row.label,
            address: row.address,
            created_at: Millis(row.created_at),
            last_used_at: Millis(row.last_used_at),
            expires_at: Millis(row.expires_at),
        }
    }
}

const INSERT: &str = "
    insert into session (tenant_id, token_hash, id, person_id, client, label, address, created_at, last_used_at, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)";

/// Begins a session.
pub async fn insert(scope: &mut Scope, person: PersonId, hash: TokenHash, session: &Session) -> Result<(), DbError> {
    let insert = scope.query(INSERT).bind(hash.0).bind(session.id).bind(person).bind(&session.client);
    insert.bind(session.label.clone()).bind(session.address.clone()).bind(session.created_at).bind(session.expires_at).execute().await.map(drop)
}

const LIST: &str = "
    select id, client, label, address, created_at, last_used_at, expires_at from session
    where tenant_id = $1 and person_id = $2 and expires_at > $3
      and (created_at, id) < ($4, $5)
    order by created_at desc, id desc
    limit $6";

/// A page of a person's living sessions, newest first.
pub async fn list(scope: &mut Scope, person: PersonId, now: Millis, after: Option<(i64, Uuid)>, limit: i64) -> Result<Vec<Session>, DbError> {
    let (at, id) = after.unwrap_or((i64::MAX, Uuid::max()));
    let rows = scope.query(LIST).bind(person).bind(now).bind(at).bind(id).bind(limit).all::<Row>().await?;
    Ok(rows.into_iter().map(Session::from).collect())
}

const KEEP_SEEN: &str = "
    update person set last_seen_at = (select max(s.last_used_at) from session s where s.tenant_id = $1 and s.person_id = $2)
    where tenant_id = $1 and id = $2
      and exists (select 1 from session s where s.tenant_id = $1 and s.person_id = $2 and s.last_used_at > coalesce(person.last_seen_at, 0))";

/// Keeps when the person was last seen before sessions that say it go away.
async fn keep_seen(scope: &mut Scope, person: PersonId) -> Result<(), DbError> {
    scope.query(KEEP_SEEN).bind(person).execute().await.map(drop)
}

const END: &str = "delete from session where tenant_id = $1 and person_id = $2 and id = $3";

/// Ends one session of a person; whether there was such a one.
pub async fn end(scope: &mut Scope, person: PersonId, session: SessionId) -> Result<bool, DbError> {
    keep_seen(scope, person).await?;
    Ok(scope.query(END).bind(person).bind(session).execute().await? == 1)
}

const END_ALL: &str = "delete from session where tenant_id = $1 and person_id = $2";

/// Ends all sessions of a person; how many there were.
pub async fn end_all(scope: &mut Scope, person: PersonId) -> Result<u64, DbError> {
    keep_seen(scope, person).await?;
    scope.query(END_ALL).bind(person).execute().await
}

const END_OTHERS: &str = "delete from session where tenant_id = $1 and person_id = $2 and id <> $3";

/// Ends all sessions of a person but one; how many there were.
pub async fn end_others(scope: &mut Scope, person: PersonId, but: SessionId) -> Result<u64, DbError> {
    keep_seen(scope, person).await?;
    scope.query(END_OTHERS).bind(person).bind(but).execute().await
}

const LIVES: &str = "select created_at from session where tenant_id = $1 and person_id = $2 and id = $3 and expires_at > $4";

/// Whether that session of a person is alive.
pub async fn lives(scope: &mut Scope, person: PersonId, session: SessionId, now: Millis) -> Result<bool, DbError> {
    let row: Option<(i64,)> = scope.query(LIVES).bind(person).bind(session).bind(now).optional().await?;
    Ok(row.is_some())
}

const SWEEP: &str = "delete from session where tenant_id = $1 and person_id = $2 and expires_at <= $3";

/// Forgets a person's sessions that ended by themselves.
pub async fn sweep(scope: &mut Scope, person: PersonId, now: Millis) -> Result<u64, DbError> {
    keep_seen(scope, person).await?;
    scope.query(SWEEP).bind(person).bind(now).execute().await
}

/// Sessions of one person at the same time.
pub const AT_MOST: i64 = 100;
const BOUND: &str = "
    delete from session where tenant_id = $1 and person_id = $2 and id not in (
        select s.id from session s where s.tenant_id = $1 and s.person_id = $2 order by s.last_used_at desc, s.id desc limit $3)";

/// Ends the sessions of a person that were not used for longest, beyond [`AT_MOST`].
pub async fn bound(scope: &mut Scope, person: PersonId) -> Result<u64, DbError> {
    scope.query(BOUND).bind(person).bind(AT_MOST).execute().await
}
