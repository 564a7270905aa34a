//! What the page may ask about the visit: `/app/visit/*` (docs/ARCHITECTURE.md, "The app's one door").
//!
//! Labels and networks come in here and never go out.

use std::sync::atomic::Ordering;

use omniot_shared::{entities::{Device, DeviceState}, ids::SiteId, label::{self, Scanned}};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Fate, Item, KeptNetwork, NewItem, NotAdded, Visit, going::NotNext, keeping::{Held, SiteNetwork}};
use crate::{
    chance,
    commissioning::{
        Commissioning, DeskError, NotBegun,
        api::{network, not_begun, read, wrong_label},
        flow::secrets::{Network, Secret},
    },
    door::Reply,
    events::Event,
    store::checks::Counts,
};

/// Answers a request under `/app/visit`.
pub async fn handle(commissioning: &Commissioning, method: &str, rest: &[&str], body: Option<Value>) -> Result<Reply, Reply> {
    let mut held = commissioning.visits.held().await.map_err(|error| wrong(&error))?;
    match (method, rest) {
        ("GET", []) => return seen(commissioning, &held).await,
        ("POST", []) => begin(commissioning, &mut held, body).await?,
        ("PATCH", []) => {
            let Wish { auto } = read(body)?;
            change(&mut held, |visit| visit.auto = auto)?;
        }
        ("DELETE", []) => {
            held.change(super::keeping::Kept::end).map_err(|error| wrong(&error))?;
            commissioning.going.store(false, Ordering::Relaxed);
            commissioning.means.networks.forget_all();
            commissioning.events.tell(Event::Commission);
            return Ok(Reply::done());
        }
        ("PUT", ["network"]) => put_network(commissioning, &mut held, body).await?,
        ("DELETE", ["network"]) => {
            let site = under_way(&held)?.site;
            let at_work = commissioning.mine(|current| current.id).await;
            held.change(|kept| {
                kept.networks.remove(&site);
                kept.visit.as_mut().map(|visit| visit.network_changed(at_work))
            })
            .map_err(|error| wrong(&error))?;
            commissioning.means.networks.forget_all();
        }
        ("POST", ["items"]) => add(commissioning, &mut held, body).await?,
        ("DELETE", ["items", id]) => {
            let id = item_id(id)?;
            if !change(&mut held, |visit| visit.remove(id))? {
                return Err(conflict("this device is being commissioned, or is not in the visit"));
            }
        }
        ("POST", ["items", id, "again"]) => {
            let id = item_id(id)?;
            if !change(&mut held, |visit| visit.again(id))? {
                return Err(conflict("this device has not failed"));
            }
        }
        ("POST", ["next"]) => {
            under_way(&held)?;
            drop(held);
            commissioning.begin_next().await.map_err(|why| match why {
                NotNext::Nobody => conflict("no device waits: scan a label"),
                NotNext::NotBegun(NotBegun::Desk(error)) => wrong(&error),
                NotNext::NotBegun(why) => not_begun(why),
            })?;
            held = commissioning.visits.held().await.map_err(|error| wrong(&error))?;
        }
        _ => return Err(Reply::not_found()),
    }
    commissioning.events.tell(Event::Commission);
    seen(commissioning, &held).await
}

fn wrong(error: &DeskError) -> Reply {
    match error {
        DeskError::NoAccount => Reply::error(401, "not_signed_in", "sign in first"),
        DeskError::NoGrant | DeskError::ClockAhead | DeskError::Store(_) => Reply::error(507, "disk_full", "the visit could not be kept on this machine; nothing has changed"),
    }
}

fn conflict(detail: &str) -> Reply {
    Reply::error(409, "state_conflict", detail)
}

fn under_way<'h>(held: &'h Held<'_>) -> Result<&'h Visit, Reply> {
    held.visit().ok_or_else(|| conflict("no visit is under way; begin one"))
}

