//! `/v1/sync/*` over HTTP.

use std::convert::Infallible;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response, Sse, sse::Event as Sent},
};
use futures::Stream;
use serde::Deserialize;
use omniot_shared::{
    roles::need,
    sync::{
        frame::MEDIA_TYPE,
        Seq,
        rows::Scope as SyncScope,
        sight::Sight,
        wire::{HelloRequest, HelloResponse, MAX_PUSH_BYTES, MIN_SCHEMA, MismatchReport, PROTOCOL, Poke, PullRequest, PushRequest, PushResponse, SCHEMA, VerifyRequest, VerifyResponse},
    },
};

use super::{pull, push, segment, store::{self, Own, Stand, View}, stream};
use crate::{audit::Entry, escrow, identity::throttle::MISMATCHES, http::{ApiError, AppState, Caller, ErrorBody, Json, NoContent, Path, Query, Reader, parse}};

/// Say who is there: versions, clocks, and how far the server has come.
#[utoipa::path(post, path = "/v1/sync/hello", operation_id = "greet_sync", tag = "sync", request_body = HelloRequest,
    responses((status = 200, body = HelloResponse), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub async fn greet_sync(State(state): State<AppState>, mut caller: Reader<need::Sync>, Json(hello): Json<HelloRequest>) -> Result<axum::Json<HelloResponse>, ApiError> {
    let (now, person, sight) = (caller.now(), caller.person().id, caller.person().sight.clone());
    let scope = caller.scope();
    let rows = store::checksum(scope, &sight).await?.count;
    // Somebody else's client is none of this person's: they start at nothing and are told on their first push.
    let client = store::client(scope, hello.client_id).await?.filter(|client| client.person == person);
    let Stand { seq, epoch, min_retained } = store::stand(scope).await?;
    let began = if epoch == store::FIRST_EPOCH { vec![] } else { store::began(scope).await? };
    let escrow_key = match hello.device_key {
        Some(shown) => escrow::introduced(&state, caller, hello.client_id, shown).await?,
        None => None,
    };
    Ok(axum::Json(HelloResponse {
        protocol: PROTOCOL,
        schema: SCHEMA,
        min_schema: MIN_SCHEMA,
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
        capabilities: vec!["poke".to_owned()],
        server_time: now,
        skew_ms: hello.now.since(now),
        epoch,
        seq,
        min_retained_seq: min_retained,
        began,
        scopes: vec![SyncScope::Tenant],
        sight,
        last_n: client.map_or(0, |client| client.last_n),
        rows: Some(rows),
        escrow_key,
    }))
}

/// Carry out intents in order; each gets a receipt, the same one whenever it is sent again.
#[utoipa::path(post, path = "/v1/sync/push", operation_id = "push_intents", tag = "sync", request_body = PushRequest,
    responses((status = 200, body = PushResponse), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
              (status = 409, description = "client_forked, sequence_gap, other_epoch", body = ErrorBody), (status = 413, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn push_intents(mut caller: Caller<need::Sync>, headers: HeaderMap, body: Bytes) -> Result<axum::Json<PushResponse>, ApiError> {
    check_form(&headers, &body)?;
    let answer = push::push(&mut caller, &parse(&body)?).await?;
    caller.commit().await?;
    #[cfg(feature = "seeded-leaks")]
    if super::seeded::takes_death() {
        return Err(ApiError::internal(&"it died"));
    }
    Ok(axum::Json(answer))
}

/// Plain JSON of a bounded size: what is not compressed cannot blow up.
fn check_form(headers: &HeaderMap, body: &Bytes) -> Result<(), ApiError> {
    let is = |name: header::HeaderName, wanted: &str| headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.split(';').next().is_some_and(|value| value.trim().eq_ignore_ascii_case(wanted)));
    let plain = !headers.contains_key(header::CONTENT_ENCODING) || is(header::CONTENT_ENCODING, "identity");
    if !is(header::CONTENT_TYPE, "application/json") || !plain {
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Send application/json without a content encoding."));
    }
    if body.len() > MAX_PUSH_BYTES { Err(ApiError::too_large()) } else { Ok(()) }
}

/// What has changed since a cursor: `OmnISyn1`, then zstd of frames, closed by a checkpoint.
#[utoipa::path(post, path = "/v1/sync/pull", operation_id = "pull_changes", tag = "sync", request_body = PullRequest,
    responses((status = 200, description = "frames; without a closing checkpoint the stream was cut off", content_type = MEDIA_TYPE, body = Vec<u8>),
              (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 409, description = "app_too_old", body = ErrorBody)))]
pub async fn pull_changes(caller: Reader<need::Sync>, State(state): State<AppState>, Json(request): Json<PullRequest>) -> Result<Response, ApiError> {
    if request.schema < MIN_SCHEMA {
        return Err(ApiError::conflict("app_too_old", "This version of the app cannot read what this server holds. Update it; what it recorded is still taken."));
    }
    let body = pull::body(caller.0, state, &request).await?;
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE), (header::CACHE_CONTROL, "no-store")], body).into_response())
}

