//! What must hold, and what must be seen so that holding means something.

use stateright::Property;

use super::{
    Model, rules,
    state::{DEVICES, GRANTS, Shown, State, TENANTS, tenant_of},
};

pub const TAKEN: &str = "an owned device is never taken without its owner's release or the button";
pub const EPOCHS: &str = "an epoch never falls and never comes back";
pub const BINDINGS: &str = "what is bound is what the device accepted, and no epoch is bound twice";
pub const ONE_DEVICE: &str = "a grant binds one device";
pub const FOUND: &str = "a claim that both sides know is found at the next contact";
pub const PARTED: &str = "who was told that a device left has no binding in force";

pub fn all() -> Vec<Property<Model>> {
    vec![
        Property::always(TAKEN, |_, state: &State| !state.was_taken),
        Property::always(EPOCHS, |_, state: &State| !state.epoch_fell),
        Property::always(BINDINGS, |_, state: &State| bindings_are_true(state)),
        Property::always(ONE_DEVICE, |_, state: &State| state.binds.iter().all(|devices| devices.count_ones() <= 1)),
        Property::always(FOUND, |_, state: &State| (0..DEVICES).all(|device| is_found(state, device))),
        Property::always(PARTED, |_, state: &State| (0..DEVICES).all(|device| has_parted(state, device))),
        Property::sometimes("a device goes to the other tenant by its owner's release", |_, state: &State| state.slip_uses.contains(&1)),
        Property::sometimes("two technicians of one tenant claim one device", |_, state: &State| state.receipts.iter().any(|of| of[0] > 0 && of[1] > 0)),
        Property::sometimes("a contact is overtaken by a newer claim", |_, state: &State| state.net.iter().any(|shown| state.devices[usize::from(shown.device)].epoch > shown.epoch)),
        Property::sometimes("a release is taken back in time", |_, state: &State| state.slip_is_dead.contains(&true)),
        Property::sometimes("the former owner knows", |_, state: &State| state.tenants.iter().any(|books| books.bound.iter().flatten().any(|bound| bound.is_handed_over))),
        Property::sometimes("a device is bound after its button was held", |_, state: &State| {
            (0..DEVICES).any(|device| state.devices[device].resets > 0 && state.tenants.iter().any(|books| books.bound[device].is_some_and(|bound| bound.epoch > 1)))
        }),
    ]
}

fn bindings_are_true(state: &State) -> bool {
    let is_true = |tenant: usize, device: usize| {
        let Some(bound) = state.tenants[tenant].bound[device] else { return true };
        let is_accepted = state.began[device][usize::from(bound.epoch)].is_some_and(|grant| bound.is_handed_over || grant == bound.grant);
        is_accepted && tenant_of(bound.grant) == tenant && bound.epoch <= state.devices[device].epoch && bound.epoch >= state.highest[tenant][device]
    };
    (0..TENANTS).all(|tenant| (0..DEVICES).all(|device| is_true(tenant, device)))
}

/// The device has the claim that its technician has the receipt of: its backend takes it, unless it revoked the grant
/// or another device was quicker with it.
fn is_found(state: &State, device: usize) -> bool {
    let kept = state.devices[device];
    let acknowledged = (0..GRANTS as u8).filter(|grant| state.receipts[device][usize::from(*grant)] > 0);
    acknowledged.filter(|grant| state.receipts[device][usize::from(*grant)] >= kept.epoch).all(|grant| {
        let spent = state.spent[usize::from(grant)];
        if state.revoked == Some(grant) || spent.is_some_and(|by| usize::from(by) != device) || kept.owner.is_none() && kept.resets > 0 {
            return true;
        }
        let Some(owner) = kept.owner else { return false };
        let shown = Shown { device: device as u8, epoch: kept.epoch, grant: owner };
        owner == grant && rules::judge(shown, spent, false, state.tenants[tenant_of(grant)].bound[device]).is_ok()
    })
}

/// The former owner's binding is over, unless the device came back and was claimed anew.
fn has_parted(state: &State, device: usize) -> bool {
    (0..TENANTS).filter(|former| state.has_told[*former]).all(|former| {
        let Some(slip) = state.tenants[former].slip.filter(|slip| usize::from(slip.device) == device) else { return true };
        state.tenants[former].bound[device].is_none_or(|bound| bound.is_handed_over || bound.epoch > slip.up_to_epoch)
    })
}
