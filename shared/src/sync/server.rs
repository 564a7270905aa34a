//! The server's side of a push, as decisions: which intent is next, what becomes of it.
//!
//! Deliberately not here: storing. A driver must commit the receipt, the rows and the client's
//! last number in one transaction; refused advances the number too (SYNC.md 1.2 *Push*).

use super::{
    intent::{Change, DevicePatch, DeviceUpdate, NewDevice},
    patch::Patch,
    policy::{self, Edit, Found, Merged, Stamps},
    receipt::{Code, Outcome, Refusal},
    rows::{Row, Rows, Seq, Table},
    rules::{self, Actor, RowChange},
};
use crate::{entities::DeviceState, ids::{ClientId, DeviceId, IntentId}, time::Millis};

/// A client's clock may be this far ahead after the correction before it is set back to now.
const AHEAD_MS: i64 = 60_000;

/// Where an intent's number stands against the last one that has a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It has a receipt already: answer that, do nothing.
    Replay,
    /// It is the next one.
    Next,
    /// One or more before it never arrived.
    Gap {
        /// The number that has to come.
        expected: u64,
    },
}

/// Where `n` stands after `last_n`.
#[must_use]
pub const fn arrival(last_n: u64, n: u64) -> Arrival {
    if n <= last_n {
        Arrival::Replay
    } else if n == last_n.saturating_add(1) {
        Arrival::Next
    } else {
        Arrival::Gap { expected: last_n.saturating_add(1) }
    }
}

/// A client's time as the server's clock would have shown it: shifted by the skew that this
/// request measured, and never later than now (SYNC.md 1.2 *Time*).
#[must_use]
pub fn corrected(at: Millis, skew_ms: i64, now: Millis) -> Millis {
    let shifted = at.plus(skew_ms.saturating_neg());
    if shifted > now.plus(AHEAD_MS) { now } else { shifted }
}

/// What an intent comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The rows to write; empty unless accepted.
    pub changes: Vec<RowChange>,
    /// The receipt's word.
    pub outcome: Outcome,
    /// Whether its author's words stand beside those of others now.
    pub is_joined: bool,
}

impl Decision {
    /// It happens as its author meant it.
    #[must_use]
    pub const fn accept(changes: Vec<RowChange>) -> Self {
        Self { changes, outcome: Outcome::Applied, is_joined: false }
    }

    /// Nothing happens, for that reason.
    #[must_use]
    pub const fn refuse(refusal: Refusal) -> Self {
        Self { changes: vec![], outcome: Outcome::Refused(refusal), is_joined: false }
    }
}

/// Whether what an intent depends on allows it to run: `None` = yes. `outcome_of` answers from
/// the stored receipts and from those made earlier in the same push.
pub fn held_by_parent<'o>(parents: &[IntentId], outcome_of: impl Fn(IntentId) -> Option<&'o Outcome>) -> Option<Outcome> {
    let mut wait = None;
    for parent in parents {
        match outcome_of(*parent) {
            Some(outcome) if outcome.is_accepted() => {}
            Some(outcome) if outcome.is_final() => {
                return Some(Outcome::Refused(Refusal::new(Code::ParentRefused, format!("{parent}, which it depends on, was refused"))));
            }
            Some(_) => wait = Some(Outcome::Later(Refusal::new(Code::ParentPending, format!("{parent}, which it depends on, has no final receipt")))),
            // Not known here (a receipt that was pruned): the rules look at the rows themselves.
            None => {}
        }
    }
    wait
}

