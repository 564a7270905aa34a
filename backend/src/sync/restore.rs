//! After a backup was put back: replicas are told, and give again what the backup does not hold.
//!
//! Deliberately not here: putting it back. Whoever does so runs `omniot tenant restored <name>`
//! before the server is started again.

use serde_json::json;

use super::store::{self, Stand};
use crate::{
    audit::{self, Author, Entry},
    db::{DbError, Event, Scope},
    http::AppState,
};

/// Begins another epoch of this tenant; which one. Commit afterwards.
///
/// # Errors
/// Whatever the store says.
pub async fn restored(scope: &mut Scope, state: &AppState, author: &Author) -> Result<u64, DbError> {
    let Stand { seq, epoch, .. } = store::begin_epoch(scope, state.now()).await?;
    audit::append(scope, author, state.now(), None, Entry::new("sync.restored").detail(json!({ "epoch": epoch, "seq": seq }))).await?;
    scope.notify(Event::changed(seq.0));
    Ok(epoch)
}
