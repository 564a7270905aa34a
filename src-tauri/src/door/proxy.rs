//! What only the server can answer, passed on as it comes.
//!
//! Deliberately not here: what can be answered without a network (`reads`, `writes`).

use reqwest::Method;
use serde_json::Value;

use super::Reply;
use crate::{
    accounts::Account,
    transport::{Origin, Server, Trouble},
};

/// Operations that need no account, with the method they take.
const PUBLIC: [(&str, &str); 5] = [
    ("GET", "/v1/tenant-card"),
    ("POST", "/v1/password-resets"),
    ("POST", "/v1/password-resets/complete"),
    ("POST", "/v1/invitations/lookup"),
    ("POST", "/v1/invitations/accept"),
];

/// Whether nobody has to be signed in for it.
#[must_use]
pub fn is_public(method: &str, bare: &str) -> bool {
    PUBLIC.contains(&(method, bare))
}

/// Asks a server in nobody's name.
pub async fn ask(origin: &str, version: &str, method: Method, path: &str, body: Option<&Value>) -> Result<Reply, Reply> {
    let origin = Origin::read(origin).map_err(|error| Reply::invalid("invalid_field", "server", &error.to_string()))?;
    let answer = async { Server::at(&origin, version)?.call(method, path, body).await };
    let answer = answer.await.map_err(|trouble| trouble.reply())?;
    Ok(Reply { status: answer.status, body: answer.body })
}

/// Fetches a file of at most so many bytes from the account's server, in the account's name.
pub async fn file_as(account: &Account, path: &str, most: usize) -> Result<Vec<u8>, Reply> {
    let server = account.server().map_err(|trouble| trouble.reply())?;
    server.file(path, most).await.map_err(|trouble| {
        if trouble == Trouble::NeedsSignIn {
            account.session_ended(&server);
        }
        trouble.reply()
    })
}

/// Asks the account's server in the account's name.
pub async fn ask_as(account: &Account, method: Method, path: &str, body: Option<&Value>) -> Result<Reply, Reply> {
    let server = account.server().map_err(|trouble| trouble.reply())?;
    let answer = server.call(method, path, body).await.map_err(|trouble| trouble.reply())?;
    if !answer.is_success() {
        match Trouble::of_answer(&answer) {
            Trouble::NeedsSignIn => {
                account.session_ended(&server);
            }
            trouble @ Trouble::Suspended => account.status.trouble(&trouble),
            _ => {}
        }
    }
    Ok(Reply { status: answer.status, body: answer.body })
}
