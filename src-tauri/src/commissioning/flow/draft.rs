//! The state of one commission: what the page sees, what is kept over a crash, and what
//! becomes the attempt. It never holds a secret.
//!
//! Deliberately not here: doing anything.

use omniot_shared::{
    entities::{Attempt, AttemptOutcome, AttemptStep, Security, StepOutcome},
    ids::{AttemptId, ClientId, DeviceId, GrantId, PersonId, SiteId, TenantId},
    time::Millis,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::{
    causes::{Cause, Remedy},
    desk::{CommissionedDevice, Technician, Unfinished},
    secrets::{Access, Network},
    step::Step,
};

/// What the commission does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It works.
    Running,
    /// It waits for the proof of possession.
    NeedsPop,
    /// It waits for a network.
    NeedsNetwork,
    /// It waits for the technician to see the device blink.
    NeedsConfirm,
    /// It waits for somebody to press the device's button.
    NeedsButton,
    /// A step failed; `failure` says whether a retry helps.
    Failed,
    /// It is done.
    Succeeded,
    /// The technician stopped it.
    Cancelled,
    /// The app died in the middle.
    Interrupted,
}

impl State {
    /// Whether nothing more will happen.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Cancelled | Self::Interrupted)
    }
}

/// What sort of network a device joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkKind {
    /// Wi-Fi.
    #[default]
    Wifi,
    /// A Thread mesh.
    Thread,
}

/// The failure that the page shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// A code of the catalogue.
    pub cause: String,
    /// Where.
    pub step: Step,
    /// Whether trying again can help.
    pub retriable: bool,
}

/// A network that the device sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenNetwork {
    /// Its name's bytes, URL-safe base64: names that read alike are still told apart.
    #[serde(default)]
    pub id: String,
    /// Its name, as text.
    pub ssid: String,
    /// dBm.
    pub rssi: i32,
    /// Its protection.
    pub auth: String,
    /// Its name, as bytes.
    #[serde(skip)]
    pub raw: Vec<u8>,
}

impl SeenNetwork {
    /// A network with that name, as bytes, and the API's name of its protection.
    pub fn new(ssid: Vec<u8>, rssi: i32, auth: &str) -> Self {
        Self { id: network_id(&ssid), ssid: shown_network(&ssid), rssi, auth: auth.to_owned(), raw: ssid }
    }
}

/// The id of a network with that name.
pub fn network_id(ssid: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(ssid)
}

/// The name of a network for people and for records: any bytes can be one, but not all can be shown.
pub fn shown_network(ssid: &[u8]) -> String {
    String::from_utf8_lossy(ssid).chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The most rows of one step; of more tries the first and the latest are kept. All steps together
/// stay below what the rules take.
const ROWS_OF_A_STEP: usize = 30;

/// The step that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Current {
    /// Which.
    pub step: Step,
    /// Since when.
    pub since: Millis,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The outcome.
    pub outcome: AttemptOutcome,
    /// Why not, when it did not succeed.
    pub cause: Option<String>,
    /// When.
    pub at: Millis,
}

/// The state of one commission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The attempt it will become.
    pub id: AttemptId,
    /// Their tenant.
    pub tenant: TenantId,
    /// Who does it.
    pub technician_id: PersonId,
    /// Their name.
    pub technician_name: String,
    /// Their replica.
    pub client_id: ClientId,
    /// Version of the app.
    pub app_version: String,
    /// Operating system.
    pub os: String,
    /// Which radio.
    pub radio: String,
    /// Where the device will stand.
    pub site_id: SiteId,
    /// How the radio calls the device.
    pub address: Option<String>,
    /// What it calls itself in the air, or the label says.
    pub advertised: Option<String>,
    /// What the technician calls it.
    pub device_name: Option<String>,
    /// From the label, later as proven.
    pub serial: Option<String>,
    /// Name of its row in the store.
    pub known_name: Option<String>,
    /// Whether the store has a row.
    pub is_known: bool,
    /// SKU.
    pub model: Option<String>,
    /// `esp` or `improv`.
    pub protocol: Option<String>,
    /// The level of the session.
    pub security: Option<Security>,
    /// What it runs.
    pub firmware: Option<String>,
    /// Whether it proved the key that its label pins.
    pub identity_verified: bool,
    /// dBm.
    pub rssi: Option<i32>,
    /// Bytes.
    pub mtu: Option<u32>,
    /// What happened, in order.
    pub steps: Vec<AttemptStep>,
    /// What happens.
    pub current: Option<Current>,
    /// The step that runs or comes next.
    pub step: Step,
    /// The grant that is kept for it.
    pub grant_id: Option<GrantId>,
    /// Whether it may have left for the device.
    pub grant_sent: bool,
    /// The device's receipt, base64.
    pub receipt: Option<String>,
    /// The epoch of the receipt.
    pub epoch: Option<u32>,
    /// Name of the network.
    pub network_name: Option<String>,
    /// What sort of network it joins.
    #[serde(default)]
    pub network_kind: NetworkKind,
    /// The device's own page, as an Improv device names it.
    #[serde(default)]
    pub url: Option<String>,
    /// What it does now.
    pub state: State,
    /// What the page shows.
    pub failure: Option<Shown>,
    /// Codes.
    pub warnings: Vec<String>,
    /// In the device's range.
    pub networks: Vec<SeenNetwork>,
    /// When it began.
    pub started_at: Millis,
    /// When this was last true.
    pub saved_at: Millis,
    /// How it ended, before it is recorded.
    pub ended: Option<Ended>,
}

