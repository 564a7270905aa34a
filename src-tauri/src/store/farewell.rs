//! What is left of a replica whose person is no member any more: sealed boxes, and nothing else.
//!
//! While they are a member the replica keeps a [`Proof`]: its own key, and the tenant's to seal to. [`begin`] turns
//! all work that the server has not taken into boxes and removes everything else, in one transaction; a crash
//! before it changes nothing, one after it goes on with the boxes.
//! Deliberately not here: the wire and the boxes themselves (`omniot_shared::sync::escrow`), and when (`sync::farewell`).

use ed25519_dalek::SigningKey;
use omniot_shared::{
    attachment::Kind,
    ids::{ClientId, IntentId},
    sync::{
        client::{Meta, Replica as _},
        Intent,
        escrow::{BoxedFile, PublicKey, Sealed, seal},
        wire::SCHEMA,
    },
    time::Millis,
};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{StoreError, attachments::{self, Barred}, commissions, meta, replica::Open, rows, scrub, unreadable};
use crate::chance;

/// The proof that the tenant knows.
const PROOF: &str = "proof";
/// The one that is being shown to it.
const SHOWN: &str = "proof_shown";
/// The one that the boxes were sealed under: the replica may have another name by the time they go.
const SEALED_UNDER: &str = "proof_of_boxes";
/// There once the person is no member any more.
const FAREWELL: &str = "farewell";

/// With what this replica proves later whose it was.
#[derive(Clone, Serialize, Deserialize)]
pub struct Proof {
    /// The name under which the tenant knows it.
    pub client: ClientId,
    /// The private half, in hex.
    secret: String,
    /// The tenant's key; `None` until it was told.
    tenant_key: Option<PublicKey>,
}

impl Proof {
    fn fresh(client: ClientId) -> Self {
        Self { client, secret: hex::encode(chance::bytes::<32>()), tenant_key: None }
    }

    /// The key to sign with.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn key(&self) -> Result<SigningKey, StoreError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(&self.secret, &mut bytes).map_err(|error| StoreError::Damaged(format!("the replica's key: {error}")))?;
        Ok(SigningKey::from_bytes(&bytes))
    }

    /// The public half.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn public(&self) -> Result<PublicKey, StoreError> {
        Ok(PublicKey(self.key()?.verifying_key().to_bytes()))
    }
}

/// The proof of the replica of that name as far as there is one: to be shown in `hello`.
///
/// # Errors
/// [`StoreError`].
pub fn known(db: &Connection, client: ClientId) -> Result<Option<Proof>, StoreError> {
    for name in [PROOF, SHOWN] {
        if let Some(proof) = meta::get::<Proof>(db, name)?.filter(|proof| proof.client == client) {
            return Ok(Some(proof));
        }
    }
    Ok(None)
}

/// Makes one for a replica of another name. That which the tenant knows stays until it knows this one.
///
/// # Errors
/// [`StoreError`].
pub fn make(db: &Connection, client: ClientId) -> Result<Proof, StoreError> {
    let fresh = Proof::fresh(client);
    meta::set(db, SHOWN, &fresh)?;
    Ok(fresh)
}

/// The tenant knows it, and told its own key.
///
/// # Errors
/// [`StoreError`].
pub fn heard(db: &Connection, proof: &Proof, tenant_key: PublicKey) -> Result<(), StoreError> {
    if proof.tenant_key == Some(tenant_key) {
        return Ok(());
    }
    meta::set(db, PROOF, &Proof { tenant_key: Some(tenant_key), ..proof.clone() })
}

/// The proof that the tenant knows.
///
/// # Errors
/// [`StoreError`].
pub fn proof(db: &Connection) -> Result<Option<Proof>, StoreError> {
    Ok(meta::get::<Proof>(db, PROOF)?.filter(|proof| proof.tenant_key.is_some()))
}

/// With what boxes are handed over.
///
/// # Errors
/// [`StoreError`].
pub fn proof_of_boxes(db: &Connection) -> Result<Option<Proof>, StoreError> {
    match meta::get(db, SEALED_UNDER)? {
        Some(under) => Ok(Some(under)),
        // Those of before that was written down.
        None => proof(db),
    }
}

/// What became of the work of somebody who left: changes, photos, and lists of checks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Farewell {
    /// What the administrators have.
    pub handed: i64,
    /// What came too late, or could not be taken.
    pub lost: i64,
    /// What waits for a network.
    #[serde(default, skip_deserializing)]
    pub waiting: i64,
}

/// Since when the server says that the time for the boxes is over, by the clock of here.
const LATE_SINCE: &str = "farewell_late_since";
/// Since when it refuses boxes of somebody who is a member again, by the clock of here.
const REFUSED_SINCE: &str = "farewell_refused_since";
/// It has to say so for that long: a clock that is wrong for a while, or a server that was put back, destroys nothing.
const LONG_MS: i64 = 24 * 3_600_000;

