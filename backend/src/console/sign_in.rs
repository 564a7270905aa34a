//! How an operator signs in and out.

use axum::extract::State;
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use omniot_shared::{fold::fold, ids::{OperatorId, SessionId}};
use serde::{Deserialize, Serialize};

use super::store;
use crate::{
    http::{ApiError, AppState, ClientAddress, Created, Json, NoContent, OPERATOR_COOKIE, OperatorCaller},
    identity::{throttle::{ACCOUNT, ADDRESS}, tokens::{Kind, Token}},
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
    let (now, email) = (state.now(), fold(&body.email));
    let keys = [format!("operator:{email}"), format!("operator_from:{}", address.map_or_else(String::new, |address| address.to_string()))];
    for (key, patience) in keys.iter().zip([&ACCOUNT, &ADDRESS]) {
        state.throttle.admit(patience, key, now).map_err(|wait| ApiError::throttled(wait.seconds()))?;
    }
    let known = store::by_email(&mut state.db.control_read().await?, &email).await?;
    let right = state.passwords.verify(&body.password, known.as_ref().map(|(_, hash)| hash.as_str())).await.map_err(|error| ApiError::internal(&error))?;
    let Some((operator, _)) = known.filter(|_| right) else {
        return Err(ApiError::new(axum::http::StatusCode::UNAUTHORIZED, "wrong_credentials", "The address or the password is wrong."));
    };
    for key in &keys {
        state.throttle.succeeded(key);
    }
    let token = state.chance.with(|rng| Token::mint(Kind::Operator, rng));
    let mut control = state.db.control_write().await?;
    store::begin(&mut control, operator.id, state.new_id::<SessionId>(), token.hash(), address, now).await?;
    control.commit().await?;
    let me = OperatorMe { id: operator.id, name: operator.name, email: operator.email };
    Ok(match body.client {
        Client::App => (jar, Created(OperatorSession { token: Some(token.reveal().to_owned()), me })),
        Client::Web => (jar.add(cookie(&state, token.reveal().to_owned())), Created(OperatorSession { token: None, me })),
    })
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
