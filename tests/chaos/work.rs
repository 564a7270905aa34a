//! What people do meanwhile: every kind of change through the apps' doors, often of the same rows,
//! and edits by REST in between.
//!
//! Deliberately not here: what goes wrong meanwhile (`nemesis`).

use std::time::Duration;

use omniot_tests::world::{Fleet, NETWORK};
use rand::{RngExt as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    cast::{Hand, NEARBY, Staff},
    ledger::{Begun, Write},
};

/// So few rows of each kind are edited that people meet.
const CROWDED: usize = 3;
/// Serials that several make.
const SERIALS: u32 = 8;
/// A commission is given up after so long.
const PATIENCE: Duration = Duration::from_secs(3);

/// One change that somebody is about to ask for.
struct Wish {
    kind: &'static str,
    method: Method,
    path: String,
    target: String,
    body: Value,
}

impl Wish {
    fn make(kind: &'static str, list: &str, body: Value) -> Self {
        Self { kind, method: Method::POST, path: format!("/v1/{list}"), target: String::new(), body }
    }

    fn edit(kind: &'static str, list: &str, id: &str, body: Value) -> Self {
        Self { kind, method: Method::PATCH, path: format!("/v1/{list}/{id}"), target: id.to_owned(), body }
    }

    fn retire(id: &str, words: &str) -> Self {
        Self { kind: "device.retire", method: Method::POST, path: format!("/v1/devices/{id}/retire"), target: id.to_owned(), body: json!({"reason": words}) }
    }

    fn written(&self, words: &str) -> Write {
        Write { kind: self.kind, words: words.to_owned(), target: self.target.clone(), answered: false }
    }
}

/// Works with the app until then.
pub async fn with_app(hand: &Hand, fleet: &Fleet, mut chance: ChaCha8Rng, until: Instant) {
    while Instant::now() < until {
        sleep(Duration::from_millis(chance.random_range(10..220))).await;
        if hand.is_technician && chance.random_range(0..100) < 6 {
            commission(hand, fleet, &mut chance).await;
            continue;
        }
        let words = hand.ledger.words();
        let Some(wish) = wish(hand, &words, &mut chance).await else { continue };
        let page = hand.ledger.begins(wish.written(&words));
        if let Some(reply) = hand.phone.try_request(wish.method.as_str(), &wish.path, wish.body).await {
            hand.ledger.answered(page, reply.status, &reply.body);
        }
    }
}

async fn wish(hand: &Hand, words: &str, chance: &mut ChaCha8Rng) -> Option<Wish> {
    let drawn = chance.random_range(0..100);
    if hand.is_technician {
        return match drawn {
            0..20 => new_device(hand, words, chance).await,
            _ => edited_device(hand, words, chance).await,
        };
    }
    match drawn {
        0..8 => Some(Wish::make("site.create", "sites", json!({"name": words, "time_zone": "Europe/Vienna"}))),
        8..35 => {
            let body = one_of(chance, [json!({"name": words}), json!({"note": words}), json!({"address": words})]);
            Some(Wish::edit("site.update", "sites", &crowded(hand, "sites", chance).await?, body))
        }
        35..40 => Some(Wish::make("model.create", "models", json!({"name": words, "sku": words.to_uppercase(), "min_security": "sec1"}))),
        40..52 => Some(Wish::edit("model.update", "models", &crowded(hand, "models", chance).await?, json!({"name": words}))),
        52..64 => new_device(hand, words, chance).await,
        64..70 => Some(Wish::retire(&any(hand, "devices", chance).await?, words)),
        _ => edited_device(hand, words, chance).await,
    }
}

async fn new_device(hand: &Hand, words: &str, chance: &mut ChaCha8Rng) -> Option<Wish> {
    let serial = format!("CHAOS-{}", chance.random_range(0..SERIALS));
    let (model, site) = (any(hand, "models", chance).await?, any(hand, "sites", chance).await?);
    Some(Wish::make("device.create", "devices", json!({"serial": serial, "name": words, "model_id": model, "site_id": site})))
}

async fn edited_device(hand: &Hand, words: &str, chance: &mut ChaCha8Rng) -> Option<Wish> {
    let site = any(hand, "sites", chance).await?;
    let body = one_of(chance, [json!({"name": words}), json!({"note": words}), json!({"name": words, "site_id": site})]);
    let device = if chance.random() { crowded(hand, "devices", chance).await? } else { any(hand, "devices", chance).await? };
    Some(Wish::edit("device.update", "devices", &device, body))
}

