//! A device changes hands between two tenants of one server, the technician who takes it over without a network.

use omniot_tests::{
    on_both_engines,
    world::{Fleet, Phone, World, eventually},
};
use serde_json::{Value, json};

use crate::technician;

const DEVICE: &str = "OM-V0001";

async fn a_released_device_is_taken_over_offline_and_both_tenants_know(world: World) {
    let (north, verdant) = (world.tenant("northlift"), world.tenant("verdant"));
    let fleet = Fleet::start(&world, &[DEVICE]).await;
    let (giver, taker) = (verdant.owner().await, north.owner().await);
    let row = async |people: &omniot_tests::world::Actor| people.all("/v1/devices").await.into_iter().find(|device| device["serial"] == DEVICE);
    let online = async |people: &omniot_tests::world::Actor| eventually("the device is online", || async { row(people).await.filter(|device| device["state"] == "online") }).await;

    let neighbour = Phone::new(&world, "neighbour", Some(&fleet)).await;
    neighbour.sign_in(verdant, "technician").await;
    technician::is_equipped(&neighbour).await;
    let site = technician::first_site(&neighbour).await;
    technician::commissions(&neighbour, &fleet, DEVICE, &site).await;
    let theirs = online(&giver).await;
    let path = format!("/v1/devices/{}", theirs["id"].as_str().expect("an id"));

    let phone = Phone::new(&world, "phone", Some(&fleet)).await;
    phone.sign_in(north, "technician").await;
    technician::is_equipped(&phone).await;
    let site = technician::first_site(&phone).await;
    fleet.control(DEVICE, "button", json!({})).await;
    let refused = technician::begins(&phone, &fleet, DEVICE, &site).await.ends(&phone).await;
    assert_eq!(refused["failure"]["cause"], "owned_by_another", "{refused}");

    let release = giver.post(&format!("{path}/release"), Value::Null).await.succeeded();
    world.network.cut();
    let kept = phone.post("/app/releases", json!({"text": release["text"]})).await;
    assert_eq!((kept.status, &kept.body["serial"]), (201, &json!(DEVICE)), "{}", kept.body);
    assert_eq!(phone.post("/app/releases", json!({"text": "OMR1.AAAA"})).await.code(), Some("release_unreadable"));
    technician::commissions(&phone, &fleet, DEVICE, &site).await;

    // The device has its own way to the server.
    let ours = online(&taker).await;
    assert_ne!(ours["id"], theirs["id"], "each tenant has its own record of it");
    let left = eventually("the former owner knows", || async { Some(giver.get(&path).await.succeeded()).filter(|device| !device["handed_over_at"].is_null()) }).await;
    assert_eq!(left["release"]["state"], "used", "{left}");
    let waiting = taker.all("/v1/devices/waiting").await;
    assert_eq!((waiting.len(), &waiting[0]["waits_for"]), (1, &json!("record")), "its technician is still without a network: {waiting:?}");
    world.network.restore();
    eventually("the record has arrived", || async { taker.all("/v1/devices/waiting").await.is_empty().then_some(()) }).await;
    assert_eq!(fleet.control(DEVICE, "state", json!({})).await["left"], Value::Null, "it has told");
}

on_both_engines!(a_released_device_is_taken_over_offline_and_both_tenants_know);
