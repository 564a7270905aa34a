//! Several accounts side by side: each has its own file, its own token, its own synchronization.
//!
//! One is active: the window works in it. The others go on synchronizing in their own names; nothing of
//! them is readable through the door until they are active.
//! Deliberately not here: what synchronization does (`sync/`), rows (`store/`).

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use reqwest::Method;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    door::Reply,
    events::Event,
    store::{StoreError, commissions, on_worker},
    sync,
    transport::{Origin, Server},
    vault::Vault,
};

mod account;
mod desk;
mod registry;

pub use account::{Account, Surroundings};
pub use registry::{AccountId, Card, Me, Person, Registry, Tenant};

/// How long signing out waits for the server to end the session.
const FAREWELL: Duration = Duration::from_secs(3);

/// All accounts of this app.
pub struct Accounts {
    folder: PathBuf,
    vault: Vault,
    registry: Mutex<Registry>,
    open: Mutex<BTreeMap<AccountId, Arc<Account>>>,
    around: Surroundings,
    /// Held while an account comes or goes, so that no replica is opened twice.
    moving: tokio::sync::Mutex<()>,
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
    /// [`StoreError`]; then nothing was changed.
    pub async fn open(folder: &Path, around: Surroundings) -> Result<Arc<Self>, StoreError> {
        let vault = Vault::open(folder)?;
        let registry = Registry::read(folder.join("accounts.json"))?;
        let cards = registry.accounts.clone();
        let accounts = Arc::new(Self {
            folder: folder.join("accounts"),
            vault,
            registry: Mutex::new(registry),
            open: Mutex::default(),
            around,
            moving: tokio::sync::Mutex::default(),
        });
        for card in cards {
            let token = accounts.vault.get(card.id.as_str());
            accounts.start(&card, token).await?;
        }
        Ok(accounts)
    }

    /// The account that the window works in.
    #[must_use]
    pub fn active(&self) -> Option<Arc<Account>> {
        let active = self.registry().active.clone()?;
        self.open_accounts().get(&active).cloned()
    }

    /// All of them, in the order in which they were added.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Account>> {
        let order: Vec<AccountId> = self.registry().accounts.iter().map(|card| card.id.clone()).collect();
        let open = self.open_accounts();
        order.iter().filter_map(|id| open.get(id).cloned()).collect()
    }

    /// `GET /app/accounts`.
    ///
    /// # Errors
    /// As a reply.
    pub async fn list(&self) -> Result<Reply, Reply> {
        let mut items = Vec::new();
        for account in self.all() {
            items.push(self.item(&account).await?);
        }
        Ok(Reply::ok(json!({"items": items, "next": null})))
    }

    /// `POST /app/accounts`: signs in, makes the account (or finds the one that this person has here) and
    /// makes it the active one.
    ///
    /// # Errors
    /// The server's refusal as it came, `offline`, or why the account cannot be kept.
    pub async fn sign_in(self: &Arc<Self>, form: SignIn) -> Result<Reply, Reply> {
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
        let account = self.keep(&origin, session).await.map_err(|error| error.reply())?;
        self.around.events.tell(Event::Accounts);
        Ok(Reply::created(self.item(&account).await?))
    }

    /// `POST /app/accounts/{id}/activate`.
    ///
    /// # Errors
    /// As a reply.
    pub async fn activate(&self, id: &str) -> Result<Reply, Reply> {
        let account = self.find(id).ok_or_else(Reply::not_found)?;
        self.registry().change(|registry| registry.active = Some(account.id().clone())).map_err(|error| StoreError::from(error).reply())?;
        self.around.events.tell(Event::Accounts);
        account.wake.notify_one();
        Ok(Reply::ok(self.item(&account).await?))
    }

    /// `DELETE /app/accounts/{id}`: ends the session and removes everything of the account from this machine.
    ///
    /// # Errors
    /// `changes_pending` (409) when something has not reached the server and `discard` is not wished.
    pub async fn sign_out(&self, id: &str, discard: bool) -> Result<Reply, Reply> {
        let _moving = self.moving.lock().await;
        let account = self.find(id).ok_or_else(Reply::not_found)?;
        let waiting = unsent(&account).await?;
        if waiting > 0 && !discard {
            let detail = format!("{waiting} changes have not reached the server; wait until they have, or discard them");
            return Err(Reply::error(409, "changes_pending", &detail));
        }
        account.end().await;
        let farewell = account.way();
        let goodbye = farewell.call(Method::DELETE, "/v1/sessions/current", None);
        if !matches!(tokio::time::timeout(FAREWELL, goodbye).await, Ok(Ok(_))) {
            tracing::info!(account = account.id().as_str(), "the server was not told of the sign-out; the session ends by itself");
        }
        self.forget(account.id()).map_err(|error| StoreError::from(error).reply())?;
        self.around.events.tell(Event::Accounts);
        Ok(Reply::done())
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
        let server = Server::at(&card.server, &self.around.version).map_err(|trouble| io::Error::other(trouble.to_string()))?;
        let (folder, card, around) = (self.folder.join(card.id.as_str()), card.clone(), self.around.clone());
        let opened = tokio::task::spawn_blocking(move || Account::open(&folder, &card, server, token, &around)).await;
        let account = Arc::new(opened.map_err(|_| StoreError::Closing)??);
        self.open_accounts().insert(account.id().clone(), Arc::clone(&account));
        account.driven_by(tokio::spawn(sync::run(Arc::downgrade(self), Arc::clone(&account))));
        Ok(account)
    }

    fn forget(&self, id: &AccountId) -> io::Result<()> {
        self.registry().change(|registry| registry.remove(id))?;
        self.open_accounts().remove(id);
        self.vault.remove(id.as_str())?;
        std::fs::remove_dir_all(self.folder.join(id.as_str()))
    }

    async fn item(&self, account: &Account) -> Result<Value, Reply> {
        let me = account.me();
        let is_active = self.registry().active.as_ref() == Some(account.id());
        Ok(json!({
            "id": account.id().as_str(),
            "server": account.way().origin(),
            "tenant": {"name": me.tenant.name, "display_name": me.tenant.display_name, "brand": me.brand},
            "person": me.person,
            "active": is_active,
            "state": account.status.now().state,
            "pending": sync::waiting(account).await.map_err(|error| error.reply())?.pending,
        }))
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

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(from).map(Zeroizing::new)
}

/// What would be lost with the account: changes that the server has not taken, and begun commissions.
async fn unsent(account: &Account) -> Result<i64, Reply> {
    let waiting = sync::waiting(account).await.map_err(|error| error.reply())?;
    let begun = on_worker(&account.store, |store| store.read(|db| commissions::all(db))).await.map_err(|error| error.reply())?;
    Ok(waiting.pending + waiting.attention + i64::try_from(begun.len()).unwrap_or(i64::MAX))
}
