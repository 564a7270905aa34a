//! `/v1/sync/escrow` for apps whose person was removed, `/v1/escrow` for administrators.

use axum::body::Bytes;
use omniot_shared::{
    ids::IntentId,
    roles::need,
    sync::escrow::{FarewellRequest, FarewellResponse, MAX_BOXES, MAX_BYTES},
};
use serde::Deserialize;
use uuid::Uuid;

use super::{decide::{self, Accepted, Escrowed}, farewell, files, store};
use crate::{
    db::Scope,
    http::{ApiError, Caller, Cursor, ErrorBody, Limit, NoContent, Page, Path, Query, parse},
    identity::{Visitor, throttle},
};

/// Ask how the person of a replica stands, and hand over work of one who was removed. The replica's own key, shown in `hello`, is the proof.
#[utoipa::path(post, path = "/v1/sync/escrow", operation_id = "hand_over_work", tag = "sync", request_body = FarewellRequest,
    responses((status = 200, body = FarewellResponse), (status = 403, description = "bad_signature, whatever it is that does not fit; tenant_suspended, to whoever proved themselves", body = ErrorBody),
              (status = 413, body = ErrorBody), (status = 422, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub async fn hand_over_work(visitor: Visitor, body: Bytes) -> Result<axum::Json<FarewellResponse>, ApiError> {
    let knock = visitor.knock(&throttle::FAREWELLS, "farewell")?;
    if body.len() > MAX_BYTES {
        return Err(ApiError::too_large());
    }
    let request: FarewellRequest = parse(&body)?;
    if request.sealed.len() > MAX_BOXES {
        return Err(ApiError::too_large());
    }
    // On a snapshot first: who only made something up never takes the tenant's one writer.
    let proven = farewell::prove(&mut open(&visitor, &request, false).await?, &request).await?;
    if request.sealed.is_empty() {
        visitor.state.throttle.succeeded(&knock);
        return Ok(axum::Json(farewell::answer(&proven, visitor.now)));
    }
    let mut scope = open(&visitor, &request, true).await?;
    let proven = farewell::prove(&mut scope, &request).await?;
    let answer = farewell::take(&mut scope, &request, &proven, files::Desk { quota: visitor.state.settings.attachment_bytes, now: visitor.now, request_id: Some(visitor.request_id()) }).await?;
    scope.commit().await?;
    // Boxes with nothing in them that is taken count as knocks, however well they are signed.
    if !answer.taken.is_empty() {
        visitor.state.throttle.succeeded(&knock);
    }
    Ok(axum::Json(answer))
}

/// A tenant that is not there looks like one that does not know the replica.
async fn open(visitor: &Visitor, request: &FarewellRequest, write: bool) -> Result<Scope, ApiError> {
    visitor.open(request.tenant, "escrow", write).await?.ok_or_else(farewell::unproven)
}

/// Which changes.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListEscrow {
    #[serde(default)]
    limit: Limit,
    cursor: Option<Cursor>,
}

/// List the work that waits for a decision, in the order of arrival
#[utoipa::path(get, path = "/v1/escrow", operation_id = "list_escrow", tag = "identity", params(ListEscrow), responses((status = 200, body = Page<Escrowed>)))]
pub async fn list_escrow(mut caller: Caller<need::PersonManage>, Query(list): Query<ListEscrow>) -> Result<Page<Escrowed>, ApiError> {
    let after = list.cursor.map(|cursor| cursor.key::<(i64, Uuid)>()).transpose()?;
    let items = store::list(caller.scope(), after, list.limit.rows()).await?;
    let Page { items, next } = Page::of(items, list.limit, |last| (last.received_at.0, last.intent.0));
    Ok(Page { items: decide::shown(caller.scope(), items).await?, next })
}

/// Carry a change out in its author's name. Twice is fine; what the rules refuse stays.
#[utoipa::path(post, path = "/v1/escrow/{id}/accept", operation_id = "accept_escrowed", tag = "identity", params(("id" = IntentId, Path)),
    responses((status = 200, body = Accepted), (status = 404, body = ErrorBody), (status = 409, description = "it was rejected", body = ErrorBody)))]
pub async fn accept_escrowed(mut caller: Caller<need::PersonManage>, Path(id): Path<IntentId>) -> Result<axum::Json<Accepted>, ApiError> {
    let accepted = decide::accept(&mut caller, id).await?;
    caller.commit().await?;
    Ok(axum::Json(accepted))
}

/// Let a change go. Twice is fine.
#[utoipa::path(post, path = "/v1/escrow/{id}/reject", operation_id = "reject_escrowed", tag = "identity", params(("id" = IntentId, Path)),
    responses((status = 204), (status = 404, body = ErrorBody), (status = 409, description = "it was accepted", body = ErrorBody)))]
pub async fn reject_escrowed(mut caller: Caller<need::PersonManage>, Path(id): Path<IntentId>) -> Result<NoContent, ApiError> {
    decide::reject(&mut caller, id).await?;
    caller.commit().await?;
    Ok(NoContent)
}
