//! How concurrent edits of one field meet: one policy for every field of every synced entity.
//!
//! Two facts decide, in this order (SYNC.md 1.2): *causality* – the field has not changed since
//! the author last saw it, or was last changed by the author's own client – and only then the
//! policy. What was written by people who did not know of each other is joined (`words`).
//! Deliberately not here: whether an edit is allowed at all (`rules`).
//! To add a field: its line in [`policy`]; the test below fails until it is there. One that people write in words of
//! their own has another one in [`is_written`], and a way in [`words_lost`] and in `words`.

mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    intent::{BookmarkSet, Change, DevicePatch, DeviceUpdate, SitePatch, SiteUpdate},
    patch::Patch,
    rows::{Row, Seq, Table},
};
use crate::{
    entities::{Bookmark, Device, DeviceModel, Site},
    ids::{ClientId, DeviceId, TenantId},
    time::Millis,
};

/// What happens when two people change one field without knowing of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Set when the row is made, never changed.
    Fixed,
    /// The later corrected time wins.
    Lww,
    /// Written in words of one's own: both stand, line by line, the newer first. Where that is too long what the server
    /// holds stands, and the author of the other is asked.
    Words,
    /// What the server holds stands; the other edit is told so.
    Server,
    /// Moves by compare-and-set in `rules`.
    StateMachine,
    /// The greatest value wins.
    Max,
    /// Part of an append-only record.
    Append,
}

/// The policy of `field` of `table`; `None` for a field there is not.
#[must_use]
pub fn policy(table: Table, field: &str) -> Option<Policy> {
    Some(match (table, field) {
        (Table::Site, "id" | "created_at")
        | (Table::Model, "id" | "created_at")
        | (Table::Device, "id" | "serial" | "created_at")
        | (Table::Bookmark, "id" | "person_id" | "device_id" | "created_at") => Policy::Fixed,
        (Table::Site, "name" | "address" | "time_zone") | (Table::Model, "name" | "sku") | (Table::Device, "name") => Policy::Lww,
        (Table::Site | Table::Device | Table::Bookmark, "note") => Policy::Words,
        // A weaker floor must never slip in late, and where a device stands is an assignment.
        (Table::Model, "min_security") | (Table::Device, "model_id" | "site_id" | "firmware") => Policy::Server,
        (Table::Device, "state") => Policy::StateMachine,
        (Table::Device, "epoch") => Policy::Max,
        (
            Table::Attempt,
            "id" | "device_id" | "serial" | "site_id" | "technician_id" | "technician_name" | "client_id" | "app_version" | "os" | "radio"
            | "protocol" | "security" | "firmware" | "identity_verified" | "rssi" | "mtu" | "steps" | "grant_id" | "receipt" | "epoch"
            | "network_name" | "outcome" | "cause" | "started_at" | "ended_at",
        ) => Policy::Append,
        _ => return None,
    })
}

/// Whether people write that field in words of their own, which stand nowhere else: where they lose, their author
/// keeps them and decides.
#[must_use]
pub const fn is_written(table: Table, field: &str) -> bool {
    matches!((table, field.as_bytes()), (Table::Site | Table::Device | Table::Bookmark, b"note"))
}

/// Whether `change` says something where people write in words of their own, or takes it away.
#[must_use]
pub fn hides_words(change: &Change) -> bool {
    change.creates() || patched(change).is_some_and(|(table, fields)| fields.into_iter().any(|field| is_written(table, field)))
}

/// The words that people wrote in a row; `None` where there is no row.
#[must_use]
pub fn words_in(row: Option<&Row>) -> Option<String> {
    row.map(|row| words::standing(Some(row)).to_owned())
}

/// The words that an accepted change `lost`, as a change that says nothing else; `None` where it lost none.
#[must_use]
pub fn words_lost(change: &Change, lost: &[String], tenant: TenantId) -> Option<Change> {
    let target = change.target(tenant);
    if !lost.iter().any(|field| is_written(target.table, field)) {
        return None;
    }
    let of_device = |id, text: &String| Change::DeviceUpdate(DeviceUpdate { id, patch: DevicePatch { note: Patch::Set(text.clone()), ..DevicePatch::default() } });
    match change {
        Change::SiteUpdate(update) => update.patch.note.value().map(|text| {
            Change::SiteUpdate(SiteUpdate { id: update.id, patch: SitePatch { note: Patch::Set(text.clone()), ..SitePatch::default() } })
        }),
        Change::DeviceUpdate(update) => update.patch.note.value().map(|text| of_device(update.id, text)),
        Change::DeviceCreate(new) => new.note.as_ref().map(|text| of_device(DeviceId(target.id), text)),
        Change::BookmarkSet(set) => set.note.value().map(|text| Change::BookmarkSet(BookmarkSet { note: Patch::Set(text.clone()), ..set.clone() })),
        _ => None,
    }
}

