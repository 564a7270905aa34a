//! The lock between the people of one app: who holds the tablet opens no account of somebody else.
//!
//! A password that the server took is kept as a hash (argon2id), so that it opens its account where there is no network.
//! One person's accounts are open at a time: the active one, and the others of its address at that server. Where an app is used by several, everything is locked when it starts. Locked accounts go on synchronizing.
//! Deliberately not here: what keeps the files from somebody who takes them out of the machine (docs/ARCHITECTURE.md).

use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{AccountId, Accounts, Card, Registry, secret};
use crate::{door::Reply, vault::Vault};

/// So often a wrong password costs nothing but the work of checking it.
const FREE: u32 = 5;
/// After that one waits, each time for twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// Nobody waits for longer: it is their own work that they want to come to.
const LONGEST_WAIT: Duration = Duration::from_secs(900);

/// Body of `POST /app/accounts/{id}/activate`; none for an account that is open.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    #[serde(deserialize_with = "secret")]
    pub(super) password: Zeroizing<String>,
}

/// What the vault keeps of an account's password.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// A PHC string.
    hash: String,
    /// Wrong ones in a row, counted before each is looked at: a kill in between makes no try free.
    #[serde(default)]
    wrong: u32,
}

/// When a password was last tried, since the app started.
pub(super) struct Tries {
    started: Instant,
    /// When the last one was, and how many were wrong in a row: counted here too, for a disk that takes nothing.
    last: Mutex<BTreeMap<AccountId, (Instant, u32)>>,
    /// One at a time, so that each is counted.
    pub(super) one: tokio::sync::Mutex<()>,
}

/// Who works in an app.
#[derive(Debug)]
pub enum Works {
    /// It has no account yet.
    Nobody,
    /// Nobody has opened one.
    Locked,
    /// The person of this one.
    Person(Box<Card>),
}

/// What a password turned out to be.
pub(super) enum Verdict {
    Right,
    Wrong,
    /// None was ever kept: the account is from before the lock, or the vault was lost.
    Unknown,
}

impl Tries {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), last: Mutex::default(), one: tokio::sync::Mutex::default() }
    }

    /// Counts one more, which is wrong until it turns out right.
    ///
    /// # Errors
    /// How long one has to wait after so many wrong ones; a start of the app begins the wait anew.
    fn count(&self, id: &AccountId, kept: &mut Kept) -> Result<(), Duration> {
        let mut last = self.last();
        let (since, wrong) = last.get(id).copied().unwrap_or((self.started, 0));
        let wrong = wrong.max(kept.wrong);
        if let Some(over) = wrong.checked_sub(FREE) {
            let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(over)).min(LONGEST_WAIT);
            if let Some(left) = wait.checked_sub(since.elapsed()).filter(|left| !left.is_zero()) {
                return Err(left);
            }
        }
        kept.wrong = wrong.saturating_add(1);
        last.insert(id.clone(), (Instant::now(), kept.wrong));
        Ok(())
    }

    fn last(&self) -> MutexGuard<'_, BTreeMap<AccountId, (Instant, u32)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    /// Where several people use the app, nobody's account is open until its password is typed. An active one whose password is
    /// not known here stays open: its person could not get in again without a network.
    pub(super) fn lock_at_start(&mut self, vault: &Vault) {
        let Some(active) = self.active_card() else { return };
        let is_shared = self.accounts.iter().any(|card| !card.is_same_person(active));
        if is_shared && vault.get(&lock_of(&active.id)).is_some() {
            // Not on the disk: it is so at every start.
            self.active = None;
        }
    }
}

impl Accounts {
    /// Whether there are accounts, and it takes a password to work in any of them.
    pub fn is_locked_as_a_whole(&self) -> bool {
        let registry = self.registry();
        registry.active_card().is_none() && !registry.accounts.is_empty()
    }

    /// Who works here, for [`Accounts::is_still`].
    pub fn who_works(&self) -> Works {
        let registry = self.registry();
        registry.active_card().cloned().map_or(if registry.accounts.is_empty() { Works::Nobody } else { Works::Locked }, |card| Works::Person(Box::new(card)))
    }

    /// Whether that is who works here still.
    pub fn is_still(&self, before: &Works) -> bool {
        match before {
            Works::Nobody => self.registry().accounts.is_empty(),
            Works::Locked => self.is_locked_as_a_whole(),
            Works::Person(card) => self.registry().active_card().is_some_and(|now| now.is_same_person(card)),
        }
    }

    /// Whether it takes a password to work in that account.
    pub(super) fn is_locked(&self, card: &Card) -> bool {
        self.registry().active_card().is_none_or(|active| !active.is_same_person(card))
    }

    /// The same of an account by its id; of one that is not here, it does not matter.
    pub(super) fn is_locked_by_id(&self, id: &AccountId) -> bool {
        self.card(id.as_str()).is_some_and(|card| self.is_locked(&card))
    }

    /// Keeps what opens an account here from now on: the server took it.
    pub async fn remember(&self, id: &AccountId, password: &Zeroizing<String>) {
        let password = password.clone();
        let hashed = tokio::task::spawn_blocking(move || Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())).await;
        let kept = match hashed {
            Ok(Ok(hash)) => {
                self.tries.last().remove(id);
                self.keep_lock(id, &Kept { hash, wrong: 0 })
            }
            Ok(Err(error)) => Err(io::Error::other(error.to_string())),
            Err(error) => Err(io::Error::other(error)),
        };
        if let Err(error) = kept {
            tracing::warn!(account = id.as_str(), %error, "a password is not known here; the account opens with a network only");
        }
    }

    /// Looks whether that is the account's password. It waits for its turn, and counts.
    ///
    /// # Errors
    /// `throttled` after several wrong ones.
    pub(super) async fn try_password(&self, id: &AccountId, password: &Zeroizing<String>) -> Result<Verdict, Reply> {
        let Some(mut kept) = self.kept_lock(id) else { return Ok(Verdict::Unknown) };
        self.tries.count(id, &mut kept).map_err(|left| Reply::throttled(left, "too many wrong passwords"))?;
        self.note_lock(id, &kept);
        let (hash, password) = (kept.hash.clone(), password.clone());
        let checked = tokio::task::spawn_blocking(move || PasswordHash::new(&hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()));
        if !checked.await.unwrap_or(false) {
            return Ok(Verdict::Wrong);
        }
        kept.wrong = 0;
        self.note_lock(id, &kept);
        self.tries.last().remove(id);
        Ok(Verdict::Right)
    }

    /// Whether a password opens it without a network.
    pub(super) fn knows_password(&self, id: &AccountId) -> bool {
        self.kept_lock(id).is_some()
    }

    fn kept_lock(&self, id: &AccountId) -> Option<Kept> {
        serde_json::from_str(&self.vault.get(&lock_of(id))?).ok()
    }

    /// A full disk keeps nobody out; the count is then of this run of the app.
    fn note_lock(&self, id: &AccountId, kept: &Kept) {
        if let Err(error) = self.keep_lock(id, kept) {
            tracing::warn!(account = id.as_str(), %error, "how often a wrong password was typed is not written down");
        }
    }

    fn keep_lock(&self, id: &AccountId, kept: &Kept) -> io::Result<()> {
        self.vault.put(&lock_of(id), &serde_json::to_string(kept)?)
    }
}

/// The vault's name of what opens an account.
fn lock_of(id: &AccountId) -> String {
    format!("{}.lock", id.as_str())
}
