//! How concurrent edits of one field meet: one policy for every field of every synced entity.
//!
//! Two facts decide, in this order (SYNC.md 1.2): *causality* – the field has not changed since
//! the author last saw it, or was last changed by the author's own client – and only then the
//! policy. What was written by people who did not know of each other is joined (`words`).
//! Deliberately not here: whether an edit is allowed at all (`rules`).
//! To add a field: its line in [`policy`]; the test below fails until it is there. One that people write in words of
//! their own has another one in [`is_written`], and a way in [`words_lost`] and in `words`.

#[cfg(test)]
mod tests;
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
