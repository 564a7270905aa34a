//! The flight recorder: what happens on the radio during a commission, written down operation by operation.
//!
//! [`Recorder`] holds the trace of the present commission; the radio writes into it (`radio::recorded`), the flow says
//! which step it is, and [`keep`] puts it on the disk beside the unfinished commission, so that it outlives a kill.
//! Deliberately not here: what a trace is and how it is bounded (`omniot_shared::attachment::trace`), and its way to
//! the server (`sync::attachments`).

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use omniot_shared::{
    attachment::trace::{self, Log, Operation, Trace},
    ids::AttemptId,
    time::Millis,
};
use tokio::time::{Instant, sleep};

use super::{
    flow::{desk::Desk, step::Step},
    radio::RadioError,
};

/// How often what is new goes to the disk.
const KEEP: Duration = Duration::from_millis(500);

/// Writes down what the radio does while a commission is at work.
#[derive(Default)]
pub struct Recorder(Mutex<Option<Writing>>);

/// The trace of one commission.
struct Writing {
    attempt: AttemptId,
    started_at: Millis,
    since: Instant,
    step: Step,
    log: Log,
    /// Whether the commission still runs.
    is_open: bool,
    /// Whether there is something that [`Recorder::news`] has not given.
    is_new: bool,
}

impl Recorder {
    /// A commission begins; the trace of the one before goes.
    pub fn begin(&self, attempt: AttemptId, started_at: Millis) {
        let writing = Writing { attempt, started_at, since: Instant::now(), step: Step::Connect, log: Log::default(), is_open: true, is_new: false };
        *self.writing() = Some(writing);
    }

    /// The step in which operations begin from now on.
    pub fn step(&self, step: Step) {
        if let Some(writing) = self.writing().as_mut() {
            writing.step = step;
        }
    }

    /// The commission is over; what the radio does from now on is nobody's.
    pub fn end(&self) {
        if let Some(writing) = self.writing().as_mut() {
            writing.is_open = false;
        }
    }

    /// The trace of that commission, if it is the present one or the last.
    pub fn trace(&self, of: AttemptId) -> Option<Trace> {
        let writing = self.writing();
        let mine = writing.as_ref().filter(|writing| writing.attempt == of)?;
        Some(mine.log.trace(mine.attempt, mine.started_at))
    }

    /// The trace of that commission, when something came to it since this was asked last.
    fn news(&self, of: AttemptId) -> Option<Trace> {
        let mut writing = self.writing();
        let mine = writing.as_mut().filter(|writing| writing.attempt == of && writing.is_new)?;
        mine.is_new = false;
        Some(mine.log.trace(mine.attempt, mine.started_at))
    }

    /// An operation begins. Nothing is written outside of a commission.
    pub(super) fn begins(&self, kind: &'static str, endpoint: Option<String>, size: Option<usize>) -> Pending<'_> {
        let at = self.writing().as_ref().filter(|writing| writing.is_open).map(|writing| (writing.attempt, writing.step));
        Pending { recorder: self, at, began: Instant::now(), kind, endpoint, size, is_over: false }
    }

    fn write(&self, pending: &mut Pending<'_>, outcome: &'static str, code: Option<u8>) {
        let Some((attempt, step)) = pending.at else { return };
        let mut writing = self.writing();
        let Some(mine) = writing.as_mut().filter(|writing| writing.attempt == attempt && writing.is_open) else { return };
        let endpoint = pending.endpoint.take();
        let retry = mine.log.latest().map_or(0, |before| {
            let is_again = before.outcome != "ok" && before.kind == pending.kind && before.endpoint == endpoint && before.step == step.name();
            if is_again { before.retry + 1 } else { 0 }
        });
        mine.log.add(Operation {
            at_ms: milliseconds(pending.began.saturating_duration_since(mine.since)),
            duration_ms: milliseconds(pending.began.elapsed()),
            kind: pending.kind.to_owned(),
            step: step.name().to_owned(),
            endpoint,
            size: pending.size.map(|size| u32::try_from(size).unwrap_or(u32::MAX)),
            outcome: outcome.to_owned(),
            code,
            retry,
        });
        mine.is_new = true;
    }

    fn writing(&self) -> MutexGuard<'_, Option<Writing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

/// An operation under way. One that is dropped was given up: its deadline passed, or the commission was stopped.
#[must_use = "an operation ends with `ends` or is given up"]
pub(super) struct Pending<'a> {
    recorder: &'a Recorder,
    at: Option<(AttemptId, Step)>,
    began: Instant,
    kind: &'static str,
    endpoint: Option<String>,
    size: Option<usize>,
    is_over: bool,
}

impl Pending<'_> {
    /// It ended so; `size` is what came back, where that counts.
    pub(super) fn ends<T>(mut self, result: Result<T, RadioError>, size: impl FnOnce(&T) -> Option<usize>) -> Result<T, RadioError> {
        self.is_over = true;
        let (outcome, code) = match &result {
            Ok(value) => {
                self.size = size(value).or(self.size);
                ("ok", None)
            }
            Err(error) => named(error),
        };
        let recorder = self.recorder;
        recorder.write(&mut self, outcome, code);
        result
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let recorder = self.recorder;
            recorder.write(self, "given_up", None);
        }
    }
}

/// How an error stands in a trace. What the system says in its own words is left out: it could be anything.
const fn named(error: &RadioError) -> (&'static str, Option<u8>) {
    match error {
        RadioError::Att(code) => ("att", Some(*code)),
        RadioError::Gatt(status) => ("gatt", Some(*status)),
        RadioError::Hci(reason) => ("hci", Some(*reason)),
        RadioError::Gone => ("gone", None),
        RadioError::Timeout => ("timeout", None),
        RadioError::Busy => ("busy", None),
        RadioError::AdapterOff => ("adapter_off", None),
        RadioError::AdapterAbsent => ("adapter_absent", None),
        RadioError::NoPermission => ("no_permission", None),
        RadioError::NoSuchEndpoint => ("no_endpoint", None),
        RadioError::Other(_) => ("failed", None),
    }
}

/// Puts what is new on the disk, for as long as the commission runs.
pub async fn keep(recorder: Arc<Recorder>, desk: Arc<dyn Desk>, attempt: AttemptId) {
    loop {
        sleep(KEEP).await;
        save(&recorder, &*desk, attempt).await;
    }
}

/// Puts what is new on the disk now. A trace gives way to everything else: where there is no room, it is not kept.
pub async fn save(recorder: &Recorder, desk: &dyn Desk, attempt: AttemptId) {
    let Some(trace) = recorder.news(attempt) else { return };
    let Ok(packed) = trace::pack(&trace) else { return };
    if let Err(error) = desk.save_trace(attempt, packed).await {
        tracing::debug!(attempt.id = %attempt, %error, "the trace was not kept now");
    }
}
