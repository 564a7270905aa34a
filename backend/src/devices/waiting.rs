//! Devices of which one side has not been heard: commissioned or refused and not in contact since, or in contact and never recorded.
//!
//! Deliberately not here: devices that were in contact and fell silent.

use omniot_shared::{
    ids::{DeviceId, SiteId},
    roles::need,
    time::Millis,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    api::DeviceError,
    store::{self, Waiting},
};
use crate::{
    commissioning::refusals::RefusedContact,
    http::{Caller, Cursor, Limit, Page, Query},
};

/// What a device waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// A technician recorded that it was claimed, or it was refused; it has not been let in since.
    Contact,
    /// It reached this server; its technician's record has not.
    Record,
}

/// A device that waits.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct WaitingDevice {
    /// Which.
    id: DeviceId,
    serial: String,
    name: String,
    site_id: Option<SiteId>,
    site_name: Option<String>,
    /// For what.
    waits_for: WaitsFor,
    /// Since when: the end of its commissioning, its first contact, or where neither is known the first refusal.
    since: Millis,
    /// Who commissioned it, as far as is known.
    technician_name: Option<String>,
    /// What it was refused since it was last in contact.
    refused: Option<RefusedContact>,
}

impl From<Waiting> for WaitingDevice {
    fn from(row: Waiting) -> Self {
        let refused = row.refused_code.zip(row.refused_grant).zip(row.refused_at.zip(row.refused_since));
        let refused = refused.map(|((code, grant), (at, since))| RefusedContact { code, grant_id: grant.into(), at: Millis(at), since: Millis(since), is_proven: row.refused_proven == Some(1) });
        Self {
            id: DeviceId(row.id),
            refused,
            serial: row.serial,
            name: row.name,
            site_id: row.site_id.map(SiteId),
            site_name: row.site_name,
            waits_for: if row.waits_for == "contact" { WaitsFor::Contact } else { WaitsFor::Record },
            since: Millis(row.since),
            technician_name: row.technician_name,
        }
    }
}

/// Which of them.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListWaiting {
    #[serde(default)]
    limit: Limit,
    cursor: Option<Cursor>,
    /// Only those that wait for this.
    waits_for: Option<WaitsFor>,
}

/// List the devices that were commissioned and not seen, or seen and not recorded, the longest waiting first
#[utoipa::path(get, path = "/v1/devices/waiting", operation_id = "list_waiting_devices", tag = "devices", params(ListWaiting), responses((status = 200, body = Page<WaitingDevice>)))]
pub async fn list_waiting_devices(mut caller: Caller<need::DeviceRead>, Query(list): Query<ListWaiting>) -> Result<Page<WaitingDevice>, DeviceError> {
    let after = list.cursor.map(|cursor| cursor.key::<(i64, Uuid)>()).transpose()?;
    let reader = caller.person().id;
    let wanted = list.waits_for.map(|waits_for| if waits_for == WaitsFor::Contact { "contact" } else { "record" });
    let rows = store::waiting(caller.scope(), reader, wanted, after, list.limit.rows()).await?;
    Ok(Page::of(rows, list.limit, |row| (row.since, row.id)).map(WaitingDevice::from))
}
