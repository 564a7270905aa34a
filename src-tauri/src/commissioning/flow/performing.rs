//! One step from its beginning to its row: stored before it begins, ended by its deadline at the
//! latest, recorded.
//!
//! Deliberately not here: which step comes next, and the work of the steps.

use std::time::Duration;

use omniot_shared::entities::StepOutcome;
use tokio::time::{Instant, timeout};

use super::{
    board::{Command, Confirmation},
    causes::Cause,
    draft::State,
    run::{Next, RECONNECTS, Run},
    step::Step,
    trouble::Trouble,
};
use crate::commissioning::nearby::Protocol;

impl Run {
    /// One step: kept before it begins, recorded when it ends.
    pub(super) async fn perform(&mut self, step: Step) -> Result<Next, Trouble> {
        let now = self.means.clock.now();
        self.board.change(|draft| {
            draft.state = State::Running;
            draft.begin(step, now);
        });
        self.means.flight.step(step);
        let began = Instant::now();
        let result = match self.save().await {
            Ok(()) => self.work(step).await,
            Err(trouble) => Err(trouble),
        };
        let result = self.without_a_list(step, result.map_err(|trouble| self.explained(trouble)));
        self.ended(step, result, u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX));
        result
    }

    /// The row of a step, and what the page shows from then on.
    fn ended(&self, step: Step, result: Result<Next, Trouble>, duration: u32) {
        let (outcome, cause) = match result {
            Ok(Next::Done) => (StepOutcome::Done, None),
            Ok(Next::Skipped(cause)) => (StepOutcome::Skipped, cause),
            Ok(Next::Back(_, cause)) => (StepOutcome::Failed, Some(cause)),
            Err(trouble) => (StepOutcome::Failed, Some(trouble.cause())),
        };
        // Why it looks for networks anew stands until that is over.
        let is_about_to_look = step == Step::ScanNetworks && result.is_err_and(|trouble| self.tries_again(trouble));
        self.board.change(|draft| {
            let has_said_why = is_about_to_look && draft.failure.as_ref().is_some_and(|failure| failure.step > step);
            if outcome == StepOutcome::Failed
                && let Some(cause) = cause
            {
                if !has_said_why {
                    draft.fail(cause);
                }
            } else if draft.failure.as_ref().is_some_and(|failure| failure.step <= step) {
                draft.failure = None;
            }
            draft.end(outcome, cause, duration);
        });
        tracing::info!(attempt.id = %self.board.read(|draft| draft.id), step = step.name(), ?outcome, cause = cause.map(Cause::code), duration_ms = duration, "commissioning step ended");
    }

    /// A link that breaks where the device is hardly heard breaks because of that.
    fn explained(&self, trouble: Trouble) -> Trouble {
        match trouble {
            Trouble::Broken(Cause::LinkLost) if self.is_far() => Trouble::Broken(Cause::OutOfRange),
            other => other,
        }
    }

    /// A device that cannot look for networks can be given one all the same: somebody types its name. A list of before stays.
    /// What breaks the session in the middle of the scan is tried again first.
    fn without_a_list(&self, step: Step, result: Result<Next, Trouble>) -> Result<Next, Trouble> {
        if step != Step::ScanNetworks {
            return result;
        }
        match result {
            Ok(_) => self.board.change(|draft| draft.unwarn(Cause::ScanFailed.code())),
            Err(trouble) if trouble.cause().is_of_scan() && !self.tries_again(trouble) => {
                self.board.change(|draft| draft.warn(Cause::ScanFailed.code()));
                return Ok(Next::Skipped(Some(Cause::ScanFailed)));
            }
            Err(_) => {}
        }
        result
    }

    /// Whether another link is tried by itself.
    pub(super) fn tries_again(&self, trouble: Trouble) -> bool {
        matches!(trouble, Trouble::Broken(_)) && self.reconnects < RECONNECTS && self.has_time()
    }

    async fn work(&mut self, step: Step) -> Result<Next, Trouble> {
        let done = timeout(self.limit(step), async {
            if self.speaks == Protocol::Improv && step != Step::Connect {
                return self.work_with_peer(step).await;
            }
            match step {
                Step::Connect => self.connect().await,
                Step::Discover => self.discover().await,
                Step::Version => self.version().await,
                Step::Handshake => self.handshake().await,
                Step::Identity => self.prove_identity().await,
                Step::Identify => self.identify().await,
                Step::Claim => self.claim().await,
                Step::ScanNetworks => self.scan_networks().await,
                Step::SetNetwork => self.set_network().await,
                Step::Apply => self.apply().await,
                Step::Join => self.join().await,
                Step::Cloud => self.cloud().await,
            }
        });
        let done = match (done.await, step) {
            (Ok(done), _) => done?,
            (Err(_), Step::Join) => return Err(Trouble::Failed(if self.without_address { Cause::NoAddress } else { Cause::JoinTimeout })),
            (Err(_), Step::Cloud) => Next::Skipped(Some(self.unseen())),
            (Err(_), _) => return Err(Trouble::Broken(Cause::NoAnswer)),
        };
        if step == Step::Identify && done == Next::Done {
            return self.confirmed().await;
        }
        Ok(done)
    }

    async fn work_with_peer(&mut self, step: Step) -> Result<Next, Trouble> {
        match step {
            Step::Connect => self.connect().await,
            Step::Discover => self.meet_peer().await,
            Step::Version => self.judge_peer().await,
            Step::Handshake => self.authorize().await,
            Step::Identity => self.miss_identity(),
            Step::Identify => self.show_peer().await,
            Step::Claim => self.claim().await,
            Step::ScanNetworks => self.scan_by_peer().await,
            Step::SetNetwork => self.give_peer_network().await,
            // It began when it was given the network.
            Step::Apply => Ok(Next::Skipped(None)),
            Step::Join => self.watch_peer().await,
            Step::Cloud => self.cloud().await,
        }
    }

    /// How long a step may take; where a button may have to be pressed, somebody has time for that.
    fn limit(&self, step: Step) -> Duration {
        let own = self.means.pace.deadline(step);
        let may_wait = self.speaks == Protocol::Improv && matches!(step, Step::Handshake | Step::ScanNetworks | Step::SetNetwork);
        if may_wait { own + self.means.pace.authorize } else { own }
    }

    /// Waits for the technician to see the device.
    async fn confirmed(&mut self) -> Result<Next, Trouble> {
        loop {
            match self.pause(State::NeedsConfirm, Step::Identify).await {
                Some(Command::Confirm(Confirmation::Right)) => return Ok(Next::Done),
                Some(Command::Retry) => {
                    let limit = self.limit(Step::Identify);
                    let shown = async { if self.peer.is_some() { self.show_peer().await } else { self.identify().await } };
                    timeout(limit, shown).await.unwrap_or(Err(Trouble::Broken(Cause::NoAnswer)))?;
                }
                None => return Err(Trouble::Failed(Cause::NotConfirmed)),
                _ => return Err(Trouble::Failed(Cause::WrongDevice)),
            }
        }
    }

    /// Keeps the state over a crash.
    pub(super) async fn save(&self) -> Result<(), Trouble> {
        let now = self.means.clock.now();
        let kept = self.board.change(|draft| draft.kept(now)).ok_or(Trouble::Failed(Cause::StoreFailed))?;
        Ok(self.desk.save_commission(&kept).await?)
    }
}
