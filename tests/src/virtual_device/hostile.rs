//! A device that means harm: what it answers instead of the truth.
//!
//! Each of them can do no more than its place allows: before the handshake it does not know the keys,
//! behind it it is a device that was bought and changed.
//!
//! Deliberately not here: devices that are merely broken ([`super::faults`]).
//! To add one: a variant, the place where it strikes, and its line in `tests/commissioning/hostile.rs`.

use omniot_app::commissioning::esp::messages::{
    Handshake, Sec1Body, Sec1Payload, Sec1Response0, Sec1Response1, Sec2Body, Sec2Payload, Sec2Response0, Sec2Response1, SecurityScheme, SessionData, SessionStep,
};
use omniot_shared::claim::{
    Receipt,
    messages::{Chunk, ClaimReply},
};
use omniot_shared::ids::GrantId;
use prost::Message as _;
use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{advert::Endpoint, spec::Factory};

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hostile {
    /// Says that the handshake succeeded, without keys and proofs.
    EmptyHandshake,
    /// Offers a key with which everybody knows the session's.
    ZeroKey,
    /// Sends back what it was sent.
    Echo,
    /// Accepts every proof and makes up its own: it does not know the secret.
    Pretends,
    /// Answers inside the session with random bytes.
    Garbage,
    /// Answers inside the session with nothing.
    EmptyReplies,
    /// Leaves out the last byte of each answer.
    ShortReplies,
    /// Makes each answer longer than an attribute can be.
    LongReplies,
    /// Its answers to our endpoints never end.
    EndlessReplies,
    /// Says that a scan or a network went well, with nothing in it.
    EmptyNetwork,
    /// Counts more networks than there are, and lists the same ones for ever.
    EndlessNetworks,
    /// Shows another key when it is asked a second time.
    KeySwap,
    /// Its receipt is for another grant.
    OtherReceipt,
    /// Its receipt answers another nonce: an old one.
    OldReceipt,
    /// Notifies without end (Improv).
    Babbles,
    /// Values of wrong lengths on each characteristic (Improv).
    OddValues,
}

impl Hostile {
    /// What it answers in the handshake, in the place of `honest`.
    pub fn handshake(self, request: &[u8], honest: Option<Vec<u8>>, rng: &mut impl Rng) -> Option<Vec<u8>> {
        match self {
            Self::Echo => Some(request.to_vec()),
            Self::EmptyHandshake => Some(shake(request, &[], &[], &[])),
            Self::ZeroKey if is_first(request) => Some(shake(request, &[0; 32], &[0; 16], &[])),
            Self::Pretends if !is_first(request) => {
                let mut proof = [0; 64];
                rng.fill_bytes(&mut proof);
                Some(shake(request, &[], &[], &proof))
            }
            _ => honest,
        }
    }

    /// What it answers inside the session, before it is protected.
    pub fn reply(self, endpoint: Endpoint, request: &[u8], mut honest: Vec<u8>) -> Vec<u8> {
        let is_ours = matches!(endpoint, Endpoint::Identity | Endpoint::Identify | Endpoint::Claim);
        match self {
            Self::EmptyReplies => Vec::new(),
            Self::ShortReplies => {
                honest.pop();
                honest
            }
            Self::LongReplies => {
                honest.resize(700, 0);
                honest
            }
            Self::EndlessReplies if is_ours => Chunk { offset: 0, total: 4000, payload: vec![1] }.encode_to_vec(),
            // The answer's number and nothing else.
            Self::EmptyNetwork if !is_ours => {
                let number = request.first_chunk::<2>().filter(|[tag, _]| *tag == 8).map_or(0, |[_, number]| *number);
                vec![8, number + 1]
            }
            Self::EndlessNetworks if endpoint == Endpoint::Scan => endless(request, honest),
            _ => honest,
        }
    }

