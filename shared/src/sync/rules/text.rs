//! What a text field may hold.
//!
//! Lengths are counted in characters (Unicode scalar values) after trimming. Deliberately not
//! here: a list of all time zones; a zone's form is checked, its existence is the UI's choice list.

use super::super::{patch::Patch, receipt::Refusal};
use crate::ids::{SERIAL_LIMIT, normal_serial};

/// Longest name.
pub const NAME: usize = 120;
/// Longest address, and longest reason.
pub const ADDRESS: usize = 400;
/// Longest note.
pub const NOTE: usize = 2_000;
/// Longest SKU.
pub const SKU: usize = 60;

/// A text of one line that must be there.
pub fn line(field: &str, value: &str, max: usize) -> Result<String, Refusal> {
    let text = value.trim();
    if text.is_empty() {
        return Err(Refusal::field(field, "is empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(Refusal::field(field, "has control characters"));
    }
    within(field, text, max)
}

/// A text of any number of lines that may be absent; blank is absent.
pub fn block(field: &str, value: Option<&str>, max: usize) -> Result<Option<String>, Refusal> {
    let Some(text) = value.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Refusal::field(field, "has control characters"));
    }
    within(field, text, max).map(Some)
}

/// A text that a machine reported, e.g. the name of a network, kept as it came: only the character
/// that no store can hold is shown instead, and what is too long ends with an ellipsis.
pub fn evidence(text: &str, max: usize) -> String {
    let shown = text.replace('\0', "\u{2400}");
    match shown.char_indices().nth(max) {
        None => shown,
        Some(_) => shown.chars().take(max - 1).chain(['\u{2026}']).collect(),
    }
}

/// A patch of a text that must be there.
pub fn patched_line(field: &str, patch: &Patch<String>, old: &str, max: usize) -> Result<String, Refusal> {
    match patch {
        Patch::Keep => Ok(old.to_owned()),
        Patch::Clear => Err(Refusal::field(field, "cannot be cleared")),
        Patch::Set(value) => line(field, value, max),
    }
}

/// A patch of a text that may be absent.
pub fn patched_block(field: &str, patch: &Patch<String>, old: Option<&str>, max: usize) -> Result<Option<String>, Refusal> {
    match patch {
        Patch::Keep => Ok(old.map(str::to_owned)),
        Patch::Clear => Ok(None),
        Patch::Set(value) => block(field, Some(value), max),
    }
}

/// A name of the IANA time zone database by its form: `Europe/Vienna`, `Etc/GMT+3`, `UTC`.
pub fn time_zone(field: &str, value: &str) -> Result<String, Refusal> {
    let text = line(field, value, 64)?;
    let good = text.split('/').count() <= 3
        && text.split('/').all(|part| {
            part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+'))
        });
    if good { Ok(text) } else { Err(Refusal::field(field, "is not the name of a time zone, e.g. Europe/Vienna")) }
}

/// A serial number, normalized.
pub fn serial(field: &str, value: &str) -> Result<String, Refusal> {
    let serial = normal_serial(value);
    if serial.is_empty() {
        return Err(Refusal::field(field, "is empty"));
    }
    if !serial.chars().all(|c| c.is_ascii_graphic()) {
        return Err(Refusal::field(field, "has characters other than letters, digits and signs of ASCII"));
    }
    within(field, &serial, SERIAL_LIMIT)
}

fn within(field: &str, text: &str, max: usize) -> Result<String, Refusal> {
    let length = text.chars().count();
    if length <= max { Ok(text.to_owned()) } else { Err(Refusal::field(field, format!("has {length} characters, at most {max} are allowed"))) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::is_serial;

    proptest! {
        #[test]
        fn a_device_and_a_label_are_held_to_the_rule_of_the_store(text in "[ -~äßİ\\u{0}\\u{200b}]{0,70}") {
            prop_assert_eq!(is_serial(&text), serial("serial", &text).is_ok());
        }
    }
}
