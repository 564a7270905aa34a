//! What two people wrote without knowing of each other, side by side: nobody's words go without a word.
//!
//! A note is a list of lines. Both have theirs in the row afterwards, those of the newer edit first. How both begin is said
//! once, and so is what one says in the same words as the other; a line that is said among others stays among them.
//! To clear a note takes away what its author had seen of it, and no more.

use crate::sync::{
    intent::Change,
    patch::Patch,
    rows::Row,
    rules::text,
};

/// Whether what `change` says and what the row says can both stand.
pub(super) fn can_join(change: &Change, row: Option<&Row>) -> bool {
    let (mine, theirs) = (said(change), standing(row));
    // Whoever had not seen what is there takes nothing away from it; where nothing is there anything may stand.
    theirs.is_empty() || !mine.is_empty() && text::block("note", Some(&joined(mine, theirs)), text::NOTE).is_ok()
}

/// Makes `change` say what the row says as well; whether it says more than its author wrote then.
pub(super) fn join(change: &mut Change, row: Option<&Row>, is_newer: bool) -> bool {
    let (mine, theirs) = (said(change), standing(row));
    if theirs.is_empty() {
        return false;
    }
    let both = if is_newer { joined(mine, theirs) } else { joined(theirs, mine) };
    let is_more = both != mine;
    if let Some(note) = note(change) {
        *note = Patch::Set(both);
    }
    is_more
}

/// All of `first`, and what `second` goes on with after what both begin with, unless `first` says just that as well.
fn joined(first: &str, second: &str) -> String {
    let lines = |text: &'_ str| -> Vec<String> { text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect() };
    let (mine, theirs) = (lines(first), lines(second));
    let same = mine.iter().zip(&theirs).take_while(|(mine, theirs)| mine == theirs).count();
    let more = theirs.get(same..).unwrap_or_default();
    if more.is_empty() || mine.windows(more.len()).any(|said| said == more) {
        return first.trim_end().to_owned();
    }
    format!("{}\n{}", first.trim_end(), more.join("\n"))
}

fn said(change: &Change) -> &str {
    let note = match change {
        Change::SiteUpdate(update) => &update.patch.note,
        Change::DeviceUpdate(update) => &update.patch.note,
        Change::BookmarkSet(set) => &set.note,
        _ => return "",
    };
    note.value().map_or("", |text| text.trim())
}

const fn note(change: &mut Change) -> Option<&mut Patch<String>> {
    match change {
        Change::SiteUpdate(update) => Some(&mut update.patch.note),
        Change::DeviceUpdate(update) => Some(&mut update.patch.note),
        Change::BookmarkSet(set) => Some(&mut set.note),
        _ => None,
    }
}

fn standing(row: Option<&Row>) -> &str {
    match row {
        Some(Row::Site(site)) => site.note.as_deref().unwrap_or_default(),
        Some(Row::Device(device)) => device.note.as_deref().unwrap_or_default(),
        Some(Row::Bookmark(bookmark)) => bookmark.note.as_deref().unwrap_or_default(),
        Some(Row::Model(_) | Row::Attempt(_)) | None => "",
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        entities::Site,
        ids::{ClientId, DeviceId, PersonId, SiteId},
        sync::{
            intent::{BookmarkRemove, SitePatch, SiteUpdate},
            policy::{Edit, Found, Merged, Stamp, Stamps, merge},
            rows::Seq,
        },
        time::Millis,
    };

    fn merged(theirs: Option<&str>, mine: Patch<String>, at: i64) -> (Merged, Patch<String>) {
        let site = Site { id: SiteId(Uuid::nil()), name: "s".into(), address: None, time_zone: "UTC".into(), note: theirs.map(str::to_owned), created_at: Millis(0) };
        let stamps = Stamps::from([("note".to_owned(), Stamp { seq: Seq(5), at: Millis(100), by: Some(ClientId(Uuid::from_u128(8))) })]);
        let mut change = Change::SiteUpdate(SiteUpdate { id: site.id, patch: SitePatch { note: mine, ..SitePatch::default() } });
        let edit = Edit { base: Some(Seq(2)), words: None, at: Millis(at), by: Some(ClientId(Uuid::from_u128(9))) };
        let merged = merge(&mut change, &Found { row: Some(&site.into()), stamps: &stamps }, &edit);
        let Change::SiteUpdate(update) = change else { unreachable!() };
        (merged, update.patch.note)
    }

    fn text(text: &str) -> Patch<String> {
        Patch::Set(text.to_owned())
    }

    #[test]
    fn both_stand_line_by_line_whoever_came_first() {
        let both = |theirs, mine, at| {
            let (merged, note) = merged(Some(theirs), text(mine), at);
            assert!(merged.lost.is_empty() && merged.is_joined);
            note
        };
        assert_eq!(both("Fence is open", "Key at the porter", 101), text("Key at the porter\nFence is open"));
        assert_eq!(both("Fence is open", "Key at the porter", 99), text("Fence is open\nKey at the porter"));
        assert_eq!(both("Ring twice\nDog", "Ring twice\nCode 4711", 101), text("Ring twice\nCode 4711\nDog"), "what both say is said once");
        assert_eq!(both("Gate A\nclosed", "Gate B\nclosed", 101), text("Gate B\nclosed\nGate A\nclosed"), "which of the two is closed is still to be read");
        assert_eq!(both("Ring twice\nDog", " Dog ", 99), text("Ring twice\nDog"), "what is there already adds nothing");
    }

    #[test]
    fn what_is_too_long_for_both_is_its_authors_to_decide_whoever_is_newer() {
        let long = "x".repeat(1_500);
        for at in [99, 101] {
            let (merged, note) = merged(Some(&"y".repeat(1_500)), text(&long), at);
            assert_eq!((merged, note), (Merged { lost: vec!["note".into()], is_joined: false }, Patch::Keep));
        }
    }

    #[test]
    fn nobody_clears_what_they_have_not_seen_and_words_stand_where_somebody_cleared() {
        for at in [99, 101] {
            assert_eq!(merged(Some("Dog"), Patch::Clear, at).0.lost, ["note"]);
            assert_eq!(merged(None, text("Dog"), at), (Merged::default(), text("Dog")));
        }
        let person_id = PersonId(Uuid::nil());
        let mut removal = Change::BookmarkRemove(BookmarkRemove { person_id, device_id: DeviceId(Uuid::nil()) });
        assert!(!can_join(&removal, Some(&crate::entities::Bookmark { id: crate::ids::BookmarkId(Uuid::nil()), person_id, device_id: DeviceId(Uuid::nil()), note: Some("Dog".into()), created_at: Millis(0) }.into())));
        join(&mut removal, None, true);
    }
}
