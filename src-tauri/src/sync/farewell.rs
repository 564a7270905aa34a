//! The end of a membership: how the person stands, what is destroyed, what is handed over.
//!
//! Asked is only when the server refuses the session, with the replica's own key, and rarely again: mere trouble of
//! the network ends nothing. After `ended` the replica holds sealed boxes alone; they are offered until the
//! server has answered for each, and again where it was put back to before. The card stays until the person removes it.
//! Deliberately not here: what is sealed and removed (`store::farewell`).

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use omniot_shared::sync::escrow::{FarewellRequest, FarewellResponse, MAX_BYTES, Sealed, Standing};
use reqwest::Method;

use super::{Failure, on, round::{tell_data, value}, wishes};
use crate::{
    accounts::{Account, Accounts},
    chance,
    events::Event,
    store::{StoreError, commissions, attachments::Barred, farewell::{self, Farewell, Proof, Said, Seals}},
    sync::status::State,
    transport::{Trouble, Unreachable},
};

/// So many boxes are handed over at once.
const AT_ONCE: usize = 100;
/// What a request says beside its boxes.
const AROUND: usize = 1_000;
/// First and longest wait after trouble, milliseconds.
const RETRY: (u64, u64) = (2_000, 3_600_000);
/// Whether a server that has everything was put back to before is looked at so often.
const LOOK_AGAIN: Duration = Duration::from_secs(24 * 3600);
/// An answer that cannot be had now is asked for again after so long.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(600);

/// How the person stands, where the tenant knows this replica, and in which epoch the server does.
///
/// # Errors
/// [`Failure`].
pub(super) async fn standing(account: &Account) -> Result<Option<(Standing, Option<u64>)>, Failure> {
    let Some(proof) = on(account, |store| store.read(|db| farewell::proof(db))).await? else { return Ok(None) };
    let answer = ask(account, &proof, vec![]).await?;
    Ok(Some((answer.standing, answer.epoch)))
}

async fn ask(account: &Account, proof: &Proof, sealed: Vec<Sealed>) -> Result<FarewellResponse, Failure> {
    let me = account.me();
    let request = FarewellRequest::signed(&proof.key()?, me.tenant.id, me.person.id, proof.client, account.clock.now(), sealed);
    Ok(account.way().signed_out().fetch(Method::POST, "/v1/sync/escrow", Some(&value(&request)?)).await?)
}

/// Whether a commission is under way, or waits to be recorded: it becomes an attempt first.
pub(super) async fn commissions_wait(account: &Account) -> bool {
    on(account, |store| store.read(|db| Ok(!commissions::all(db)?.is_empty()))).await.unwrap_or(true)
}

/// Ends the account, in that epoch of the server: edits are refused, what the server does not have is sealed, everything else is destroyed.
///
/// # Errors
/// [`Failure::Store`]; then the account is as it was.
pub(super) async fn end(accounts: &Weak<Accounts>, account: &Account, epoch: Option<u64>) -> Result<(), Failure> {
    let begun = on(account, move |store| {
        store.leave();
        match store.note(|db| farewell::begin(db, epoch, Seals::All)) {
            // Nothing may stay readable for want of room.
            Err(StoreError::DiskFull) => store.note(|db| farewell::begin(db, epoch, Seals::Changes)),
            begun => begun,
        }
    })
    .await;
    if !matches!(begun, Ok(Some(_))) {
        account.store.stay();
        return begun.map(drop);
    }
    tracing::warn!(account = account.id().as_str(), "this person is no member any more; what this machine held is destroyed");
    account.has_come_to_an_end();
    let destroyed = destroy(accounts, account).await;
    // Said only now: whoever reads it may take the machine away.
    account.status.ended();
    tell_data(account);
    account.events.tell(Event::Accounts);
    destroyed
}

/// What lies outside the transaction. Done again at each start: the app may have died in between.
async fn destroy(accounts: &Weak<Accounts>, account: &Account) -> Result<(), Failure> {
    if let Some(accounts) = accounts.upgrade()
        && let Err(error) = accounts.forget_secrets_of_ended(account).await
    {
        tracing::warn!(%error, "a secret of an ended account is left until the next start");
    }
    on(account, |store| {
        store.window.give_up();
        // Free pages and the log, too.
        store.settle();
        Ok(())
    })
    .await
}

/// Hands over what is left of a former end of this membership: its person is a member, and the boxes still nobody's
/// but the administrators'.
pub(super) async fn hand_over_the_rest(account: &Account) -> Result<(), Failure> {
    if on(account, |store| store.read(|db| farewell::waiting(db))).await? == 0 {
        return Ok(());
    }
    let mut most = AT_ONCE;
    loop {
        let before = most;
        match hand_over(account, &mut most).await {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            // Fewer may get through; at the next time it would begin with as many again.
            Err(failure) if most < before => tracing::debug!(%failure, most, "fewer boxes at once"),
            Err(failure) => return Err(failure),
        }
    }
}

