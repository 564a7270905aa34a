//! Ids: one newtype for each kind of thing, written `dev_<32 hex digits>` on the wire.
//!
//! Deliberately not here: tokens and other secrets (they are not ids).
//! To add one: a line in the `ids!` list; the prefix must be new.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}_<32 hex digits>")]
pub struct InvalidId {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

fn parse(prefix: &'static str, text: &str) -> Result<Uuid, InvalidId> {
    let hex = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .filter(|hex| hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
        .ok_or(InvalidId { prefix })?;
    Uuid::try_parse(hex).map_err(|_| InvalidId { prefix })
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $example:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, utoipa::ToSchema)]
        #[schema(value_type = String, example = $example)]
        pub struct $name(pub Uuid);

        impl $name {
            /// What stands before the underscore on the wire.
            pub const PREFIX: &'static str = $prefix;
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", Self::PREFIX, self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse(Self::PREFIX, text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self { Self(uuid) }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Uuid { id.0 }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.collect_str(self) }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A customer organization.
    TenantId = "ten", "ten_0198c0f2a7b87e0e9c1d2e3f4a5b6c7d";
    /// A person inside one tenant.
    PersonId = "per", "per_0198c0f2a7b87e0e9c1d2e3f4a5b6c7d";
    /// A signed-in session of a person or operator.
    SessionId = "ses", "ses_0198c0f2a7b87e0e9c1d2e3f4a5b6c7d";
    /// An invitation of a person into a tenant.
    InvitationId = "inv", "inv_0198c0f2a7b87e0e9c1d2e3f4a5b6c7d";
    /// A message in a tenant's mail outbox.
    MailId = "mai", "mai_0198c0f2a7b87e0e9c1d2e3f4a5b6c7d";
    /// A place where devices stand.
    SiteId = "sit", "sit_0198c0f2a7b87e0e9c1d2e3f4a5b6c7d";
    /// Some of a tenant's sites under one name.
    SiteGroupId = "sgr", "sgr_0198c0f2a7b87e0e9c1d2e3f4a5b6c7d";
    /// A kind of device.
    ModelId = "mod", "mod_0198c0f2a7b87e0e9c1d2e3f4a5b6c7d";
    /// One device of one tenant; see [`DeviceId::for_serial`].
    DeviceId = "dev", "dev_0198c0f2a7b87e0e9c1d2e3f4a5b6c7d";
    /// A device on one person's list; see [`BookmarkId::of`].
    BookmarkId = "boo", "boo_0198c0f2a7b87e0e9c1d2e3f4a5b6c7d";
    /// One attempt to commission a device.
    AttemptId = "att", "att_0198c0f2a7b87e0e9c1d2e3f4a5b6c7d";
    /// A single-use permission to claim a device offline.
    GrantId = "gra", "gra_0198c0f2a7b87e0e9c1d2e3f4a5b6c7d";
    /// One replica: one account in one installation of the app.
    ClientId = "cli", "cli_0198c0f2a7b87e0e9c1d2e3f4a5b6c7d";
    /// One intended change, made once on one client.
    IntentId = "int", "int_0198c0f2a7b87e0e9c1d2e3f4a5b6c7d";
    /// A platform operator.
    OperatorId = "opr", "opr_0198c0f2a7b87e0e9c1d2e3f4a5b6c7d";
}

impl DeviceId {
    /// The id that every party derives for the same hardware in the same tenant
    /// (SYNC.md 1.2 *Identity*), so that two offline creations are one row.
    /// `serial` is normalized with [`normal_serial`] first.
    #[must_use]
    pub fn for_serial(tenant: TenantId, serial: &str) -> Self {
        Self(Uuid::new_v5(&tenant.0, normal_serial(serial).as_bytes()))
    }
}

impl BookmarkId {
    /// The id that every tablet of a person derives for the same device, so that two of them that put it on the
    /// list offline make one row.
    #[must_use]
    pub fn of(person: PersonId, device: DeviceId) -> Self {
        Self(Uuid::new_v5(&person.0, device.0.as_bytes()))
    }
}

/// A serial number as it is compared and stored: no white space, upper case.
#[must_use]
pub fn normal_serial(serial: &str) -> String {
    serial.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).collect()
}

/// Longest serial number, in characters once it is normalized.
pub const SERIAL_LIMIT: usize = 64;

/// Whether a serial number can be stored: letters, digits and signs of ASCII, at least one and at
/// most [`SERIAL_LIMIT`], once it is normalized.
#[must_use]
pub fn is_serial(serial: &str) -> bool {
    let normal = normal_serial(serial);
    (1..=SERIAL_LIMIT).contains(&normal.len()) && normal.chars().all(|c| c.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_from_its_wire_form() {
        let id = DeviceId(Uuid::from_u128(7));
        assert_eq!(id.to_string(), "dev_00000000000000000000000000000007");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn another_prefix_case_or_length_is_refused() {
        for text in ["sit_00000000000000000000000000000007", "dev_7", "dev_0000000000000000000000000000000G", "dev_00000000-0000-0000-0000-000000000007", "DEV_00000000000000000000000000000007"] {
            assert!(text.parse::<DeviceId>().is_err(), "{text} must not parse as a device id");
        }
    }

    #[test]
    fn the_same_serial_in_two_tenants_gives_two_devices() {
        let (a, b) = (TenantId(Uuid::from_u128(1)), TenantId(Uuid::from_u128(2)));
        assert_eq!(DeviceId::for_serial(a, "ab 12"), DeviceId::for_serial(a, "AB12"), "spelling does not matter");
        assert_ne!(DeviceId::for_serial(a, "AB12"), DeviceId::for_serial(b, "AB12"));
    }
}
