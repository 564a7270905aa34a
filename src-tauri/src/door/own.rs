//! `/app/…`: what exists only in the app.
//!
//! Deliberately not here: radio, labels and commissions (`commissioning::api`).

use std::{path::Path as Folder, sync::Arc};

use omniot_shared::{claim::Letter, ids::{AttemptId, IntentId}, sync::Was};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Door, Reply, by_id, checks, photos,
    path::{Path, body},
    writes::refused,
};
use crate::{
    accounts::{Account, AccountId},
    events::Event,
    files,
    store::{self, Store, on_worker, releases},
    sync::{
        self, Verified,
        status::State,
        wishes::{self, SaveData, Wishes},
    },
};

/// Roughly what a row takes on the wire.
const BYTES_A_ROW: u64 = 40;
/// After space was freed, telemetry is not fetched by itself for so long.
const LEAVE_TELEMETRY_MS: i64 = 24 * 3_600_000;

/// Body of `PATCH /app/sync`; what is absent stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WishForm {
    /// Nothing is fetched, or again.
    paused: Option<bool>,
    /// When mobile data is saved.
    save_data: Option<SaveData>,
    /// Everything may be fetched now although mobile data is saved.
    anyway: Option<bool>,
    /// Photos are not sent over a network that is metered, or again over any.
    photos_wifi: Option<bool>,
}

impl WishForm {
    fn over(self, wishes: &mut Wishes) {
        wishes.paused = self.paused.unwrap_or(wishes.paused);
        wishes.save_data = self.save_data.unwrap_or(wishes.save_data);
        wishes.anyway = self.anyway.unwrap_or(wishes.anyway);
        wishes.photos_wifi = self.photos_wifi.unwrap_or(wishes.photos_wifi);
    }
}

/// Body of `POST /app/releases`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseForm {
    /// `OMR1.…`; white space in it is left out.
    text: String,
}

/// Body of a retry: what a person corrected.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetryForm {
    #[serde(default)]
    values: Option<Map<String, Value>>,
    /// What stands there, as they were shown it.
    #[serde(default)]
    was: Was,
}

/// Answers a path under `/app`.
///
/// # Errors
/// As a reply.
pub async fn answer(door: &Door, method: &str, path: &Path, given: Option<&Value>) -> Result<Reply, Reply> {
    match (method, path.parts().as_slice()) {
        ("GET", ["app", "host"]) => Ok(host(door).await),
        ("GET", ["app", "accounts"]) => Ok(door.accounts.list().await),
        ("POST", ["app", "accounts"]) => {
            let form = body(given)?;
            moving(door, async {
                // Signing in again as who it is stays possible; anybody else would hide the commission.
                if door.accounts.active().is_some_and(|account| account.server().is_ok()) {
                    no_commission(door, None)?;
                }
                door.accounts.sign_in(form, |id| no_commission(door, Some(id))).await
            })
            .await
        }
        ("POST", ["app", "accounts", id, "activate"]) => {
            let opening = given.map(|given| body(Some(given))).transpose()?;
            moving(door, async {
                no_commission(door, None)?;
                door.accounts.activate(id, opening).await
            })
            .await
        }
        ("POST", ["app", "accounts", "lock"]) => {
            moving(door, async {
                no_commission(door, None)?;
                door.operator.lock();
                door.accounts.lock()
            })
            .await
        }
        ("DELETE", ["app", "accounts", id]) => {
            let discard = path.query().text("discard").as_deref() == Some("true");
            moving(door, async {
                no_commission(door, None)?;
                door.accounts.sign_out(id, discard).await
            })
            .await
        }
        ("POST", ["app", "releases"]) => take_release(&*door.account()?, body(given)?).await,
        ("GET", ["app", "sync"]) => sync_status(door).await,
        ("PATCH", ["app", "sync"]) => {
            let account = door.account()?;
            let wanted: WishForm = body(given)?;
            let wished = wishes::wish(&account, |wishes| wanted.over(wishes)).await;
            wished.map_err(|error| error.reply())?;
            status(door, &account).await
        }
        ("GET", ["app", "sync", "storage"]) => {
            let room = on_worker(&door.account()?.store, Store::room).await.map_err(|error| error.reply())?;
            Ok(Reply::ok(json!({"room": room, "total": room.total()})))
        }
        ("POST", ["app", "sync", "storage", "free"]) => free_up(&*door.account()?).await,
        ("POST", ["app", "sync", "now"]) => {
            if door.accounts.try_unopened().await {
                // What a kill left behind in it is recorded now.
                door.commissioning.start().await;
            }
            if let Some(account) = door.accounts.active() {
                let_checks_go(&account).await;
                account.wish_round();
            }
            sync_status(door).await
        }
        ("POST", ["app", "sync", "wake"]) => {
            if let Some(account) = door.accounts.active() {
                account.wake.notify_one();
            }
            Ok(Reply::ok(Value::Null))
        }
        ("POST", ["app", "sync", "verify"]) => verify(&*door.account()?).await,
        (_, ["app", "attempts", id, rest @ ..]) => {
            let account = door.account()?;
            by_id(id, async |id| of_attempt(door, &account, method, id, rest, given).await).await
        }
        ("POST", ["app", "sync", "export"]) => export(&*door.account()?, &door.exports, None).await,
        ("POST", ["app", "sync", "attention", id, "export"]) => {
            let account = door.account()?;
            by_id(id, async |id| export(&account, &door.exports, Some(id)).await).await
        }
        ("POST", ["app", "visit", "summary"]) => save_summary(&*door.account()?, &door.exports, body(given)?),
        ("GET", ["app", "sync", "attention"]) => {
            let items = sync::attention(&*door.account()?).await.map_err(|error| error.reply())?;
            Ok(Reply::ok(json!({"items": items, "next": null})))
        }
        ("POST", ["app", "sync", "attention", id, "retry"]) => {
            let account = door.account()?;
            let RetryForm { values, was } = given.map(|_| body::<RetryForm>(given)).transpose()?.unwrap_or_default();
            by_id(id, async |id| match sync::retry(&account, id, values.clone(), was.clone()).await.map_err(|error| error.reply())? {
                Some(Ok(())) => Ok(Reply::done()),
                Some(Err(refusal)) => Err(refused(&refusal)),
                None => Err(Reply::not_found()),
            })
            .await
        }
        ("DELETE", ["app", "sync", "attention", id]) => {
            let account = door.account()?;
            by_id(id, async |id| {
                let is_gone = match sync::discard(&account, id).await {
                    Ok(false) => sync::discard_unreadable(&account, id).await,
                    discarded => discarded,
                };
                if is_gone.map_err(|error| error.reply())? { Ok(Reply::done()) } else { Err(Reply::not_found()) }
            })
            .await
        }
        _ => Err(Reply::not_found()),
    }
}

