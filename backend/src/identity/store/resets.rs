//! Links to set a new password.

use omniot_shared::{ids::PersonId, time::Millis};
use uuid::Uuid;

use crate::{
    db::{DbError, Scope},
    identity::tokens::TokenHash,
    mail,
};

/// One link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reset {
    /// Which.
    pub id: Uuid,
    /// Whose password.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Until when it can be used.
    pub expires_at: Millis,
    /// When it was used or a newer one took its place.
    pub closed_at: Option<Millis>,
}

const REPLACE: &str = "update password_reset set closed_at = $3 where tenant_id = $1 and person_id = $2 and closed_at is null";
const FORGET: &str = "delete from password_reset where tenant_id = $1 and person_id = $2 and created_at < $3";
const INSERT: &str = "
    insert into password_reset (tenant_id, id, token_hash, person_id, created_at, expires_at)
    values ($1, $2, $3, $4, $5, $6)";
/// Used links are remembered for so long, to answer `link_used`.
const REMEMBER_MS: i64 = 30 * 86_400_000;

/// Opens a link; the person's earlier ones are closed.
pub async fn insert(scope: &mut Scope, person: PersonId, hash: TokenHash, id: Uuid, now: Millis, expires_at: Millis) -> Result<(), DbError> {
    close_all(scope, person, now).await?;
    scope.query(FORGET).bind(person).bind(now.plus(-REMEMBER_MS)).execute().await?;
    scope.query(INSERT).bind(id).bind(hash.0).bind(person).bind(now).bind(expires_at).execute().await.map(drop)
}

/// Closes all links of a person, and empties them in the outbox.
pub async fn close_all(scope: &mut Scope, person: PersonId, now: Millis) -> Result<(), DbError> {
    scope.query(REPLACE).bind(person).bind(now).execute().await?;
    mail::blank(scope, now).await
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    person_id: Uuid,
    name: String,
    email: String,
    expires_at: i64,
    closed_at: Option<i64>,
}

const BY_TOKEN: &str = "
    select r.id, r.person_id, p.name, p.email, r.expires_at, r.closed_at
    from password_reset r join person p on p.tenant_id = r.tenant_id and p.id = r.person_id
    where r.tenant_id = $1 and r.token_hash = $2";

/// The link of that token, whatever its state.
pub async fn by_token(scope: &mut Scope, hash: TokenHash) -> Result<Option<Reset>, DbError> {
    let row = scope.query(BY_TOKEN).bind(hash.0).optional::<Row>().await?;
    Ok(row.map(|row| Reset {
        id: row.id,
        person: PersonId(row.person_id),
        name: row.name,
        email: row.email,
        expires_at: Millis(row.expires_at),
        closed_at: row.closed_at.map(Millis),
    }))
}
