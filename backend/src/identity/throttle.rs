//! How often one may try to sign in: a pure decision over (history, now), and the memory of it
//! for addresses.
//!
//! Three counters must admit an attempt: one for the address (in this process, across tenants,
//! bounded), one for the account as it is tried from this network, and, with more patience, one for
//! the account from everywhere (both in the tenant's store, so that they survive restarts and hold
//! for all processes). The last is not asked where the account signed in before: nobody can lock a
//! person out of their own network by guessing elsewhere. An attempt is counted *before* the
//! password is checked, so that a hundred at once do not all see an empty history; a success takes
//! its count back. No counter keeps what strangers type, only hashes of it.
//! Deliberately not here: the SQL (`store`) and what is answered (`api`).

use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

use lru::LruCache;
use omniot_shared::time::Millis;
use sha2::{Digest as _, Sha256};

/// How patient a counter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Failures that cost nothing.
    pub free: u32,
    /// The wait after the first failure beyond those, in milliseconds; it doubles with each further one.
    pub first_wait_ms: i64,
    /// The longest wait, in milliseconds.
    pub longest_wait_ms: i64,
    /// A history without failures for this long, in milliseconds, is forgotten.
    pub forget_ms: i64,
}

/// For one account from one network: five free tries, then 30 s, 1 min, … up to 15 min.
pub const ACCOUNT: Patience = Patience { free: 5, first_wait_ms: 30_000, longest_wait_ms: 900_000, forget_ms: 3_600_000 };
/// For one account from everywhere: enough for a whole company behind changing addresses, too little to guess.
pub const ANYWHERE: Patience = Patience { free: 100, first_wait_ms: 30_000, longest_wait_ms: 900_000, forget_ms: 3_600_000 };
/// For entries about refused sign-ins in one tenant's audit log: twenty, then a sample.
pub const AUDITED: Patience = Patience { free: 20, first_wait_ms: 60_000, longest_wait_ms: 900_000, forget_ms: 3_600_000 };
/// For one address, which may be a whole company behind one router: fifty free failures, or reset mails asked for.
pub const ADDRESS: Patience = Patience { free: 50, first_wait_ms: 10_000, longest_wait_ms: 900_000, forget_ms: 3_600_000 };
/// For links (invitations, resets) tried in vain from one address.
pub const LINKS: Patience = Patience { free: 30, first_wait_ms: 10_000, longest_wait_ms: 900_000, forget_ms: 3_600_000 };
/// For replicas that prove nothing, from one address.
pub const FAREWELLS: Patience = Patience { free: 30, first_wait_ms: 10_000, longest_wait_ms: 900_000, forget_ms: 3_600_000 };
/// For reports of replicas that hold something else than the server, in one person's name: three, then a sample.
pub const MISMATCHES: Patience = Patience { free: 3, first_wait_ms: 600_000, longest_wait_ms: 3_600_000, forget_ms: 7_200_000 };
/// For reset mails to one account: three, then slowly; nobody's mailbox is flooded.
pub const RESET_MAILS: Patience = Patience { free: 3, first_wait_ms: 300_000, longest_wait_ms: 3_600_000, forget_ms: 7_200_000 };

/// What is remembered of one account or address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    /// Counted attempts that did not succeed.
    pub failures: u32,
    /// When the last of them began.
    pub last_at: Millis,
}

/// What to do with an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on, and remember this.
    Admit(History),
    /// Not yet; the history stays as it is.
    Wait {
        /// Milliseconds, at least 1.
        retry_after_ms: i64,
    },
}

impl Patience {
    /// Decides about an attempt at `now` and counts it. A clock that went backwards never
    /// prolongs a wait beyond `longest_wait_ms`.
    #[must_use]
    pub fn admit(&self, history: History, now: Millis) -> Verdict {
        let since = now.since(history.last_at);
        if since >= self.forget_ms {
            return Verdict::Admit(History { failures: 1, last_at: now });
        }
        let left = self.wait_ms(history.failures).saturating_sub(since.max(0));
        if left > 0 {
            Verdict::Wait { retry_after_ms: left }
        } else {
            Verdict::Admit(History { failures: history.failures.saturating_add(1), last_at: now })
        }
    }

    /// How long one must wait after that many failures.
    fn wait_ms(&self, failures: u32) -> i64 {
        let Some(beyond) = failures.checked_sub(self.free) else { return 0 };
        let doubled = 1_i64.checked_shl(beyond.min(40)).unwrap_or(i64::MAX);
        self.first_wait_ms.saturating_mul(doubled).min(self.longest_wait_ms)
    }
}

/// What one attempt on an account is counted on. Hashes, so that what strangers type is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subjects {
    /// The account.
    pub account: String,
    /// The account as it is tried from that network.
    pub here: String,
    /// That the account signed in from that network.
    pub known: String,
}

impl Subjects {
    /// Of a sign-in as `email` from `network`.
    #[must_use]
    pub fn of(email: &str, network: &str) -> Self {
        let (account, network) = (hex::encode(Sha256::digest(email)), hex::encode(&Sha256::digest(network)[..8]));
        Self { here: format!("sign_in:{account}@{network}"), known: format!("known:{account}@{network}"), account: format!("sign_in:{account}") }
    }
}

