//! The networks around a device and its station: `prov-scan`, `prov-config` and `prov-ctrl`
//! as COMMISSIONING.md 2.6 and 2.10 describe them.
//!
//! Time comes in as milliseconds since the device's start; nothing waits here.
//!
//! Deliberately not here: Thread (the devices of the fleet have Wi-Fi only; the messages
//! are refused), and what the device does once it is in a network.

use omniot_app::commissioning::esp::messages::{
    AttemptFailed, ConfigBody, ConfigStep, ControlBody, ControlStep, Empty, NetworkConfigPayload, NetworkControlPayload, NetworkScanPayload, ScanBody, ScanPage, ScanProgress,
    ScanStep, SetWifi, Status, StatusReply, WifiAuth, WifiConnected, WifiDetail, WifiFailure, WifiNetwork, WifiScanPage, WifiState, WifiStatus,
};
use prost::Message as _;
use serde::{Deserialize, Serialize};

use super::timing::Timing;

/// The most results a device keeps.
const KEPT: usize = 16;
/// The most results in one reply over BLE.
pub const PAGE: u32 = 4;

/// One network in reach of the devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Its name, at most 32 bytes.
    pub ssid: String,
    /// Its passphrase; empty: open.
    #[serde(default)]
    pub password: String,
    /// dBm.
    #[serde(default = "near")]
    pub rssi: i32,
    /// 1–14.
    #[serde(default = "six")]
    pub channel: u32,
    /// Whether it is in the scan list.
    #[serde(default)]
    pub hidden: bool,
    /// A device that joins never gets in and tries for ever (MAC filter, DHCP, WPA3 only).
    #[serde(default)]
    pub never_joins: bool,
}

fn near() -> i32 {
    -48
}

fn six() -> u32 {
    6
}

impl Network {
    fn auth(&self) -> WifiAuth {
        if self.password.is_empty() { WifiAuth::Open } else { WifiAuth::Wpa2 }
    }

    /// A stable access point address.
    fn bssid(&self) -> Vec<u8> {
        let digest = <sha2::Sha256 as sha2::Digest>::digest(self.ssid.as_bytes());
        [&[0x02], &digest[..5]].concat()
    }
}

/// Network name and passphrase that a client gave.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// At most 32 bytes.
    pub ssid: String,
    /// At most 63 bytes.
    pub passphrase: String,
}

#[derive(Clone, PartialEq, Eq)]
enum Joining {
    Started,
    Trying { since: u64, credentials: Credentials },
    Failed(WifiFailure),
}

/// What goes wrong with the networks on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trouble {
    /// Every passphrase is wrong.
    pub wrong_password: bool,
    /// No network is in reach when joining.
    pub no_network: bool,
    /// Every network is refused when it is given.
    pub refuse: bool,
    /// A scan never ends.
    pub endless_scan: bool,
    /// Every network that it joins gives it no address.
    pub no_address: bool,
}

/// The station of one device.
pub struct Wifi {
    networks: Vec<Network>,
    timing: Timing,
    /// How often it tries again before it gives up.
    attempts: u32,
    joining: Joining,
    given: Option<Credentials>,
    scan_began: Option<u64>,
    polled_connected: Option<u64>,
    /// The most results in one reply; how many depends on the carrier.
    pub page: u32,
    /// Whether anybody ever handed it a network.
    pub was_given: bool,
    /// What goes wrong on purpose.
    pub trouble: Trouble,
}

/// How joining stands, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It does not try.
    Idle,
    /// It tries.
    Trying,
    /// It is in.
    Joined,
    /// It gave up.
    Failed,
}

/// How a try stands at some moment.
enum Progress<'a> {
    Trying { attempts_left: Option<u32> },
    Joined(&'a Network, u64),
    Failed(WifiFailure),
}

impl Wifi {
    /// A station without credentials.
    #[must_use]
    pub fn new(networks: Vec<Network>, timing: Timing, attempts: u32) -> Self {
        Self { networks, timing, attempts, joining: Joining::Started, given: None, scan_began: None, polled_connected: None, page: PAGE, was_given: false, trouble: Trouble::default() }
    }

    /// A station that starts with stored credentials and joins by itself.
    pub fn restore(&mut self, credentials: Option<Credentials>, now: u64) {
        self.given = None;
        self.scan_began = None;
        self.polled_connected = None;
        self.joining = credentials.map_or(Joining::Started, |credentials| Joining::Trying { since: now, credentials });
    }

    /// The credentials of the network it is in, and since when.
    #[must_use]
    pub fn joined(&self, now: u64) -> Option<(&Credentials, u64)> {
        match (&self.joining, self.progress(now)) {
            (Joining::Trying { credentials, .. }, Some(Progress::Joined(_, at))) if !self.trouble.no_address => Some((credentials, at)),
            _ => None,
        }
    }

    /// Joins a network at once; the way of protocols that have no Apply.
    pub fn join(&mut self, credentials: Credentials, now: u64) {
        self.was_given = true;
        self.joining = Joining::Trying { since: now, credentials };
    }