/// Who last changed a field, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The sequence of that change.
    pub seq: Seq,
    /// Its corrected time.
    pub at: Millis,
    /// The replica it came from; `None` for the server's own API, and for words of several people: none of them has seen
    /// them all.
    pub by: Option<ClientId>,
}

/// The stamps of a row's fields. A field without one has not changed since the row was made.
pub type Stamps = BTreeMap<String, Stamp>;

/// Under which name a row that several people can make has the stamp of its making: it stands for every field that has
/// not changed since.
const MADE: &str = "";

/// What an edit finds.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// Its row; `None` where there is none.
    pub row: Option<&'a Row>,
    /// The stamps of that.
    pub stamps: &'a Stamps,
}

/// An edit on its way into a row.
#[derive(Debug, Clone, Copy)]
pub struct Edit<'a> {
    /// What its author had seen of the row; `None` = the present row (an online edit).
    pub base: Option<Seq>,
    /// The same for words, where that is less.
    pub words: Option<Seq>,
    /// Its corrected time.
    pub at: Millis,
    /// The replica it comes from.
    pub by: Option<ClientId>,
    /// What its author read where they wrote words; `None` where they do not say.
    pub read: Option<&'a str>,
    /// Whether its author had seen more, in a past that is lost.
    pub past_lost: bool,
}

impl<'a> Edit<'a> {
    /// What its author read where they wrote words. Of a past that is lost only what stands still: what is not there any
    /// more nobody took out.
    fn read_of(&self, row: Option<&Row>) -> Option<&'a str> {
        self.read.filter(|read| !self.past_lost || !words::is_other(row, Some(read)))
    }
}

/// What is left of a change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merged {
    /// The fields that were taken out of it.
    pub lost: Vec<String>,
    /// Whether it says more than its author wrote.
    pub is_joined: bool,
}

/// Takes out of `change` the fields that lose against what happened since the author looked, and names them; what
/// stands beside other words is joined with them. A change that is no patch loses nothing here.
pub fn merge(change: &mut Change, found: &Found<'_>, edit: &Edit<'_>) -> Merged {
    let mut merged = Merged::default();
    for meeting in meetings(change, found, edit) {
        if !meeting.won {
            forget(change, &meeting.field);
            merged.lost.push(meeting.field);
        } else if meeting.why == Why::Both {
            merged.is_joined |= words::join(change, found.row, edit.read_of(found.row), edit.at > meeting.other_at.unwrap_or_default());
        }
    }
    merged
}

/// An edit of a field that met another one, and how it went. What a history tells; nothing is decided by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Meeting {
    /// Which field.
    pub field: String,
    /// Whether the edit that came now stands.
    pub won: bool,
    /// Why it does, or the other one.
    pub why: Why,
    /// When the other one was made; corrected. Unknown for a row that was there first.
    pub other_at: Option<Millis>,
}

/// Why one of two edits stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Neither knew of the other, and it is the newer.
    Newer,
    /// The rule of this field: what stands wins over what was made without knowing of it.
    Stands,
    /// Its author had seen the other one; clocks say otherwise and do not count.
    Seen,
    /// Somebody else had made the same thing before.
    First,
    /// Both do: what people write in their own words is joined.
    Both,
}

/// Where the fields of `change` meet other edits in front of what it finds; ask before [`merge`] takes any out.
#[must_use]
pub fn meetings(change: &Change, found: &Found<'_>, edit: &Edit<'_>) -> Vec<Meeting> {
    let (table, fields) = patched(change).unwrap_or((Table::Site, vec![]));
    fields.into_iter().filter_map(|field| meet(change, table, field, found, edit)).collect()
}

fn meet(change: &Change, table: Table, field: &str, found: &Found<'_>, edit: &Edit<'_>) -> Option<Meeting> {
    let changed = found.stamps.get(field);
    let stamp = changed.or_else(|| found.stamps.get(MADE))?;
    let base = edit.words.filter(|_| is_written(table, field)).or(edit.base)?;
    if edit.by.is_some() && stamp.by == edit.by {
        return None;
    }
    if changed.is_none() && is_unsaid(found.row, field) {
        return None;
    }
    let met = |won, why| Some(Meeting { field: field.to_owned(), won, why, other_at: Some(stamp.at) });
    // Sequences may say that it was seen; of words, what was read says it better.
    let is_other = policy(table, field) == Some(Policy::Words) && words::is_other(found.row, edit.read_of(found.row));
    if stamp.seq <= base && !is_other {
        return if changed.is_some() && edit.at <= stamp.at { met(true, Why::Seen) } else { None };
    }
    match policy(table, field) {
        // Equal times: the one that is there stays, on every replay alike.
        Some(Policy::Lww) => met(edit.at > stamp.at, Why::Newer),
        // After a restore it must not count who comes first: its author may have seen what stands there again.
        Some(Policy::Server) if edit.past_lost => met(if table == Table::Model { is_stronger(change, found.row) } else { edit.at > stamp.at }, Why::Newer),
        Some(Policy::Words) if words::can_join(change, found.row, edit.read_of(found.row)) => met(true, Why::Both),
        _ => met(false, Why::Stands),
    }
}

