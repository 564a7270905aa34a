//! One commission from its first step to its record.
//!
//! [`Run::drive`] is the state machine: which step comes next, what waits for a person, what
//! a broken link means. The steps themselves are in `opening`, `claiming` and `joining`.
//!
//! After a broken link the commission connects again, shakes hands, lets the device prove
//! once more that it is the same one, and goes on at the first step that was not done.

use std::sync::Arc;

use omniot_shared::{
    claim::Identity,
    entities::{AttemptOutcome, Security, StepOutcome},
    label::{ClaimCode, Label, Pop},
    time::Clock,
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    board::{Board, Command, Confirmation},
    causes::{Cause, Remedy},
    desk::{Desk, GrantFate},
    draft::{Ended, State},
    pace::Pace,
    secrets::{Network, Networks, WrongProofs},
    step::Step,
    talk::Talk,
    trouble::Trouble,
};
use crate::commissioning::{
    esp::level::Mode,
    nearby::Nearby,
    radio::Radio,
};

/// How often a link may break at one step before the technician is asked.
const RECONNECTS: u8 = 2;

/// What every commission of this app works with.
pub struct Means {
    /// The radio.
    pub radio: Arc<dyn Radio>,
    /// What is in the air.
    pub nearby: Arc<Nearby>,
    /// The present moment.
    pub clock: Arc<dyn Clock>,
    /// Deadlines.
    pub pace: Pace,
    /// Who uses the app.
    pub mode: Mode,
    /// Remembered networks.
    pub networks: Networks,
    /// Wrong proofs of possession.
    pub wrong_proofs: WrongProofs,
}

/// Which device is meant.
#[derive(Default)]
pub struct Target {
    /// Chosen from the list.
    pub address: Option<String>,
    /// Scanned.
    pub label: Option<Label>,
    /// Typed.
    pub code: Option<ClaimCode>,
    /// The weakest protection that its model allows.
    pub floor: Option<Security>,
}

/// How a commission ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Everything is done.
    Succeeded,
    /// It cannot be done, or nobody came back to it.
    Failed(Cause),
    /// The technician stopped it, or nobody came back to it.
    Cancelled,
}

/// How a step ends well, or nearly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Done.
    Done,
    /// Not needed, or for later.
    Skipped(Option<Cause>),
    /// The device's clear no: go back to an earlier step.
    Back(Step, Cause),
}

/// One commission at work.
pub struct Run {
    pub(super) means: Arc<Means>,
    pub(super) desk: Arc<dyn Desk>,
    pub(super) board: Arc<Board>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) target: Target,
    pub(super) pop: Option<Pop>,
    pub(super) pop_typed: bool,
    pub(super) talk: Option<Talk>,
    pub(super) level: Option<Security>,
    pub(super) no_pop: bool,
    pub(super) identity: Option<Identity>,
    pub(super) network: Option<Network>,
    pub(super) needs_reset: bool,
    /// Whether the device may already be joining `network`.
    pub(super) apply_sent: bool,
    reached: Step,
    reconnects: u8,
}

impl Run {
    /// Ready to begin.
    pub fn new(means: Arc<Means>, desk: Arc<dyn Desk>, board: Arc<Board>, commands: mpsc::Receiver<Command>, target: Target, typed: Option<Pop>) -> Self {
        let scanned = target.label.as_ref().and_then(|label| label.pop.clone());
        let pop_typed = typed.is_some();
        Self {
            means,
            desk,
            board,
            commands,
            target,
            pop: typed.or(scanned),
            pop_typed,
            talk: None,
            level: None,
            no_pop: false,
            identity: None,
            network: None,
            needs_reset: false,
            apply_sent: false,
            reached: Step::Connect,
            reconnects: 0,
        }
    }

    /// Works until the end and records it.
    pub async fn finish(mut self, stop: CancellationToken) {
        let end = tokio::select! {
            biased;
            () = stop.cancelled() => End::Cancelled,
            end = self.drive() => end,
        };
        self.hang_up().await;
        self.means.nearby.resume().await;
        self.record(end).await;
    }

    async fn drive(&mut self) -> End {
        let mut step = Step::Connect;
        loop {
            match self.prepare(step).await {
                Ok(ready) => step = ready,
                Err(end) => return end,
            }
            match self.perform(step).await {
                Ok(Next::Done | Next::Skipped(_)) => match self.after(step) {
                    Some(next) => step = next,
                    None => return End::Succeeded,
                },
                Ok(Next::Back(to, _)) => {
                    self.reached = to;
                    self.network = None;
                    self.apply_sent = false;
                    step = to;
                }
                Err(Trouble::Broken(_)) if step != Step::Connect && self.reconnects < RECONNECTS => {
                    self.reconnects += 1;
                    self.hang_up().await;
                    step = Step::Connect;
                }
                // Apply was sent and the device is silent now: it has most probably joined.
                Err(Trouble::Failed(Cause::NotAdvertising | Cause::ConnectFailed)) if step == Step::Connect && self.apply_sent => step = Step::Join,
                Err(trouble) => match self.stuck(step, trouble.cause()).await {
                    Ok(again) => step = again,
                    Err(end) => return end,
                },
            }
        }
    }

