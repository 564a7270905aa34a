//! The client's half of SRP-6a as protocomm does it: 3072 bits, g = 5, SHA-512
//! (COMMISSIONING.md 2.9; RFC 5054 appendix A for the group).
//!
//! Deliberately not here: messages and the cipher ([`super::sec2`]).
//! The big numbers are not constant in time; the secrets in them live for one handshake.

use std::sync::LazyLock;

use num_bigint::BigUint;
use sha2::{Digest as _, Sha512};
use zeroize::Zeroizing;

use super::EspError;

/// Length of N, and of A on the wire.
pub const LENGTH: usize = 384;

const N_HEX: &[u8] = b"\
FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F\
83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510\
15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7\
ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C\
BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF";

struct Group {
    n: BigUint,
    g: BigUint,
    /// k = H(N ‖ PAD(g))
    k: BigUint,
    /// H(N) ⊕ H(PAD(g))
    mixed: [u8; 64],
}

static GROUP: LazyLock<Group> = LazyLock::new(|| {
    let n = BigUint::parse_bytes(N_HEX, 16).unwrap_or_default();
    let g = BigUint::from(5_u8);
    let k = BigUint::from_bytes_be(&hash(&[&padded(&n), &padded(&g)]));
    let (of_n, of_g) = (hash(&[&padded(&n)]), hash(&[&padded(&g)]));
    Group { n, g, k, mixed: std::array::from_fn(|at| of_n[at] ^ of_g[at]) }
});

/// How the inner digest H(I ‖ ":" ‖ P) goes into x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inner {
    /// All 64 bytes, as RFC 5054 and the devices do it.
    Whole,
    /// Without leading zero bytes, as verifiers made by Espressif's Python tool need it.
    Stripped,
}

/// User name and password; wiped when dropped.
pub struct Credentials {
    user: Vec<u8>,
    inner: Zeroizing<[u8; 64]>,
}

impl Credentials {
    /// Hashes the password at once; the password itself is not kept.
    pub fn new(user: &[u8], password: &[u8]) -> Self {
        Self { user: user.to_vec(), inner: Zeroizing::new(hash(&[user, b":", password])) }
    }

    /// Whether the two forms of the inner digest differ (1 in 256 passwords).
    pub fn inner_begins_with_zero(&self) -> bool {
        self.inner[0] == 0
    }

    fn x(&self, salt: &[u8], inner: Inner) -> BigUint {
        let zeros = self.inner.iter().take_while(|byte| **byte == 0).count();
        let digest = match inner {
            Inner::Whole => &self.inner[..],
            Inner::Stripped => &self.inner[zeros..],
        };
        BigUint::from_bytes_be(&hash(&[salt, digest]))
    }
}

/// The client's key pair.
pub struct KeyPair {
    a: Zeroizing<[u8; 32]>,
    /// A on the wire.
    pub public: [u8; LENGTH],
}

impl KeyPair {
    /// A = g^a mod N, padded.
    ///
    /// # Errors
    /// `WeakKey` when A ≡ 0, which no honest `a` gives.
    pub fn new(a: [u8; 32]) -> Result<Self, EspError> {
        let public = GROUP.g.modpow(&BigUint::from_bytes_be(&a), &GROUP.n);
        if a == [0; 32] || public == BigUint::default() {
            return Err(EspError::WeakKey);
        }
        Ok(Self { a: Zeroizing::new(a), public: padded(&public) })
    }
}

/// What both sides know when the password is right.
pub struct Agreed {
    /// K, 64 bytes.
    pub key: Zeroizing<[u8; 64]>,
    /// M1, to be sent.
    pub proof: [u8; 64],
    /// M2, to be expected.
    pub expected: [u8; 64],
}

