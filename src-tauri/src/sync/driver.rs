//! One account's synchronization while the app runs: when, and what to do about trouble.
//!
//! A round pushes what waits and pulls what is new; a failing push does not hold the pull back. Rounds
//! happen at the start, after a local edit, on a poke, when somebody asks, and now and then by themselves. Between
//! two of them telemetry is fetched.
//! Deliberately not here: what a round does to rows (`round`, and the core in `omniot_shared::sync`).

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use omniot_shared::sync::{Seq, escrow::Standing, wire::Poke};
use reqwest::Method;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Failure, attachments, checklist, farewell,
    pokes::{Ended, Pokes},
    round::{self, Met, Pace, Sent},
    status::State,
    telemetry,
    wishes::Hold,
};
use crate::{
    accounts::{Account, Accounts, Me},
    chance,
    store::StoreError,
    transport::{Server, Trouble, Unreachable},
};

/// A round without any reason where nothing tells of changes.
const IDLE: Duration = Duration::from_secs(60);
/// The same while the stream is heard: the server beats in it, says what changes, and ends it when a role or a
/// sight does. Only another brand is heard of no sooner.
const QUIET: Duration = Duration::from_secs(15 * 60);
/// First and longest wait after trouble, milliseconds.
const RETRY: (u64, u64) = (1_000, 60_000);

/// What the server put off is sent again after so long, or when the server is another one.
const REQUEUE: Duration = Duration::from_secs(15 * 60);
/// Where streams do not get through, none is opened for so long, unless the network was away meanwhile.
const MUTE: Duration = Duration::from_secs(5 * 60);
/// Rows that cannot be taken even from the beginning are left alone for so long: each try brings all of them.
const UNFIT: Duration = Duration::from_secs(4 * 3600);

/// So long an ended membership waits for commissions that are under way.
const COMMISSIONS: Duration = Duration::from_secs(3600);

/// Boxes of a former membership are offered so often: what there was no room for may have some now.
const HAND_OVER: Duration = Duration::from_secs(10 * 60);

/// What was sent is told of by the stream within this, or it is pulled.
const TOLD_WITHIN: Duration = Duration::from_millis(400);

/// Synchronizes until it is told to stop. Wakes up for [`Account::wake`] and [`Account::edited`].
pub async fn run(accounts: Weak<Accounts>, account: Arc<Account>, stop: CancellationToken) {
    let mut driver = Driver { accounts, account, pokes: None, mute_until: None, greeted: None, tries: 0, used: None, met: None, requeued: None, no_pull_until: None, pace: Pace::default(), leaving: None, sent: None, handed: None };
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

/// How long to leave the server alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pause {
    /// Until something happens, but no longer than this.
    most: Duration,
    /// Whatever happens: the server asked for it.
    least: Duration,
}

impl Pause {
    const fn of(most: Duration) -> Self {
        Self { most, least: Duration::ZERO }
    }
}

