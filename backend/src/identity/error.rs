//! What a person is told when it does not go their way.

use axum::http::StatusCode;

use super::{mails::BrokenWords, passwords::PasswordFailure, rules::PersonRefusal, throttle::RetryAfter};
use crate::{db::DbError, http::ApiError};

/// Why something about people was refused.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Unknown tenant, unknown address or wrong password: deliberately one answer.
    #[error("the organization, the address or the password is wrong")]
    WrongCredentials,
    /// The current password is another one.
    #[error("the current password is wrong")]
    WrongPassword,
    /// Too many tries.
    #[error("too many tries")]
    Throttled(RetryAfter),
    /// The tenant is suspended.
    #[error("the organization is suspended")]
    Suspended,
    /// Not there, or not visible.
    #[error("there is no such thing")]
    NotFound,
    /// Visible, but the role does not allow it.
    #[error("the role does not allow this")]
    NotAllowed,
    /// Nobody would own the tenant any more.
    #[error("an organization has at least one owner")]
    LastOwner,
    /// Somebody has this address already.
    #[error("somebody with this address is here already")]
    PersonExists,
    /// An invitation to this address is open.
    #[error("an invitation to this address is open; withdraw it to send another")]
    InvitationOpen,
    /// There is a group of this id.
    #[error("this group is here already")]
    GroupExists,
    /// Another group has this name.
    #[error("another group has this name")]
    NameTaken,
    /// Somebody changed it since it was read.
    #[error("this was changed in the meantime")]
    Stale,
    /// The link was used, withdrawn or replaced.
    #[error("this link was used or withdrawn")]
    LinkUsed,
    /// The link is too old.
    #[error("this link is too old")]
    LinkExpired,
    /// A field of the body does not hold.
    #[error("{field} {why}")]
    Field {
        /// Its name.
        field: &'static str,
        /// What is wrong, in words that follow the name.
        why: &'static str,
    },
    /// Hashing failed.
    #[error(transparent)]
    Password(#[from] PasswordFailure),
    /// A mail could not be written.
    #[error(transparent)]
    Words(#[from] BrokenWords),
    /// The store.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The edge refused already.
    #[error("{}", .0.detail)]
    Api(ApiError),
}

impl IdentityError {
    /// For `map_err` on the rules about fields.
    pub(super) const fn field(field: &'static str) -> impl Fn(&'static str) -> Self {
        move |why| Self::Field { field, why }
    }
}

impl From<ApiError> for IdentityError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<RetryAfter> for IdentityError {
    fn from(wait: RetryAfter) -> Self {
        Self::Throttled(wait)
    }
}

impl From<PersonRefusal> for IdentityError {
    fn from(refusal: PersonRefusal) -> Self {
        match refusal {
            PersonRefusal::NotAllowed => Self::NotAllowed,
            PersonRefusal::LastOwner => Self::LastOwner,
        }
    }
}

impl From<IdentityError> for ApiError {
    fn from(error: IdentityError) -> Self {
        use IdentityError as E;
        match error {
            E::WrongCredentials => Self::new(StatusCode::UNAUTHORIZED, "wrong_credentials", "The organization, the address or the password is wrong."),
            E::WrongPassword => Self::new(StatusCode::UNAUTHORIZED, "wrong_credentials", "The current password is wrong."),
            E::Throttled(wait) => Self::throttled(wait.seconds()),
            E::Suspended => Self::tenant_suspended(),
            E::NotFound => Self::not_found(),
            E::NotAllowed => Self::not_allowed(),
            E::LastOwner => Self::conflict("last_owner", "An organization has at least one owner: make somebody else an owner first."),
            E::PersonExists => Self::conflict("already_exists", "Somebody with this address is here already.").field("email"),
            E::InvitationOpen => Self::conflict("already_exists", "An invitation to this address is open; withdraw it to send another.").field("email"),
            E::GroupExists => Self::conflict("already_exists", "This group is here already."),
            E::NameTaken => Self::conflict("name_taken", "Another group has this name.").field("name"),
            E::Stale => Self::conflict("stale", "This was changed in the meantime: read it again."),
            E::LinkUsed => Self::new(StatusCode::GONE, "link_used", "This link was used or withdrawn."),
            E::LinkExpired => Self::new(StatusCode::GONE, "link_expired", "This link is too old; ask for another."),
            E::Field { field, why } => Self::invalid_field(field, format!("{field} {why}")),
            E::Password(cause) => Self::internal(&cause),
            E::Words(cause) => Self::internal(&cause),
            E::Db(cause) => cause.into(),
            E::Api(refused) => refused,
        }
    }
}

crate::respond!(IdentityError);
