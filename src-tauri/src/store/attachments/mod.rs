//! Files that belong to attempts: kept here until the server has them, and a while longer.
//!
//! A trace under way is no file yet: it becomes one in the transaction that records its attempt ([`seal_trace`]).
//! Photos and what was checked are evidence: none is forgotten that the server does not have, unless somebody gave its
//! record up and the server has no such attempt ([`give_up`]). A file is `waiting`, `sent`, `refused`, or `given_up`.
//! Rooms: `forgetting` (what goes, and when).
//! Deliberately not here: what is in them (`omniot_shared::attachment`), when they are sent (`sync::attachments`), and
//! what a person does with evidence ([`super::checks`]).

mod forgetting;
#[cfg(test)]
mod tests;

use omniot_shared::{
    attachment::{Address, Kind},
    ids::AttemptId,
    sync::{Change, Seq, client::Replica as _},
    time::Millis,
};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

pub use forgetting::{forget_departed, forget_given_up, forget_sent_before, give_up, give_up_nameless, has_room_to_give, prune, take_back};

use super::{StoreError, clock, replica::Open, rows};

/// How long what the server has is kept, to be looked at without a network. These times go by its clock.
const KEEP_MS: i64 = 30 * 24 * 3_600_000;
/// Nothing gives way to anything but a full disk before: a server that is put back from a backup would lack it.
pub const KEEP_FRESH_MS: i64 = 7 * 24 * 3_600_000;
/// Nothing is put off for longer: what seems to be was so by another clock.
pub const LONGEST_REST_MS: i64 = 3_600_000;
/// So many traces wait for attempts that are not here. No time limits them: a tablet's clock may be years off.
const KEEP_STRAYS: i64 = 200;
/// Of those that the server has, so many traces are kept, and so many photos with their bytes.
const KEEP_SENT: i64 = 100;

/// A file of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The attempt.
    pub attempt: AttemptId,
    /// What it is.
    pub kind: Kind,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// What may not go now, beside what waits for its attempt or its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Barred {
    /// No photo: they are for Wi-Fi only, and this is none.
    pub photos: bool,
}

/// Attempts that the server does not have: their record waits to be sent.
fn unsent_attempts(db: &Connection) -> Result<String, StoreError> {
    let mut ids = Vec::new();
    for entry in Open(db).outbox()?.into_iter().filter(|entry| entry.state.is_pending()) {
        if let Change::AttemptRecord(record) = entry.intent.change
            && !is_there(db, record.id)?
        {
            ids.push(hex::encode(record.id.0.as_bytes()));
        }
    }
    Ok(serde_json::to_string(&ids)?)
}

/// Whether the server has that attempt: its row came from there.
///
/// # Errors
/// [`StoreError`].
pub fn is_there(db: &Connection, attempt: AttemptId) -> Result<bool, StoreError> {
    Ok(rows::seq(db, attempt.into())?.is_some_and(|seq| seq > Seq(0)))
}

/// How the attempt of a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The server has it.
    There,
    /// It is out of sight here, or its record was refused: the server may have it all the same.
    Unknown,
    /// The same, and its record was given up here.
    GivenUp,
}

/// A file that may go now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Where it stands.
    place: i64,
    /// What is known of its attempt.
    pub of: Standing,
    /// Its record was given up here: it goes once it is taken back.
    pub is_given_up: bool,
    /// What it is called: by now another file may stand in its place.
    pub address: Address,
    /// Itself.
    pub file: File,
}

/// What the server said to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It has it.
    Sent,
    /// It will never take it.
    Refused,
}

impl Fate {
    const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Refused => "refused",
        }
    }
}

/// Keeps what the flight recorder wrote so far, over what was kept before.
///
/// # Errors
/// [`StoreError`].
pub fn save_trace(db: &Connection, attempt: AttemptId, content: &[u8]) -> Result<(), StoreError> {
    let sql = "insert into trace (attempt_id, content) values (?1, ?2) on conflict (attempt_id) do update set content = excluded.content";
    db.prepare_cached(sql)?.execute(params![attempt.0.as_bytes(), content])?;
    Ok(())
}

/// The trace of an attempt is whole and waits for the server; none is fine.
///
/// # Errors
/// [`StoreError`].
pub fn seal_trace(db: &Connection, attempt: AttemptId, now: Millis) -> Result<(), StoreError> {
    let sql = "delete from trace where attempt_id = ?1 returning content";
    let content: Option<Vec<u8>> = db.prepare_cached(sql)?.query_row([attempt.0.as_bytes()], |row| row.get(0)).optional()?;
    let Some(content) = content else { return Ok(()) };
    keep(db, &File { attempt, kind: Kind::Trace, media_type: "application/zstd".to_owned(), content }, now).map(drop)
}

