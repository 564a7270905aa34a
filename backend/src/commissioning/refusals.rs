//! What devices were refused when they claimed themselves, so that somebody sees it: the last refusal of each.
//!
//! Who holds a grant of the tenant can say to be any device, so little is kept: of devices that are there, one row each,
//! at most once a minute; and whether the device has shown that it is it. What it has is shown before what it has not.
//!
//! Deliberately not here: who was refused before its signatures held, or in a tenant that is suspended. To see more of
//! them, read the log.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_shared::{
    claim::contact::{Contact, Refusal},
    ids::{DeviceId, GrantId},
    time::Millis,
};
use serde::{Deserialize, Serialize};

use super::store::{
    bindings,
    refusals::{self, RefusalRow},
};
use crate::{
    db::{DbError, Scope, TenantAccess},
    http::AppState,
};

/// No two are kept within this.
const PAUSE_MS: i64 = 60_000;
/// So long nobody's word takes the place of the device's own, which tries again once a day.
const PROVEN_MS: i64 = 25 * 3_600_000;
/// The code once somebody had the key forgotten: the next try is let in.
const KEY_FORGOTTEN: &str = "key_forgotten";

/// What a device was refused since it was last in contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RefusedContact {
    /// What it was answered, or `key_forgotten`: its key does not count any more, and it is let in at its next try.
    pub code: String,
    /// The grant that it showed: that of a commissioning.
    pub grant_id: GrantId,
    /// When it was last.
    pub at: Millis,
    /// When it was first, in a row.
    pub since: Millis,
    /// Whether it has shown that it is this device: with the key that is known of it, or with a receipt that a technician
    /// recorded who had checked its identity. Otherwise it is something that says so, and has a permission of this organization.
    pub is_proven: bool,
}

impl From<RefusalRow> for RefusedContact {
    fn from(row: RefusalRow) -> Self {
        Self { code: row.code, grant_id: row.grant_id.into(), at: Millis(row.at), since: Millis(row.since), is_proven: row.proven != 0 }
    }
}

/// What a device was refused since it was last in contact.
///
/// # Errors
/// Whatever the store says.
pub async fn standing(scope: &mut Scope, device: DeviceId) -> Result<Option<RefusedContact>, DbError> {
    Ok(refusals::standing(scope, device).await?.map(RefusedContact::from))
}

/// What must have been refused for a key to be forgotten. It says who was seen and binds nobody: once the key is forgotten, the
/// next one that claims takes its place, whoever that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Heir {
    /// One that has shown that it is the device: a technician checked its identity and recorded its receipt.
    Proven,
    /// Also one that only says so.
    Unproven,
}

/// Why no key is forgotten.
#[derive(Debug, thiserror::Error)]
pub enum NotForgotten {
    /// No other key was refused since the device was last in contact.
    #[error("no other key was refused")]
    NoneRefused,
    /// Nobody has shown that the other key is that of the device.
    #[error("the other key is not proven")]
    Unproven,
    /// The store.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Has the key of a device forgotten that another one than it claims to be; the fingerprint of what is forgotten.
///
/// # Errors
/// [`NotForgotten`].
pub async fn forget_key(scope: &mut Scope, device: DeviceId, heir: Heir, now: Millis) -> Result<String, NotForgotten> {
    let refused = standing(scope, device).await?.filter(|refused| refused.code == Refusal::KeyMismatch.code());
    let refused = refused.ok_or(NotForgotten::NoneRefused)?;
    let bound = bindings::find(scope, device).await?.ok_or(NotForgotten::NoneRefused)?;
    if !refused.is_proven && heir == Heir::Proven {
        return Err(NotForgotten::Unproven);
    }
    bindings::forget_key(scope, device, now).await?;
    let forgotten = RefusedContact { code: KEY_FORGOTTEN.to_owned(), at: now, ..refused };
    refusals::put(scope, device, &forgotten).await?;
    Ok(bound.binding.public_key.fingerprint().to_string())
}

/// Keeps that `contact` was refused, when that is worth a row.
///
/// # Errors
/// Whatever the store says; the refusal stands.
pub(super) async fn note(state: &AppState, access: &TenantAccess, contact: &Contact, receipt: &[u8], refusal: Refusal) -> Result<(), DbError> {
    // On a snapshot first: most of them are not worth the tenant's writer.
    let now = state.now();
    let mut new = RefusedContact { code: refusal.code().to_owned(), grant_id: contact.grant.id, at: now, since: now, is_proven: false };
    let device = DeviceId::for_serial(contact.grant.tenant, &contact.identity.serial);
    let mut looking = state.db.read(access).await?;
    if !refusals::is_there(&mut looking, device).await? {
        return Ok(());
    }
    new.is_proven = is_proven(&mut looking, device, contact, receipt).await?;
    if !new.is_news(refusals::find(&mut looking, device).await?) {
        return Ok(());
    }
    drop(looking);
    let mut scope = state.db.write(access).await?;
    if new.is_news(refusals::find(&mut scope, device).await?) {
        refusals::put(&mut scope, device, &new).await?;
        scope.commit().await?;
    }
    Ok(())
}

/// Whether it is the device itself: it has the key that is known of it, or shows a receipt that was recorded. So has the
/// electronics that a technician put in the place of the former.
async fn is_proven(scope: &mut Scope, device: DeviceId, contact: &Contact, receipt: &[u8]) -> Result<bool, DbError> {
    let bound = bindings::find(scope, device).await?.and_then(|bound| bound.in_force());
    if bound.is_some_and(|bound| bound.public_key == contact.identity.public_key) {
        return Ok(true);
    }
    refusals::is_recorded(scope, device, contact, &STANDARD.encode(receipt)).await
}

impl RefusedContact {
    fn is_news(&self, last: Option<RefusalRow>) -> bool {
        let Some(last) = last.map(Self::from) else { return true };
        let age = self.at.since(last.at);
        match (last.is_proven, self.is_proven) {
            (false, true) => true,
            (true, false) => age >= PROVEN_MS,
            // A grant is for one commissioning: there are few of them, and each is worth a word.
            _ => age >= PAUSE_MS || last.grant_id != self.grant_id,
        }
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_row_is_written_once_a_minute_and_a_devices_own_word_stands_for_a_day() {
        let refused = |at, is_proven, grant: u128| RefusedContact { code: "grant_expired".into(), grant_id: uuid::Uuid::from_u128(grant).into(), at: Millis(at), since: Millis(at), is_proven };
        let row = |is_proven| RefusalRow { code: "grant_expired".into(), grant_id: uuid::Uuid::from_u128(1), at: 0, since: 0, proven: i64::from(is_proven) };
        for (last, is_proven, age, grant, kept) in [
            (None, false, 0, 1, true),
            (Some(false), false, PAUSE_MS - 1, 1, false),
            (Some(false), false, PAUSE_MS, 1, true),
            (Some(false), false, 0, 2, true),
            (Some(true), true, PAUSE_MS - 1, 1, false),
            (Some(true), true, PAUSE_MS, 1, true),
            (Some(false), true, 0, 1, true),
            (Some(true), false, PROVEN_MS - 1, 2, false),
            (Some(true), false, PROVEN_MS, 1, true),
        ] {
            assert_eq!(refused(age, is_proven, grant).is_news(last.map(row)), kept, "{last:?} {is_proven} {age} {grant}");
        }
    }
}
