//! `prov-scan`: which networks the device sees.

use super::{Empty, Status, WifiAuth};

/// Which message of `prov-scan`; a reply is its command plus one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ScanStep {
    /// Command.
    StartWifi = 0,
    /// Reply.
    StartWifiReply = 1,
    /// Command.
    WifiStatus = 2,
    /// Reply.
    WifiStatusReply = 3,
    /// Command.
    WifiResult = 4,
    /// Reply.
    WifiResultReply = 5,
    /// Command.
    StartThread = 6,
    /// Reply.
    StartThreadReply = 7,
    /// Command.
    ThreadStatus = 8,
    /// Reply.
    ThreadStatusReply = 9,
    /// Command.
    ThreadResult = 10,
    /// Reply.
    ThreadResultReply = 11,
}

/// `prov-scan`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct NetworkScanPayload {
    /// Which message.
    #[prost(enumeration = "ScanStep", tag = "1")]
    pub msg: i32,
    /// How it went.
    #[prost(enumeration = "Status", tag = "2")]
    pub status: i32,
    /// Its content.
    #[prost(oneof = "ScanBody", tags = "10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21")]
    pub payload: Option<ScanBody>,
}

/// Content of `prov-scan`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Oneof)]
pub enum ScanBody {
    /// Begin.
    #[prost(message, tag = "10")]
    StartWifi(StartWifiScan),
    /// Begun.
    #[prost(message, tag = "11")]
    StartWifiReply(Empty),
    /// Done?
    #[prost(message, tag = "12")]
    WifiStatus(Empty),
    /// How far.
    #[prost(message, tag = "13")]
    WifiStatusReply(ScanProgress),
    /// Some results.
    #[prost(message, tag = "14")]
    WifiResult(ScanPage),
    /// Some results.
    #[prost(message, tag = "15")]
    WifiResultReply(WifiScanPage),
    /// Begin.
    #[prost(message, tag = "16")]
    StartThread(StartThreadScan),
    /// Begun.
    #[prost(message, tag = "17")]
    StartThreadReply(Empty),
    /// Done?
    #[prost(message, tag = "18")]
    ThreadStatus(Empty),
    /// How far.
    #[prost(message, tag = "19")]
    ThreadStatusReply(ScanProgress),
    /// Some results.
    #[prost(message, tag = "20")]
    ThreadResult(ScanPage),
    /// Some results.
    #[prost(message, tag = "21")]
    ThreadResultReply(ThreadScanPage),
}

/// Begin a Wi-Fi scan.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct StartWifiScan {
    /// Whether the reply waits for the end. Leave it: the write would be held.
    #[prost(bool, tag = "1")]
    pub blocking: bool,
    /// Listen only.
    #[prost(bool, tag = "2")]
    pub passive: bool,
    /// 0 over BLE.
    #[prost(uint32, tag = "3")]
    pub group_channels: u32,
    /// Milliseconds for each channel; ignored while Bluetooth is on.
    #[prost(uint32, tag = "4")]
    pub period_ms: u32,
}

/// How far a scan is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct ScanProgress {
    /// Whether it ended.
    #[prost(bool, tag = "1")]
    pub scan_finished: bool,
    /// How many networks.
    #[prost(uint32, tag = "2")]
    pub result_count: u32,
}

/// Which results to hand over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct ScanPage {
    /// First, from 0.
    #[prost(uint32, tag = "1")]
    pub start_index: u32,
    /// At most 4, never beyond the count.
    #[prost(uint32, tag = "2")]
    pub count: u32,
}

/// Some networks.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct WifiScanPage {
    /// Strongest first.
    #[prost(message, repeated, tag = "1")]
    pub entries: Vec<WifiNetwork>,
}

/// One network that the device sees.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct WifiNetwork {
    /// Name; empty: hidden.
    #[prost(bytes = "vec", tag = "1")]
    pub ssid: Vec<u8>,
    /// Channel.
    #[prost(uint32, tag = "2")]
    pub channel: u32,
    /// dBm.
    #[prost(int32, tag = "3")]
    pub rssi: i32,
    /// Access point.
    #[prost(bytes = "vec", tag = "4")]
    pub bssid: Vec<u8>,
    /// Protection.
    #[prost(enumeration = "WifiAuth", tag = "5")]
    pub auth: i32,
}

/// Begin a Thread scan.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct StartThreadScan {
    /// Whether the reply waits for the end.
    #[prost(bool, tag = "1")]
    pub blocking: bool,
    /// 0: all.
    #[prost(uint32, tag = "2")]
    pub channel_mask: u32,
}

/// Some networks.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct ThreadScanPage {
    /// Strongest first.
    #[prost(message, repeated, tag = "1")]
    pub entries: Vec<ThreadNetwork>,
}

/// One Thread network that the device sees.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct ThreadNetwork {
    /// PAN id.
    #[prost(uint32, tag = "1")]
    pub pan_id: u32,
    /// Channel.
    #[prost(uint32, tag = "2")]
    pub channel: u32,
    /// dBm.
    #[prost(int32, tag = "3")]
    pub rssi: i32,
    /// Link quality.
    #[prost(uint32, tag = "4")]
    pub lqi: u32,
    /// Extended address.
    #[prost(bytes = "vec", tag = "5")]
    pub ext_addr: Vec<u8>,
    /// Name.
    #[prost(string, tag = "6")]
    pub network_name: String,
    /// Extended PAN id.
    #[prost(bytes = "vec", tag = "7")]
    pub ext_pan_id: Vec<u8>,
}
