//! The socket: requests out, replies and events in.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    sync::{mpsc, oneshot, watch},
};
use uuid::Uuid;

use super::super::{Advert, RadioError};

/// The longest line that is read.
const LINE_LIMIT: u64 = 64 * 1024;
/// Adverts and notifications that nobody takes are dropped beyond this.
const BACKLOG: usize = 256;

type Answer = Result<Value, RadioError>;

/// One open connection.
pub(super) struct Wire {
    lines: mpsc::UnboundedSender<String>,
    next: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closed: bool,
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
    adverts: Option<mpsc::Sender<Advert>>,
    open_links: HashMap<u64, watch::Sender<bool>>,
    closed_links: HashSet<u64>,
    notifications: HashMap<(u64, Uuid), mpsc::Sender<Vec<u8>>>,
}

#[derive(Deserialize)]
struct Line {
    id: Option<u64>,
    ok: Option<Value>,
    err: Option<WireError>,
    event: Option<String>,
    link: Option<u64>,
    uuid: Option<Uuid>,
    value: Option<String>,
}

#[derive(Deserialize)]
struct WireError {
    kind: String,
    code: Option<u8>,
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct WireAdvert {
    address: String,
    name: Option<String>,
    rssi: Option<i32>,
    #[serde(default)]
    services: Vec<Uuid>,
    #[serde(default)]
    manufacturer: Vec<(u16, String)>,
    #[serde(default)]
    service_data: Vec<(Uuid, String)>,
}

/// The answer when the other side breaks the contract.
pub(super) fn unreadable() -> RadioError {
    RadioError::Other("the virtual radio's answer cannot be read".to_owned())
}

/// Bytes of a base64 text.
pub(super) fn bytes(text: &str) -> Result<Vec<u8>, RadioError> {
    STANDARD.decode(text).map_err(|_| unreadable())
}

impl Wire {
    /// Takes the connection over; two tasks live as long as it does.
    pub(super) fn over(stream: TcpStream) -> Arc<Self> {
        let (reading, mut writing) = stream.into_split();
        let (lines, mut queue) = mpsc::unbounded_channel::<String>();
        let wire = Arc::new(Self { lines, next: AtomicU64::new(1), state: Mutex::default() });
        tokio::spawn(async move {
            while let Some(line) = queue.recv().await {
                if writing.write_all(line.as_bytes()).await.is_err() {
                    break;
                }
            }
        });
        let reader = Arc::downgrade(&wire);
        tokio::spawn(async move {
            let mut reading = BufReader::new(reading);
            let mut line = Vec::new();
            loop {
                line.clear();
                match (&mut reading).take(LINE_LIMIT).read_until(b'\n', &mut line).await {
                    Ok(read) if read > 0 && line.ends_with(b"\n") => {}
                    _ => break,
                }
                let Some(wire) = reader.upgrade() else { return };
                wire.hear(&line);
            }
            if let Some(wire) = reader.upgrade() {
                wire.close();
            }
        });
        wire
    }

    pub(super) fn is_open(&self) -> bool {
        !self.state().closed
    }

    /// Sends a request and waits for its answer.
    pub(super) async fn ask(&self, request: Value) -> Answer {
        let (answer, waiting) = oneshot::channel();
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        {
            let mut state = self.state();
            if state.closed {
                return Err(RadioError::Gone);
            }
            state.waiting.insert(id, answer);
        }
        let _guard = Forget { wire: self, id };
        self.send(id, request);
        waiting.await.unwrap_or(Err(RadioError::Gone))
    }

    /// Sends a request whose answer nobody needs.
    pub(super) fn tell(&self, request: Value) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.send(id, request);
    }

    fn send(&self, id: u64, mut request: Value) {
        request["id"] = json!(id);
        let _ = self.lines.send(format!("{request}\n"));
    }

    pub(super) fn listen_to_adverts(&self) -> mpsc::Receiver<Advert> {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        self.state().adverts = Some(sender);
        receiver
    }

