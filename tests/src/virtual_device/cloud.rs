//! A device's way to the backend: HTTP(S), with the trust anchor of its grant.
//!
//! Deliberately not here: when to go, and what to make of an answer (see `contact`).

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_shared::{
    claim::{home::Backend, messages::Signed},
    time::Millis,
};
use prost::Message as _;
use serde_json::{Value, json};

use super::{
    contact::{Errand, Outcome},
    fleet::Slot,
};

/// Runs one device's errands for ever.
pub async fn live(slot: Arc<Slot>) {
    let pause = Duration::from_millis(slot.timing().contact_ms.clamp(20, 250));
    let mut way = Way::default();
    loop {
        if let Some(errand) = slot.errand() {
            let outcome = run(&slot, &mut way, errand).await;
            slot.take_outcome(outcome);
        }
        tokio::time::sleep(pause).await;
    }
}

async fn run(slot: &Slot, way: &mut Way, errand: Errand) -> Outcome {
    match errand {
        Errand::Claim { backend, tenant, epoch } => claim(slot, way, &backend, &tenant, epoch).await.unwrap_or(Outcome::Unreachable),
        Errand::Heartbeat { backend, credential, body } => {
            let answer = way.post(&backend, "/v1/device/heartbeat", Some(&credential), &body).await;
            answer.map_or(Outcome::Unreachable, |(status, answer)| if status < 300 { Outcome::Heard(backend, notice(&answer), time(&answer)) } else { refused(status, &answer) })
        }
        Errand::HandOver { backend, tenant } => hand_over(slot, way, &backend, &tenant).await.unwrap_or(Outcome::NotHandedOver(0)),
    }
}

async fn claim(slot: &Slot, way: &mut Way, backend: &Backend, tenant: &str, epoch: u32) -> Option<Outcome> {
    let (status, answer) = way.post(backend, "/v1/device/challenge", None, &json!({ "tenant": tenant })).await?;
    if status >= 300 {
        return Some(refused(status, &answer));
    }
    let challenge = STANDARD.decode(answer["challenge"].as_str()?).ok()?;
    let body = slot.claim_body(&challenge)?;
    let (status, answer) = way.post(backend, "/v1/device/claim", None, &body).await?;
    if status >= 300 {
        return Some(refused(status, &answer));
    }
    let credential = answer["credential"].as_str()?.to_owned();
    Some(Outcome::Claimed { epoch, credential, device_id: answer["device_id"].as_str().map(str::to_owned), time: time(&answer) })
}

/// What the backend says the time is.
fn time(answer: &Value) -> Option<Millis> {
    answer["server_time"].as_i64().map(Millis)
}

/// What its owner says.
fn notice(answer: &Value) -> Option<Signed> {
    Signed::decode(&*STANDARD.decode(answer["notice"].as_str()?).ok()?).ok()
}

async fn hand_over(slot: &Slot, way: &mut Way, backend: &Backend, tenant: &str) -> Option<Outcome> {
    let (status, answer) = way.post(backend, "/v1/device/challenge", None, &json!({ "tenant": tenant })).await?;
    if status >= 300 {
        return Some(Outcome::NotHandedOver(status));
    }
    let challenge = STANDARD.decode(answer["challenge"].as_str()?).ok()?;
    let body = slot.device().handover_body(&challenge)?;
    let status = way.send(backend, "/v1/device/handover", None, &body).await?.status().as_u16();
    Some(if status == 204 { Outcome::HandedOver } else { Outcome::NotHandedOver(status) })
}

fn refused(status: u16, answer: &Value) -> Outcome {
    Outcome::Refused(status, answer["error"]["code"].as_str().unwrap_or("unknown").to_owned())
}

/// The HTTP client for one trust anchor.
#[derive(Default)]
struct Way {
    client: Option<(Vec<u8>, reqwest::Client)>,
}

impl Way {
    fn to(&mut self, backend: &Backend) -> Option<&reqwest::Client> {
        if self.client.as_ref().is_none_or(|(anchor, _)| *anchor != backend.trust_anchor) {
            let mut client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(Duration::from_secs(10));
            if !backend.trust_anchor.is_empty() {
                client = client.tls_certs_only([reqwest::Certificate::from_der(&backend.trust_anchor).ok()?]);
            }
            self.client = Some((backend.trust_anchor.clone(), client.build().ok()?));
        }
        self.client.as_ref().map(|(_, client)| client)
    }

    /// `None` when nothing answers.
    async fn send(&mut self, backend: &Backend, path: &str, bearer: Option<&str>, body: &Value) -> Option<reqwest::Response> {
        let mut request = self.to(backend)?.post(format!("{}{path}", backend.url)).json(body);
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer);
        }
        request.send().await.ok()
    }

    /// `None` when nothing answers, or not in JSON (a captive portal).
    async fn post(&mut self, backend: &Backend, path: &str, bearer: Option<&str>, body: &Value) -> Option<(u16, Value)> {
        let answer = self.send(backend, path, bearer, body).await?;
        let status = answer.status().as_u16();
        Some((status, answer.json().await.ok()?))
    }
}
