//! The one command of the page.
//!
//! Deliberately not here: any other command; see `capabilities/main.json`.

use omniot_app::Reply;
use serde_json::{Value, json};
use tauri::{AppHandle, Manager};

use super::{closing::Closing, core::Core, links::Waiting, window};

/// `request(method, path, body)`: the core's door, and the paths that belong to the shell.
#[tauri::command]
pub async fn request(app: AppHandle, method: String, path: String, body: Option<Value>) -> Result<Reply, ()> {
    Ok(match (method.as_str(), path.as_str()) {
        ("POST", "/app/link/take") => Reply::ok(json!({"url": app.state::<Waiting>().take()})),
        ("POST", "/app/window/hold") => {
            app.state::<Closing>().hold();
            Reply::ok(Value::Null)
        }
        ("POST", "/app/window/close") => {
            window::close(&app);
            Reply::ok(Value::Null)
        }
        _ => app.state::<Core>().request(&method, &path, body).await,
    })
}
