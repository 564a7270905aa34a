//! The ear of one process: one connection beside the pool that hears what other processes commit and
//! tells the streams here.
//!
//! It comes back by itself. Whenever it begins to listen, all streams are told that something may have
//! been missed. Deliberately not here: what is said (`tidings`), and any right to look into a tenant.

use std::{convert::Infallible, io, time::Duration};

use sqlx::{
    Row as _,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::time::{Instant, sleep, timeout};

use super::{Tidings, tidings::CHANNEL};
use crate::db::Bus;

/// After so long without a word the connection is asked whether it still listens: one that broke
/// silently, or a pooler in between, would never say so.
const SILENCE: Duration = Duration::from_secs(5);
/// How long that answer, or connecting, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// First and longest wait before it connects again, milliseconds; a random half is taken away, so that
/// the servers do not all come back at once.
const AGAIN: (u64, u64) = (100, 10_000);
/// A connection that lasted so long was a good one.
const GOOD: Duration = Duration::from_secs(60);

/// Hears while it runs.
pub(crate) struct Listener {
    address: PgConnectOptions,
    bus: Bus,
}

impl Listener {
    pub(super) fn new(address: PgConnectOptions, bus: Bus) -> Self {
        Self { address: address.application_name("omniot listener"), bus }
    }

    /// Listens until it is dropped.
    pub(crate) async fn run(self) {
        let mut tries = 0;
        loop {
            let began = Instant::now();
            let Err(error) = self.hear().await;
            tries = if began.elapsed() >= GOOD { 0 } else { tries + 1 };
            tracing::warn!(%error, tries, "the other servers are not heard for the moment");
            sleep(pause(tries)).await;
        }
    }

    /// Listens until the connection is lost.
    async fn hear(&self) -> Result<Infallible, sqlx::Error> {
        let mut ear = in_time(self.open()).await?;
        tracing::info!("the other servers on this database are heard");
        self.bus.doubt();
        loop {
            match timeout(SILENCE, ear.try_recv()).await {
                Ok(heard) => self.relay(heard?.ok_or_else(lost)?.payload()),
                Err(_) => in_time(still_listens(&mut ear)).await?,
            }
        }
    }

    async fn open(&self) -> Result<PgListener, sqlx::Error> {
        // A pool of its own: the server's is for requests, and a tenant's flood must not silence the others.
        let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None).connect_with(self.address.clone()).await?;
        let mut ear = PgListener::connect_with(&pool).await?;
        ear.eager_reconnect(false);
        ear.listen(CHANNEL).await?;
        Ok(ear)
    }

    fn relay(&self, text: &str) {
        match Tidings::read(text) {
            Some(tidings) if tidings.origin == self.bus.origin() => {}
            Some(tidings) => tidings.events().for_each(|event| self.bus.relay(tidings.tenant, event)),
            None => tracing::warn!("something else than a server of this version speaks on the channel {CHANNEL}"),
        }
    }
}

/// What is heard meanwhile is kept.
async fn still_listens(ear: &mut PgListener) -> Result<(), sqlx::Error> {
    let row = sqlx::query("select exists (select from pg_listening_channels() channel where channel = $1)").bind(CHANNEL).fetch_one(ear).await?;
    if row.try_get(0)? { Ok(()) } else { Err(lost()) }
}

async fn in_time<T>(what: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(PATIENCE, what).await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}

fn lost() -> sqlx::Error {
    io::Error::from(io::ErrorKind::ConnectionAborted).into()
}

fn pause(tries: u32) -> Duration {
    let most = AGAIN.0.saturating_mul(1 << tries.min(16)).min(AGAIN.1);
    Duration::from_millis(most).mul_f64(1.0 - rand::random::<f64>() / 2.0)
}
