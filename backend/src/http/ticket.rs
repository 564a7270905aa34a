//! A person's right to call, to be checked again after the call: what streams and long answers hold.

use omniot_shared::{ids::TenantId, roles::Permission, sync::Seq};

use super::{
    ApiError, AppState,
    caller::{open, recognise},
};
use crate::{
    db::{Scope, TenantAccess},
    identity::tokens::TokenHash,
};

/// A person's right to call as it was granted: with which session, for what, in which role and sight.
#[derive(Debug, Clone)]
pub struct Ticket {
    tenant: TenantId,
    hash: TokenHash,
    permission: Option<Permission>,
    role: String,
    sites_seq: i64,
}

impl Ticket {
    pub(super) fn new(tenant: TenantId, hash: TokenHash, permission: Option<Permission>, role: &str, sites_seq: i64) -> Self {
        Self { tenant, hash, permission, role: role.to_owned(), sites_seq }
    }

    /// Of a token, without a request.
    #[cfg(test)]
    pub fn for_test(tenant: TenantId, token: &str, permission: Permission, role: &str) -> Self {
        Self::new(tenant, TokenHash::of(token), Some(permission), role, 0)
    }

    /// Since which change of the tenant its person sees what they see.
    #[must_use]
    pub const fn seen_since(&self) -> Seq {
        Seq(self.sites_seq)
    }

    /// Whether the stream may go on: the session lives, the tenant is served, the permission is there
    /// and role and sites are those it was opened with. Who has others sees another world: open it again.
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
        self.opened(state, false).await
    }

    /// The tenant's writer, in which [`Self::check`] holds: for a call that only reads but for its first time.
    ///
    /// # Errors
    /// `not_signed_in`, `tenant_suspended` or `not_allowed`.
    pub async fn open_to_write(&self, state: &AppState) -> Result<Scope, ApiError> {
        self.opened(state, true).await
    }

    async fn opened(&self, state: &AppState, write: bool) -> Result<Scope, ApiError> {
        let mut scope = open(state, &TenantAccess::for_request(self.tenant), write).await?;
        let row = recognise(&mut scope, &self.hash, state.now()).await?;
        row.judge(self.permission)?;
        if row.standing() == (self.role.as_str(), self.sites_seq) { Ok(scope) } else { Err(ApiError::not_allowed()) }
    }
}
