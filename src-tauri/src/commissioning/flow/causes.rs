//! The catalogue of causes: why a step failed or was skipped, as stable codes.
//!
//! The words for people, and what to do next, are Fluent messages of the same names
//! (`cause-…` and `next-…`, hyphens for underscores).
//! To add one: a line here, its two messages, and the place that finds it.

use omniot_shared::claim::messages::Status as ClaimStatus;

use super::{desk::DeskError, step::Step};
use crate::commissioning::{
    esp::{EspError, level::Refused},
    radio::RadioError,
};

/// What can be done about a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Trying again can help.
    Retry,
    /// This attempt is over.
    Stop,
    /// Nothing is wrong: the step was not needed or waits for later.
    Nothing,
}

/// "Connection failed to be established" (Core Specification, Vol 1, Part F, 2.58).
const NOT_ESTABLISHED: u8 = 0x3e;
/// "Invalid PDU" (Core Specification, Vol 3, Part F, 3.4.1.1).
const INVALID_PDU: u8 = 0x04;

macro_rules! causes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $remedy:ident, [$($step:ident)*];)*) => {
        /// Why a step failed or was skipped.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Cause {
            $($(#[$doc])* $variant,)*
        }

        impl Cause {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code in the API and in records.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What can be done.
            #[must_use]
            pub const fn remedy(self) -> Remedy {
                match self { $(Self::$variant => Remedy::$remedy,)* }
            }

            /// The steps it belongs to; none: any.
            #[must_use]
            pub const fn steps(self) -> &'static [Step] {
                match self { $(Self::$variant => &[$(Step::$step,)*],)* }
            }
        }
    };
}