/// What is sealed at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seals {
    /// All there is.
    All,
    /// Changes alone: the disk has no room for a second copy of files.
    Changes,
}

/// What is in a box.
#[derive(Serialize)]
struct Boxed<'a> {
    schema: u32,
    epoch: u64,
    #[serde(flatten)]
    intent: &'a Intent,
}

/// How it stands; `None` while the person is a member.
///
/// # Errors
/// [`StoreError`].
pub fn stands(db: &Connection) -> Result<Option<Farewell>, StoreError> {
    let Some(farewell) = meta::get::<Farewell>(db, FAREWELL)? else { return Ok(None) };
    Ok(Some(Farewell { waiting: waiting(db)?, handed: farewell.handed + handed(db)?, ..farewell }))
}

/// Seals everything that the server, which stands in `epoch`, has not taken and removes all the rest. `None`, and
/// nothing happened, where the tenant does not know this replica.
///
/// # Errors
/// [`StoreError`]; roll back.
pub fn begin(db: &Connection, epoch: Option<u64>, seals: Seals) -> Result<Option<Farewell>, StoreError> {
    let Some((proof, tenant_key)) = proof(db)?.and_then(|proof| proof.tenant_key.map(|key| (proof, key))) else { return Ok(None) };
    let replica = Open(db).meta()?;
    // Boxes that wait since a former end were sealed under that name; so are those that join them.
    let proof = if waiting(db)? > 0 { proof_of_boxes(db)?.unwrap_or(proof) } else { proof };
    // A server that was put back from a backup does not know any more what it took, whether or not that came back here.
    let has_forgotten = epoch.is_some_and(|epoch| !replica.stands_in(epoch));
    let waiting = Open(db).outbox()?.into_iter().filter(|entry| entry.state.is_pending() || has_forgotten);
    let forgotten = if has_forgotten { Open(db).acknowledged()? } else { vec![] };
    let all = waiting.chain(Open(db).attention()?).chain(forgotten);
    let keep = |id: IntentId, plain: &[u8], is_file: bool| {
        let sealed = seal(tenant_key, replica.tenant, proof.client, id, plain, &mut chance::rng());
        let sealed = sealed.ok_or_else(|| StoreError::Damaged("the organization's key is none".to_owned()))?;
        let sql = "insert or ignore into farewell (intent_id, box, is_file) values (?1, ?2, ?3)";
        db.prepare_cached(sql)?.execute(params![id.0.as_bytes(), sealed.content, is_file])?;
        Ok::<_, StoreError>(())
    };
    // What is their own is no administrator's business.
    for mut entry in all.filter(|entry| entry.intent.change.owner().is_none()) {
        // What the server lost nobody took out.
        entry.intent.read = entry.intent.read.filter(|_| !has_forgotten && !entry.intent.past_lost);
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(&Boxed { schema: SCHEMA, epoch: replica.lives_in(), intent: &entry.intent })?);
        keep(entry.intent.id, &plain, false)?;
    }
    if has_forgotten {
        attachments::send_again(db)?;
    }
    let mut lost = 0;
    for file in attachments::unsent(db)?.into_iter().filter(|file| file.kind != Kind::Trace) {
        if seals == Seals::Changes {
            lost += 1;
            continue;
        }
        let boxed = BoxedFile { attempt: file.attempt, content: attachments::content(db, &file)?, media_type: file.media_type };
        keep(boxed.id(), &boxed.plain()?, true)?;
    }
    // A commission has become no record in time, and of what cannot be read nobody knows whose business it is: that they
    // were lost is said.
    lost += i64::try_from(commissions::all(db)?.len() + unreadable::all(db)?.len()).unwrap_or(i64::MAX);
    rows::clear(db)?;
    db.execute_batch("delete from outbox; delete from pre_image; delete from staged; delete from claim_grant; delete from received_release; delete from commission; delete from goes_on; delete from trace; delete from attachment; delete from checklist")?;
    let fresh = Meta::new(replica.client_id, replica.tenant, replica.person, replica.role);
    Open(db).save_meta(&Meta { next_n: replica.next_n, next_order: replica.next_order, ..fresh })?;
    db.execute("delete from meta where name = ?1", [REFUSED_SINCE])?;
    meta::set(db, SEALED_UNDER, &proof)?;
    meta::set(db, FAREWELL, &Farewell { lost, ..Farewell::default() })?;
    scrub::wish(db)?;
    stands(db)
}

/// The first boxes that wait: at most `most`, and few enough bytes for one request. Files come after the changes, but for
/// those that were put last, and not at all where they are `barred`.
///
/// # Errors
/// [`StoreError`].
pub fn boxes(db: &Connection, most: usize, bytes: usize, barred: Barred) -> Result<Vec<Sealed>, StoreError> {
    let mut statement = db.prepare_cached("select intent_id, box from farewell where handed_in is null and (is_file = 0 or ?2 = 0) order by place limit ?1")?;
    let mut found = statement.query(params![i64::try_from(most).unwrap_or(i64::MAX), barred.photos])?;
    let (mut boxes, mut size) = (Vec::new(), 0);
    while let Some(row) = found.next()? {
        let sealed = Sealed { intent_id: IntentId(Uuid::from_bytes(row.get(0)?)), content: row.get(1)? };
        // In base64, with what stands around it.
        size += sealed.content.len() * 4 / 3 + 100;
        if size > bytes && !boxes.is_empty() {
            break;
        }
        boxes.push(sealed);
    }
    Ok(boxes)
}

