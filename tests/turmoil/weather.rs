//! What happens to the network and the hosts, and when: all of it from one seed.

use std::time::Duration;

use rand::{RngExt as _, rngs::StdRng};
use turmoil::Sim;

/// Something that changes.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    /// Nothing goes between the server and that host.
    Partition(&'static str),
    /// Nothing goes from that host to the server.
    Deafen(&'static str),
    /// Nothing goes from the server to that host.
    Silence(&'static str),
    /// Everything between the two waits.
    Hold(&'static str),
    /// The host dies, with all that it holds in memory.
    Kill(&'static str),
    /// And it is well again.
    Repair(&'static str),
    Hear(&'static str),
    Speak(&'static str),
    Release(&'static str),
    Start(&'static str),
}

impl Act {
    pub fn happens(self, sim: &mut Sim<'_>) {
        match self {
            Self::Partition(host) => sim.partition(host, "server"),
            Self::Repair(host) => sim.repair(host, "server"),
            Self::Deafen(host) => sim.partition_oneway(host, "server"),
            Self::Hear(host) => sim.repair_oneway(host, "server"),
            Self::Silence(host) => sim.partition_oneway("server", host),
            Self::Speak(host) => sim.repair_oneway("server", host),
            Self::Hold(host) => sim.hold(host, "server"),
            Self::Release(host) => sim.release(host, "server"),
            Self::Kill(host) => sim.crash(host),
            Self::Start(host) => sim.bounce(host),
        }
    }
}

/// Bad weather until `until`, one thing at a time for each host; everything is well again by then.
pub fn forecast(rng: &mut StdRng, tablets: &[&'static str], until: Duration) -> Vec<(Duration, Act)> {
    let mut acts = vec![];
    for host in tablets.iter().copied().chain(["server"]) {
        let mut at = Duration::ZERO;
        loop {
            at += Duration::from_secs(rng.random_range(60..4 * 3_600));
            let lasts = Duration::from_secs(if host == "server" { rng.random_range(5..1_800) } else { rng.random_range(5..4 * 3_600) });
            let (begins, ends) = match rng.random_range(0..5) {
                _ if host == "server" => (Act::Kill(host), Act::Start(host)),
                0 => (Act::Partition(host), Act::Repair(host)),
                1 => (Act::Deafen(host), Act::Hear(host)),
                2 => (Act::Silence(host), Act::Speak(host)),
                3 => (Act::Hold(host), Act::Release(host)),
                _ => (Act::Kill(host), Act::Start(host)),
            };
            if at + lasts >= until {
                break;
            }
            acts.extend([(at, begins), (at + lasts, ends)]);
            at += lasts;
        }
    }
    acts.sort_by_key(|(at, _)| *at);
    acts
}
