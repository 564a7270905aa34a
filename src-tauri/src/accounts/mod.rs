//! Several accounts side by side: each has its own file, its own token, its own synchronization.
//!
//! One is active: the window works in it. The others go on synchronizing in their own names; nothing of
//! them is readable through the door until they are active. One that cannot be opened (a full disk, a damaged
//! file) stays as a card that says why; the others work.
//! Deliberately not here: what synchronization does (`sync/`), rows (`store/`).

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use reqwest::Method;
use serde::{Deserialize, Deserializer};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    door::Reply,
    events::Event,
    store::StoreError,
    sync::{self, status::Ailment},
    transport::{Origin, Server},
    vault::Vault,
};

mod account;
mod desk;
mod lease;
mod leaving;
mod lock;
mod registry;
mod standing;
#[cfg(test)]
mod tests;

pub use account::{Account, Surroundings};
pub use lease::Lease;
pub use lock::Opening;
use lock::{Tries, Verdict};
pub use registry::{AccountId, Card, Me, Person, Registry, Tenant};

/// All accounts of this app.
pub struct Accounts {
    folder: PathBuf,
    vault: Arc<Vault>,
    registry: Mutex<Registry>,
    open: Mutex<BTreeMap<AccountId, Arc<Account>>>,
    /// Those that cannot be opened, and why.
    unopened: Mutex<BTreeMap<AccountId, Ailment>>,
    around: Surroundings,
    /// Held while an account comes or goes, so that no replica is opened twice.
    moving: tokio::sync::Mutex<()>,
    tries: Tries,
}

/// Body of `POST /app/accounts`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    server: String,
    tenant: String,
    email: String,
    #[serde(deserialize_with = "secret")]
    password: Zeroizing<String>,
}

/// The server's answer to a sign-in.
#[derive(Deserialize)]
struct Session {
    #[serde(deserialize_with = "secret")]
    token: Zeroizing<String>,
    me: Me,
}

impl Accounts {
    /// Opens every account in the data folder and starts synchronizing those that are signed in.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be said which accounts there are; then nothing was changed.
    pub async fn open(folder: &Path, around: Surroundings) -> Result<Arc<Self>, StoreError> {
        let vault = Vault::open(folder)?;
        let mut registry = Registry::read(folder.join("accounts.json"))?;
        registry.lock_at_start(&vault);
        let cards = registry.accounts.clone();
        let folder = folder.join("accounts");
        leaving::sweep(&folder, &registry, &vault);
        let accounts = Arc::new(Self {
            folder,
            vault: Arc::new(vault),
            registry: Mutex::new(registry),
            open: Mutex::default(),
            unopened: Mutex::default(),
            around,
            moving: tokio::sync::Mutex::default(),
            tries: Tries::new(),
        });
        for card in cards {
            let token = accounts.vault.get(card.id.as_str());
            if let Err(error) = accounts.start(&card, token).await {
                tracing::error!(account = card.id.as_str(), %error, "an account cannot be opened; the others go on");
            }
        }
        Ok(accounts)
    }

    /// Where tokens are.
    #[must_use]
    pub fn vault(&self) -> Arc<Vault> {
        Arc::clone(&self.vault)
    }

    /// The account that the window works in.
    #[must_use]
    pub fn active(&self) -> Option<Arc<Account>> {
        let active = self.registry().active.clone()?;
        self.open_accounts().get(&active).cloned()
    }

