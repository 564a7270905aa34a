//! Errors as BlueZ words them (its `src/error.c` and `src/gatt-client.c`).

/// The name and the text of a D-Bus error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// E.g. `org.bluez.Error.Failed`.
    pub name: String,
    /// For people, supposedly.
    pub text: String,
}

fn bluez(name: &str, text: impl Into<String>) -> Refusal {
    Refusal { name: format!("org.bluez.Error.{name}"), text: text.into() }
}

/// The general one.
#[must_use]
pub fn failed(text: &str) -> Refusal {
    bluez("Failed", text)
}

/// The adapter is off.
#[must_use]
pub fn not_ready() -> Refusal {
    bluez("NotReady", "Resource Not Ready")
}

/// It does that already.
#[must_use]
pub fn in_progress() -> Refusal {
    bluez("InProgress", "Operation already in progress")
}

/// The link is not there.
#[must_use]
pub fn not_connected() -> Refusal {
    bluez("NotConnected", "Not Connected")
}

/// There is no such object any more.
#[must_use]
pub fn unknown_object(member: &str) -> Refusal {
    let text = format!("Method \"{member}\" on this object doesn't exist");
    Refusal { name: "org.freedesktop.DBus.Error.UnknownObject".into(), text }
}

/// The object does not do that.
#[must_use]
pub fn unknown_method(member: &str) -> Refusal {
    let text = format!("Method \"{member}\" doesn't exist");
    Refusal { name: "org.freedesktop.DBus.Error.UnknownMethod".into(), text }
}

/// The device answered with an ATT error.
#[must_use]
pub fn att(code: u8) -> Refusal {
    match code {
        0x02 => bluez("NotPermitted", "Read not permitted"),
        0x03 => bluez("NotPermitted", "Write not permitted"),
        0x05 | 0x0c | 0x0f => bluez("NotPermitted", "Not paired"),
        0x06 => bluez("NotSupported", "Operation is not supported"),
        0x07 => bluez("InvalidArguments", "Invalid offset"),
        0x08 => bluez("NotAuthorized", "Operation Not Authorized"),
        0x0d => bluez("InvalidArguments", "Invalid Length"),
        code => bluez("Failed", format!("Operation failed with ATT error: 0x{code:02x}")),
    }
}
