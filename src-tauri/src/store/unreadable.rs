//! Changes in the outbox that this version of the app cannot read: a letter rotted on the disk, or a newer app wrote it.
//!
//! Such a change holds up no other one: all that reads the outbox passes over it, those behind it move up
//! ([`client::close_up`]), and it waits for a person with its text as it stands. Read again, e.g. by the newer app, it is
//! sent under a new number; the server knows it by its own id. Where its author changed the same thing since, they decide.
//! Deliberately not here: what the page makes of it (`sync::attention`).

use omniot_shared::{
    ids::IntentId,
    sync::{
        Code, Outcome, Receipt, Refusal,
        client::{self, Entry, Replica as _, State},
    },
};
use rusqlite::{Connection, params, types::ValueRef};
use uuid::Uuid;

use super::{StoreError, attachments, clock, replica::Open};

/// A change that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Its id.
    pub id: IntentId,
    /// All there is of it; what is no text in it is shown as such.
    pub text: String,
}

/// The entry in a column `whole`; `None` where this version cannot read it.
pub(super) fn read(whole: ValueRef<'_>) -> Option<Entry> {
    serde_json::from_slice(whole.as_bytes().ok()?).ok()
}

/// An entry that has no final word, as it stands in its row.
struct Row {
    id: IntentId,
    n: u64,
    state: String,
    read: Result<Entry, String>,
}

