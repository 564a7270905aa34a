//! One account's synchronization while the app runs: when, and what to do about trouble.
//!
//! A round pushes what waits and pulls what is new; a failing push does not hold the pull back. Rounds
//! happen at the start, after a local edit, on a poke, when somebody asks, and now and then by themselves. Between
//! two of them telemetry is fetched.
//! Rooms: `waiting` (what a next round waits for, the stream among it) · `trouble` (what failed, and for how long the
//! server is left alone).
//! Deliberately not here: what a round does to rows (`round`, and the core in `omniot_shared::sync`).

mod trouble;
mod waiting;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use omniot_shared::sync::{Seq, escrow::Standing};
use reqwest::Method;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::{trouble::Pause, waiting::IDLE};
use super::{
    Failure, checklist, farewell, on,
    pokes::Pokes,
    round::{self, Met, Pace, Sent},
    status::State,
    telemetry,
    verifying::verify_now_and_then,
    wishes::Hold,
};
use crate::{
    accounts::{Account, Accounts, Me},
    store::attachments,
    transport::{Server, Trouble},
};

/// What the server put off is sent again after so long, or when the server is another one.
const REQUEUE: Duration = Duration::from_secs(15 * 60);

/// So long an ended membership waits for commissions that are under way.
const COMMISSIONS: Duration = Duration::from_secs(3600);

/// Boxes of a former membership are offered so often: what there was no room for may have some now.
const HAND_OVER: Duration = Duration::from_secs(10 * 60);

/// What was sent is told of by the stream within this, or it is pulled.
const TOLD_WITHIN: Duration = Duration::from_millis(400);

/// Synchronizes until it is told to stop. Wakes up for [`Account::wake`] and [`Account::edited`].
pub async fn run(accounts: Weak<Accounts>, account: Arc<Account>, stop: CancellationToken) {
    let mut driver = Driver { accounts, account, pokes: None, mute_until: None, short_lived: 0, greeted: None, tries: 0, used: None, met: None, requeued: None, no_pull_until: None, pace: Pace::default(), leaving: None, sent: None, handed: None };
    tokio::select! {
        () = stop.cancelled() => {}
        () = driver.drive() => {}
    }
}

struct Driver {
    accounts: Weak<Accounts>,
    account: Arc<Account>,
    pokes: Option<Pokes>,
    /// Something on the way keeps the stream back; until then pokes are asked for, one at a time.
    mute_until: Option<Instant>,
    /// How many streams in a row ended a moment after they had opened.
    short_lived: u32,
    /// When server and client introduced themselves, since the last trouble.
    greeted: Option<Instant>,
    tries: u32,
    /// The way of the last round: what it was told about its session holds for that session only.
    used: Option<Server>,
    met: Option<Met>,
    requeued: Option<Instant>,
    /// What the server sends could not be taken; until then it is only pushed.
    no_pull_until: Option<Instant>,
    pace: Pace,
    /// Since when it is known that the person is no member any more, while commissions are under way.
    leaving: Option<Instant>,
    /// What was sent and is not told of yet, and until when that is waited for.
    sent: Option<(Seq, Instant)>,
    /// When boxes of a former membership were offered last.
    handed: Option<Instant>,
}

/// Why a round begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// Only that something was edited here.
    Edited,
    /// Anything else.
    Any,
}

impl Driver {
    async fn drive(&mut self) {
        let mut reason = Reason::Any;
        loop {
            if self.account.has_ended() {
                farewell::run(&self.accounts, &self.account).await;
            }
            let done = self.round(reason).await;
            self.keep_in_sight().await;
            let pause = match done {
                Ok(()) => match self.listen().await {
                    Ok(()) => {
                        self.tries = 0;
                        reason = self.rest().await;
                        continue;
                    }
                    Err(trouble) => self.pause(&trouble.into()),
                },
                Err(failure) => self.pause(&failure),
            };
            reason = Reason::Any;
            let pause = self.look_into_standing(pause).await;
            if !self.account.has_ended() {
                self.wait(pause).await;
            }
        }
    }

    /// A session that the server refuses may be one of somebody who is no member any more. How long to wait now.
    async fn look_into_standing(&mut self, pause: Pause) -> Pause {
        if self.account.server().is_ok() {
            self.leaving = None;
            return pause;
        }
        let epoch = match farewell::standing(&self.account).await {
            Ok(Some((Standing::Ended, epoch))) => epoch,
            Ok(_) => return pause,
            Err(Failure::Trouble(Trouble::Refused { code, .. })) if code == "bad_signature" || code == "not_found" => return pause,
            Err(failure) => {
                tracing::info!(%failure, "how this person stands could not be asked");
                return Pause::of(farewell::ASK_AGAIN);
            }
        };
        // What is being commissioned becomes evidence first, as a rule within minutes or at the next start.
        let since = *self.leaving.get_or_insert_with(Instant::now);
        if since.elapsed() < COMMISSIONS && farewell::commissions_wait(&self.account).await {
            return Pause::of(Duration::from_secs(30));
        }
        match farewell::end(&self.accounts, &self.account, epoch).await {
            Ok(()) => pause,
            Err(failure) => self.pause(&failure),
        }
    }

