//! What a device signs with its own key: identity and receipt.
//!
//! Deliberately not here: whether that key is the right one (the label pins it, an
//! earlier binding remembers it).

use ed25519_dalek::SigningKey;
use prost::Message as _;

use super::{Domain, Fingerprint, PublicKey, Unreadable, id, messages, open, seal, text};
use crate::ids::{GrantId, SiteId, TenantId, is_serial};

/// What a device says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// As on the label; one that can be stored ([`is_serial`]).
    pub serial: String,
    /// The model's SKU.
    pub model: String,
    /// E.g. the base MAC address.
    pub hardware_id: String,
    /// What it runs.
    pub firmware: String,
    /// Its key.
    pub public_key: PublicKey,
    /// The owner's claim key; `None`: unowned.
    pub owner: Option<Fingerprint>,
    /// Commissioning epoch, 0 before the first claim.
    pub epoch: u32,
    /// How often it was reset by its button.
    pub resets: u32,
}

impl Identity {
    /// Signs the identity, as a device does; `public_key` is set from `key`.
    #[must_use]
    pub fn sign(&self, key: &SigningKey, domain: Domain, context: &[u8]) -> messages::Signed {
        let body = messages::Identity {
            serial: self.serial.clone(),
            model: self.model.clone(),
            hardware_id: self.hardware_id.clone(),
            firmware: self.firmware.clone(),
            public_key: PublicKey::of(key).0.to_vec(),
            owner: self.owner.map(|owner| owner.0.to_vec()).unwrap_or_default(),
            epoch: self.epoch,
            resets: self.resets,
        };
        seal(key, domain, context, body.encode_to_vec())
    }

    /// Reads an identity that the key in it must have signed over `context`.
    ///
    /// # Errors
    /// When a field is wrong or the signature does not hold.
    pub fn read(signed: &messages::Signed, domain: Domain, context: &[u8]) -> Result<Self, Unreadable> {
        let body = messages::Identity::decode(&*signed.body).map_err(|_| Unreadable::Field("identity"))?;
        let public_key = PublicKey::read(&body.public_key).ok_or(Unreadable::Field("public_key"))?;
        open(public_key, domain, context, signed)?;
        let owner = match &*body.owner {
            [] => None,
            bytes => Some(Fingerprint::read(bytes).ok_or(Unreadable::Field("owner"))?),
        };
        // What no store takes could never be recorded: such a device is none of ours.
        let serial = Some(body.serial).filter(|serial| is_serial(serial)).ok_or(Unreadable::Field("serial"))?;
        Ok(Self {
            serial: text(&serial, 1, 64, "serial")?,
            model: text(&body.model, 0, 60, "model")?,
            hardware_id: text(&body.hardware_id, 0, 64, "hardware_id")?,
            firmware: text(&body.firmware, 0, 64, "firmware")?,
            public_key,
            owner,
            epoch: body.epoch,
            resets: body.resets,
        })
    }
}

/// The app's side of `omniot-id`: the identity in `reply`, proven over the app's own `challenge`.
/// The caller still compares serial and key with the label.
///
/// # Errors
/// When the device refused, a field is wrong, or the signature does not hold.
pub fn identify(reply: &messages::IdentityReply, challenge: &[u8; 32]) -> Result<Identity, Unreadable> {
    let signed = reply.identity.as_ref().filter(|_| reply.status() == messages::Status::Ok).ok_or(Unreadable::Field("identity"))?;
    Identity::read(signed, Domain::Identity, challenge)
}

/// The device's proof that it accepted a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The accepted grant.
    pub grant: GrantId,
    /// The new owner.
    pub tenant: TenantId,
    /// The epoch that began with it.
    pub epoch: u32,
    /// The nonce of the request, 16–32 bytes.
    pub nonce: Vec<u8>,
    /// Where the technician placed it.
    pub site: Option<SiteId>,
    /// The device.
    pub serial: String,
}

impl Receipt {
    /// Signs the receipt, as a device does.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> messages::Signed {
        let body = messages::Receipt {
            grant_id: self.grant.0.as_bytes().to_vec(),
            tenant: self.tenant.0.as_bytes().to_vec(),
            epoch: self.epoch,
            nonce: self.nonce.clone(),
            site: self.site.map(|site| site.0.as_bytes().to_vec()).unwrap_or_default(),
            serial: self.serial.clone(),
        };
        seal(key, Domain::Receipt, &[], body.encode_to_vec())
    }

    /// Reads a receipt that `device` must have signed.
    ///
    /// # Errors
    /// When a field is wrong or the signature is not the device's.
    pub fn read(signed: &messages::Signed, device: PublicKey) -> Result<Self, Unreadable> {
        let body = messages::Receipt::decode(open(device, Domain::Receipt, &[], signed)?).map_err(|_| Unreadable::Field("receipt"))?;
        if !(16..=32).contains(&body.nonce.len()) {
            return Err(Unreadable::Field("nonce"));
        }
        Ok(Self {
            grant: id(&body.grant_id, "grant_id")?,
            tenant: id(&body.tenant, "tenant")?,
            epoch: body.epoch,
            nonce: body.nonce,
            site: site(&body.site)?,
            serial: text(&body.serial, 1, 64, "serial")?,
        })
    }
}

/// A site of the wire; empty means not placed yet.
pub(super) fn site(bytes: &[u8]) -> Result<Option<SiteId>, Unreadable> {
    if bytes.is_empty() { Ok(None) } else { id(bytes, "site").map(Some) }
}
