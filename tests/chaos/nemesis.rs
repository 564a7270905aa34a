//! Who sees to it that things go wrong: processes are killed and stopped, the weather changes.
//!
//! Each part has a chance of its own, so that the schedule of faults is that of the seed, whatever the others do.
//! Deliberately not here: what becomes of a single request (`relay`).

use std::time::Duration;

use omniot_tests::world::Server;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    cast::Hand,
    chronicle::Chronicle,
    relay::{Relay, Weather},
};

/// What happens to a process.
#[derive(Debug, Clone, Copy)]
enum Strike {
    /// SIGKILL, and after so long it is started again.
    Kill(Duration),
    /// SIGSTOP, and after so long SIGCONT.
    Stop(Duration),
}

impl Strike {
    fn drawn(chance: &mut ChaCha8Rng, kills: u32) -> Self {
        let pause = Duration::from_millis(chance.random_range(50..900));
        if chance.random_range(0..100) < kills { Self::Kill(pause) } else { Self::Stop(pause) }
    }
}

/// Waits for the next blow; `false` when none comes before the end.
async fn next_blow(chance: &mut ChaCha8Rng, apart: std::ops::Range<u64>, until: Instant) -> bool {
    let at = Instant::now() + Duration::from_millis(chance.random_range(apart));
    sleep_until(at.min(until)).await;
    at < until
}

/// Changes the weather of one way until then.
pub async fn weather(relay: &Relay, mut chance: ChaCha8Rng, until: Instant) {
    while Instant::now() < until {
        let weather = match chance.random_range(0..100) {
            0..20 => Weather::Clear,
            20..70 => Weather::Rough,
            70..80 => Weather::Slow,
            80..88 => Weather::Hole,
            _ => Weather::Down,
        };
        relay.becomes(weather);
        let lasts = Duration::from_millis(chance.random_range(200..1_600));
        sleep_until((Instant::now() + lasts).min(until)).await;
    }
}

/// Strikes an app until then; it runs afterwards.
pub async fn app(hand: &Hand, mut chance: ChaCha8Rng, until: Instant, chronicle: &Chronicle) {
    while next_blow(&mut chance, 500..3_000, until).await {
        let strike = Strike::drawn(&mut chance, 65);
        chronicle.note(format!("{}: {strike:?}", hand.name));
        match strike {
            Strike::Kill(pause) => {
                hand.phone.signal("KILL").await;
                hand.phone.kill().await;
                sleep(pause).await;
                hand.phone.start().await;
            }
            Strike::Stop(pause) => {
                hand.phone.signal("STOP").await;
                sleep(pause).await;
                hand.phone.signal("CONT").await;
            }
        }
    }
}

/// Strikes a server until then; it runs afterwards.
pub async fn server(server: &mut Server, planted: &[(&str, &str)], mut chance: ChaCha8Rng, until: Instant, chronicle: &Chronicle) {
    while next_blow(&mut chance, 1_000..4_000, until).await {
        let strike = Strike::drawn(&mut chance, 60);
        chronicle.note(format!("{}: {strike:?}", server.origin()));
        match strike {
            Strike::Kill(pause) => {
                server.kill().await;
                sleep(pause).await;
                server.start_with(planted).await;
                chronicle.note(format!("{}: runs again", server.origin()));
            }
            Strike::Stop(pause) => {
                server.signal("STOP").await;
                sleep(pause).await;
                server.signal("CONT").await;
            }
        }
    }
}
