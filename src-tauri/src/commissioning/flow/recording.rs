//! The end of a commission: its grant settled, its record written, and only then shown.
//!
//! Deliberately not here: what a crash leaves behind (`recovery`).

use std::sync::Arc;

use omniot_shared::entities::{AttemptOutcome, StepOutcome};

use super::{
    causes::Cause,
    desk::GrantFate,
    draft::{Ended, Shown, State},
    late::{self, NOT_RECORDED, Record},
    run::{End, Run},
    step::Step,
};
use crate::commissioning::flight;

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
        self.means.flight.end();
        flight::save(&self.means.flight, &*self.desk, draft.id).await;
        let record = self.board.read(|draft| Record { attempt: draft.attempt(&ended), device: draft.commissioned() });
        let recorded = record.write(&*self.desk).await;
        if let Err(error) = &recorded {
            tracing::error!(attempt.id = %record.attempt.id, %error, "the attempt could not be recorded; it is tried again");
        }
        if let (AttemptOutcome::Succeeded, Some(serial)) = (outcome, &record.attempt.serial) {
            self.means.left.settled(self.desk.account(), serial);
        }
        self.board.change(|draft| {
            draft.current = None;
            draft.steps.clone_from(&record.attempt.steps);
            draft.state = state;
            if recorded.is_err() {
                draft.warn(NOT_RECORDED);
            }
            if let End::Failed(cause) = end {
                draft.failure = Some(Shown { cause: cause.code().to_owned(), step: draft.step, retriable: false });
            }
        });
        if recorded.is_err() {
            late::keep_trying(&self.means, Arc::clone(&self.desk), Arc::clone(&self.board), record);
        }
    }
}
