//! Staff in Chromium, through Playwright: `tests/browser/staff.mjs` looks, this starts it.

use omniot_tests::world::{World, did_not_run};
use serde_json::json;
use tokio::process::Command;

/// The owner sees `online` devices online, the other tenant's owner sees none of them, the platform operator sees the count.
///
/// # Panics
/// When Playwright or Chromium is missing under `CI=true`, and when somebody sees something else.
pub async fn staff_look(world: &World, engine: &str, online: &[&str]) {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let playwright = std::path::Path::new(root).join("ui/node_modules/@playwright/test");
    if !playwright.is_dir() {
        did_not_run("in Chromium", "Playwright is missing (`npm --prefix ui ci` installs it)");
        return;
    }
    let who = |tenant: &str| json!({"tenant": tenant, "email": world.tenant(tenant).signin("owner").email, "password": world.tenant(tenant).signin("owner").password});
    let operator = &world.signins().operator;
    let story = json!({
        "origin": world.server.origin(),
        "online": online,
        "owner": who("northlift"),
        "stranger": who("verdant"),
        "operator": {"email": operator.email, "password": operator.password},
        "pictures": format!("{root}/tests/output/browser-{engine}"),
    });
    let output = Command::new("node").arg(format!("{root}/tests/browser/staff.mjs")).arg(story.to_string()).kill_on_drop(true).output().await.expect("node runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "staff in Chromium see something else:\n{said}");
}
