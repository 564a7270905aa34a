//! What was answered at attempts that were made here, and their photos: evidence, kept until the server has it.
//!
//! Of the records of an attempt the last one that was kept counts; one that was not sent yet gives way to it. What was
//! given up with its record is not seen here.
//! Deliberately not here: what may be in a record (`omniot_shared::checklist`), and sending ([`super::attachments`]).

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use omniot_shared::{
    attachment::{Address, Kind},
    checklist::{Checklist, Record},
    ids::{AttemptId, ClientId, PersonId},
    time::Millis,
};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use uuid::Uuid;

use super::{StoreError, attachments::{self, File}};

/// The most photos of one attempt.
pub const MOST_PHOTOS: i64 = 20;
/// A record waits so long for the next edit, so that quick ones become one file.
pub const REST_MS: i64 = 60_000;

/// How far a file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is here alone.
    Waiting,
    /// The server has it.
    Sent,
    /// The server will never take it.
    Refused,
}

impl State {
    fn named(name: &str) -> Result<Self, StoreError> {
        match name {
            "waiting" => Ok(Self::Waiting),
            "sent" => Ok(Self::Sent),
            "refused" => Ok(Self::Refused),
            other => Err(StoreError::Damaged(format!("a file in the state {other}"))),
        }
    }
}

/// A photo of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Photo {
    /// What it is called.
    pub sha256: Address,
    /// Its media type.
    pub media_type: String,
    /// Bytes.
    pub size: i64,
    /// How far it has come.
    pub state: State,
}

/// Whether the attempt was made on this machine by its person: it is under way, files of it were kept, or its record says so.
///
/// # Errors
/// [`StoreError`].
pub fn is_ours(db: &Connection, attempt: AttemptId, person: PersonId, client: ClientId) -> Result<bool, StoreError> {
    let sql = "select exists (select 1 from commission where id = ?1) or exists (select 1 from attachment where attempt_id = ?1 and state <> 'given_up') \
               or exists (select 1 from attempt where id = ?1 and technician_id = ?2 and json_extract(whole, '$.client_id') = ?3)";
    Ok(db.prepare_cached(sql)?.query_row(params![attempt.0.as_bytes(), person.0.as_bytes(), client.to_string()], |row| row.get(0))?)
}

/// What was answered last, and how far that has come.
///
/// # Errors
/// [`StoreError`].
pub fn record(db: &Connection, attempt: AttemptId) -> Result<Option<(Record, State)>, StoreError> {
    let sql = "select content, state from attachment where attempt_id = ?1 and kind = 'checks' and state <> 'given_up' and octet_length(content) > 0 order by place desc limit 1";
    let found = db.prepare_cached(sql)?.query_row([attempt.0.as_bytes()], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?))).optional()?;
    let Some((content, state)) = found else { return Ok(None) };
    let record = Record::unpack(&content).map_err(|error| StoreError::Damaged(error.to_string()))?;
    Ok(Some((record, State::named(&state)?)))
}

/// Whether what was answered is with the server alone: it was taken away here while its attempt was out of sight.
///
/// # Errors
/// [`StoreError`].
pub fn is_away(db: &Connection, attempt: AttemptId) -> Result<bool, StoreError> {
    let sql = "select exists (select 1 from attachment where attempt_id = ?1 and kind = 'checks' and octet_length(content) = 0)";
    Ok(db.prepare_cached(sql)?.query_row([attempt.0.as_bytes()], |row| row.get(0))?)
}

/// Keeps what the server says was answered, where that was taken away here.
///
/// # Errors
/// [`StoreError`], also for a record that breaks a rule.
pub fn take_back(db: &Connection, attempt: AttemptId, record: Option<&Record>) -> Result<(), StoreError> {
    if !is_away(db, attempt)? {
        return Ok(());
    }
    let away = "attempt_id = ?1 and kind = 'checks' and octet_length(content) = 0";
    if let Some(record) = record {
        let content = record.pack()?;
        let size = i64::try_from(content.len()).unwrap_or(i64::MAX);
        // Under its own name: the server may have a later one than was sent from here.
        let sql = format!("update or replace attachment set content = ?2, sha256 = ?3, size = ?4 where place = (select max(place) from attachment where {away})");
        db.execute(&sql, params![attempt.0.as_bytes(), content, Address::of(&content).0, size])?;
    }
    db.execute(&format!("delete from attachment where {away}"), [attempt.0.as_bytes()])?;
    Ok(())
}

