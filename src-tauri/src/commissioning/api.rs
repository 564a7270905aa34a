//! What the page may ask: `/app/radio/*`, `/app/labels/*`, `/app/commissions/*`, `/app/visit`
//! (docs/ARCHITECTURE.md, "The app's one door").
//!
//! Secrets come in here and never go out.
//! To add an operation: a line in [`handle`] and its function.

use omniot_shared::{
    entities::DeviceState,
    ids::{AttemptId, SiteId},
    label::{self, InvalidLabel, Pop, Scanned},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Cause, Command, Commissioning, Current, DeskError, NotBegun, Order, State, Step,
    flow::{
        board::Confirmation,
        causes::Remedy,
        draft::{NetworkKind, Shown},
        secrets::Secret,
    },
    nearby::{Heard, Protocol},
    visit,
    radio::RadioError,
};
use crate::{door::Reply, events::Event};

pub(super) mod network;

/// Answers a request under `/app/radio`, `/app/labels` or `/app/commissions`.
pub async fn handle(commissioning: &Commissioning, method: &str, path: &str, _query: &str, body: Option<Value>) -> Reply {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let answer = match (method, parts.as_slice()) {
        ("GET", ["app", "radio", "nearby"]) => nearby(commissioning).await,
        ("POST", ["app", "radio", "scan"]) => scan(commissioning).await,
        ("DELETE", ["app", "radio", "scan"]) => {
            commissioning.means.nearby.stop().await;
            Ok(Reply::done())
        }
        ("POST", ["app", "labels", "read"]) => read_label(body),
        ("POST", ["app", "commissions"]) => begin(commissioning, body).await,
        (method, ["app", "visit", rest @ ..]) => visit::api::handle(commissioning, method, rest, body).await,
        ("GET", ["app", "commissions", "current"]) => Ok(current(commissioning).await),
        ("DELETE", ["app", "commissions", "current"]) => leave(commissioning).await,
        ("GET", ["app", "commissions", "unfinished"]) => Ok(unfinished(commissioning).await),
        ("DELETE", ["app", "commissions", "unfinished", id]) => dismiss(commissioning, id).await,
        ("GET", ["app", "commissions", "current", "trace"]) => trace(commissioning).await,
        ("GET", ["app", "commissions", id]) => match of(commissioning, id).await {
            Ok(()) => Ok(current(commissioning).await),
            Err(missing) => Err(missing),
        },
        ("POST", ["app", "commissions", id, action]) => match of(commissioning, id).await {
            Ok(()) => act(commissioning, action, body).await,
            Err(missing) => Err(missing),
        },
        _ => Err(Reply::not_found()),
    };
    answer.unwrap_or_else(|refusal| refusal)
}

async fn nearby(commissioning: &Commissioning) -> Result<Reply, Reply> {
    let desk = commissioning.desks.active().await.ok();
    let mut items = Vec::new();
    for heard in commissioning.means.nearby.list() {
        let planned = match (&desk, &heard.advert.name) {
            (Some(desk), Some(name)) => desk.device_by_serial(name).await.ok().flatten().filter(|device| device.state == DeviceState::Planned),
            _ => None,
        };
        if heard.protocol() == Protocol::Other && planned.is_none() {
            continue;
        }
        items.push(item(&heard, planned.map(|device| json!({"device_id": device.id, "name": device.name}))));
    }
    Ok(Reply::ok(json!({"items": items})))
}

fn item(heard: &Heard, planned: Option<Value>) -> Value {
    json!({
        "address": heard.advert.address, "name": heard.advert.name, "rssi": heard.advert.rssi,
        "seen_at": heard.at, "protocol": heard.protocol(), "planned": planned,
    })
}

async fn scan(commissioning: &Commissioning) -> Result<Reply, Reply> {
    match commissioning.means.nearby.clone().start().await {
        Ok(()) => Ok(Reply::done()),
        Err(error) => Err(Reply::error(409, radio_code(&error), &error.to_string())),
    }
}

fn radio_code(error: &RadioError) -> &'static str {
    Cause::from(error).code()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelText {
    text: Secret,
}

fn read_label(body: Option<Value>) -> Result<Reply, Reply> {
    let LabelText { text } = read(body)?;
    let scanned = label::read(&text.0).map_err(|why| wrong_label(why, "text"))?;
    Ok(Reply::ok(match scanned {
        Scanned::Label(label) => json!({
            "name": label.name, "security": label.security, "username": label.username, "has_pop": label.pop.is_some(),
            "serial": label.pinned.as_ref().map(|pinned| &pinned.serial),
            "claim_code": label.pinned.as_ref().map(|pinned| pinned.code.to_string()),
        }),
        Scanned::Code(code) => json!({"name": null, "serial": null, "security": null, "username": null, "has_pop": false, "claim_code": code.to_string()}),
    }))
}

