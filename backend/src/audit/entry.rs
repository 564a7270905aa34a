//! What is written down, and who did it.

use std::fmt::Display;

use omniot_shared::ids::{DeviceId, OperatorId, PersonId};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// `person`, `operator`, `device`, `anonymous` or `system`.
    pub kind: &'static str,
    /// Their id on the wire, when they have one.
    pub id: Option<String>,
    /// Their name then.
    pub name: String,
    /// On whose behalf (support access).
    pub acting_as: Option<String>,
}

impl Author {
    fn new(kind: &'static str, id: Option<String>, name: &str) -> Self {
        Self { kind, id, name: name.to_owned(), acting_as: None }
    }

    /// A person of the tenant.
    #[must_use]
    pub fn person(id: PersonId, name: &str) -> Self {
        Self::new("person", Some(id.to_string()), name)
    }

    /// A platform operator.
    #[must_use]
    pub fn operator(id: OperatorId, name: &str) -> Self {
        Self::new("operator", Some(id.to_string()), name)
    }

    /// A device.
    #[must_use]
    pub fn device(id: DeviceId, name: &str) -> Self {
        Self::new("device", Some(id.to_string()), name)
    }

    /// Somebody who is not signed in; `name` says what is known, e.g. the address they typed.
    #[must_use]
    pub fn anonymous(name: &str) -> Self {
        Self::new("anonymous", None, name)
    }

    /// The server itself; `job` is the job's name.
    #[must_use]
    pub fn system(job: &str) -> Self {
        Self::new("system", None, job)
    }
}

/// One change, before it is numbered and chained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub(super) action: String,
    pub(super) target: (String, Option<String>, Option<String>),
    pub(super) detail: Option<String>,
    pub(super) before: Option<[u8; 32]>,
    pub(super) after: Option<[u8; 32]>,
}

impl Entry {
    /// `<resource>.<verb>`, e.g. `site.create`.
    #[must_use]
    pub fn new(action: impl Into<String>) -> Self {
        Self { action: action.into(), target: ("tenant".to_owned(), None, None), detail: None, before: None, after: None }
    }

    /// What it was done to; the tenant itself when nothing is said.
    #[must_use]
    pub fn target(mut self, kind: &str, id: impl Display, name: &str) -> Self {
        self.target = (kind.to_owned(), Some(id.to_string()), Some(name.to_owned()));
        self
    }

    /// What a reader wants to know, e.g. which fields changed. Never a secret.
    #[must_use]
    pub fn detail(mut self, detail: impl Serialize) -> Self {
        self.detail = serde_json::to_string(&detail).ok();
        self
    }

    /// The thing as it was; only its hash is kept.
    #[must_use]
    pub fn before(mut self, thing: &impl Serialize) -> Self {
        self.before = fingerprint(thing);
        self
    }

    /// The thing as it is now; only its hash is kept.
    #[must_use]
    pub fn after(mut self, thing: &impl Serialize) -> Self {
        self.after = fingerprint(thing);
        self
    }
}

/// SHA-256 of the thing's JSON with sorted keys.
fn fingerprint(thing: &impl Serialize) -> Option<[u8; 32]> {
    let mut value = serde_json::to_value(thing).ok()?;
    value.sort_all_objects();
    Some(Sha256::digest(value.to_string().as_bytes()).into())
}
