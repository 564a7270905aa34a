use super::*;
use crate::virtual_device::vectors::{hex_at, vectors};

fn network(ssid: &str, password: &str, rssi: i32) -> Network {
    Network { ssid: ssid.into(), password: password.into(), rssi, channel: 6, hidden: false, never_joins: false }
}

fn station(attempts: u32) -> Wifi {
    let mut networks = vec![network("MyHome", "secret123", -47), network("Guest", "", -71)];
    networks.push(Network { never_joins: true, ..network("Filtered", "secret123", -50) });
    networks.push(Network { hidden: true, ..network("Hidden", "secret123", -50) });
    Wifi::new(networks, Timing::FAST, attempts)
}

fn plain(name: &str) -> Vec<u8> {
    hex_at(&vectors()["plain"], name)
}

fn ask(wifi: &mut Wifi, body: ConfigBody, step: ConfigStep, now: u64) -> NetworkConfigPayload {
    let request = NetworkConfigPayload { msg: step.into(), payload: Some(body) }.encode_to_vec();
    let reply = NetworkConfigPayload::decode(&*wifi.config(&request, now).unwrap()).unwrap();
    assert_eq!(reply.msg, i32::from(step) + 1, "a reply is its command plus one");
    reply
}

fn set(wifi: &mut Wifi, ssid: &str, passphrase: &str) -> Status {
    let body = SetWifi { ssid: ssid.into(), passphrase: passphrase.into(), bssid: Vec::new(), channel: 0 };
    match ask(wifi, ConfigBody::SetWifi(body), ConfigStep::SetWifi, 0).payload {
        Some(ConfigBody::SetWifiReply(reply)) => reply.status(),
        other => panic!("{other:?}"),
    }
}

fn apply(wifi: &mut Wifi, now: u64) -> Status {
    match ask(wifi, ConfigBody::ApplyWifi(Empty {}), ConfigStep::ApplyWifi, now).payload {
        Some(ConfigBody::ApplyWifiReply(reply)) => reply.status(),
        other => panic!("{other:?}"),
    }
}

fn status(wifi: &mut Wifi, now: u64) -> (WifiState, Option<WifiDetail>) {
    match ask(wifi, ConfigBody::GetWifiStatus(Empty {}), ConfigStep::GetWifiStatus, now).payload {
        Some(ConfigBody::WifiStatus(status)) => (status.wifi_sta_state(), status.state),
        other => panic!("{other:?}"),
    }
}

const LATER: u64 = 1000;

#[test]
fn the_replies_are_those_of_the_known_answers() {
    let mut wifi = station(0);
    assert_eq!(wifi.config(&plain("CmdSetWifiConfig(MyHome,secret123)"), 0), Some(plain("RespSetWifiConfig(Success)")));
    assert_eq!(wifi.config(&plain("CmdApplyWifiConfig(reference client: no submessage)"), 0), Some(plain("RespApplyWifiConfig(Success)")));
    assert_eq!(wifi.config(&plain("CmdGetWifiStatus"), 1), Some(plain("RespGetWifiStatus(Connecting)")));
    let mut wifi = station(0);
    set(&mut wifi, "MyHome", "wrong");
    apply(&mut wifi, 0);
    assert_eq!(wifi.config(&plain("CmdGetWifiStatus"), LATER), Some(plain("RespGetWifiStatus(Failed,AuthError)")));
    assert_eq!(wifi.control(&plain("CmdCtrlWifiReset"), LATER), Some(plain("RespCtrlWifiReset(Success)")));
    let mut wifi = station(0);
    set(&mut wifi, "Elsewhere", "x");
    apply(&mut wifi, 0);
    assert_eq!(wifi.config(&plain("CmdGetWifiStatus"), LATER), Some(plain("RespGetWifiStatus(Failed,NotFound)")));
}

#[test]
fn after_a_failure_only_a_reset_leads_on() {
    let mut wifi = station(0);
    set(&mut wifi, "MyHome", "wrong");
    assert_eq!(apply(&mut wifi, 0), Status::Success);
    assert_eq!(status(&mut wifi, LATER).0, WifiState::ConnectionFailed);
    assert_eq!(set(&mut wifi, "MyHome", "secret123"), Status::Success);
    assert_eq!(apply(&mut wifi, LATER), Status::InternalError, "credentials were already received");
    wifi.control(&plain("CmdCtrlWifiReset"), LATER).unwrap();
    set(&mut wifi, "MyHome", "secret123");
    assert_eq!(apply(&mut wifi, LATER), Status::Success);
    let (state, detail) = status(&mut wifi, LATER * 2);
    assert_eq!(state, WifiState::Connected);
    assert!(matches!(detail, Some(WifiDetail::Connected(_))));
}

