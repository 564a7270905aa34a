//! The client core of OmnIoT: accounts, offline store, synchronization and commissioning
//! behind one door, [`App::request`], and one stream of [`Event`]s.
//!
//! Deliberately not here: anything of Tauri or of a window (`shell/`, behind the feature `gui`).

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use omniot_shared::time::{Clock, SystemClock};
use serde_json::Value;
use tokio::sync::broadcast;

use accounts::{Accounts, Surroundings};
use commissioning::{Commissioning, Settings, flow::pace::Pace};
use door::{Door, Operator};

pub mod accounts;
mod chance;
pub mod commissioning;
pub mod door;
pub mod events;
mod files;
mod machine;
pub mod store;
pub mod sync;
pub mod transport;
pub mod vault;

pub use door::Reply;
pub use events::Event;
use events::Events;
use transport::metered::Metering;

/// Which radio the app talks through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RadioChoice {
    /// No commissioning on this machine.
    #[default]
    None,
    /// The operating system's Bluetooth.
    Bluetooth,
    /// Virtual devices behind a socket, `host:port`.
    Virtual(String),
}

/// What the edge (the shell, a test) decides for the app.
#[derive(Clone)]
pub struct Config {
    /// The app's data folder; made when missing. One process at a time.
    pub data_dir: PathBuf,
    /// Origin of the server that the sign-in page offers first.
    pub default_server: Option<String>,
    /// Which radio.
    pub radio: RadioChoice,
    /// Version of the app, for records and the server.
    pub version: String,
    /// Where the present moment comes from.
    pub clock: Arc<dyn Clock>,
    /// Deadlines of commissioning.
    pub pace: Pace,
    /// Where files go that a person asked for.
    pub exports: PathBuf,
    /// Whether the network costs money.
    pub metered: Metering,
    /// So many rows are not fetched over a metered network without a word.
    pub large: u64,
}

impl Config {
    /// A config with the machine's clock, no radio, no default server and this crate's version.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        let data_dir = data_dir.into();
        Self {
            exports: data_dir.join("exports"),
            data_dir,
            default_server: None,
            radio: RadioChoice::None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            clock: Arc::new(SystemClock),
            pace: Pace::default(),
            metered: transport::metered::nobody_knows(),
            large: 10_000,
        }
    }
}

/// Why the app cannot open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds the data folder.
    #[error("OmnIoT is already running with the data folder {0}; close the other window first")]
    InUse(PathBuf),
    /// The folder cannot be made, read or written.
    #[error("the data folder {path} cannot be used: {cause}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// What an account holds cannot be opened. Nothing was changed.
    #[error("an account cannot be opened, nothing was changed: {0}")]
    Account(#[from] store::StoreError),
}

/// The client core. Cheap to clone; all clones are one app.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    door: Door,
    events: Events,
    /// Held while the app runs, so that two processes never send one outbox.
    lock: Mutex<Option<File>>,
}

impl App {
    /// Opens the data folder, takes its lock and starts synchronizing the signed-in accounts.
    ///
    /// # Errors
    /// When another process holds the folder, or it cannot be used.
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        let lock = lock(&config.data_dir)?;
        let events = Events::default();
        let around = Surroundings { events: events.clone(), clock: Arc::clone(&config.clock), version: config.version.clone(), metered: config.metered.clone(), large: config.large };
        let accounts = Accounts::open(&config.data_dir, around).await?;
        let desks = Arc::clone(&accounts);
        let settings = Settings { pace: config.pace, ..Settings::new(config.version.clone()) };
        let radio = commissioning::radio::open(&config.radio);
        let commissioning = Commissioning::new(radio, desks, events.clone(), config.clock, settings);
        commissioning.start().await;
        commissioning.watch_visits();
        let operator = Operator::new(accounts.vault(), &config.version);
        if accounts.is_locked_as_a_whole() {
            operator.lock();
        }
        let door = Door { accounts, commissioning, operator, version: config.version, default_server: config.default_server, exports: config.exports };
        Ok(Self { inner: Arc::new(Inner { door, events, lock: Mutex::new(Some(lock)) }) })
    }

    /// The one door: `path` carries its query string. Never fails: errors are replies.
    pub async fn request(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        self.inner.door.answer(method, path, body).await
    }

    /// A listener for everything that happens from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.inner.events.listen()
    }

    /// Stops synchronization, finishes what is being written and lets go of the data folder.
    pub async fn close(&self) {
        self.inner.door.commissioning.close().await;
        self.inner.door.accounts.close().await;
        let lock = self.inner.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Said aloud: closing the file is not enough while a process that is just being started holds a copy of it.
        if let Some(Err(cause)) = lock.map(|file| file.unlock()) {
            tracing::warn!(%cause, "the data folder's lock could not be given back");
        }
    }
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let broken = |cause| OpenError::Folder { path: folder.to_owned(), cause };
    files::private_folder(folder).map_err(broken)?;
    let file = File::options().write(true).create(true).truncate(false).open(folder.join("lock")).map_err(broken)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(folder.to_owned())),
        Err(TryLockError::Error(cause)) => Err(broken(cause)),
    }
}
