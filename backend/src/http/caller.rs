//! Who is calling: a person with an open scope, checked inside that scope's own transaction.

use std::{marker::PhantomData, ops};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Method, StatusCode, header::AUTHORIZATION, request::Parts},
};
use axum_extra::extract::CookieJar;
use omniot_shared::{
    ids::{PersonId, SessionId, SiteId, TenantId},
    roles::{Need, Permission, Role},
    sync::{Sight, rows::Scope as SyncScope},
    time::Millis,
};
use tracing::Instrument as _;
use uuid::Uuid;

use super::{ApiError, AppState, RequestId, Ticket};
use crate::{
    audit::{self, Author, Entry},
    db::{DbError, Scope, TenantAccess},
    identity::tokens::{Kind, Token, TokenHash},
};

/// The browser's session cookie.
pub const SESSION_COOKIE: &str = "omniot_session";
/// A session of the app ends after 30 days without use.
pub const APP_SESSION_MS: i64 = 30 * 24 * 3_600_000;
/// A browser's session ends 12 hours after it began.
pub const WEB_SESSION_MS: i64 = 12 * 3_600_000;
/// A session's `last_used_at` is written at most this often.
const TOUCH_MS: i64 = 60_000;

/// What a handler needs: a permission (`omniot_shared::roles::need::*`) or [`SignedIn`].
pub trait Needs: Send + Sync + 'static {
    /// The permission, if one is needed.
    const PERMISSION: Option<Permission>;
    /// Whether it is there in a suspended tenant, too.
    const SUSPENDED: bool = false;
}

impl<N: Need> Needs for N {
    const PERMISSION: Option<Permission> = Some(N::PERMISSION);
}

/// Signed in, whatever the role: for one's own things.
#[derive(Debug, Clone, Copy)]
pub struct SignedIn;

impl Needs for SignedIn {
    const PERMISSION: Option<Permission> = None;
}

/// Signed in, in a suspended tenant too: for going away.
#[derive(Debug, Clone, Copy)]
pub struct Leaving;

impl Needs for Leaving {
    const PERMISSION: Option<Permission> = None;
    const SUSPENDED: bool = true;
}

/// The person who calls.
#[derive(Debug, Clone)]
pub struct Person {
    /// Their id.
    pub id: PersonId,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Their role at this moment.
    pub role: Role,
    /// What they see at this moment.
    pub sight: Sight,
}

/// The session they call with.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// `web` or `app`.
    pub client: String,
    /// When it ends.
    pub expires_at: Millis,
}

/// A signed-in person of an active tenant who has the permission `N`, with the tenant's scope open:
/// a snapshot for GET and HEAD, the tenant's writer for everything else.
pub struct Caller<N: Needs = SignedIn> {
    scope: Scope,
    person: Person,
    session: Session,
    ticket: Ticket,
    request_id: RequestId,
    now: Millis,
    need: PhantomData<N>,
}

/// A [`Caller`] whose scope is a snapshot whatever the method (a POST that only reads).
pub struct Reader<N: Needs = SignedIn>(pub Caller<N>);

impl<N: Needs> Caller<N> {
    /// The open scope.
    pub fn scope(&mut self) -> &mut Scope {
        &mut self.scope
    }

    /// Who calls.
    pub const fn person(&self) -> &Person {
        &self.person
    }

    /// With which session.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// In which tenant.
    pub const fn tenant(&self) -> TenantId {
        self.scope.tenant()
    }

    /// When the request began; the one time for all it writes.
    pub const fn now(&self) -> Millis {
        self.now
    }

    /// The request's id.
    pub const fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    /// Whether they also have another permission.
    pub const fn may(&self, permission: Permission) -> bool {
        self.person.role.may(permission)
    }

    /// Whether they see what stands at that site, or at none.
    pub fn sees(&self, site: Option<SiteId>) -> bool {
        self.person.sight.covers(site.map_or(SyncScope::Common, SyncScope::Site))
    }

    /// The open scope, for work that outlives the request.
    pub fn into_scope(self) -> Scope {
        self.scope
    }

