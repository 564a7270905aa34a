//! A visit at work: takes note of how each attempt ends, and begins the next one.
//!
//! It goes only after somebody said so in this run of the app: after a death the technician may stand elsewhere.
//! Deliberately not here: whose turn it is (the module above).

use std::sync::{Arc, Weak, atomic::Ordering};

use omniot_shared::{
    entities::AttemptOutcome,
    ids::{AttemptId, SiteId},
    label::{self, Scanned},
};
use tokio::sync::broadcast::error::RecvError;

use super::{Ending, Item, KeptNetwork, keeping::{Held, SiteNetwork}};
use crate::{
    commissioning::{Commissioning, NotBegun, Order, State, Step, flow::{causes::{Cause, Remedy}, desk::DeskError, draft::NetworkKind}},
    events::Event,
};

const KINDS: [NetworkKind; 2] = [NetworkKind::Wifi, NetworkKind::Thread];

/// How the current commission stands, as a visit sees it.
struct Standing {
    attempt: AttemptId,
    ending: Ending,
}

/// Watches over the visit for as long as the app lives.
pub async fn watch(commissioning: Weak<Commissioning>) {
    let Some(mut events) = commissioning.upgrade().map(|commissioning| commissioning.events.listen()) else { return };
    loop {
        match events.recv().await {
            Ok(Event::Commission) | Err(RecvError::Lagged(_)) => {}
            Ok(_) => continue,
            Err(RecvError::Closed) => return,
        }
        let Some(commissioning) = commissioning.upgrade() else { return };
        if let Err(error) = commissioning.keep_going().await {
            tracing::warn!(%error, "the visit does not go on by itself");
        }
    }
}

/// Why the next device does not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotNext {
    /// Nobody's turn.
    #[error("no device waits")]
    Nobody,
    /// As commissions say.
    #[error(transparent)]
    NotBegun(#[from] NotBegun),
}

impl From<DeskError> for NotNext {
    fn from(error: DeskError) -> Self {
        Self::NotBegun(NotBegun::Desk(error))
    }
}

