//! The examples of the specification hold byte for byte, and no bytes make the client panic.

use proptest::prelude::*;

use super::{
    command::{self, Command},
    dialog::{Dialog, Heard, Outcome},
    gatt::{Capabilities, Characteristic, Fault, State},
    packet::{Assembler, DATA_LIMIT, PIECE, Packet},
    reply, *,
};

fn whole(request: &command::Request) -> Vec<u8> {
    request.pieces().flatten().copied().collect()
}

/// A result as a device sends it.
fn result(command: u8, strings: &[&str]) -> Vec<u8> {
    let data: Vec<u8> = strings.iter().flat_map(|string| [&[u8::try_from(string.len()).unwrap()], string.as_bytes()].concat()).collect();
    packet::bytes(command, &data).unwrap().to_vec()
}

fn bytes(strings: &[&str]) -> Vec<Vec<u8>> {
    strings.iter().map(|string| string.as_bytes().to_vec()).collect()
}

#[test]
fn requests_are_the_examples_of_the_specification() {
    let wifi = whole(&command::wifi(b"MyWirelessAP", b"mysecurepassword").unwrap());
    assert_eq!(wifi[..3], [0x01, 0x1e, 0x0c]);
    assert_eq!(&wifi[3..15], b"MyWirelessAP");
    assert_eq!(wifi[15], 0x10);
    let sum = wifi[..32].iter().map(|byte| u32::from(*byte)).sum::<u32>() % 256;
    assert_eq!((wifi.len(), u32::from(wifi[32])), (33, sum));
    for (command, wire) in [(Command::Identify, [2, 0, 2]), (Command::DeviceInfo, [3, 0, 3]), (Command::Scan, [4, 0, 4]), (Command::Hostname, [5, 0, 5]), (Command::DeviceName, [6, 0, 6])] {
        assert_eq!(whole(&command::ask(command).unwrap()), wire, "{command:?}");
    }
    assert_eq!(whole(&command::hostname("a-1").unwrap()), [5, 3, b'a', b'-', b'1', 199]);
    assert_eq!(Characteristic::Capabilities.uuid().to_string(), "00467768-6228-2272-4663-277478268005");
}

#[test]
fn a_request_goes_in_pieces_that_every_link_carries() {
    let request = command::wifi(&[b'n'; 32], &[b'p'; 63]).unwrap();
    let lengths: Vec<_> = request.pieces().map(<[u8]>::len).collect();
    assert_eq!(lengths, [20, 20, 20, 20, 20]);
    assert!(lengths.iter().all(|length| *length <= PIECE));
}

#[test]
fn what_no_device_takes_is_not_sent() {
    assert!(command::wifi(b"", b"").is_err() && command::wifi(&[b'n'; 33], b"").is_err() && command::wifi(b"n", &[b'p'; 64]).is_err());
    for name in ["", "-a", "a-", "a b", "ä", &"a".repeat(64)] {
        assert_eq!(command::hostname(name).err(), Some(ImprovError::Field("hostname")), "{name}");
    }
    assert!(command::device_name("").is_err() && command::device_name(&"x".repeat(DATA_LIMIT + 1)).is_err());
    assert_eq!(command::hostname_of(" Kühlraum 3 / Nord!").as_deref(), Some("k-hlraum-3-nord"));
    assert_eq!(command::hostname_of("—"), None);
    assert!(command::hostname_of(&"a b".repeat(60)).is_some_and(|host| command::hostname(&host).is_ok()));
}

#[test]
fn values_on_the_characteristics_are_told_apart() {
    assert_eq!([1, 2, 3, 4].map(|value| State::read(&[value]).unwrap()), [State::AuthorizationRequired, State::Authorized, State::Provisioning, State::Provisioned]);
    assert!(State::read(&[0]).is_err() && State::read(&[5]).is_err() && State::read(&[]).is_err() && State::read(&[4, 0]).is_err());
    assert_eq!(Fault::read(&[0]), Ok(None));
    assert_eq!((Fault::read(&[5]), Fault::read(&[0xff]), Fault::read(&[77])), (Ok(Some(Fault::BadHostname)), Ok(Some(Fault::Unknown)), Ok(Some(Fault::Unknown))));
    let all = Capabilities::read(&[0x0f, 9]).unwrap();
    assert!(all.identify() && all.device_info() && all.scan() && all.hostname());
    let scan = Capabilities::read(&[4]).unwrap();
    assert!(scan.scan() && !scan.identify() && !scan.device_info() && !scan.hostname());
    assert!(Capabilities::read(&[]).is_err());
}

