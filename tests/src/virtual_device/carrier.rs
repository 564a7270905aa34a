//! The virtual radio's socket, server side (docs/ARCHITECTURE.md): JSON lines over TCP on
//! loopback; many clients, one link per device.
//!
//! Deliberately not here: what a device answers.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rand::RngExt as _;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
};
use uuid::Uuid;

use super::{
    advert::{Endpoint, IMPROV, SERVICE},
    control,
    device::Outcome,
    faults::Way,
    fleet::{Fleet, Holder, Slot},
    improv,
    spec::Kind,
};

/// The longest line.
const LINE_LIMIT: u64 = 65_536;
/// How often devices notice that time passed.
const TICK: Duration = Duration::from_millis(10);

/// Whether the socket obeys control commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// For tests.
    Allowed,
    /// Otherwise.
    Refused,
}

/// Serves the fleet for ever: adverts, links, and each device's errands.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, fleet: Arc<Fleet>, control: Control) -> io::Result<()> {
    animate(&fleet);
    loop {
        let (stream, _) = listener.accept().await?;
        let _ = stream.set_nodelay(true);
        tokio::spawn(Connection::run(stream, Arc::clone(&fleet), control));
    }
}

/// Lets time pass for the devices of a fleet, and each run its errands, whatever carries it.
pub fn animate(fleet: &Arc<Fleet>) {
    for slot in &fleet.slots {
        tokio::spawn(super::cloud::live(Arc::clone(slot)));
    }
    let ticking = Arc::clone(fleet);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(TICK).await;
            ticking.slots.iter().for_each(|slot| slot.tick());
        }
    });
}

/// One client.
struct Connection {
    fleet: Arc<Fleet>,
    out: mpsc::UnboundedSender<Value>,
    control: Control,
    links: BTreeMap<u64, Arc<Slot>>,
    next_link: u64,
    scanning: Option<JoinHandle<()>>,
}

type Answer = Result<Value, Value>;

fn err(kind: &str, code: u8, text: &str) -> Value {
    json!({ "kind": kind, "code": code, "text": text })
}

impl Connection {
    async fn run(stream: TcpStream, fleet: Arc<Fleet>, control: Control) {
        let (read, mut write) = stream.into_split();
        let (out, mut outgoing) = mpsc::unbounded_channel::<Value>();
        let writer = tokio::spawn(async move {
            while let Some(line) = outgoing.recv().await {
                if write.write_all(format!("{line}\n").as_bytes()).await.is_err() {
                    return;
                }
            }
        });
        let mut connection = Self { fleet, out, control, links: BTreeMap::new(), next_link: 1, scanning: None };
        let mut lines = BufReader::new(read);
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = (&mut lines).take(LINE_LIMIT).read_until(b'\n', &mut line).await.unwrap_or(0);
            if length == 0 || line.last() != Some(&b'\n') {
                break;
            }
            if let Ok(request) = serde_json::from_slice(&line) {
                connection.handle(&request);
            }
        }
        connection.close();
        writer.abort();
    }

    /// The client is gone: so are its links.
    fn close(&mut self) {
        let _ = self.stop_scan();
        for (link, slot) in std::mem::take(&mut self.links) {
            hang_up(&slot, link, &self.out);
        }
    }

    fn handle(&mut self, request: &Value) {
        let id = request["id"].clone();
        let answer = match request["op"].as_str().unwrap_or_default() {
            "scan" => self.scan(),
            "stop_scan" => self.stop_scan(),
            "connect" => self.connect(request["address"].as_str().unwrap_or_default()),
            "discover" => self.slot(request).map(|slot| discover(&slot)),
            "subscribe" => self.slot(request).map(|slot| subscribe(&slot, request)),
            "disconnect" => self.disconnect(request),
            "write" | "read" => return self.attribute(id, request),
            "control" if self.control == Control::Allowed => control::obey(&self.fleet, request),
            "control" => Err(err("refused", 0, "this fleet was started without --control")),
            _ => Err(err("refused", 0, "unknown op")),
        };
        reply(&self.out, &id, answer);
    }

    fn scan(&mut self) -> Answer {
        self.stop_scan()?;
        let (fleet, out) = (Arc::clone(&self.fleet), self.out.clone());
        self.scanning = Some(tokio::spawn(async move {
            loop {
                let pause = fleet.slots.first().map_or(160, |slot| slot.timing().advert_ms);
                for slot in &fleet.slots {
                    if let Some(advert) = advert(slot)
                        && out.send(advert).is_err()
                    {
                        return;
                    }
                }
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
        }));
        Ok(json!({}))
    }

    fn stop_scan(&mut self) -> Answer {
        if let Some(scanning) = self.scanning.take() {
            scanning.abort();
        }
        Ok(json!({}))
    }

    fn connect(&mut self, address: &str) -> Answer {
        let gone = || err("gone", 0, "no such device is advertising");
        let slot = Arc::clone(self.fleet.at(address).ok_or_else(gone)?);
        let mut holder = slot.holder();
        if holder.is_some() {
            return Err(err("busy", 0, "the device has another link"));
        }
        let mut device = slot.device();
        if let Some((kind, code)) = device.faults.failed_connect() {
            return Err(err(kind, code, "no link came about"));
        }
        if !device.connect(slot.now()) {
            return Err(gone());
        }
        let link = self.next_link;
        self.next_link += 1;
        *holder = Some(Holder { link, events: self.out.clone() });
        let mtu = device.mtu();
        drop(device);
        drop(holder);
        self.links.insert(link, slot);
        Ok(json!({ "link": link, "mtu": mtu }))
    }

    /// The device of a link that still stands.
    fn slot(&self, request: &Value) -> Result<Arc<Slot>, Value> {
        let gone = || err("gone", 0, "the link is gone");
        let link = request["link"].as_u64().ok_or_else(gone)?;
        let slot = self.links.get(&link).ok_or_else(gone)?;
        let stands = slot.holder().as_ref().is_some_and(|holder| holder.link == link && holder.events.same_channel(&self.out));
        if stands { Ok(Arc::clone(slot)) } else { Err(gone()) }
    }

    fn disconnect(&mut self, request: &Value) -> Answer {
        let link = request["link"].as_u64().unwrap_or(0);
        if let Some(slot) = self.links.remove(&link) {
            hang_up(&slot, link, &self.out);
        }
        Ok(json!({}))
    }

    /// A read or write; it may take its time, so it does not hold up the connection.
    fn attribute(&self, id: Value, request: &Value) {
        let out = self.out.clone();
        let slot = match self.slot(request) {
            Ok(slot) => slot,
            Err(gone) => return reply(&out, &id, Err(gone)),
        };
        let uuid = uuid(request);
        let value = (request["op"] == "write").then(|| request["value"].as_str().and_then(|text| STANDARD.decode(text).ok()));
        tokio::spawn(async move {
            let delay = slot.device().faults.delay_ms;
            if delay > 0 {
                tokio::time::sleep(Duration::from_millis(delay)).await;
            }
            let outcome = match value {
                Some(Some(value)) => {
                    passes(&slot, Way::ToDevice(value.len())).await;
                    slot.device().write(uuid, &value, slot.now())
                }
                Some(None) => return reply(&out, &id, Err(err("refused", 0, "the value is no base64"))),
                None => {
                    let outcome = slot.device().read(uuid);
                    if let Outcome::Value(value) = &outcome {
                        passes(&slot, Way::FromDevice(value.len())).await;
                    }
                    outcome
                }
            };
            settle(&slot, &out, &id, outcome);
            slot.notify();
        });
    }
}

