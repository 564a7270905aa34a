//! Paths, query strings and bodies of the door, refused in the words of the server.
//!
//! Deliberately not here: what a path means (the door's rooms).

use std::{collections::HashMap, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Url;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::Reply;

/// A request's path in parts, and its query.
///
/// What is routed by is what is sent on: the page's own spelling goes no further than [`Path::read`].
#[derive(Debug, Clone)]
pub struct Path {
    bare: String,
    raw_query: Option<String>,
    parts: Vec<String>,
    query: Query,
}

impl Path {
    /// Reads `/v1/devices?limit=10`; `None` when it is no path.
    ///
    /// Refused is also what readers of addresses disagree about: a backslash, white space and control
    /// characters, a fragment, and two slashes at the beginning, behind which a host would stand.
    #[must_use]
    pub fn read(path: &str) -> Option<Self> {
        let is_strange = |c: char| c == '\\' || c == '#' || c.is_whitespace() || c.is_control();
        if !path.starts_with('/') || path.starts_with("//") || path.contains(is_strange) {
            return None;
        }
        let base = Url::parse("http://app.invalid").ok()?;
        let url = base.join(path).ok().filter(|url| url.origin() == base.origin() && url.username().is_empty() && url.password().is_none())?;
        let parts = url.path_segments()?.filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        Some(Self { bare: url.path().to_owned(), raw_query: url.query().map(str::to_owned), parts, query: Query(query) })
    }

    /// The path without its query, dots resolved.
    #[must_use]
    pub fn bare(&self) -> &str {
        &self.bare
    }

    /// The query as it stands behind the question mark; empty when there is none.
    #[must_use]
    pub fn raw_query(&self) -> &str {
        self.raw_query.as_deref().unwrap_or_default()
    }

    /// Path and query, as a server is asked for them.
    #[must_use]
    pub fn whole(&self) -> String {
        self.raw_query.as_ref().map_or_else(|| self.bare.clone(), |query| format!("{}?{query}", self.bare))
    }

    /// Its parts, e.g. `["v1", "devices"]`.
    #[must_use]
    pub fn parts(&self) -> Vec<&str> {
        self.parts.iter().map(String::as_str).collect()
    }

    /// Path and query, the query without `name`.
    #[must_use]
    pub fn without(&self, name: &str) -> String {
        let bare = &self.bare;
        let mut kept: Vec<_> = self.query.0.iter().filter(|(known, _)| *known != name).collect();
        kept.sort();
        let query = Url::parse_with_params("http://app.invalid", kept).ok().and_then(|url| url.query().map(str::to_owned));
        query.filter(|query| !query.is_empty()).map_or_else(|| bare.clone(), |query| format!("{bare}?{query}"))
    }

    /// Its query.
    #[must_use]
    pub const fn query(&self) -> &Query {
        &self.query
    }
}

/// A query string.
#[derive(Debug, Clone)]
pub struct Query(HashMap<String, String>);

impl Query {
    /// That nothing else is asked for than these names.
    ///
    /// # Errors
    /// `invalid_query`.
    pub fn knows(&self, names: &[&str]) -> Result<(), Reply> {
        match self.0.keys().find(|name| !names.contains(&name.as_str())) {
            Some(unknown) => Err(Reply::error(400, "invalid_query", &format!("there is no parameter {unknown} here"))),
            None => Ok(()),
        }
    }

    /// The value of `name`.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    /// The value of `name` as what it should be.
    ///
    /// # Errors
    /// `invalid_query`.
    pub fn value<T: FromStr>(&self, name: &str) -> Result<Option<T>, Reply> {
        let invalid = || Reply::error(400, "invalid_query", &format!("{name} cannot be read"));
        self.text(name).map(|value| value.parse().map_err(|_| invalid())).transpose()
    }

    /// The value of `name` as one of the words of the wire.
    ///
    /// # Errors
    /// `invalid_query`.
    pub fn word<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Reply> {
        let invalid = |_| Reply::error(400, "invalid_query", &format!("{name} cannot be read"));
        self.text(name).map(|value| serde_json::from_value(Value::String(value)).map_err(invalid)).transpose()
    }

    /// How many items a page holds.
    ///
    /// # Errors
    /// `invalid_query`.
    pub fn limit(&self) -> Result<u32, Reply> {
        match self.value("limit")?.unwrap_or(50) {
            limit @ 1..=200 => Ok(limit),
            _ => Err(Reply::error(400, "invalid_query", "limit is 1 to 200")),
        }
    }

    /// The key after which the page begins.
    ///
    /// # Errors
    /// `invalid_cursor`.
    pub fn cursor<K: DeserializeOwned>(&self) -> Result<Option<K>, Reply> {
        let Some(cursor) = self.text("cursor") else { return Ok(None) };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
        let key = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        key.map(Some).ok_or_else(|| Reply::error(400, "invalid_cursor", "this cursor was not made by this list"))
    }
}

/// A page out of at most `limit + 1` items; `key` is what the next query compares with.
pub fn page<T: Serialize, K: Serialize>(mut items: Vec<T>, limit: u32, key: impl FnOnce(&T) -> K) -> Reply {
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(json!(key(last)).to_string()));
    Reply::ok(json!({"items": items, "next": next}))
}