impl Driver {
    async fn drive(&mut self) {
        let mut reason = Reason::Any;
        loop {
            if self.account.has_ended() {
                farewell::run(&self.accounts, &self.account).await;
            }
            let pause = match self.round(reason).await {
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
            self.requeued = Some(Instant::now());
        }
        self.met = met;
        let me: Me = server.fetch(Method::GET, "/v1/me", None).await?;
        round::keep_role(&self.account, me.person.role).await?;
        if let Some(accounts) = self.accounts.upgrade() {
            accounts.renew(&self.account, &me);
        }
        Ok(())
    }

    /// Opens the stream of pokes when there is none. Where something on the way does not let streams
    /// through, pokes are asked for; a network that went away meanwhile is trouble.
    async fn listen(&mut self) -> Result<(), Trouble> {
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

    /// Takes note of trouble; how long to leave the server alone.
    fn pause(&mut self, failure: &Failure) -> Pause {
        self.sent = None;
        // A server that asks for a pause is there; it is heard as before.
        if !matches!(failure, Failure::Trouble(Trouble::Throttled(_))) {
            self.pokes = None;
            self.mute_until = None;
            self.greeted = None;
        }
        match failure {
            Failure::Trouble(trouble) => self.trouble(trouble),
            Failure::Held(_) => Pause::of(IDLE),
            Failure::Store(error) => {
                tracing::error!(%error, "a round failed on this machine");
                self.account.status.failed(error);
                if matches!(error, StoreError::Damaged(_)) {
                    self.no_pull_until = Some(Instant::now() + UNFIT);
                }
                Pause::of(Duration::from_millis(RETRY.1))
            }
            Failure::Unfit { detail, .. } => {
                tracing::error!(detail, "what the server sends cannot be taken; it is left alone for hours");
                self.account.status.mismatch(detail);
                self.no_pull_until = Some(Instant::now() + UNFIT);
                Pause::of(IDLE)
            }
        }
    }

    fn trouble(&mut self, trouble: &Trouble) -> Pause {
        let pause = chance::backoff(RETRY.0, RETRY.1, self.tries);
        self.tries = self.tries.saturating_add(1);
        if *trouble == Trouble::NeedsSignIn {
            let is_over = self.account.server().is_err() || self.used.as_ref().is_none_or(|used| self.account.session_ended(used));
            // Signing in wakes the driver up; if that has happened meanwhile, the answer was to the session before.
            return Pause::of(if is_over { Duration::from_secs(3600) } else { pause });
        }
        self.account.status.trouble(trouble);
        match trouble {
            Trouble::Throttled(asked) => {
                let least = pause + asked.unwrap_or_default();
                Pause { most: least, least }
            }
            Trouble::Suspended => Pause::of(pause.max(Duration::from_secs(15))),
            _ => Pause::of(pause),
        }
    }

    /// How long there need be no round when nothing happens.
    fn patience(&self) -> Duration {
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
            if !round::take_news(&self.account, poke.frames).await {
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
    async fn wait(&mut self, pause: Pause) -> Reason {
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
                        self.pokes = None;
                        self.greeted = None;
                        tokio::time::sleep(chance::backoff(100, 400, 0)).await;
                        return Reason::Any;
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

#[cfg(test)]
mod tests {
    use super::*;
    use omniot_shared::{
        entities::{Device, DeviceState},
        ids::{DeviceId, ModelId, PersonId, TenantId},
        roles::Role,
        sync::{Row, Seq, SyncedRow},
        time::{Millis, SystemClock},
    };
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use uuid::Uuid;

    use crate::{
        accounts::{AccountId, Card, Person, Surroundings, Tenant},
        events::Events,
        store::rows,
        transport::Origin,
    };

    fn driver(folder: &std::path::Path) -> Driver {
        driver_to(folder, "http://127.0.0.1:1")
    }

    fn driver_to(folder: &std::path::Path, server: &str) -> Driver {
        let origin = Origin::read(server).unwrap();
        let (tenant, person) = (TenantId(Uuid::from_u128(1)), PersonId(Uuid::from_u128(2)));
        let me = Me {
            person: Person { id: person, name: "Tess".into(), email: "t@example.com".into(), role: Role::Owner },
            tenant: Tenant { id: tenant, name: "acme".into(), display_name: "Acme".into() },
            permissions: vec![], everywhere: true,
            brand: serde_json::Value::Null,
        };
        let card = Card { id: AccountId::of(&origin, tenant, person), server: origin.clone(), me, added_at: Millis(1) };
        let around = Surroundings { events: Events::default(), clock: Arc::new(SystemClock), version: "1".into(), metered: crate::transport::metered::nobody_knows(), large: 10_000 };
        let token = Some(zeroize::Zeroizing::new("omt_x".to_owned()));
        let account = Arc::new(Account::open(folder, &card, Server::at(&origin, "1").unwrap(), token, &around).unwrap());
        Driver { accounts: Weak::new(), account, pokes: None, mute_until: None, greeted: None, tries: 0, used: None, met: None, requeued: None, no_pull_until: None, pace: Pace::default(), leaving: None, sent: None, handed: None }
    }

    async fn waited(driver: &mut Driver, pause: Pause) -> Duration {
        let before = Instant::now();
        driver.account.wake.notify_one();
        driver.wait(pause).await;
        before.elapsed()
    }

    #[tokio::test]
    async fn an_edit_ends_a_pause_unless_the_server_asked_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut driver = driver(folder.path());
        let asked = driver.pause(&Trouble::Throttled(Some(Duration::from_secs(7))).into());
        assert!(asked.least >= Duration::from_secs(7) && asked.most >= asked.least, "{asked:?}");
        let own = driver.pause(&Trouble::Offline(Unreachable::NoConnection).into());
        assert_eq!(own.least, Duration::ZERO);
        let hour = Duration::from_secs(3600);
        assert!(waited(&mut driver, Pause::of(hour)).await < Duration::from_secs(5));
        let least = Duration::from_millis(300);
        assert!(waited(&mut driver, Pause { most: hour, least }).await >= least);
    }

    /// A server that lets the head of each answer out, if that, and then nothing; how often it was asked.
    async fn behind_a_proxy_that_keeps_bodies_back(head: &'static str) -> (String, Arc<AtomicU32>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (origin, asked) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(AtomicU32::new(0)));
        let count = asked.clone();
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut near, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = near.read(&mut [0; 4096]).await;
                near.write_all(head.as_bytes()).await.unwrap();
                open.push(near);
            }
        });
        (origin, asked)
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_says_nothing_counts_as_none_and_rounds_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let (origin, asked) = behind_a_proxy_that_keeps_bodies_back("HTTP/1.1 200 OK\r\nx-request-id: 1\r\ncontent-type: text/event-stream\r\n\r\n").await;
        let mut driver = driver_to(folder.path(), &origin);
        driver.listen().await.unwrap();
        assert!(driver.pokes.is_some(), "it opens");
        driver.wait(Pause::of(IDLE)).await;
        let began = Instant::now();
        driver.wait(Pause::of(IDLE)).await;
        assert_eq!(began.elapsed().as_secs(), IDLE.as_secs(), "the next round comes by itself, not sooner");
        assert!(driver.pokes.is_none(), "and is no stream");
        driver.listen().await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 2, "pokes were asked for, in vain; it is not opened with each round");
        tokio::time::advance(MUTE).await;
        driver.listen().await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 3, "but now and then");
    }