    /// Their right to call, for a stream that outlives this scope.
    pub fn ticket(&self) -> Ticket {
        self.ticket.clone()
    }

    /// Appends to the tenant's audit log, in this transaction.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn audit(&mut self, entry: Entry) -> Result<(), DbError> {
        let author = Author::person(self.person.id, &self.person.name);
        audit::append(&mut self.scope, &author, self.now, Some(self.request_id.as_str()), entry).await
    }

    /// Commits what was written; without it nothing happened.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn commit(self) -> Result<(), DbError> {
        self.scope.commit().await
    }
}

impl<N: Needs> FromRequestParts<AppState> for Caller<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let write = !matches!(parts.method, Method::GET | Method::HEAD);
        call(parts, state, write).await
    }
}

impl<N: Needs> FromRequestParts<AppState> for Reader<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        call(parts, state, false).await.map(Self)
    }
}

impl<N: Needs> ops::Deref for Reader<N> {
    type Target = Caller<N>;
    fn deref(&self) -> &Caller<N> {
        &self.0
    }
}

impl<N: Needs> ops::DerefMut for Reader<N> {
    fn deref_mut(&mut self) -> &mut Caller<N> {
        &mut self.0
    }
}

async fn call<N: Needs>(parts: &Parts, state: &AppState, write: bool) -> Result<Caller<N>, ApiError> {
    let token = credential(parts, SESSION_COOKIE)?.ok_or_else(ApiError::not_signed_in)?;
    let Kind::Person(tenant) = token.kind else { return Err(ApiError::not_signed_in()) };
    let span = tracing::Span::current();
    let access = TenantAccess::for_request(tenant);
    let (now, hash) = (state.now(), token.hash());
    if write {
        // On a snapshot first: who only made a token up never takes the tenant's one writer.
        recognise(&mut open(state, &access, false).await?, &hash, now).await?;
    }
    let mut scope = open(state, &access, write).await?;
    let row = recognise(&mut scope, &hash, now).await?;
    // Before anything is refused: the log names who was.
    span.record("tenant.id", tracing::field::display(tenant));
    span.record("actor.id", tracing::field::display(PersonId(row.person_id)));
    if !N::SUSPENDED {
        row.served()?;
    }
    row.permitted(N::PERMISSION)?;
    if now.0 - row.last_used_at >= TOUCH_MS {
        if write {
            touch(&mut scope, &row, now).await?;
        } else {
            touch_later(state.clone(), access, row.clone(), now);
        }
    }
    let sight = sight(&mut scope, &row).await?;
    let ticket = Ticket::new(tenant, hash, N::PERMISSION, &row.role, row.sites_seq);
    let session = Session { id: SessionId(row.session_id), client: row.client, expires_at: Millis(row.expires_at) };
    let role = Role::named(&row.role).ok_or_else(|| ApiError::internal(&"a person's role is unknown"))?;
    let person = Person { id: PersonId(row.person_id), name: row.name, email: row.email, role, sight };
    Ok(Caller { scope, person, session, ticket, request_id: RequestId::of(parts), now, need: PhantomData })
}

/// The token of a request: bearer first, else the cookie, which needs `x-omniot: 1` for writes.
pub(super) fn credential(parts: &Parts, cookie: &str) -> Result<Option<Token>, ApiError> {
    if let Some(value) = parts.headers.get(AUTHORIZATION) {
        let text = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer ").or_else(|| text.strip_prefix("bearer ")));
        return Ok(text.and_then(Token::parse));
    }
    let Some(value) = CookieJar::from_headers(&parts.headers).get(cookie).map(|cookie| cookie.value().to_owned()) else { return Ok(None) };
    let safe = matches!(parts.method, Method::GET | Method::HEAD) || has_csrf_header(&parts.headers);
    if !safe {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "csrf", "A change made with a cookie must carry the header x-omniot: 1."));
    }
    Ok(Token::parse(&value))
}

fn has_csrf_header(headers: &HeaderMap) -> bool {
    headers.get("x-omniot").is_some_and(|value| value == "1")
}