/// Reads a body as what it should be.
///
/// # Errors
/// `unknown_field` or `invalid_field`, naming the field, as the server does.
pub fn body<T: DeserializeOwned>(body: Option<&Value>) -> Result<T, Reply> {
    let body = body.unwrap_or(&Value::Null);
    serde_path_to_error::deserialize(body).map_err(|error| refuse(&error))
}

fn refuse(error: &serde_path_to_error::Error<serde_json::Error>) -> Reply {
    let detail = error.inner().to_string();
    let path = Some(error.path().to_string()).filter(|path| path != ".");
    // "unknown field `x`, expected …" and "missing field `x`" speak of a member of the object at `path`.
    let member = ["unknown field `", "missing field `", "duplicate field `"].iter().find_map(|start| detail.strip_prefix(start)?.split('`').next());
    let field = match (path, member) {
        (Some(path), Some(member)) if path != member && !path.ends_with(&format!(".{member}")) => format!("{path}.{member}"),
        (None, Some(member)) => member.to_owned(),
        (path, _) => path.unwrap_or_else(|| "body".to_owned()),
    };
    let code = if detail.starts_with("unknown field") { "unknown_field" } else { "invalid_field" };
    Reply::invalid(code, &field, &detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_apart_and_nothing_leads_elsewhere() {
        let path = Path::read("/v1/devices/dev_1?q=M%C3%BCll+1&limit=3&state=").unwrap();
        assert_eq!(path.parts(), ["v1", "devices", "dev_1"]);
        assert_eq!(path.query().text("q").unwrap(), "Müll 1");
        assert_eq!(path.query().limit().unwrap(), 3);
        assert!(path.query().word::<omniot_shared::entities::DeviceState>("state").is_err(), "an empty word is none of the words");
        assert!(path.query().knows(&["q", "limit"]).is_err() && path.query().knows(&["q", "limit", "state"]).is_ok());
        assert_eq!(Path::read("/v1/../app/host").unwrap().parts(), ["app", "host"]);
        assert!(Path::read("https://elsewhere.example/v1").is_none());
        assert!(Path::read("//elsewhere.example/v1").is_none());
    }

    #[test]
    fn nothing_that_could_lengthen_a_host_is_a_path() {
        for text in [
            ".attacker.example/../v1/me2",
            "@attacker.example/../v1/me2",
            ":80@attacker.example/../v1/me2",
            "v1/me",
            "",
            "?x",
            "/\\attacker.example/v1/me",
            "\\\\attacker.example/v1/me",
            "/\t/attacker.example/v1/me",
            "\t/v1/me",
            " /v1/me",
            "/\n/attacker.example/v1/me",
            "///attacker.example/v1/me",
            "/v1/me#fragment",
        ] {
            assert!(Path::read(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn what_is_sent_on_is_what_was_routed_by() {
        for (text, sent) in [("/x/../v1/me2?a=b", "/v1/me2?a=b"), ("/x/%2e%2e/v1/me2", "/v1/me2"), ("/@attacker.example/../v1/me2", "/v1/me2"), ("/v1/people?", "/v1/people?")] {
            assert_eq!(Path::read(text).unwrap().whole(), sent);
        }
        assert_eq!(Path::read("/v1/tenant-card?name=a&server=https%3A%2F%2Fb.example").unwrap().without("server"), "/v1/tenant-card?name=a");
    }

    #[test]
    fn limits_and_cursors_that_no_list_made_are_refused() {
        for (query, code) in [("limit=0", "invalid_query"), ("limit=201", "invalid_query"), ("limit=x", "invalid_query")] {
            let path = Path::read(&format!("/v1/sites?{query}")).unwrap();
            assert_eq!(path.query().limit().unwrap_err().code(), Some(code), "{query}");
        }
        let path = Path::read("/v1/sites?cursor=%3Chtml%3E").unwrap();
        assert_eq!(path.query().cursor::<(String, String)>().unwrap_err().code(), Some("invalid_cursor"));
    }

    #[test]
    fn a_cursor_leads_to_what_follows_and_the_last_page_has_none() {
        let reply = page(vec![1, 2, 3], 2, |last| ("key", *last));
        let next = reply.body["next"].as_str().unwrap();
        let path = Path::read(&format!("/v1/sites?cursor={next}")).unwrap();
        assert_eq!(path.query().cursor::<(String, i32)>().unwrap(), Some(("key".to_owned(), 2)));
        assert_eq!(page(vec![1, 2], 2, |last| *last).body["next"], Value::Null);
    }
}
