//! One run: everybody works in bad weather, then it clears up, then everything is compared.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use omniot_backend::sync::seeded::Bug;
use omniot_tests::world::Engine;
use tokio::time::Instant;

use crate::{cast::Cast, chronicle::Chronicle, invariants, nemesis, watch, work};

/// What a run is made of.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Where the servers keep their data.
    pub engine: Engine,
    /// Draws everything that is left to chance.
    pub seed: u64,
    /// How long the bad weather lasts.
    pub lasts: Duration,
    /// A bug that the servers have.
    pub bug: Option<Bug>,
}

/// What came of it.
pub struct Outcome {
    /// What must not be, each beginning with the number of its invariant in SYNC.md section 2.
    pub found: Vec<String>,
    /// What was done to whom.
    pub told: String,
    /// In one line.
    pub summary: String,
}

/// Tells what was done so far when the run ends in a panic.
struct Teller(Plan, Arc<Chronicle>);

impl Drop for Teller {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:?} broke off; what was done until then:\n{}", self.0, self.1.told());
        }
    }
}

/// Plays it. `None` where there is no such engine.
pub async fn play(plan: Plan) -> Option<Outcome> {
    let chronicle = Arc::new(Chronicle::of(plan.seed));
    let teller = Teller(plan, Arc::clone(&chronicle));
    let planted = plan.bug.map(|bug| ("OMNIOT_PLANTED", bug.name())).into_iter().collect();
    let mut cast = Cast::meets(plan.engine, planted, &chronicle).await?;
    chronicle.note("the weather turns");
    let mut found = storm(&mut cast, Instant::now() + plan.lasts, &chronicle).await;
    found.extend(invariants::no_retry_storm(&cast.hands, plan.lasts));
    chronicle.note("the weather clears up");
    match cast.heals().await {
        Ok(()) => found.extend(invariants::hold_at_rest(&mut cast).await),
        Err(who) => found.push(format!("14: {who}")),
    }
    drop(teller);
    let summary = summary(&cast, &chronicle);
    Some(Outcome { found, told: chronicle.told(), summary })
}

/// Everybody works and everything goes wrong until then.
async fn storm(cast: &mut Cast, until: Instant, chronicle: &Arc<Chronicle>) -> Vec<String> {
    let Cast { world, second, fleet, hands, staff, neighbour, planted, .. } = cast;
    let fleet = fleet.as_ref().expect("the devices are there");
    let workers = join_all(hands.iter().map(|hand| work::with_app(hand, fleet, chronicle.chance(&format!("work of {}", hand.name)), until)));
    let weathers = join_all(hands.iter().map(|hand| nemesis::weather(&hand.relay, chronicle.chance(&format!("weather of {}", hand.name)), until)));
    let strikes = join_all(hands.iter().map(|hand| nemesis::app(hand, chronicle.chance(&format!("blows to {}", hand.name)), until, chronicle)));
    let first = nemesis::server(&mut world.server, planted, chronicle.chance("blows to the first server"), until, chronicle);
    let other = async {
        if let Some(second) = second {
            nemesis::server(second, planted, chronicle.chance("blows to the second server"), until, chronicle).await;
        }
    };
    let rest = work::by_rest(staff, chronicle.chance("work of staff"), until);
    let next_door = work::next_door(neighbour, chronicle.chance("work next door"), until);
    let watch = watch::over(hands, until);
    let (_, _, _, (), (), (), (), found) = tokio::join!(workers, weathers, strikes, first, other, rest, next_door, watch);
    found
}

fn summary(cast: &Cast, chronicle: &Chronicle) -> String {
    let (mut writes, mut attempts, mut asked) = (0, 0, 0);
    for hand in &cast.hands {
        let pages = hand.ledger.pages();
        writes += pages.writes.iter().filter(|write| write.answered).count();
        attempts += pages.commissions.len();
        asked += hand.relay.asked();
    }
    let rest = cast.staff.ledger.pages().writes.iter().filter(|write| write.answered).count();
    format!(
        "{writes} changes and {attempts} commissions in apps, {rest} by REST; {asked} requests, {} came twice, {} late, {} cut; {} kills, {} stops",
        chronicle.count("Twice("), chronicle.count("Late("), chronicle.count("IsCut("), chronicle.count("Kill("), chronicle.count("Stop("),
    )
}
