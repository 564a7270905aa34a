//! Files of attempts in what a leaver hands over: photos, and what was checked.
//!
//! One of an attempt that is here goes to it, as if its author had put it there; one of an attempt that is not waits for
//! what the administrators decide about its record.
//! Deliberately not here: the limits of attempts and of the tenant (`crate::attachments`).

use omniot_shared::{
    attachment::{self, Address, Kind},
    ids::{AttemptId, PersonId},
    sync::escrow::BoxedFile,
    time::Millis,
};
use uuid::Uuid;

use super::{Author, store};
use crate::{
    attachments::{self, AttachmentError, New, Older},
    audit::{self, Entry},
    db::{DbError, Scope},
};

/// What becomes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is with its attempt, or waited for it before.
    Taken,
    /// It waits for its attempt from now on.
    Held,
    /// It is no file of an attempt of theirs, or there is one too many.
    Refused,
    /// There is no room for it now.
    Later,
}

/// With what a file is put down.
#[derive(Debug, Clone, Copy)]
pub struct Desk<'a> {
    /// The most bytes of the tenant's files.
    pub quota: i64,
    /// When.
    pub now: Millis,
    /// In which request.
    pub request_id: Option<&'a str>,
}

/// Takes a file that its author hands over, until `most` of them wait.
///
/// # Errors
/// Whatever the store says.
pub async fn take(scope: &mut Scope, author: &Author, file: &BoxedFile, most: i64, desk: Desk<'_>) -> Result<Fate, DbError> {
    let Some(new) = read(file, author.id, desk.now) else { return Ok(Fate::Refused) };
    match attachments::owner(scope, file.attempt).await? {
        Some(owner) if PersonId(owner.technician_id) == author.id => add(scope, author, &new, desk).await,
        Some(_) => Ok(Fate::Refused),
        None => hold(scope, &new, most, desk).await,
    }
}

/// What is kept of it; `None` where it is not what it says.
fn read(file: &BoxedFile, by: PersonId, at: Millis) -> Option<New<'_>> {
    let kind = Kind::of_type(&file.media_type)?;
    let address = Address::of(&file.content);
    attachment::check(kind, &file.media_type, address, &file.content).ok()?;
    let is_its = kind != Kind::Checks || attachments::are_checks_of(file.attempt, &file.content);
    is_its.then_some(New { attempt: file.attempt, address, kind, media_type: &file.media_type, content: &file.content, by, at })
}

/// In a part of its own: nothing is left of what is over a limit.
async fn add(scope: &mut Scope, author: &Author, new: &New<'_>, desk: Desk<'_>) -> Result<Fate, DbError> {
    scope.part().await?;
    let fate = match attachments::add(scope, new, Older::Stay, desk.quota).await {
        Ok(is_new) => {
            scope.keep().await?;
            if is_new {
                let detail = serde_json::json!({"kind": new.kind, "sha256": new.address, "size": new.size(), "via": "escrow"});
                let entry = Entry::new("attempt.attach").target("attempt", new.attempt, new.kind.name()).detail(detail);
                audit::append(scope, &audit::Author::person(author.id, &author.name), desk.now, desk.request_id, entry).await?;
            }
            return Ok(Fate::Taken);
        }
        Err(AttachmentError::Quota) => Fate::Later,
        Err(AttachmentError::Db(error)) => return Err(error),
        Err(_) => Fate::Refused,
    };
    scope.undo().await?;
    Ok(fate)
}

const COUNT: &str = "
    select count(*), cast(coalesce(sum(case when attempt_id = $3 then 1 else 0 end), 0) as bigint) from escrow_file
    where tenant_id = $1 and person_id = $2";
const IS_HELD: &str = "select count(*) from escrow_file where tenant_id = $1 and attempt_id = $2 and person_id = $3 and sha256 = $4";
const HOLD: &str = "
    insert into escrow_file (tenant_id, attempt_id, sha256, person_id, media_type, size, received_at, content)
    values ($1, $2, $3, $4, $5, $6, $7, $8)";

