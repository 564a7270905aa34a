//! What failed, as the person is told of it, and for how long the server is left alone after it.
//!
//! Deliberately not here: what ends such a pause (`waiting`).

use std::time::Duration;

use tokio::time::Instant;

use super::{Driver, super::Failure, waiting::IDLE};
use crate::{chance, store::StoreError, transport::Trouble};

/// First and longest wait after trouble, milliseconds.
const RETRY: (u64, u64) = (1_000, 60_000);
/// Rows that cannot be taken even from the beginning are left alone for so long: each try brings all of them.
const UNFIT: Duration = Duration::from_secs(4 * 3600);

/// How long to leave the server alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pause {
    /// Until something happens, but no longer than this.
    pub(super) most: Duration,
    /// Whatever happens: the server asked for it.
    pub(super) least: Duration,
}

impl Pause {
    pub(super) const fn of(most: Duration) -> Self {
        Self { most, least: Duration::ZERO }
    }
}

impl Driver {
    /// Takes note of trouble; how long to leave the server alone.
    pub(super) fn pause(&mut self, failure: &Failure) -> Pause {
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
}
