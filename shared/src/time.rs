//! Time as the product stores and sends it: integer milliseconds since 1970-01-01 UTC.
//!
//! Deliberately not here: a way to read the clock inside rules. Time comes in as a
//! parameter; only the edges (server, app shell) own a [`Clock`].

#[cfg(unix)]
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = i64, example = 1_790_000_000_000_i64)]
pub struct Millis(pub i64);

impl Millis {
    /// This moment moved by `ms` milliseconds (saturating).
    #[must_use]
    pub fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to `self`; negative when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A clock that nobody sets: it runs from the start of a machine, also while that sleeps, until it is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steady {
    /// Which start.
    pub run: Uuid,
    /// Milliseconds since then.
    pub ms: i64,
}

/// A moment by the clock on the wall, which people set, and by the steady one where the machine has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// By the clock on the wall.
    pub at: Millis,
    /// By the steady one.
    pub steady: Option<Steady>,
}

impl From<Millis> for Moment {
    fn from(at: Millis) -> Self {
        Self { at, steady: None }
    }
}

/// Where the present moment comes from.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Millis;

    /// The same by a clock that nobody sets.
    fn steady(&self) -> Option<Steady> {
        None
    }

    /// Both.
    fn moment(&self) -> Moment {
        Moment { at: self.now(), steady: self.steady() }
    }
}

/// The clock of the machine. The one place that reads it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one edge that reads the machine's clock")]
    fn now(&self) -> Millis {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    #[cfg(unix)]
    fn steady(&self) -> Option<Steady> {
        use rustix::time::{ClockId, clock_gettime};
        // Of these the one that goes on while the machine sleeps.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let id = ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let id = ClockId::Monotonic;
        let now = clock_gettime(id);
        Some(Steady { run: run(), ms: now.tv_sec.saturating_mul(1_000).saturating_add(now.tv_nsec / 1_000_000) })
    }
}

/// This start of the machine; of this process, where the machine does not tell.
#[cfg(unix)]
fn run() -> Uuid {
    static RUN: OnceLock<Uuid> = OnceLock::new();
    *RUN.get_or_init(|| {
        let told = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        told.and_then(|text| text.trim().parse().ok()).unwrap_or_else(Uuid::now_v7)
    })
}
