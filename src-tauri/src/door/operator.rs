//! The platform's operator in the app: a session of its own beside the accounts, without rows or outbox.
//!
//! The token stays in the vault, with the server it belongs to; the page sees who is signed in, never the token.
//! Deliberately not here: what operators may do (the server decides), and working without a network.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::Reply;
use crate::{
    store::StoreError,
    transport::{Answer, Origin, Server, Trouble},
    vault::Vault,
};

/// Under this name the vault keeps the session.
const NAME: &str = "operator";
/// How long signing out waits for the server to end the session.
const FAREWELL: Duration = Duration::from_secs(3);

/// A session as the vault keeps it.
#[derive(Serialize, Deserialize)]
struct Kept {
    server: Origin,
    token: String,
}

/// The operator's session, if there is one.
pub struct Operator {
    vault: Arc<Vault>,
    version: String,
    way: Mutex<Option<Server>>,
}

impl Operator {
    /// Takes up the session that the vault keeps.
    #[must_use]
    pub fn new(vault: Arc<Vault>, version: &str) -> Self {
        let way = vault.get(NAME).and_then(|kept| {
            let Kept { server, token } = serde_json::from_str(&kept).ok()?;
            Some(Server::at(&server, version).ok()?.signed_in(Zeroizing::new(token)))
        });
        Self { vault, version: version.to_owned(), way: Mutex::new(way) }
    }

    /// `POST /v1/operator/sessions`: signs in at that server. The answer carries no token.
    ///
    /// # Errors
    /// As a reply.
    pub async fn sign_in(&self, origin: &str, path: &str, body: Option<&Value>) -> Result<Reply, Reply> {
        let origin = Origin::read(origin).map_err(|error| Reply::invalid("invalid_field", "server", &error.to_string()))?;
        let server = Server::at(&origin, &self.version).map_err(|trouble| trouble.reply())?;
        let mut form = body.cloned().unwrap_or(Value::Null);
        if let Some(form) = form.as_object_mut() {
            // For the app the token comes in the body, not in a cookie.
            form.insert("client".to_owned(), json!("app"));
        }
        let Answer { status, mut body, .. } = server.call(Method::POST, path, Some(&form)).await.map_err(|trouble| trouble.reply())?;
        if (200..300).contains(&status) {
            let token = match body.get_mut("token").map(Value::take) {
                Some(Value::String(token)) => Zeroizing::new(token),
                _ => return Err(Reply::error(502, "unexpected_answer", "the server's answer to the sign-in has no token")),
            };
            self.keep(&server, token)?;
        }
        Ok(Reply { status, body })
    }

    /// Any other operation under `/v1/operator`, in the operator's name.
    ///
    /// # Errors
    /// 401 when no operator is signed in, otherwise as for a person.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Reply, Reply> {
        let server = self.way().clone().ok_or_else(|| Trouble::NeedsSignIn.reply())?;
        let answer = server.call(method, path, body).await.map_err(|trouble| trouble.reply())?;
        if !answer.is_success() && Trouble::of_answer(&answer) == Trouble::NeedsSignIn {
            self.forget(&server)?;
        }
        Ok(Reply { status: answer.status, body: answer.body })
    }

    /// `DELETE /v1/operator/sessions/current`: forgets the session, whether or not the server can be told.
    ///
    /// # Errors
    /// When it cannot be forgotten.
    pub async fn sign_out(&self) -> Result<Reply, Reply> {
        let server = self.way().clone().ok_or_else(|| Trouble::NeedsSignIn.reply())?;
        self.forget(&server)?;
        let goodbye = server.call(Method::DELETE, "/v1/operator/sessions/current", None);
        if !matches!(tokio::time::timeout(FAREWELL, goodbye).await, Ok(Ok(_))) {
            tracing::info!("the server was not told that the operator signed out; the session ends by itself");
        }
        Ok(Reply::done())
    }

    /// Forgets the session where an app is locked: whoever comes next is not the operator.
    pub fn lock(&self) {
        let way = self.way().clone();
        if let Some(Err(error)) = way.map(|way| self.forget(&way)) {
            tracing::warn!(body = %error.body, "the operator's session is still in the vault");
            *self.way() = None;
        }
    }

    fn keep(&self, server: &Server, token: Zeroizing<String>) -> Result<(), Reply> {
        let kept = Kept { server: server.origin().clone(), token: token.to_string() };
        let text = Zeroizing::new(serde_json::to_string(&kept).map_err(|error| StoreError::from(error).reply())?);
        self.vault.put(NAME, &text).map_err(|error| StoreError::from(error).reply())?;
        *self.way() = Some(server.signed_in(token));
        Ok(())
    }

    /// Forgets the session of `asked`, unless there is another one by now.
    fn forget(&self, asked: &Server) -> Result<(), Reply> {
        let mut way = self.way();
        if way.as_ref().is_some_and(|way| way.is_same_session(asked)) {
            self.vault.remove(NAME).map_err(|error| StoreError::from(error).reply())?;
            *way = None;
        }
        Ok(())
    }

    fn way(&self) -> MutexGuard<'_, Option<Server>> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
