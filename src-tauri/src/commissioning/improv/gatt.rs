//! The characteristics of the service, and what single bytes on them mean.
//!
//! Deliberately not here: packets ([`super::packet`]).

use uuid::Uuid;

use super::ImprovError;
use crate::commissioning::radio;

/// The advertised service.
pub const SERVICE: Uuid = Uuid::from_u128(0x0046_7768_6228_2272_4663_2774_7826_8000);
/// The 16-bit UUID of its service data: state, capabilities, four zeros.
pub const SERVICE_DATA: Uuid = Uuid::from_u128(0x0000_4677_0000_1000_8000_0080_5f9b_34fb);

/// One characteristic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Characteristic {
    /// Where the device stands.
    State = 1,
    /// What was wrong with the last request.
    Fault = 2,
    /// Takes requests.
    Command = 3,
    /// Gives results.
    Result = 4,
    /// What the device can.
    Capabilities = 5,
}

impl Characteristic {
    /// All of them; a device has each.
    pub const ALL: [Self; 5] = [Self::State, Self::Fault, Self::Command, Self::Result, Self::Capabilities];

    /// Its UUID: the service's with another last byte.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        Uuid::from_u128(SERVICE.as_u128() | self as u128)
    }

    /// The name of the characteristic with that UUID, for records.
    #[must_use]
    pub fn named(uuid: Uuid) -> Option<&'static str> {
        let found = Self::ALL.into_iter().find(|one| one.uuid() == uuid)?;
        Some(match found {
            Self::State => "improv-state",
            Self::Fault => "improv-error",
            Self::Command => "improv-command",
            Self::Result => "improv-result",
            Self::Capabilities => "improv-capabilities",
        })
    }

    /// It among the discovered ones.
    #[must_use]
    pub fn among(self, discovered: &[radio::Endpoint]) -> Option<&radio::Endpoint> {
        discovered.iter().find(|endpoint| endpoint.uuid == self.uuid())
    }
}

/// Where the device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Somebody must press its button first.
    AuthorizationRequired,
    /// It takes a network.
    Authorized,
    /// It tries to join.
    Provisioning,
    /// It has joined.
    Provisioned,
}

impl State {
    /// Reads the value of its characteristic.
    ///
    /// # Errors
    /// When it is not one byte from 1 to 4.
    pub fn read(value: &[u8]) -> Result<Self, ImprovError> {
        match value {
            [1] => Ok(Self::AuthorizationRequired),
            [2] => Ok(Self::Authorized),
            [3] => Ok(Self::Provisioning),
            [4] => Ok(Self::Provisioned),
            _ => Err(ImprovError::Field("state")),
        }
    }
}

/// What was wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The packet could not be read.
    InvalidPacket,
    /// The command is not known.
    UnknownCommand,
    /// The network did not let it in, or is not there.
    UnableToConnect,
    /// Nobody pressed its button, or too long ago.
    NotAuthorized,
    /// The name is not one that it takes.
    BadHostname,
    /// Anything else, also numbers of a later version.
    Unknown,
}

impl Fault {
    /// Reads the value of its characteristic; `None`: nothing is wrong.
    ///
    /// # Errors
    /// When it is not one byte.
    pub fn read(value: &[u8]) -> Result<Option<Self>, ImprovError> {
        match value {
            [0] => Ok(None),
            [1] => Ok(Some(Self::InvalidPacket)),
            [2] => Ok(Some(Self::UnknownCommand)),
            [3] => Ok(Some(Self::UnableToConnect)),
            [4] => Ok(Some(Self::NotAuthorized)),
            [5] => Ok(Some(Self::BadHostname)),
            [_] => Ok(Some(Self::Unknown)),
            _ => Err(ImprovError::Field("error")),
        }
    }
}

/// What the device can beside taking a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities(u8);

impl Capabilities {
    /// Reads the value of its characteristic. Bytes and bits of later versions are ignored.
    ///
    /// # Errors
    /// When it is empty.
    pub fn read(value: &[u8]) -> Result<Self, ImprovError> {
        value.first().map(|bits| Self(*bits)).ok_or(ImprovError::Field("capabilities"))
    }

    /// It can show itself.
    #[must_use]
    pub const fn identify(self) -> bool {
        self.0 & 1 != 0
    }

    /// It says what it is and runs.
    #[must_use]
    pub const fn device_info(self) -> bool {
        self.0 & 2 != 0
    }

    /// It says which networks it sees.
    #[must_use]
    pub const fn scan(self) -> bool {
        self.0 & 4 != 0
    }

    /// It has a host name that can be read and set; from version 2.4 on perhaps a device name too.
    #[must_use]
    pub const fn hostname(self) -> bool {
        self.0 & 8 != 0
    }
}
