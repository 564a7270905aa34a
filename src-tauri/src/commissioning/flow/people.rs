//! Where a commission waits for a person: what they must give, and what they decide after a failure.
//!
//! Deliberately not here: the page (`api`), which sends the decisions.

use omniot_shared::{entities::Security, label::Pop};
use tokio::time::timeout;

use super::{
    board::Command,
    causes::{Cause, Remedy},
    draft::State,
    run::{End, Run},
    secrets::{Era, Keep, Network},
    step::Step,
};
use crate::commissioning::esp::sec2::Inner;

impl Run {
    /// Asks for what a step needs from a person.
    pub(super) async fn prepare(&mut self, step: Step) -> Result<Step, End> {
        let pop_wanted = self.pop.is_none() && !self.no_pop && self.level.is_some_and(|level| level != Security::Sec0);
        if step == Step::Handshake && pop_wanted {
            let Some(Command::Pop(pop)) = self.pause(State::NeedsPop, step).await else { return Err(self.abandoned()) };
            self.take_pop(pop);
        }
        let era = self.means.networks.era();
        if step == Step::SetNetwork
            && self.network.is_none()
            && let Some(network) = self.remembered()
        {
            self.choose(network, era);
        }
        if step == Step::SetNetwork && self.network.is_none() {
            match self.pause(State::NeedsNetwork, step).await {
                Some(Command::Network(network)) => self.choose(network, self.means.networks.era()),
                Some(Command::Retry) => return Ok(self.look_again()),
                _ => return Err(self.abandoned()),
            }
        }
        Ok(step)
    }

    /// The device looks for networks once more, from the first try on.
    fn look_again(&mut self) -> Step {
        (self.reached, self.reconnects) = (Step::ScanNetworks, 0);
        if self.can_talk() { Step::ScanNetworks } else { Step::Connect }
    }

    fn take_pop(&mut self, pop: Pop) {
        self.pop = Some(pop);
        self.pop_typed = true;
        self.inner = Inner::Whole;
    }

    /// The network to try next; its name stays on the board also when it fails.
    fn choose(&mut self, network: Network, era: Era) {
        self.board.change(|draft| draft.network_name = Some(network.shown.clone()));
        (self.network, self.chosen) = (Some(network), era);
    }

    /// The remembered network of this site, when the device sees it, cannot look, or is not expected to see it. One that it does
    /// not find after all is forgotten, and asked for. A device that is not this organization's does not get it without a
    /// word: the technician decides, and sees the warning.
    fn remembered(&self) -> Option<Network> {
        let (site, is_claimed) = self.board.read(|draft| (draft.site_id, draft.receipt.is_some()));
        let network = self.means.networks.of(self.desk.account(), site, self.wants).filter(|_| is_claimed)?;
        if network.unseen || self.board.read(|draft| draft.sees(&network) || draft.is_blind()) {
            return Some(network);
        }
        self.board.change(|draft| draft.warn("network_unseen"));
        None
    }

    /// A remembered network did not work: the next device is not given it again by itself.
    pub(super) fn forget_remembered(&self) {
        if self.network.as_ref().is_some_and(|network| network.keep == Keep::Remembered) {
            let site = self.board.read(|draft| draft.site_id);
            self.means.networks.forget(self.desk.account(), site, self.wants);
        }
    }

    /// A step failed and a new link does not help, or has not.
    pub(super) async fn stuck(&mut self, step: Step, cause: Cause) -> Result<Step, End> {
        if cause.remedy() != Remedy::Retry {
            return Err(End::Failed(cause));
        }
        if cause == Cause::PopOrLink && self.counts_as_wrong() {
            return Err(End::Failed(Cause::TooManyWrongPops));
        }
        if matches!(cause, Cause::WrongPop | Cause::PopOrLink) {
            let Some(Command::Pop(pop)) = self.pause(State::NeedsPop, step).await else { return Err(End::Failed(cause)) };
            self.take_pop(pop);
            self.reconnects = 0;
            return Ok(if self.has_link() { Step::Handshake } else { Step::Connect });
        }
        if step == Step::Join && !cause.is_out_of_reach() {
            // Heard in vain: silence after this is none of success. A link that was lost says nothing.
            self.forget_joining();
        }
        if matches!(cause, Cause::NetworkRefused | Cause::JoinTimeout | Cause::NoAddress) {
            self.forget_remembered();
        }
        if cause == Cause::NetworkRefused {
            self.network = None;
            return Ok(Step::SetNetwork);
        }
        match self.pause(State::Failed, step).await {
            Some(Command::Retry) => {
                self.reconnects = 0;
                let step = if cause.is_switched_off() {
                    // It has forgotten both networks.
                    self.needs_reset = false;
                    self.reached = self.reached.min(Step::SetNetwork);
                    step.min(Step::SetNetwork)
                } else {
                    step
                };
                Ok(if step > Step::Handshake && self.can_talk() { step } else { self.again_at(step) })
            }
            Some(Command::Network(network)) => {
                self.reconnects = 0;
                self.choose(network, self.means.networks.era());
                self.forget_joining();
                // Another network is set and applied again, however far the first one got.
                self.reached = Step::SetNetwork;
                self.needs_reset = step >= Step::Apply && !cause.is_switched_off();
                Ok(if self.can_talk() { Step::SetNetwork } else { self.again_at(Step::SetNetwork) })
            }
            _ => Err(End::Failed(cause)),
        }
    }

    /// Nobody came back.
    fn abandoned(&self) -> End {
        let shown = self.board.read(|draft| draft.failure.as_ref().and_then(|failure| Cause::of_code(&failure.cause)));
        shown.map_or(End::Cancelled, End::Failed)
    }

    /// Waits for a decision that fits; `None` when nobody comes back.
    pub(super) async fn pause(&mut self, state: State, step: Step) -> Option<Command> {
        self.board.change(|draft| {
            draft.state = state;
            draft.step = step;
        });
        let _ = self.save().await;
        let waiting = async {
            loop {
                let command = self.commands.recv().await?;
                let fits = match (&command, state) {
                    (Command::Pop(_), State::NeedsPop) | (Command::Confirm(_), State::NeedsConfirm) | (Command::Network(_), State::NeedsNetwork) => true,
                    (Command::Network(_), State::Failed) => step.takes_network(),
                    (Command::Retry, State::NeedsNetwork | State::NeedsConfirm | State::Failed) => true,
                    _ => false,
                };
                if fits {
                    return Some(command);
                }
            }
        };
        // Whoever sent it has set the state to running.
        timeout(self.means.pace.idle, waiting).await.ok().flatten()
    }
}
