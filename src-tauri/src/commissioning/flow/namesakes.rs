//! Which device in the air is the one that is meant: names are in the air for everybody, and addresses change.
//!
//! A label names its device. What answers to the name and is not the device, whatever keeps it from being it, is put aside
//! and the next one is tried; an address that was given beside a label, or at which the device was heard before, is where
//! to begin. When it is silent, the device may have come back under another address, and whoever has its name is asked to
//! prove that it is it. Where none is, what the first one failed for stands. Silence may mean success, and so it stands
//! only where every other one has shown that it is another device: one whose link failed may be the one that is meant.
//!
//! Deliberately not here: how a device proves what it is (`opening`, `claiming`).

use omniot_shared::entities::Security;
use tokio::time::Instant;

use super::{
    causes::Cause,
    draft::{Draft, NetworkKind},
    run::Run,
    step::Step,
    trouble::Trouble,
};
use crate::commissioning::{
    esp::sec2,
    nearby::{Heard, Protocol, Sought},
};

/// So many are put aside for one device: the air of a hostile place is endless.
const MOST: usize = 8;

/// What had the name of the label and is not its device.
#[derive(Default)]
pub(super) struct Namesakes {
    /// Their addresses.
    aside: Vec<String>,
    /// The first one, which stands when none of the others is it either.
    first: Option<First>,
    /// No other one is begun with after that, and none is tried twice.
    until: Option<Instant>,
    /// What kept one of the others from showing which device it is.
    unknown: Option<(Step, Cause)>,
}

/// A device as it was before others were tried in its place, and what failed.
struct First {
    address: Option<String>,
    step: Step,
    cause: Cause,
    speaks: Protocol,
    level: Option<Security>,
    no_pop: bool,
    wants: NetworkKind,
    shown: Draft,
}

impl Run {
    /// Hears the device that is meant.
    pub(super) async fn hear(&mut self) -> Result<Heard, Trouble> {
        let silent = Trouble::Failed(Cause::NotAdvertising);
        let (known, name) = (self.target.address.clone(), self.name());
        let sought = known.clone().map(Sought::Address).or_else(|| name.clone().map(Sought::Name)).ok_or(silent)?;
        let first = self.means.nearby.find(self.means.pace.find, sought).await?;
        // One that was guessed at too often is locked; the device that is meant may have the same name.
        let is_open = first.as_ref().is_some_and(|heard| !self.is_locked(&heard.advert.address));
        let Some(name) = name.filter(|_| !is_open && (known.is_some() || first.is_some())) else { return first.ok_or(silent) };
        let mut others = self.namesakes.aside.clone();
        others.extend(known.clone());
        others.extend(first.as_ref().map(|heard| heard.advert.address.clone()));
        let other = self.namesake(name, others).await;
        // One that was not met yet was only a place to begin.
        if first.is_none() && other.is_some() && self.reached > Step::Connect {
            self.remember_first(Step::Connect, Cause::NotAdvertising);
        }
        other.or(first).ok_or(silent)
    }

    /// By which name the device can be looked for: not when somebody chose the very device, nor where a device that has shown
    /// itself already could not be told from another one.
    fn name(&self) -> Option<String> {
        let has_secret = self.pop.is_some() && !self.no_pop && self.speaks == Protocol::Esp;
        let can_be_told = self.known_at.is_none() || self.identity.is_some() || has_secret;
        self.target.label.as_ref().map(|label| label.name.clone()).filter(|_| can_be_told)
    }

    pub(super) fn is_locked(&self, address: &str) -> bool {
        self.means.wrong_proofs.exhausted(address, self.means.clock.now())
    }

    async fn namesake(&self, name: String, others: Vec<String>) -> Option<Heard> {
        self.means.nearby.find(self.means.pace.find_other, Sought::Namesake(name, others)).await.ok().flatten()
    }

    /// A step failed. Where that may be because it is not the device of the label, before anything was given to it, the next one
    /// with its name has its turn: `None`. Otherwise what stands.
    pub(super) async fn past_namesakes(&mut self, step: Step, cause: Cause) -> Option<(Step, Cause)> {
        if !self.may_be_another(step, cause) {
            // A person may decide, which takes its time.
            self.namesakes.until = None;
            return Some((step, cause));
        }
        let Some(address) = self.target.address.clone().filter(|_| self.namesakes.first.is_some() || self.name().is_some()) else { return Some((step, cause)) };
        self.remember_first(step, cause);
        if !is_refuted_by(cause) {
            // That the secret is right was seen before: nobody is asked for another one.
            let shown = if cause == Cause::PopOrLink { Cause::LinkLost } else { cause };
            self.namesakes.unknown = self.namesakes.unknown.or(Some((step, shown)));
        }
        self.namesakes.aside.push(address);
        self.hang_up().await;
        let mut others = self.namesakes.aside.clone();
        others.extend(self.namesakes.first.as_ref().and_then(|first| first.address.clone()));
        let other = match self.name().filter(|_| self.namesakes.aside.len() < MOST && self.has_time()) {
            Some(name) => self.namesake(name, others).await,
            None => None,
        };
        (self.inner, self.reconnects) = (sec2::Inner::Whole, 0);
        match other {
            Some(other) => self.turn_to(other),
            None => return Some(self.back_to_first().unwrap_or((step, cause))),
        }
        None
    }

