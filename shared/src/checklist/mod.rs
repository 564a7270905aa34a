//! What a tenant wants checked at each installation, and what a technician answered.
//!
//! The [`Checklist`] is one small document of the tenant with a version. A [`Record`] is what was answered at one
//! attempt: it repeats the words as they were asked, so that it stands alone, and travels as a file of the attempt
//! (`attachment::Kind::Checks`). Deliberately not here: where either is kept, and who may change the list.
//! To add a kind of evidence: a line in [`Evidence`], its answer in [`Answer`], and where they fit in [`Answer::fits`].

mod record;
#[cfg(test)]
mod tests;

pub use record::{Answer, Checked, NoRecord, Record, SCHEMA, plain};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::sync::{Refusal, rules::text};

/// The most items of a checklist.
pub const MOST_ITEMS: usize = 50;
/// Longest text of an item, characters.
pub const TEXT: usize = 200;
/// Longest hint, characters.
pub const HINT: usize = 500;
/// Longest unit, characters.
pub const UNIT: usize = 16;

/// What shows that an item was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CheckEvidence)]
pub enum Evidence {
    /// That somebody says so.
    Tick,
    /// Words.
    Text,
    /// A number, in the item's unit where it has one.
    Number,
    /// Photos.
    Photo,
}

/// One thing to check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckItem {
    /// Made by whoever adds it (UUIDv4 or v7); it stays when the words change.
    pub id: Uuid,
    /// What is asked, 1–200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub text: String,
    /// How to go about it, at most 500 characters.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub hint: Option<String>,
    /// Whether an installation is not done without it.
    pub required: bool,
    /// What shows that it was checked.
    pub evidence: Evidence,
    /// The unit of a number, at most 16 characters.
    #[serde(default)]
    #[schema(max_length = 16)]
    pub unit: Option<String>,
}

impl CheckItem {
    /// The same with its texts trimmed, when it keeps to the rules; `place` is where it stands in its list.
    fn kept(self, place: usize) -> Result<Self, Refusal> {
        let field = |name: &str| format!("items[{place}].{name}");
        let unit = text::block(&field("unit"), self.unit.as_deref(), UNIT)?;
        if unit.is_some() && self.evidence != Evidence::Number {
            return Err(Refusal::field(&field("unit"), "only a number has a unit"));
        }
        if unit.as_ref().is_some_and(|unit| unit.chars().any(char::is_control)) {
            return Err(Refusal::field(&field("unit"), "has control characters"));
        }
        Ok(Self { text: text::line(&field("text"), &self.text, TEXT)?, hint: text::block(&field("hint"), self.hint.as_deref(), HINT)?, unit, ..self })
    }
}

/// What a tenant wants checked at each installation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checklist {
    /// Rises by one with each change; 0: nobody has made one.
    pub version: i64,
    /// In the order in which they are asked.
    pub items: Vec<CheckItem>,
}

impl Checklist {
    /// Whether an item of that id is on it.
    #[must_use]
    pub fn has(&self, id: Uuid) -> bool {
        self.items.iter().any(|item| item.id == id)
    }
}

/// The items of a list, their texts trimmed, when they keep to the rules.
///
/// # Errors
/// `invalid_field` of `items`, or of `items[<place from 0>].<name>`.
pub fn kept_items(items: Vec<CheckItem>) -> Result<Vec<CheckItem>, Refusal> {
    if items.len() > MOST_ITEMS {
        return Err(Refusal::field("items", format!("has {} items, at most {MOST_ITEMS} are allowed", items.len())));
    }
    let kept: Vec<_> = items.into_iter().enumerate().map(|(place, item)| item.kept(place)).collect::<Result<_, _>>()?;
    match kept.iter().enumerate().find(|(place, item)| kept[..*place].iter().any(|before| before.id == item.id)) {
        Some((place, _)) => Err(Refusal::field(&format!("items[{place}].id"), "is the id of another item, too")),
        None => Ok(kept),
    }
}

/// What another list of items changes: how many came, went, and stayed with other words or rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Items that are new.
    pub added: usize,
    /// Items that are no more.
    pub removed: usize,
    /// Items that ask something else than before.
    pub changed: usize,
}

impl Difference {
    /// From one list to another; the order does not count.
    #[must_use]
    pub fn between(before: &[CheckItem], after: &[CheckItem]) -> Self {
        let find = |items: &[CheckItem], id| items.iter().position(|item| item.id == id);
        let changed = after.iter().filter(|item| find(before, item.id).is_some_and(|place| before[place] != **item)).count();
        Self {
            added: after.iter().filter(|item| find(before, item.id).is_none()).count(),
            removed: before.iter().filter(|item| find(after, item.id).is_none()).count(),
            changed,
        }
    }
}