fn one_of<const N: usize>(chance: &mut ChaCha8Rng, all: [Value; N]) -> Value {
    all[chance.random_range(0..N)].clone()
}

/// Ids of a list in an order that names do not change; `None` while the app does not answer.
async fn ids(hand: &Hand, list: &str) -> Option<Vec<String>> {
    let page = hand.phone.try_request("GET", &format!("/v1/{list}?limit=200"), Value::Null).await?;
    let mut ids: Vec<String> = page.succeeded()["items"].as_array()?.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)).collect();
    ids.sort();
    Some(ids)
}

/// One of the few rows that everybody edits.
async fn crowded(hand: &Hand, list: &str, chance: &mut ChaCha8Rng) -> Option<String> {
    ids(hand, list).await?.into_iter().take(CROWDED).collect::<Vec<_>>().choose(chance).cloned()
}

async fn any(hand: &Hand, list: &str, chance: &mut ChaCha8Rng) -> Option<String> {
    ids(hand, list).await?.choose(chance).cloned()
}

/// Commissions a device as far as it goes; what is not finished in time is given up.
async fn commission(hand: &Hand, fleet: &Fleet, chance: &mut ChaCha8Rng) {
    let Some(site) = any(hand, "sites", chance).await else { return };
    let (serial, words) = (NEARBY[chance.random_range(0..NEARBY.len())], hand.ledger.words());
    let gives_up = chance.random_range(0..100) < 30;
    let body = json!({"label": fleet.label(serial), "site_id": site, "device_name": words});
    let reply = hand.phone.try_request("POST", "/app/commissions", body).await;
    let attempt = match &reply {
        Some(reply) if reply.status == 201 => reply.body["attempt_id"].as_str().map(str::to_owned),
        // Another one still runs, or the site is gone: nothing has begun.
        Some(_) => return,
        None => None,
    };
    hand.ledger.commissions(Begun { words, attempt: attempt.clone() });
    let Some(id) = attempt else { return };
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let Some(now) = hand.phone.try_request("GET", "/app/commissions/current", Value::Null).await else { return };
        let (action, body) = match now.body["state"].as_str() {
            Some("needs_confirm") => ("identify", json!({"confirmed": true})),
            Some("needs_network") if !gives_up => ("network", json!({"ssid": NETWORK.0, "passphrase": NETWORK.1, "remember": false})),
            Some("running") => {
                sleep(Duration::from_millis(60)).await;
                continue;
            }
            _ => break,
        };
        let _ = hand.phone.try_request("POST", &format!("/app/commissions/{id}/{action}"), body).await;
    }
    let _ = hand.phone.try_request("POST", &format!("/app/commissions/{id}/cancel"), Value::Null).await;
    let _ = hand.phone.try_request("DELETE", "/app/commissions/current", Value::Null).await;
}

/// Staff edits the crowded rows by REST, and retires a device now and then.
pub async fn by_rest(staff: &Staff, mut chance: ChaCha8Rng, until: Instant) {
    while Instant::now() < until {
        sleep(Duration::from_millis(chance.random_range(50..500))).await;
        let words = staff.ledger.words();
        let (list, kind) = [("sites", "site.update"), ("devices", "device.update"), ("models", "model.update")][chance.random_range(0..3)];
        let Ok(page) = staff.actor.try_send(Method::GET, &format!("/v1/{list}?limit=200"), None).await else { continue };
        let mut ids: Vec<String> = page.body["items"].as_array().into_iter().flatten().filter_map(|item| item["id"].as_str().map(str::to_owned)).collect();
        ids.sort();
        ids.truncate(CROWDED);
        let Some(id) = ids.choose(&mut chance) else { continue };
        let wish = Wish::edit(kind, list, id, json!({"name": words}));
        let written = staff.ledger.begins(wish.written(&words));
        if let Ok(answer) = staff.actor.try_send(wish.method, &wish.path, Some(wish.body)).await {
            staff.ledger.answered(written, answer.status.as_u16(), &answer.body);
        }
    }
}

/// The neighbour's rows change too.
pub async fn next_door(neighbour: &omniot_tests::world::Actor, mut chance: ChaCha8Rng, until: Instant) {
    while Instant::now() < until {
        sleep(Duration::from_millis(chance.random_range(100..700))).await;
        let body = json!({"name": format!("{} more {}", crate::cast::CANARY, chance.random::<u32>()), "time_zone": "UTC"});
        let _ = neighbour.try_send(Method::POST, "/v1/sites", Some(body)).await;
    }
}
