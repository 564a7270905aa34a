//! The device side of Improv Wi-Fi over BLE, up to version 2.4 (COMMISSIONING.md 3): requests that
//! arrive in pieces, the button, and joining as the station does it.
//!
//! Time comes in as milliseconds; what the device wants to notify is fetched from it.
//!
//! Deliberately not here: the client's packets (`omniot_app`), which this checks.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    advert::IMPROV,
    timing::Timing,
    wifi::{Credentials, Verdict, Wifi},
};

/// The 16-bit UUID of the service data.
pub const SERVICE_DATA: Uuid = Uuid::from_u128(0x0000_4677_0000_1000_8000_0080_5f9b_34fb);
/// How long it shows itself.
pub const BLINK_MS: u64 = 10_000;

const STATE: u8 = 1;
const FAULT: u8 = 2;
const COMMAND: u8 = 3;
const RESULT: u8 = 4;
const CAPABILITIES: u8 = 5;

const AUTHORIZATION_REQUIRED: u8 = 1;
const AUTHORIZED: u8 = 2;
const PROVISIONING: u8 = 3;
const PROVISIONED: u8 = 4;

/// What an Improv device is made as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Make {
    /// It takes a network only while its button was pressed not long ago.
    pub button: bool,
    /// Bits of what it can: identify, device info, scan, host name.
    pub can: u8,
    /// It knows the device name of version 2.4.
    pub device_name: bool,
    /// It notifies; older ones are only read.
    pub notifies: bool,
}

impl Default for Make {
    fn default() -> Self {
        Self { button: false, can: 0x0f, device_name: true, notifies: true }
    }
}

/// The characteristics: their last bytes, and what one may do with them.
#[must_use]
pub fn characteristics(make: Make) -> Vec<(Uuid, Vec<&'static str>)> {
    let listens = |mut may: Vec<&'static str>| {
        may.extend(make.notifies.then_some("notify"));
        may
    };
    vec![
        (uuid(CAPABILITIES), vec!["read"]),
        (uuid(STATE), listens(vec!["read"])),
        (uuid(FAULT), listens(vec!["read"])),
        (uuid(COMMAND), vec!["write"]),
        (uuid(RESULT), listens(vec!["read"])),
    ]
}

const fn uuid(last: u8) -> Uuid {
    Uuid::from_u128(IMPROV.as_u128() | last as u128)
}

/// What a request makes the device do beside answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Nothing.
    None,
    /// It shows itself.
    Blink,
}

/// What an Improv device says of itself.
#[derive(Debug, Clone)]
pub struct About {
    /// Name of its firmware.
    pub firmware: String,
    /// Version of its firmware.
    pub version: String,
    /// Chip.
    pub chip: String,
}

/// The service of one device.
pub struct Improv {
    make: Make,
    about: About,
    timing: Timing,
    state: u8,
    fault: u8,
    result: Vec<u8>,
    request: Vec<u8>,
    authorized_until: u64,
    joining_since: u64,
    /// Its host name.
    pub hostname: String,
    /// Its name for people.
    pub name: String,
    notices: Vec<(Uuid, Vec<u8>)>,
}

impl Improv {
    /// As the factory made it.
    #[must_use]
    pub fn new(make: Make, about: About, name: &str, timing: Timing) -> Self {
        let state = if make.button { AUTHORIZATION_REQUIRED } else { AUTHORIZED };
        Self {
            make,
            about,
            timing,
            state,
            fault: 0,
            result: Vec::new(),
            request: Vec::new(),
            authorized_until: 0,
            joining_since: 0,
            hostname: name.to_ascii_lowercase(),
            name: name.to_owned(),
            notices: Vec::new(),
        }
    }

    /// What it was made as.
    #[must_use]
    pub const fn make(&self) -> Make {
        self.make
    }

    /// State, capabilities, four zeros.
    #[must_use]
    pub const fn service_data(&self) -> [u8; 6] {
        [self.state, self.make.can, 0, 0, 0, 0]
    }

    /// A new link: a request that was half sent is forgotten, and nobody listens yet.
    pub fn connected(&mut self) {
        self.request.clear();
        self.notices.clear();
    }

    /// Power came back, or it is to be provisioned again. Its names stay.
    pub fn restart(&mut self) {
        self.state = if self.make.button { AUTHORIZATION_REQUIRED } else { AUTHORIZED };
        self.fault = 0;
        self.result.clear();
        self.authorized_until = 0;
        self.connected();
    }

    /// What the device wants to notify since it was asked last.
    pub fn notices(&mut self) -> Vec<(Uuid, Vec<u8>)> {
        std::mem::take(&mut self.notices)
    }