    pub(super) fn forget_adverts(&self) {
        self.state().adverts = None;
    }

    /// Becomes true when the link closes.
    pub(super) fn watch_link(&self, link: u64) -> watch::Receiver<bool> {
        let mut state = self.state();
        let over = state.closed || state.closed_links.contains(&link);
        let (sender, receiver) = watch::channel(over);
        if !over {
            state.open_links.insert(link, sender);
        }
        receiver
    }

    pub(super) fn listen_to(&self, link: u64, endpoint: Uuid) -> mpsc::Receiver<Vec<u8>> {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        self.state().notifications.insert((link, endpoint), sender);
        receiver
    }

    pub(super) fn forget_link(&self, link: u64) {
        let mut state = self.state();
        if let Some(open) = state.open_links.remove(&link) {
            open.send_replace(true);
        }
        state.notifications.retain(|(of, _), _| *of != link);
        state.closed_links.insert(link);
    }

    fn hear(&self, line: &[u8]) {
        let Ok(heard) = serde_json::from_slice::<Line>(line) else { return };
        match (heard.id, heard.event.as_deref()) {
            (Some(id), _) => self.answer(id, heard),
            (None, Some("advert")) => {
                if let (Some(advert), Some(adverts)) = (advert(line), self.state().adverts.as_ref()) {
                    let _ = adverts.try_send(advert);
                }
            }
            (None, Some("disconnected")) => heard.link.into_iter().for_each(|link| self.forget_link(link)),
            (None, Some("notify")) => {
                let of = heard.link.zip(heard.uuid);
                let value = heard.value.as_deref().and_then(|text| bytes(text).ok());
                if let (Some(of), Some(value)) = (of, value)
                    && let Some(listener) = self.state().notifications.get(&of)
                {
                    let _ = listener.try_send(value);
                }
            }
            _ => {}
        }
    }

    fn answer(&self, id: u64, heard: Line) {
        let answer = match (heard.ok, heard.err) {
            (_, Some(error)) => Err(error.into()),
            (Some(ok), None) => Ok(ok),
            (None, None) => Err(unreadable()),
        };
        let waiting = self.state().waiting.remove(&id);
        let link = answer.as_ref().ok().and_then(|ok| ok.get("link")).and_then(Value::as_u64);
        let taken = waiting.is_some_and(|waiting| waiting.send(answer).is_ok());
        if let (false, Some(link)) = (taken, link) {
            // Whoever asked for this link gave up: do not keep the device busy.
            self.tell(json!({"op": "disconnect", "link": link}));
        }
    }

    fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.waiting.clear();
        state.adverts = None;
        state.notifications.clear();
        for (_, open) in state.open_links.drain() {
            open.send_replace(true);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets a request whose asker gave up.
struct Forget<'a> {
    wire: &'a Wire,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.wire.state().waiting.remove(&self.id);
    }
}

fn advert(line: &[u8]) -> Option<Advert> {
    let heard: WireAdvert = serde_json::from_slice(line).ok()?;
    Some(Advert {
        address: heard.address,
        name: heard.name,
        rssi: heard.rssi,
        services: heard.services,
        manufacturer: heard.manufacturer.into_iter().filter_map(|(company, text)| Some((company, bytes(&text).ok()?))).collect(),
        service_data: heard.service_data.into_iter().filter_map(|(service, text)| Some((service, bytes(&text).ok()?))).collect(),
    })
}

impl From<WireError> for RadioError {
    fn from(error: WireError) -> Self {
        match error.kind.as_str() {
            "att" => Self::Att(error.code.unwrap_or(0x0e)),
            "gatt" => Self::Gatt(error.code.unwrap_or(133)),
            "hci" => Self::Hci(error.code.unwrap_or(0x3e)),
            "gone" => Self::Gone,
            "timeout" => Self::Timeout,
            "busy" => Self::Busy,
            _ => Self::Other(error.text),
        }
    }
}
