//! Before the window closes, the page saves what somebody typed, or asks them.
//!
//! The page hears `close`, says that it is at it (`POST /app/window/hold`) and closes the window itself
//! (`POST /app/window/close`). A page that does not answer keeps nobody. Deliberately not here: what is unsaved.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use omniot_app::Event;
use tauri::{AppHandle, Manager};

use super::{core, window};

/// So long the page may take to say that it heard.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often the window was asked to close or the page has answered.
#[derive(Default)]
pub struct Closing(AtomicU64);

impl Closing {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The page is at it: the window stays until it says otherwise.
    pub fn hold(&self) {
        self.next();
    }
}

/// Somebody wants to close the window.
pub fn ask(app: &AppHandle) {
    let asked = app.state::<Closing>().next();
    core::tell(app, &Event::Close);
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        tokio::time::sleep(PATIENCE).await;
        if app.state::<Closing>().0.load(Ordering::Relaxed) == asked {
            tracing::warn!("the page does not answer; the window closes");
            window::close(&app);
        }
    });
}
