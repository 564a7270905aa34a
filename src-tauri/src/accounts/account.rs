//! One account while the app runs: who it is, its replica, its way to the server.
//!
//! Deliberately not here: the other accounts, and what synchronization does (`sync/`).

use std::{
    path::Path,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use omniot_shared::{
    ids::{ClientId, SiteId},
    sync::client::{Meta, Replica as _},
    time::{Clock, Millis},
};
use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::registry::{AccountId, Card, Me};
use crate::{
    chance,
    events::Events,
    store::{Store, StoreError, clock::{self, Contact}, farewell, replica::{self, Open}, unreadable},
    sync::{farewell::state_at_start, status::{Status, Watched}, telemetry, wishes::Kept},
    transport::{Server, Trouble, metered::Metering},
};

/// An account of this app. It belongs to one person in one tenant for as long as it lives.
pub struct Account {
    id: AccountId,
    known: Mutex<Known>,
    /// Its rows, outbox, grants and unfinished commissions.
    pub store: Arc<Store>,
    /// How synchronization stands.
    pub status: Watched,
    /// Something is to be synchronized now.
    pub wake: Notify,
    /// Something was edited here, and is to be sent now.
    pub edited: Notify,
    /// Who listens.
    pub events: Events,
    /// The present moment.
    pub clock: Arc<dyn Clock>,
    /// Version of the app.
    pub version: String,
    /// What its person wants of synchronization.
    pub wishes: Kept,
    /// Whether the network costs money.
    pub metered: Metering,
    /// So many rows are not fetched over a metered network without a word.
    pub large: u64,
    driver: Mutex<Driver>,
    /// Somebody asked for a round in so many words.
    wish: AtomicBool,
    /// The visit under way or ahead: where, and how many labels of it wait.
    expected: Mutex<Option<(SiteId, u32)>>,
    /// Its person is no member of the tenant any more.
    ended: AtomicBool,
    /// When the server was last heard.
    contact: Mutex<Option<Contact>>,
}

/// What synchronizes the account, and how it is told to end: the account goes away, or the app closes.
#[derive(Default)]
struct Driver {
    stop: CancellationToken,
    runs: Option<JoinHandle<()>>,
}

/// What can change while the account lives.
struct Known {
    me: Me,
    server: Server,
    signed_in: bool,
    client: ClientId,
}

/// What all accounts have in common.
#[derive(Clone)]
pub struct Surroundings {
    /// Who listens.
    pub events: Events,
    /// The present moment.
    pub clock: Arc<dyn Clock>,
    /// Version of the app.
    pub version: String,
    /// Whether the network costs money.
    pub metered: Metering,
    /// So many rows are not fetched over a metered network without a word.
    pub large: u64,
}

impl Account {
    /// Opens the account's replica in `folder`. Blocks.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(folder: &Path, card: &Card, server: Server, token: Option<Zeroizing<String>>, around: &Surroundings) -> Result<Self, StoreError> {
        let store = Store::open(folder)?;
        let client = ClientId(chance::fresh_uuid(around.clock.now()));
        let fresh = Meta::new(client, card.me.tenant.id, card.me.person.id, card.me.person.role);
        let replica = store.edit(|db| {
            replica::begin(db, &fresh)?;
            unreadable::set_aside(db)?;
            Open(db).meta()
        })?;
        let wishes = store.read(|db| Kept::read(db))?;
        // The app may have died between removing devices and what they measured.
        telemetry::forget_departed(&store);
        let contact = store.read(|db| clock::last_contact(db))?;
        let has_ended = store.read(|db| farewell::stands(db))?.is_some();
        if has_ended {
            store.leave();
        }
        let token = token.filter(|_| !has_ended);
        let signed_in = token.is_some();
        let state = state_at_start(has_ended, signed_in);
        let clock_skew_ms = contact.map(|_| replica.skew_ms);
        let status = Status { state, synced_at: replica.synced_at, clock_skew_ms, error: None, hold: None, progress: None, rows: None };
        let server = token.map_or_else(|| server.clone(), |token| server.signed_in(token));
        Ok(Self {
            id: card.id.clone(),
            known: Mutex::new(Known { me: card.me.clone(), server, signed_in, client: replica.client_id }),
            store: Arc::new(store),
            status: Watched::new(status, around.events.clone()),
            wake: Notify::new(),
            edited: Notify::new(),
            events: around.events.clone(),
            clock: Arc::clone(&around.clock),
            version: around.version.clone(),
            wishes,
            metered: around.metered.clone(),
            large: around.large,
            driver: Mutex::default(),
            wish: AtomicBool::new(false),
            expected: Mutex::default(),
            ended: AtomicBool::new(has_ended),
            contact: Mutex::new(contact),
        })
    }

    /// Whether its person is no member of the tenant any more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Its person is no member any more: what is here goes.
    pub fn has_come_to_an_end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Its person is a member again, and signed in.
    pub fn begins_again(&self) {
        self.ended.store(false, Ordering::Relaxed);
        self.store.stay();
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> &AccountId {
        &self.id
    }

    /// When the server was last heard.
    pub(super) fn contact(&self) -> MutexGuard<'_, Option<Contact>> {
        self.contact.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who it is, as last heard.
    #[must_use]
    pub fn me(&self) -> Me {
        self.known().me.clone()
    }

    /// Takes note of who it is now. Whether that is news.
    pub fn renew(&self, me: &Me) -> bool {
        let mut known = self.known();
        let is_news = known.me != *me;
        known.me = me.clone();
        is_news
    }

    /// This replica.
    #[must_use]
    pub fn client(&self) -> ClientId {
        self.known().client
    }

    /// Another replica from now on: this one turned out to be a copy of a running one.
    pub fn becomes(&self, client: ClientId) {
        self.known().client = client;
    }

    /// The way to the server, signed.
    ///
    /// # Errors
    /// [`Trouble::NeedsSignIn`].
    pub fn server(&self) -> Result<Server, Trouble> {
        let known = self.known();
        if known.signed_in { Ok(known.server.clone()) } else { Err(Trouble::NeedsSignIn) }
    }

    /// The way to the server, whether or not the session still holds.
    #[must_use]
    pub fn way(&self) -> Server {
        self.known().server.clone()
    }

    /// The person signed in (again).
    pub fn sign_in(&self, token: Zeroizing<String>) {
        let mut known = self.known();
        known.server = known.server.signed_in(token);
        known.signed_in = true;
        drop(known);
        self.wake.notify_one();
    }

    /// The server no longer accepts the session of `asked`. Rows and outbox stay. `false` when the person
    /// has another session by now: a late answer to the old one says nothing about it.
    pub fn session_ended(&self, asked: &Server) -> bool {
        let mut known = self.known();
        if !known.server.is_same_session(asked) {
            return false;
        }
        known.signed_in = false;
        drop(known);
        self.status.trouble(&Trouble::NeedsSignIn);
        true
    }

    /// Somebody wants a round now, also one that would be put off for long.
    pub fn wish_round(&self) {
        self.wish.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// A visit is ahead, with so many labels that wait at that site; where that is more than before, a round looks whether
    /// there are permissions for all.
    pub fn expect(&self, visit: Option<(SiteId, u32)>) {
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        let is_more = visit.is_some_and(|(site, labels)| expected.is_none_or(|(before, fewer)| before != site || fewer < labels));
        *expected = visit;
        if is_more {
            self.wake.notify_one();
        }
    }

    /// The visit under way or ahead: where, and how many labels of it wait.
    #[must_use]
    pub fn expected(&self) -> Option<(SiteId, u32)> {
        *self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something else is to be done now: somebody woke it, or edited something. If so, a whole round is due.
    #[must_use]
    pub fn is_called(&self) -> bool {
        let is_called = pin!(self.wake.notified()).enable() | pin!(self.edited.notified()).enable();
        if is_called {
            self.wake.notify_one();
        }
        is_called
    }

    /// Whether somebody wished for the round that begins now.
    pub fn take_wish(&self) -> bool {
        self.wish.swap(false, Ordering::Relaxed)
    }

    /// What the server's clock shows now, as well as it is known.
    #[must_use]
    pub fn server_now(&self) -> Millis {
        self.clock.now().plus(self.status.now().clock_skew_ms.unwrap_or(0).saturating_neg())
    }

    /// Starts what synchronizes it, which ends when its token is cancelled.
    pub fn driven_by(&self, start: impl FnOnce(CancellationToken) -> JoinHandle<()>) {
        let stop = CancellationToken::new();
        *self.driver() = Driver { stop: stop.clone(), runs: Some(start(stop)) };
    }

    /// Ends its synchronization and waits until nothing of it runs any more.
    pub async fn end(&self) {
        let driver = std::mem::take(&mut *self.driver());
        driver.stop.cancel();
        if let Some(runs) = driver.runs {
            let _ = runs.await;
        }
    }

    fn driver(&self) -> MutexGuard<'_, Driver> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
