//! Files that belong to an attempt: immutable, and called by the SHA-256 of their bytes.
//!
//! They are sent beside synchronization, each in one request that may be repeated, so that rows stay small and a
//! fleet never carries them. [`trace`] is what the flight recorder wrote; what was checked is `crate::checklist`.
//! Deliberately not here: where they are kept (the stores of both sides) and who may see them (the server).
//! To add a kind: a line in [`Kind`], its types and limit, and how its bytes are recognized in [`check`].

pub mod trace;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

use crate::checklist::Record;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AttachmentKind)]
pub enum Kind {
    /// What the flight recorder wrote: a [`trace::Trace`] as JSON, zstd.
    Trace,
    /// A photo of the device: JPEG, PNG or WebP.
    Photo,
    /// What was checked at the installation: a [`Record`] as JSON.
    Checks,
}

impl Kind {
    /// The name on the wire and in stores.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Photo => "photo",
            Self::Checks => "checks",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Trace, Self::Photo, Self::Checks].into_iter().find(|kind| kind.name() == name)
    }

    /// The most bytes of one.
    #[must_use]
    pub const fn limit(self) -> usize {
        match self {
            Self::Trace | Self::Checks => 64 * 1024,
            Self::Photo => 512 * 1024,
        }
    }

    /// The kind of files of that media type; `None` for one that is not taken.
    #[must_use]
    pub fn of_type(media_type: &str) -> Option<Self> {
        match media_type {
            "application/zstd" => Some(Self::Trace),
            "image/jpeg" | "image/png" | "image/webp" => Some(Self::Photo),
            "application/json" => Some(Self::Checks),
            _ => None,
        }
    }
}

/// The most files of one attempt.
pub const MOST: usize = 48;
/// So many records of checks of one attempt are kept, the latest ones: answering anew never fills it up.
pub const MOST_CHECKS: usize = 8;

/// What a file is called: the SHA-256 of its bytes, 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, utoipa::ToSchema)]
#[schema(as = Sha256, value_type = String, example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
pub struct Address(pub [u8; 32]);

impl Address {
    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Read from its digits.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok().map(|()| Self(bytes))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::read(&String::deserialize(from)?).ok_or_else(|| de::Error::custom("64 hexadecimal digits"))
    }
}

/// Why a file is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is larger than its kind may be.
    #[error("the file is larger than {0} bytes")]
    TooLarge(usize),
    /// Its bytes are not those of its name: it was cut or changed on its way.
    #[error("these are not the bytes of that name")]
    OtherBytes,
    /// It is not what its media type says.
    #[error("the file is not what its type says")]
    NotThat,
}

/// Whether these are the bytes of that name, and what the media type says.
///
/// # Errors
/// [`Unfit`].
pub fn check(kind: Kind, media_type: &str, address: Address, bytes: &[u8]) -> Result<(), Unfit> {
    if bytes.len() > kind.limit() {
        return Err(Unfit::TooLarge(kind.limit()));
    }
    if Address::of(bytes) != address {
        return Err(Unfit::OtherBytes);
    }
    let is_that = match kind {
        Kind::Trace => trace::unpack(bytes).is_ok(),
        Kind::Photo => picture_type(bytes) == Some(media_type),
        Kind::Checks => Record::unpack(bytes).is_ok(),
    };
    if is_that { Ok(()) } else { Err(Unfit::NotThat) }
}

/// The media type of a picture, by how its bytes begin.
#[must_use]
pub fn picture_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some("image/png"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

    #[test]
    fn a_name_is_the_digest_and_reads_back() {
        let address = Address::of(b"test");
        assert_eq!(address.to_string(), "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
        assert_eq!(Address::read(&address.to_string()), Some(address));
        for text in ["", "9f86", "zz86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a0800"] {
            assert_eq!(Address::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_file_is_taken_when_it_is_whole_and_what_it_says() {
        assert_eq!(check(Kind::Photo, "image/png", Address::of(PNG), PNG), Ok(()));
        assert_eq!(check(Kind::Photo, "image/jpeg", Address::of(PNG), PNG), Err(Unfit::NotThat), "of another type");
        assert_eq!(check(Kind::Photo, "image/png", Address::of(PNG), &PNG[..9]), Err(Unfit::OtherBytes), "half of it");
        let large = [PNG, &vec![0; Kind::Photo.limit()]].concat();
        assert_eq!(check(Kind::Photo, "image/png", Address::of(&large), &large), Err(Unfit::TooLarge(Kind::Photo.limit())));
        assert_eq!(check(Kind::Trace, "application/zstd", Address::of(PNG), PNG), Err(Unfit::NotThat));
        for (bytes, media_type) in [(&b"\xff\xd8\xff\xe0"[..], "image/jpeg"), (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp")] {
            assert_eq!(check(Kind::Photo, media_type, Address::of(bytes), bytes), Ok(()));
        }
    }
}
