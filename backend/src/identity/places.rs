//! Where a person works: everywhere, or at chosen sites and at the sites of chosen groups.
//!
//! Deliberately not here: what somebody sees of it at a moment (`http` reads that with each request),
//! groups themselves (`groups`), SQL (`store::places`).

use omniot_shared::{
    ids::{SiteGroupId, SiteId},
    roles::Role,
};

use super::{IdentityError, rules, store::places};
use crate::db::Scope;

/// Where a person works.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Places {
    /// At every site.
    #[default]
    Everywhere,
    /// At these sites and those of these groups; each once, in order.
    Chosen {
        /// Single sites.
        sites: Vec<SiteId>,
        /// Groups, with the sites that are in them at any time.
        groups: Vec<SiteGroupId>,
    },
}

impl Places {
    /// What somebody chose for a person of that role: no `sites` is everywhere.
    ///
    /// # Errors
    /// `invalid_field` for what cannot be chosen.
    pub fn new(sites: Option<Vec<SiteId>>, groups: Vec<SiteGroupId>, role: Role) -> Result<Self, IdentityError> {
        let Some(sites) = sites else {
            return if groups.is_empty() { Ok(Self::Everywhere) } else { Err(IdentityError::field("groups")("cannot be chosen for somebody who works everywhere")) };
        };
        rules::may_be_limited(role).map_err(IdentityError::field("sites"))?;
        Ok(Self::Chosen { sites: rules::sites(sites).map_err(IdentityError::field("sites"))?, groups: rules::groups(groups).map_err(IdentityError::field("groups"))? })
    }

    /// The single sites; `None`: everywhere.
    #[must_use]
    pub fn sites(&self) -> Option<&[SiteId]> {
        match self {
            Self::Everywhere => None,
            Self::Chosen { sites, .. } => Some(sites),
        }
    }

    /// The groups.
    #[must_use]
    pub fn groups(&self) -> &[SiteGroupId] {
        match self {
            Self::Everywhere => &[],
            Self::Chosen { groups, .. } => groups,
        }
    }

    /// Refuses what is not of the tenant; that another one has it is not told.
    ///
    /// # Errors
    /// `invalid_field`; whatever the store says.
    pub async fn check(&self, scope: &mut Scope) -> Result<(), IdentityError> {
        if !places::are_sites(scope, self.sites().unwrap_or_default()).await? {
            return Err(IdentityError::field("sites")("must be sites of this organization"));
        }
        if !places::are_groups(scope, self.groups()).await? {
            return Err(IdentityError::field("groups")("must be groups of this organization"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_is_chosen_twice_counts_once_and_everywhere_has_no_groups() {
        let (site, group) = (SiteId(Uuid::from_u128(1)), SiteGroupId(Uuid::from_u128(2)));
        let chosen = Places::new(Some(vec![site, site]), vec![group, group], Role::Viewer).expect("it can be chosen");
        assert_eq!((chosen.sites(), chosen.groups()), (Some(&[site][..]), &[group][..]));
        assert_eq!(Places::new(None, vec![], Role::Owner).expect("everywhere"), Places::Everywhere);
        assert!(Places::new(None, vec![group], Role::Viewer).is_err(), "a group beside everywhere would be passed over in silence");
        assert!(Places::new(Some(vec![]), vec![group], Role::Admin).is_err(), "who manages people sees all");
        let many = |count: u128| (0..count).map(|n| SiteGroupId(Uuid::from_u128(n))).collect();
        assert!(Places::new(Some(vec![]), many(16), Role::Viewer).is_ok());
        assert!(Places::new(Some(vec![]), many(17), Role::Viewer).is_err());
    }
}
