//! The last refused contact of each device.

use omniot_shared::{claim::contact::Contact, ids::DeviceId};
use uuid::Uuid;

use crate::{
    commissioning::refusals::RefusedContact,
    db::{DbError, Scope},
};

const FIND: &str = "select code, grant_id, at, since, proven from device_refusal where tenant_id = $1 and device_id = $2";
// Of a device that is there only: who shows a grant can say to be any.
const PUT: &str = "
    insert into device_refusal (tenant_id, device_id, code, grant_id, at, since, proven)
    select $1, d.id, $3, $4, $5, $5, $6 from device d where d.tenant_id = $1 and d.id = $2
    on conflict (tenant_id, device_id) do update set code = excluded.code, grant_id = excluded.grant_id, at = excluded.at, proven = excluded.proven";
const FORGET: &str = "delete from device_refusal where tenant_id = $1 and device_id = $2";
const EXISTS: &str = "select count(*) from device where tenant_id = $1 and id = $2";
const RECORDED: &str = "select count(*) from attempt where tenant_id = $1 and grant_id = $2 and device_id = $3 and receipt = $4 and identity_verified";
const STANDING: &str = "
    select r.code, r.grant_id, r.at, r.since, r.proven from device_refusal r
    left join device_binding b on b.tenant_id = r.tenant_id and b.device_id = r.device_id
    where r.tenant_id = $1 and r.device_id = $2 and r.at > coalesce(b.last_seen_at, 0)";

/// A refusal as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RefusalRow {
    /// The code it was answered.
    pub code: String,
    /// The grant that was shown.
    pub grant_id: Uuid,
    /// When.
    pub at: i64,
    /// The first one in a row.
    pub since: i64,
    /// 1: the device itself, 0: somebody who says to be it.
    pub proven: i64,
}

/// What a device was refused last, whether it was in contact since or not.
///
/// # Errors
/// Whatever the store says.
pub async fn find(scope: &mut Scope, device: DeviceId) -> Result<Option<RefusalRow>, DbError> {
    scope.query(FIND).bind(device).optional().await
}

/// What a device was refused since it was last in contact.
///
/// # Errors
/// Whatever the store says.
pub async fn standing(scope: &mut Scope, device: DeviceId) -> Result<Option<RefusalRow>, DbError> {
    scope.query(STANDING).bind(device).optional().await
}

/// Keeps a refusal over the one before, of a device that is there.
///
/// # Errors
/// Whatever the store says.
pub async fn put(scope: &mut Scope, device: DeviceId, refused: &RefusedContact) -> Result<(), DbError> {
    let query = scope.query(PUT).bind(device).bind(&refused.code).bind(refused.grant_id).bind(refused.at);
    query.bind(i64::from(refused.is_proven)).execute().await.map(drop)
}

/// The device was let in.
///
/// # Errors
/// Whatever the store says.
pub async fn forget(scope: &mut Scope, device: DeviceId) -> Result<(), DbError> {
    scope.query(FORGET).bind(device).execute().await.map(drop)
}

/// Whether there is a row of the device.
///
/// # Errors
/// Whatever the store says.
pub async fn is_there(scope: &mut Scope, device: DeviceId) -> Result<bool, DbError> {
    let (rows,): (i64,) = scope.query(EXISTS).bind(device).one().await?;
    Ok(rows > 0)
}

/// Whether a technician who had checked the identity of the device recorded this very receipt (base64): its key is the one
/// that they saw.
///
/// # Errors
/// Whatever the store says.
pub async fn is_recorded(scope: &mut Scope, device: DeviceId, contact: &Contact, receipt: &str) -> Result<bool, DbError> {
    let (rows,): (i64,) = scope.query(RECORDED).bind(contact.grant.id).bind(device).bind(receipt).one().await?;
    Ok(rows > 0)
}
