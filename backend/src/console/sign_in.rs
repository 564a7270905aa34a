//! How an operator signs in and out.

use std::net::IpAddr;

use axum::{extract::State, http::StatusCode};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use omniot_shared::{fold::fold, ids::{OperatorId, SessionId}};
use serde::{Deserialize, Serialize};

use super::store;
use crate::{
    http::{ApiError, AppState, ClientAddress, Created, Json, NoContent, OPERATOR_COOKIE, OperatorCaller},
    identity::{
        network, rules,
        throttle::{ADDRESS, RetryAfter, Subjects},
        tokens::{Kind, Token},
    },
};

/// Where the session's token goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Client {
    /// Into a cookie that scripts cannot read.
    #[default]
    Web,
    /// Into the body.
    App,
}

/// What an operator types.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OperatorSignIn {
    email: String,
    password: String,
    /// `web` when nothing is said.
    #[serde(default)]
    client: Client,
}

/// An operator.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(super) struct OperatorMe {
    id: OperatorId,
    name: String,
    email: String,
}

/// A session that has begun.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(super) struct OperatorSession {
    /// `null` for `web`: it is in the cookie.
    token: Option<String>,
    me: OperatorMe,
}

/// Sign an operator in.
#[utoipa::path(post, path = "/v1/operator/sessions", operation_id = "create_operator_session", tag = "operator", request_body = OperatorSignIn,
    responses((status = 201, body = OperatorSession), (status = 401, body = crate::http::ErrorBody), (status = 429, body = crate::http::ErrorBody)))]
pub(super) async fn create_operator_session(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    jar: CookieJar,
    Json(body): Json<OperatorSignIn>,
) -> Result<(CookieJar, Created<OperatorSession>), ApiError> {
    let done = sign_in(&state, address, &body.email, &body.password).await;
    let outcome = done.as_ref().map_or_else(|error| error.code, |_| "succeeded");
    metrics::counter!("omniot_operator_sign_ins_total", "outcome" => outcome).increment(1);
    tracing::info!(outcome, "an operator's sign-in");
    let (token, me) = done?;
    Ok(match body.client {
        Client::App => (jar, Created(OperatorSession { token: Some(token.reveal().to_owned()), me })),
        Client::Web => (jar.add(cookie(&state, token.reveal().to_owned())), Created(OperatorSession { token: None, me })),
    })
}

/// Counts the address, then the account, then checks the password: an address that has to wait
/// counts on nobody's account.
async fn sign_in(state: &AppState, address: Option<IpAddr>, email: &str, password: &str) -> Result<(Token, OperatorMe), ApiError> {
    let (now, network) = (state.now(), network(address));
    let email = rules::typed_email(email).map(|email| fold(&email)).map_err(|why| ApiError::invalid_field("email", format!("email {why}")))?;
    let (address_key, subjects) = (format!("operator_from:{network}"), Subjects::of(&email, &network));
    state.throttle.admit(&ADDRESS, &address_key, now).map_err(throttled)?;
    let mut control = state.db.control_write().await?;
    store::admit(&mut control, &subjects, now).await?.map_err(throttled)?;
    let known = store::by_email(&mut control, &email).await?;
    control.commit().await?;
    let right = state.passwords.verify(password, known.as_ref().map(|(_, hash)| hash.as_str())).await.map_err(|error| ApiError::internal(&error))?;
    let known = known.map(|(operator, hash)| {
        tracing::Span::current().record("actor.id", tracing::field::display(operator.id));
        (operator, hash)
    });
    let wrong = || ApiError::new(StatusCode::UNAUTHORIZED, "wrong_credentials", "The address or the password is wrong.");
    let (operator, hash) = known.filter(|_| right).ok_or_else(wrong)?;
    let token = state.chance.with(|rng| Token::mint(Kind::Operator, rng));
    let mut control = state.db.control_write().await?;
    // The password may have been changed, or the operator removed, while it was being checked.
    store::by_email(&mut control, &email).await?.filter(|(still, now)| still.id == operator.id && *now == hash).ok_or_else(wrong)?;
    store::welcome(&mut control, &subjects).await?;
    store::begin(&mut control, operator.id, state.new_id::<SessionId>(), token.hash(), address, now).await?;
    control.commit().await?;
    state.throttle.succeeded(&address_key);
    Ok((token, OperatorMe { id: operator.id, name: operator.name, email: operator.email }))
}

fn throttled(wait: RetryAfter) -> ApiError {
    ApiError::throttled(wait.seconds())
}

fn cookie(state: &AppState, value: String) -> Cookie<'static> {
    Cookie::build((OPERATOR_COOKIE, value)).path("/").http_only(true).same_site(SameSite::Strict).secure(state.settings.secure_cookies).build()
}

/// End the operator's session.
#[utoipa::path(delete, path = "/v1/operator/sessions/current", operation_id = "end_operator_session", tag = "operator", responses((status = 204)))]
pub(super) async fn end_operator_session(State(state): State<AppState>, operator: OperatorCaller, jar: CookieJar) -> Result<(CookieJar, NoContent), ApiError> {
    let mut control = state.db.control_write().await?;
    store::end(&mut control, operator.session).await?;
    control.commit().await?;
    Ok((jar.remove(cookie(&state, String::new())), NoContent))
}

/// The operator who is signed in.
#[utoipa::path(get, path = "/v1/operator/me", operation_id = "get_operator", tag = "operator", responses((status = 200, body = OperatorMe)))]
pub(super) async fn get_operator(operator: OperatorCaller) -> Json<OperatorMe> {
    Json(OperatorMe { id: operator.id, name: operator.name, email: operator.email })
}
