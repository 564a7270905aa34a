//! A platform operator who calls: a population of its own, in the control store.

use axum::{extract::FromRequestParts, http::request::Parts};
use omniot_shared::{
    ids::{OperatorId, SessionId},
    time::Millis,
};
use uuid::Uuid;

use super::{ApiError, AppState, RequestId, caller::credential};
use crate::{audit::Author, identity::tokens::{Kind, TokenHash}};

/// The operator console's cookie.
pub const OPERATOR_COOKIE: &str = "omniot_operator";
/// An operator's session ends 12 hours after it began.
pub const OPERATOR_SESSION_MS: i64 = 12 * 3_600_000;

/// A signed-in operator.
#[derive(Debug, Clone)]
pub struct OperatorCaller {
    /// Who.
    pub id: OperatorId,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// With which session.
    pub session: SessionId,
    /// The request's id.
    pub request_id: RequestId,
    /// When the request began.
    pub now: Millis,
}

impl OperatorCaller {
    /// As the author of an audit entry in a tenant's log.
    #[must_use]
    pub fn author(&self) -> Author {
        Author::operator(self.id, &self.name)
    }
}

#[derive(sqlx::FromRow)]
struct OperatorRow {
    session_id: Uuid,
    id: Uuid,
    name: String,
    email: String,
}

const OPERATOR: &str = "
    select s.id as session_id, o.id, o.name, o.email
    from control_operator_session s join control_operator o on o.id = s.operator_id
    where s.token_hash = $1 and s.expires_at > $2";

impl FromRequestParts<AppState> for OperatorCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let token = credential(parts, OPERATOR_COOKIE)?.filter(|token| token.kind == Kind::Operator).ok_or_else(ApiError::not_signed_in)?;
        let (now, hash): (Millis, TokenHash) = (state.now(), token.hash());
        let mut control = state.db.control_read().await?;
        let row: Option<OperatorRow> = control.query(OPERATOR).bind(hash.bytes()).bind(now).optional().await?;
        let row = row.ok_or_else(ApiError::not_signed_in)?;
        let id = OperatorId(row.id);
        tracing::Span::current().record("actor.id", tracing::field::display(id));
        Ok(Self { id, name: row.name, email: row.email, session: SessionId(row.session_id), request_id: RequestId::of(parts), now })
    }
}
