//! The SQL of operators and their sessions, and the counts they see of a tenant.

use std::net::IpAddr;

use omniot_shared::{ids::{OperatorId, SessionId}, time::Millis};
use uuid::Uuid;

use crate::{
    db::{Control, DbError, Scope},
    http::OPERATOR_SESSION_MS,
    identity::{
        throttle::{ACCOUNT, ANYWHERE, History, Patience, RetryAfter, Subjects, Verdict},
        tokens::TokenHash,
    },
};

/// An operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Their id.
    pub id: OperatorId,
    /// Their address, folded.
    pub email: String,
    /// Their name.
    pub name: String,
}

const BY_EMAIL: &str = "select id, email, name, password_hash from control_operator where email = $1";
const INSERT: &str = "insert into control_operator (id, email, name, password_hash, created_at) values ($1, $2, $3, $4, $5)";
const BEGIN: &str = "
    insert into control_operator_session (token_hash, id, operator_id, address, created_at, last_used_at, expires_at)
    values ($1, $2, $3, $4, $5, $5, $6)";
const END: &str = "delete from control_operator_session where id = $1";
const SWEEP: &str = "delete from control_operator_session where expires_at <= $1";

/// The operator with that address, and the hash of their password.
///
/// # Errors
/// Whatever the store says.
pub async fn by_email(control: &mut Control, email: &str) -> Result<Option<(Operator, String)>, DbError> {
    let row: Option<(Uuid, String, String, String)> = control.query(BY_EMAIL).bind(email).optional().await?;
    Ok(row.map(|(id, email, name, hash)| (Operator { id: OperatorId(id), email, name }, hash)))
}

/// Adds an operator.
///
/// # Errors
/// [`DbError::Unique`] when the address is taken.
pub async fn insert(control: &mut Control, operator: &Operator, password_hash: &str, now: Millis) -> Result<(), DbError> {
    let query = control.query(INSERT).bind(operator.id).bind(&operator.email).bind(&operator.name);
    query.bind(password_hash).bind(now).execute().await.map(drop)
}

pub(super) async fn begin(control: &mut Control, operator: OperatorId, session: SessionId, hash: TokenHash, address: Option<IpAddr>, now: Millis) -> Result<(), DbError> {
    control.query(SWEEP).bind(now).execute().await?;
    let query = control.query(BEGIN).bind(hash.bytes()).bind(session).bind(operator).bind(address.map(|address| address.to_string()));
    query.bind(now).bind(now.plus(OPERATOR_SESSION_MS)).execute().await.map(drop)
}

pub(super) async fn end(control: &mut Control, session: SessionId) -> Result<(), DbError> {
    control.query(END).bind(session).execute().await.map(drop)
}

const COUNTED: &str = "select failures, last_at from control_throttle where subject = $1";
const COUNT: &str = "
    insert into control_throttle (subject, failures, last_at) values ($1, $2, $3)
    on conflict (subject) do update set failures = excluded.failures, last_at = excluded.last_at";
const FORGET_OLD: &str = "delete from control_throttle where last_at < $1";
const FORGET: &str = "delete from control_throttle where subject = $1";
const FORGIVE: &str = "update control_throttle set failures = failures - 1 where subject = $1 and failures > 0";
/// Longer than any [`Patience`] remembers.
const FORGOTTEN_MS: i64 = 86_400_000;

/// Decides about a sign-in and counts it; commit to make the count stick.
pub(super) async fn admit(control: &mut Control, subjects: &Subjects, now: Millis) -> Result<Result<(), RetryAfter>, DbError> {
    control.query(FORGET_OLD).bind(now.plus(-FORGOTTEN_MS)).execute().await?;
    for (patience, subject) in [(&ACCOUNT, &subjects.here), (&ANYWHERE, &subjects.account)] {
        if let Err(wait) = admit_one(control, patience, subject, now).await? {
            return Ok(Err(wait));
        }
    }
    Ok(Ok(()))
}

async fn admit_one(control: &mut Control, patience: &Patience, subject: &str, now: Millis) -> Result<Result<(), RetryAfter>, DbError> {
    let row: Option<(i64, i64)> = control.query(COUNTED).bind(subject).optional().await?;
    let history = row.map_or_else(History::default, |(failures, at)| History { failures: u32::try_from(failures).unwrap_or(u32::MAX), last_at: Millis(at) });
    match patience.admit(history, now) {
        Verdict::Wait { retry_after_ms } => Ok(Err(RetryAfter(retry_after_ms))),
        Verdict::Admit(counted) => {
            control.query(COUNT).bind(subject).bind(counted.failures).bind(counted.last_at).execute().await?;
            Ok(Ok(()))
        }
    }
}

/// The right password was given: what was counted from there is forgotten, this try is taken back.
pub(super) async fn welcome(control: &mut Control, subjects: &Subjects) -> Result<(), DbError> {
    control.query(FORGET).bind(&subjects.here).execute().await?;
    control.query(FORGIVE).bind(&subjects.account).execute().await.map(drop)
}

const ALL: &str = "select id, email, name from control_operator order by email";
const SET_PASSWORD: &str = "update control_operator set password_hash = $2 where id = $1";
const END_ALL: &str = "delete from control_operator_session where operator_id = $1";
const REMOVE: &str = "delete from control_operator where id = $1";

/// All operators, by address.
///
/// # Errors
/// Whatever the store says.
pub async fn all(control: &mut Control) -> Result<Vec<Operator>, DbError> {
    let rows: Vec<(Uuid, String, String)> = control.query(ALL).all().await?;
    Ok(rows.into_iter().map(|(id, email, name)| Operator { id: OperatorId(id), email, name }).collect())
}

/// Writes the password's hash and ends the operator's sessions.
///
/// # Errors
/// Whatever the store says.
pub async fn set_password(control: &mut Control, id: OperatorId, hash: &str) -> Result<(), DbError> {
    control.query(SET_PASSWORD).bind(id).bind(hash).execute().await?;
    control.query(END_ALL).bind(id).execute().await.map(drop)
}

/// Removes an operator; their sessions go with them.
///
/// # Errors
/// Whatever the store says.
pub async fn remove(control: &mut Control, id: OperatorId) -> Result<(), DbError> {
    control.query(END_ALL).bind(id).execute().await?;
    control.query(REMOVE).bind(id).execute().await.map(drop)
}

const COUNTS: &str = "
    select (select count(*) from person where tenant_id = $1) as people,
           (select count(*) from site where tenant_id = $1) as sites,
           (select count(*) from device where tenant_id = $1 and state <> 'retired') as devices,
           (select count(*) from device where tenant_id = $1 and state = 'online') as online";

/// How much there is of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema, sqlx::FromRow)]
pub struct Counts {
    /// People.
    pub people: i64,
    /// Sites.
    pub sites: i64,
    /// Devices that are not retired.
    pub devices: i64,
    /// Devices that have been in contact.
    pub online: i64,
}

pub(super) async fn counts(scope: &mut Scope) -> Result<Counts, DbError> {
    scope.query(COUNTS).one().await
}