/// What becomes of `change`, which `edit` brings on behalf of `actor`, in front of `rows` and the
/// stamps of its target row.
#[must_use]
pub fn decide(mut change: Change, edit: &Edit<'_>, actor: &Actor<'_>, rows: &impl Rows, stamps: &Stamps) -> Decision {
    let asked = policy::patched(&change).map_or(0, |(_, fields)| fields.len());
    // Validated and permitted as it was meant, before any field is taken out.
    let whole = match rules::apply(&change, actor, rows) {
        Ok(changes) => changes,
        Err(refusal) => return met_halfway(&change, gone_since(refusal, edit), actor, rows, stamps),
    };
    let found = Found { row: rows.row(change.target(actor.tenant)), stamps };
    let Merged { lost, is_joined } = policy::merge(&mut change, &found, edit);
    if lost.is_empty() && !is_joined {
        return Decision::accept(whole);
    }
    if lost.len() == asked {
        return Decision { changes: vec![], outcome: Outcome::Superseded { lost }, is_joined };
    }
    match rules::apply(&change, actor, rows) {
        Ok(changes) => Decision { changes, outcome: if lost.is_empty() { Outcome::Applied } else { Outcome::Merged { lost } }, is_joined },
        Err(refusal) => Decision::refuse(refusal),
    }
}

/// The stamps of a row of `table` as the replica `client` sees them, which was called otherwise in lives of the server that
/// were lost: what it wrote under `former` names is its own. Words are not: a copy of it may have been called so, too.
#[must_use]
pub fn as_own(mut stamps: Stamps, table: Table, former: &[ClientId], client: ClientId) -> Stamps {
    let own = stamps.iter_mut().filter(|(field, stamp)| stamp.by.is_some_and(|by| former.contains(&by)) && !policy::is_written(table, field));
    for (_, stamp) in own {
        stamp.by = Some(client);
    }
    stamps
}

/// What its author had seen and is not there any more was deleted: they hear so, and not that it never was.
fn gone_since(refusal: Refusal, edit: &Edit<'_>) -> Refusal {
    let is_the_target = refusal.code == Code::NotFound && refusal.field.as_deref() == Some("id");
    // Of a past that is lost it may come back with whoever made it.
    let was_seen = !edit.past_lost && edit.base.is_some_and(|base| base > Seq(0));
    if is_the_target && was_seen { Refusal::new(Code::RowDeleted, "it was deleted meanwhile") } else { refusal }
}

