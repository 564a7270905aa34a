//! Enumerations as the replica writes them: the words of the wire.
//!
//! Deliberately not here: the enumerations themselves (`omniot_shared::entities`).

use omniot_shared::entities::{AttemptOutcome, DeviceState, Security};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

/// A value that is stored as one fixed word.
pub trait Word: Sized + Copy + 'static {
    /// Every value and its word.
    const WORDS: &'static [(Self, &'static str)];
}

impl Word for Security {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Sec0, "sec0"), (Self::Sec1, "sec1"), (Self::Sec2Patch0, "sec2_patch0"), (Self::Sec2Patch1, "sec2_patch1")];
}

impl Word for DeviceState {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Planned, "planned"), (Self::Claimed, "claimed"), (Self::Online, "online"), (Self::Retired, "retired")];
}

impl Word for AttemptOutcome {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Succeeded, "succeeded"),
        (Self::Failed, "failed"),
        (Self::Cancelled, "cancelled"),
        (Self::Interrupted, "interrupted"),
    ];
}

/// Stores a [`Word`] and reads it back.
pub struct AsWord<T>(pub T);

impl<T: Word + PartialEq> rusqlite::ToSql for AsWord<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let word = T::WORDS.iter().find(|(value, _)| *value == self.0).map_or("", |(_, word)| *word);
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(word.as_bytes())))
    }
}

impl<T: Word> FromSql for AsWord<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let stored = value.as_str()?;
        T::WORDS.iter().find(|(_, word)| *word == stored).map(|(value, _)| Self(*value)).ok_or(FromSqlError::InvalidType)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are_those_of_the_wire<T: Word + serde::Serialize>() {
        for (value, word) in T::WORDS {
            assert_eq!(serde_json::to_value(value).unwrap(), *word);
        }
    }

    #[test]
    fn stored_words_are_those_of_the_wire() {
        are_those_of_the_wire::<Security>();
        are_those_of_the_wire::<DeviceState>();
        are_those_of_the_wire::<AttemptOutcome>();
    }
}
