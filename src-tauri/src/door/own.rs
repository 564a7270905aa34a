//! `/app/…`: what exists only in the app.
//!
//! Deliberately not here: radio, labels and commissions (`commissioning::api`).

use std::path::Path as Folder;

use serde_json::{Value, json};

use super::{
    Door, Reply, by_id,
    path::{Path, body},
    writes::refused,
};
use crate::{
    accounts::Account,
    files,
    sync::{self, Verified, status::State},
};

/// Answers a path under `/app`.
///
/// # Errors
/// As a reply.
pub async fn answer(door: &Door, method: &str, path: &Path, given: Option<&Value>) -> Result<Reply, Reply> {
    match (method, path.parts().as_slice()) {
        ("GET", ["app", "host"]) => Ok(host(door).await),
        ("GET", ["app", "accounts"]) => Ok(door.accounts.list().await),
        ("POST", ["app", "accounts"]) => {
            // Signing in again as who it is stays possible; anybody else would hide the commission.
            if door.accounts.active().is_some_and(|account| account.server().is_ok()) {
                no_commission(door)?;
            }
            let reply = door.accounts.sign_in(body(given)?).await?;
            door.commissioning.account_changed().await;
            Ok(reply)
        }
        ("POST", ["app", "accounts", id, "activate"]) => {
            no_commission(door)?;
            let reply = door.accounts.activate(id).await?;
            door.commissioning.account_changed().await;
            Ok(reply)
        }
        ("DELETE", ["app", "accounts", id]) => {
            no_commission(door)?;
            let discard = path.query().text("discard").as_deref() == Some("true");
            let reply = door.accounts.sign_out(id, discard).await?;
            door.commissioning.account_changed().await;
            Ok(reply)
        }
        ("GET", ["app", "sync"]) => sync_status(door).await,
        ("POST", ["app", "sync", "now"]) => {
            if door.accounts.try_unopened().await {
                // What a kill left behind in it is recorded now.
                door.commissioning.start().await;
            }
            if let Some(account) = door.accounts.active() {
                account.wish_round();
            }
            sync_status(door).await
        }
        ("POST", ["app", "sync", "verify"]) => verify(&*door.account()?).await,
        ("POST", ["app", "sync", "export"]) => export(&*door.account()?, &door.exports).await,
        ("GET", ["app", "sync", "attention"]) => {
            let items = sync::attention(&*door.account()?).await.map_err(|error| error.reply())?;
            Ok(Reply::ok(json!({"items": items, "next": null})))
        }
        ("POST", ["app", "sync", "attention", id, "retry"]) => {
            let account = door.account()?;
            by_id(id, async |id| match sync::retry(&account, id).await.map_err(|error| error.reply())? {
                Some(Ok(())) => Ok(Reply::done()),
                Some(Err(refusal)) => Err(refused(&refusal)),
                None => Err(Reply::not_found()),
            })
            .await
        }
        ("DELETE", ["app", "sync", "attention", id]) => {
            let account = door.account()?;
            by_id(id, async |id| match sync::discard(&account, id).await.map_err(|error| error.reply())? {
                true => Ok(Reply::done()),
                false => Err(Reply::not_found()),
            })
            .await
        }
        _ => Err(Reply::not_found()),
    }
}

/// A commission ends in the account in which it began, in sight of its technician.
fn no_commission(door: &Door) -> Result<(), Reply> {
    if door.accounts.all().iter().any(|account| door.commissioning.is_busy(account.id().as_str())) {
        return Err(Reply::error(409, "commission_running", "a device is being commissioned; finish or cancel it first"));
    }
    Ok(())
}

async fn host(door: &Door) -> Reply {
    Reply::ok(json!({
        "version": door.version,
        "os": std::env::consts::OS,
        "radio": door.commissioning.radio_status().await,
        "capabilities": ["radio", "accounts", "sync", "operator"],
        "default_server": door.default_server,
    }))
}

async fn sync_status(door: &Door) -> Result<Reply, Reply> {
    match door.accounts.active_ailment() {
        Some(error) => Ok(Reply::ok(json!({
            "state": State::Stopped,
            "synced_at": null,
            "pending": 0,
            "attention": 0,
            "grants": 0,
            "clock_skew_ms": null,
            "bytes_in": 0,
            "bytes_out": 0,
            "sites": null,
            "storage_bytes": 0,
            "error": error,
        }))),
        None => status(&*door.account()?).await,
    }
}

async fn verify(account: &Account) -> Result<Reply, Reply> {
    let verified = sync::verify(account).await.map_err(|failure| failure.reply())?;
    Ok(Reply::ok(match verified {
        Verified::Same(rows) => json!({"result": "same", "rows": rows}),
        Verified::Different => json!({"result": "different"}),
        Verified::OtherVersion => json!({"result": "other_version"}),
    }))
}

/// Writes what has not reached the server into a file that a person can take away.
async fn export(account: &Account, folder: &Folder) -> Result<Reply, Reply> {
    let changes = sync::unsent(account).await.map_err(|error| error.reply())?;
    let (me, now, count) = (account.me(), account.clock.now(), changes.len());
    let file = folder.join(format!("omniot-{}-{}.json", me.tenant.name, now.0));
    let text = json!({"tenant": me.tenant, "person": me.person, "app_version": account.version, "exported_at": now, "changes": changes});
    let written = std::fs::create_dir_all(folder).and_then(|()| files::replace(&file, format!("{text:#}").as_bytes()));
    written.map_err(|error| Reply::error(507, "not_exported", &format!("the file {} cannot be written: {error}", file.display())))?;
    Ok(Reply::ok(json!({"path": file, "changes": count})))
}

async fn status(account: &Account) -> Result<Reply, Reply> {
    let waiting = sync::waiting(account).await.map_err(|error| error.reply())?;
    let status = account.status.now();
    let (bytes_in, bytes_out) = account.way().traffic().total();
    Ok(Reply::ok(json!({
        "state": status.state,
        "synced_at": status.synced_at,
        "pending": waiting.pending,
        "attention": waiting.attention,
        "grants": waiting.grants,
        "clock_skew_ms": status.clock_skew_ms,
        "bytes_in": bytes_in,
        "bytes_out": bytes_out,
        "sites": waiting.sites,
        "storage_bytes": account.store.bytes(),
        "error": status.error,
    })))
}
