//! The server's process: seeded, started, stopped, killed, started again on the same data.

use std::{net::SocketAddr, path::PathBuf, process::Output, time::Duration};

use tokio::process::Command;

use super::{Child, SignIns, binary, eventually_within, free_port, postgres::Database};

/// `omniot serve` with its data.
pub struct Server {
    name: String,
    folder: PathBuf,
    database: Option<Database>,
    port: u16,
    internal_port: u16,
    child: Option<Child>,
}

impl Server {
    pub(super) fn new(folder: &std::path::Path, database: Option<Database>) -> Self {
        Self { name: "server".to_owned(), folder: folder.to_owned(), database, port: free_port(), internal_port: free_port(), child: None }
    }

    /// Another process on the same data, to be started; only PostgreSQL takes several.
    #[must_use]
    pub fn beside(&self) -> Self {
        let other = Self::new(&self.folder, self.database.clone());
        Self { name: format!("server-{}", other.port), ..other }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Health and metrics.
    #[must_use]
    pub fn internal_origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.internal_port)
    }

    /// Where the embedded engine keeps its files.
    #[must_use]
    pub fn db_folder(&self) -> PathBuf {
        self.folder.join("server")
    }

    /// The superuser's URL of the database, on PostgreSQL.
    #[must_use]
    pub fn db_owner_url(&self) -> Option<&str> {
        self.database.as_ref().map(|database| database.owner_url.as_str())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("omniot-under-test"));
        command
            .args(arguments)
            .env("OMNIOT_DATA", self.db_folder())
            .env("OMNIOT_LISTEN", self.address().to_string())
            .env("OMNIOT_INTERNAL_LISTEN", format!("127.0.0.1:{}", self.internal_port))
            .env("OMNIOT_PUBLIC_URL", self.origin())
            .env("OMNIOT_DEVELOPMENT", "true")
            .env("NO_COLOR", "1")
            .env_remove("OMNIOT_DATABASE_URL");
        let ui = concat!(env!("CARGO_MANIFEST_DIR"), "/../ui/build");
        if std::path::Path::new(ui).join("index.html").is_file() {
            command.env("OMNIOT_UI_DIR", ui);
        }
        if let Some(database) = &self.database {
            command.env("OMNIOT_DATABASE_URL", &database.app_url);
        }
        command
    }

    /// Runs the command line on this server's data: `["audit", "verify", "northlift"]`.
    pub async fn omniot(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().await.expect("omniot runs")
    }

    async fn omniot_succeeds(&self, arguments: &[&str]) -> String {
        let output = self.omniot(arguments).await;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "omniot {} ends with {}:\n{stdout}{}", arguments.join(" "), output.status, String::from_utf8_lossy(&output.stderr));
        stdout
    }

    pub(super) async fn seed(&self) -> SignIns {
        if let Some(Database { owner_url, app_role, .. }) = &self.database {
            self.omniot_succeeds(&["migrate", "--owner-url", owner_url, "--app-role", app_role, "--app-password", "app"]).await;
        }
        let printed = self.omniot_succeeds(&["demo", "--json"]).await;
        serde_json::from_str(&printed).unwrap_or_else(|why| panic!("omniot demo --json prints no JSON ({why}):\n{printed}"))
    }

    /// Starts it and waits until it is ready.
    pub async fn start(&mut self) {
        self.start_with(&[]).await;
    }

    /// Starts it with more environment, e.g. a seeded leak.
    pub async fn start_with(&mut self, environment: &[(&str, &str)]) {
        let mut command = self.command(&["serve"]);
        command.envs(environment.iter().copied());
        let mut child = Child::start(&self.name, &self.folder, command);
        let ready = format!("{}/readyz", self.internal_origin());
        let client = reqwest::Client::new();
        eventually_within(Duration::from_secs(30), "the server is ready", || {
            child.assert_alive();
            let ask = client.get(&ready).send();
            async move { ask.await.ok().filter(|answer| answer.status().is_success()).map(drop) }
        })
        .await;
        self.child = Some(child);
    }

    /// `kill -9`; [`Self::start`] starts it again on the same data.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await;
        }
    }

    /// Sends it a signal, if it runs: `STOP`, `CONT`.
    pub async fn signal(&self, name: &str) {
        if let Some(process) = self.child.as_ref().and_then(Child::id) {
            super::signal(process, name).await;
        }
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.child.as_ref().map(Child::log).unwrap_or_default()
    }
}
