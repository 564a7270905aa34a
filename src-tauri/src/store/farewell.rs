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
/// It has to say so for that long: a clock that is wrong for a while destroys nothing.
const LATE_MS: i64 = 24 * 3_600_000;

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
    for entry in all.filter(|entry| entry.intent.change.owner().is_none()) {
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(&Boxed { schema: SCHEMA, intent: &entry.intent })?);
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
    db.execute_batch("delete from outbox; delete from pre_image; delete from staged; delete from claim_grant; delete from received_release; delete from commission; delete from trace; delete from attachment; delete from checklist")?;
    let fresh = Meta::new(replica.client_id, replica.tenant, replica.person, replica.role);
    Open(db).save_meta(&Meta { next_n: replica.next_n, next_order: replica.next_order, ..fresh })?;
    meta::set(db, SEALED_UNDER, &proof)?;
    meta::set(db, FAREWELL, &Farewell { lost, ..Farewell::default() })?;
    scrub::wish(db)?;
    stands(db)
}

/// The first boxes that wait: at most `most`, and few enough bytes for one request. Files come last, and not at all where
/// they are `barred`.
///
/// # Errors
/// [`StoreError`].
pub fn boxes(db: &Connection, most: usize, bytes: usize, barred: Barred) -> Result<Vec<Sealed>, StoreError> {
    let mut statement = db.prepare_cached("select intent_id, box from farewell where handed_in is null and (is_file = 0 or ?2 = 0) order by is_file, place limit ?1")?;
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
    /// And that because the time for them is over, as it says now.
    pub late: Option<Millis>,
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
    // Of a member nothing is counted, since they are shown no end, and nothing goes before it is in somebody's hands.
    let Some(mut farewell) = meta::get::<Farewell>(db, FAREWELL)? else {
        each("delete from farewell where intent_id = ?1", &said.taken)?;
        return Ok(before - waiting(db)?);
    };
    let epoch = i64::try_from(said.epoch.unwrap_or_default()).unwrap_or(i64::MAX);
    db.execute("update farewell set handed_in = null where handed_in <> ?1", [epoch])?;
    each(&format!("update farewell set handed_in = {epoch} where intent_id = ?1"), &said.taken)?;
    if is_final(db, said.late)? {
        let waited = waiting(db)?;
        each("delete from farewell where intent_id = ?1 and handed_in is null", &said.refused)?;
        farewell.lost += waited - waiting(db)?;
        if said.late.is_some() {
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

/// Whether a refusal stands: one that only goes by the server's clock, once it has been said for long enough.
fn is_final(db: &Connection, late: Option<Millis>) -> Result<bool, StoreError> {
    let Some(now) = late else {
        db.execute("delete from meta where name = ?1", [LATE_SINCE])?;
        return Ok(true);
    };
    let since = meta::get::<Millis>(db, LATE_SINCE)?.filter(|since| *since <= now);
    if since.is_none() {
        meta::set(db, LATE_SINCE, &now)?;
    }
    Ok(since.is_some_and(|since| now.since(since) >= LATE_MS))
}

/// The person is a member again (a server that was restored from a backup); what is sealed stays.
///
/// # Errors
/// [`StoreError`].
pub fn revive(db: &Connection) -> Result<(), StoreError> {
    // What was handed over may have been so in a past that this server lost.
    db.execute("update farewell set handed_in = null", [])?;
    db.execute("delete from meta where name = ?1", [FAREWELL])?;
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
mod tests {
    use omniot_shared::{
        ids::{PersonId, SiteId, TenantId},
        roles::Role,
        sync::{Change, client, escrow::Secret, intent::NewSite},
    };

    use super::*;
    use crate::store::{Store, replica};

    fn id<T: From<Uuid>>(n: u128) -> T {
        Uuid::from_u128(n).into()
    }

    /// A replica with a change that waits and a commission that began.
    fn replica(folder: &std::path::Path) -> Store {
        let store = Store::open(folder).unwrap();
        let meta = Meta::new(id(1), id::<TenantId>(2), id::<PersonId>(3), Role::Admin);
        store.edit(|db| replica::begin(db, &meta)).unwrap();
        let site = NewSite { id: id::<SiteId>(4), name: "Depot".into(), address: None, time_zone: "UTC".into(), note: None };
        store.edit(|db| Ok(client::record(&mut Open(db), id(5), Millis(1), Change::SiteCreate(site.clone()))?.unwrap())).unwrap();
        store.edit(|db| commissions::save(db, id(6), "{}")).unwrap();
        store
    }

    #[test]
    fn without_a_key_of_the_tenant_nothing_is_destroyed() {
        let folder = tempfile::tempdir().unwrap();
        let store = replica(folder.path());
        let shown = store.edit(|db| make(db, id(1))).unwrap();
        assert_eq!(store.note(|db| begin(db, None, Seals::All)).unwrap(), None, "shown, but never heard of");
        assert_eq!(store.read(|db| Open(db).outbox()).unwrap().len(), 1);
        assert_eq!(store.read(|db| known(db, id(1))).unwrap().unwrap().public().unwrap(), shown.public().unwrap(), "the same is shown again");
        assert!(store.read(|db| known(db, id(9))).unwrap().is_none(), "another name has another key");
    }

    #[test]
    fn what_waits_is_sealed_everything_else_goes_and_a_crash_before_the_commit_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = replica(folder.path());
        let tenant = Secret::new([7; 32]);
        let shown = store.edit(|db| make(db, id(1))).unwrap();
        store.note(|db| heard(db, &shown, tenant.public().unwrap())).unwrap();
        let died: Result<(), StoreError> = store.note(|db| {
            begin(db, None, Seals::All)?;
            Err(StoreError::Closing)
        });
        assert!(died.is_err());
        assert_eq!(store.read(|db| Ok((stands(db)?, Open(db).outbox()?.len(), commissions::all(db)?.len()))).unwrap(), (None, 1, 1));

        let begun = store.note(|db| begin(db, None, Seals::All)).unwrap();
        assert_eq!(begun, Some(Farewell { handed: 0, lost: 1, waiting: 1 }), "that a commission was under way is said");
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.read(|db| Ok((Open(db).outbox()?.len(), commissions::all(db)?.len(), rows::get(db, id::<SiteId>(4).into())?))).unwrap(), (0, 0, None));
        let boxes = store.read(|db| boxes(db, 10, 100_000, Barred::default())).unwrap();
        let plain = tenant.open(id(2), id(1), &boxes[0]).unwrap();
        assert_eq!(serde_json::from_slice::<Intent>(&plain).unwrap().id, id(5));
        store.note(|db| settled(db, &Said { taken: vec![id(5), id(77)], ..Said::default() })).unwrap();
        assert_eq!(store.read(|db| stands(db)).unwrap(), Some(Farewell { handed: 1, lost: 1, waiting: 0 }), "counted is what was here");
    }

    #[test]
    fn what_a_server_that_was_put_back_forgot_is_sealed_and_what_is_ones_own_is_not() {
        use omniot_shared::{ids::DeviceId, sync::{Outcome, Patch, Receipt, Seq, client::{Entry, State}, intent::BookmarkSet}};
        for (epoch, sealed) in [(Some(1), vec![5]), (None, vec![5]), (Some(2), vec![5, 7, 8])] {
            let folder = tempfile::tempdir().unwrap();
            let store = replica(folder.path());
            let shown = store.edit(|db| make(db, id(1))).unwrap();
            store.note(|db| heard(db, &shown, Secret::new([7; 32]).public().unwrap())).unwrap();
            store.edit(|db| {
                let mut open = Open(db);
                let meta = open.meta()?;
                open.save_meta(&Meta { epoch: 1, life: 1, ..meta })?;
                let entry = |order: u64, n: u128, change, state| Entry { order, intent: Intent { client_id: id(1), n: order, id: id(n), at: Millis(1), at_is_rough: false, base: None, depends_on: vec![], change }, state, reading: None };
                let receipt = |n| Receipt { n: 1, intent_id: id(n), seq: Seq(1), outcome: Outcome::Applied };
                let site = |n| Change::SiteCreate(NewSite { id: id::<SiteId>(n), name: "Hall".into(), address: None, time_zone: "UTC".into(), note: None });
                open.save_entry(&entry(69, 7, site(10), State::Accepted(receipt(7))))?;
                open.save_entry(&entry(70, 8, site(9), State::Done { receipt: Some(receipt(8)), at: Millis(1) }))?;
                let mine = BookmarkSet { person_id: id::<PersonId>(3), device_id: id::<DeviceId>(6), note: Patch::Set("mine".into()) };
                open.save_entry(&entry(71, 77, Change::BookmarkSet(mine), State::Waiting))
            }).unwrap();
            store.note(|db| begin(db, epoch, Seals::All)).unwrap().unwrap();
            let boxes = store.read(|db| boxes(db, 10, 100_000, Barred::default())).unwrap();
            assert_eq!(boxes.iter().map(|sealed| sealed.intent_id.0.as_u128()).collect::<Vec<_>>(), sealed, "{epoch:?}");
        }
    }

    #[test]
    fn photos_and_checks_are_sealed_unless_there_is_no_room_and_go_after_changes() {
        use crate::store::attachments::{File, keep};
        use omniot_shared::ids::AttemptId;
        for (seals, waiting, lost) in [(Seals::All, 3, 1), (Seals::Changes, 1, 3)] {
            let folder = tempfile::tempdir().unwrap();
            let store = replica(folder.path());
            let tenant = Secret::new([7; 32]);
            let shown = store.edit(|db| make(db, id(1))).unwrap();
            store.note(|db| heard(db, &shown, tenant.public().unwrap())).unwrap();
            let file = |kind, media_type: &str, content: &[u8]| File { attempt: id::<AttemptId>(8), kind, media_type: media_type.into(), content: content.to_vec() };
            let files = [file(Kind::Photo, "image/png", b"a photo"), file(Kind::Checks, "application/json", b"{}"), file(Kind::Trace, "application/zstd", b"a trace")];
            store.edit(|db| files.iter().try_for_each(|file| keep(db, file, Millis(1)).map(drop))).unwrap();
            assert_eq!(store.note(|db| begin(db, None, seals)).unwrap(), Some(Farewell { handed: 0, lost, waiting }), "{seals:?}");
            let sealed = store.read(|db| boxes(db, 10, 100_000, Barred::default())).unwrap();
            let plain = |sealed: &Sealed| tenant.open(id(2), id(1), sealed).unwrap();
            assert_eq!(serde_json::from_slice::<Intent>(&plain(&sealed[0])).unwrap().id, id(5), "changes first");
            let found: Vec<_> = sealed[1..].iter().map(|sealed| BoxedFile::read(&plain(sealed)).unwrap()).collect();
            assert!(found.iter().zip(&files).all(|(found, file)| (found.attempt, &found.media_type, &found.content) == (file.attempt, &file.media_type, &file.content)));
            assert_eq!(store.read(|db| boxes(db, 10, 100_000, Barred { photos: true })).unwrap().len(), 1, "files wait for another network");
        }
    }

    #[test]
    fn what_is_late_is_given_up_only_when_the_server_has_said_so_for_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let store = replica(folder.path());
        let shown = store.edit(|db| make(db, id(1))).unwrap();
        store.note(|db| heard(db, &shown, Secret::new([7; 32]).public().unwrap())).unwrap();
        store.note(|db| begin(db, None, Seals::All)).unwrap();
        let says = |late: Option<i64>, refused: &[IntentId]| {
            let said = Said { refused: refused.to_vec(), late: late.map(Millis), ..Said::default() };
            store.note(|db| settled(db, &said)).unwrap();
            store.read(|db| stands(db)).unwrap().unwrap().waiting
        };
        let at = 1_000_000;
        assert_eq!(says(Some(at), &[id(5)]), 1);
        assert_eq!(says(Some(at + LATE_MS - 1), &[id(5)]), 1);
        assert_eq!(says(None, &[]), 1, "its clock is right again");
        assert_eq!(says(Some(at + 2 * LATE_MS), &[id(5)]), 1);
        assert_eq!(says(Some(at), &[id(5)]), 1, "the clock of here was set back");
        assert_eq!(says(Some(at + LATE_MS), &[id(5)]), 0);
        assert_eq!(store.read(|db| stands(db)).unwrap().unwrap().lost, 2);
    }

    #[test]
    fn what_was_handed_over_waits_again_once_the_server_was_put_back_and_goes_when_nothing_is_taken_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let store = replica(folder.path());
        let shown = store.edit(|db| make(db, id(1))).unwrap();
        store.note(|db| heard(db, &shown, Secret::new([7; 32]).public().unwrap())).unwrap();
        store.note(|db| begin(db, Some(1), Seals::All)).unwrap();
        let hears = |said: Said| {
            let fewer = store.note(|db| settled(db, &said)).unwrap();
            let Farewell { handed, lost, waiting } = store.read(|db| stands(db)).unwrap().unwrap();
            (fewer, handed, lost, waiting, store.read(|db| boxes(db, 9, 100_000, Barred::default())).unwrap().len())
        };
        let in_epoch = |epoch| Said { epoch: Some(epoch), ..Said::default() };
        assert_eq!(hears(Said { taken: vec![id(5)], ..in_epoch(1) }), (1, 1, 1, 0, 0));
        assert_eq!(hears(in_epoch(1)), (0, 1, 1, 0, 0));
        assert_eq!(hears(in_epoch(2)), (-1, 0, 1, 1, 1), "this server has none of it");
        assert_eq!(hears(Said { taken: vec![id(5)], ..in_epoch(2) }), (1, 1, 1, 0, 0));
        for late in [Millis(1), Millis(1 + LATE_MS)] {
            assert_eq!(hears(Said { late: Some(late), ..in_epoch(2) }), (0, 1, 1, 0, 0));
        }
        assert_eq!(store.read(|db| handed(db)).unwrap(), 0, "nothing is kept for nothing");
    }
}
