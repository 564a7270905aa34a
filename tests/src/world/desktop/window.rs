//! The app's window over WebDriver (W3C), as thin as it goes.
//!
//! Fields are found by their `name`, everything else by what a person reads.

use std::{fs, future::Future, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    super::{Child, binary, eventually, free_port},
    machine::Machine,
};

/// The key under which WebDriver hands out elements (W3C WebDriver §11).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Finds what can be pressed by the name a person or a screen reader has for it.
const PRESSABLE: &str = r"
    const shown = (e) => e.getClientRects().length > 0 && !e.disabled;
    const name = (e) => (e.getAttribute('aria-label') ?? e.innerText ?? '').trim().replace(/\s+/g, ' ');
    const all = [...document.querySelectorAll('button, a, summary, [role=button], [role=menuitem], [role=option], [role=tab], label')].filter(shown);
    return all.find((e) => name(e) === arguments[0]) ?? all.find((e) => name(e).startsWith(arguments[0])) ?? null;";

const FIELD: &str = "return [...document.querySelectorAll(`[name=\"${arguments[0]}\"]`)].find((e) => e.getClientRects().length > 0 && !e.disabled) ?? null;";

/// What stands in that field.
const WRITTEN: &str = "return [...document.querySelectorAll(`[name=\"${arguments[0]}\"]`)].find((e) => e.getClientRects().length > 0 && !e.disabled)?.value ?? null;";

/// The running app.
pub struct Window {
    client: reqwest::Client,
    session: String,
    data: String,
    driver: Child,
}

/// A thing in the window.
struct Element<'w> {
    window: &'w Window,
    id: String,
}

impl Window {
    pub(super) async fn open(machine: &Machine, settings: &[(&'static str, String)]) -> Self {
        let port = free_port();
        let mut command = machine.command("WebKitWebDriver");
        command.arg(format!("--port={port}")).envs(settings.iter().map(|(name, value)| (*name, value)));
        command.env("TAURI_AUTOMATION", "true").env("TAURI_WEBVIEW_AUTOMATION", "true").env("WEBKIT_DISABLE_COMPOSITING_MODE", "1");
        let mut driver = Child::start("window", machine.folder(), command);
        let client = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().expect("a client");
        let origin = format!("http://127.0.0.1:{port}");
        eventually("the WebDriver answers", || {
            driver.assert_alive();
            let ask = client.get(format!("{origin}/status")).send();
            async move { ask.await.ok().map(drop) }
        })
        .await;
        let wanted = json!({"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": {"binary": binary("omniot-app"), "args": []}}}});
        let answer: Value = client.post(format!("{origin}/session")).json(&wanted).send().await.expect("the WebDriver answers").json().await.expect("JSON");
        let id = answer.pointer("/value/sessionId").and_then(Value::as_str).unwrap_or_else(|| panic!("no window: {answer}\n{}", driver.log()));
        let data = settings.iter().find(|(name, _)| *name == "OMNIOT_APP_DATA").map(|(_, value)| value.clone()).unwrap_or_default();
        Self { client, session: format!("{origin}/session/{id}"), data, driver }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Value> {
        let mut request = self.client.request(method, format!("{}{path}", self.session));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer: Value = request.send().await.map_err(|why| json!(why.to_string()))?.json().await.map_err(|why| json!(why.to_string()))?;
        if answer.pointer("/value/error").is_some() { Err(answer["value"].clone()) } else { Ok(answer["value"].clone()) }
    }

    /// The value of a script's `return`.
    pub async fn script(&self, script: &str, arguments: Value) -> Value {
        let body = json!({"script": script, "args": arguments});
        self.ask(Method::POST, "/execute/sync", Some(body)).await.unwrap_or_else(|why| panic!("the page's script failed: {why}"))
    }

    async fn find(&self, script: &str, argument: &str) -> Option<Element<'_>> {
        let found = self.ask(Method::POST, "/execute/sync", Some(json!({"script": script, "args": [argument]}))).await.ok()?;
        Some(Element { window: self, id: found.get(ELEMENT)?.as_str()?.to_owned() })
    }