/// Hands the boxes over until none is left, then rests; until somebody signs in again.
pub(super) async fn run(accounts: &Weak<Accounts>, account: &Arc<Account>) {
    let (mut tries, mut most) = (0, AT_ONCE);
    while account.server().is_err() {
        let done = match destroy(accounts, account).await {
            Ok(()) => hand_over(account, &mut most).await,
            Err(failure) => Err(failure),
        };
        let pause = match done {
            Ok(true) => {
                tries = 0;
                continue;
            }
            Ok(false) if on(account, |store| store.read(|db| farewell::waiting(db))).await.is_ok_and(|waiting| waiting == 0) => LOOK_AGAIN,
            Ok(false) => Duration::from_millis(RETRY.1),
            Err(failure) => {
                tracing::info!(%failure, "work of a person who left could not be handed over now");
                tries += 1;
                chance::backoff(RETRY.0, RETRY.1, tries - 1).max(asked_for(&failure))
            }
        };
        tokio::select! {
            () = account.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    let revived = on(account, |store| store.note(|db| farewell::revive(db))).await;
    if let Err(error) = revived {
        tracing::error!(%error, "an ended account is not begun again");
    }
    account.begins_again();
}

/// Whether fewer boxes may get through: the way is too slow for so many, breaks before they are over, or somebody
/// stumbles over one of them.
const fn may_be_for_their_sake(failure: &Failure) -> bool {
    match failure {
        Failure::Trouble(Trouble::Offline(why)) => !matches!(why, Unreachable::NoConnection),
        Failure::Trouble(Trouble::Refused { .. }) => true,
        _ => false,
    }
}

const fn asked_for(failure: &Failure) -> Duration {
    match failure {
        Failure::Trouble(Trouble::Throttled(Some(asked))) => *asked,
        _ => Duration::ZERO,
    }
}

/// Some of the boxes, at most so many; where none is left, whether the server still has them. Files as photos: not over a
/// network that they are to wait for. Whether there may be more.
async fn hand_over(account: &Account, most: &mut usize) -> Result<bool, Failure> {
    let limit = *most;
    let barred = Barred { photos: wishes::bars_photos(account).await };
    let waiting = on(account, move |store| store.read(|db| Ok((farewell::proof_of_boxes(db)?, farewell::boxes(db, limit, MAX_BYTES - AROUND, barred)?)))).await?;
    let (Some(proof), boxes) = waiting else { return Ok(false) };
    if boxes.is_empty() && on(account, |store| store.read(|db| farewell::handed(db))).await? == 0 {
        return Ok(false);
    }
    let (offered, count): (Vec<_>, _) = (boxes.iter().map(|sealed| sealed.intent_id).collect(), boxes.len());
    let first = offered.first().copied();
    let said = match ask(account, &proof, boxes).await {
        Ok(answer) => {
            let is_late = answer.accepted_until.is_some_and(|until| answer.server_time > until);
            Said { epoch: answer.epoch, taken: answer.taken, refused: answer.refused, is_late, now: account.clock.now() }
        }
        Err(Failure::Trouble(Trouble::Refused { status: 413, .. })) if count > 1 => {
            *most = count / 2;
            return Ok(true);
        }
        Err(failure) if count > 1 && may_be_for_their_sake(&failure) => {
            *most = count / 2;
            return Err(failure);
        }
        Err(failure) => {
            // What does not get through even alone must not hold up those behind it.
            on(account, move |store| store.note(|db| first.map_or(Ok(()), |first| farewell::put_last(db, first)))).await?;
            return Err(failure);
        }
    };
    *most = (count.max(1) * 2).clamp(*most, AT_ONCE);
    let settled = on(account, move |store| {
        store.note(|db| {
            let settled = farewell::settled(db, &said)?;
            // What there is no room for lets others go first the next time.
            offered.iter().try_for_each(|intent| farewell::put_last(db, *intent))?;
            Ok(settled)
        })
    });
    let settled = settled.await?;
    account.events.tell(Event::Accounts);
    Ok(settled != 0)
}

/// What became of an account's work; `None` while its person is a member.
///
/// # Errors
/// [`StoreError`].
pub async fn stands(account: &Account) -> Result<Option<Farewell>, StoreError> {
    crate::store::on_worker(&account.store, |store| store.read(|db| farewell::stands(db))).await
}

/// The state of an account when the app starts.
#[must_use]
pub const fn state_at_start(has_ended: bool, signed_in: bool) -> State {
    match (has_ended, signed_in) {
        (true, _) => State::Ended,
        (false, true) => State::Offline,
        (false, false) => State::NeedsSignIn,
    }
}
