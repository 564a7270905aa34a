//! The replica of one account: one SQLite file, `replica.db`, that survives power cuts.
//!
//! [`Store::edit`] commits with `synchronous=FULL`, so that what a person was told is saved is on the disk;
//! [`Store::note`] commits what the server said about the outbox and [`Store::apply`] pulled rows with
//! `NORMAL`, since both can come again; [`Store::read`] sees one state and waits for nobody. Only pulled
//! rows are refused the reserved room of a full disk. What devices measured ([`Window`]) gives way to all of these.
//!
//! Deliberately not here: encryption (the file is as private as the user's folder, see docs/SYNC.md),
//! and the rules of synchronization (`omniot_shared::sync`). Each method blocks: call from [`on_worker`].

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::files;

pub mod attachments;
pub mod checklist;
pub mod checks;
pub mod clock;
pub mod commissions;
mod error;
pub mod farewell;
pub mod grants;
pub mod lists;
pub mod meta;
pub mod releases;
pub mod replica;
mod reserve;
mod room;
pub mod rows;
pub mod scrub;
#[cfg(test)]
mod tests;
pub mod unreadable;
pub mod window;
mod words;

pub use error::StoreError;
use reserve::Reserve;
pub use room::Room;
use window::Window;

/// The layouts there were, each as what it adds to the one before. That of this version is the last.
const LAYOUTS: [&str; 7] = [
    include_str!("schema.sql"), include_str!("schema-2.sql"), include_str!("schema-3.sql"), include_str!("schema-4.sql"), include_str!("schema-5.sql"),
    include_str!("schema-6.sql"), include_str!("schema-7.sql"),
];
/// Readers that are kept open.
const READERS: usize = 3;

/// One account's replica.
pub struct Store {
    writers: Mutex<Writers>,
    readers: Mutex<Vec<Connection>>,
    path: PathBuf,
    reserve: Reserve,
    /// What devices measured lately.
    pub window: Window,
    /// The account is being signed out; changes under the writers' lock.
    leaving: AtomicBool,
    /// What was removed may still stand in the log.
    unsettled: AtomicBool,
}

/// Both writing connections behind one lock: SQLite has one writer at a time, and waiting for a lock
/// is fairer and quicker than polling for the file's.
struct Writers {
    local: Connection,
    pulled: Connection,
}

impl Writers {
    fn open(path: &Path) -> Result<Self, StoreError> {
        let mut local = connect(path, "full")?;
        migrate(&mut local)?;
        Ok(Self { local, pulled: connect(path, "normal")? })
    }
}

