//! What can happen next, and what comes of it.

use stateright::{Model as Steps, Property};

use super::{
    Flaw, Model, properties, rules,
    state::{Bound, EPOCHS, GRANTS, Kept, Shown, Slip, State, TENANTS, tenant_of},
};
use crate::claim::{contact::Verdict, handover};

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Somebody shows a grant to a device, with a release of that tenant or without; the answer arrives or is lost.
    Claim { grant: u8, device: u8, release: Option<u8>, answered: bool },
    /// A device calls its backend.
    Contact(u8),
    /// A device calls, and that is late.
    Call(u8),
    /// What was late arrives, and may come once more.
    Arrive(usize),
    /// What was late is lost.
    Lose(usize),
    /// An owner signs a release.
    Sign { tenant: usize, device: usize },
    /// An owner takes the release back.
    Withdraw(usize),
    /// A device hears what its owner has to tell.
    Hear(u8),
    /// A device tells its former owner.
    Tell(u8),
    /// The button.
    Reset(u8),
    /// A tenant revokes a grant.
    Revoke(u8),
}

impl Steps for Model {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::default()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for device in 0..self.bounds.devices {
            for grant in 0..GRANTS as u8 {
                for release in [None, Some(0), Some(1)] {
                    let is_there = release.is_none_or(|tenant: u8| state.tenants[usize::from(tenant)].slip.is_some_and(|slip| slip.device == device));
                    if is_there && state.claims < self.bounds.claims {
                        actions.extend([true, false].map(|answered| Action::Claim { grant, device, release, answered }));
                    }
                }
            }
            let kept = state.devices[usize::from(device)];
            if kept.owner.is_some() {
                actions.extend([Action::Contact(device), Action::Hear(device)]);
                if state.late < self.bounds.late {
                    actions.push(Action::Call(device));
                }
            }
            if kept.left.is_some() && kept.owner.is_some() {
                actions.push(Action::Tell(device));
            }
            // One button for all: the others are like it.
            if state.devices.iter().all(|kept| kept.resets == 0) {
                actions.push(Action::Reset(device));
            }
        }
        for tenant in 0..TENANTS {
            let books = &state.tenants[tenant];
            if books.slip.is_none() {
                actions.extend((0..usize::from(self.bounds.devices)).filter(|device| books.bound[*device].is_some_and(|bound| !bound.is_handed_over)).map(|device| Action::Sign { tenant, device }));
            } else if !books.is_withdrawn {
                actions.push(Action::Withdraw(tenant));
            }
        }
        for at in 0..state.net.len() {
            actions.extend([Action::Arrive(at), Action::Lose(at)]);
        }
        if state.revoked.is_none() {
            // The second technician leaves.
            actions.push(Action::Revoke(1));
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::Claim { grant, device, release, answered } => self.claim(&mut state, grant, device, release, answered),
            Action::Contact(device) => self.contact(&mut state, shown(before, device)?),
            Action::Call(device) => {
                state.late += 1;
                state.net.push(shown(before, device)?);
                state.net.sort_unstable();
            }
            Action::Arrive(at) => self.contact(&mut state, before.net[at]),
            Action::Lose(at) => drop(state.net.remove(at)),
            Action::Sign { tenant, device } => {
                let bound = before.tenants[tenant].bound[device]?;
                state.tenants[tenant].slip = Some(Slip { tenant: tenant as u8, device: device as u8, up_to_epoch: bound.epoch, number: bound.notice });
            }
            Action::Withdraw(tenant) => {
                let books = &mut state.tenants[tenant];
                books.is_withdrawn = true;
                if let Some(bound) = books.slip.and_then(|slip| books.bound[usize::from(slip.device)].as_mut()) {
                    bound.notice += 1;
                }
            }
            Action::Hear(device) => hear(&mut state, device),
            Action::Tell(device) => self.tell(&mut state, device),
            Action::Reset(device) => {
                let kept = &mut state.devices[usize::from(device)];
                let epoch = if self.flaw == Some(Flaw::ResetForgetsEpoch) { 0 } else { kept.epoch };
                state.epoch_fell |= epoch < kept.epoch;
                *kept = Kept { epoch, resets: kept.resets + 1, owner: None, heard: 0, left: kept.left };
            }
            Action::Revoke(grant) => state.revoked = Some(grant),
        }
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

fn shown(state: &State, device: u8) -> Option<Shown> {
    let kept = state.devices[usize::from(device)];
    Some(Shown { device, epoch: kept.epoch, grant: kept.owner? })
}

/// With a credential that is in force, the answer to a heartbeat is heard.
fn hear(state: &mut State, device: u8) {
    let kept = state.devices[usize::from(device)];
    let Some(owner) = kept.owner.map(tenant_of) else { return };
    let Some(bound) = state.tenants[owner].bound[usize::from(device)] else { return };
    if bound.is_handed_over || bound.epoch != kept.epoch || bound.notice <= kept.heard {
        return;
    }
    let after = rules::hear(device, kept, bound.notice);
    let slip = state.tenants[owner].slip;
    state.slip_is_dead[owner] |= state.tenants[owner].is_withdrawn && slip.is_some_and(|slip| slip.device == device && slip.number < after.heard);
    state.devices[usize::from(device)] = after;
}

impl Model {
    fn claim(&self, state: &mut State, grant: u8, device: u8, release: Option<u8>, answered: bool) {
        let at = usize::from(device);
        let kept = state.devices[at];
        let slip = release.and_then(|tenant| state.tenants[usize::from(tenant)].slip);
        let Some(after) = self.decided(device, kept, grant, slip) else { return };
        let is_new = after.epoch != kept.epoch;
        if is_new {
            state.claims += 1;
            if let Some(former) = kept.owner.map(tenant_of).filter(|former| *former != tenant_of(grant)) {
                let fits = slip.is_some_and(|slip| usize::from(slip.tenant) == former && kept.epoch <= slip.up_to_epoch);
                let is_good = fits && state.slip_uses[former] == 0 && !state.slip_is_dead[former];
                state.was_taken |= !is_good;
                state.slip_uses[former] += 1;
            }
        }
        if answered {
            state.receipts[at][usize::from(grant)] = after.epoch;
        }
        if self.flaw == Some(Flaw::ReceiptBeforeStore) && answered && is_new {
            return;
        }
        state.epoch_fell |= after.epoch < kept.epoch;
        if is_new {
            // The button of a flawed device brings an epoch back.
            state.epoch_fell |= state.began[at][usize::from(after.epoch)].is_some();
            state.began[at][usize::from(after.epoch)] = Some(grant);
        }
        state.devices[at] = after;
    }

