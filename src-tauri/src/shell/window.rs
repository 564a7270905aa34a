//! The one window.
//!
//! Deliberately not here: what it shows.

use tauri::{AppHandle, Manager, Url, WebviewUrl, WebviewWindowBuilder, WindowEvent, webview::NewWindowResponse};

use super::closing;

const LABEL: &str = "main";
const PRODUCT: &str = "OmnIoT";

/// Opens it. The page stays the app's own: it can neither leave nor open another window.
pub fn open(app: &AppHandle) -> tauri::Result<()> {
    let window = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default())
        .title(PRODUCT)
        .inner_size(1200.0, 820.0)
        .min_inner_size(360.0, 480.0)
        .on_navigation(is_own_page)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .build()?;
    let app = app.clone();
    window.on_window_event(move |event| {
        if let WindowEvent::CloseRequested { api, .. } = event {
            api.prevent_close();
            closing::ask(&app);
        }
    });
    Ok(())
}

/// Closes it, whatever stands in it; the app ends with it.
pub fn close(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(LABEL)
        && let Err(why) = window.destroy()
    {
        tracing::warn!("the window does not close: {why}");
    }
}

/// Brings it to the front.
pub fn show(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(LABEL)
        && let Err(why) = window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus())
    {
        tracing::warn!("the window stays behind: {why}");
    }
}

/// Names it after the active account's brand.
pub fn title(app: &AppHandle, brand: Option<&str>) {
    if let Some(window) = app.get_webview_window(LABEL) {
        let title = brand.map_or_else(|| PRODUCT.to_owned(), |brand| format!("{brand} · {PRODUCT}"));
        if let Err(why) = window.set_title(&title) {
            tracing::debug!("the title stays: {why}");
        }
    }
}

/// `tauri://localhost` on macOS and Linux, `http://tauri.localhost` on Windows and Android.
fn is_own_page(url: &Url) -> bool {
    matches!((url.scheme(), url.host_str()), ("tauri", Some("localhost")) | ("http" | "https", Some("tauri.localhost")))
}
