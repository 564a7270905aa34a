//! What somebody was shown of a row when they began to edit it.
//!
//! A form that is saved later than the row changed says nothing of that by itself: its author would overwrite what they
//! never saw. Deliberately not here: edits made without a network, which name the sequence they had seen (`Intent::base`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    receipt::{Code, Refusal},
    rows::Row,
};

/// The fields that an edit changes, as its author was shown them: `{"note": "Ring twice", "was": {"note": null}}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = FieldsAsShown)]
pub struct Was(BTreeMap<String, Option<String>>);

impl Was {
    /// Takes it out of an edit's JSON; one that does not say is fine.
    ///
    /// # Errors
    /// When it is something else than texts by name.
    pub fn take(edit: &mut Value) -> Result<Self, serde_json::Error> {
        let said = edit.as_object_mut().and_then(|fields| fields.remove("was"));
        said.map_or_else(|| Ok(Self::default()), serde_json::from_value)
    }

    /// Whether the row, or none, still stands as it was shown.
    ///
    /// # Errors
    /// `stale`, with the first field that somebody else changed.
    pub fn still(&self, row: Option<&Row>) -> Result<(), Refusal> {
        let tagged = row.and_then(|row| serde_json::to_value(row).ok());
        let now = tagged.as_ref().zip(row).and_then(|(tagged, row)| tagged.get(row.key().table.name()));
        let stands = |field: &str| now.and_then(|now| now.get(field)).and_then(Value::as_str).unwrap_or_default();
        match self.0.iter().find(|(field, shown)| stands(field) != shown.as_deref().unwrap_or_default()) {
            Some((field, _)) => Err(Refusal::new(Code::Stale, format!("somebody changed the field {field} meanwhile"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{entities::Site, ids::SiteId, time::Millis};

    #[test]
    fn an_edit_of_what_somebody_changed_meanwhile_is_told_so() {
        let site: Row = Site { id: SiteId(Uuid::nil()), name: "Depot".into(), address: None, time_zone: "UTC".into(), note: Some("Ring twice".into()), created_at: Millis(0) }.into();
        let still = |was: Value, row: Option<&Row>| {
            let mut edit = json!({"note": "mine", "was": was});
            let was = Was::take(&mut edit).unwrap();
            assert_eq!(edit, json!({"note": "mine"}));
            was.still(row).map_err(|refusal| refusal.code)
        };
        assert_eq!(still(json!({"note": "Ring twice", "address": null}), Some(&site)), Ok(()));
        assert_eq!(still(json!({"note": "Ring twice", "address": ""}), Some(&site)), Ok(()), "nothing is nothing");
        assert_eq!(still(json!({"note": null}), Some(&site)), Err(Code::Stale));
        assert_eq!(still(json!({"note": null}), None), Ok(()), "it is not on the list yet");
        assert_eq!(still(json!({"note": "Ring twice"}), None), Err(Code::Stale));
        assert_eq!(Was::take(&mut json!({"note": "mine"})).unwrap().still(Some(&site)), Ok(()), "who does not say is not asked");
        assert!(Was::take(&mut json!({"was": {"note": 7}})).is_err() && Was::take(&mut json!({"was": "x"})).is_err());
    }
}