/// Whether a model is to be protected better than it is.
fn is_stronger(change: &Change, row: Option<&Row>) -> bool {
    let (Change::ModelUpdate(update), Some(Row::Model(model))) = (change, row) else { return false };
    update.patch.min_security.value().is_some_and(|floor| *floor > model.min_security)
}

/// Whether nobody has said anything there since the row was made without it.
const fn is_unsaid(row: Option<&Row>, field: &str) -> bool {
    matches!((row, field.as_bytes()), (Some(Row::Device(Device { site_id: None, .. })), b"site_id") | (Some(Row::Device(Device { note: None, .. })), b"note"))
}

/// The stamps after `old` became `new` by `edit` at `seq`; `is_joined`: its author's words stand beside those of others
/// ([`Merged`]). A row that several people may make has stamps of its making; others begin without.
#[must_use]
pub fn stamped(mut stamps: Stamps, old: Option<&Row>, new: &Row, edit: &Edit<'_>, is_joined: bool, seq: Seq) -> Stamps {
    let stamp = Stamp { seq, at: edit.at, by: edit.by };
    match (old, new) {
        (Some(old), new) => stamps.extend(changed(old, new).into_iter().map(|field| {
            let is_of_several = is_joined && policy(new.key().table, field) == Some(Policy::Words);
            (field.to_owned(), if is_of_several { Stamp { by: None, ..stamp } } else { stamp })
        })),
        (None, Row::Bookmark(bookmark)) if bookmark.note.is_some() => return Stamps::from([("note".to_owned(), stamp)]),
        // Others may know its id, which follows from its serial number, before they have seen it.
        (None, Row::Device(_)) => return Stamps::from([(MADE.to_owned(), stamp)]),
        (None, _) => return Stamps::new(),
    }
    stamps
}

macro_rules! differing {
    ($old:ident, $new:ident, $entity:ident: $($field:ident)*) => {{
        // Named one by one, so that a field that is added to the entity does not compile before it is added here.
        let $entity { $($field),* } = $old;
        [$((*$field != $new.$field).then_some(stringify!($field))),*].into_iter().flatten().collect()
    }};
}

/// The fields in which two versions of a row differ; none when they are no versions of one row.
#[must_use]
pub fn changed(old: &Row, new: &Row) -> Vec<&'static str> {
    match (old, new) {
        (Row::Site(old), Row::Site(new)) => differing!(old, new, Site: id name address time_zone note created_at),
        (Row::Model(old), Row::Model(new)) => differing!(old, new, DeviceModel: id name sku min_security created_at),
        (Row::Device(old), Row::Device(new)) => differing!(old, new, Device: id serial name model_id site_id note state firmware epoch created_at),
        (Row::Bookmark(old), Row::Bookmark(new)) => differing!(old, new, Bookmark: id person_id device_id note created_at),
        // Evidence is appended, never changed.
        _ => vec![],
    }
}

