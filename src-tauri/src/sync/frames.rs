//! The frames of a pull as they come over the wire: magic, zstd, length-prefixed JSON.
//!
//! Memory is bounded whatever comes: bytes are unpacked through a small buffer, one frame at a time, and
//! the announced length of a frame is looked at before its body is unpacked.
//! Deliberately not here: what a frame does (`omniot_shared::sync::client`).

use bytes::Bytes;
use omniot_shared::sync::{
    frame::{FrameError, FrameReader, MAGIC, MEDIA_TYPE, check_magic},
    wire::{Frame, PullRequest, Segment},
};
use reqwest::{Method, Response, header::{self, HeaderValue}};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use super::Failure;
use crate::{chance, transport::{Server, Trouble, Unreachable, part}};

/// So many bytes are unpacked at once.
const PIECE: usize = 64 * 1024;
/// A segment is gone on with so often after the network broke.
const PIECES: u32 = 5;
/// A stream may look back 8 MB (2 to this power), no further; the server's looks back less.
const WINDOW_LOG: u32 = 23;

/// An open pull.
pub struct Frames {
    response: Response,
    server: Server,
    unpacked: Unpacker,
    fresh: bool,
    received: u64,
    segment: Option<Pieces>,
}

/// How far a segment has come, which is the same bytes whenever it is asked for.
struct Pieces {
    path: String,
    tag: Option<HeaderValue>,
    came: u64,
    whole: u64,
    tries: u32,
}

impl Frames {
    /// Asks for what has changed.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn open(server: &Server, request: &PullRequest) -> Result<Self, Trouble> {
        let fresh = request.epoch == 0;
        let body = serde_json::to_vec(request).map_err(|_| foreign())?;
        let request = server.request(Method::POST, "/v1/sync/pull", Some(body))?.header(header::ACCEPT, MEDIA_TYPE);
        let response = server.open(request, MEDIA_TYPE).await?;
        Ok(Self { response, server: server.clone(), unpacked: Unpacker::new()?, fresh, received: 0, segment: None })
    }

    /// Asks for a first pull as it went to somebody else.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn open_segment(server: &Server, segment: &Segment) -> Result<Self, Trouble> {
        let path = format!("/v1/sync/segment/{}", segment.id);
        let request = server.request(Method::GET, &path, None)?.header(header::ACCEPT, MEDIA_TYPE);
        let response = server.open(request, MEDIA_TYPE).await?;
        let tag = response.headers().get(header::ETAG).cloned();
        let pieces = Pieces { path, tag, came: 0, whole: segment.bytes, tries: 0 };
        Ok(Self { response, server: server.clone(), unpacked: Unpacker::new()?, fresh: true, received: 0, segment: Some(pieces) })
    }

    /// The frame that came next; `None` at the end of the stream.
    ///
    /// # Errors
    /// [`Trouble::Offline`] when the stream is cut or is none of ours; [`Failure::Unfit`] for a frame of ours
    /// that cannot be read.
    pub async fn next(&mut self) -> Result<Option<Frame>, Failure> {
        loop {
            let unpacked = self.unpacked.next_frame();
            if let Some(frame) = unpacked.map_err(|broken| broken.failure(self.fresh))? {
                return Ok(Some(frame));
            }
            let Some(bytes) = self.chunk().await? else {
                self.unpacked.finish()?;
                return Ok(None);
            };
            self.server.traffic().came_in(bytes.len());
            self.received += bytes.len() as u64;
            self.unpacked.push(&bytes).map_err(|broken| broken.failure(self.fresh))?;
        }
    }

    /// The bytes that come next; `None` at the end. A segment that breaks off is gone on with where it did.
    async fn chunk(&mut self) -> Result<Option<Bytes>, Trouble> {
        loop {
            let came = part(&mut self.response).await;
            let Some(pieces) = &mut self.segment else { return came };
            match came {
                Ok(Some(bytes)) => {
                    pieces.came += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                Ok(None) if pieces.came >= pieces.whole => return Ok(None),
                Ok(None) | Err(Trouble::Offline(_)) if pieces.tries < PIECES => self.response = pieces.go_on(&self.server).await?,
                Ok(None) => return Err(Trouble::Offline(Unreachable::Cut)),
                Err(trouble) => return Err(trouble),
            }
        }
    }

    /// Bytes that came over the wire since this was last asked.
    pub const fn received(&mut self) -> u64 {
        std::mem::replace(&mut self.received, 0)
    }

    /// Unpacked bytes since this was last asked.
    pub fn take_size(&mut self) -> usize {
        std::mem::take(&mut self.unpacked.size)
    }
}

impl Pieces {
    async fn go_on(&mut self, server: &Server) -> Result<Response, Trouble> {
        tokio::time::sleep(chance::backoff(200, 3_000, self.tries)).await;
        self.tries += 1;
        let mut request = server.request(Method::GET, &self.path, None)?.header(header::ACCEPT, MEDIA_TYPE).header(header::RANGE, format!("bytes={}-", self.came));
        if let Some(tag) = &self.tag {
            request = request.header(header::IF_RANGE, tag);
        }
        let response = server.open(request, MEDIA_TYPE).await?;
        // What comes whole is another one, or the first bytes of this: neither goes on here.
        if response.status().as_u16() == 206 { Ok(response) } else { Err(Trouble::Offline(Unreachable::Cut)) }
    }
}

/// Why bytes are no frames.
#[derive(Debug)]
enum Broken {
    /// Not from our server, or damaged on the way.
    Foreign,
    /// From our server, and not understood.
    Unreadable(FrameError),
}

