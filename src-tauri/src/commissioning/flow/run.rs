//! One commission from its first step to its record.
//!
//! [`Run::drive`] is the state machine: which step comes next, what waits for a person, what
//! a broken link means. `performing` runs one step, `people` waits for decisions, `recording`
//! ends it, `namesakes` says which device in the air is meant; the steps themselves are in `opening`, `claiming`,
//! `joining` and `meshing`, those with an Improv device in `improv`.
//!
//! After a broken link the commission connects again, shakes hands, lets the device prove
//! once more that it is the same one, and goes on at the first step that was not done.

use std::sync::Arc;

use omniot_shared::{
    claim::Identity,
    entities::{Attempt, Security},
    label::{ClaimCode, Label, Pop},
    time::Clock,
};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    board::{Board, Command},
    causes::Cause,
    desk::Desk,
    draft::NetworkKind,
    late::Late,
    left::LeftBehind,
    namesakes::Namesakes,
    pace::Pace,
    peer::Peer,
    secrets::{Era, Network, Networks, WrongProofs},
    step::Step,
    talk::Talk,
    trouble::Trouble,
};
use crate::commissioning::{
    esp::{level::Mode, sec2::Inner},
    flight::{self, Recorder},
    nearby::{Nearby, Protocol},
    radio::Radio,
};

/// How often a link may break at one step before the technician is asked.
pub(super) const RECONNECTS: u8 = 2;

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
    /// What interrupted commissions left behind.
    pub left: LeftBehind,
    /// Records that could not be saved yet.
    pub late: Late,
    /// What happens on the radio, as it is written down.
    pub flight: Arc<Recorder>,
}

