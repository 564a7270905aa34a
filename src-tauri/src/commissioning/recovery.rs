//! What a crash or a kill left behind becomes an attempt, exactly once.
//!
//! Recording forgets the unfinished state in the same transaction, so a second crash in the
//! middle only repeats it; the attempt keeps its id.
//! Deliberately not here: going on with it. A new commission of the same device gets the
//! same grant and nonce, and the device the same claim, so nothing is claimed twice.

use omniot_shared::{
    entities::{AttemptOutcome, AttemptStep},
    time::Millis,
};
use serde::Deserialize as _;
use serde_json::Value;

use super::{Beginning, Commissioning, Desk, Draft, State, Step};
use super::flow::{
    desk::{DeskError, GrantFate, Unfinished},
    draft::Ended,
    late::Record,
};

impl Commissioning {
    pub(super) async fn recover(&self, desk: &dyn Desk) {
        let unfinished = match desk.load_unfinished().await {
            Ok(unfinished) => unfinished,
            Err(error) => {
                tracing::error!(%error, "what was left unfinished could not be read");
                return;
            }
        };
        // Only now: whoever goes to work is current before anything of it is saved.
        let at_work = self.current().as_ref().map(|current| current.id);
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
                salvaged(self.bare_draft(desk, one).await?, &one.json)
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

/// What another version wrote down, field by field: whatever of it says something to this one, the receipt of the device
/// above all. The id stays.
fn salvaged(bare: Draft, json: &str) -> Draft {
    let Ok(Value::Object(written)) = serde_json::from_str(json) else { return bare };
    let mut draft = bare;
    for (name, mut value) in written.into_iter().filter(|(name, _)| name != "id") {
        if let (true, Value::Array(steps)) = (name == "steps", &mut value) {
            steps.retain(|step| AttemptStep::deserialize(step).is_ok());
        }
        let Ok(mut with) = serde_json::to_value(&draft) else { return draft };
        with[name] = value;
        draft = serde_json::from_value(with).unwrap_or(draft);
    }
    // There is no receipt without a grant that has left.
    draft.grant_sent |= draft.receipt.is_some();
    draft
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

#[cfg(test)]
mod tests {
    use omniot_shared::ids::{AttemptId, ClientId, PersonId, SiteId, TenantId};
    use uuid::Uuid;

    use super::*;
    use crate::commissioning::flow::desk::Technician;

    /// As this version writes it down: claimed, and about to join.
    const TODAY: &str = include_str!("../../../tests/vectors/app/draft.json");

    fn bare() -> Draft {
        let technician = Technician { tenant: TenantId(Uuid::nil()), person: PersonId(Uuid::nil()), name: "Somebody".into(), client: ClientId(Uuid::nil()) };
        Draft::new(Beginning { id: AttemptId(Uuid::from_u128(1)), technician, site: SiteId(Uuid::nil()), app_version: "2", os: "os", radio: "none", now: Millis(9) })
    }

    #[test]
    fn what_this_version_writes_down_it_reads() {
        let today: Draft = serde_json::from_str(TODAY).unwrap();
        assert_eq!(serde_json::to_value(&today).unwrap(), serde_json::from_str::<Value>(TODAY).unwrap());
        assert_eq!(salvaged(bare(), TODAY), today);
    }

    #[test]
    fn of_a_commission_of_another_version_everything_is_kept_that_says_something() {
        let today: Draft = serde_json::from_str(TODAY).unwrap();
        let mut other: Value = serde_json::from_str(TODAY).unwrap();
        (other["step"], other["state"]) = ("attest".into(), "needs_coffee".into());
        other["current"]["step"] = "attest".into();
        other["steps"][0]["outcome"] = "postponed".into();
        other["grant_sent"] = Value::Null;
        let draft = salvaged(bare(), &other.to_string());
        assert_eq!((&draft.serial, &draft.receipt, draft.epoch, draft.grant_id, draft.grant_sent), (&today.serial, &today.receipt, Some(3), today.grant_id, true));
        assert_eq!((&draft.device_name, draft.site_id, draft.started_at, draft.saved_at), (&today.device_name, today.site_id, today.started_at, today.saved_at));
        assert_eq!(draft.steps, today.steps[1..], "but for the step that cannot be told of");
        assert_eq!(draft.technician_id, today.technician_id);
        assert!(draft.commissioned().is_some() && today.receipt.is_some());
        assert_eq!(left_as(&draft).outcome, AttemptOutcome::Interrupted);
    }

    #[test]
    fn of_what_is_no_commission_at_all_it_is_said_that_there_was_one() {
        assert_eq!(salvaged(bare(), "{\"step\":").id, AttemptId(Uuid::from_u128(1)));
        assert_eq!(salvaged(bare(), "[]"), bare());
    }
}