    /// How joining stands.
    #[must_use]
    pub fn verdict(&self, now: u64) -> Verdict {
        match (&self.joining, self.progress(now)) {
            (Joining::Failed(_), _) | (_, Some(Progress::Failed(_))) => Verdict::Failed,
            (_, Some(Progress::Joined(..))) => Verdict::Joined,
            (_, Some(Progress::Trying { .. })) => Verdict::Trying,
            (Joining::Started | Joining::Trying { .. }, None) => Verdict::Idle,
        }
    }

    /// The client was told that it has joined: the service ends a moment later.
    pub fn client_knows(&mut self, now: u64) {
        self.polled_connected.get_or_insert(now);
    }

    /// Name, signal, and whether it is open, of the networks that it sees, strongest first.
    #[must_use]
    pub fn seen(&self) -> Vec<(String, i32, bool)> {
        let open = i32::from(WifiAuth::Open);
        self.heard().into_iter().map(|network| (String::from_utf8_lossy(&network.ssid).into_owned(), network.rssi, network.auth == open)).collect()
    }

    /// When the device ends its BLE service: a moment after *Connected* was polled, or long after joining.
    #[must_use]
    pub fn ends_service_at(&self, now: u64) -> Option<u64> {
        let (_, joined_at) = self.joined(now)?;
        let unpolled = joined_at + self.timing.auto_stop_ms;
        Some(self.polled_connected.map_or(unpolled, |polled| unpolled.min(polled + self.timing.stop_ms)))
    }

