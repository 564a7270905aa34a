//! Nothing of what a person may not see any more is left in the file: the wish for it is kept with the removal
//! of the rows, and stands until the file was written anew and its log emptied.
//!
//! `secure_delete` overwrites what is deleted where it stands now; where it stood before a page was
//! rearranged, only a file that is written anew has nothing of it.

use rusqlite::Connection;

use super::{StoreError, meta};

const NAME: &str = "scrub";

/// Wishes for it, in the transaction that removes rows.
///
/// # Errors
/// [`StoreError`].
pub fn wish(db: &Connection) -> Result<(), StoreError> {
    meta::set(db, NAME, &true)
}

/// Moves the log into the file and cuts it off; writes the file anew before that where it is wished for, which
/// needs as much room again for a moment. `false` while somebody reads what stands in the log.
pub(super) fn settle(db: &Connection) -> Result<bool, StoreError> {
    let wished = meta::get(db, NAME)?.unwrap_or(false);
    let anew = if wished { db.execute_batch("vacuum") } else { Ok(()) };
    // Also where there was no room for that: the log alone holds most of what was removed.
    let is_done = db.query_row("pragma wal_checkpoint(truncate)", [], |row| Ok(row.get::<_, i64>(0)? == 0))?;
    anew?;
    if wished && is_done {
        meta::set(db, NAME, &false)?;
    }
    Ok(is_done)
}