/// Which device is meant.
#[derive(Default)]
pub struct Target {
    /// Where it was heard last. Without a label somebody chose it from the list; beside one it is where to begin.
    pub address: Option<String>,
    /// Scanned.
    pub label: Option<Label>,
    /// Typed.
    pub code: Option<ClaimCode>,
    /// The weakest protection that its model allows.
    pub floor: Option<Security>,
    /// The attempt before, where that died when the device was claimed and perhaps joining already.
    pub earlier: Option<Box<Attempt>>,
    /// The last attempt of this technician at this site to which the device gave a receipt.
    pub claimed: Option<Box<Attempt>>,
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
    /// What the device speaks, as it was heard last.
    pub(super) speaks: Protocol,
    /// An Improv device at the other end of the link.
    pub(super) peer: Option<Peer>,
    pub(super) level: Option<Security>,
    pub(super) no_pop: bool,
    /// How the digest of the secret goes into security 2; some verifiers want it in another form.
    pub(super) inner: Inner,
    pub(super) identity: Option<Identity>,
    pub(super) network: Option<Network>,
    /// When `network` was chosen.
    pub(super) chosen: Era,
    /// What sort of network the device joins.
    pub(super) wants: NetworkKind,
    pub(super) needs_reset: bool,
    /// Whether its own scan showed networks, and none above the channels of 2.4 GHz.
    pub(super) only_24_ghz: bool,
    /// Whether it said that it is in the network and has no address there.
    pub(super) without_address: bool,
    /// Whether the device may already be joining `network`.
    pub(super) apply_sent: bool,
    /// The address that showed the identity, if the device has one: it is no other device.
    pub(super) known_at: Option<String>,
    /// What is tried in its place, since another device may have its name.
    pub(super) namesakes: Namesakes,
    /// The first step that was not done.
    pub(super) reached: Step,
    pub(super) reconnects: u8,
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
            speaks: Protocol::Esp,
            peer: None,
            level: None,
            no_pop: false,
            inner: Inner::Whole,
            identity: None,
            network: None,
            chosen: Era::default(),
            wants: NetworkKind::Wifi,
            needs_reset: false,
            only_24_ghz: false,
            without_address: false,
            apply_sent: false,
            known_at: None,
            namesakes: Namesakes::default(),
            reached: Step::Connect,
            reconnects: 0,
        }
    }

    /// Works until the end and records it.
    pub async fn finish(mut self, stop: CancellationToken) {
        let (id, began) = self.board.read(|draft| (draft.id, draft.started_at));
        self.means.flight.begin(id, began);
        let keeping = flight::keep(Arc::clone(&self.means.flight), Arc::clone(&self.desk), id);
        let end = tokio::select! {
            biased;
            () = stop.cancelled() => End::Cancelled,
            () = keeping => End::Cancelled,
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
                    // It joins what it was given before.
                    Some(_) if step == Step::ScanNetworks && self.apply_sent => {
                        self.reached = Step::Join;
                        step = if self.can_talk() { Step::Join } else { Step::Connect };
                    }
                    // What its scan took with it is taken up before anybody is asked for a network.
                    Some(_) if step == Step::ScanNetworks && !self.can_talk() => step = Step::Connect,
                    Some(next) => step = next,
                    None => return End::Succeeded,
                },
                Ok(Next::Back(to, _)) => {
                    self.reached = to;
                    self.network = None;
                    self.forget_joining();
                    step = to;
                }
                Err(trouble @ Trouble::Broken(cause)) if step != Step::Connect && self.tries_again(trouble) => {
                    self.reconnects += 1;
                    self.hang_up().await;
                    self.heal(step, cause).await;
                    step = Step::Connect;
                }
                // It was heard, perhaps for the last time before it fell silent: whether it is there is seen by listening again.
                Err(Trouble::Failed(cause)) if step == Step::Connect && self.may_have_joined() && cause.is_unconnected() && self.reconnects < RECONNECTS && self.has_time() => self.reconnects += 1,
                Err(trouble) => match self.past_namesakes(step, trouble.cause()).await {
                    None => step = Step::Connect,
                    // Apply was sent and the device is silent now: it has most probably joined.
                    Some((Step::Connect, Cause::NotAdvertising)) if self.may_have_joined() => {
                        self.take_over();
                        step = Step::Join;
                    }
                    Some((step_of, cause)) => match self.stuck(step_of, cause).await {
                        Ok(again) => step = again,
                        Err(end) => return end,
                    },
                },
            }
        }
    }

    /// Whether silence can mean that the device is in its network.
    pub(super) fn may_have_joined(&self) -> bool {
        self.apply_sent || self.target.earlier.is_some()
    }

    /// Nothing is under way with which silence could be a success: neither what this attempt applied, nor what the one before
    /// left behind. The device has said so itself, or is given a network anew.
    pub(super) fn forget_joining(&mut self) {
        self.apply_sent = false;
        self.target.earlier = None;
    }

    /// The attempt before was the one that claimed it: this one ends what that began.
    pub(super) fn take_over(&mut self) {
        let Some(earlier) = self.target.earlier.take() else { return };
        self.apply_sent = true;
        // The device joins what it was given then. What was chosen since never left for it, and nothing is known of it.
        self.network = None;
        self.board.change(|draft| draft.network_name.clone_from(&earlier.network_name));
        if self.board.read(|draft| draft.receipt.is_some()) {
            return;
        }
        self.adopt(&earlier);
        self.board.change(|draft| {
            draft.identity_verified = earlier.identity_verified;
            draft.security = earlier.security;
            draft.protocol = earlier.protocol;
            draft.firmware = earlier.firmware;
            // Its label may not name it.
            draft.serial = draft.serial.take().or(earlier.serial);
        });
    }

    /// What an attempt before was given by the device stands for this one, too.
    pub(super) fn adopt(&self, earlier: &Attempt) {
        self.board.change(|draft| {
            draft.grant_id = earlier.grant_id;
            draft.grant_sent = true;
            draft.receipt.clone_from(&earlier.receipt);
            draft.epoch = earlier.epoch;
        });
    }

    /// The step after a finished one; `None` at the end.
    fn after(&mut self, step: Step) -> Option<Step> {
        let next = Step::ALL.iter().copied().find(|later| *later > step)?;
        if step == Step::Identity {
            self.known_at.clone_from(&self.target.address);
            self.namesakes = Namesakes::default();
        }
        if next > self.reached {
            self.reached = next;
            if next > Step::Handshake {
                self.reconnects = 0;
            }
        }
        // A new link always shakes hands and shows its identity again.
        Some(if step < Step::Identity { next } else { next.max(self.reached) })
    }

    /// Connect first, then go on at `step`.
    pub(super) fn again_at(&mut self, step: Step) -> Step {
        if step > Step::Identity {
            self.reached = step;
        }
        Step::Connect
    }

    pub(super) fn has_link(&self) -> bool {
        use futures::FutureExt as _;
        self.talk.as_ref().is_some_and(|talk| talk.link().closed().now_or_never().is_none())
    }

    pub(super) fn can_talk(&self) -> bool {
        self.has_link() && (self.peer.is_some() || self.talk.as_ref().is_some_and(Talk::is_open))
    }

    /// A device that cannot be read before anything secret was said has perhaps got a new firmware,
    /// and the system still goes by the layout of the old one.
    async fn heal(&self, step: Step, cause: Cause) {
        if step < Step::Handshake
            && matches!(cause, Cause::NotProvisionable | Cause::InvalidReply | Cause::AttInvalidPdu | Cause::AttApplicationError)
            && let Some(address) = &self.target.address
        {
            self.means.radio.forget(address).await;
        }
    }

    /// Closes the link, if there is one.
    pub(super) async fn hang_up(&mut self) {
        self.peer = None;
        if let Some(talk) = self.talk.take() {
            let _ = timeout(self.means.pace.exchange, talk.link().disconnect()).await;
        }
    }
}
