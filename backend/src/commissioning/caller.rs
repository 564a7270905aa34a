//! Device authentication: the credential `omd_…`, checked inside its tenant's scope.

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, header::AUTHORIZATION, request::Parts},
};
use omniot_shared::{ids::DeviceId, time::Millis};

use super::store::bindings::{self, Credentialed};
use crate::{
    audit::Author,
    db::{DbError, Scope, TenantAccess},
    http::{ApiError, AppState, RequestId},
    identity::tokens::{Kind, Token},
};

/// A device of an active tenant with the credential in force, and the tenant's writer open.
pub struct DeviceCaller {
    /// The open scope.
    pub scope: Scope,
    /// Which device.
    pub id: DeviceId,
    /// Its row, as far as a heartbeat needs it.
    pub row: Credentialed,
    /// When the request began.
    pub now: Millis,
    /// The request's id.
    pub request_id: RequestId,
}

impl DeviceCaller {
    /// Who it is, for the audit log.
    #[must_use]
    pub fn author(&self) -> Author {
        Author::device(self.id, &self.row.name)
    }
}

impl FromRequestParts<AppState> for DeviceCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let text = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|text| text.strip_prefix("Bearer "));
        let token = text.and_then(Token::parse).ok_or_else(ApiError::not_signed_in)?;
        let Kind::Device(tenant, id) = token.kind else { return Err(ApiError::not_signed_in()) };
        let access = TenantAccess::for_device(tenant);
        // On a snapshot first: who only made a credential up never takes the tenant's one writer.
        known(state.db.read(&access).await, id, &token).await?;
        let (scope, row) = known(state.db.write(&access).await, id, &token).await?;
        // Before anything is refused: the log names who was.
        let span = tracing::Span::current();
        span.record("tenant.id", tracing::field::display(tenant));
        span.record("actor.id", tracing::field::display(id));
        if row.status != "active" {
            return Err(ApiError::tenant_suspended());
        }
        if row.state == "retired" {
            return Err(ApiError::new(StatusCode::CONFLICT, "device_retired", "This device was retired."));
        }
        Ok(Self { scope, id, row, now: state.now(), request_id: RequestId::of(parts) })
    }
}

/// The device with that credential, in a scope of the tenant that the credential names.
async fn known(scope: Result<Scope, DbError>, id: DeviceId, token: &Token) -> Result<(Scope, Credentialed), ApiError> {
    let mut scope = scope.map_err(|error| if matches!(error, DbError::NoSuchTenant(_)) { ApiError::not_signed_in() } else { error.into() })?;
    let row = bindings::by_credential(&mut scope, id, &token.hash()).await?.ok_or_else(ApiError::not_signed_in)?;
    Ok((scope, row))
}
