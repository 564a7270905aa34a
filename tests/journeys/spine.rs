//! From a technician with no network to staff and operator, without a window.

use std::time::Duration;

use omniot_tests::{
    on_both_engines,
    world::{Fleet, Phone, World, eventually, eventually_within},
};
use serde_json::json;

use crate::{checks, technician};

const MINE: [&str; 4] = ["OM-N0001", "OM-N0002", "OM-N0003", "OM-N0004"];
const THEIRS: &str = "OM-V0001";

async fn offline_work_arrives_once_and_only_where_it_belongs(world: World) {
    let (north, verdant) = (world.tenant("northlift"), world.tenant("verdant"));
    let fleet = Fleet::start(&world, &[&MINE[..], &[THEIRS]].concat()).await;

    // The other tenant's technician has commissioned a device that now wants provisioning again.
    let neighbour = Phone::new(&world, "neighbour", Some(&fleet)).await;
    neighbour.sign_in(verdant, "technician").await;
    technician::is_equipped(&neighbour).await;
    let site = technician::first_site(&neighbour).await;
    technician::commissions(&neighbour, &fleet, THEIRS, &site).await;
    neighbour.synced().await;
    fleet.control(THEIRS, "button", json!({})).await;

    // Ours signs in, and the network goes.
    let phone = Phone::new(&world, "phone", Some(&fleet)).await;
    phone.sign_in(north, "technician").await;
    technician::is_equipped(&phone).await;
    world.network.cut();
    let site = technician::first_site(&phone).await;

    technician::commissions(&phone, &fleet, MINE[0], &site).await;

    // A wrong password costs a second try on the same link, not a second attempt.
    let second = technician::begins(&phone, &fleet, MINE[1], &site).await;
    assert_eq!(second.pauses(&phone).await["state"], "needs_network");
    second.joins_with(&phone, "not the password").await;
    let again = second.pauses(&phone).await;
    assert_eq!((&again["state"], &again["failure"]["cause"]), (&json!("needs_network"), &json!("wrong_password")), "{again}");
    assert_eq!(second.ends(&phone).await["state"], "succeeded");

    technician::commissions(&phone, &fleet, MINE[2], &site).await;

    let refused = technician::begins(&phone, &fleet, THEIRS, &site).await.ends(&phone).await;
    assert_eq!((&refused["state"], &refused["failure"]["cause"]), (&json!("failed"), &json!("owned_by_another")), "{refused}");

    // Power goes in the middle of the fourth: claimed, but not yet in its network.
    let fourth = technician::begins(&phone, &fleet, MINE[3], &site).await;
    assert_eq!(fourth.pauses(&phone).await["state"], "needs_network");
    phone.kill().await;
    phone.start().await;
    eventually("the app remembers what the kill left behind", || async { (!phone.items("/app/commissions/unfinished").await.is_empty()).then_some(()) }).await;
    let state = eventually("the app knows that it is offline", || async { Some(phone.get("/app/sync").await.succeeded()).filter(|state| state["state"] == "offline") }).await;
    assert!(state["pending"].as_u64() >= Some(4), "nothing has left yet: {state}");

    world.network.restore();
    eventually_within(Duration::from_secs(60), "the app synchronizes again", || async { (phone.get("/app/sync").await.succeeded()["pending"] == 0).then_some(()) }).await;

    checks::story_has_arrived(&world, north, verdant, &MINE, THEIRS).await;
    checks::secrets_are_nowhere(&world, &fleet, &[&MINE[..], &[THEIRS]].concat());
}

on_both_engines!(offline_work_arrives_once_and_only_where_it_belongs);
