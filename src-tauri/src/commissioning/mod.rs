//! Commissioning: from a label in a technician's hand to a claimed device on its network,
//! over Bluetooth LE and without the server (docs/COMMISSIONING.md).
//!
//! Rooms: [`radio`] carries bytes · [`esp`] and [`improv`] speak the protocols as pure state
//! machines · [`nearby`] knows what is in the air · [`flow`] is the engine and its seam
//! to the store · [`visit`] does many devices in a row · [`flight`] writes down what the radio does · [`api`]
//! answers the page.
//!
//! Deliberately not here: the store, accounts and synchronization.
//! To add a protocol: a sibling of [`esp`], bytes in and bytes out, and its steps in [`flow`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool};

use omniot_shared::{
    entities::{Attempt, AttemptOutcome, AttemptStep, StepOutcome},
    ids::{AttemptId, SiteId},
    label::{Label, Pop, Scanned},
    time::Clock,
};
use serde::Serialize;
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{chance, events::Events};

pub mod api;
mod current;
pub mod esp;
pub mod flight;
pub mod flow;
pub mod improv;
pub mod nearby;
pub mod radio;
mod recovery;
pub mod visit;

use esp::level::Mode;
use flight::Recorder;
use flow::{
    board::{Board, Command},
    causes::Cause,
    desk::{Desk, DeskError, Desks},
    draft::{Beginning, Draft, State},
    late::Late,
    left::LeftBehind,
    pace::Pace,
    run::{Means, Run, Target},
    secrets::{Networks, WrongProofs},
    step::Step,
};
use nearby::Nearby;
use radio::{Radio, RadioKind, RadioState, recorded::RecordedRadio};
use visit::Visits;

/// So long after the app died the silence of a device that was joining says that it has joined.
const SILENCE_COUNTS_MS: i64 = 24 * 3_600_000;

/// What the edge decides about commissioning.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Version of the app, for records.
    pub app_version: String,
    /// Operating system and machine, for records.
    pub os: String,
    /// Who uses the app.
    pub mode: Mode,
    /// Deadlines.
    pub pace: Pace,
}

impl Settings {
    /// For technicians, with the deadlines of the field.
    #[must_use]
    pub fn new(app_version: impl Into<String>) -> Self {
        Self { app_version: app_version.into(), os: crate::machine::described(), mode: Mode::Field, pace: Pace::default() }
    }
}

/// The radio as `GET /app/host` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RadioStatus {
    /// Which.
    pub kind: RadioKind,
    /// Whether it can be used.
    pub state: RadioState,
}

/// Commissioning in this app: what is near, and one commission at a time.
pub struct Commissioning {
    means: Arc<Means>,
    desks: Arc<dyn Desks>,
    events: Events,
    settings: Settings,
    current: Mutex<Option<Current>>,
    /// Held while one begins, so that two never do.
    beginning: tokio::sync::Mutex<()>,
    /// Many devices at one site.
    visits: Visits,
    /// Whether somebody let the visit go on in this run of the app.
    going: AtomicBool,
}

struct Current {
    /// In which it began, and to which alone it is shown.
    account: String,
    id: AttemptId,
    board: Arc<Board>,
    commands: mpsc::Sender<Command>,
    stop: CancellationToken,
    work: Option<JoinHandle<()>>,
}

/// What a technician wants to commission.
pub struct Order {
    /// Chosen from the list.
    pub address: Option<String>,
    /// Scanned or typed.
    pub label: Option<Scanned>,
    /// Typed.
    pub pop: Option<Pop>,
    /// Where it will stand.
    pub site: SiteId,
    /// What to call it.
    pub device_name: Option<String>,
    /// The attempt before, where it is known: not every label names a serial number by which it could be found.
    pub before: Option<AttemptId>,
}

/// Why a commission does not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotBegun {
    /// Another one is at work.
    #[error("another device is being commissioned")]
    Busy,
    /// Neither an address nor a label that names a device.
    #[error("choose the device from the list")]
    NoDevice,
    /// The site is not in the store.
    #[error("there is no such site")]
    NoSite,
    /// The server was not heard for so long that nothing new begins.
    #[error("the server was not reached for as long as the organization allows")]
    LeaseOver,
    /// As the desk says.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