fn change<T>(held: &mut Held<'_>, change: impl FnOnce(&mut Visit) -> T) -> Result<T, Reply> {
    under_way(held)?;
    let changed = held.change(|kept| kept.visit.as_mut().map(change)).map_err(|error| wrong(&error))?;
    changed.ok_or_else(Reply::not_found)
}

fn item_id(id: &str) -> Result<Uuid, Reply> {
    id.parse().map_err(|_| Reply::not_found())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    auto: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewVisit {
    site_id: SiteId,
    #[serde(default = "yes")]
    auto: bool,
}

const fn yes() -> bool {
    true
}

async fn begin(commissioning: &Commissioning, held: &mut Held<'_>, body: Option<Value>) -> Result<(), Reply> {
    let NewVisit { site_id, auto } = read(body)?;
    if held.visit().is_some() {
        return Err(conflict("a visit is under way; end it first"));
    }
    let desk = commissioning.desks.active().await.map_err(|error| wrong(&error))?;
    if !desk.has_site(site_id).await.map_err(|error| wrong(&error))? {
        return Err(Reply::invalid("invalid_field", "site_id", "there is no such site here"));
    }
    let now = commissioning.means.clock.now();
    held.change(|kept| kept.visit = Some(Visit::new(site_id, now, auto))).map_err(|error| wrong(&error))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    ssid: Option<String>,
    #[serde(default)]
    passphrase: Secret,
    dataset: Option<Secret>,
    #[serde(default)]
    keep: bool,
}

async fn put_network(commissioning: &Commissioning, held: &mut Held<'_>, body: Option<Value>) -> Result<(), Reply> {
    let Given { ssid, passphrase, dataset, keep } = read(body)?;
    let site = under_way(held)?.site;
    let given: Network = match (ssid, dataset) {
        (Some(ssid), None) => network::named(&ssid, passphrase)?,
        (None, Some(dataset)) => network::mesh(&dataset)?,
        _ => return Err(Reply::invalid("invalid_field", "ssid", "say which network: either `ssid` or `dataset`")),
    };
    let network = KeptNetwork::of(&given);
    let at_work = commissioning.mine(|current| current.id).await;
    held.change(|kept| {
        kept.put_network(site, SiteNetwork { network, keep });
        if let Some(visit) = &mut kept.visit {
            visit.network_changed(at_work);
        }
    })
    .map_err(|error| wrong(&error))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLabel {
    label: Secret,
    device_name: Option<String>,
}

async fn add(commissioning: &Commissioning, held: &mut Held<'_>, body: Option<Value>) -> Result<(), Reply> {
    let NewLabel { label: Secret(text), device_name } = read(body)?;
    let Scanned::Label(label) = label::read(&text).map_err(|why| wrong_label(why, "label"))? else {
        return Err(Reply::invalid("claim_code_alone", "label", "a claim code names no device: scan its QR code, or choose it from the list"));
    };
    let device_name = crate::commissioning::api::device_name(device_name)?;
    let new = NewItem::of(chance::fresh_uuid(commissioning.means.clock.now()), &label, text);
    let seen = match under_way(held)?.items.iter().find(|item| item.serial.is_some() && item.serial == new.serial) {
        Some(item) => is_seen_already(commissioning, item).await?,
        None => false,
    };
    let new = NewItem { device_name, seen, ..new };
    match change(held, |visit| visit.add(new).map(|_| ()))? {
        Ok(()) => Ok(()),
        Err(why @ NotAdded::Known) => Err(Reply::error(409, "already_exists", &why.to_string())),
        Err(why @ NotAdded::Full) => Err(conflict(&why.to_string())),
    }
}

/// The visit as the page sees it.
async fn seen(commissioning: &Commissioning, held: &Held<'_>) -> Result<Reply, Reply> {
    let Some(visit) = held.visit() else { return Ok(Reply::ok(Value::Null)) };
    let desk = commissioning.desks.active().await.map_err(|error| wrong(&error))?;
    let heard = commissioning.means.nearby.list();
    let rssi_of = |name: Option<&str>| name.and_then(|name| heard.iter().find(|heard| heard.advert.name.as_deref() == Some(name))).map(|heard| heard.advert.rssi);
    let planned = desk.planned_at(visit.site).await.map_err(|error| wrong(&error))?;
    let of = |item: &Item| planned.iter().find(|device| Some(&device.serial) == item.serial.as_ref());
    let attempts: Vec<_> = visit.items.iter().filter_map(|item| item.attempt).collect();
    let checks = desk.checks_of(&attempts).await.map_err(|error| wrong(&error))?;
    let mut items = Vec::with_capacity(visit.items.len());
    for item in &visit.items {
        let device = match (of(item), &item.serial) {
            (Some(device), _) => Some(device.clone()),
            (None, Some(serial)) => desk.device_by_serial(serial).await.map_err(|error| wrong(&error))?,
            (None, None) => None,
        };
        let checks = item.attempt.and_then(|attempt| checks.get(&attempt));
        items.push(item_view(item, device.as_ref(), checks, rssi_of(item.name.as_deref())));
    }
    let is_listed = |device: &&Device| visit.items.iter().any(|item| item.serial.as_ref() == Some(&device.serial));
    let others: Vec<Value> = planned.iter().filter(|device| !is_listed(device)).map(|device| {
        json!({"device_id": device.id, "name": device.name, "serial": device.serial, "rssi": rssi_of(Some(&device.serial))})
    }).collect();
    let networks: Vec<Value> = held.networks(visit.site).iter().filter_map(|known| {
        Some(json!({"kind": known.network.kind(), "name": known.network.network()?.shown, "keep": known.keep}))
    }).collect();
    Ok(Reply::ok(json!({
        "site_id": visit.site, "started_at": visit.started_at, "auto": visit.auto,
        "going": commissioning.going.load(Ordering::Relaxed),
        "unreadable": held.has_unreadable(),
        "networks": networks, "items": items, "planned": others,
        "counts": {"done": visit.count(Fate::Done), "failed": visit.count(Fate::Failed), "waiting": visit.count(Fate::Waiting), "running": visit.count(Fate::Running)},
    })))
}

/// Whether the server has seen the device since it was claimed here: one that was online before says nothing.
fn is_seen(item: &Item, device: &Device) -> bool {
    device.state == DeviceState::Online && item.epoch.is_none_or(|epoch| device.epoch >= epoch)
}

/// The same, asked for one label. Of a device that cannot be told by its serial number it is never known.
async fn is_seen_already(commissioning: &Commissioning, item: &Item) -> Result<bool, Reply> {
    let Some(serial) = &item.serial else { return Ok(false) };
    let desk = commissioning.desks.active().await.map_err(|error| wrong(&error))?;
    let device = desk.device_by_serial(serial).await.map_err(|error| wrong(&error))?;
    Ok(device.is_some_and(|device| is_seen(item, &device)))
}

/// `rssi`: of the attempt, while the device is silent; as it is heard now otherwise.
fn item_view(item: &Item, device: Option<&Device>, checks: Option<&Counts>, heard: Option<Option<i32>>) -> Value {
    json!({
        "id": item.id, "serial": item.serial, "name": item.name, "device_name": item.device_name,
        "device": device.map(|device| json!({"id": device.id, "name": device.name, "state": device.state, "note": device.note, "firmware": device.firmware})),
        "state": item.fate, "tries": item.tries, "attempt_id": item.attempt, "cause": item.cause,
        "in_range": heard.is_some(), "rssi": heard.flatten().or(item.rssi), "took_ms": item.took_ms,
        "checks": checks, "unconfirmed": item.unconfirmed,
        "seen": device.is_some_and(|device| is_seen(item, device)),
    })
}
