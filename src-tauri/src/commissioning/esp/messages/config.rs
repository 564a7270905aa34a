//! `prov-config`: set, apply and watch a network.

use zeroize::Zeroize as _;

use super::{Empty, Status, StatusReply};

/// Which message of `prov-config`; a reply is its command plus one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ConfigStep {
    /// Command.
    GetWifiStatus = 0,
    /// Reply.
    WifiStatus = 1,
    /// Command.
    SetWifi = 2,
    /// Reply.
    SetWifiReply = 3,
    /// Command.
    ApplyWifi = 4,
    /// Reply.
    ApplyWifiReply = 5,
    /// Command.
    GetThreadStatus = 6,
    /// Reply.
    ThreadStatus = 7,
    /// Command.
    SetThread = 8,
    /// Reply.
    SetThreadReply = 9,
    /// Command.
    ApplyThread = 10,
    /// Reply.
    ApplyThreadReply = 11,
}

/// `prov-config`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct NetworkConfigPayload {
    /// Which message.
    #[prost(enumeration = "ConfigStep", tag = "1")]
    pub msg: i32,
    /// Its content.
    #[prost(oneof = "ConfigBody", tags = "10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21")]
    pub payload: Option<ConfigBody>,
}

/// Content of `prov-config`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Oneof)]
pub enum ConfigBody {
    /// Asks how joining goes.
    #[prost(message, tag = "10")]
    GetWifiStatus(Empty),
    /// How joining goes.
    #[prost(message, tag = "11")]
    WifiStatus(WifiStatus),
    /// Network and passphrase.
    #[prost(message, tag = "12")]
    SetWifi(SetWifi),
    /// Stored.
    #[prost(message, tag = "13")]
    SetWifiReply(StatusReply),
    /// Join now.
    #[prost(message, tag = "14")]
    ApplyWifi(Empty),
    /// It begins in about a second.
    #[prost(message, tag = "15")]
    ApplyWifiReply(StatusReply),
    /// Asks how attaching goes.
    #[prost(message, tag = "16")]
    GetThreadStatus(Empty),
    /// How attaching goes.
    #[prost(message, tag = "17")]
    ThreadStatus(ThreadStatus),
    /// Operational dataset.
    #[prost(message, tag = "18")]
    SetThread(SetThread),
    /// Stored.
    #[prost(message, tag = "19")]
    SetThreadReply(StatusReply),
    /// Attach now.
    #[prost(message, tag = "20")]
    ApplyThread(Empty),
    /// It begins.
    #[prost(message, tag = "21")]
    ApplyThreadReply(StatusReply),
}

/// How joining goes. 0 is `Connected`: never trust it without the `connected` body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum WifiState {
    /// It has an address.
    Connected = 0,
    /// It tries.
    Connecting = 1,
    /// It does not try.
    Disconnected = 2,
    /// It gave up.
    ConnectionFailed = 3,
}

/// Why it gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum WifiFailure {
    /// Wrong passphrase.
    AuthError = 0,
    /// No such network in range.
    NetworkNotFound = 1,
}

/// How joining goes.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct WifiStatus {
    /// How it went.
    #[prost(enumeration = "Status", tag = "1")]
    pub status: i32,
    /// Where it stands.
    #[prost(enumeration = "WifiState", tag = "2")]
    pub wifi_sta_state: i32,
    /// Details that fit the state.
    #[prost(oneof = "WifiDetail", tags = "10, 11, 12")]
    pub state: Option<WifiDetail>,
}

/// Details that fit the state.
#[derive(Clone, PartialEq, Eq, Hash, prost::Oneof)]
pub enum WifiDetail {
    /// Why it gave up.
    #[prost(enumeration = "WifiFailure", tag = "10")]
    FailReason(i32),
    /// The network it is in.
    #[prost(message, tag = "11")]
    Connected(WifiConnected),
    /// It will try again.
    #[prost(message, tag = "12")]
    AttemptFailed(AttemptFailed),
}

/// Protection of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum WifiAuth {
    /// None.
    Open = 0,
    /// WEP.
    Wep = 1,
    /// WPA.
    Wpa = 2,
    /// WPA2.
    Wpa2 = 3,
    /// WPA and WPA2.
    WpaWpa2 = 4,
    /// WPA2 enterprise.
    Wpa2Enterprise = 5,
    /// WPA3.
    Wpa3 = 6,
    /// WPA2 and WPA3.
    Wpa2Wpa3 = 7,
}

/// The network the device is in.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct WifiConnected {
    /// Its address.
    #[prost(string, tag = "1")]
    pub ip4_addr: String,
    /// Protection.
    #[prost(enumeration = "WifiAuth", tag = "2")]
    pub auth_mode: i32,
    /// Name.
    #[prost(bytes = "vec", tag = "3")]
    pub ssid: Vec<u8>,
    /// Access point.
    #[prost(bytes = "vec", tag = "4")]
    pub bssid: Vec<u8>,
    /// Channel.
    #[prost(int32, tag = "5")]
    pub channel: i32,
}

/// It will try again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct AttemptFailed {
    /// How often.
    #[prost(uint32, tag = "1")]
    pub attempts_remaining: u32,
}

/// Network and passphrase. `Debug` hides the passphrase; it is wiped when dropped.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
#[prost(skip_debug)]
pub struct SetWifi {
    /// At most 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub ssid: Vec<u8>,
    /// At most 63 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub passphrase: Vec<u8>,
    /// Empty or 6 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub bssid: Vec<u8>,
    /// 0: any.
    #[prost(int32, tag = "4")]
    pub channel: i32,
}

/// How attaching goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ThreadState {
    /// It is in.
    Attached = 0,
    /// It tries.
    Attaching = 1,
    /// It does not try.
    Detached = 2,
    /// It gave up.
    AttachingFailed = 3,
}

/// Why it gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ThreadFailure {
    /// The dataset is not one.
    DatasetInvalid = 0,
    /// No such network in range.
    NetworkNotFound = 1,
}

/// How attaching goes.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct ThreadStatus {
    /// How it went.
    #[prost(enumeration = "Status", tag = "1")]
    pub status: i32,
    /// Where it stands.
    #[prost(enumeration = "ThreadState", tag = "2")]
    pub thread_state: i32,
    /// Details that fit the state.
    #[prost(oneof = "ThreadDetail", tags = "10, 11")]
    pub state: Option<ThreadDetail>,
}

/// Details that fit the state.
#[derive(Clone, PartialEq, Eq, Hash, prost::Oneof)]
pub enum ThreadDetail {
    /// Why it gave up.
    #[prost(enumeration = "ThreadFailure", tag = "10")]
    FailReason(i32),
    /// The network it is in.
    #[prost(message, tag = "11")]
    Attached(ThreadAttached),
}

/// The Thread network the device is in.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct ThreadAttached {
    /// PAN id.
    #[prost(uint32, tag = "1")]
    pub pan_id: u32,
    /// Extended PAN id.
    #[prost(bytes = "vec", tag = "2")]
    pub ext_pan_id: Vec<u8>,
    /// Channel.
    #[prost(uint32, tag = "3")]
    pub channel: u32,
    /// Name.
    #[prost(string, tag = "4")]
    pub name: String,
}

/// Operational dataset.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct SetThread {
    /// TLVs.
    #[prost(bytes = "vec", tag = "1")]
    pub dataset: Vec<u8>,
}

impl std::fmt::Debug for SetWifi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetWifi").field("ssid", &String::from_utf8_lossy(&self.ssid)).finish_non_exhaustive()
    }
}

impl Drop for SetWifi {
    fn drop(&mut self) {
        self.passphrase.zeroize();
    }
}
