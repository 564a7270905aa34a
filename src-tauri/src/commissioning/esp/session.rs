//! The cipher of an open session: one state for all endpoints and both directions.
//!
//! Deliberately not here: how its key came about ([`super::sec1`], [`super::sec2`]).
//! Every request takes exactly one reply. When one of them is lost the two sides are out of
//! step: shake hands again, never repair, never send the same ciphertext twice.

use aes::cipher::{KeyIvInit as _, StreamCipher as _};
use aes_gcm::{
    Aes256Gcm, KeyInit as _, Nonce,
    aead::{Aead as _, array::Array},
};
use zeroize::Zeroizing;

use super::EspError;

/// AES-256-CTR with a 128-bit big-endian counter, as one key stream.
pub(super) type Stream = ctr::Ctr128BE<aes::Aes256>;

/// The cipher of an open session. It has no `Debug` and no `Clone`: its state is used once.
pub struct Cipher {
    state: State,
}

enum State {
    Plain,
    Stream(Box<Stream>),
    Gcm { key: Zeroizing<[u8; 32]>, nonce: [u8; 12], counts: Counting },
    Over,
}

/// How the nonce of AES-GCM moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// Patch 0: never. The same nonce for every message of the session.
    Stuck,
    /// Patch 1: its last four bytes are a counter, one more after every message.
    Each,
}

impl Cipher {
    /// A session that is over, to stand where one was.
    #[must_use]
    pub const fn over() -> Self {
        Self { state: State::Over }
    }

    /// Security 0.
    #[must_use]
    pub const fn plain() -> Self {
        Self { state: State::Plain }
    }

    /// Security 1, behind the bytes that the handshake used.
    pub(super) fn stream(stream: Stream) -> Self {
        Self { state: State::Stream(Box::new(stream)) }
    }

    /// Security 2.
    pub(super) const fn gcm(key: Zeroizing<[u8; 32]>, nonce: [u8; 12], counts: Counting) -> Self {
        Self { state: State::Gcm { key, nonce, counts } }
    }

    /// The wire form of a request.
    ///
    /// # Errors
    /// When the session is over.
    pub fn encrypt(&mut self, plaintext: &[u8]) -> Result<Vec<u8>, EspError> {
        match &mut self.state {
            State::Plain => Ok(plaintext.to_vec()),
            State::Stream(stream) => shifted(stream, plaintext),
            State::Gcm { key, nonce, .. } => {
                let sealed = gcm(key).encrypt(&Nonce::from(*nonce), plaintext).map_err(|_| EspError::SessionOver)?;
                self.advance();
                Ok(sealed)
            }
            State::Over => Err(EspError::SessionOver),
        }
    }

    /// The content of a reply. After an error the session is over.
    ///
    /// # Errors
    /// `Tampered` when the tag does not fit, `SessionOver` when it is over.
    pub fn decrypt(&mut self, reply: &[u8]) -> Result<Zeroizing<Vec<u8>>, EspError> {
        match &mut self.state {
            State::Plain => Ok(Zeroizing::new(reply.to_vec())),
            State::Stream(stream) => shifted(stream, reply).map(Zeroizing::new),
            State::Gcm { key, nonce, .. } => match gcm(key).decrypt(&Nonce::from(*nonce), reply) {
                Ok(plaintext) => {
                    self.advance();
                    Ok(Zeroizing::new(plaintext))
                }
                Err(_) => {
                    self.end();
                    Err(EspError::Tampered)
                }
            },
            State::Over => Err(EspError::SessionOver),
        }
    }

    /// Forgets the key, e.g. because a write failed after its encryption.
    pub fn end(&mut self) {
        self.state = State::Over;
    }

    /// Whether it can still be used.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    fn advance(&mut self) {
        let State::Gcm { nonce, counts: Counting::Each, .. } = &mut self.state else { return };
        let [.., a, b, c, d] = *nonce;
        let next = u32::from_be_bytes([a, b, c, d]).wrapping_add(1);
        nonce[8..].copy_from_slice(&next.to_be_bytes());
        if next == 0 {
            self.end();
        }
    }
}

fn gcm(key: &[u8; 32]) -> Aes256Gcm {
    Aes256Gcm::new(&Array(*key))
}

fn shifted(stream: &mut Stream, bytes: &[u8]) -> Result<Vec<u8>, EspError> {
    let mut shifted = bytes.to_vec();
    stream.try_apply_keystream(&mut shifted).map_err(|_| EspError::SessionOver)?;
    Ok(shifted)
}

/// A key stream that begins at `block`.
pub(super) fn stream(key: &[u8; 32], block: [u8; 16]) -> Stream {
    Stream::new(&Array(*key), &Array(block))
}
