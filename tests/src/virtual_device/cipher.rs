//! What protects the endpoints after the handshake (COMMISSIONING.md 2.8 and 2.9).
//!
//! Deliberately not here: the handshakes that make the keys.

use aes::{Aes256, cipher::{KeyIvInit as _, StreamCipher as _}};
use aes_gcm::{Aes256Gcm, KeyInit as _, aead::Aead as _};

/// The one cipher state of a session, shared by all endpoints and both directions.
pub enum Cipher {
    /// Security 0.
    Plain,
    /// Security 1: one continuous key stream.
    Stream(Box<ctr::Ctr128BE<Aes256>>),
    /// Security 2.
    Sealed {
        /// AES-256-GCM.
        key: Box<Aes256Gcm>,
        /// Of the next message.
        nonce: [u8; 12],
        /// Patch 1 counts it up after each message, patch 0 keeps it.
        counts: Counting,
    },
}

/// What happens to the nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// Patch 0: the same for every message, the known weakness of old firmware.
    Never,
    /// Patch 1: one up after each success.
    Each,
}

impl Cipher {
    /// Security 1.
    #[must_use]
    pub fn stream(key: &[u8; 32], first_block: &[u8; 16]) -> Self {
        Self::Stream(Box::new(ctr::Ctr128BE::<Aes256>::new(&(*key).into(), &(*first_block).into())))
    }

    /// Security 2; the key is the first half of SRP's K.
    #[must_use]
    pub fn sealed(key: &[u8; 32], nonce: [u8; 12], counts: Counting) -> Self {
        Self::Sealed { key: Box::new(Aes256Gcm::new(&(*key).into())), nonce, counts }
    }

    /// Opens what the client sent; `None` when it was not sealed with this session's key and nonce.
    #[must_use]
    pub fn open(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Plain => Some(bytes.to_vec()),
            Self::Stream(stream) => Some(streamed(stream, bytes)),
            Self::Sealed { key, nonce, counts } => {
                let plain = key.decrypt(&(*nonce).into(), bytes).ok()?;
                advance(nonce, *counts)?;
                Some(plain)
            }
        }
    }

    /// Protects an answer; `None` when the nonces are used up.
    #[must_use]
    pub fn seal(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Plain => Some(bytes.to_vec()),
            Self::Stream(stream) => Some(streamed(stream, bytes)),
            Self::Sealed { key, nonce, counts } => {
                let sealed = key.encrypt(&(*nonce).into(), bytes).ok()?;
                advance(nonce, *counts)?;
                Some(sealed)
            }
        }
    }
}

fn streamed(stream: &mut ctr::Ctr128BE<Aes256>, bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    stream.apply_keystream(&mut out);
    out
}

/// The last four bytes count; `None` after a wrap.
fn advance(nonce: &mut [u8; 12], counts: Counting) -> Option<()> {
    if counts == Counting::Never {
        return Some(());
    }
    let (_, tail) = nonce.split_last_chunk_mut::<4>()?;
    *tail = u32::from_be_bytes(*tail).checked_add(1)?.to_be_bytes();
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_block_wraps_as_in_the_known_answer() {
        let known = crate::virtual_device::vectors::vectors();
        let key = crate::virtual_device::vectors::hex_at(&known["sec1_pop"], "key").try_into().unwrap();
        let mut cipher = Cipher::stream(&key, &[0xff; 16]);
        let all: Vec<u8> = [5, 30, 13].into_iter().flat_map(|length| cipher.seal(&vec![0; length]).unwrap()).collect();
        assert_eq!(hex::encode(all), "ae2decddc0ce1ce942e922d9ba9aaa6cd49cce520670e2f4b184921ab3bbb73fb6eebd0dbffdc0d4252e4f4eb5eb566a");
    }

    #[test]
    fn a_counter_that_wraps_ends_the_session() {
        let mut cipher = Cipher::sealed(&[1; 32], [0xff; 12], Counting::Each);
        assert!(cipher.seal(b"last").is_none());
    }

    #[test]
    fn a_broken_tag_is_refused_and_does_not_advance() {
        let mut sender = Cipher::sealed(&[1; 32], [1; 12], Counting::Each);
        let mut receiver = Cipher::sealed(&[1; 32], [1; 12], Counting::Each);
        let sealed = sender.seal(b"hello").unwrap();
        let mut broken = sealed.clone();
        broken[0] ^= 1;
        assert!(receiver.open(&broken).is_none());
        assert_eq!(receiver.open(&sealed).as_deref(), Some(&b"hello"[..]));
    }
}
