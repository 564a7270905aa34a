//! The device side of SRP-6a, 3072 bit, SHA-512, as ESP devices compute it (COMMISSIONING.md 2.9).
//!
//! Deliberately not here: the client side; this is written apart from it, so that one
//! checks the other.

use num_bigint::BigUint;
use sha2::{Digest as _, Sha512};

/// RFC 3526 group 15.
const MODULUS: &str = concat!(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74",
    "020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437",
    "4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED",
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05",
    "98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB",
    "9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B",
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718",
    "3995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33",
    "A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7",
    "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864",
    "D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E2",
    "08E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
);
const WIDTH: usize = 384;

/// The modulus N.
fn modulus() -> BigUint {
    BigUint::parse_bytes(MODULUS.as_bytes(), 16).unwrap_or_default()
}

fn generator() -> BigUint {
    BigUint::from(5_u8)
}

fn hash(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().fold(Sha512::new(), |digest, part| digest.chain_update(part)).finalize().to_vec()
}

/// Left-padded with zeros to 384 bytes.
fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut wide = vec![0; WIDTH.saturating_sub(bytes.len())];
    wide.extend_from_slice(bytes);
    wide
}

/// Big endian without leading zero bytes.
fn minimal(number: &BigUint) -> Vec<u8> {
    number.to_bytes_be()
}

/// What the factory burns in instead of the password.
#[derive(Clone)]
pub struct Verifier {
    salt: Vec<u8>,
    verifier: BigUint,
}

impl Verifier {
    /// For user name and password (the PoP), with that salt.
    #[must_use]
    pub fn make(username: &str, password: &[u8], salt: &[u8]) -> Self {
        Self::of(&hash(&[username.as_bytes(), b":", password]), salt)
    }

    /// As Espressif's tool makes it: the inner digest is a number there, and loses its leading zeros.
    #[must_use]
    pub fn make_stripped(username: &str, password: &[u8], salt: &[u8]) -> Self {
        let inner = hash(&[username.as_bytes(), b":", password]);
        let zeros = inner.iter().take_while(|byte| **byte == 0).count();
        Self::of(&inner[zeros..], salt)
    }

    fn of(inner: &[u8], salt: &[u8]) -> Self {
        let x = BigUint::from_bytes_be(&hash(&[salt, inner]));
        Self { salt: salt.to_vec(), verifier: generator().modpow(&x, &modulus()) }
    }

    /// The verifier's bytes, as firmware images hold them.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        minimal(&self.verifier)
    }

    /// The salt.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }
}

/// One exchange, after the client's first message.
pub struct Exchange {
    username: Vec<u8>,
    salt: Vec<u8>,
    client_public: Vec<u8>,
    device_public: Vec<u8>,
    key: Vec<u8>,
}

impl Exchange {
    /// Answers the client's public key; `secret` is 256 random bits.
    /// `None` when A mod N = 0 (RFC 5054 2.5.4: that would need no password), A is longer
    /// than the modulus, the user name is empty, or u = 0.
    #[must_use]
    pub fn begin(verifier: &Verifier, username: &[u8], client_public: &[u8], secret: &[u8; 32]) -> Option<Self> {
        let n = modulus();
        let a = BigUint::from_bytes_be(client_public);
        if username.is_empty() || client_public.len() > WIDTH || &a % &n == BigUint::ZERO {
            return None;
        }
        let b = BigUint::from_bytes_be(secret);
        let k = BigUint::from_bytes_be(&hash(&[&minimal(&n), &padded(&[5])]));
        let device_public = minimal(&((k * &verifier.verifier + generator().modpow(&b, &n)) % &n));
        let u = BigUint::from_bytes_be(&hash(&[&padded(client_public), &padded(&device_public)]));
        if u == BigUint::ZERO {
            return None;
        }
        let shared = (a * verifier.verifier.modpow(&u, &n) % &n).modpow(&b, &n);
        Some(Self {
            username: username.to_vec(),
            salt: verifier.salt.clone(),
            client_public: client_public.to_vec(),
            device_public,
            key: hash(&[&minimal(&shared)]),
        })
    }

    /// B, without leading zero bytes.
    #[must_use]
    pub fn device_public(&self) -> &[u8] {
        &self.device_public
    }

