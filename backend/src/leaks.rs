//! Seeded leaks: ways to break the tenant boundary on purpose, so that tests can show that a guard
//! catches each. Compiled only with the feature `seeded-leaks`, off unless a test plants one, and
//! without effect in an optimized build: never part of a server that is released.
//!
//! Most are one mechanism: the statement that is about to run loses its tenant predicate.
//! Deliberately not here: row-level security switched off (the test does that to the database itself).
//! To add one: a variant of [`Leak`], and the guard that catches it in `tests/isolation/leaks.rs`.

use std::sync::atomic::{AtomicU8, Ordering};

use axum::extract::State;
use omniot_shared::ids::TenantId;
use serde::Deserialize;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    db::TenantAccess,
    http::{ApiError, AppState},
};

/// A way to break the boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Leak {
    /// Lists of devices forget the tenant.
    DroppedPredicate = 1,
    /// Rows that a write refers to are looked up across tenants.
    ForeignReference = 2,
    /// Counts run across tenants.
    CountAcross = 3,
    /// A pull takes the changes of every scope.
    PullIgnoresScope = 4,
    /// A route reads a tenant that the request names, without asking who calls.
    RouteWithoutCaller = 5,
    /// Lists of people forget the tenant.
    People = 6,
    /// Lists of attempts forget the tenant.
    Attempts = 7,
    /// Lists of claim grants forget the tenant.
    Grants = 8,
    /// A change of the tenant's own row changes every tenant's.
    UpdateAcross = 9,
    /// What is deleted here is deleted in every tenant.
    DeleteAcross = 10,
}

impl Leak {
    /// Those that live in the code; all of them.
    pub const ALL: [Self; 10] = [
        Self::DroppedPredicate, Self::ForeignReference, Self::CountAcross, Self::PullIgnoresScope, Self::RouteWithoutCaller,
        Self::People, Self::Attempts, Self::Grants, Self::UpdateAcross, Self::DeleteAcross,
    ];

    /// Whether the statement is one that this leak breaks.
    fn breaks(self, sql: &str) -> bool {
        let (has, begins) = (|part: &str| sql.contains(part), |word: &str| sql.trim_start().starts_with(word));
        let reads = begins("select") || begins("with");
        match self {
            Self::UpdateAcross => begins("update tenant "),
            Self::DeleteAcross => begins("delete from sign_in_throttle"),
            _ if !reads => false,
            Self::DroppedPredicate => has("from device d") || has("from device\n") || has("from device "),
            Self::People => has("from person"),
            Self::Attempts => has("from attempt"),
            Self::Grants => has("from claim_grant"),
            Self::ForeignReference => has("from site"),
            Self::CountAcross => has("count("),
            Self::PullIgnoresScope => has("seq >"),
            Self::RouteWithoutCaller => false,
        }
    }
}

static PLANTED: AtomicU8 = AtomicU8::new(0);

/// Plants a leak in this process, or takes it out again.
pub fn plant(leak: Option<Leak>) {
    PLANTED.store(leak.map_or(0, |leak| leak as u8), Ordering::SeqCst);
}

/// The leak that is planted.
#[must_use]
pub fn planted() -> Option<Leak> {
    if !cfg!(debug_assertions) {
        return None;
    }
    let planted = PLANTED.load(Ordering::SeqCst);
    Leak::ALL.into_iter().find(|leak| *leak as u8 == planted)
}

/// The statement as the planted leak would have it.
pub(crate) fn broken(sql: SqlStr) -> SqlStr {
    let Some(leak) = planted() else { return sql };
    let text = sql.as_str();
    if !leak.breaks(text) {
        return sql;
    }
    AssertSqlSafe(without_tenant(text)).into_sql_str()
}

/// Every comparison with the tenant becomes true of any row; `$1` stays in use.
fn without_tenant(sql: &str) -> String {
    let mut broken = sql.to_owned();
    for name in ["d.tenant_id", "s.tenant_id", "m.tenant_id", "a.tenant_id", "p.tenant_id", "g.tenant_id", " tenant_id"] {
        broken = broken.replace(&format!("{name} = $1"), &format!(" coalesce({name}, $1) is not null"));
    }
    broken
}

#[derive(Deserialize)]
struct Named {
    tenant: Option<TenantId>,
}

/// Counts the devices of whichever tenant is named.
#[utoipa::path(get, path = "/v1/leaked", operation_id = "read_leaked", responses((status = 200)))]
async fn read_leaked(State(state): State<AppState>, axum::extract::Query(named): axum::extract::Query<Named>) -> Result<String, ApiError> {
    const COUNT: &str = "select count(*) from device where tenant_id = $1";
    let Some(tenant) = named.tenant else { return Ok("0".to_owned()) };
    let mut scope = state.db.read(&TenantAccess::for_job(tenant, "leak")).await?;
    let (count,): (i64,) = scope.query(COUNT).one().await?;
    Ok(count.to_string())
}

/// The route that [`Leak::RouteWithoutCaller`] adds.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    match planted() {
        Some(Leak::RouteWithoutCaller) => OpenApiRouter::new().routes(routes!(read_leaked)),
        _ => OpenApiRouter::new(),
    }
}
