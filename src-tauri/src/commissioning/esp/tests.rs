//! The vectors hold byte for byte, and no reply makes the client panic.

use proptest::prelude::*;
use serde_json::Value;

use super::{config::Joining, control::Forget, sec2::Counting, *};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../tests/vectors/esp-provisioning.json")).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

#[test]
fn security_0_is_the_vector() {
    let all = vectors();
    assert_eq!(sec0::command(), bytes(&all["sec0_req_with_sub"]));
    assert!(sec0::finish(&bytes(&all["sec0_resp"])).is_ok());
    assert!(sec0::finish(&bytes(&all["sec1_pop"]["resp0"])).is_err());
}

fn sec1_dialog(name: &str) {
    let all = vectors();
    let vector = &all[name];
    let (opened, command0) = sec1::open(array(&vector["client_priv"]), vector["pop"].as_str().unwrap().as_bytes());
    assert_eq!(hex::encode(command0), vector["cmd0"].as_str().unwrap(), "{name} cmd0");
    let (proving, command1) = opened.prove(&bytes(&vector["resp0"])).unwrap();
    assert_eq!(hex::encode(command1), vector["cmd1"].as_str().unwrap(), "{name} cmd1");
    let mut cipher = proving.finish(&bytes(&vector["resp1"])).unwrap();
    for exchange in vector["dialog"].as_array().unwrap() {
        let request = bytes(&all["plain"][exchange[0].as_str().unwrap()]);
        assert_eq!(hex::encode(cipher.encrypt(&request).unwrap()), exchange[1].as_str().unwrap());
        let reply = cipher.decrypt(&bytes(&exchange[3])).unwrap();
        assert_eq!(*reply, bytes(&all["plain"][exchange[2].as_str().unwrap()]));
    }
}

#[test]
fn security_1_is_the_vector_with_and_without_proof_of_possession() {
    sec1_dialog("sec1_pop");
    sec1_dialog("sec1_nopop");
}

#[test]
fn the_key_stream_of_security_1_wraps_over_all_128_bits() {
    let key = array(&vectors()["sec1_pop"]["key"]);
    let mut cipher = session::Cipher::stream(session::stream(&key, [0xff; 16]));
    let stream = [5, 30, 13].map(|length| cipher.encrypt(&vec![0; length]).unwrap()).concat();
    let expected = "ae2decddc0ce1ce942e922d9ba9aaa6cd49cce520670e2f4b184921ab3bbb73fb6eebd0dbffdc0d4252e4f4eb5eb566a";
    assert_eq!(hex::encode(stream), expected);
}

#[test]
fn a_wrong_pop_or_an_impostor_fails_security_1() {
    let vector = &vectors()["sec1_pop"];
    let (opened, _) = sec1::open(array(&vector["client_priv"]), b"wrong");
    let (proving, _) = opened.prove(&bytes(&vector["resp0"])).unwrap();
    assert_eq!(proving.finish(&bytes(&vector["resp1"])).err(), Some(EspError::WrongProof));
}

#[test]
fn a_device_key_that_agrees_on_zero_fails_security_1() {
    let vector = &vectors()["sec1_pop"];
    let (opened, _) = sec1::open(array(&vector["client_priv"]), b"abcd1234");
    let reply = vector["resp0"].as_str().unwrap().replace(vector["device_pub"].as_str().unwrap(), &"00".repeat(32));
    assert_eq!(opened.prove(&hex::decode(reply).unwrap()).err(), Some(EspError::WeakKey));
}

fn sec2_open(vector: &Value) -> (sec2::Opened, Vec<u8>) {
    sec2::open(array(&vector["a"]), b"wifiprov", b"abcd1234", sec2::Inner::Whole).unwrap()
}

