//! What the strings of a result mean.
//!
//! All of it is the device's own word. Deliberately not here: believing it.

use super::ImprovError;
use crate::commissioning::esp::config::SSID_LIMIT;

/// The longest text that is shown or kept.
const TEXT_LIMIT: usize = 120;
/// The longest address of a page.
const URL_LIMIT: usize = 200;

/// What a device says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Name and version of its firmware.
    pub firmware: String,
    /// Its chip or board.
    pub chip: String,
    /// What it calls itself.
    pub name: String,
}

/// A network that a device sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// 1 to 32 bytes.
    pub ssid: Vec<u8>,
    /// dBm.
    pub rssi: i32,
    /// Its protection, as the API names it.
    pub auth: &'static str,
}

/// Text for people: no control characters, not endless.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().chars().filter(|c| !c.is_control()).take(TEXT_LIMIT).collect()
}

/// The result of device info: four strings, and from 2.4 on two more for the system below the firmware.
///
/// # Errors
/// When there are fewer.
pub fn info(strings: &[Vec<u8>]) -> Result<Info, ImprovError> {
    let [firmware, version, chip, name, ..] = strings else { return Err(ImprovError::Field("device info")) };
    let firmware = [text(firmware), text(version)].join(" ");
    Ok(Info { firmware: text(firmware.as_bytes()), chip: text(chip), name: text(name) })
}

/// A name: the first string; `None` when there is none.
#[must_use]
pub fn name(strings: &[Vec<u8>]) -> Option<String> {
    strings.first().map(|name| text(name)).filter(|name| !name.is_empty())
}

/// The result of a scan: name, signal, protection, again and again. Names that cannot be a network's
/// are left out.
///
/// # Errors
/// When the strings are no triples, or a signal is no number.
pub fn networks(strings: &[Vec<u8>]) -> Result<Vec<Network>, ImprovError> {
    let (triples, []) = strings.as_chunks::<3>() else { return Err(ImprovError::Field("scan result")) };
    let mut networks = Vec::with_capacity(triples.len());
    for [ssid, rssi, auth] in triples {
        let rssi = text(rssi).parse().map_err(|_| ImprovError::Field("rssi"))?;
        if (1..=SSID_LIMIT).contains(&ssid.len()) {
            networks.push(Network { ssid: ssid.clone(), rssi, auth: auth_name(&text(auth)) });
        }
    }
    Ok(networks)
}

/// The API's name of a protection; several are joined by "/".
fn auth_name(text: &str) -> &'static str {
    let has = |name: &str| text.split('/').any(|part| part.trim().eq_ignore_ascii_case(name));
    if has("WPA2 EAP") {
        "wpa2_enterprise"
    } else if has("WPA3") {
        if has("WPA2") { "wpa2_wpa3" } else { "wpa3" }
    } else if has("WPA2") {
        if has("WPA") { "wpa_wpa2" } else { "wpa2" }
    } else if has("WPA") {
        "wpa"
    } else if has("WEP") {
        "wep"
    } else if has("NO") {
        "open"
    } else {
        "unknown"
    }
}

/// The page of a device that has joined: the first string, when it is an address of the web.
#[must_use]
pub fn url(strings: &[Vec<u8>]) -> Option<String> {
    let url = std::str::from_utf8(strings.first()?).ok()?.trim();
    let is_web = url.starts_with("http://") || url.starts_with("https://");
    let is_plain = url.len() <= URL_LIMIT && url.bytes().all(|byte| byte.is_ascii_graphic());
    (is_web && is_plain).then(|| url.to_owned())
}
