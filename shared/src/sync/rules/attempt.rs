//! Attempts: evidence, append-only, one writer (SYNC.md 1.5).
//!
//! An attempt is kept whatever has become of its device and its site: a device that was retired or
//! commissioned by somebody else later, a site that was refused or is gone. What machines and
//! people said is kept as it came, as far as a store can hold it ([`kept`]); no length and no odd
//! character is a reason to lose the record of the work.

use super::{Actor, RowChange, Who, device, missing, text};
use crate::{
    entities::{Attempt, AttemptOutcome, AttemptStep, Device, DeviceState, StepOutcome},
    ids::DeviceId,
    sync::{
        receipt::{Code, Refusal},
        rows::{Rows, Scope},
        sight::Sight,
    },
    time::Millis,
};

/// Most steps that are kept of one attempt.
const STEPS: usize = 500;
/// Of more, these last ones are kept: they say how it ended.
const LAST_STEPS: usize = 200;
/// Longest code, version or name of a technical kind.
const TERM: usize = 120;
/// Longest receipt, in base64.
const RECEIPT: usize = 2_000;

pub fn record(attempt: &Attempt, actor: &Actor<'_>, rows: &impl Rows) -> Result<Vec<RowChange>, Refusal> {
    let Who::Person { id: person, sight, .. } = actor.who else {
        return Err(Refusal::new(Code::NotAllowed, "only a person records an attempt"));
    };
    if attempt.technician_id != person {
        return Err(Refusal { field: Some("technician_id".to_owned()), ..Refusal::new(Code::NotAllowed, "an attempt is recorded by whoever made it") });
    }
    check(attempt)?;
    check_device(attempt, actor, rows)?;
    let attempt = kept(attempt);
    match rows.attempt(attempt.id) {
        Some(known) if *known == attempt => return Ok(vec![]),
        Some(_) => return Err(Refusal::new(Code::AppendOnly, "this attempt is recorded already, with other content")),
        None => {}
    }
    let of_device = of_device(&attempt, sight, rows);
    let mut changes = vec![RowChange::Put(Box::new(attempt).into())];
    changes.extend(of_device);
    Ok(changes)
}

/// A success is news about its device, unless that is retired, holds a higher epoch, or stands where the
/// person does not see it; nor does a record bring it to where they do not. Without a receipt nothing was claimed, and nothing
/// but what it calls itself says that it is this device. The epoch itself is not taken from here: only the device's own claim
/// shows a receipt that was verified, and a number made up in a record would make that claim stale for ever.
fn of_device(attempt: &Attempt, sight: &Sight, rows: &impl Rows) -> Option<RowChange> {
    let old = rows.device(attempt.device_id?).filter(|device| sight.covers(device.home()))?;
    let (_, epoch) = attempt.receipt.as_ref().zip(attempt.epoch)?;
    if attempt.outcome != AttemptOutcome::Succeeded || old.state == DeviceState::Retired || epoch < old.epoch {
        return None;
    }
    let site = attempt.site_id.filter(|site| rows.site(*site).is_some() && sight.covers(Scope::Site(*site)));
    let new = Device { epoch: old.epoch, ..device::taken_over(old, epoch, site, attempt.firmware.clone()) };
    (new != *old).then(|| RowChange::Put(new.into()))
}

fn check_device(attempt: &Attempt, actor: &Actor<'_>, rows: &impl Rows) -> Result<(), Refusal> {
    let Some(id) = attempt.device_id else { return Ok(()) };
    match &attempt.serial {
        Some(serial) if DeviceId::for_serial(actor.tenant, serial) == id => Ok(()),
        Some(_) => Err(Refusal::field("device_id", "is not the device of this serial number")),
        None => rows.device(id).map(drop).ok_or_else(|| missing("device_id", "device")),
    }
}

/// What the app itself writes down; everything else is evidence.
fn check(attempt: &Attempt) -> Result<(), Refusal> {
    for (field, value) in [("technician_name", &attempt.technician_name), ("app_version", &attempt.app_version), ("os", &attempt.os), ("radio", &attempt.radio)] {
        text::line(field, value, TERM)?;
    }
    for step in &attempt.steps {
        text::line("steps.step", &step.step, TERM)?;
    }
    // Its times are taken as they are: a clock that was set right in the middle is no reason to lose a record.
    Ok(())
}

/// The attempt as it is kept; of what is kept already, the same.
fn kept(attempt: &Attempt) -> Attempt {
    let term = |value: &Option<String>| value.as_deref().map(|value| text::evidence(value, TERM));
    let mut kept = Attempt {
        serial: term(&attempt.serial),
        protocol: term(&attempt.protocol),
        firmware: term(&attempt.firmware),
        cause: term(&attempt.cause),
        network_name: term(&attempt.network_name),
        receipt: attempt.receipt.as_deref().map(|receipt| text::evidence(receipt, RECEIPT)),
        ..attempt.clone()
    };
    kept.started_at = shown(kept.started_at);
    kept.ended_at = shown(kept.ended_at);
    for step in &mut kept.steps {
        step.cause = term(&step.cause);
        step.started_at = shown(step.started_at);
    }
    leave_steps_out(&mut kept.steps);
    kept
}

/// A time that a calendar can show: 1970 to the year 275760, as far as ECMAScript's goes (ECMA-262, 21.4.1.1).
fn shown(at: Millis) -> Millis {
    Millis(at.0.clamp(0, 8_640_000_000_000_000))
}

/// Of more than [`STEPS`] the middle goes; a step in its place says how many.
fn leave_steps_out(steps: &mut Vec<AttemptStep>) {
    if steps.len() <= STEPS {
        return;
    }
    let (from, until) = (STEPS - LAST_STEPS - 1, steps.len() - LAST_STEPS);
    let mark = AttemptStep {
        step: format!("{} steps left out", until - from),
        started_at: steps[from].started_at,
        duration_ms: 0,
        outcome: StepOutcome::Skipped,
        cause: None,
    };
    steps.splice(from..until, [mark]);
}
