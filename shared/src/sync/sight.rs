//! What of a tenant one person may see: everything, or what is common and a few sites.
//!
//! A row lives in exactly one home ([`Row::home`]); who sees the home sees the row. On a replica the
//! sight says what the rows up to its cursor are of: when it narrows, rows go at once; when it widens,
//! the next pull brings everything anew (`client::pull`). Deliberately not here: who gives it to whom
//! (the server's people), and what a role permits (`roles`).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{
    intent::Change,
    receipt::{Code, Refusal},
    rows::{RowKey, Rows, Scope, Table},
};
use crate::ids::{SiteId, TenantId};

/// What a person may see. On the wire a list of [`Scope`]s.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Told>", into = "Vec<Scope>")]
pub enum Sight {
    /// The whole tenant.
    #[default]
    All,
    /// What is common, and these sites with all that stands at them.
    Sites(BTreeSet<SiteId>),
}

impl Sight {
    /// Whether rows of that home are seen, of one's own there.
    #[must_use]
    pub fn covers(&self, home: Scope) -> bool {
        match (self, home) {
            // Whose own a row is is no matter of sight: it is nobody else's to begin with.
            (Self::All, _) | (Self::Sites(_), Scope::Common | Scope::Person(_)) => true,
            (Self::Sites(sites), Scope::Site(site)) => sites.contains(&site),
            (Self::Sites(_), Scope::Tenant) => false,
        }
    }

    /// Whether all that `other` sees is seen.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Sites(_), Self::All) => false,
            (Self::Sites(mine), Self::Sites(theirs)) => theirs.is_subset(mine),
        }
    }

    /// What both see.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, same) | (same, Self::All) => same.clone(),
            (Self::Sites(mine), Self::Sites(theirs)) => Self::Sites(mine.intersection(theirs).copied().collect()),
        }
    }

    /// The scopes that it is made of.
    #[must_use]
    pub fn scopes(&self) -> Vec<Scope> {
        match self {
            Self::All => vec![Scope::Tenant],
            Self::Sites(sites) => [Scope::Common].into_iter().chain(sites.iter().copied().map(Scope::Site)).collect(),
        }
    }

    /// Whether a person with this sight may make `change` in front of `rows`: not at places that they do
    /// not see, and not for all places at once. The record of an attempt is evidence of work that was done,
    /// wherever it was; what it does to its device is its rule's.
    ///
    /// # Errors
    /// `not_allowed` for sites that are made (they would be out of sight at once) and for models (they are
    /// everywhere's); `no_longer_permitted` where the thing itself is out of sight, or the site that it names; a device that it names is
    /// not there then.
    pub fn judge(&self, change: &Change, tenant: TenantId, rows: &impl Rows) -> Result<(), Refusal> {
        if *self == Self::All || matches!(change, Change::AttemptRecord(_)) {
            return Ok(());
        }
        // What stands on one's own list stays there while its device is out of sight.
        if change.owner().is_some() && rows.row(change.target(tenant)).is_some() {
            return Ok(());
        }
        if matches!(change, Change::SiteCreate(_) | Change::ModelCreate(_) | Change::ModelUpdate(_)) {
            return Err(Refusal::new(Code::NotAllowed, "somebody who works at chosen sites only cannot do this"));
        }
        let hidden = |key: &RowKey| rows.row(*key).is_some_and(|row| !self.covers(row.home()));
        let target = change.target(tenant);
        match change.touches(tenant).into_iter().filter(hidden).max_by_key(|key| *key == target) {
            // The id of a device follows from its serial number, so that one can be guessed.
            Some(key) if key != target && key.table == Table::Device => Err(Refusal { code: Code::NotFound, detail: "there is no such device".to_owned(), field: Some("device_id".to_owned()) }),
            // Nobody guesses that of a site: whoever names it has seen it.
            Some(key) => {
                let field = (key != target).then(|| "site_id".to_owned());
                Err(Refusal { code: Code::NoLongerPermitted, detail: "this is at a site that you do not work at (any more)".to_owned(), field })
            }
            None => Ok(()),
        }
    }
}

/// A scope as it came: a newer server may name kinds that this version does not know, and shows nothing of.
#[derive(Deserialize)]
#[serde(untagged)]
enum Told {
    Known(Scope),
    Unknown(IgnoredAny),
}

impl From<Vec<Told>> for Sight {
    fn from(told: Vec<Told>) -> Self {
        let mut sites = BTreeSet::new();
        for scope in told {
            match scope {
                Told::Known(Scope::Tenant) => return Self::All,
                Told::Known(Scope::Site(site)) => drop(sites.insert(site)),
                Told::Known(Scope::Common | Scope::Person(_)) | Told::Unknown(_) => {}
            }
        }
        Self::Sites(sites)
    }
}

impl From<Sight> for Vec<Scope> {
    fn from(sight: Sight) -> Self {
        sight.scopes()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn sites(numbers: impl IntoIterator<Item = u128>) -> Sight {
        Sight::Sites(numbers.into_iter().map(|n| SiteId(Uuid::from_u128(n))).collect())
    }

    #[test]
    fn a_sight_crosses_the_wire_and_nothing_said_is_least() {
        for sight in [Sight::All, sites([]), sites([1, 2])] {
            let json = serde_json::to_string(&sight).unwrap();
            assert_eq!(serde_json::from_str::<Sight>(&json).unwrap(), sight, "{json}");
        }
        assert_eq!(serde_json::to_string(&sites([1])).unwrap(), r#"["common",{"site":"sit_00000000000000000000000000000001"}]"#);
        assert_eq!(serde_json::from_str::<Sight>("[]").unwrap(), sites([]), "an empty list is not everything");
        assert_eq!(serde_json::from_str::<Sight>(r#"["common",{"galaxy":7},"moon"]"#).unwrap(), sites([]), "nor is what is not understood");
    }

    #[test]
    fn what_both_see_neither_sees_less_of() {
        let all = [Sight::All, sites([]), sites([1]), sites([1, 2]), sites([2, 3])];
        for (one, other) in all.iter().flat_map(|one| all.iter().map(move |other| (one, other))) {
            let both = one.and(other);
            assert!(one.includes(&both) && other.includes(&both));
            for home in [Scope::Common, Scope::Site(SiteId(Uuid::from_u128(1))), Scope::Site(SiteId(Uuid::from_u128(3)))] {
                assert_eq!(both.covers(home), one.covers(home) && other.covers(home), "{one:?} and {other:?} at {home:?}");
            }
        }
    }
}
