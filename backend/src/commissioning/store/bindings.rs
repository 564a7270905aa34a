//! Which device proved which key, and the credential it has.

use omniot_shared::{
    claim::{
        PublicKey,
        contact::{Binding, Contact},
    },
    ids::{DeviceId, ModelId, SiteId},
    time::Millis,
};
use uuid::Uuid;

use crate::{
    db::{DbError, Scope},
    identity::tokens::TokenHash,
};

const FIND: &str = "
    select b.public_key, b.epoch, b.grant_id, b.resets, b.credential_hash, b.notice, b.handed_over_at, b.key_forgotten_at, d.state from device_binding b
    left join device d on d.tenant_id = b.tenant_id and d.id = b.device_id
    where b.tenant_id = $1 and b.device_id = $2";
// A notice never falls: what was taken back in an earlier epoch could be shown to electronics whose epochs begin anew.
const PUT: &str = "
    insert into device_binding (tenant_id, device_id, public_key, hardware_id, grant_id, epoch, resets, credential_hash, bound_at, last_seen_at, notice)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)
    on conflict (tenant_id, device_id) do update set
        public_key = excluded.public_key, key_forgotten_at = null, hardware_id = excluded.hardware_id, grant_id = excluded.grant_id, epoch = excluded.epoch, resets = excluded.resets,
        credential_hash = excluded.credential_hash, bound_at = excluded.bound_at, last_seen_at = excluded.last_seen_at,
        notice = case when device_binding.notice > excluded.notice then device_binding.notice else excluded.notice end, handed_over_at = null";
const BY_CREDENTIAL: &str = "
    select t.status, d.state, d.name, d.serial, d.firmware, b.epoch, b.notice from device_binding b
    join tenant t on t.tenant_id = b.tenant_id
    join device d on d.tenant_id = b.tenant_id and d.id = b.device_id
    where b.tenant_id = $1 and b.device_id = $2 and b.credential_hash = $3 and b.handed_over_at is null and b.key_forgotten_at is null";
const HAND_OVER: &str = "
    update device_binding set handed_over_at = $3, epoch = $4, last_seen_at = $3
    where tenant_id = $1 and device_id = $2";
// No contact: what is refused since the last one stays to be seen.
const FORGET_KEY: &str = "update device_binding set key_forgotten_at = $3, epoch = 0 where tenant_id = $1 and device_id = $2";
const SEEN: &str = "update device_binding set last_seen_at = $3 where tenant_id = $1 and device_id = $2 and last_seen_at < $3";
const STATE: &str = "select state from device where tenant_id = $1 and id = $2";
const MODEL: &str = "select id from device_model where tenant_id = $1 and sku = $2 order by created_at, id limit 1";
const SITE: &str = "select id from site where tenant_id = $1 and id = $2";

#[derive(sqlx::FromRow)]
struct Row {
    public_key: Vec<u8>,
    epoch: i64,
    grant_id: Uuid,
    resets: i64,
    credential_hash: Vec<u8>,
    notice: i64,
    handed_over_at: Option<i64>,
    key_forgotten_at: Option<i64>,
    state: Option<String>,
}

/// A binding with what the claim rules do not need.
pub struct Bound {
    /// For the rules.
    pub binding: Binding,
    /// The resets it knew of.
    pub resets: u32,
    /// The hash of the credential in force.
    pub credential_hash: Vec<u8>,
    /// The number of the last notice; it never falls.
    pub notice: u32,
    /// When it said that it left.
    pub handed_over_at: Option<Millis>,
    /// Its key does not count any more: the next one that claims takes its place.
    pub is_forgotten: bool,
}

impl Bound {
    /// What the claim rules are to know: nothing of a key that was forgotten.
    #[must_use]
    pub fn in_force(&self) -> Option<Binding> {
        (!self.is_forgotten).then_some(self.binding)
    }
}

