//! Sites and device models.
//!
//! Deliberately not here: unique names. Two offices may be called "Main"; search and lists show
//! the address beside the name.

use super::{Actor, RowChange, missing, put_if_changed, text};
use crate::{
    entities::{DeviceModel, Site},
    sync::{
        intent::{ModelUpdate, NewModel, NewSite, SiteUpdate},
        patch::Patch,
        receipt::{Code, Refusal},
        rows::Rows,
    },
};

pub fn create_site(new: &NewSite, actor: &Actor<'_>, rows: &impl Rows) -> Result<Vec<RowChange>, Refusal> {
    let site = Site {
        id: new.id,
        name: text::line("name", &new.name, text::NAME)?,
        address: text::block("address", new.address.as_deref(), text::ADDRESS)?,
        time_zone: text::time_zone("time_zone", &new.time_zone)?,
        note: text::block("note", new.note.as_deref(), text::NOTE)?,
        created_at: actor.now,
    };
    if rows.site(new.id).is_some() {
        return Err(Refusal::new(Code::AlreadyExists, "a site with this id exists already"));
    }
    Ok(vec![RowChange::Put(site.into())])
}

pub fn update_site(update: &SiteUpdate, rows: &impl Rows) -> Result<Vec<RowChange>, Refusal> {
    let old = rows.site(update.id).ok_or_else(|| missing("id", "site"))?;
    let patch = &update.patch;
    let time_zone = match &patch.time_zone {
        Patch::Keep => old.time_zone.clone(),
        Patch::Clear => return Err(Refusal::field("time_zone", "cannot be cleared")),
        Patch::Set(value) => text::time_zone("time_zone", value)?,
    };
    let new = Site {
        name: text::patched_line("name", &patch.name, &old.name, text::NAME)?,
        address: text::patched_block("address", &patch.address, old.address.as_deref(), text::ADDRESS)?,
        time_zone,
        note: text::patched_block("note", &patch.note, old.note.as_deref(), text::NOTE)?,
        ..old.clone()
    };
    Ok(put_if_changed(old, new))
}

pub fn create_model(new: &NewModel, actor: &Actor<'_>, rows: &impl Rows) -> Result<Vec<RowChange>, Refusal> {
    let model = DeviceModel {
        id: new.id,
        name: text::line("name", &new.name, text::NAME)?,
        sku: text::line("sku", &new.sku, text::SKU)?,
        min_security: new.min_security,
        created_at: actor.now,
    };
    if rows.model(new.id).is_some() {
        return Err(Refusal::new(Code::AlreadyExists, "a device model with this id exists already"));
    }
    Ok(vec![RowChange::Put(model.into())])
}

pub fn update_model(update: &ModelUpdate, rows: &impl Rows) -> Result<Vec<RowChange>, Refusal> {
    let old = rows.model(update.id).ok_or_else(|| missing("id", "device model"))?;
    let patch = &update.patch;
    let min_security = match patch.min_security {
        Patch::Keep => old.min_security,
        Patch::Clear => return Err(Refusal::field("min_security", "cannot be cleared")),
        Patch::Set(value) => value,
    };
    let new = DeviceModel {
        name: text::patched_line("name", &patch.name, &old.name, text::NAME)?,
        sku: text::patched_line("sku", &patch.sku, &old.sku, text::SKU)?,
        min_security,
        ..old.clone()
    };
    Ok(put_if_changed(old, new))
}