causes! {
    /// Bluetooth is switched off.
    AdapterOff = "adapter_off", Retry, [];
    /// This machine has no Bluetooth.
    AdapterAbsent = "adapter_absent", Retry, [];
    /// The app may not use Bluetooth.
    NoPermission = "no_permission", Retry, [];
    /// The step's deadline passed.
    NoAnswer = "no_answer", Retry, [];
    /// The link broke and did not come back.
    LinkLost = "link_lost", Retry, [];
    /// The link broke, or did not come about, at a signal that was too weak to hold one.
    OutOfRange = "out_of_range", Retry, [];
    /// The device's handler refused the request (ATT 0x04, as NimBLE's firmwares say it).
    AttInvalidPdu = "att_invalid_pdu", Retry, [];
    /// The device's application reported an error of its own (ATT 0x80 to 0x9F; Bluedroid's firmwares say 0x85 and hang up).
    AttApplicationError = "att_application_error", Retry, [];
    /// A reply that cannot be right.
    InvalidReply = "invalid_reply", Retry, [];
    /// The app could not store its state, e.g. the disk is full.
    StoreFailed = "store_failed", Retry, [];
    /// The account was signed out meanwhile.
    NoAccount = "no_account", Stop, [];
    /// The device was not heard.
    NotAdvertising = "not_advertising", Retry, [Connect];
    /// It was heard, but the link did not come about.
    ConnectFailed = "connect_failed", Retry, [Connect];
    /// The system's own Bluetooth failed (GATT status 133 on Android).
    GattError = "gatt_error", Retry, [];
    /// The link was agreed on and no packet came through (HCI reason 0x3E).
    NotEstablished = "not_established", Retry, [Connect];
    /// Another phone holds its link.
    DeviceBusy = "device_busy", Retry, [Connect Claim];
    /// It has no provisioning endpoints, or the system remembers old ones.
    NotProvisionable = "not_provisionable", Retry, [Discover];
    /// It says that it is in a network, and nobody here gave it one.
    AlreadyJoined = "already_joined", Retry, [Handshake ScanNetworks SetNetwork];
    /// It offers less protection than its label, a secret of it or its session before say that it has.
    DowngradeRefused = "downgrade_refused", Stop, [Version Identity];
    /// It offers less protection than the organization's model demands.
    BelowPolicy = "below_policy", Stop, [Version Identity];
    /// It has no protection at all.
    Unprotected = "unprotected", Stop, [Version];
    /// It speaks something newer.
    UnknownProtocol = "unknown_protocol", Stop, [Version];
    /// The proof of possession is wrong.
    WrongPop = "wrong_pop", Retry, [Handshake];
    /// The proof of possession may be wrong: it was sent, and the link broke each time as it does then, too.
    PopOrLink = "pop_or_link", Retry, [Handshake];
    /// Five wrong ones in ten minutes.
    TooManyWrongPops = "too_many_wrong_pops", Stop, [Handshake];
    /// It does not accept the handshake, e.g. an unknown user name.
    HandshakeRefused = "handshake_refused", Retry, [Handshake];
    /// Nobody pressed the device's button in time.
    ButtonNotPressed = "button_not_pressed", Retry, [Handshake ScanNetworks SetNetwork Join];
    /// It accepted our proof and could not give its own: an impostor.
    DeviceUnproven = "device_unproven", Stop, [Handshake];
    /// It is another device than the label says.
    IdentityMismatch = "identity_mismatch", Stop, [Identity];
    /// The label pins an identity, and the device has none.
    IdentityMissing = "identity_missing", Stop, [Identity];
    /// Its signature does not hold.
    IdentityInvalid = "identity_invalid", Stop, [Identity];
    /// This device is retired.
    DeviceRetired = "device_retired", Stop, [Identity];
    /// The technician saw another device blink, or none.
    WrongDevice = "wrong_device", Stop, [Identify];
    /// Nobody said whether it is the right one.
    NotConfirmed = "not_confirmed", Stop, [Identify];
    /// No claim permission is left: synchronize first.
    NoGrant = "no_grant", Retry, [Claim];
    /// By this machine's clock alone the claim permissions are over: it is probably ahead.
    ClockAhead = "clock_ahead", Retry, [Claim];
    /// Another organisation owns it.
    OwnedByAnother = "owned_by_another", Stop, [Claim];
    /// It does not honour the release of the organisation that owns it.
    ReleaseRefused = "release_refused", Stop, [Claim];
    /// The claim permission was used before.
    GrantUsed = "grant_used", Retry, [Claim];
    /// The claim permission is out of its time.
    GrantExpired = "grant_expired", Retry, [Claim];
    /// The claim permission is not for this site.
    SiteNotCovered = "site_not_covered", Stop, [Claim];
    /// The device does not accept the claim.
    ClaimRefused = "claim_refused", Stop, [Claim];
    /// The device's receipt does not fit.
    ReceiptInvalid = "receipt_invalid", Stop, [Claim];
    /// The device could not store its new owner.
    DeviceStorageFailed = "device_storage_failed", Retry, [Claim];
    /// The device could not scan.
    ScanFailed = "scan_failed", Retry, [ScanNetworks];
    /// It does not take these settings.
    NetworkRefused = "network_refused", Retry, [SetNetwork];
    /// It does not begin to join.
    ApplyRefused = "apply_refused", Retry, [Apply];
    /// It is busy with the network that it was given before.
    StillTrying = "still_trying", Retry, [Handshake ScanNetworks SetNetwork Apply];
    /// Its firmware cannot begin again: switch it off and on.
    ResetUnsupported = "reset_unsupported", Retry, [Apply];
    /// Wrong Wi-Fi passphrase.
    WrongPassword = "wrong_password", Retry, [Join];
    /// It could not get in, and does not say why.
    UnableToConnect = "unable_to_connect", Retry, [Join];
    /// It does not see that network.
    NetworkNotFound = "network_not_found", Retry, [Join];
    /// It hears 2.4 GHz only, and this network is by its name one of 5 GHz.
    Only24Ghz = "only_24_ghz", Retry, [Join];
    /// It is in the network and was given no address (DHCP).
    NoAddress = "no_address", Retry, [Join];
    /// The dataset is of no use to the device.
    DatasetInvalid = "dataset_invalid", Retry, [Join];
    /// No mesh with that dataset is in its range.
    ThreadNotFound = "thread_not_found", Retry, [Join];
    /// It tries and tries.
    JoinTimeout = "join_timeout", Retry, [Join];
    /// It says it is connected and does not show to what.
    FalseSuccess = "false_success", Retry, [Join];
    /// It does not have this endpoint.
    NotOffered = "not_offered", Nothing, [Identity Identify Claim ScanNetworks];
    /// The link closed after Apply was acknowledged: it has probably joined.
    JoinUnconfirmed = "join_unconfirmed", Nothing, [Join];
    /// There is no network here; the server sees it later.
    OfflineDeferred = "offline_deferred", Nothing, [Cloud];
    /// It has joined, this machine reaches the server, and the server has not heard of it.
    CloudBlocked = "cloud_blocked", Nothing, [Cloud];
    /// The server has not seen it yet.
    NotYetSeen = "not_yet_seen", Nothing, [Cloud];
    /// The server refused it for another reason than those below.
    ContactRefused = "contact_refused", Nothing, [Cloud];
    /// The server knows another key under its serial number.
    ContactKeyMismatch = "contact_key_mismatch", Nothing, [Cloud];
    /// It was claimed anew since, or reset.
    ContactEpochStale = "contact_epoch_stale", Nothing, [Cloud];
    /// It says that another organization owns it.
    ContactOwnedByAnother = "contact_owned_by_another", Nothing, [Cloud];
    /// The server does not know the claim permission.
    ContactGrantUnknown = "contact_grant_unknown", Nothing, [Cloud];
    /// The claim permission was taken back.
    ContactGrantRevoked = "contact_grant_revoked", Nothing, [Cloud];
    /// The claim permission is out of its time.
    ContactGrantExpired = "contact_grant_expired", Nothing, [Cloud];
    /// Another device used the claim permission.
    ContactGrantSpent = "contact_grant_spent", Nothing, [Cloud];
    /// The device was retired.
    ContactDeviceRetired = "contact_device_retired", Nothing, [Cloud];
}

