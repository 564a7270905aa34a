//! Security 1: X25519, proof of possession, AES-256-CTR (COMMISSIONING.md 2.8).
//!
//! Each state is consumed by its reply, so that no key stream is used twice.
//! Deliberately not here: whether security 1 is enough ([`super::level`]).

use aes::cipher::StreamCipher as _;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize as _, Zeroizing};

use super::{
    EspError, answers,
    messages::{Handshake, Sec1Body, Sec1Command0, Sec1Command1, Sec1Payload, SecurityScheme, SessionData, SessionStep},
    read,
    session::{self, Cipher, Stream},
    success,
};

/// Waits for the device's key.
pub struct Opened {
    private: StaticSecret,
    public: [u8; 32],
    pop_digest: Option<Zeroizing<[u8; 32]>>,
}

/// Waits for the device's proof.
pub struct Proving {
    public: [u8; 32],
    stream: Stream,
}

/// Begins with a fresh private key; an empty `pop` is none. The second part is to be sent.
#[must_use]
pub fn open(private: [u8; 32], pop: &[u8]) -> (Opened, Vec<u8>) {
    let private = StaticSecret::from(private);
    let public = PublicKey::from(&private).to_bytes();
    let pop_digest = (!pop.is_empty()).then(|| Zeroizing::new(Sha256::digest(pop).into()));
    let command = wire(SessionStep::Command0, Sec1Body::Command0(Sec1Command0 { client_pubkey: public.to_vec() }));
    (Opened { private, public, pop_digest }, command)
}

impl Opened {
    /// Takes the device's key; the second part is to be sent.
    ///
    /// # Errors
    /// When the reply is not the answer, or its key is weak.
    pub fn prove(self, reply: &[u8]) -> Result<(Proving, Vec<u8>), EspError> {
        let Sec1Body::Response0(body) = body(reply, SessionStep::Command0)? else { return Err(EspError::WrongReply) };
        success(body.status)?;
        let device: [u8; 32] = body.device_pubkey.try_into().map_err(|_| EspError::Field("device_pubkey"))?;
        let block: [u8; 16] = body.device_random.try_into().map_err(|_| EspError::Field("device_random"))?;
        let agreed = self.private.diffie_hellman(&PublicKey::from(device));
        if !agreed.was_contributory() {
            return Err(EspError::WeakKey);
        }
        let mut key = Zeroizing::new(agreed.to_bytes());
        if let Some(digest) = &self.pop_digest {
            key.iter_mut().zip(digest.iter()).for_each(|(key, digest)| *key ^= digest);
        }
        let mut stream = session::stream(&key, block);
        let mut verify = device;
        stream.try_apply_keystream(&mut verify).map_err(|_| EspError::SessionOver)?;
        let command = wire(SessionStep::Command1, Sec1Body::Command1(Sec1Command1 { client_verify_data: verify.to_vec() }));
        Ok((Proving { public: self.public, stream }, command))
    }
}

impl Proving {
    /// Takes the device's proof.
    ///
    /// # Errors
    /// `WrongProof` when the device does not hold the same secret.
    pub fn finish(mut self, reply: &[u8]) -> Result<Cipher, EspError> {
        let Sec1Body::Response1(body) = body(reply, SessionStep::Command1)? else { return Err(EspError::WrongReply) };
        success(body.status)?;
        let mut shown: [u8; 32] = body.device_verify_data.try_into().map_err(|_| EspError::Field("device_verify_data"))?;
        self.stream.try_apply_keystream(&mut shown).map_err(|_| EspError::SessionOver)?;
        let proven = bool::from(shown.ct_eq(&self.public));
        shown.zeroize();
        if proven { Ok(Cipher::stream(self.stream)) } else { Err(EspError::WrongProof) }
    }
}

fn wire(msg: SessionStep, body: Sec1Body) -> Vec<u8> {
    let payload = Sec1Payload { msg: msg.into(), payload: Some(body) };
    SessionData { sec_ver: SecurityScheme::Sec1.into(), proto: Some(Handshake::Sec1(payload)) }.encode_to_vec()
}

fn body(reply: &[u8], command: SessionStep) -> Result<Sec1Body, EspError> {
    let data: SessionData = read(reply)?;
    let Some(Handshake::Sec1(payload)) = data.proto else { return Err(EspError::WrongReply) };
    if data.sec_ver != i32::from(SecurityScheme::Sec1) {
        return Err(EspError::WrongReply);
    }
    answers(payload.msg, command)?;
    payload.payload.ok_or(EspError::WrongReply)
}