fn sec2_dialog(name: &str, counts: Counting) {
    let all = vectors();
    let vector = &all[name];
    let (opened, command0) = sec2_open(vector);
    assert_eq!(hex::encode(command0), vector["cmd0"].as_str().unwrap(), "{name} cmd0");
    let (proving, command1) = opened.prove(&bytes(&vector["resp0"])).unwrap();
    assert_eq!(hex::encode(command1), vector["cmd1"].as_str().unwrap(), "{name} cmd1");
    let mut cipher = proving.finish(&bytes(&vector["resp1"]), counts).unwrap();
    for exchange in vector["dialog"].as_array().unwrap() {
        let request = bytes(&all["plain"][exchange[0].as_str().unwrap()]);
        assert_eq!(hex::encode(cipher.encrypt(&request).unwrap()), exchange[2].as_str().unwrap(), "{name} at {}", exchange[1]);
        let reply = cipher.decrypt(&bytes(&exchange[5])).unwrap();
        assert_eq!(*reply, bytes(&all["plain"][exchange[3].as_str().unwrap()]), "{name} at {}", exchange[4]);
    }
}

#[test]
fn security_2_is_the_vector_in_both_patches_and_with_short_numbers() {
    sec2_dialog("sec2_p1", Counting::Each);
    sec2_dialog("sec2_p0", Counting::Stuck);
    sec2_dialog("sec2_Bshort", Counting::Each);
    sec2_dialog("sec2_Sshort", Counting::Each);
}

#[test]
fn a_short_client_key_is_padded_on_the_wire_and_in_the_proof() {
    let all = vectors();
    let vector = &all["sec2_Ashort_padded"];
    let (opened, command0) = sec2_open(vector);
    assert!(hex::encode(&command0).contains(vector["A_padded_head"].as_str().unwrap()));
    assert_eq!(command0.len(), 406, "a stripped key would be shorter");
    // The vector's B is that of the same b, so the reply of sec2_p1 serves.
    let (_, command1) = opened.prove(&bytes(&all["sec2_p1"]["resp0"])).unwrap();
    let proof = hex::encode(command1);
    assert!(proof.ends_with(vector["M1"].as_str().unwrap()));
    assert!(!proof.ends_with(vector["M1_wrong_if_stripped"].as_str().unwrap()));
}

#[test]
fn a_password_whose_inner_digest_begins_with_zero_gets_its_second_try() {
    let vector = &vectors()["x_inner_leading_zero"];
    let (user, password) = (vector["username"].as_str().unwrap(), vector["password"].as_str().unwrap());
    assert!(sec2::may_be_stripped(user.as_bytes(), password.as_bytes()));
    assert!(!sec2::may_be_stripped(user.as_bytes(), b"abcd1234"));
    srp::check_inner_vector(user, password, vector);
}

#[test]
fn a_device_that_cannot_prove_itself_fails_security_2() {
    let vector = &vectors()["sec2_p1"];
    let (opened, _) = sec2_open(vector);
    let (proving, _) = opened.prove(&bytes(&vector["resp0"])).unwrap();
    let mut reply = bytes(&vector["resp1"]);
    let proof_begins = reply.len() - 12 - 2 - 64;
    reply[proof_begins] ^= 1;
    assert_eq!(proving.finish(&reply, Counting::Each).err(), Some(EspError::WrongProof));
}

#[test]
fn an_empty_user_name_is_never_sent() {
    assert_eq!(sec2::open([7; 32], b"", b"x", sec2::Inner::Whole).err(), Some(EspError::Field("client_username")));
}

#[test]
fn a_changed_reply_ends_the_session_and_a_spent_counter_does_too() {
    let gcm = |counter: u32| {
        let mut nonce = [9; 12];
        nonce[8..].copy_from_slice(&counter.to_be_bytes());
        session::Cipher::gcm([1; 32].into(), nonce, Counting::Each)
    };
    let mut cipher = gcm(1);
    assert_eq!(cipher.decrypt(&[0; 20]).err(), Some(EspError::Tampered));
    assert_eq!(cipher.encrypt(b"x").err(), Some(EspError::SessionOver));
    let mut last = gcm(u32::MAX);
    assert!(last.encrypt(b"x").is_ok());
    assert!(last.is_over(), "counter 0 is never used");
}

fn reply_of(step: i32) -> Vec<u8> {
    if step == 0 { Vec::new() } else { vec![8, u8::try_from(step).unwrap()] }
}