    /// Whether the search for the one that is meant may go on; where there is none it is no matter of time.
    pub(super) fn has_time(&self) -> bool {
        self.namesakes.until.is_none_or(|until| Instant::now() < until)
    }

    fn remember_first(&mut self, step: Step, cause: Cause) {
        self.namesakes.until = self.namesakes.until.or_else(|| Some(Instant::now() + self.means.pace.search));
        if self.namesakes.first.is_none() {
            let shown = self.board.read(Clone::clone);
            let address = self.target.address.clone();
            self.namesakes.first = Some(First { address, step, cause, speaks: self.speaks, level: self.level, no_pop: self.no_pop, wants: self.wants, shown });
        }
    }

    fn turn_to(&mut self, other: Heard) {
        self.target.address = Some(other.advert.address);
        if self.known_at.is_none() {
            // What the one before offered says nothing about the next.
            (self.level, self.no_pop) = (None, false);
            self.board.change(|draft| draft.warnings.clear());
        }
    }

    fn back_to_first(&mut self) -> Option<(Step, Cause)> {
        let Namesakes { first, unknown, .. } = std::mem::take(&mut self.namesakes);
        let First { address, step, cause, speaks, level, no_pop, wants, shown } = first?;
        let (step, cause) = what_stands((step, cause), unknown);
        self.target.address = address;
        (self.speaks, self.level, self.no_pop, self.wants) = (speaks, level, no_pop, wants);
        self.board.change(|draft| {
            (draft.address, draft.rssi, draft.mtu, draft.advertised) = (shown.address, shown.rssi, shown.mtu, shown.advertised);
            (draft.protocol, draft.security, draft.network_kind, draft.warnings) = (shown.protocol, shown.security, shown.network_kind, shown.warnings);
            draft.step = step;
            draft.fail(cause);
        });
        Some((step, cause))
    }

    /// Whether what failed may be another device than the one that is meant.
    fn may_be_another(&self, step: Step, cause: Cause) -> bool {
        let is_known = self.known_at.is_some() && self.known_at == self.target.address;
        let is_first = self.namesakes.first.is_none();
        // What a person typed may be mistyped: they are asked again.
        let is_mistyped = is_first && self.pop_typed && matches!(cause, Cause::WrongPop | Cause::PopOrLink | Cause::TooManyWrongPops);
        let is_silent = is_first && cause == Cause::NotAdvertising;
        step <= Step::Identity && !is_known && !is_mistyped && !is_silent && cause.is_of_device()
    }
}

/// What is said of a device that none of the others was.
const fn what_stands(first: (Step, Cause), unknown: Option<(Step, Cause)>) -> (Step, Cause) {
    match (first, unknown) {
        // It may have come back as that one.
        ((_, Cause::NotAdvertising), Some(unknown)) => unknown,
        (first, _) => first,
    }
}

/// Whether a device that fails so has shown that it is another one than the one that is meant, or is as silent as that one.
const fn is_refuted_by(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::NotAdvertising
            | Cause::DowngradeRefused
            | Cause::BelowPolicy
            | Cause::Unprotected
            | Cause::UnknownProtocol
            | Cause::WrongPop
            | Cause::TooManyWrongPops
            | Cause::HandshakeRefused
            | Cause::DeviceUnproven
            | Cause::IdentityMismatch
            | Cause::IdentityMissing
            | Cause::IdentityInvalid
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_stands_only_where_every_other_device_has_shown_that_it_is_another() {
        let silent = (Step::Connect, Cause::NotAdvertising);
        assert_eq!(what_stands(silent, None), silent);
        for cause in [Cause::ConnectFailed, Cause::OutOfRange, Cause::LinkLost, Cause::NoAnswer, Cause::NotEstablished, Cause::GattError, Cause::DeviceBusy, Cause::PopOrLink] {
            assert!(!is_refuted_by(cause), "{cause:?}");
            assert_eq!(what_stands(silent, Some((Step::Discover, cause))), (Step::Discover, cause));
        }
        for cause in [Cause::WrongPop, Cause::DeviceUnproven, Cause::IdentityMismatch, Cause::IdentityMissing, Cause::IdentityInvalid, Cause::DowngradeRefused, Cause::BelowPolicy] {
            assert!(is_refuted_by(cause), "{cause:?}");
        }
        let wrong = (Step::Handshake, Cause::WrongPop);
        assert_eq!(what_stands(wrong, Some((Step::Connect, Cause::ConnectFailed))), wrong, "that one was heard, and failed");
    }
}
