//! Keyset pages: the cursor is the sort key of the last item shown, opaque to clients.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use super::ApiError;

/// One page of a list.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// In the list's order.
    pub items: Vec<T>,
    /// Pass it as `cursor` for what follows; `null` at the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// From at most `limit.rows()` rows (one more than asked for, to know whether there is more);
    /// `key` gives what the next query compares with.
    #[must_use]
    pub fn of<K: Serialize>(mut rows: Vec<T>, limit: Limit, key: impl FnOnce(&T) -> K) -> Self {
        let limit = usize::from(limit.0);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| Cursor::after(&key(last)).0);
        Self { items: rows, next }
    }

    /// The same page of other items.
    #[must_use]
    pub fn map<U>(self, to: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(to).collect(), next: self.next }
    }
}

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        axum::Json(self).into_response()
    }
}

/// How many items a page holds: 1–200, 50 when nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, utoipa::ToSchema)]
#[schema(value_type = u16, minimum = 1, maximum = 200, default = 50)]
pub struct Limit(u16);

impl Limit {
    /// No more than `most`, where each item costs a lot.
    #[must_use]
    pub fn at_most(self, most: u16) -> Self {
        Self(self.0.min(most))
    }

    /// What to bind to `limit $n`: one more than the page holds.
    #[must_use]
    pub fn rows(self) -> i64 {
        i64::from(self.0) + 1
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let wanted = u16::deserialize(d)?;
        if (1..=200).contains(&wanted) { Ok(Self(wanted)) } else { Err(serde::de::Error::custom("limit is 1 to 200")) }
    }
}

/// Where a page begins: after the item with this key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct Cursor(String);

impl Cursor {
    fn after(key: &impl Serialize) -> Self {
        Self(URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default()))
    }

    /// The key, e.g. `cursor.key::<(String, SiteId)>()?`.
    ///
    /// # Errors
    /// `invalid_cursor` for anything this server did not make for this list.
    pub fn key<K: DeserializeOwned>(&self) -> Result<K, ApiError> {
        let bytes = URL_SAFE_NO_PAD.decode(&self.0).ok();
        bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(|| ApiError::new(StatusCode::BAD_REQUEST, "invalid_cursor", "This cursor was not made by this list."))
    }
}
