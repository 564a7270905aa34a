//! A fleet: devices of one file or one seed, in reach of one radio.
//!
//! Deliberately not here: the socket (see `carrier`).

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_shared::time::{Clock as _, SystemClock};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{
    contact,
    device::Device,
    faults::Faults,
    spec::{Kind, Spec},
    timing::Timing,
    wifi::Network,
};

/// A fleet file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FleetFile {
    /// The networks around.
    #[serde(default, rename = "network")]
    pub networks: Vec<Network>,
    /// The devices.
    #[serde(default, rename = "device")]
    pub devices: Vec<Spec>,
}

impl FleetFile {
    /// Reads a fleet file.
    ///
    /// # Errors
    /// In words that name the place.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|why| anyhow::anyhow!("cannot read the fleet file {}: {why}", path.display()))?;
        toml::from_str(&text).map_err(|why| anyhow::anyhow!("the fleet file {} is wrong: {why}", path.display()))
    }

    /// `count` ordinary devices.
    #[must_use]
    pub fn counted(count: u32) -> Self {
        Self { networks: Vec::new(), devices: (1..=count).map(|n| Spec::ordinary(&format!("OM-V{n:04}"))).collect() }
    }
}

/// The networks around when a fleet file names none.
#[must_use]
pub fn usual_networks() -> Vec<Network> {
    let network = |ssid: &str, password: &str, rssi, channel| Network { ssid: ssid.into(), password: password.into(), rssi, channel, hidden: false, never_joins: false };
    vec![
        network("Plant-Floor", "press-on-2026", -47, 6),
        network("Office", "tea at four", -62, 11),
        network("Guest", "", -71, 1),
        Network { never_joins: true, ..network("Legacy-AP", "legacy-2009", -66, 3) },
    ]
}

/// How a fleet is built.
pub struct Plan {
    /// Devices and networks.
    pub file: FleetFile,
    /// Of the factory's secrets and of chance.
    pub seed: u64,
    /// Where the devices keep what they keep.
    pub state_dir: PathBuf,
    /// How long things take.
    pub timing: Timing,
    /// Share of devices with a drawn fault, in percent.
    pub fault_rate: u32,
}

/// Who holds a device's one link.
#[derive(Clone)]
pub struct Holder {
    /// The link's number on its connection.
    pub link: u64,
    /// To that connection.
    pub events: mpsc::UnboundedSender<Value>,
}

/// One device of a running fleet.
pub struct Slot {
    device: Mutex<Device>,
    holder: Mutex<Option<Holder>>,
    started: Instant,
    timing: Timing,
}

impl Slot {
    /// Milliseconds since the fleet's start; never 0.
    #[must_use]
    pub fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// The device.
    pub fn device(&self) -> MutexGuard<'_, Device> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who holds its link.
    pub fn holder(&self) -> MutexGuard<'_, Option<Holder>> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The timing it runs with.
    #[must_use]
    pub const fn timing(&self) -> Timing {
        self.timing
    }

    /// Tells the holder, if any, that the link is gone.
    pub fn link_ended(&self) {
        if let Some(holder) = self.holder().take() {
            let _ = holder.events.send(serde_json::json!({ "event": "disconnected", "link": holder.link }));
        }
    }

    /// Time passes.
    pub fn tick(&self) {
        let over = self.device().tick(self.now());
        self.notify();
        if over {
            self.link_ended();
        }
    }

    /// Sends the holder what the device notifies.
    pub fn notify(&self) {
        let Some(holder) = self.holder().clone() else { return };
        for (characteristic, value) in self.device().notices() {
            let value = STANDARD.encode(value);
            let _ = holder.events.send(serde_json::json!({ "event": "notify", "link": holder.link, "uuid": characteristic, "value": value }));
        }
    }

    /// The next errand that is due.
    pub fn errand(&self) -> Option<contact::Errand> {
        self.device().errand(self.now(), SystemClock.now())
    }

    /// The body of its claim.
    #[must_use]
    pub fn claim_body(&self, challenge: &[u8]) -> Option<Value> {
        self.device().claim_body(challenge)
    }

    /// What came of an errand.
    pub fn take_outcome(&self, outcome: contact::Outcome) {
        let now = self.now();
        self.device().take_outcome(now, outcome);
    }
}

/// All devices in reach.
pub struct Fleet {
    /// In the order of the file.
    pub slots: Vec<Arc<Slot>>,
}

impl Fleet {
    /// Builds the devices and gives them power.
    ///
    /// # Errors
    /// When the state folder cannot be used.
    pub fn build(plan: Plan) -> io::Result<Self> {
        let started = Instant::now();
        let networks = if plan.file.networks.is_empty() { usual_networks() } else { plan.file.networks };
        let mut chance = ChaCha20Rng::seed_from_u64(plan.seed);
        let build = |mut spec: Spec| {
            if plan.fault_rate > 0 && spec.faults == Faults::default() {
                spec.faults = Faults::drawn(&mut chance, plan.fault_rate);
            }
            let device = Device::new(spec, plan.seed, networks.clone(), plan.timing, &plan.state_dir)?;
            Ok(Arc::new(Slot { device: Mutex::new(device), holder: Mutex::new(None), started, timing: plan.timing }))
        };
        Ok(Self { slots: plan.file.devices.into_iter().map(build).collect::<io::Result<_>>()? })
    }

    /// The device with that address.
    #[must_use]
    pub fn at(&self, address: &str) -> Option<&Arc<Slot>> {
        self.slots.iter().find(|slot| slot.device().radio_address() == address)
    }

    /// The devices that `serial` names; `*` is all.
    #[must_use]
    pub fn named(&self, serial: &str) -> Vec<&Arc<Slot>> {
        self.slots.iter().filter(|slot| serial == "*" || slot.device().spec().serial == serial).collect()
    }

    /// Serial and label text of each device that has a label.
    #[must_use]
    pub fn labels(&self) -> Vec<(String, String)> {
        self.slots
            .iter()
            .filter(|slot| slot.device().spec().kind != Kind::Improv)
            .map(|slot| {
                let device = slot.device();
                (device.spec().serial.clone(), device.factory().label(device.spec()).to_json())
            })
            .collect()
    }
}
