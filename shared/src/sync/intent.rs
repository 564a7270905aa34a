//! What a person (or the server on behalf of a device) wants to change.
//!
//! An intent is re-runnable and deterministic: times and ids are arguments, so that the same
//! intent can be applied at once on the client, again after each pull, and finally on the server.
//! Deliberately not here: whether it is allowed and what it does (`rules`).
//! To add a change: a variant of [`Change`], its line in [`Change::touches`], its rule, and a
//! wire example in the test below.

use serde::{Deserialize, Serialize};

use super::{
    patch::Patch,
    rows::{RowKey, Seq},
};
use crate::{
    entities::{Attempt, Security},
    ids::{BookmarkId, ClientId, DeviceId, IntentId, ModelId, PersonId, SiteId, TenantId},
    time::Millis,
};

/// One intended change, recorded durably before anybody is told "saved".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Intent {
    /// The replica that recorded it.
    pub client_id: ClientId,
    /// Its number there: 1, 2, 3, … without gaps. With `client_id` the idempotency key.
    pub n: u64,
    /// Its own id (UUIDv7), so that a cloned or restored client is noticed.
    pub id: IntentId,
    /// When it was made, by the client's clock; the server corrects it by the measured skew.
    pub at: Millis,
    /// Whether `at` is only roughly known: the clock was set since, and the machine started again. Said as it is sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_is_rough: bool,
    /// The sequence of the target row when it was made; `None` when it creates the row.
    pub base: Option<Seq>,
    /// The same for what people wrote there in words of their own, where that is less: an own change that waits hides
    /// newer words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Seq>,
    /// What its author read where they wrote words: what became of it can be told from what they put in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<String>,
    /// Whether its author had seen more than `base` tells, which went with a life of the server: what others did since then
    /// may be what they saw.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub past_lost: bool,
    /// Intents of this client that must have succeeded before (they made rows this one uses).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<IntentId>,
    /// What to change.
    pub change: Change,
}

/// What to change: `{"kind": "site.create", "body": {…}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", content = "body")]
pub enum Change {
    /// A new site.
    #[serde(rename = "site.create")]
    SiteCreate(NewSite),
    /// Edits a site.
    #[serde(rename = "site.update")]
    SiteUpdate(SiteUpdate),
    /// A new kind of device.
    #[serde(rename = "model.create")]
    ModelCreate(NewModel),
    /// Edits a kind of device.
    #[serde(rename = "model.update")]
    ModelUpdate(ModelUpdate),
    /// A new device, `planned`. Its id is derived from tenant and serial.
    #[serde(rename = "device.create")]
    DeviceCreate(NewDevice),
    /// Edits a device.
    #[serde(rename = "device.update")]
    DeviceUpdate(DeviceUpdate),
    /// Takes a device out of service, for good.
    #[serde(rename = "device.retire")]
    DeviceRetire(DeviceRetire),
    /// A device proved its claim. Only the server makes this one.
    #[serde(rename = "device.claimed")]
    DeviceClaimed(DeviceClaimed),
    /// A device is in contact. Only the server makes this one.
    #[serde(rename = "device.online")]
    DeviceOnline(DeviceOnline),
    /// An attempt to commission a device, finished one way or another.
    #[serde(rename = "attempt.record")]
    AttemptRecord(Box<Attempt>),
    /// Puts a device on one's own list, or changes what is noted there.
    #[serde(rename = "bookmark.set")]
    BookmarkSet(BookmarkSet),
    /// Takes a device off one's own list.
    #[serde(rename = "bookmark.remove")]
    BookmarkRemove(BookmarkRemove),
}

/// A new site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSite {
    /// Made by the author (UUIDv7).
    pub id: SiteId,
    /// 1–120 characters.
    pub name: String,
    /// At most 400 characters.
    #[serde(default)]
    pub address: Option<String>,
    /// IANA name.
    pub time_zone: String,
    /// At most 2,000 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// An edit of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteUpdate {
    /// Which.
    pub id: SiteId,
    /// What.
    pub patch: SitePatch,
}

/// The fields of a site that can be edited. Also the body of `PATCH /v1/sites/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SitePatch {
    /// 1–120 characters; cannot be cleared.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<String>)]
    pub name: Patch<String>,
    /// At most 400 characters.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<String>)]
    pub address: Patch<String>,
    /// IANA name; cannot be cleared.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<String>)]
    pub time_zone: Patch<String>,
    /// At most 2,000 characters.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<String>)]
    pub note: Patch<String>,
}

