//! The whole server, on the simulated network and with the simulated clock.
//!
//! Its store has threads of its own, which know nothing of simulated time. So the router runs in a thread with a
//! runtime of its own, and the simulation stands still until it has answered: each request is carried out in no
//! simulated time, one after the other, whichever order the real threads run in. What takes time is the network.

use std::{collections::HashMap, io, sync::{Arc, Mutex, mpsc}, thread, time::Duration};

use axum::{Router, body::{Body, Bytes}, extract::{Request, State}, response::Response};
use futures::stream;
use http_body_util::BodyExt as _;
use omniot_backend::{http::Chance, testing::{Actor, App, START, Tenant}};
use omniot_shared::{
    ids::{ClientId, ModelId},
    roles::Role,
    sync::{
        Seq, Sight, SyncedRow,
        wire::{Frame, PullRequest, SCHEMA},
    },
    time::Millis,
};
use serde_json::json;
use turmoil::net::{TcpListener, TcpStream};

use crate::{tablet::frames, versions::Version};

/// On which port it listens.
pub const PORT: u16 = 80;
/// Answers go out in pieces of so many bytes …
const PIECE: usize = 200;
/// … with so much simulated time in between, so that they can be cut.
const BETWEEN: Duration = Duration::from_millis(400);

type Job = Box<dyn FnOnce(&tokio::runtime::Runtime, &App) + Send>;

/// Rows by whoever pulled them, and when.
type Moments = HashMap<(String, Seq), Vec<SyncedRow>>;

/// The server's thread.
#[derive(Clone)]
pub struct Real {
    jobs: mpsc::Sender<Job>,
    version: Arc<Mutex<Version>>,
    /// What somebody who pulled would have got from nothing in that moment, by their token and the server's sequence.
    moments: Arc<Mutex<Moments>>,
}

/// Which store.
#[derive(Debug, Clone)]
pub enum Engine {
    Sqlite,
    Postgres(String),
}

