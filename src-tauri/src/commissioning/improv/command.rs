//! The requests.
//!
//! Deliberately not here: when each may be sent, and what comes back ([`super::reply`]).

use zeroize::Zeroizing;

use super::{
    ImprovError,
    packet::{self, PIECE},
};
use crate::commissioning::esp::config::{PASSPHRASE_LIMIT, SSID_LIMIT};

/// The longest host name: one label of a domain name.
const HOSTNAME_LIMIT: usize = 63;

/// The number of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Command {
    /// Join this network.
    SendWifi = 1,
    /// Show yourself. The only one without a result.
    Identify = 2,
    /// What are you?
    DeviceInfo = 3,
    /// Which networks do you see?
    Scan = 4,
    /// What is your host name, or this is it.
    Hostname = 5,
    /// What is your name, or this is it (2.4).
    DeviceName = 6,
}

/// A request, ready to be sent. No `Debug`: it may hold a passphrase.
pub struct Request {
    /// Which.
    pub command: Command,
    bytes: Zeroizing<Vec<u8>>,
}

impl Request {
    fn new(command: Command, data: &[u8]) -> Result<Self, ImprovError> {
        Ok(Self { command, bytes: packet::bytes(command as u8, data)? })
    }

    /// In the pieces in which it is written.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks(PIECE)
    }
}

/// Join this network.
///
/// # Errors
/// When name or passphrase is too long, or the name empty.
pub fn wifi(ssid: &[u8], passphrase: &[u8]) -> Result<Request, ImprovError> {
    if ssid.is_empty() || ssid.len() > SSID_LIMIT {
        return Err(ImprovError::Field("ssid"));
    }
    if passphrase.len() > PASSPHRASE_LIMIT {
        return Err(ImprovError::Field("passphrase"));
    }
    let mut data = Zeroizing::new(Vec::with_capacity(2 + ssid.len() + passphrase.len()));
    for part in [ssid, passphrase] {
        data.push(u8::try_from(part.len()).map_err(|_| ImprovError::Field("data"))?);
        data.extend_from_slice(part);
    }
    Request::new(Command::SendWifi, &data)
}

/// A request without data: identify, device info, scan, and the questions for names.
///
/// # Errors
/// Never for a command of this list; the signature is that of its siblings.
pub fn ask(command: Command) -> Result<Request, ImprovError> {
    Request::new(command, &[])
}

/// This is your host name: letters, digits and hyphens, no hyphen at either end.
///
/// # Errors
/// When it is not one.
pub fn hostname(name: &str) -> Result<Request, ImprovError> {
    let is_one = (1..=HOSTNAME_LIMIT).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') && !name.starts_with('-') && !name.ends_with('-');
    if !is_one {
        return Err(ImprovError::Field("hostname"));
    }
    Request::new(Command::Hostname, name.as_bytes())
}

/// This is your name.
///
/// # Errors
/// When it is empty or longer than a packet.
pub fn device_name(name: &str) -> Result<Request, ImprovError> {
    if name.is_empty() {
        return Err(ImprovError::Field("device_name"));
    }
    Request::new(Command::DeviceName, name.as_bytes())
}

/// The host name that a name for people becomes; `None` when nothing of it can be used.
#[must_use]
pub fn hostname_of(name: &str) -> Option<String> {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    let mut host = words.join("-");
    host.truncate(HOSTNAME_LIMIT);
    let host = host.trim_end_matches('-');
    (!host.is_empty()).then(|| host.to_owned())
}
