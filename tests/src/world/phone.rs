//! The app without a window, in a process of its own that can be killed: the real client core
//! behind its one door, reached over lines of JSON.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::Mutex,
};

use super::{Fleet, Tenant, World, binary, eventually};

/// What the app's door answers.
#[derive(Debug, Clone, Deserialize)]
pub struct Reply {
    /// As HTTP.
    pub status: u16,
    /// JSON; `null` when there is none.
    pub body: Value,
    #[serde(skip)]
    asked: String,
}

impl Reply {
    /// The body of a 2xx answer.
    ///
    /// # Panics
    /// On any other answer.
    #[track_caller]
    pub fn succeeded(self) -> Value {
        assert!((200..300).contains(&self.status), "the app answers {} with {} {}", self.asked, self.status, self.body);
        self.body
    }

    /// The code of an error.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.body.pointer("/error/code").and_then(Value::as_str)
    }
}

struct Pipes {
    child: Child,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

/// A technician's device.
pub struct Phone {
    data: PathBuf,
    server: String,
    radio: Option<String>,
    /// Where everything goes that it logs, when that is wanted.
    log: Option<PathBuf>,
    process: AtomicU32,
    pipes: Mutex<Option<Pipes>>,
}

impl Phone {
    /// A new phone whose way to the server is the world's network, within radio range of `fleet`.
    pub async fn new(world: &World, name: &str, fleet: Option<&Fleet>) -> Self {
        Self::with_way(world, name, &world.network.origin(), fleet).await
    }

    /// The same with a way of its own to the server, which is what it takes for the server.
    pub async fn with_way(world: &World, name: &str, server: &str, fleet: Option<&Fleet>) -> Self {
        Self::made(world, name, server, fleet, None).await
    }

    /// One that logs all it can say, and how it crashes, into that file.
    pub async fn talkative(world: &World, name: &str, server: &str, fleet: &Fleet, log: PathBuf) -> Self {
        Self::made(world, name, server, Some(fleet), Some(log)).await
    }

    async fn made(world: &World, name: &str, server: &str, fleet: Option<&Fleet>, log: Option<PathBuf>) -> Self {
        let phone = Self {
            data: world.folder().join(name),
            server: server.to_owned(),
            radio: fleet.map(Fleet::address),
            log,
            process: AtomicU32::new(0),
            pipes: Mutex::new(None),
        };
        phone.start().await;
        phone
    }

    /// Where it keeps its data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.data
    }

    /// Starts the app; after [`Self::kill`] on the same data.
    pub async fn start(&self) {
        let mut command = Command::new(binary("omniot-app-under-test"));
        command.env("OMNIOT_APP_DATA", &self.data).env("OMNIOT_SERVER", &self.server).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        if let Some(radio) = &self.radio {
            command.env("OMNIOT_VIRTUAL_RADIO", radio);
        }
        if let Some(log) = &self.log {
            let file = std::fs::File::options().create(true).append(true).open(log).expect("a log file");
            command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full").stderr(file);
        }
        let mut child = command.spawn().expect("the app starts");
        let questions = child.stdin.take().expect("stdin is piped");
        let answers = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        self.process.store(child.id().expect("it runs"), Ordering::SeqCst);
        *self.pipes.lock().await = Some(Pipes { child, questions, answers });
    }

    /// `kill -9`.
    pub async fn kill(&self) {
        if let Some(mut pipes) = self.pipes.lock().await.take() {
            pipes.child.kill().await.expect("a process of ours can be killed");
        }
    }

    /// Sends a signal (`STOP`, `CONT`, `KILL`), also in the middle of a request; after `KILL` start it again.
    pub async fn signal(&self, name: &str) {
        super::signal(self.process.load(Ordering::SeqCst), name).await;
    }

    /// The app's one door.
    pub async fn request(&self, method: &str, path: &str, body: Value) -> Reply {
        self.try_request(method, path, body).await.unwrap_or_else(|| panic!("the app ended at {method} {path}"))
    }

    /// The same; `None` when the app does not run, or ends before it has answered.
    pub async fn try_request(&self, method: &str, path: &str, body: Value) -> Option<Reply> {
        let mut pipes = self.pipes.lock().await;
        let pipes = pipes.as_mut()?;
        let question = json!({"method": method, "path": path, "body": body});
        pipes.questions.write_all(format!("{question}\n").as_bytes()).await.ok()?;
        let answer = tokio::time::timeout(Duration::from_secs(60), pipes.answers.next_line()).await;
        let answer = answer.unwrap_or_else(|_| panic!("the app answers {method} {path} within a minute")).expect("the app writes text")?;
        match serde_json::from_str::<Reply>(&answer) {
            Ok(reply) => Some(Reply { asked: format!("{method} {path}"), ..reply }),
            // Half a line is the last that a killed app says.
            Err(why) if why.is_eof() => None,
            Err(why) => panic!("{method} {path}: {why}: {answer}"),
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        self.request("GET", path, Value::Null).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.request("POST", path, body).await
    }

    /// Signs the person of that role in.
    pub async fn sign_in(&self, tenant: Tenant<'_>, role: &str) -> Value {
        let who = tenant.signin(role);
        let body = json!({"server": self.server, "tenant": tenant.name(), "email": who.email, "password": who.password});
        self.post("/app/accounts", body).await.succeeded()
    }

    /// Waits until everything is synchronized and nothing is pending.
    pub async fn synced(&self) -> Value {
        eventually("the app is synchronized and nothing is pending", || async {
            let state = self.get("/app/sync").await.succeeded();
            (state["state"] == "synced" && state["pending"] == 0).then_some(state)
        })
        .await
    }

    /// All items of a list.
    pub async fn items(&self, path: &str) -> Vec<Value> {
        let list = self.get(path).await.succeeded();
        list["items"].as_array().unwrap_or_else(|| panic!("{path} answers items: {list}")).clone()
    }
}
