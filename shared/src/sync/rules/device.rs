//! Devices: the row, and its way planned → claimed → online → retired.
//!
//! A state moves by compare-and-set: each rule names the states it may start from and refuses all
//! others with `state_conflict`. The commissioning epoch only rises: the hardware holds the
//! highest one, so that is what is in force (SYNC.md 1.5).

use super::{Actor, RowChange, missing, put_if_changed, text};
use crate::{
    entities::{Device, DeviceState},
    ids::{DeviceId, ModelId, SiteId},
    sync::{
        intent::{DeviceClaimed, DeviceOnline, DeviceRetire, DeviceUpdate, NewDevice},
        patch::Patch,
        receipt::{Code, Refusal},
        rows::Rows,
    },
};

pub fn create(new: &NewDevice, actor: &Actor<'_>, rows: &impl Rows) -> Result<Vec<RowChange>, Refusal> {
    let serial = text::serial("serial", &new.serial)?;
    let device = Device {
        id: DeviceId::for_serial(actor.tenant, &serial),
        serial,
        name: text::line("name", &new.name, text::NAME)?,
        model_id: known_model("model_id", new.model_id, rows)?,
        site_id: new.site_id.map(|id| known_site("site_id", id, rows)).transpose()?,
        note: text::block("note", new.note.as_deref(), text::NOTE)?,
        state: DeviceState::Planned,
        firmware: None,
        epoch: 0,
        created_at: actor.now,
    };
    if rows.device(device.id).is_some() {
        return Err(Refusal::new(Code::AlreadyExists, "a device with this serial number exists already"));
    }
    Ok(vec![RowChange::Put(device.into())])
}

pub fn update(update: &DeviceUpdate, rows: &impl Rows) -> Result<Vec<RowChange>, Refusal> {
    let old = in_service(rows.device(update.id).ok_or_else(|| missing("id", "device"))?)?;
    let patch = &update.patch;
    let model_id = match patch.model_id {
        Patch::Keep => old.model_id,
        Patch::Clear => return Err(Refusal::field("model_id", "cannot be cleared")),
        Patch::Set(id) => known_model("model_id", id, rows)?,
    };
    let site_id = match patch.site_id {
        Patch::Keep => old.site_id,
        Patch::Clear => None,
        Patch::Set(id) => Some(known_site("site_id", id, rows)?),
    };
    let new = Device {
        name: text::patched_line("name", &patch.name, &old.name, text::NAME)?,
        model_id,
        site_id,
        note: text::patched_block("note", &patch.note, old.note.as_deref(), text::NOTE)?,
        ..old.clone()
    };
    Ok(put_if_changed(old, new))
}

pub fn retire(retire: &DeviceRetire, rows: &impl Rows) -> Result<Vec<RowChange>, Refusal> {
    text::block("reason", retire.reason.as_deref(), text::ADDRESS)?;
    let old = in_service(rows.device(retire.id).ok_or_else(|| missing("id", "device"))?)?;
    Ok(vec![RowChange::Put(Device { state: DeviceState::Retired, ..old.clone() }.into())])
}

pub fn claimed(claimed: &DeviceClaimed, actor: &Actor<'_>, rows: &impl Rows) -> Result<Vec<RowChange>, Refusal> {
    let serial = text::serial("serial", &claimed.serial)?;
    let site_id = claimed.site_id.map(|id| known_site("site_id", id, rows)).transpose()?;
    let firmware = text::block("firmware", claimed.firmware.as_deref(), text::NAME)?;
    let id = DeviceId::for_serial(actor.tenant, &serial);
    let Some(old) = rows.device(id) else {
        let model_id = claimed.model_id.ok_or_else(|| missing("model_id", "device model"))?;
        let device = Device {
            id,
            name: serial.clone(),
            serial,
            model_id: known_model("model_id", model_id, rows)?,
            site_id,
            note: None,
            state: DeviceState::Claimed,
            firmware,
            epoch: claimed.epoch,
            created_at: actor.now,
        };
        return Ok(vec![RowChange::Put(device.into())]);
    };
    let old = in_service(old)?;
    if claimed.anew {
        let forgotten = Device { epoch: 0, ..old.clone() };
        return Ok(put_if_changed(old, taken_over(&forgotten, claimed.epoch, site_id, firmware)));
    }
    if claimed.epoch < old.epoch {
        return Err(Refusal::new(Code::Stale, format!("epoch {} is known, {} is older", old.epoch, claimed.epoch)));
    }
    Ok(put_if_changed(old, taken_over(old, claimed.epoch, site_id, firmware)))
}

pub fn online(online: &DeviceOnline, rows: &impl Rows) -> Result<Vec<RowChange>, Refusal> {
    let old = in_service(rows.device(online.id).ok_or_else(|| missing("id", "device"))?)?;
    let firmware = text::block("firmware", online.firmware.as_deref(), text::NAME)?;
    match old.state {
        DeviceState::Claimed | DeviceState::Online => {
            let new = Device { state: DeviceState::Online, firmware: firmware.or_else(|| old.firmware.clone()), ..old.clone() };
            Ok(put_if_changed(old, new))
        }
        DeviceState::Planned | DeviceState::Retired => Err(state_conflict(old)),
    }
}

/// `old` after a commissioning of `epoch` succeeded, wherever the word of it comes from (the
/// device's own claim or a technician's record: both may arrive, in either order).
pub fn taken_over(old: &Device, epoch: u32, site_id: Option<SiteId>, firmware: Option<String>) -> Device {
    let is_news = epoch > old.epoch || old.state == DeviceState::Planned;
    Device {
        state: if old.state == DeviceState::Planned { DeviceState::Claimed } else { old.state },
        epoch: old.epoch.max(epoch),
        site_id: if is_news { site_id.or(old.site_id) } else { old.site_id.or(site_id) },
        firmware: if is_news { firmware.or_else(|| old.firmware.clone()) } else { old.firmware.clone().or(firmware) },
        ..old.clone()
    }
}

pub fn known_site(field: &str, id: SiteId, rows: &impl Rows) -> Result<SiteId, Refusal> {
    rows.site(id).map(|site| site.id).ok_or_else(|| missing(field, "site"))
}

fn known_model(field: &str, id: ModelId, rows: &impl Rows) -> Result<ModelId, Refusal> {
    rows.model(id).map(|model| model.id).ok_or_else(|| missing(field, "device model"))
}

fn in_service(device: &Device) -> Result<&Device, Refusal> {
    if device.state == DeviceState::Retired { Err(state_conflict(device)) } else { Ok(device) }
}

fn state_conflict(device: &Device) -> Refusal {
    Refusal::new(Code::StateConflict, format!("the device is {}", state_name(device.state)))
}

const fn state_name(state: DeviceState) -> &'static str {
    match state {
        DeviceState::Planned => "planned",
        DeviceState::Claimed => "claimed",
        DeviceState::Online => "online",
        DeviceState::Retired => "retired",
    }
}
