//! Work of somebody who left, on its way to the administrators: sealed on the machine that holds it, handed
//! over with a proof of the replica's own key.
//!
//! A change is sealed to the tenant's public key: HPKE (RFC 9180) in base mode, X25519-HKDF-SHA256, HKDF-SHA256,
//! AES-256-GCM, with tenant, replica and intent in `info`, so that a box opens for nothing else. A box is the
//! encapsulated key (32 bytes) and the ciphertext. A file of an attempt ([`BoxedFile`]) goes the same way. The request is signed with the Ed25519 key that the replica
//! showed in `hello` while its person was a member.
//! Deliberately not here: who may hand over what until when (`backend/src/escrow`), and when an app does
//! (`src-tauri/src/sync/farewell.rs`).

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hpke::{
    Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _, aead::AesGcm256, kdf::HkdfSha256, kem::X25519HkdfSha256 as Kem, rand_core::CryptoRng,
    single_shot_open, single_shot_seal_with_rng,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    attachment::Address,
    ids::{AttemptId, ClientId, IntentId, PersonId, TenantId},
    time::Millis,
};

/// Most boxes in one request.
pub const MAX_BOXES: usize = 500;
/// Most bytes of one request's body: a change that fits into a push, and the largest file of an attempt, fits, sealed and
/// in base64, in here.
pub const MAX_BYTES: usize = 768 * 1024;
/// So long after the removal work is taken.
pub const ACCEPTED_MS: i64 = 30 * 24 * 3_600_000;

/// What stands before everything that a replica signs.
const SIGNED: &[u8] = b"omniot/farewell/v1\0";
/// What a box is sealed for.
const SEALED: &[u8] = b"omniot/escrow/v1\0";
/// What the id of a boxed file is derived from, before its attempt and address.
const FILE: &[u8] = b"omniot/escrow/file/v1\0";
/// Bytes of an encapsulated key.
const ENCAPSULATED: usize = 32;

/// 32 bytes of a key's public half, base64url on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, utoipa::ToSchema)]
#[schema(as = EscrowPublicKey, value_type = String)]
pub struct PublicKey(pub [u8; 32]);

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        text::serialize(self.0, to)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bytes = text::deserialize(from)?;
        bytes.try_into().map(Self).map_err(|_| D::Error::custom("a key has 32 bytes"))
    }
}

/// The private half of a tenant's key. It has no `Debug` and wipes itself.
pub struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    /// From 32 bytes that nobody can guess.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, to keep.
    #[must_use]
    pub fn bytes(&self) -> [u8; 32] {
        *self.0
    }

    /// The public half; `None` for bytes that are no key.
    #[must_use]
    pub fn public(&self) -> Option<PublicKey> {
        let private = <Kem as hpke::Kem>::PrivateKey::from_bytes(&*self.0).ok()?;
        Some(PublicKey(Kem::sk_to_pk(&private).to_bytes().into()))
    }

    /// What is in the box of that replica, when it was sealed for this key, tenant, replica and intent.
    #[must_use]
    pub fn open(&self, tenant: TenantId, client: ClientId, sealed: &Sealed) -> Option<Zeroizing<Vec<u8>>> {
        let private = <Kem as hpke::Kem>::PrivateKey::from_bytes(&*self.0).ok()?;
        let (encapsulated, content) = sealed.content.split_at_checked(ENCAPSULATED)?;
        let encapsulated = <Kem as hpke::Kem>::EncappedKey::from_bytes(encapsulated).ok()?;
        let info = purpose(tenant, client, sealed.intent_id);
        single_shot_open::<AesGcm256, HkdfSha256, Kem>(&OpModeR::Base, &private, &encapsulated, &info, content, &[]).ok().map(Zeroizing::new)
    }
}

/// One change or file, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = SealedIntent)]
pub struct Sealed {
    /// Which: the change's, or [`BoxedFile::id`].
    pub intent_id: IntentId,
    /// The box.
    #[serde(rename = "box", with = "text")]
    #[schema(value_type = String)]
    pub content: Vec<u8>,
}

/// Seals `plain` for the tenant that `key` is of. `None` when that is no key.
pub fn seal(key: PublicKey, tenant: TenantId, client: ClientId, intent: IntentId, plain: &[u8], rng: &mut impl CryptoRng) -> Option<Sealed> {
    let key = <Kem as hpke::Kem>::PublicKey::from_bytes(&key.0).ok()?;
    let info = purpose(tenant, client, intent);
    let (encapsulated, content) = single_shot_seal_with_rng::<AesGcm256, HkdfSha256, Kem>(&OpModeS::Base, &key, &info, plain, &[], rng).ok()?;
    Some(Sealed { intent_id: intent, content: [&encapsulated.to_bytes(), content.as_slice()].concat() })
}

fn purpose(tenant: TenantId, client: ClientId, intent: IntentId) -> Vec<u8> {
    [SEALED, tenant.0.as_bytes(), client.0.as_bytes(), intent.0.as_bytes()].concat()
}

