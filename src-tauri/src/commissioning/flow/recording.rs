//! The end of a commission: its grant settled, its record written, and only then shown.
//!
//! Deliberately not here: what a crash leaves behind (`recovery`).

use omniot_shared::entities::{AttemptOutcome, StepOutcome};

use super::{
    causes::Cause,
    desk::GrantFate,
    draft::{Ended, Shown, State},
    run::{End, Run},
    step::Step,
};

impl Run {
    /// Says what became of the grant, writes the record, and only then shows the end.
    pub(super) async fn record(&mut self, end: End) {
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
                draft.failure = Some(Shown { cause: cause.code().to_owned(), step: draft.step, retriable: false });
            }
        });
    }
}
