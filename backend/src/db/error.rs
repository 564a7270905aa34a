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
    Migration(sqlx::migrate::MigrateError),
    /// The disk is full, read-only or failing: nothing was changed, and it may mend itself.
    #[error("the store cannot be written: {0}")]
    Unwritable(String),
    /// The folder or file cannot be used.
    #[error("{path} cannot be used: {cause}")]
    File {
        /// Which one.
        path: String,
        /// What the operating system said.
        cause: std::io::Error,
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

    pub(super) fn file(path: &std::path::Path, cause: std::io::Error) -> Self {
        Self::File { path: path.display().to_string(), cause }
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
                    _ if is_unwritable(said.as_ref()) => Self::Unwritable(said.message().to_owned()),
                    // SQLITE_BUSY and its kinds; PostgreSQL lock_not_available, deadlock, serialization failure.
                    (_, Some("5" | "261" | "517" | "773" | "55P03" | "40P01" | "40001")) => Self::Busy,
                    _ => Self::Other(error),
                }
            }
            _ => Self::Other(error),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for DbError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(inner) | sqlx::migrate::MigrateError::ExecuteMigration(inner, _) if is_passing(&inner) => inner.into(),
            other => Self::Migration(other),
        }
    }
}

/// Whether an error is of the moment, not of the shape.
fn is_passing(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|said| is_unwritable(said) || said.code().is_some_and(|code| code == "5"))
}

/// SQLite: readonly (8), input/output (10), full (13), cannot open (14), in the low byte of the
/// extended code. PostgreSQL: disk full.
fn is_unwritable(said: &dyn sqlx::error::DatabaseError) -> bool {
    let code = said.code().unwrap_or_default();
    match said.try_downcast_ref::<sqlx::sqlite::SqliteError>() {
        Some(_) => code.parse::<i32>().is_ok_and(|code| matches!(code & 0xff, 8 | 10 | 13 | 14)),
        None => code == "53100",
    }
}
