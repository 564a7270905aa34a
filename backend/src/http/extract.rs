//! Bodies, queries and path parts, refused in our envelope.

use std::borrow::Cow;

use axum::{
    body::{Bytes, HttpBody as _},
    extract::{FromRequest, FromRequestParts, OptionalFromRequest, Request, rejection::PathRejection},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE, request::Parts},
    response::{IntoResponse, Response},
};
use omniot_shared::sync::Was;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use super::ApiError;

/// A JSON body, in or out. Put `#[serde(deny_unknown_fields)]` on what comes in.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Send application/json."));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::too_large(),
            _ => ApiError::new(StatusCode::BAD_REQUEST, "bad_request", "The body could not be read."),
        })?;
        let value = parse(&bytes)?;
        refuse_nul(&bytes)?;
        Ok(Self(value))
    }
}

/// A body that may be left out.
impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, ApiError> {
        if request.body().is_end_stream() && !request.headers().contains_key(CONTENT_TYPE) {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// The body of an edit: what to change, and what its author was shown of that when they began.
#[derive(Debug, Clone)]
pub struct Edit<T> {
    /// What to change.
    pub patch: T,
    /// As it was shown; an edit of what somebody else changed since is refused (`stale`).
    pub was: Was,
}

/// The fields of the patch and `was`, and no others.
impl<T: ToSchema> PartialSchema for Edit<T> {
    fn schema() -> RefOr<Schema> {
        let mut schema = T::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            object.properties.insert("was".to_owned(), Was::schema());
        }
        schema
    }
}

impl<T: ToSchema> ToSchema for Edit<T> {
    fn name() -> Cow<'static, str> {
        format!("{}AsShown", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Edit<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let Json(mut edit): Json<serde_json::Value> = <Json<_> as FromRequest<S>>::from_request(request, state).await?;
        let was = Was::take(&mut edit).map_err(|error| ApiError::invalid_field("was", error.to_string()))?;
        let patch = serde_json::to_vec(&edit).map_err(|_| malformed())?;
        Ok(Self { patch: parse(&patch)?, was })
    }
}

/// Reads JSON as the extractor does, for bodies that come another way.
///
/// # Errors
/// `malformed_json`, `unknown_field` or `invalid_field`.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| refuse(&error, bytes))?;
    reader.end().map_err(|_| malformed())?;
    Ok(value)
}

/// NUL is no text that both engines can store. In JSON it can only stand as an escape, so the
/// search for its place is rare.
fn refuse_nul(json: &[u8]) -> Result<(), ApiError> {
    let escaped = json.windows(6).any(|six| six == b"\\u0000");
    let place = escaped.then(|| serde_json::from_slice(json).ok()).flatten().and_then(|value| nul_in(&value));
    place.map_or(Ok(()), |place| {
        let field = Some(place.trim_start_matches('.')).filter(|place| !place.is_empty()).unwrap_or("body");
        Err(ApiError::invalid_field(field, "A text cannot hold the character NUL."))
    })
}

/// Where the first text with NUL stands, as `.site.name` or `.items[0]`.
fn nul_in(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => text.contains('\0').then(String::new),
        serde_json::Value::Array(items) => items.iter().enumerate().find_map(|(n, item)| Some(format!("[{n}]{}", nul_in(item)?))),
        serde_json::Value::Object(members) => members.iter().find_map(|(name, member)| if name.contains('\0') { Some(String::new()) } else { Some(format!(".{name}{}", nul_in(member)?)) }),
        _ => None,
    }
}

fn malformed() -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "malformed_json", "The body is not JSON.")
}

fn refuse(error: &serde_path_to_error::Error<serde_json::Error>, bytes: &[u8]) -> ApiError {
    // `null` where one of several words is wanted counts as a fault of syntax: ask whether it is JSON at all.
    if error.inner().classify() != serde_json::error::Category::Data && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_err() {
        return malformed();
    }
    let said = error.inner().to_string();
    let detail = said.split(" at line ").next().unwrap_or_default().to_owned();
    let path = Some(error.path().to_string()).filter(|path| path != ".");
    // "unknown field `x`, expected …" and "missing field `x`" speak of a member of the object at `path`.
    let member = ["unknown field `", "missing field `", "duplicate field `"].iter().find_map(|start| detail.strip_prefix(start)?.split('`').next());
    let field = match (path, member) {
        (Some(path), Some(member)) if path != member && !path.ends_with(&format!(".{member}")) => format!("{path}.{member}"),
        (None, Some(member)) => member.to_owned(),
        (path, _) => path.unwrap_or_else(|| "body".to_owned()),
    };
    let code = if detail.starts_with("unknown field") { "unknown_field" } else { "invalid_field" };
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail).field(field)
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// 201 with what was made.
#[derive(Debug, Clone)]
pub struct Created<T>(pub T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, axum::Json(self.0)).into_response()
    }
}

/// 204.
#[derive(Debug, Clone, Copy)]
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// The query string; `invalid_query` when it does not fit.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri).map(|query| Self(query.0)).map_err(|rejection| ApiError::invalid_query(rejection.body_text()))
    }
}

/// Path parts; an id that is none of ours is `not_found`, like one that does not exist.
#[derive(Debug, Clone)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        axum::extract::Path::<T>::from_request_parts(parts, state).await.map(|path| Self(path.0)).map_err(|rejection| match rejection {
            PathRejection::FailedToDeserializePathParams(_) => ApiError::not_found(),
            other => ApiError::internal(&other),
        })
    }
}

/// Reads a member of a patch: absent → `None`, `null` → `Some(None)`, a value → `Some(Some(…))`.
/// `#[serde(default, deserialize_with = "three_state")] #[schema(value_type = Option<String>)] note: Option<Option<String>>`
///
/// # Errors
/// What the value's own type says.
pub fn three_state<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// Reads a member of a patch that may be absent but not `null`.
///
/// # Errors
/// What the value's own type says.
pub fn two_state<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}
