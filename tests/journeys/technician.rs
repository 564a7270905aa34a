//! What a technician does with the app, step by step, through its one door.

use std::time::Duration;

use omniot_tests::world::{Fleet, NETWORK, Phone, eventually, eventually_within};
use serde_json::{Value, json};

/// Waits until the app has grants in store, so that it can go offline.
pub async fn is_equipped(phone: &Phone) {
    phone.synced().await;
    eventually("grants are in store", || async { phone.get("/app/sync").await.succeeded()["grants"].as_u64().filter(|grants| *grants > 0) }).await;
}

/// The id of the first site.
pub async fn first_site(phone: &Phone) -> String {
    let sites = phone.items("/v1/sites").await;
    sites[0]["id"].as_str().expect("a site has an id").to_owned()
}

/// Waits until the scan has found `serial` and gives its address.
pub async fn finds(phone: &Phone, serial: &str) -> String {
    phone.post("/app/radio/scan", Value::Null).await.succeeded();
    let address = eventually(&format!("{serial} is nearby"), || async {
        let nearby = phone.items("/app/radio/nearby").await;
        nearby.iter().find(|device| device["name"] == serial).and_then(|device| device["address"].as_str().map(str::to_owned))
    })
    .await;
    phone.request("DELETE", "/app/radio/scan", Value::Null).await.succeeded();
    address
}

/// Begins to commission `serial` with its label.
pub async fn begins(phone: &Phone, fleet: &Fleet, serial: &str, site: &str) -> Commission<'static> {
    let address = finds(phone, serial).await;
    let body = json!({"address": address, "label": fleet.label(serial), "site_id": site, "device_name": format!("Sensor {serial}")});
    let commission = phone.post("/app/commissions", body).await.succeeded();
    Commission::of(commission["id"].as_str().expect("a commission has an id").to_owned())
}

/// One commission that is under way.
pub struct Commission<'a> {
    id: String,
    done: &'a [&'a str],
}

impl Commission<'static> {
    /// The one of that id.
    pub fn of(id: String) -> Self {
        Self { id, done: &["succeeded", "failed", "cancelled", "interrupted"] }
    }
}

impl Commission<'_> {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Waits until it wants something or is over; confirms the blinking device on the way.
    pub async fn pauses(&self, phone: &Phone) -> Value {
        eventually_within(Duration::from_secs(60), "the commission pauses or ends", || async {
            let now = phone.get("/app/commissions/current").await.succeeded();
            match now["state"].as_str() {
                Some("needs_confirm") => {
                    phone.post(&format!("/app/commissions/{}/identify", self.id), json!({"confirmed": true})).await.succeeded();
                    None
                }
                Some("running") | None => None,
                Some(_) => Some(now),
            }
        })
        .await
    }

    /// Gives the passphrase of the plant's network.
    pub async fn joins_with(&self, phone: &Phone, passphrase: &str) {
        let body = json!({"ssid": NETWORK.0, "passphrase": passphrase, "remember": false});
        phone.post(&format!("/app/commissions/{}/network", self.id), body).await.succeeded();
    }

    /// Brings it to its end, with the right passphrase when it is asked for.
    pub async fn ends(&self, phone: &Phone) -> Value {
        loop {
            let now = self.pauses(phone).await;
            let state = now["state"].as_str().unwrap_or_default();
            if self.done.contains(&state) {
                return now;
            }
            assert_eq!(state, "needs_network", "nothing else is missing: {now}");
            self.joins_with(phone, NETWORK.1).await;
        }
    }
}

/// Commissions `serial` and expects success.
pub async fn commissions(phone: &Phone, fleet: &Fleet, serial: &str, site: &str) {
    let end = begins(phone, fleet, serial, site).await.ends(phone).await;
    assert_eq!(end["state"], "succeeded", "{serial}: {end}");
}
