use proptest::prelude::*;

use super::*;
use crate::claim::PublicKey;

fn label(text: &str) -> Label {
    match read(text) {
        Ok(Scanned::Label(label)) => *label,
        Ok(Scanned::Code(_)) => panic!("{text} is a label, not a code"),
        Err(why) => panic!("{text}: {why}"),
    }
}

fn refused(text: &str) -> InvalidLabel {
    read(text).err().unwrap_or_else(|| panic!("{text} must be refused"))
}

const ESPRESSIF: &str = r#"{"ver":"v1","name":"PROV_AABBCC","pop":"abcd1234","transport":"ble"}"#;

#[test]
fn a_label_of_espressif_is_read_with_all_its_optional_keys() {
    let plain = label(ESPRESSIF);
    assert_eq!(plain.name, "PROV_AABBCC");
    assert_eq!(plain.pop.as_ref().map(Pop::reveal), Some("abcd1234"));
    assert_eq!((plain.security, plain.username.as_deref(), plain.network), (None, None, Network::Wifi));
    let full = label(r#"{"ver":"v1","name":"X","username":"wifiprov","pop":"p","transport":"BLE","security":2,"network":"thread","password":"softap"}"#);
    assert_eq!((full.security, full.username.as_deref(), full.network), (Some(2), Some("wifiprov"), Network::Thread));
}

#[test]
fn the_same_label_is_read_bare_with_white_space_and_inside_a_url() {
    let encoded: String = ESPRESSIF.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }).collect();
    let half = ESPRESSIF.replace('"', "%22");
    for text in [
        format!("\n\t {ESPRESSIF} \r\n"),
        format!("\u{feff}{ESPRESSIF}"),
        format!("https://espressif.github.io/esp-jumpstart/qrcode.html?data={encoded}"),
        format!("https://espressif.github.io/esp-jumpstart/qrcode.html?lang=en&data={half}#top"),
    ] {
        assert!(label(&text) == label(ESPRESSIF), "{text}");
    }
}

