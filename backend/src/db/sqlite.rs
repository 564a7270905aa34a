//! The embedded engine: `control.db` and one file for each tenant, in WAL mode.
//!
//! Each open tenant has one writing connection (writers wait in line, never in a busy loop) and a
//! few reading ones that refuse to write. How many tenants are open at once is bounded: the one
//! that was not used for longest is closed, gracefully, and opened again when it is wanted.

use std::{
    fs::Metadata,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, atomic::{AtomicU64, Ordering}},
    time::{Duration, SystemTime},
};

use lru::LruCache;
use omniot_shared::ids::TenantId;
use sqlx::{
    SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::OnceCell;

use super::{DbError, private, query::Tx, turns::Limits};

static TENANT: Migrator = sqlx::migrate!("migrations/sqlite/tenant");
static CONTROL: Migrator = sqlx::migrate!("migrations/sqlite/control");

/// Where the files are and how many may be open.
#[derive(Debug, Clone)]
pub struct SqliteConfig {
    /// The data folder; made when it is missing.
    pub folder: PathBuf,
    /// How tenants lie in files.
    pub layout: Layout,
    /// At most so many tenants open at once (a thread, 3 descriptors and about 170 KiB each connection).
    pub open_tenants: NonZeroUsize,
}

/// How tenants lie in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One file each: a forgotten predicate cannot cross files.
    FileEach,
    /// All in one file, so that tests see a forgotten predicate.
    OneFile,
}

impl SqliteConfig {
    /// One file for each tenant under `folder`, at most 64 open.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), layout: Layout::FileEach, open_tenants: NonZeroUsize::MIN.saturating_add(63) }
    }
}

/// Reading connections of one open tenant.
const READERS: u32 = 6;
/// One reader is left for the watch over open streams; an answer that lingers queues up to 4 MiB.
pub(super) const LIMITS: Limits = Limits { readers: READERS as usize - 1, lingering: 32, tenant_lingering: 3 };

/// What a tenant's files look like from outside: other than before when somebody wrote to them.
pub(crate) type Mark = [Option<(u64, SystemTime)>; 2];

#[derive(Debug, Clone)]
struct Pools {
    read: SqlitePool,
    write: SqlitePool,
}

type Slot = Arc<OnceCell<Pools>>;

/// The open files.
pub(super) struct Store {
    config: SqliteConfig,
    control: Pools,
    tenants: Mutex<LruCache<TenantId, Slot>>,
}

impl Store {
    pub(super) async fn open(config: SqliteConfig) -> Result<Self, DbError> {
        let tenants = config.folder.join("tenants");
        std::fs::create_dir_all(&config.folder).and_then(|()| std::fs::create_dir_all(&tenants)).map_err(|e| DbError::file(&tenants, e))?;
        writable(&config.folder)?;
        private::close(&config.folder);
        private::close(&tenants);
        let control = open(&config.folder.join("control.db"), true, &CONTROL).await?;
        let store = Self { tenants: Mutex::new(LruCache::new(config.open_tenants)), control, config };
        store.make_template().await?;
        Ok(store)
    }

    fn template(&self) -> PathBuf {
        self.config.folder.join("template.db")
    }

    fn path(&self, tenant: TenantId) -> PathBuf {
        let folder = self.config.folder.join("tenants");
        match self.config.layout {
            Layout::FileEach => folder.join(format!("{}.db", tenant.0.simple())),
            Layout::OneFile => folder.join("all.db"),
        }
    }

    /// A migrated file without rows: copying it takes a hundredth of the time of making it.
    async fn make_template(&self) -> Result<(), DbError> {
        let path = self.template();
        let pools = open(&path, true, &TENANT).await?;
        sqlx::query("pragma wal_checkpoint(truncate)").execute(&pools.write).await?;
        close(&pools).await;
        Ok(())
    }

    /// Makes the place of a new tenant: a copy of the template, durable before this returns.
    pub(super) fn place(&self, tenant: TenantId) -> Result<(), DbError> {
        let path = self.path(tenant);
        if path.exists() {
            return Ok(());
        }
        let fresh = path.with_extension("new");
        let copy = || {
            std::fs::copy(self.template(), &fresh)?;
            private::close(&fresh);
            std::fs::File::open(&fresh)?.sync_all()?;
            std::fs::rename(&fresh, &path)?;
            std::fs::File::open(self.config.folder.join("tenants"))?.sync_all()
        };
        copy().map_err(|e| DbError::file(&path, e))
    }

