//! `prov-ctrl`: begin again without a factory reset.
//!
//! Deliberately not here: when that is needed (the flow).

use prost::Message as _;

use super::{
    EspError, answers,
    messages::{ControlBody, ControlStep, Empty, NetworkControlPayload},
    read, success,
};

/// Lets the device forget its credentials after a failure.
#[must_use]
pub fn reset() -> Vec<u8> {
    let payload = Some(ControlBody::ResetWifi(Empty {}));
    NetworkControlPayload { msg: ControlStep::ResetWifi.into(), status: 0, payload }.encode_to_vec()
}

/// Judges the reply to [`reset`].
///
/// # Errors
/// When it is not the answer, or the device is in no state to be reset.
pub fn read_reset(reply: &[u8]) -> Result<(), EspError> {
    let payload: NetworkControlPayload = read(reply)?;
    answers(payload.msg, ControlStep::ResetWifi)?;
    success(payload.status)?;
    match payload.payload {
        Some(ControlBody::ResetWifiReply(Empty {})) => Ok(()),
        _ => Err(EspError::WrongReply),
    }
}