impl Store {
    /// Opens or makes the replica in `folder`. On a full disk the reserved room is given up for it.
    ///
    /// # Errors
    /// When the folder cannot be used, or the file is damaged or newer than this app.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        files::private_folder(folder)?;
        let reserve = Reserve::in_folder(folder);
        let window = Window::in_folder(folder);
        let path = folder.join("replica.db");
        let writers = match Writers::open(&path) {
            Err(StoreError::DiskFull) if window.give_up() | reserve.release() => {
                tracing::warn!("the disk is full; the reserved room is used to open the replica");
                Writers::open(&path)
            }
            opened => opened,
        }?;
        let store = Self { writers: Mutex::new(writers), readers: Mutex::new(Vec::new()), path, reserve, window, leaving: AtomicBool::new(false), unsettled: AtomicBool::new(true) };
        // The app may have died between removing rows and taking them out of the log.
        store.refill();
        Ok(store)
    }

    /// One local edit: all of it is on the disk when this returns `Ok`, or nothing happened.
    ///
    /// On a full disk first telemetry and then the reserved room are given up, and the edit is tried once more.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is kept then. [`StoreError::Leaving`] once the account is being signed out.
    pub fn edit<T>(&self, mut edit: impl FnMut(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.with_reserve(|writers| {
            if self.leaving.load(Ordering::Relaxed) {
                return Err(StoreError::Leaving);
            }
            transact(&mut writers.local, &mut edit)
        })
    }

    /// Takes down what the server said about the outbox: it frees room rather than needing it, so it may use
    /// the reserved room too. All or nothing.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is kept then.
    pub fn note<T>(&self, mut note: impl FnMut(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.with_reserve(|writers| transact(&mut writers.pulled, &mut note))
    }

    /// One step of applying what the server sent: all or nothing, durable with the next checkpoint of SQLite.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is kept then. [`StoreError::DiskFull`] also while there is only room enough
    /// for local edits. [`StoreError::Leaving`] once the account is being signed out, or has ended.
    pub fn apply<T>(&self, mut apply: impl FnMut(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut writers = self.writers();
        // Rows of a pull that was under way would come back after everything was removed.
        if self.leaving.load(Ordering::Relaxed) {
            return Err(StoreError::Leaving);
        }
        let is_reserved = self.reserve.refill() || self.window.give_up() && self.reserve.refill();
        if !is_reserved {
            return Err(StoreError::DiskFull);
        }
        let applied = transact(&mut writers.pulled, &mut apply);
        if matches!(applied, Err(StoreError::DiskFull)) {
            // For the next round: what was applied here may not be there a second time.
            self.window.give_up();
        }
        applied
    }

    /// What the replica takes on the disk, without the reserved room.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let of = |ending: &str| std::fs::metadata(self.path.with_extension(ending)).map_or(0, |file| file.len());
        of("db") + of("db-wal") + self.window.bytes()
    }

    /// From now on edits are refused; those under way are finished before this returns.
    pub fn leave(&self) {
        let _nobody_writes = self.writers();
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Edits are accepted again.
    pub fn stay(&self) {
        self.leaving.store(false, Ordering::Relaxed);
    }

    fn with_reserve<T>(&self, mut write: impl FnMut(&mut Writers) -> Result<T, StoreError>) -> Result<T, StoreError> {
        // Held throughout: nobody takes the room again between giving it up and using it.
        let mut writers = self.writers();
        let mut written = write(&mut writers);
        if matches!(written, Err(StoreError::DiskFull)) && self.window.give_up() {
            tracing::warn!("the disk is full; telemetry is given up");
            written = write(&mut writers);
        }
        match written {
            Err(StoreError::DiskFull) if self.reserve.release() => {
                tracing::warn!("the disk is full; the reserved room is used");
                write(&mut writers)
            }
            settled => settled,
        }
    }

    /// Reads one state of the replica, whatever is being written meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn read<T>(&self, read: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.idle_readers().pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None => connect(&self.path, "normal")?,
        };
        let transaction = reader.transaction_with_behavior(TransactionBehavior::Deferred)?;
        let found = read(&transaction);
        drop(transaction);
        let mut idle = self.idle_readers();
        if idle.len() < READERS {
            idle.push(reader);
        }
        found
    }

    /// Tries once more what could not be settled: also where no round comes to a good end.
    pub fn settle_if_due(&self) {
        if self.unsettled.load(Ordering::Relaxed) {
            self.settle();
        }
    }

    /// Takes the reserved room again when it was given up and there is room: after each good round.
    pub fn refill(&self) {
        if self.unsettled.load(Ordering::Relaxed) {
            return self.settle();
        }
        let _nobody_writes = self.writers();
        self.reserve.refill();
    }

    /// Moves what was committed into the main file, empties the log and takes the reserved room again: after
    /// a large pull, and where nothing of what was removed may be left. What does not go now is tried again
    /// with the next [`Store::refill`].
    pub fn settle(&self) {
        // What a person may not see any more is worth the reserved room.
        let moved = self.with_reserve(|writers| scrub::settle(&writers.pulled));
        if !matches!(moved, Ok(true)) {
            tracing::debug!(?moved, "the log was not moved into the replica now");
        }
        self.unsettled.store(!matches!(moved, Ok(true)), Ordering::Relaxed);
        let _nobody_writes = self.writers();
        self.reserve.refill();
    }

    /// Makes the disk as full as a test needs it.
    #[cfg(test)]
    pub fn limit_pages(&self, pages: i64) {
        let writers = self.writers();
        for connection in [&writers.local, &writers.pulled] {
            let now: i64 = connection.query_row(&format!("pragma max_page_count = {pages}"), [], |row| row.get(0)).expect("a pragma");
            assert!(now >= pages, "{now}");
        }
    }

    fn writers(&self) -> MutexGuard<'_, Writers> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle_readers(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs something that blocks where it holds up nobody.
///
/// # Errors
/// Of the work, or [`StoreError::Closing`].
pub async fn on_worker<T: Send + 'static>(
    store: &Arc<Store>,
    work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let store = Arc::clone(store);
    tokio::task::spawn_blocking(move || work(&store)).await.map_err(|_| StoreError::Closing)?
}

fn transact<T>(connection: &mut Connection, work: &mut impl FnMut(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = work(&transaction)?;
    transaction.commit()?;
    Ok(done)
}

fn connect(path: &Path, synchronous: &str) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(128);
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    // Rows of another person or of a left tenant do not stay readable in free pages.
    connection.pragma_update(None, "secure_delete", "on")?;
    connection.pragma_update(None, "cache_size", -8192)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.query_row("pragma user_version", [], |row| row.get(0))?;
    let due = usize::try_from(version).ok().and_then(|done| LAYOUTS.get(done..)).ok_or(StoreError::FromTheFuture)?;
    if due.is_empty() {
        return Ok(());
    }
    due.iter().try_for_each(|sql| transaction.execute_batch(sql))?;
    transaction.pragma_update(None, "user_version", i64::try_from(LAYOUTS.len()).unwrap_or(i64::MAX))?;
    transaction.commit()?;
    Ok(())
}
