//! The releases that a tenant signed for its devices, those that others gave it, and notices.

use omniot_shared::{
    claim::Letter,
    ids::{DeviceId, PersonId},
    time::Millis,
};
use uuid::Uuid;

use crate::db::{DbError, Scope};

const FIND: &str = "
    select letter, up_to_epoch, made_at, not_after, person_id, person_name, withdrawn_at from device_release
    where tenant_id = $1 and device_id = $2";
const PUT: &str = "
    insert into device_release (tenant_id, device_id, letter, up_to_epoch, made_at, not_after, person_id, person_name)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    on conflict (tenant_id, device_id) do update set letter = excluded.letter, up_to_epoch = excluded.up_to_epoch, made_at = excluded.made_at,
        not_after = excluded.not_after, person_id = excluded.person_id, person_name = excluded.person_name, withdrawn_at = null";
const WITHDRAW: &str = "update device_release set withdrawn_at = $3 where tenant_id = $1 and device_id = $2 and withdrawn_at is null";
const NUMBER: &str = "update device_binding set notice = $3 where tenant_id = $1 and device_id = $2 and notice < $3";
const RECEIVE: &str = "
    insert into received_release (tenant_id, owner, serial, letter, not_after, person_id, received_at) values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (tenant_id, serial, owner) do update set letter = excluded.letter, not_after = excluded.not_after,
        person_id = excluded.person_id, received_at = excluded.received_at
    where excluded.not_after >= received_release.not_after";
const FORGET: &str = "delete from received_release where tenant_id = $1 and not_after < $2";
const RECEIVED: &str = "
    select letter from received_release where tenant_id = $1 and not_after > $2
    order by received_at desc, serial limit 500";

/// A release as it was signed.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ReleaseRow {
    /// An encoded `Letter`.
    pub letter: Vec<u8>,
    /// The epoch it ends with.
    pub up_to_epoch: i64,
    /// When it was signed.
    pub made_at: i64,
    /// When it ends.
    pub not_after: i64,
    /// By whom.
    pub person_id: Uuid,
    /// Their name then.
    pub person_name: String,
    /// When it was taken back.
    pub withdrawn_at: Option<i64>,
}

/// The latest release of a device.
///
/// # Errors
/// Whatever the store says.
pub async fn find(scope: &mut Scope, device: DeviceId) -> Result<Option<ReleaseRow>, DbError> {
    scope.query(FIND).bind(device).optional().await
}

/// Keeps a release, in the place of an earlier one.
///
/// # Errors
/// Whatever the store says.
pub async fn put(scope: &mut Scope, device: DeviceId, letter: &Letter, by: (PersonId, &str), now: Millis) -> Result<(), DbError> {
    let query = scope.query(PUT).bind(device).bind(letter.bytes()).bind(letter.release.up_to_epoch).bind(now);
    query.bind(letter.release.not_after).bind(by.0).bind(by.1).execute().await.map(drop)
}

/// Takes a release back; `false` when that was done before.
///
/// # Errors
/// Whatever the store says.
pub async fn withdraw(scope: &mut Scope, device: DeviceId, now: Millis) -> Result<bool, DbError> {
    Ok(scope.query(WITHDRAW).bind(device).bind(now).execute().await? == 1)
}

/// The device is to hear a notice of that number.
///
/// # Errors
/// Whatever the store says.
pub async fn number(scope: &mut Scope, device: DeviceId, notice: u32) -> Result<(), DbError> {
    scope.query(NUMBER).bind(device).bind(notice).execute().await.map(drop)
}

/// Keeps a release of another organization, and forgets those that ended.
///
/// # Errors
/// Whatever the store says.
pub async fn receive(scope: &mut Scope, letter: &Letter, by: PersonId, now: Millis) -> Result<(), DbError> {
    scope.query(FORGET).bind(now).execute().await?;
    let query = scope.query(RECEIVE).bind(letter.owner.fingerprint().0.to_vec()).bind(&letter.release.serial).bind(letter.bytes());
    query.bind(letter.release.not_after).bind(by).bind(now).execute().await.map(drop)
}

/// The releases of other organizations that are good at `now`, the latest first.
///
/// # Errors
/// Whatever the store says.
pub async fn received(scope: &mut Scope, now: Millis) -> Result<Vec<Letter>, DbError> {
    let rows: Vec<(Vec<u8>,)> = scope.query(RECEIVED).bind(now).all().await?;
    Ok(rows.into_iter().filter_map(|(letter,)| Letter::read(&letter).ok()).collect())
}
