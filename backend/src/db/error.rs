//! What can go wrong at the seam, as facts a feature can act on.

use omniot_shared::ids::TenantId;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// `one` found no row.
    #[error("no such row")]
    NotFound,
    /// A row with this key is there already. `what` is PostgreSQL's constraint name or SQLite's column list.
    #[error("already there: {what}")]
    Unique {
        /// Which rule was broken, in the engine's words: for logs, not for clients.
        what: String,
    },
    /// A reference points to nothing, or something still points here.
    #[error("a reference does not hold: {what}")]
    Reference {
        /// Which rule was broken, in the engine's words.
        what: String,
    },
    /// Another writer held the tenant, or all connections were taken, for too long.
    #[error("the store is busy")]
    Busy,
    /// This deployment holds no such tenant.
    #[error("there is no tenant {0}")]
    NoSuchTenant(TenantId),
    /// The store was written by a newer version, or a migration failed.
    #[error("the store's shape does not fit this version: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The folder or file cannot be used.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The server must not run on this store; one sentence says why.
    #[error("{0}")]
    Unsafe(String),
    /// Anything else: a bug or a broken machine.
    #[error(transparent)]
    Other(sqlx::Error),
}

impl DbError {
    /// Whether a unique key was hit.
    #[must_use]
    pub const fn is_unique(&self) -> bool {
        matches!(self, Self::Unique { .. })
    }

    pub(super) fn file(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File { path: path.display().to_string(), source }
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::Database(said) => {
                let what = || said.constraint().map_or_else(|| said.message().to_owned(), str::to_owned);
                match (said.kind(), said.code().as_deref()) {
                    (sqlx::error::ErrorKind::UniqueViolation, _) => Self::Unique { what: what() },
                    (sqlx::error::ErrorKind::ForeignKeyViolation, _) => Self::Reference { what: what() },
                    // SQLITE_BUSY and its kinds; PostgreSQL lock_not_available, deadlock, serialization failure.
                    (_, Some("5" | "261" | "517" | "773" | "55P03" | "40P01" | "40001")) => Self::Busy,
                    _ => Self::Other(error),
                }
            }
            _ => Self::Other(error),
        }
    }
}
