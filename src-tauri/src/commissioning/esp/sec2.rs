//! Security 2: SRP-6a and AES-256-GCM (COMMISSIONING.md 2.9).
//!
//! Deliberately not here: the numbers (`srp`) and whether patch 0 is enough ([`super::level`]).

use prost::Message as _;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

pub use super::{session::Counting, srp::Inner};
use super::{
    EspError, answers,
    messages::{Handshake, Sec2Body, Sec2Command0, Sec2Command1, Sec2Payload, SecurityScheme, SessionData, SessionStep},
    read,
    session::Cipher,
    srp::{self, Agreed, Credentials, KeyPair},
    success,
};

/// The user name when a label names none.
pub const DEFAULT_USER: &str = "wifiprov";

/// Waits for the device's key and salt.
pub struct Opened {
    pair: KeyPair,
    who: Credentials,
    inner: Inner,
}

/// Waits for the device's proof.
pub struct Proving {
    agreed: Agreed,
}

/// Begins with 256 fresh random bits. The second part is to be sent.
///
/// # Errors
/// When the user name is empty, or the random bits are all zero.
pub fn open(a: [u8; 32], user: &[u8], pop: &[u8], inner: Inner) -> Result<(Opened, Vec<u8>), EspError> {
    if user.is_empty() {
        return Err(EspError::Field("client_username"));
    }
    let pair = KeyPair::new(a)?;
    let body = Sec2Command0 { client_username: user.to_vec(), client_pubkey: pair.public.to_vec() };
    let command = wire(SessionStep::Command0, Sec2Body::Command0(body));
    Ok((Opened { pair, who: Credentials::new(user, pop), inner }, command))
}

/// Whether a refused proof is worth a second try with [`Inner::Stripped`].
#[must_use]
pub fn may_be_stripped(user: &[u8], pop: &[u8]) -> bool {
    Credentials::new(user, pop).inner_begins_with_zero()
}

impl Opened {
    /// Takes the device's key and salt; the second part is to be sent.
    ///
    /// # Errors
    /// When the reply is not the answer, or its key is weak.
    pub fn prove(self, reply: &[u8]) -> Result<(Proving, Vec<u8>), EspError> {
        let Sec2Body::Response0(body) = body(reply, SessionStep::Command0)? else { return Err(EspError::WrongReply) };
        success(body.status)?;
        let agreed = srp::agree(&self.pair, &self.who, &body.device_pubkey, &body.device_salt, self.inner)?;
        let command = wire(SessionStep::Command1, Sec2Body::Command1(Sec2Command1 { client_proof: agreed.proof.to_vec() }));
        Ok((Proving { agreed }, command))
    }
}

impl Proving {
    /// Takes the device's proof.
    ///
    /// # Errors
    /// `WrongProof` when the device does not hold a verifier of this password.
    pub fn finish(self, reply: &[u8], counts: Counting) -> Result<Cipher, EspError> {
        let Sec2Body::Response1(body) = body(reply, SessionStep::Command1)? else { return Err(EspError::WrongReply) };
        success(body.status)?;
        if !bool::from(body.device_proof.as_slice().ct_eq(&self.agreed.expected)) {
            return Err(EspError::WrongProof);
        }
        let nonce = body.device_nonce.try_into().map_err(|_| EspError::Field("device_nonce"))?;
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(&self.agreed.key[..32]);
        Ok(Cipher::gcm(key, nonce, counts))
    }
}

fn wire(msg: SessionStep, body: Sec2Body) -> Vec<u8> {
    let payload = Sec2Payload { msg: msg.into(), payload: Some(body) };
    SessionData { sec_ver: SecurityScheme::Sec2.into(), proto: Some(Handshake::Sec2(payload)) }.encode_to_vec()
}

fn body(reply: &[u8], command: SessionStep) -> Result<Sec2Body, EspError> {
    let data: SessionData = read(reply)?;
    let Some(Handshake::Sec2(payload)) = data.proto else { return Err(EspError::WrongReply) };
    if data.sec_ver != i32::from(SecurityScheme::Sec2) {
        return Err(EspError::WrongReply);
    }
    answers(payload.msg, command)?;
    payload.payload.ok_or(EspError::WrongReply)
}
