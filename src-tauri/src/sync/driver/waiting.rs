//! What a next round waits for: the stream of pokes, something that was done here, or time.
//!
//! Deliberately not here: how pokes come (`pokes`) and what a round does.

use std::time::Duration;

use omniot_shared::sync::wire::Poke;
use tokio::time::Instant;

use super::{
    super::{
        attachments,
        pokes::{Ended, Pokes},
        publishing, round,
    },
    Driver, Reason,
    trouble::Pause,
};
use crate::{
    chance,
    transport::{Trouble, Unreachable},
};

/// A round without any reason where nothing tells of changes.
pub(super) const IDLE: Duration = Duration::from_secs(60);
/// The same while the stream is heard: the server beats in it, says what changes, and ends it when a role or a
/// sight does. Only another brand is heard of no sooner.
pub(super) const QUIET: Duration = Duration::from_secs(15 * 60);
/// Where streams do not get through, none is opened for so long, unless the network was away meanwhile.
pub(super) const MUTE: Duration = Duration::from_secs(5 * 60);
/// After so many streams, one after the other, that ended a moment after they had opened, they count as not getting through.
pub(super) const SHORT_LIVED: u32 = 3;
/// First and longest wait before the next stream, milliseconds: all who listened to a server that goes come back at once.
const REOPEN: (u64, u64) = (1_000, 30_000);

impl Driver {
    /// Opens the stream of pokes when there is none. Where something on the way does not let streams
    /// through, pokes are asked for; a network that went away meanwhile is trouble.
    pub(super) async fn listen(&mut self) -> Result<(), Trouble> {
        self.mute_until = self.mute_until.filter(|until| *until > Instant::now());
        let is_open = self.pokes.as_ref().is_some_and(Pokes::is_stream);
        if is_open || self.mute_until.is_some() {
            return Ok(());
        }
        match Pokes::open(&self.account.server()?).await {
            Ok(pokes) => {
                self.pokes = Some(pokes);
                // What was poked between the round and now would be missed: one more round.
                self.account.wake.notify_one();
                Ok(())
            }
            Err(trouble @ (Trouble::Offline(Unreachable::NoConnection | Unreachable::Cut) | Trouble::NeedsSignIn | Trouble::Suspended)) => Err(trouble),
            Err(Trouble::Offline(Unreachable::Timeout)) => {
                self.ask().await;
                Ok(())
            }
            Err(trouble) => {
                tracing::debug!(%trouble, "no stream of pokes; rounds go on without");
                Ok(())
            }
        }
    }

    /// The stream does not get through: pokes are asked for until it is tried again. Who is asked already does
    /// not know how, and rounds go on without.
    async fn ask(&mut self) {
        let was_open = self.pokes.as_ref().is_none_or(Pokes::is_stream);
        let asked = if was_open { self.account.server().ok() } else { None };
        self.pokes = match (asked, round::cursor(&self.account).await) {
            (Some(server), Ok(after)) => Some(Pokes::asking(server, after)),
            _ => None,
        };
        tracing::debug!(asks = self.pokes.is_some(), "something on the way keeps the stream of pokes back");
        self.mute_until = Some(Instant::now() + MUTE);
    }

    /// How long there need be no round when nothing happens.
    pub(super) fn patience(&self) -> Duration {
        match &self.pokes {
            Some(pokes) if pokes.is_stream() => QUIET,
            // Then a stream is tried again.
            Some(_) => MUTE,
            None => IDLE,
        }
    }

    /// Whether a poke says nothing that has to be pulled, since it is known or came along.
    async fn takes(&mut self, poke: Poke) -> bool {
        let seq = poke.seq;
        if !round::knows(&self.account, seq).await {
            if !publishing::take_news(&self.account, poke.frames).await {
                return false;
            }
            let now = self.account.clock.now();
            self.account.status.change(|status| status.synced_at = Some(now));
        }
        if self.sent.take_if(|(sent, _)| *sent <= seq).is_some() {
            self.is_synced();
        }
        true
    }

    /// Until there is a reason for a round.
    pub(super) async fn wait(&mut self, pause: Pause) -> Reason {
        let (mut over, least) = (Instant::now() + pause.most, Instant::now() + pause.least);
        let mut woken: Option<Reason> = None;
        loop {
            if let Some(reason) = woken.filter(|_| Instant::now() >= least) {
                return reason;
            }
            let untold = self.sent.map(|(_, until)| until);
            tokio::select! {
                () = self.account.wake.notified(), if woken != Some(Reason::Any) => woken = Some(Reason::Any),
                () = self.account.edited.notified(), if woken.is_none() => woken = Some(Reason::Edited),
                () = tokio::time::sleep_until(untold.unwrap_or(over)), if untold.is_some() && woken.is_none() => woken = Some(Reason::Any),
                () = tokio::time::sleep_until(if woken.is_some() { least } else { over }) => {
                    // Now and then: another role, another brand, a clock that was set.
                    self.greeted = None;
                    return Reason::Any;
                }
                poke = next(&mut self.pokes) => match poke {
                    // While nothing is fetched, news is no reason for anything. What comes while the round is on its
                    // way is known by then, or makes one more.
                    Ok(poke) if self.pace.pulls => {
                        // What the server has now may have files that go with it.
                        if !self.takes(poke).await || attachments::wait(&self.account).await {
                            woken = Some(Reason::Any);
                        }
                    }
                    Ok(_) => {}
                    Err(Ended::Mute) => {
                        self.ask().await;
                        over = over.min(Instant::now() + self.patience());
                    }
                    Err(Ended::Closed) => {
                        // The stream broke: the network may be gone, a round will show.
                        self.short_lived = if self.pokes.take().is_some_and(|pokes| pokes.is_fresh()) { self.short_lived + 1 } else { 0 };
                        self.greeted = None;
                        if self.short_lived >= SHORT_LIVED {
                            self.short_lived = 0;
                            self.ask().await;
                            return Reason::Any;
                        }
                        over = over.min(Instant::now() + chance::backoff(REOPEN.0, REOPEN.1, self.short_lived));
                    }
                },
            }
        }
    }
}

/// The next poke; never comes when there is no stream.
async fn next(pokes: &mut Option<Pokes>) -> Result<Poke, Ended> {
    match pokes {
        Some(pokes) => pokes.next().await,
        None => std::future::pending().await,
    }
}
