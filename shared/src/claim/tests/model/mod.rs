//! Ownership in small, explored in full: every order in which technicians, owners, the button, devices
//! and their backends can meet, within bounds. What is decided is decided by the real rules ([`rules`]).
//!
//! **Explored**: one or two devices, two tenants, three grants (two technicians of the first tenant, one of the second).
//! Any grant may be shown to any device at any moment and as often as anybody likes, with a release or without,
//! so a replay is one more showing. An answer may be lost, a contact may arrive late or twice, power may go before
//! the new owner is stored (then nothing happened), an owner signs a release, takes it back, revokes a grant.
//! **Bounds**: [`Bounds`]; each way ends, because all that may happen for ever is paid for.
//!
//! Deliberately not here: forged bytes (nobody has the keys; `owner` and `contact` have them), time, sites.
//! To add a bug that must be found: a variant of [`Flaw`], its place in [`step`], its line in [`tests`].

mod properties;
mod rules;
mod state;
mod step;

use stateright::{Checker, HasDiscoveries, Model as _};

/// How often something happens in one run.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How many devices there are, at most two.
    pub devices: u8,
    /// Claims that a device accepts.
    pub claims: u8,
    /// Contacts that are late.
    pub late: u8,
}

/// What is explored.
#[derive(Debug, Clone)]
pub struct Model {
    pub bounds: Bounds,
    /// Built in on purpose.
    pub flaw: Option<Flaw>,
}

/// A bug that the checker must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// A device takes the grant of anybody.
    TakesAnyGrant,
    /// A release is good whatever the epoch.
    ReleaseForEver,
    /// A release is good although the device heard that it was taken back.
    WithdrawnIsGood,
    /// The button makes it new: the epoch begins again.
    ResetForgetsEpoch,
    /// The receipt leaves before the new owner is stored, and power goes.
    ReceiptBeforeStore,
    /// The backend does not look whether a grant was spent.
    SpentIsGood,
    /// The backend takes a contact of any epoch.
    EpochUnchecked,
    /// The former owner's binding stays as it was.
    HandoverForgotten,
}

fn explore(bounds: Bounds) -> impl Checker<Model> {
    let checker = Model { bounds, flaw: None }.checker().threads(2).spawn_dfs().join();
    eprintln!("{bounds:?}: {} states, {} transitions, {} steps deep", checker.unique_state_count(), checker.state_count(), checker.max_depth());
    for (name, path) in checker.discoveries() {
        assert!(!checker.model().property(name).expectation.discovery_is_failure(), "{name}: {:#?}", path.into_actions());
    }
    checker
}

#[test]
fn no_order_of_claims_resets_releases_and_contacts_gives_a_device_two_owners() {
    explore(Bounds { devices: 1, claims: 2, late: 1 }).assert_properties();
    explore(Bounds { devices: 1, claims: 3, late: 0 });
}

#[test]
fn no_order_of_claims_and_contacts_gives_two_devices_one_grant() {
    explore(Bounds { devices: 2, claims: 2, late: 1 });
}

#[test]
fn each_flaw_of_the_rules_is_found() {
    use properties::{BINDINGS, EPOCHS, FOUND, ONE_DEVICE, PARTED, TAKEN};
    for (devices, flaw, property) in [
        (1, Flaw::TakesAnyGrant, TAKEN),
        (1, Flaw::ReleaseForEver, TAKEN),
        (1, Flaw::WithdrawnIsGood, TAKEN),
        (1, Flaw::ResetForgetsEpoch, EPOCHS),
        (1, Flaw::ReceiptBeforeStore, FOUND),
        (2, Flaw::SpentIsGood, ONE_DEVICE),
        (1, Flaw::EpochUnchecked, BINDINGS),
        (1, Flaw::HandoverForgotten, PARTED),
    ] {
        let wanted = HasDiscoveries::AnyOf(std::collections::BTreeSet::from([property]));
        let checker = Model { bounds: Bounds { devices, claims: 3, late: 1 }, flaw: Some(flaw) }.checker().finish_when(wanted).spawn_bfs().join();
        let Some(path) = checker.discovery(property) else { panic!("{flaw:?} does not break \u{201c}{property}\u{201d}") };
        eprintln!("{flaw:?} breaks \u{201c}{property}\u{201d}: {:?}", path.into_actions());
    }
}
