//! What other processes did: the command line, or another server on the same store.
//!
//! Events travel in one process (`db::Bus`); this looks once a second at the tenants that have open
//! streams here and tells those streams what was committed elsewhere. Deliberately not here: faster
//! news. A poke that is a second late costs nothing, and access is cut within a second.

use std::{collections::HashMap, time::Duration};

use omniot_shared::ids::TenantId;

use crate::{
    db::{DbError, Event, TenantAccess},
    http::AppState,
};

/// How often to look.
const EVERY: Duration = Duration::from_millis(700);

/// Where a tenant stood: its sequence and the end of its audit log.
type Seen = (i64, i64);

const STAND: &str = "
    select c.seq, c.audit_n,
           (select count(*) from audit a where a.tenant_id = $1 and a.n > $2 and a.target_kind in ('tenant', 'person', 'session'))
    from tenant_clock c where c.tenant_id = $1";

/// Looks until the process ends.
pub(super) async fn others(state: AppState) {
    let mut seen: HashMap<TenantId, Seen> = HashMap::new();
    loop {
        tokio::time::sleep(EVERY).await;
        let watched = state.bus.watched();
        seen.retain(|tenant, _| watched.contains(tenant));
        for tenant in watched {
            match look(&state, tenant, seen.get(&tenant).copied()).await {
                Ok(stand) => {
                    seen.insert(tenant, stand);
                }
                Err(error) => tracing::warn!(%error, tenant.id = %tenant, "what others did was not read"),
            }
        }
    }
}

async fn look(state: &AppState, tenant: TenantId, before: Option<Seen>) -> Result<Seen, DbError> {
    let mut scope = state.db.read(&TenantAccess::for_job(tenant, "watch")).await?;
    let from = before.map_or(i64::MAX, |(_, n)| n);
    let (seq, n, access): (i64, i64, i64) = scope.query(STAND).bind(from).one().await?;
    drop(scope);
    // At the first look nothing is known of before: the streams are told once more than they need.
    if access > 0 || before.is_none() {
        state.bus.relay(tenant, Event::AccessChanged);
    }
    if before.is_none_or(|(known, _)| known < seq) {
        state.bus.relay(tenant, Event::Changed { seq });
    }
    Ok((seq, n))
}
