//! Who acts on the API, and what they are answered.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::Server;

/// Somebody who makes requests: a person, the platform operator, a device or nobody.
#[derive(Debug, Clone)]
pub struct Actor {
    client: reqwest::Client,
    origin: String,
    token: Option<String>,
}

impl Actor {
    /// Without a token.
    #[must_use]
    pub fn anonymous(origin: &str) -> Self {
        Self { client: reqwest::Client::new(), origin: origin.to_owned(), token: None }
    }

    /// The same with that token, whatever it is worth.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same at another server of the platform.
    #[must_use]
    pub fn at(&self, server: &Server) -> Self {
        Self { origin: server.origin(), ..self.clone() }
    }

    /// Signs in at `path` and keeps the token.
    pub async fn signed_in(origin: &str, path: &str, body: &Value) -> Self {
        let nobody = Self::anonymous(origin);
        let answer = nobody.post(path, body.clone()).await.succeeded();
        let token = answer["token"].as_str().unwrap_or_else(|| panic!("a sign-in of the app answers a token: {answer}"));
        nobody.with_token(token)
    }

    /// The token, if there is one.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// A request that is not sent yet, for odd headers and bodies.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.origin));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a JSON body (or none).
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let asked = format!("{method} {path}");
        self.try_send(method, path, body).await.unwrap_or_else(|why| panic!("{asked} got no answer, or not all of it: {why:?}"))
    }

    /// The same, where the server may die.
    ///
    /// # Errors
    /// When there is no answer, or not all of it.
    pub async fn try_send(&self, method: Method, path: &str, body: Option<Value>) -> reqwest::Result<Answer> {
        let asked = format!("{method} {path}");
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let status = response.status();
        let text = response.text().await?;
        Ok(Answer { asked, status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    /// PATCH.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// All items of a list, over all pages.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page = match &cursor {
                Some(cursor) => self.get(&format!("{path}{separator}limit=200&cursor={cursor}")).await,
                None => self.get(&format!("{path}{separator}limit=200")).await,
            };
            let page = page.succeeded();
            items.extend(page["items"].as_array().unwrap_or_else(|| panic!("a list answers items: {page}")).iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return items,
            }
        }
    }
}

/// What a request was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    asked: String,
    /// The status.
    pub status: StatusCode,
    /// The JSON body; a string when it was not JSON, empty when there was none.
    pub body: Value,
}

impl Answer {
    /// The body of a 2xx answer.
    ///
    /// # Panics
    /// On any other answer.
    #[track_caller]
    pub fn succeeded(self) -> Value {
        assert!(self.status.is_success(), "{} is answered {} {}", self.asked, self.status, self.body);
        self.body
    }

    /// Checks a refusal: status and code of the error envelope.
    ///
    /// # Panics
    /// On any other answer.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.code()), (status, Some(code)), "{} is answered {} {}", self.asked, self.status, self.body);
    }

    /// The code of an error.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.body.pointer("/error/code").and_then(Value::as_str)
    }
}

