//! The address of a server, as a person types it and as it is kept.
//!
//! Deliberately not here: finding servers (a tenant's domain, discovery).

use std::fmt;

use reqwest::Url;
use serde::{Deserialize, Serialize};

/// `https://host[:port]`, or `http://` to this machine only. Two spellings of one server are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(String);

/// Why a text is not the address of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrigin {
    /// Not a web address.
    #[error("this is not a server address; it looks like https://example.com")]
    Malformed,
    /// Plain HTTP over a network would show the password to everybody on the way.
    #[error("the address must begin with https://; plain http is for this machine only")]
    NotEncrypted,
}

impl Origin {
    /// Reads an address; without a scheme it is taken as `https://`.
    ///
    /// # Errors
    /// When it is none, carries a path or a password, or would not be encrypted.
    pub fn read(text: &str) -> Result<Self, InvalidOrigin> {
        let text = text.trim();
        let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("https://{text}")) };
        let url = url.map_err(|_| InvalidOrigin::Malformed)?;
        let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
        if !bare || url.path() != "/" || !url.has_host() {
            return Err(InvalidOrigin::Malformed);
        }
        match url.scheme() {
            "https" => Ok(()),
            "http" if is_loopback(&url) => Ok(()),
            "http" => Err(InvalidOrigin::NotEncrypted),
            _ => Err(InvalidOrigin::Malformed),
        }?;
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }

    /// The address, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The whole address of a path of this server; `None` for what leads elsewhere once it is read as an address.
    #[must_use]
    pub fn address_of(&self, path: &str) -> Option<Url> {
        if !path.starts_with('/') {
            return None;
        }
        let own = Url::parse(&self.0).ok()?;
        let url = Url::parse(&format!("{}{path}", self.0)).ok()?;
        let stays = url.origin() == own.origin() && url.username().is_empty() && url.password().is_none();
        stays.then_some(url)
    }

    /// Whether calls to it are encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.starts_with("https:")
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl TryFrom<String> for Origin {
    type Error = InvalidOrigin;
    fn try_from(text: String) -> Result<Self, InvalidOrigin> {
        Self::read(&text)
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
