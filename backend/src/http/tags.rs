//! Entity tags: whether a client has already what it asks for.

use axum::http::{HeaderMap, HeaderName, header};

/// Whether `If-None-Match` names this tag (`"…"` or `W/"…"`), or any.
#[must_use]
pub fn is_known(asked: &HeaderMap, tag: &str) -> bool {
    names(asked, &header::IF_NONE_MATCH, tag)
}

/// Whether what is asked for goes on from something with this tag, or from nothing in particular (`If-Range`).
#[must_use]
pub fn still_stands(asked: &HeaderMap, tag: &str) -> bool {
    !asked.contains_key(header::IF_RANGE) || names(asked, &header::IF_RANGE, tag)
}

fn names(asked: &HeaderMap, header: &HeaderName, tag: &str) -> bool {
    let named = asked.get_all(header).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
    named.map(str::trim).any(|named| named == "*" || named.trim_start_matches("W/") == tag.trim_start_matches("W/"))
}
