//! The secrets that people, devices and links carry: what they look like and what is stored of them.
//!
//! `omt_<tenant>_<43>` people · `omo_<43>` operators · `omd_<tenant>_<device>_<43>` devices ·
//! `omi_<tenant>_<43>` invitations · `omr_<tenant>_<43>` password resets. The tenant stands in the
//! token so that authentication happens inside that tenant's scope; the 43 characters are
//! 256 random bits, base64url. Only [`TokenHash`] is ever stored. Deliberately not here: how long
//! a token lives and whom it belongs to (rows in the tenant's store).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use omniot_shared::ids::{DeviceId, TenantId};
use rand::CryptoRng;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Random bytes in a token.
const SECRET_BYTES: usize = 32;
/// Those bytes as base64url without padding.
const SECRET_CHARS: usize = 43;

/// Whose token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A session of a person in a tenant.
    Person(TenantId),
    /// A session of a platform operator.
    Operator,
    /// A device's credential.
    Device(TenantId, DeviceId),
    /// An invitation link.
    Invitation(TenantId),
    /// A password-reset link.
    PasswordReset(TenantId),
}

/// SHA-256 of the whole token text: what stores hold and look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// The hash of a token's text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// The 32 bytes, to bind.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A well-formed token. Its `Debug` hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Whose it is.
    pub kind: Kind,
    text: String,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({:?})", self.kind)
    }
}

impl Token {
    /// A new token with 256 bits from `rng`.
    #[must_use]
    pub fn mint(kind: Kind, rng: &mut impl CryptoRng) -> Self {
        let mut secret = [0_u8; SECRET_BYTES];
        rng.fill_bytes(&mut secret);
        let secret = URL_SAFE_NO_PAD.encode(secret);
        let text = match kind {
            Kind::Person(tenant) => format!("omt_{}_{secret}", tenant.0.simple()),
            Kind::Operator => format!("omo_{secret}"),
            Kind::Device(tenant, device) => format!("omd_{}_{}_{secret}", tenant.0.simple(), device.0.simple()),
            Kind::Invitation(tenant) => format!("omi_{}_{secret}", tenant.0.simple()),
            Kind::PasswordReset(tenant) => format!("omr_{}_{secret}", tenant.0.simple()),
        };
        Self { kind, text }
    }

    /// Reads a token. `None` for anything but the exact form: nothing is trimmed or guessed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (prefix, rest) = text.split_at_checked(4)?;
        let (kind, secret) = match prefix {
            "omo_" => (Kind::Operator, rest),
            "omd_" => {
                let (tenant, rest) = leading_id(rest)?;
                let (device, secret) = leading_id(rest)?;
                (Kind::Device(TenantId(tenant), DeviceId(device)), secret)
            }
            "omt_" | "omi_" | "omr_" => {
                let (tenant, secret) = leading_id(rest)?;
                let tenant = TenantId(tenant);
                let kind = match prefix {
                    "omt_" => Kind::Person(tenant),
                    "omi_" => Kind::Invitation(tenant),
                    _ => Kind::PasswordReset(tenant),
                };
                (kind, secret)
            }
            _ => return None,
        };
        let canonical = secret.len() == SECRET_CHARS && URL_SAFE_NO_PAD.decode(secret).is_ok();
        canonical.then(|| Self { kind, text: text.to_owned() })
    }

    /// What is stored and looked up.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.text)
    }

    /// The text to hand out, once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

/// `<32 lower-case hex>_<rest>` → the id and the rest.
fn leading_id(text: &str) -> Option<(Uuid, &str)> {
    let (hex, rest) = text.split_at_checked(32)?;
    let rest = rest.strip_prefix('_')?;
    let lower_hex = hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    lower_hex.then(|| Uuid::try_parse(hex).ok()).flatten().map(|id| (id, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds() -> [Kind; 5] {
        let tenant = TenantId(Uuid::from_u128(7));
        [Kind::Person(tenant), Kind::Operator, Kind::Device(tenant, DeviceId(Uuid::from_u128(9))), Kind::Invitation(tenant), Kind::PasswordReset(tenant)]
    }

    #[test]
    fn a_minted_token_reads_back_as_its_kind() {
        for kind in kinds() {
            let token = Token::mint(kind, &mut rand::rng());
            assert_eq!(Token::parse(token.reveal()), Some(token.clone()), "{kind:?}");
        }
    }

    #[test]
    fn two_tokens_never_share_a_hash() {
        let [kind, ..] = kinds();
        assert_ne!(Token::mint(kind, &mut rand::rng()).hash(), Token::mint(kind, &mut rand::rng()).hash());
    }

    #[test]
    fn anything_but_the_exact_form_is_no_token() {
        for kind in kinds() {
            let good = Token::mint(kind, &mut rand::rng());
            let good = good.reveal();
            let bad = [
                format!("{good}A"),
                format!(" {good}"),
                good[..good.len() - 1].to_owned(),
                good.to_uppercase(),
                good.replacen('_', "-", 1),
                format!("{}=", &good[..good.len() - 1]),
                format!("{}ü", &good[..good.len() - 2]),
            ];
            for text in bad {
                assert_eq!(Token::parse(&text), None, "{text}");
            }
        }
        for text in ["", "omt", "omt_", "ömt_x", "omx_00000000000000000000000000000007_AAAA"] {
            assert_eq!(Token::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_token_shown_in_a_log_hides_its_secret() {
        let token = Token::mint(Kind::Operator, &mut rand::rng());
        assert_eq!(format!("{token:?}"), "Token(Operator)");
    }
}
