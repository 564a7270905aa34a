//! A tablet changes hands while a device waits for its technician.

use omniot_tests::{
    on_both_engines,
    world::{Fleet, Phone, World, eventually},
};
use serde_json::{Value, json};

use crate::technician;

const DEVICE: &str = "OM-V0001";

async fn a_device_that_waits_for_its_technician_goes_to_nobody_else(world: World) {
    let north = world.tenant("northlift");
    let fleet = Fleet::start(&world, &[DEVICE]).await;
    let phone = Phone::new(&world, "phone", Some(&fleet)).await;
    let operator = phone.sign_in(north, "operator").await["id"].as_str().expect("an id").to_owned();
    let technician = phone.sign_in(north, "technician").await["id"].as_str().expect("an id").to_owned();
    technician::is_equipped(&phone).await;
    let site = technician::first_site(&phone).await;
    let commission = technician::begins(&phone, &fleet, DEVICE, &site).await;
    assert_eq!(commission.pauses(&phone).await["state"], "needs_network");

    let opens = async |id: &str, role: &str| phone.post(&format!("/app/accounts/{id}/activate"), json!({"password": north.signin(role).password})).await;
    for (refused, what) in [(phone.post("/app/accounts/lock", Value::Null).await, "lock"), (opens(&operator, "operator").await, "activate")] {
        assert_eq!((refused.status, refused.code()), (409, Some("commission_running")), "{what}");
    }
    // Its technician's session ends: they may sign in again, and nobody else may.
    let themselves = north.technician().await;
    let sessions = themselves.all("/v1/sessions").await;
    let of_the_app = sessions.iter().find(|session| session["label"].as_str().is_some_and(|label| label.starts_with("app on"))).expect("the app's session");
    themselves.delete(&format!("/v1/sessions/{}", of_the_app["id"].as_str().expect("an id"))).await.succeeded();
    phone.post("/app/sync/now", Value::Null).await.succeeded();
    eventually("the app wants a sign-in", || async { (phone.get("/app/sync").await.succeeded()["state"] == "needs_sign_in").then_some(()) }).await;
    let sign_in = async |role: &str| {
        let who = north.signin(role);
        phone.post("/app/accounts", json!({"server": world.network.origin(), "tenant": north.name(), "email": who.email, "password": who.password})).await
    };
    let sessions_of_the_operator = async || north.operator().await.all("/v1/sessions").await.iter().filter(|session| session["label"].as_str().is_some_and(|label| label.starts_with("app on"))).count();
    let before = sessions_of_the_operator().await;
    let refused = sign_in("operator").await;
    assert_eq!((refused.status, refused.code()), (409, Some("commission_running")), "{}", refused.body);
    eventually("the session that nobody uses is ended", || async { (sessions_of_the_operator().await == before).then_some(()) }).await;
    let now = phone.items("/app/accounts").await;
    assert_eq!(now.iter().find(|account| account["active"] == true).map(|account| &account["id"]), Some(&json!(technician)), "{now:?}");
    sign_in("technician").await.succeeded();
    assert_eq!(commission.ends(&phone).await["state"], "succeeded", "they go on with it");
    phone.request("DELETE", "/app/commissions/current", Value::Null).await.succeeded();
    opens(&operator, "operator").await.succeeded();
    assert_eq!(phone.get("/app/commissions/current").await.succeeded()["id"], Value::Null, "and the next one sees nothing of it");
}

on_both_engines!(a_device_that_waits_for_its_technician_goes_to_nobody_else);