/// A new kind of device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewModel {
    /// Made by the author (UUIDv7).
    pub id: ModelId,
    /// 1–120 characters.
    pub name: String,
    /// 1–60 characters.
    pub sku: String,
    /// The floor for the radio session.
    pub min_security: Security,
}

/// An edit of a kind of device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelUpdate {
    /// Which.
    pub id: ModelId,
    /// What.
    pub patch: ModelPatch,
}

/// The fields of a model that can be edited; none can be cleared. Also the body of `PATCH /v1/models/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelPatch {
    /// 1–120 characters.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<String>)]
    pub name: Patch<String>,
    /// 1–60 characters.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<String>)]
    pub sku: Patch<String>,
    /// The floor for the radio session.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Security>)]
    pub min_security: Patch<Security>,
}

/// A new device. Also the body of `POST /v1/devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDevice {
    /// What the label shows, 1–64 characters; normalized by the rules.
    pub serial: String,
    /// 1–120 characters.
    pub name: String,
    /// Its kind.
    pub model_id: ModelId,
    /// Where it stands, when that is known.
    #[serde(default)]
    pub site_id: Option<SiteId>,
    /// At most 2,000 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// An edit of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceUpdate {
    /// Which.
    pub id: DeviceId,
    /// What.
    pub patch: DevicePatch,
}

/// The fields of a device that can be edited. Also the body of `PATCH /v1/devices/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DevicePatch {
    /// 1–120 characters; cannot be cleared.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<String>)]
    pub name: Patch<String>,
    /// Cannot be cleared.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<ModelId>)]
    pub model_id: Patch<ModelId>,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<SiteId>)]
    pub site_id: Patch<SiteId>,
    /// At most 2,000 characters.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<String>)]
    pub note: Patch<String>,
}

/// Takes a device out of service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceRetire {
    /// Which.
    pub id: DeviceId,
    /// Why, at most 400 characters; goes to the audit log.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What a device proved when it claimed itself. Creates the row when no technician has yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceClaimed {
    /// What the device reports; the id follows from it.
    pub serial: String,
    /// Its kind, for the row that is made when none exists.
    pub model_id: Option<ModelId>,
    /// The site of the grant.
    pub site_id: Option<SiteId>,
    /// Its commissioning epoch after the claim.
    pub epoch: u32,
    /// What it runs.
    pub firmware: Option<String>,
    /// The key that it proved before was forgotten: its epochs begin anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anew: bool,
}

/// A device is in contact with its own credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceOnline {
    /// Which.
    pub id: DeviceId,
    /// What it runs, when it said so.
    pub firmware: Option<String>,
}

/// Puts a device on its author's own list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BookmarkSet {
    /// The author.
    pub person_id: PersonId,
    /// What to mark.
    pub device_id: DeviceId,
    /// At most 2,000 characters.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<String>)]
    pub note: Patch<String>,
}

/// Takes a device off its author's own list; one that is not there is fine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BookmarkRemove {
    /// The author.
    pub person_id: PersonId,
    /// What is marked.
    pub device_id: DeviceId,
}

impl Change {
    /// Every `kind` this version knows.
    pub const KINDS: [&'static str; 12] = [
        "site.create", "site.update", "model.create", "model.update", "device.create",
        "device.update", "device.retire", "device.claimed", "device.online", "attempt.record",
        "bookmark.set", "bookmark.remove",
    ];

