//! The net catches: servers with a bug on purpose are found out, by the invariant that the bug breaks.

use std::time::Duration;

use omniot_backend::sync::seeded::Bug;
use omniot_tests::world::Engine;

use crate::{
    round::{Plan, play},
    say,
};

/// A bug may hide from a schedule or two, and from more where the machine has other work to do.
const SCHEDULES: std::ops::Range<u64> = 100..116;

async fn is_caught(engine: Engine, bug: Bug, by: &str) {
    for seed in SCHEDULES {
        let plan = Plan { engine, seed, lasts: Duration::from_secs(6), bug: Some(bug) };
        let Some(outcome) = play(plan).await else { return };
        if let Some(found) = outcome.found.iter().find(|found| found.starts_with(by)) {
            say(&format!("chaos: {bug:?} was caught on {engine:?} with seed {seed}: {found}"));
            return;
        }
    }
    panic!("{bug:?} went unnoticed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_that_is_carried_out_again_is_caught() {
    is_caught(Engine::Sqlite, Bug::ReplayRunsAgain, "3: ").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_it_is_on_postgres() {
    is_caught(Engine::Postgres, Bug::ReplayRunsAgain, "3: ").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_without_its_effect_is_caught() {
    is_caught(Engine::Sqlite, Bug::ReceiptWithoutEffect, "3: ").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_in_a_transaction_of_their_own_are_caught() {
    is_caught(Engine::Sqlite, Bug::ReceiptApart, "3: ").await;
}
