//! `prov-ctrl`: begin again without a factory reset.
//!
//! Deliberately not here: when that is needed (the flow).

use prost::Message as _;

use super::{
    EspError, answers,
    messages::{ControlBody, ControlStep, Empty, NetworkControlPayload},
    read, success,
};

/// What a device is to forget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forget {
    /// Its Wi-Fi network.
    Wifi,
    /// Its mesh.
    Thread,
}

/// Lets the device forget its credentials after a failure.
#[must_use]
pub fn reset(what: Forget) -> Vec<u8> {
    let (step, body) = match what {
        Forget::Wifi => (ControlStep::ResetWifi, ControlBody::ResetWifi(Empty {})),
        Forget::Thread => (ControlStep::ResetThread, ControlBody::ResetThread(Empty {})),
    };
    NetworkControlPayload { msg: step.into(), status: 0, payload: Some(body) }.encode_to_vec()
}

/// Judges the reply to [`reset`].
///
/// # Errors
/// When it is not the answer, or the device is in no state to be reset.
pub fn read_reset(reply: &[u8], what: Forget) -> Result<(), EspError> {
    let payload: NetworkControlPayload = read(reply)?;
    let command = if what == Forget::Wifi { ControlStep::ResetWifi } else { ControlStep::ResetThread };
    answers(payload.msg, command)?;
    success(payload.status)?;
    match (what, payload.payload) {
        (Forget::Wifi, Some(ControlBody::ResetWifiReply(Empty {}))) | (Forget::Thread, Some(ControlBody::ResetThreadReply(Empty {}))) => Ok(()),
        _ => Err(EspError::WrongReply),
    }
}
