//! `prov-session`: the handshake, in the clear.

use super::{Empty, Status, StatusReply};

/// The scheme of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum SecurityScheme {
    /// No encryption.
    Sec0 = 0,
    /// X25519, proof of possession, AES-CTR.
    Sec1 = 1,
    /// SRP-6a, AES-GCM.
    Sec2 = 2,
}

/// `prov-session`: one step of a handshake, in the clear.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct SessionData {
    /// Which scheme.
    #[prost(enumeration = "SecurityScheme", tag = "2")]
    pub sec_ver: i32,
    /// The scheme's own message.
    #[prost(oneof = "Handshake", tags = "10, 11, 12")]
    pub proto: Option<Handshake>,
}

/// The scheme's own message.
#[derive(Clone, PartialEq, Eq, Hash, prost::Oneof)]
pub enum Handshake {
    /// Security 0.
    #[prost(message, tag = "10")]
    Sec0(Sec0Payload),
    /// Security 1.
    #[prost(message, tag = "11")]
    Sec1(Sec1Payload),
    /// Security 2.
    #[prost(message, tag = "12")]
    Sec2(Sec2Payload),
}

/// Which message of security 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Sec0Step {
    /// From the client.
    Command = 0,
    /// From the device.
    Reply = 1,
}

/// Security 0.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Sec0Payload {
    /// Which message.
    #[prost(enumeration = "Sec0Step", tag = "1")]
    pub msg: i32,
    /// Its content.
    #[prost(oneof = "Sec0Body", tags = "20, 21")]
    pub payload: Option<Sec0Body>,
}

/// Content of security 0.
#[derive(Clone, PartialEq, Eq, Hash, prost::Oneof)]
pub enum Sec0Body {
    /// `sc`.
    #[prost(message, tag = "20")]
    Command(Empty),
    /// `sr`.
    #[prost(message, tag = "21")]
    Reply(StatusReply),
}

/// Which message of security 1 or 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum SessionStep {
    /// The client's public key.
    Command0 = 0,
    /// The device's public key.
    Response0 = 1,
    /// The client's proof.
    Command1 = 2,
    /// The device's proof.
    Response1 = 3,
}

/// Security 1.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Sec1Payload {
    /// Which message.
    #[prost(enumeration = "SessionStep", tag = "1")]
    pub msg: i32,
    /// Its content.
    #[prost(oneof = "Sec1Body", tags = "20, 21, 22, 23")]
    pub payload: Option<Sec1Body>,
}

/// Content of security 1.
#[derive(Clone, PartialEq, Eq, Hash, prost::Oneof)]
pub enum Sec1Body {
    /// `sc0`.
    #[prost(message, tag = "20")]
    Command0(Sec1Command0),
    /// `sr0`.
    #[prost(message, tag = "21")]
    Response0(Sec1Response0),
    /// `sc1`.
    #[prost(message, tag = "22")]
    Command1(Sec1Command1),
    /// `sr1`.
    #[prost(message, tag = "23")]
    Response1(Sec1Response1),
}

/// Security 2.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Sec2Payload {
    /// Which message.
    #[prost(enumeration = "SessionStep", tag = "1")]
    pub msg: i32,
    /// Its content.
    #[prost(oneof = "Sec2Body", tags = "20, 21, 22, 23")]
    pub payload: Option<Sec2Body>,
}

/// Content of security 2.
#[derive(Clone, PartialEq, Eq, Hash, prost::Oneof)]
pub enum Sec2Body {
    /// `sc0`.
    #[prost(message, tag = "20")]
    Command0(Sec2Command0),
    /// `sr0`.
    #[prost(message, tag = "21")]
    Response0(Sec2Response0),
    /// `sc1`.
    #[prost(message, tag = "22")]
    Command1(Sec2Command1),
    /// `sr1`.
    #[prost(message, tag = "23")]
    Response1(Sec2Response1),
}

/// The client opens security 1.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Sec1Command0 {
    /// X25519, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub client_pubkey: Vec<u8>,
}

/// The device answers.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Sec1Response0 {
    /// How it went.
    #[prost(enumeration = "Status", tag = "1")]
    pub status: i32,
    /// X25519, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub device_pubkey: Vec<u8>,
    /// Initial counter block, 16 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub device_random: Vec<u8>,
}

/// The client proves itself. Field 2, not 1.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Sec1Command1 {
    /// The device's key, encrypted, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub client_verify_data: Vec<u8>,
}

/// The device proves itself. Field 3, not 2.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Sec1Response1 {
    /// How it went.
    #[prost(enumeration = "Status", tag = "1")]
    pub status: i32,
    /// The client's key, encrypted, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub device_verify_data: Vec<u8>,
}

/// The client opens security 2.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Sec2Command0 {
    /// I; never empty.
    #[prost(bytes = "vec", tag = "1")]
    pub client_username: Vec<u8>,
    /// A, padded to 384 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub client_pubkey: Vec<u8>,
}

/// The device answers.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Sec2Response0 {
    /// How it went.
    #[prost(enumeration = "Status", tag = "1")]
    pub status: i32,
    /// B without leading zero bytes, at most 384.
    #[prost(bytes = "vec", tag = "2")]
    pub device_pubkey: Vec<u8>,
    /// s.
    #[prost(bytes = "vec", tag = "3")]
    pub device_salt: Vec<u8>,
}

/// The client proves itself.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Sec2Command1 {
    /// M1, 64 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub client_proof: Vec<u8>,
}

/// The device proves itself.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Sec2Response1 {
    /// How it went.
    #[prost(enumeration = "Status", tag = "1")]
    pub status: i32,
    /// M2, 64 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub device_proof: Vec<u8>,
    /// Initial nonce, 12 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub device_nonce: Vec<u8>,
}
