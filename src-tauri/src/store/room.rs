//! What the replica takes on the disk, by what, and what can be given back.
//!
//! What a person did and the server has not answered is never given back, and neither is what needs attention
//! or what a server that is restored from a backup would be sent again (changes for 30 days, files for 7).
//! Deliberately not here: what a full disk does by itself ([`super::Store::edit`]).

use omniot_shared::{
    sync::client::{KEEP_ACKNOWLEDGED_MS, Replica as _},
    time::Millis,
};
use rusqlite::Connection;
use serde::Serialize;

use super::{Store, StoreError, attachments::{self, KEEP_FRESH_MS}, clock, replica::Open, reserve, scrub};

/// Bytes, by what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Room {
    /// Rows that lists show, with their indexes.
    pub records: u64,
    /// Changes and files that are on their way, need somebody, or were refused.
    pub unsent: u64,
    /// Changes that have their last word, and files that the server has.
    pub settled: u64,
    /// What came towards the next checkpoint.
    pub staged: u64,
    /// Readings of the last day.
    pub telemetry: u64,
    /// Pages that hold nothing, and the log.
    pub slack: u64,
    /// Kept free for what is saved on a full disk.
    pub reserved: u64,
}

impl Room {
    /// All of it.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.records + self.unsent + self.settled + self.staged + self.telemetry + self.slack + self.reserved
    }
}

impl Store {
    /// What is taken by what.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn room(&self) -> Result<Room, StoreError> {
        let log = std::fs::metadata(self.path.with_extension("db-wal")).map_or(0, |file| file.len());
        let reserved = if self.reserve.is_held() { reserve::SIZE } else { 0 };
        self.read(|db| {
            let number = |sql: &str| -> Result<u64, StoreError> { Ok(db.query_row(sql, [], |row| row.get::<_, i64>(0))?.unsigned_abs()) };
            let page = number("pragma page_size")?;
            let (pages, free) = (number("pragma page_count")? * page, number("pragma freelist_count")? * page);
            let unsent = number("select coalesce(sum(octet_length(whole)), 0) from outbox where state <> 'done'")?
                + number("select coalesce(sum(octet_length(content)), 0) from attachment where state <> 'sent'")?;
            let settled = number("select coalesce(sum(octet_length(whole)), 0) from outbox where state = 'done'")?
                + number("select coalesce(sum(octet_length(content)), 0) from attachment where state = 'sent'")?;
            let staged = number("select coalesce(sum(octet_length(whole)), 0) from staged")?;
            let records = pages.saturating_sub(free + unsent + settled + staged);
            Ok(Room { records, unsent, settled, staged, telemetry: self.window.bytes(), slack: free + log, reserved })
        })
    }

    /// Gives back what can be had again or is needed no more; how many bytes that were. Files that the server has
    /// not had for long go only where the disk is short: where even the reserved room had to be given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn free_up(&self) -> Result<u64, StoreError> {
        let before = self.bytes();
        self.window.give_up();
        let is_short = !self.reserve.is_held();
        self.note(|db| {
            let now = clock::of_server(db)?;
            forget_settled(db, now)?;
            attachments::forget_sent_before(db, if is_short { Millis(i64::MAX) } else { now.plus(-KEEP_FRESH_MS) })?;
            scrub::wish(db)
        })?;
        self.settle();
        Ok(before.saturating_sub(self.bytes()))
    }

    /// The same by itself where the disk is short and the server has files that are here; how many bytes that were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn make_room(&self) -> Result<u64, StoreError> {
        if self.reserve.is_held() || !self.read(|db| attachments::has_room_to_give(db))? {
            return Ok(0);
        }
        self.free_up()
    }
}

/// Forgets changes that were given up, and those that were taken so long ago that no backup can lack them; `now`: by
/// the server's clock, which also says when they were taken.
fn forget_settled(db: &Connection, now: Millis) -> Result<(), StoreError> {
    Open(db).forget_done_before(now.plus(-KEEP_ACKNOWLEDGED_MS))?;
    // One that cannot be read says nothing of a receipt: it may be what a server that was put back lacks.
    let sql = "delete from outbox where state = 'done' and case when json_valid(whole) then json_extract(whole, '$.state.done.receipt') is null else 0 end";
    db.execute(sql, [])?;
    Ok(())
}