/// Waits as long as that value is on its way.
async fn passes(slot: &Slot, way: Way) {
    let time = {
        let device = slot.device();
        device.faults.on_its_way(way, device.mtu())
    };
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

fn settle(slot: &Slot, out: &mpsc::UnboundedSender<Value>, id: &Value, outcome: Outcome) {
    match outcome {
        Outcome::Silence => {}
        Outcome::Value(value) if value.is_empty() => reply(out, id, Ok(json!({ "value": "" }))),
        Outcome::Value(value) => reply(out, id, Ok(json!({ "value": STANDARD.encode(value) }))),
        Outcome::Att(code) => reply(out, id, Err(att(slot, code))),
        Outcome::AttThenGone(code) => {
            reply(out, id, Err(att(slot, code)));
            slot.link_ended();
        }
        Outcome::Gone => {
            reply(out, id, Err(err("gone", 0, "the link is gone")));
            slot.link_ended();
        }
    }
}

fn att(slot: &Slot, code: u8) -> Value {
    let (kind, code) = slot.device().faults.told(code);
    err(kind, code, "ATT error")
}

fn reply(out: &mpsc::UnboundedSender<Value>, id: &Value, answer: Answer) {
    let _ = out.send(match answer {
        Ok(ok) => json!({ "id": id, "ok": ok }),
        Err(err) => json!({ "id": id, "err": err }),
    });
}

/// Ends a link that this connection holds.
fn hang_up(slot: &Slot, link: u64, out: &mpsc::UnboundedSender<Value>) {
    let mut holder = slot.holder();
    if holder.as_ref().is_some_and(|holder| holder.link == link && holder.events.same_channel(out)) {
        *holder = None;
        slot.device().disconnect();
    }
}

/// What a device sends into the air, if it does.
pub(crate) fn advert(slot: &Slot) -> Option<Value> {
    let mut device = slot.device();
    if !device.advertises(slot.now()) {
        return None;
    }
    let (service, data) = match device.spec().kind {
        Kind::Improv => (IMPROV, json!([[improv::SERVICE_DATA, STANDARD.encode(device.improv.service_data())]])),
        _ => (SERVICE, json!([])),
    };
    let near = -40 - i32::from(device.factory().mac[5] % 40);
    let drawn = near + device.rng.random_range(-3..=3);
    let rssi = device.faults.rssi.unwrap_or(drawn);
    Some(json!({
        "event": "advert",
        "address": device.radio_address(),
        "name": device.spec().name(),
        "rssi": rssi,
        "services": [service.to_string()],
        "manufacturer": [],
        "service_data": data,
    }))
}

/// The bytes of a base64 text.
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

fn subscribe(slot: &Slot, request: &Value) -> Value {
    slot.device().subscribe(uuid(request));
    json!({})
}

fn uuid(request: &Value) -> Uuid {
    request["uuid"].as_str().and_then(|text| Uuid::parse_str(text).ok()).unwrap_or_default()
}

/// The characteristics of a device.
pub(crate) fn discover(slot: &Slot) -> Value {
    let device = slot.device();
    let names = !device.faults.no_names;
    if device.spec().kind == Kind::Improv {
        return improv::characteristics(device.improv.make()).into_iter().map(|(uuid, may)| json!({ "uuid": uuid, "name": null, "properties": may })).collect();
    }
    Endpoint::ALL
        .into_iter()
        .filter(|endpoint| device.has(*endpoint))
        .map(|endpoint| json!({ "uuid": endpoint.uuid().to_string(), "name": names.then(|| endpoint.name()), "properties": ["read", "write"] }))
        .collect()
}