    /// A server whose stream beats and has nothing to say; what else it was asked.
    async fn where_nothing_happens() -> (String, Arc<AtomicU32>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (origin, asked) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(AtomicU32::new(0)));
        let count = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let length = near.read(&mut request).await.unwrap_or(0);
                if !request[..length].starts_with(b"GET /v1/sync/stream") {
                    count.fetch_add(1, Ordering::SeqCst);
                    continue;
                }
                tokio::spawn(async move {
                    near.write_all(b"HTTP/1.1 200 OK\r\nx-request-id: 1\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"seq\":0}\n\n").await.unwrap();
                    while near.write_all(b": \n\n").await.is_ok() {
                        tokio::time::sleep(Duration::from_secs(25)).await;
                    }
                });
            }
        });
        (origin, asked)
    }

    #[tokio::test(start_paused = true)]
    async fn an_app_where_nothing_happens_asks_for_nothing_while_it_hears_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let (origin, asked) = where_nothing_happens().await;
        let mut driver = driver_to(folder.path(), &origin);
        driver.listen().await.unwrap();
        driver.rest().await; // What was poked before it listened.
        let began = Instant::now();
        driver.rest().await;
        assert_eq!(began.elapsed().as_secs(), QUIET.as_secs(), "nothing wakes it");
        assert!(driver.pokes.is_some(), "it hears the server all the time");
        assert_eq!(asked.load(Ordering::SeqCst), 0, "and asks for nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn while_it_is_paused_news_wakes_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let (origin, _) = behind_a_proxy_that_keeps_bodies_back("HTTP/1.1 200 OK\r\nx-request-id: 1\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"seq\":7}\n\n").await;
        let mut driver = driver_to(folder.path(), &origin);
        driver.listen().await.unwrap();
        driver.account.wake.notified().await;
        driver.pace.pulls = false;
        let began = Instant::now();
        driver.wait(Pause::of(Duration::from_secs(50))).await;
        assert_eq!(began.elapsed().as_secs(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_does_not_even_open_holds_no_round_back_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let (origin, asked) = behind_a_proxy_that_keeps_bodies_back("").await;
        let mut driver = driver_to(folder.path(), &origin);
        let began = Instant::now();
        for _ in 0..3 {
            driver.listen().await.unwrap();
        }
        assert_eq!(began.elapsed().as_secs(), 10);
        assert!(driver.pokes.as_ref().is_some_and(|pokes| !pokes.is_stream()), "pokes are asked for meanwhile");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn telemetry_that_hangs_holds_no_round_back() {
        let folder = tempfile::tempdir().unwrap();
        let (origin, asked) = behind_a_proxy_that_keeps_bodies_back("").await;
        let mut driver = driver_to(folder.path(), &origin);
        let account = Arc::clone(&driver.account);
        let device = Device {
            id: DeviceId(Uuid::from_u128(3)),
            serial: "A1".into(),
            name: "Pump".into(),
            model_id: ModelId(Uuid::from_u128(4)),
            site_id: None,
            note: None,
            state: DeviceState::Online,
            firmware: None,
            epoch: 1,
            created_at: Millis(1),
        };
        account.store.apply(|db| rows::put(db, &SyncedRow { seq: Seq(1), row: Row::Device(device.clone()) })).unwrap();
        let edit = async {
            while asked.load(Ordering::SeqCst) == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            account.wake.notify_one();
        };
        let rested = tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(driver.rest(), edit) });
        rested.await.expect("an edit ends it at once");
        driver.account.wake.notify_one();
        tokio::time::timeout(Duration::from_secs(10), driver.rest()).await.expect("again");
    }

    #[tokio::test]
    async fn rows_that_cannot_be_taken_are_left_alone_and_the_person_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut driver = driver(folder.path());
        let _ = driver.pause(&Failure::Unfit { detail: "not the same".into(), fresh: true });
        assert!(driver.no_pull_until.is_some_and(|until| until > Instant::now() + Duration::from_secs(3600)));
        let status = driver.account.status.now();
        assert_eq!((status.state, status.error.map(|error| error.code)), (State::Stopped, Some("data_mismatch")));
        assert!(driver.round(Reason::Any).await.is_err(), "nobody answers");
        assert!(!driver.pace.pulls, "the next round does not pull");
        driver.account.wish_round();
        assert!(driver.round(Reason::Any).await.is_err());
        assert!(driver.pace.pulls, "unless somebody asks for it");
    }
}
