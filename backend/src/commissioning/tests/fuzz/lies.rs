//! What a device can say that is not so, signed as it should be or not: fields, bodies, signatures, what belongs to others.

use ed25519_dalek::SigningKey;
use omniot_shared::claim::{Domain, contact_context, handover_context, messages, seal};
use proptest::{prelude::*, sample::Index};
use prost::Message as _;

use crate::testing::twists::{ByteTwist, byte_twist};

/// A signed part of what a device shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Grant,
    Receipt,
    Identity,
    Release,
}

/// What is not so.
#[derive(Debug, Clone)]
pub enum Lie {
    /// A field has another value; signed as it should be.
    Field(Part, Index, Odd),
    /// The body is made of other bytes; signed as it should be.
    Body(Part, ByteTwist),
    /// Signed by somebody else.
    Signer(Part),
    /// Signed for another purpose.
    Domain(Part, Index),
    /// The signature, or the message around both, has other bytes.
    Sealed(Part, ByteTwist),
    /// The part that another device of another tenant shows.
    Borrowed(Part),
    /// The challenge of another tenant.
    ForeignChallenge,
    /// A challenge with other bytes.
    Challenge(ByteTwist),
}

/// A value for a field of any kind.
#[derive(Debug, Clone)]
pub struct Odd {
    bytes: Vec<u8>,
    text: String,
    number: i64,
}

fn part() -> impl Strategy<Value = Part> {
    prop::sample::select(vec![Part::Grant, Part::Receipt, Part::Identity, Part::Release])
}

fn odd() -> impl Strategy<Value = Odd> {
    let bytes = prop_oneof![
        2 => prop::sample::select(vec![0, 1, 15, 16, 17, 31, 32, 33, 2_048, 2_049, 5_000]).prop_map(|length| vec![0; length]),
        1 => prop::collection::vec(any::<u8>(), 16),
        1 => prop::collection::vec(any::<u8>(), 32),
    ];
    let texts = ["", " ", "\0", "om-1", "OM-2", "ÖM", "\u{202e}\u{ffff}", "a\nb", "'; drop table device; --", "%_\\", "https://x?y", "unknown"];
    let text = prop_oneof![3 => prop::sample::select(texts.map(str::to_owned).to_vec()), 1 => prop::sample::select(vec![60, 61, 64, 65, 300, 5_000]).prop_map(|length| "A".repeat(length))];
    let number = prop::sample::select(vec![0, 1, 2, 3, -1, i64::from(u32::MAX), i64::MIN, i64::MAX]);
    (bytes, text, number).prop_map(|(bytes, text, number)| Odd { bytes, text, number })
}

pub fn lie() -> impl Strategy<Value = Lie> {
    prop_oneof![
        8 => (part(), any::<Index>(), odd()).prop_map(|(part, field, odd)| Lie::Field(part, field, odd)),
        3 => (part(), byte_twist()).prop_map(|(part, twist)| Lie::Body(part, twist)),
        1 => part().prop_map(Lie::Signer),
        1 => (part(), any::<Index>()).prop_map(|(part, domain)| Lie::Domain(part, domain)),
        2 => (part(), byte_twist()).prop_map(|(part, twist)| Lie::Sealed(part, twist)),
        2 => part().prop_map(Lie::Borrowed),
        1 => Just(Lie::ForeignChallenge),
        1 => byte_twist().prop_map(Lie::Challenge),
    ]
}

/// What there is to sign, and who signs.
#[derive(Clone)]
pub struct Truth {
    pub tenant: SigningKey,
    pub device: SigningKey,
    pub grant: messages::Grant,
    pub receipt: messages::Receipt,
    pub identity: messages::Identity,
    pub release: messages::Release,
    pub challenge: Vec<u8>,
}

/// The bytes of each part, as they go into a body.
pub struct Shown {
    pub grant: Vec<u8>,
    pub receipt: Vec<u8>,
    pub release: Vec<u8>,
    /// Of a claim.
    pub contact: Vec<u8>,
    /// Of a handover.
    pub handover: Vec<u8>,
    pub challenge: Vec<u8>,
}

