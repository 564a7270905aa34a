//! The device side of protocomm's handshakes: security 0, 1 and 2 (COMMISSIONING.md 2.7–2.9).
//!
//! One link has one session. A first command in any state begins anew in place, as
//! NimBLE firmware does. `None` anywhere means: the handler failed, so the stack answers
//! the write with an ATT error.
//!
//! Deliberately not here: ATT, endpoints, and the choice of the scheme.

use omniot_app::commissioning::esp::messages::{
    Handshake, Sec0Body, Sec0Payload, Sec0Step, Sec1Body, Sec1Command0, Sec1Payload, Sec1Response0, Sec1Response1, Sec2Body, Sec2Command0, Sec2Payload, Sec2Response0,
    Sec2Response1, SecurityScheme, SessionData, SessionStep, Status, StatusReply,
};
use prost::Message as _;
use rand::Rng;
use sha2::{Digest as _, Sha256};
use x25519_dalek::{PublicKey, StaticSecret};

use super::{
    cipher::{Cipher, Counting},
    srp::{Exchange, Verifier},
};

/// What a device demands of its session.
#[derive(Clone)]
pub enum Scheme {
    /// Nothing.
    Sec0,
    /// X25519 and the PoP (empty: none).
    Sec1(Vec<u8>),
    /// SRP-6a.
    Sec2(Verifier, Counting),
}

/// The random values of one handshake.
pub struct Draws {
    /// X25519 private key.
    pub x25519: [u8; 32],
    /// First counter block of security 1.
    pub block: [u8; 16],
    /// SRP's b.
    pub srp: [u8; 32],
    /// First nonce of security 2; with patch 1 its last four bytes become 1.
    pub nonce: [u8; 12],
}

impl Draws {
    /// Fresh ones.
    pub fn from(rng: &mut impl Rng) -> Self {
        let mut draws = Self { x25519: [0; 32], block: [0; 16], srp: [0; 32], nonce: [0; 12] };
        rng.fill_bytes(&mut draws.x25519);
        rng.fill_bytes(&mut draws.block);
        rng.fill_bytes(&mut draws.srp);
        rng.fill_bytes(&mut draws.nonce);
        draws
    }
}

enum Stage {
    Idle,
    Sec1 { cipher: Cipher, client: Vec<u8>, device: [u8; 32] },
    Sec2 { exchange: Box<Exchange>, nonce: [u8; 12], counts: Counting },
    Open(Cipher),
}

/// The session of one link.
pub struct Session {
    scheme: Scheme,
    stage: Stage,
}

impl Session {
    /// Before any message.
    #[must_use]
    pub fn new(scheme: Scheme) -> Self {
        Self { scheme, stage: Stage::Idle }
    }

    /// One message of `prov-session`.
    pub fn handshake(&mut self, bytes: &[u8], draws: &Draws) -> Option<Vec<u8>> {
        let message = SessionData::decode(bytes).ok()?;
        let scheme = match self.scheme {
            Scheme::Sec0 => SecurityScheme::Sec0,
            Scheme::Sec1(_) => SecurityScheme::Sec1,
            Scheme::Sec2(..) => SecurityScheme::Sec2,
        };
        if message.sec_ver() != scheme {
            return None;
        }
        let answer = match message.proto? {
            Handshake::Sec0(_) => Handshake::Sec0(self.sec0()),
            Handshake::Sec1(payload) => Handshake::Sec1(self.sec1(payload, draws)?),
            Handshake::Sec2(payload) => Handshake::Sec2(self.sec2(payload, draws)?),
        };
        Some(SessionData { sec_ver: scheme.into(), proto: Some(answer) }.encode_to_vec())
    }

    /// One exchange on a protected endpoint.
    pub fn exchange(&mut self, bytes: &[u8], handle: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
        let Stage::Open(cipher) = &mut self.stage else { return None };
        let request = cipher.open(bytes)?;
        let reply = handle(&request)?;
        cipher.seal(&reply)
    }