impl Real {
    /// Starts it, with everything that it draws coming from `seed`.
    pub fn start(engine: Engine, seed: u64) -> Self {
        let (jobs, todo) = mpsc::channel::<Job>();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let mut app = runtime.block_on(async {
                match engine {
                    Engine::Sqlite => App::sqlite().await,
                    Engine::Postgres(url) => App::postgres(&url).await,
                }
            });
            app.state.chance = Chance::seeded(seed);
            let app = app.with_router(omniot_backend::build(app.state.clone()));
            for job in todo {
                job(&runtime, &app);
            }
            // The store's connections end in their runtime.
            runtime.block_on(async move { drop(app) });
        });
        Self { jobs, version: Arc::new(Mutex::new(Version::TODAY)), moments: Arc::default() }
    }

    /// From now on, the server is of that version.
    pub fn is_of(&self, version: &Version) {
        self.version.lock().expect("nobody panicked").clone_from(version);
    }

    /// Of which version it is.
    pub fn version(&self) -> Version {
        self.version.lock().expect("nobody panicked").clone()
    }

    /// What the server's rows were for whoever has that token, at a sequence at which they pulled.
    pub fn moment(&self, token: &str, seq: Seq) -> Option<Vec<SyncedRow>> {
        self.moments.lock().expect("nobody panicked").get(&(token.to_owned(), seq)).cloned()
    }

    /// The server's rows as the one with that token sees them now, and its sequence.
    pub fn seen(&self, token: &str, client: ClientId, version: &Version, elapsed: Duration) -> (Seq, Vec<SyncedRow>) {
        let pull = PullRequest { schema: SCHEMA, client_id: client, epoch: 0, cursors: vec![], scopes: Sight::All, accepts: vec![] };
        let body = version.says("/v1/sync/pull", "request", json!(pull));
        let (status, bytes) = self.ask(token, "/v1/sync/pull", &body, elapsed);
        assert_eq!(status, 200);
        let (mut rows, mut seq) = (vec![], Seq(0));
        for frame in frames(&bytes) {
            match frame {
                Frame::Rows(more) => rows.extend(more),
                Frame::Checkpoint(checkpoint) => seq = checkpoint.seq,
                _ => {}
            }
        }
        rows.sort_by_key(|synced: &SyncedRow| synced.row.key());
        (seq, rows)
    }

    /// One request without the network.
    pub fn ask(&self, token: &str, path: &str, body: &serde_json::Value, elapsed: Duration) -> (u16, Bytes) {
        let request = Request::post(path).header("authorization", format!("Bearer {token}")).header("content-type", "application/json");
        let (parts, bytes) = self.answer(request.body(Bytes::from(body.to_string())).expect("a request"), elapsed);
        (parts.status.as_u16(), bytes)
    }

    /// Does something in that thread, and stands still meanwhile.
    pub fn run<T: Send + 'static>(&self, work: impl AsyncFnOnce(App) -> T + Send + 'static) -> T {
        let (done, result) = mpsc::channel();
        let job: Job = Box::new(move |runtime, app| {
            let _nobody_waits = done.send(runtime.block_on(work(app.clone())));
        });
        self.jobs.send(job).expect("the server's thread runs");
        result.recv().expect("the server answers")
    }

    /// A tenant with as many people of these roles.
    pub fn tenant(&self, name: &'static str, roles: Vec<Role>) -> (Tenant, Vec<Actor>) {
        self.run(async move |app| {
            let tenant = app.tenant(name).await;
            let mut people = vec![];
            for role in roles {
                people.push(tenant.person(role).await);
            }
            (tenant, people)
        })
    }

    /// Sets the server's clock to simulated time.
    pub fn keep_time(app: &App, elapsed: Duration) {
        let now = START.plus(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX));
        app.pass(now.since(app.state.now()));
    }

    /// One request, at that simulated time.
    pub fn answer(&self, request: Request<Bytes>, elapsed: Duration) -> (axum::http::response::Parts, Bytes) {
        self.run(async move |app| {
            Self::keep_time(&app, elapsed);
            let (parts, body) = request.into_parts();
            let reply = app.send(Request::from_parts(parts, Body::from(body))).await;
            let mut response = Response::builder().status(reply.status);
            for (name, value) in &reply.headers {
                response = response.header(name, value);
            }
            let (parts, ()) = response.body(()).expect("a response").into_parts();
            (parts, Bytes::from(reply.bytes))
        })
    }

    /// A kind of device, made by an administrator and called by `name`.
    pub fn model(&self, admin: &Actor, name: &'static str) -> ModelId {
        let admin = admin.clone();
        self.run(async move |_app| {
            let made = admin.post("/v1/models", json!({"name": name, "sku": "OM-SIM-1", "min_security": "sec1"})).await.expect(201);
            serde_json::from_value(made["id"].clone()).expect("an id")
        })
    }

    /// The server's clock now.
    pub fn now(elapsed: Duration) -> Millis {
        START.plus(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The listener of a simulated host, as axum wants one.
struct Listener(TcpListener);

impl axum::serve::Listener for Listener {
    type Io = TcpStream;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (TcpStream, Self::Addr) {
        loop {
            if let Ok(accepted) = self.0.accept().await {
                return accepted;
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

async fn pass_on(State(real): State<Arc<Real>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Response::default() };
    let elapsed = turmoil::sim_elapsed().unwrap_or_default();
    let token = parts.headers.get("authorization").and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned();
    let (version, path) = (real.version(), parts.uri.path().to_owned());
    let asked = version.understands(&path, serde_json::from_slice(&body.to_bytes()).expect("JSON"));
    let (parts, answer) = real.answer(Request::from_parts(parts, Bytes::from(asked.to_string())), elapsed);
    if parts.status.is_success() && path == "/v1/sync/pull" {
        // Nothing else happens before this is answered.
        let client = serde_json::from_value(asked["client_id"].clone()).expect("a client");
        let version = if asked["schema"] == json!(SCHEMA) { Version::TODAY } else { Version::BEFORE_LISTS };
        let (seq, rows) = real.seen(&token, client, &version, elapsed);
        real.moments.lock().expect("nobody panicked").insert((token, seq), rows);
    }
    let answer = match serde_json::from_slice(&answer) {
        Ok(said) if parts.status.is_success() => Bytes::from(version.says(&path, "response", said).to_string()),
        _ => answer,
    };
    let pieces: Vec<Bytes> = answer.chunks(PIECE).map(|piece| answer.slice_ref(piece)).collect();
    let slowly = stream::unfold(pieces.into_iter(), |mut pieces| async {
        let piece = pieces.next()?;
        tokio::time::sleep(BETWEEN).await;
        Some((Ok::<_, io::Error>(piece), pieces))
    });
    let mut response = Response::from_parts(parts, Body::from_stream(slowly));
    response.headers_mut().remove("content-length");
    response
}

/// What runs on the server's host, until the host is killed.
pub async fn serve(real: Arc<Real>) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    axum::serve(Listener(listener), Router::new().fallback(pass_on).with_state(real)).await?;
    Ok(())
}