/// Keeps a file for the server; the same one twice is one.
///
/// # Errors
/// [`StoreError`].
pub fn keep(db: &Connection, file: &File, now: Millis) -> Result<Address, StoreError> {
    keep_until(db, file, now, Millis(0))
}

/// The same, to be sent from `not_before` on.
///
/// # Errors
/// [`StoreError`].
pub fn keep_until(db: &Connection, file: &File, now: Millis, not_before: Millis) -> Result<Address, StoreError> {
    let address = Address::of(&file.content);
    let sql = "insert into attachment (attempt_id, sha256, kind, media_type, state, size, made_at, not_before, content) \
               values (?1, ?2, ?3, ?4, 'waiting', ?5, ?6, ?7, ?8) on conflict (attempt_id, sha256) do nothing";
    let size = i64::try_from(file.content.len()).unwrap_or(i64::MAX);
    let values = params![file.attempt.0.as_bytes(), address.0, file.kind.name(), file.media_type, size, now.0, not_before.0, file.content];
    db.prepare_cached(sql)?.execute(values)?;
    Ok(address)
}

/// The oldest file that may go now: its record is not on its way to the server, and it is not `barred`.
///
/// # Errors
/// [`StoreError`].
pub fn due(db: &Connection, barred: Barred, now: Millis) -> Result<Option<Due>, StoreError> {
    // Of what was given up only a word goes, over any network.
    let sql = "select f.place, f.attempt_id, f.kind, f.media_type, f.content, f.state, f.sha256 from attachment f \
               where (f.state = 'given_up' or (f.state = 'waiting' and (?1 = 0 or f.kind <> 'photo'))) and (f.not_before <= ?2 or f.not_before > ?2 + ?3) \
                 and f.attempt_id not in (select id from commission) \
                 and f.attempt_id not in (select unhex(value) from json_each(?4)) order by f.place limit 1";
    let values = params![barred.photos, now.0, LONGEST_REST_MS, unsent_attempts(db)?];
    let found = db.prepare_cached(sql)?.query_row(values, |row| Ok((row.get(0)?, file(row)?, row.get::<_, String>(5)? == "given_up", Address(row.get(6)?)))).optional()?;
    let Some((place, file, is_given_up, address)) = found else { return Ok(None) };
    let file = file?;
    let of = match (is_there(db, file.attempt)?, is_given_up) {
        (true, _) => Standing::There,
        (false, true) => Standing::GivenUp,
        (false, false) => Standing::Unknown,
    };
    Ok(Some(Due { place, of, is_given_up, address, file }))
}

fn file(row: &rusqlite::Row<'_>) -> rusqlite::Result<Result<File, StoreError>> {
    let name: String = row.get(2)?;
    let (attempt, media_type, content) = (AttemptId(Uuid::from_bytes(row.get(1)?)), row.get(3)?, row.get(4)?);
    let kind = Kind::named(&name).ok_or_else(|| StoreError::Damaged(format!("a file of the kind {name}")));
    Ok(kind.map(|kind| File { attempt, kind, media_type, content }))
}

/// Takes down what the server said to a file. Of a trace that it refused, nothing is kept but that; of the records of
/// an attempt that it has, the last one is kept.
///
/// # Errors
/// [`StoreError`].
pub fn settle(db: &Connection, due: &Due, fate: Fate) -> Result<(), StoreError> {
    let sql = "update attachment set state = ?3, settled_at = ?4, content = case when ?3 = 'refused' and kind = 'trace' then x'' else content end \
               where place = ?1 and sha256 = ?2";
    let settled = db.prepare_cached(sql)?.execute(params![due.place, due.address.0, fate.name(), clock::of_server(db)?.0])?;
    if settled > 0 && fate == Fate::Sent && due.file.kind == Kind::Checks {
        let sql = "delete from attachment where attempt_id = ?1 and kind = 'checks' and state = 'sent' and place < ?2";
        db.prepare_cached(sql)?.execute(params![due.file.attempt.0.as_bytes(), due.place])?;
    }
    Ok(())
}

/// The server cannot take a file now; it is left alone with it until `at`.
///
/// # Errors
/// [`StoreError`].
pub fn put_off(db: &Connection, due: &Due, at: Millis) -> Result<(), StoreError> {
    db.prepare_cached("update attachment set not_before = ?3 where place = ?1 and sha256 = ?2")?.execute(params![due.place, due.address.0, at.0])?;
    Ok(())
}

/// The same for all files of its attempt.
///
/// # Errors
/// [`StoreError`].
pub fn put_off_all(db: &Connection, due: &Due, at: Millis) -> Result<(), StoreError> {
    let sql = "update attachment set not_before = ?2 where attempt_id = ?1 and state in ('waiting', 'given_up')";
    db.prepare_cached(sql)?.execute(params![due.file.attempt.0.as_bytes(), at.0])?;
    Ok(())
}

