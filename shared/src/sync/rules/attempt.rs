//! Attempts: evidence, append-only, one writer (SYNC.md 1.5).
//!
//! An attempt is kept whatever has become of its device: a retired device, or one that somebody
//! else commissioned later, keeps the record of the work and is not changed by it.

use super::{Actor, RowChange, Who, device, missing, text};
use crate::{
    entities::{Attempt, AttemptOutcome, DeviceState},
    ids::DeviceId,
    sync::{
        receipt::{Code, Refusal},
        rows::Rows,
    },
};

/// Most steps in one attempt; a technician who tries more often starts a new one.
const STEPS: usize = 500;
/// Longest code, version or name of a technical kind.
const TERM: usize = 120;
/// Longest receipt, in base64.
const RECEIPT: usize = 2_000;

pub fn record(attempt: &Attempt, actor: &Actor, rows: &impl Rows) -> Result<Vec<RowChange>, Refusal> {
    let Who::Person { id: person, .. } = actor.who else {
        return Err(Refusal::new(Code::NotAllowed, "only a person records an attempt"));
    };
    if attempt.technician_id != person {
        return Err(Refusal { field: Some("technician_id".to_owned()), ..Refusal::new(Code::NotAllowed, "an attempt is recorded by whoever made it") });
    }
    check(attempt)?;
    check_device(attempt, actor, rows)?;
    if let Some(site) = attempt.site_id {
        device::known_site("site_id", site, rows)?;
    }
    match rows.attempt(attempt.id) {
        Some(known) if known == attempt => return Ok(vec![]),
        Some(_) => return Err(Refusal::new(Code::AppendOnly, "this attempt is recorded already, with other content")),
        None => {}
    }
    let mut changes = vec![RowChange::Put(Box::new(attempt.clone()).into())];
    changes.extend(of_device(attempt, rows));
    Ok(changes)
}

/// A success is news about its device, unless that is retired or holds a higher epoch.
fn of_device(attempt: &Attempt, rows: &impl Rows) -> Option<RowChange> {
    let old = rows.device(attempt.device_id?)?;
    let epoch = attempt.epoch.unwrap_or(old.epoch);
    if attempt.outcome != AttemptOutcome::Succeeded || old.state == DeviceState::Retired || epoch < old.epoch {
        return None;
    }
    let new = device::taken_over(old, epoch, attempt.site_id, attempt.firmware.clone());
    (new != *old).then(|| RowChange::Put(new.into()))
}

fn check_device(attempt: &Attempt, actor: &Actor, rows: &impl Rows) -> Result<(), Refusal> {
    let Some(id) = attempt.device_id else { return Ok(()) };
    match &attempt.serial {
        Some(serial) if DeviceId::for_serial(actor.tenant, serial) == id => Ok(()),
        Some(_) => Err(Refusal::field("device_id", "is not the device of this serial number")),
        None => rows.device(id).map(drop).ok_or_else(|| missing("device_id", "device")),
    }
}

fn check(attempt: &Attempt) -> Result<(), Refusal> {
    for (field, value) in [("technician_name", &attempt.technician_name), ("app_version", &attempt.app_version), ("os", &attempt.os), ("radio", &attempt.radio)] {
        text::line(field, value, TERM)?;
    }
    if let Some(serial) = &attempt.serial {
        text::serial("serial", serial)?;
    }
    for (field, value, max) in [
        ("protocol", &attempt.protocol, TERM),
        ("firmware", &attempt.firmware, TERM),
        ("cause", &attempt.cause, TERM),
        ("network_name", &attempt.network_name, TERM),
        ("receipt", &attempt.receipt, RECEIPT),
    ] {
        text::evidence(field, value.as_deref(), max)?;
    }
    if attempt.steps.len() > STEPS {
        return Err(Refusal::field("steps", format!("there are {}, at most {STEPS} are kept", attempt.steps.len())));
    }
    for step in &attempt.steps {
        text::line("steps.step", &step.step, TERM)?;
        text::evidence("steps.cause", step.cause.as_deref(), TERM)?;
    }
    // Its times are taken as they are: a clock that was set right in the middle is no reason to lose a record.
    Ok(())
}
