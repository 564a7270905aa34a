//! Sign in, sign out, and where one is signed in.

use axum::{
    http::{HeaderName, StatusCode, header::SET_COOKIE},
    response::AppendHeaders,
};
use omniot_shared::{ids::SessionId, time::Millis};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::me::{Me, MePerson};
use crate::{
    audit::Entry,
    db::Event,
    http::{Caller, Cursor, Json, Leaving, Limit, Needs, NoContent, Page, Path, Query, SESSION_COOKIE, SignedIn},
    identity::{
        IdentityError, rules,
        sign_in::{self, Client, Credentials},
        store::sessions,
        visitor::Visitor,
    },
};

/// Who wants to sign in.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSession {
    /// The tenant's short name.
    #[schema(example = "northlift")]
    tenant: String,
    /// Their address.
    email: String,
    /// Their password.
    #[schema(format = Password)]
    password: String,
    /// With what.
    client: Client,
    /// What this client calls itself, e.g. `Field tablet 3`; at most 120 characters.
    #[serde(default)]
    label: Option<String>,
}

/// A session has begun.
#[derive(Serialize, utoipa::ToSchema)]
pub struct NewSessionAnswer {
    /// For the app; `null` for the web, which gets a cookie.
    token: Option<String>,
    /// Who signed in.
    me: Me,
}

type Cookie = AppendHeaders<[(HeaderName, String); 1]>;

/// Sign in
#[utoipa::path(post, path = "/v1/sessions", operation_id = "create_session", tag = "identity", request_body = NewSession,
    responses((status = 201, body = NewSessionAnswer), (status = 401, body = crate::http::ErrorBody), (status = 429, body = crate::http::ErrorBody)))]
pub async fn create_session(visitor: Visitor, Json(body): Json<NewSession>) -> Result<(StatusCode, Option<Cookie>, Json<NewSessionAnswer>), IdentityError> {
    let label = body.label.filter(|label| !label.trim().is_empty()).map(|label| rules::name(&label)).transpose().map_err(IdentityError::field("label"))?;
    let credentials = Credentials { tenant: body.tenant, email: body.email, password: body.password };
    let done = sign_in::sign_in(&visitor, credentials, body.client, label).await?;
    let person = MePerson { id: done.person.id, name: done.person.name, email: done.person.email, role: done.person.role };
    let me = Me::new(person, done.person.all_sites, done.tenant_id, done.tenant);
    let (token, cookie) = match body.client {
        Client::App => (Some(done.token.reveal().to_owned()), None),
        Client::Web => (None, Some(cookie(done.token.reveal(), Client::Web.lasts_ms() / 1000, visitor.state.settings.secure_cookies))),
    };
    Ok((StatusCode::CREATED, cookie, Json(NewSessionAnswer { token, me })))
}

/// The session cookie: out of reach for scripts and other sites. Tokens hold nothing to escape.
fn cookie(value: &str, seconds: i64, secure: bool) -> Cookie {
    let secure = if secure { "; Secure" } else { "" };
    AppendHeaders([(SET_COOKIE, format!("{SESSION_COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}"))])
}

/// Sign out
///
/// Works in a suspended organization, too.
#[utoipa::path(delete, path = "/v1/sessions/current", operation_id = "end_current_session", tag = "identity", responses((status = 204)))]
pub async fn end_current_session(mut caller: Caller<Leaving>) -> Result<(Cookie, NoContent), IdentityError> {
    let session = caller.session().id;
    end(&mut caller, session, "session.end").await?;
    caller.commit().await?;
    Ok((cookie("", 0, false), NoContent))
}

/// One session, as its owner or an administrator sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SessionRow {
    id: SessionId,
    /// `web` or `app`.
    client: String,
    label: Option<String>,
    created_at: Millis,
    last_used_at: Millis,
    expires_at: Millis,
    /// Where it signed in from.
    address: Option<String>,
    /// Whether it is the one that asks.
    current: bool,
}

impl SessionRow {
    /// Of a stored session, asked for by the session `current`.
    pub fn new(session: sessions::Session, current: SessionId) -> Self {
        Self {
            current: session.id == current,
            id: session.id,
            client: session.client,
            label: session.label,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
            address: session.address,
        }
    }
}

/// Which sessions.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListSessions {
    #[serde(default)]
    limit: Limit,
    cursor: Option<Cursor>,
}

impl ListSessions {
    /// A page of a person's sessions.
    pub async fn page<N: Needs>(self, caller: &mut Caller<N>, person: omniot_shared::ids::PersonId) -> Result<Page<SessionRow>, IdentityError> {
        let after = self.cursor.map(|cursor| cursor.key::<(i64, Uuid)>()).transpose()?;
        let (now, current) = (caller.now(), caller.session().id);
        let rows = sessions::list(caller.scope(), person, now, after, self.limit.rows()).await?;
        let page = Page::of(rows, self.limit, |last| (last.created_at, last.id.0));
        Ok(page.map(|session| SessionRow::new(session, current)))
    }
}

/// Where I am signed in
#[utoipa::path(get, path = "/v1/sessions", operation_id = "list_own_sessions", tag = "identity", params(ListSessions), responses((status = 200, body = Page<SessionRow>)))]
pub async fn list_own_sessions(mut caller: Caller<SignedIn>, Query(list): Query<ListSessions>) -> Result<Page<SessionRow>, IdentityError> {
    let person = caller.person().id;
    list.page(&mut caller, person).await
}

/// Sign out elsewhere
#[utoipa::path(delete, path = "/v1/sessions/{id}", operation_id = "revoke_own_session", tag = "identity", params(("id" = SessionId, Path)), responses((status = 204)))]
pub async fn revoke_own_session(mut caller: Caller<SignedIn>, Path(id): Path<SessionId>) -> Result<NoContent, IdentityError> {
    end(&mut caller, id, "session.revoke").await?;
    caller.commit().await?;
    Ok(NoContent)
}

async fn end<N: Needs>(caller: &mut Caller<N>, session: SessionId, action: &str) -> Result<(), IdentityError> {
    let person = caller.person().clone();
    if !sessions::end(caller.scope(), person.id, session).await? {
        return Err(IdentityError::NotFound);
    }
    caller.audit(Entry::new(action).target("session", session, &person.name)).await?;
    caller.scope().notify(Event::AccessChanged);
    Ok(())
}
