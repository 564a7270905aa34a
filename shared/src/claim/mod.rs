//! The offline claim: identity, grants, receipts and releases, and who owns a device
//! (COMMISSIONING.md 4; the contract for device makers is docs/DEVICE-CONTRACT.md with
//! `shared/proto/omniot_device.proto`).
//!
//! A walk: the backend signs a [`Grant`]; the app carries it to the device; the device
//! decides by [`owner::decide`] and answers with a [`Receipt`]; at its first contact it
//! shows both to the backend, which decides by [`contact::judge`]. Later its owner may tell it
//! to report elsewhere ([`home`]), or let go of it ([`Release`]); it then tells the owner that
//! it left ([`handover`]). `tests/model` explores all of it in every order.
//!
//! Deliberately not here: sessions, radios, stores and clocks.
//! To add a message: in the `.proto`, in [`messages`], then a typed form that checks it.

pub mod chunk;
pub mod contact;
pub mod grant;
pub mod handover;
pub mod home;
pub mod messages;
pub mod owner;
mod proof;
pub mod release;
mod seal;
#[cfg(test)]
mod tests;

pub use grant::{Grant, SITES_LIMIT, SKEW_TOLERANCE_MS, SignedGrant};
pub use home::Notice;
pub use proof::{Identity, Receipt, identify};
pub use release::{Letter, Release};
pub use seal::{BadSignature, Domain, Fingerprint, PublicKey, contact_context, handover_context, open, seal};

/// Names of the three endpoints, in the order of their creation on the device.
pub const ENDPOINTS: [&str; 3] = ["omniot-id", "omniot-ident", "omniot-claim"];

/// Why bytes are not the message they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not protobuf, or a field has a wrong length or value.
    #[error("`{0}` cannot be read")]
    Field(&'static str),
    /// The signature does not hold.
    #[error(transparent)]
    Signature(#[from] BadSignature),
}

fn id<T: From<uuid::Uuid>>(bytes: &[u8], field: &'static str) -> Result<T, Unreadable> {
    uuid::Uuid::from_slice(bytes).map(T::from).map_err(|_| Unreadable::Field(field))
}

fn text(value: &str, least: usize, most: usize, field: &'static str) -> Result<String, Unreadable> {
    let fits = (least..=most).contains(&value.len()) && !value.chars().any(char::is_control);
    fits.then(|| value.to_owned()).ok_or(Unreadable::Field(field))
}
