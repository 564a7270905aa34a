//! The way to one server for one account: HTTPS with the account's bearer token.
//!
//! An answer counts as the server's only when it looks like it (`x-request-id`, and JSON or what was
//! asked for); everything else is "offline". No redirect is followed, so the token goes nowhere else.
//! Deliberately not here: when to try again in the long run (`sync/`), what answers mean.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use reqwest::{Client, Method, RequestBuilder, Response, header, redirect};
use serde_json::Value;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::chance;

pub mod metered;
mod origin;
#[cfg(test)]
mod tests;
mod trouble;

pub use origin::{InvalidOrigin, Origin};
pub use trouble::{Trouble, Unreachable};

/// How long a connection may take to stand.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one whole call may take that sends little.
const CALL: Duration = Duration::from_secs(30);
/// What is sent may go so slowly, bytes a second: what a phone still gets through at the edge of coverage.
const SLOWEST: u64 = 2_048;
/// A file holds up everything else for no longer.
const FILE: Duration = Duration::from_secs(120);
/// How long a stream may be silent: more than twice the server's heartbeat.
pub const SILENCE: Duration = Duration::from_secs(60);
/// More JSON than this in one answer is not our server's.
const LIMIT: usize = 16 * 1024 * 1024;
/// How often a reading call is repeated when the network failed.
const REPEATS: u32 = 2;

/// An answer that the server gave, whatever its status.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON, `null` for an empty body.
    pub body: Value,
    /// How long the server wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl Answer {
    /// Whether the status is 2xx.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }
}

/// Bytes of bodies that went each way.
#[derive(Debug, Default)]
pub struct Traffic {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

impl Traffic {
    /// Adds what came in.
    pub fn came_in(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes that came in and went out since the start.
    #[must_use]
    pub fn total(&self) -> (u64, u64) {
        (self.bytes_in.load(Ordering::Relaxed), self.bytes_out.load(Ordering::Relaxed))
    }
}

/// One server, seen by one account (or by nobody, before sign-in). Cheap to clone.
#[derive(Clone)]
pub struct Server {
    http: Client,
    origin: Origin,
    token: Option<Arc<Zeroizing<String>>>,
    traffic: Arc<Traffic>,
}

impl Server {
    /// The way to a server, not signed in.
    ///
    /// # Errors
    /// When the machine cannot do TLS at all (no trusted certificates installed).
    pub fn at(origin: &Origin, version: &str) -> Result<Self, Trouble> {
        let http = Client::builder()
            .user_agent(format!("omniot-app/{version}"))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT);
        // Plain HTTP to this machine needs no certificates, and they may be absent.
        let http = if origin.is_encrypted() { http } else { http.no_proxy().tls_certs_only([]) };
        let http = http.build().map_err(|error| Trouble::of_transport(&error))?;
        Ok(Self { http, origin: origin.clone(), token: None, traffic: Arc::default() })
    }

    /// The same way, signed in.
    #[must_use]
    pub fn signed_in(&self, token: Zeroizing<String>) -> Self {
        Self { token: Some(Arc::new(token)), ..self.clone() }
    }

    /// Where it stands.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What went over this way so far.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// One call with JSON in and out. Reading calls are repeated when the network fails.
    ///
    /// # Errors
    /// Only [`Trouble::Offline`]: each answer of the server, errors too, is an [`Answer`].
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Trouble> {
        let mut tries = 0;
        loop {
            match self.call_once(method.clone(), path, body).await {
                Err(Trouble::Offline(Unreachable::NoConnection | Unreachable::Cut)) if method == Method::GET && tries < REPEATS => {
                    tokio::time::sleep(chance::backoff(100, 800, tries)).await;
                    tries += 1;
                }
                settled => return settled,
            }
        }
    }

    /// One call that must succeed.
    ///
    /// # Errors
    /// [`Trouble`] of any kind; an answer without the expected shape is somebody else's.
    pub async fn fetch<T: serde::de::DeserializeOwned>(&self, method: Method, path: &str, body: Option<&Value>) -> Result<T, Trouble> {
        let answer = self.call(method, path, body).await?;
        if !answer.is_success() {
            return Err(Trouble::of_answer(&answer));
        }
        serde_json::from_value(answer.body).map_err(|_| Trouble::Offline(Unreachable::SomebodyElse))
    }

    /// Opens an answer that comes in parts, of the given content type.
    ///
    /// # Errors
    /// [`Trouble`] of any kind.
    pub async fn open(&self, request: RequestBuilder, content_type: &str) -> Result<Response, Trouble> {
        let response = timely(self.sign(request).send()).await?;
        if response.status().is_success() && is_ours(&response) && is_of_type(&response, content_type) {
            return Ok(response);
        }
        let answer = self.read(response).await?;
        if answer.is_success() {
            return Err(Trouble::Offline(Unreachable::SomebodyElse));
        }
        Err(Trouble::of_answer(&answer))
    }