impl Cause {
    /// The cause of that code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|cause| cause.code() == code)
    }

    /// Whether the device was heard and no link came about.
    #[must_use]
    pub const fn is_unconnected(self) -> bool {
        matches!(self, Self::ConnectFailed | Self::GattError | Self::NotEstablished | Self::OutOfRange)
    }

    /// Whether a link that was lost, or never stood, is why.
    #[must_use]
    pub const fn is_out_of_reach(self) -> bool {
        self.is_unconnected() || matches!(self, Self::NotAdvertising | Self::LinkLost | Self::NoAnswer)
    }

    /// Whether a device may fail so because it cannot scan: it does not manage it, or its one radio drops the link meanwhile.
    /// Where it was the link after all, the next one shows it.
    #[must_use]
    pub const fn is_of_scan(self) -> bool {
        matches!(self, Self::ScanFailed | Self::NoAnswer | Self::InvalidReply | Self::AttInvalidPdu | Self::AttApplicationError | Self::GattError | Self::LinkLost | Self::OutOfRange | Self::NotEstablished)
    }

    /// Whether the way out is to switch the device off and on, so that it forgets which networks it was given.
    #[must_use]
    pub const fn is_switched_off(self) -> bool {
        matches!(self, Self::StillTrying | Self::ResetUnsupported)
    }

    /// Whether it lies at the device, and not at this machine or its person: another device may not fail so.
    #[must_use]
    pub const fn is_of_device(self) -> bool {
        !matches!(self, Self::AdapterOff | Self::AdapterAbsent | Self::NoPermission | Self::StoreFailed | Self::NoAccount | Self::DeviceRetired)
    }

    /// What it means that the server refused the device with that code.
    #[must_use]
    pub fn of_refusal(code: &str) -> Self {
        Self::of_code(&format!("contact_{code}")).unwrap_or(Self::ContactRefused)
    }

    /// What the device's answer to a claim means; `None` for success.
    #[must_use]
    pub const fn of_claim(status: ClaimStatus) -> Option<Self> {
        match status {
            ClaimStatus::Ok => None,
            ClaimStatus::Malformed | ClaimStatus::BadSignature => Some(Self::ClaimRefused),
            ClaimStatus::BadRelease => Some(Self::ReleaseRefused),
            ClaimStatus::OwnedByAnother => Some(Self::OwnedByAnother),
            ClaimStatus::GrantUsed => Some(Self::GrantUsed),
            ClaimStatus::GrantExpired => Some(Self::GrantExpired),
            ClaimStatus::SiteNotCovered => Some(Self::SiteNotCovered),
            ClaimStatus::Busy => Some(Self::DeviceBusy),
            ClaimStatus::StorageFailed => Some(Self::DeviceStorageFailed),
        }
    }
}

impl From<&RadioError> for Cause {
    fn from(error: &RadioError) -> Self {
        match error {
            RadioError::AdapterOff => Self::AdapterOff,
            RadioError::AdapterAbsent => Self::AdapterAbsent,
            RadioError::NoPermission => Self::NoPermission,
            RadioError::Timeout => Self::NoAnswer,
            RadioError::Busy => Self::DeviceBusy,
            RadioError::Gatt(_) => Self::GattError,
            RadioError::Hci(NOT_ESTABLISHED) => Self::NotEstablished,
            RadioError::Gone | RadioError::Hci(_) => Self::LinkLost,
            RadioError::Att(INVALID_PDU) => Self::AttInvalidPdu,
            RadioError::Att(0x80..=0x9f) => Self::AttApplicationError,
            RadioError::Att(_) | RadioError::NoSuchEndpoint | RadioError::Other(_) => Self::InvalidReply,
        }
    }
}

impl From<EspError> for Cause {
    fn from(error: EspError) -> Self {
        match error {
            EspError::FalseSuccess => Self::FalseSuccess,
            EspError::WeakKey => Self::DeviceUnproven,
            _ => Self::InvalidReply,
        }
    }
}

impl From<Refused> for Cause {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Downgrade => Self::DowngradeRefused,
            Refused::Unprotected => Self::Unprotected,
            Refused::Unknown => Self::UnknownProtocol,
        }
    }
}

impl From<DeskError> for Cause {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::NoAccount => Self::NoAccount,
            DeskError::NoGrant => Self::NoGrant,
            DeskError::ClockAhead => Self::ClockAhead,
            DeskError::Store(_) => Self::StoreFailed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_its_own_and_reads_back() {
        let codes: BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.code()).collect();
        assert_eq!(codes.len(), Cause::ALL.len());
        for cause in Cause::ALL {
            assert_eq!(Cause::of_code(cause.code()), Some(*cause));
        }
    }
}
