//! Pokes: "there is something above your cursor", as server-sent events.
//!
//! A poke carries the tenant's sequence, so a lost one costs nothing. Where one small change follows what was
//! poked last, it carries that change, too (`news`): a change of somebody's rights to see takes a sequence
//! without any, so nothing is told before the stream has looked at its right again.
//! A stream outlives the request that was allowed: its right is checked again whenever
//! access changed in the tenant, and with every heartbeat (sessions also end by themselves).

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::response::sse::Event as Sent;
use futures::{Stream, stream};
use omniot_shared::{
    ids::PersonId,
    sync::{Seq, wire::Poke},
};
use rand::RngExt as _;
use tokio::{
    sync::broadcast::{self, error::RecvError, error::TryRecvError},
    time::{Instant, Interval, MissedTickBehavior, interval, sleep, sleep_until},
};

use super::store;
use crate::{
    db::{Event, News},
    http::{ApiError, AppState, Ticket},
};

/// Proxies close what is silent for longer.
const HEARTBEAT: Duration = Duration::from_secs(25);
/// After a poke, changes within this make one together.
const TOGETHER: Duration = Duration::from_millis(8);

/// The right to see rows is looked at again after this.
const DOUBT: Duration = Duration::from_secs(1);

/// When all streams must look again, they do so within this, not all at once.
const SPREAD: Duration = Duration::from_millis(500);

/// One open stream.
struct Watch {
    state: AppState,
    ticket: Ticket,
    events: broadcast::Receiver<Event>,
    heartbeat: Interval,
    first: Option<Seq>,
    /// Who listens, if they see all that changes.
    sees_all: Option<PersonId>,
    /// What was poked last.
    told: Seq,
    /// When the right was looked at, unless something passed unheard since.
    checked: Option<Instant>,
    /// When the last poke went out.
    poked: Option<Instant>,
    over: bool,
}

/// What a watch says next.
enum Said {
    Poke(Seq, Option<Arc<News>>),
    Beat,
    Over(&'static str),
}

/// The pokes of a tenant, beginning with `now`. `events` was subscribed to before `now` was read; `sees_all`:
/// the ticket's person, if they see whatever changes.
pub fn pokes(state: AppState, ticket: Ticket, sees_all: Option<PersonId>, events: broadcast::Receiver<Event>, now: Seq) -> impl Stream<Item = Result<Sent, Infallible>> {
    let watch = Watch::of(state, ticket, sees_all, events, now);
    stream::unfold(watch, |mut watch| async move {
        if watch.over {
            return None;
        }
        let said = watch.next().await;
        watch.over = matches!(said, Said::Over(_));
        Some((Ok(said.event()), watch))
    })
}

/// Where the tenant stands once that is above `after`, or with the next heartbeat.
///
/// # Errors
/// When the right to know it ends.
pub async fn above(state: AppState, ticket: Ticket, events: broadcast::Receiver<Event>, now: Seq, after: Seq) -> Result<Seq, ApiError> {
    if now > after {
        return Ok(now);
    }
    let mut watch = Watch::of(state, ticket, None, events, now);
    watch.first = None;
    loop {
        match watch.next().await {
            Said::Poke(seq, _) if seq <= after => {}
            Said::Poke(seq, _) => return Ok(seq),
            Said::Beat => return Ok(watch.told),
            // Its own words say why; a server that stops says where it stood.
            Said::Over(_) => return watch.ticket.check(&watch.state).await.map(|()| watch.told),
        }
    }
}

impl Said {
    fn event(&self) -> Sent {
        match self {
            Self::Poke(_, Some(news)) => Sent::default().event("changed").data(&news.poke),
            Self::Poke(seq, None) => Sent::default().event("changed").json_data(Poke { seq: *seq, frames: Vec::new() }).unwrap_or_default(),
            Self::Beat => Sent::default().comment(""),
            Self::Over(code) => Sent::default().event("closed").data(format!(r#"{{"code":"{code}"}}"#)),
        }
    }
}

impl Watch {
    fn of(state: AppState, ticket: Ticket, sees_all: Option<PersonId>, events: broadcast::Receiver<Event>, now: Seq) -> Self {
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        Self { state, ticket, events, heartbeat, first: Some(now), sees_all, told: now, checked: Some(Instant::now()), poked: None, over: false }
    }

    async fn next(&mut self) -> Said {
        if let Some(seq) = self.first.take() {
            return Said::Poke(seq, None);
        }
        loop {
            let event = tokio::select! {
                event = self.events.recv() => event,
                _ = self.heartbeat.tick() => return self.checked().await.map_or_else(Said::Over, |()| Said::Beat),
            };
            match event {
                Ok(Event::Changed { seq, news }) => return self.gather(Seq(seq), news).await,
                Ok(Event::AccessChanged) => {
                    if let Err(code) = self.checked().await {
                        return Said::Over(code);
                    }
                }
                // Whatever was missed: look again at both.
                Ok(Event::Missed) => {
                    sleep(SPREAD.mul_f64(self.state.chance.with(|rng| rng.random()))).await;
                    return self.looked_and_poked().await;
                }
                Err(RecvError::Lagged(_)) => return self.looked_and_poked().await,
                Err(RecvError::Closed) => return Said::Over("closed"),
            }
        }
    }

    /// A poke. The first goes out at once; those that follow within [`TOGETHER`] wait for each other.
    async fn gather(&mut self, first: Seq, of_first: Option<Arc<News>>) -> Said {
        if let Some(last) = self.poked {
            sleep_until(last + TOGETHER).await;
        }
        self.poked = Some(Instant::now());
        let (mut latest, mut news) = (first, of_first);
        loop {
            let seq = match self.events.try_recv() {
                Ok(Event::Changed { seq, .. }) => Seq(seq),
                Ok(Event::AccessChanged | Event::Missed) | Err(TryRecvError::Lagged(_)) => match self.looked().await {
                    Ok(seq) => seq,
                    Err(code) => return Said::Over(code),
                },
                Err(TryRecvError::Empty | TryRecvError::Closed) => return self.poke(latest, news).await,
            };
            // Several are fetched together.
            (latest, news) = (latest.max(seq), None);
        }
    }

    /// A poke, with the news when they are for this person and follow what was poked last. News are rows, and go
    /// out on a right that was looked at within the last second, and since whatever passed unheard.
    async fn poke(&mut self, seq: Seq, news: Option<Arc<News>>) -> Said {
        let follows = news.as_ref().is_some_and(|news| news.from == self.told.0);
        if !follows {
            self.checked = None;
        }
        let news = news.filter(|news| follows && self.sees_all.is_some_and(|person| news.own_of != Some(person)));
        if news.is_some() && self.checked.is_none_or(|checked| checked.elapsed() >= DOUBT) {
            if let Err(code) = self.checked().await {
                return Said::Over(code);
            }
            self.checked = Some(Instant::now());
        }
        self.told = seq;
        Said::Poke(seq, news)
    }

    async fn looked_and_poked(&mut self) -> Said {
        match self.looked().await {
            Ok(seq) => self.poke(seq, None).await,
            Err(code) => Said::Over(code),
        }
    }

    async fn checked(&self) -> Result<(), &'static str> {
        self.ticket.check(&self.state).await.map_err(|error| error.code)
    }

    /// Where the tenant stands, for one who may still know it.
    async fn looked(&self) -> Result<Seq, &'static str> {
        let mut scope = self.ticket.open(&self.state).await.map_err(|error| error.code)?;
        store::stand(&mut scope).await.map(|stand| stand.seq).map_err(|error| ApiError::from(error).code)
    }
}
