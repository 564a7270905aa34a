//! Which files go, and when: what the server has, what nobody sees any more, what somebody gave up.
//!
//! Deliberately not here: evidence that the server does not have, which stays.

use omniot_shared::{
    ids::{AttemptId, SiteId},
    sync::{Sight, rows::Scope},
    time::Millis,
};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::{KEEP_FRESH_MS, KEEP_MS, KEEP_SENT, KEEP_STRAYS, is_there};
use crate::store::StoreError;

/// Forgets what is not needed any more: what the server has, when it is old, one of many, or of an attempt that is not
/// here ([`forget_departed`]); what was given up long ago; and the oldest of many traces that wait for attempts that are
/// not here. Evidence that the server does not have stays, and so does what was checked at attempts that are here: the
/// next answer goes on from it. Whether something went that may not stay readable. `now`: by the server's clock, as it
/// was last heard.
///
/// # Errors
/// [`StoreError`].
pub fn prune(db: &Connection, now: Millis) -> Result<bool, StoreError> {
    let departed = forget_departed(db, &Sight::All)?;
    let (old, fresh) = (now.plus(-KEEP_MS).0, now.plus(-KEEP_FRESH_MS).0);
    let sql = "delete from attachment where (state = 'sent' and kind <> 'checks' and settled_at < ?1) or (state = 'refused' and kind = 'trace' and settled_at < ?1) \
                 or (state = 'given_up' and settled_at < ?1) \
                 or (settled_at < ?4 and place in (select place from attachment where state = 'sent' and kind = 'trace' order by made_at desc, place desc limit -1 offset ?2)) \
                 or place in (select place from attachment f where state = 'waiting' and kind = 'trace' and attempt_id not in (select id from commission) \
                              and not exists (select 1 from attempt a where a.id = f.attempt_id) order by place desc limit -1 offset ?3)";
    db.prepare_cached(sql)?.execute(params![old, KEEP_SENT, KEEP_STRAYS, fresh])?;
    let sql = "update attachment set content = x'' where settled_at < ?2 and place in (select place from attachment \
                 where state = 'sent' and kind = 'photo' and octet_length(content) > 0 order by made_at desc, place desc limit -1 offset ?1)";
    db.prepare_cached(sql)?.execute([KEEP_SENT, fresh])?;
    // Under way is what has a begun commission.
    db.prepare_cached("delete from trace where attempt_id not in (select id from commission)")?.execute([])?;
    Ok(departed)
}

/// Forgets what the server has of attempts that are not here, or not in `sight`; whether there was anything. Of what was
/// checked nothing stays but that there was something: whoever comes to see the attempt again writes nothing over it.
///
/// # Errors
/// [`StoreError`].
pub fn forget_departed(db: &Connection, sight: &Sight) -> Result<bool, StoreError> {
    let sql = "select distinct f.attempt_id, a.id is not null, a.site_id from attachment f left join attempt a on a.id = f.attempt_id \
               where f.state = 'sent' and (f.kind <> 'checks' or octet_length(f.content) > 0)";
    let mut statement = db.prepare_cached(sql)?;
    let mut found = statement.query([])?;
    let mut departed = Vec::<[u8; 16]>::new();
    while let Some(row) = found.next()? {
        let (is_here, site): (bool, Option<[u8; 16]>) = (row.get(1)?, row.get(2)?);
        if !is_here || !sight.covers(site.map_or(Scope::Common, |site| Scope::Site(SiteId(Uuid::from_bytes(site))))) {
            departed.push(row.get(0)?);
        }
    }
    for attempt in &departed {
        db.prepare_cached("delete from attachment where attempt_id = ?1 and state = 'sent' and kind <> 'checks'")?.execute([attempt])?;
        db.prepare_cached("update attachment set content = x'' where attempt_id = ?1 and state = 'sent' and kind = 'checks'")?.execute([attempt])?;
    }
    Ok(!departed.is_empty())
}

/// Gives back the room of what the server has since before `at`; that there are photos, and what was checked, stays known.
///
/// # Errors
/// [`StoreError`].
pub fn forget_sent_before(db: &Connection, at: Millis) -> Result<(), StoreError> {
    db.prepare_cached("delete from attachment where state = 'sent' and kind = 'trace' and settled_at < ?1")?.execute([at.0])?;
    db.prepare_cached("update attachment set content = x'' where state = 'sent' and kind = 'photo' and settled_at < ?1")?.execute([at.0])?;
    Ok(())
}

/// Whether something would go with [`forget_sent_before`] at any time.
///
/// # Errors
/// [`StoreError`].
pub fn has_room_to_give(db: &Connection) -> Result<bool, StoreError> {
    let sql = "select exists (select 1 from attachment where state = 'sent' and kind in ('photo', 'trace') and octet_length(content) > 0)";
    Ok(db.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// The record of that attempt was given up here: its files are shown no more, and go once the server says that it has
/// no such attempt ([`forget_given_up`]). Where it has one all the same, they are sent. `at`: by the server's clock.
///
/// # Errors
/// [`StoreError`].
pub fn give_up(db: &Connection, attempt: AttemptId, at: Millis) -> Result<(), StoreError> {
    if is_there(db, attempt)? {
        return Ok(());
    }
    let sql = "update attachment set state = 'given_up', not_before = 0, settled_at = ?2 where attempt_id = ?1 and state in ('waiting', 'refused')";
    db.prepare_cached(sql)?.execute(params![attempt.0.as_bytes(), at.0])?;
    Ok(())
}

/// A record that cannot be read was given up here: so are the files of the attempt that its text names, and where it names
/// none that has any, of all that nothing names any more. `at`: by the server's clock.
///
/// # Errors
/// [`StoreError`].
pub fn give_up_nameless(db: &Connection, text: &str, at: Millis) -> Result<(), StoreError> {
    let sql = "select distinct attempt_id from attachment where state in ('waiting', 'refused') and attempt_id not in (select id from commission)";
    let mut statement = db.prepare_cached(sql)?;
    let attempts: Vec<[u8; 16]> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let attempts: Vec<AttemptId> = attempts.into_iter().map(|id| AttemptId(Uuid::from_bytes(id))).collect();
    let is_in_text = |attempt: &AttemptId| text.contains(&attempt.to_string());
    let says_which = attempts.iter().any(is_in_text);
    for attempt in attempts.into_iter().filter(|attempt| !says_which || is_in_text(attempt)) {
        let sql = "select exists (select 1 from outbox where instr(cast(whole as text), ?1) > 0)";
        let is_named: bool = db.prepare_cached(sql)?.query_row([attempt.to_string()], |row| row.get(0))?;
        if !is_named {
            give_up(db, attempt, at)?;
        }
    }
    Ok(())
}

/// The server has no attempt of which the files were given up.
///
/// # Errors
/// [`StoreError`].
pub fn forget_given_up(db: &Connection, attempt: AttemptId) -> Result<(), StoreError> {
    db.prepare_cached("delete from attachment where attempt_id = ?1 and state = 'given_up'")?.execute([attempt.0.as_bytes()])?;
    Ok(())
}

/// The server has the attempt, whatever was given up here: its files go there.
///
/// # Errors
/// [`StoreError`].
pub fn take_back(db: &Connection, attempt: AttemptId) -> Result<(), StoreError> {
    let sql = "update attachment set state = 'waiting', settled_at = null where attempt_id = ?1 and state = 'given_up'";
    db.prepare_cached(sql)?.execute([attempt.0.as_bytes()])?;
    Ok(())
}
