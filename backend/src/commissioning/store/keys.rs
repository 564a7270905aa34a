//! The tenant's claim key and whether the tenant is served.

use omniot_shared::time::Millis;

use crate::{
    commissioning::secrets::ClaimKey,
    db::{DbError, Scope},
};

const FIND: &str = "
    select t.status, k.private_key from tenant t left join claim_key k on k.tenant_id = t.tenant_id
    where t.tenant_id = $1";
const INSERT: &str = "insert into claim_key (tenant_id, public_key, private_key, created_at) values ($1, $2, $3, $4)";

/// A tenant as an unproven device meets it.
pub struct Owner {
    /// Whether it is served.
    pub active: bool,
    /// Its claim key; `None` before the first grant.
    pub key: Option<ClaimKey>,
}

/// The scope's tenant; `None` when there is none.
///
/// # Errors
/// Whatever the store says.
pub async fn owner(scope: &mut Scope) -> Result<Option<Owner>, DbError> {
    let row: Option<(String, Option<Vec<u8>>)> = scope.query(FIND).optional().await?;
    let tenant = scope.tenant();
    Ok(row.map(|(status, private)| {
        let private = private.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        Owner { active: status == "active", key: private.map(|private| ClaimKey::new(tenant, &private)) }
    }))
}

/// Keeps a new claim key.
///
/// # Errors
/// Whatever the store says; `Unique` when there is one.
pub async fn insert(scope: &mut Scope, private: [u8; 32], now: Millis) -> Result<ClaimKey, DbError> {
    let key = ClaimKey::new(scope.tenant(), &private);
    scope.query(INSERT).bind(key.public().0).bind(private).bind(now).execute().await?;
    Ok(key)
}
