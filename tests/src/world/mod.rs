//! The world that tests play in: a real server on either engine with two tenants, people who act,
//! virtual devices in their own process and a network that can be cut.
//!
//! ```ignore
//! async fn a_viewer_cannot_create_a_site(world: World) {
//!     let viewer = world.tenant("northlift").viewer().await;
//!     viewer.post("/v1/sites", json!({"name": "x", "time_zone": "UTC"})).await.refused(403, "not_allowed");
//! }
//! on_both_engines!(a_viewer_cannot_create_a_site);
//! ```
//!
//! Everything speaks through the public API; helpers that touch storage begin with `db_`.
//! Deliberately not here: stories (`tests/journeys`) and attacks (`tests/isolation`).

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "in the world of tests, a step that fails is a test that fails")]

mod actor;
mod desktop;
mod fleet;
mod network;
mod phone;
mod poll;
mod postgres;
mod process;
mod server;
mod signins;

pub use actor::{Actor, Answer};
pub use desktop::{Desk, Window};
pub use fleet::{Fleet, NETWORK};
pub use network::Network;
pub use phone::{Phone, Reply};
pub use poll::{eventually, eventually_within};
pub use process::{Child, binary, did_not_run, free_port, signal};
pub use server::Server;
pub use signins::{SignIn, SignIns, TenantSignIns};

use std::path::Path;

use tempfile::TempDir;

/// Where the server keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Embedded: a file for each tenant.
    Sqlite,
    /// One database, row-level security.
    Postgres,
}

/// A platform with its people, for one test.
pub struct World {
    /// The server's process.
    pub server: Server,
    /// What lies between the app and the server; devices and browsers have their own way.
    pub network: Network,
    signins: SignIns,
    engine: Engine,
    folder: TempDir,
}

impl World {
    /// A world of that engine; `None` when this machine has no PostgreSQL for tests
    /// (`OMNIOT_TEST_POSTGRES` unset). Under `CI=true` that is a failure.
    pub async fn on(engine: Engine) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("omniot-world-").tempdir().expect("a temporary folder");
        let database = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(postgres::Database::make().await?),
        };
        let mut server = Server::new(folder.path(), database);
        let signins = server.seed().await;
        server.start().await;
        let network = Network::to(&[server.address()]).await;
        Some(Self { server, network, signins, engine, folder })
    }

    /// A tenant of the demo: `northlift` or `verdant`.
    #[must_use]
    pub fn tenant(&self, name: &str) -> Tenant<'_> {
        let signins = self.signins.tenant(name).unwrap_or_else(|| panic!("the demo has no tenant {name}"));
        Tenant { world: self, signins }
    }

    /// Where the server keeps its data.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.engine
    }

    /// Who can sign in.
    #[must_use]
    pub const fn signins(&self) -> &SignIns {
        &self.signins
    }

    /// Nobody: requests without a token.
    #[must_use]
    pub fn anonymous(&self) -> Actor {
        Actor::anonymous(&self.server.origin())
    }

    /// The platform operator, signed in.
    pub async fn operator(&self) -> Actor {
        let signin = &self.signins.operator;
        let body = serde_json::json!({"email": signin.email, "password": signin.password, "client": "app"});
        Actor::signed_in(&self.server.origin(), "/v1/operator/sessions", &body).await
    }

    /// A folder of this world, gone with it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// One tenant of a world: who acts.
#[derive(Clone, Copy)]
pub struct Tenant<'w> {
    world: &'w World,
    signins: &'w TenantSignIns,
}

impl Tenant<'_> {
    /// Its short name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.signins.name
    }

    /// How the person of that role signs in.
    #[must_use]
    pub fn signin(&self, role: &str) -> &SignIn {
        self.signins.people.iter().find(|person| person.role == role).unwrap_or_else(|| panic!("{} has no {role}", self.name()))
    }

    /// The person of that role, signed in.
    pub async fn person(&self, role: &str) -> Actor {
        let SignIn { email, password, .. } = self.signin(role);
        let body = serde_json::json!({"tenant": self.name(), "email": email, "password": password, "client": "app", "label": "test"});
        Actor::signed_in(&self.world.server.origin(), "/v1/sessions", &body).await
    }

    /// The owner, signed in.
    pub async fn owner(&self) -> Actor {
        self.person("owner").await
    }

    /// The administrator, signed in.
    pub async fn admin(&self) -> Actor {
        self.person("admin").await
    }

    /// The operator of devices (not of the platform), signed in.
    pub async fn operator(&self) -> Actor {
        self.person("operator").await
    }

    /// The viewer, signed in.
    pub async fn viewer(&self) -> Actor {
        self.person("viewer").await
    }

    /// The technician, signed in on the web API. For the app see [`Phone`].
    pub async fn technician(&self) -> Actor {
        self.person("technician").await
    }
}

/// Stamps stories (`async fn story(world: World)`) as tests, one for each engine.
#[macro_export]
macro_rules! on_both_engines {
    ($($story:ident),+ $(,)?) => {$(
        mod $story {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                let world = $crate::world::World::on($crate::world::Engine::Sqlite).await.expect("SQLite is always there");
                super::$story(world).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                if let Some(world) = $crate::world::World::on($crate::world::Engine::Postgres).await {
                    super::$story(world).await;
                }
            }
        }
    )+};
}
