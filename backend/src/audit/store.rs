//! The SQL of the audit log.

use omniot_shared::{fold::fold, time::Millis};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{Author, Change, Entry, chain::Link};
use crate::db::{DbError, Query, Scope};

const MOVE_HEAD: &str = "update tenant_clock set audit_n = $2, audit_head = $3 where tenant_id = $1";
const HEAD: &str = "select audit_n, audit_head from tenant_clock where tenant_id = $1";
const LIST: &str = "
    select n, at, actor_kind, actor_id, actor_name, acting_as, action, target_kind, target_id, target_name,
           detail, before_hash, after_hash, request_id, hash
    from audit
    where tenant_id = $1
      and (cast($2 as text) is null or actor_id = $2)
      and (cast($3 as text) is null or action = $3)
      and (cast($4 as text) is null or target_id = $4)
      and (cast($5 as bigint) is null or at >= $5)
      and (cast($6 as bigint) is null or at < $6)
      and (cast($7 as bigint) is null or n < $7)
      and (cast($8 as text) is null or search_text like $8 escape '\\')
    order by n desc limit $9";
const LINKS: &str = "
    select n, at, actor_kind, actor_id, actor_name, acting_as, action, target_kind, target_id, target_name,
           detail, before_hash, after_hash, request_id, hash
    from audit where tenant_id = $1 and n > $2 order by n limit $3";

/// Parameters of an entry, the tenant aside.
const WIDTH: usize = 16;

/// Where the chain ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// The number of the last entry; 0 before the first.
    pub n: i64,
    /// Its hash.
    pub hash: Vec<u8>,
}

/// Appends one entry in the transaction that makes the change.
///
/// # Errors
/// Whatever the store says.
pub async fn append(scope: &mut Scope, author: &Author, at: Millis, request_id: Option<&str>, entry: Entry) -> Result<(), DbError> {
    append_all(scope, author, at, request_id, vec![entry]).await
}

/// Appends entries of one author, in order, in the transaction that makes the changes.
///
/// # Errors
/// Whatever the store says.
pub async fn append_all(scope: &mut Scope, author: &Author, at: Millis, request_id: Option<&str>, entries: Vec<Entry>) -> Result<(), DbError> {
    if entries.is_empty() {
        return Ok(());
    }
    let end = head(scope).await?;
    let end = append_to(scope, end, author, at, request_id, entries).await?;
    scope.query(MOVE_HEAD).bind(end.n).bind(end.hash).execute().await.map(drop)
}

/// Appends entries to the chain that ends in `head`, and where it ends then: the caller keeps that.
///
/// # Errors
/// Whatever the store says.
pub async fn append_to(scope: &mut Scope, mut head: Head, author: &Author, at: Millis, request_id: Option<&str>, entries: Vec<Entry>) -> Result<Head, DbError> {
    let (tenant, mut links) = (Uuid::from(scope.tenant()), Vec::with_capacity(entries.len()));
    for entry in entries {
        let link = link(tenant, &head.hash, head.n + 1, author, at, request_id, entry);
        head = Head { n: link.n, hash: link.hash.clone() };
        links.push(link);
    }
    insert(scope, &links).await?;
    Ok(head)
}

fn link(tenant: Uuid, head: &[u8], n: i64, author: &Author, at: Millis, request_id: Option<&str>, entry: Entry) -> Link {
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
    link.hash = link.expected(tenant, head).to_vec();
    link
}

async fn insert(scope: &mut Scope, links: &[Link]) -> Result<(), DbError> {
    for part in scope.portions(links, WIDTH) {
        let query = scope.query(AssertSqlSafe(insert_of(part.len())));
        part.iter().cloned().fold(query, bind).execute().await?;
    }
    Ok(())
}

fn insert_of(count: usize) -> String {
    let row = |row: usize| (2 + row * WIDTH..2 + (row + 1) * WIDTH).map(|n| format!(", ${n}")).collect::<String>();
    let rows: Vec<String> = (0..count).map(|n| format!("($1{})", row(n))).collect();
    format!(
        "insert into audit (tenant_id, n, at, actor_kind, actor_id, actor_name, acting_as, action, target_kind, target_id, target_name, detail, before_hash, after_hash, request_id, hash, search_text) values {}",
        rows.join(", ")
    )
}

fn bind(query: Query<'_>, link: Link) -> Query<'_> {
    let search = fold(&format!("{} {} {}", link.actor_name, link.target_name.as_deref().unwrap_or_default(), link.action));
    query
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
        .bind(search)
}

/// Which entries to list.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// By this actor.
    pub actor_id: Option<String>,
    /// This action.
    pub action: Option<String>,
    /// Done to this thing.
    pub target_id: Option<String>,
    /// At or after.
    pub since: Option<Millis>,
    /// Before.
    pub until: Option<Millis>,
    /// Folded `like` pattern over the names of actor and target, and the action.
    pub pattern: Option<String>,
    /// Older than the entry of this number.
    pub before: Option<i64>,
}

/// An entry that was read to be shown.
#[derive(Debug, Clone)]
pub struct Seen(pub(super) Link);

impl Seen {
    /// Its number: the key of the list.
    #[must_use]
    pub const fn n(&self) -> i64 {
        self.0.n
    }
}

/// The newest entries first; `rows` at most.
///
/// # Errors
/// Whatever the store says.
pub async fn list(scope: &mut Scope, wanted: &Wanted, rows: i64) -> Result<Vec<Seen>, DbError> {
    let query = scope.query(LIST).bind(wanted.actor_id.as_ref()).bind(wanted.action.as_ref()).bind(wanted.target_id.as_ref());
    let query = query.bind(wanted.since).bind(wanted.until).bind(wanted.before).bind(wanted.pattern.as_ref());
    let links: Vec<Link> = query.bind(rows).all().await?;
    Ok(links.into_iter().map(Seen).collect())
}

/// What happened to one thing, newest first, without hashes: for `GET /v1/devices/{id}/changes`.
/// `before` is the cursor's key: the `n` of the last change shown.
///
/// # Errors
/// Whatever the store says.
pub async fn for_target(scope: &mut Scope, target_id: &str, before: Option<i64>, rows: i64) -> Result<Vec<Change>, DbError> {
    let wanted = Wanted { target_id: Some(target_id.to_owned()), before, ..Wanted::default() };
    Ok(list(scope, &wanted, rows).await?.into_iter().map(Change::from).collect())
}

/// The entries after number `after`, in order.
pub(super) async fn links(scope: &mut Scope, after: i64, limit: i64) -> Result<Vec<Link>, DbError> {
    scope.query(LINKS).bind(after).bind(limit).all().await
}

/// Where the chain ends.
pub(super) async fn head(scope: &mut Scope) -> Result<Head, DbError> {
    let (n, hash): (i64, Option<Vec<u8>>) = scope.query(HEAD).one().await?;
    Ok(Head { n, hash: hash.unwrap_or_default() })
}
