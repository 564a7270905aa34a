//! The SQL of the audit log.

use omniot_shared::time::Millis;
use uuid::Uuid;

use super::{Author, Entry, chain::Link};
use crate::db::{DbError, Scope};

const NUMBER: &str = "update tenant_clock set audit_n = audit_n + 1 where tenant_id = $1 returning audit_n, audit_head";
const INSERT: &str = "
    insert into audit (tenant_id, n, at, actor_kind, actor_id, actor_name, acting_as, action, target_kind, target_id, target_name,
                       detail, before_hash, after_hash, request_id, hash)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
const MOVE_HEAD: &str = "update tenant_clock set audit_head = $2 where tenant_id = $1";
const HEAD: &str = "select audit_n, audit_head from tenant_clock where tenant_id = $1";
const LINKS: &str = "
    select n, at, actor_kind, actor_id, actor_name, acting_as, action, target_kind, target_id, target_name,
           detail, before_hash, after_hash, request_id, hash
    from audit where tenant_id = $1 and n > $2 order by n limit $3";

/// Appends one entry in the transaction that makes the change.
///
/// # Errors
/// Whatever the store says.
pub async fn append(scope: &mut Scope, author: &Author, at: Millis, request_id: Option<&str>, entry: Entry) -> Result<(), DbError> {
    let (n, head): (i64, Option<Vec<u8>>) = scope.query(NUMBER).one().await?;
    let (target_kind, target_id, target_name) = entry.target;
    let mut link = Link {
        n,
        at: at.0,
        actor_kind: author.kind.to_owned(),
        actor_id: author.id.clone(),
        actor_name: author.name.clone(),
        acting_as: author.acting_as.clone(),
        action: entry.action,
        target_kind,
        target_id,
        target_name,
        detail: entry.detail,
        before_hash: entry.before.map(Vec::from),
        after_hash: entry.after.map(Vec::from),
        request_id: request_id.map(str::to_owned),
        hash: Vec::new(),
    };
    link.hash = link.expected(Uuid::from(scope.tenant()), head.as_deref().unwrap_or_default()).to_vec();
    let hash = link.hash.clone();
    insert(scope, link).await?;
    scope.query(MOVE_HEAD).bind(hash).execute().await.map(drop)
}

async fn insert(scope: &mut Scope, link: Link) -> Result<(), DbError> {
    scope
        .query(INSERT)
        .bind(link.n)
        .bind(link.at)
        .bind(link.actor_kind)
        .bind(link.actor_id)
        .bind(link.actor_name)
        .bind(link.acting_as)
        .bind(link.action)
        .bind(link.target_kind)
        .bind(link.target_id)
        .bind(link.target_name)
        .bind(link.detail)
        .bind(link.before_hash)
        .bind(link.after_hash)
        .bind(link.request_id)
        .bind(link.hash)
        .execute()
        .await
        .map(drop)
}

/// The entries after number `after`, in order.
pub(super) async fn links(scope: &mut Scope, after: i64, limit: i64) -> Result<Vec<Link>, DbError> {
    scope.query(LINKS).bind(after).bind(limit).all().await
}

/// Where the chain ends: the last number and hash.
pub(super) async fn head(scope: &mut Scope) -> Result<(i64, Option<Vec<u8>>), DbError> {
    scope.query(HEAD).one().await
}