    /// Fetches a file of at most so many bytes, whole.
    ///
    /// # Errors
    /// [`Trouble`] of any kind.
    pub async fn file(&self, path: &str, most: usize) -> Result<Vec<u8>, Trouble> {
        let request = self.request(Method::GET, path, None)?.timeout(longest(most).min(FILE));
        let mut response = timely(self.sign(request).send()).await?;
        if !response.status().is_success() || !is_ours(&response) {
            return Err(Trouble::of_answer(&self.read(response).await?));
        }
        let mut bytes = Vec::new();
        while let Some(part) = part(&mut response).await? {
            self.traffic.came_in(part.len());
            if bytes.len() + part.len() > most {
                return Err(Trouble::Offline(Unreachable::SomebodyElse));
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }

    /// The same way, in nobody's name.
    #[must_use]
    pub fn signed_out(&self) -> Self {
        Self { token: None, ..self.clone() }
    }

    /// Whether the other way is in the name of the same session.
    #[must_use]
    pub fn is_same_session(&self, other: &Self) -> bool {
        self.token.as_ref().map(|token| token.as_str()) == other.token.as_ref().map(|token| token.as_str())
    }

    /// A request to this server, to be sent with [`Self::open`]; counts what it sends.
    ///
    /// # Errors
    /// [`Trouble::Refused`] when `path` would lead to another server: the token goes to this one alone.
    pub fn request(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<RequestBuilder, Trouble> {
        let request = self.http.request(method, self.origin.address_of(path).ok_or_else(no_path)?);
        Ok(match body {
            None => request,
            Some(body) => {
                self.traffic.bytes_out.fetch_add(body.len() as u64, Ordering::Relaxed);
                request.header(header::CONTENT_TYPE, "application/json").body(body)
            }
        })
    }

    /// Sends a file, whole. The same again does no harm. It has arrived where the answer is 204 and names what arrived
    /// by this `tag`: anything on the way can say "fine" to what it did not pass on.
    ///
    /// # Errors
    /// [`Trouble`] of any kind.
    pub async fn put(&self, path: &str, media_type: &str, body: Vec<u8>, tag: &str) -> Result<(), Trouble> {
        self.traffic.bytes_out.fetch_add(body.len() as u64, Ordering::Relaxed);
        let longest = longest(body.len()).min(FILE);
        let request = self.request(Method::PUT, path, None)?.header(header::CONTENT_TYPE, media_type).body(body).timeout(longest);
        let response = self.sign(request).send().await.map_err(|error| Trouble::of_transport(&error))?;
        let is_named = response.headers().get(header::ETAG).is_some_and(|named| named == tag);
        let answer = self.read(response).await?;
        match answer.status {
            204 if is_named => Ok(()),
            200..300 => Err(Trouble::Offline(Unreachable::SomebodyElse)),
            _ => Err(Trouble::of_answer(&answer)),
        }
    }

    async fn call_once(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Trouble> {
        let body = body.map(|body| body.to_string().into_bytes());
        let longest = longest(body.as_ref().map_or(0, Vec::len));
        let request = self.request(method, path, body)?.timeout(longest);
        let response = self.sign(request).send().await.map_err(|error| Trouble::of_transport(&error))?;
        self.read(response).await
    }

    fn sign(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token.as_str()),
            None => request,
        }
    }

    async fn read(&self, mut response: Response) -> Result<Answer, Trouble> {
        if response.status().as_u16() == 413 && !is_ours(&response) {
            // Something on the way lets no more through; the same again would not get through either.
            return Err(Trouble::Refused { status: 413, code: "too_large".to_owned(), detail: "something on the way to the server takes no request of this size".to_owned() });
        }
        if !is_ours(&response) {
            let is_gateway = matches!(response.status().as_u16(), 502..=504);
            return Err(Trouble::Offline(if is_gateway { Unreachable::Gateway } else { Unreachable::SomebodyElse }));
        }
        let status = response.status().as_u16();
        let retry_after = retry_after(&response);
        let is_json = is_of_type(&response, "application/json");
        let mut bytes = Vec::new();
        while let Some(part) = part(&mut response).await? {
            self.traffic.came_in(part.len());
            if bytes.len() + part.len() > LIMIT {
                return Err(Trouble::Offline(Unreachable::SomebodyElse));
            }
            bytes.extend_from_slice(&part);
        }
        let body = match (bytes.is_empty(), is_json) {
            (true, _) => Value::Null,
            (false, true) => serde_json::from_slice(&bytes).map_err(|_| Trouble::Offline(Unreachable::SomebodyElse))?,
            (false, false) => return Err(Trouble::Offline(Unreachable::SomebodyElse)),
        };
        Ok(Answer { status, body, retry_after })
    }
}

/// The next bytes of an answer that comes in parts; `None` at its end.
///
/// # Errors
/// [`Trouble::Offline`], also after a long silence.
pub async fn part(response: &mut Response) -> Result<Option<Bytes>, Trouble> {
    timely(response.chunk()).await
}

/// What must come before the silence is too long.
async fn timely<T>(coming: impl Future<Output = reqwest::Result<T>>) -> Result<T, Trouble> {
    match timeout(SILENCE, coming).await {
        Ok(came) => came.map_err(|error| Trouble::of_transport(&error)),
        Err(_) => Err(Trouble::Offline(Unreachable::Timeout)),
    }
}

/// How long a call may take that sends so many bytes.
const fn longest(bytes: usize) -> Duration {
    CALL.saturating_add(Duration::from_secs(bytes as u64 / SLOWEST))
}

fn no_path() -> Trouble {
    Trouble::Refused { status: 404, code: "not_found".to_owned(), detail: "this is no path of the server".to_owned() }
}

/// Our server marks each answer with the request's id and never redirects.
fn is_ours(response: &Response) -> bool {
    response.headers().contains_key("x-request-id") && !response.status().is_redirection()
}

fn is_of_type(response: &Response, content_type: &str) -> bool {
    let stated = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    stated.split(';').next().is_some_and(|stated| stated.trim().eq_ignore_ascii_case(content_type))
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(u64::min(seconds, 3600)))
}
