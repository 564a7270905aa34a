//! How a step ends when it does not end well.

use super::{causes::Cause, desk::DeskError};
use crate::commissioning::{esp::EspError, radio::RadioError};

/// Why a step stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Link or session are of no use any more; a new link may heal it.
    Broken(Cause),
    /// A clear answer that is not the wanted one. The session lives.
    Failed(Cause),
}

impl Trouble {
    /// Why.
    pub const fn cause(self) -> Cause {
        match self {
            Self::Broken(cause) | Self::Failed(cause) => cause,
        }
    }
}

impl From<RadioError> for Trouble {
    fn from(error: RadioError) -> Self {
        let cause = Cause::from(&error);
        match error {
            RadioError::AdapterOff | RadioError::AdapterAbsent | RadioError::NoPermission | RadioError::NoSuchEndpoint => Self::Failed(cause),
            RadioError::Att(_) | RadioError::Gatt(_) | RadioError::Hci(_) | RadioError::Gone | RadioError::Timeout | RadioError::Busy | RadioError::Other(_) => Self::Broken(cause),
        }
    }
}

impl From<EspError> for Trouble {
    fn from(error: EspError) -> Self {
        match error {
            // A status is an answer: both sides are still in step.
            EspError::Status(_) | EspError::UnknownStatus(_) | EspError::FalseSuccess | EspError::TooLong | EspError::WeakKey => Self::Failed(error.into()),
            EspError::Unreadable | EspError::WrongReply | EspError::Field(_) | EspError::WrongProof | EspError::Tampered | EspError::SessionOver => Self::Broken(error.into()),
        }
    }
}

impl From<DeskError> for Trouble {
    fn from(error: DeskError) -> Self {
        Self::Failed(error.into())
    }
}