    /// Of sites that the person does not see any more, no network and no label stays.
    async fn keep_in_sight(&self) {
        let Some(accounts) = self.accounts.upgrade().filter(|accounts| accounts.keeps_visits(&self.account)) else { return };
        match round::sight(&self.account).await {
            Ok(sight) => accounts.keep_in_sight(&self.account, &sight),
            Err(failure) => tracing::warn!(%failure, "what is kept of visits was not looked at"),
        }
    }

    /// After a good round: telemetry is fetched while there is nothing else to do, and broken off when there is.
    async fn rest(&mut self) -> Reason {
        let account = Arc::clone(&self.account);
        // What was answered goes with a round of its own once nothing more is said for a while.
        let rests = checklist::rests_for(&account).await;
        let most = rests.map_or(self.patience(), |rests| rests.min(self.patience()));
        let is_due = self.handed.is_none_or(|at| at.elapsed() >= HAND_OVER);
        if is_due {
            self.handed = Some(Instant::now());
        }
        let fetched = async {
            if is_due && let Err(failure) = farewell::hand_over_the_rest(&account).await {
                tracing::info!(%failure, "work of a former membership could not be handed over now");
            }
            loop {
                telemetry::keep_up(&account).await;
                verify_now_and_then(&account).await;
                tokio::time::sleep(telemetry::OFTEN).await;
            }
        };
        tokio::select! {
            reason = self.wait(Pause::of(most)) => reason,
            () = fetched => Reason::Any,
        }
    }

    /// One round, and what it says about the state.
    async fn round(&mut self, reason: Reason) -> Result<(), Failure> {
        let server = self.account.server()?;
        self.used = Some(server.clone());
        let asked = self.account.take_wish();
        self.no_pull_until = self.no_pull_until.filter(|until| !asked && *until > Instant::now());
        let (paused, was_held) = (self.account.wishes.now().paused, self.account.status.now().hold.is_some());
        self.account.status.held(paused.then_some(Hold::Paused));
        self.pace.pulls = self.no_pull_until.is_none() && !paused;
        let mut was_synced = false;
        self.account.status.change(|status| {
            if status.state == State::Synced {
                was_synced = true;
                status.state = State::Syncing;
            }
        });
        // However busy the tenant is: another role or brand is heard of within a minute.
        if self.greeted.is_none_or(|at| at.elapsed() >= IDLE) {
            self.greet(&server).await?;
            self.greeted = Some(Instant::now());
        }
        let is_heard = self.pokes.as_ref().is_some_and(Pokes::is_stream) && self.pace.pulls;
        if reason == Reason::Edited && is_heard && !asked && !was_held && !self.pace.requeue {
            match round::send(&self.account, &server, &mut self.pace).await? {
                // However much is sent meanwhile: what was not told of in time is pulled.
                Sent::Taken(seq) => self.sent = Some((seq, self.sent.map_or_else(|| Instant::now() + TOLD_WITHIN, |(_, until)| until))),
                // It stands where it stood; nothing was heard of the server.
                Sent::Nothing if was_synced && self.sent.is_none() => self.account.status.change(|status| status.state = State::Synced),
                Sent::Nothing => {}
                Sent::More => return self.whole_round(&server).await,
            }
            return Ok(());
        }
        self.whole_round(&server).await
    }

    async fn whole_round(&mut self, server: &Server) -> Result<(), Failure> {
        self.sent = None;
        round::round(&self.account, server, &mut self.pace).await?;
        if !self.pace.pulls {
            if self.no_pull_until.is_none() {
                self.account.status.change(|status| {
                    status.state = State::Paused;
                    status.error = None;
                });
            }
            return Ok(());
        }
        self.is_synced();
        Ok(())
    }

    fn is_synced(&self) {
        let now = self.account.clock.now();
        self.account.status.change(|status| {
            status.state = State::Synced;
            status.synced_at = Some(now);
            status.error = None;
        });
    }

    /// Who are you, who am I, what time is it: after each start and after each trouble.
    async fn greet(&mut self, server: &Server) -> Result<(), Failure> {
        let met = Some(round::hello(&self.account, server).await?);
        let is_due = self.requeued.is_none_or(|at| at.elapsed() >= REQUEUE);
        if self.met != met || is_due {
            self.pace.requeue = true;
            self.pace.grants_left = None;
            self.requeued = Some(Instant::now());
        }
        if self.met != met {
            on(&self.account, |store| store.note(|db| attachments::offer_again(db))).await?;
        }
        self.met = met;
        let me: Me = server.fetch(Method::GET, "/v1/me", None).await?;
        round::keep_role(&self.account, me.person.role).await?;
        if let Some(accounts) = self.accounts.upgrade() {
            accounts.renew(&self.account, &me);
        }
        Ok(())
    }
}
