//! A person's right to call, to be checked again after the call: what streams and long answers hold.

use omniot_shared::{ids::TenantId, roles::Permission};

use super::{
    ApiError, AppState,
    caller::{open, recognise},
};
use crate::{
    db::{Scope, TenantAccess},
    identity::tokens::TokenHash,
};

/// A person's right to call as it was granted: with which session, for what, in which role.
#[derive(Debug, Clone)]
pub struct Ticket {
    tenant: TenantId,
    hash: TokenHash,
    permission: Option<Permission>,
    role: String,
}

impl Ticket {
    pub(super) fn new(tenant: TenantId, hash: TokenHash, permission: Option<Permission>, role: &str) -> Self {
        Self { tenant, hash, permission, role: role.to_owned() }
    }

    /// Of a token, without a request.
    #[cfg(test)]
    pub fn for_test(tenant: TenantId, token: &str, permission: Permission, role: &str) -> Self {
        Self::new(tenant, TokenHash::of(token), Some(permission), role)
    }

    /// Whether the stream may go on: the session lives, the tenant is served, the permission is there
    /// and the role is the one it was opened with. Another role sees another world: open it again.
    ///
    /// # Errors
    /// `not_signed_in`, `tenant_suspended` or `not_allowed`.
    pub async fn check(&self, state: &AppState) -> Result<(), ApiError> {
        self.open(state).await.map(drop)
    }

    /// The snapshot of the tenant in which [`Self::check`] holds, for an answer that goes on after the call.
    ///
    /// # Errors
    /// `not_signed_in`, `tenant_suspended` or `not_allowed`.
    pub async fn open(&self, state: &AppState) -> Result<Scope, ApiError> {
        let mut scope = open(state, &TenantAccess::for_request(self.tenant), false).await?;
        let row = recognise(&mut scope, &self.hash, state.now()).await?;
        row.judge(self.permission)?;
        if row.role() == self.role { Ok(scope) } else { Err(ApiError::not_allowed()) }
    }
}