impl Commissioning {
    /// Nothing happens before [`Commissioning::start`].
    #[must_use]
    pub fn new(radio: Arc<dyn Radio>, desks: Arc<dyn Desks>, events: Events, clock: Arc<dyn Clock>, settings: Settings) -> Arc<Self> {
        let flight = Arc::new(Recorder::default());
        let radio = RecordedRadio::over(radio, Arc::clone(&flight));
        let nearby = Nearby::new(Arc::clone(&radio), events.clone(), Arc::clone(&clock));
        let (pace, mode) = (settings.pace.clone(), settings.mode);
        let means = Means { radio, nearby, clock, pace, mode, networks: Networks::default(), wrong_proofs: WrongProofs::default(), left: LeftBehind::default(), late: Late::default(), flight };
        Arc::new(Self {
            means: Arc::new(means),
            visits: Visits::new(Arc::clone(&desks)),
            going: AtomicBool::new(false),
            desks,
            events,
            settings,
            current: Mutex::default(),
            beginning: tokio::sync::Mutex::default(),
        })
    }

    /// Records what a crash or a kill left behind, in every account. Once, when the app opens.
    pub async fn start(&self) {
        for desk in self.desks.all().await {
            self.recover(&*desk).await;
        }
    }

    /// Another account is active, or one was added: what it left behind is recorded, and
    /// remembered passphrases are forgotten.
    pub async fn account_changed(&self) {
        self.means.networks.forget_all();
        self.going.store(false, std::sync::atomic::Ordering::Relaxed);
        self.visits.forget().await;
        let accounts: Vec<String> = self.desks.all().await.iter().map(|desk| desk.account().to_owned()).collect();
        self.keep_only(&accounts).await;
        self.start().await;
    }

    /// Lets go of the radio. A commission at work becomes an interrupted one at the next start.
    pub async fn close(&self) {
        self.means.late.stop();
        let current = self.current().take();
        if let Some(work) = current.and_then(|current| current.work) {
            work.abort();
            let _ = work.await;
        }
        self.means.nearby.close().await;
    }

    /// The radio, for `GET /app/host`.
    pub async fn radio_status(&self) -> RadioStatus {
        RadioStatus { kind: self.means.radio.kind(), state: self.means.radio.state().await }
    }

    /// Begins a commission. One that failed or only waits for the server is closed first.
    ///
    /// # Errors
    /// When another one is at work, or the order names no device or no site.
    pub async fn begin(&self, order: Order) -> Result<Value, NotBegun> {
        let _one = self.beginning.lock().await;
        let (label, code) = match order.label {
            Some(Scanned::Label(label)) => (Some(*label), None),
            Some(Scanned::Code(code)) => (None, Some(code)),
            None => (None, None),
        };
        if order.address.is_none() && label.is_none() {
            return Err(NotBegun::NoDevice);
        }
        let desk = self.desks.active().await?;
        if desk.is_lease_over() {
            return Err(NotBegun::LeaseOver);
        }
        if !desk.has_site(order.site).await? {
            return Err(NotBegun::NoSite);
        }
        self.end_finished(None).await?;
        let mut draft = self.draft(&*desk, order.site).await?;
        draft.device_name = order.device_name;
        draft.advertised = label.as_ref().map(|label| label.name.clone()).or_else(|| self.name_in_the_air(order.address.as_deref()));
        draft.address.clone_from(&order.address);
        let floor = Self::look_up(&*desk, &mut draft, label.as_ref()).await?;
        let before = Self::attempts_before(&*desk, draft.serial.as_deref(), order.before).await?;
        let earlier = before.iter().find(|attempt| !says_nothing(attempt)).filter(|attempt| is_unfinished(attempt, &draft)).cloned().map(Box::new);
        let claimed = before.into_iter().find(|attempt| attempt.receipt.is_some()).filter(|attempt| is_half_done(attempt, &draft)).map(Box::new);
        let target = Target { address: order.address, label, code, floor, earlier, claimed };
        Ok(self.set_to_work(desk, draft, target, order.pop))
    }

    /// Does something while no commission begins.
    pub async fn beginning_none<T>(&self, act: impl Future<Output = T>) -> T {
        let _one = self.beginning.lock().await;
        act.await
    }

    async fn draft(&self, desk: &dyn Desk, site: SiteId) -> Result<Draft, DeskError> {
        let now = self.means.clock.now();
        Ok(Draft::new(Beginning {
            id: AttemptId(chance::fresh_uuid(now)),
            technician: desk.technician().await?,
            site,
            app_version: &self.settings.app_version,
            os: &self.settings.os,
            radio: self.means.radio.kind().name(),
            now,
        }))
    }

