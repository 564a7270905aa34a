//! What was answered at one attempt, note and photos included: a file that never changes.
//!
//! Whoever answers anew makes a new file; the one with the greatest `at` counts. Reading is strict: what this version
//! does not know is no record, so that server and app never disagree about what was said.
//! Deliberately not here: the photos themselves, which are files of the attempt with an address of their own.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CheckItem, Checklist, Evidence, TEXT, UNIT};
use crate::{
    attachment::{Address, Kind},
    ids::AttemptId,
    sync::{Refusal, rules::text},
    time::Millis,
};

/// The shape of a record that this version writes and reads.
pub const SCHEMA: u32 = 1;
/// The most items of a record: those of the list, and those that were answered before they left it.
const MOST_CHECKED: usize = 2 * super::MOST_ITEMS;
/// Longest note, characters.
const NOTE: usize = 2_000;
/// Longest answer in words, characters.
const WORDS: usize = 1_000;
/// Longest reason why an item does not apply, characters.
const REASON: usize = 500;
/// The most photos of one answer.
const PHOTOS: usize = 10;

/// What was answered to an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = CheckAnswer)]
pub enum Answer {
    /// It is so.
    Done {},
    /// In words.
    Text {
        /// 1–1,000 characters.
        text: String,
    },
    /// As a number.
    Number {
        /// Finite; in the item's unit.
        number: f64,
    },
    /// As photos of the same attempt.
    Photos {
        /// What they are called, 1–10 different ones.
        sha256s: Vec<Address>,
    },
    /// It cannot be checked here.
    NotApplicable {
        /// Why, 1–500 characters.
        reason: String,
    },
}

impl Answer {
    /// Whether that is an answer to such an item; that it does not apply is one to any.
    #[must_use]
    pub const fn fits(&self, evidence: Evidence) -> bool {
        match self {
            Self::Done {} => matches!(evidence, Evidence::Tick),
            Self::Text { .. } => matches!(evidence, Evidence::Text),
            Self::Number { .. } => matches!(evidence, Evidence::Number),
            Self::Photos { .. } => matches!(evidence, Evidence::Photo),
            Self::NotApplicable { .. } => true,
        }
    }

    /// The photos that it names.
    #[must_use]
    pub fn photos(&self) -> &[Address] {
        if let Self::Photos { sha256s } = self { sha256s } else { &[] }
    }

    /// The same with its words trimmed.
    #[must_use]
    pub fn trimmed(self) -> Self {
        let trim = |words: String| plain(&words);
        match self {
            Self::Text { text } => Self::Text { text: trim(text) },
            Self::NotApplicable { reason } => Self::NotApplicable { reason: trim(reason) },
            other => other,
        }
    }

    fn check(&self, field: &str) -> Result<(), Refusal> {
        let is_kept = |words: &str, most| match text::block(field, Some(words), most)? {
            Some(kept) if kept == words => Ok(()),
            Some(_) => Err(Refusal::field(field, "begins or ends with white space")),
            None => Err(Refusal::field(field, "is empty")),
        };
        match self {
            Self::Done {} => Ok(()),
            Self::Text { text } => is_kept(text, WORDS),
            Self::NotApplicable { reason } => is_kept(reason, REASON),
            Self::Number { number } if number.is_finite() => Ok(()),
            Self::Number { .. } => Err(Refusal::field(field, "is no finite number")),
            Self::Photos { sha256s } if sha256s.is_empty() || sha256s.len() > PHOTOS => Err(Refusal::field(field, format!("names {} photos, 1 to {PHOTOS} are allowed", sha256s.len()))),
            Self::Photos { sha256s } if (1..sha256s.len()).any(|n| sha256s[..n].contains(&sha256s[n])) => Err(Refusal::field(field, "names a photo twice")),
            Self::Photos { .. } => Ok(()),
        }
    }
}

/// What a person or a scanner typed, without white space around it and characters that nobody sees.
#[must_use]
pub fn plain(words: &str) -> String {
    let seen: String = words.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')).collect();
    seen.trim().to_owned()
}

/// An item as it was asked, and what was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CheckedItem)]
pub struct Checked {
    /// The item's.
    pub id: Uuid,
    /// What was asked.
    pub text: String,
    /// Whether the installation is not done without it.
    pub required: bool,
    /// What was to show it.
    pub evidence: Evidence,
    /// The unit of a number.
    pub unit: Option<String>,
    /// `null`: nobody has answered yet.
    pub answer: Option<Answer>,
}

impl Checked {
    /// That item, answered so.
    #[must_use]
    pub fn of(item: &CheckItem, answer: Option<Answer>) -> Self {
        Self { id: item.id, text: item.text.clone(), required: item.required, evidence: item.evidence, unit: item.unit.clone(), answer }
    }

    fn check(&self, place: usize) -> Result<(), Refusal> {
        let field = |name: &str| format!("items[{place}].{name}");
        if text::line(&field("text"), &self.text, TEXT)? != self.text {
            return Err(Refusal::field(&field("text"), "begins or ends with white space"));
        }
        if text::block(&field("unit"), self.unit.as_deref(), UNIT)? != self.unit || (self.unit.is_some() && self.evidence != Evidence::Number) {
            return Err(Refusal::field(&field("unit"), "is no unit of a number"));
        }
        self.check_answer(&field("answer"))
    }

