//! Grants.

use omniot_shared::{
    claim::{Grant, PublicKey, SignedGrant, contact::{KnownGrant, Spender}},
    ids::{ClientId, DeviceId, GrantId, PersonId},
    time::Millis,
};
use uuid::Uuid;

use crate::db::{DbError, Scope};

const OUTSTANDING: &str = "
    select g.signed from claim_grant g
    where g.tenant_id = $1 and g.client_id = $2 and g.person_id = $3 and g.not_after > $4
      and g.spent_at is null and g.revoked_at is null
      and not exists (select 1 from attempt a where a.tenant_id = $1 and a.grant_id = g.id)
    order by g.not_after, g.id";
const INSERT: &str = "
    insert into claim_grant (tenant_id, id, person_id, person_name, client_id, signed, issued_at, not_after)
    values ($1, $2, $3, $4, $5, $6, $7, $8)";
const KNOWN: &str = "
    select g.revoked_at, g.spent_key, g.device_id, (select min(a.ended_at) from attempt a where a.tenant_id = $1 and a.grant_id = g.id) as recorded_at
    from claim_grant g where g.tenant_id = $1 and g.id = $2";
const SPEND: &str = "
    update claim_grant set spent_at = $3, spent_key = $4, device_id = $5
    where tenant_id = $1 and id = $2 and spent_at is null and revoked_at is null";
const REVOKE: &str = "
    update claim_grant set revoked_at = $3
    where tenant_id = $1 and id = $2 and spent_at is null and revoked_at is null
      and not exists (select 1 from attempt a where a.tenant_id = $1 and a.grant_id = claim_grant.id)";
const REVOKE_ALL_OF: &str = "
    update claim_grant set revoked_at = $3
    where tenant_id = $1 and person_id = $2 and spent_at is null and revoked_at is null
      and not exists (select 1 from attempt a where a.tenant_id = $1 and a.grant_id = claim_grant.id)";
const LIST: &str = "
    select id, person_id, person_name, client_id, issued_at, not_after, revoked_at, spent_at, device_id from claim_grant
    where tenant_id = $1
      and (cast($2 as uuid) is null or person_id = $2)
      and (cast($3 as bigint) is null or issued_at < $3 or (issued_at = $3 and id < $4))
    order by issued_at desc, id desc limit $5";
const FIND: &str = "
    select id, person_id, person_name, client_id, issued_at, not_after, revoked_at, spent_at, device_id from claim_grant
    where tenant_id = $1 and id = $2";

/// A grant as staff see it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct GrantRow {
    /// Its id.
    pub id: Uuid,
    /// To whom.
    pub person_id: Uuid,
    /// Their name then.
    pub person_name: String,
    /// For which replica.
    pub client_id: Uuid,
    /// When it was made.
    pub issued_at: i64,
    /// When it ends.
    pub not_after: i64,
    /// When it was taken back.
    pub revoked_at: Option<i64>,
    /// When a device showed it.
    pub spent_at: Option<i64>,
    /// Which device.
    pub device_id: Option<Uuid>,
}

#[derive(sqlx::FromRow)]
struct KnownRow {
    revoked_at: Option<i64>,
    spent_key: Option<Vec<u8>>,
    device_id: Option<Uuid>,
    recorded_at: Option<i64>,
}

/// The grants that this person's replica may still use after `until`: not spent, revoked, expired, or named in a synced record.
///
/// # Errors
/// Whatever the store says.
pub async fn outstanding(scope: &mut Scope, person: PersonId, client: ClientId, until: Millis) -> Result<Vec<SignedGrant>, DbError> {
    let rows: Vec<(Vec<u8>,)> = scope.query(OUTSTANDING).bind(client).bind(person).bind(until).all().await?;
    Ok(rows.into_iter().map(|(signed,)| SignedGrant(signed)).collect())
}

/// Keeps a grant before it is handed out.
///
/// # Errors
/// Whatever the store says.
pub async fn insert(scope: &mut Scope, grant: &Grant, person_name: &str, signed: &SignedGrant, now: Millis) -> Result<(), DbError> {
    let query = scope.query(INSERT).bind(grant.id).bind(grant.technician).bind(person_name).bind(grant.client);
    query.bind(signed.0.clone()).bind(now).bind(grant.not_after).execute().await.map(drop)
}

/// What the claim rules need to know; `None` when there is no such grant.
///
/// # Errors
/// Whatever the store says.
pub async fn known(scope: &mut Scope, id: GrantId) -> Result<Option<KnownGrant>, DbError> {
    let row: Option<KnownRow> = scope.query(KNOWN).bind(id).optional().await?;
    Ok(row.map(|row| KnownGrant {
        revoked_at: row.revoked_at.map(Millis),
        spent_by: row.spent_key.and_then(|key| Some(Spender { key: PublicKey::read(&key)?, device: DeviceId(row.device_id?) })),
        recorded_at: row.recorded_at.map(Millis),
    }))
}

/// Spends a grant; `false` when it was spent or revoked meanwhile.
///
/// # Errors
/// Whatever the store says.
pub async fn spend(scope: &mut Scope, id: GrantId, key: PublicKey, device: DeviceId, now: Millis) -> Result<bool, DbError> {
    Ok(scope.query(SPEND).bind(id).bind(now).bind(key.0).bind(device).execute().await? == 1)
}

/// Takes a grant back; `false` when it was spent or revoked already, or a record names it.
///
/// # Errors
/// Whatever the store says.
pub async fn revoke(scope: &mut Scope, id: GrantId, now: Millis) -> Result<bool, DbError> {
    Ok(scope.query(REVOKE).bind(id).bind(now).execute().await? == 1)
}

/// Takes back every unspent grant of a person, e.g. when they leave; how many.
///
/// # Errors
/// Whatever the store says.
pub async fn revoke_all_of(scope: &mut Scope, person: PersonId, now: Millis) -> Result<u64, DbError> {
    scope.query(REVOKE_ALL_OF).bind(person).bind(now).execute().await
}

/// One grant.
///
/// # Errors
/// Whatever the store says.
pub async fn find(scope: &mut Scope, id: GrantId) -> Result<Option<GrantRow>, DbError> {
    scope.query(FIND).bind(id).optional().await
}

/// The newest first.
///
/// # Errors
/// Whatever the store says.
pub async fn list(scope: &mut Scope, person: Option<PersonId>, after: Option<(i64, Uuid)>, rows: i64) -> Result<Vec<GrantRow>, DbError> {
    let (at, id) = after.unzip();
    scope.query(LIST).bind(person).bind(at).bind(id).bind(rows).all().await
}
