//! A server to test through its public API, with actors, on either engine.
//!
//! ```ignore
//! #[tokio::test]
//! async fn a_viewer_cannot_create_a_site() {
//!     for app in App::both().await {                       // SQLite, and PostgreSQL when OMNIOT_TEST_POSTGRES names one
//!         let acme = app.tenant("acme").await;
//!         let viewer = acme.person(Role::Viewer).await;
//!         let reply = viewer.post("/v1/sites", json!({"name": "Hall 1", "time_zone": "UTC"})).await;
//!         assert_eq!(reply.refusal(), (403, "not_allowed"));
//!     }
//! }
//! ```
//!
//! What begins with `db_` touches storage behind the API's back.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "in a test, a step that fails is a test that fails")]

#[cfg(test)]
pub mod twists;

use std::{io::Write as _, num::NonZeroUsize, sync::{Arc, Mutex, atomic::{AtomicI64, AtomicU64, Ordering}}};

use axum::{Router, body::Body, http::{Method, Request, header}};
use http_body_util::BodyExt as _;
use omniot_shared::{ids::{OperatorId, PersonId, SessionId, TenantId}, roles::Role, time::{Clock, Millis}};
use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tower::ServiceExt as _;

use crate::{
    audit::Author,
    db::{self, Db, Layout, Scope, SqliteConfig, TenantAccess},
    http::{APP_SESSION_MS, AppState, Chance, Settings},
    identity::{passwords::{PasswordConfig, Passwords}, throttle::Counters, tokens::{Kind, Token}},
    sync::Segments,
    tenancy::{self, NewTenant},
};

/// A clock that stands until it is moved.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

/// The moment at which every test begins.
pub const START: Millis = Millis(1_790_000_000_000);

/// A whole server on a store of its own.
#[derive(Clone)]
pub struct App {
    /// Everything a handler can reach.
    pub state: AppState,
    /// Which engine: `sqlite` or `postgres`.
    pub engine: &'static str,
    router: Router,
    clock: Arc<TestClock>,
    _keep: Arc<Keep>,
}

enum Keep {
    Folder(#[allow(dead_code, reason = "removed when dropped")] tempfile::TempDir),
    Database { admin: String, name: String },
}

impl Drop for Keep {
    fn drop(&mut self) {
        if let Self::Database { admin, name } = self {
            let (admin, sql) = (admin.clone(), format!("drop database if exists {name} with (force)"));
            let drop_it = move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(async {
                    if let Ok(mut connection) = PgConnection::connect(&admin).await {
                        let _ = connection.execute(AssertSqlSafe(sql)).await;
                    }
                });
            };
            let _ = std::thread::spawn(drop_it).join();
        }
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a log").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What this thread logs, from now until it is dropped.
pub struct Log {
    lines: Lines,
    _here: tracing::subscriber::DefaultGuard,
}

impl Log {
    /// Begins to listen.
    #[must_use]
    pub fn of_this_thread() -> Self {
        let lines = Lines::default();
        let written = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || written.clone()).finish();
        Self { lines, _here: tracing::subscriber::set_default(subscriber) }
    }

    /// The last line about an answer on that route.
    #[must_use]
    pub fn answered(&self, route: &str) -> String {
        self.find(|line| line.contains("answered") && line.contains(&format!("route={route} ")))
    }

    /// The last line with those words.
    #[must_use]
    pub fn last(&self, words: &str) -> String {
        self.find(|line| line.contains(words))
    }

    fn find(&self, is_it: impl Fn(&str) -> bool) -> String {
        let text = String::from_utf8_lossy(&self.lines.0.lock().expect("a log")).into_owned();
        text.lines().rfind(|line| is_it(line)).unwrap_or_else(|| panic!("it is not logged:\n{text}")).to_owned()
    }
}

/// The superuser's URL of a PostgreSQL for tests. Without one it says so.
#[allow(clippy::disallowed_methods, reason = "tests are the edge that reads their environment")]
pub fn postgres_url() -> Option<String> {
    let url = std::env::var("OMNIOT_TEST_POSTGRES").ok().filter(|url| !url.is_empty());
    assert!(url.is_some() || std::env::var("CI").as_deref() != Ok("true"), "OMNIOT_TEST_POSTGRES must name a PostgreSQL in CI");
    if url.is_none() {
        let said = std::io::stderr().write_all(b"DID NOT RUN on PostgreSQL: OMNIOT_TEST_POSTGRES is not set (scripts/postgres sets it)\n");
        said.expect("standard error can be written");
    }
    url
}

/// `url` with another role and database.
fn url_of(admin: &str, user: Option<&str>, database: &str) -> String {
    let (scheme, rest) = admin.split_once("://").expect("a URL");
    let (authority, _) = rest.split_once('/').unwrap_or((rest, ""));
    let (own, host) = authority.rsplit_once('@').unwrap_or(("postgres", authority));
    format!("{scheme}://{}@{host}/{database}", user.unwrap_or(own))
}

impl App {
    /// On both engines; without `OMNIOT_TEST_POSTGRES` on SQLite alone, loudly.
    pub async fn both() -> Vec<Self> {
        let mut apps = vec![Self::sqlite().await];
        if let Some(url) = postgres_url() {
            apps.push(Self::postgres(&url).await);
        }
        apps
    }

