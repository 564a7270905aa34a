//! Improv Wi-Fi over BLE, up to version 2.4, sans I/O: bytes in, bytes out (COMMISSIONING.md 3;
//! the specification is at improv-wifi.com/ble).
//!
//! A walk: [`gatt`] names the characteristics and reads what stands on them · [`command`] makes the
//! requests and [`packet`] their bytes, in pieces · [`dialog`] follows one request from its pieces to
//! its end, whatever arrives twice, late or not at all · [`reply`] reads what came back.
//!
//! Nothing here is encrypted and nobody proves anything: whoever is near can read the passphrase, and
//! any device can say that it is this one.
//!
//! Deliberately not here: the radio, waiting, deadlines, and whether such a device is acceptable
//! (the flow).
//! To add a command: its number in [`command::Command`], its request beside the others, its reader in
//! [`reply`].

pub mod command;
pub mod dialog;
pub mod gatt;
pub mod packet;
pub mod reply;
#[cfg(test)]
mod tests;

/// Why bytes of an Improv device are not taken, or a request is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImprovError {
    /// Wrong length, wrong checksum, or strings that do not fill their packet.
    #[error("the reply cannot be read")]
    Unreadable,
    /// A value that the specification does not know.
    #[error("`{0}` is wrong")]
    Field(&'static str),
}
