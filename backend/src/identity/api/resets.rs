//! A new password by a link.

use axum::http::StatusCode;
use serde::Deserialize;

use crate::{
    http::{Json, NoContent},
    identity::{IdentityError, reset, visitor::Visitor},
};

/// Whose password.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetRequest {
    /// The tenant's short name.
    tenant: String,
    /// Their address.
    email: String,
}

/// Ask for a link to set a new password
///
/// Always 202, before anything is looked up: neither the answer nor its time tells who has an account.
#[utoipa::path(post, path = "/v1/password-resets", operation_id = "request_password_reset", tag = "identity", request_body = ResetRequest,
    responses((status = 202), (status = 429, body = crate::http::ErrorBody)))]
pub async fn request_password_reset(visitor: Visitor, Json(body): Json<ResetRequest>) -> Result<StatusCode, IdentityError> {
    reset::request(visitor, &body.tenant, &body.email)?;
    Ok(StatusCode::ACCEPTED)
}

/// A link and what it sets.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetCompletion {
    /// `omr_…`.
    token: String,
    /// At least 10 characters.
    #[schema(format = Password)]
    password: String,
}

/// Set a new password
///
/// Ends all sessions of the person.
#[utoipa::path(post, path = "/v1/password-resets/complete", operation_id = "complete_password_reset", tag = "identity", request_body = ResetCompletion,
    responses((status = 204), (status = 410, body = crate::http::ErrorBody)))]
pub async fn complete_password_reset(visitor: Visitor, Json(body): Json<ResetCompletion>) -> Result<NoContent, IdentityError> {
    reset::complete(&visitor, &body.token, &body.password).await?;
    Ok(NoContent)
}
