//! "Verify my data": everything that is here beside everything that the server holds, when somebody asks and once a week.
//!
//! Deliberately not here: the checksum that each pull is closed by; it sees keys and sequences, not what
//! rows say.

use omniot_shared::{
    sync::{
        Checksum,
        client::{self, Replica},
        wire::{FoundBy, SCHEMA, VerifyRequest, VerifyResponse},
    },
    time::Millis,
};
use reqwest::Method;

use super::{Failure, incident, on, round::{pull, value}, wishes};
use crate::{
    accounts::Account,
    store::{meta, replica::{self, Open}},
    transport::{Trouble, Unreachable},
};

/// While others work in the tenant, what is here is behind at once; it is brought up so often.
const TRIES: usize = 5;

/// Under this name stands when it was looked at last, by the clock of here.
const VERIFIED: &str = "verified_at";
const WEEK_MS: i64 = 7 * 24 * 3_600_000;
/// When it could not be looked at, or is not to be now.
const AGAIN_MS: i64 = 24 * 3_600_000;

/// What verifying came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// So many rows, all as the server has them.
    Same(u64),
    /// Something is not as the server has it: everything is fetched anew, unsent changes stay.
    Different,
    /// App and server are of different versions; their rows cannot be compared.
    OtherVersion,
}

/// Compares where nobody did for a week: what rots on a disk is found before somebody relies on it. Not while data is
/// saved: what differs is fetched anew.
pub(super) async fn verify_now_and_then(account: &Account) {
    let now = account.clock.now();
    let last = on(account, |store| store.read(|db| meta::get::<Millis>(db, VERIFIED))).await.ok().flatten();
    let is_due = last.is_some_and(|last| !(0..WEEK_MS).contains(&now.since(last)));
    if !is_due && last.is_some() {
        return;
    }
    // Everything was just pulled where nobody ever did. Written before: what is broken off is begun again tomorrow only.
    note_verified(account, if is_due { now.plus(AGAIN_MS - WEEK_MS) } else { now }).await;
    if is_due && !wishes::saves_data(account).await && !account.wishes.now().paused {
        match verify(account).await {
            Ok(verified) => {
                tracing::info!(?verified, "what is here was compared with the server");
                note_verified(account, now).await;
            }
            Err(failure) => tracing::info!(%failure, "what is here could not be compared with the server"),
        }
    }
}

async fn note_verified(account: &Account, at: Millis) {
    if let Err(failure) = on(account, move |store| store.note(|db| meta::set(db, VERIFIED, &at))).await {
        tracing::warn!(%failure, "when data was verified is not kept");
    }
}

/// Compares, and begins anew where something differs.
///
/// # Errors
/// [`Failure`]; nothing has changed then.
pub async fn verify(account: &Account) -> Result<Verified, Failure> {
    let server = account.server()?;
    for _ in 0..TRIES {
        pull(account, &server).await?;
        let (request, ours): (VerifyRequest, Checksum) = on(account, |store| {
            store.read(|db| {
                let meta = Open(db).meta()?;
                Ok((VerifyRequest { schema: SCHEMA, epoch: meta.epoch, seq: meta.cursor, scopes: meta.sight }, replica::whole(db)?))
            })
        })
        .await?;
        let theirs: VerifyResponse = server.fetch(Method::POST, "/v1/sync/verify", Some(&value(&request)?)).await?;
        if theirs.schema != SCHEMA {
            return Ok(Verified::OtherVersion);
        }
        match theirs.whole {
            Some(whole) if whole == ours => return Ok(Verified::Same(ours.count)),
            Some(whole) => {
                incident::report(account, FoundBy::Verify, theirs.seq, ours, whole).await;
                on(account, |store| store.note(|db| client::start_afresh(&mut Open(db)))).await?;
                account.wish_round();
                return Ok(Verified::Different);
            }
            None => {}
        }
    }
    Err(Trouble::Offline(Unreachable::Timeout).into())
}