#[test]
fn connected_counts_only_together_with_its_network() {
    assert_eq!(config::read_status(&hex::decode("08015a00").unwrap()), Err(EspError::FalseSuccess), "the empty reply");
    let connected = bytes(&vectors()["plain"]["RespGetWifiStatus(Connected)"]);
    for length in 0..connected.len() {
        assert!(config::read_status(&connected[..length]).is_err(), "the first {length} bytes of a success are none");
    }
    assert_eq!(config::read_status(&connected), Ok(Joining::Connected { address: "192.168.1.42".into(), ssid: b"MyHome".to_vec() }));
}

#[test]
fn every_state_of_joining_is_told_apart() {
    let plain = vectors()["plain"].clone();
    let read = |name: &str| config::read_status(&bytes(&plain[name]));
    assert_eq!(read("RespGetWifiStatus(Connecting)"), Ok(Joining::Connecting(None)));
    assert_eq!(read("RespGetWifiStatus(Connecting,attempts_remaining=2)"), Ok(Joining::Connecting(Some(2))));
    assert_eq!(read("RespGetWifiStatus(Failed,AuthError)"), Ok(Joining::WrongPassphrase));
    assert_eq!(read("RespGetWifiStatus(Failed,NotFound)"), Ok(Joining::NotFound));
    assert_eq!(read("RespGetWifiStatus(status=InternalError)"), Err(EspError::Status(messages::Status::InternalError)));
    assert!(config::read_status(&hex::decode("08015a021003").unwrap()).is_err(), "a failure without a reason is not AuthError");
    assert_eq!(config::read_set(&bytes(&plain["RespSetWifiConfig(InvalidArgument)"])), Err(EspError::Status(messages::Status::InvalidArgument)));
}

#[test]
fn a_reply_to_another_request_is_refused() {
    let plain = vectors()["plain"].clone();
    let set = bytes(&plain["RespSetWifiConfig(Success)"]);
    assert_eq!(config::read_apply(&set), Err(EspError::WrongReply));
    assert_eq!(config::read_status(&set), Err(EspError::WrongReply));
    assert_eq!(scan::read_page(&bytes(&plain["RespScanWifiStatus(finished,2)"])), Err(EspError::WrongReply));
    for step in 0..12 {
        assert!(config::read_set(&reply_of(step)).is_err(), "a bare number {step} is no success");
        assert!(control::read_reset(&reply_of(step), Forget::Wifi).is_err(), "a bare number {step} is no reset");
    }
    assert_eq!(control::read_reset(&bytes(&plain["RespCtrlWifiReset(Success)"]), Forget::Wifi), Ok(()));
    assert_eq!(control::read_reset(&bytes(&plain["RespCtrlWifiReset(Success)"]), Forget::Thread), Err(EspError::WrongReply));
    let networks = scan::read_page(&bytes(&plain["RespScanWifiResult(2)"])).unwrap();
    assert_eq!((networks[0].rssi, networks[1].ssid.as_slice()), (-47, &b"Guest"[..]));
}

#[test]
fn results_are_never_asked_for_beyond_the_count() {
    let asked: Vec<_> = std::iter::successors(Some(0), |start| Some(start + scan::PAGE)).map_while(|start| scan::page(start, 10)).collect();
    assert_eq!(asked.len(), 3);
    assert_eq!(hex::encode(&asked[2]), "0804720408081002", "from the eighth, two");
    assert_eq!(scan::page(0, 0), None);
    assert_eq!(scan::page(300, 255), None);
}

#[test]
fn names_and_passphrases_beyond_the_limits_are_not_sent() {
    assert_eq!(config::set(b"", b"12345678").err(), Some(EspError::Field("ssid")));
    assert_eq!(config::set(&[b'x'; 33], b"12345678").err(), Some(EspError::Field("ssid")));
    assert_eq!(config::set(b"x", &[b'x'; 64]).err(), Some(EspError::Field("passphrase")));
    assert!(config::set(&[b'x'; 32], &[b'x'; 63]).unwrap().len() + 16 <= REQUEST_LIMIT);
}

