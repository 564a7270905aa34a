//! The one envelope: `{"error":{"code","detail","field"?}}`.

use axum::{
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::db::DbError;

/// An answer that says no. Clients branch on `code` (docs/API.md lists them); `detail` is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The stable code.
    pub code: &'static str,
    /// One plain sentence.
    pub detail: String,
    /// Which field of the request is meant.
    pub field: Option<String>,
    /// Seconds to wait, for `throttled` and `timeout`.
    pub retry_after: Option<u64>,
}

/// How an error looks on the wire.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorFact,
}

/// What went wrong.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorFact {
    /// Stable; branch on this.
    #[schema(example = "not_found")]
    pub code: String,
    /// One plain sentence for people.
    pub detail: String,
    /// The field of the request that is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl ApiError {
    /// Any error.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), field: None, retry_after: None }
    }

    /// The same, naming a field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// 404: not there, or not visible to the caller.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is no such thing here.")
    }

    /// 401: no session, or one that is expired, forged or revoked.
    #[must_use]
    pub fn not_signed_in() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "not_signed_in", "Sign in first.")
    }

    /// 403: visible, but not for this person to do.
    #[must_use]
    pub fn not_allowed() -> Self {
        Self::new(StatusCode::FORBIDDEN, "not_allowed", "Your role does not allow this.")
    }

    /// 403: the whole tenant is suspended.
    #[must_use]
    pub fn tenant_suspended() -> Self {
        Self::new(StatusCode::FORBIDDEN, "tenant_suspended", "This organization is suspended.")
    }

    /// 422 about one field.
    #[must_use]
    pub fn invalid_field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", detail).field(field)
    }

    /// 409 with a code of its own.
    #[must_use]
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 400 about the query string.
    #[must_use]
    pub fn invalid_query(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_query", detail)
    }

    /// 413.
    #[must_use]
    pub fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The request is larger than the server accepts.")
    }

    /// 429; `retry_after` in seconds.
    #[must_use]
    pub fn throttled(retry_after: u64) -> Self {
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "throttled", "Too many tries; wait a moment.");
        Self { retry_after: Some(retry_after), ..error }
    }

    /// 503: the server did not get to it in time.
    #[must_use]
    pub fn timeout() -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "The server is busy; try again.");
        Self { retry_after: Some(1), ..error }
    }

    /// 503: the store cannot be written just now; logs `cause` here, once.
    #[must_use]
    pub fn not_ready(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(error = %cause, "the store cannot be written");
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "The server cannot store anything just now; nothing was changed.");
        Self { retry_after: Some(5), ..error }
    }

    /// 500: logs `cause` here, once; the client learns nothing of it.
    #[must_use]
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(error = %cause, "a request failed for an inner reason");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something broke on our side.")
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::NotFound => Self::not_found(),
            DbError::Unique { .. } => Self::conflict("already_exists", "There is one already."),
            DbError::Busy => Self::timeout(),
            DbError::Unwritable(_) | DbError::File { .. } => Self::not_ready(&error),
            other => Self::internal(&other),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let fact = ErrorFact { code: self.code.to_owned(), detail: self.detail, field: self.field };
        let mut response = (self.status, axum::Json(ErrorBody { error: fact })).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Lets a feature's error enum be returned from handlers: `respond!(SiteError)` next to an
/// `impl From<SiteError> for ApiError`.
#[macro_export]
macro_rules! respond {
    ($error:ty) => {
        impl axum::response::IntoResponse for $error {
            fn into_response(self) -> axum::response::Response {
                $crate::http::ApiError::from(self).into_response()
            }
        }
    };
}
