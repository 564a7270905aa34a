//! Messages cut into pieces that every ESP stack can carry (COMMISSIONING.md 2.4 and 4).
//!
//! Deliberately not here: the radio and the session's cipher; a chunk is their plaintext.

use prost::Message as _;

use super::messages::Chunk;

/// The most plaintext bytes of one write or one reply.
pub const CHUNK_LIMIT: usize = 240;
/// Bytes of payload in one chunk: the limit less the worst case of the three field headers.
pub const PAYLOAD_LIMIT: usize = CHUNK_LIMIT - 10;
/// The longest whole message.
pub const MESSAGE_LIMIT: usize = 4096;

/// Why a chunk was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// Not a `Chunk` message.
    #[error("not a chunk")]
    Malformed,
    /// `total` is above [`MESSAGE_LIMIT`], or the chunk itself is too long.
    #[error("the message or the chunk is too long")]
    TooLong,
    /// It does not begin where the one before ended, or its `total` differs.
    #[error("the chunk does not follow the one before")]
    OutOfOrder,
}

/// The chunk of `message` that begins at `offset`; with an empty payload when that is its end.
#[must_use]
pub fn chunk_at(message: &[u8], offset: usize) -> Chunk {
    let start = offset.min(message.len());
    let end = (start + PAYLOAD_LIMIT).min(message.len());
    Chunk { offset: small(start), total: small(message.len()), payload: message.get(start..end).unwrap_or_default().to_vec() }
}

/// All chunks of `message`, in order.
pub fn chunks(message: &[u8]) -> impl Iterator<Item = Chunk> + '_ {
    (0..message.len()).step_by(PAYLOAD_LIMIT).map(|offset| chunk_at(message, offset))
}

/// Reads one chunk from the wire.
///
/// # Errors
/// When it is not a chunk or breaks a limit.
pub fn read_chunk(bytes: &[u8]) -> Result<Chunk, ChunkError> {
    if bytes.len() > CHUNK_LIMIT {
        return Err(ChunkError::TooLong);
    }
    let chunk = Chunk::decode(bytes).map_err(|_| ChunkError::Malformed)?;
    let total = usize::try_from(chunk.total).unwrap_or(usize::MAX);
    if total > MESSAGE_LIMIT {
        return Err(ChunkError::TooLong);
    }
    // A message whose fields all have their defaults is empty on the wire, e.g. the reply "shown".
    if total == 0 && (chunk.offset != 0 || !chunk.payload.is_empty()) {
        return Err(ChunkError::Malformed);
    }
    Ok(chunk)
}

/// Puts a message together again.
#[derive(Debug, Default, Clone)]
pub struct Assembler {
    held: Vec<u8>,
    total: u32,
}

impl Assembler {
    /// Takes the next chunk; the whole message when it was the last one.
    /// A chunk with offset 0 begins anew, so that a broken exchange heals by itself.
    ///
    /// # Errors
    /// When the chunk does not continue what is held; what was held is dropped.
    pub fn take(&mut self, chunk: &Chunk) -> Result<Option<Vec<u8>>, ChunkError> {
        if chunk.offset == 0 {
            self.held.clear();
            self.total = chunk.total;
        }
        if chunk.offset == 0 && chunk.total == 0 && chunk.payload.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let reached = self.held.len() + chunk.payload.len();
        let whole = usize::try_from(self.total).unwrap_or(usize::MAX);
        let follows = self.reached() == chunk.offset && self.total == chunk.total;
        if !follows || chunk.payload.is_empty() || reached > whole || whole > MESSAGE_LIMIT {
            *self = Self::default();
            return Err(ChunkError::OutOfOrder);
        }
        self.held.extend_from_slice(&chunk.payload);
        if reached < whole {
            return Ok(None);
        }
        self.total = 0;
        Ok(Some(std::mem::take(&mut self.held)))
    }

    /// How many bytes are held.
    #[must_use]
    pub fn reached(&self) -> u32 {
        small(self.held.len())
    }
}

fn small(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_message_of_any_length_comes_back_whole(message in proptest::collection::vec(any::<u8>(), 1..MESSAGE_LIMIT)) {
            let mut assembler = Assembler::default();
            let mut whole = None;
            for chunk in chunks(&message) {
                prop_assert!(whole.is_none(), "nothing may follow the end");
                let wire = chunk.encode_to_vec();
                prop_assert!(wire.len() <= CHUNK_LIMIT, "{} bytes", wire.len());
                whole = assembler.take(&read_chunk(&wire).unwrap()).unwrap();
            }
            prop_assert_eq!(whole, Some(message));
        }

        #[test]
        fn any_bytes_are_a_chunk_or_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(chunk) = read_chunk(&bytes) {
                let _ = Assembler::default().take(&chunk);
            }
        }

        #[test]
        fn chunks_in_any_order_never_grow_beyond_the_limit(parts in proptest::collection::vec((0_u32..5000, 0_u32..5000, 0_usize..230), 0..40)) {
            let mut assembler = Assembler::default();
            for (offset, total, length) in parts {
                let _ = assembler.take(&Chunk { offset, total, payload: vec![1; length] });
                prop_assert!(usize::try_from(assembler.reached()).unwrap() <= MESSAGE_LIMIT);
            }
        }
    }

    #[test]
    fn an_empty_message_is_one_chunk_and_nothing_else_may_claim_to_be_empty() {
        let empty = chunk_at(&[], 0);
        assert_eq!(Assembler::default().take(&read_chunk(&empty.encode_to_vec()).unwrap()), Ok(Some(Vec::new())));
        for wrong in [Chunk { offset: 5, ..empty.clone() }, Chunk { payload: vec![1], ..empty }] {
            assert_eq!(read_chunk(&wrong.encode_to_vec()), Err(ChunkError::Malformed));
        }
    }

    #[test]
    fn a_gap_or_another_total_drops_what_was_held() {
        let message = vec![7; 600];
        let parts: Vec<_> = chunks(&message).collect();
        let mut assembler = Assembler::default();
        assembler.take(&parts[0]).unwrap();
        assert_eq!(assembler.take(&parts[2]), Err(ChunkError::OutOfOrder));
        assert_eq!(assembler.reached(), 0, "nothing half is kept");
        assembler.take(&parts[0]).unwrap();
        assert_eq!(assembler.take(&Chunk { total: 601, ..parts[1].clone() }), Err(ChunkError::OutOfOrder));
    }
}