/// Keeps a release of another organization here, so that a device can be taken over without a network.
async fn take_release(account: &Account, form: ReleaseForm) -> Result<Reply, Reply> {
    let unreadable = |_| Reply::invalid("release_unreadable", "text", "This is not a whole release.");
    let letter = Letter::parse(&form.text).map_err(unreadable)?;
    if letter.release.not_after <= account.server_now() {
        return Err(Reply::invalid("release_expired", "text", "The time of this release is over."));
    }
    if letter.release.tenant == account.me().tenant.id {
        return Err(Reply::invalid("release_own", "text", "This organization made the release itself."));
    }
    let (serial, expires_at) = (letter.release.serial.clone(), letter.release.not_after);
    let kept = on_worker(&account.store, move |store| store.edit(|db| releases::keep(db, &letter, releases::Source::Entered))).await;
    kept.map_err(|error| error.reply())?;
    Ok(Reply::created(json!({"serial": serial, "expires_at": expires_at})))
}

/// A commission ends in the account in which it began, in sight of its technician.
/// Somebody else may work here after `act`: no device begins meanwhile, and whoever comes is not the operator who was there.
async fn moving(door: &Door, act: impl Future<Output = Result<Reply, Reply>>) -> Result<Reply, Reply> {
    let before = door.accounts.who_works();
    let reply = door.commissioning.beginning_none(act).await;
    if !door.accounts.is_still(&before) {
        door.operator.lock();
    }
    let reply = reply?;
    door.commissioning.account_changed().await;
    Ok(reply)
}

/// # Errors
/// 409 while a device is commissioned in any account but that one.
fn no_commission(door: &Door, but: Option<&AccountId>) -> Result<(), Reply> {
    if door.accounts.all().iter().any(|account| Some(account.id()) != but && door.commissioning.is_busy(account.id().as_str())) {
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
            "evidence": 0,
            "evidence_refused": 0,
            "grants": 0,
            "clock_skew_ms": null,
            "hold": null,
            "progress": null,
            "expected": null,
            "save_data": SaveData::default(),
            "photos_wifi": false,
            "metered": null,
            "bytes_in": 0,
            "bytes_out": 0,
            "sites": null,
            "storage_bytes": 0,
            "error": error,
        }))),
        None => status(door, &*door.account()?).await,
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

/// Writes what has not reached the server into an archive that a person can take away.
async fn export(account: &Account, folder: &Folder, only: Option<IntentId>) -> Result<Reply, Reply> {
    let file = folder.join(format!("omniot-{}-{}.zip", account.me().tenant.name, account.clock.now().0));
    let saved = sync::export::export(account, only, file.clone()).await.map_err(|error| error.reply())?;
    let saved = saved.ok_or_else(Reply::not_found)?;
    Ok(Reply::ok(json!({"path": file, "changes": saved.changes, "files": saved.files})))
}