/// The binding of a device.
///
/// # Errors
/// Whatever the store says.
pub async fn find(scope: &mut Scope, device: DeviceId) -> Result<Option<Bound>, DbError> {
    let row: Option<Row> = scope.query(FIND).bind(device).optional().await?;
    Ok(row.and_then(|row| {
        let binding = Binding {
            public_key: PublicKey::read(&row.public_key)?,
            epoch: u32::try_from(row.epoch).ok()?,
            grant: row.grant_id.into(),
            retired: row.state.as_deref() == Some("retired"),
        };
        let notice = u32::try_from(row.notice).ok()?;
        Some(Bound { binding, resets: u32::try_from(row.resets).ok()?, credential_hash: row.credential_hash, notice, handed_over_at: row.handed_over_at.map(Millis), is_forgotten: row.key_forgotten_at.is_some() })
    }))
}

/// Binds a device, or binds it anew; it is to hear a notice of the number `notice` at least.
///
/// # Errors
/// Whatever the store says.
pub async fn put(scope: &mut Scope, device: DeviceId, contact: &Contact, credential: TokenHash, notice: u32, now: Millis) -> Result<(), DbError> {
    let query = scope.query(PUT).bind(device).bind(contact.identity.public_key.0).bind(&contact.identity.hardware_id).bind(contact.grant.id);
    query.bind(contact.receipt.epoch).bind(contact.identity.resets).bind(credential.bytes()).bind(now).bind(notice).execute().await.map(drop)
}

/// A device that shows a credential.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Credentialed {
    /// Of its tenant.
    pub status: String,
    /// Where the device stands in its life.
    pub state: String,
    /// Its name.
    pub name: String,
    /// Its serial number.
    pub serial: String,
    /// What the row says it runs.
    pub firmware: Option<String>,
    /// The epoch in force.
    pub epoch: i64,
    /// The number of the last notice.
    pub notice: i64,
}

/// The device that this credential belongs to.
///
/// # Errors
/// Whatever the store says.
pub async fn by_credential(scope: &mut Scope, device: DeviceId, hash: &TokenHash) -> Result<Option<Credentialed>, DbError> {
    scope.query(BY_CREDENTIAL).bind(device).bind(hash.bytes()).optional().await
}

/// Notes that a device was in contact.
///
/// # Errors
/// Whatever the store says.
pub async fn seen(scope: &mut Scope, device: DeviceId, now: Millis) -> Result<(), DbError> {
    scope.query(SEEN).bind(device).bind(now).execute().await.map(drop)
}

/// The device said that it left, with the epoch that it has since: its credential is dead, and no claim of before is good.
///
/// # Errors
/// Whatever the store says.
pub async fn hand_over(scope: &mut Scope, device: DeviceId, epoch: u32, now: Millis) -> Result<(), DbError> {
    scope.query(HAND_OVER).bind(device).bind(now).bind(epoch).execute().await.map(drop)
}

/// Somebody had the key forgotten: its credential is dead, and the next key that claims takes its place.
///
/// # Errors
/// Whatever the store says.
pub async fn forget_key(scope: &mut Scope, device: DeviceId, now: Millis) -> Result<(), DbError> {
    scope.query(FORGET_KEY).bind(device).bind(now).execute().await.map(drop)
}

/// Whether the device row is retired, bound or not.
///
/// # Errors
/// Whatever the store says.
pub async fn is_retired(scope: &mut Scope, device: DeviceId) -> Result<bool, DbError> {
    let row: Option<(String,)> = scope.query(STATE).bind(device).optional().await?;
    Ok(row.is_some_and(|(state,)| state == "retired"))
}

/// The model with that SKU, the oldest when there are several.
///
/// # Errors
/// Whatever the store says.
pub async fn model_of(scope: &mut Scope, sku: &str) -> Result<Option<ModelId>, DbError> {
    let row: Option<(Uuid,)> = scope.query(MODEL).bind(sku).optional().await?;
    Ok(row.map(|(id,)| id.into()))
}

/// The site, when the server knows it already.
///
/// # Errors
/// Whatever the store says.
pub async fn known_site(scope: &mut Scope, site: Option<SiteId>) -> Result<Option<SiteId>, DbError> {
    let Some(site) = site else { return Ok(None) };
    let row: Option<(Uuid,)> = scope.query(SITE).bind(site).optional().await?;
    Ok(row.map(|(id,)| id.into()))
}
