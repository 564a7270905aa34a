//! Simulated days: the real server behind a simulated network, tablets with the real client core, partitions, held
//! messages, killed hosts, clocks that are years off (15); then SYNC.md section 2 by number.
//!
//! One seed is one run, to the last message: `make turmoil SEED=7`. Deliberately not here: every order of
//! single steps (`shared/src/sync/sim`), real processes, real time and the app's own driver (`tests/chaos`).

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "in a test, a step that fails is a test that fails")]

mod invariants;
mod office;
mod server;
mod tablet;
mod versions;
mod weather;

use std::{
    cell::RefCell,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Write as _,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use omniot_backend::testing::postgres_url;
use omniot_shared::roles::Role;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use server::{Engine, Real};
use tablet::Tablet;
use versions::Version;

/// The first run of an ordinary test.
const SEED: u64 = 1;
/// So long everybody works and the weather is bad …
const WORK: Duration = Duration::from_secs(2 * 24 * 3_600);
/// … and so long it is fair afterwards: everybody wakes several times.
const CALM: Duration = Duration::from_secs(12 * 3_600);
/// How finely simulated time passes.
const TICK: Duration = Duration::from_secs(2);
/// A message takes up to so long.
const LATENCY: Duration = Duration::from_secs(4);

/// Who takes part: a tablet, its tenant, and which of its people has it.
const CAST: [(&str, usize, usize); 6] = [("ada", 0, 0), (OLD, 0, 0), ("ben", 0, 1), ("cleo", 0, 2), (LIMITED, 0, 3), ("zoe", 1, 0)];
/// What each tenant's rows say.
const CANARIES: [&str; 2] = ["canary-acme", "canary-beta"];
/// Whose way to the server is always well.
const HEALTHY: &str = "ben";
/// The tablet with an app of before.
const OLD: &str = "ada-old";
/// Who works here and there, as this and that; the others are administrators.
const LIMITED: &str = "dan";

/// What a run came to.
struct Run {
    trace: u64,
    summary: String,
}

fn play(engine: Engine, seed: u64) -> Run {
    let real = Arc::new(Real::start(engine, seed));
    let tenants = [real.tenant("acme", vec![Role::Admin, Role::Admin, Role::Admin, Role::Operator]), real.tenant("beta", vec![Role::Admin])];
    let models = [real.model(&tenants[0].1[0], "canary-acme model"), real.model(&tenants[1].1[0], "canary-beta model")];
    let mut rng = StdRng::seed_from_u64(seed);
    let app = ([Version::BEFORE_SITES, Version::BEFORE_LISTS, Version::BEFORE_WORDS][rng.random_range(0..3)].clone(), updated(&mut rng));
    let server = (if rng.random() { Version::BEFORE_LISTS } else { Version::BEFORE_WORDS }, updated(&mut rng));
    let tablets: Vec<Rc<RefCell<Tablet>>> = CAST
        .into_iter()
        .zip(1_u64..)
        .map(|((name, tenant, person), n)| {
            let (of, people) = &tenants[tenant];
            let person = &people[person];
            let role = if name == LIMITED { Role::Operator } else { Role::Admin };
            let store = tablet::empty(&mut rng, of.id, person.id, role);
            let app = if name == OLD { app.clone() } else { (Version::TODAY, Duration::ZERO) };
            let who = tablet::Who { name, token: person.token.clone(), person: person.id, model: models[tenant], canary: CANARIES[tenant], foreign: CANARIES[1 - tenant], app };
            Rc::new(RefCell::new(Tablet::new(who, store, seed.wrapping_mul(31).wrapping_add(n), WORK)))
        })
        .collect();

    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .tick_duration(TICK)
        .simulation_duration(WORK + CALM + CALM)
        .min_message_latency(Duration::ZERO)
        .max_message_latency(LATENCY)
        .build();
    sim.host("server", { let real = real.clone(); move || server::serve(real.clone()) });
    for tablet in &tablets {
        let name = tablet.borrow().who.name;
        let tablet = tablet.clone();
        let real = real.clone();
        sim.host(name, move || tablet::live(tablet.clone(), real.clone()));
    }
    let exposed: Vec<&str> = CAST.iter().map(|(name, ..)| *name).filter(|name| *name != HEALTHY).collect();
    let mut weather = weather::forecast(&mut rng, &exposed, WORK).into_iter().peekable();
    let limited = tablets.iter().find(|tablet| tablet.borrow().who.name == LIMITED).expect("they are in the cast");
    let mut diary = office::diary(&mut rng, WORK).into_iter().peekable();
    let (mut acts, mut decisions) = (0, 0);
    while sim.elapsed() < WORK + CALM {
        real.is_of(if sim.elapsed() < server.1 { &server.0 } else { &Version::TODAY });
        while let Some((_, act)) = weather.next_if(|(at, _)| *at <= sim.elapsed()) {
            act.happens(&mut sim);
            acts += 1;
        }
        while let Some((at, act)) = diary.next_if(|(at, _)| *at <= sim.elapsed()) {
            act.happens(&real, &tenants[0].0, &tenants[0].1[0], limited, at);
            decisions += 1;
        }
        sim.step().expect("no host fails");
    }
    drop(sim);
    let trace = invariants::hold(&real, &tablets);
    let count = |of: fn(&Tablet) -> usize| tablets.iter().map(|tablet| of(&tablet.borrow())).sum::<usize>();
    let cut = count(|tablet| tablet.trace.iter().filter(|line| line.contains("Network")).count());
    let summary = format!("{} changes, {} calls, {cut} rounds broken off, {acts} changes of the weather, {decisions} decisions about {LIMITED} ({} changes of theirs refused)", count(|tablet| tablet.recorded.len()), count(|tablet| tablet.calls.len()), limited.borrow().refused());
    Run { trace, summary }
}

/// Until when something is of before: not at all, for a part of the days, or to the end.
fn updated(rng: &mut StdRng) -> Duration {
    match rng.random_range(0..4) {
        0 => Duration::ZERO,
        1 => WORK + CALM + CALM,
        _ => WORK.mul_f64(rng.random()),
    }
}

/// Past the capture of test output: how much was played is to be seen when it passes, too.
fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).expect("standard error can be written");
}

