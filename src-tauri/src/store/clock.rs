//! What time it is by the server's clock, as it last said: a tablet's own may jump over a month in a moment.
//!
//! Whatever is kept for so many days is kept by this one. It stands still while nobody hears the server.
//! Deliberately not here: correcting times by the measured skew (`Account::server_now`).

use omniot_shared::time::Millis;
use rusqlite::Connection;

use super::{StoreError, meta};

/// Under this name stands what it said last.
const SERVER_TIME: &str = "server_time";

/// Takes down what the server's clock showed.
///
/// # Errors
/// [`StoreError`].
pub fn heard(db: &Connection, at: Millis) -> Result<(), StoreError> {
    meta::set(db, SERVER_TIME, &at)
}

/// The last that was heard; the beginning of time where nothing was.
///
/// # Errors
/// [`StoreError`].
pub fn of_server(db: &Connection) -> Result<Millis, StoreError> {
    Ok(meta::get(db, SERVER_TIME)?.unwrap_or(Millis(0)))
}
