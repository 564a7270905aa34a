//! Claim grants for technicians, and what devices say for themselves: claim and heartbeat
//! (docs/COMMISSIONING.md 4).
//!
//! A tenant's claim key is made with the tenant, so that no backup of the tenant lacks it, and its private half stays in
//! the tenant's store. Challenges and credentials follow from it, so nothing is written for an
//! unproven caller, and a repeated claim gives the same credential.
//!
//! Deliberately not here: what a device decides (`omniot_shared::claim::owner`), the device
//! rows (changed through `crate::sync`), readings beyond the latest value (`crate::telemetry`).
//! To add a call of a device: a handler that takes [`DeviceCaller`].

mod caller;
mod contact;
mod error;
mod grants;
mod handover;
mod heartbeat;
mod notices;
mod received;
pub mod refusals;
pub mod releases;
mod secrets;
pub mod store;
#[cfg(test)]
pub(crate) mod tests;

use omniot_shared::time::Millis;
use rand::Rng as _;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use caller::DeviceCaller;
pub use store::grants::revoke_all_of;
pub use store::presence::{Presence, Reading, ReadingValue, presence};

use crate::{
    db::{DbError, Scope},
    http::AppState,
};
use secrets::ClaimKey;

/// Makes the claim key of a tenant that has none.
///
/// # Errors
/// Whatever the store says.
pub async fn new_claim_key(scope: &mut Scope, state: &AppState, now: Millis) -> Result<ClaimKey, DbError> {
    let mut private = [0; 32];
    state.chance.with(|rng| rng.fill_bytes(&mut private));
    store::keys::insert(scope, private, now).await
}

/// This feature's operations.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(grants::fetch_grants))
        .routes(routes!(grants::list_grants))
        .routes(routes!(grants::revoke_grant))
        .routes(routes!(contact::create_device_challenge))
        .routes(routes!(received::receive_release))
        .routes(routes!(contact::claim_device))
        .routes(routes!(handover::hand_over_device))
        .routes(routes!(heartbeat::record_heartbeat))
}