/// What a new commission begins with.
pub struct Beginning<'a> {
    /// The attempt's id.
    pub id: AttemptId,
    /// Who.
    pub technician: Technician,
    /// Where.
    pub site: SiteId,
    /// Version of the app.
    pub app_version: &'a str,
    /// Operating system.
    pub os: &'a str,
    /// Which radio.
    pub radio: &'a str,
    /// When.
    pub now: Millis,
}

impl Draft {
    /// A commission that begins.
    pub fn new(begin: Beginning<'_>) -> Self {
        Self {
            id: begin.id,
            tenant: begin.technician.tenant,
            technician_id: begin.technician.person,
            technician_name: begin.technician.name,
            client_id: begin.technician.client,
            app_version: begin.app_version.to_owned(),
            os: begin.os.to_owned(),
            radio: begin.radio.to_owned(),
            site_id: begin.site,
            address: None,
            advertised: None,
            device_name: None,
            serial: None,
            known_name: None,
            is_known: false,
            model: None,
            protocol: None,
            security: None,
            firmware: None,
            identity_verified: false,
            rssi: None,
            mtu: None,
            steps: Vec::new(),
            current: None,
            step: Step::Connect,
            grant_id: None,
            grant_sent: false,
            receipt: None,
            epoch: None,
            network_name: None,
            network_kind: NetworkKind::Wifi,
            url: None,
            state: State::Running,
            failure: None,
            warnings: Vec::new(),
            networks: Vec::new(),
            started_at: begin.now,
            saved_at: begin.now,
            ended: None,
        }
    }

    /// The id of its device in this tenant, when its serial is known.
    pub fn device_id(&self) -> Option<DeviceId> {
        self.serial.as_deref().map(|serial| DeviceId::for_serial(self.tenant, serial))
    }

    /// A step begins.
    pub fn begin(&mut self, step: Step, now: Millis) {
        self.step = step;
        self.current = Some(Current { step, since: now });
    }

    /// The running step ends.
    pub fn end(&mut self, outcome: StepOutcome, cause: Option<Cause>, duration_ms: u32) {
        let Some(Current { step, since }) = self.current.take() else { return };
        let mut same = self.steps.iter().enumerate().filter(|(_, row)| row.step == step.name()).map(|(at, _)| at);
        if let (Some(second), true) = (same.nth(1), same.count() + 2 >= ROWS_OF_A_STEP) {
            self.steps.remove(second);
        }
        self.steps.push(AttemptStep {
            step: step.name().to_owned(),
            started_at: since,
            duration_ms,
            outcome,
            cause: cause.map(|cause| cause.code().to_owned()),
        });
    }

    /// What the page shows from now on.
    pub fn fail(&mut self, cause: Cause) {
        self.failure = Some(Shown { cause: cause.code().to_owned(), step: self.step, retriable: cause.remedy() == Remedy::Retry });
    }

    /// Names a weakness once.
    pub fn warn(&mut self, code: &str) {
        if !self.warnings.iter().any(|known| known == code) {
            self.warnings.push(code.to_owned());
        }
    }

    /// What it warned of is over.
    pub fn unwarn(&mut self, code: &str) {
        self.warnings.retain(|known| known != code);
    }

    /// Whether its device sees a network; a mesh is not looked for before.
    pub fn sees(&self, network: &Network) -> bool {
        match &network.access {
            Access::Wifi { ssid, .. } => self.networks.iter().any(|seen| seen.raw == *ssid),
            Access::Thread(_) => true,
        }
    }

    /// Whether its device did not look for networks: it cannot, or could not.
    pub fn is_blind(&self) -> bool {
        let scan = self.steps.iter().rev().find(|row| row.step == Step::ScanNetworks.name());
        self.networks.is_empty() && scan.is_some_and(|row| row.outcome == StepOutcome::Skipped)
    }

    /// What is kept over a crash.
    pub fn kept(&mut self, now: Millis) -> Option<Unfinished> {
        self.saved_at = now;
        serde_json::to_string(self).ok().map(|json| Unfinished { id: self.id, json })
    }

    /// The record. A step that was running is recorded as interrupted.
    pub fn attempt(&self, ended: &Ended) -> Attempt {
        let mut steps = self.steps.clone();
        if let Some(Current { step, since }) = self.current {
            let duration_ms = u32::try_from(ended.at.since(since)).unwrap_or(0);
            steps.push(AttemptStep { step: step.name().to_owned(), started_at: since, duration_ms, outcome: StepOutcome::Interrupted, cause: None });
        }
        Attempt {
            id: self.id,
            device_id: self.device_id(),
            serial: self.serial.clone(),
            // Nil only in what is left of a state that could not be read.
            site_id: (!self.site_id.0.is_nil()).then_some(self.site_id),
            technician_id: self.technician_id,
            technician_name: self.technician_name.clone(),
            client_id: self.client_id,
            app_version: self.app_version.clone(),
            os: self.os.clone(),
            radio: self.radio.clone(),
            protocol: self.protocol.clone(),
            security: self.security,
            firmware: self.firmware.clone(),
            identity_verified: self.identity_verified,
            rssi: self.rssi,
            mtu: self.mtu,
            steps,
            grant_id: self.grant_id,
            receipt: self.receipt.clone(),
            epoch: self.epoch,
            network_name: self.network_name.clone(),
            outcome: ended.outcome,
            cause: ended.cause.clone(),
            started_at: self.started_at,
            ended_at: ended.at,
        }
    }

    /// What the record says about the device; nothing before it was claimed.
    pub fn commissioned(&self) -> Option<CommissionedDevice> {
        Some(CommissionedDevice {
            serial: self.serial.clone()?,
            name: self.device_name.clone(),
            known_name: self.known_name.clone(),
            sku: self.model.clone().unwrap_or_default(),
            firmware: self.firmware.clone(),
            site: self.site_id,
            epoch: self.epoch?,
        })
    }
}
