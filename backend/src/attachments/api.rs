//! `/v1/attempts/{id}/attachments` and, read for people, `/v1/attempts/{id}/trace`.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use omniot_shared::{
    attachment::{self, Address, Kind, Unfit, trace::{self, Trace}},
    ids::{AttemptId, PersonId, SiteId},
    roles::need,
    time::Millis,
};
use serde::Serialize;

use super::{adding, checks, store};
use crate::{
    audit::Entry,
    db::DbError,
    http::{ApiError, AppState, Caller, Json, Needs, NoContent, Path, is_known},
};

/// The media types that files may have.
const TYPES: [&str; 5] = ["application/zstd", "application/json", "image/jpeg", "image/png", "image/webp"];

/// Why something about files was refused.
#[derive(Debug, thiserror::Error)]
pub enum AttachmentError {
    /// There is no such attempt or file here.
    #[error("there is nothing here")]
    NotFound,
    /// Somebody else made the attempt.
    #[error("only whoever made the attempt adds to it")]
    SomebodyElses,
    /// Files of this type are not taken.
    #[error("no file of this type is taken")]
    Type,
    /// The file is not what it should be.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The attempt has as many as it may.
    #[error("the attempt has too many files")]
    TooMany,
    /// The tenant has as many bytes as it may.
    #[error("there is no room for more files")]
    Quota,
    /// The body did not come whole.
    #[error("the body could not be read")]
    Body,
    /// The store.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<AttachmentError> for ApiError {
    fn from(error: AttachmentError) -> Self {
        let said = format!("{error}.");
        match error {
            AttachmentError::NotFound => Self::not_found(),
            AttachmentError::SomebodyElses => Self::not_allowed(),
            AttachmentError::Type => Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", format!("Send one of {}.", TYPES.join(", "))),
            AttachmentError::Unfit(Unfit::TooLarge(_)) => Self { detail: said, ..Self::too_large() },
            AttachmentError::Unfit(Unfit::OtherBytes) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "hash_mismatch", said),
            AttachmentError::Unfit(Unfit::NotThat) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_attachment", said),
            AttachmentError::TooMany => Self::conflict("too_many_attachments", format!("An attempt has at most {} files.", attachment::MOST)),
            AttachmentError::Quota => Self::new(StatusCode::INSUFFICIENT_STORAGE, "quota_exceeded", "The organization has no room for more files."),
            AttachmentError::Body => Self::new(StatusCode::BAD_REQUEST, "bad_request", "The body could not be read."),
            AttachmentError::Db(error) => error.into(),
        }
    }
}

crate::respond!(AttachmentError);

/// A file of an attempt.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Attachment {
    /// What it is called.
    sha256: Address,
    /// What it is.
    kind: Kind,
    /// Its media type.
    media_type: String,
    /// Bytes.
    size: i64,
    /// When it came.
    added_at: Millis,
}

/// The files of an attempt.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Attachments {
    /// Oldest first.
    items: Vec<Attachment>,
}

/// Whose attempt that is, for somebody who sees it.
pub(super) async fn seen<N: Needs>(caller: &mut Caller<N>, attempt: AttemptId) -> Result<PersonId, AttachmentError> {
    let owner = store::owner(caller.scope(), attempt).await?.filter(|owner| caller.sees(owner.site_id.map(SiteId)));
    owner.map(|owner| PersonId(owner.technician_id)).ok_or(AttachmentError::NotFound)
}

/// List the files of an attempt
#[utoipa::path(get, path = "/v1/attempts/{id}/attachments", operation_id = "list_attachments", tag = "devices", params(("id" = AttemptId, Path)),
    responses((status = 200, body = Attachments), (status = 404, body = crate::http::ErrorBody)))]
pub async fn list_attachments(mut caller: Caller<need::AttemptRead>, Path(id): Path<AttemptId>) -> Result<Json<Attachments>, AttachmentError> {
    seen(&mut caller, id).await?;
    let items = store::list(caller.scope(), id).await?.into_iter().filter_map(|row| {
        let (sha256, kind) = (row.sha256.try_into().ok().map(Address)?, Kind::named(&row.kind)?);
        Some(Attachment { sha256, kind, media_type: row.media_type, size: row.size, added_at: Millis(row.added_at) })
    });
    Ok(Json(Attachments { items: items.collect() }))
}

/// Show what the flight recorder wrote of an attempt
#[utoipa::path(get, path = "/v1/attempts/{id}/trace", operation_id = "get_attempt_trace", tag = "devices", params(("id" = AttemptId, Path)),
    responses((status = 200, body = Trace), (status = 404, body = crate::http::ErrorBody)))]
pub async fn get_attempt_trace(mut caller: Caller<need::AttemptRead>, Path(id): Path<AttemptId>) -> Result<Json<Trace>, AttachmentError> {
    seen(&mut caller, id).await?;
    let packed = store::trace(caller.scope(), id).await?.ok_or(AttachmentError::NotFound)?;
    let unpacked = trace::unpack(&packed.content).map_err(|_| AttachmentError::NotFound)?;
    Ok(Json(unpacked))
}

