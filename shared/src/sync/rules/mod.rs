//! What a change does: the one function that runs on the client at once and on the server for good.
//!
//! Deliberately not here: concurrent edits of one field (`policy` decides before this is called),
//! numbering and receipts (`server`), the clock (`Actor::now` is the intent's corrected time).
//! To add a change: its rule in the file of its entity, its line in [`apply`].

mod asset;
mod attempt;
mod bookmark;
mod device;
pub(crate) mod text;
#[cfg(test)]
mod tests;

use super::{
    intent::Change,
    receipt::{Code, Refusal},
    rows::{Row, RowKey, Rows},
    sight::Sight,
};
use crate::{
    ids::{DeviceId, PersonId, TenantId},
    roles::{Permission, Role},
    time::Millis,
};

/// On whose behalf a change is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor<'a> {
    /// In which tenant; comes from the credential, never from a body.
    pub tenant: TenantId,
    /// Who.
    pub who: Who<'a>,
    /// When the change was made (not when it is applied), as well as it is known.
    pub now: Millis,
}

/// Who makes a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who<'a> {
    /// A person, with their role at the moment of applying.
    Person {
        /// Who.
        id: PersonId,
        /// What they may do.
        role: Role,
        /// What they may see at that moment.
        sight: &'a Sight,
    },
    /// A device with its own credential or proof: may report about itself.
    Device(DeviceId),
    /// The server: seeding, jobs.
    System,
}

/// What a change does to one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowChange {
    /// The row is now this.
    Put(Row),
    /// The row is no more; a tombstone stays.
    Remove(RowKey),
}

impl RowChange {
    /// Which row.
    #[must_use]
    pub fn key(&self) -> RowKey {
        match self {
            Self::Put(row) => row.key(),
            Self::Remove(key) => *key,
        }
    }
}

/// What `change` does when `actor` makes it in front of `rows` (at least those of
/// [`Change::touches`]). Empty when everything is so already.
///
/// # Errors
/// A [`Refusal`] with a stable code, and the field's name where one field is at fault.
pub fn apply(change: &Change, actor: &Actor<'_>, rows: &impl Rows) -> Result<Vec<RowChange>, Refusal> {
    permit(change, actor)?;
    if let Who::Person { sight, .. } = actor.who {
        sight.judge(change, actor.tenant, rows)?;
    }
    match change {
        Change::SiteCreate(new) => asset::create_site(new, actor, rows),
        Change::SiteUpdate(update) => asset::update_site(update, rows),
        Change::ModelCreate(new) => asset::create_model(new, actor, rows),
        Change::ModelUpdate(update) => asset::update_model(update, rows),
        Change::DeviceCreate(new) => device::create(new, actor, rows),
        Change::DeviceUpdate(update) => device::update(update, rows),
        Change::DeviceRetire(retire) => device::retire(retire, rows),
        Change::DeviceClaimed(claimed) => device::claimed(claimed, actor, rows),
        Change::DeviceOnline(online) => device::online(online, rows),
        Change::AttemptRecord(attempt) => attempt::record(attempt, actor, rows),
        Change::BookmarkSet(set) => bookmark::set(set, actor, rows),
        Change::BookmarkRemove(remove) => bookmark::remove(remove, rows),
    }
}

/// The permission a person needs for a change; `None` when no person may make it.
#[must_use]
pub const fn permission(change: &Change) -> Option<Permission> {
    Some(match change {
        Change::SiteCreate(_) | Change::SiteUpdate(_) => Permission::SiteWrite,
        Change::ModelCreate(_) | Change::ModelUpdate(_) => Permission::ModelWrite,
        Change::DeviceCreate(_) | Change::DeviceUpdate(_) => Permission::DeviceWrite,
        Change::DeviceRetire(_) => Permission::DeviceRetire,
        Change::AttemptRecord(_) => Permission::DeviceCommission,
        // Who may see devices may have a list of them.
        Change::BookmarkSet(_) | Change::BookmarkRemove(_) => Permission::DeviceRead,
        Change::DeviceClaimed(_) | Change::DeviceOnline(_) => return None,
    })
}

fn permit(change: &Change, actor: &Actor<'_>) -> Result<(), Refusal> {
    let allowed = match actor.who {
        Who::Person { id, role, .. } => permission(change).is_some_and(|needed| role.may(needed)) && change.owner().is_none_or(|owner| owner == id),
        Who::Device(id) => {
            matches!(change, Change::DeviceClaimed(_) | Change::DeviceOnline(_)) && change.target(actor.tenant) == id.into()
        }
        Who::System => !matches!(change, Change::AttemptRecord(_)),
    };
    if allowed { Ok(()) } else { Err(Refusal::new(Code::NotAllowed, format!("this actor may not do {}", change.kind()))) }
}

/// A change of one row, or of none when `new` is what stands there.
fn put_if_changed<T: PartialEq + Clone + Into<Row>>(old: &T, new: T) -> Vec<RowChange> {
    if *old == new { vec![] } else { vec![RowChange::Put(new.into())] }
}

fn missing(field: &str, what: &str) -> Refusal {
    Refusal { code: Code::NotFound, detail: format!("there is no such {what}"), field: Some(field.to_owned()) }
}
