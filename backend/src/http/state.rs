//! What every handler can reach: the store, the clock, chance, and the settings of this server.

use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;
use omniot_shared::{
    claim::home::Backend,
    time::{Clock, Millis},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use uuid::Uuid;

use crate::{
    db::{Bus, Db},
    identity::{passwords::Passwords, throttle::Counters},
    sync::Segments,
};

/// How this server presents itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where people reach it, without a trailing slash; links in mails begin with it.
    pub public_url: String,
    /// Whether cookies are marked `Secure` (people reach it under TLS).
    pub secure_cookies: bool,
    /// Whether the operator console may read the mail outbox (development).
    pub mail_readable: bool,
    /// The certificate authority that devices shall trust, DER; empty for the public ones.
    pub trust_anchor: Vec<u8>,
    /// The proxies in front, whose word on a client's address counts.
    pub trusted_proxies: Vec<IpNet>,
    /// How many days of telemetry are kept.
    pub telemetry_days: u16,
    /// How many bytes the files of one tenant's attempts may take together.
    pub attachment_bytes: i64,
}

impl Settings {
    /// Where devices find this server, and what they shall trust there.
    #[must_use]
    pub fn home(&self) -> Backend {
        Backend { url: self.public_url.clone(), trust_anchor: self.trust_anchor.clone() }
    }
}

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The store.
    pub db: Db,
    /// Events of the tenants, for streams.
    pub bus: Bus,
    /// The present moment.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub chance: Chance,
    /// Settings.
    pub settings: Arc<Settings>,
    /// Password hashing, bounded in how many run at once.
    pub passwords: Arc<Passwords>,
    /// How often an address may try.
    pub throttle: Arc<Counters>,
    /// First pulls that are kept for the next ones.
    pub segments: Segments,
}

impl AppState {
    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// A new time-ordered id (UUIDv7) of any kind: `let id: SiteId = state.new_id();`
    #[must_use]
    pub fn new_id<I: From<Uuid>>(&self) -> I {
        I::from(self.chance.uuid_v7(self.now()))
    }
}

/// Randomness as a parameter: the operating system's in the server, a seed in tests.
#[derive(Clone)]
pub struct Chance(Arc<Mutex<StdRng>>);

impl Chance {
    /// Seeded by the operating system.
    #[must_use]
    pub fn from_system() -> Self {
        Self(Arc::new(Mutex::new(StdRng::from_rng(&mut rand::rng()))))
    }

    /// The same sequence each time, for tests.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// Draws: `state.chance.with(|rng| Token::mint(kind, rng))`. The lock is not held meanwhile:
    /// `draw` has a generator of its own, so that it may draw from `self` again.
    pub fn with<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        let mut own = StdRng::from_rng(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        draw(&mut own)
    }

    /// A time-ordered id.
    #[must_use]
    pub fn uuid_v7(&self, now: Millis) -> Uuid {
        let mut random = [0_u8; 10];
        self.with(|rng| rng.fill_bytes(&mut random));
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(now.0).unwrap_or(0), &random).into_uuid()
    }
}