    /// All that are open, in the order in which they were added.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Account>> {
        let order: Vec<AccountId> = self.registry().accounts.iter().map(|card| card.id.clone()).collect();
        let open = self.open_accounts();
        order.iter().filter_map(|id| open.get(id).cloned()).collect()
    }

    /// `GET /app/accounts`.
    pub async fn list(&self) -> Reply {
        let cards = self.registry().accounts.clone();
        let mut items = Vec::new();
        for card in cards {
            items.push(match self.find(card.id.as_str()) {
                Some(account) => self.item(&account).await,
                None => self.unopened_item(&card),
            });
        }
        Reply::ok(json!({"items": items, "next": null}))
    }

    /// `POST /app/accounts`: signs in, makes the account (or finds the one that this person has here) and
    /// makes it the active one.
    ///
    /// `may_open` says whether that account may become the active one.
    ///
    /// # Errors
    /// The server's refusal as it came, `offline`, why it may not, or why the account cannot be kept.
    pub async fn sign_in(self: &Arc<Self>, form: SignIn, may_open: impl Fn(&AccountId) -> Result<(), Reply>) -> Result<Reply, Reply> {
        let origin = Origin::read(&form.server).map_err(|error| Reply::invalid("invalid_field", "server", &error.to_string()))?;
        let server = Server::at(&origin, &self.around.version).map_err(|trouble| trouble.reply())?;
        let label = format!("app on {}", std::env::consts::OS);
        let body = json!({"tenant": form.tenant, "email": form.email, "password": form.password.as_str(), "client": "app", "label": label});
        let answer = server.call(Method::POST, "/v1/sessions", Some(&body)).await.map_err(|trouble| trouble.reply())?;
        if !answer.is_success() {
            return Err(Reply { status: answer.status, body: answer.body });
        }
        let session: Session = serde_json::from_value(answer.body)
            .map_err(|error| Reply::error(502, "unexpected_answer", &format!("the server's answer to the sign-in cannot be read: {error}")))?;
        let _moving = self.moving.lock().await;
        let id = AccountId::of(&origin, session.me.tenant.id, session.me.person.id);
        if let Err(refusal) = may_open(&id) {
            leaving::farewell(&server.signed_in(session.token), &id).await;
            return Err(refusal);
        }
        // First: whatever dies in between, no account is open that nothing locks.
        self.remember(&id, &form.password).await;
        let account = self.keep(&origin, session).await.map_err(|error| error.reply())?;
        self.around.events.tell(Event::Accounts);
        Ok(Reply::created(self.item(&account).await))
    }

    /// `POST /app/accounts/{id}/activate`. Somebody else's takes its password; where that is not known here, or another by
    /// now, the server says whether it is right.
    ///
    /// # Errors
    /// As a reply: `account_locked`, `wrong_password`, `throttled`, or `sign_in_once` without a network.
    pub async fn activate(self: &Arc<Self>, id: &str, opening: Option<Opening>) -> Result<Reply, Reply> {
        let card = self.card(id).ok_or_else(Reply::not_found)?;
        if self.is_locked(&card) {
            let Some(Opening { password }) = opening else {
                return Err(Reply::error(403, "account_locked", "this account opens with its password"));
            };
            let verdict = {
                let _one = self.tries.one.lock().await;
                self.try_password(&card.id, &password).await?
            };
            // A session that ended may mean another password: the server is asked first where it can be.
            let has_session = self.find(id).is_some_and(|account| account.server().is_ok());
            if !matches!(verdict, Verdict::Right) || !has_session {
                match self.open_by_server(&card, password, &verdict).await {
                    Err(refusal) if matches!(verdict, Verdict::Right) && !matches!(refusal.code(), Some("wrong_password" | "throttled")) => {
                        tracing::info!(account = id, code = refusal.code(), "the server does not say whether the password is still the same");
                    }
                    answer => return answer,
                }
            }
        }
        if self.unopened_card(id).is_some() {
            self.try_unopened().await;
        }
        self.registry().activate(Some(card.id.clone()));
        self.around.events.tell(Event::Accounts);
        let Some(account) = self.find(id) else { return Ok(Reply::ok(self.unopened_item(&card))) };
        account.wake.notify_one();
        Ok(Reply::ok(self.item(&account).await))
    }

    /// `POST /app/accounts/lock`: nobody works in any account until one is opened with its password.
    ///
    /// # Errors
    /// `sign_in_once` when no password would open the active one without a network.
    pub fn lock(&self) -> Result<Reply, Reply> {
        let active = self.registry().active_card().map(|card| card.id.clone());
        if active.is_some_and(|active| !self.knows_password(&active)) {
            return Err(sign_in_once());
        }
        self.registry().activate(None);
        self.around.events.tell(Event::Accounts);
        Ok(Reply::done())
    }

    /// The password may have been changed elsewhere; then it is a sign-in.
    async fn open_by_server(self: &Arc<Self>, card: &Card, password: Zeroizing<String>, verdict: &Verdict) -> Result<Reply, Reply> {
        let form = SignIn { server: card.server.as_str().to_owned(), tenant: card.me.tenant.name.clone(), email: card.me.person.email.clone(), password };
        self.sign_in(form, |_| Ok(())).await.map_err(|refusal| match (refusal.code(), verdict) {
            (Some("wrong_credentials"), _) | (Some("offline"), Verdict::Wrong) => Reply::error(403, "wrong_password", "this is not the password of this account"),
            (Some("offline"), _) => sign_in_once(),
            _ => refusal,
        })
    }

    /// Takes note of who an account is now, on disk too.
    pub fn renew(&self, account: &Account, me: &Me) {
        if !account.renew(me) {
            return;
        }
        let id = account.id().clone();
        let kept = self.registry().change(|registry| {
            if let Some(card) = registry.accounts.iter_mut().find(|card| card.id == id) {
                card.me = me.clone();
            }
        });
        if let Err(error) = kept {
            tracing::warn!(%error, "who the account is was not written down");
        }
        self.around.events.tell(Event::Accounts);
    }

    /// Stops all synchronization. What is being written is finished first.
    pub async fn close(&self) {
        for account in self.all() {
            account.end().await;
        }
    }

    async fn keep(self: &Arc<Self>, origin: &Origin, session: Session) -> Result<Arc<Account>, StoreError> {
        let id = AccountId::of(origin, session.me.tenant.id, session.me.person.id);
        let card = Card { id: id.clone(), server: origin.clone(), me: session.me, added_at: self.around.clock.now() };
        let known = self.open_accounts().get(&id).cloned();
        if self.card(id.as_str()).is_none() {
            // What its person gave up when they signed out does not come back with them.
            leaving::remove_remainder(&self.folder.join(id.as_str()))?;
        }
        self.vault.put(id.as_str(), &session.token)?;
        self.registry().change(|registry| registry.put(card.clone()))?;
        match known {
            Some(account) => {
                account.renew(&card.me);
                account.sign_in(session.token);
                Ok(account)
            }
            None => self.start(&card, Some(session.token)).await,
        }
    }

    async fn start(self: &Arc<Self>, card: &Card, token: Option<Zeroizing<String>>) -> Result<Arc<Account>, StoreError> {
        let account = match self.opened(card, token).await {
            Ok(account) => account,
            Err(error) => {
                self.unopened().insert(card.id.clone(), error.ailment());
                self.around.events.tell(Event::Accounts);
                return Err(error);
            }
        };
        account.expect(self.expected_of(&account));
        self.unopened().remove(&card.id);
        self.open_accounts().insert(account.id().clone(), Arc::clone(&account));
        self.drive(&account).await;
        Ok(account)
    }

    async fn opened(&self, card: &Card, token: Option<Zeroizing<String>>) -> Result<Arc<Account>, StoreError> {
        let server = Server::at(&card.server, &self.around.version).map_err(|trouble| io::Error::other(trouble.to_string()))?;
        let (folder, card, around) = (self.folder.join(card.id.as_str()), card.clone(), self.around.clone());
        let opened = tokio::task::spawn_blocking(move || {
            // Should something of an earlier sign-out be left there, it is nobody's remainder any more.
            let _ = std::fs::remove_file(folder.join(leaving::LEFT));
            Account::open(&folder, &card, server, token, &around)
        })
        .await;
        Ok(Arc::new(opened.map_err(|_| StoreError::Closing)??))
    }

    /// Starts an account's synchronization; what ran of it before is ended first.
    async fn drive(self: &Arc<Self>, account: &Arc<Account>) {
        account.end().await;
        account.driven_by(|stop| tokio::spawn(sync::run(Arc::downgrade(self), Arc::clone(account), stop)));
    }

    fn card(&self, id: &str) -> Option<Card> {
        self.registry().accounts.iter().find(|card| card.id.as_str() == id).cloned()
    }

    fn find(&self, id: &str) -> Option<Arc<Account>> {
        self.all().into_iter().find(|account| account.id().as_str() == id)
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_accounts(&self) -> MutexGuard<'_, BTreeMap<AccountId, Arc<Account>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sign_in_once() -> Reply {
    Reply::error(409, "sign_in_once", "this device does not know the password of this account: sign in once with a network")
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(from).map(Zeroizing::new)
}