    /// The step after a finished one; `None` at the end.
    fn after(&mut self, step: Step) -> Option<Step> {
        let next = Step::ALL.iter().copied().find(|later| *later > step)?;
        if next > self.reached {
            self.reached = next;
            if next > Step::Handshake {
                self.reconnects = 0;
            }
        }
        // A new link always shakes hands and shows its identity again.
        Some(if step < Step::Identity { next } else { next.max(self.reached) })
    }

    /// Asks for what a step needs from a person.
    async fn prepare(&mut self, step: Step) -> Result<Step, End> {
        let pop_wanted = self.pop.is_none() && !self.no_pop && self.level.is_some_and(|level| level != Security::Sec0);
        if step == Step::Handshake && pop_wanted {
            let Some(Command::Pop(pop)) = self.pause(State::NeedsPop, step).await else { return Err(self.abandoned()) };
            self.take_pop(pop);
        }
        if step == Step::SetNetwork && self.network.is_none() {
            self.network = self.remembered();
        }
        if step == Step::SetNetwork && self.network.is_none() {
            match self.pause(State::NeedsNetwork, step).await {
                Some(Command::Network(network)) => self.network = Some(network),
                Some(Command::Retry) => return Ok(if self.can_talk() { Step::ScanNetworks } else { self.again_at(Step::ScanNetworks) }),
                _ => return Err(self.abandoned()),
            }
        }
        Ok(step)
    }

    fn take_pop(&mut self, pop: Pop) {
        self.pop = Some(pop);
        self.pop_typed = true;
    }

    /// The remembered network of this site, when the device sees it.
    fn remembered(&self) -> Option<Network> {
        let (tenant, site, networks) = self.board.read(|draft| (draft.tenant, draft.site_id, draft.networks.clone()));
        let network = self.means.networks.of(tenant, site)?;
        if networks.iter().any(|seen| seen.raw == network.ssid) {
            return Some(network);
        }
        self.board.change(|draft| draft.warn("network_unseen"));
        None
    }

    /// One step: kept before it begins, recorded when it ends.
    async fn perform(&mut self, step: Step) -> Result<Next, Trouble> {
        let now = self.means.clock.now();
        self.board.change(|draft| {
            draft.state = State::Running;
            draft.begin(step, now);
        });
        let began = Instant::now();
        let result = match self.save().await {
            Ok(()) => self.work(step).await,
            Err(trouble) => Err(trouble),
        };
        let duration = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
        let (outcome, cause) = match result {
            Ok(Next::Done) => (StepOutcome::Done, None),
            Ok(Next::Skipped(cause)) => (StepOutcome::Skipped, cause),
            Ok(Next::Back(_, cause)) => (StepOutcome::Failed, Some(cause)),
            Err(trouble) => (StepOutcome::Failed, Some(trouble.cause())),
        };
        self.board.change(|draft| {
            if outcome == StepOutcome::Failed
                && let Some(cause) = cause
            {
                draft.fail(cause);
            } else if draft.failure.as_ref().is_some_and(|failure| failure.step <= step) {
                draft.failure = None;
            }
            draft.end(outcome, cause, duration);
        });
        tracing::info!(attempt.id = %self.board.read(|draft| draft.id), step = step.name(), ?outcome, cause = cause.map(Cause::code), duration_ms = duration, "commissioning step ended");
        result
    }