    fn decided(&self, device: u8, kept: Kept, grant: u8, slip: Option<Slip>) -> Option<Kept> {
        assert!(usize::from(kept.epoch) + 1 < EPOCHS, "the bounds are wide enough");
        let anew = || Some(Kept { epoch: kept.epoch + 1, owner: Some(grant), heard: 0, ..kept });
        let is_others = kept.owner.is_some_and(|owner| tenant_of(owner) != tenant_of(grant));
        match self.flaw {
            Some(Flaw::TakesAnyGrant) if is_others => anew(),
            Some(Flaw::ReleaseForEver) if is_others && slip.is_some_and(|slip| kept.owner.map(tenant_of) == Some(slip.tenant.into())) => anew(),
            Some(Flaw::WithdrawnIsGood) if is_others => rules::claim(device, Kept { heard: 0, ..kept }, grant, slip),
            _ => rules::claim(device, kept, grant, slip),
        }
    }

    fn contact(&self, state: &mut State, shown: Shown) {
        let (books, device, grant) = (&mut state.tenants[tenant_of(shown.grant)], usize::from(shown.device), usize::from(shown.grant));
        let bound = if self.flaw == Some(Flaw::EpochUnchecked) { None } else { books.bound[device] };
        let spent = if self.flaw == Some(Flaw::SpentIsGood) { None } else { state.spent[grant] };
        if rules::judge(shown, spent, state.revoked == Some(shown.grant), bound) == Ok(Verdict::Bind) {
            books.bound[device] = Some(Bound { epoch: shown.epoch, grant: shown.grant, is_handed_over: false, notice: 0 });
            state.spent[grant] = Some(shown.device);
            state.binds[grant] |= 1 << shown.device;
            let highest = &mut state.highest[tenant_of(shown.grant)][device];
            *highest = shown.epoch.max(*highest);
        }
    }

    fn tell(&self, state: &mut State, device: u8) {
        let at = usize::from(device);
        let kept = state.devices[at];
        let (Some(slip), Some(owner)) = (kept.left, kept.owner) else { return };
        let former = usize::from(slip.tenant);
        let verdict = rules::part(device, kept.epoch, owner, slip, state.tenants[former].bound[at]);
        let bound = state.tenants[former].bound[at].as_mut().filter(|_| verdict == Ok(handover::Verdict::HandOver) && self.flaw != Some(Flaw::HandoverForgotten));
        if let Some(bound) = bound {
            *bound = Bound { epoch: kept.epoch, is_handed_over: true, ..*bound };
        }
        state.has_told[former] = true;
        state.devices[at].left = None;
    }
}
