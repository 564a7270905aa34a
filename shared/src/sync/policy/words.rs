//! What two people wrote without knowing of each other, side by side: nobody's words go without a word.
//!
//! A note is a list of lines. What either of the two put in is in the row afterwards, that of the newer edit first, and what
//! either took out of what both had read is not. Where nobody says what was read, that is how both begin.
//! To clear a note takes away what its author had seen of it, and no more.

use similar::{Algorithm, DiffTag, capture_diff_slices};

use crate::sync::{
    intent::Change,
    patch::Patch,
    rows::Row,
    rules::text,
};

/// Whether what `change` says and what the row says can both stand.
pub(super) fn can_join(change: &Change, row: Option<&Row>, read: Option<&str>) -> bool {
    let (mine, theirs) = (said(change), standing(row));
    if theirs.is_empty() || read.is_some_and(|read| lines(read) == lines(theirs)) {
        return true;
    }
    // Whoever had not seen what is there takes nothing away from it: neither with the row, nor where they do not say what
    // they had seen.
    let takes_all = matches!(change, Change::BookmarkRemove(_)) || mine.is_empty() && read.is_none();
    // Which of the two is newer, and stands first, counts for nothing here.
    let fits = |first, second| text::block("note", Some(&joined(first, second, read)), text::NOTE).is_ok();
    !takes_all && fits(mine, theirs) && fits(theirs, mine)
}

/// Whether the row says something else than what its author read.
pub(super) fn is_other(row: Option<&Row>, read: Option<&str>) -> bool {
    read.is_some_and(|read| lines(read) != lines(standing(row)))
}

/// Makes `change` say what the row says as well; whether it says more than its author wrote then.
pub(super) fn join(change: &mut Change, row: Option<&Row>, read: Option<&str>, is_newer: bool) -> bool {
    let (mine, theirs) = (said(change), standing(row));
    if theirs.is_empty() {
        return false;
    }
    let both = if is_newer { joined(mine, theirs, read) } else { joined(theirs, mine, read) };
    let is_more = both != mine;
    if let Some(note) = note(change) {
        *note = if both.is_empty() { Patch::Clear } else { Patch::Set(both) };
    }
    is_more
}

/// Notes of more lines are not looked at line by line: that costs their square.
const MOST_LINES: usize = 200;

/// What became of lines: which of them stay, and what stands before each, and after the last.
struct Fate<'a> {
    stays: Vec<bool>,
    before: Vec<Vec<&'a str>>,
}

impl<'a> Fate<'a> {
    fn of(read: &[&'a str], now: &[&'a str]) -> Self {
        let (mut stays, mut before) = (vec![false; read.len()], vec![vec![]; read.len() + 1]);
        for op in capture_diff_slices(Algorithm::Myers, read, now) {
            if op.tag() == DiffTag::Equal {
                stays.iter_mut().take(op.old_range().end).skip(op.old_range().start).for_each(|stays| *stays = true);
            } else if let Some(at) = before.get_mut(op.old_range().start) {
                at.extend(now.get(op.new_range()).unwrap_or_default());
            }
        }
        Self { stays, before }
    }
}

/// What became of what was read by the hands of two.
fn joined(first: &str, second: &str, read: Option<&str>) -> String {
    let (first, second) = (lines(first), lines(second));
    let Some(read) = read.map(lines).filter(|read| [read, &first, &second].into_iter().all(|lines| lines.len() <= MOST_LINES)) else {
        let begin = common(&first, &second);
        return beside(&first, second.get(begin..).unwrap_or_default());
    };
    let (mine, theirs) = (Fate::of(&read, &first), Fate::of(&read, &second));
    let mut both: Vec<&str> = vec![];
    for (at, (put, put_too)) in mine.before.iter().zip(&theirs.before).enumerate() {
        let begin = common(put, put_too);
        both.extend(put);
        both.extend(rest_of(put, put_too.get(begin..).unwrap_or_default()));
        let stays = |fate: &Fate<'_>| fate.stays.get(at).is_some_and(|stays| *stays);
        both.extend(read.get(at).filter(|_| stays(&mine) && stays(&theirs)));
    }
    both.join("\n").trim().to_owned()
}

/// How many lines both begin with.
fn common(first: &[&str], second: &[&str]) -> usize {
    first.iter().zip(second).take_while(|(first, second)| first == second).count()
}

/// What `more` says that `said` does not say in the same words.
fn rest_of<'a, 'b>(said: &[&str], more: &'b [&'a str]) -> &'b [&'a str] {
    if said.windows(more.len().max(1)).any(|run| run == more) { &[] } else { more }
}

fn beside(first: &[&str], more: &[&str]) -> String {
    first.iter().chain(rest_of(first, more)).copied().collect::<Vec<_>>().join("\n").trim().to_owned()
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim_end).collect()
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

pub(super) fn standing(row: Option<&Row>) -> &str {
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
        let edit = Edit { base: Some(Seq(2)), words: None, at: Millis(at), by: Some(ClientId(Uuid::from_u128(9))), read: None, past_lost: false };
        let merged = merge(&mut change, &Found { row: Some(&site.into()), stamps: &stamps }, &edit);
        let Change::SiteUpdate(update) = change else { unreachable!() };
        (merged, update.patch.note)
    }

    #[test]
    fn what_either_put_in_is_there_and_what_either_took_out_of_what_both_had_read_is_not() {
        let both = |read, first, second| joined(first, second, Some(read));
        assert_eq!(both("Code 1234\nRing", "Code 9999\nRing", "Code 1234\nRing\nDog"), "Code 9999\nRing\nDog", "the dead code does not come back");
        assert_eq!(both("a\nb\nc\nd", "a1\nb\nc\nd", "a\nb\nc\nd\ne"), "a1\nb\nc\nd\ne", "each where they wrote it");
        assert_eq!(both("Gate: open", "Gate: closed", "Gate: locked"), "Gate: closed\nGate: locked", "of one line they made two");
        assert_eq!(both("a\nb", "b", "a"), "", "between them they took out all");
        assert_eq!(both("", "a", "b"), "a\nb");
        assert_eq!(both("a", "a\nb", "a\nb"), "a\nb", "what both put in stands once");
        assert_eq!(both("A", "A\nB\nC", "A\nB\nX"), "A\nB\nC\nX", "an own edit of before, which they had and this author's app did not know to be there");
        let long = "x\n".repeat(500);
        assert_eq!(joined(&format!("{long}a"), &format!("{long}b"), Some(&long)).lines().count(), 502);
        assert_eq!(both("a\n\nb", "a\n\nb\n\nc", "z\n\nb"), "z\n\nb\n\nc", "paragraphs stay");
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
        assert!(!can_join(&removal, Some(&crate::entities::Bookmark { id: crate::ids::BookmarkId(Uuid::nil()), person_id, device_id: DeviceId(Uuid::nil()), note: Some("Dog".into()), created_at: Millis(0) }.into()), None));
        join(&mut removal, None, None, true);
    }
}