pub(super) fn wrong_label(why: InvalidLabel, field: &str) -> Reply {
    let code = match why {
        InvalidLabel::Empty => "label_empty",
        InvalidLabel::TooLong => "label_too_long",
        InvalidLabel::NotALabel => "label_unreadable",
        InvalidLabel::Field(_) => "label_incomplete",
        InvalidLabel::NotBluetooth => "label_not_bluetooth",
        InvalidLabel::WrongCode => "claim_code_wrong",
    };
    Reply::invalid(code, field, &why.to_string())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCommission {
    address: Option<String>,
    label: Option<Secret>,
    pop: Option<Secret>,
    site_id: SiteId,
    device_name: Option<String>,
}

async fn begin(commissioning: &Commissioning, body: Option<Value>) -> Result<Reply, Reply> {
    let wanted: NewCommission = read(body)?;
    let label = wanted.label.map(|text| label::read(&text.0).map_err(|why| wrong_label(why, "label"))).transpose()?;
    let device_name = device_name(wanted.device_name)?;
    let pop = wanted.pop.filter(|pop| !pop.0.is_empty()).map(|pop| proof(&pop.0)).transpose()?;
    let address = wanted.address.filter(|address| !address.is_empty());
    let order = Order { address, label, pop, site: wanted.site_id, device_name, before: None };
    commissioning.begin(order).await.map(Reply::created).map_err(not_begun)
}

pub(super) fn not_begun(why: NotBegun) -> Reply {
    match why {
        NotBegun::Busy => Reply::error(409, "state_conflict", "another device is being commissioned; finish or cancel it first"),
        NotBegun::NoDevice => Reply::invalid("invalid_field", "address", "this names no device: choose it from the list, or scan its label"),
        NotBegun::NoSite => Reply::invalid("invalid_field", "site_id", "there is no such site here"),
        NotBegun::LeaseOver => Reply::error(403, "lease_over", "the server was not reached for as long as the organization allows; nothing new begins"),
        NotBegun::Desk(DeskError::NoAccount) => Reply::error(401, "not_signed_in", "sign in first"),
        NotBegun::Desk(error) => Reply::error(500, "internal", &error.to_string()),
    }
}

/// What a technician calls a device; nothing is no name.
pub(super) fn device_name(given: Option<String>) -> Result<Option<String>, Reply> {
    let name = given.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    if name.as_ref().is_some_and(|name| name.chars().count() > 120 || name.chars().any(char::is_control)) {
        return Err(Reply::invalid("invalid_field", "device_name", "a name has 1 to 120 characters"));
    }
    Ok(name)
}

async fn current(commissioning: &Commissioning) -> Reply {
    Reply::ok(commissioning.mine(|current| current.board.view()).await)
}

/// What happened on the radio so far.
async fn trace(commissioning: &Commissioning) -> Result<Reply, Reply> {
    let current = commissioning.mine(|current| current.id).await.ok_or_else(Reply::not_found)?;
    Ok(Reply::ok(commissioning.means.flight.trace(current).ok_or_else(Reply::not_found)?))
}

async fn leave(commissioning: &Commissioning) -> Result<Reply, Reply> {
    let left = commissioning.leave().await;
    left.map(|()| Reply::done()).map_err(|_| Reply::error(409, "state_conflict", "the commission still runs; finish or cancel it first"))
}

/// What a crash left behind, and what could not be recorded yet.
async fn unfinished(commissioning: &Commissioning) -> Reply {
    let Some(account) = commissioning.account().await else { return Reply::ok(json!({"items": []})) };
    let current = commissioning.mine(|current| current.id).await;
    let mut items = commissioning.means.late.of(&account, current);
    items.extend(commissioning.means.left.of(&account));
    Reply::ok(json!({"items": items}))
}

async fn dismiss(commissioning: &Commissioning, id: &str) -> Result<Reply, Reply> {
    let id: AttemptId = id.parse().map_err(|_| Reply::not_found())?;
    let account = commissioning.account().await.ok_or_else(Reply::not_found)?;
    if commissioning.means.left.dismiss(&account, id) {
        commissioning.events.tell(Event::Commission);
        return Ok(Reply::done());
    }
    if commissioning.means.late.has(id) {
        return Err(Reply::error(409, "state_conflict", "its record is not saved yet"));
    }
    Err(Reply::not_found())
}

/// Only the current commission of the active account can be spoken to.
async fn of(commissioning: &Commissioning, id: &str) -> Result<(), Reply> {
    let id: AttemptId = id.parse().map_err(|_| Reply::not_found())?;
    let is_current = commissioning.mine(|current| current.id == id).await;
    if is_current == Some(true) { Ok(()) } else { Err(Reply::not_found()) }
}

async fn act(commissioning: &Commissioning, action: &str, body: Option<Value>) -> Result<Reply, Reply> {
    let (state, step, failure) = shown(commissioning).await.ok_or_else(Reply::not_found)?;
    let command = match action {
        "network" if state == State::NeedsNetwork || (state == State::Failed && step.takes_network()) => {
            let wants = commissioning.mine(|current| current.board.read(|draft| (draft.network_kind, draft.networks.clone()))).await;
            let (kind, networks) = wants.unwrap_or_default();
            Command::Network(match kind {
                NetworkKind::Wifi => network::read(body, &networks)?,
                NetworkKind::Thread => network::read_mesh(body)?,
            })
        }
        "pop" if state == State::NeedsPop => Command::Pop(pop(body)?),
        "identify" if state == State::NeedsConfirm => Command::Confirm(confirmation(body)?),
        "retry" if matches!(state, State::NeedsNetwork | State::NeedsConfirm) || (state == State::Failed && is_retriable(failure.as_ref())) => Command::Retry,
        "cancel" if !state.is_over() => return Ok(cancel(commissioning).await),
        "network" | "pop" | "identify" | "retry" | "cancel" => {
            return Err(Reply::error(409, "state_conflict", "the commission does not wait for that now"));
        }
        _ => return Err(Reply::not_found()),
    };
    // The decision counts from here on: a second one meets a commission that runs.
    let accepted = commissioning.mine(|current| {
        current.board.change(|draft| {
            let waits = (draft.state, draft.step) == (state, step);
            let sent = waits && current.commands.try_send(command).is_ok();
            if sent {
                draft.state = State::Running;
                draft.failure = None;
            }
            sent
        })
    });
    if accepted.await == Some(true) {
        Ok(self::current(commissioning).await)
    } else {
        Err(Reply::error(409, "state_conflict", "the commission is over, or works already"))
    }
}

async fn shown(commissioning: &Commissioning) -> Option<(State, Step, Option<Shown>)> {
    commissioning.mine(|current| current.board.read(|draft| (draft.state, draft.step, draft.failure.clone()))).await
}

/// A failure that is final has been recorded already.
fn is_retriable(failure: Option<&Shown>) -> bool {
    failure.is_some_and(|failure| failure.retriable && Cause::of_code(&failure.cause).is_some_and(|cause| cause.remedy() == Remedy::Retry))
}

/// Stops it and waits for its record, which says how it really ended: what had joined has succeeded.
async fn cancel(commissioning: &Commissioning) -> Reply {
    if let Some(work) = commissioning.mine(Current::stop).await.flatten() {
        let _ = work.await;
    }
    current(commissioning).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedPop {
    pop: Secret,
}

fn pop(body: Option<Value>) -> Result<Pop, Reply> {
    let WantedPop { pop } = read(body)?;
    proof(&pop.0)
}

fn proof(pop: &str) -> Result<Pop, Reply> {
    if pop.is_empty() || pop.len() > 128 {
        return Err(Reply::invalid("invalid_field", "pop", "the code on the device has 1 to 128 characters"));
    }
    Ok(Pop::new(pop.to_owned()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirmed {
    confirmed: bool,
}

fn confirmation(body: Option<Value>) -> Result<Confirmation, Reply> {
    let Confirmed { confirmed } = read(body)?;
    Ok(if confirmed { Confirmation::Right } else { Confirmation::Wrong })
}

/// Reads a body. The words of the error never repeat what was sent: it may be a secret.
pub(super) fn read<T: DeserializeOwned>(body: Option<Value>) -> Result<T, Reply> {
    let body = body.ok_or_else(|| Reply::error(400, "malformed_json", "a JSON body is missing"))?;
    serde_json::from_value(body).map_err(|error| {
        let text = error.to_string();
        let named = |mark: &str| text.split_once(mark).and_then(|(_, rest)| rest.split('`').next()).map(str::to_owned);
        match (named("unknown field `"), named("missing field `")) {
            (Some(field), _) => Reply::invalid("unknown_field", &field, "there is no such field"),
            (_, Some(field)) => Reply::invalid("invalid_field", &field, "this field is missing"),
            _ => Reply::error(422, "invalid_field", "a field has a wrong type or form"),
        }
    })
}