impl Commissioning {
    /// Begins the next device of the visit.
    ///
    /// # Errors
    /// [`NotNext`].
    pub async fn begin_next(&self) -> Result<(), NotNext> {
        let mut held = self.visits.held().await?;
        if let Some(standing) = self.standing().await {
            self.note(&mut held, &standing)?;
        }
        let (site, item) = self.whose_turn(&mut held).await?;
        let account = held.account().to_owned();
        for kind in KINDS {
            self.means.networks.forget(&account, site, kind);
        }
        for known in held.networks(site).iter().filter_map(|known| known.network.network()) {
            self.means.networks.put(&account, site, known);
        }
        // What cannot be read any more was read when it was added: a label of another version of the app.
        let label = item.label().and_then(|text| label::read(&text).ok());
        let label = label.filter(|label| matches!(label, Scanned::Label(_)));
        let order = Order { address: None, label, pop: None, site, device_name: item.device_name.clone(), before: item.attempt };
        let view = self.begin(order).await?;
        let attempt = view["id"].as_str().and_then(|id| id.parse::<AttemptId>().ok()).ok_or(NotNext::Nobody)?;
        // Before the visit knows of it: whatever dies in between, the next one goes on from the same.
        if let Some(earlier) = item.attempt
            && let Err(error) = self.carry_checks(earlier, attempt).await
        {
            tracing::warn!(attempt.id = %attempt, %error, "what was answered at the attempt before stays there alone");
        }
        let began = held.change(|kept| {
            if let Some(visit) = &mut kept.visit {
                visit.began(item.id, attempt);
            }
        });
        if let Err(error) = began {
            // Nobody would hear how it ended, and its device would be silent for the next try.
            self.stop(attempt).await;
            return Err(error.into());
        }
        self.going.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn carry_checks(&self, earlier: AttemptId, attempt: AttemptId) -> Result<(), DeskError> {
        self.desks.active().await?.carry_checks(earlier, attempt).await
    }

    /// Whose turn it is. A device that was done when the app died has had it, unless it is wanted again.
    async fn whose_turn(&self, held: &mut Held<'_>) -> Result<(SiteId, Item), NotNext> {
        let heard = self.means.nearby.list();
        let is_heard = |item: &Item| item.name.is_some() && heard.iter().any(|heard| heard.advert.name == item.name);
        loop {
            let (site, item) = held.visit().and_then(|visit| visit.next(is_heard).map(|item| (visit.site, item.clone()))).ok_or(NotNext::Nobody)?;
            let before = match item.attempt.filter(|_| !item.unconfirmed) {
                Some(attempt) => self.desks.active().await?.attempt(attempt).await?,
                None => None,
            };
            let Some(before) = before.filter(|last| last.outcome == AttemptOutcome::Succeeded) else { return Ok((site, item)) };
            let unconfirmed = before.steps.iter().any(|step| step.cause.as_deref() == Some(Cause::JoinUnconfirmed.code()));
            let ending = Ending { done: true, unconfirmed, cause: None, again: false, ours: false, heard: true, rssi: before.rssi, took_ms: before.ended_at.since(before.started_at), epoch: before.epoch };
            held.change(|kept| kept.visit.as_mut().map(|visit| visit.ended(before.id, ending)))?;
        }
    }

    /// Takes note of an end, and goes on where that is wanted.
    async fn keep_going(&self) -> Result<(), NotNext> {
        let Some(standing) = self.standing().await else { return Ok(()) };
        let goes_on = {
            let mut held = self.visits.held().await?;
            let auto = held.visit().is_some_and(|visit| visit.auto);
            let is_news = self.note(&mut held, &standing)?;
            // A device that was claimed before needs no permission: it is not held up by those that do.
            let lacks = standing.ending.cause.as_deref() == Some(Cause::NoGrant.code());
            let is_for_others = lacks && held.visit().and_then(|visit| visit.next(|_| false)).is_some_and(|next| !next.lacks_permission());
            if is_news && standing.ending.ours && !is_for_others {
                self.going.store(false, Ordering::Relaxed);
            }
            if is_news {
                self.events.tell(Event::Commission);
            }
            is_news && auto && self.going.load(Ordering::Relaxed)
        };
        if !goes_on {
            return Ok(());
        }
        // A failure that a person could mend at once is given up: its turn comes again behind the others.
        if self.visits.held().await?.visit().is_some_and(|visit| visit.next(|_| false).is_some()) {
            match self.begin_next().await {
                Ok(()) | Err(NotNext::Nobody) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Keeps how the current commission stands; whether that is news.
    fn note(&self, held: &mut Held<'_>, standing: &Standing) -> Result<bool, DeskError> {
        let Some(visit) = held.visit() else { return Ok(false) };
        if !visit.of(standing.attempt).is_some_and(|item| item.awaits(&standing.ending)) {
            return Ok(false);
        }
        let (site, account) = (visit.site, held.account().to_owned());
        let worked = |kind| self.means.networks.of(&account, site, kind).map(|network| KeptNetwork::of(&network));
        // What worked serves the others. That one device does not take it says nothing about them.
        let known: Vec<KeptNetwork> = if standing.ending.done { KINDS.into_iter().filter_map(worked).collect() } else { vec![] };
        held.change(|kept| {
            let Some(visit) = &mut kept.visit else { return };
            visit.ended(standing.attempt, standing.ending.clone());
            if visit.outdated == Some(standing.attempt) {
                return;
            }
            for network in known {
                let keep = kept.networks.get(&site).is_some_and(|before| before.iter().any(|before| before.keep && before.network.kind() == network.kind()));
                kept.put_network(site, SiteNetwork { network, keep });
            }
        })?;
        Ok(true)
    }

    /// How the current commission ended, or how it stands when nobody has to do anything about it.
    async fn standing(&self) -> Option<Standing> {
        self.mine(|current| {
            let is_at_work = current.is_at_work();
            current.board.read(|draft| {
                let joined = draft.step == Step::Cloud && draft.state == State::Running;
                let failed = draft.state == State::Failed;
                let over = draft.state.is_over() && !is_at_work;
                if !(joined || failed || over) {
                    return None;
                }
                let cause = draft.failure.as_ref().map(|failure| failure.cause.clone()).or_else(|| draft.ended.as_ref().and_then(|ended| ended.cause.clone()));
                let ours = cause.as_deref().and_then(Cause::of_code).is_some_and(|cause| {
                    matches!(cause, Cause::AdapterOff | Cause::AdapterAbsent | Cause::NoPermission | Cause::StoreFailed | Cause::NoGrant | Cause::ClockAhead | Cause::NoAccount)
                });
                let again = cause.as_deref().and_then(Cause::of_code).is_some_and(|cause| cause.remedy() == Remedy::Retry);
                let done = joined || draft.state == State::Succeeded;
                let unconfirmed = draft.warnings.iter().any(|warning| warning == Cause::JoinUnconfirmed.code());
                let heard = draft.step > Step::Connect || draft.rssi.is_some() || draft.steps.iter().any(|row| row.step != Step::Connect.name());
                let ending = Ending { done, unconfirmed, cause: cause.filter(|_| !done), again, ours: ours && !done, heard, rssi: draft.rssi, took_ms: self.means.clock.now().since(draft.started_at), epoch: draft.epoch };
                Some(Standing { attempt: draft.id, ending })
            })
        })
        .await
        .flatten()
    }

    /// Watches over visits from now on.
    pub fn watch_visits(self: &Arc<Self>) {
        tokio::spawn(watch(Arc::downgrade(self)));
    }
}
