//! Security 0: no encryption. Developer mode only.
//!
//! Deliberately not here: the decision to allow it ([`super::level`]).

use prost::Message as _;

use super::{
    EspError, answers,
    messages::{Empty, Handshake, Sec0Body, Sec0Payload, Sec0Step, SecurityScheme, SessionData},
    read,
    session::Cipher,
    success,
};

/// The one request.
#[must_use]
pub fn command() -> Vec<u8> {
    let payload = Sec0Payload { msg: Sec0Step::Command.into(), payload: Some(Sec0Body::Command(Empty {})) };
    SessionData { sec_ver: SecurityScheme::Sec0.into(), proto: Some(Handshake::Sec0(payload)) }.encode_to_vec()
}

/// Judges the one reply.
///
/// # Errors
/// When it is not the answer, or the device refuses.
pub fn finish(reply: &[u8]) -> Result<Cipher, EspError> {
    let data: SessionData = read(reply)?;
    let Some(Handshake::Sec0(payload)) = data.proto else { return Err(EspError::WrongReply) };
    answers(payload.msg, Sec0Step::Command)?;
    let Some(Sec0Body::Reply(body)) = payload.payload else { return Err(EspError::WrongReply) };
    success(body.status)?;
    Ok(Cipher::plain())
}
