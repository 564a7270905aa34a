//! One's own list of devices.
//!
//! Deliberately not here: whose list it is (only its owner's changes get this far).

use super::{Actor, RowChange, missing, put_if_changed, text};
use crate::{
    entities::Bookmark,
    ids::BookmarkId,
    sync::{
        intent::{BookmarkRemove, BookmarkSet},
        receipt::Refusal,
        rows::Rows,
    },
};

pub fn set(set: &BookmarkSet, actor: &Actor<'_>, rows: &impl Rows) -> Result<Vec<RowChange>, Refusal> {
    let id = BookmarkId::of(set.person_id, set.device_id);
    let old = rows.bookmark(id);
    if old.is_none() {
        rows.device(set.device_id).ok_or_else(|| missing("device_id", "device"))?;
    }
    let note = text::patched_block("note", &set.note, old.and_then(|old| old.note.as_deref()), text::NOTE)?;
    match old {
        Some(old) => Ok(put_if_changed(old, Bookmark { note, ..old.clone() })),
        None => Ok(vec![RowChange::Put(Bookmark { id, person_id: set.person_id, device_id: set.device_id, note, created_at: actor.now }.into())]),
    }
}

pub fn remove(remove: &BookmarkRemove, rows: &impl Rows) -> Result<Vec<RowChange>, Refusal> {
    let id = BookmarkId::of(remove.person_id, remove.device_id);
    Ok(rows.bookmark(id).map(|_| RowChange::Remove(id.into())).into_iter().collect())
}
