//! What a grant, a claim or a heartbeat can be refused for.

use axum::http::StatusCode;
use omniot_shared::claim::contact::Refusal;

use crate::{db::DbError, http::ApiError, sync::ExecuteError};

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum CommissioningError {
    /// A part of a claim is no base64 or is too long.
    #[error("`{0}` cannot be read")]
    Unreadable(&'static str),
    /// The challenge was not made here, or its time is over.
    #[error("the challenge is not good")]
    BadChallenge,
    /// The claim rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The grant was spent, so it cannot be taken back.
    #[error("the grant is spent")]
    AlreadySpent,
    /// A record names the grant, so it cannot be taken back.
    #[error("a record names the grant")]
    AlreadyRecorded,
    /// A reading breaks a rule.
    #[error("{1}")]
    Reading(String, &'static str),
    /// What a device tells of earlier moments breaks a rule: the field, and which.
    #[error("{1}")]
    History(&'static str, &'static str),
    /// The change of the device row was refused.
    #[error(transparent)]
    Change(#[from] ExecuteError),
    /// The store failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Anything of the edge.
    #[error("{}", .0.detail)]
    Api(ApiError),
}

impl From<ApiError> for CommissioningError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<CommissioningError> for ApiError {
    fn from(error: CommissioningError) -> Self {
        match error {
            CommissioningError::Unreadable(field) => Self::invalid_field(field, "This part of the claim cannot be read."),
            CommissioningError::BadChallenge => forbidden("challenge_expired", "The challenge is not good (any more); ask for another."),
            CommissioningError::Refused(refusal) => refused(refusal),
            CommissioningError::AlreadySpent => Self::conflict("grant_spent", "A device used this grant already; it cannot be taken back."),
            CommissioningError::AlreadyRecorded => Self::conflict(
                "grant_recorded",
                "A technician has claimed a device with this grant, as their record says; without it the device could not report. To shut the device out, retire it.",
            ),
            CommissioningError::Reading(key, why) => Self::invalid_field(format!("readings.{key}"), why),
            CommissioningError::History(field, why) => Self::invalid_field(field, why),
            CommissioningError::Change(error) => error.into(),
            CommissioningError::Db(error) => error.into(),
            CommissioningError::Api(error) => error,
        }
    }
}

crate::respond!(CommissioningError);

fn forbidden(code: &'static str, detail: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, code, detail)
}

fn refused(refusal: Refusal) -> ApiError {
    let code = refusal.code();
    match refusal {
        Refusal::Malformed(field) => ApiError::invalid_field(field, "This part of the claim cannot be read or does not fit the rest."),
        Refusal::BadSignature => forbidden(code, "A signature of the claim does not hold."),
        Refusal::OwnedByAnother => forbidden(code, "The device says that it belongs to another organization."),
        Refusal::GrantUnknown => forbidden(code, "This organization did not make this grant."),
        Refusal::GrantRevoked => forbidden(code, "The grant was taken back."),
        Refusal::GrantExpired => forbidden(code, "The grant is out of its time."),
        Refusal::GrantSpent => ApiError::conflict(code, "Another device used this grant."),
        Refusal::KeyMismatch => ApiError::conflict(code, "A device of this serial number proved another key before."),
        Refusal::EpochStale => ApiError::conflict(code, "A newer claim of this device is in force."),
        Refusal::Retired => ApiError::conflict(code, "This device was retired."),
    }
}
