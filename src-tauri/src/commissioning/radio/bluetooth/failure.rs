//! What went wrong, read from the system's error.
//!
//! BlueZ hands ATT errors over as text in a D-Bus error, other systems in their own words.
//! Deliberately not here: the words for people (the catalogue of causes has them).
//! To add one: a line in [`of_text`] and in its test.

use super::super::RadioError;

/// The typed form of a btleplug error.
pub(super) fn read(error: &btleplug::Error) -> RadioError {
    match error {
        btleplug::Error::PermissionDenied => RadioError::NoPermission,
        btleplug::Error::DeviceNotFound | btleplug::Error::NotConnected => RadioError::Gone,
        btleplug::Error::NoSuchCharacteristic | btleplug::Error::UnexpectedCharacteristic => RadioError::NoSuchEndpoint,
        btleplug::Error::NoAdapterAvailable => RadioError::AdapterAbsent,
        btleplug::Error::TimedOut(_) => RadioError::Timeout,
        // A D-Bus error shows its text alone; its name stands only in the debug form.
        other => of_text(&other.to_string(), &format!("{other} {other:?}")),
    }
}

/// What BlueZ says instead of the number of an ATT error.
const SPELT_OUT: [(&str, u8); 7] = [
    ("read not permitted", 0x02),
    ("write not permitted", 0x03),
    ("not paired", 0x05),
    ("org.bluez.error.notsupported", 0x06),
    ("invalid offset", 0x07),
    ("org.bluez.error.notauthorized", 0x08),
    ("invalid length", 0x0d),
];

/// Reads `all` that the system said, name and text; `text` is what is kept of what nobody knows.
fn of_text(text: &str, all: &str) -> RadioError {
    let lower = all.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if let Some(code) = att_code(&lower) {
        RadioError::Att(code)
    } else if says(&["not authorized", "accessdenied", "access denied", "permission"]) {
        RadioError::NoPermission
    } else if says(&["notready", "not ready", "powered off", "not powered", "turned off"]) {
        RadioError::AdapterOff
    } else if says(&["inprogress", "in progress", "already connected", "busy"]) {
        RadioError::Busy
    } else if says(&["timed out", "timeout", "noreply", "no reply"]) {
        RadioError::Timeout
    } else if let Some(error) = android(&lower) {
        error
    } else if says(&["0x3e", "failed to be established", "failed-to-be-established"]) {
        RadioError::Hci(0x3e)
    } else if says(&["not connected", "notconnected", "disconnected", "abort", "le-connection-", "unknownobject", "doesnotexist", "unreachable", "host is down"]) {
        RadioError::Gone
    } else if says(&["serviceunknown", "no such file", "no bluetooth"]) {
        RadioError::AdapterAbsent
    } else {
        RadioError::Other(text.chars().filter(|c| !c.is_control()).take(200).collect())
    }
}

/// `Unable to write characteristic, status: 4` (Android): an ATT error, or a status of its own such as 133. That
/// is 0x85 as well, so there the two cannot be told apart.
fn android(lower: &str) -> Option<RadioError> {
    let (_, rest) = lower.split_once(", status: ")?;
    let status = rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()?;
    Some(match status {
        1..=0x13 => RadioError::Att(status),
        0x3e => RadioError::Hci(status),
        _ => RadioError::Gatt(status),
    })
}

/// `ATT error: 0x04` (BlueZ), `CBATTErrorDomain Code=4` (Apple), `protocol error 4` (Windows).
fn att_code(lower: &str) -> Option<u8> {
    if let Some((_, rest)) = lower.split_once("att error: 0x") {
        let digits: String = rest.chars().take_while(char::is_ascii_hexdigit).take(2).collect();
        return u8::from_str_radix(&digits, 16).ok();
    }
    let marks = ["cbatterrordomain code=", "protocol error ", "protocol error: "];
    if let Some((_, rest)) = marks.iter().find_map(|mark| lower.split_once(mark)) {
        return rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
    }
    SPELT_OUT.iter().find(|(words, _)| lower.contains(words)).map(|(_, code)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_each_system_becomes_its_own_error() {
        let cases = [
            ("org.bluez.Error.Failed: Operation failed with ATT error: 0x04", RadioError::Att(4)),
            ("Operation failed with ATT error: 0x85 (Unlikely)", RadioError::Att(0x85)),
            ("org.bluez.Error.NotPermitted: Write not permitted", RadioError::Att(3)),
            ("org.bluez.Error.NotAuthorized: Operation Not Authorized", RadioError::Att(8)),
            ("Error Domain=CBATTErrorDomain Code=14 \"Unlikely error.\"", RadioError::Att(14)),
            ("GATT protocol error 4", RadioError::Att(4)),
            ("org.bluez.Error.NotReady: Resource Not Ready", RadioError::AdapterOff),
            ("the app is not authorized to use Bluetooth", RadioError::NoPermission),
            ("org.freedesktop.DBus.Error.AccessDenied: rejected", RadioError::NoPermission),
            ("org.bluez.Error.InProgress: In Progress", RadioError::Busy),
            ("org.bluez.Error.Failed: le-connection-abort-by-local", RadioError::Gone),
            ("org.bluez.Error.Failed: Software caused connection abort", RadioError::Gone),
            ("Unable to write characteristic, status: 133", RadioError::Gatt(133)),
            ("Unable to write characteristic, status: 4", RadioError::Att(4)),
            ("Unable to discover services, status: 62", RadioError::Hci(0x3e)),
            ("Disconnect complete: Connection Failed to be Established (0x3e)", RadioError::Hci(0x3e)),
            ("org.freedesktop.DBus.Error.UnknownObject: Method \"Connect\"", RadioError::Gone),
            ("org.freedesktop.DBus.Error.NoReply: Did not receive a reply", RadioError::Timeout),
            ("org.freedesktop.DBus.Error.ServiceUnknown: org.bluez", RadioError::AdapterAbsent),
        ];
        for (text, expected) in cases {
            assert_eq!(of_text(text, text), expected, "{text}");
        }
        assert_eq!(of_text("something\nnew", "something\nnew (its name)"), RadioError::Other("somethingnew".into()));
    }
}
