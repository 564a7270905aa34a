//! Where randomness comes from, as one seam: rules and tests bring their own.
//!
//! Deliberately not here: keys of the radio session (`commissioning` draws its own).

use omniot_shared::time::Millis;
use rand::Rng;
use uuid::Uuid;

/// `N` bytes that nobody can guess.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// The generator itself, for keys that are drawn elsewhere.
#[must_use]
pub fn rng() -> impl rand::CryptoRng {
    rand::rng()
}

/// A new UUIDv7 for something that is made at `now`.
#[must_use]
pub fn fresh_uuid(now: Millis) -> Uuid {
    let since_epoch = u64::try_from(now.0).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(since_epoch, &bytes()).into_uuid()
}

/// A wait of `base` milliseconds, doubled `tries` times up to `cap`, of which a random half is taken away,
/// so that a thousand apps do not come back in the same second.
#[must_use]
pub fn backoff(base: u64, cap: u64, tries: u32) -> std::time::Duration {
    let whole = base.saturating_mul(1_u64.checked_shl(tries.min(32)).unwrap_or(u64::MAX)).min(cap);
    let half = whole / 2;
    let part = u64::from_le_bytes(bytes()) % half.max(1);
    std::time::Duration::from_millis(half + part)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::*;

    #[test]
    fn a_thousand_apps_that_wait_come_back_spread_over_half_the_wait_which_grows_to_its_most() {
        for (tries, whole) in [(0, 1_000), (1, 2_000), (5, 32_000), (6, 60_000), (40, 60_000), (u32::MAX, 60_000)] {
            let waits: Vec<Duration> = (0..1_000).map(|_| backoff(1_000, 60_000, tries)).collect();
            let (half, whole) = (Duration::from_millis(whole / 2), Duration::from_millis(whole));
            assert!(waits.iter().all(|wait| (half..=whole).contains(wait)), "{tries}");
            // Each tenth of the spread has somebody: the chance of an empty one among a thousand is below 1e-45.
            let tenths: BTreeSet<u128> = waits.iter().map(|wait| (*wait - half).as_millis() * 10 / half.as_millis()).collect();
            assert!(tenths.len() >= 10, "{tries}: {tenths:?}");
        }
        assert_eq!(backoff(0, 0, 3), Duration::ZERO, "nothing to wait for");
    }
}
