//! Signing out: an account goes as a whole, and never with work in it that somebody was told is saved.
//!
//! The order matters: edits are refused first, then what has not been sent is counted, then the card goes
//! (from there on the account is no more), then its secrets and its folder. A crash in between leaves a folder
//! without a card, which the next start sweeps away: it bears a mark, so that no other folder with work in it goes.
//! Deliberately not here: what happens to the server's side of the session when nobody can be told.

use std::{io, path::Path, sync::Arc, time::Duration};

use reqwest::Method;
use rusqlite::{Connection, OpenFlags};

use super::{Account, AccountId, Accounts, Registry};
use crate::{
    door::Reply,
    events::Event,
    store::{StoreError, attachments, commissions, farewell as sealed, on_worker, replica},
    transport::Server,
    vault::Vault,
};

/// In a folder whose account was signed out, and that is to go whatever is in it.
pub(super) const LEFT: &str = "left";
/// How long signing out waits for the server to end the session.
const FAREWELL: Duration = Duration::from_secs(3);

impl Accounts {
    /// `DELETE /app/accounts/{id}`: ends the session and removes everything of the account from this machine.
    ///
    /// # Errors
    /// `changes_pending` (409) when something has not reached the server and `discard` is not wished; `account_locked` (403)
    /// when it is somebody else's, who is still a member.
    /// Then, and when it cannot be removed, the account goes on as before.
    pub async fn sign_out(self: &Arc<Self>, id: &str, discard: bool) -> Result<Reply, Reply> {
        let _moving = self.moving.lock().await;
        if self.card(id).is_some_and(|card| self.is_locked(&card)) && !self.find(id).is_some_and(|account| account.has_ended()) {
            return Err(Reply::error(403, "account_locked", "only the person of an account signs out of it"));
        }
        let Some(account) = self.find(id) else { return self.sign_out_unopened(id, discard).await };
        let left = self.leave(&account, discard).await;
        if left.is_err() {
            if !account.has_ended() {
                account.store.stay();
            }
            self.drive(&account).await;
        }
        left?;
        farewell(&account.way(), account.id()).await;
        Ok(Reply::done())
    }

    async fn leave(&self, account: &Arc<Account>, discard: bool) -> Result<(), Reply> {
        let closed = on_worker(&account.store, |store| {
            store.leave();
            Ok(())
        });
        closed.await.map_err(|error| error.reply())?;
        let waiting = self.unsent(account).await.map_err(|error| error.reply())?;
        if waiting > 0 && !discard {
            return Err(pending(&format!("{waiting} entries are only here: changes and files that have not reached the server, labels of a visit that wait; wait until nothing is left, or discard them")));
        }
        account.end().await;
        self.forget(account.id()).map_err(|error| StoreError::from(error).reply())
    }

    /// Of an account that cannot be opened nobody can say what is in it.
    async fn sign_out_unopened(&self, id: &str, discard: bool) -> Result<Reply, Reply> {
        let card = self.unopened_card(id).ok_or_else(Reply::not_found)?;
        if !discard {
            return Err(pending("this account cannot be opened, so nobody can say whether everything reached the server"));
        }
        let way = Server::at(&card.server, &self.around.version).ok().zip(self.vault.get(card.id.as_str())).map(|(server, token)| server.signed_in(token));
        self.forget(&card.id).map_err(|error| StoreError::from(error).reply())?;
        if let Some(way) = way {
            farewell(&way, &card.id).await;
        }
        Ok(Reply::done())
    }

    /// Without its card the account is no more; what cannot be removed now goes at the next start.
    fn forget(&self, id: &AccountId) -> io::Result<()> {
        let mark = self.folder.join(id.as_str()).join(LEFT);
        if let Err(error) = std::fs::write(&mark, []) {
            tracing::debug!(%error, "the folder of a signed-out account bears no mark");
        }
        if let Err(error) = self.registry().change(|registry| registry.remove(id)) {
            let _ = std::fs::remove_file(&mark);
            return Err(error);
        }
        self.open_accounts().remove(id);
        self.unopened().remove(id);
        let removed = self.forget_secrets(id).and(remove_all(&self.folder.join(id.as_str())));
        if let Err(error) = removed {
            tracing::warn!(account = id.as_str(), %error, "something of a signed-out account is left until the next start");
        }
        self.around.events.tell(Event::Accounts);
        Ok(())
    }