/// The server has that attempt by now, of which it may have said the opposite.
///
/// # Errors
/// [`StoreError`].
pub fn put_off_no_more(db: &Connection, attempt: AttemptId) -> Result<(), StoreError> {
    db.prepare_cached("update attachment set not_before = 0 where attempt_id = ?1 and state = 'waiting'")?.execute([attempt.0.as_bytes()])?;
    Ok(())
}

/// Takes down that a file may be with the server from now on; whether it may have been before. `None`: it is not to go
/// any more, since somebody took it away or put another one in its place.
///
/// # Errors
/// [`StoreError`].
pub fn note_tried(db: &Connection, due: &Due) -> Result<Option<bool>, StoreError> {
    let sql = "select tried from attachment where place = ?1 and sha256 = ?2 and state = 'waiting'";
    let before = db.prepare_cached(sql)?.query_row(params![due.place, due.address.0], |row| row.get(0)).optional()?;
    if before == Some(false) {
        db.prepare_cached("update attachment set tried = 1 where place = ?1 and sha256 = ?2")?.execute(params![due.place, due.address.0])?;
    }
    Ok(before)
}

/// The file whose first try that was never left this machine.
///
/// # Errors
/// [`StoreError`].
pub fn note_not_tried(db: &Connection, due: &Due) -> Result<(), StoreError> {
    db.prepare_cached("update attachment set tried = 0 where place = ?1 and sha256 = ?2")?.execute(params![due.place, due.address.0])?;
    Ok(())
}

/// The server has lost its latest past: what is here of what it had is sent again.
///
/// # Errors
/// [`StoreError`].
pub fn send_again(db: &Connection) -> Result<(), StoreError> {
    db.execute("update attachment set state = 'waiting', not_before = 0 where state = 'sent' and octet_length(content) > 0", [])?;
    Ok(())
}

/// The server may be another one now: evidence that it refused is offered once more.
///
/// # Errors
/// [`StoreError`].
pub fn offer_again(db: &Connection) -> Result<(), StoreError> {
    db.execute("update attachment set state = 'waiting', not_before = 0 where state = 'refused' and kind in ('photo', 'checks')", [])?;
    Ok(())
}

/// The trace of an attempt, sent or not, whole or under way.
///
/// # Errors
/// [`StoreError`].
pub fn trace_of(db: &Connection, attempt: AttemptId) -> Result<Option<Vec<u8>>, StoreError> {
    let sql = "select content from attachment where attempt_id = ?1 and kind = 'trace' and state in ('waiting', 'sent') \
               union all select content from trace where attempt_id = ?1 limit 1";
    Ok(db.prepare_cached(sql)?.query_row([attempt.0.as_bytes()], |row| row.get(0)).optional()?)
}

/// How much evidence the server does not have: photos and what was checked, also what it refused. It would be lost with
/// the account. What somebody gave up is none.
///
/// # Errors
/// [`StoreError`].
pub fn unsent_evidence(db: &Connection) -> Result<i64, StoreError> {
    let sql = "select count(*) from attachment where state in ('waiting', 'refused') and kind in ('photo', 'checks')";
    Ok(db.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// How much of it the server said it will never take.
///
/// # Errors
/// [`StoreError`].
pub fn refused_evidence(db: &Connection) -> Result<i64, StoreError> {
    let sql = "select count(*) from attachment where state = 'refused' and kind in ('photo', 'checks')";
    Ok(db.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// A file that the server does not have; its bytes are for [`content`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    place: i64,
    /// The attempt.
    pub attempt: AttemptId,
    /// What it is.
    pub kind: Kind,
    /// Its media type.
    pub media_type: String,
    /// What it is called.
    pub address: Address,
}

/// All files that the server does not have and that are here, evidence first: photos, then what was checked, then
/// traces.
///
/// # Errors
/// [`StoreError`].
pub fn unsent(db: &Connection) -> Result<Vec<Unsent>, StoreError> {
    let sql = "select place, attempt_id, kind, media_type, sha256 from attachment where state in ('waiting', 'refused') and octet_length(content) > 0 \
               order by kind = 'trace', kind = 'checks', place";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        let name: String = row.get(2)?;
        let kind = Kind::named(&name).ok_or_else(|| StoreError::Damaged(format!("a file of the kind {name}")));
        let (place, attempt, media_type, address) = (row.get(0)?, AttemptId(Uuid::from_bytes(row.get(1)?)), row.get(3)?, Address(row.get(4)?));
        Ok(kind.map(|kind| Unsent { place, attempt, kind, media_type, address }))
    })?;
    rows.map(|row| row?).collect()
}

/// The bytes of such a file.
///
/// # Errors
/// [`StoreError`].
pub fn content(db: &Connection, file: &Unsent) -> Result<Vec<u8>, StoreError> {
    Ok(db.prepare_cached("select content from attachment where place = ?1")?.query_row([file.place], |row| row.get(0))?)
}
