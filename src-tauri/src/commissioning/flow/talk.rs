//! Talking to one connected device: one write and one read for each request, never two at once.
//!
//! Whatever breaks an exchange in the middle, a deadline too, ends the session: the cipher
//! is taken out for the exchange and put back only when it went well.
//!
//! Deliberately not here: what is said.

use std::{sync::Arc, time::Duration};

use omniot_shared::claim::{
    chunk::{self, Assembler},
    messages::Chunk,
};
use prost::Message;
use tokio::time::timeout;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{causes::Cause, trouble::Trouble};
use crate::commissioning::{
    esp::{EspError, REQUEST_LIMIT, endpoints::Endpoints, session::Cipher},
    radio::{Link, RadioError},
};

/// A link, what is behind it, and the session on it.
pub struct Talk {
    link: Arc<dyn Link>,
    endpoints: Endpoints,
    cipher: Cipher,
    operation: Duration,
    exchange: Duration,
}

impl Talk {
    /// A new link without a session.
    pub fn new(link: Arc<dyn Link>, operation: Duration, exchange: Duration) -> Self {
        Self { link, endpoints: Endpoints::default(), cipher: Cipher::over(), operation, exchange }
    }

    /// The link.
    pub fn link(&self) -> &Arc<dyn Link> {
        &self.link
    }

    /// Says what is behind the link.
    pub fn know(&mut self, endpoints: Endpoints) {
        self.endpoints = endpoints;
    }

    /// Whether the device has this endpoint.
    pub fn has(&self, endpoint: &str) -> bool {
        self.endpoints.get(endpoint).is_some()
    }

    /// Begins to use a session.
    pub fn open(&mut self, cipher: Cipher) {
        self.cipher = cipher;
    }

    /// Whether requests can be made.
    pub const fn is_open(&self) -> bool {
        !self.cipher.is_over()
    }

    /// Writes in the clear; for the endpoints outside the session.
    ///
    /// # Errors
    /// As the radio says.
    pub async fn write_plain(&self, endpoint: &str, value: &[u8]) -> Result<(), RadioError> {
        let uuid = self.uuid(endpoint)?;
        self.within(self.link.write(uuid, value)).await
    }

    /// Reads in the clear. Never after a failed write.
    ///
    /// # Errors
    /// As the radio says.
    pub async fn read_plain(&self, endpoint: &str) -> Result<Vec<u8>, RadioError> {
        let uuid = self.uuid(endpoint)?;
        self.within(self.link.read(uuid)).await
    }

    /// One request and its reply inside the session.
    ///
    /// # Errors
    /// Then the session is over.
    pub async fn ask(&mut self, endpoint: &str, request: &[u8]) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        let uuid = self.uuid(endpoint)?;
        let mut cipher = std::mem::replace(&mut self.cipher, Cipher::over());
        let wire = cipher.encrypt(request)?;
        if wire.len() > REQUEST_LIMIT {
            return Err(EspError::TooLong.into());
        }
        self.within(self.link.write(uuid, &wire)).await?;
        let reply = self.within(self.link.read(uuid)).await?;
        let plain = cipher.decrypt(&reply)?;
        self.cipher = cipher;
        Ok(plain)
    }

    /// One chunk of many: each has its own deadline, because how many there are and how long each takes lies at the link.
    async fn ask_in_time(&mut self, endpoint: &str, piece: &Chunk) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        let limit = self.exchange;
        timeout(limit, self.ask(endpoint, &piece.encode_to_vec())).await.unwrap_or(Err(Trouble::Broken(Cause::NoAnswer)))
    }

    /// A message of any length and its reply, in chunks (`omniot_device.proto`, *Carrier*).
    ///
    /// # Errors
    /// Then the session may be over.
    pub async fn ask_whole<M: Message + Default>(&mut self, endpoint: &str, message: &impl Message) -> Result<M, Trouble> {
        let bytes = message.encode_to_vec();
        let count = chunk::chunks(&bytes).count();
        let mut first = None;
        for (at, piece) in chunk::chunks(&bytes).enumerate() {
            let reply = self.ask_in_time(endpoint, &piece).await?;
            let reply = piece_of(&reply)?;
            if at + 1 == count {
                first = Some(reply);
            } else if !reply.payload.is_empty() || reply.offset as usize != piece.offset as usize + piece.payload.len() {
                return Err(INVALID);
            }
        }
        let mut assembler = Assembler::default();
        let mut next = first.ok_or(INVALID)?;
        if next == Chunk::default() {
            return M::decode(&[][..]).map_err(|_| INVALID);
        }
        loop {
            if let Some(whole) = assembler.take(&next).map_err(|_| INVALID)? {
                return M::decode(&*whole).map_err(|_| INVALID);
            }
            let wanted = Chunk { offset: assembler.reached(), total: next.total, payload: Vec::new() };
            let reply = self.ask_in_time(endpoint, &wanted).await?;
            next = piece_of(&reply)?;
        }
    }

    fn uuid(&self, endpoint: &str) -> Result<Uuid, RadioError> {
        self.endpoints.get(endpoint).ok_or(RadioError::NoSuchEndpoint)
    }

    async fn within<T>(&self, operation: impl Future<Output = Result<T, RadioError>>) -> Result<T, RadioError> {
        timeout(self.operation, operation).await.unwrap_or(Err(RadioError::Timeout))
    }
}

/// One chunk. An empty one is a whole message of no bytes: a reply that is only the status OK.
fn piece_of(reply: &[u8]) -> Result<Chunk, Trouble> {
    if reply.is_empty() { Ok(Chunk::default()) } else { chunk::read_chunk(reply).map_err(|_| INVALID) }
}

const INVALID: Trouble = Trouble::Broken(Cause::InvalidReply);