/// Puts a box behind all others.
///
/// # Errors
/// [`StoreError`].
pub fn put_last(db: &Connection, intent: IntentId) -> Result<(), StoreError> {
    db.execute("update farewell set place = (select max(place) + 1 from farewell) where intent_id = ?1 and handed_in is null", [intent.0.as_bytes()])?;
    Ok(())
}

/// What the server said about boxes. What it has no room for now, it says nothing of.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// In which epoch it stands; an old one does not say.
    pub epoch: Option<u64>,
    /// They are in somebody's hands.
    pub taken: Vec<IntentId>,
    /// They will never be.
    pub refused: Vec<IntentId>,
    /// And that because the time for them is over, as it says.
    pub is_late: bool,
    /// When, by the clock of here.
    pub now: Millis,
}

/// Takes note of it; how many fewer wait. What is handed over stays as long as such work is taken: a server that is put back
/// to before has none of it, and gets it again.
///
/// # Errors
/// [`StoreError`].
pub fn settled(db: &Connection, said: &Said) -> Result<i64, StoreError> {
    let before = waiting(db)?;
    let each = |sql: &str, ids: &[IntentId]| {
        let mut change = db.prepare_cached(sql)?;
        ids.iter().try_for_each(|id| change.execute([id.0.as_bytes()]).map(drop))
    };
    // Of a member nothing is counted, since they are shown no end.
    let Some(mut farewell) = meta::get::<Farewell>(db, FAREWELL)? else {
        each("delete from farewell where intent_id = ?1", &said.taken)?;
        // It may be for the server's latest past that it does not want them; not for a day.
        if is_said_for_long(db, REFUSED_SINCE, !said.refused.is_empty(), said.now)? {
            tracing::warn!(count = said.refused.len(), "work of a former membership is wanted by nobody any more");
            each("delete from farewell where intent_id = ?1", &said.refused)?;
        }
        return Ok(before - waiting(db)?);
    };
    let epoch = i64::try_from(said.epoch.unwrap_or_default()).unwrap_or(i64::MAX);
    db.execute("update farewell set handed_in = null where handed_in <> ?1", [epoch])?;
    each(&format!("update farewell set handed_in = {epoch} where intent_id = ?1"), &said.taken)?;
    let is_over = is_said_for_long(db, LATE_SINCE, said.is_late, said.now)?;
    if is_over || !said.is_late {
        let waited = waiting(db)?;
        each("delete from farewell where intent_id = ?1 and handed_in is null", &said.refused)?;
        farewell.lost += waited - waiting(db)?;
        if is_over {
            // None of it would be taken again.
            farewell.handed += handed(db)?;
            db.execute("delete from farewell where handed_in is not null", [])?;
        }
    }
    meta::set(db, FAREWELL, &Farewell { waiting: 0, ..farewell })?;
    Ok(before - waiting(db)?)
}

/// How many boxes the administrators have that are here as well.
///
/// # Errors
/// [`StoreError`].
pub fn handed(db: &Connection) -> Result<i64, StoreError> {
    Ok(db.query_row("select count(*) from farewell where handed_in is not null", [], |row| row.get(0))?)
}

/// Whether what the server says now, of that `name`, it has been saying for long enough.
fn is_said_for_long(db: &Connection, name: &str, is_said: bool, now: Millis) -> Result<bool, StoreError> {
    if !is_said {
        db.execute("delete from meta where name = ?1", [name])?;
        return Ok(false);
    }
    let since = meta::get::<Millis>(db, name)?.filter(|since| *since <= now);
    if since.is_none() {
        meta::set(db, name, &now)?;
    }
    Ok(since.is_some_and(|since| now.since(since) >= LONG_MS))
}

/// The person is a member again (a server that was restored from a backup); what is sealed stays.
///
/// # Errors
/// [`StoreError`].
pub fn revive(db: &Connection) -> Result<(), StoreError> {
    // What was handed over may have been so in a past that this server lost.
    db.execute("update farewell set handed_in = null", [])?;
    for name in [FAREWELL, LATE_SINCE, REFUSED_SINCE] {
        db.execute("delete from meta where name = ?1", [name])?;
    }
    Ok(())
}

/// How many boxes wait, whether or not the person is a member.
///
/// # Errors
/// [`StoreError`].
pub fn waiting(db: &Connection) -> Result<i64, StoreError> {
    Ok(db.query_row("select count(*) from farewell where handed_in is null", [], |row| row.get(0))?)
}

#[cfg(test)]
mod tests;