/// What was answered and photographed at an attempt goes on at the next one of the same device, which is under way, where
/// nothing is said yet; the earlier one keeps its own. So does what is said at the earlier one later ([`goes_on_at`]).
///
/// # Errors
/// [`StoreError`].
pub fn carry_over(db: &Connection, from: AttemptId, to: AttemptId, now: Millis) -> Result<(), StoreError> {
    let sql = "insert into attachment (attempt_id, sha256, kind, media_type, state, size, made_at, not_before, content) \
               select ?2, sha256, kind, media_type, 'waiting', size, ?3, 0, content from attachment \
               where attempt_id = ?1 and kind = 'photo' and state <> 'given_up' and octet_length(content) > 0 order by place on conflict (attempt_id, sha256) do nothing";
    db.execute(sql, params![from.0.as_bytes(), to.0.as_bytes(), now.0])?;
    // What goes on at the one goes on at its next, too.
    db.execute("update goes_on set attempt_id = ?2 where attempt_id = ?1", [from.0.as_bytes(), to.0.as_bytes()])?;
    db.execute("delete from goes_on where attempt_id in (select id from attempt)", [])?;
    db.execute("insert or replace into goes_on (after, attempt_id) values (?1, ?2)", [from.0.as_bytes(), to.0.as_bytes()])?;
    carry_on(db, from, to, None, now)
}

/// The attempt at which a visit goes on after that one, until that is recorded.
///
/// # Errors
/// [`StoreError`].
pub fn goes_on_at(db: &Connection, from: AttemptId) -> Result<Option<AttemptId>, StoreError> {
    let sql = "select attempt_id from goes_on where after = ?1 and attempt_id not in (select id from attempt)";
    Ok(db.prepare_cached(sql)?.query_row([from.0.as_bytes()], |row| Ok(AttemptId(Uuid::from_bytes(row.get(0)?)))).optional()?)
}

/// What was still being typed at an attempt when the next one began goes on there, too, as long as that says what the earlier
/// one said before, `was`, or nothing.
///
/// # Errors
/// [`StoreError`].
pub fn carry_on(db: &Connection, from: AttemptId, to: AttemptId, was: Option<&Record>, now: Millis) -> Result<(), StoreError> {
    if is_away(db, to)? || !says_the_same(db, to, was)? {
        return Ok(());
    }
    let Some((record, _)) = record(db, from)? else { return Ok(()) };
    keep_record(db, &as_said_at(db, record, to)?, now)
}

/// Whether an attempt says nothing, or just what went on there of `other`.
///
/// # Errors
/// [`StoreError`].
pub fn says_the_same(db: &Connection, attempt: AttemptId, other: Option<&Record>) -> Result<bool, StoreError> {
    let Some((there, _)) = record(db, attempt)? else { return Ok(true) };
    let Some(other) = other else { return Ok(false) };
    Ok(as_said_at(db, other.clone(), attempt)? == there)
}

/// A record of another attempt as one of that, which has not all of its photos.
fn as_said_at(db: &Connection, mut record: Record, attempt: AttemptId) -> Result<Record, StoreError> {
    let here: Vec<Address> = photos(db, attempt)?.into_iter().map(|photo| photo.sha256).collect();
    let elsewhere: Vec<Address> = record.photos().filter(|photo| !here.contains(photo)).collect();
    for photo in elsewhere {
        record.drop_photo(photo);
    }
    record.attempt_id = attempt;
    Ok(record)
}

/// Keeps what was answered in place of what was not sent yet.
///
/// # Errors
/// [`StoreError`], also for one that breaks a rule.
pub fn keep_record(db: &Connection, record: &Record, now: Millis) -> Result<(), StoreError> {
    let content = record.pack()?;
    db.prepare_cached("delete from attachment where attempt_id = ?1 and kind = 'checks' and state <> 'sent'")?.execute([record.attempt_id.0.as_bytes()])?;
    let file = File { attempt: record.attempt_id, kind: Kind::Checks, media_type: "application/json".to_owned(), content };
    attachments::keep_until(db, &file, now, now.plus(REST_MS)).map(drop)
}

/// Lets records go at once that wait for the next edit.
///
/// # Errors
/// [`StoreError`].
pub fn let_go(db: &Connection, now: Millis) -> Result<(), StoreError> {
    let sql = "update attachment set not_before = 0 where kind = 'checks' and state = 'waiting' and not_before <= ?1";
    db.prepare_cached(sql)?.execute([now.plus(REST_MS).0])?;
    Ok(())
}

/// In how many milliseconds the first record may go that waits for the next edit; `None`: none does.
///
/// # Errors
/// [`StoreError`].
pub fn rests_for(db: &Connection, now: Millis) -> Result<Option<i64>, StoreError> {
    let sql = "select min(not_before) - ?1 from attachment where state = 'waiting' and kind = 'checks' and not_before > ?1 and not_before <= ?1 + ?2";
    Ok(db.prepare_cached(sql)?.query_row(params![now.0, REST_MS], |row| row.get(0))?)
}