/// A file of an attempt, as it is in a box: a zero byte, which no change begins with, the length of the head (two bytes,
/// big-endian), the head as JSON, and the bytes of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoxedFile {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    attempt: AttemptId,
    media_type: String,
}

impl BoxedFile {
    /// What its box is called: derived, so that the same file is the same box.
    #[must_use]
    pub fn id(&self) -> IntentId {
        let digest = Sha256::new().chain_update(FILE).chain_update(self.attempt.0.as_bytes()).chain_update(Address::of(&self.content).0).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        IntentId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// What is sealed.
    ///
    /// # Errors
    /// A media type that is longer than a head may be.
    pub fn plain(&self) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
        let head = serde_json::to_vec(&Head { attempt: self.attempt, media_type: self.media_type.clone() })?;
        let length = u16::try_from(head.len()).map_err(serde::ser::Error::custom)?;
        Ok(Zeroizing::new([&[0], length.to_be_bytes().as_slice(), &head, &self.content].concat()))
    }

    /// Read from what was sealed; `None` for anything else.
    #[must_use]
    pub fn read(plain: &[u8]) -> Option<Self> {
        let (length, rest) = plain.strip_prefix(&[0])?.split_first_chunk::<2>()?;
        let (head, content) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let Head { attempt, media_type } = serde_json::from_slice(head).ok()?;
        Some(Self { attempt, media_type, content: content.to_vec() })
    }
}

/// `POST /v1/sync/escrow`: what a replica without a session asks and hands over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FarewellRequest {
    /// Whose.
    pub tenant: TenantId,
    /// Who worked with the replica.
    pub person_id: PersonId,
    /// The replica.
    pub client_id: ClientId,
    /// The client's clock: the times of the changes are corrected by it.
    pub at: Millis,
    /// Ed25519, by the replica's key, over all of this.
    #[serde(with = "text")]
    #[schema(value_type = String)]
    pub signature: Vec<u8>,
    /// At most [`MAX_BOXES`]; none only asks for the standing.
    pub sealed: Vec<Sealed>,
}

impl FarewellRequest {
    /// A request that `key` signed.
    #[must_use]
    pub fn signed(key: &SigningKey, tenant: TenantId, person_id: PersonId, client_id: ClientId, at: Millis, sealed: Vec<Sealed>) -> Self {
        let mut request = Self { tenant, person_id, client_id, at, signature: vec![], sealed };
        request.signature = key.sign(&request.signing_bytes()).to_bytes().to_vec();
        request
    }

    /// Whether the key's holder signed all of it. Weak keys and malleable signatures fail.
    #[must_use]
    pub fn is_signed_by(&self, key: PublicKey) -> bool {
        let (Ok(key), Ok(signature)) = (VerifyingKey::from_bytes(&key.0), Signature::from_slice(&self.signature)) else { return false };
        key.verify_strict(&self.signing_bytes(), &signature).is_ok()
    }

    /// The domain and a digest of everything, each part of a known length or with its length before it.
    fn signing_bytes(&self) -> Vec<u8> {
        let mut digest = Sha256::new();
        for part in [self.tenant.0, self.person_id.0, self.client_id.0] {
            digest.update(part.as_bytes());
        }
        digest.update(self.at.0.to_be_bytes());
        for Sealed { intent_id, content } in &self.sealed {
            digest.update(intent_id.0.as_bytes());
            digest.update((content.len() as u64).to_be_bytes());
            digest.update(content);
        }
        [SIGNED, &digest.finalize()].concat()
    }
}

/// What a replica's person is to the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// They only have to sign in again, or have done so.
    Member,
    /// They were removed.
    Ended,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FarewellResponse {
    /// How their person stands.
    pub standing: Standing,
    /// Of a person who was removed: until when their work is taken.
    pub accepted_until: Option<Millis>,
    /// The server's clock.
    pub server_time: Millis,
    /// Changes when the server was restored from a backup: then it does not know any more what it took before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// Boxes that are in the administrators' hands, now or since before; or whose change the server had carried out; files
    /// that are with their attempts, or wait for them.
    pub taken: Vec<IntentId>,
    /// Boxes that will never be: too late, not to be opened, or no change. Those that there is no room for now stand
    /// in neither list, and may be handed over again.
    pub refused: Vec<IntentId>,
}