    /// What goes out instead of a protected answer.
    pub fn sealed(self, honest: Vec<u8>, rng: &mut impl Rng) -> Vec<u8> {
        if self != Self::Garbage {
            return honest;
        }
        let mut garbage = vec![0; rng.random_range(1..300)];
        rng.fill_bytes(&mut garbage);
        garbage
    }

    /// The receipt that it gives.
    #[must_use]
    pub fn claimed(self, factory: &Factory, reply: ClaimReply) -> ClaimReply {
        let honest = reply.receipt.as_ref().and_then(|signed| Receipt::read(signed, omniot_shared::claim::PublicKey::of(&factory.key)).ok());
        let Some(honest) = honest else { return reply };
        let receipt = match self {
            Self::OtherReceipt => Receipt { grant: GrantId(Uuid::from_u128(0xBAD)), ..honest },
            Self::OldReceipt => Receipt { nonce: vec![0xBA; 16], ..honest },
            _ => return reply,
        };
        ClaimReply { receipt: Some(receipt.sign(&factory.key)), ..reply }
    }
}

/// Whether this begins a handshake.
fn is_first(request: &[u8]) -> bool {
    match SessionData::decode(request).ok().and_then(|data| data.proto) {
        Some(Handshake::Sec1(payload)) => payload.msg() == SessionStep::Command0,
        Some(Handshake::Sec2(payload)) => payload.msg() == SessionStep::Command0,
        _ => false,
    }
}

/// An answer of the handshake with that key, that salt or block, and that proof.
fn shake(request: &[u8], key: &[u8], salt: &[u8], proof: &[u8]) -> Vec<u8> {
    let first = is_first(request);
    let step = if first { SessionStep::Response0 } else { SessionStep::Response1 };
    let nonce = if proof.is_empty() { Vec::new() } else { vec![1; 12] };
    let is_sec1 = matches!(SessionData::decode(request).ok().and_then(|data| data.proto), Some(Handshake::Sec1(_)));
    let (scheme, answer) = if is_sec1 {
        let body = if first {
            Sec1Body::Response0(Sec1Response0 { status: 0, device_pubkey: key.to_vec(), device_random: salt.to_vec() })
        } else {
            Sec1Body::Response1(Sec1Response1 { status: 0, device_verify_data: proof.get(..32).unwrap_or_default().to_vec() })
        };
        (SecurityScheme::Sec1, Handshake::Sec1(Sec1Payload { msg: step.into(), payload: Some(body) }))
    } else {
        let body = if first {
            Sec2Body::Response0(Sec2Response0 { status: 0, device_pubkey: key.to_vec(), device_salt: salt.to_vec() })
        } else {
            Sec2Body::Response1(Sec2Response1 { status: 0, device_proof: proof.to_vec(), device_nonce: nonce })
        };
        (SecurityScheme::Sec2, Handshake::Sec2(Sec2Payload { msg: step.into(), payload: Some(body) }))
    };
    SessionData { sec_ver: scheme.into(), proto: Some(answer) }.encode_to_vec()
}

/// A scan that is over with very many results, each page of which is the first one.
fn endless(request: &[u8], honest: Vec<u8>) -> Vec<u8> {
    use omniot_app::commissioning::esp::messages::{NetworkScanPayload, ScanBody, ScanProgress, ScanStep, WifiNetwork, WifiScanPage};
    let step = NetworkScanPayload::decode(request).map(|payload| payload.msg()).unwrap_or_default();
    let (step, body) = match step {
        ScanStep::WifiStatus => (ScanStep::WifiStatusReply, ScanBody::WifiStatusReply(ScanProgress { scan_finished: true, result_count: u32::MAX })),
        ScanStep::WifiResult => {
            let entries = vec![WifiNetwork { ssid: b"Again".to_vec(), ..WifiNetwork::default() }; 4];
            (ScanStep::WifiResultReply, ScanBody::WifiResultReply(WifiScanPage { entries }))
        }
        _ => return honest,
    };
    NetworkScanPayload { msg: step.into(), status: 0, payload: Some(body) }.encode_to_vec()
}
