//! Releases that other organizations gave to this one: they come with the grants, or are entered on this machine.
//!
//! Deliberately not here: whether a device honours one (`omniot_shared::claim`).

use omniot_shared::{
    claim::{Fingerprint, Letter},
    ids::normal_serial,
    time::Millis,
};
use rusqlite::{Connection, OptionalExtension, params};

use super::StoreError;

/// Where a release comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The server's list, which is all it has.
    Server,
    /// A person entered it here.
    Entered,
}

/// Keeps the server's list in the place of the one before; those that were entered here, and those that are later, stay.
///
/// # Errors
/// [`StoreError`].
pub fn take_in(db: &Connection, letters: &[Letter], now: Millis) -> Result<(), StoreError> {
    db.prepare_cached("delete from received_release where entered = 0 or not_after < ?1")?.execute([now.0])?;
    letters.iter().try_for_each(|letter| keep(db, letter, Source::Server))
}

/// Keeps one; of two for one device and owner, the one that is good for longer.
///
/// # Errors
/// [`StoreError`].
pub fn keep(db: &Connection, letter: &Letter, source: Source) -> Result<(), StoreError> {
    let sql = "insert into received_release (serial, owner, letter, not_after, entered) values (?1, ?2, ?3, ?4, ?5)
        on conflict (serial, owner) do update set letter = excluded.letter, not_after = excluded.not_after, entered = excluded.entered
        where excluded.not_after >= received_release.not_after";
    let (serial, owner) = (normal_serial(&letter.release.serial), letter.owner.fingerprint().0);
    db.prepare_cached(sql)?.execute(params![serial, owner, letter.bytes(), letter.release.not_after.0, source == Source::Entered])?;
    Ok(())
}

/// The release of that owner for that device.
///
/// # Errors
/// [`StoreError`].
pub fn find(db: &Connection, serial: &str, owner: Fingerprint) -> Result<Option<Letter>, StoreError> {
    let mut statement = db.prepare_cached("select letter from received_release where serial = ?1 and owner = ?2")?;
    let found: Option<Vec<u8>> = statement.query_row(params![normal_serial(serial), owner.0], |row| row.get(0)).optional()?;
    Ok(found.and_then(|bytes| Letter::read(&bytes).ok()).filter(|letter| letter.frees(serial, owner)))
}