    fn progress(&self, now: u64) -> Option<Progress<'_>> {
        let Joining::Trying { since, credentials } = &self.joining else { return None };
        let began = since + self.timing.apply_ms;
        let network = self.networks.iter().filter(|_| !self.trouble.no_network).find(|network| network.ssid == credentials.ssid);
        let opens = network.is_some_and(|network| !self.trouble.wrong_password && (network.password.is_empty() || network.password == credentials.passphrase));
        if network.is_some_and(|network| network.never_joins) || now < began + self.timing.join_ms {
            return Some(Progress::Trying { attempts_left: None });
        }
        if let Some(network) = network.filter(|_| opens) {
            return Some(Progress::Joined(network, began + self.timing.join_ms));
        }
        let tried = u32::try_from((now - began) / self.timing.join_ms.max(1)).unwrap_or(u32::MAX);
        let failure = if network.is_some() { WifiFailure::AuthError } else { WifiFailure::NetworkNotFound };
        Some(match self.attempts.checked_sub(tried) {
            Some(left) if left > 0 => Progress::Trying { attempts_left: Some(left) },
            _ => Progress::Failed(failure),
        })
    }

    /// Notes a failure for good, so that only a reset leads out of it.
    fn settle(&mut self, now: u64) {
        if let Some(Progress::Failed(failure)) = self.progress(now) {
            self.joining = Joining::Failed(failure);
        }
    }

    /// One request on `prov-config`; `None`: the handler failed.
    pub fn config(&mut self, request: &[u8], now: u64) -> Option<Vec<u8>> {
        let request = NetworkConfigPayload::decode(request).ok()?;
        self.settle(now);
        let (step, body) = match request.msg() {
            ConfigStep::GetWifiStatus => (ConfigStep::WifiStatus, ConfigBody::WifiStatus(self.status(now))),
            ConfigStep::SetWifi => {
                let Some(ConfigBody::SetWifi(set)) = request.payload else { return None };
                (ConfigStep::SetWifiReply, ConfigBody::SetWifiReply(self.set(&set)))
            }
            ConfigStep::ApplyWifi => (ConfigStep::ApplyWifiReply, ConfigBody::ApplyWifiReply(self.apply(now))),
            _ => return None,
        };
        Some(NetworkConfigPayload { msg: step.into(), payload: Some(body) }.encode_to_vec())
    }

    fn set(&mut self, set: &SetWifi) -> StatusReply {
        self.was_given = true;
        let fits = set.ssid.len() <= 32 && set.passphrase.len() <= 63 && matches!(set.bssid.len(), 0 | 6);
        if !fits || self.trouble.refuse {
            return reply(Status::InvalidArgument);
        }
        self.given = Some(Credentials { ssid: String::from_utf8_lossy(&set.ssid).into_owned(), passphrase: String::from_utf8_lossy(&set.passphrase).into_owned() });
        reply(Status::Success)
    }

    fn apply(&mut self, now: u64) -> StatusReply {
        match (&self.joining, self.given.take()) {
            (Joining::Started, Some(credentials)) => {
                self.joining = Joining::Trying { since: now, credentials };
                reply(Status::Success)
            }
            _ => reply(Status::InternalError),
        }
    }

    fn status(&mut self, now: u64) -> WifiStatus {
        let mut connected = false;
        let (state, detail) = match (&self.joining, self.progress(now)) {
            (_, Some(Progress::Trying { attempts_left })) => {
                (WifiState::Connecting, attempts_left.map(|attempts_remaining| WifiDetail::AttemptFailed(AttemptFailed { attempts_remaining })))
            }
            (_, Some(Progress::Joined(network, _))) => {
                connected = true;
                (WifiState::Connected, Some(WifiDetail::Connected(self.connected_to(network))))
            }
            (Joining::Failed(failure), _) => (WifiState::ConnectionFailed, Some(WifiDetail::FailReason((*failure).into()))),
            _ => (WifiState::Disconnected, None),
        };
        if connected && !self.trouble.no_address && self.polled_connected.is_none() {
            self.polled_connected = Some(now);
        }
        WifiStatus { status: Status::Success.into(), wifi_sta_state: state.into(), state: detail }
    }

    fn connected_to(&self, network: &Network) -> WifiConnected {
        let address = if self.trouble.no_address { "0.0.0.0" } else { "192.168.1.42" };
        WifiConnected {
            ip4_addr: address.into(),
            auth_mode: network.auth().into(),
            ssid: network.ssid.clone().into_bytes(),
            bssid: network.bssid(),
            channel: i32::try_from(network.channel).unwrap_or(0),
        }
    }

    /// One request on `prov-ctrl`.
    pub fn control(&mut self, request: &[u8], now: u64) -> Option<Vec<u8>> {
        let request = NetworkControlPayload::decode(request).ok()?;
        self.settle(now);
        let (step, body, allowed) = match request.msg() {
            ControlStep::ResetWifi => (ControlStep::ResetWifiReply, ControlBody::ResetWifiReply(Empty {}), matches!(self.joining, Joining::Failed(_) | Joining::Started)),
            // Auto-stop is on in this firmware, so it cannot be provisioned again over the same service.
            ControlStep::ReprovisionWifi => (ControlStep::ReprovisionWifiReply, ControlBody::ReprovisionWifiReply(Empty {}), false),
            _ => return None,
        };
        if allowed {
            self.joining = Joining::Started;
            self.given = None;
        }
        let status = if allowed { Status::Success } else { Status::InternalError };
        Some(NetworkControlPayload { msg: step.into(), status: status.into(), payload: Some(body) }.encode_to_vec())
    }

    /// One request on `prov-scan`.
    pub fn scan(&mut self, request: &[u8], now: u64) -> Option<Vec<u8>> {
        let request = NetworkScanPayload::decode(request).ok()?;
        let (step, status, body) = match request.msg() {
            ScanStep::StartWifi => {
                let Some(ScanBody::StartWifi(start)) = request.payload else { return None };
                // A blocking scan holds the write on a real device; here it is over at once.
                self.scan_began = Some(if start.blocking { now.saturating_sub(self.timing.scan_ms) } else { now });
                (ScanStep::StartWifiReply, Status::Success, ScanBody::StartWifiReply(Empty {}))
            }
            ScanStep::WifiStatus => (ScanStep::WifiStatusReply, Status::Success, ScanBody::WifiStatusReply(self.scan_progress(now))),
            ScanStep::WifiResult => {
                let Some(ScanBody::WifiResult(page)) = request.payload else { return None };
                let entries = self.scan_page(page, now);
                let status = if entries.is_some() { Status::Success } else { Status::InternalError };
                (ScanStep::WifiResultReply, status, ScanBody::WifiResultReply(WifiScanPage { entries: entries.unwrap_or_default() }))
            }
            _ => return None,
        };
        Some(NetworkScanPayload { msg: step.into(), status: status.into(), payload: Some(body) }.encode_to_vec())
    }

    fn scan_progress(&self, now: u64) -> ScanProgress {
        let scan_finished = !self.trouble.endless_scan && self.scan_began.is_some_and(|began| now >= began + self.timing.scan_ms);
        let result_count = if scan_finished { u32::try_from(self.heard().len()).unwrap_or(0) } else { 0 };
        ScanProgress { scan_finished, result_count }
    }

    fn scan_page(&self, page: ScanPage, now: u64) -> Option<Vec<WifiNetwork>> {
        let progress = self.scan_progress(now);
        let end = page.start_index.checked_add(page.count)?;
        if page.count > self.page || end > progress.result_count {
            return None;
        }
        let (start, end) = (usize::try_from(page.start_index).ok()?, usize::try_from(end).ok()?);
        self.heard().get(start..end).map(<[WifiNetwork]>::to_vec)
    }

    fn heard(&self) -> Vec<WifiNetwork> {
        let mut heard: Vec<_> = self.networks.iter().filter(|network| !network.hidden).map(entry).collect();
        heard.sort_by_key(|network| std::cmp::Reverse(network.rssi));
        heard.truncate(KEPT);
        heard
    }
}

fn reply(status: Status) -> StatusReply {
    StatusReply { status: status.into() }
}

fn entry(network: &Network) -> WifiNetwork {
    WifiNetwork { ssid: network.ssid.clone().into_bytes(), channel: network.channel, rssi: network.rssi, bssid: network.bssid(), auth: network.auth().into() }
}

#[cfg(test)]
#[path = "wifi_tests.rs"]
mod tests;
