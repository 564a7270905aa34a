//! What has not reached the server, in one archive that a person can take away without it.
//!
//! A ZIP: `changes.json` (who, where, when, each change as it would be sent, and which files belong to which attempt)
//! and the files themselves under `files/`. They are written one by one, so that many photos take no memory.
//! Deliberately not here: where the archive goes (the door).

use std::{
    fs::File,
    io::{self, Write as _},
    path::PathBuf,
};

use omniot_shared::{
    ids::{AttemptId, IntentId},
    sync::{
        Change,
        client::{Entry, Replica as _, State},
    },
};
use rusqlite::Connection;
use serde_json::{Value, json};
use zip::{ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::attention::last_word;
use crate::{
    accounts::Account,
    door::Reply,
    files,
    store::{
        StoreError,
        attachments::{self, Unsent},
        on_worker,
        replica::Open,
        unreadable,
    },
};

/// How much an archive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// Changes.
    pub changes: usize,
    /// Photos, answers to checklists, and what was recorded on the radio.
    pub files: usize,
}

/// Why nothing was saved.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The replica cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The archive cannot be written.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

impl From<ZipError> for ExportError {
    fn from(error: ZipError) -> Self {
        Self::Disk(error.into())
    }
}

impl From<rusqlite::Error> for ExportError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<serde_json::Error> for ExportError {
    fn from(error: serde_json::Error) -> Self {
        Self::Store(error.into())
    }
}

impl ExportError {
    /// As an answer of the door.
    #[must_use]
    pub fn reply(&self) -> Reply {
        match self {
            Self::Store(error) => error.reply(),
            Self::Disk(error) => Reply::error(507, "not_exported", &format!("the file cannot be written: {error}")),
        }
    }
}

/// Writes into `archive` what has not reached the server; or `only` that change, with the files of its attempt.
/// `None` where there is nothing of it, and no archive then.
///
/// # Errors
/// [`ExportError`]: there is no archive.
pub async fn export(account: &Account, only: Option<IntentId>, archive: PathBuf) -> Result<Option<Saved>, ExportError> {
    let me = account.me();
    let about = json!({"tenant": me.tenant, "person": me.person, "app_version": account.version, "exported_at": account.clock.now()});
    let written = on_worker(&account.store, move |store| {
        // Of one moment: what is sent meanwhile is in it all the same.
        store.read(|db| Ok(write(db, only, about, &archive)))
    });
    written.await?
}

fn write(db: &Connection, only: Option<IntentId>, mut about: Value, archive: &std::path::Path) -> Result<Option<Saved>, ExportError> {
    let waiting = Open(db).outbox()?.into_iter().filter(|entry| matches!(entry.state, State::Waiting | State::Deferred { .. }));
    let entries: Vec<Entry> = waiting.chain(Open(db).attention()?).filter(|entry| only.is_none_or(|id| id == entry.intent.id)).collect();
    let unreadable = unreadable::all(db)?.into_iter().filter(|one| only.is_none_or(|id| id == one.id));
    let mut changes: Vec<Value> = entries.iter().map(|entry| json!({"state": entry.state.name(), "intent": entry.intent, "receipt": last_word(&entry.state)})).collect();
    changes.extend(unreadable.map(|one| json!({"state": "unreadable", "intent_id": one.id, "text": one.text})));
    let attempts: Vec<AttemptId> = entries.iter().filter_map(|entry| if let Change::AttemptRecord(record) = &entry.intent.change { Some(record.id) } else { None }).collect();
    let files = attachments::unsent(db)?.into_iter().filter(|file| only.is_none() || attempts.contains(&file.attempt)).collect::<Vec<_>>();
    if changes.is_empty() && files.is_empty() {
        return Ok(None);
    }
    about["files"] = files.iter().map(|file| json!({"name": name(file), "attempt_id": file.attempt, "kind": file.kind.name(), "media_type": file.media_type, "sha256": file.address})).collect();
    let saved = Saved { changes: changes.len(), files: files.len() };
    about["changes"] = changes.into();
    if let Some(folder) = archive.parent() {
        std::fs::create_dir_all(folder)?;
    }
    files::replace_with(archive, |file| pack(db, file, &about, &files))?;
    Ok(Some(saved))
}

fn pack(db: &Connection, archive: &mut File, about: &Value, files: &[Unsent]) -> Result<(), ExportError> {
    let (mut zip, options) = (ZipWriter::new(archive), SimpleFileOptions::default());
    zip.start_file("changes.json", options)?;
    serde_json::to_writer_pretty(&mut zip, about)?;
    for file in files {
        zip.start_file(name(file), options)?;
        zip.write_all(&attachments::content(db, file)?)?;
    }
    zip.finish()?;
    Ok(())
}

/// Where a file is in the archive. Its address tells it from all others of the attempt.
fn name(file: &Unsent) -> String {
    let ending = match file.media_type.as_str() {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/webp" => "webp",
        "application/zstd" => "json.zst",
        _ => "json",
    };
    format!("files/{}/{}-{}.{ending}", file.attempt, file.kind.name(), file.address)
}