    /// Its button.
    pub fn press(&mut self, now: u64) {
        self.authorized_until = now + self.timing.authorized_ms;
        if self.state == AUTHORIZATION_REQUIRED {
            self.change(AUTHORIZED);
        }
    }

    fn change(&mut self, state: u8) {
        if self.state != state {
            self.state = state;
            self.notices.push((uuid(STATE), vec![state]));
        }
    }

    fn fail(&mut self, fault: u8) {
        if self.fault != fault {
            self.fault = fault;
            self.notices.push((uuid(FAULT), vec![fault]));
        }
    }

    /// A read; `None`: there is no such characteristic.
    #[must_use]
    pub fn read(&self, of: Uuid) -> Option<Vec<u8>> {
        [(STATE, vec![self.state]), (FAULT, vec![self.fault]), (CAPABILITIES, vec![self.make.can]), (RESULT, self.result.clone())]
            .into_iter()
            .find_map(|(last, value)| (uuid(last) == of).then_some(value))
    }

    /// A write, whole or a piece of a request; `None`: it cannot be written there.
    pub fn write(&mut self, to: Uuid, value: &[u8], wifi: &mut Wifi, now: u64) -> Option<Deed> {
        if to != uuid(COMMAND) {
            return None;
        }
        self.request.extend_from_slice(value);
        let Some(length) = self.request.get(1).map(|length| usize::from(*length) + 3) else { return Some(Deed::None) };
        if self.request.len() < length {
            return Some(Deed::None);
        }
        let request = std::mem::take(&mut self.request);
        self.fail(0);
        let sum = request[..request.len() - 1].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
        if request.len() > length || request.last() != Some(&sum) {
            self.fail(1);
            return Some(Deed::None);
        }
        Some(self.obey(request[0], &request[2..length - 1], wifi, now))
    }

    fn obey(&mut self, command: u8, data: &[u8], wifi: &mut Wifi, now: u64) -> Deed {
        let can = |bit: u8| self.make.can & bit != 0;
        match (command, data) {
            (1, _) if self.state != AUTHORIZED => self.fail(4),
            (1, _) => match credentials(data) {
                Some(credentials) => {
                    wifi.join(credentials, now);
                    self.joining_since = now;
                    self.change(PROVISIONING);
                }
                None => self.fail(1),
            },
            (2, []) if can(1) => return Deed::Blink,
            (3, []) if can(2) => {
                let about = self.about.clone();
                self.answer(3, &[&about.firmware, &about.version, &about.chip, &self.name.clone(), "FreeRTOS", "11.1.0"]);
            }
            (4, []) if can(4) => {
                let seen = wifi.seen();
                let strings: Vec<String> = seen.iter().flat_map(|(ssid, rssi, open)| [ssid.clone(), rssi.to_string(), if *open { "NO" } else { "WPA2" }.to_owned()]).collect();
                self.answer(4, &strings.iter().map(String::as_str).collect::<Vec<_>>());
            }
            (5, []) if can(8) => self.answer(5, &[&self.hostname.clone()]),
            (6, []) if self.make.device_name => self.answer(6, &[&self.name.clone()]),
            (5, _) if can(8) => self.rename(command, data),
            (6, _) if self.make.device_name => self.rename(command, data),
            _ => self.fail(2),
        }
        Deed::None
    }

    fn rename(&mut self, command: u8, data: &[u8]) {
        if self.state != AUTHORIZED {
            return self.fail(4);
        }
        let Ok(name) = String::from_utf8(data.to_vec()) else { return self.fail(1) };
        if command == 5 {
            let is_host = name.len() <= 63 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if !is_host {
                return self.fail(5);
            }
            self.hostname = name;
            self.answer(5, &[&self.hostname.clone()]);
        } else {
            self.name = name;
            self.answer(6, &[&self.name.clone()]);
        }
    }

    fn answer(&mut self, command: u8, strings: &[&str]) {
        let mut data = Vec::new();
        for string in strings {
            let Ok(length) = u8::try_from(string.len()) else { break };
            // A packet holds 255 bytes; what does not fit is left out, as firmware does it.
            if data.len() + 1 + string.len() > 255 {
                break;
            }
            data.push(length);
            data.extend_from_slice(string.as_bytes());
        }
        let mut packet = vec![command, u8::try_from(data.len()).unwrap_or(0)];
        packet.extend(data);
        packet.push(packet.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)));
        self.result = packet.clone();
        self.notices.push((uuid(RESULT), packet));
    }

    /// Says again and again where it stands, and does nothing else.
    pub fn babble(&mut self) {
        let notice = (uuid(STATE), vec![self.state.min(AUTHORIZED)]);
        self.notices.extend(std::iter::repeat_n(notice, 50));
    }

    /// Time passes: the authorization lapses, joining goes on.
    pub fn tick(&mut self, wifi: &mut Wifi, now: u64) {
        if self.state == PROVISIONING {
            let verdict = wifi.verdict(now);
            if verdict == Verdict::Joined {
                self.change(PROVISIONED);
                wifi.client_knows(now);
                self.answer(1, &["http://192.168.1.42/"]);
            } else if verdict == Verdict::Failed || now >= self.joining_since + self.timing.give_up_ms {
                wifi.restore(None, now);
                self.authorized_until = now + self.timing.authorized_ms;
                self.change(AUTHORIZED);
                self.fail(3);
            }
        } else if self.state == AUTHORIZED && self.make.button && now >= self.authorized_until {
            self.change(AUTHORIZATION_REQUIRED);
        }
    }
}