impl Truth {
    /// Signs everything, with what is not so; `others` is what somebody else shows, over a challenge of theirs.
    pub fn told(&self, lies: &[Lie], others: Option<&Shown>) -> Shown {
        let mut said = self.clone();
        for lie in lies {
            match (lie, others) {
                (Lie::Field(part, field, odd), _) => said.put(*part, *field, odd),
                (Lie::ForeignChallenge, Some(others)) => said.challenge.clone_from(&others.challenge),
                (Lie::Challenge(twist), _) => twist.apply(&mut said.challenge),
                _ => {}
            }
        }
        let of = |part, domain, context: &[u8], body: Vec<u8>, borrowed: Option<&Vec<u8>>| said.seal(lies, part, domain, context, body, borrowed);
        let grant = of(Part::Grant, Domain::Grant, &[], said.grant.encode_to_vec(), others.map(|others| &others.grant));
        let receipt = of(Part::Receipt, Domain::Receipt, &[], said.receipt.encode_to_vec(), others.map(|others| &others.receipt));
        let release = of(Part::Release, Domain::Release, &[], said.release.encode_to_vec(), others.map(|others| &others.release));
        let context = contact_context(&said.challenge, &grant, &receipt);
        let contact = of(Part::Identity, Domain::Contact, &context, said.identity.encode_to_vec(), others.map(|others| &others.contact));
        let context = handover_context(&said.challenge, &release);
        let left = messages::Identity { owner: vec![7; 16], epoch: said.identity.epoch.saturating_add(1), ..said.identity.clone() };
        let handover = of(Part::Identity, Domain::Handover, &context, left.encode_to_vec(), others.map(|others| &others.handover));
        Shown { grant, receipt, release, contact, handover, challenge: said.challenge }
    }

    fn seal(&self, lies: &[Lie], part: Part, domain: Domain, context: &[u8], mut body: Vec<u8>, borrowed: Option<&Vec<u8>>) -> Vec<u8> {
        let is_owners = matches!(part, Part::Grant | Part::Release);
        let (mut key, mut domain) = (if is_owners { &self.tenant } else { &self.device }, domain);
        for lie in lies {
            match lie {
                Lie::Body(of, twist) if *of == part => twist.apply(&mut body),
                Lie::Signer(of) if *of == part => key = if is_owners { &self.device } else { &self.tenant },
                Lie::Domain(of, which) if *of == part => domain = *which.get(&Domain::ALL),
                _ => {}
            }
        }
        let mut sealed = seal(key, domain, context, body).encode_to_vec();
        for lie in lies {
            match (lie, borrowed) {
                (Lie::Sealed(of, twist), _) if *of == part => twist.apply(&mut sealed),
                (Lie::Borrowed(of), Some(borrowed)) if *of == part => sealed.clone_from(borrowed),
                _ => {}
            }
        }
        sealed
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any number will do")]
    fn put(&mut self, part: Part, field: Index, odd: &Odd) {
        let (bytes, text, number) = (odd.bytes.clone(), odd.text.clone(), odd.number);
        let (grant, receipt, identity, release) = (&mut self.grant, &mut self.receipt, &mut self.identity, &mut self.release);
        match (part, field.index(10)) {
            (Part::Grant, 0) => grant.tenant = bytes,
            (Part::Grant, 1) => grant.grant_id = bytes,
            (Part::Grant, 2) => grant.technician = bytes,
            (Part::Grant, 3) => grant.client = bytes,
            (Part::Grant, 4) => grant.not_before = number,
            (Part::Grant, 5) => grant.not_after = number,
            (Part::Grant, 6) => grant.backend_url = text,
            (Part::Grant, 7) => grant.trust_anchor = bytes,
            (Part::Grant, 8) => grant.sites = vec![bytes; (number.unsigned_abs() % 40) as usize],
            (Part::Grant, _) => grant.claim_key = bytes,
            (Part::Receipt, 0) => receipt.grant_id = bytes,
            (Part::Receipt, 1) => receipt.tenant = bytes,
            (Part::Receipt, 2) => receipt.nonce = bytes,
            (Part::Receipt, 3 | 4) => receipt.site = bytes,
            (Part::Receipt, 5 | 6) => receipt.serial = text,
            // Both say it, so that it is no contradiction.
            (Part::Receipt, 7) | (Part::Identity, 0) => (receipt.epoch, identity.epoch) = (number as u32, number as u32),
            (Part::Receipt, _) | (Part::Identity, 1) => (receipt.serial, identity.serial) = (text.clone(), text),
            (Part::Identity, 2) => identity.serial = text,
            (Part::Identity, 3) => identity.model = text,
            (Part::Identity, 4) => identity.hardware_id = text,
            (Part::Identity, 5) => identity.firmware = text,
            (Part::Identity, 6) => identity.public_key = bytes,
            (Part::Identity, 7) => identity.owner = bytes,
            (Part::Identity, 8) => identity.resets = number as u32,
            (Part::Identity, _) => identity.epoch = number as u32,
            (Part::Release, 0 | 1) => release.tenant = bytes,
            (Part::Release, 2 | 3) => release.serial = text,
            (Part::Release, 4 | 5) => release.up_to_epoch = number as u32,
            (Part::Release, 6 | 7) => release.not_after = number,
            (Part::Release, _) => release.number = number as u32,
        }
    }
}
