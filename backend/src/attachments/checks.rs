//! What was checked at an attempt: of its records the latest one counts, and few are kept.

use omniot_shared::{
    attachment::{Address, Kind, MOST_CHECKS},
    checklist::Record,
    ids::AttemptId,
    roles::need,
    time::Millis,
};
use serde::Serialize;

use super::{api::{AttachmentError, seen}, store};
use crate::{
    db::{DbError, Scope},
    http::{Caller, Json, Path},
};

/// Whether the bytes are a record of that attempt.
pub fn is_of(attempt: AttemptId, bytes: &[u8]) -> bool {
    Record::unpack(bytes).is_ok_and(|record| record.attempt_id == attempt)
}

/// The records of an attempt, the latest first; what this version cannot read is the oldest.
async fn latest_first(scope: &mut Scope, attempt: AttemptId) -> Result<Vec<(Option<Record>, store::Checks)>, DbError> {
    let rows = store::checks(scope, attempt).await?;
    let mut records: Vec<_> = rows.into_iter().map(|row| (Record::unpack(&row.content).ok(), row)).collect();
    records.sort_by(|(a, row), (b, other)| {
        let at = |record: &Option<Record>| record.as_ref().map(|record| record.at);
        (at(b), &other.sha256).cmp(&(at(a), &row.sha256))
    });
    Ok(records)
}

/// Keeps the latest records only; how many bytes that freed, `None` when `new` itself is too old to be kept.
pub async fn forget_older(scope: &mut Scope, attempt: AttemptId, new: Address) -> Result<Option<i64>, DbError> {
    let mut freed = 0;
    for (_, row) in latest_first(scope, attempt).await?.into_iter().skip(MOST_CHECKS) {
        if row.sha256 == new.0 {
            return Ok(None);
        }
        store::remove(scope, attempt, &row.sha256).await?;
        freed += row.size;
    }
    Ok(Some(freed))
}

/// A photo of an attempt.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AttemptPhoto {
    /// What it is called.
    sha256: Address,
    /// Its media type.
    media_type: String,
    /// Bytes.
    size: i64,
    /// When it came.
    added_at: Millis,
}

/// What was checked at an attempt.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AttemptChecks {
    /// The latest record; `null`: nothing was answered, or it has not come yet.
    record: Option<Record>,
    /// All photos of the attempt, oldest first; an answer may name one that has not come yet.
    photos: Vec<AttemptPhoto>,
}

/// Show what was checked at an attempt
#[utoipa::path(get, path = "/v1/attempts/{id}/checks", operation_id = "get_attempt_checks", tag = "devices", params(("id" = AttemptId, Path)),
    responses((status = 200, body = AttemptChecks), (status = 404, body = crate::http::ErrorBody)))]
pub async fn get_attempt_checks(mut caller: Caller<need::AttemptRead>, Path(id): Path<AttemptId>) -> Result<Json<AttemptChecks>, AttachmentError> {
    seen(&mut caller, id).await?;
    let record = latest_first(caller.scope(), id).await?.into_iter().next().and_then(|(record, _)| record);
    let files = store::list(caller.scope(), id).await?;
    let photos = files.into_iter().filter(|row| row.kind == Kind::Photo.name()).filter_map(|row| {
        let sha256 = row.sha256.try_into().ok().map(Address)?;
        Some(AttemptPhoto { sha256, media_type: row.media_type, size: row.size, added_at: Millis(row.added_at) })
    });
    Ok(Json(AttemptChecks { record, photos: photos.collect() }))
}
