//! The core as the shell holds it: open, or the reason why it is not.
//!
//! Deliberately not here: what the core does.

use omniot_app::{App, Config, Event, Reply};
use serde_json::Value;
use tauri::{AppHandle, Emitter, Manager};
use tokio::sync::broadcast::error::RecvError;

use super::{CHANNEL, window};

/// The core, or why it could not be opened; then the page is told so on each request.
pub struct Core(Result<App, String>);

impl Core {
    /// Opens the core; a failure is kept for the page to show.
    pub async fn open(config: Config) -> Self {
        let app = App::open(config).await.map_err(|why| why.to_string());
        if let Err(why) = &app {
            tracing::error!("the app's data cannot be opened: {why}");
        }
        Self(app)
    }

    /// The app's one door.
    pub async fn request(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        match &self.0 {
            Ok(app) => app.request(method, path, body).await,
            Err(why) => Reply::error(503, "app_not_opened", why),
        }
    }

    /// Finishes what is being written and lets go of the data folder.
    pub async fn close(&self) {
        if let Ok(app) = &self.0 {
            app.close().await;
        }
    }

    /// The name of the active account's brand.
    async fn brand_name(&self) -> Option<String> {
        let accounts = self.request("GET", "/app/accounts", None).await.body;
        let active = accounts.get("items")?.as_array()?.iter().find(|account| account["active"] == true)?;
        active.pointer("/tenant/brand/name").and_then(Value::as_str).map(str::to_owned)
    }
}

/// Passes the core's events on to the page, and keeps the window's title that of the active brand.
pub fn forward_events(app: &AppHandle) {
    let Ok(core) = &app.state::<Core>().0 else { return };
    let mut events = core.events();
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        retitle(&app).await;
        loop {
            match events.recv().await {
                Ok(event) => {
                    if event == Event::Accounts {
                        retitle(&app).await;
                    }
                    tell(&app, &event);
                }
                // The page reads again what it shows, so the general events make up for those that were missed.
                Err(RecvError::Lagged(_)) => [Event::Accounts, Event::Sync, Event::Commission, Event::Nearby].iter().for_each(|event| tell(&app, event)),
                Err(RecvError::Closed) => return,
            }
        }
    });
}

/// Tells the page one event; a page that is gone misses nothing.
pub fn tell(app: &AppHandle, event: &Event) {
    if let Err(why) = app.emit(CHANNEL, event) {
        tracing::debug!("the page was not told: {why}");
    }
}

async fn retitle(app: &AppHandle) {
    window::title(app, app.state::<Core>().brand_name().await.as_deref());
}
