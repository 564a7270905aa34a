//! `prov-scan`: which Wi-Fi networks the device itself sees.
//!
//! Deliberately not here: polling, and sorting for people.

use prost::Message as _;

use super::{
    EspError, answers,
    messages::{Empty, NetworkScanPayload, ScanBody, ScanPage, ScanProgress, ScanStep, StartWifiScan, WifiAuth, WifiNetwork},
    read, success,
};

/// The most results of one reply over BLE.
pub const PAGE: u32 = 4;
/// The most results that are asked for: what one byte counts on the device.
pub const MOST: u32 = 255;

/// Begins a scan that does not hold the write.
#[must_use]
pub fn start() -> Vec<u8> {
    let body = StartWifiScan { blocking: false, passive: false, group_channels: 0, period_ms: 120 };
    wire(ScanStep::StartWifi, ScanBody::StartWifi(body))
}

/// Judges the reply to [`start`].
///
/// # Errors
/// When it is not the answer, or the device refuses.
pub fn read_start(reply: &[u8]) -> Result<(), EspError> {
    match body(reply, ScanStep::StartWifi)? {
        ScanBody::StartWifiReply(Empty {}) => Ok(()),
        _ => Err(EspError::WrongReply),
    }
}

/// Asks how far the scan is.
#[must_use]
pub fn status() -> Vec<u8> {
    wire(ScanStep::WifiStatus, ScanBody::WifiStatus(Empty {}))
}

/// The number of networks, once the scan ended.
///
/// # Errors
/// When the reply is not the answer.
pub fn read_status(reply: &[u8]) -> Result<Option<u32>, EspError> {
    match body(reply, ScanStep::WifiStatus)? {
        ScanBody::WifiStatusReply(ScanProgress { scan_finished, result_count }) => Ok(scan_finished.then_some(result_count.min(MOST))),
        _ => Err(EspError::WrongReply),
    }
}

/// Asks for the results from `start` on; never beyond `total`, which would be an error.
/// `None` when there are no more.
#[must_use]
pub fn page(start: u32, total: u32) -> Option<Vec<u8>> {
    let count = total.checked_sub(start).filter(|left| *left > 0)?.min(PAGE);
    Some(wire(ScanStep::WifiResult, ScanBody::WifiResult(ScanPage { start_index: start, count })))
}

/// Judges the reply to [`page`].
///
/// # Errors
/// When it is not the answer, has no or too many networks, or a name too long.
pub fn read_page(reply: &[u8]) -> Result<Vec<WifiNetwork>, EspError> {
    let ScanBody::WifiResultReply(page) = body(reply, ScanStep::WifiResult)? else { return Err(EspError::WrongReply) };
    let count = u32::try_from(page.entries.len()).unwrap_or(u32::MAX);
    if count == 0 || count > PAGE || page.entries.iter().any(|network| network.ssid.len() > super::config::SSID_LIMIT) {
        return Err(EspError::Field("entries"));
    }
    Ok(page.entries)
}

/// The name of a protection in the API.
#[must_use]
pub fn auth_name(auth: i32) -> &'static str {
    match WifiAuth::try_from(auth) {
        Ok(WifiAuth::Open) => "open",
        Ok(WifiAuth::Wep) => "wep",
        Ok(WifiAuth::Wpa) => "wpa",
        Ok(WifiAuth::Wpa2) => "wpa2",
        Ok(WifiAuth::WpaWpa2) => "wpa_wpa2",
        Ok(WifiAuth::Wpa2Enterprise) => "wpa2_enterprise",
        Ok(WifiAuth::Wpa3) => "wpa3",
        Ok(WifiAuth::Wpa2Wpa3) => "wpa2_wpa3",
        Err(_) => "unknown",
    }
}

fn wire(msg: ScanStep, body: ScanBody) -> Vec<u8> {
    NetworkScanPayload { msg: msg.into(), status: 0, payload: Some(body) }.encode_to_vec()
}

fn body(reply: &[u8], command: ScanStep) -> Result<ScanBody, EspError> {
    let payload: NetworkScanPayload = read(reply)?;
    answers(payload.msg, command)?;
    success(payload.status)?;
    payload.payload.ok_or(EspError::WrongReply)
}
