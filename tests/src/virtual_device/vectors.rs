//! The known answers of the ESP protocol, `tests/vectors/esp-provisioning.json`.

use serde_json::Value;

/// The whole file.
pub fn vectors() -> Value {
    serde_json::from_str(include_str!("../../vectors/esp-provisioning.json")).unwrap()
}

/// The bytes at `key`.
pub fn hex_at(value: &Value, key: &str) -> Vec<u8> {
    hex::decode(value[key].as_str().unwrap_or_else(|| panic!("no text at {key}"))).unwrap()
}