/// The longest summary of a visit.
const SUMMARY_BYTES: usize = 4 * 1024 * 1024;

/// Body of `POST /app/visit/summary`: a page, as it is handed over.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Summary {
    html: String,
}

fn save_summary(account: &Account, folder: &Folder, Summary { html }: Summary) -> Result<Reply, Reply> {
    if html.is_empty() || html.len() > SUMMARY_BYTES {
        return Err(Reply::invalid("invalid_field", "html", "a summary has 1 byte to 4 MB"));
    }
    let file = folder.join(format!("omniot-{}-visit-{}.html", account.me().tenant.name, account.clock.now().0));
    write_down(&file, html.as_bytes())?;
    Ok(Reply::ok(json!({"path": file})))
}

/// What belongs to one attempt.
async fn of_attempt(door: &Door, account: &Arc<Account>, method: &str, id: AttemptId, rest: &[&str], given: Option<&Value>) -> Result<Reply, Reply> {
    match (method, rest) {
        ("POST", ["export"]) => export_trace(door, account, id).await,
        ("GET", ["checks"]) => checks::show(account, id).await,
        ("PUT", ["checks"]) => checks::answer(account, id, given).await,
        ("POST", ["photos"]) => photos::add(account, id, given).await,
        ("GET", ["photos", sha256]) => photos::show(account, id, sha256).await,
        ("DELETE", ["photos", sha256]) => photos::remove(account, id, sha256).await,
        _ => Err(Reply::not_found()),
    }
}

/// Whoever wants a round wants what was just answered in it, too.
async fn let_checks_go(account: &Account) {
    let now = account.clock.now();
    if let Err(error) = on_worker(&account.store, move |store| store.note(|db| store::checks::let_go(db, now))).await {
        tracing::warn!(%error, "what was answered goes a little later");
    }
}

/// Writes what happened on the radio in an attempt into a file that a person can take away.
async fn export_trace(door: &Door, account: &Arc<Account>, id: AttemptId) -> Result<Reply, Reply> {
    let path = Path::read(&format!("/v1/attempts/{id}/trace")).ok_or_else(Reply::not_found)?;
    let trace = match door.local(account, "GET", &path, None).await {
        Some(settled) => settled?,
        None => door.pass_on(account, "GET", &path, None).await?,
    };
    if trace.status != 200 {
        return Ok(trace);
    }
    let file = door.exports.join(format!("omniot-{id}.json"));
    write_down(&file, format!("{:#}", trace.body).as_bytes())?;
    Ok(Reply::ok(json!({"path": file})))
}

/// Writes a file for a person.
fn write_down(file: &Folder, text: &[u8]) -> Result<(), Reply> {
    let made = file.parent().map_or(Ok(()), std::fs::create_dir_all);
    let written = made.and_then(|()| files::replace(file, text));
    written.map_err(|error| Reply::error(507, "not_exported", &format!("the file {} cannot be written: {error}", file.display())))
}

/// Gives room back that can be had again.
async fn free_up(account: &Account) -> Result<Reply, Reply> {
    let freed = on_worker(&account.store, Store::free_up).await.map_err(|error| error.reply())?;
    account.store.window.rest_until(account.server_now().plus(LEAVE_TELEMETRY_MS));
    account.events.tell(Event::Sync);
    Ok(Reply::ok(json!({"freed": freed})))
}

async fn status(door: &Door, account: &Account) -> Result<Reply, Reply> {
    let waiting = sync::waiting(account).await.map_err(|error| error.reply())?;
    let status = account.status.now();
    let (bytes_in, bytes_out) = account.way().traffic().total();
    let mut lease = json!(account.lease());
    // A device under way is finished, whatever the lease.
    lease["is_finishing"] = door.commissioning.is_busy(account.id().as_str()).into();
    let (wishes, metered) = (account.wishes.now(), wishes::is_metered(account).await);
    let expected = status.rows.map(|rows| json!({"rows": rows, "bytes": rows * BYTES_A_ROW}));
    Ok(Reply::ok(json!({
        "state": status.state,
        "synced_at": status.synced_at,
        "pending": waiting.pending,
        "attention": waiting.attention,
        "evidence": waiting.evidence,
        "evidence_refused": waiting.refused,
        "grants": waiting.grants,
        "clock_skew_ms": status.clock_skew_ms,
        "hold": status.hold,
        "progress": status.progress,
        "expected": expected,
        "save_data": wishes.save_data,
        "photos_wifi": wishes.photos_wifi,
        "metered": metered,
        "bytes_in": bytes_in,
        "bytes_out": bytes_out,
        "sites": waiting.sites,
        "storage_bytes": account.store.bytes(),
        "lease": lease,
        "error": status.error,
    })))
}
