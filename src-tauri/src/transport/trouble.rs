//! What can stand between the app and its server, sorted by what to do about it.
//!
//! Deliberately not here: refusals of single intents (they are receipts, not trouble).

use std::time::Duration;

use crate::door::Reply;

/// Why a call did not give what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No answer of our server: keep everything, try again later.
    #[error("{0}")]
    Offline(Unreachable),
    /// The session ended: keep everything, ask the person to sign in again.
    #[error("the session has ended; sign in again to go on synchronizing")]
    NeedsSignIn,
    /// The tenant is suspended: keep everything, try again later.
    #[error("this organization is suspended")]
    Suspended,
    /// The server asks for a pause.
    #[error("the server asks for a pause")]
    Throttled(Option<Duration>),
    /// The server answered with an error.
    #[error("{detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The stable code.
        code: String,
        /// In plain words.
        detail: String,
    },
}

/// Why there is no answer of our server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// No network, no such name, nobody listening, a certificate that does not fit.
    #[error("the server cannot be reached")]
    NoConnection,
    /// Too slow.
    #[error("the server did not answer in time")]
    Timeout,
    /// The connection broke on the way there or back: what was asked may have arrived.
    #[error("the connection broke before the answer was whole")]
    Cut,
    /// What stands before the server says that the server does not answer.
    #[error("the server does not answer at the moment")]
    Gateway,
    /// Somebody else answered: a captive portal, a proxy, another program.
    #[error("something else than the server answered; perhaps this network wants a sign-in of its own")]
    SomebodyElse,
}

impl Trouble {
    /// Sorts a failure of the HTTP client.
    #[must_use]
    pub fn of_transport(error: &reqwest::Error) -> Self {
        Self::Offline(if error.is_timeout() {
            Unreachable::Timeout
        } else if error.is_connect() || error.is_builder() {
            Unreachable::NoConnection
        } else {
            Unreachable::Cut
        })
    }

    /// Sorts an error answer of our server.
    #[must_use]
    pub fn of_answer(answer: &super::Answer) -> Self {
        let text = |pointer| answer.body.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let code = text("/error/code");
        match (answer.status, code.as_str()) {
            // Another 401 is about what was asked, such as a wrong password, not about the session.
            (401, "not_signed_in") => Self::NeedsSignIn,
            (403, "tenant_suspended") => Self::Suspended,
            (429, _) | (503, _) => Self::Throttled(answer.retry_after),
            _ => Self::Refused { status: answer.status, code, detail: text("/error/detail") },
        }
    }

    /// Whether the network is to blame.
    #[must_use]
    pub const fn is_offline(&self) -> bool {
        matches!(self, Self::Offline(_))
    }

    /// As an answer of the door.
    #[must_use]
    pub fn reply(&self) -> Reply {
        let detail = self.to_string();
        match self {
            Self::Offline(_) => Reply::error(503, "offline", &format!("this needs a connection, and {detail}")),
            Self::NeedsSignIn => Reply::error(401, "not_signed_in", &detail),
            Self::Suspended => Reply::error(403, "tenant_suspended", &detail),
            Self::Throttled(_) => Reply::error(429, "throttled", &detail),
            Self::Refused { status, code, .. } => Reply::error(*status, code, &detail),
        }
    }
}
