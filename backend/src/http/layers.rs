//! What surrounds every request: its id, its span, its limits, and an answer even when it panics.

use std::{any::Any, net::{IpAddr, SocketAddr}, time::{Duration, Instant}};

use axum::{
    body::Body,
    extract::{ConnectInfo, FromRequestParts, MatchedPath, Request, State},
    http::{HeaderValue, Method, StatusCode, header::CONTENT_LENGTH, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body_util::LengthLimitError;
use ipnet::IpNet;
use tracing::Instrument as _;

use super::{ApiError, AppState};

/// Bodies are at most this large; they are read whole before a scope is opened, so that a slow
/// sender never holds a tenant's writer.
pub const BODY_BYTES: usize = 1024 * 1024;
/// A request that has no answer after this long gets `timeout`. Streams begin to answer at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// The id of a request: in its answer, its log lines and its audit entries.
#[derive(Debug, Clone)]
pub struct RequestId(std::sync::Arc<str>);

impl RequestId {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id that the layer gave this request.
    #[must_use]
    pub fn of(parts: &Parts) -> Self {
        parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self("none".into()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts))
    }
}

/// Where the request comes from; `None` when the server is called without a socket (tests).
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub Option<IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().copied().unwrap_or(Self(None)))
    }
}

impl ClientAddress {
    /// The other end of the socket; behind a proxy of ours, whom it says it speaks for. Each proxy
    /// adds the address it saw on the right, so what stands left of the first stranger is hearsay.
    fn of(request: &Request, proxies: &[IpNet]) -> Self {
        let ours = |address: &IpAddr| proxies.iter().any(|net| net.contains(address));
        let Some(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical()) else { return Self(None) };
        let mut address = peer;
        let said: Vec<&str> = request.headers().get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')).collect();
        for hop in said.into_iter().rev() {
            let Some(hop) = ours(&address).then(|| hop_address(hop.trim())).flatten() else { break };
            address = hop;
        }
        Self(Some(address))
    }
}

/// `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]`, and each with a port.
fn hop_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// Names the request, opens its span, bounds it, logs it once.
pub async fn surround(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = RequestId(state.chance.uuid_v7(state.now()).simple().to_string().into());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!(
        "request", request.id = %id.as_str(), method = %request.method(), route = %route,
        tenant.id = tracing::field::Empty, actor.id = tracing::field::Empty
    );
    let address = ClientAddress::of(&request, &state.settings.trusted_proxies);
    request.extensions_mut().insert(address);
    request.extensions_mut().insert(id.clone());
    let method = known(request.method());
    let mut response = async {
        let response = match tokio::time::timeout(PATIENCE, bounded(request, next)).await {
            Ok(response) => response,
            Err(_) => ApiError::timeout().into_response(),
        };
        let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(status = response.status().as_u16(), duration_ms, "answered");
        response
    }
    .instrument(span)
    .await;
    let labels = [("method", method.to_owned()), ("route", route), ("status", response.status().as_u16().to_string())];
    metrics::histogram!("omniot_request_seconds", &labels).record(began.elapsed().as_secs_f64());
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// The method as a label: what clients invent must not become a series each.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        _ => "other",
    }
}

async fn bounded(request: Request, next: Next) -> Response {
    // The character NUL is no text that both engines can store, wherever it goes.
    if request.uri().query().is_some_and(|query| query.contains("%00")) {
        return ApiError::invalid_query("The query holds the character NUL.").into_response();
    }
    if request.uri().path().contains("%00") {
        return ApiError::not_found().into_response();
    }
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > BODY_BYTES as u64) {
        return ApiError::too_large().into_response();
    }
    let (parts, body) = request.into_parts();
    match axum::body::to_bytes(body, BODY_BYTES).await {
        Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(error) if std::error::Error::source(&error).is_some_and(|cause| cause.is::<LengthLimitError>()) => ApiError::too_large().into_response(),
        // The client went away, or spoke HTTP badly.
        Err(_) => ApiError::new(StatusCode::BAD_REQUEST, "bad_request", "The body could not be read.").into_response(),
    }
}

/// The answer when a handler panicked.
pub fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let text = cause.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| cause.downcast_ref::<String>().cloned());
    ApiError::internal(&text.unwrap_or_else(|| "a panic".to_owned())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, said: &[&str], proxies: &[&str]) -> String {
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().expect("an address"), 1)));
        for value in said {
            request.headers_mut().append("x-forwarded-for", HeaderValue::from_str(value).expect("a value"));
        }
        let proxies: Vec<IpNet> = proxies.iter().map(|net| net.parse().expect("a network")).collect();
        ClientAddress::of(&request, &proxies).0.map(|address| address.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_client_is_whom_the_last_stranger_in_the_chain_of_proxies_is() {
        let ours = ["10.0.0.0/8", "fd00::/8"];
        for (peer, said, address) in [
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["6.6.6.6", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            ("::ffff:10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("fd00::1", &["2001:db8::7"], "2001:db8::7"),
            ("fd00::1", &["[2001:db8::7]"], "2001:db8::7"),
            ("10.0.0.1", &["198.51.100.1, nonsense"], "10.0.0.1"),
            ("10.0.0.1", &["10.0.0.3"], "10.0.0.3"),
            ("10.0.0.1", &[], "10.0.0.1"),
        ] {
            assert_eq!(seen(peer, said, &ours), address, "{peer} says {said:?}");
        }
        assert_eq!(seen("10.0.0.1", &["198.51.100.1"], &[]), "10.0.0.1", "nobody is trusted unasked");
    }
}
