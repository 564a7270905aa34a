//! A bench: virtual devices behind the real socket or another carrier, the app's real engine, and
//! a desk that remembers over the engine's death.

use std::{sync::Arc, time::Duration};

use omniot_app::{
    RadioChoice, Reply,
    commissioning::{Commissioning, Settings, api, esp::level::Mode, flow::pace::Pace, radio},
    events::Events,
};
use omniot_shared::{entities::Security, ids::SiteId, time::SystemClock};
use omniot_tests::virtual_device::{
    carrier::{self, Control},
    fleet::{Fleet, FleetFile, Plan},
    spec::Spec,
    timing::Timing,
    wifi::Network,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::ledger::{Ledger, Office};

pub const SITE: SiteId = SiteId(Uuid::from_u128(7));
pub const SSID: &str = "Plant-Floor";
pub const PASSPHRASE: &str = "press-on-2026";

/// Everything on one table.
pub struct Bench {
    pub fleet: Arc<Fleet>,
    pub ledger: Arc<Ledger>,
    pub office: Arc<Office>,
    pub app: Arc<Commissioning>,
    pub pace: Pace,
    radio: RadioChoice,
    mode: Mode,
    _state: TempDir,
}

/// These devices, and the folder in which they keep what they keep.
pub fn fleet(devices: Vec<Spec>) -> (Arc<Fleet>, TempDir) {
    fleet_among(Vec::new(), devices, Timing::FAST)
}

fn fleet_among(networks: Vec<Network>, devices: Vec<Spec>, timing: Timing) -> (Arc<Fleet>, TempDir) {
    let state = tempfile::tempdir().unwrap();
    let file = FleetFile { networks, devices };
    let plan = Plan { file, seed: 1, state_dir: state.path().to_owned(), timing, fault_rate: 0 };
    (Arc::new(Fleet::build(plan).unwrap()), state)
}

/// Deadlines for tests; the order of their lengths is the real one.
pub fn quick() -> Pace {
    let ms = Duration::from_millis;
    Pace {
        find: ms(3000),
        find_other: ms(300),
        search: ms(20_000),
        connect: ms(1000),
        connect_again: vec![ms(20), ms(60), ms(150)],
        discover: ms(3000),
        exchange: ms(3000),
        claim: ms(6000),
        authorize: ms(1500),
        handshake: ms(8000),
        scan: ms(3000),
        scan_poll: ms(20),
        join: ms(2500),
        join_first: ms(30),
        join_poll: ms(30),
        cloud: ms(300),
        cloud_poll: ms(40),
        operation: ms(2000),
        record_again: ms(30),
        idle: ms(20_000),
    }
}

/// An ordinary device with that protection.
pub fn device(serial: &str, security: Security) -> Spec {
    Spec { security, ..Spec::ordinary(serial) }
}

impl Bench {
    /// These devices, and a pack of ten grants.
    pub async fn with(devices: Vec<Spec>) -> Self {
        Self::at_pace(devices, quick(), Mode::Field).await
    }

    pub async fn at_pace(devices: Vec<Spec>, pace: Pace, mode: Mode) -> Self {
        Self::serving(fleet(devices), pace, mode).await
    }

    /// These devices among these networks.
    pub async fn among(networks: Vec<Network>, devices: Vec<Spec>) -> Self {
        Self::serving(fleet_among(networks, devices, Timing::FAST), quick(), Mode::Field).await
    }

    /// These devices, which are heard for a long time after they have joined.
    pub async fn lingering(devices: Vec<Spec>) -> Self {
        Self::serving(fleet_among(Vec::new(), devices, Timing { stop_ms: 60_000, ..Timing::FAST }), quick(), Mode::Field).await
    }

    async fn serving((fleet, state): (Arc<Fleet>, TempDir), pace: Pace, mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(carrier::serve(listener, Arc::clone(&fleet), Control::Allowed));
        Self::over(RadioChoice::Virtual(address), (fleet, state), pace, mode).await
    }

    /// A fleet that is carried already, by that radio.
    pub async fn over(radio: RadioChoice, (fleet, state): (Arc<Fleet>, TempDir), pace: Pace, mode: Mode) -> Self {
        let ledger = Arc::new(Ledger::new(SITE));
        let office = Office::with(&ledger);
        let app = open(&radio, &office, &pace, mode);
        app.start().await;
        app.watch_visits();
        Self { fleet, ledger, office, app, pace, radio, mode, _state: state }
    }

    /// The app dies, and starts again: only what the desk stored is left.
    pub async fn kill_and_start(&mut self) {
        self.app.close().await;
        self.app = open(&self.radio, &self.office, &self.pace, self.mode);
        self.app.start().await;
        self.app.watch_visits();
    }

    pub async fn ask(&self, method: &str, path: &str, body: Value) -> Reply {
        api::handle(&self.app, method, path, "", (!body.is_null()).then_some(body)).await
    }

    /// The QR text of a device.
    pub fn label(&self, serial: &str) -> String {
        self.fleet.labels().into_iter().find(|(of, _)| of == serial).unwrap().1
    }

    /// Begins with the label of a device.
    pub async fn begin(&self, serial: &str) -> Value {
        let begun = self.ask("POST", "/app/commissions", json!({"label": self.label(serial), "site_id": SITE})).await;
        assert_eq!(begun.status, 201, "{}", begun.body);
        begun.body
    }

    /// Begins with a device that somebody chooses from the list of what is near; says what the list said.
    pub async fn choose(&self, name: &str) -> Value {
        assert_eq!(self.ask("POST", "/app/radio/scan", Value::Null).await.status, 204);
        let listed = async {
            loop {
                let near = self.ask("GET", "/app/radio/nearby", Value::Null).await.body;
                if let Some(item) = near["items"].as_array().unwrap().iter().find(|item| item["name"] == name) {
                    return item.clone();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let item = tokio::time::timeout(Duration::from_secs(60), listed).await.unwrap_or_else(|_| panic!("never heard: {name}"));
        assert_eq!(self.ask("DELETE", "/app/radio/scan", Value::Null).await.status, 204);
        let begun = self.ask("POST", "/app/commissions", json!({"address": item["address"], "site_id": SITE})).await;
        assert_eq!(begun.status, 201, "{}", begun.body);
        item
    }

    pub async fn current(&self) -> Value {
        self.ask("GET", "/app/commissions/current", Value::Null).await.body
    }

    /// Does one action of the current commission.
    pub async fn act(&self, action: &str, body: Value) -> Reply {
        let id = self.current().await["id"].as_str().unwrap().to_owned();
        self.ask("POST", &format!("/app/commissions/{id}/{action}"), body).await
    }

    pub async fn join(&self, ssid: &str, passphrase: &str) {
        let done = self.act("network", json!({"ssid": ssid, "passphrase": passphrase, "remember": false})).await;
        assert_eq!(done.status, 200, "{}", done.body);
    }

    /// Waits for a state, at most as long as the longest step may take; any other state that waits
    /// for somebody is an error.
    pub async fn until(&self, state: &str) -> Value {
        let wanted = async {
            loop {
                let now = self.current().await;
                match now["state"].as_str().unwrap() {
                    seen if seen == state => return now,
                    "running" => tokio::time::sleep(Duration::from_millis(5)).await,
                    other => panic!("{other} instead of {state}: {now:#}"),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30).max(self.pace.join), wanted).await.unwrap_or_else(|_| panic!("never {state}"))
    }

    /// Waits until somebody has done what that state waits for.
    pub async fn past(&self, state: &str) -> Value {
        let left = async {
            loop {
                let now = self.current().await;
                if now["state"] != state {
                    return now;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), left).await.unwrap_or_else(|_| panic!("for ever {state}"))
    }

    /// Waits for a failure with that cause.
    pub async fn until_failed(&self, cause: &str) -> Value {
        let now = self.until("failed").await;
        assert_eq!(now["failure"]["cause"], cause, "{now:#}");
        now
    }

    /// The usual way from the label to the end.
    pub async fn commission(&self, serial: &str) -> Value {
        self.begin(serial).await;
        self.until("needs_network").await;
        self.join(SSID, PASSPHRASE).await;
        self.until("succeeded").await
    }

    /// Faults of a device, from now on.
    pub fn faults(&self, serial: &str, set: impl FnOnce(&mut omniot_tests::virtual_device::faults::Faults)) {
        set(&mut self.fleet.named(serial)[0].device().faults);
    }
}

fn open(radio: &RadioChoice, office: &Arc<Office>, pace: &Pace, mode: Mode) -> Arc<Commissioning> {
    let radio = radio::open(radio);
    let settings = Settings { mode, pace: pace.clone(), ..Settings::new("0.1.0-test") };
    Commissioning::new(radio, Arc::<Office>::clone(office), Events::default(), Arc::new(SystemClock), settings)
}
