//! `/app/attempts/{id}/checks`: what was answered at an attempt of this machine; and `/v1/checklist`.
//!
//! Answers are on the disk before they are confirmed, need no network, and become a file of the attempt.
//! Deliberately not here: photos ([`super::photos`]), what may be answered (`omniot_shared::checklist`).

use omniot_shared::{
    checklist::{Answer, Checklist, Record, plain},
    ids::AttemptId,
    roles::Permission,
    sync::Refusal,
};
use reqwest::Method;
use rusqlite::Connection;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Reply, path::{Path, body}, proxy, telemetry, writes::refused};
use crate::{
    accounts::Account,
    events::Event,
    store::{StoreError, checklist, checks, on_worker},
    sync,
    transport::{Trouble, Unreachable},
};

/// Body of `PUT /app/attempts/{id}/checks`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    /// Blank is none; one that is not given stays as it is.
    #[serde(default, deserialize_with = "given")]
    note: Option<Option<String>>,
    /// What is not named stays as it is.
    answers: Vec<Given>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    id: Uuid,
    /// `null` takes an answer back.
    #[serde(deserialize_with = "there")]
    answer: Option<Answer>,
}

/// What may be `null` and must be there.
fn there<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(from)
}

/// What may be `null` or not be there.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// `GET /v1/checklist`: the server's when it answers in time, else what was fetched before.
pub async fn checklist(account: &Account, path: &Path) -> Result<Reply, Reply> {
    if let Some(reply) = telemetry::server(account, path).await {
        if reply.status == 200 {
            sync::checklist::keep(account, &reply.body).await.map_err(|error| error.reply())?;
        }
        return Ok(reply);
    }
    let kept = on_worker(&account.store, |store| store.read(|db| checklist::find(db))).await.map_err(|error| error.reply())?;
    kept.map(Reply::ok).ok_or_else(|| Trouble::Offline(Unreachable::NoConnection).reply())
}

/// `PUT /v1/checklist`: only the server can; what it says stands here at once.
pub async fn set_checklist(account: &Account, given: Option<&Value>) -> Result<Reply, Reply> {
    let reply = proxy::ask_as(account, Method::PUT, sync::checklist::PATH, given).await?;
    if reply.status == 200
        && let Err(error) = sync::checklist::keep(account, &reply.body).await
    {
        tracing::warn!(%error, "the checklist is changed, and not kept here yet");
    }
    Ok(reply)
}

/// `GET /app/attempts/{id}/checks`.
pub async fn show(account: &Account, id: AttemptId) -> Result<Reply, Reply> {
    fetch_back(account, id).await?;
    let (person, client) = (account.me().person.id, account.client());
    let seen = on_worker(&account.store, move |store| {
        store.read(|db| if checks::is_ours(db, id, person, client)? { view(db, id).map(Some) } else { Ok(None) })
    });
    seen.await.map_err(|error| error.reply())?.map(Reply::ok).ok_or_else(Reply::not_found)
}

/// What was answered may be with the server alone, since its attempt was out of sight: then nothing is said over it
/// before it is here again.
async fn fetch_back(account: &Account, id: AttemptId) -> Result<(), Reply> {
    let is_away = on_worker(&account.store, move |store| store.read(|db| checks::is_away(db, id))).await.map_err(|error| error.reply())?;
    if !is_away {
        return Ok(());
    }
    let reply = proxy::ask_as(account, Method::GET, &format!("/v1/attempts/{id}/checks"), None).await?;
    if reply.status != 200 {
        return Err(reply);
    }
    let record: Option<Record> = serde_json::from_value(reply.body["record"].clone()).map_err(|_| Trouble::Offline(Unreachable::SomebodyElse).reply())?;
    let kept = on_worker(&account.store, move |store| store.note(|db| checks::take_back(db, id, record.as_ref())));
    kept.await.map_err(|error| error.reply())
}

/// The checklist as it is kept here, what was answered, and the photos.
fn view(db: &Connection, id: AttemptId) -> Result<Value, StoreError> {
    let (record, state) = checks::record(db, id)?.unzip();
    Ok(json!({"checklist": list(db)?, "record": record, "record_state": state, "photos": checks::photos(db, id)?}))
}

