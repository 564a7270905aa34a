//! Apps and a server of before, as far as the wire shows them (16): what their version does not say is neither said nor heard.
//!
//! What a version says stands in `tests/vectors/sync`. Behind it runs the code of today on both sides. Deliberately not
//! here: the shape of each message and change (`shared/src/sync/versions.rs`), and changes of another shape (`upcast`).

use std::{collections::BTreeSet, fs, path::Path};

use omniot_shared::sync::{Change, wire::SCHEMA};
use serde_json::{Value, json};

/// What a version of the messages says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its fixtures; `None` for that of today.
    folder: Option<&'static str>,
}

impl Version {
    pub const TODAY: Self = Self { folder: None };
    /// Before people were limited to sites.
    pub const BEFORE_SITES: Self = Self { folder: Some("schema-1-before-sites") };
    /// Before there were lists of one's own.
    pub const BEFORE_LISTS: Self = Self { folder: Some("schema-1") };
    /// Before a change said what its author had read.
    pub const BEFORE_WORDS: Self = Self { folder: Some("schema-2") };

    fn fixture(&self, name: &str) -> Option<Value> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/sync").join(self.folder?).join(name).with_extension("json");
        Some(serde_json::from_slice(&fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).expect("JSON"))
    }

    /// A request or an answer at `path` (`/v1/sync/hello` …), without what this version does not know.
    pub fn says(&self, path: &str, what: &str, mut body: Value) -> Value {
        let name = path.rsplit('/').next().unwrap_or_default();
        if let (Some(known), Some(fields)) = (self.fixture(&format!("{name}_{what}")), body.as_object_mut()) {
            fields.retain(|field, _| known.get(field).is_some());
            if let (Some(intents), Some(known)) = (fields.get_mut("intents").and_then(Value::as_array_mut), known["intents"].as_array()) {
                for intent in intents.iter_mut().filter_map(Value::as_object_mut) {
                    intent.retain(|field, _| known.iter().any(|known| known.get(field).is_some()));
                }
            }
            for versioned in ["schema", "min_schema"] {
                // An app of before that reaches a server of a little later stays of its own schema.
                if let (Some(field), Some(old)) = (fields.get_mut(versioned), known.get(versioned))
                    && old.as_u64() < field.as_u64()
                {
                    *field = old.clone();
                }
            }
        }
        body
    }

    /// What this version calls a change.
    fn kinds(&self) -> Option<BTreeSet<String>> {
        let push = self.fixture("push_request")?;
        let intents = push["intents"].as_array().expect("intents");
        Some(intents.iter().map(|intent| intent["change"]["kind"].as_str().expect("a kind").to_owned()).collect())
    }

    /// Whether it can write that down.
    pub fn knows(&self, change: &Change) -> bool {
        self.kinds().is_none_or(|kinds| kinds.contains(change.kind()))
    }

    /// What a server of this version understands of a request: changes that it does not know are of a newer schema for
    /// the one of today, too.
    pub fn understands(&self, path: &str, body: Value) -> Value {
        let mut body = self.says(path, "request", body);
        if let Some(kinds) = self.kinds()
            && let Some(intents) = body.get_mut("intents").and_then(Value::as_array_mut)
        {
            for kind in intents.iter_mut().filter_map(|intent| intent.pointer_mut("/change/kind")) {
                if !kind.as_str().is_some_and(|kind| kinds.contains(kind)) {
                    *kind = json!("of.tomorrow");
                }
            }
            body["schema"] = json!(SCHEMA + 1);
        }
        body
    }
}