/// A first pull as it went to somebody else; a pull names it. Ranges and `If-None-Match` are understood.
#[utoipa::path(get, path = "/v1/sync/segment/{id}", operation_id = "fetch_segment", tag = "sync", params(("id" = String, Path)),
    responses((status = 200, content_type = MEDIA_TYPE, body = Vec<u8>), (status = 206, description = "As `Range` says", content_type = MEDIA_TYPE, body = Vec<u8>),
              (status = 304, description = "As `If-None-Match` says"), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
              (status = 404, description = "there is a newer one, or none: pull", body = ErrorBody), (status = 416, body = ErrorBody)))]
pub async fn fetch_segment(State(state): State<AppState>, mut caller: Caller<need::Sync>, Path(id): Path<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    let right = pull::Right::of(&caller, state.clone());
    let Stand { epoch, .. } = store::stand(caller.scope()).await?;
    // It holds what those of the same sight see.
    let segment = state.segments.named(caller.tenant(), &caller.person().sight, epoch, &id);
    Ok(segment::answer(&*segment.ok_or_else(ApiError::not_found)?, &headers, right))
}

/// Compare everything a replica holds with what the server holds, at the same sequence.
#[utoipa::path(post, path = "/v1/sync/verify", operation_id = "verify_replica", tag = "sync", request_body = VerifyRequest,
    responses((status = 200, body = VerifyResponse), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub async fn verify_replica(mut caller: Reader<need::Sync>, Json(asked): Json<VerifyRequest>) -> Result<axum::Json<VerifyResponse>, ApiError> {
    let person = caller.person();
    let view = View { sight: person.sight.clone(), own: Own::Of(person.id) };
    let scope = caller.scope();
    let Stand { seq, epoch, .. } = store::stand(scope).await?;
    let is_comparable = asked.schema == SCHEMA && asked.epoch == epoch && asked.seq == seq && asked.scopes == view.sight;
    let whole = if is_comparable { Some(store::whole(scope, &view, seq).await?) } else { None };
    Ok(axum::Json(VerifyResponse { schema: SCHEMA, epoch, seq, whole }))
}

/// Report that a replica did not hold what the server holds
///
/// It fetches everything anew by itself; the report is for those who look for the cause, in the audit log. Of many in
/// one person's name a few are kept; of another person's replica, none.
#[utoipa::path(post, path = "/v1/sync/mismatch", operation_id = "report_mismatch", tag = "sync", request_body = MismatchReport,
    responses((status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub async fn report_mismatch(mut caller: Caller<need::Sync>, State(state): State<AppState>, Json(report): Json<MismatchReport>) -> Result<NoContent, ApiError> {
    let person = caller.person().id;
    // Of somebody else's replica nobody says anything; and whoever says it over and over fills no log.
    let is_own = store::client(caller.scope(), report.client_id).await?.is_none_or(|client| client.person == person);
    let subject = format!("mismatch:{}:{person}", caller.tenant());
    if !is_own || state.throttle.admit(&MISMATCHES, &subject, caller.now()).is_err() {
        return Ok(NoContent);
    }
    tracing::warn!(?report, "a replica did not hold what the server holds");
    caller.audit(Entry::new("sync.mismatch").target("replica", report.client_id, "").detail(&report)).await?;
    caller.commit().await?;
    Ok(NoContent)
}

/// Server-sent events: `changed` with the tenant's sequence and, where it is little, what changed; `closed` with a code when access ends.
#[utoipa::path(get, path = "/v1/sync/stream", operation_id = "stream_pokes", tag = "sync",
    responses((status = 200, content_type = "text/event-stream", body = String), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub async fn stream_pokes(State(state): State<AppState>, caller: Caller<need::Sync>) -> Result<Sse<impl Stream<Item = Result<Sent, Infallible>>>, ApiError> {
    // First listen, then look: what commits in between is poked twice rather than never.
    let events = state.bus.subscribe(caller.tenant());
    let (ticket, person) = (caller.ticket(), caller.person());
    let sees_all = (person.sight == Sight::All).then_some(person.id);
    drop(caller);
    let now = store::stand(&mut ticket.open(&state).await?).await?.seq;
    Ok(Sse::new(stream::pokes(state, ticket, sees_all, events, now)))
}

/// From where somebody waits.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct After {
    /// The sequence that is known.
    after: Seq,
}

/// One poke at a time, where something on the way keeps streams back: answered once the tenant's sequence is above
/// `after`, or after 25 seconds with where it stands.
#[utoipa::path(get, path = "/v1/sync/poke", operation_id = "await_poke", tag = "sync", params(After),
    responses((status = 200, body = Poke), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub async fn await_poke(State(state): State<AppState>, caller: Caller<need::Sync>, Query(After { after }): Query<After>) -> Result<axum::Json<Poke>, ApiError> {
    let (events, ticket) = (state.bus.subscribe(caller.tenant()), caller.ticket());
    drop(caller);
    let now = store::stand(&mut ticket.open(&state).await?).await?.seq;
    let seq = stream::above(state, ticket, events, now, after).await?;
    Ok(axum::Json(Poke { seq, frames: Vec::new() }))
}
