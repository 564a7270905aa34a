//! The frames of a pull as they come over the wire: magic, zstd, length-prefixed JSON.
//!
//! Deliberately not here: what a frame does (`omniot_shared::sync::client`).

use std::io::Write;

use omniot_shared::sync::{
    frame::{FrameReader, MAGIC, MEDIA_TYPE, check_magic},
    wire::{Frame, PullRequest},
};
use reqwest::{Method, Response, header};
use zstd::stream::write::Decoder;

use crate::transport::{Server, Trouble, Unreachable};

/// Compressed bytes that are unpacked at once: bounds what a small piece can swell to.
const PIECE: usize = 8 * 1024;

/// An open pull.
pub struct Frames {
    response: Response,
    server: Server,
    unpacked: Unpacker,
}

impl Frames {
    /// Asks for what has changed.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn open(server: &Server, request: &PullRequest) -> Result<Self, Trouble> {
        let body = serde_json::to_vec(request).map_err(|_| foreign())?;
        let request = server.request(Method::POST, "/v1/sync/pull", Some(body)).header(header::ACCEPT, MEDIA_TYPE);
        let response = server.open(request, MEDIA_TYPE).await?;
        Ok(Self { response, server: server.clone(), unpacked: Unpacker::new()? })
    }

    /// The frames that came next; empty at the end of the stream.
    ///
    /// # Errors
    /// [`Trouble::Offline`] when the stream is cut, or is none of ours.
    pub async fn next(&mut self) -> Result<Vec<Frame>, Trouble> {
        loop {
            let Some(bytes) = self.response.chunk().await.map_err(|error| Trouble::of_transport(&error))? else {
                self.unpacked.finish()?;
                return Ok(Vec::new());
            };
            self.server.traffic().came_in(bytes.len());
            let frames = self.unpacked.push(&bytes)?;
            if !frames.is_empty() {
                return Ok(frames);
            }
        }
    }
}

/// From bytes of the wire to frames.
struct Unpacker {
    magic: Vec<u8>,
    zstd: Decoder<'static, Vec<u8>>,
    frames: FrameReader,
}

impl Unpacker {
    fn new() -> Result<Self, Trouble> {
        let zstd = Decoder::new(Vec::new()).map_err(|_| foreign())?;
        Ok(Self { magic: Vec::with_capacity(MAGIC.len()), zstd, frames: FrameReader::default() })
    }

    fn push(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, Trouble> {
        let (head, rest) = bytes.split_at(bytes.len().min(MAGIC.len() - self.magic.len()));
        self.magic.extend_from_slice(head);
        check_magic(&self.magic).map_err(|_| foreign())?;
        let mut frames = Vec::new();
        for piece in rest.chunks(PIECE) {
            self.zstd.write_all(piece).and_then(|()| self.zstd.flush()).map_err(|_| foreign())?;
            self.frames.push(self.zstd.get_ref());
            self.zstd.get_mut().clear();
            while let Some(frame) = self.frames.next_frame().map_err(|_| foreign())? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    fn finish(&self) -> Result<(), Trouble> {
        self.frames.finish().map_err(|_| Trouble::Offline(Unreachable::Cut))
    }
}

const fn foreign() -> Trouble {
    Trouble::Offline(Unreachable::SomebodyElse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use omniot_shared::sync::{
        Checksum, Seq,
        frame::write,
        rows::Scope,
        wire::Checkpoint,
    };

    fn packed() -> (Vec<Frame>, Vec<u8>) {
        let checkpoint = Checkpoint { scope: Scope::Tenant, seq: Seq(3), checksum: Checksum::default() };
        let frames = vec![Frame::Keepalive { token_expires_in: 5 }, Frame::Rows(vec![]), Frame::Checkpoint(checkpoint)];
        let mut plain = Vec::new();
        for frame in &frames {
            write(frame, &mut plain).unwrap();
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend(zstd::encode_all(plain.as_slice(), 1).unwrap());
        (frames, bytes)
    }

    #[test]
    fn frames_come_out_however_the_network_cuts_them() {
        let (frames, bytes) = packed();
        for size in 1..=bytes.len() {
            let mut unpacker = Unpacker::new().unwrap();
            let got: Vec<Frame> = bytes.chunks(size).flat_map(|part| unpacker.push(part).unwrap()).collect();
            assert_eq!(got, frames, "cut every {size} bytes");
            unpacker.finish().unwrap();
        }
    }

    #[test]
    fn a_page_of_a_captive_portal_and_damaged_bytes_are_somebody_else() {
        let mut unpacker = Unpacker::new().unwrap();
        assert_eq!(unpacker.push(b"<html>").unwrap_err(), foreign());
        let (_, mut bytes) = packed();
        let last = bytes.len() - 1;
        bytes[9] ^= 0xff;
        bytes[last] ^= 0xff;
        assert!(Unpacker::new().unwrap().push(&bytes).is_err());
    }
}
