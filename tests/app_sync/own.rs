//! One's own list: on all machines of its owner, without a network too, and on nobody else's.

use omniot_tests::{on_both_engines, world::World};
use serde_json::{Value, json};

use crate::{
    person::{Person, folder, succeeded},
    sights::is_readable_in,
};

/// What stands on one person's list.
const CANARY: &str = "canary-of-the-list";

async fn a_list_made_without_a_network_is_on_the_other_machine_and_on_nobody_elses(world: World) {
    let tenant = world.tenant("northlift");
    let (one, other, staffs) = (folder(&world, "one"), folder(&world, "other"), folder(&world, "staff"));
    let origin = world.network.origin();
    let mine = Person::signed_in(&one, &origin, tenant, "technician").await;
    let mine_too = Person::signed_in(&other, &origin, tenant, "technician").await;
    let staff = Person::signed_in(&staffs, &origin, tenant, "admin").await;
    let device = mine.items("/v1/devices").await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/devices/{device}/bookmark");

    world.network.cut();
    mine.offline().await;
    let shown = succeeded(mine.ask("PUT", &path, json!({"note": CANARY})).await);
    assert_eq!((shown["id"].as_str(), &shown["bookmark"]["note"]), (Some(device.as_str()), &json!(CANARY)));
    assert_eq!(mine.items("/v1/devices?bookmarked=true").await.len(), 1, "it is at hand without a network");
    assert_eq!(mine.ask("PUT", "/v1/devices/dev_00000000000000000000000000000000/bookmark", json!({})).await.status, 404);
    world.network.restore();
    mine.sync_now().await;
    mine.synced().await;

    mine_too.until("the other machine has it", |sync| sync["state"] == "synced").await;
    omniot_tests::world::eventually("the list is there", || async { (mine_too.items("/v1/devices?bookmarked=true").await.len() == 1).then_some(()) }).await;
    assert_eq!(mine_too.get(&format!("/v1/devices/{device}")).await["bookmark"]["note"], CANARY);
    for person in [&mine, &mine_too, &staff] {
        person.sync_now().await;
        person.synced().await;
        assert_eq!(succeeded(person.ask("POST", "/app/sync/verify", Value::Null).await)["result"], "same");
    }
    assert_eq!(staff.get(&format!("/v1/devices/{device}")).await["bookmark"], Value::Null);
    assert!(is_readable_in(&one, CANARY) && !is_readable_in(&staffs, CANARY), "9: somebody else's machine holds it");

    succeeded(mine_too.ask("DELETE", &path, Value::Null).await);
    mine_too.sync_now().await;
    mine_too.synced().await;
    omniot_tests::world::eventually("the list is empty", || async { mine.items("/v1/devices?bookmarked=true").await.is_empty().then_some(()) }).await;
}

on_both_engines!(a_list_made_without_a_network_is_on_the_other_machine_and_on_nobody_elses);