/// Everything that follows from the device's B and salt.
///
/// # Errors
/// When B or u is zero modulo N, or a field has a wrong length.
pub fn agree(pair: &KeyPair, who: &Credentials, b_wire: &[u8], salt: &[u8], inner: Inner) -> Result<Agreed, EspError> {
    if b_wire.is_empty() || b_wire.len() > LENGTH {
        return Err(EspError::Field("device_pubkey"));
    }
    if salt.is_empty() || salt.len() > 64 {
        return Err(EspError::Field("device_salt"));
    }
    let Group { n, g, k, mixed } = &*GROUP;
    let b = BigUint::from_bytes_be(b_wire) % n;
    let u = BigUint::from_bytes_be(&hash(&[&pair.public, &padded(&BigUint::from_bytes_be(b_wire))]));
    if b == BigUint::default() || u == BigUint::default() {
        return Err(EspError::WeakKey);
    }
    let x = who.x(salt, inner);
    let base = (b + n - (k * g.modpow(&x, n)) % n) % n;
    let exponent = BigUint::from_bytes_be(&*pair.a) + u * x;
    let shared = Zeroizing::new(base.modpow(&exponent, n).to_bytes_be());
    let key = Zeroizing::new(hash(&[&shared]));
    let proof = hash(&[mixed, &hash(&[&who.user]), salt, &pair.public, b_wire, &*key]);
    let expected = hash(&[&pair.public, &proof, &*key]);
    Ok(Agreed { key, proof, expected })
}

fn hash(parts: &[&[u8]]) -> [u8; 64] {
    parts.iter().fold(Sha512::new(), |hash, part| hash.chain_update(part)).finalize().into()
}

/// Big endian, filled with zeros from the left; callers pass numbers of at most 384 bytes.
fn padded(number: &BigUint) -> [u8; LENGTH] {
    let bytes = number.to_bytes_be();
    let mut padded = [0; LENGTH];
    let start = LENGTH.saturating_sub(bytes.len());
    padded[start..].iter_mut().zip(&bytes).for_each(|(to, from)| *to = *from);
    padded
}

/// Checks both forms of x against the vector of a password whose inner digest begins with zero.
#[cfg(test)]
pub(super) fn check_inner_vector(user: &str, password: &str, vector: &serde_json::Value) {
    let who = Credentials::new(user.as_bytes(), password.as_bytes());
    let salt = hex::decode("036ee0c7bcb9eda84c9eac97d93decf4").unwrap();
    for (inner, x, verifier) in [(Inner::Whole, "x_rfc_full64", "verifier_full_sha256"), (Inner::Stripped, "x_reference client_stripped", "verifier_stripped_sha256")] {
        let found = who.x(&salt, inner);
        assert_eq!(format!("{found:x}"), vector[x].as_str().unwrap().trim_start_matches('0'), "{x}");
        let digest: [u8; 32] = sha2::Sha256::digest(padded(&GROUP.g.modpow(&found, &GROUP.n))).into();
        assert_eq!(hex::encode(digest), vector[verifier].as_str().unwrap(), "{verifier}");
    }
}

#[cfg(test)]
mod tests {
    use sha2::Sha256;

    use super::*;

    #[test]
    fn the_group_is_the_3072_bit_one_of_rfc_5054() {
        assert_eq!(hex::encode(Sha256::digest(padded(&GROUP.n))), "48cf8b092fbce4359d9871abf74f98e25b6163379eaa15cd9087e800c6d1c55c");
    }

    #[test]
    fn a_device_key_of_zero_or_n_is_refused() {
        let pair = KeyPair::new([7; 32]).unwrap();
        let who = Credentials::new(b"wifiprov", b"abcd1234");
        for weak in [vec![0; LENGTH], vec![0], padded(&GROUP.n).to_vec()] {
            assert_eq!(agree(&pair, &who, &weak, &[1; 16], Inner::Whole).err(), Some(EspError::WeakKey));
        }
        assert_eq!(agree(&pair, &who, &[1; 385], &[1; 16], Inner::Whole).err(), Some(EspError::Field("device_pubkey")));
        assert_eq!(KeyPair::new([0; 32]).err(), Some(EspError::WeakKey), "A is never 1 or 0");
    }
}