    /// What the store knows about the device; the least protection that its model allows.
    async fn look_up(desk: &dyn Desk, draft: &mut Draft, label: Option<&Label>) -> Result<Option<omniot_shared::entities::Security>, DeskError> {
        let pinned = label.and_then(|label| label.pinned.as_ref()).map(|pinned| pinned.serial.clone());
        let Some(serial) = pinned.clone().or_else(|| draft.advertised.clone()) else { return Ok(None) };
        let device = desk.device_by_serial(&serial).await?;
        if pinned.is_some() || device.is_some() {
            draft.serial = Some(omniot_shared::ids::normal_serial(&serial));
        }
        let Some(device) = device else { return Ok(None) };
        draft.is_known = true;
        draft.known_name = Some(device.name.clone());
        Ok(desk.model_of(&device).await?.map(|model| model.min_security))
    }

    /// The attempts with the device before, the last one first. Of one whose label does not name it, the attempt of before does.
    async fn attempts_before(desk: &dyn Desk, serial: Option<&str>, before: Option<AttemptId>) -> Result<Vec<Attempt>, DeskError> {
        if let Some(serial) = serial {
            return desk.attempts_of(serial).await;
        }
        let last = match before {
            Some(id) => desk.attempt(id).await?,
            None => None,
        };
        match last.as_ref().and_then(|last| last.serial.as_deref()) {
            Some(serial) => desk.attempts_of(serial).await,
            None => Ok(last.into_iter().collect()),
        }
    }

    fn name_in_the_air(&self, address: Option<&str>) -> Option<String> {
        let heard = self.means.nearby.list().into_iter().find(|heard| Some(heard.advert.address.as_str()) == address)?;
        heard.advert.name
    }

    fn set_to_work(&self, desk: Arc<dyn Desk>, draft: Draft, target: Target, pop: Option<Pop>) -> Value {
        let (id, account) = (draft.id, desk.account().to_owned());
        let board = Arc::new(Board::new(draft, self.events.clone()));
        let (commands, inbox) = mpsc::channel(4);
        let stop = CancellationToken::new();
        let run = Run::new(Arc::clone(&self.means), desk, Arc::clone(&board), inbox, target, pop);
        let work = Some(tokio::spawn(run.finish(stop.clone())));
        let view = board.view();
        *self.current() = Some(Current { account, id, board, commands, stop, work });
        view
    }

    fn current(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a row is of one of these steps.
fn is_of(row: &AttemptStep, steps: &[Step]) -> bool {
    steps.iter().any(|step| row.step == step.name())
}

fn is_out_of_reach(cause: &str) -> bool {
    Cause::of_code(cause).is_some_and(Cause::is_out_of_reach)
}

/// Whether an attempt ended before anything was said about the device's network, or found nobody.
fn says_nothing(attempt: &Attempt) -> bool {
    let reached = attempt.steps.iter().any(|row| is_of(row, &[Step::Connect]) && row.outcome == StepOutcome::Done);
    let broke_off = attempt.outcome == AttemptOutcome::Interrupted || attempt.cause.as_deref().is_some_and(is_out_of_reach);
    !reached || broke_off && !attempt.steps.iter().any(|row| is_of(row, &[Step::SetNetwork, Step::Apply, Step::Join]))
}

/// Whether an attempt is of the same technician at the same site.
fn is_by_same(attempt: &Attempt, draft: &Draft) -> bool {
    attempt.technician_id == draft.technician_id && attempt.site_id == Some(draft.site_id)
}

/// Whether the device was claimed and did not come further: a device that was done is claimed anew. So is one whose receipt
/// is of the time before this replica took another name, because the server was restored (or because of a copy): the server
/// may not know its grant any more.
fn is_half_done(attempt: &Attempt, draft: &Draft) -> bool {
    attempt.outcome != AttemptOutcome::Succeeded && is_by_same(attempt, draft) && attempt.client_id == draft.client_id
}

/// Whether the app died after the claim, where the device can be claimed, and with the network handed over: the device may be
/// in it, and silent.
fn is_unfinished(attempt: &Attempt, draft: &Draft) -> bool {
    let is_fresh = draft.started_at.since(attempt.ended_at) < SILENCE_COUNTS_MS;
    let is_claimed = attempt.receipt.is_some() || attempt.steps.iter().any(|row| is_of(row, &[Step::Claim]) && row.outcome == StepOutcome::Skipped);
    attempt.outcome == AttemptOutcome::Interrupted && is_claimed && is_fresh && is_by_same(attempt, draft) && may_have_joined(attempt)
}

/// Whether the last word of an attempt about the network was that the device tries it: a link that was lost then is none.
fn may_have_joined(attempt: &Attempt) -> bool {
    let last = attempt.steps.iter().rev().find(|row| is_of(row, &[Step::ScanNetworks, Step::SetNetwork, Step::Apply, Step::Join]));
    last.is_some_and(|row| is_of(row, &[Step::Apply, Step::Join]) && (row.outcome != StepOutcome::Failed || row.cause.as_deref().is_some_and(is_out_of_reach)))
}
