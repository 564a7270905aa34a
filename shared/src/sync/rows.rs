//! Rows as the sync core moves them: a table, a key, a value, a sequence.
//!
//! Deliberately not here: how a store keeps them. To add a table: a line in `tables!`.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    entities::{Attempt, Bookmark, Device, DeviceModel, Site},
    ids::{AttemptId, BookmarkId, DeviceId, ModelId, PersonId, SiteId},
};

/// A number of the tenant's sequence: the order in which its changes were committed. Starts at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = i64, example = 4711)]
pub struct Seq(pub i64);

/// A set of rows that is seen or not seen as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SyncScope)]
pub enum Scope {
    /// All rows that are not one person's alone, wherever they live.
    #[default]
    Tenant,
    /// What stands at no site: device models, devices and attempts without one.
    Common,
    /// One site, its devices and the attempts there.
    Site(SiteId),
    /// One person's own rows. It is never asked for nor told of: whoever pulls, holds their own.
    Person(PersonId),
}

impl Scope {
    /// Its name in the store.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Tenant => "tenant".to_owned(),
            Self::Common => "common".to_owned(),
            Self::Site(site) => format!("site:{}", site.0.simple()),
            Self::Person(person) => format!("person:{}", person.0.simple()),
        }
    }
}

macro_rules! tables {
    ($($(#[$doc:meta])* $variant:ident($row:ty, $id:ty) = $name:literal;)*) => {
        /// A table that is synced.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Table { $($(#[$doc])* $variant,)* }

        impl Table {
            /// All of them, parents before children.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant,)*];

            /// Its tag on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The table of that tag.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|table| table.name() == name)
            }
        }

        /// One row of any synced table, tagged with its table on the wire: `{"site": {…}}`.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Row { $($(#[$doc])* $variant($row),)* }

        impl Row {
            /// Where it stands.
            #[must_use]
            pub fn key(&self) -> RowKey {
                match self { $(Self::$variant(row) => row.id.into(),)* }
            }
        }

        $(
            impl From<$id> for RowKey {
                fn from(id: $id) -> Self { Self { table: Table::$variant, id: id.0 } }
            }
            impl From<$row> for Row {
                fn from(row: $row) -> Self { Self::$variant(row) }
            }
        )*
    };
}

tables! {
    /// [`Site`].
    Site(Site, SiteId) = "site";
    /// [`DeviceModel`].
    Model(DeviceModel, ModelId) = "model";
    /// [`Device`].
    Device(Device, DeviceId) = "device";
    /// [`Attempt`].
    Attempt(Box<Attempt>, AttemptId) = "attempt";
    /// [`Bookmark`].
    Bookmark(Bookmark, BookmarkId) = "bookmark";
}

impl Table {
    /// Whether each row is one person's own: only they ever see it, and it has a checksum of its own.
    #[must_use]
    pub const fn is_personal(self) -> bool {
        matches!(self, Self::Bookmark)
    }
}

impl Device {
    /// The one scope in which it lives.
    #[must_use]
    pub fn home(&self) -> Scope {
        self.site_id.map_or(Scope::Common, Scope::Site)
    }
}

impl Row {
    /// The one scope in which it lives; never [`Scope::Tenant`].
    #[must_use]
    pub fn home(&self) -> Scope {
        match self {
            Self::Site(site) => Scope::Site(site.id),
            Self::Model(_) => Scope::Common,
            Self::Device(device) => device.home(),
            Self::Attempt(attempt) => attempt.site_id.map_or(Scope::Common, Scope::Site),
            Self::Bookmark(bookmark) => Scope::Person(bookmark.person_id),
        }
    }
}

/// Which row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RowKey {
    /// In which table.
    pub table: Table,
    /// Its id, without the prefix.
    pub id: Uuid,
}

/// A row as the server committed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SyncedRow {
    /// The sequence of its last change; 0 for a row that only this client knows.
    pub seq: Seq,
    /// The row.
    pub row: Row,
}

/// The rows that a change may look at, loaded beforehand (`Change::touches`).
pub trait Rows {
    /// The row at `key`, when it exists.
    fn row(&self, key: RowKey) -> Option<&Row>;

    /// That site.
    fn site(&self, id: SiteId) -> Option<&Site> {
        match self.row(id.into()) {
            Some(Row::Site(site)) => Some(site),
            _ => None,
        }
    }

    /// That model.
    fn model(&self, id: ModelId) -> Option<&DeviceModel> {
        match self.row(id.into()) {
            Some(Row::Model(model)) => Some(model),
            _ => None,
        }
    }

    /// That device.
    fn device(&self, id: DeviceId) -> Option<&Device> {
        match self.row(id.into()) {
            Some(Row::Device(device)) => Some(device),
            _ => None,
        }
    }

    /// That attempt.
    fn attempt(&self, id: AttemptId) -> Option<&Attempt> {
        match self.row(id.into()) {
            Some(Row::Attempt(attempt)) => Some(attempt),
            _ => None,
        }
    }

    /// That bookmark.
    fn bookmark(&self, id: BookmarkId) -> Option<&Bookmark> {
        match self.row(id.into()) {
            Some(Row::Bookmark(bookmark)) => Some(bookmark),
            _ => None,
        }
    }
}

/// Rows in memory, by key.
pub type RowSet = HashMap<RowKey, Row>;

impl<S: std::hash::BuildHasher> Rows for HashMap<RowKey, Row, S> {
    fn row(&self, key: RowKey) -> Option<&Row> {
        self.get(&key)
    }
}