pub(super) async fn open(state: &AppState, access: &TenantAccess, write: bool) -> Result<Scope, ApiError> {
    let scope = if write { state.db.write(access).await } else { state.db.read(access).await };
    // A token that names no tenant of ours is forged.
    scope.map_err(|error| if matches!(error, DbError::NoSuchTenant(_)) { ApiError::not_signed_in() } else { error.into() })
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct SessionRow {
    session_id: Uuid,
    client: String,
    last_used_at: i64,
    expires_at: i64,
    person_id: Uuid,
    name: String,
    email: String,
    role: String,
    sites: String,
    sites_seq: i64,
    status: String,
}

const SESSION: &str = "
    select s.id as session_id, s.client, s.last_used_at, s.expires_at, p.id as person_id, p.name, p.email, p.role, p.sites, p.sites_seq, t.status
    from session s
    join person p on p.tenant_id = s.tenant_id and p.id = s.person_id
    join tenant t on t.tenant_id = s.tenant_id
    where s.tenant_id = $1 and s.token_hash = $2 and s.expires_at > $3";

const TOUCH: &str = "update session set last_used_at = $3, expires_at = $4 where tenant_id = $1 and id = $2";

/// Whose session it is.
pub(super) async fn recognise(scope: &mut Scope, hash: &TokenHash, now: Millis) -> Result<SessionRow, ApiError> {
    scope.query(SESSION).bind(hash.bytes()).bind(now).optional().await?.ok_or_else(ApiError::not_signed_in)
}

const SITES: &str = "
    select v.site_id from person_site v where v.tenant_id = $1 and v.person_id = $2
    union
    select v.site_id from person_site_group w join site_group_site v on v.tenant_id = w.tenant_id and v.group_id = w.group_id
    where w.tenant_id = $1 and w.person_id = $2";

/// What that person sees.
async fn sight(scope: &mut Scope, row: &SessionRow) -> Result<Sight, ApiError> {
    // Who manages people sees everything; what was chosen for them before stands again when they no longer do.
    if row.sites == "all" || Role::named(&row.role).is_some_and(|role| role.may(Permission::PersonManage)) {
        return Ok(Sight::All);
    }
    let sites: Vec<(Uuid,)> = scope.query(SITES).bind(row.person_id).all().await?;
    Ok(Sight::Sites(sites.into_iter().map(|(site,)| SiteId(site)).collect()))
}

impl SessionRow {
    /// Whether they may: the tenant is served and the role has the permission.
    pub(super) fn judge(&self, need: Option<Permission>) -> Result<(), ApiError> {
        self.served()?;
        self.permitted(need)
    }

    fn served(&self) -> Result<(), ApiError> {
        if self.status == "active" { Ok(()) } else { Err(ApiError::tenant_suspended()) }
    }

    fn permitted(&self, need: Option<Permission>) -> Result<(), ApiError> {
        let allowed = need.is_none_or(|permission| Role::named(&self.role).is_some_and(|role| role.may(permission)));
        if allowed { Ok(()) } else { Err(ApiError::not_allowed()) }
    }

    /// The role as it is stored, and since when they see what they see.
    pub(super) fn standing(&self) -> (&str, i64) {
        (&self.role, self.sites_seq)
    }
}

async fn touch(scope: &mut Scope, row: &SessionRow, now: Millis) -> Result<(), DbError> {
    let expires_at = if row.client == "app" { now.plus(APP_SESSION_MS).0 } else { row.expires_at };
    scope.query(TOUCH).bind(row.session_id).bind(now).bind(expires_at).execute().await.map(drop)
}

/// A read cannot write; the session's use is noted beside it, and losing that note costs nothing.
fn touch_later(state: AppState, access: TenantAccess, row: SessionRow, now: Millis) {
    let noted = async move {
        let mut scope = state.db.write(&access).await?;
        touch(&mut scope, &row, now).await?;
        scope.commit().await
    };
    let note = async move {
        if let Err(error) = noted.await {
            tracing::warn!(%error, "a session's use was not noted");
        }
    };
    tokio::spawn(note.in_current_span());
}