    /// Whether its answer is one to such an item, and keeps to the rules; `field` is what it is called otherwise.
    ///
    /// # Errors
    /// `invalid_field`.
    pub fn check_answer(&self, field: &str) -> Result<(), Refusal> {
        let Some(answer) = &self.answer else { return Ok(()) };
        if !answer.fits(self.evidence) {
            return Err(Refusal::field(field, "is no answer to such an item"));
        }
        answer.check(field)
    }
}

/// What was answered at one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CheckRecord)]
pub struct Record {
    /// 1.
    pub schema: u32,
    /// Of which attempt.
    pub attempt_id: AttemptId,
    /// When it was answered, by the app's clock; of two records the later one counts.
    pub at: Millis,
    /// The version of the checklist that was asked; 0: there was none.
    pub checklist: i64,
    /// What else there is to say, at most 2,000 characters.
    pub note: Option<String>,
    /// In the order in which they were asked.
    pub items: Vec<Checked>,
}

/// What cannot be a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no record of checks")]
pub struct NoRecord;

impl Record {
    /// What is asked now with what was answered `earlier`: the items of the list, and behind them those that were
    /// answered and are no longer on the list. What was answered keeps the words as they were asked: an answer is never
    /// found under another question.
    #[must_use]
    pub fn renewed(attempt_id: AttemptId, list: &Checklist, earlier: Option<&Self>) -> Self {
        let before = earlier.map_or(&[][..], |record| &record.items);
        let answered = |item: &CheckItem| before.iter().find(|one| one.id == item.id && one.answer.is_some()).cloned();
        let asked = |item: &CheckItem| answered(item).map_or_else(|| Checked::of(item, None), |earlier| Checked { required: item.required, ..earlier });
        let mut items: Vec<_> = list.items.iter().map(asked).collect();
        let room = MOST_CHECKED.saturating_sub(items.len());
        items.extend(before.iter().filter(|item| item.answer.is_some() && !list.has(item.id)).take(room).cloned());
        let at = earlier.map_or(Millis(0), |record| record.at);
        Self { schema: SCHEMA, attempt_id, at, checklist: list.version, note: earlier.and_then(|record| record.note.clone()), items }
    }

    /// Forgets items that have no answer and are not on the list any more.
    pub fn forget_former(&mut self, list: &Checklist) {
        self.items.retain(|item| item.answer.is_some() || list.has(item.id));
    }

    /// Whether it keeps to the rules: the one judgement of server and app.
    ///
    /// # Errors
    /// `invalid_field` of `note`, `items`, or `items[<place from 0>].<name>`.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.schema != SCHEMA {
            return Err(Refusal::field("schema", "is not known"));
        }
        if text::block("note", self.note.as_deref(), NOTE)? != self.note {
            return Err(Refusal::field("note", "is blank, or begins or ends with white space"));
        }
        if self.items.len() > MOST_CHECKED {
            return Err(Refusal::field("items", format!("has {} items, at most {MOST_CHECKED} are allowed", self.items.len())));
        }
        for (place, item) in self.items.iter().enumerate() {
            item.check(place)?;
            if self.items[..place].iter().any(|before| before.id == item.id) {
                return Err(Refusal::field(&format!("items[{place}].id"), "is the id of another item, too"));
            }
        }
        Ok(())
    }

    /// Its bytes.
    ///
    /// # Errors
    /// `invalid_field` when it does not keep to the rules, or says more than fits into 64 kB.
    pub fn pack(&self) -> Result<Vec<u8>, Refusal> {
        self.check()?;
        let bytes = serde_json::to_vec(self).map_err(|error| Refusal::field("items", error.to_string()))?;
        let most = Kind::Checks.limit();
        if bytes.len() <= most { Ok(bytes) } else { Err(Refusal::field("items", format!("takes {} bytes, at most {most} are allowed", bytes.len()))) }
    }

    /// Reads the bytes of a record.
    ///
    /// # Errors
    /// [`NoRecord`], also for one that breaks a rule.
    pub fn unpack(bytes: &[u8]) -> Result<Self, NoRecord> {
        let record: Self = serde_json::from_slice(bytes).map_err(|_| NoRecord)?;
        record.check().map(|()| record).map_err(|_| NoRecord)
    }

    /// How many items have an answer; that one does not apply is an answer.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.items.iter().filter(|item| item.answer.is_some()).count()
    }

    /// How many items that are required have none.
    #[must_use]
    pub fn open_required(&self) -> usize {
        self.items.iter().filter(|item| item.required && item.answer.is_none()).count()
    }

    /// All photos that its answers name.
    pub fn photos(&self) -> impl Iterator<Item = Address> {
        self.items.iter().filter_map(|item| item.answer.as_ref()).flat_map(Answer::photos).copied()
    }

    /// Takes a photo out of all answers; an answer of which nothing is left is none. Whether it was in one.
    pub fn drop_photo(&mut self, photo: Address) -> bool {
        let mut was_there = false;
        for item in &mut self.items {
            if let Some(Answer::Photos { sha256s }) = &mut item.answer
                && sha256s.contains(&photo)
            {
                was_there = true;
                sha256s.retain(|one| *one != photo);
                if sha256s.is_empty() {
                    item.answer = None;
                }
            }
        }
        was_there
    }
}
