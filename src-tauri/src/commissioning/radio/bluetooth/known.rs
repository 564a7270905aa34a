//! How the system calls the devices that were heard: so many, and no longer than useful.
//!
//! Deliberately not here: what is shown of them (`nearby`).

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

/// The most devices that are kept; the air of a hostile place is endless.
const MOST: usize = 2_000;
/// After so long without an advert a device cannot be connected to by its old name.
const STALE: Duration = Duration::from_secs(120);

/// What the system calls the devices, by address.
pub struct Known<I>(HashMap<String, (I, Instant)>);

impl<I> Default for Known<I> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<I: Clone> Known<I> {
    /// It was heard at `now`. When there are too many, the stale ones go, then the oldest.
    pub fn put(&mut self, address: String, id: I, now: Instant) {
        if self.0.len() >= MOST && !self.0.contains_key(&address) {
            self.0.retain(|_, (_, heard)| now.duration_since(*heard) < STALE);
            if self.0.len() >= MOST
                && let Some(oldest) = self.0.iter().min_by_key(|(_, (_, heard))| *heard).map(|(address, _)| address.clone())
            {
                self.0.remove(&oldest);
            }
        }
        self.0.insert(address, (id, now));
    }

    /// What the system calls it.
    pub fn get(&self, address: &str) -> Option<I> {
        self.0.get(address).map(|(id, _)| id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_is_bounded_and_the_latest_are_known() {
        let mut known = Known::default();
        let start = Instant::now();
        known.put("old".into(), 0, start);
        for number in 0..3 * MOST {
            known.put(format!("flood-{number}"), number, start + Duration::from_millis(number as u64 + 1));
        }
        assert_eq!(known.0.len(), MOST);
        assert_eq!((known.get("old"), known.get(&format!("flood-{}", 3 * MOST - 1))), (None, Some(3 * MOST - 1)));
        known.put("later".into(), 7, start + STALE * 2);
        assert_eq!(known.0.len(), 1, "what was not heard for long goes first");
    }
}
