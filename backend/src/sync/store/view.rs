//! What one reader is shown, as a condition of a statement.
//!
//! Deliberately not here: who may see what (`omniot_shared::sync::sight`).

use omniot_shared::{
    ids::PersonId,
    sync::{Sight, Table, rows::Scope as SyncScope},
};

use super::placeholders;
use crate::db::Query;

/// Rows in sight, and one's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Of what is shared.
    pub sight: Sight,
    /// Of what is one person's own.
    pub own: Own,
}

/// Whose own rows are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// Nobody's.
    Nobodys,
    /// That person's.
    Of(PersonId),
    /// Everybody's: for sums and checks, for no reader.
    Everybodys,
}

impl View {
    /// The home of one's own rows, where one has any.
    pub(super) fn own_home(&self) -> Option<SyncScope> {
        if let Own::Of(person) = self.own { Some(SyncScope::Person(person)) } else { None }
    }

    /// What is shown of that table; `None`: nothing.
    pub(super) fn of(&self, table: Table) -> Option<Homes> {
        match (table.is_personal(), self.own) {
            (false, _) => Some(Homes::of(&self.sight)),
            (true, Own::Nobodys) => None,
            (true, Own::Of(person)) => Some(Homes::named(vec![SyncScope::Person(person).name()])),
            (true, Own::Everybodys) => Some(Homes(None)),
        }
    }

    /// Which departures are shown. Whoever sees everything still sees what only moved; what was somebody's own
    /// left nobody else.
    pub(super) fn departures(&self) -> (Homes, &'static str) {
        let own = self.own_home().map(SyncScope::name);
        match &self.sight {
            Sight::All => match own {
                Some(own) => (Homes(Some(vec![own])), " and (why = 'deleted' and scope not like 'person:%' or scope = $5)"),
                None => (Homes(None), " and why = 'deleted' and scope not like 'person:%'"),
            },
            Sight::Sites(_) => {
                let names = self.sight.scopes().into_iter().map(SyncScope::name).chain(own);
                (Homes::named(names.collect()), "")
            }
        }
    }
}

/// The names of the homes that a statement is limited to.
pub(super) struct Homes(Option<Vec<String>>);

/// How many homes a condition names: few sizes, so that statements are prepared once. What is left over
/// repeats the last one.
const CONDITIONS: [usize; 7] = [1, 2, 8, 32, 128, 512, 2_048];

impl Homes {
    fn of(sight: &Sight) -> Self {
        match sight {
            Sight::All => Self(None),
            Sight::Sites(_) => Self::named(sight.scopes().into_iter().map(SyncScope::name).collect()),
        }
    }

    fn named(mut names: Vec<String>) -> Self {
        let size = CONDITIONS.into_iter().find(|size| *size >= names.len()).unwrap_or(names.len());
        let last = names.last().cloned().unwrap_or_default();
        names.resize(size, last);
        Self(Some(names))
    }

    /// Nothing for whoever sees everything; `first` is the first free `$n`.
    pub(super) fn condition(&self, first: usize) -> String {
        self.0.as_ref().map_or_else(String::new, |names| format!(" and scope in ({})", placeholders(first, names.len())))
    }

    pub(super) fn bind(self, query: Query<'_>) -> Query<'_> {
        self.0.unwrap_or_default().into_iter().fold(query, Query::bind)
    }
}
