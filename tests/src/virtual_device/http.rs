//! A second carrier: HTTP as firmware in SoftAP mode speaks it, so that a foreign client can provision
//! a virtual device. Each endpoint is a path; the bytes are the same as over the radio.
//!
//! One device, one address, one session: it is named by the cookie of the first answer, or by the
//! connection where a client sends none; whoever names another begins a new one in its place, as
//! protocomm's server does. Names of headers are written as the firmware writes them (`Set-Cookie`):
//! Espressif's reference client reads them so.
//!
//! Deliberately not here: Improv (it has no HTTP), and what a device answers.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Extension, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{net::TcpListener, sync::mpsc};

use super::{
    advert::Endpoint,
    device::Outcome,
    fleet::{Fleet, Holder, Slot},
    spec::Kind,
};

/// The longest request, as in the firmware.
const BODY_LIMIT: usize = 4096;
/// Links of this carrier are numbered from here, apart from those of the radio.
const FIRST_LINK: u64 = 1 << 40;

/// The session of a device: its number, and the connection on which it began.
#[derive(Clone, Copy)]
struct Session {
    number: u64,
    connection: u64,
}

/// Which connection a request came on.
#[derive(Clone, Copy)]
struct Connection(u64);

/// One device's server.
#[derive(Clone)]
struct Server {
    slot: Arc<Slot>,
    session: Arc<Mutex<Session>>,
}

/// Serves each device that speaks protocomm at an address of its own, from `first` on; with port 0 at
/// free ones. Gives serial and address of each.
///
/// # Errors
/// When an address is taken.
pub async fn serve(fleet: &Fleet, first: SocketAddr) -> io::Result<Vec<(String, SocketAddr)>> {
    let mut served = Vec::new();
    for slot in &fleet.slots {
        let (serial, kind) = {
            let device = slot.device();
            (device.spec().serial.clone(), device.spec().kind)
        };
        if kind == Kind::Improv {
            continue;
        }
        let nth = u16::try_from(served.len()).map_err(io::Error::other)?;
        let port = if first.port() == 0 { 0 } else { first.port().checked_add(nth).ok_or_else(|| io::Error::other("there are not so many ports"))? };
        let listener = TcpListener::bind((first.ip(), port)).await?;
        served.push((serial, listener.local_addr()?));
        let server = Server { slot: Arc::clone(slot), session: Arc::new(Mutex::new(Session { number: FIRST_LINK, connection: 0 })) };
        let routes = Router::new().route("/{endpoint}", post(answer)).layer(DefaultBodyLimit::max(BODY_LIMIT)).with_state(server);
        tokio::spawn(listen(listener, routes));
    }
    Ok(served)
}

async fn listen(listener: TcpListener, routes: Router) {
    for connection in 1.. {
        let Ok((stream, _)) = listener.accept().await else { return };
        let service = TowerToHyperService::new(routes.clone().layer(Extension(Connection(connection))));
        let serving = http1::Builder::new().title_case_headers(true).serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            let _ = serving.await;
        });
    }
}

async fn answer(State(server): State<Server>, Extension(Connection(connection)): Extension<Connection>, Path(name): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let has = |endpoint: &Endpoint| server.slot.device().has(*endpoint);
    let Some(endpoint) = Endpoint::ALL.into_iter().find(|endpoint| endpoint.name() == name).filter(has) else { return StatusCode::NOT_FOUND.into_response() };
    if body.is_empty() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let Some(session) = server.session(cookie(&headers), connection) else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let delay = server.slot.device().faults.delay_ms;
    tokio::time::sleep(Duration::from_millis(delay)).await;
    let written = server.slot.device().write(endpoint.uuid(), &body, server.slot.now());
    let reply = match written {
        Outcome::Value(_) => server.slot.device().read(endpoint.uuid()),
        refused => refused,
    };
    match reply {
        Outcome::Value(value) => ([(header::SET_COOKIE, format!("session={session}"))], value).into_response(),
        Outcome::Silence => std::future::pending().await,
        Outcome::Att(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Outcome::AttThenGone(_) | Outcome::Gone => {
            server.slot.link_ended();
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The session that a client names.
fn cookie(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(header::COOKIE)?.to_str().ok()?;
    text.split(';').find_map(|pair| pair.trim().strip_prefix("session=")?.parse().ok())
}

impl Server {
    /// The session of a request; a new one when the client does not name the present one. `None`: the
    /// device is taken by the radio, or is not to be provisioned.
    fn session(&self, named: Option<u64>, connection: u64) -> Option<u64> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let mut holder = self.slot.holder();
        let ours = holder.as_ref().is_some_and(|holder| holder.link == session.number);
        let same = named.map_or(session.connection == connection, |named| named == session.number);
        if ours && same && self.slot.device().linked() {
            return Some(session.number);
        }
        if holder.is_some() && !ours {
            return None;
        }
        *holder = None;
        let mut device = self.slot.device();
        device.disconnect();
        if !device.connect_over_http(self.slot.now()) {
            return None;
        }
        *session = Session { number: session.number + 1, connection };
        // Nobody listens for events here.
        let (events, _) = mpsc::unbounded_channel();
        *holder = Some(Holder { link: session.number, events });
        Some(session.number)
    }
}
