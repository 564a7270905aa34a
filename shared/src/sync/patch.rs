//! Three-state patches: absent = leave, `null` = clear, value = set.
//!
//! Deliberately not here: which fields may be cleared (`rules`) and how two patches of one
//! field meet (`policy`).

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a patch says about one field.
///
/// In a struct: `#[serde(default, skip_serializing_if = "Patch::is_keep")]`, and
/// `#[schema(value_type = Option<T>)]` for the API description.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Patch<T> {
    /// Leave the field as it is (absent on the wire).
    #[default]
    Keep,
    /// Clear it (`null`).
    Clear,
    /// Set it.
    Set(T),
}

impl<T> Patch<T> {
    /// Whether the field stays as it is.
    pub const fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// The new value, when there is one.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }

    /// `field` after this patch.
    pub fn over(self, field: Option<T>) -> Option<T> {
        match self {
            Self::Keep => field,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

impl<T> From<T> for Patch<T> {
    fn from(value: T) -> Self {
        Self::Set(value)
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Set(value) => s.serialize_some(value),
            Self::Keep | Self::Clear => s.serialize_none(),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Option::<T>::deserialize(d).map(|value| value.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Body {
        #[serde(default, skip_serializing_if = "Patch::is_keep")]
        note: Patch<String>,
    }

    #[test]
    fn absent_null_and_value_are_three_different_things() {
        for (json, note) in [("{}", Patch::Keep), (r#"{"note":null}"#, Patch::Clear), (r#"{"note":"a"}"#, Patch::Set("a".to_owned()))] {
            let body: Body = serde_json::from_str(json).unwrap();
            assert_eq!(body.note, note, "{json}");
            assert_eq!(serde_json::to_string(&body).unwrap(), json, "it is written as it was read");
        }
    }
}