    /// Forgets an account's token, and what is kept of its visits.
    ///
    /// # Errors
    /// What the operating system says; something may be left then.
    pub fn forget_secrets(&self, id: &AccountId) -> io::Result<()> {
        self.vault.names().iter().filter(|name| account_of(name) == id.as_str()).try_for_each(|name| self.vault.remove(name))
    }

    /// The same of an account whose person is no member any more, unless they signed in again meanwhile: then these are
    /// of that session.
    ///
    /// # Errors
    /// As above.
    pub async fn forget_secrets_of_ended(&self, account: &Account) -> io::Result<()> {
        let _moving = self.moving.lock().await;
        if account.server().is_ok() { Ok(()) } else { self.forget_secrets(account.id()) }
    }

    /// What would be lost with the account: changes, photos and checks that the server has not taken, sealed ones, begun
    /// commissions, and labels of a visit that wait.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn unsent(&self, account: &Account) -> Result<i64, StoreError> {
        let stored = on_worker(&account.store, |store| store.read(|db| in_replica(db))).await?;
        Ok(stored + i64::try_from(self.labels_of(account)).unwrap_or(i64::MAX))
    }
}

/// Removes a signed-out account's folder, its mark last: what is left of it is still told by that.
fn remove_all(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() == LEFT {
            continue;
        }
        if entry.file_type()?.is_dir() { std::fs::remove_dir_all(entry.path()) } else { std::fs::remove_file(entry.path()) }?;
    }
    std::fs::remove_dir_all(folder)
}

/// Removes what is left of an account whose person signed out, and nothing where nobody did.
///
/// # Errors
/// What the operating system says: something is left.
pub(super) fn remove_remainder(folder: &Path) -> io::Result<()> {
    if folder.join(LEFT).exists() { remove_all(folder) } else { Ok(()) }
}

/// Ends the session on the server, if it can be told now.
pub(super) async fn farewell(way: &Server, id: &AccountId) {
    let goodbye = way.call(Method::DELETE, "/v1/sessions/current", None);
    if !matches!(tokio::time::timeout(FAREWELL, goodbye).await, Ok(Ok(_))) {
        tracing::info!(account = id.as_str(), "the server was not told of the sign-out; the session ends by itself");
    }
}

fn pending(detail: &str) -> Reply {
    Reply::error(409, "changes_pending", detail)
}

/// What the replica holds that the server has not taken.
fn in_replica(db: &Connection) -> Result<i64, StoreError> {
    let begun = i64::try_from(commissions::all(db)?.len()).unwrap_or(i64::MAX);
    Ok(begun + replica::count(db, &["waiting", "deferred", "attention"])? + sealed::waiting(db)? + attachments::unsent_evidence(db)?)
}

/// Whether work is lost with a folder that no card names. Where that cannot be said it may be.
fn holds_work(folder: &Path) -> bool {
    let file = folder.join("replica.db");
    if folder.join(LEFT).exists() || !file.exists() {
        return false;
    }
    let counted = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(StoreError::from).and_then(|db| in_replica(&db));
    !matches!(counted, Ok(0))
}

/// Whose a folder is, or a secret.
fn account_of(name: &str) -> &str {
    name.split_once('.').map_or(name, |(account, _)| account)
}

/// Removes folders and secrets that no card names: a sign-out was cut short. What holds work stays, for the day when its
/// person signs in again.
pub(super) fn sweep(folder: &Path, registry: &Registry, vault: &Vault) {
    // Without a registry there is nothing to tell a remainder by.
    if !registry.was_there() {
        return;
    }
    let is_known = |name: &str| registry.accounts.iter().any(|card| card.id.as_str() == account_of(name));
    let is_remainder = |name: &str| name.starts_with("acc_") && !is_known(name);
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(is_remainder) {
            if holds_work(&entry.path()) {
                tracing::warn!(folder = %entry.path().display(), "no account is here for this folder, and it holds what no server has; it stays");
                continue;
            }
            let removed = remove_all(&entry.path());
            tracing::info!(folder = %entry.path().display(), ?removed, "what was left of a signed-out account is removed");
        }
    }
    for name in vault.names().into_iter().filter(|name| is_remainder(name) && !folder.join(account_of(name)).exists()) {
        if let Err(error) = vault.remove(&name) {
            tracing::warn!(%error, "a secret of a signed-out account is left");
        }
    }
}
