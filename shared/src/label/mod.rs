//! What is printed on a device: the QR text and the claim code (COMMISSIONING.md 2.12).
//!
//! Deliberately not here: reading images, and what the app does with a label.
//! To accept another form: in [`read`], with its example in `tests.rs`.

mod code;
mod qr;
#[cfg(test)]
mod tests;

pub use code::{ClaimCode, InvalidCode};
pub use qr::{Label, Network, Pinned};

/// The longest label text.
pub const LABEL_LIMIT: usize = 1024;

/// What a technician scanned, pasted or typed.
#[derive(Clone, PartialEq, Eq)]
pub enum Scanned {
    /// A QR text, as JSON or inside a URL.
    Label(Box<Label>),
    /// A typed claim code.
    Code(ClaimCode),
}

/// Why a text is no label. Each has its own words in the catalogue of causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLabel {
    /// Nothing but white space.
    #[error("the label is empty")]
    Empty,
    /// Above [`LABEL_LIMIT`].
    #[error("the label is longer than 1024 bytes")]
    TooLong,
    /// Neither JSON, nor a URL with JSON in `data`, nor a claim code.
    #[error("this is not a label of a device")]
    NotALabel,
    /// A field is missing or has a wrong form.
    #[error("the label's `{0}` is missing or wrong")]
    Field(&'static str),
    /// SoftAP or another transport.
    #[error("this device is set up over its own Wi-Fi, not over Bluetooth")]
    NotBluetooth,
    /// A code with a typing error.
    #[error("the claim code has a typing error")]
    WrongCode,
}

/// Reads whatever a technician gives: QR text, URL, or a typed claim code.
///
/// # Errors
/// When it is none of them.
pub fn read(text: &str) -> Result<Scanned, InvalidLabel> {
    let text = text.trim().trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err(InvalidLabel::Empty);
    }
    if text.len() > LABEL_LIMIT {
        return Err(InvalidLabel::TooLong);
    }
    if text.starts_with('{') {
        return Label::from_json(text).map(|label| Scanned::Label(Box::new(label)));
    }
    if text.contains("://") {
        return Label::from_url(text).map(|label| Scanned::Label(Box::new(label)));
    }
    match text.parse() {
        Ok(code) => Ok(Scanned::Code(code)),
        Err(InvalidCode::CheckDigit) => Err(InvalidLabel::WrongCode),
        Err(InvalidCode::Form) => Err(InvalidLabel::NotALabel),
    }
}

/// The proof of possession: the password of the device's radio session.
/// It has no `Debug`, no `Display` and no serialization, and is wiped when dropped.
#[derive(Clone, PartialEq, Eq, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct Pop(String);

impl Pop {
    /// Takes the secret over.
    #[must_use]
    pub fn new(secret: String) -> Self {
        Self(secret)
    }

    /// The secret, for the handshake and for printing a label; nowhere else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Bits of a guess-resistant reading: 4 per hex digit, 5 per other letter or digit, 6 per sign.
    /// A lower bound for random secrets, nothing for words.
    #[must_use]
    pub fn bits(&self) -> u32 {
        let hex = self.0.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b) || (b'A'..=b'F').contains(&b));
        let each = if hex { 4 } else if self.0.bytes().all(|b| b.is_ascii_alphanumeric()) { 5 } else { 6 };
        u32::try_from(self.0.chars().count()).unwrap_or(u32::MAX).saturating_mul(each)
    }
}
