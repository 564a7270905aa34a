//! Somebody with the app, in this process.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use omniot_app::{App, Config, Reply};
use omniot_shared::time::{Clock, Millis, SystemClock};
use omniot_tests::world::{Tenant, eventually};
use serde_json::{Value, json};

/// A clock that is wrong by so many milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct WrongClock(pub i64);

impl Clock for WrongClock {
    fn now(&self) -> Millis {
        SystemClock.now().plus(self.0)
    }
}

/// The app of one person.
pub struct Person {
    app: App,
    folder: PathBuf,
    server: String,
}

impl Person {
    /// Opens the app on that folder.
    pub async fn with_app(folder: &Path, server: &str) -> Self {
        Self::with_clock(folder, server, WrongClock(0)).await
    }

    /// Opens the app with a clock that is wrong.
    pub async fn with_clock(folder: &Path, server: &str, clock: WrongClock) -> Self {
        Self::with_config(folder, server, |config| config.clock = Arc::new(clock)).await
    }

    /// Opens the app as its edge would have it.
    pub async fn with_config(folder: &Path, server: &str, edge: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(folder);
        edge(&mut config);
        let app = App::open(config).await.expect("the app opens");
        Self { app, folder: folder.to_owned(), server: server.to_owned() }
    }

    /// Signs in and waits until everything is there.
    pub async fn signed_in(folder: &Path, server: &str, tenant: Tenant<'_>, role: &str) -> Self {
        let person = Self::with_app(folder, server).await;
        person.sign_in(tenant, role).await;
        person.synced().await;
        person
    }

    /// Signs in.
    pub async fn sign_in(&self, tenant: Tenant<'_>, role: &str) -> Value {
        let who = tenant.signin(role);
        let body = json!({"server": self.server, "tenant": tenant.name(), "email": who.email, "password": who.password});
        succeeded(self.ask("POST", "/app/accounts", body).await)
    }

    /// What this app takes for its server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Closes the app.
    pub async fn close(self) {
        self.app.close().await;
    }

    /// Closes the app and opens it again.
    pub async fn reopens(self) -> Self {
        self.app.close().await;
        Self::with_app(&self.folder, &self.server).await
    }

    /// The one door.
    pub async fn ask(&self, method: &str, path: &str, body: Value) -> Reply {
        self.app.request(method, path, (!body.is_null()).then_some(body)).await
    }

    /// GET that succeeds.
    pub async fn get(&self, path: &str) -> Value {
        succeeded(self.ask("GET", path, Value::Null).await)
    }

    /// All items of a list.
    pub async fn items(&self, path: &str) -> Vec<Value> {
        self.get(path).await["items"].as_array().expect("a list has items").clone()
    }

    /// Waits for a state of synchronization.
    pub async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || async { Some(self.get("/app/sync").await).filter(&is_so) }).await
    }

    /// Waits until nothing is pending and everything is here.
    pub async fn synced(&self) -> Value {
        self.until("the app is synchronized and nothing is pending", |sync| sync["state"] == "synced" && sync["pending"] == 0).await
    }

    /// Waits until the app knows that it has no network.
    pub async fn offline(&self) -> Value {
        self.until("the app knows that it is offline", |sync| sync["state"] == "offline").await
    }

    /// Tries again now rather than later.
    pub async fn sync_now(&self) {
        succeeded(self.ask("POST", "/app/sync/now", Value::Null).await);
    }
}

/// The body of a 2xx reply.
#[track_caller]
pub fn succeeded(reply: Reply) -> Value {
    assert!((200..300).contains(&reply.status), "{} {}", reply.status, reply.body);
    reply.body
}

/// An app's folder in a world.
pub fn folder(world: &omniot_tests::world::World, name: &str) -> PathBuf {
    world.folder().join(name)
}
