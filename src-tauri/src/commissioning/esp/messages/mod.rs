//! The protobuf messages of protocomm and `network_provisioning` (COMMISSIONING.md 2.6), both directions.
//!
//! Deliberately not here: which reply is acceptable (the client rooms check that).
//! Numbers are Espressif's; `wifi_provisioning` of older IDF releases has the same ones
//! and only lacks Thread. A oneof member with nothing in it is still sent.
//! To add a message: the derive, its place in the oneof of its payload, a line in the tests.

mod config;
mod control;
mod scan;
mod session;
#[cfg(test)]
mod tests;

pub use config::*;
pub use control::*;
pub use scan::*;
pub use session::*;

/// The status that every reply carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Status {
    /// Done.
    Success = 0,
    /// The session is of another security scheme.
    InvalidSecScheme = 1,
    /// The message cannot be read.
    InvalidProto = 2,
    /// Another client holds the session.
    TooManySessions = 3,
    /// A field is out of range.
    InvalidArgument = 4,
    /// The device could not, e.g. credentials were already received.
    InternalError = 5,
    /// A cipher failed.
    CryptoError = 6,
    /// There is no session.
    InvalidSession = 7,
}

/// Nothing: commands and replies without content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct Empty {}

/// A reply that is only a status.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct StatusReply {
    /// How it went.
    #[prost(enumeration = "Status", tag = "1")]
    pub status: i32,
}
