//! A grant: what a tenant signs with its claim key so that a technician may claim a device for it.
//!
//! Deliberately not here: the private half (it stays in the backend), whether a grant was spent or
//! revoked (the backend's store knows), and what else that key signs ([`super::release`], [`super::home`]).

use ed25519_dalek::SigningKey;
use prost::Message as _;

use super::{Domain, PublicKey, Unreadable, home::Backend, id, messages, open, seal};
use crate::{
    ids::{ClientId, GrantId, PersonId, SiteId, TenantId},
    time::Millis,
};

/// The longest accepted trust anchor (a DER certificate).
pub const TRUST_ANCHOR_LIMIT: usize = 2048;
/// How far beyond a grant's time a claim is still accepted: the clocks of devices, tablets and servers are
/// wrong by hours.
pub const SKEW_TOLERANCE_MS: i64 = 12 * 60 * 60 * 1000;
/// The most sites a grant may name; a wider one names none.
pub const SITES_LIMIT: usize = 32;

/// A single-use permission to claim one device for a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The new owner.
    pub tenant: TenantId,
    /// Its id.
    pub id: GrantId,
    /// The person it was given to.
    pub technician: PersonId,
    /// The app's replica it was given to.
    pub client: ClientId,
    /// Not good before.
    pub not_before: Millis,
    /// Not good after.
    pub not_after: Millis,
    /// Where the device reports: an http(s) origin without a trailing slash.
    pub backend_url: String,
    /// DER certificate to trust for `backend_url`; empty: the public ones.
    pub trust_anchor: Vec<u8>,
    /// Where it may be used; none: at every site.
    pub sites: Vec<SiteId>,
    /// The tenant's public claim key, which signed it.
    pub claim_key: PublicKey,
}

/// A grant as it travels: the encoded `Signed` message.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedGrant(pub Vec<u8>);

impl Grant {
    /// Signs the grant; `claim_key` is set from `key`.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> SignedGrant {
        let body = messages::Grant {
            tenant: self.tenant.0.as_bytes().to_vec(),
            grant_id: self.id.0.as_bytes().to_vec(),
            technician: self.technician.0.as_bytes().to_vec(),
            client: self.client.0.as_bytes().to_vec(),
            not_before: self.not_before.0,
            not_after: self.not_after.0,
            backend_url: self.backend_url.clone(),
            trust_anchor: self.trust_anchor.clone(),
            sites: self.sites.iter().map(|site| site.0.as_bytes().to_vec()).collect(),
            claim_key: PublicKey::of(key).0.to_vec(),
        };
        SignedGrant(seal(key, Domain::Grant, &[], body.encode_to_vec()).encode_to_vec())
    }

    /// Reads a grant and checks that the claim key it names signed it.
    /// Whose key that is, is for the reader to judge.
    ///
    /// # Errors
    /// When a field is wrong or the signature does not hold.
    pub fn read(signed: &messages::Signed) -> Result<Self, Unreadable> {
        let body = messages::Grant::decode(&*signed.body).map_err(|_| Unreadable::Field("grant"))?;
        let claim_key = PublicKey::read(&body.claim_key).ok_or(Unreadable::Field("claim_key"))?;
        open(claim_key, Domain::Grant, &[], signed)?;
        if body.trust_anchor.len() > TRUST_ANCHOR_LIMIT || body.sites.len() > SITES_LIMIT || body.not_after < body.not_before {
            return Err(Unreadable::Field("grant"));
        }
        Ok(Self {
            tenant: id(&body.tenant, "tenant")?,
            id: id(&body.grant_id, "grant_id")?,
            technician: id(&body.technician, "technician")?,
            client: id(&body.client, "client")?,
            not_before: Millis(body.not_before),
            not_after: Millis(body.not_after),
            backend_url: origin(&body.backend_url)?,
            trust_anchor: body.trust_anchor,
            sites: body.sites.iter().map(|site| id(site, "sites")).collect::<Result<_, _>>()?,
            claim_key,
        })
    }

    /// Whether it may be used for a device at `site`. A grant without sites covers all
    /// and no site; one with sites covers just those.
    #[must_use]
    pub fn covers(&self, site: Option<SiteId>) -> bool {
        self.sites.is_empty() || site.is_some_and(|site| self.sites.contains(&site))
    }

    /// Whether `now` lies within its time.
    #[must_use]
    pub fn in_time(&self, now: Millis) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// Whether `now` may lie within its time, by a clock that is wrong by hours ([`SKEW_TOLERANCE_MS`]).
    #[must_use]
    pub fn may_be_in_time(&self, now: Millis) -> bool {
        now.plus(SKEW_TOLERANCE_MS) >= self.not_before && now.plus(-SKEW_TOLERANCE_MS) <= self.not_after
    }

    /// Where a device reports that was claimed with it.
    #[must_use]
    pub fn backend(&self) -> Backend {
        Backend { url: self.backend_url.clone(), trust_anchor: self.trust_anchor.clone() }
    }
}

impl SignedGrant {
    /// The two parts.
    ///
    /// # Errors
    /// When the bytes are no `Signed` message.
    pub fn parts(&self) -> Result<messages::Signed, Unreadable> {
        messages::Signed::decode(&*self.0).map_err(|_| Unreadable::Field("grant"))
    }

    /// Reads and checks it; see [`Grant::read`].
    ///
    /// # Errors
    /// As [`Grant::read`].
    pub fn read(&self) -> Result<Grant, Unreadable> {
        Grant::read(&self.parts()?)
    }
}

impl std::fmt::Debug for SignedGrant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignedGrant({} bytes)", self.0.len())
    }
}

/// An http(s) origin with an optional path, without a trailing slash and without credentials.
pub(super) fn origin(url: &str) -> Result<String, Unreadable> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    let plain = url.len() <= 255 && url.bytes().all(|b| b.is_ascii_graphic()) && !url.contains(['@', '#', '?', '\\', '"']);
    let host = rest.split('/').next().unwrap_or_default();
    let good = plain && !host.is_empty() && !url.ends_with('/');
    good.then(|| url.to_owned()).ok_or(Unreadable::Field("backend_url"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_http_origin_without_tricks_is_a_backend() {
        for good in ["https://iot.example.com", "http://127.0.0.1:8080", "https://example.com/tenants/a"] {
            assert_eq!(origin(good).as_deref(), Ok(good));
        }
        for bad in ["", "https://", "ftp://x", "https://a@b", "https://x/", "https://x?y", "javascript:alert(1)", "https://x\r\ny", "https://ö.example"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
        assert!(origin(&format!("https://{}", "a".repeat(255))).is_err());
    }
}
