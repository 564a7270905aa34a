//! Who can sign in, as `omniot demo --json` says it.

use serde::Deserialize;

/// An address and a password.
#[derive(Debug, Clone, Deserialize)]
pub struct SignIn {
    /// `owner`, `technician` …; empty for the platform operator.
    #[serde(default)]
    pub role: String,
    /// E-mail address.
    pub email: String,
    /// Password.
    pub password: String,
}

/// A tenant and its people.
#[derive(Debug, Clone, Deserialize)]
pub struct TenantSignIns {
    /// Short name, as typed at sign-in.
    pub name: String,
    /// As shown.
    pub display_name: String,
    /// One person for each role.
    pub people: Vec<SignIn>,
}

/// Everybody of the demo.
#[derive(Debug, Clone, Deserialize)]
pub struct SignIns {
    /// The platform operator.
    pub operator: SignIn,
    /// The demo tenants.
    pub tenants: Vec<TenantSignIns>,
}

impl SignIns {
    /// The tenant of that short name.
    #[must_use]
    pub fn tenant(&self, name: &str) -> Option<&TenantSignIns> {
        self.tenants.iter().find(|tenant| tenant.name == name)
    }
}
