//! A tenant lets go of a device: a release is signed, shown again, taken back.
//!
//! A release is for the epoch in force. Taking it back cannot reach those who hold it: the device hears of it
//! at its next heartbeat (`notices`), and refuses it from then on.
//!
//! Deliberately not here: who may (`crate::devices`), releases that others gave (`received`), and what the
//! device says once it has left (`handover`).

use omniot_shared::{
    claim::{Letter, Release},
    entities::Device,
    ids::{DeviceId, PersonId},
    time::Millis,
};
use serde::Serialize;

use super::store::{
    bindings::{self, Bound},
    keys,
    releases::{self, ReleaseRow},
};
use crate::db::{DbError, Scope};

/// How long a release is good.
pub const RELEASE_MS: i64 = 30 * 24 * 3_600_000;

/// What became of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseState {
    /// Whoever holds it may claim the device.
    Open,
    /// It was taken back.
    Withdrawn,
    /// Its time is over.
    Expired,
    /// The device was claimed anew since, by its owner.
    Void,
    /// The device said that it left.
    Used,
}

/// The latest release of a device.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ReleaseStanding {
    /// What became of it.
    pub state: ReleaseState,
    /// When it was signed.
    pub made_at: Millis,
    /// When it ends.
    pub expires_at: Millis,
    /// The name of who signed it, then.
    pub made_by: String,
}

/// Why a device cannot be let go.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// It was never claimed, or has left already.
    #[error("the device is nobody's to let go here")]
    NotOurs,
    /// The store.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A release, and whether it was signed just now.
pub struct Signed {
    /// As it is handed over.
    pub letter: Letter,
    /// What became of it.
    pub standing: ReleaseStanding,
    /// It was not there before.
    pub is_new: bool,
}

fn standing(row: &ReleaseRow, device: &Device, bound: Option<&Bound>, now: Millis) -> ReleaseStanding {
    let state = if bound.is_some_and(|bound| bound.handed_over_at.is_some_and(|at| at.0 >= row.made_at)) {
        ReleaseState::Used
    } else if i64::from(epoch(device, bound)) > row.up_to_epoch {
        ReleaseState::Void
    } else if row.withdrawn_at.is_some() {
        ReleaseState::Withdrawn
    } else if bound.is_some_and(|bound| i64::from(bound.binding.epoch) <= row.up_to_epoch && Letter::read(&row.letter).is_ok_and(|letter| letter.release.number < bound.notice)) {
        // A notice that the device was given since has a higher number: it refuses whatever lies below.
        ReleaseState::Void
    } else if row.not_after <= now.0 {
        ReleaseState::Expired
    } else {
        ReleaseState::Open
    };
    ReleaseStanding { state, made_at: Millis(row.made_at), expires_at: Millis(row.not_after), made_by: row.person_name.clone() }
}

/// The highest epoch that is known from the device itself.
fn epoch(device: &Device, bound: Option<&Bound>) -> u32 {
    device.epoch.max(bound.map_or(0, |bound| bound.binding.epoch))
}

/// How the device stands: its latest release, and when it said that it left.
///
/// # Errors
/// Whatever the store says.
pub async fn parting(scope: &mut Scope, device: &Device, now: Millis) -> Result<(Option<ReleaseStanding>, Option<Millis>), DbError> {
    let bound = bindings::find(scope, device.id).await?;
    let row = releases::find(scope, device.id).await?;
    Ok((row.map(|row| standing(&row, device, bound.as_ref(), now)), bound.and_then(|bound| bound.handed_over_at)))
}

/// The release of a device: the one that is open, or a new one.
///
/// # Errors
/// [`ReleaseError`].
pub async fn sign(scope: &mut Scope, device: &Device, by: (PersonId, &str), now: Millis) -> Result<Signed, ReleaseError> {
    let bound = bindings::find(scope, device.id).await?;
    let (epoch, is_gone) = (epoch(device, bound.as_ref()), bound.as_ref().is_some_and(|bound| bound.handed_over_at.is_some()));
    let key = keys::owner(scope).await?.and_then(|owner| owner.key).filter(|_| epoch > 0 && !is_gone).ok_or(ReleaseError::NotOurs)?;
    let least = match releases::find(scope, device.id).await? {
        Some(row) => {
            let standing = standing(&row, device, bound.as_ref(), now);
            if let (ReleaseState::Open, Ok(letter)) = (standing.state, Letter::read(&row.letter)) {
                return Ok(Signed { letter, standing, is_new: false });
            }
            // Above all that is dead, of whichever epoch: electronics that begins with the first one honours what it heard nothing of.
            let is_dead = row.withdrawn_at.is_some() || standing.state == ReleaseState::Void;
            number(&row).map_or(0, |number| number.saturating_add(u32::from(is_dead)))
        }
        None => 0,
    };
    let number = bound.map_or(0, |bound| bound.notice).max(least);
    let release = Release { tenant: scope.tenant(), serial: device.serial.clone(), up_to_epoch: epoch, not_after: now.plus(RELEASE_MS), number };
    let letter = Letter::of(&release, key.signing());
    releases::put(scope, device.id, &letter, by, now).await?;
    let standing = ReleaseStanding { state: ReleaseState::Open, made_at: now, expires_at: release.not_after, made_by: by.1.to_owned() };
    Ok(Signed { letter, standing, is_new: true })
}

/// Takes the release of a device back; `false` when there is none that was not.
///
/// # Errors
/// [`ReleaseError::NotOurs`] when the device used it.
pub async fn withdraw(scope: &mut Scope, device: &Device, now: Millis) -> Result<bool, ReleaseError> {
    let Some(row) = releases::find(scope, device.id).await? else { return Ok(false) };
    let bound = bindings::find(scope, device.id).await?;
    if standing(&row, device, bound.as_ref(), now).state == ReleaseState::Used {
        return Err(ReleaseError::NotOurs);
    }
    if !releases::withdraw(scope, device.id, now).await? {
        return Ok(false);
    }
    // Also one of an earlier epoch: what is put in the place of the electronics begins with the first one.
    if let Some(bound) = bound {
        let taken_back = number(&row).map_or(0, |number| number.saturating_add(1));
        releases::number(scope, device.id, taken_back.max(bound.notice.saturating_add(1))).await?;
    }
    Ok(true)
}

fn number(row: &ReleaseRow) -> Option<u32> {
    Letter::read(&row.letter).ok().map(|letter| letter.release.number)
}

/// The least number of a notice for a device of that epoch: with it, the latest release is good as long as it was not taken back,
/// and none of before is.
///
/// # Errors
/// Whatever the store says.
pub async fn least_notice(scope: &mut Scope, device: DeviceId, epoch: u32) -> Result<u32, DbError> {
    let row = releases::find(scope, device).await?.filter(|row| row.up_to_epoch >= i64::from(epoch));
    Ok(row.map_or(0, |row| number(&row).map_or(0, |number| number.saturating_add(u32::from(row.withdrawn_at.is_some())))))
}
