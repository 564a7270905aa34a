//! What time it is by the server's clock, as it last said: a tablet's own may jump over a month in a moment.
//!
//! Whatever is kept for so many days is kept by this one. It stands still while nobody hears the server.
//! Deliberately not here: correcting times by the measured skew (`Account::server_now`), and what a long silence means
//! (`accounts/lease.rs`).

use omniot_shared::time::{Millis, Steady};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::{StoreError, meta};

/// Under this name stands what it said last.
const SERVER_TIME: &str = "server_time";
/// And under this one, when that was by the clock of this machine that nobody sets.
const HEARD_STEADY: &str = "heard_steady";

/// When the server was last heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// By its clock.
    pub at: Millis,
    /// By the clock of this machine that nobody sets, where there is one.
    pub steady: Option<Steady>,
}

/// Takes down what the server's clock showed.
///
/// # Errors
/// [`StoreError`].
pub fn heard(db: &Connection, contact: Contact) -> Result<(), StoreError> {
    meta::set(db, SERVER_TIME, &contact.at)?;
    meta::set(db, HEARD_STEADY, &contact.steady)
}

/// When it was last heard; `None` before the first time.
///
/// # Errors
/// [`StoreError`].
pub fn last_contact(db: &Connection) -> Result<Option<Contact>, StoreError> {
    let Some(at) = meta::get(db, SERVER_TIME)? else { return Ok(None) };
    Ok(Some(Contact { at, steady: meta::get(db, HEARD_STEADY)?.flatten() }))
}

/// The last that was heard; the beginning of time where nothing was.
///
/// # Errors
/// [`StoreError`].
pub fn of_server(db: &Connection) -> Result<Millis, StoreError> {
    Ok(meta::get(db, SERVER_TIME)?.unwrap_or(Millis(0)))
}
