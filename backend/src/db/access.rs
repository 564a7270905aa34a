//! The right to open a tenant's scope.
//!
//! It is made in few places, each with its own name: `for_request` (the extractors in `http`),
//! `for_door` (what a person does before they are signed in: sign-in, invitation, reset),
//! `for_device` (device authentication) and `for_job` (work that nobody asked for over HTTP:
//! provisioning, the command line). The test `guards` keeps the list of callers.

use omniot_shared::ids::TenantId;

/// The right to open the scope of one tenant. It says nothing yet about what may be done inside:
/// whoever makes it checks that in the scope's own transaction.
#[derive(Debug, Clone, Copy)]
pub struct TenantAccess {
    tenant: TenantId,
    purpose: &'static str,
}

impl TenantAccess {
    /// For the HTTP extractors, which check session, person and tenant before they hand the scope on.
    pub(crate) const fn for_request(tenant: TenantId) -> Self {
        Self { tenant, purpose: "request" }
    }

    /// For doors that need no session: `purpose` is `sign_in`, `invitation`, `password_reset`, `tenant_card`, `escrow`.
    pub(crate) const fn for_door(tenant: TenantId, purpose: &'static str) -> Self {
        Self { tenant, purpose }
    }

    /// For device authentication.
    pub(crate) const fn for_device(tenant: TenantId) -> Self {
        Self { tenant, purpose: "device" }
    }

    /// For a named job: provisioning, verification, tests.
    #[must_use]
    pub const fn for_job(tenant: TenantId, name: &'static str) -> Self {
        Self { tenant, purpose: name }
    }

    /// Which tenant.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Who asked, for the logs.
    #[must_use]
    pub const fn purpose(&self) -> &'static str {
        self.purpose
    }
}