/// Keys that [`Counters`] remembers at most; the least recently used go first.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(20_000).unwrap();

/// Histories of this process that belong to no account: of addresses, and of accounts in
/// tenants that do not exist (so that these are throttled like real ones).
#[derive(Debug)]
pub struct Counters {
    histories: Mutex<LruCache<[u8; 32], History>>,
}

impl Default for Counters {
    fn default() -> Self {
        Self { histories: Mutex::new(LruCache::new(REMEMBERED)) }
    }
}

impl Counters {
    /// Decides about an attempt under `key` and counts it.
    pub fn admit(&self, patience: &Patience, key: &str, now: Millis) -> Result<(), RetryAfter> {
        let mut histories = self.histories.lock().unwrap_or_else(PoisonError::into_inner);
        let key = place(key);
        let history = histories.get(&key).copied().unwrap_or_default();
        match patience.admit(history, now) {
            Verdict::Admit(counted) => {
                histories.put(key, counted);
                Ok(())
            }
            Verdict::Wait { retry_after_ms } => Err(RetryAfter(retry_after_ms)),
        }
    }

    /// Takes one counted attempt back: it succeeded. Others under the same key stay counted, so
    /// that a right password of one's own does not buy guesses at others'.
    pub fn succeeded(&self, key: &str) {
        let mut histories = self.histories.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(history) = histories.get_mut(&place(key)) {
            history.failures = history.failures.saturating_sub(1);
        }
    }
}

/// Where a key's history is: of one size, whatever somebody typed.
fn place(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// How long to wait, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter(pub i64);

impl RetryAfter {
    /// For the header `retry-after`: whole seconds, rounded up.
    #[must_use]
    pub fn seconds(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0).div_ceil(1000).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tries until refused; the count of admitted tries and the wait.
    fn exhaust(patience: &Patience, mut history: History, now: Millis) -> (u32, History, i64) {
        let mut admitted = 0;
        loop {
            match patience.admit(history, now) {
                Verdict::Admit(next) => (history, admitted) = (next, admitted + 1),
                Verdict::Wait { retry_after_ms } => return (admitted, history, retry_after_ms),
            }
        }
    }

    #[test]
    fn five_tries_are_free_and_then_each_wait_doubles_up_to_the_longest() {
        let mut now = Millis(1_000_000);
        let (admitted, mut history, mut wait) = exhaust(&ACCOUNT, History::default(), now);
        assert_eq!((admitted, wait), (5, 30_000));
        let mut waits = vec![wait];
        for _ in 0..6 {
            now = now.plus(wait);
            let admitted;
            (admitted, history, wait) = exhaust(&ACCOUNT, history, now);
            assert_eq!(admitted, 1, "after the wait exactly one more");
            waits.push(wait);
        }
        assert_eq!(waits, [30_000, 60_000, 120_000, 240_000, 480_000, 900_000, 900_000]);
    }

    #[test]
    fn waiting_less_than_told_is_refused_with_the_rest() {
        let now = Millis(1_000_000);
        let (_, history, _) = exhaust(&ACCOUNT, History::default(), now);
        assert_eq!(ACCOUNT.admit(history, now.plus(29_999)), Verdict::Wait { retry_after_ms: 1 });
    }

    #[test]
    fn a_quiet_hour_is_forgotten() {
        let history = History { failures: 40, last_at: Millis(5_000_000) };
        assert_eq!(ACCOUNT.admit(history, Millis(5_000_000 + 3_600_000)), Verdict::Admit(History { failures: 1, last_at: Millis(8_600_000) }));
    }

    #[test]
    fn a_clock_that_went_back_waits_no_longer_than_the_longest() {
        let history = History { failures: 40, last_at: Millis(9_000_000_000) };
        assert_eq!(ACCOUNT.admit(history, Millis(0)), Verdict::Wait { retry_after_ms: 900_000 });
    }

    #[test]
    fn absurd_counts_do_not_overflow() {
        let history = History { failures: u32::MAX, last_at: Millis(i64::MIN) };
        assert!(matches!(ACCOUNT.admit(history, Millis(i64::MAX)), Verdict::Admit(_)));
        let history = History { failures: u32::MAX, last_at: Millis(0) };
        assert_eq!(ACCOUNT.admit(history, Millis(0)), Verdict::Wait { retry_after_ms: 900_000 });
    }

    #[test]
    fn a_success_takes_back_its_own_count_only() {
        let (counters, now) = (Counters::default(), Millis(1));
        for _ in 0..49 {
            counters.admit(&ADDRESS, "192.0.2.1", now).expect("free");
        }
        counters.admit(&ADDRESS, "192.0.2.1", now).expect("the fiftieth is free too");
        counters.succeeded("192.0.2.1");
        counters.admit(&ADDRESS, "192.0.2.1", now).expect("the place of the success");
        assert_eq!(counters.admit(&ADDRESS, "192.0.2.1", now), Err(RetryAfter(10_000)), "the 49 failures are still counted");
        counters.admit(&ADDRESS, "192.0.2.2", now).expect("another address is another counter");
    }

    #[test]
    fn the_header_never_says_zero() {
        assert_eq!((RetryAfter(1).seconds(), RetryAfter(1000).seconds(), RetryAfter(1001).seconds()), (1, 1, 2));
    }
}