    /// Whether the handshake is done.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open(_))
    }

    fn sec0(&mut self) -> Sec0Payload {
        self.stage = Stage::Open(Cipher::Plain);
        Sec0Payload { msg: Sec0Step::Reply.into(), payload: Some(Sec0Body::Reply(StatusReply { status: Status::Success.into() })) }
    }

    fn sec1(&mut self, payload: Sec1Payload, draws: &Draws) -> Option<Sec1Payload> {
        let (step, body) = match (payload.msg(), payload.payload?) {
            (SessionStep::Command0, Sec1Body::Command0(command)) => (SessionStep::Response0, self.sec1_begin(&command, draws)?),
            (SessionStep::Command1, Sec1Body::Command1(command)) => (SessionStep::Response1, self.sec1_prove(&command.client_verify_data)?),
            _ => return None,
        };
        Some(Sec1Payload { msg: step.into(), payload: Some(body) })
    }

    fn sec1_begin(&mut self, command: &Sec1Command0, draws: &Draws) -> Option<Sec1Body> {
        let Scheme::Sec1(pop) = &self.scheme else { return None };
        let client: [u8; 32] = command.client_pubkey.as_slice().try_into().ok()?;
        let secret = StaticSecret::from(draws.x25519);
        let device = PublicKey::from(&secret).to_bytes();
        let shared = secret.diffie_hellman(&PublicKey::from(client));
        if !shared.was_contributory() {
            return None;
        }
        let mut key = shared.to_bytes();
        if !pop.is_empty() {
            key.iter_mut().zip(Sha256::digest(pop)).for_each(|(key, pop)| *key ^= pop);
        }
        self.stage = Stage::Sec1 { cipher: Cipher::stream(&key, &draws.block), client: client.to_vec(), device };
        Some(Sec1Body::Response0(Sec1Response0 { status: Status::Success.into(), device_pubkey: device.to_vec(), device_random: draws.block.to_vec() }))
    }

    fn sec1_prove(&mut self, verify: &[u8]) -> Option<Sec1Body> {
        let Stage::Sec1 { mut cipher, client, device } = std::mem::replace(&mut self.stage, Stage::Idle) else { return None };
        if cipher.open(verify)? != device {
            return None;
        }
        let device_verify_data = cipher.seal(&client)?;
        self.stage = Stage::Open(cipher);
        Some(Sec1Body::Response1(Sec1Response1 { status: Status::Success.into(), device_verify_data }))
    }

    fn sec2(&mut self, payload: Sec2Payload, draws: &Draws) -> Option<Sec2Payload> {
        let (step, body) = match (payload.msg(), payload.payload?) {
            (SessionStep::Command0, Sec2Body::Command0(command)) => (SessionStep::Response0, self.sec2_begin(&command, draws)?),
            (SessionStep::Command1, Sec2Body::Command1(command)) => (SessionStep::Response1, self.sec2_prove(&command.client_proof)?),
            _ => return None,
        };
        Some(Sec2Payload { msg: step.into(), payload: Some(body) })
    }

    fn sec2_begin(&mut self, command: &Sec2Command0, draws: &Draws) -> Option<Sec2Body> {
        let Scheme::Sec2(verifier, counts) = &self.scheme else { return None };
        let exchange = Exchange::begin(verifier, &command.client_username, &command.client_pubkey, &draws.srp)?;
        let mut nonce = draws.nonce;
        if *counts == Counting::Each {
            nonce[8..].copy_from_slice(&1_u32.to_be_bytes());
        }
        let reply = Sec2Response0 { status: Status::Success.into(), device_pubkey: exchange.device_public().to_vec(), device_salt: verifier.salt().to_vec() };
        self.stage = Stage::Sec2 { exchange: Box::new(exchange), nonce, counts: *counts };
        Some(Sec2Body::Response0(reply))
    }

    fn sec2_prove(&mut self, proof: &[u8]) -> Option<Sec2Body> {
        let Stage::Sec2 { exchange, nonce, counts } = std::mem::replace(&mut self.stage, Stage::Idle) else { return None };
        let (device_proof, key) = exchange.prove(proof)?;
        let key: &[u8; 32] = key.first_chunk()?;
        self.stage = Stage::Open(Cipher::sealed(key, nonce, counts));
        Some(Sec2Body::Response1(Sec2Response1 { status: Status::Success.into(), device_proof, device_nonce: nonce.to_vec() }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::virtual_device::vectors::{hex_at, vectors};

    fn fixed<const N: usize>(known: &Value, key: &str) -> [u8; N] {
        if known[key].is_null() { [0; N] } else { hex_at(known, key).try_into().unwrap() }
    }

    fn scheme(known: &Value) -> Scheme {
        if let Some(pop) = known["pop"].as_str() {
            return Scheme::Sec1(pop.as_bytes().to_vec());
        }
        let counts = if known["patch"] == 1 { Counting::Each } else { Counting::Never };
        Scheme::Sec2(Verifier::make("wifiprov", b"abcd1234", &hex_at(&vectors()["idf_example"], "salt")), counts)
    }

    fn opened(known: &Value) -> Session {
        let draws = Draws { x25519: fixed(known, "device_priv"), block: fixed(known, "device_random"), srp: fixed(known, "b"), nonce: fixed(known, "nonce") };
        let mut session = Session::new(scheme(known));
        assert_eq!(session.handshake(&hex_at(known, "cmd0"), &draws), Some(hex_at(known, "resp0")), "resp0");
        assert_eq!(session.handshake(&hex_at(known, "cmd1"), &draws), Some(hex_at(known, "resp1")), "resp1");
        session
    }

    #[test]
    fn each_known_dialog_comes_out_byte_for_byte() {
        let all = vectors();
        for name in ["sec1_pop", "sec1_nopop", "sec2_p1", "sec2_p0", "sec2_Bshort", "sec2_Sshort"] {
            let mut session = opened(&all[name]);
            for turn in all[name]["dialog"].as_array().unwrap() {
                let texts: Vec<_> = turn.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
                let (asked, sent, answered, back) = if texts.len() == 4 { (texts[0], texts[1], texts[2], texts[3]) } else { (texts[0], texts[2], texts[3], texts[5]) };
                let reply = session.exchange(&hex::decode(sent).unwrap(), |request| {
                    assert_eq!(request, hex_at(&all["plain"], asked), "{name}: {asked}");
                    Some(hex_at(&all["plain"], answered))
                });
                assert_eq!(reply.map(hex::encode).as_deref(), Some(back), "{name}: {answered}");
            }
        }
    }

    #[test]
    fn security_0_answers_as_the_reference() {
        let mut session = Session::new(Scheme::Sec0);
        let draws = Draws { x25519: [0; 32], block: [0; 16], srp: [0; 32], nonce: [0; 12] };
        assert_eq!(session.handshake(&hex_at(&vectors(), "sec0_req_with_sub"), &draws), Some(hex_at(&vectors(), "sec0_resp")));
        assert!(session.is_open());
    }

    #[test]
    fn a_wrong_pop_fails_the_second_message_and_a_new_first_one_heals() {
        let all = vectors();
        for name in ["sec1_pop", "sec2_p1"] {
            let known = &all[name];
            let draws = Draws { x25519: fixed(known, "device_priv"), block: fixed(known, "device_random"), srp: fixed(known, "b"), nonce: fixed(known, "nonce") };
            let mut session = Session::new(match scheme(known) {
                Scheme::Sec1(_) => Scheme::Sec1(b"other".to_vec()),
                _ => Scheme::Sec2(Verifier::make("wifiprov", b"other", &[1; 16]), Counting::Each),
            });
            assert!(session.handshake(&hex_at(known, "cmd0"), &draws).is_some());
            assert!(session.handshake(&hex_at(known, "cmd1"), &draws).is_none(), "{name}");
            assert!(!session.is_open());
            assert!(session.handshake(&hex_at(known, "cmd1"), &draws).is_none(), "{name}: no second guess without a new exchange");
            session.scheme = scheme(known);
            assert!(session.handshake(&hex_at(known, "cmd0"), &draws).is_some());
            assert!(session.handshake(&hex_at(known, "cmd1"), &draws).is_some(), "{name}");
        }
    }

    #[test]
    fn nothing_is_handled_before_the_handshake() {
        let mut session = Session::new(Scheme::Sec0);
        assert!(session.exchange(b"x", |_| panic!("must not be called")).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_or_answered_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let draws = Draws { x25519: [1; 32], block: [1; 16], srp: [1; 32], nonce: [1; 12] };
            for scheme in [Scheme::Sec0, Scheme::Sec1(b"p".to_vec())] {
                let mut session = Session::new(scheme);
                let _ = session.handshake(&bytes, &draws);
                let _ = session.exchange(&bytes, |request| Some(request.to_vec()));
            }
        }
    }
}