/// A file as it is: it never changes, but the right to see it may end.
pub struct File {
    content: store::Content,
    tag: String,
    is_known: bool,
}

impl IntoResponse for File {
    fn into_response(self) -> Response {
        let mut response = if self.is_known { StatusCode::NOT_MODIFIED.into_response() } else { self.content.content.into_response() };
        let headers = response.headers_mut();
        let media_type = TYPES.into_iter().find(|known| *known == self.content.media_type).unwrap_or("application/octet-stream");
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        headers.append(header::VARY, HeaderValue::from_static("authorization, cookie"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Ok(tag) = HeaderValue::from_str(&self.tag) {
            headers.insert(header::ETAG, tag);
        }
        response
    }
}

/// Fetch a file of an attempt
#[utoipa::path(get, path = "/v1/attempts/{id}/attachments/{sha256}", operation_id = "get_attachment", tag = "devices", params(("id" = AttemptId, Path), ("sha256" = Address, Path)),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), (status = 304, description = "As `If-None-Match` says"), (status = 404, body = crate::http::ErrorBody)))]
pub async fn get_attachment(mut caller: Caller<need::AttemptRead>, Path((id, address)): Path<(AttemptId, Address)>, headers: HeaderMap) -> Result<File, AttachmentError> {
    seen(&mut caller, id).await?;
    let content = store::find(caller.scope(), id, address).await?.ok_or(AttachmentError::NotFound)?;
    let tag = format!("\"{address}\"");
    let is_known = is_known(&headers, &tag);
    Ok(File { content, tag, is_known })
}

/// A body of some type, read whole before the tenant's writer is taken.
pub struct Sent {
    stated: String,
    bytes: Bytes,
}

impl FromRequest<AppState> for Sent {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let stated = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().trim().to_ascii_lowercase();
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::too_large(),
            _ => AttachmentError::Body.into(),
        })?;
        Ok(Self { stated, bytes })
    }
}

impl Sent {
    /// What it says it is, when that is taken.
    fn kind(&self) -> Result<(Kind, &'static str), AttachmentError> {
        let media_type = TYPES.into_iter().find(|known| *known == self.stated).ok_or(AttachmentError::Type)?;
        Ok((Kind::of_type(media_type).ok_or(AttachmentError::Type)?, media_type))
    }
}

/// The file of that address has arrived: the answer names it, which nothing on the way can that did not pass it on.
pub struct Arrived(Address);

impl IntoResponse for Arrived {
    fn into_response(self) -> Response {
        let mut response = NoContent.into_response();
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", self.0)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// Add a file to one's own attempt
///
/// The same again changes nothing. It is taken whole or not at all, so whatever broke off is simply sent again.
/// Of records of checks (`application/json`) the eight latest are kept. Whether the attempt is here is said before
/// anything of the file: an empty body asks for that alone (404, or 422 `hash_mismatch` where it is).
#[utoipa::path(put, path = "/v1/attempts/{id}/attachments/{sha256}", operation_id = "put_attachment", tag = "devices", params(("id" = AttemptId, Path), ("sha256" = Address, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 204, headers(("ETag" = String, description = "What arrived: its SHA-256 in quotes. Only an answer that says so is of this server"))),
        (status = 404, body = crate::http::ErrorBody), (status = 409, body = crate::http::ErrorBody), (status = 413, body = crate::http::ErrorBody),
        (status = 415, body = crate::http::ErrorBody), (status = 422, body = crate::http::ErrorBody), (status = 507, body = crate::http::ErrorBody)))]
pub async fn put_attachment(mut caller: Caller<need::Sync>, State(state): State<AppState>, Path((id, address)): Path<(AttemptId, Address)>, sent: Sent) -> Result<Arrived, AttachmentError> {
    let owner = store::owner(caller.scope(), id).await?.ok_or(AttachmentError::NotFound)?;
    // Evidence is taken from whoever made it, also where they see no more of it or may commission no more.
    if PersonId(owner.technician_id) != caller.person().id {
        return Err(if caller.sees(owner.site_id.map(SiteId)) { AttachmentError::SomebodyElses } else { AttachmentError::NotFound });
    }
    let (kind, media_type) = sent.kind()?;
    attachment::check(kind, media_type, address, &sent.bytes)?;
    if kind == Kind::Checks && !checks::is_of(id, &sent.bytes) {
        return Err(Unfit::NotThat.into());
    }
    let new = store::New { attempt: id, address, kind, media_type, content: &sent.bytes, by: caller.person().id, at: caller.now() };
    if !adding::add(caller.scope(), &new, adding::Older::GiveWay, state.settings.attachment_bytes).await? {
        return Ok(Arrived(address));
    }
    let detail = serde_json::json!({"kind": kind, "sha256": address, "size": sent.bytes.len()});
    caller.audit(Entry::new("attempt.attach").target("attempt", id, kind.name()).detail(detail)).await?;
    caller.commit().await?;
    Ok(Arrived(address))
}
