//! Changes of earlier schemas, read as those of the present one.
//!
//! Every schema ever shipped stays readable: a tablet comes back after months, and no push is refused for its age.
//! Deliberately not here: messages, whose fields are only ever added (`wire`), and a newer schema than this one
//! (the server says `later`, `needs_newer_server`).
//! To change the shape of a change: raise [`SCHEMA`], which asks for a step here, and lay a folder of fixtures into
//! `tests/vectors/sync` beside those that were shipped; those are never edited.

use serde::Deserialize as _;
use serde_json::Value;

use super::{intent::Change, wire::SCHEMA};

/// Turns a change of one schema, as JSON, into the same one of the next.
pub type Step = fn(Value) -> Value;

/// The first turns a change of schema 1 into one of schema 2, and so on; none is missing, or this does not compile.
const STEPS: [Step; SCHEMA as usize - 1] = [
    // Lists of one's own came; nothing that was there changed.
    |change| change,
];

/// Reads what an app of that schema calls a change.
///
/// # Errors
/// When it is none.
pub fn change(schema: u32, json: &str) -> Result<Change, serde_json::Error> {
    through(&STEPS, schema, json)
}

/// The same over other steps. What is of the present schema is read as it stands.
fn through(steps: &[Step], schema: u32, json: &str) -> Result<Change, serde_json::Error> {
    let done = usize::try_from(schema).unwrap_or(usize::MAX).saturating_sub(1);
    match steps.get(done..) {
        None | Some([]) => serde_json::from_str(json),
        Some(due) => {
            let old: Value = serde_json::from_str(json)?;
            Change::deserialize(due.iter().fold(old, |change, step| step(change)))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{ids::SiteId, sync::{Patch, intent::{SitePatch, SiteUpdate}}};

    /// As if an edit of a site had had a word of its own for its name, and later one for its title.
    const OTHER: [Step; 2] = [
        |mut change| {
            if change["kind"] == "site.rename" {
                change = json!({"kind": "site.update", "body": {"id": change["body"]["id"], "patch": {"title": change["body"]["to"]}}});
            }
            change
        },
        |mut change| {
            if let Some(patch) = change.pointer_mut("/body/patch").and_then(Value::as_object_mut)
                && let Some(title) = patch.remove("title")
            {
                patch.insert("name".into(), title);
            }
            change
        },
    ];

    fn renamed(to: &str) -> Change {
        let patch = SitePatch { name: Patch::Set(to.into()), ..SitePatch::default() };
        Change::SiteUpdate(SiteUpdate { id: SiteId(uuid::Uuid::from_u128(1)), patch })
    }

    #[test]
    fn a_change_of_every_earlier_schema_is_read_as_one_of_today() {
        let site = SiteId(uuid::Uuid::from_u128(1));
        let first = json!({"kind": "site.rename", "body": {"id": site, "to": "Dock"}}).to_string();
        let second = json!({"kind": "site.update", "body": {"id": site, "patch": {"title": "Dock"}}}).to_string();
        let third = json!({"kind": "site.update", "body": {"id": site, "patch": {"name": "Dock"}}}).to_string();
        for (schema, json) in [(1, &first), (2, &second), (3, &third)] {
            assert_eq!(through(&OTHER, schema, json).unwrap(), renamed("Dock"), "{json}");
        }
        assert!(through(&OTHER, 3, &first).is_err(), "what is of today is read as it stands");
        assert!(through(&OTHER, 4, &first).is_err(), "and so is what is of tomorrow");
    }

    #[test]
    fn what_is_no_change_in_any_schema_is_an_error() {
        for json in ["", "17", "{}", r#"{"kind":"site.rename"}"#, r#"{"kind":"site.update","body":[]}"#] {
            assert!(through(&OTHER, 1, json).is_err() && change(1, json).is_err(), "{json}");
        }
    }
}
