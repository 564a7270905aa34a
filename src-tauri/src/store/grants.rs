//! The pack of claim grants: fetched while there is a network, used up while there is none.
//!
//! A grant is `free`, `taken` for one device at one site, `sent` to it, or `spent`. Taking is durable before
//! the grant leaves for a device, so a crash never gives one grant to two devices.
//! Deliberately not here: what a grant says and whether a device honours it (`omniot_shared::claim`).

use omniot_shared::{
    claim::{Grant, SignedGrant},
    ids::{GrantId, SiteId},
    time::Millis,
};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::{StoreError, clock};

/// A grant that is kept for one device at one site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its id.
    pub id: GrantId,
    /// As it goes to the device.
    pub signed: SignedGrant,
    /// What was stored when it was first taken.
    pub nonce: [u8; 16],
}

impl Taken {
    fn is_good(&self, now: Millis) -> bool {
        self.signed.read().is_ok_and(|grant| now <= grant.not_after)
    }
}

/// Takes in a fetched pack, which is all that this replica may still use: free ones that are not in it were
/// taken back, or are of a past that the server lost. Known ones stay as they are.
///
/// # Errors
/// [`StoreError`].
pub fn take_in(db: &Connection, grants: &[(Grant, SignedGrant)]) -> Result<(), StoreError> {
    let free: Vec<[u8; 16]> = db.prepare_cached("select id from claim_grant where state = 'free'")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut forget = db.prepare_cached("delete from claim_grant where id = ?1")?;
    for id in free.iter().filter(|id| !grants.iter().any(|(grant, _)| grant.id.0.as_bytes() == *id)) {
        forget.execute([id])?;
    }
    let sql = "insert into claim_grant (id, not_after, signed, state) values (?1, ?2, ?3, 'free') on conflict (id) do nothing";
    let mut statement = db.prepare_cached(sql)?;
    for (grant, signed) in grants {
        statement.execute(params![grant.id.0.as_bytes(), grant.not_after.0, signed.0])?;
    }
    Ok(())
}

/// How many free ones are good beyond `until`.
///
/// # Errors
/// [`StoreError`].
pub fn count_free(db: &Connection, until: Millis) -> Result<u32, StoreError> {
    let sql = "select count(*) from claim_grant where state = 'free' and not_after > ?1";
    Ok(db.prepare_cached(sql)?.query_row([until.0], |row| row.get(0))?)
}

/// Forgets those that ended before `now` and are in nobody's hands.
///
/// # Errors
/// [`StoreError`].
pub fn forget_ended(db: &Connection, now: Millis) -> Result<(), StoreError> {
    db.prepare_cached("delete from claim_grant where not_after < ?1 and state in ('free', 'spent')")?.execute([now.0])?;
    Ok(())
}

/// Forgets those that are in nobody's hands: the person may not commission any more, or the replica has
/// another name now.
///
/// # Errors
/// [`StoreError`].
pub fn forget_free(db: &Connection) -> Result<(), StoreError> {
    db.prepare_cached("delete from claim_grant where state = 'free'")?.execute([])?;
    Ok(())
}

/// Those that are kept for devices are of no use any more: the server was restored, and may not know them.
///
/// # Errors
/// [`StoreError`].
pub fn spend_kept(db: &Connection) -> Result<(), StoreError> {
    db.prepare_cached("update claim_grant set state = 'spent' where state in ('taken', 'sent')")?.execute([])?;
    Ok(())
}

/// The grant that is kept for this device at this site, unless it leads to where the server is no more, or else a free one,
/// which is then kept for it.
///
/// # Errors
/// [`StoreError`].
pub fn take(db: &Connection, site: SiteId, serial: &str, nonce: [u8; 16], now: Millis) -> Result<Option<Taken>, StoreError> {
    let kept = kept(db, site, serial)?;
    let good = kept.clone().filter(|kept| kept.is_good(now));
    if let Some(kept) = &good
        && leads_home(db, kept.id)?
    {
        return Ok(good);
    }
    let Some((id, signed)) = first_free(db, site, now)? else { return Ok(good) };
    if let Some(over) = kept {
        spend(db, over.id)?;
    }
    let sql = "update claim_grant set state = 'taken', serial = ?2, site_id = ?3, nonce = ?4 where id = ?1";
    db.prepare_cached(sql)?.execute(params![id.0.as_bytes(), serial, site.0.as_bytes(), nonce])?;
    Ok(Some(Taken { id, signed, nonce }))
}

