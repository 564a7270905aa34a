//! A visit at work: takes note of how each attempt ends, and begins the next one.
//!
//! It goes only after somebody said so in this run of the app: after a death the technician may stand elsewhere.
//! Deliberately not here: whose turn it is (the module above).

use std::sync::{Arc, Weak, atomic::Ordering};

use omniot_shared::{
    ids::AttemptId,
    label::{self, Scanned},
};
use tokio::sync::broadcast::error::RecvError;

use super::{Ending, Fate, Item, KeptNetwork, keeping::SiteNetwork};
use crate::{
    commissioning::{Commissioning, NotBegun, Order, State, Step, flow::{causes::{Cause, Remedy}, desk::DeskError, draft::NetworkKind}},
    events::Event,
};

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
        let heard = self.means.nearby.list();
        let is_heard = |item: &Item| item.name.is_some() && heard.iter().any(|heard| heard.advert.name == item.name);
        let (site, item) = held.visit().and_then(|visit| visit.next(is_heard).map(|item| (visit.site, item.clone()))).ok_or(NotNext::Nobody)?;
        let account = held.account().to_owned();
        for known in held.networks(site).iter().filter_map(|known| known.network.network()) {
            self.means.networks.worked(&account, site, known);
        }
        // What cannot be read any more was read when it was added: a label of another version of the app.
        let label = item.label().and_then(|text| label::read(&text).ok());
        let order = Order { address: None, label: label.filter(|label| matches!(label, Scanned::Label(_))), pop: None, site, device_name: item.device_name.clone() };
        let view = self.begin(order).await?;
        let attempt = view["id"].as_str().and_then(|id| id.parse::<AttemptId>().ok()).ok_or(NotNext::Nobody)?;
        held.change(|kept| {
            if let Some(visit) = &mut kept.visit {
                visit.began(item.id, attempt);
            }
        })?;
        self.going.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Takes note of an end, and goes on where that is wanted.
    async fn keep_going(&self) -> Result<(), NotNext> {
        let Some(standing) = self.standing().await else { return Ok(()) };
        let goes_on = {
            let mut held = self.visits.held().await?;
            let Some(visit) = held.visit() else { return Ok(()) };
            let (site, auto) = (visit.site, visit.auto);
            let is_noted = visit.of(standing.attempt).is_none_or(|item| match item.fate {
                Fate::Running => false,
                Fate::Waiting | Fate::Failed => !standing.ending.done,
                Fate::Done => true,
            });
            if !is_noted {
                let account = held.account().to_owned();
                let known: Vec<_> = [NetworkKind::Wifi, NetworkKind::Thread].into_iter().filter_map(|kind| self.means.networks.of(&account, site, kind)).map(|network| KeptNetwork::of(&network)).collect();
                held.change(|kept| {
                    if let Some(visit) = &mut kept.visit {
                        visit.ended(standing.attempt, standing.ending.clone());
                    }
                    // What worked serves the others. That one device does not take it says nothing about them.
                    for network in known {
                        let keep = kept.networks.get(&site).is_some_and(|before| before.iter().any(|before| before.keep && before.network.kind() == network.kind()));
                        kept.put_network(site, SiteNetwork { network, keep });
                    }
                })?;
                self.events.tell(Event::Commission);
            }
            !is_noted && auto && self.going.load(Ordering::Relaxed)
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
                let again = cause.as_deref().and_then(Cause::of_code).is_some_and(|cause| cause.remedy() == Remedy::Retry);
                let done = joined || draft.state == State::Succeeded;
                let ending = Ending { done, cause: cause.filter(|_| !done), again, rssi: draft.rssi, took_ms: self.means.clock.now().since(draft.started_at) };
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
