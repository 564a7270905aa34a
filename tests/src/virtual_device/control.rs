//! Control commands for tests, over the same socket, refused unless the fleet allows them.
//!
//! `{"op":"control","device":"<serial>"|"*","do":…}` with `do` one of `faults` (with
//! `faults`), `power_cycle`, `power_off`, `power_on`, `factory_reset`, `button`, `state`, `label`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    device::Power,
    faults::Faults,
    fleet::{Fleet, Slot},
};

/// Does it to the device, or with `*` to every device: then the answers stand under their serials.
///
/// # Errors
/// When no device has that serial, or the command is unknown.
pub fn obey(fleet: &Fleet, request: &Value) -> Result<Value, Value> {
    let refused = |text: String| json!({ "kind": "refused", "code": 0, "text": text });
    let device = request["device"].as_str().unwrap_or_default();
    let named = fleet.named(device);
    if named.is_empty() {
        return Err(refused("no such device".into()));
    }
    if let [only] = named[..]
        && device != "*"
    {
        return one(only, request).map_err(refused);
    }
    let mut answers = serde_json::Map::new();
    for slot in named {
        let serial = slot.device().spec().serial.clone();
        answers.insert(serial, one(slot, request).map_err(refused)?);
    }
    Ok(Value::Object(answers))
}

fn one(slot: &Arc<Slot>, request: &Value) -> Result<Value, String> {
    let now = slot.now();
    match request["do"].as_str().unwrap_or_default() {
        "faults" => slot.device().faults = serde_json::from_value::<Faults>(request["faults"].clone()).map_err(|why| why.to_string())?,
        "power_cycle" => slot.device().power_cut(now),
        "power_off" => slot.device().power(Power::Off, now),
        "power_on" => slot.device().power(Power::On, now),
        "factory_reset" => slot.device().factory_reset(now).map_err(|why| why.to_string())?,
        "button" => slot.device().press_button(now),
        "state" => {}
        "label" => {
            let device = slot.device();
            return Ok(Value::String(device.factory().label(device.spec()).to_json()));
        }
        other => return Err(format!("unknown command `{other}`")),
    }
    if !slot.device().linked() {
        slot.link_ended();
    }
    Ok(state(slot))
}

fn state(slot: &Slot) -> Value {
    let now = slot.now();
    let device = slot.device();
    let state = device.kept.state();
    json!({
        "serial": device.spec().serial,
        "name": device.spec().name(),
        "address": device.radio_address(),
        "up": device.is_up(now),
        "advertises": device.advertises(now),
        "linked": device.linked(),
        "blinks": device.blinks(now),
        "owner": state.fingerprint().map(|owner| owner.to_string()),
        "epoch": state.epoch,
        "resets": state.resets,
        "site": state.owner.as_ref().and_then(|owner| owner.site),
        "reports_to": state.owner.as_ref().map(|owner| owner.backends().into_iter().map(|backend| backend.url).collect::<Vec<_>>()),
        "left": state.left.map(|left| left.tenant),
        "network": device.kept.wifi.as_ref().map(|wifi| wifi.ssid.clone()),
        "joined": device.joined(now),
        "claimed": device.kept.credential.is_some(),
        "device_id": device.contact.device_id,
        "refused": device.contact.refused,
        "heartbeats": device.contact.heartbeats,
    })
}
