//! One OmnIoT endpoint's exchange of chunks: requests in, replies out
//! (the carrier of `shared/proto/omniot_device.proto`).

use omniot_shared::claim::{
    chunk::{Assembler, chunk_at, read_chunk},
    messages::Chunk,
};
use prost::Message as _;

/// The state of one endpoint during one session.
#[derive(Default)]
pub struct Chunked {
    assembler: Assembler,
    reply: Vec<u8>,
}

impl Chunked {
    /// One write; `handle` sees each whole request once. `None`: the handler failed.
    pub fn write(&mut self, plain: &[u8], handle: impl FnOnce(&[u8]) -> Vec<u8>) -> Option<Vec<u8>> {
        let chunk = read_chunk(plain).ok()?;
        if chunk.payload.is_empty() {
            let fits = usize::try_from(chunk.total).is_ok_and(|total| total == self.reply.len());
            let more = chunk_at(&self.reply, usize::try_from(chunk.offset).ok()?);
            return (fits && !more.payload.is_empty()).then(|| more.encode_to_vec());
        }
        let answer = match self.assembler.take(&chunk).ok()? {
            None => Chunk { offset: self.assembler.reached(), total: chunk.total, payload: Vec::new() },
            Some(request) => {
                self.reply = handle(&request);
                chunk_at(&self.reply, 0)
            }
        };
        Some(answer.encode_to_vec())
    }
}

#[cfg(test)]
mod tests {
    use omniot_shared::claim::chunk::chunks;

    use super::*;

    /// What a client does.
    fn exchange(endpoint: &mut Chunked, request: &[u8], reply: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        for chunk in chunks(request) {
            answer = endpoint.write(&chunk.encode_to_vec(), |whole| {
                assert_eq!(whole, request);
                reply.to_vec()
            }).unwrap();
        }
        let mut first = Chunk::decode(&*answer).unwrap();
        let mut whole = first.payload.clone();
        while whole.len() < usize::try_from(first.total).unwrap() {
            let ask = Chunk { offset: u32::try_from(whole.len()).unwrap(), total: first.total, payload: Vec::new() };
            first = Chunk::decode(&*endpoint.write(&ask.encode_to_vec(), |_| panic!("only once")).unwrap()).unwrap();
            whole.extend_from_slice(&first.payload);
        }
        whole
    }

    #[test]
    fn long_requests_and_replies_pass_in_both_directions() {
        let mut endpoint = Chunked::default();
        for (asked, answered) in [(1, 1), (230, 230), (231, 700), (4096, 4096)] {
            let (request, reply) = (vec![1; asked], vec![2; answered]);
            assert_eq!(exchange(&mut endpoint, &request, &reply), reply, "{asked} and {answered} bytes");
        }
    }

    #[test]
    fn asking_for_more_than_there_is_fails() {
        let mut endpoint = Chunked::default();
        let ask = |offset, total| Chunk { offset, total, payload: Vec::new() }.encode_to_vec();
        assert!(endpoint.write(&ask(0, 10), |_| Vec::new()).is_none(), "nothing was asked yet");
        exchange(&mut endpoint, b"q", &[2; 300]);
        assert!(endpoint.write(&ask(300, 300), |_| Vec::new()).is_none());
        assert!(endpoint.write(&ask(230, 299), |_| Vec::new()).is_none());
        assert!(endpoint.write(&ask(230, 300), |_| Vec::new()).is_some());
    }
}