    /// Its `kind` on the wire; also the action in the audit log.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SiteCreate(_) => "site.create",
            Self::SiteUpdate(_) => "site.update",
            Self::ModelCreate(_) => "model.create",
            Self::ModelUpdate(_) => "model.update",
            Self::DeviceCreate(_) => "device.create",
            Self::DeviceUpdate(_) => "device.update",
            Self::DeviceRetire(_) => "device.retire",
            Self::DeviceClaimed(_) => "device.claimed",
            Self::DeviceOnline(_) => "device.online",
            Self::AttemptRecord(_) => "attempt.record",
            Self::BookmarkSet(_) => "bookmark.set",
            Self::BookmarkRemove(_) => "bookmark.remove",
        }
    }

    /// The row it is about.
    #[must_use]
    pub fn target(&self, tenant: TenantId) -> RowKey {
        match self {
            Self::SiteCreate(new) => new.id.into(),
            Self::SiteUpdate(update) => update.id.into(),
            Self::ModelCreate(new) => new.id.into(),
            Self::ModelUpdate(update) => update.id.into(),
            Self::DeviceCreate(new) => DeviceId::for_serial(tenant, &new.serial).into(),
            Self::DeviceUpdate(update) => update.id.into(),
            Self::DeviceRetire(retire) => retire.id.into(),
            Self::DeviceClaimed(claimed) => DeviceId::for_serial(tenant, &claimed.serial).into(),
            Self::DeviceOnline(online) => online.id.into(),
            Self::AttemptRecord(attempt) => attempt.id.into(),
            Self::BookmarkSet(set) => BookmarkId::of(set.person_id, set.device_id).into(),
            Self::BookmarkRemove(remove) => BookmarkId::of(remove.person_id, remove.device_id).into(),
        }
    }

    /// Every row the rules may look at or change: load these, then apply. The target comes first.
    #[must_use]
    pub fn touches(&self, tenant: TenantId) -> Vec<RowKey> {
        let mut keys = vec![self.target(tenant)];
        match self {
            Self::DeviceCreate(new) => {
                keys.push(new.model_id.into());
                keys.extend(new.site_id.map(RowKey::from));
            }
            Self::DeviceUpdate(update) => {
                keys.extend(update.patch.model_id.value().map(|id| RowKey::from(*id)));
                keys.extend(update.patch.site_id.value().map(|id| RowKey::from(*id)));
            }
            Self::DeviceClaimed(claimed) => {
                keys.extend(claimed.model_id.map(RowKey::from));
                keys.extend(claimed.site_id.map(RowKey::from));
            }
            Self::AttemptRecord(attempt) => {
                keys.extend(attempt.device_id.map(RowKey::from));
                keys.extend(attempt.site_id.map(RowKey::from));
            }
            Self::BookmarkSet(set) => keys.push(set.device_id.into()),
            Self::SiteCreate(_) | Self::SiteUpdate(_) | Self::ModelCreate(_) | Self::ModelUpdate(_) | Self::DeviceRetire(_) | Self::DeviceOnline(_) | Self::BookmarkRemove(_) => {}
        }
        keys
    }

    /// Whose own row it is about; nobody else sees the change, nor that it was made.
    #[must_use]
    pub const fn owner(&self) -> Option<PersonId> {
        match self {
            Self::BookmarkSet(set) => Some(set.person_id),
            Self::BookmarkRemove(remove) => Some(remove.person_id),
            _ => None,
        }
    }

    /// Whether it makes its target row.
    #[must_use]
    pub const fn creates(&self) -> bool {
        matches!(self, Self::SiteCreate(_) | Self::ModelCreate(_) | Self::DeviceCreate(_) | Self::AttemptRecord(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn an_intent_reads_as_its_documentation_says() {
        let text = r#"{"client_id":"cli_00000000000000000000000000000001","n":3,"id":"int_00000000000000000000000000000002","at":5,"base":7,"change":{"kind":"site.update","body":{"id":"sit_00000000000000000000000000000004","patch":{"name":"Dock","note":null}}}}"#;
        let intent: Intent = serde_json::from_str(text).unwrap();
        let Change::SiteUpdate(update) = &intent.change else { panic!("{intent:?}") };
        assert_eq!(update.patch, SitePatch { name: Patch::Set("Dock".into()), note: Patch::Clear, ..SitePatch::default() });
        assert_eq!(serde_json::to_string(&intent).unwrap(), text);
    }

    #[test]
    fn kinds_are_those_of_the_wire() {
        let retire = Change::DeviceRetire(DeviceRetire { id: DeviceId(Uuid::nil()), reason: None });
        assert_eq!(serde_json::to_value(&retire).unwrap()["kind"], retire.kind());
        assert!(Change::KINDS.contains(&retire.kind()));
    }

    #[test]
    fn a_device_is_made_under_the_id_of_its_serial() {
        let tenant = TenantId(Uuid::from_u128(1));
        let new = NewDevice { serial: "ab 1".into(), name: "x".into(), model_id: ModelId(Uuid::nil()), site_id: None, note: None };
        assert_eq!(Change::DeviceCreate(new).target(tenant), DeviceId::for_serial(tenant, "AB1").into());
    }
}
