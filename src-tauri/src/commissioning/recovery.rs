//! What a crash or a kill left behind becomes an attempt, exactly once.
//!
//! Recording forgets the unfinished state in the same transaction, so a second crash in the
//! middle only repeats it; the attempt keeps its id.
//! Deliberately not here: going on with it. A new commission of the same device gets the
//! same grant and nonce, and the device the same claim, so nothing is claimed twice.

use omniot_shared::{
    entities::AttemptOutcome,
    time::Millis,
};

use super::{Beginning, Commissioning, Desk, Draft, State, Step};
use super::flow::{
    desk::{DeskError, GrantFate, Unfinished},
    draft::Ended,
    late::Record,
};

impl Commissioning {
    pub(super) async fn recover(&self, desk: &dyn Desk) {
        let at_work = self.current().as_ref().map(|current| current.id);
        let unfinished = match desk.load_unfinished().await {
            Ok(unfinished) => unfinished,
            Err(error) => {
                tracing::error!(%error, "what was left unfinished could not be read");
                return;
            }
        };
        for one in unfinished.into_iter().filter(|one| Some(one.id) != at_work && !self.means.late.has(one.id)) {
            if let Err(error) = self.close_unfinished(desk, &one).await {
                tracing::error!(attempt.id = %one.id, %error, "an unfinished commission could not be recorded");
            }
        }
    }

    async fn close_unfinished(&self, desk: &dyn Desk, one: &Unfinished) -> Result<(), DeskError> {
        let mut draft = match serde_json::from_str::<Draft>(&one.json) {
            Ok(draft) => draft,
            Err(error) => {
                tracing::warn!(attempt.id = %one.id, %error, "an unfinished commission of another version");
                self.bare_draft(desk, one).await?
            }
        };
        let ended = draft.ended.clone().unwrap_or_else(|| left_as(&draft));
        if let (Some(grant), None) = (draft.grant_id, &draft.receipt) {
            desk.settle_grant(grant, GrantFate::Unsent).await?;
        } else if let Some(grant) = draft.grant_id {
            desk.settle_grant(grant, GrantFate::Spent).await?;
        }
        if !draft.grant_sent {
            draft.grant_id = None;
        }
        Record { attempt: draft.attempt(&ended), device: draft.commissioned() }.write(desk).await?;
        let nobody_is_at_work = self.current().is_none();
        if let (true, Some(address)) = (nobody_is_at_work, &draft.address) {
            // The system may still hold the link of the process that died, and as long as it does the device is silent.
            self.means.radio.forget(address).await;
        }
        if ended.outcome == AttemptOutcome::Interrupted {
            draft.state = State::Interrupted;
            self.means.left.add(desk.account(), &draft);
        }
        Ok(())
    }

    /// Enough to say that there was one.
    async fn bare_draft(&self, desk: &dyn Desk, one: &Unfinished) -> Result<Draft, DeskError> {
        let now = self.means.clock.now();
        Ok(Draft::new(Beginning {
            id: one.id,
            technician: desk.technician().await?,
            site: omniot_shared::ids::SiteId(uuid::Uuid::nil()),
            app_version: &self.settings.app_version,
            os: &self.settings.os,
            radio: self.means.radio.kind().name(),
            now: id_time(one).unwrap_or(now),
        }))
    }
}

/// The moment in a UUIDv7.
fn id_time(one: &Unfinished) -> Option<Millis> {
    let (seconds, nanos) = one.id.0.get_timestamp()?.to_unix();
    let millis = i64::try_from(seconds).ok()?.checked_mul(1000)?.checked_add(i64::from(nanos / 1_000_000))?;
    Some(Millis(millis))
}

/// How a commission ended that nobody ended.
fn left_as(draft: &Draft) -> Ended {
    let (outcome, cause) = match &draft.failure {
        // It had joined; only the server's nod was missing.
        _ if draft.step == Step::Cloud => (AttemptOutcome::Succeeded, None),
        Some(failure) if draft.state == State::Failed => (AttemptOutcome::Failed, Some(failure.cause.clone())),
        _ => (AttemptOutcome::Interrupted, Some("interrupted".to_owned())),
    };
    Ended { outcome, cause, at: draft.saved_at }
}
