//! `/app/attempts/{id}/photos`: photos of attempts of this machine, and those of other attempts as the server has them.
//!
//! Bytes come and go as base64, since the door speaks JSON. Deliberately not here: making them small (the page).

use base64::{Engine, engine::general_purpose::STANDARD};
use omniot_shared::{
    attachment::{self, Address, Kind, Unfit},
    ids::AttemptId,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Reply, checks::{changed, may_add}, path::body, proxy};
use crate::{
    accounts::Account,
    store::{attachments::File, checks, on_worker},
};

/// Body of `POST /app/attempts/{id}/photos`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Taken {
    media_type: String,
    content: String,
}

impl Taken {
    /// The photo, when it is one.
    fn file(self, attempt: AttemptId) -> Result<File, Reply> {
        if Kind::of_type(&self.media_type) != Some(Kind::Photo) {
            return Err(Reply::error(415, "unsupported_media_type", "a photo is image/jpeg, image/png or image/webp"));
        }
        let content = STANDARD.decode(&self.content).map_err(|_| Reply::invalid("invalid_field", "content", "is no base64"))?;
        attachment::check(Kind::Photo, &self.media_type, Address::of(&content), &content).map_err(|unfit| match unfit {
            Unfit::TooLarge(_) => Reply::error(413, "too_large", &unfit.to_string()),
            Unfit::OtherBytes | Unfit::NotThat => Reply::error(422, "invalid_attachment", &unfit.to_string()),
        })?;
        Ok(File { attempt, kind: Kind::Photo, media_type: self.media_type, content })
    }
}

/// `POST /app/attempts/{id}/photos`; where a visit goes on after this one, so does the photo.
pub async fn add(account: &Account, id: AttemptId, given: Option<&Value>) -> Result<Reply, Reply> {
    let file = body::<Taken>(given)?.file(id)?;
    may_add(account)?;
    let sha256 = Address::of(&file.content);
    let (person, client, now) = (account.me().person.id, account.client(), account.clock.now());
    let kept = on_worker(&account.store, move |store| {
        store.edit(|db| {
            if !checks::is_ours(db, id, person, client)? {
                return Ok(None);
            }
            if let Some(after) = checks::goes_on_at(db, id)? {
                checks::add_photo(db, &File { attempt: after, ..file.clone() }, now)?;
            }
            checks::add_photo(db, &file, now).map(Some)
        })
    });
    match kept.await.map_err(|error| error.reply())? {
        None => Err(Reply::not_found()),
        Some(false) => Err(Reply::error(409, "too_many_attachments", &format!("an attempt has at most {} photos", checks::MOST_PHOTOS))),
        Some(true) => {
            changed(account);
            // It need not wait for anything.
            account.wake.notify_one();
            Ok(Reply::created(json!({"sha256": sha256})))
        }
    }
}

/// `GET /app/attempts/{id}/photos/{sha256}`.
pub async fn show(account: &Account, id: AttemptId, sha256: &str) -> Result<Reply, Reply> {
    let address = Address::read(sha256).ok_or_else(Reply::not_found)?;
    let kept = on_worker(&account.store, move |store| store.read(|db| checks::photo(db, id, address))).await.map_err(|error| error.reply())?;
    let (media_type, content) = match kept {
        Some(kept) => kept,
        None => {
            let path = format!("/v1/attempts/{id}/attachments/{address}");
            let content = proxy::file_as(account, &path, Kind::Photo.limit()).await?;
            let is_that = Address::of(&content) == address;
            let media_type = attachment::picture_type(&content).filter(|_| is_that).ok_or_else(Reply::not_found)?;
            (media_type.to_owned(), content)
        }
    };
    Ok(Reply::ok(json!({"media_type": media_type, "content": STANDARD.encode(content)})))
}

/// `DELETE /app/attempts/{id}/photos/{sha256}`; where a visit goes on, there, too, unless something else was said since.
pub async fn remove(account: &Account, id: AttemptId, sha256: &str) -> Result<Reply, Reply> {
    let address = Address::read(sha256).ok_or_else(Reply::not_found)?;
    let (now, at) = (account.clock.now(), account.server_now());
    let removed = on_worker(&account.store, move |store| {
        store.edit(|db| {
            let said = checks::record(db, id)?.map(|(record, _)| record);
            let untouched = match checks::goes_on_at(db, id)? {
                Some(after) if checks::says_the_same(db, after, said.as_ref())? => Some(after),
                _ => None,
            };
            let removed = checks::remove_photo(db, id, address, now, at)?;
            // One that stays at the one stays at the other.
            if let (Some(after), Some(true)) = (untouched, removed) {
                checks::remove_photo(db, after, address, now, at)?;
            }
            Ok(removed)
        })
    });
    match removed.await.map_err(|error| error.reply())? {
        None => Err(Reply::not_found()),
        Some(false) => Err(Reply::error(409, "state_conflict", "the server has this photo, or it is on its way; it stays with the attempt")),
        Some(true) => {
            changed(account);
            Ok(Reply::done())
        }
    }
}