#[test]
fn results_are_read_and_what_they_cannot_mean_is_left_out() {
    let info = reply::info(&bytes(&["Bluetooth Proxy", "v1.0.0", "denky_d4/esp32", "My Proxy", "ESPHome", "2025.12.2"])).unwrap();
    assert_eq!((info.firmware.as_str(), info.chip.as_str(), info.name.as_str()), ("Bluetooth Proxy v1.0.0", "denky_d4/esp32", "My Proxy"));
    assert!(reply::info(&bytes(&["a", "b", "c"])).is_err());
    let auths = [("NO", "open"), ("WEP", "wep"), ("WPA", "wpa"), ("WPA/WPA2", "wpa_wpa2"), ("WPA2", "wpa2"), ("WPA2 EAP", "wpa2_enterprise"), ("WPA2/WPA3", "wpa2_wpa3"), ("WPA3", "wpa3"), ("WAPI", "unknown")];
    for (text, name) in auths {
        assert_eq!(reply::networks(&bytes(&["Net", "-60", text])).unwrap()[0].auth, name, "{text}");
    }
    let listed = reply::networks(&bytes(&["A", "-60", "WPA2", "", "-10", "NO", &"n".repeat(33), "-10", "NO"])).unwrap();
    assert_eq!(listed.iter().map(|network| (network.ssid.as_slice(), network.rssi)).collect::<Vec<_>>(), [(&b"A"[..], -60)]);
    assert!(reply::networks(&bytes(&["A", "-60"])).is_err() && reply::networks(&bytes(&["A", "strong", "NO"])).is_err());
    assert_eq!(reply::networks(&[]), Ok(Vec::new()), "no network is no error");
    assert_eq!(reply::url(&bytes(&["http://192.168.1.42/"])).as_deref(), Some("http://192.168.1.42/"));
    for odd in ["", "javascript:alert(1)", "file:///etc/passwd", "http://a b", &format!("http://{}", "x".repeat(200))] {
        assert_eq!(reply::url(&bytes(&[odd])), None, "{odd}");
    }
}

fn dialog(command: Command, old_result: &[u8]) -> Dialog {
    let mut dialog = Dialog::default();
    dialog.hear_state(&[2]).unwrap();
    dialog.begin(command, vec![0], old_result.to_vec());
    dialog
}

#[test]
fn a_network_is_joined_when_the_device_says_so_by_state_or_by_result() {
    let mut by_result = dialog(Command::SendWifi, &[]);
    assert_eq!(by_result.outcome(), Outcome::Waiting);
    by_result.hear_state(&[3]).unwrap();
    by_result.hear_result(&result(1, &["http://192.168.1.42"]), Heard::Notified);
    assert_eq!(by_result.outcome(), Outcome::Done(bytes(&["http://192.168.1.42"])));
    let mut by_state = dialog(Command::SendWifi, &[]);
    by_state.hear_state(&[4]).unwrap();
    assert_eq!(by_state.outcome(), Outcome::Done(Vec::new()));
}

#[test]
fn an_error_is_corrected_and_the_old_one_does_not_count_again() {
    let mut dialog = dialog(Command::SendWifi, &[]);
    dialog.hear_fault(&[3], Heard::Notified).unwrap();
    assert_eq!(dialog.outcome(), Outcome::Refused(Fault::UnableToConnect));
    dialog.begin(Command::SendWifi, vec![3], Vec::new());
    dialog.hear_fault(&[3], Heard::Seen).unwrap();
    assert_eq!(dialog.outcome(), Outcome::Waiting, "what stood there before says nothing");
    dialog.hear_fault(&[0], Heard::Seen).unwrap();
    dialog.hear_fault(&[3], Heard::Seen).unwrap();
    assert_eq!(dialog.outcome(), Outcome::Refused(Fault::UnableToConnect), "it went and came again");
    dialog.begin(Command::SendWifi, vec![3], Vec::new());
    dialog.hear_fault(&[3], Heard::Settled).unwrap();
    assert_eq!(dialog.outcome(), Outcome::Refused(Fault::UnableToConnect));
    dialog.begin(Command::SendWifi, vec![3], Vec::new());
    dialog.hear_fault(&[0], Heard::Notified).unwrap();
    dialog.hear_state(&[1]).unwrap();
    assert_eq!(dialog.outcome(), Outcome::Refused(Fault::NotAuthorized), "the authorization has lapsed");
}