proptest! {
    #[test]
    fn no_reply_makes_the_client_panic(reply in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = config::read_set(&reply);
        let _ = config::read_apply(&reply);
        let _ = config::read_status(&reply);
        let _ = scan::read_start(&reply);
        let _ = scan::read_status(&reply);
        let _ = scan::read_page(&reply);
        let _ = control::read_reset(&reply, Forget::Wifi);
        let _ = control::read_reset(&reply, Forget::Thread);
        let _ = sec0::finish(&reply);
        let _ = sec1::open([7; 32], b"pop").0.prove(&reply);
        let _ = session::Cipher::gcm([1; 32].into(), [2; 12], Counting::Each).decrypt(&reply);
    }

    #[test]
    fn a_list_of_networks_is_bounded_whatever_the_device_says(count in any::<u32>(), sizes in proptest::collection::vec(0_usize..80, 0..12)) {
        use messages::{NetworkScanPayload, ScanBody, ScanProgress, ScanStep, WifiNetwork, WifiScanPage};
        use prost::Message as _;
        let wire = |msg: ScanStep, body| NetworkScanPayload { msg: msg.into(), status: 0, payload: Some(body) }.encode_to_vec();
        let progress = wire(ScanStep::WifiStatusReply, ScanBody::WifiStatusReply(ScanProgress { scan_finished: true, result_count: count }));
        prop_assert!(scan::read_status(&progress).unwrap().is_some_and(|total| total <= scan::MOST));
        let fits = (1..=4).contains(&sizes.len()) && sizes.iter().all(|size| *size <= config::SSID_LIMIT);
        let entries = sizes.iter().map(|size| WifiNetwork { ssid: vec![b'n'; *size], ..WifiNetwork::default() }).collect();
        let page = wire(ScanStep::WifiResultReply, ScanBody::WifiResultReply(WifiScanPage { entries }));
        prop_assert_eq!(scan::read_page(&page).is_ok(), fits);
    }

    #[test]
    fn no_change_of_the_device_key_or_counter_block_goes_unnoticed(at in 0_usize..48, bit in 0_u8..8) {
        let all = vectors();
        let vector = &all["sec1_pop"];
        let mut reply = bytes(&vector["resp0"]);
        let begin = if at < 32 { reply.len() - 18 - 32 + at } else { reply.len() - 16 + (at - 32) };
        reply[begin] ^= 1 << bit;
        let unused = at == 31 && bit == 7;
        if let Ok((proving, _)) = sec1::open(array(&vector["client_priv"]), b"abcd1234").0.prove(&reply) {
            let agreed = proving.finish(&bytes(&vector["resp1"])).is_ok();
            prop_assert!(!agreed || unused, "X25519 ignores one bit; no other may change");
        }
    }
}

/// What happens to a reply on its way.
#[derive(Debug, Clone)]
enum Twist {
    Flip(proptest::sample::Index, u8),
    Cut(proptest::sample::Index),
    Insert(proptest::sample::Index, u8),
    Append(Vec<u8>),
}

fn twist() -> impl Strategy<Value = Twist> {
    let at = any::<proptest::sample::Index>;
    prop_oneof![
        (at(), 1_u8..=255).prop_map(|(at, by)| Twist::Flip(at, by)),
        at().prop_map(Twist::Cut),
        (at(), any::<u8>()).prop_map(|(at, byte)| Twist::Insert(at, byte)),
        proptest::collection::vec(any::<u8>(), 1..20).prop_map(Twist::Append),
    ]
}

fn twisted(bytes: &[u8], twists: &[Twist]) -> Vec<u8> {
    twists.iter().fold(bytes.to_vec(), |mut bytes, twist| {
        match twist {
            Twist::Flip(at, by) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] ^= by;
            }
            Twist::Cut(at) => bytes.truncate(at.index(bytes.len() + 1)),
            Twist::Insert(at, byte) => bytes.insert(at.index(bytes.len() + 1), *byte),
            Twist::Append(more) => bytes.extend_from_slice(more),
            Twist::Flip(..) => {}
        }
        bytes
    })
}