fn rows(db: &Connection) -> Result<Vec<Row>, StoreError> {
    // One that the server has taken comes back from there.
    let mut statement = db.prepare_cached("select id, n, state, whole from outbox where state in ('waiting', 'deferred', 'attention') order by place")?;
    let rows = statement.query_map([], |row| {
        let whole = row.get_ref(3)?;
        let read = read(whole).ok_or_else(|| String::from_utf8_lossy(whole.as_bytes().unwrap_or_default()).into_owned());
        Ok(Row { id: IntentId(Uuid::from_bytes(row.get(0)?)), n: row.get::<_, i64>(1)?.cast_unsigned(), state: row.get(2)?, read })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// All of them, in the order of recording.
///
/// # Errors
/// [`StoreError`].
pub fn all(db: &Connection) -> Result<Vec<Unreadable>, StoreError> {
    Ok(rows(db)?.into_iter().filter_map(|row| row.read.err().map(|text| Unreadable { id: row.id, text })).collect())
}

/// Puts those that wait under "needs attention", and those that can be read again back into the outbox; how many these are.
///
/// # Errors
/// [`StoreError`]; roll back.
pub fn set_aside(db: &Connection) -> Result<usize, StoreError> {
    let (mut lost, mut free, mut back) = (Vec::new(), None, Vec::new());
    for row in rows(db)? {
        let is_aside = row.state == "attention";
        match row.read {
            Err(_) if !is_aside => {
                tracing::error!(intent = %row.id, "a change cannot be read; it needs attention");
                free = if row.state == "waiting" { Some(free.map_or(row.n, |free: u64| free.min(row.n))) } else { free };
                lost.push(row.id);
            }
            Ok(entry) if is_aside && !matches!(entry.state, State::Attention(_)) => back.push(entry),
            _ => {}
        }
    }
    let count = lost.len() + back.len();
    if count == 0 {
        return Ok(0);
    }
    for id in &lost {
        db.prepare_cached("update outbox set state = 'attention' where id = ?1")?.execute([id.0.as_bytes()])?;
    }
    let (refusal, meta) = (Refusal::new(Code::Malformed, "this app could not read it for a while"), Open(db).meta()?);
    for mut entry in back {
        let target = entry.intent.change.target(meta.tenant);
        let is_later = |other: &Entry| other.order > entry.order && other.intent.change.target(meta.tenant) == target;
        entry.state = if !entry.intent.change.creates() && Open(db).outbox()?.iter().chain(&Open(db).acknowledged()?).any(is_later) {
            // Its author went on with the same thing without seeing it: they decide.
            State::Attention(Receipt { n: 0, intent_id: entry.intent.id, seq: meta.cursor, outcome: Outcome::Refused(refusal.clone()) })
        } else {
            // Its number may be somebody else's by now; it gets a new one with all that were put off.
            State::Deferred(refusal.clone())
        };
        Open(db).save_entry(&entry)?;
    }
    client::close_up(&mut Open(db), &lost, free)?;
    Ok(count)
}

/// Gives one up, and what was made for the record that it may have been. `false` where there is none of that id.
///
/// # Errors
/// [`StoreError`].
pub fn forget(db: &Connection, id: IntentId) -> Result<bool, StoreError> {
    let Some(found) = all(db)?.into_iter().find(|unreadable| unreadable.id == id) else { return Ok(false) };
    let is_gone = db.prepare_cached("delete from outbox where id = ?1 and state = 'attention'")?.execute(params![id.0.as_bytes()])? > 0;
    if is_gone {
        attachments::give_up_nameless(db, &found.text, clock::of_server(db)?)?;
    }
    Ok(is_gone)
}

#[cfg(test)]
mod tests {
    use omniot_shared::{
        attachment::Kind,
        ids::{AttemptId, ClientId, PersonId, SiteId, TenantId},
        roles::Role,
        sync::{Change, Patch, client::Meta, intent::{NewSite, SitePatch, SiteUpdate}},
        time::Millis,
    };

    use super::*;
    use crate::store::{Store, attachments::File, replica};

    fn id<T: From<Uuid>>(n: u128) -> T {
        Uuid::from_u128(n).into()
    }

    /// A replica with the new sites 1 to 5 in its outbox, as the intents 11 to 15, and an edit of the second as 16.
    fn replica(folder: &std::path::Path) -> Store {
        let store = Store::open(folder).unwrap();
        let meta = Meta::new(id::<ClientId>(1), id::<TenantId>(2), id::<PersonId>(3), Role::Admin);
        store.edit(|db| replica::begin(db, &meta)).unwrap();
        for n in 1..=5 {
            let site = NewSite { id: id::<SiteId>(n), name: format!("Site {n}"), address: None, time_zone: "UTC".into(), note: None };
            store.edit(|db| Ok(client::record(&mut Open(db), id(10 + n), Millis(1), Change::SiteCreate(site.clone()))?.unwrap())).unwrap();
        }
        let patch = SitePatch { note: Patch::Set("behind the door".into()), ..SitePatch::default() };
        store.edit(|db| Ok(client::record(&mut Open(db), id(16), Millis(1), Change::SiteUpdate(SiteUpdate { id: id(2), patch: patch.clone() }))?.unwrap())).unwrap();
        store
    }

    /// The text of the intent becomes what `rot` makes of it.
    fn rots(store: &Store, n: u128, rot: impl Fn(&str) -> Vec<u8>) {
        store.note(|db| {
            let whole: String = db.query_row("select whole from outbox where id = ?1", [id::<IntentId>(n).0.as_bytes()], |row| row.get(0))?;
            db.execute("update outbox set whole = cast(?2 as text) where id = ?1", params![id::<IntentId>(n).0.as_bytes(), rot(&whole)])?;
            Ok(())
        }).unwrap();
    }

    fn pushed(store: &Store) -> Vec<(u64, u128)> {
        let push = store.read(|db| client::next_push(&Open(db), Millis(2))).unwrap();
        push.map_or(vec![], |push| push.intents.iter().map(|intent| (intent.n, intent.id.0.as_u128())).collect())
    }

    fn newer(whole: &str) -> Vec<u8> {
        whole.replace("site.create", "room.create").into_bytes()
    }

    #[test]
    fn what_cannot_be_read_holds_up_no_other_change_and_leaves_no_hole_in_the_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let store = replica(folder.path());
        rots(&store, 12, newer);
        rots(&store, 13, |whole| [&whole.as_bytes()[..40], &[0xff, 0xfe]].concat());
        assert_eq!(store.edit(|db| set_aside(db)).unwrap(), 2);
        assert_eq!(pushed(&store), [(1, 11), (2, 14), (3, 15), (4, 16)]);
        assert!(store.read(|db| Open(db).entry(id(16))).unwrap().unwrap().intent.depends_on.is_empty(), "nobody waits for what is not sent");
        assert_eq!(store.read(|db| Ok(Open(db).meta()?.next_n)).unwrap(), 5);
        assert!(store.read(|db| Open(db).row(id::<SiteId>(2).into())).unwrap().is_none(), "it is not shown as if it stood");
        assert_eq!(store.edit(|db| set_aside(db)).unwrap(), 0, "once");
        let shown = store.read(|db| all(db)).unwrap();
        assert_eq!(shown.iter().map(|one| one.id.0.as_u128()).collect::<Vec<_>>(), [12, 13]);
        assert!(shown[0].text.contains("room.create") && shown[1].text.ends_with('\u{fffd}'), "{shown:?}");
        assert_eq!(store.read(|db| replica::count(db, &["attention"])).unwrap(), 2);
        assert!(store.edit(|db| forget(db, id(13))).unwrap() && !store.edit(|db| forget(db, id(13))).unwrap());
        assert!(!store.edit(|db| forget(db, id(11))).unwrap(), "what can be read is not given up like this");
    }

    #[test]
    fn what_was_made_for_a_record_that_cannot_be_read_is_given_up_with_it_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = replica(folder.path());
        let attempts = [id::<AttemptId>(31), id(32)];
        for attempt in attempts {
            let photo = File { attempt, kind: Kind::Photo, media_type: "image/png".into(), content: b"a photo".to_vec() };
            store.edit(|db| attachments::keep(db, &photo, Millis(1))).unwrap();
        }
        rots(&store, 12, |whole| format!("{} {}", &whole[..40], attempts[0]).into_bytes());
        rots(&store, 13, |whole| format!("{} {}", &whole[..40], attempts[1]).into_bytes());
        store.edit(|db| set_aside(db)).unwrap();
        let unsent = || store.read(|db| attachments::unsent_evidence(db)).unwrap();
        assert_eq!(unsent(), 2);
        assert!(store.edit(|db| forget(db, id(12))).unwrap());
        assert_eq!(unsent(), 1, "the other record may still be read by a newer app");
    }

    #[test]
    fn what_is_read_again_after_its_author_went_on_with_the_same_thing_is_theirs_to_decide() {
        let folder = tempfile::tempdir().unwrap();
        let store = replica(folder.path());
        rots(&store, 16, |whole| whole.replace("site.update", "room.update").into_bytes());
        store.edit(|db| set_aside(db)).unwrap();
        let patch = SitePatch { note: Patch::Set("key 7".into()), ..SitePatch::default() };
        store.edit(|db| Ok(client::record(&mut Open(db), id(17), Millis(1), Change::SiteUpdate(SiteUpdate { id: id(2), patch: patch.clone() }))?.unwrap())).unwrap();
        rots(&store, 16, |whole| whole.replace("room.update", "site.update").into_bytes());
        assert_eq!(store.edit(|db| set_aside(db)).unwrap(), 1);
        assert!(matches!(store.read(|db| Open(db).entry(id(16))).unwrap().unwrap().state, State::Attention(_)));
        assert_eq!(store.edit(|db| client::requeue_deferred(&mut Open(db))).unwrap(), 0, "it replaces nothing by itself");
    }

    #[test]
    fn the_newer_app_sends_what_the_older_one_could_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let store = replica(folder.path());
        rots(&store, 12, newer);
        store.edit(|db| set_aside(db)).unwrap();
        rots(&store, 12, |whole| whole.replace("room.create", "site.create").into_bytes());
        assert_eq!(store.edit(|db| set_aside(db)).unwrap(), 1);
        assert!(store.read(|db| Open(db).row(id::<SiteId>(2).into())).unwrap().is_some(), "it is shown again");
        assert_eq!(store.edit(|db| client::requeue_deferred(&mut Open(db))).unwrap(), 1);
        assert_eq!(pushed(&store), [(1, 11), (2, 13), (3, 14), (4, 15), (5, 16), (6, 12)]);
    }
}
