//! What owners sign: grants, releases, notices.

use alloc::{string::String, vec::Vec};

use crate::{
    sealed::{GRANT, NOTICE, RELEASE, Signed},
    wire::{Malformed, each},
};

/// Sixteen bytes of a UUID.
pub type Id = [u8; 16];

/// Why what an owner signed is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// It cannot be read.
    Malformed,
    /// Its signature does not hold.
    Signature,
}

impl From<Malformed> for Wrong {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// Where a device reports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Backend {
    /// An http(s) origin.
    pub url: String,
    /// DER certificate to trust for it; empty: the public ones.
    pub trust_anchor: Vec<u8>,
}

/// A permission to claim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grant {
    /// Whose.
    pub tenant: Id,
    /// Its id.
    pub id: Id,
    /// Not good before, in milliseconds since 1970.
    pub not_before: i64,
    /// Not good after.
    pub not_after: i64,
    /// Where to report.
    pub backend: Backend,
    /// Where it may be used; none: everywhere.
    pub sites: Vec<Id>,
    /// Which key signed it.
    pub claim_key: [u8; 32],
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Malformed> {
    bytes.try_into().map_err(|_| Malformed)
}

/// An id; missing or of another length, it is malformed.
fn id(bytes: &[u8]) -> Result<Id, Malformed> {
    array(bytes)
}

impl Grant {
    /// Reads an encoded `Signed` and checks that the key it names signed it.
    ///
    /// # Errors
    /// [`Wrong`].
    pub fn read(bytes: &[u8]) -> Result<Self, Wrong> {
        let signed = Signed::read(bytes)?;
        let mut grant = Self::default();
        const NONE: &[u8] = &[];
        let (mut tenant, mut grant_id, mut technician, mut client, mut claim_key) = (NONE, NONE, NONE, NONE, NONE);
        let (mut url, mut sites) = ("", Vec::new());
        each(signed.body, |field, value| {
            match field {
                1 => tenant = value.bytes()?,
                2 => grant_id = value.bytes()?,
                3 => technician = value.bytes()?,
                4 => client = value.bytes()?,
                5 => grant.not_before = value.moment()?,
                6 => grant.not_after = value.moment()?,
                7 => url = value.text()?,
                8 => grant.backend.trust_anchor = value.bytes()?.into(),
                9 => sites.push(value.bytes()?),
                10 => claim_key = value.bytes()?,
                _ => {}
            }
            Ok(())
        })?;
        grant.claim_key = array(claim_key)?;
        if !signed.is_by(&grant.claim_key, GRANT) {
            return Err(Wrong::Signature);
        }
        (grant.tenant, grant.id) = (id(tenant)?, id(grant_id)?);
        id(technician)?;
        id(client)?;
        grant.sites = sites.into_iter().map(id).collect::<Result<_, _>>()?;
        grant.backend.url = origin(url)?.into();
        let fits = grant.backend.trust_anchor.len() <= 2048 && grant.sites.len() <= 32 && grant.not_before <= grant.not_after;
        if fits { Ok(grant) } else { Err(Wrong::Malformed) }
    }
}

/// An owner lets go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Release {
    /// Of this device.
    pub serial: String,
    /// Good while the device's epoch is not higher.
    pub up_to_epoch: u32,
    /// Not good after.
    pub not_after: i64,
    /// Good while no notice with a higher number was heard.
    pub number: u32,
}

impl Release {
    /// Reads an encoded `Signed` that `owner` must have signed.
    ///
    /// # Errors
    /// [`Wrong`].
    pub fn read(bytes: &[u8], owner: &[u8; 32]) -> Result<Self, Wrong> {
        let signed = Signed::read(bytes)?;
        if !signed.is_by(owner, RELEASE) {
            return Err(Wrong::Signature);
        }
        let (mut release, mut tenant): (Self, &[u8]) = (Self::default(), &[]);
        each(signed.body, |field, value| {
            match field {
                1 => tenant = value.bytes()?,
                2 => release.serial = value.text()?.into(),
                3 => release.up_to_epoch = value.number()?,
                4 => release.not_after = value.moment()?,
                5 => release.number = value.number()?,
                _ => {}
            }
            Ok(())
        })?;
        id(tenant)?;
        if is_serial(&release.serial) { Ok(release) } else { Err(Wrong::Malformed) }
    }
}

/// What the owner tells its device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notice {
    /// The owner.
    pub tenant: Id,
    /// For this device.
    pub serial: String,
    /// For this epoch.
    pub epoch: u32,
    /// Rises with each.
    pub number: u32,
    /// Where to report from now on.
    pub backend: Backend,
}

impl Notice {
    /// Reads an encoded `Signed` that `owner` must have signed.
    ///
    /// # Errors
    /// [`Wrong`].
    pub fn read(bytes: &[u8], owner: &[u8; 32]) -> Result<Self, Wrong> {
        let signed = Signed::read(bytes)?;
        if !signed.is_by(owner, NOTICE) {
            return Err(Wrong::Signature);
        }
        let (mut notice, mut tenant, mut url): (Self, &[u8], &str) = (Self::default(), &[], "");
        each(signed.body, |field, value| {
            match field {
                1 => tenant = value.bytes()?,
                2 => notice.serial = value.text()?.into(),
                3 => notice.epoch = value.number()?,
                4 => notice.number = value.number()?,
                5 => url = value.text()?,
                6 => notice.backend.trust_anchor = value.bytes()?.into(),
                _ => {}
            }
            Ok(())
        })?;
        notice.tenant = id(tenant)?;
        notice.backend.url = origin(url)?.into();
        if is_serial(&notice.serial) && notice.backend.trust_anchor.len() <= 2048 { Ok(notice) } else { Err(Wrong::Malformed) }
    }
}

/// An http(s) address of at most 255 characters, without credentials, query, or a slash at its end.
fn origin(url: &str) -> Result<&str, Malformed> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    let is_plain = url.len() <= 255 && url.bytes().all(|b| b.is_ascii_graphic() && !b"@#?\\\"".contains(&b));
    let has_host = !rest.is_empty() && !rest.starts_with('/');
    if is_plain && has_host && !url.ends_with('/') { Ok(url) } else { Err(Malformed) }
}

/// Whether a message may name a device so: 1 to 64 bytes, without control characters.
fn is_serial(text: &str) -> bool {
    (1..=64).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Whether two serial numbers are one: white space and case do not count.
#[must_use]
pub fn same_serial(one: &str, other: &str) -> bool {
    let normal = |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).collect() };
    normal(one) == normal(other)
}