impl Broken {
    fn failure(self, fresh: bool) -> Failure {
        match self {
            Self::Foreign => foreign().into(),
            Self::Unreadable(error) => Failure::Unfit { detail: error.to_string(), fresh },
        }
    }
}

/// From bytes of the wire to frames.
struct Unpacker {
    magic: Vec<u8>,
    packed: Vec<u8>,
    read: usize,
    zstd: Decoder<'static>,
    /// Where a piece is unpacked to.
    piece: Vec<u8>,
    /// The unpacked piece was full, so there may be more of it without more input.
    has_more: bool,
    frames: FrameReader,
    size: usize,
}

impl Unpacker {
    fn new() -> Result<Self, Trouble> {
        let mut zstd = Decoder::new().map_err(|_| foreign())?;
        zstd.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).map_err(|_| foreign())?;
        let frames = FrameReader::default();
        Ok(Self { magic: Vec::with_capacity(MAGIC.len()), packed: Vec::new(), read: 0, zstd, piece: vec![0; PIECE], has_more: false, frames, size: 0 })
    }

    /// Takes bytes of the wire in; call [`Self::next_frame`] until it gives none before the next ones.
    fn push(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let (head, rest) = bytes.split_at(bytes.len().min(MAGIC.len() - self.magic.len()));
        self.magic.extend_from_slice(head);
        check_magic(&self.magic).map_err(|_| Broken::Foreign)?;
        self.packed.drain(..self.read);
        self.read = 0;
        self.packed.extend_from_slice(rest);
        Ok(())
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, Broken> {
        loop {
            if let Some(frame) = self.frames.next_frame().map_err(Broken::Unreadable)? {
                return Ok(Some(frame));
            }
            if self.read == self.packed.len() && !self.has_more {
                return Ok(None);
            }
            self.unpack_piece()?;
        }
    }

    fn unpack_piece(&mut self) -> Result<(), Broken> {
        let (mut input, mut output) = (InBuffer::around(&self.packed[self.read..]), OutBuffer::around(self.piece.as_mut_slice()));
        self.zstd.run(&mut input, &mut output).map_err(|_| Broken::Foreign)?;
        self.read += input.pos();
        self.has_more = output.pos() == PIECE;
        self.size += output.pos();
        self.frames.push(output.as_slice());
        Ok(())
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
        frame::{MAX_FRAME, write},
        rows::Scope,
        wire::Checkpoint,
    };

    fn frames() -> Vec<Frame> {
        let checkpoint = Checkpoint { scope: Scope::Tenant, seq: Seq(3), checksum: Checksum::default(), own: None };
        vec![Frame::Keepalive { token_expires_in: 5 }, Frame::Rows(vec![]), Frame::Checkpoint(checkpoint)]
    }

    fn plain() -> Vec<u8> {
        let mut plain = Vec::new();
        for frame in frames() {
            write(&frame, &mut plain).unwrap();
        }
        plain
    }

    fn packed(plain: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(zstd::encode_all(plain, 1).unwrap());
        bytes
    }

    fn take(unpacker: &mut Unpacker, bytes: &[u8]) -> Result<Vec<Frame>, Broken> {
        unpacker.push(bytes)?;
        let mut got = Vec::new();
        while let Some(frame) = unpacker.next_frame()? {
            got.push(frame);
        }
        Ok(got)
    }

    #[test]
    fn frames_come_out_however_the_network_cuts_them() {
        let bytes = packed(&plain());
        for size in 1..=bytes.len() {
            let mut unpacker = Unpacker::new().unwrap();
            let got: Vec<Frame> = bytes.chunks(size).flat_map(|part| take(&mut unpacker, part).unwrap()).collect();
            assert_eq!(got, frames(), "cut every {size} bytes");
            unpacker.finish().unwrap();
        }
    }

    #[test]
    fn a_page_of_a_captive_portal_and_damaged_bytes_are_somebody_else() {
        assert!(matches!(take(&mut Unpacker::new().unwrap(), b"<html>"), Err(Broken::Foreign)));
        let mut bytes = packed(&plain());
        let last = bytes.len() - 1;
        bytes[9] ^= 0xff;
        bytes[last] ^= 0xff;
        assert!(matches!(take(&mut Unpacker::new().unwrap(), &bytes), Err(Broken::Foreign)));
    }

    #[test]
    fn a_small_bomb_is_refused_before_it_is_unpacked() {
        let bomb = packed(&vec![b'x'; 256 * 1024 * 1024]);
        assert!(bomb.len() < 64 * 1024, "{} bytes", bomb.len());
        let mut unpacker = Unpacker::new().unwrap();
        assert!(matches!(take(&mut unpacker, &bomb), Err(Broken::Unreadable(FrameError::TooLong(_)))));
        assert!(unpacker.size <= PIECE, "{} bytes were unpacked", unpacker.size);
    }

    #[test]
    fn many_frames_in_a_few_bytes_come_one_at_a_time() {
        let one = plain();
        let bytes = packed(&one.repeat(100_000));
        let mut unpacker = Unpacker::new().unwrap();
        unpacker.push(&bytes[..1024.min(bytes.len())]).unwrap();
        assert!(unpacker.next_frame().unwrap().is_some());
        assert!(unpacker.size <= PIECE, "{} bytes were unpacked for the first frame", unpacker.size);
    }

    #[test]
    fn a_stream_that_looks_back_too_far_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(WINDOW_LOG + 3).unwrap();
        std::io::Write::write_all(&mut encoder, &vec![b'x'; MAX_FRAME]).unwrap();
        let mut bytes = MAGIC.to_vec();
        bytes.extend(encoder.finish().unwrap());
        assert!(matches!(take(&mut Unpacker::new().unwrap(), &bytes), Err(Broken::Foreign)));
    }
}