    async fn work(&mut self, step: Step) -> Result<Next, Trouble> {
        let limit = self.means.pace.deadline(step);
        let done = timeout(limit, async {
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
            (Err(_), Step::Join) => return Err(Trouble::Failed(Cause::JoinTimeout)),
            (Err(_), Step::Cloud) => Next::Skipped(Some(Cause::NotYetSeen)),
            (Err(_), _) => return Err(Trouble::Broken(Cause::NoAnswer)),
        };
        if step == Step::Identify && done == Next::Done {
            return self.confirmed().await;
        }
        Ok(done)
    }

    /// Waits for the technician to see the device.
    async fn confirmed(&mut self) -> Result<Next, Trouble> {
        loop {
            match self.pause(State::NeedsConfirm, Step::Identify).await {
                Some(Command::Confirm(Confirmation::Right)) => return Ok(Next::Done),
                Some(Command::Retry) => {
                    let _ = self.identify().await?;
                }
                _ => return Err(Trouble::Failed(Cause::WrongDevice)),
            }
        }
    }

    /// A step failed and a new link does not help, or has not.
    async fn stuck(&mut self, step: Step, cause: Cause) -> Result<Step, End> {
        if cause.remedy() != Remedy::Retry {
            return Err(End::Failed(cause));
        }
        if cause == Cause::WrongPop {
            let Some(Command::Pop(pop)) = self.pause(State::NeedsPop, step).await else { return Err(End::Failed(cause)) };
            self.take_pop(pop);
            self.reconnects = 0;
            return Ok(if self.has_link() { Step::Handshake } else { Step::Connect });
        }
        if cause == Cause::NetworkRefused {
            self.network = None;
            return Ok(Step::SetNetwork);
        }
        match self.pause(State::Failed, step).await {
            Some(Command::Retry) => {
                self.reconnects = 0;
                self.needs_reset &= cause != Cause::ResetUnsupported;
                Ok(if step > Step::Handshake && self.can_talk() { step } else { self.again_at(step) })
            }
            Some(Command::Network(network)) => {
                self.reconnects = 0;
                self.network = Some(network);
                self.apply_sent = false;
                // Another network is set and applied again, however far the first one got.
                self.reached = Step::SetNetwork;
                self.needs_reset = step >= Step::Apply;
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

    /// Connect first, then go on at `step`.
    fn again_at(&mut self, step: Step) -> Step {
        if step > Step::Identity {
            self.reached = step;
        }
        Step::Connect
    }

    pub(super) fn has_link(&self) -> bool {
        use futures::FutureExt as _;
        self.talk.as_ref().is_some_and(|talk| talk.link().closed().now_or_never().is_none())
    }

    fn can_talk(&self) -> bool {
        self.has_link() && self.talk.as_ref().is_some_and(Talk::is_open)
    }

    /// Closes the link, if there is one.
    pub(super) async fn hang_up(&mut self) {
        if let Some(talk) = self.talk.take() {
            let _ = timeout(self.means.pace.exchange, talk.link().disconnect()).await;
        }
    }

    /// Waits for a decision that fits; `None` when nobody comes back.
    async fn pause(&mut self, state: State, step: Step) -> Option<Command> {
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
                    (Command::Network(_), State::Failed) => step >= Step::SetNetwork,
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

    /// Keeps the state over a crash.
    pub(super) async fn save(&self) -> Result<(), Trouble> {
        let now = self.means.clock.now();
        let kept = self.board.change(|draft| draft.kept(now)).ok_or(Trouble::Failed(Cause::StoreFailed))?;
        Ok(self.desk.save_commission(&kept).await?)
    }

    /// Says what became of the grant, writes the record, and only then shows the end.
    async fn record(&mut self, end: End) {
        let at = self.means.clock.now();
        let draft = self.board.read(Clone::clone);
        let (outcome, cause) = match end {
            End::Succeeded => (AttemptOutcome::Succeeded, None),
            End::Failed(cause) => (AttemptOutcome::Failed, Some(cause.code().to_owned())),
            // It has joined; only the server's nod is missing.
            End::Cancelled if draft.step == Step::Cloud => (AttemptOutcome::Succeeded, None),
            End::Cancelled => match &draft.failure {
                Some(failure) if draft.state == State::Failed => (AttemptOutcome::Failed, Some(failure.cause.clone())),
                _ => (AttemptOutcome::Cancelled, Some("cancelled".to_owned())),
            },
        };
        let state = match (outcome, end) {
            (AttemptOutcome::Succeeded, _) => State::Succeeded,
            (_, End::Failed(_)) => State::Failed,
            _ => State::Cancelled,
        };
        if let (Some(grant), None) = (draft.grant_id, &draft.receipt) {
            let _ = self.desk.settle_grant(grant, GrantFate::Unsent).await;
        }
        let ended = Ended { outcome, cause, at };
        self.board.change(|draft| {
            if draft.current.is_some() && outcome == AttemptOutcome::Succeeded {
                draft.end(StepOutcome::Skipped, Some(Cause::NotYetSeen), 0);
            }
            if !draft.grant_sent {
                draft.grant_id = None;
            }
            draft.ended = Some(ended.clone());
        });
        let _ = self.save().await;
        let (attempt, device) = self.board.read(|draft| (draft.attempt(&ended), draft.commissioned()));
        let recorded = self.desk.record(&attempt, device.as_ref()).await;
        if let Err(error) = &recorded {
            tracing::error!(attempt.id = %attempt.id, %error, "the attempt could not be recorded; it is kept for the next start");
        }
        self.board.change(|draft| {
            draft.current = None;
            draft.steps = attempt.steps;
            draft.state = state;
            if recorded.is_err() {
                draft.warn("not_recorded");
            }
            if let End::Failed(cause) = end {
                draft.failure = Some(super::draft::Shown { cause: cause.code().to_owned(), step: draft.step, retriable: false });
            }
        });
    }
}
