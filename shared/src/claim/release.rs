//! A release: the owner lets go of a device, in a form that can be handed over.
//!
//! Whoever holds it together with a grant of their own may claim the device. It dies with the next
//! claim, because that raises the epoch, and with the next [`super::Notice`] that the device hears.
//!
//! Deliberately not here: who may let go of what (the backend knows), and what the device says to
//! the owner it left ([`super::handover`]).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::SigningKey;
use prost::Message as _;

use super::{Domain, Fingerprint, PublicKey, Unreadable, id, messages, open, seal, text};
use crate::{
    ids::{TenantId, normal_serial},
    time::Millis,
};

/// The owner lets go of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The owner.
    pub tenant: TenantId,
    /// The device; compared normalized.
    pub serial: String,
    /// Good while the device's epoch is not higher.
    pub up_to_epoch: u32,
    /// Not good after, where the device knows the time.
    pub not_after: Millis,
    /// Good while the device has heard no notice with a higher number: that is how it is taken back.
    pub number: u32,
}

impl Release {
    /// Signs the release with the owner's claim key.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> messages::Signed {
        let body = messages::Release {
            tenant: self.tenant.0.as_bytes().to_vec(),
            serial: normal_serial(&self.serial),
            up_to_epoch: self.up_to_epoch,
            not_after: self.not_after.0,
            number: self.number,
        };
        seal(key, Domain::Release, &[], body.encode_to_vec())
    }

    /// Reads a release that `owner` must have signed.
    ///
    /// # Errors
    /// When a field is wrong or the signature is not the owner's.
    pub fn read(signed: &messages::Signed, owner: PublicKey) -> Result<Self, Unreadable> {
        let body = messages::Release::decode(open(owner, Domain::Release, &[], signed)?).map_err(|_| Unreadable::Field("release"))?;
        Ok(Self {
            tenant: id(&body.tenant, "tenant")?,
            serial: text(&body.serial, 1, 64, "serial")?,
            up_to_epoch: body.up_to_epoch,
            not_after: Millis(body.not_after),
            number: body.number,
        })
    }
}

/// What a letter begins with as a text.
const BEGINS: &str = "OMR1.";
/// The longest letter, as a text.
pub const LETTER_LIMIT: usize = 1_000;

/// A release with the key that signed it, as one organization gives it to another: by mail, as a QR code, on paper.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// What it says.
    pub release: Release,
    /// Who signed it.
    pub owner: PublicKey,
    signed: messages::Signed,
}

impl Letter {
    /// Signs the release and adds the key.
    #[must_use]
    pub fn of(release: &Release, key: &SigningKey) -> Self {
        let release = Release { serial: normal_serial(&release.serial), ..release.clone() };
        let signed = release.sign(key);
        Self { release, owner: PublicKey::of(key), signed }
    }

    /// Reads a letter; that it is whole, its signature shows. Whose key it is, only the device knows.
    ///
    /// # Errors
    /// When a field is wrong or the signature does not hold.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let letter = messages::Letter::decode(bytes).map_err(|_| Unreadable::Field("letter"))?;
        let owner = PublicKey::read(&letter.claim_key).ok_or(Unreadable::Field("claim_key"))?;
        let signed = letter.release.ok_or(Unreadable::Field("release"))?;
        Ok(Self { release: Release::read(&signed, owner)?, owner, signed })
    }

    /// Reads its text; white space in it, as mail adds it, is left out.
    ///
    /// # Errors
    /// As [`Letter::read`].
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        let plain: String = text.chars().filter(|c| !c.is_whitespace()).take(LETTER_LIMIT + 1).collect();
        let coded = plain.strip_prefix(BEGINS).filter(|_| plain.len() <= LETTER_LIMIT).ok_or(Unreadable::Field("letter"))?;
        Self::read(&URL_SAFE_NO_PAD.decode(coded).map_err(|_| Unreadable::Field("letter"))?)
    }

    /// The encoded message.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        messages::Letter { release: Some(self.signed.clone()), claim_key: self.owner.0.to_vec() }.encode_to_vec()
    }

    /// As a text that survives mail, paper and QR codes.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{BEGINS}{}", URL_SAFE_NO_PAD.encode(self.bytes()))
    }

    /// As it goes to the device.
    #[must_use]
    pub fn signed(&self) -> messages::Signed {
        self.signed.clone()
    }

    /// Whether it can free the device of that serial, which says that `owner` owns it.
    #[must_use]
    pub fn frees(&self, serial: &str, owner: Fingerprint) -> bool {
        self.owner.fingerprint() == owner && normal_serial(&self.release.serial) == normal_serial(serial)
    }
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The signature frees a device: it is in no log.
        f.debug_struct("Letter").field("release", &self.release).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        let release = Release { tenant: uuid::Uuid::from_u128(1).into(), serial: "om-n 0001".into(), up_to_epoch: 3, not_after: Millis(5), number: 2 };
        Letter::of(&release, &SigningKey::from_bytes(&[7; 32]))
    }

    #[test]
    fn a_letter_reads_back_from_its_text_however_mail_has_broken_it() {
        let text = letter().to_text();
        assert!(text.len() < 300, "{} characters fit a QR code", text.len());
        let broken: String = text.chars().enumerate().map(|(at, c)| if at % 40 == 39 { format!("{c}\r\n ") } else { c.to_string() }).collect();
        assert_eq!(Letter::parse(&broken), Ok(letter()));
        assert_eq!(Letter::read(&letter().bytes()), Ok(letter()));
    }

    #[test]
    fn a_letter_with_any_other_character_is_refused() {
        let text = letter().to_text();
        for at in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            assert!(Letter::parse(&other).is_err(), "character {at}");
        }
        assert!(Letter::parse("").is_err() && Letter::parse(&text.repeat(9)).is_err());
    }

    #[test]
    fn it_frees_the_device_and_owner_it_names() {
        let letter = letter();
        assert!(letter.frees("OM-N0001", letter.owner.fingerprint()));
        assert!(!letter.frees("OM-N0002", letter.owner.fingerprint()));
        assert!(!letter.frees("OM-N0001", PublicKey([1; 32]).fingerprint()));
    }
}
