//! The SQL of operators and their sessions, and the counts they see of a tenant.

use std::net::IpAddr;

use omniot_shared::{ids::{OperatorId, SessionId}, time::Millis};
use uuid::Uuid;

use crate::{
    db::{Control, DbError, Scope},
    http::OPERATOR_SESSION_MS,
    identity::tokens::TokenHash,
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