/// Whether a grant leads where the free one leads that was made last, URL and trust anchor; without a free one nothing else is
/// known. Of one that is not here any more it is not known where it leads.
///
/// # Errors
/// [`StoreError`].
pub fn leads_home(db: &Connection, id: GrantId) -> Result<bool, StoreError> {
    let mut statement = db.prepare_cached("select signed from claim_grant where id = ?1")?;
    let shown = statement.query_row([id.0.as_bytes()], |row| Ok(SignedGrant(row.get(0)?))).optional()?;
    let Some(shown) = shown.and_then(|signed| signed.read().ok()) else { return Ok(false) };
    let mut statement = db.prepare_cached("select signed from claim_grant where state = 'free' order by not_after desc, id limit 1")?;
    let latest = statement.query_row([], |row| Ok(SignedGrant(row.get(0)?))).optional()?;
    let latest = latest.and_then(|signed| signed.read().ok());
    Ok(latest.is_none_or(|latest| latest.backend_url == shown.backend_url && latest.trust_anchor == shown.trust_anchor))
}

/// Whether there would be one by the last that the server's clock was heard to show: where there is none now, it is this
/// machine's clock that says so.
///
/// # Errors
/// [`StoreError`].
pub fn would_be_good(db: &Connection, site: SiteId, serial: &str) -> Result<bool, StoreError> {
    let heard = clock::of_server(db)?;
    let is_kept = kept(db, site, serial)?.is_some_and(|kept| kept.is_good(heard));
    Ok(heard > Millis(0) && (is_kept || first_free(db, site, heard)?.is_some()))
}

fn kept(db: &Connection, site: SiteId, serial: &str) -> Result<Option<Taken>, StoreError> {
    let sql = "select id, signed, nonce from claim_grant where state in ('taken', 'sent') and serial = ?1 and site_id = ?2";
    let mut statement = db.prepare_cached(sql)?;
    let found = statement.query_row(params![serial, site.0.as_bytes()], |row| {
        Ok(Taken { id: GrantId(Uuid::from_bytes(row.get(0)?)), signed: SignedGrant(row.get(1)?), nonce: row.get(2)? })
    });
    Ok(found.optional()?)
}

/// The soonest to end goes first, so that few are wasted. Whoever holds a grant lives after it began: a clock that
/// says otherwise is wrong.
fn first_free(db: &Connection, site: SiteId, now: Millis) -> Result<Option<(GrantId, SignedGrant)>, StoreError> {
    let mut statement = db.prepare_cached("select signed from claim_grant where state = 'free' and not_after > ?1 order by not_after, id")?;
    let mut free = statement.query([now.0])?;
    while let Some(row) = free.next()? {
        let signed = SignedGrant(row.get(0)?);
        match signed.read() {
            Ok(grant) if grant.covers(Some(site)) => return Ok(Some((grant.id, signed))),
            _ => {}
        }
    }
    Ok(None)
}

/// A taken grant is free again: no byte of it left for a device.
///
/// # Errors
/// [`StoreError`].
pub fn give_back(db: &Connection, id: GrantId) -> Result<(), StoreError> {
    let sql = "update claim_grant set state = 'free', serial = null, site_id = null, nonce = null where id = ?1 and state = 'taken'";
    db.prepare_cached(sql)?.execute([id.0.as_bytes()])?;
    Ok(())
}

/// The bytes of a taken grant are about to leave: it is for its device alone from now on.
///
/// # Errors
/// [`StoreError`].
pub fn send(db: &Connection, id: GrantId) -> Result<(), StoreError> {
    db.prepare_cached("update claim_grant set state = 'sent' where id = ?1 and state = 'taken'")?.execute([id.0.as_bytes()])?;
    Ok(())
}

/// A grant has served, or is of no use to anybody.
///
/// # Errors
/// [`StoreError`].
pub fn spend(db: &Connection, id: GrantId) -> Result<(), StoreError> {
    db.prepare_cached("update claim_grant set state = 'spent' where id = ?1")?.execute([id.0.as_bytes()])?;
    Ok(())
}
