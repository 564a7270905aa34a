//! One account's synchronization while the app runs: when, and what to do about trouble.
//!
//! A round pushes what waits and pulls what is new; a failing push does not hold the pull back. Rounds
//! happen at the start, after a local edit, on a poke, when somebody asks, and now and then by themselves.
//! Deliberately not here: what a round does to rows (`round`, and the core in `omniot_shared::sync`).

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use omniot_shared::sync::wire::Poke;
use reqwest::Method;

use super::{Failure, pokes::Pokes, round, status::State};
use crate::{
    accounts::{Account, Accounts, Me},
    chance,
    transport::{Server, Trouble, Unreachable},
};

/// A round without any reason: pokes may be lost in a proxy.
const IDLE: Duration = Duration::from_secs(60);
/// Pokes that come so close together are one.
const COALESCE: Duration = Duration::from_millis(5);
/// First and longest wait after trouble, milliseconds.
const RETRY: (u64, u64) = (1_000, 60_000);

/// Synchronizes until the account stops. Wakes up for [`Account::wake`].
pub async fn run(accounts: Weak<Accounts>, account: Arc<Account>) {
    let mut driver = Driver { accounts, account: Arc::clone(&account), pokes: None, greeted: false, tries: 0 };
    tokio::select! {
        () = account.stop.cancelled() => {}
        () = driver.drive() => {}
    }
}

struct Driver {
    accounts: Weak<Accounts>,
    account: Arc<Account>,
    pokes: Option<Pokes>,
    /// Whether server and client have introduced themselves since the last trouble.
    greeted: bool,
    tries: u32,
}

impl Driver {
    async fn drive(&mut self) {
        loop {
            let pause = match self.round().await {
                Ok(()) => match self.listen().await {
                    Ok(()) => {
                        self.tries = 0;
                        IDLE
                    }
                    Err(trouble) => self.pause(&trouble.into()),
                },
                Err(failure) => self.pause(&failure),
            };
            self.wait(pause).await;
        }
    }

    /// One round, and what it says about the state.
    async fn round(&mut self) -> Result<(), Failure> {
        let server = self.account.server()?;
        self.account.status.change(|status| {
            if status.state == State::Synced {
                status.state = State::Syncing;
            }
        });
        if !self.greeted {
            self.greet(&server).await?;
            self.greeted = true;
        }
        round::round(&self.account, &server).await?;
        let now = self.account.clock.now();
        self.account.status.change(|status| {
            status.state = State::Synced;
            status.synced_at = Some(now);
            status.last_error = None;
        });
        Ok(())
    }

    /// Who are you, who am I, what time is it: after each start and after each trouble.
    async fn greet(&self, server: &Server) -> Result<(), Failure> {
        round::hello(&self.account, server).await?;
        let me: Me = server.fetch(Method::GET, "/v1/me", None).await?;
        round::keep_role(&self.account, me.person.role).await?;
        if let Some(accounts) = self.accounts.upgrade() {
            accounts.renew(&self.account, &me);
        }
        Ok(())
    }

    /// Opens the stream of pokes when there is none. Where something on the way does not let streams
    /// through, the idle rounds do without; a network that went away meanwhile is trouble.
    async fn listen(&mut self) -> Result<(), Trouble> {
        if self.pokes.is_some() {
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
            Err(trouble) => {
                tracing::debug!(%trouble, "no stream of pokes; rounds go on without");
                Ok(())
            }
        }
    }

    /// Takes note of trouble; how long to leave the server alone.
    fn pause(&mut self, failure: &Failure) -> Duration {
        self.pokes = None;
        self.greeted = false;
        let trouble = match failure {
            Failure::Trouble(trouble) => trouble,
            Failure::Store(error) => {
                tracing::error!(%error, "a round failed on this machine");
                self.account.status.failed(error);
                return Duration::from_millis(RETRY.1);
            }
        };
        if *trouble == Trouble::NeedsSignIn {
            self.account.session_ended();
        } else {
            self.account.status.trouble(trouble);
        }
        let pause = chance::backoff(RETRY.0, RETRY.1, self.tries);
        self.tries = self.tries.saturating_add(1);
        match trouble {
            Trouble::Throttled(Some(asked)) => pause + *asked,
            Trouble::Suspended => pause.max(Duration::from_secs(15)),
            // Signing in wakes the driver up.
            Trouble::NeedsSignIn => Duration::from_secs(3600),
            _ => pause,
        }
    }

    /// Until there is a reason for a round.
    async fn wait(&mut self, pause: Duration) {
        let over = tokio::time::Instant::now() + pause;
        loop {
            tokio::select! {
                () = self.account.wake.notified() => return,
                () = tokio::time::sleep_until(over) => {
                    // Now and then: another role, another brand, a clock that was set.
                    self.greeted = false;
                    return;
                }
                poke = next(&mut self.pokes) => match poke {
                    Some(poke) if round::knows(&self.account, poke.seq).await => {}
                    Some(_) => return tokio::time::sleep(COALESCE).await,
                    None => {
                        // The stream broke: the network may be gone, a round will show.
                        self.pokes = None;
                        self.greeted = false;
                        return tokio::time::sleep(chance::backoff(100, 400, 0)).await;
                    }
                },
            }
        }
    }
}

/// The next poke; never comes when there is no stream.
async fn next(pokes: &mut Option<Pokes>) -> Option<Poke> {
    match pokes {
        Some(pokes) => pokes.next().await,
        None => std::future::pending().await,
    }
}
