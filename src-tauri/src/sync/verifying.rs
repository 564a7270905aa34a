//! "Verify my data": everything that is here beside everything that the server holds.
//!
//! Deliberately not here: the checksum that each pull is closed by; it sees keys and sequences, not what
//! rows say.

use omniot_shared::sync::{
    Checksum,
    client::{self, Replica},
    wire::{FoundBy, SCHEMA, VerifyRequest, VerifyResponse},
};
use reqwest::Method;

use super::{Failure, incident, on, round::{pull, value}};
use crate::{
    accounts::Account,
    store::replica::{self, Open},
    transport::{Trouble, Unreachable},
};

/// While others work in the tenant, what is here is behind at once; it is brought up so often.
const TRIES: usize = 5;

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