    /// Takes back a place whose tenant never came to be.
    pub(super) async fn remove(&self, tenant: TenantId) -> Result<(), DbError> {
        if self.config.layout == Layout::OneFile {
            return Ok(());
        }
        let slot = self.tenants.lock().unwrap_or_else(PoisonError::into_inner).pop(&tenant);
        if let Some(pools) = slot.as_ref().and_then(|slot| slot.get()) {
            close(pools).await;
        }
        let path = self.path(tenant);
        for suffix in ["", "-wal", "-shm"] {
            let file = PathBuf::from(format!("{}{suffix}", path.display()));
            match std::fs::remove_file(&file) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(DbError::file(&file, e)),
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) async fn begin(&self, tenant: TenantId, write: bool) -> Result<Tx, DbError> {
        loop {
            let pools = self.pools(tenant).await?;
            match begin(&pools, write).await {
                // Closed between the look-up and the begin, to make room: open it again.
                Err(DbError::Other(sqlx::Error::PoolClosed)) => self.forget(tenant, &pools),
                // A file that was opened while it could not be written stays so until it is opened again.
                Err(error @ DbError::Unwritable(_)) => {
                    self.tenants.lock().unwrap_or_else(PoisonError::into_inner).pop(&self.key(tenant));
                    tokio::spawn(async move { close(&pools).await });
                    return Err(error);
                }
                other => return other,
            }
        }
    }

    pub(super) async fn begin_control(&self, write: bool) -> Result<Tx, DbError> {
        begin(&self.control, write).await
    }

    fn forget(&self, tenant: TenantId, closed: &Pools) {
        let tenant = self.key(tenant);
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let stale = tenants.peek(&tenant).and_then(|slot| slot.get()).is_some_and(|pools| pools.read.is_closed());
        if stale && closed.read.is_closed() {
            tenants.pop(&tenant);
        }
    }

    /// Under which key a tenant's file is kept open.
    fn key(&self, tenant: TenantId) -> TenantId {
        match self.config.layout {
            Layout::FileEach => tenant,
            Layout::OneFile => TenantId(uuid::Uuid::nil()),
        }
    }

    async fn pools(&self, tenant: TenantId) -> Result<Pools, DbError> {
        let key = self.key(tenant);
        let (slot, evicted) = {
            let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
            match tenants.get(&key) {
                Some(slot) => (slot.clone(), None),
                // Before it takes the place of another: whoever invents tenants must not close those of others.
                None if !self.path(tenant).exists() => return Err(DbError::NoSuchTenant(tenant)),
                None => {
                    let slot = Slot::default();
                    let evicted = tenants.push(key, slot.clone()).map(|(_, slot)| slot);
                    (slot, evicted)
                }
            }
        };
        if let Some(pools) = evicted.and_then(|slot| slot.get().cloned()) {
            tokio::spawn(async move { close(&pools).await });
        }
        let path = self.path(tenant);
        let opened = slot.get_or_try_init(async || {
            if !path.exists() {
                return Err(DbError::NoSuchTenant(tenant));
            }
            open(&path, false, &TENANT).await
        });
        match opened.await {
            Ok(pools) => Ok(pools.clone()),
            Err(error) => {
                self.tenants.lock().unwrap_or_else(PoisonError::into_inner).pop(&key);
                Err(error)
            }
        }
    }

    /// What the tenant's files look like; an empty log beside them means nothing.
    pub(super) fn mark(&self, tenant: TenantId) -> Option<Mark> {
        let look = |file: &Path| std::fs::metadata(file).ok().filter(|m| m.len() > 0).and_then(|m: Metadata| Some((m.len(), m.modified().ok()?)));
        let path = self.path(tenant);
        let log = PathBuf::from(format!("{}-wal", path.display()));
        Some([look(&path), look(&log)])
    }

    /// Whether a file can be made and filled where the data is.
    pub(super) fn probe(&self) -> Result<(), DbError> {
        writable(&self.config.folder)?;
        writable(&self.config.folder.join("tenants"))
    }

    pub(super) async fn close(&self) {
        let slots: Vec<Slot> = self.tenants.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(_, slot)| slot.clone()).collect();
        for pools in slots.iter().filter_map(|slot| slot.get()) {
            close(pools).await;
        }
        close(&self.control).await;
    }
}

#[allow(clippy::disallowed_methods, reason = "this is where transactions are opened")]
async fn begin(pools: &Pools, write: bool) -> Result<Tx, DbError> {
    Ok(Tx::Sqlite(if write { pools.write.begin_with("begin immediate").await? } else { pools.read.begin_with("begin deferred").await? }))
}

async fn open(path: &Path, create: bool, migrator: &Migrator) -> Result<Pools, DbError> {
    private::file(path, create).map_err(|e| DbError::file(path, e))?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(create)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .pragma("trusted_schema", "off")
        // `insert or replace` deletes: without this the triggers that forbid it would not hear of it.
        .pragma("recursive_triggers", "on")
        // What a part of a transaction would have to undo is kept in memory, not in a file of its own.
        .pragma("temp_store", "memory")
        // A push of hundreds of rows fills the log: it is emptied now and then, not at each such commit.
        .pragma("wal_autocheckpoint", "4000");
    let pool = |connections| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(10))
            // A tenant that is not used is closed as a whole. The pool's own housekeeping counts idle connections
            // without a lock, and may then count for ever on a thread of the runtime (sqlx 0.9, seen once).
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
    };
    let write = pool(1).connect_with(options.clone()).await?;
    migrator.run(&write).await?;
    let read = pool(READERS).connect_lazy_with(options.pragma("query_only", "on"));
    Ok(Pools { read, write })
}

async fn close(pools: &Pools) {
    pools.read.close().await;
    pools.write.close().await;
}

fn writable(folder: &Path) -> Result<(), DbError> {
    // A name of its own: several may look at once, in several processes.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let probe = folder.join(format!(".writable-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    std::fs::write(&probe, [0; 4096]).and_then(|()| std::fs::remove_file(&probe)).map_err(|e| DbError::file(folder, e))
}
