//! The telemetry window: what devices measured lately, in a file of its own beside the replica, `telemetry.db`.
//!
//! It can be fetched again, so it gives way: on a full disk the file is deleted as a whole, which frees its room at
//! once and needs none, before anything that a person did is refused. A file that is damaged or of another
//! version is begun anew.
//! Deliberately not here: what is fetched when (`sync::telemetry`), and the rows that say which devices there
//! are (the replica).

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use omniot_shared::{ids::DeviceId, time::Millis};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use uuid::Uuid;

use super::{StoreError, connect, reserve::Reserve};

/// The layout that this version of the app writes.
const VERSION: i64 = 1;

/// One account's telemetry.
pub struct Window {
    path: PathBuf,
    reserve: Reserve,
    open: Mutex<Option<Connection>>,
    rests_until: AtomicI64,
}

/// What is here of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// The highest `rev` received.
    pub rev: i64,
    /// When the server last said that there is no more; 0 for never.
    pub as_of: i64,
    /// When somebody last looked at it; 0 for never.
    pub viewed_at: i64,
    /// What its chunks take.
    pub bytes: i64,
}

impl Window {
    /// The window in an account's folder; its file is opened when it is first needed.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { path: folder.join("telemetry.db"), reserve: Reserve::in_folder(folder), open: Mutex::default(), rests_until: AtomicI64::new(0) }
    }

    /// Reads one state of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.with(|transaction| read(&transaction))
    }

    /// Writes all of something or nothing.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::DiskFull`] also while there is not even room for local edits.
    pub fn write<T>(&self, write: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if !self.reserve.is_held() {
            return Err(StoreError::DiskFull);
        }
        self.with(|transaction| {
            let done = write(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
    }

    /// Gives its room back to the disk. `false` when there was none.
    pub fn give_up(&self) -> bool {
        let mut open = self.connection();
        drop(open.take());
        self.remove()
    }

    /// Writes the file anew and empties its log, so that neither holds anything of what is forgotten: it is small.
    pub fn settle(&self) {
        let mut open = self.connection();
        let anew = open.as_ref().map(|connection| connection.execute_batch("vacuum; pragma wal_checkpoint(truncate)"));
        if let Some(Err(error)) = anew {
            tracing::debug!(%error, "the telemetry could not be written anew; it is given up, and fetched again");
            drop(open.take());
            self.remove();
        }
    }

    /// What it takes on the disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        ["db", "db-wal"].iter().map(|ending| std::fs::metadata(self.path.with_extension(ending)).map_or(0, |file| file.len())).sum()
    }

    /// Nothing is fetched for it until then.
    pub fn rest_until(&self, at: Millis) {
        self.rests_until.store(at.0, Ordering::Relaxed);
    }

    /// Whether it is left alone now.
    #[must_use]
    pub fn rests(&self, now: Millis) -> bool {
        now.0 < self.rests_until.load(Ordering::Relaxed)
    }

    fn with<T>(&self, work: impl FnOnce(Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut open = self.connection();
        let mut connection = match open.take() {
            Some(connection) => connection,
            None => self.opened()?,
        };
        let done = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreError::from).and_then(work);
        if matches!(done, Err(StoreError::Damaged(_))) {
            drop(connection);
            self.remove();
        } else {
            *open = Some(connection);
        }
        done
    }

    fn opened(&self) -> Result<Connection, StoreError> {
        match begin(&self.path) {
            Err(StoreError::Damaged(_) | StoreError::FromTheFuture) => {
                tracing::warn!("the telemetry here cannot be read; it is fetched anew");
                self.remove();
                begin(&self.path)
            }
            opened => opened,
        }
    }

    fn remove(&self) -> bool {
        let files = ["db-wal", "db-shm", "db"].map(|ending| std::fs::remove_file(self.path.with_extension(ending)).is_ok());
        files.contains(&true)
    }

    fn connection(&self) -> MutexGuard<'_, Option<Connection>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn begin(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = connect(path, "normal")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match transaction.query_row("pragma user_version", [], |row| row.get(0))? {
        VERSION => {}
        0 => {
            transaction.execute_batch(include_str!("window.sql"))?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        _ => return Err(StoreError::FromTheFuture),
    }
    transaction.commit()?;
    Ok(connection)
}

/// What is here, by device.
///
/// # Errors
/// [`StoreError`].
pub fn held(window: &Connection) -> Result<HashMap<DeviceId, Held>, StoreError> {
    let sql = "select d.id, d.rev, d.as_of, d.viewed_at, coalesce((select sum(length(c.content)) from chunk c where c.device_id = d.id), 0) from device d";
    let mut statement = window.prepare_cached(sql)?;
    let found = statement.query_map([], |row| {
        Ok((DeviceId(Uuid::from_bytes(row.get(0)?)), Held { rev: row.get(1)?, as_of: row.get(2)?, viewed_at: row.get(3)?, bytes: row.get(4)? }))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Keeps an hour over what stands there.
///
/// # Errors
/// [`StoreError`].
pub fn put(window: &Connection, device: DeviceId, hour: Millis, content: &[u8]) -> Result<(), StoreError> {
    let sql = "insert into chunk (device_id, hour, content) values (?1, ?2, ?3) on conflict (device_id, hour) do update set content = excluded.content";
    window.prepare_cached(sql)?.execute(params![device.0.as_bytes(), hour.0, content])?;
    Ok(())
}

/// Takes note of how much of a device is here.
///
/// # Errors
/// [`StoreError`].
pub fn received(window: &Connection, device: DeviceId, rev: i64) -> Result<(), StoreError> {
    let sql = "insert into device (id, rev) values (?1, ?2) on conflict (id) do update set rev = excluded.rev";
    window.prepare_cached(sql)?.execute(params![device.0.as_bytes(), rev])?;
    Ok(())
}

/// Takes note that all that the server had of a device is here.
///
/// # Errors
/// [`StoreError`].
pub fn complete(window: &Connection, device: DeviceId, as_of: Millis) -> Result<(), StoreError> {
    let sql = "insert into device (id, as_of) values (?1, ?2) on conflict (id) do update set as_of = excluded.as_of";
    window.prepare_cached(sql)?.execute(params![device.0.as_bytes(), as_of.0])?;
    Ok(())
}

/// Takes note that somebody looks at a device.
///
/// # Errors
/// [`StoreError`].
pub fn viewed(window: &Connection, device: DeviceId, now: Millis) -> Result<(), StoreError> {
    let sql = "insert into device (id, viewed_at) values (?1, ?2) on conflict (id) do update set viewed_at = excluded.viewed_at";
    window.prepare_cached(sql)?.execute(params![device.0.as_bytes(), now.0])?;
    Ok(())
}

/// Hours of a device as the server packs them, each with when it began.
pub type Hours = Vec<(Millis, Vec<u8>)>;

/// The hours of a device that began in `[from, to)`, oldest first, and when the server last said that there
/// are no more; `None` when it never did.
///
/// # Errors
/// [`StoreError`].
pub fn between(window: &Connection, device: DeviceId, from: Millis, to: Millis) -> Result<Option<(Millis, Hours)>, StoreError> {
    let mut statement = window.prepare_cached("select as_of from device where id = ?1 and as_of > 0")?;
    let Some(as_of) = statement.query_row([device.0.as_bytes()], |row| row.get(0)).optional()? else { return Ok(None) };
    let mut statement = window.prepare_cached("select hour, content from chunk where device_id = ?1 and hour >= ?2 and hour < ?3 order by hour")?;
    let found = statement.query_map(params![device.0.as_bytes(), from.0, to.0], |row| Ok((Millis(row.get(0)?), row.get(1)?)))?;
    Ok(Some((Millis(as_of), found.collect::<Result<_, _>>()?)))
}

/// Forgets the hours that began before `at`. A mark holds as long as something is here that it speaks of.
///
/// # Errors
/// [`StoreError`].
pub fn forget_before(window: &Connection, at: Millis) -> Result<(), StoreError> {
    if window.prepare_cached("delete from chunk where hour < ?1")?.execute([at.0])? > 0 {
        window.prepare_cached("update device set rev = 0 where not exists (select 1 from chunk c where c.device_id = device.id)")?.execute([])?;
    }
    Ok(())
}

/// Takes the chunks of a device away to make room; that somebody looked at it is still known.
///
/// # Errors
/// [`StoreError`].
pub fn evict(window: &Connection, device: DeviceId) -> Result<(), StoreError> {
    window.prepare_cached("delete from chunk where device_id = ?1")?.execute([device.0.as_bytes()])?;
    window.prepare_cached("update device set rev = 0, as_of = 0 where id = ?1")?.execute([device.0.as_bytes()])?;
    Ok(())
}

/// Forgets everything about a device.
///
/// # Errors
/// [`StoreError`].
pub fn forget(window: &Connection, device: DeviceId) -> Result<(), StoreError> {
    evict(window, device)?;
    window.prepare_cached("delete from device where id = ?1")?.execute([device.0.as_bytes()])?;
    Ok(())
}

/// The devices of the replica that may report, each with its latest attempt at commissioning.
///
/// # Errors
/// [`StoreError`].
pub fn reporting(replica: &Connection) -> Result<Vec<(DeviceId, i64)>, StoreError> {
    let sql = "select d.id, coalesce((select max(a.started_at) from attempt a where a.device_id = d.id), 0) from device d where d.state in ('claimed', 'online')";
    let mut statement = replica.prepare_cached(sql)?;
    let found = statement.query_map([], |row| Ok((DeviceId(Uuid::from_bytes(row.get(0)?)), row.get(1)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}