/// Bytes as base64url.
mod text {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(bytes: impl AsRef<[u8]>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&URL_SAFE_NO_PAD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        URL_SAFE_NO_PAD.decode(text.as_bytes()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
    use uuid::Uuid;

    fn id<T: From<Uuid>>(n: u128) -> T {
        Uuid::from_u128(n).into()
    }

    fn boxed(plain: &[u8]) -> Sealed {
        let key = Secret::new([7; 32]).public().unwrap();
        seal(key, id(1), id(2), id(3), plain, &mut ChaCha20Rng::from_seed([9; 32])).unwrap()
    }

    #[test]
    fn a_box_opens_for_its_tenant_s_key_tenant_replica_and_intent_alone() {
        let sealed = boxed(b"the work");
        let open = |secret: u8, tenant, client, sealed: &Sealed| Secret::new([secret; 32]).open(id(tenant), id(client), sealed).map(|plain| plain.to_vec());
        assert_eq!(open(7, 1, 2, &sealed).as_deref(), Some(b"the work".as_slice()));
        assert_eq!(open(8, 1, 2, &sealed), None, "another tenant's key");
        assert_eq!(open(7, 2, 2, &sealed), None, "another tenant");
        assert_eq!(open(7, 1, 3, &sealed), None, "another replica");
        assert_eq!(open(7, 1, 2, &Sealed { intent_id: id(4), ..sealed.clone() }), None, "another intent");
        for at in 0..sealed.content.len() {
            let mut forged = sealed.clone();
            forged.content[at] ^= 1;
            assert_eq!(open(7, 1, 2, &forged), None, "byte {at}");
        }
        assert_eq!(open(7, 1, 2, &Sealed { content: sealed.content[..31].to_vec(), ..sealed }), None);
    }

    /// What apps in the field have sealed must open for ever.
    #[test]
    fn a_box_of_version_1_still_opens() {
        assert_eq!(hex::encode(boxed(b"the work").content), VECTOR, "it is what is made today");
        let content = hex::decode(VECTOR).unwrap();
        let plain = Secret::new([7; 32]).open(id(1), id(2), &Sealed { intent_id: id(3), content }).unwrap();
        assert_eq!(plain.as_slice(), b"the work");
    }

    const VECTOR: &str = "0e2e6b71a023c1d67c9df32f0459ff6e93d1805d20951728d3e5cd540eac945ab8a9de853462795663b3851e83147cca51dd1b691a388c6a";

    #[test]
    fn a_file_comes_out_of_its_box_as_it_went_in_and_nothing_else_is_one() {
        let file = BoxedFile { attempt: id(5), media_type: "image/png".into(), content: vec![0, 1, 2, b'{'] };
        let plain = file.plain().unwrap();
        assert_eq!(BoxedFile::read(&plain), Some(file.clone()));
        assert_eq!(file.id().to_string(), BoxedFile::read(&plain).unwrap().id().to_string());
        assert_ne!(file.id(), BoxedFile { attempt: id(6), ..file.clone() }.id());
        assert_ne!(file.id(), BoxedFile { content: vec![], ..file }.id());
        for cut in 0..plain.len() - 4 {
            assert_eq!(BoxedFile::read(&plain[..cut]), None, "{cut}");
        }
        assert_eq!(BoxedFile::read(br#"{"schema":1}"#), None, "a change");
        // The largest one fits into a request.
        let largest = BoxedFile { content: vec![0; crate::attachment::Kind::Photo.limit()], attempt: id(5), media_type: "image/jpeg".into() };
        let request = FarewellRequest::signed(&SigningKey::from_bytes(&[5; 32]), id(1), id(2), id(3), Millis(4), vec![boxed(&largest.plain().unwrap())]);
        assert!(serde_json::to_vec(&request).unwrap().len() + 1_000 < MAX_BYTES);
    }

    #[test]
    fn a_signature_covers_everything() {
        let key = SigningKey::from_bytes(&[5; 32]);
        let public = PublicKey(key.verifying_key().to_bytes());
        let request = FarewellRequest::signed(&key, id(1), id(2), id(3), Millis(4), vec![boxed(b"a"), boxed(b"b")]);
        assert!(request.is_signed_by(public));
        assert!(!request.is_signed_by(PublicKey(SigningKey::from_bytes(&[6; 32]).verifying_key().to_bytes())));
        assert!(!request.is_signed_by(PublicKey([0; 32])), "a weak key signs nothing");
        let changed: [fn(&mut FarewellRequest); 8] = [
            |it| it.tenant = id(9),
            |it| it.person_id = id(9),
            |it| it.client_id = id(9),
            |it| it.at = Millis(9),
            |it| drop(it.sealed.pop()),
            |it| it.sealed.swap(0, 1),
            |it| it.sealed[0].intent_id = id(9),
            |it| it.signature[10] ^= 1,
        ];
        for (n, change) in changed.into_iter().enumerate() {
            let mut forged = request.clone();
            change(&mut forged);
            assert!(!forged.is_signed_by(public), "change {n}");
        }
        // Where one box ends and the next begins is signed, too.
        let mut shifted = request;
        let last = shifted.sealed[0].content.pop().unwrap();
        shifted.sealed[1].content.insert(0, last);
        assert!(!shifted.is_signed_by(public));
    }

    #[test]
    fn it_is_base64_on_the_wire() {
        let text = serde_json::to_value(FarewellRequest { tenant: id(1), person_id: id(2), client_id: id(3), at: Millis(4), signature: vec![255; 2], sealed: vec![Sealed { intent_id: id(5), content: vec![251] }] }).unwrap();
        assert_eq!((&text["signature"], &text["sealed"][0]["box"]), (&"__8".into(), &"-w".into()));
        assert_eq!(serde_json::from_value::<FarewellRequest>(text).unwrap().sealed[0].content, [251]);
        assert!(serde_json::from_str::<PublicKey>("\"AAAA\"").is_err(), "too short");
    }
}
