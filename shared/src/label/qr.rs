//! The QR text: Espressif's keys, and ours under `"o"` so that third-party apps still work.
//!
//! Deliberately not here: what level of security is acceptable (the app's policy decides).

use serde::{Deserialize, Serialize};

use super::{ClaimCode, InvalidLabel, LABEL_LIMIT, Pop};
use crate::{claim::Fingerprint, ids::is_serial};

/// What a device joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Network {
    /// Wi-Fi; also when the label says nothing.
    #[default]
    Wifi,
    /// Thread.
    Thread,
}

/// A label. It has no `Debug`, because it holds the PoP.
#[derive(Clone, PartialEq, Eq)]
pub struct Label {
    /// The advertised name, 1–29 bytes.
    pub name: String,
    /// Proof of possession; `None`: the device has none.
    pub pop: Option<Pop>,
    /// User name of security 2.
    pub username: Option<String>,
    /// 0, 1 or 2; `None`: the label does not say.
    pub security: Option<u8>,
    /// What it joins.
    pub network: Network,
    /// What an OmnIoT label pins.
    pub pinned: Option<Pinned>,
}

/// What an OmnIoT label pins about its device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// The serial number; one that can be stored ([`is_serial`]).
    pub serial: String,
    /// Fingerprint of the device's key.
    pub key: Fingerprint,
    /// The code for typing.
    pub code: ClaimCode,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(default)]
    ver: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pop: Option<String>,
    #[serde(default)]
    transport: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    security: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    o: Option<WirePinned>,
}

#[derive(Serialize, Deserialize)]
struct WirePinned {
    s: String,
    k: String,
    c: String,
}

impl Label {
    /// Reads the JSON form. Unknown keys are ignored: vendors add their own.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn from_json(text: &str) -> Result<Self, InvalidLabel> {
        let text = text.trim();
        if text.len() > LABEL_LIMIT {
            return Err(InvalidLabel::TooLong);
        }
        let wire: Wire = serde_json::from_str(text).map_err(|_| InvalidLabel::NotALabel)?;
        if wire.ver.is_some_and(|ver| !ver.eq_ignore_ascii_case("v1")) {
            return Err(InvalidLabel::Field("ver"));
        }
        if wire.transport.is_some_and(|transport| !transport.eq_ignore_ascii_case("ble")) {
            return Err(InvalidLabel::NotBluetooth);
        }
        let name = wire.name.map(|name| name.trim().to_owned()).unwrap_or_default();
        if !plain(&name, 29) {
            return Err(InvalidLabel::Field("name"));
        }
        let username = wire.username.filter(|user| !user.is_empty());
        if username.as_ref().is_some_and(|user| !plain(user, 64)) {
            return Err(InvalidLabel::Field("username"));
        }
        let pop = wire.pop.filter(|pop| !pop.is_empty());
        if pop.as_ref().is_some_and(|pop| pop.len() > 128) {
            return Err(InvalidLabel::Field("pop"));
        }
        Ok(Self {
            name,
            pop: pop.map(Pop::new),
            username,
            security: wire.security.map(|level| security(&level)).transpose()?.flatten(),
            network: network(wire.network.as_deref())?,
            pinned: wire.o.map(pinned).transpose()?,
        })
    }

    /// Reads the URL form: JSON, percent-encoded, in the query parameter `data`.
    ///
    /// # Errors
    /// When there is no such parameter, or as [`Label::from_json`].
    pub fn from_url(text: &str) -> Result<Self, InvalidLabel> {
        let url = text.trim();
        if url.len() > LABEL_LIMIT {
            return Err(InvalidLabel::TooLong);
        }
        let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if !matches!(scheme.as_deref(), Some("https" | "http")) {
            return Err(InvalidLabel::NotALabel);
        }
        let query = url.split_once('?').map(|(_, rest)| rest.split('#').next().unwrap_or_default()).unwrap_or_default();
        let data = query.split('&').find_map(|pair| pair.strip_prefix("data=")).ok_or(InvalidLabel::NotALabel)?;
        Self::from_json(&percent_decoded(data).ok_or(InvalidLabel::NotALabel)?)
    }

    /// The text to print as a QR code.
    #[must_use]
    pub fn to_json(&self) -> String {
        let wire = Wire {
            ver: Some("v1".to_owned()),
            name: Some(self.name.clone()),
            username: self.username.clone(),
            pop: self.pop.as_ref().map(|pop| pop.reveal().to_owned()),
            transport: Some("ble".to_owned()),
            security: self.security.map(serde_json::Value::from),
            network: (self.network == Network::Thread).then(|| "thread".to_owned()),
            o: self.pinned.as_ref().map(|pinned| WirePinned {
                s: pinned.serial.clone(),
                k: pinned.key.to_string(),
                c: pinned.code.to_string().replace('-', ""),
            }),
        };
        serde_json::to_string(&wire).unwrap_or_default()
    }
}

fn plain(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn security(level: &serde_json::Value) -> Result<Option<u8>, InvalidLabel> {
    let number = match level {
        serde_json::Value::Null => return Ok(None),
        serde_json::Value::String(text) => text.trim().parse().ok(),
        other => other.as_u64(),
    };
    match number {
        Some(level @ 0..=2) => Ok(u8::try_from(level).ok()),
        _ => Err(InvalidLabel::Field("security")),
    }
}

fn network(name: Option<&str>) -> Result<Network, InvalidLabel> {
    match name.map(str::to_ascii_lowercase).as_deref() {
        None | Some("wifi") => Ok(Network::Wifi),
        Some("thread") => Ok(Network::Thread),
        Some(_) => Err(InvalidLabel::Field("network")),
    }
}

fn pinned(wire: WirePinned) -> Result<Pinned, InvalidLabel> {
    if !plain(&wire.s, 64) || !is_serial(&wire.s) {
        return Err(InvalidLabel::Field("o.s"));
    }
    Ok(Pinned {
        serial: wire.s,
        key: Fingerprint::parse(&wire.k).ok_or(InvalidLabel::Field("o.k"))?,
        code: wire.c.parse().map_err(|_| InvalidLabel::Field("o.c"))?,
    })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                *hex::decode(digits).ok()?.first()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}
