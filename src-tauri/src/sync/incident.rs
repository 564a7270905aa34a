//! A replica that did not hold what the server holds: said to the server, where those look who can find out why.
//!
//! Deliberately not here: what mends it (everything is fetched anew).

use omniot_shared::sync::{
    Checksum, Seq,
    wire::{FoundBy, MismatchReport},
};
use reqwest::Method;

use super::{Failure, round::value};
use crate::{accounts::Account, transport::Trouble};

/// Reports it, with both digests. A report that does not get through is in this machine's log only.
pub async fn report(account: &Account, found_by: FoundBy, seq: Seq, ours: Checksum, theirs: Checksum) {
    tracing::error!(?found_by, ?seq, ?ours, ?theirs, "the replica is not what the server holds");
    let report = MismatchReport { client_id: account.client(), seq, found_by, replica: ours, server: theirs };
    if let Err(failure) = send(account, &report).await {
        tracing::info!(%failure, "the server was not told");
    }
}

async fn send(account: &Account, report: &MismatchReport) -> Result<(), Failure> {
    let answer = account.server()?.call(Method::POST, "/v1/sync/mismatch", Some(&value(report)?)).await?;
    if answer.is_success() { Ok(()) } else { Err(Trouble::of_answer(&answer).into()) }
}