#[test]
fn keys_of_other_vendors_are_ignored_and_a_missing_pop_is_no_pop() {
    let vendor = label(r#"{"ver":"v1","name":"N","transport":"ble","tbDeviceName":"a","tbSecretKey":{"x":[1]}}"#);
    assert!(vendor.pop.is_none());
    assert!(label(r#"{"name":"N","pop":"","security":"1"}"#).pop.is_none(), "an empty PoP is none");
}

#[test]
fn each_wrong_label_gets_its_own_word() {
    assert_eq!(refused("  \n"), InvalidLabel::Empty);
    assert_eq!(refused(&format!("{{\"name\":\"{}\"}}", "x".repeat(LABEL_LIMIT))), InvalidLabel::TooLong);
    assert_eq!(refused("hello"), InvalidLabel::NotALabel);
    assert_eq!(refused("{\"name\":"), InvalidLabel::NotALabel);
    assert_eq!(refused("https://example.com/?x=1"), InvalidLabel::NotALabel);
    assert_eq!(refused("https://example.com/?data=%7"), InvalidLabel::NotALabel);
    assert_eq!(refused("omniot://x?data={}"), InvalidLabel::NotALabel);
    assert_eq!(refused(r#"{"name":"N","transport":"softap"}"#), InvalidLabel::NotBluetooth);
    assert_eq!(refused(r#"{"ver":"v9","name":"N"}"#), InvalidLabel::Field("ver"));
    assert_eq!(refused(r#"{"transport":"ble"}"#), InvalidLabel::Field("name"));
    assert_eq!(refused(r#"{"name":"N","security":3}"#), InvalidLabel::Field("security"));
    assert_eq!(refused(r#"{"name":"N","security":-1}"#), InvalidLabel::Field("security"));
    assert_eq!(refused(r#"{"name":"N","o":{"s":"S","k":"short","c":"x"}}"#), InvalidLabel::Field("o.k"));
}

#[test]
fn our_label_pins_serial_key_and_code_and_is_short_enough_for_a_small_qr_code() {
    let key = PublicKey([5; 32]);
    let ours = Label {
        name: "OM-N0001".into(),
        pop: Some(Pop::new("k7Qm2xW9pLr4Zt8c".into())),
        username: Some("omniot".into()),
        security: Some(2),
        network: Network::Wifi,
        pinned: Some(Pinned { serial: "OM-N0001".into(), key: key.fingerprint(), code: ClaimCode::of(key) }),
    };
    let text = ours.to_json();
    assert!(text.len() <= 230, "{} bytes: {text}", text.len());
    assert!(label(&text) == ours, "it reads back");
}

#[test]
fn a_typed_code_is_told_from_a_label_and_a_typing_error_is_said() {
    let code = ClaimCode::of(PublicKey([5; 32]));
    assert!(matches!(read(&format!(" {} ", code.to_string().to_lowercase())), Ok(Scanned::Code(read)) if read == code));
    let mut wrong = code.to_string().into_bytes();
    wrong[0] = if wrong[0] == b'0' { b'1' } else { b'0' };
    assert_eq!(refused(&String::from_utf8(wrong).unwrap()), InvalidLabel::WrongCode);
}

#[test]
fn the_strength_of_a_secret_counts_its_alphabet() {
    assert_eq!(Pop::new("abcd1234".into()).bits(), 32, "eight hex digits are not 64 bits");
    assert!(Pop::new("k7Qm2xW9pLr4Zt8c".into()).bits() >= 64);
}

proptest! {
    #[test]
    fn any_text_is_a_label_or_a_reason_and_never_a_panic(text in "\\PC{0,200}") {
        let _ = read(&text);
        let _ = read(&format!("{{\"name\":\"N\",\"o\":{text}}}"));
        let _ = read(&format!("https://x/?data={text}"));
    }

    #[test]
    fn what_a_label_pins_can_be_stored_or_the_label_is_refused(serial in "[A-Z0-9 äß\u{200b}-]{0,70}") {
        let public = PublicKey::of(&ed25519_dalek::SigningKey::from_bytes(&[1; 32]));
        let pinned = serde_json::json!({"s": serial, "k": public.fingerprint().to_string(), "c": ClaimCode::of(public).to_string()});
        let text = serde_json::json!({"name": "N", "o": pinned}).to_string();
        prop_assert_eq!(read(&text).is_ok(), serial.len() <= 64 && crate::ids::is_serial(&serial));
    }

    #[test]
    fn a_label_reads_back(name in "[ -~]{1,29}", pop in proptest::option::of("[ -~]{1,64}"), security in proptest::option::of(0_u8..3)) {
        prop_assume!(!name.trim().is_empty());
        let label = Label { name: name.trim().to_owned(), pop: pop.map(Pop::new), username: None, security, network: Network::Wifi, pinned: None };
        prop_assert!(Label::from_json(&label.to_json()).is_ok_and(|read| read == label));
    }

    #[test]
    fn a_label_that_was_changed_anywhere_is_a_label_or_a_reason_and_what_is_read_reads_back(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0_u8..3), 1..6),
        in_url in any::<proptest::sample::Index>(),
    ) {
        let public = PublicKey([5; 32]);
        let ours = format!(r#"{{"ver":"v1","name":"OM-N0001","username":"omniot","pop":"k7Qm2xW9","transport":"ble","security":2,"network":"wifi","o":{{"s":"OM-N0001","k":"{}","c":"{}"}}}}"#, public.fingerprint(), ClaimCode::of(public));
        let mut bytes = ours.into_bytes();
        for (at, byte, how) in changes {
            let at = at.index(bytes.len().max(1)).min(bytes.len());
            match how {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => {
                    bytes.remove(at);
                }
                _ => bytes.insert(at, byte),
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let text = if in_url.index(2) == 0 { text } else { format!("https://x/?data={text}") };
        if let Ok(Scanned::Label(label)) = read(&text) {
            let again = Label::from_json(&label.to_json());
            prop_assert!(again.is_ok_and(|again| again == *label), "{text}");
        }
    }

    #[test]
    fn a_typed_code_is_right_or_refused(text in "[0-9A-HJKMNP-TV-Za-z -]{0,20}") {
        if let Ok(Scanned::Code(code)) = read(&text) {
            let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).map(|c| match c.to_ascii_uppercase() { 'O' => '0', 'I' | 'L' => '1', other => other }).collect::<String>();
            prop_assert_eq!(plain(&text), plain(&code.to_string()), "nothing is guessed");
        }
    }
}
