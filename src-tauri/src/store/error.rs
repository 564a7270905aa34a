//! What can go wrong between the app and its disk.
//!
//! Deliberately not here: refusals of rules (those are answers, not errors).

use omniot_shared::sync::Refusal;
use rusqlite::ErrorCode;

use crate::{door::Reply, sync::status::Ailment};

/// Why the store did nothing. Whatever the variant, nothing was half done.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No room, not even the reserved one.
    #[error("the storage of this machine is full; nothing was saved. Free some space and do it again")]
    DiskFull,
    /// The file is damaged.
    #[error("the offline store is damaged: {0}")]
    Damaged(String),
    /// The file was made by a newer version of the app.
    #[error("the offline store was written by a newer version of this app; update the app")]
    FromTheFuture,
    /// The folder cannot be made or read.
    #[error("the offline store cannot be opened: {0}")]
    Folder(std::io::Error),
    /// SQLite, otherwise.
    #[error("the offline store failed: {0}")]
    Sqlite(rusqlite::Error),
    /// The rules refused a change in the middle of several.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The account is being signed out.
    #[error("this account is being signed out; nothing was saved")]
    Leaving,
    /// The worker that should have done it is gone (the app is closing).
    #[error("the app is closing")]
    Closing,
}

impl StoreError {
    /// Its stable code, with the status of an answer.
    const fn code(&self) -> (u16, &'static str) {
        match self {
            Self::DiskFull => (507, "disk_full"),
            Self::Damaged(_) | Self::FromTheFuture => (500, "store_damaged"),
            Self::Leaving => (409, "account_leaving"),
            Self::Closing => (503, "closing"),
            Self::Refused(_) => (409, "state_conflict"),
            Self::Folder(_) | Self::Sqlite(_) => (500, "internal"),
        }
    }

    /// Why synchronization, or the account as a whole, cannot go on.
    #[must_use]
    pub fn ailment(&self) -> Ailment {
        Ailment { code: self.code().1, detail: self.to_string() }
    }

    /// As an answer of the door.
    #[must_use]
    pub fn reply(&self) -> Reply {
        let (status, code) = self.code();
        tracing::error!(error = %self, "the store did nothing");
        Reply::error(status, code, &self.to_string())
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull { Self::DiskFull } else { Self::Folder(error) }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let Some(cause) = error.sqlite_error() else { return Self::Sqlite(error) };
        match cause.code {
            ErrorCode::DiskFull => Self::DiskFull,
            // The shared memory beside the log could not grow: the same thing in other words.
            _ if cause.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE => Self::DiskFull,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged(error.to_string()),
            _ => Self::Sqlite(error),
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}
