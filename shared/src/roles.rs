//! Roles and permissions: the one matrix that server, app and UI read.
//!
//! Deliberately not here: custom roles per tenant (they will extend [`Role`] with a row from the store)
//! and platform operators (a separate population, see the backend's `console`).
//! To add a permission: a line in `permissions!`, then a column of the matrix in [`Role::may`];
//! the golden file `shared/roles.golden.txt` shows the reviewer who gained what.

use serde::{Deserialize, Serialize};

/// What a person is inside a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, and the only one who makes owners. A tenant always has one.
    Owner,
    /// Everything but owners.
    Admin,
    /// Runs sites and devices.
    Operator,
    /// Looks.
    Viewer,
    /// Commissions devices in the field.
    Technician,
}

impl Role {
    /// All roles, most powerful first.
    pub const ALL: [Self; 5] = [Self::Owner, Self::Admin, Self::Operator, Self::Viewer, Self::Technician];

    /// The name on the wire and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Viewer => "viewer",
            Self::Technician => "technician",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Whether this role has `permission`. This match *is* the matrix.
    #[must_use]
    pub const fn may(self, permission: Permission) -> bool {
        use Permission as P;
        match permission {
            P::DeviceRead | P::SiteRead | P::ModelRead | P::AttemptRead | P::Sync => true,
            P::OwnerManage => matches!(self, Self::Owner),
            P::TenantManage | P::PersonManage | P::InvitationManage | P::GrantManage | P::AuditRead | P::DeviceRelease => matches!(self, Self::Owner | Self::Admin),
            P::PersonRead => matches!(self, Self::Owner | Self::Admin | Self::Operator | Self::Viewer),
            P::SiteWrite | P::ModelWrite | P::DeviceRetire => matches!(self, Self::Owner | Self::Admin | Self::Operator),
            P::DeviceWrite => matches!(self, Self::Owner | Self::Admin | Self::Operator | Self::Technician),
            P::DeviceCommission => matches!(self, Self::Owner | Self::Admin | Self::Operator | Self::Technician),
        }
    }

    /// Whether a person of this role may give, change or take the role `other`.
    #[must_use]
    pub const fn may_assign(self, other: Self) -> bool {
        match other {
            Self::Owner => self.may(Permission::OwnerManage),
            _ => self.may(Permission::PersonManage),
        }
    }
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// One thing a role may do, named `<resource>.<verb>`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
        pub enum Permission {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Permission {
            /// All permissions, in the order of the matrix.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }

        /// One marker type for each permission, so that a handler names what it needs in its signature.
        pub mod need {
            $($(#[$doc])* #[derive(Debug, Clone, Copy)] pub struct $variant;
              impl super::Need for $variant { const PERMISSION: super::Permission = super::Permission::$variant; })*
        }
    };
}

/// A permission as a type; see [`need`].
pub trait Need: Send + Sync + 'static {
    /// The permission.
    const PERMISSION: Permission;
}

permissions! {
    /// See devices and their readings.
    DeviceRead = "device.read";
    /// Create and edit devices.
    DeviceWrite = "device.write";
    /// Retire devices.
    DeviceRetire = "device.retire";
    /// Let go of devices, so that another organization can claim them.
    DeviceRelease = "device.release";
    /// Commission devices: fetch grants, record attempts.
    DeviceCommission = "device.commission";
    /// See sites.
    SiteRead = "site.read";
    /// Create and edit sites.
    SiteWrite = "site.write";
    /// See device models.
    ModelRead = "model.read";
    /// Create and edit device models.
    ModelWrite = "model.write";
    /// See commissioning attempts.
    AttemptRead = "attempt.read";
    /// List and revoke claim grants of everybody.
    GrantManage = "grant.manage";
    /// See people and their roles.
    PersonRead = "person.read";
    /// Change roles below owner, remove people, revoke their sessions.
    PersonManage = "person.manage";
    /// Make and unmake owners.
    OwnerManage = "owner.manage";
    /// Invite people, list and withdraw invitations.
    InvitationManage = "invitation.manage";
    /// Change what counts for the whole tenant.
    TenantManage = "tenant.manage";
    /// Read the audit log.
    AuditRead = "audit.read";
    /// Hold a replica and synchronize it.
    Sync = "sync.use";
}

/// The matrix as a text table: a line a permission, a column a role.
#[must_use]
pub fn matrix() -> String {
    let mut table = format!("{:<20}", "");
    for role in Role::ALL {
        table.push_str(&format!("{:<12}", role.name()));
    }
    for permission in Permission::ALL {
        table = format!("{}\n{:<20}", table.trim_end(), permission.name());
        for role in Role::ALL {
            table.push_str(&format!("{:<12}", if role.may(*permission) { "yes" } else { "-" }));
        }
    }
    format!("{}\n", table.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_is_the_golden_one() {
        let golden = include_str!("../roles.golden.txt");
        assert_eq!(matrix(), golden, "who may do what has changed: read the difference, then update shared/roles.golden.txt");
    }

    #[test]
    fn only_an_owner_makes_or_unmakes_an_owner() {
        for role in Role::ALL {
            assert_eq!(role.may_assign(Role::Owner), role == Role::Owner, "{}", role.name());
        }
    }
}