    /// All text that can be read now.
    pub async fn text(&self) -> String {
        let text = self.ask(Method::POST, "/execute/sync", Some(json!({"script": "return document.body.innerText", "args": []}))).await;
        text.ok().and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Waits until `wanted` can be read.
    pub async fn reads(&self, wanted: &str) {
        self.reads_within(Duration::from_secs(30), wanted).await;
    }

    /// [`Self::reads`] with another deadline.
    pub async fn reads_within(&self, longest: Duration, wanted: &str) {
        self.until(longest, &format!("the window says {wanted:?}"), || async { self.text().await.contains(wanted).then_some(()) }).await;
    }

    /// [`eventually_within`] that says what could be read instead.
    pub async fn until<T, F: Future<Output = Option<T>>>(&self, longest: Duration, what: &str, mut ask: impl FnMut() -> F) -> T {
        let deadline = tokio::time::Instant::now() + longest;
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            assert!(tokio::time::Instant::now() < deadline, "within {longest:?} it did not come true: {what}; the window says:\n{}", self.text().await);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Whether something of that name can be pressed now.
    pub async fn offers(&self, name: &str) -> bool {
        self.find(PRESSABLE, name).await.is_some()
    }

    /// Presses the button or link of that name, waiting until it is there.
    pub async fn press(&self, name: &str) {
        self.until(Duration::from_secs(30), &format!("{name:?} can be pressed"), || async {
            let element = self.find(PRESSABLE, name).await?;
            element.click().await.ok()
        })
        .await;
    }

    /// Presses what the CSS selector finds, waiting until it is there. For places where a name alone is not enough.
    pub async fn press_at(&self, selector: &str) {
        self.until(Duration::from_secs(30), &format!("{selector} can be pressed"), || async {
            let script = "return [...document.querySelectorAll(arguments[0])].find((e) => e.getClientRects().length > 0 && !e.disabled) ?? null;";
            self.find(script, selector).await?.click().await.ok()
        })
        .await;
    }

    /// An attribute of what the CSS selector finds.
    pub async fn attribute(&self, selector: &str, attribute: &str) -> Option<String> {
        let script = "return document.querySelector(arguments[0])?.getAttribute(arguments[1]) ?? null;";
        let found = self.ask(Method::POST, "/execute/sync", Some(json!({"script": script, "args": [selector, attribute]}))).await.ok()?;
        found.as_str().map(str::to_owned)
    }

    /// The app's door, asked as the page asks it; `None` unless it answers 200.
    pub async fn door(&self, method: &str, path: &str) -> Option<Value> {
        let script = "const done = arguments[2]; window.__TAURI_INTERNALS__.invoke('request', {method: arguments[0], path: arguments[1], body: null}).then(done, (why) => done({status: 0, body: String(why)}));";
        let answer = self.ask(Method::POST, "/execute/async", Some(json!({"script": script, "args": [method, path]}))).await.ok()?;
        (answer["status"] == 200).then(|| answer["body"].clone())
    }

    /// Fills the field of that `name`, waiting until it is there.
    pub async fn fill(&self, name: &str, text: &str) {
        self.until(Duration::from_secs(30), &format!("the field {name:?} can be filled"), || async {
            let field = self.find(FIELD, name).await?;
            field.clear().await.ok()?;
            field.write(text).await.ok()?;
            // On a busy machine the driver loses keys now and then; a person would see that and type again.
            (self.script(WRITTEN, json!([name])).await == text).then_some(())
        })
        .await;
    }

    /// Chooses in the list of that `name` the entry that begins with `entry`.
    pub async fn choose(&self, name: &str, entry: &str) {
        self.until(Duration::from_secs(30), &format!("{name:?} offers {entry:?}"), || async {
            let script = "const list = document.querySelector(`select[name=\"${arguments[0]}\"]`); \
                const option = [...(list?.options ?? [])].find((o) => o.text.trim().startsWith(arguments[1])); \
                if (!option) return false; list.value = option.value; list.dispatchEvent(new Event('change', {bubbles: true})); return true;";
            let done = self.ask(Method::POST, "/execute/sync", Some(json!({"script": script, "args": [name, entry]}))).await.ok()?;
            (done == true).then_some(())
        })
        .await;
    }

    /// Goes to a path of the app's own page.
    pub async fn go(&self, path: &str) {
        let place = json!({"url": format!("tauri://localhost{path}")});
        self.ask(Method::POST, "/url", Some(place)).await.unwrap_or_else(|why| panic!("{path} does not open: {why}"));
    }

    /// The title of the page.
    pub async fn title(&self) -> String {
        self.ask(Method::GET, "/title", None).await.ok().and_then(|title| title.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// The app's processes: those with this desk's data folder in their environment, the driver aside.
    fn processes(&self) -> Vec<String> {
        let mark = format!("OMNIOT_APP_DATA={}", self.data);
        let app = binary("omniot-app");
        let running = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
        let ours = running.filter(|process| fs::read_link(process.join("exe")).is_ok_and(|exe| exe == app));
        let ours = ours.filter(|process| fs::read(process.join("environ")).is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes())));
        ours.filter_map(|process| Some(process.file_name()?.to_str()?.to_owned())).collect()
    }

    /// Presses what ends the app; the driver then may have no answer any more.
    pub async fn press_to_end(self, name: &str) {
        let element = self.until(Duration::from_secs(30), &format!("{name:?} can be pressed"), || self.find(PRESSABLE, name)).await;
        let _ = element.click().await;
        self.ended().await;
    }

    /// Waits until the app has ended by itself.
    pub async fn ended(mut self) {
        eventually("the app has ended", || async { self.processes().is_empty().then_some(()) }).await;
        self.driver.kill().await;
    }

    /// `kill -9` of the app, as when the machine loses power.
    pub async fn kill(mut self) {
        self.kill_app();
        self.driver.kill().await;
    }

    fn kill_app(&self) {
        for process in self.processes() {
            // std has no kill for processes it did not start.
            let _ = std::process::Command::new("kill").args(["-9", &process]).status();
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.kill_app();
    }
}

impl Element<'_> {
    async fn act(&self, what: &str, body: Value) -> Result<(), Value> {
        self.window.ask(Method::POST, &format!("/element/{}/{what}", self.id), Some(body)).await.map(drop)
    }

    async fn click(&self) -> Result<(), Value> {
        self.act("click", json!({})).await
    }

    async fn clear(&self) -> Result<(), Value> {
        self.act("clear", json!({})).await
    }

    async fn write(&self, text: &str) -> Result<(), Value> {
        self.act("value", json!({"text": text})).await
    }
}
