//! Which accounts this app holds, on disk: `accounts.json`, no secrets in it.
//!
//! Deliberately not here: tokens (`vault/`), rows and outbox (`store/`).

use std::{io, path::PathBuf};

use omniot_shared::{
    ids::{PersonId, TenantId},
    roles::Role,
    time::Millis,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::lease::DAYS;
use crate::{files, transport::Origin};

/// One person in one tenant on one server: `acc_<32 hex digits>`, the same whenever they sign in here.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccountId(String);

impl AccountId {
    /// The account of this person.
    #[must_use]
    pub fn of(origin: &Origin, tenant: TenantId, person: PersonId) -> Self {
        let server = Uuid::new_v5(&Uuid::NAMESPACE_URL, origin.as_str().as_bytes());
        let id = Uuid::new_v5(&server, format!("{tenant}/{person}").as_bytes());
        Self(format!("acc_{}", id.simple()))
    }

    /// As it stands in paths and files.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who the person is, as `GET /v1/me` last said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Me {
    /// The person.
    pub person: Person,
    /// The tenant.
    pub tenant: Tenant,
    /// Names of the role's permissions.
    pub permissions: Vec<String>,
    /// Whether they work at every site. A server of before does not say; it refuses what it has to.
    #[serde(default = "yes")]
    pub everywhere: bool,
    /// The tenant's theme, handed through as it came.
    pub brand: Value,
}

const fn yes() -> bool {
    true
}

/// The person of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Their id.
    pub id: PersonId,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// What they are in the tenant.
    pub role: Role,
}

/// The tenant of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its short name, as typed at sign-in.
    pub name: String,
    /// Its name for people.
    pub display_name: String,
    /// Days without a word from the server after which nothing of it is shown.
    #[serde(default = "usual_days")]
    pub offline_days: u16,
}

const fn usual_days() -> u16 {
    DAYS
}

/// What is kept of one account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Its id.
    pub id: AccountId,
    /// Its server.
    pub server: Origin,
    /// Its person and tenant.
    pub me: Me,
    /// When it was added here.
    pub added_at: Millis,
}

impl Card {
    /// Whether both belong to the same person: whoever reads the letters to an address, in all tenants of a server.
    #[must_use]
    pub fn is_same_person(&self, other: &Self) -> bool {
        self.server == other.server && self.me.person.email.eq_ignore_ascii_case(&other.me.person.email)
    }
}

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Registry {
    /// The account that the window works in.
    pub active: Option<AccountId>,
    /// In the order in which they were added.
    pub accounts: Vec<Card>,
    #[serde(skip)]
    path: PathBuf,
    #[serde(skip)]
    was_there: bool,
}

impl Registry {
    /// Reads the file; none means no accounts.
    ///
    /// # Errors
    /// What the operating system says, or `InvalidData` for a file that is no registry:
    /// it is better to stop than to hide accounts with unsent work.
    pub fn read(path: PathBuf) -> io::Result<Self> {
        let text = files::read(&path)?;
        let mut registry: Self = text.as_deref().map(serde_json::from_slice).transpose()?.unwrap_or_default();
        registry.was_there = text.is_some();
        registry.path = path;
        Ok(registry)
    }

    /// Whether there was a file when it was read.
    #[must_use]
    pub const fn was_there(&self) -> bool {
        self.was_there
    }

    /// Changes the file as a whole, or nothing.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn change(&mut self, change: impl FnOnce(&mut Self)) -> io::Result<()> {
        let mut changed = self.clone();
        change(&mut changed);
        files::replace(&self.path, &serde_json::to_vec_pretty(&changed)?)?;
        *self = changed;
        Ok(())
    }

    /// Another account is the active one, or none is. A disk that takes nothing keeps nobody out, nor in: then it is so until
    /// the next start.
    pub fn activate(&mut self, id: Option<AccountId>) {
        if let Err(error) = self.change(|registry| registry.active.clone_from(&id)) {
            tracing::warn!(%error, "which account is used is not written down");
            self.active = id;
        }
    }

    /// Adds an account, or renews what is known of it, and makes it the active one.
    pub fn put(&mut self, card: Card) {
        self.active = Some(card.id.clone());
        match self.accounts.iter_mut().find(|known| known.id == card.id) {
            Some(known) => *known = Card { added_at: known.added_at, ..card },
            None => self.accounts.push(card),
        }
    }

    /// The account that the window works in.
    #[must_use]
    pub fn active_card(&self) -> Option<&Card> {
        self.accounts.iter().find(|card| self.active.as_ref() == Some(&card.id))
    }

    /// Takes an account out; when it was the active one, another of the same person becomes that. Nobody else's does.
    pub fn remove(&mut self, id: &AccountId) {
        let Some(at) = self.accounts.iter().position(|card| card.id == *id) else { return };
        let gone = self.accounts.remove(at);
        if self.active.as_ref() == Some(id) {
            self.active = self.accounts.iter().find(|card| card.is_same_person(&gone)).map(|card| card.id.clone());
        }
    }
}
