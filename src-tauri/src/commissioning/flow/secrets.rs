//! What a commission keeps in memory only: networks, and how often a device was lied to.
//!
//! Nothing here has `Debug` or is serialized; passphrases are wiped when dropped.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use omniot_shared::{ids::SiteId, time::Millis};
use zeroize::Zeroizing;

use super::draft::NetworkKind;
use crate::commissioning::esp::thread::Dataset;

/// A text of a request that is wiped when dropped.
#[derive(Default)]
pub struct Secret(pub Zeroizing<String>);

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

/// A network to join.
#[derive(Clone)]
pub struct Network {
    /// Its name, as text.
    pub shown: String,
    /// What opens it.
    pub access: Access,
    /// Whether the next device at this site gets it too.
    pub keep: Keep,
    /// Whether a device joined it that did not see it among the networks around it: it hides its name.
    pub unseen: bool,
}

/// What opens a network.
#[derive(Clone)]
pub enum Access {
    /// Wi-Fi.
    Wifi {
        /// Its name, as bytes.
        ssid: Vec<u8>,
        /// Empty for an open one.
        passphrase: Zeroizing<String>,
    },
    /// A mesh.
    Thread(Dataset),
}

impl Network {
    /// What sort of network it is.
    pub const fn kind(&self) -> NetworkKind {
        match self.access {
            Access::Wifi { .. } => NetworkKind::Wifi,
            Access::Thread(_) => NetworkKind::Thread,
        }
    }
}

/// Whether a network is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// For this device only.
    Once,
    /// Once it has worked, for the next devices at this site, until the app ends.
    ForSite,
    /// It was remembered.
    Remembered,
}

/// The time between two moments at which all networks were forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Era(u64);

#[derive(Default)]
struct Remembered {
    era: Era,
    networks: HashMap<(String, SiteId, NetworkKind), Network>,
}

/// The remembered networks, one of each sort for each account and site.
#[derive(Default)]
pub struct Networks(Mutex<Remembered>);

impl Networks {
    /// Now. A network that is chosen from here on may be remembered until all are forgotten.
    pub fn era(&self) -> Era {
        self.held().era
    }

    /// The one of this site.
    pub fn of(&self, account: &str, site: SiteId, kind: NetworkKind) -> Option<Network> {
        self.held().networks.get(&(account.to_owned(), site, kind)).cloned().map(|network| Network { keep: Keep::Remembered, ..network })
    }

    /// A network that was chosen in that era worked: remember it when that was wanted, and nobody had all forgotten meanwhile.
    pub fn worked(&self, account: &str, site: SiteId, network: Network, chosen: Era) {
        let mut held = self.held();
        if network.keep != Keep::Once && held.era == chosen {
            held.networks.insert((account.to_owned(), site, network.kind()), network);
        }
    }

    /// Remembers a network that is kept elsewhere.
    pub fn put(&self, account: &str, site: SiteId, network: Network) {
        self.held().networks.insert((account.to_owned(), site, network.kind()), network);
    }

    /// A network did not work, or is not wanted any more.
    pub fn forget(&self, account: &str, site: SiteId, kind: NetworkKind) {
        self.held().networks.remove(&(account.to_owned(), site, kind));
    }

    /// Forgets all, e.g. because another person uses the app; also what a device is just joining.
    pub fn forget_all(&self) {
        let mut held = self.held();
        held.era = Era(held.era.0 + 1);
        held.networks.clear();
    }

    fn held(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The most wrong proofs for one device …
const WRONG_LIMIT: usize = 5;
/// … in so many milliseconds.
const WRONG_SPAN: i64 = 10 * 60 * 1000;

/// Counts wrong proofs of possession, which the devices do not.
#[derive(Default)]
pub struct WrongProofs(Mutex<HashMap<String, Vec<Millis>>>);

impl WrongProofs {
    /// Whether another try must wait.
    pub fn exhausted(&self, device: &str, now: Millis) -> bool {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(device).is_some_and(|times| times.iter().filter(|at| is_recent(**at, now)).count() >= WRONG_LIMIT)
    }

    /// One more.
    pub fn count(&self, device: &str, now: Millis) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, times| {
            times.retain(|at| is_recent(*at, now));
            !times.is_empty()
        });
        held.entry(device.to_owned()).or_default().push(now);
    }
}

/// Whether that was not long ago. What lies ahead was counted by a clock that was set right since, which would lock the device
/// for as long as it was ahead.
fn is_recent(at: Millis, now: Millis) -> bool {
    (0..WRONG_SPAN).contains(&now.since(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_proof_waits_until_ten_minutes_are_over() {
        let wrong = WrongProofs::default();
        for at in 0..5 {
            assert!(!wrong.exhausted("a", Millis(at)), "after {at}");
            wrong.count("a", Millis(at));
        }
        assert!(wrong.exhausted("a", Millis(5)));
        assert!(!wrong.exhausted("b", Millis(5)), "another device is another matter");
        assert!(!wrong.exhausted("a", Millis(WRONG_SPAN)), "the first one is forgotten");
    }

    #[test]
    fn a_clock_that_is_set_right_locks_no_device() {
        let wrong = WrongProofs::default();
        let (ahead, right) = (Millis(5 * WRONG_SPAN), Millis(0));
        (0..5).for_each(|_| wrong.count("a", ahead));
        assert!(wrong.exhausted("a", ahead) && !wrong.exhausted("a", right));
        wrong.count("a", right);
        assert!(!wrong.exhausted("a", right), "one, by the clock as it is now");
    }
}