/// What `make turmoil N=50 SEED=3` asks for, or nothing.
#[allow(clippy::disallowed_methods, reason = "how much to play is the caller's wish, not a rule's input")]
fn asked<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn runs(name: &str, engine: &Engine) {
    if asked("OMNIOT_TURMOIL_ENGINE").is_some_and(|only: String| !only.is_empty() && only != name) {
        return;
    }
    let count = asked("OMNIOT_TURMOIL_RUNS").unwrap_or(1);
    // One that was played before, and one that nobody has seen.
    let seeds = asked("OMNIOT_TURMOIL_SEED").map_or_else(|| vec![SEED, rand::random_range(1_000..1_000_000_000)], |first| (first..first + count).collect());
    for seed in seeds {
        match catch_unwind(AssertUnwindSafe(|| play(engine.clone(), seed))) {
            Ok(run) => say(&format!("turmoil on {name}, seed {seed}: {}; trace {:016x}", run.summary, run.trace)),
            Err(failure) => {
                say(&format!("turmoil on {name}: seed {seed} breaks an invariant, again with `make turmoil SEED={seed} N=1 ENGINE={name}`"));
                resume_unwind(failure);
            }
        }
    }
}

#[test]
fn the_invariants_hold_in_simulated_days_on_sqlite() {
    runs("sqlite", &Engine::Sqlite);
}

#[test]
fn the_invariants_hold_in_simulated_days_on_postgres() {
    if let Some(url) = postgres_url() {
        runs("postgres", &Engine::Postgres(url));
    }
}

/// 17 Determinism, threads of the store and all.
#[test]
fn one_seed_is_one_run() {
    let [once, again] = [SEED, SEED].map(|seed| play(Engine::Sqlite, seed).trace);
    assert_eq!(once, again, "17: two runs of one seed differ");
    assert_ne!(once, digest([]), "something happened");
}

/// One number for all that happened.
fn digest(lines: impl IntoIterator<Item = String>) -> u64 {
    let mut hash = DefaultHasher::new();
    lines.into_iter().for_each(|line| line.hash(&mut hash));
    hash.finish()
}
