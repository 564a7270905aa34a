//! What other processes did, told to the streams that are open here, so that access is cut within a
//! second whoever cuts it.
//!
//! On PostgreSQL the processes tell each other, and the store's listener hears it. A SQLite file tells
//! nobody that the command line wrote to it: this looks twice a second at the tenants that have open
//! streams. A tenant whose files nobody touched is not looked at, and none waits for another: they are
//! looked at side by side, out of turn, each with a deadline. Deliberately not here: what streams do
//! about it.

use std::{collections::HashMap, time::Duration};

use futures::{StreamExt as _, stream};
use omniot_shared::ids::TenantId;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::{
    db::{DbError, Event, Mark, TenantAccess},
    http::AppState,
};

/// How often to look.
const EVERY: Duration = Duration::from_millis(400);
/// How long one look may take; the next one tries again.
const PATIENCE: Duration = Duration::from_millis(500);
/// Looks at once; each holds a connection.
const AT_ONCE: usize = 4;

/// Where a tenant stood at the last look.
#[derive(Debug, Clone, Copy)]
struct Seen {
    seq: i64,
    audit_n: i64,
    mark: Option<Mark>,
    /// Looked at twice with the same mark: a file's time is coarse, and a second write may hide in it.
    is_settled: bool,
}

const STAND: &str = "
    select c.seq, c.audit_n,
           (select count(*) from audit a where a.tenant_id = $1 and a.n > $2 and a.target_kind in ('tenant', 'person', 'session'))
    from tenant_clock c where c.tenant_id = $1";

/// Listens or looks until the process ends.
pub(super) async fn others(state: AppState) {
    match state.db.listener() {
        Some(listener) => listener.run().await,
        None => look_around(state).await,
    }
}

async fn look_around(state: AppState) {
    let mut seen: HashMap<TenantId, Seen> = HashMap::new();
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let watched = state.bus.watched();
        seen.retain(|tenant, _| watched.contains(tenant));
        for (tenant, stand) in looks(&state, watched, &seen).await {
            seen.insert(tenant, stand);
        }
    }
}

async fn looks(state: &AppState, watched: Vec<TenantId>, seen: &HashMap<TenantId, Seen>) -> Vec<(TenantId, Seen)> {
    let looks = watched.into_iter().map(async |tenant| match timeout(PATIENCE, look(state, tenant, seen.get(&tenant).copied())).await {
        Ok(Ok(stand)) => stand.map(|stand| (tenant, stand)),
        Ok(Err(error)) => {
            tracing::warn!(%error, tenant.id = %tenant, "what others did was not read");
            None
        }
        Err(_) => {
            tracing::warn!(tenant.id = %tenant, "what others did was not read in time");
            None
        }
    });
    stream::iter(looks).buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await
}

/// `None` when nothing can have changed.
async fn look(state: &AppState, tenant: TenantId, before: Option<Seen>) -> Result<Option<Seen>, DbError> {
    // Before the look: what is written meanwhile makes another mark.
    let mark = state.db.mark(tenant);
    let is_same = mark.is_some() && before.is_some_and(|before| before.mark == mark);
    if is_same && before.is_some_and(|before| before.is_settled) {
        return Ok(None);
    }
    let mut scope = state.db.glance(&TenantAccess::for_job(tenant, "watch")).await?;
    let from = before.map_or(i64::MAX, |before| before.audit_n);
    let (seq, audit_n, access): (i64, i64, i64) = scope.query(STAND).bind(from).one().await?;
    drop(scope);
    // At the first look nothing is known of before: the streams are told once more than they need.
    if access > 0 || before.is_none() {
        state.bus.relay(tenant, Event::AccessChanged);
    }
    if before.is_none_or(|before| before.seq < seq) {
        state.bus.relay(tenant, Event::changed(seq));
    }
    Ok(Some(Seen { seq, audit_n, mark, is_settled: is_same }))
}