/// Device key and salt of the first reply of security 2.
fn key_and_salt(reply: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    use messages::{Handshake, Sec2Body, SessionData};
    use prost::Message as _;
    match SessionData::decode(reply).ok()?.proto? {
        Handshake::Sec2(payload) => match payload.payload? {
            Sec2Body::Response0(body) => Some((body.device_pubkey, body.device_salt)),
            _ => None,
        },
        _ => None,
    }
}

proptest! {
    #[test]
    fn a_reply_that_was_twisted_is_judged_and_never_a_panic(name in 0_usize..64, twists in proptest::collection::vec(twist(), 1..4)) {
        let plain = vectors()["plain"].clone();
        let replies: Vec<_> = plain.as_object().unwrap().iter().filter(|(name, _)| name.starts_with("Resp")).collect();
        let reply = twisted(&bytes(replies[name % replies.len()].1), &twists);
        let _ = (config::read_set(&reply), config::read_apply(&reply), config::read_status(&reply), thread::read_status(&reply));
        let _ = (scan::read_start(&reply), scan::read_status(&reply), control::read_reset(&reply, Forget::Wifi));
        if let Ok(page) = scan::read_page(&reply) {
            prop_assert!(page.len() <= 4 && page.iter().all(|network| network.ssid.len() <= config::SSID_LIMIT));
        }
    }

    #[test]
    fn a_handshake_of_security_1_that_was_twisted_is_refused_or_the_same(first in proptest::collection::vec(twist(), 0..3), second in proptest::collection::vec(twist(), 0..3)) {
        let all = vectors();
        let vector = &all["sec1_pop"];
        let (reply0, reply1) = (twisted(&bytes(&vector["resp0"]), &first), twisted(&bytes(&vector["resp1"]), &second));
        let Ok((proving, _)) = sec1::open(array(&vector["client_priv"]), b"abcd1234").0.prove(&reply0) else { return Ok(()) };
        if proving.finish(&reply1).is_ok() {
            let at = |reply: &[u8], part: &str| hex::encode(reply).contains(vector[part].as_str().unwrap());
            // X25519 ignores the highest bit of a key.
            let half = &vector["device_pub"].as_str().unwrap()[..62];
            prop_assert!(hex::encode(&reply0).contains(half) && at(&reply0, "device_random"), "agreed on another key");
        }
    }
}

proptest! {
    // Each case is two exponentiations of 3072 bits.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_handshake_of_security_2_that_was_twisted_is_refused_or_the_same(first in proptest::collection::vec(twist(), 0..2), second in proptest::collection::vec(twist(), 0..3)) {
        let all = vectors();
        let vector = &all["sec2_p1"];
        let (honest, reply0) = (bytes(&vector["resp0"]), twisted(&bytes(&vector["resp0"]), &first));
        let Ok((proving, _)) = sec2_open(vector).0.prove(&reply0) else { return Ok(()) };
        if proving.finish(&twisted(&bytes(&vector["resp1"]), &second), Counting::Each).is_ok() {
            prop_assert_eq!(key_and_salt(&reply0), key_and_salt(&honest), "agreed with another key or salt");
        }
    }

    #[test]
    fn any_bytes_in_the_handshake_of_security_2_are_judged(reply in proptest::collection::vec(any::<u8>(), 0..600), key in proptest::collection::vec(any::<u8>(), 0..400), salt in proptest::collection::vec(any::<u8>(), 0..80)) {
        use messages::{Handshake, Sec2Body, Sec2Payload, Sec2Response0, SecurityScheme, SessionData, SessionStep};
        use prost::Message as _;
        let vector = &vectors()["sec2_p1"];
        let _ = sec2_open(vector).0.prove(&reply);
        let body = Sec2Response0 { status: 0, device_pubkey: key, device_salt: salt };
        let payload = Sec2Payload { msg: SessionStep::Response0.into(), payload: Some(Sec2Body::Response0(body)) };
        let made = SessionData { sec_ver: SecurityScheme::Sec2.into(), proto: Some(Handshake::Sec2(payload)) }.encode_to_vec();
        if let Ok((proving, _)) = sec2_open(vector).0.prove(&made) {
            prop_assert!(proving.finish(&reply, Counting::Each).is_err(), "a proof by chance");
        }
    }
}
