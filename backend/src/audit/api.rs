//! `GET /v1/audit`.

use omniot_shared::time::Millis;
use serde::{Deserialize, Serialize};

use super::store::{self, Seen, Wanted};
use crate::http::{ApiError, Caller, Cursor, Limit, Page, Query};
use omniot_shared::roles::need;

/// Which entries.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AuditQuery {
    /// Only what this person, operator or device did (an id of any kind).
    actor_id: Option<String>,
    /// Only this action, e.g. `site.create`.
    action: Option<String>,
    /// Only what was done to this thing (an id of any kind).
    target_id: Option<String>,
    /// At or after this moment.
    since: Option<Millis>,
    /// Before this moment.
    until: Option<Millis>,
    /// Only entries whose actor or target is named like this.
    q: Option<String>,
    limit: Limit,
    cursor: Option<Cursor>,
}

/// Who did it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = AuditActor)]
pub struct Actor {
    /// `person`, `operator`, `device`, `anonymous` or `system`.
    pub kind: String,
    /// Their id, when they have one.
    pub id: Option<String>,
    /// Their name then.
    pub name: String,
    /// On whose behalf.
    pub acting_as: Option<String>,
}

/// What it was done to.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = AuditTarget)]
pub struct Target {
    /// `site`, `device`, `person`, …
    pub kind: String,
    /// Its id.
    pub id: Option<String>,
    /// Its name then.
    pub name: Option<String>,
}

/// One change, as it happened.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = AuditChange)]
pub struct Change {
    /// Its number in the tenant's log, from 1 without gaps.
    pub n: i64,
    /// When.
    pub at: Millis,
    /// Who.
    pub actor: Actor,
    /// What, `<resource>.<verb>`.
    pub action: String,
    /// To what.
    pub target: Target,
    /// What a reader wants to know; its shape depends on the action.
    #[schema(value_type = Option<Object>)]
    pub detail: Option<serde_json::Value>,
    /// The request that did it.
    pub request_id: Option<String>,
}

/// One entry of the log with its place in the chain.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct AuditEntry {
    /// The change.
    #[serde(flatten)]
    pub change: Change,
    /// SHA-256 of the thing before, hex.
    pub before_hash: Option<String>,
    /// SHA-256 of the thing after, hex.
    pub after_hash: Option<String>,
    /// The chain's hash at this entry, hex.
    pub hash: String,
}

impl From<Seen> for Change {
    fn from(seen: Seen) -> Self {
        let Seen(link) = seen;
        Self {
            n: link.n,
            at: Millis(link.at),
            actor: Actor { kind: link.actor_kind, id: link.actor_id, name: link.actor_name, acting_as: link.acting_as },
            action: link.action,
            target: Target { kind: link.target_kind, id: link.target_id, name: link.target_name },
            detail: link.detail.and_then(|text| serde_json::from_str(&text).ok()),
            request_id: link.request_id,
        }
    }
}

impl From<Seen> for AuditEntry {
    fn from(seen: Seen) -> Self {
        let hex = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(hex::encode);
        let (before_hash, after_hash, hash) = (hex(&seen.0.before_hash), hex(&seen.0.after_hash), hex::encode(&seen.0.hash));
        Self { change: Change::from(seen), before_hash, after_hash, hash }
    }
}

/// List the audit log, newest first.
#[utoipa::path(get, path = "/v1/audit", operation_id = "list_audit", tag = "audit", params(AuditQuery),
    responses((status = 200, body = Page<AuditEntry>)))]
pub(super) async fn list_audit(mut caller: Caller<need::AuditRead>, Query(query): Query<AuditQuery>) -> Result<Page<AuditEntry>, ApiError> {
    let wanted = Wanted {
        actor_id: query.actor_id,
        action: query.action,
        target_id: query.target_id,
        since: query.since,
        until: query.until,
        pattern: query.q.as_deref().and_then(omniot_shared::fold::like_pattern),
        before: query.cursor.map(|cursor| cursor.key()).transpose()?,
    };
    let rows = store::list(caller.scope(), &wanted, query.limit.rows()).await?;
    Ok(Page::of(rows, query.limit, Seen::n).map(AuditEntry::from))
}
