//! Espressif's unified provisioning ("protocomm") over BLE, sans I/O: bytes in, bytes out
//! (COMMISSIONING.md 2).
//!
//! A walk: [`endpoints`] finds the characteristics · [`version`] reads what the device says
//! it can · [`level`] decides whether that is enough · [`sec1`] or [`sec2`] shakes hands and
//! yields a [`session::Cipher`] · [`config`], [`thread`], [`scan`] and [`control`] make requests
//! and judge their replies.
//!
//! Deliberately not here: the radio, waiting, deadlines, and what a technician sees.
//! To add an endpoint: its messages in [`messages`], then a room beside the others.

use prost::Message;

pub mod config;
pub mod control;
pub mod endpoints;
pub mod level;
pub mod messages;
pub mod scan;
pub mod sec0;
pub mod sec1;
pub mod sec2;
pub mod session;
mod srp;
#[cfg(test)]
mod tests;
pub mod thread;
pub mod version;

/// The most bytes of one request on the wire, so that every Bluetooth stack of a device takes it.
pub const REQUEST_LIMIT: usize = 480;
/// The most bytes a reply may have: the limit of an attribute's value.
pub const REPLY_LIMIT: usize = 512;

/// Why a reply of the device is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EspError {
    /// Not the protobuf message that was expected, or too long.
    #[error("the reply cannot be read")]
    Unreadable,
    /// A message, but not the answer to the request that was sent.
    #[error("the reply answers something else")]
    WrongReply,
    /// The device says no.
    #[error("the device answers {0:?}")]
    Status(messages::Status),
    /// A status that this client does not know.
    #[error("the device answers with the unknown status {0}")]
    UnknownStatus(i32),
    /// A field has a wrong length or value.
    #[error("`{0}` in the reply is wrong")]
    Field(&'static str),
    /// A public key that would make the session's key known to anybody.
    #[error("the device offers a weak key")]
    WeakKey,
    /// The device does not know the proof of possession.
    #[error("the device could not prove itself")]
    WrongProof,
    /// The reply was changed on its way, or the session is out of step.
    #[error("the reply does not decrypt")]
    Tampered,
    /// The session is over: it failed before or has used its nonces up.
    #[error("the session is over")]
    SessionOver,
    /// "Connected" without the network it is connected to.
    #[error("the device claims a success that it does not show")]
    FalseSuccess,
    /// The request would be longer than every stack takes.
    #[error("the request is too long")]
    TooLong,
}

/// Reads a message of at most [`REPLY_LIMIT`] bytes.
fn read<M: Message + Default>(reply: &[u8]) -> Result<M, EspError> {
    if reply.len() > REPLY_LIMIT {
        return Err(EspError::Unreadable);
    }
    M::decode(reply).map_err(|_| EspError::Unreadable)
}

/// Whether a reply is the one to its command: its number plus one.
fn answers(reply: i32, command: impl Into<i32>) -> Result<(), EspError> {
    if reply == command.into() + 1 { Ok(()) } else { Err(EspError::WrongReply) }
}

/// Whether the status is success.
fn success(status: i32) -> Result<(), EspError> {
    match messages::Status::try_from(status) {
        Ok(messages::Status::Success) => Ok(()),
        Ok(other) => Err(EspError::Status(other)),
        Err(_) => Err(EspError::UnknownStatus(status)),
    }
}