    /// On SQLite, **all tenants in one file**, so that a forgotten predicate shows.
    pub async fn sqlite() -> Self {
        Self::sqlite_with(Layout::OneFile).await
    }

    /// On SQLite in the given layout.
    pub async fn sqlite_with(layout: Layout) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = SqliteConfig { layout, ..SqliteConfig::new(folder.path()) };
        Self::on(Db::sqlite(config).await.expect("a store"), "sqlite", Keep::Folder(folder))
    }

    /// On SQLite, a file for each tenant and only so many open.
    pub async fn sqlite_bounded(open_tenants: NonZeroUsize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = SqliteConfig { open_tenants, ..SqliteConfig::new(folder.path()) };
        Self::on(Db::sqlite(config).await.expect("a store"), "sqlite", Keep::Folder(folder))
    }

    /// On a database of its own.
    pub async fn postgres(admin: &str) -> Self {
        let (db, name) = db_postgres(admin).await;
        Self::on(db, "postgres", Keep::Database { admin: admin.to_owned(), name })
    }

    fn on(db: Db, engine: &'static str, keep: Keep) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(START.0)));
        let settings = Settings { public_url: "https://omniot.example".to_owned(), secure_cookies: true, mail_readable: true, trust_anchor: Vec::new(), trusted_proxies: Vec::new(), telemetry_days: crate::telemetry::KEEP_DAYS, attachment_bytes: crate::attachments::QUOTA_BYTES };
        let state = AppState {
            bus: db.bus().clone(),
            db,
            clock: clock.clone(),
            chance: Chance::from_system(),
            settings: Arc::new(settings),
            passwords: Arc::new(Passwords::new(PasswordConfig::cheapest()).expect("a hasher")),
            throttle: Arc::new(Counters::default()),
            segments: Segments::default(),
        };
        Self { router: crate::build(state.clone()), state, engine, clock, _keep: Arc::new(keep) }
    }

    /// The owner's URL of this server's database, on PostgreSQL.
    pub fn db_owner_url(&self) -> Option<String> {
        match &*self._keep {
            Keep::Database { admin, name } => Some(url_of(admin, None, name)),
            Keep::Folder(_) => None,
        }
    }

    /// The app role's URL of this server's database, on PostgreSQL: for another server on the same store.
    pub fn db_app_url(&self) -> Option<String> {
        match &*self._keep {
            Keep::Database { admin, name } => Some(app_url(admin, name)),
            Keep::Folder(_) => None,
        }
    }

    /// Where the rows of a tenant lie, as a URL that sqlx opens without any scope (`sqlite:…`, `postgres://…`).
    pub fn db_url(&self, tenant: TenantId) -> String {
        match &*self._keep {
            Keep::Folder(folder) => {
                let each = folder.path().join(format!("tenants/{}.db", tenant.0.simple()));
                let file = if each.exists() { each } else { folder.path().join("tenants/all.db") };
                format!("sqlite:{}", file.display())
            }
            Keep::Database { admin, name } => url_of(admin, None, name),
        }
    }

