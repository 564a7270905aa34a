//! Deep links `omniot://…`: registered with the system, handed to the page.
//!
//! The link that started the app comes before the page listens, so it waits for
//! `POST /app/link/take`; later ones are events. Deliberately not here: what a link means.

use std::sync::{Mutex, PoisonError};

use omniot_app::Event;
use tauri::{AppHandle, Manager};
use tauri_plugin_deep_link::DeepLinkExt;

use super::{core, window};

/// The link that the app was started with, until the page takes it.
#[derive(Default)]
pub struct Waiting(Mutex<Option<String>>);

impl Waiting {
    /// The waiting link, once.
    pub fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, url: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(url);
    }
}

/// Starts listening. Registers the scheme where an installer did not do it.
pub fn listen(app: &AppHandle) {
    let links = app.deep_link();
    if let Ok(Some(urls)) = links.get_current()
        && let Some(url) = urls.into_iter().find(|url| url.scheme() == "omniot")
    {
        app.state::<Waiting>().put(url.into());
    }
    let handle = app.clone();
    links.on_open_url(move |event| {
        window::show(&handle);
        for url in event.urls().into_iter().filter(|url| url.scheme() == "omniot") {
            core::tell(&handle, &Event::Link { url: url.into() });
        }
    });
    #[cfg(any(target_os = "linux", windows))]
    if let Err(why) = links.register_all() {
        tracing::warn!("links omniot:// will not open this app: {why}");
    }
}