#[test]
fn a_result_of_another_request_or_of_the_same_one_before_is_not_the_answer() {
    let old = result(4, &["A", "-60", "NO"]);
    let mut dialog = dialog(Command::Scan, &old);
    dialog.hear_result(&result(3, &["a", "b", "c", "d"]), Heard::Notified);
    dialog.hear_result(&old, Heard::Seen);
    assert_eq!(dialog.outcome(), Outcome::Waiting);
    dialog.hear_result(&[4, 9, 1], Heard::Settled);
    assert_eq!(dialog.outcome(), Outcome::Waiting, "half a packet is none");
    dialog.hear_result(&old, Heard::Settled);
    assert_eq!(dialog.outcome(), Outcome::Done(bytes(&["A", "-60", "NO"])));
}

#[test]
fn what_the_system_repeats_of_the_request_before_is_not_the_answer() {
    let page = result(1, &["http://192.168.1.42"]);
    let mut dialog = Dialog::default();
    dialog.begin(Command::SendWifi, vec![3], page.clone());
    dialog.hear_fault(&[3], Heard::Notified).unwrap();
    dialog.hear_result(&page, Heard::Notified);
    assert_eq!(dialog.outcome(), Outcome::Waiting, "it was read before the request was sent");
    dialog.hear_fault(&[0], Heard::Notified).unwrap();
    dialog.hear_fault(&[3], Heard::Notified).unwrap();
    assert_eq!(dialog.outcome(), Outcome::Refused(Fault::UnableToConnect), "the device says it again");
}

#[test]
fn a_lost_piece_costs_one_packet_and_no_more() {
    let long = result(4, &["The first network", "-60", "WPA2", "The second network", "-71", "NO"]);
    let mut assembler = Assembler::default();
    let pieces: Vec<_> = long.chunks(PIECE).collect();
    assert_eq!(assembler.take(pieces[0]), None);
    for piece in &pieces[..pieces.len() - 1] {
        assert_eq!(assembler.take(piece), None);
    }
    let last = assembler.take(pieces[pieces.len() - 1]);
    assert!(last.is_none_or(|packet| packet.command == 4), "the doubled first piece spoils it, or it is right");
    let mut again = Assembler::default();
    let packet = pieces.iter().find_map(|piece| again.take(piece)).unwrap();
    assert_eq!(packet, Packet::read(&long).unwrap());
}

proptest! {
    #[test]
    fn no_bytes_make_the_client_panic_or_grow(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..64), 0..40)) {
        let mut assembler = Assembler::default();
        let mut dialog = dialog(Command::Scan, &[]);
        for piece in &pieces {
            let _ = assembler.take(piece);
            let held = format!("{assembler:?}").matches(',').count();
            prop_assert!(held <= DATA_LIMIT + 3, "{} bytes are held", held);
            let _ = dialog.hear_state(piece);
            let _ = dialog.hear_fault(piece, Heard::Seen);
            dialog.hear_result(piece, Heard::Notified);
            dialog.hear_result(piece, Heard::Settled);
            let _ = Capabilities::read(piece);
            if let Ok(strings) = Packet::read(piece).and_then(|packet| packet.strings()) {
                let _ = (reply::info(&strings), reply::networks(&strings), reply::url(&strings), reply::name(&strings));
            }
        }
        let strings = pieces.clone();
        let _ = (reply::info(&strings), reply::networks(&strings), reply::url(&strings), reply::name(&strings));
    }

    #[test]
    fn a_packet_reads_back_in_pieces_of_any_size(command in any::<u8>(), data in proptest::collection::vec(any::<u8>(), 0..=255), size in 1_usize..64) {
        let wire = packet::bytes(command, &data).unwrap();
        prop_assert_eq!(Packet::read(&wire), Ok(Packet { command, data: data.clone() }));
        let mut assembler = Assembler::default();
        let found: Vec<_> = wire.chunks(size).filter_map(|piece| assembler.take(piece)).collect();
        prop_assert_eq!(found, vec![Packet { command, data }]);
    }

    #[test]
    fn no_single_changed_byte_goes_unnoticed(data in proptest::collection::vec(any::<u8>(), 0..=60), at in any::<proptest::sample::Index>(), by in 1_u8..=255) {
        let mut wire = packet::bytes(4, &data).unwrap().to_vec();
        let at = at.index(wire.len());
        wire[at] = wire[at].wrapping_add(by);
        prop_assert!(Packet::read(&wire).is_err());
    }
}
