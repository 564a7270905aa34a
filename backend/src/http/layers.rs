//! What surrounds every request: its id, its span, its limits, and an answer even when it panics.

use std::{any::Any, net::{IpAddr, SocketAddr}, time::{Duration, Instant}};

use axum::{
    body::Body,
    extract::{ConnectInfo, FromRequestParts, MatchedPath, Request, State},
    http::{HeaderValue, Method, header::CONTENT_LENGTH, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
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
        Ok(Self(parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip())))
    }
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
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > BODY_BYTES as u64) {
        return ApiError::too_large().into_response();
    }
    let (parts, body) = request.into_parts();
    match axum::body::to_bytes(body, BODY_BYTES).await {
        Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(_) => ApiError::too_large().into_response(),
    }
}

/// The answer when a handler panicked.
pub fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let text = cause.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| cause.downcast_ref::<String>().cloned());
    ApiError::internal(&text.unwrap_or_else(|| "a panic".to_owned())).into_response()
}