async fn hold(scope: &mut Scope, new: &New<'_>, most: i64, desk: Desk<'_>) -> Result<Fate, DbError> {
    let (held,): (i64,) = scope.query(IS_HELD).bind(new.attempt).bind(new.by).bind(new.address.0).one().await?;
    if held > 0 {
        return Ok(Fate::Taken);
    }
    // For a record that is decided about; one that is still on its way is waited for where the file is.
    let records = store::records_of(scope, new.attempt, new.by).await?;
    if records.iter().all(|(verdict, _)| verdict.is_some()) {
        return Ok(if records.is_empty() { Fate::Later } else { Fate::Refused });
    }
    let (all, of_it): (i64, i64) = scope.query(COUNT).bind(new.by).bind(new.attempt).one().await?;
    if of_it >= i64::try_from(attachment::MOST).unwrap_or(i64::MAX) {
        return Ok(Fate::Refused);
    }
    if all >= most {
        return Ok(Fate::Later);
    }
    scope.part().await?;
    if attachments::meter(scope, new.size()).await? > desk.quota {
        scope.undo().await?;
        return Ok(Fate::Later);
    }
    let query = scope.query(HOLD).bind(new.attempt).bind(new.address.0).bind(new.by).bind(new.media_type);
    query.bind(new.size()).bind(desk.now).bind(new.content).execute().await?;
    scope.keep().await?;
    Ok(Fate::Held)
}

const HELD: &str = "select sha256 from escrow_file where tenant_id = $1 and attempt_id = $2 and person_id = $3 order by received_at, sha256";
const TAKE_OUT: &str = "
    delete from escrow_file where tenant_id = $1 and attempt_id = $2 and person_id = $3 and sha256 = $4
    returning media_type, content";

/// The record of that attempt of theirs was accepted: what waited for it goes to it. It was counted when it came: there is
/// room for it, whatever the quota is by now.
///
/// # Errors
/// Whatever the store says.
pub async fn release(scope: &mut Scope, attempt: AttemptId, author: &Author, now: Millis, request_id: Option<&str>) -> Result<(), DbError> {
    let held: Vec<(Vec<u8>,)> = scope.query(HELD).bind(attempt).bind(author.id).all().await?;
    let desk = Desk { quota: i64::MAX, now, request_id };
    for (sha256,) in held {
        let (media_type, content): (String, Vec<u8>) = scope.query(TAKE_OUT).bind(attempt).bind(author.id).bind(sha256).one().await?;
        attachments::meter(scope, -i64::try_from(content.len()).unwrap_or(i64::MAX)).await?;
        let file = BoxedFile { attempt, media_type, content };
        if let Some(new) = read(&file, author.id, desk.now)
            && add(scope, author, &new, desk).await? != Fate::Taken
        {
            tracing::warn!(attempt.id = %attempt, "the attempt of a file from escrow has as many as it may");
        }
    }
    Ok(())
}

const FORGET: &str = "delete from escrow_file where tenant_id = $1 and attempt_id = $2 and person_id = $3 returning size";
const FORGET_BEFORE: &str = "delete from escrow_file where tenant_id = $1 and received_at < $2 returning size";
const WAITING: &str = "select attempt_id, person_id, count(*) from escrow_file where tenant_id = $1 group by attempt_id, person_id";

/// The record of that attempt of theirs was rejected: what waited for it goes.
///
/// # Errors
/// Whatever the store says.
pub async fn forget(scope: &mut Scope, attempt: AttemptId, person: PersonId) -> Result<(), DbError> {
    let freed: Vec<(i64,)> = scope.query(FORGET).bind(attempt).bind(person).all().await?;
    give_back(scope, &freed).await
}

/// Forgets what came before `at`.
///
/// # Errors
/// Whatever the store says.
pub async fn forget_before(scope: &mut Scope, at: Millis) -> Result<(), DbError> {
    let freed: Vec<(i64,)> = scope.query(FORGET_BEFORE).bind(at).all().await?;
    give_back(scope, &freed).await
}

async fn give_back(scope: &mut Scope, freed: &[(i64,)]) -> Result<(), DbError> {
    let bytes: i64 = freed.iter().map(|(size,)| size).sum();
    if bytes > 0 {
        attachments::meter(scope, -bytes).await?;
    }
    Ok(())
}

/// How many files wait for each attempt, by whose they are.
///
/// # Errors
/// Whatever the store says.
pub async fn waiting(scope: &mut Scope) -> Result<Vec<(AttemptId, PersonId, i64)>, DbError> {
    let rows: Vec<(Uuid, Uuid, i64)> = scope.query(WAITING).all().await?;
    Ok(rows.into_iter().map(|(attempt, person, count)| (attempt.into(), person.into(), count)).collect())
}
