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