    /// Moves the clock.
    pub fn pass(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// A tenant without people, sites or models.
    pub async fn tenant(&self, name: &str) -> Tenant {
        let new = NewTenant { name: name.to_owned(), display_name: format!("{name} Ltd"), template: "blank".to_owned() };
        let made = tenancy::provision(&self.state, &Author::system("test"), None, new, async |_: &mut Scope, _: &tenancy::Furniture| Ok(())).await.expect("a tenant");
        Tenant { app: self.clone(), id: made.id, name: made.name }
    }

    /// Nobody: calls without a credential.
    pub fn nobody(&self) -> Client {
        Client { app: self.clone(), token: None }
    }

    /// Somebody who calls with this token.
    pub fn bearer(&self, token: &str) -> Client {
        Client { app: self.clone(), token: Some(token.to_owned()) }
    }

    /// The same store behind other routes.
    pub fn with_router(&self, router: Router) -> Self {
        Self { router, ..self.clone() }
    }

    /// The same server under another public URL.
    pub fn moved_to(&self, public_url: &str) -> Self {
        self.at(public_url, &self.state.settings.trust_anchor)
    }

    /// The same server under that public URL, behind a certificate of that authority.
    pub fn at(&self, public_url: &str, trust_anchor: &[u8]) -> Self {
        let settings = Settings { public_url: public_url.to_owned(), trust_anchor: trust_anchor.to_vec(), ..(*self.state.settings).clone() };
        let state = AppState { settings: Arc::new(settings), ..self.state.clone() };
        Self { router: crate::build(state.clone()), state, ..self.clone() }
    }

    /// The same server as it is outside development.
    pub fn without_development(&self) -> Self {
        let settings = Settings { mail_readable: false, ..(*self.state.settings).clone() };
        let state = AppState { settings: Arc::new(settings), ..self.state.clone() };
        Self { router: crate::build(state.clone()), state, ..self.clone() }
    }

    /// The same server, where the files of a tenant may take no more than this.
    pub fn with_attachment_bytes(&self, attachment_bytes: i64) -> Self {
        let settings = Settings { attachment_bytes, ..(*self.state.settings).clone() };
        let state = AppState { settings: Arc::new(settings), ..self.state.clone() };
        Self { router: crate::build(state.clone()), state, ..self.clone() }
    }

    /// Somebody who calls with the token of somebody else, maybe on another server.
    pub fn bearer_of(&self, other: &Client) -> Client {
        Client { app: self.clone(), token: other.token.clone() }
    }

    /// A signed-in platform operator.
    pub async fn operator(&self) -> Client {
        let token = self.state.chance.with(|rng| Token::mint(Kind::Operator, rng));
        let (id, session): (OperatorId, SessionId) = (self.state.new_id(), self.state.new_id());
        let (now, mut control) = (self.state.now(), self.state.db.control_write().await.expect("control"));
        control.query("insert into control_operator (id, email, name, password_hash, created_at) values ($1, $2, 'Olga Operator', '', $3)")
            .bind(id).bind(format!("{id}@omniot.example")).bind(now).execute().await.expect("an operator");
        control.query("insert into control_operator_session (token_hash, id, operator_id, created_at, last_used_at, expires_at) values ($1, $2, $3, $4, $4, $5)")
            .bind(token.hash().bytes()).bind(session).bind(id).bind(now).bind(now.plus(APP_SESSION_MS)).execute().await.expect("a session");
        control.commit().await.expect("a commit");
        self.bearer(token.reveal())
    }

    /// Any request, raw.
    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.expect("a router never fails");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        Reply { status: parts.status.as_u16(), headers: parts.headers, bytes: bytes.to_vec() }
    }
}

/// A database migrated by its owner, opened as the app role; and its name.
pub async fn db_postgres(admin: &str) -> (Db, String) {
    let (name, owner) = db_postgres_migrated(admin).await;
    drop(owner);
    (Db::postgres(&app_url(admin, &name)).await.expect("a store that isolates"), name)
}

/// The app role's URL of a test database.
pub fn app_url(admin: &str, name: &str) -> String {
    url_of(admin, Some("omniot_app_test"), name)
}

/// Drops a test database.
pub async fn db_drop(admin: &str, name: &str) {
    let mut connection = PgConnection::connect(admin).await.expect("a PostgreSQL");
    connection.execute(AssertSqlSafe(format!("drop database if exists {name} with (force)"))).await.expect("it is dropped");
}

/// A database migrated by its owner: its name and the owner's URL.
pub async fn db_postgres_migrated(admin: &str) -> (String, String) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("omniot_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
    let mut connection = PgConnection::connect(admin).await.expect("a PostgreSQL");
    // One at a time across test processes: creating roles and databases is not safe in parallel.
    connection.execute("select pg_advisory_lock(7264)").await.expect("a lock");
    connection.execute(AssertSqlSafe(format!("drop database if exists {name} with (force)"))).await.expect("no such database");
    connection.execute(AssertSqlSafe(format!("create database {name}"))).await.expect("a database");
    let owner = url_of(admin, None, &name);
    let role = db::postgres::AppRole { name: "omniot_app_test".to_owned(), password: None };
    db::postgres::migrate(&owner, &role).await.expect("migrations run");
    connection.close().await.expect("the lock goes with the connection");
    (name, owner)
}

