//! A tenant with devices, and handsets that work in it.

use std::time::Duration;

use omniot_app::{App as Core, Config, Event, RadioChoice};
use omniot_backend::testing::{Actor, App, Tenant};
use omniot_shared::{ids::{ClientId, SiteId}, roles::Role};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use uuid::Uuid;

const PASSWORD: &str = "seven green kettles";
/// Between two looks at whether something has happened.
const GLANCE: Duration = Duration::from_micros(500);

/// What a tenant has many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Their ids follow from their serial numbers, and come in no order.
    Devices,
    /// Their ids are UUIDv7, as those of everything else.
    Sites,
}

impl Kind {
    /// Its name, of many.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::Sites => "sites",
        }
    }

    fn change(self, n: usize, model: &str, site: &str) -> Value {
        match self {
            Self::Devices => json!({"kind": "device.create", "body": {
                "serial": format!("OM-{:08X}", n * 7919), "name": format!("Temperature sensor {n}, hall {}", n % 40), "model_id": model, "site_id": site}}),
            Self::Sites => json!({"kind": "site.create", "body": {
                "id": SiteId(Uuid::now_v7()), "name": format!("Substation {n}, line {}", n % 40), "address": format!("Ringstraße {n}, 1010 Wien"), "time_zone": "Europe/Vienna", "note": null}}),
        }
    }
}

/// A tenant, its owner who can sign in with a password, and so many devices at one site.
pub struct Stock {
    /// The tenant.
    pub tenant: Tenant,
    /// Who makes and sees everything.
    pub owner: Actor,
}

impl Stock {
    /// Makes it, with so many devices.
    pub async fn of(app: &App, name: &str, devices: usize) -> Self {
        Self::with(app, name, Kind::Devices, devices).await
    }

    /// Makes it, with so many of a kind.
    pub async fn with(app: &App, name: &str, kind: Kind, count: usize) -> Self {
        let tenant = app.tenant(name).await;
        let owner = tenant.person(Role::Owner).await;
        let hash = app.state.passwords.hash(PASSWORD).await.expect("a hash");
        let mut scope = tenant.db_write().await;
        scope.query("update person set password_hash = $3 where tenant_id = $1 and id = $2").bind(owner.id).bind(hash).execute().await.expect("a password");
        scope.commit().await.expect("a commit");
        let id = |answer: Value| answer["id"].as_str().expect("an id").to_owned();
        let site = id(owner.post("/v1/sites", json!({"name": "Hall 1", "time_zone": "Europe/Vienna"})).await.expect(201));
        let model = id(owner.post("/v1/models", json!({"name": "Sensor", "sku": "OM-SENSE-1", "min_security": "sec2_patch1"})).await.expect(201));
        let client = ClientId(Uuid::now_v7());
        for (batch, first) in (0..count).step_by(500).enumerate() {
            let intents: Vec<Value> = (first..count.min(first + 500)).map(|n| {
                json!({"client_id": client, "n": n + 1, "id": format!("int_{}", Uuid::now_v7().simple()), "at": 0, "base": null, "change": kind.change(n, &model, &site)})
            }).collect();
            let reply = owner.post("/v1/sync/push", json!({"schema": 1, "client_id": client, "now": 0, "intents": intents})).await.expect(200);
            assert_eq!(reply["receipts"].as_array().map(Vec::len), Some(intents.len()), "batch {batch}");
        }
        Self { tenant, owner }
    }

    /// Everything there is, as it travels to a new replica.
    pub async fn pull(&self) -> Vec<u8> {
        let body = json!({"schema": 1, "client_id": ClientId(Uuid::now_v7()), "epoch": 0, "cursors": []});
        self.owner.post("/v1/sync/pull", body).await.bytes
    }

    /// A new handset, not signed in.
    pub async fn handset(&self) -> Handset {
        self.handset_near(RadioChoice::None).await
    }

    /// The same, with a radio.
    pub async fn handset_near(&self, radio: RadioChoice) -> Handset {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config { radio, ..Config::new(folder.path()) };
        Handset { core: Core::open(config).await.expect("the app opens"), _folder: folder }
    }

    /// Signs the owner in there.
    pub async fn sign_in(&self, handset: &Handset, server: &str) {
        let account = json!({"server": server, "tenant": self.tenant.name, "email": self.owner.email, "password": PASSWORD});
        handset.ask("POST", "/app/accounts", account).await;
    }
}

/// The app's core on a folder of its own.
pub struct Handset {
    core: Core,
    _folder: TempDir,
}

impl Handset {
    /// Asks its one door; the body of a good answer.
    pub async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let reply = self.core.request(method, path, (!body.is_null()).then_some(body)).await;
        assert!(reply.status < 300, "{method} {path}: {} {}", reply.status, reply.body);
        reply.body
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Value {
        self.ask("GET", path, Value::Null).await
    }

    /// Waits until an answer is as wished.
    pub async fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) {
        for _ in 0..120_000 {
            if is_so(&self.get(path).await) {
                return;
            }
            tokio::time::sleep(GLANCE).await;
        }
        panic!("{path} was never as wished: {}", self.get(path).await);
    }

    /// What the app tells from now on.
    pub fn events(&self) -> Receiver<Event> {
        self.core.events()
    }

    /// Waits as a page does: it looks again when the app tells of other devices.
    pub async fn until_told(&self, path: &str, is_so: impl Fn(&Value) -> bool) {
        let mut events = self.events();
        while !is_so(&self.get(path).await) {
            while !matches!(events.recv().await, Ok(Event::Data { entity: "device" }) | Err(RecvError::Lagged(_))) {}
        }
    }

    /// Waits until everything is here and nothing waits to be sent.
    pub async fn synced(&self) {
        self.until("/app/sync", |sync| sync["state"] == "synced" && sync["pending"] == 0).await;
    }

    /// Closes it.
    pub async fn close(self) {
        self.core.close().await;
    }
}
