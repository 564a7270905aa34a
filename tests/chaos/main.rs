//! Chaos: real servers and real apps in processes of their own, killed and stopped at any moment, with a
//! network between them that loses, cuts, slows, repeats and reorders; then SYNC.md section 2 by number.
//!
//! `make chaos SEED=7` plays one schedule of faults again (not the timing of threads), `make chaos N=50`
//! fifty of them. Deliberately not here: the same protocol in memory and step by step
//! (`shared/src/sync/sim`), one fault at a time (`app_sync`).

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "in a test, a step that fails is a test that fails")]

mod cast;
mod chronicle;
mod invariants;
mod ledger;
mod nemesis;
mod planted;
mod relay;
mod round;
mod watch;
mod wire;
mod work;

use std::{io::Write as _, time::Duration};

use omniot_tests::world::Engine;

use round::{Plan, play};

/// The first schedule of an ordinary run.
const SEED: u64 = 1;
/// How long the bad weather of a run lasts.
const LASTS: Duration = Duration::from_secs(10);

/// What `make chaos` asks for.
#[allow(clippy::disallowed_methods, reason = "how much to play is the caller's wish, not a rule's input")]
fn asked(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// Past the capture of test output: how much was played is to be seen when it passes, too.
fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).expect("standard error can be written");
}

/// Plays as many runs as are asked for; each must find nothing.
async fn runs(engine: Engine) {
    let name = format!("{engine:?}").to_lowercase();
    if asked("OMNIOT_CHAOS_ENGINE").is_some_and(|only| only != name) {
        return;
    }
    let number = |name: &str| asked(name).map(|text| text.parse::<u64>().unwrap_or_else(|_| panic!("{name} is a number, not {text}")));
    let count = number("OMNIOT_CHAOS_ROUNDS").unwrap_or(1);
    // One that was played before, and one that nobody has seen.
    let seeds = number("OMNIOT_CHAOS_SEED").map_or_else(|| vec![SEED, rand::random_range(1_000..1_000_000_000)], |first| (first..first + count).collect());
    for seed in &seeds {
        let seed = *seed;
        let Some(outcome) = play(Plan { engine, seed, lasts: LASTS, bug: None }).await else { return };
        say(&format!("chaos on {name}, seed {seed}: {}", outcome.summary));
        let again = format!("make chaos SEED={seed} N=1 ENGINE={name}");
        assert!(outcome.found.is_empty(), "{}\n{}\nthe same schedule of faults again: {again}", outcome.told, outcome.found.join("\n"));
    }
    say(&format!("chaos on {name}: runs that found nothing: {seeds:?}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_invariants_hold_on_sqlite() {
    runs(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_invariants_hold_on_postgres() {
    runs(Engine::Postgres).await;
}