/// The fields that a patch touches.
#[must_use]
pub fn patched(change: &Change) -> Option<(Table, Vec<&'static str>)> {
    fn set<const N: usize>(fields: [(&'static str, bool); N]) -> Vec<&'static str> {
        fields.into_iter().filter(|(_, kept)| !kept).map(|(name, _)| name).collect()
    }
    Some(match change {
        Change::SiteUpdate(update) => {
            let p = &update.patch;
            (Table::Site, set([("name", p.name.is_keep()), ("address", p.address.is_keep()), ("time_zone", p.time_zone.is_keep()), ("note", p.note.is_keep())]))
        }
        Change::ModelUpdate(update) => {
            let p = &update.patch;
            (Table::Model, set([("name", p.name.is_keep()), ("sku", p.sku.is_keep()), ("min_security", p.min_security.is_keep())]))
        }
        Change::DeviceUpdate(update) => {
            let p = &update.patch;
            (Table::Device, set([("name", p.name.is_keep()), ("model_id", p.model_id.is_keep()), ("site_id", p.site_id.is_keep()), ("note", p.note.is_keep())]))
        }
        Change::BookmarkSet(bookmark) => (Table::Bookmark, set([("note", bookmark.note.is_keep())])),
        // With the row goes what is noted there: not what was noted later, and unseen.
        Change::BookmarkRemove(_) => (Table::Bookmark, vec!["note"]),
        _ => return None,
    })
}

/// What `change` still has to say after its author said all of `later` of the same thing; `None` where that is nothing.
#[must_use]
pub fn without<'c>(change: &Change, later: impl Iterator<Item = &'c Change>) -> Option<Change> {
    let mut left = change.clone();
    for later in later {
        // On the list again, or taken off it once more.
        if matches!(left, Change::BookmarkRemove(_)) {
            return None;
        }
        for field in patched(later).map(|(_, fields)| fields).unwrap_or_default() {
            forget(&mut left, field);
        }
        if patched(&left).is_some_and(|(_, fields)| fields.is_empty()) {
            return None;
        }
    }
    Some(left)
}

fn forget(change: &mut Change, field: &str) {
    match change {
        Change::SiteUpdate(update) => match field {
            "name" => update.patch.name = Patch::Keep,
            "address" => update.patch.address = Patch::Keep,
            "time_zone" => update.patch.time_zone = Patch::Keep,
            _ => update.patch.note = Patch::Keep,
        },
        Change::ModelUpdate(update) => match field {
            "name" => update.patch.name = Patch::Keep,
            "sku" => update.patch.sku = Patch::Keep,
            _ => update.patch.min_security = Patch::Keep,
        },
        Change::DeviceUpdate(update) => match field {
            "name" => update.patch.name = Patch::Keep,
            "model_id" => update.patch.model_id = Patch::Keep,
            "site_id" => update.patch.site_id = Patch::Keep,
            _ => update.patch.note = Patch::Keep,
        },
        Change::BookmarkSet(bookmark) => bookmark.note = Patch::Keep,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use uuid::Uuid;

    use super::*;
    use crate::{
        entities::{Attempt, AttemptOutcome, DeviceState, Security},
        ids::{AttemptId, BookmarkId, ModelId, PersonId, SiteId},
        sync::intent::{BookmarkRemove, ModelPatch, ModelUpdate, NewDevice},
    };

    fn site(name: &str) -> Site {
        Site { id: SiteId(Uuid::nil()), name: name.into(), address: None, time_zone: "UTC".into(), note: None, created_at: Millis(0) }
    }

    fn one_of_each() -> [Row; 5] {
        let model = DeviceModel { id: ModelId(Uuid::nil()), name: "m".into(), sku: "s".into(), min_security: Security::Sec1, created_at: Millis(0) };
        let device = Device { id: DeviceId(Uuid::nil()), serial: "A".into(), name: "d".into(), model_id: model.id, site_id: None, note: None, state: DeviceState::Planned, firmware: None, epoch: 0, created_at: Millis(0) };
        let attempt = Attempt {
            id: AttemptId(Uuid::nil()), device_id: None, serial: None, site_id: None, technician_id: PersonId(Uuid::nil()), technician_name: "t".into(),
            client_id: ClientId(Uuid::nil()), app_version: "0".into(), os: "o".into(), radio: "virtual".into(), protocol: None, security: None, firmware: None,
            identity_verified: false, rssi: None, mtu: None, steps: vec![], grant_id: None, receipt: None, epoch: None, network_name: None,
            outcome: AttemptOutcome::Failed, cause: None, started_at: Millis(0), ended_at: Millis(0),
        };
        let bookmark = Bookmark { id: BookmarkId(Uuid::nil()), person_id: PersonId(Uuid::nil()), device_id: device.id, note: None, created_at: Millis(0) };
        [site("s").into(), model.into(), device.into(), Box::new(attempt).into(), bookmark.into()]
    }

    fn fields_of(row: &Row) -> BTreeSet<String> {
        let tagged = serde_json::to_value(row).unwrap();
        tagged.as_object().unwrap().values().find_map(serde_json::Value::as_object).unwrap().keys().cloned().collect()
    }

    #[test]
    fn what_changed_is_named_as_on_the_wire() {
        let (max, text, later) = (Uuid::max(), || Some("x".to_owned()), Millis(1));
        let others: [Row; 4] = [
            Site { id: SiteId(max), name: "x".into(), address: text(), time_zone: "x".into(), note: text(), created_at: later }.into(),
            DeviceModel { id: ModelId(max), name: "x".into(), sku: "x".into(), min_security: Security::Sec0, created_at: later }.into(),
            Device { id: DeviceId(max), serial: "x".into(), name: "x".into(), model_id: ModelId(max), site_id: Some(SiteId(max)), note: text(), state: DeviceState::Online, firmware: text(), epoch: 1, created_at: later }.into(),
            Bookmark { id: BookmarkId(max), person_id: PersonId(max), device_id: DeviceId(max), note: text(), created_at: later }.into(),
        ];
        for other in others {
            let row = one_of_each().into_iter().find(|row| row.key().table == other.key().table).unwrap();
            assert_eq!(changed(&row, &other).into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), fields_of(&row));
            assert!(changed(&row, &row).is_empty());
        }
    }

    #[test]
    fn no_field_lacks_a_policy() {
        for row in one_of_each() {
            let table = row.key().table;
            for field in fields_of(&row) {
                assert!(policy(table, &field).is_some(), "{}.{field} has no policy", table.name());
            }
        }
        assert_eq!(policy(Table::Site, "serial"), None, "and only real fields have one");
    }

    #[test]
    fn words_that_lose_are_a_change_of_their_own_and_nothing_else_is() {
        let (tenant, note) = (TenantId(Uuid::from_u128(1)), || Patch::Set("ring twice".to_owned()));
        let (name, device) = (Patch::Set("x".to_owned()), DeviceId::for_serial(tenant, "A"));
        let new = NewDevice { serial: "A".into(), name: "x".into(), model_id: ModelId(Uuid::nil()), site_id: None, note: Some("ring twice".into()) };
        let of_device = || Change::DeviceUpdate(DeviceUpdate { id: device, patch: DevicePatch { note: note(), ..DevicePatch::default() } });
        let of_site = |name: &Patch<String>| Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::nil()), patch: SitePatch { name: name.clone(), note: note(), ..SitePatch::default() } });
        let of_bookmark = Change::BookmarkSet(BookmarkSet { person_id: PersonId(Uuid::nil()), device_id: device, note: note() });
        let both = Change::DeviceUpdate(DeviceUpdate { id: device, patch: DevicePatch { name: name.clone(), note: note(), ..DevicePatch::default() } });
        let lost = ["name".to_owned(), "note".to_owned()];
        for (change, words) in [(both, of_device()), (Change::DeviceCreate(new), of_device()), (of_site(&name), of_site(&Patch::Keep)), (of_bookmark.clone(), of_bookmark)] {
            assert_eq!(words_lost(&change, &lost, tenant), Some(words));
            assert_eq!(words_lost(&change, &lost[..1], tenant), None, "a choice is no words");
        }
        let emptied = Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::nil()), patch: SitePatch { note: Patch::Clear, ..SitePatch::default() } });
        assert_eq!(words_lost(&emptied, &lost, tenant), None, "nor is nothing");
        for row in one_of_each() {
            let table = row.key().table;
            for field in fields_of(&row).iter().filter(|field| is_written(table, field)) {
                assert_eq!(policy(table, field), Some(Policy::Words), "{field} of {} can lose", table.name());
            }
        }
    }

    #[test]
    fn every_field_a_patch_can_touch_can_also_lose() {
        let everything = [
            Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::nil()), patch: SitePatch { name: Patch::Clear, address: Patch::Clear, time_zone: Patch::Clear, note: Patch::Clear } }),
            Change::ModelUpdate(ModelUpdate { id: ModelId(Uuid::nil()), patch: ModelPatch { name: Patch::Clear, sku: Patch::Clear, min_security: Patch::Clear } }),
            Change::DeviceUpdate(DeviceUpdate { id: DeviceId(Uuid::nil()), patch: DevicePatch { name: Patch::Clear, model_id: Patch::Clear, site_id: Patch::Clear, note: Patch::Clear } }),
        ];
        for mut change in everything {
            let body = serde_json::to_value(&change).unwrap()["body"]["patch"].clone();
            let (table, fields) = patched(&change).unwrap();
            assert_eq!(fields.len(), body.as_object().unwrap().len(), "{}: patched() names every field of the patch", table.name());
            for field in fields {
                assert!(matches!(policy(table, field), Some(Policy::Lww | Policy::Server | Policy::Words)), "{}.{field} can be edited concurrently", table.name());
                forget(&mut change, field);
                assert!(!patched(&change).unwrap().1.contains(&field), "{field} is forgotten");
            }
        }
    }

    #[test]
    fn what_was_said_anew_is_said_no_more() {
        let (device, person) = (DeviceId(Uuid::nil()), PersonId(Uuid::nil()));
        let set = |note: Patch<String>| Change::BookmarkSet(BookmarkSet { person_id: person, device_id: device, note });
        let (remove, gate) = (Change::BookmarkRemove(BookmarkRemove { person_id: person, device_id: device }), || Patch::Set("Gate 2".to_owned()));
        for (earlier, later, left) in [
            (set(gate()), set(Patch::Clear), None),
            (set(gate()), set(Patch::Keep), Some(set(gate()))),
            (set(gate()), remove.clone(), None),
            (set(Patch::Keep), set(gate()), None),
            (remove.clone(), set(Patch::Keep), None),
            (remove.clone(), remove, None),
        ] {
            assert_eq!(without(&earlier, [&later].into_iter()), left, "{earlier:?} before {later:?}");
        }
        let retired = Change::DeviceRetire(crate::sync::intent::DeviceRetire { id: device, reason: None });
        let moved = Change::DeviceUpdate(DeviceUpdate { id: device, patch: DevicePatch { site_id: Patch::Clear, ..DevicePatch::default() } });
        assert_eq!(without(&retired, [&moved].into_iter()), Some(retired), "it is another thing to say");
    }

    #[test]
    fn words_that_an_own_change_hid_were_not_seen_whatever_else_was() {
        let theirs = Stamp { seq: Seq(5), at: Millis(100), by: OTHER };
        let stamps = Stamps::from([("name".to_owned(), theirs), ("note".to_owned(), theirs)]);
        let stands = Row::from(Site { note: Some("Dog in the yard".into()), ..site("a") });
        let mut change = rename();
        let merged = merge(&mut change, &Found { row: Some(&stands), stamps: &stamps }, &Edit { base: Some(Seq(6)), words: Some(Seq(4)), at: Millis(99), by: MINE, read: None, past_lost: false });
        assert_eq!(merged, Merged { lost: vec![], is_joined: true });
        let Change::SiteUpdate(update) = change else { unreachable!() };
        assert_eq!((update.patch.name.value().unwrap().as_str(), update.patch.note.value().unwrap().as_str()), ("mine", "Dog in the yard\nn"));
    }

    const OTHER: Option<ClientId> = Some(ClientId(Uuid::from_u128(8)));
    const MINE: Option<ClientId> = Some(ClientId(Uuid::from_u128(9)));

    fn rename() -> Change {
        Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::nil()), patch: SitePatch { name: Patch::Set("mine".into()), note: Patch::Set("n".into()), ..SitePatch::default() } })
    }

    fn lost(stamp: Stamp, edit: Edit) -> Vec<String> {
        merge(&mut rename(), &Found { row: None, stamps: &Stamps::from([("name".to_owned(), stamp)]) }, &edit).lost
    }

    #[test]
    fn causality_comes_before_the_clock() {
        let stamp = Stamp { seq: Seq(5), at: Millis(999), by: OTHER };
        assert_eq!(lost(stamp, Edit { base: Some(Seq(5)), words: None, at: Millis(0), by: MINE, read: None, past_lost: false }), [""; 0], "I had seen it: my wrong clock does not matter");
        assert_eq!(lost(Stamp { by: MINE, ..stamp }, Edit { base: Some(Seq(2)), words: None, at: Millis(0), by: MINE, read: None, past_lost: false }), [""; 0], "it was my own earlier edit");
        assert_eq!(lost(stamp, Edit { base: None, words: None, at: Millis(0), by: None, read: None, past_lost: false }), [""; 0], "an online edit sees the present row");
    }

    #[test]
    fn of_two_concurrent_edits_the_later_stands_and_only_in_the_contested_field() {
        let stamp = Stamp { seq: Seq(5), at: Millis(100), by: OTHER };
        let mine = |at| Edit { base: Some(Seq(2)), words: None, at: Millis(at), by: MINE, read: None, past_lost: false };
        assert_eq!(lost(stamp, mine(99)), ["name"]);
        assert_eq!(lost(stamp, mine(100)), ["name"], "a tie goes to what stands, on every replay");
        assert_eq!(lost(stamp, mine(101)), [""; 0]);
    }

    #[test]
    fn a_concurrent_assignment_stays_as_the_server_has_it_however_late_the_other() {
        let mut change = Change::DeviceUpdate(DeviceUpdate { id: DeviceId(Uuid::nil()), patch: DevicePatch { site_id: Patch::Clear, ..DevicePatch::default() } });
        let stamps = Stamps::from([("site_id".to_owned(), Stamp { seq: Seq(5), at: Millis(0), by: OTHER })]);
        assert_eq!(merge(&mut change, &Found { row: None, stamps: &stamps }, &Edit { base: Some(Seq(1)), words: None, at: Millis(9_999), by: MINE, read: None, past_lost: false }).lost, ["site_id"]);
    }

    #[test]
    fn what_was_seen_in_a_past_that_is_lost_does_not_lose_to_who_came_back_first() {
        let stamps = Stamps::from(["site_id", "min_security"].map(|field| (field.to_owned(), Stamp { seq: Seq(5), at: Millis(100), by: OTHER })));
        let mine = |at, past_lost| Edit { base: Some(Seq(1)), words: None, at: Millis(at), by: MINE, read: None, past_lost };
        let lost = |mut change, edit: &Edit<'_>| merge(&mut change, &Found { row: None, stamps: &stamps }, edit).lost;
        let moved = || Change::DeviceUpdate(DeviceUpdate { id: DeviceId(Uuid::nil()), patch: DevicePatch { site_id: Patch::Clear, ..DevicePatch::default() } });
        assert_eq!(lost(moved(), &mine(101, true)), [""; 0], "it may have been seen");
        assert_eq!((lost(moved(), &mine(99, true)), lost(moved(), &mine(101, false))), (vec!["site_id".into()], vec!["site_id".into()]));
        let model = Row::from(DeviceModel { id: ModelId(Uuid::nil()), name: "m".into(), sku: "s".into(), min_security: Security::Sec1, created_at: Millis(0) });
        let floor = |floor, at| {
            let mut change = Change::ModelUpdate(ModelUpdate { id: ModelId(Uuid::nil()), patch: ModelPatch { min_security: Patch::Set(floor), ..ModelPatch::default() } });
            merge(&mut change, &Found { row: Some(&model), stamps: &stamps }, &mine(at, true)).lost
        };
        assert_eq!(floor(Security::Sec0, 101), ["min_security"], "a weaker floor slips in never");
        assert_eq!(floor(Security::Sec2Patch1, 99), [""; 0], "and a stronger one is not lost");
    }

    #[test]
    fn of_words_what_was_read_counts_more_than_which_sequences_were_seen() {
        let row = Row::from(Site { note: Some("Dog in the yard".into()), ..site("a") });
        let stamps = Stamps::from([("note".to_owned(), Stamp { seq: Seq(5), at: Millis(100), by: OTHER })]);
        let said = |read, mine: Patch<String>| {
            let mut change = Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::nil()), patch: SitePatch { note: mine, ..SitePatch::default() } });
            let merged = merge(&mut change, &Found { row: Some(&row), stamps: &stamps }, &Edit { base: Some(Seq(7)), words: None, at: Millis(101), by: MINE, read, past_lost: false });
            let Change::SiteUpdate(update) = change else { unreachable!() };
            (merged.lost.is_empty(), update.patch.note.value().cloned())
        };
        let key = || Patch::Set("Key inside".to_owned());
        assert_eq!(said(Some("Dog in the yard"), key()), (true, Some("Key inside".into())), "it was read, and is replaced");
        assert_eq!(said(Some("Ring twice"), key()), (true, Some("Key inside\nDog in the yard".into())), "its number had been another one's");
        assert_eq!(said(Some("Ring twice"), Patch::Clear), (true, Some("Dog in the yard".into())));
        assert_eq!(said(None, key()), (true, Some("Key inside".into())));
        let after_a_restore = |read, mine| {
            let mut change = Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::nil()), patch: SitePatch { note: mine, ..SitePatch::default() } });
            let merged = merge(&mut change, &Found { row: Some(&row), stamps: &stamps }, &Edit { base: Some(Seq(0)), words: None, at: Millis(101), by: MINE, read, past_lost: true });
            let Change::SiteUpdate(update) = change else { unreachable!() };
            (merged.lost.is_empty(), update.patch.note.value().cloned())
        };
        assert_eq!(after_a_restore(Some("Dog in the yard"), Patch::Clear), (true, None), "what stands still was read");
        assert_eq!(after_a_restore(Some("Dog in the yard"), key()), (true, Some("Key inside".into())));
        assert_eq!(after_a_restore(Some("Dog in the yard\nRing twice"), key()), (true, Some("Key inside\nDog in the yard".into())), "what was lost nobody took out");
    }

    #[test]
    fn a_meeting_says_who_won_and_why() {
        let told = |stamp: Stamp, edit: Edit| {
            let met = meetings(&rename(), &Found { row: None, stamps: &Stamps::from([("name".to_owned(), stamp)]) }, &edit);
            met.into_iter().map(|met| (met.field, met.won, met.why)).collect::<Vec<_>>()
        };
        let theirs = Stamp { seq: Seq(5), at: Millis(100), by: OTHER };
        let mine = |base, at| Edit { base: Some(Seq(base)), words: None, at: Millis(at), by: MINE, read: None, past_lost: false };
        let name = || "name".to_owned();
        assert_eq!(told(theirs, mine(2, 101)), [(name(), true, Why::Newer)]);
        assert_eq!(told(theirs, mine(2, 99)), [(name(), false, Why::Newer)]);
        assert_eq!(told(theirs, mine(5, 99)), [(name(), true, Why::Seen)], "a clock that is behind does not count");
        assert_eq!(told(theirs, mine(5, 101)), [], "one after the other is no meeting");
        assert_eq!(told(Stamp { by: MINE, ..theirs }, mine(2, 99)), [], "nor is one's own earlier edit");
        let mut moved = Change::DeviceUpdate(DeviceUpdate { id: DeviceId(Uuid::nil()), patch: DevicePatch { site_id: Patch::Clear, ..DevicePatch::default() } });
        let stamps = Stamps::from([("site_id".to_owned(), theirs)]);
        let found = Found { row: None, stamps: &stamps };
        assert_eq!(meetings(&moved, &found, &mine(2, 999))[0].why, Why::Stands);
        assert_eq!(merge(&mut moved, &found, &mine(2, 999)).lost, ["site_id"], "what is told is what happens");
    }

    #[test]
    fn only_changed_fields_are_stamped() {
        let edit = Edit { base: None, words: None, at: Millis(7), by: MINE, read: None, past_lost: false };
        let stamps = stamped(Stamps::new(), Some(&site("a").into()), &site("b").into(), &edit, false, Seq(3));
        assert_eq!(stamps, Stamps::from([("name".to_owned(), Stamp { seq: Seq(3), at: Millis(7), by: MINE })]));
        assert_eq!(stamped(stamps, None, &site("c").into(), &edit, false, Seq(4)), Stamps::new(), "a new row starts without stamps");
    }

    #[test]
    fn words_of_several_people_are_nobodys_own() {
        let noted = |text: &str| Row::from(Site { note: Some(text.into()), ..site("a") });
        let edit = Edit { base: Some(Seq(2)), words: None, at: Millis(7), by: MINE, read: None, past_lost: false };
        let stamps = |is_joined| stamped(Stamps::new(), Some(&noted("Dog in the yard")), &Row::from(Site { name: "b".into(), note: Some("Dog in the yard\nKey inside".into()), ..site("a") }), &edit, is_joined, Seq(6));
        assert_eq!((stamps(true)["note"].by, stamps(true)["name"].by, stamps(false)["note"].by), (None, MINE, MINE));
        // The second edit of somebody who still has not seen the dog.
        let again = |note: Patch<String>| {
            let mut change = Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::nil()), patch: SitePatch { note, ..SitePatch::default() } });
            let merged = merge(&mut change, &Found { row: Some(&noted("Dog in the yard\nKey inside")), stamps: &stamps(true) }, &Edit { at: Millis(9), read: Some("Key inside"), ..edit });
            let Change::SiteUpdate(update) = change else { unreachable!() };
            (merged.lost, update.patch.note.value().cloned())
        };
        assert_eq!(again(Patch::Set("Key inside\nCode 4711".into())), (vec![], Some("Dog in the yard\nKey inside\nCode 4711".into())));
        assert_eq!(again(Patch::Clear), (vec![], Some("Dog in the yard".into())), "nobody clears what they have not seen");
    }

    #[test]
    fn who_has_not_seen_a_device_that_somebody_made_meets_the_making_of_it() {
        let [_, _, device, ..] = one_of_each();
        let Row::Device(device) = device else { unreachable!() };
        let nowhere = Row::from(device.clone());
        let device = Row::from(Device { site_id: Some(SiteId(Uuid::nil())), ..device });
        let stamps = stamped(Stamps::new(), None, &device, &Edit { base: None, words: None, at: Millis(100), by: OTHER, read: None, past_lost: false }, false, Seq(5));
        let change_of = |row, base, at, by| {
            let patch = DevicePatch { name: Patch::Set("mine".into()), site_id: Patch::Clear, ..DevicePatch::default() };
            let change = &mut Change::DeviceUpdate(DeviceUpdate { id: DeviceId(Uuid::nil()), patch });
            merge(change, &Found { row: Some(row), stamps: &stamps }, &Edit { base: Some(Seq(base)), words: None, at: Millis(at), by, read: None, past_lost: false }).lost
        };
        let change = |base, at, by| change_of(&device, base, at, by);
        assert_eq!(change(0, 99, MINE), ["name", "site_id"], "it is older, and where a device stands is assigned");
        assert_eq!(change(0, 101, MINE), ["site_id"], "the newer name stands");
        assert_eq!(change_of(&nowhere, 0, 101, MINE), [""; 0], "but nobody has said where");
        assert_eq!((change(5, 99, MINE), change(0, 99, OTHER)), (vec![], vec![]), "who has seen it, or made it, meets nothing");
    }
}
