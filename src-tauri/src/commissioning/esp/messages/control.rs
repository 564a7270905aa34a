//! `prov-ctrl`: begin again.

use super::{Empty, Status};

/// Which message of `prov-ctrl`; a reply is its command plus one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ControlStep {
    /// Not used.
    Reserved = 0,
    /// Command: forget the credentials after a failure.
    ResetWifi = 1,
    /// Reply.
    ResetWifiReply = 2,
    /// Command: begin again after a success.
    ReprovisionWifi = 3,
    /// Reply.
    ReprovisionWifiReply = 4,
    /// Command.
    ResetThread = 5,
    /// Reply.
    ResetThreadReply = 6,
    /// Command.
    ReprovisionThread = 7,
    /// Reply.
    ReprovisionThreadReply = 8,
}

/// `prov-ctrl`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct NetworkControlPayload {
    /// Which message.
    #[prost(enumeration = "ControlStep", tag = "1")]
    pub msg: i32,
    /// How it went.
    #[prost(enumeration = "Status", tag = "2")]
    pub status: i32,
    /// Its content, always empty.
    #[prost(oneof = "ControlBody", tags = "11, 12, 13, 14, 15, 16, 17, 18")]
    pub payload: Option<ControlBody>,
}

/// Content of `prov-ctrl`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Oneof)]
pub enum ControlBody {
    /// Command.
    #[prost(message, tag = "11")]
    ResetWifi(Empty),
    /// Reply.
    #[prost(message, tag = "12")]
    ResetWifiReply(Empty),
    /// Command.
    #[prost(message, tag = "13")]
    ReprovisionWifi(Empty),
    /// Reply.
    #[prost(message, tag = "14")]
    ReprovisionWifiReply(Empty),
    /// Command.
    #[prost(message, tag = "15")]
    ResetThread(Empty),
    /// Reply.
    #[prost(message, tag = "16")]
    ResetThreadReply(Empty),
    /// Command.
    #[prost(message, tag = "17")]
    ReprovisionThread(Empty),
    /// Reply.
    #[prost(message, tag = "18")]
    ReprovisionThreadReply(Empty),
}
