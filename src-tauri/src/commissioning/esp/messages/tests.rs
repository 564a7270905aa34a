use std::collections::BTreeMap;

use prost::Message;

use super::*;

fn plain() -> BTreeMap<String, String> {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("../../../../../tests/vectors/esp-provisioning.json")).unwrap();
    serde_json::from_value(vectors["plain"].clone()).unwrap()
}

/// Encodes as the vector says, and decodes to the same message.
fn is(name: &str, message: &(impl Message + Default + PartialEq)) {
    let wire = hex::decode(&plain()[name]).unwrap();
    assert_eq!(hex::encode(message.encode_to_vec()), hex::encode(&wire), "{name} encodes");
    assert!(Message::decode(&*wire).as_ref() == Ok(message), "{name} decodes");
}

fn config(msg: ConfigStep, payload: ConfigBody) -> NetworkConfigPayload {
    NetworkConfigPayload { msg: msg.into(), payload: Some(payload) }
}

fn status(status: Status) -> StatusReply {
    StatusReply { status: status.into() }
}

fn joining(state: WifiState, detail: Option<WifiDetail>) -> NetworkConfigPayload {
    config(ConfigStep::WifiStatus, ConfigBody::WifiStatus(WifiStatus { status: 0, wifi_sta_state: state.into(), state: detail }))
}

#[test]
fn the_configuration_messages_are_the_vectors_byte_for_byte() {
    is("CmdGetWifiStatus", &config(ConfigStep::GetWifiStatus, ConfigBody::GetWifiStatus(Empty {})));
    let set = SetWifi { ssid: b"MyHome".to_vec(), passphrase: b"secret123".to_vec(), bssid: Vec::new(), channel: 0 };
    is("CmdSetWifiConfig(MyHome,secret123)", &config(ConfigStep::SetWifi, ConfigBody::SetWifi(set)));
    is("CmdApplyWifiConfig(reference client: no submessage)", &NetworkConfigPayload { msg: ConfigStep::ApplyWifi.into(), payload: None });
    is("CmdApplyWifiConfig(with empty submessage)", &config(ConfigStep::ApplyWifi, ConfigBody::ApplyWifi(Empty {})));
    is("RespSetWifiConfig(Success)", &config(ConfigStep::SetWifiReply, ConfigBody::SetWifiReply(status(Status::Success))));
    is("RespSetWifiConfig(InvalidArgument)", &config(ConfigStep::SetWifiReply, ConfigBody::SetWifiReply(status(Status::InvalidArgument))));
    is("RespApplyWifiConfig(Success)", &config(ConfigStep::ApplyWifiReply, ConfigBody::ApplyWifiReply(status(Status::Success))));
    is("RespGetWifiStatus(Connecting)", &joining(WifiState::Connecting, None));
    let bssid = hex::decode("a0b1c2d3e4f5").unwrap();
    let connected = WifiConnected { ip4_addr: "192.168.1.42".into(), auth_mode: WifiAuth::Wpa2.into(), ssid: b"MyHome".to_vec(), bssid, channel: 6 };
    is("RespGetWifiStatus(Connected)", &joining(WifiState::Connected, Some(WifiDetail::Connected(connected))));
    is("RespGetWifiStatus(Failed,AuthError)", &joining(WifiState::ConnectionFailed, Some(WifiDetail::FailReason(WifiFailure::AuthError.into()))));
    is("RespGetWifiStatus(Failed,NotFound)", &joining(WifiState::ConnectionFailed, Some(WifiDetail::FailReason(WifiFailure::NetworkNotFound.into()))));
    let again = WifiDetail::AttemptFailed(AttemptFailed { attempts_remaining: 2 });
    is("RespGetWifiStatus(Connecting,attempts_remaining=2)", &joining(WifiState::Connecting, Some(again)));
    let broken = WifiStatus { status: Status::InternalError.into(), wifi_sta_state: 0, state: None };
    is("RespGetWifiStatus(status=InternalError)", &config(ConfigStep::WifiStatus, ConfigBody::WifiStatus(broken)));
}

fn scan(msg: ScanStep, payload: Option<ScanBody>) -> NetworkScanPayload {
    NetworkScanPayload { msg: msg.into(), status: 0, payload }
}

#[test]
fn the_scan_and_control_messages_are_the_vectors_byte_for_byte() {
    let start = StartWifiScan { blocking: true, passive: false, group_channels: 0, period_ms: 120 };
    is("CmdScanWifiStart(blocking,gc0,120ms)", &scan(ScanStep::StartWifi, Some(ScanBody::StartWifi(start))));
    is("CmdScanWifiStatus(reference client)", &scan(ScanStep::WifiStatus, None));
    is("CmdScanWifiResult(0,4)", &scan(ScanStep::WifiResult, Some(ScanBody::WifiResult(ScanPage { start_index: 0, count: 4 }))));
    is("RespScanWifiStatus(finished,2)", &scan(ScanStep::WifiStatusReply, Some(ScanBody::WifiStatusReply(ScanProgress { scan_finished: true, result_count: 2 }))));
    let network = |ssid: &str, channel, rssi, bssid: &str, auth: WifiAuth| WifiNetwork {
        ssid: ssid.into(),
        channel,
        rssi,
        bssid: hex::decode(bssid).unwrap(),
        auth: auth.into(),
    };
    let entries = vec![network("MyHome", 6, -47, "a0b1c2d3e4f5", WifiAuth::Wpa2), network("Guest", 11, -71, "0a1b2c3d4e5f", WifiAuth::Open)];
    is("RespScanWifiResult(2)", &scan(ScanStep::WifiResultReply, Some(ScanBody::WifiResultReply(WifiScanPage { entries }))));
    is("CmdCtrlWifiReset", &NetworkControlPayload { msg: ControlStep::ResetWifi.into(), status: 0, payload: None });
    is("CmdCtrlWifiReprov", &NetworkControlPayload { msg: ControlStep::ReprovisionWifi.into(), status: 0, payload: None });
    let reset = NetworkControlPayload { msg: ControlStep::ResetWifiReply.into(), status: 0, payload: Some(ControlBody::ResetWifiReply(Empty {})) };
    is("RespCtrlWifiReset(Success)", &reset);
}

#[test]
fn every_plain_vector_is_covered_by_a_test() {
    let source = include_str!("tests.rs");
    for name in plain().keys() {
        assert!(source.contains(&format!("is(\"{name}\"")), "{name} has no test");
    }
}

#[test]
fn the_passphrase_does_not_show_in_debug_output() {
    let set = SetWifi { ssid: b"MyHome".to_vec(), passphrase: b"canary-passphrase".to_vec(), bssid: Vec::new(), channel: 0 };
    let shown = format!("{:?}", config(ConfigStep::SetWifi, ConfigBody::SetWifi(set)));
    assert!(shown.contains("MyHome") && !shown.contains("canary"), "{shown}");
}