/// Name and passphrase, each behind its length, and nothing behind them.
fn credentials(data: &[u8]) -> Option<Credentials> {
    let (ssid, rest) = string(data)?;
    let (passphrase, rest) = string(rest)?;
    let fits = rest.is_empty() && (1..=32).contains(&ssid.len()) && passphrase.len() <= 63;
    fits.then(|| Credentials { ssid: String::from_utf8_lossy(ssid).into_owned(), passphrase: String::from_utf8_lossy(passphrase).into_owned() })
}

fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::virtual_device::fleet::usual_networks;

    fn device(make: Make) -> (Improv, Wifi) {
        let about = About { firmware: "F".into(), version: "1".into(), chip: "C".into() };
        (Improv::new(make, about, "Lamp", Timing::FAST), Wifi::new(usual_networks(), Timing::FAST, 0))
    }

    fn send(device: &mut (Improv, Wifi), packet: &[u8], now: u64) -> u8 {
        for piece in packet.chunks(20) {
            device.0.write(uuid(COMMAND), piece, &mut device.1, now).unwrap();
        }
        device.0.read(uuid(FAULT)).unwrap()[0]
    }

    fn packet(command: u8, data: &[u8]) -> Vec<u8> {
        let mut packet = [&[command, u8::try_from(data.len()).unwrap()], data].concat();
        packet.push(packet.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)));
        packet
    }

    fn wifi(ssid: &str, passphrase: &str) -> Vec<u8> {
        let part = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        packet(1, &[part(ssid), part(passphrase)].concat())
    }

    #[test]
    fn a_network_is_joined_and_the_page_is_named() {
        let mut device = device(Make::default());
        assert_eq!(send(&mut device, &wifi("Plant-Floor", "press-on-2026"), 10), 0);
        assert_eq!(device.0.read(uuid(STATE)), Some(vec![PROVISIONING]));
        device.0.tick(&mut device.1, 1000);
        assert_eq!(device.0.read(uuid(STATE)), Some(vec![PROVISIONED]));
        assert!(device.0.read(uuid(RESULT)).unwrap().ends_with(&[packet(1, b"\x14http://192.168.1.42/").pop().unwrap()]));
    }

    #[test]
    fn a_wrong_passphrase_is_corrected_and_a_button_that_was_not_pressed_is_named() {
        let mut device = device(Make { button: true, ..Make::default() });
        assert_eq!(send(&mut device, &wifi("Plant-Floor", "press-on-2026"), 10), 4);
        device.0.press(20);
        assert_eq!(send(&mut device, &wifi("Plant-Floor", "wrong"), 30), 0);
        device.0.tick(&mut device.1, 300);
        assert_eq!((device.0.read(uuid(STATE)), device.0.read(uuid(FAULT))), (Some(vec![AUTHORIZED]), Some(vec![3])));
        device.0.tick(&mut device.1, 300 + Timing::FAST.authorized_ms);
        assert_eq!(device.0.read(uuid(STATE)), Some(vec![AUTHORIZATION_REQUIRED]), "it lapses");
    }

    #[test]
    fn what_cannot_be_read_or_is_not_known_has_its_number() {
        let mut device = device(Make { can: 0, device_name: false, ..Make::default() });
        let mut bad = packet(2, &[]);
        bad[2] ^= 1;
        assert_eq!(send(&mut device, &bad, 0), 1);
        for command in [2, 3, 4, 5, 6, 7] {
            assert_eq!(send(&mut device, &packet(command, &[]), 0), 2, "{command}");
        }
        assert_eq!(send(&mut device, &packet(1, &[9, 1]), 0), 1, "a string that is cut off");
        let mut device = self::device(Make::default());
        assert_eq!(send(&mut device, &packet(5, b"no host"), 0), 5);
        assert_eq!(send(&mut device, &packet(5, b"host-1"), 0), 0);
        assert_eq!(device.0.hostname, "host-1");
    }
}