#[test]
fn apply_without_credentials_and_reset_while_trying_are_refused() {
    let mut wifi = station(0);
    assert_eq!(apply(&mut wifi, 0), Status::InternalError);
    set(&mut wifi, "MyHome", "secret123");
    apply(&mut wifi, 0);
    let reply = NetworkControlPayload::decode(&*wifi.control(&plain("CmdCtrlWifiReset"), 1).unwrap()).unwrap();
    assert_eq!(reply.status(), Status::InternalError);
}

#[test]
fn the_limits_of_a_field_are_told_in_the_reply() {
    let mut wifi = station(0);
    assert_eq!(set(&mut wifi, &"s".repeat(32), &"p".repeat(63)), Status::Success);
    assert_eq!(set(&mut wifi, &"s".repeat(33), ""), Status::InvalidArgument);
    assert_eq!(set(&mut wifi, "s", &"p".repeat(64)), Status::InvalidArgument);
    assert_eq!(wifi.config(&plain("RespSetWifiConfig(InvalidArgument)"), 0), None, "a reply is no request");
    assert_eq!(wifi.config(&[0x08, 0x02], 0), None, "Set without its sub-message");
}

#[test]
fn the_service_ends_soon_after_connected_was_polled_and_late_when_nobody_asks() {
    let mut wifi = station(0);
    set(&mut wifi, "MyHome", "secret123");
    apply(&mut wifi, 0);
    assert_eq!(wifi.ends_service_at(1), None);
    let joined = Timing::FAST.apply_ms + Timing::FAST.join_ms;
    assert_eq!(wifi.ends_service_at(joined), Some(joined + Timing::FAST.auto_stop_ms));
    status(&mut wifi, 100);
    status(&mut wifi, 120);
    assert_eq!(wifi.ends_service_at(200), Some(100 + Timing::FAST.stop_ms), "the first poll counts");
}

#[test]
fn tries_are_counted_down_before_it_gives_up() {
    let mut wifi = station(3);
    set(&mut wifi, "MyHome", "wrong");
    apply(&mut wifi, 0);
    let seen: Vec<_> = (0..400).step_by(10).map(|now| status(&mut wifi, now)).collect();
    assert!(seen.contains(&(WifiState::Connecting, Some(WifiDetail::AttemptFailed(AttemptFailed { attempts_remaining: 2 })))));
    assert_eq!(seen.last(), Some(&(WifiState::ConnectionFailed, Some(WifiDetail::FailReason(WifiFailure::AuthError.into())))));
}

#[test]
fn a_network_that_lets_nobody_in_is_tried_for_ever() {
    let mut wifi = station(0);
    set(&mut wifi, "Filtered", "secret123");
    apply(&mut wifi, 0);
    assert_eq!(status(&mut wifi, 1_000_000), (WifiState::Connecting, None));
}

#[test]
fn the_scan_lists_by_strength_in_pages_of_four_and_never_beyond_the_end() {
    let networks = (0..20).map(|n| network(&format!("net{n}"), "", -30 - n)).collect();
    let mut wifi = Wifi::new(networks, Timing::FAST, 0);
    let mut ask = |step: ScanStep, body: ScanBody, now: u64| {
        let request = NetworkScanPayload { msg: step.into(), status: 0, payload: Some(body) }.encode_to_vec();
        NetworkScanPayload::decode(&*wifi.scan(&request, now).unwrap()).unwrap()
    };
    ask(ScanStep::StartWifi, ScanBody::StartWifi(Default::default()), 0);
    let progress = |reply: NetworkScanPayload| match reply.payload {
        Some(ScanBody::WifiStatusReply(progress)) => (progress.scan_finished, progress.result_count),
        other => panic!("{other:?}"),
    };
    assert_eq!(progress(ask(ScanStep::WifiStatus, ScanBody::WifiStatus(Empty {}), 1)), (false, 0));
    assert_eq!(progress(ask(ScanStep::WifiStatus, ScanBody::WifiStatus(Empty {}), LATER)), (true, 16));
    let mut page = |start_index, count| ask(ScanStep::WifiResult, ScanBody::WifiResult(ScanPage { start_index, count }), LATER);
    let first = page(0, 4);
    let Some(ScanBody::WifiResultReply(results)) = &first.payload else { panic!("{first:?}") };
    assert_eq!(results.entries.iter().map(|entry| entry.rssi).collect::<Vec<_>>(), [-30, -31, -32, -33]);
    assert!(first.encoded_len() <= 240, "a page fits into one reply of old firmware");
    for (start, count) in [(0, 5), (14, 4), (16, 1), (u32::MAX, 4)] {
        assert_eq!(page(start, count).status(), Status::InternalError, "{start}+{count}");
    }
}
