//! An answer of the door, in the shape of the server's answers.
//!
//! Deliberately not here: how an answer is found (see the door's rooms).

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

/// What [`crate::App::request`] answers: an HTTP status and a JSON body (`null` when there is none).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reply {
    /// As HTTP: 200, 201, 204, 404, 503 …
    pub status: u16,
    /// JSON, `null` for 204.
    pub body: Value,
}

impl Reply {
    /// 200 with a body.
    pub fn ok(body: impl Serialize) -> Self {
        Self::with(200, body)
    }

    /// 201 with a body.
    pub fn created(body: impl Serialize) -> Self {
        Self::with(201, body)
    }

    /// 204, no body.
    #[must_use]
    pub const fn done() -> Self {
        Self { status: 204, body: Value::Null }
    }

    /// Any status with any body.
    pub fn with(status: u16, body: impl Serialize) -> Self {
        match serde_json::to_value(body) {
            Ok(body) => Self { status, body },
            Err(error) => Self::error(500, "internal", &format!("the answer could not be written as JSON: {error}")),
        }
    }

    /// The one envelope of errors; clients branch on `code`.
    #[must_use]
    pub fn error(status: u16, code: &str, detail: &str) -> Self {
        Self { status, body: json!({"error": {"code": code, "detail": detail}}) }
    }

    /// An error about one field: 422.
    #[must_use]
    pub fn invalid(code: &str, field: &str, detail: &str) -> Self {
        Self { status: 422, body: json!({"error": {"code": code, "detail": detail, "field": field}}) }
    }

    /// 429: not before so long.
    #[must_use]
    pub fn throttled(left: Duration, detail: &str) -> Self {
        let seconds = left.as_secs().saturating_add(1);
        Self { status: 429, body: json!({"error": {"code": "throttled", "detail": detail, "retry_after": seconds}}) }
    }

    /// 404 in the words of the server.
    #[must_use]
    pub fn not_found() -> Self {
        Self::error(404, "not_found", "there is no such thing here")
    }

    /// The code of an error answer.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.body.pointer("/error/code").and_then(Value::as_str)
    }
}