/// Two people who make the same device offline have made one device (SYNC.md 1.5). What nobody has said of it yet is said
/// now: a device whose own first contact came before its technician's record is called by its serial number.
fn met_halfway(change: &Change, refusal: Refusal, actor: &Actor<'_>, rows: &impl Rows, stamps: &Stamps) -> Decision {
    let Change::DeviceCreate(new) = change else { return Decision::refuse(refusal) };
    let there = rows.device(DeviceId::for_serial(actor.tenant, &new.serial));
    match there.filter(|_| refusal.code == Code::AlreadyExists) {
        Some(device) if device.state == DeviceState::Retired => {
            Decision::refuse(Refusal::new(Code::StateConflict, "a device with this serial number was retired"))
        }
        Some(device) => {
            let NewDevice { serial: _, name, model_id, site_id, note } = new;
            // What somebody emptied since stays empty.
            let is_untouched = |field: &str| !stamps.contains_key(field);
            let open = DevicePatch {
                name: if device.name == device.serial && is_untouched("name") { Patch::Set(name.clone()) } else { Patch::Keep },
                site_id: site_id.filter(|_| device.site_id.is_none() && is_untouched("site_id")).map_or(Patch::Keep, Patch::Set),
                note: note.clone().filter(|_| device.note.is_none() && is_untouched("note")).map_or(Patch::Keep, Patch::Set),
                model_id: Patch::Keep,
            };
            let update = Change::DeviceUpdate(DeviceUpdate { id: device.id, patch: open });
            let changes = rules::apply(&update, actor, rows).unwrap_or_default();
            let stands = changes.iter().find_map(|change| if let RowChange::Put(Row::Device(device)) = change { Some(device) } else { None }).unwrap_or(device);
            let differs = [("name", *name != stands.name), ("model_id", *model_id != stands.model_id), ("site_id", *site_id != stands.site_id), ("note", *note != stands.note)];
            let lost: Vec<String> = differs.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field.to_owned()).collect();
            let outcome = if lost.is_empty() { Outcome::Applied } else { Outcome::Merged { lost } };
            Decision { changes, outcome, is_joined: false }
        }
        None => Decision::refuse(refusal),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        entities::{Device, DeviceModel, Security, Site},
        ids::{ClientId, PersonId, SiteId, TenantId},
        roles::Role,
        sync::{
            intent::{SitePatch, SiteUpdate},
            policy::Stamp,
            rows::RowSet,
            rules::Who,
            sight::Sight,
        },
    };

    fn actor() -> Actor<'static> {
        Actor { tenant: TenantId(Uuid::from_u128(1)), who: Who::Person { id: PersonId(Uuid::from_u128(2)), role: Role::Admin, sight: &Sight::All }, now: Millis(50) }
    }

    fn site() -> Site {
        Site { id: SiteId(Uuid::from_u128(3)), name: "a".into(), address: None, time_zone: "UTC".into(), note: None, created_at: Millis(0) }
    }

    fn rename(patch: SitePatch, theirs_at: i64) -> Decision {
        let rows = RowSet::from([(site().id.into(), Row::from(site()))]);
        let stamps = Stamps::from([("name".to_owned(), Stamp { seq: Seq(9), at: Millis(theirs_at), by: None })]);
        let edit = Edit { base: Some(Seq(4)), words: None, at: Millis(50), by: Some(ClientId(Uuid::from_u128(5))), read: None, past_lost: false };
        decide(Change::SiteUpdate(SiteUpdate { id: site().id, patch }), &edit, &actor(), &rows, &stamps)
    }

    #[test]
    fn a_device_that_came_before_its_record_is_called_as_the_record_says_and_one_that_somebody_named_is_not() {
        let model = DeviceModel { id: Uuid::from_u128(7).into(), name: "M".into(), sku: "S".into(), min_security: Security::Sec1, created_at: Millis(0) };
        let made = Device {
            id: DeviceId::for_serial(actor().tenant, "OM-1"), serial: "OM-1".into(), name: "OM-1".into(), model_id: model.id, site_id: None, note: None,
            state: DeviceState::Online, firmware: Some("2".into()), epoch: 1, created_at: Millis(0),
        };
        let change = Change::DeviceCreate(NewDevice { serial: "OM-1".into(), name: "Lift door 4".into(), model_id: model.id, site_id: Some(site().id), note: Some("key at the porter".into()) });
        let decided = |stands: &Device, stamped: &[&str]| {
            let stamps = stamped.iter().map(|field| ((*field).to_owned(), Stamp { seq: Seq(9), at: Millis(40), by: None })).collect::<Stamps>();
            let rows = RowSet::from([(site().id.into(), Row::from(site())), (model.id.into(), model.clone().into()), (stands.id.into(), stands.clone().into())]);
            decide(change.clone(), &Edit { base: None, words: None, at: Millis(50), by: None, read: None, past_lost: false }, &actor(), &rows, &stamps)
        };
        let said = Device { name: "Lift door 4".into(), site_id: Some(site().id), note: Some("key at the porter".into()), ..made.clone() };
        assert_eq!(decided(&made, &[""]), Decision::accept(vec![RowChange::Put(said.clone().into())]));
        let theirs = Device { name: "Door".into(), note: Some("mind the dog".into()), ..said.clone() };
        assert_eq!(decided(&theirs, &[""]), Decision { changes: vec![], outcome: Outcome::Merged { lost: vec!["name".into(), "note".into()] }, is_joined: false });
        assert_eq!(decided(&said, &[""]), Decision::accept(vec![]), "twice is once");
        let lost = Outcome::Merged { lost: vec!["name".into(), "site_id".into(), "note".into()] };
        assert_eq!(decided(&made, &["", "name", "site_id", "note"]), Decision { changes: vec![], outcome: lost, is_joined: false }, "what somebody emptied stays so");
    }

    #[test]
    fn a_concurrent_edit_is_applied_merged_or_superseded() {
        let name = Patch::Set("mine".to_owned());
        let both = SitePatch { name: name.clone(), note: Patch::Set("n".into()), ..SitePatch::default() };
        assert_eq!(rename(both.clone(), 40).outcome, Outcome::Applied);
        let merged = rename(both, 60);
        assert_eq!(merged.outcome, Outcome::Merged { lost: vec!["name".into()] });
        assert_eq!(merged.changes, [RowChange::Put(Site { note: Some("n".into()), ..site() }.into())], "the note is mine, the name theirs");
        let superseded = rename(SitePatch { name, ..SitePatch::default() }, 60);
        assert_eq!((superseded.outcome, superseded.changes), (Outcome::Superseded { lost: vec!["name".into()] }, vec![]));
    }

    #[test]
    fn what_would_have_lost_is_still_validated() {
        let wrong = SitePatch { name: Patch::Set(String::new()), ..SitePatch::default() };
        assert_eq!(rename(wrong, 60).outcome.refusal().map(|refusal| refusal.code), Some(Code::InvalidField));
    }

    #[test]
    fn what_was_seen_and_is_gone_was_deleted_and_what_was_never_seen_is_not_found() {
        let change = || Change::SiteUpdate(SiteUpdate { id: site().id, patch: SitePatch { name: Patch::Set("x".into()), ..SitePatch::default() } });
        let code = |base| {
            let edit = Edit { base: Some(base), words: None, at: Millis(50), by: None, read: None, past_lost: false };
            decide(change(), &edit, &actor(), &RowSet::new(), &Stamps::new()).outcome.refusal().map(|refusal| refusal.code)
        };
        assert_eq!((code(Seq(4)), code(Seq(0))), (Some(Code::RowDeleted), Some(Code::NotFound)));
    }

    #[test]
    fn numbers_are_contiguous() {
        assert_eq!([arrival(3, 3), arrival(3, 4), arrival(3, 5), arrival(0, 1)], [Arrival::Replay, Arrival::Next, Arrival::Gap { expected: 4 }, Arrival::Next]);
        assert_eq!(arrival(u64::MAX, u64::MAX), Arrival::Replay);
    }

    #[test]
    fn a_wrong_clock_is_corrected_and_the_future_is_cut_off() {
        let now = Millis(1_000_000_000);
        let three_hours = 3 * 3_600_000;
        assert_eq!(corrected(now.plus(three_hours - 500), three_hours, now), now.plus(-500), "three hours ahead, half a second ago");
        assert_eq!(corrected(now.plus(-three_hours - 500), -three_hours, now), now.plus(-500));
        assert_eq!(corrected(Millis(i64::MAX), 0, now), now, "nothing happens in the future");
        assert_eq!(corrected(Millis(i64::MIN), i64::MAX, now), Millis(i64::MIN), "and nothing overflows");
    }

    #[test]
    fn a_refused_parent_refuses_its_child_and_a_waiting_one_makes_it_wait() {
        let parent = IntentId(Uuid::from_u128(1));
        let refused = Outcome::Refused(Refusal::new(Code::NotFound, ""));
        let later = Outcome::Later(Refusal::new(Code::NeedsNewerServer, ""));
        assert_eq!(held_by_parent(&[parent], |_| Some(&Outcome::Applied)), None);
        assert!(matches!(held_by_parent(&[parent], |_| Some(&refused)), Some(Outcome::Refused(Refusal { code: Code::ParentRefused, .. }))));
        assert!(matches!(held_by_parent(&[parent], |_| Some(&later)), Some(Outcome::Later(_))));
        assert_eq!(held_by_parent(&[parent], |_| None), None, "a parent that is not known here decides nothing");
    }
}