/// A tenant to test with.
#[derive(Clone)]
pub struct Tenant {
    /// The server.
    pub app: App,
    /// Its id.
    pub id: TenantId,
    /// Its short name.
    pub name: String,
}

impl Tenant {
    /// A scope behind the API's back, to look or to prepare.
    pub async fn db_write(&self) -> Scope {
        self.app.state.db.write(&TenantAccess::for_job(self.id, "test")).await.expect("a scope")
    }

    /// A person of that role, signed in with the app.
    pub async fn person(&self, role: Role) -> Actor {
        let state = &self.app.state;
        let (id, now): (PersonId, Millis) = (state.new_id(), state.now());
        let email = format!("{}.{}@{}.example", role.name(), id.0.simple(), self.name);
        let mut scope = self.db_write().await;
        scope.query("insert into person (tenant_id, id, email, name, search_text, role, password_hash, created_at) values ($1, $2, $3, $4, $4, $5, '', $6)")
            .bind(id).bind(&email).bind(format!("{} {}", role.name(), self.name)).bind(role.name()).bind(now).execute().await.expect("a person");
        scope.commit().await.expect("a commit");
        self.session(id, email).await
    }

    /// The same person, signed in again.
    pub async fn session_of(&self, actor: &Actor) -> Actor {
        self.session(actor.id, actor.email.clone()).await
    }

    async fn session(&self, id: PersonId, email: String) -> Actor {
        let state = &self.app.state;
        let (session, now): (SessionId, Millis) = (state.new_id(), state.now());
        let token = state.chance.with(|rng| Token::mint(Kind::Person(self.id), rng));
        let mut scope = self.db_write().await;
        scope.query("insert into session (tenant_id, token_hash, id, person_id, client, created_at, last_used_at, expires_at) values ($1, $2, $3, $4, 'app', $5, $5, $6)")
            .bind(token.hash().bytes()).bind(session).bind(id).bind(now).bind(now.plus(APP_SESSION_MS)).execute().await.expect("a session");
        scope.commit().await.expect("a commit");
        Actor { client: self.app.bearer(token.reveal()), id, email, token: token.reveal().to_owned() }
    }
}

/// A signed-in person; calls like a [`Client`].
#[derive(Clone)]
pub struct Actor {
    client: Client,
    /// Who.
    pub id: PersonId,
    /// Their address.
    pub email: String,
    /// Their token.
    pub token: String,
}

impl Actor {
    /// The same person at another server.
    pub fn at(&self, app: &App) -> Self {
        Self { client: self.client.at(app), id: self.id, email: self.email.clone(), token: self.token.clone() }
    }
}

impl std::ops::Deref for Actor {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Somebody who calls the API.
#[derive(Clone)]
pub struct Client {
    app: App,
    token: Option<String>,
}

impl Client {
    /// The same caller at another server.
    pub fn at(&self, app: &App) -> Self {
        Self { app: app.clone(), token: self.token.clone() }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, None).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: Json) -> Reply {
        self.call(Method::POST, path, Some(body)).await
    }

    /// PUT with a JSON body.
    pub async fn put(&self, path: &str, body: Json) -> Reply {
        self.call(Method::PUT, path, Some(body)).await
    }

    /// PATCH with a JSON body.
    pub async fn patch(&self, path: &str, body: Json) -> Reply {
        self.call(Method::PATCH, path, Some(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path, None).await
    }

    /// PUT with a body of any type.
    pub async fn put_bytes(&self, path: &str, media_type: &str, bytes: &[u8]) -> Reply {
        let mut request = Request::put(path).header(header::CONTENT_TYPE, media_type);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        self.app.send(request.body(Body::from(bytes.to_vec())).expect("a request")).await
    }

    /// Any method.
    pub async fn call(&self, method: Method, path: &str, body: Option<Json>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = body.map(|body| body.to_string());
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        self.app.send(request.body(body.map_or_else(Body::empty, Body::from)).expect("a request")).await
    }
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: axum::http::HeaderMap,
    /// The body.
    pub bytes: Vec<u8>,
}

impl Reply {
    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.bytes).unwrap_or(Json::Null)
    }

    /// The body, when the status is this one; says what came instead.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Json {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        self.json()
    }

    /// Status and error code.
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    }
}
