//! A file comes in: put by whoever made the attempt, or out of what they handed over after they were removed.

use omniot_shared::attachment::{self, Kind};

use super::{api::AttachmentError, checks, store};
use crate::db::Scope;

/// What becomes of records of checks that there are more of than are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Older {
    /// The latest ones stay.
    GiveWay,
    /// All stay: whoever has left neither pushes out what was checked, nor loses what they bring.
    Stay,
}

/// Keeps a file that is what it says ([`attachment::check`]); whether that changed anything. After an error nothing of it
/// may be committed.
///
/// # Errors
/// `TooMany`, `Quota` (of `quota` bytes for the tenant), or the store.
pub async fn add(scope: &mut Scope, new: &store::New<'_>, older: Older, quota: i64) -> Result<bool, AttachmentError> {
    if !store::put(scope, new).await? {
        return Ok(false);
    }
    let freed = if new.kind == Kind::Checks && older == Older::GiveWay { checks::forget_older(scope, new.attempt, new.address).await? } else { Some(0) };
    // Older than all that are kept: it is as if it had come before them.
    let Some(freed) = freed else {
        store::remove(scope, new.attempt, &new.address.0).await?;
        return Ok(false);
    };
    if store::count(scope, new.attempt).await? > i64::try_from(attachment::MOST).unwrap_or(i64::MAX) {
        return Err(AttachmentError::TooMany);
    }
    if store::meter(scope, new.size() - freed).await? > quota {
        return Err(AttachmentError::Quota);
    }
    Ok(true)
}
