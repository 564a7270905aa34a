//! The SQL of attachments.

use omniot_shared::{
    attachment::{Address, Kind},
    ids::{AttemptId, PersonId},
    time::Millis,
};
use uuid::Uuid;

use crate::db::{DbError, Scope};

const ATTEMPT: &str = "select site_id, technician_id from attempt where tenant_id = $1 and id = $2";
const LIST: &str = "
    select sha256, kind, media_type, size, added_at from attachment
    where tenant_id = $1 and attempt_id = $2 order by added_at, sha256";
const FIND: &str = "select media_type, content from attachment where tenant_id = $1 and attempt_id = $2 and sha256 = $3";
const TRACE: &str = "
    select media_type, content from attachment
    where tenant_id = $1 and attempt_id = $2 and kind = 'trace' order by added_at desc, sha256 limit 1";
const CHECKS: &str = "select sha256, size, content from attachment where tenant_id = $1 and attempt_id = $2 and kind = 'checks'";
const REMOVE: &str = "delete from attachment where tenant_id = $1 and attempt_id = $2 and sha256 = $3";
const PUT: &str = "
    insert into attachment (tenant_id, attempt_id, sha256, kind, media_type, size, added_by, added_at, content)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    on conflict (tenant_id, attempt_id, sha256) do nothing";
const COUNT: &str = "select count(*) from attachment where tenant_id = $1 and attempt_id = $2";
const METER: &str = "
    insert into attachment_meter (tenant_id, bytes) values ($1, $2)
    on conflict (tenant_id) do update set bytes = attachment_meter.bytes + excluded.bytes
    returning bytes";

/// What decides who may see and add files of an attempt.
#[derive(Debug, sqlx::FromRow)]
pub struct Owner {
    /// Where it was made.
    pub site_id: Option<Uuid>,
    /// Who made it.
    pub technician_id: Uuid,
}

/// A file without its bytes.
#[derive(Debug, sqlx::FromRow)]
pub struct Listed {
    /// Its address.
    pub sha256: Vec<u8>,
    /// What it is.
    pub kind: String,
    /// Its media type.
    pub media_type: String,
    /// Bytes.
    pub size: i64,
    /// When it came.
    pub added_at: i64,
}

/// A file with its bytes.
#[derive(Debug, sqlx::FromRow)]
pub struct Content {
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// A file that comes in.
#[derive(Debug)]
pub struct New<'a> {
    /// Of which attempt.
    pub attempt: AttemptId,
    /// What it is called.
    pub address: Address,
    /// What it is.
    pub kind: Kind,
    /// Its media type.
    pub media_type: &'a str,
    /// Its bytes.
    pub content: &'a [u8],
    /// Who brings it.
    pub by: PersonId,
    /// When.
    pub at: Millis,
}

impl New<'_> {
    /// How many bytes.
    #[must_use]
    pub fn size(&self) -> i64 {
        i64::try_from(self.content.len()).unwrap_or(i64::MAX)
    }
}

/// Whose attempt that is.
pub async fn owner(scope: &mut Scope, attempt: AttemptId) -> Result<Option<Owner>, DbError> {
    scope.query(ATTEMPT).bind(attempt).optional().await
}

/// The files of an attempt, oldest first.
pub async fn list(scope: &mut Scope, attempt: AttemptId) -> Result<Vec<Listed>, DbError> {
    scope.query(LIST).bind(attempt).all().await
}

/// The file of that name.
pub async fn find(scope: &mut Scope, attempt: AttemptId, address: Address) -> Result<Option<Content>, DbError> {
    scope.query(FIND).bind(attempt).bind(address.0).optional().await
}

/// The newest trace of an attempt.
pub async fn trace(scope: &mut Scope, attempt: AttemptId) -> Result<Option<Content>, DbError> {
    scope.query(TRACE).bind(attempt).optional().await
}

/// Keeps a file; whether it is new.
pub async fn put(scope: &mut Scope, new: &New<'_>) -> Result<bool, DbError> {
    let query = scope.query(PUT).bind(new.attempt).bind(new.address.0).bind(new.kind.name()).bind(new.media_type);
    Ok(query.bind(new.size()).bind(new.by).bind(new.at).bind(new.content).execute().await? > 0)
}

/// How many files an attempt has.
pub async fn count(scope: &mut Scope, attempt: AttemptId) -> Result<i64, DbError> {
    let (count,): (i64,) = scope.query(COUNT).bind(attempt).one().await?;
    Ok(count)
}

/// A record of checks with its bytes.
#[derive(Debug, sqlx::FromRow)]
pub struct Checks {
    /// Its address.
    pub sha256: Vec<u8>,
    /// Bytes.
    pub size: i64,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// The records of checks of an attempt, in no order.
pub async fn checks(scope: &mut Scope, attempt: AttemptId) -> Result<Vec<Checks>, DbError> {
    scope.query(CHECKS).bind(attempt).all().await
}

/// Forgets a file.
pub async fn remove(scope: &mut Scope, attempt: AttemptId, sha256: &[u8]) -> Result<(), DbError> {
    scope.query(REMOVE).bind(attempt).bind(sha256).execute().await?;
    Ok(())
}

/// Counts these bytes too, or as many fewer; how many all files of the tenant have now.
pub async fn meter(scope: &mut Scope, bytes: i64) -> Result<i64, DbError> {
    let (all,): (i64,) = scope.query(METER).bind(bytes).one().await?;
    Ok(all)
}
