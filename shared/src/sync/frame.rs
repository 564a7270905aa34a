//! How the frames of a pull are packed: [`MAGIC`], then a zstd stream of frames, each a
//! little-endian `u32` length and that many bytes of JSON.
//!
//! The magic stands outside the compression, so that the page of a captive portal is told from a
//! pull by its first bytes. Deliberately not here: zstd itself (a driver's business).

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use super::wire::Frame;

/// The first bytes of every pull.
pub const MAGIC: &[u8; 8] = b"OmnISyn1";
/// The media type of a pull.
pub const MEDIA_TYPE: &str = "application/vnd.omniot.sync";
/// No frame is longer (bytes of JSON).
pub const MAX_FRAME: usize = 4 * 1024 * 1024;
/// Most rows a server puts into one frame.
pub const ROWS_PER_FRAME: usize = 500;

/// Why bytes are no frames.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The answer is not from an OmnIoT server: treat it as being offline.
    #[error("this is not a sync stream (a captive portal or proxy may have answered)")]
    NotOurs,
    /// A frame announces more than [`MAX_FRAME`].
    #[error("a frame of {0} bytes is longer than a frame may be")]
    TooLong(usize),
    /// A frame is not the JSON of a [`Frame`].
    #[error("a frame cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// The stream ended inside a frame.
    #[error("the stream ended in the middle of a frame")]
    Truncated,
}

/// Appends `frame` to `out`, packed (not compressed).
///
/// # Errors
/// [`FrameError::TooLong`] when it is longer than [`MAX_FRAME`].
pub fn write(frame: &Frame, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    serde_json::to_writer(&mut *out, frame)?;
    let length = out.len() - start - 4;
    let announced = u32::try_from(length).ok().filter(|_| length <= MAX_FRAME).ok_or(FrameError::TooLong(length))?;
    out[start..start + 4].copy_from_slice(&announced.to_le_bytes());
    Ok(())
}

/// Whether `bytes` may still become a pull: checks as many of the first eight as there are.
///
/// # Errors
/// [`FrameError::NotOurs`] as soon as one byte is wrong.
pub fn check_magic(bytes: &[u8]) -> Result<(), FrameError> {
    let known = bytes.len().min(MAGIC.len());
    if bytes[..known] == MAGIC[..known] { Ok(()) } else { Err(FrameError::NotOurs) }
}

/// Takes decompressed bytes in pieces of any size and gives back whole frames.
#[derive(Debug, Default)]
pub struct FrameReader {
    pending: Vec<u8>,
    read: usize,
}

impl FrameReader {
    /// Takes more bytes in.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.read > 0 {
            self.pending.drain(..self.read);
            self.read = 0;
        }
        self.pending.extend_from_slice(bytes);
    }

    /// The next whole frame of a known kind, `None` when more bytes are needed. Frames of kinds that this
    /// version does not know are passed over.
    ///
    /// # Errors
    /// When what stands there is no frame; the stream is of no use after that.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            let rest = &self.pending[self.read..];
            let Some((prefix, body)) = rest.split_first_chunk::<4>() else { return Ok(None) };
            let length = usize::try_from(u32::from_le_bytes(*prefix)).unwrap_or(usize::MAX);
            if length > MAX_FRAME {
                return Err(FrameError::TooLong(length));
            }
            let Some(body) = body.get(..length) else { return Ok(None) };
            let frame = serde_json::from_slice(body);
            let is_passed_over = frame.is_err() && is_of_unknown_kind(body);
            self.read += 4 + length;
            if !is_passed_over {
                return Ok(Some(frame?));
            }
        }
    }

    /// Call at the end of the stream.
    ///
    /// # Errors
    /// [`FrameError::Truncated`] when it ends inside a frame. (A stream without a `checkpoint` is
    /// cut off too; the client core notices that by itself.)
    pub fn finish(&self) -> Result<(), FrameError> {
        if self.read == self.pending.len() { Ok(()) } else { Err(FrameError::Truncated) }
    }
}

