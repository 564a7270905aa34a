//! `prov-config`: set, apply and watch a Wi-Fi network ([`super::thread`] does it for a mesh).
//!
//! Deliberately not here: polling and what to do after a failure (the flow).

use prost::Message as _;
use zeroize::Zeroizing;

use super::{
    EspError, answers,
    messages::{ConfigBody, ConfigStep, Empty, NetworkConfigPayload, SetWifi, WifiDetail, WifiFailure, WifiState},
    read, success,
};

/// How joining goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Joining {
    /// It has an address in that network.
    Connected {
        /// Its address, as the device writes it.
        address: String,
        /// The network.
        ssid: Vec<u8>,
    },
    /// It tries; how many tries are left, when the device says.
    Connecting(Option<u32>),
    /// It does not try.
    Idle,
    /// It gave up: wrong passphrase.
    WrongPassphrase,
    /// It gave up: no such network.
    NotFound,
}

/// The longest name of a network, bytes.
pub const SSID_LIMIT: usize = 32;
/// The longest passphrase that devices take, bytes.
pub const PASSPHRASE_LIMIT: usize = 63;

/// Hands over name and passphrase. Nothing happens before [`apply`].
///
/// # Errors
/// When either is too long.
pub fn set(ssid: &[u8], passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, EspError> {
    if ssid.is_empty() || ssid.len() > SSID_LIMIT {
        return Err(EspError::Field("ssid"));
    }
    if passphrase.len() > PASSPHRASE_LIMIT {
        return Err(EspError::Field("passphrase"));
    }
    let body = SetWifi { ssid: ssid.to_vec(), passphrase: passphrase.to_vec(), bssid: Vec::new(), channel: 0 };
    Ok(wire(ConfigStep::SetWifi, ConfigBody::SetWifi(body)))
}

/// Judges the reply to [`set`].
///
/// # Errors
/// When it is not the answer, or the device refuses.
pub fn read_set(reply: &[u8]) -> Result<(), EspError> {
    match body(reply, ConfigStep::SetWifi)? {
        ConfigBody::SetWifiReply(body) => success(body.status),
        _ => Err(EspError::WrongReply),
    }
}

/// Lets the device join, about a second after its reply.
#[must_use]
pub fn apply() -> Zeroizing<Vec<u8>> {
    wire(ConfigStep::ApplyWifi, ConfigBody::ApplyWifi(Empty {}))
}

/// Judges the reply to [`apply`].
///
/// # Errors
/// `Status(InternalError)` when credentials were received before: reset first.
pub fn read_apply(reply: &[u8]) -> Result<(), EspError> {
    match body(reply, ConfigStep::ApplyWifi)? {
        ConfigBody::ApplyWifiReply(body) => success(body.status),
        _ => Err(EspError::WrongReply),
    }
}

/// Asks how joining goes.
#[must_use]
pub fn status() -> Zeroizing<Vec<u8>> {
    wire(ConfigStep::GetWifiStatus, ConfigBody::GetWifiStatus(Empty {}))
}

/// Judges the reply to [`status`]. "Connected" is the number 0, which a truncated or empty
/// reply has too: it counts only together with the network that the device is in.
///
/// # Errors
/// `FalseSuccess` when that is missing.
pub fn read_status(reply: &[u8]) -> Result<Joining, EspError> {
    let ConfigBody::WifiStatus(body) = body(reply, ConfigStep::GetWifiStatus)? else { return Err(EspError::WrongReply) };
    success(body.status)?;
    let state = WifiState::try_from(body.wifi_sta_state).map_err(|_| EspError::Field("wifi_sta_state"))?;
    match (state, body.state) {
        (WifiState::Connected, Some(WifiDetail::Connected(network))) => Ok(Joining::Connected { address: network.ip4_addr, ssid: network.ssid }),
        (WifiState::Connected, _) => Err(EspError::FalseSuccess),
        (WifiState::Connecting, Some(WifiDetail::AttemptFailed(attempt))) => Ok(Joining::Connecting(Some(attempt.attempts_remaining))),
        (WifiState::Connecting, _) => Ok(Joining::Connecting(None)),
        (WifiState::Disconnected, _) => Ok(Joining::Idle),
        (WifiState::ConnectionFailed, Some(WifiDetail::FailReason(reason))) => match WifiFailure::try_from(reason) {
            Ok(WifiFailure::AuthError) => Ok(Joining::WrongPassphrase),
            Ok(WifiFailure::NetworkNotFound) => Ok(Joining::NotFound),
            Err(_) => Err(EspError::Field("fail_reason")),
        },
        (WifiState::ConnectionFailed, _) => Err(EspError::Field("fail_reason")),
    }
}

fn wire(msg: ConfigStep, body: ConfigBody) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(NetworkConfigPayload { msg: msg.into(), payload: Some(body) }.encode_to_vec())
}

fn body(reply: &[u8], command: ConfigStep) -> Result<ConfigBody, EspError> {
    let payload: NetworkConfigPayload = read(reply)?;
    answers(payload.msg, command)?;
    payload.payload.ok_or(EspError::WrongReply)
}
