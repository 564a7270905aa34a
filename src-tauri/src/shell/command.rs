//! The one command of the page.
//!
//! Deliberately not here: any other command; see `capabilities/main.json`.

use omniot_app::Reply;
use serde_json::{Value, json};
use tauri::State;

use super::{core::Core, links::Waiting};

/// `request(method, path, body)`: the core's door, and the one path that belongs to the shell.
#[tauri::command]
pub async fn request(core: State<'_, Core>, links: State<'_, Waiting>, method: String, path: String, body: Option<Value>) -> Result<Reply, ()> {
    if (method.as_str(), path.as_str()) == ("POST", "/app/link/take") {
        return Ok(Reply::ok(json!({"url": links.take()})));
    }
    Ok(core.request(&method, &path, body).await)
}
