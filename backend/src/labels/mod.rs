//! Sheets of labels for a batch of devices: the QR text, and what can be typed instead of it.
//!
//! A walk: [`batch`] reads the devices of a batch · [`sheet`] lays them out on A4 as SVG.
//!
//! Deliberately not here: the form of a label (`omniot_shared::label`), where the secrets of devices
//! come from (their factory), and any store: a label needs no tenant.
//! To add something to a label: a line in [`sheet::Cell::lines`].

pub mod batch;
pub mod sheet;
#[cfg(test)]
mod tests;