/// The photos of an attempt, in the order in which they were taken.
///
/// # Errors
/// [`StoreError`].
pub fn photos(db: &Connection, attempt: AttemptId) -> Result<Vec<Photo>, StoreError> {
    let sql = "select sha256, media_type, size, state from attachment where attempt_id = ?1 and kind = 'photo' and state <> 'given_up' order by place";
    let mut statement = db.prepare_cached(sql)?;
    let found = statement.query_map([attempt.0.as_bytes()], |row| Ok((Address(row.get(0)?), row.get(1)?, row.get(2)?, row.get::<_, String>(3)?)))?;
    found.map(|row| row.map_err(StoreError::from).and_then(|(sha256, media_type, size, state)| Ok(Photo { sha256, media_type, size, state: State::named(&state)? }))).collect()
}

/// A photo's media type and bytes, while they are here.
///
/// # Errors
/// [`StoreError`].
pub fn photo(db: &Connection, attempt: AttemptId, address: Address) -> Result<Option<(String, Vec<u8>)>, StoreError> {
    let sql = "select media_type, content from attachment where attempt_id = ?1 and sha256 = ?2 and kind = 'photo' and state <> 'given_up' and content <> x''";
    Ok(db.prepare_cached(sql)?.query_row(params![attempt.0.as_bytes(), address.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// Keeps a photo for the server. `false`: the attempt has as many as it may.
///
/// # Errors
/// [`StoreError`].
pub fn add_photo(db: &Connection, file: &File, now: Millis) -> Result<bool, StoreError> {
    let sql = "select count(*) from attachment where attempt_id = ?1 and kind = 'photo' and sha256 <> ?2";
    let others: i64 = db.prepare_cached(sql)?.query_row(params![file.attempt.0.as_bytes(), Address::of(&file.content).0], |row| row.get(0))?;
    if others >= MOST_PHOTOS {
        return Ok(false);
    }
    attachments::keep(db, file, now)?;
    Ok(true)
}

/// Forgets a photo that the server does not have, and takes it out of what was answered last. `None`: there is none;
/// `false`: the server has it, or may have it. `at`: now, by the server's clock.
///
/// # Errors
/// [`StoreError`].
pub fn remove_photo(db: &Connection, attempt: AttemptId, address: Address, now: Millis, at: Millis) -> Result<Option<bool>, StoreError> {
    let Some(photo) = photos(db, attempt)?.into_iter().find(|photo| photo.sha256 == address) else { return Ok(None) };
    // One that was on its way may have arrived, whatever was heard of it.
    let sql = "select tried from attachment where attempt_id = ?1 and sha256 = ?2";
    let is_tried: bool = db.prepare_cached(sql)?.query_row(params![attempt.0.as_bytes(), address.0], |row| row.get(0))?;
    if photo.state == State::Sent || (photo.state == State::Waiting && is_tried) {
        return Ok(Some(false));
    }
    db.prepare_cached("delete from attachment where attempt_id = ?1 and sha256 = ?2")?.execute(params![attempt.0.as_bytes(), address.0])?;
    if let Some((mut record, _)) = record(db, attempt)?
        && record.drop_photo(address)
    {
        record.at = at.max(record.at.plus(1));
        keep_record(db, &record, now)?;
    }
    Ok(Some(true))
}

/// What was answered at an attempt, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Items that have an answer.
    pub answered: usize,
    /// Items that were asked.
    pub total: usize,
    /// Items that are required and have no answer.
    pub required_open: usize,
    /// Photos.
    pub photos: i64,
    /// What else was said.
    pub note: Option<String>,
}

/// What was answered at each of these attempts, to the checklist as it is now.
///
/// # Errors
/// [`StoreError`].
pub fn counts(db: &Connection, attempts: &[AttemptId]) -> Result<BTreeMap<AttemptId, Counts>, StoreError> {
    let list: Checklist = super::checklist::find(db)?.map(Into::into).unwrap_or_default();
    // Beside `max` a column is that of the same row.
    let sql = "select attempt_id, max(place), count(*), case kind when 'checks' then content end from attachment \
               where kind in ('checks', 'photo') and state <> 'given_up' and attempt_id in (select unhex(value) from json_each(?1)) group by attempt_id, kind";
    let ids: Vec<String> = attempts.iter().map(|attempt| hex::encode(attempt.0.as_bytes())).collect();
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([serde_json::to_string(&ids)?])?;
    let (mut records, mut photos) = (BTreeMap::new(), BTreeMap::new());
    while let Some(row) = rows.next()? {
        let attempt = AttemptId(Uuid::from_bytes(row.get(0)?));
        match row.get::<_, Option<Vec<u8>>>(3)?.map(|content| Record::unpack(&content)) {
            None => drop(photos.insert(attempt, row.get::<_, i64>(2)?)),
            Some(Ok(record)) => drop(records.insert(attempt, record)),
            Some(Err(error)) => tracing::error!(attempt.id = %attempt, %error, "what was answered cannot be read"),
        }
    }
    Ok(attempts.iter().map(|attempt| {
        let now = Record::renewed(*attempt, &list, records.get(attempt));
        let photos = photos.get(attempt).copied().unwrap_or(0);
        (*attempt, Counts { answered: now.answered(), total: now.items.len(), required_open: now.open_required(), photos, note: now.note })
    }).collect())
}