    /// Checks the client's proof M1 and gives ours, M2, with the 64-byte session key K.
    #[must_use]
    pub fn prove(&self, client_proof: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let n = hash(&[&minimal(&modulus())]);
        let g = hash(&[&padded(&[5])]);
        let group: Vec<u8> = n.iter().zip(&g).map(|(n, g)| n ^ g).collect();
        let expected = hash(&[&group, &hash(&[&self.username]), &self.salt, &self.client_public, &self.device_public, &self.key]);
        let proven = subtle::ConstantTimeEq::ct_eq(expected.as_slice(), client_proof);
        bool::from(proven).then(|| (hash(&[&self.client_public, client_proof, &self.key]), self.key.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::virtual_device::vectors::{hex_at, vectors};

    fn idf_example() -> Verifier {
        Verifier::make("wifiprov", b"abcd1234", &hex_at(&vectors()["idf_example"], "salt"))
    }

    #[test]
    fn the_verifier_of_the_idf_example_is_reproduced() {
        let known = &vectors()["idf_example"];
        assert_eq!(idf_example().bytes(), hex_at(known, "verifier"));
        assert_eq!(hash(&[&minimal(&modulus())]), hex_at(known, "HN"));
    }

    #[test]
    fn a_password_whose_inner_digest_begins_with_zero_keeps_the_zero() {
        let known = &vectors()["x_inner_leading_zero"];
        let verifier = Verifier::make("wifiprov", b"pw69", &hex_at(&vectors()["idf_example"], "salt"));
        assert_eq!(sha2::Sha256::digest(verifier.bytes()).to_vec(), hex_at(known, "verifier_full_sha256"));
        let stripped = Verifier::make_stripped("wifiprov", b"pw69", &hex_at(&vectors()["idf_example"], "salt"));
        assert_eq!(sha2::Sha256::digest(stripped.bytes()).to_vec(), hex_at(known, "verifier_stripped_sha256"));
    }

    #[test]
    fn each_known_exchange_comes_out_byte_for_byte() {
        for name in ["sec2_p1", "sec2_p0", "sec2_Bshort", "sec2_Sshort"] {
            let known = &vectors()[name];
            let secret: [u8; 32] = hex_at(known, "b").try_into().unwrap();
            let exchange = Exchange::begin(&idf_example(), b"wifiprov", &hex_at(known, "A"), &secret).unwrap();
            assert_eq!(exchange.device_public(), hex_at(known, "B"), "{name}: B");
            let (proof, key) = exchange.prove(&hex_at(known, "M1")).unwrap_or_else(|| panic!("{name}: M1"));
            assert_eq!((proof, key), (hex_at(known, "M2"), hex_at(known, "K")), "{name}");
        }
    }

    #[test]
    fn a_short_client_key_counts_with_the_zeros_with_which_it_came() {
        let known = &vectors()["sec2_Ashort_padded"];
        let secret: [u8; 32] = hex_at(known, "b").try_into().unwrap();
        let a = BigUint::from_bytes_be(&hex_at(known, "a"));
        let padded_key = padded(&minimal(&generator().modpow(&a, &modulus())));
        assert!(hex::encode(&padded_key).starts_with(known["A_padded_head"].as_str().unwrap()));
        let exchange = Exchange::begin(&idf_example(), b"wifiprov", &padded_key, &secret).unwrap();
        assert!(exchange.prove(&hex_at(known, "M1_wrong_if_stripped")).is_none());
        let (_, key) = exchange.prove(&hex_at(known, "M1")).expect("the proof over 384 bytes");
        assert_eq!(key, hex_at(known, "K"));
    }

    #[test]
    fn a_wrong_proof_fails() {
        let known = &vectors()["sec2_p1"];
        let exchange = Exchange::begin(&idf_example(), b"wifiprov", &hex_at(known, "A"), &[7; 32]).unwrap();
        assert!(exchange.prove(&hex_at(known, "M1")).is_none(), "made for another b");
        assert!(exchange.prove(&[]).is_none());
    }

    #[test]
    fn multiples_of_the_modulus_do_not_pass_without_the_password() {
        let n = minimal(&modulus());
        for (what, public) in [("zero", vec![0; WIDTH]), ("N", n), ("nothing", Vec::new())] {
            assert!(Exchange::begin(&idf_example(), b"wifiprov", &public, &[7; 32]).is_none(), "A = {what}");
        }
        assert!(Exchange::begin(&idf_example(), b"", &[2], &[7; 32]).is_none(), "an empty user name");
        assert!(Exchange::begin(&idf_example(), b"u", &[2; WIDTH + 1], &[7; 32]).is_none(), "too long");
    }
}
