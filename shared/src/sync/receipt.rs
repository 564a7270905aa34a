//! What became of an intent.
//!
//! Every intent gets exactly one final receipt. Deliberately not here: the words a person
//! reads (`shared/words`); `detail` is for logs and for codes a client does not know.

use serde::{Deserialize, Serialize};

use super::rows::Seq;
use crate::ids::IntentId;

/// The server's answer to one intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Receipt {
    /// The intent's number on its client.
    pub n: u64,
    /// The intent.
    pub intent_id: IntentId,
    /// The tenant's sequence at which the effect (or its absence) is visible: a client keeps its
    /// optimistic copy until it has pulled this far.
    pub seq: Seq,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of an intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// All of it took effect.
    Applied,
    /// It took effect, except the fields `lost`: somebody else's later word stands there.
    Merged {
        /// Names of fields.
        lost: Vec<String>,
    },
    /// Nothing of it took effect, since all of it was overtaken. Not an error.
    Superseded {
        /// Names of fields.
        lost: Vec<String>,
    },
    /// It was not allowed or not possible; goes to "needs attention".
    Refused(Refusal),
    /// The server could not carry it out for a reason of its own; kept there for inspection, goes to "needs attention".
    Quarantined(Refusal),
    /// Not now: send it again later, under a new number and with the same id.
    Later(Refusal),
}

impl Outcome {
    /// Whether this is the last word about the intent.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::Later(_))
    }

    /// Whether the intent's work stands, in whole, in part or overtaken by others.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        matches!(self, Self::Applied | Self::Merged { .. } | Self::Superseded { .. })
    }

    /// Why not, when not.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) | Self::Quarantined(refusal) | Self::Later(refusal) => Some(refusal),
            Self::Applied | Self::Merged { .. } | Self::Superseded { .. } => None,
        }
    }
}

/// Why a change does not happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, utoipa::ToSchema)]
#[error("{code}: {detail}")]
pub struct Refusal {
    /// What clients branch on.
    pub code: Code,
    /// For people who read logs, in plain English.
    pub detail: String,
    /// The field at fault, as it is named on the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Refusal {
    /// A refusal that is about no single field.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), field: None }
    }

    /// `invalid_field`.
    pub fn field(field: &str, detail: impl Into<String>) -> Self {
        Self { code: Code::InvalidField, detail: detail.into(), field: Some(field.to_owned()) }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// Why a change does not happen; the names are those of docs/API.md where it has them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Code {
            $($(#[$doc])* $variant,)*
            /// A code of a newer server.
            #[serde(other)]
            Unknown,
        }

        impl Code {
            /// All that this version knows.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant,)*];

            /// Its name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* Self::Unknown => "unknown" }
            }
        }
    };
}

codes! {
    /// A field breaks a rule; `field` names it.
    InvalidField = "invalid_field";
    /// The role does not permit it.
    NotAllowed = "not_allowed";
    /// It is about something at a site that this person does not work at, or no longer does.
    NoLongerPermitted = "no_longer_permitted";
    /// The row it is about does not exist (or no longer, or belongs to another tenant).
    NotFound = "not_found";
    /// The row exists already.
    AlreadyExists = "already_exists";
    /// The device is not in a state in which this may happen.
    StateConflict = "state_conflict";
    /// A higher commissioning epoch is known.
    Stale = "stale";
    /// The row was deleted meanwhile.
    RowDeleted = "row_deleted";
    /// An append-only record exists with other content.
    AppendOnly = "append_only";
    /// An intent it depends on was refused.
    ParentRefused = "parent_refused";
    /// An intent it depends on has to wait, or is not known here.
    ParentPending = "parent_pending";
    /// The intent cannot be read.
    Malformed = "malformed";
    /// The intent is of a kind that this server does not know yet.
    NeedsNewerServer = "needs_newer_server";
    /// The server failed on it.
    Internal = "internal";
    /// Something between app and server did not let it through, time and again. Only apps say so.
    NotDelivered = "not_delivered";
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_flat_on_the_wire() {
        let refused = Outcome::Refused(Refusal::field("name", "is empty"));
        let json = serde_json::to_string(&refused).unwrap();
        assert_eq!(json, r#"{"kind":"refused","code":"invalid_field","detail":"is empty","field":"name"}"#);
        assert_eq!(serde_json::from_str::<Outcome>(&json).unwrap(), refused);
        assert_eq!(serde_json::to_string(&Outcome::Applied).unwrap(), r#"{"kind":"applied"}"#);
    }

    #[test]
    fn a_code_of_a_newer_server_is_still_a_refusal() {
        let outcome: Outcome = serde_json::from_str(r#"{"kind":"refused","code":"moon_phase","detail":"x"}"#).unwrap();
        assert_eq!(outcome.refusal().map(|refusal| refusal.code), Some(Code::Unknown));
    }
}