/// Whether this is one well-formed frame of a kind that this version does not know.
fn is_of_unknown_kind(body: &[u8]) -> bool {
    let named: Result<BTreeMap<String, IgnoredAny>, _> = serde_json::from_slice(body);
    named.is_ok_and(|named| named.len() == 1 && named.keys().all(|kind| !Frame::KINDS.contains(&kind.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{checksum::Checksum, rows::{Scope, Seq}, wire::Checkpoint};
    use proptest::prelude::*;

    fn frames() -> Vec<Frame> {
        vec![
            Frame::Keepalive { token_expires_in: 5 },
            Frame::Rows(vec![]),
            Frame::Checkpoint(Checkpoint { scope: Scope::Tenant, seq: Seq(3), checksum: Checksum::default(), own: None }),
        ]
    }

    fn packed() -> Vec<u8> {
        let mut out = Vec::new();
        for frame in frames() {
            write(&frame, &mut out).unwrap();
        }
        out
    }

    proptest! {
        #[test]
        fn frames_arrive_whole_however_the_bytes_are_cut(cuts in proptest::collection::vec(1usize..20, 1..60)) {
            let bytes = packed();
            let (mut reader, mut got, mut at) = (FrameReader::default(), Vec::new(), 0);
            for cut in cuts.into_iter().cycle() {
                let end = (at + cut).min(bytes.len());
                reader.push(&bytes[at..end]);
                while let Some(frame) = reader.next_frame().unwrap() { got.push(frame); }
                at = end;
                if at == bytes.len() { break; }
            }
            prop_assert!(reader.finish().is_ok());
            prop_assert_eq!(got, frames());
        }
    }

    #[test]
    fn a_frame_of_an_unknown_kind_is_passed_over_and_a_damaged_one_is_not() {
        let put = |text: &str, out: &mut Vec<u8>| {
            out.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
            out.extend(text.as_bytes());
        };
        let mut bytes = Vec::new();
        put(r#"{"hologram":{"url":"https://iot.example/1","rows":[1,2]}}"#, &mut bytes);
        bytes.extend(packed());
        let mut reader = FrameReader::default();
        reader.push(&bytes);
        let mut got = Vec::new();
        while let Some(frame) = reader.next_frame().unwrap() {
            got.push(frame);
        }
        assert_eq!(got, frames());
        assert!(reader.finish().is_ok());
        for text in [r#"{"rows":"none"}"#, r#"{"hologram":1,"rows":[]}"#, "[]", "{}", r#""hologram""#, "{\"hologram\":"] {
            let (mut reader, mut bytes) = (FrameReader::default(), Vec::new());
            put(text, &mut bytes);
            reader.push(&bytes);
            assert!(matches!(reader.next_frame(), Err(FrameError::Unreadable(_))), "{text}");
        }
    }

    #[test]
    fn every_kind_is_named() {
        for frame in frames() {
            let json = serde_json::to_value(frame).unwrap();
            assert!(json.as_object().unwrap().keys().all(|kind| Frame::KINDS.contains(&kind.as_str())), "{json}");
        }
        for kind in Frame::KINDS {
            let error = serde_json::from_str::<Frame>(&format!("{{\"{kind}\":false}}")).unwrap_err().to_string();
            assert!(!error.contains("unknown variant"), "{error}");
        }
    }

    #[test]
    fn a_cut_a_huge_and_a_foreign_stream_are_told_apart() {
        let bytes = packed();
        let mut reader = FrameReader::default();
        reader.push(&bytes[..bytes.len() - 1]);
        while reader.next_frame().unwrap().is_some() {}
        assert!(matches!(reader.finish(), Err(FrameError::Truncated)));

        let mut reader = FrameReader::default();
        reader.push(&u32::MAX.to_le_bytes());
        assert!(matches!(reader.next_frame(), Err(FrameError::TooLong(_))));

        assert!(matches!(check_magic(b"<html><body>"), Err(FrameError::NotOurs)));
        assert!(check_magic(b"Omn").is_ok() && check_magic(b"OmnISyn1(").is_ok());
    }
}
