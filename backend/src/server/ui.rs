//! The built UI: files, the page for every address of the app, and the headers that guard it.

use std::path::{Path, PathBuf};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use tower::ServiceExt as _;
use tower_http::{
    compression::CompressionLayer,
    services::{ServeDir, ServeFile},
};

use crate::http::{AppState, surround};

/// Why the UI cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("the UI's folder {} holds no index.html: build it first (npm --prefix ui run build), or leave --ui-dir away", folder.display())]
pub struct UiError {
    folder: PathBuf,
}

#[derive(Clone)]
struct Ui {
    files: Router,
    policy: HeaderValue,
}

/// `/v1` stays the API; every other GET is a file of the UI, or its page, surrounded like the API's answers.
pub(super) fn around(api: Router, folder: &Path, state: AppState) -> Result<Router, UiError> {
    let index = folder.join("index.html");
    let page = std::fs::read_to_string(&index).map_err(|_| UiError { folder: folder.to_owned() })?;
    let files = ServeDir::new(folder).fallback(ServeFile::new(&index));
    let files = Router::new().fallback_service(files).layer(CompressionLayer::new()).layer(middleware::from_fn_with_state(state, surround));
    let ui = Ui { files, policy: policy(&page) };
    Ok(api.layer(middleware::from_fn_with_state(ui, choose)))
}

async fn choose(State(ui): State<Ui>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let api = path == "/v1" || path.starts_with("/v1/");
    if api || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let forever = path.starts_with("/_app/immutable/");
    let answer = ui.files.oneshot(request).await.unwrap_or_else(|never| match never {});
    let (mut parts, body) = answer.into_parts();
    // A missing hashed file must not be answered, and kept for a year, as the page.
    let page = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if forever && page {
        return axum::http::StatusCode::NOT_FOUND.into_response();
    }
    let keep = if forever { "public, max-age=31536000, immutable" } else { "no-cache" };
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    if page {
        parts.headers.insert(header::CONTENT_SECURITY_POLICY, ui.policy);
        parts.headers.insert("permissions-policy", HeaderValue::from_static(PERMISSIONS));
    }
    Response::from_parts(parts, Body::new(body))
}

/// Labels are scanned with the camera; nothing else of the machine is of use to a page.
const PERMISSIONS: &str = "camera=(self), geolocation=(), microphone=()";

/// Only what the page itself brings may run: its own files, and its inline scripts by their hash.
fn policy(page: &str) -> HeaderValue {
    let hashes: String = inline_scripts(page).map(|script| format!(" 'sha256-{}'", STANDARD.encode(Sha256::digest(script.as_bytes())))).collect();
    let policy = format!(
        "default-src 'self'; script-src 'self'{hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; \
         connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'self'"))
}

fn inline_scripts(page: &str) -> impl Iterator<Item = &str> {
    page.split("<script").skip(1).filter_map(|rest| {
        let (attributes, rest) = rest.split_once('>')?;
        let (script, _) = rest.split_once("</script>")?;
        (!attributes.contains("src=")).then_some(script)
    })
}

/// Headers for every answer; `tls` adds the promise to stay with it.
pub(super) fn guarded(router: Router, tls: bool) -> Router {
    router.layer(middleware::map_response(move |mut response: Response| {
        guard(response.headers_mut(), tls);
        std::future::ready(response)
    }))
}

fn guard(headers: &mut HeaderMap, tls: bool) {
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::CACHE_CONTROL, "no-store");
    if tls {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_the_inline_scripts_of_the_page_and_no_others() {
        let page = r#"<html><script src="/a.js"></script><script type="module">start()</script></html>"#;
        let policy = policy(page);
        let policy = policy.to_str().expect("text");
        let hash = STANDARD.encode(Sha256::digest(b"start()"));
        assert!(policy.contains(&format!("script-src 'self' 'sha256-{hash}';")), "{policy}");
        assert!(!policy.contains("script-src 'self' 'unsafe-inline'"), "{policy}");
    }
}