fn list(db: &Connection) -> Result<Checklist, StoreError> {
    Ok(checklist::find(db)?.map(Into::into).unwrap_or_default())
}

/// `PUT /app/attempts/{id}/checks`; where a visit goes on after this one, it is said there, too.
pub async fn answer(account: &Account, id: AttemptId, given: Option<&Value>) -> Result<Reply, Reply> {
    let given: Answered = body(given)?;
    may_add(account)?;
    fetch_back(account, id).await?;
    let (person, client, now, at) = (account.me().person.id, account.client(), account.clock.now(), account.server_now());
    let kept = on_worker(&account.store, move |store| {
        let kept = store.edit(|db| {
            if !checks::is_ours(db, id, person, client)? {
                return Ok(Err(Reply::not_found()));
            }
            // Out of sight since it was fetched back.
            if checks::is_away(db, id)? {
                return Ok(Err(Trouble::Offline(Unreachable::NoConnection).reply()));
            }
            let earlier = checks::record(db, id)?.map(|(record, _)| record);
            let list = list(db)?;
            let mut record = Record::renewed(id, &list, earlier.as_ref());
            over(db, &mut record, earlier.as_ref(), given.clone())?;
            record.forget_former(&list);
            let says_more = match &earlier {
                Some(earlier) => (&earlier.items, &earlier.note, earlier.checklist) != (&record.items, &record.note, record.checklist),
                None => record.note.is_some() || record.answered() > 0,
            };
            if says_more {
                // Whatever the clock does, what is said later counts.
                record.at = earlier.as_ref().map_or(at, |earlier| at.max(earlier.at.plus(1)));
                checks::keep_record(db, &record, now)?;
                if let Some(after) = checks::goes_on_at(db, id)? {
                    checks::carry_on(db, id, after, earlier.as_ref(), now)?;
                }
            }
            view(db, id).map(Ok)
        });
        match kept {
            Err(StoreError::Refused(refusal)) => Ok(Err(refused(&refusal))),
            settled => settled,
        }
    });
    let view = kept.await.map_err(|error| error.reply())??;
    changed(account);
    Ok(Reply::ok(view))
}

/// Writes what was given over what stood.
fn over(db: &Connection, record: &mut Record, earlier: Option<&Record>, given: Answered) -> Result<(), StoreError> {
    let mut photos: Vec<_> = checks::photos(db, record.attempt_id)?.into_iter().map(|photo| photo.sha256).collect();
    // What was named before stands, also where a photo is not here any more because the server has it.
    photos.extend(earlier.into_iter().flat_map(Record::photos));
    record.note = match given.note {
        Some(note) => note.map(|note| plain(&note)).filter(|note| !note.is_empty()),
        None => earlier.and_then(|earlier| earlier.note.clone()),
    };
    for (place, Given { id, answer }) in given.answers.into_iter().enumerate() {
        let answer = answer.map(Answer::trimmed);
        let field = |name: &str| format!("answers[{place}].{name}");
        if answer.iter().flat_map(Answer::photos).any(|photo| !photos.contains(photo)) {
            return Err(Refusal::field(&field("answer"), "names a photo that is not here").into());
        }
        let Some(item) = record.items.iter_mut().find(|item| item.id == id) else {
            // Taken off the list while the page showed it.
            if answer.is_none() { continue } else { return Err(Refusal::field(&field("id"), "nothing of that id is asked").into()) }
        };
        item.answer = answer;
        item.check_answer(&field("answer"))?;
    }
    Ok(())
}

/// Adding to attempts is for who may commission. What was added while they did goes, whatever they may now.
pub(super) fn may_add(account: &Account) -> Result<(), Reply> {
    let role = account.me().person.role;
    if role.may(Permission::DeviceCommission) { Ok(()) } else { Err(Reply::error(403, "not_allowed", "your role does not allow this")) }
}

/// What waits is counted, and goes when it may.
pub(super) fn changed(account: &Account) {
    account.events.tell(Event::Data { entity: "attempt" });
    account.events.tell(Event::Commission);
    account.events.tell(Event::Sync);
    account.edited.notify_one();
}
