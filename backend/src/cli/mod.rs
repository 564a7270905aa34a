//! The command line `omniot`, and the one place that reads the environment.
//!
//! Every flag is also an environment variable. Deliberately not here: what the commands do.

mod commands;
mod demo;
mod label;
mod serve;
mod store;

use std::{io::{IsTerminal as _, Write as _}, num::NonZeroUsize, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use omniot_shared::time::SystemClock;

use crate::{
    db::{Db, DbError, PostgresConfig, SqliteConfig, postgres},
    http::{AppState, Chance, Settings},
    identity::{passwords::{PasswordConfig, Passwords}, throttle::Counters},
    sync::Segments,
};

/// The OmnIoT server: one deployment, many tenants.
#[derive(Debug, Parser)]
#[command(name = "omniot", version, about)]
struct Cli {
    /// What is logged, e.g. `info` or `omniot_backend=debug`.
    #[arg(long, global = true, env = "OMNIOT_LOG", default_value = "info,sqlx=warn")]
    log: String,
    /// A JSON object for each log line.
    #[arg(long, global = true, env = "OMNIOT_LOG_JSON")]
    log_json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API and the UI.
    Serve(Box<serve::ServeArgs>),
    /// Bring a PostgreSQL database to this version's shape, as its owner. (SQLite files migrate when they are opened.)
    Migrate(MigrateArgs),
    /// Make, list, suspend and resume tenants.
    #[command(subcommand)]
    Tenant(commands::Tenant),
    /// The people of a tenant.
    #[command(subcommand)]
    Person(commands::Person),
    /// The audit log.
    #[command(subcommand)]
    Audit(commands::Audit),
    /// The people who run this deployment.
    #[command(subcommand)]
    Operator(commands::Operator),
    /// Fill an empty deployment with two demo tenants and an operator.
    Demo(demo::DemoArgs),
    /// Print labels for a batch of devices, as sheets of SVG.
    Label(label::LabelArgs),
    /// Print the description of the API.
    Openapi,
}

/// Which store.
#[derive(Debug, Clone, Args)]
struct Store {
    /// The data folder of the embedded store.
    #[arg(long, env = "OMNIOT_DATA", default_value = "./data")]
    data: PathBuf,
    /// PostgreSQL, as the app role; the embedded store without.
    #[arg(long, env = "OMNIOT_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Where people reach the server; links in mails begin with it.
    #[arg(long, env = "OMNIOT_PUBLIC_URL")]
    public_url: Option<String>,
    /// Connections to PostgreSQL at most; one tenant gets a quarter of them.
    #[arg(long, env = "OMNIOT_DATABASE_CONNECTIONS", default_value = "32", value_parser = clap::value_parser!(u32).range(8..))]
    database_connections: u32,
    /// Tenants' files open at once, in the embedded store.
    #[arg(long, env = "OMNIOT_OPEN_TENANTS", default_value = "64")]
    open_tenants: NonZeroUsize,
}

#[derive(Debug, Args)]
struct MigrateArgs {
    /// PostgreSQL, as the database's owner.
    #[arg(long, env = "OMNIOT_DATABASE_OWNER_URL", hide_env_values = true)]
    owner_url: String,
    /// The role the server will run as; made when it is missing.
    #[arg(long, env = "OMNIOT_APP_ROLE", default_value = "omniot_app")]
    app_role: String,
    /// Its password; left as it is without.
    #[arg(long, env = "OMNIOT_APP_PASSWORD", hide_env_values = true)]
    app_password: Option<String>,
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    log(&cli);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&anyhow::Error::new(error).context("the machine gives no threads")),
    };
    match runtime.block_on(run(cli.command)) {
        Ok(code) => code,
        Err(error) => complain(&error),
    }
}

fn complain(error: &anyhow::Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "omniot: {error:#}");
    ExitCode::FAILURE
}

fn log(cli: &Cli) {
    let filter = tracing_subscriber::EnvFilter::try_new(&cli.log).unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    // A second subscriber in one process is a test's; the first one stays.
    let _ = if cli.log_json { lines.json().flatten_event(true).try_init() } else { lines.try_init() };
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(args) => serve::serve(*args).await?,
        Command::Migrate(args) => {
            let role = postgres::AppRole { name: args.app_role, password: args.app_password };
            postgres::migrate(&args.owner_url, &role).await.context("the database was not migrated")?;
        }
        Command::Tenant(command) => commands::tenant(command).await?,
        Command::Person(command) => commands::person(command).await?,
        Command::Audit(command) => return commands::audit(command).await,
        Command::Operator(command) => commands::operator(command).await?,
        Command::Demo(args) => demo::demo(args).await?,
        Command::Label(args) => label::label(&args)?,
        Command::Openapi => say(&crate::description().to_pretty_json()?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens the store and assembles what handlers and commands need.
async fn open(store: &Store, settings: Settings) -> anyhow::Result<AppState> {
    let db = match &store.database_url {
        Some(url) => postgres(url, store.database_connections).await.context("the database cannot be used")?,
        None => {
            let config = SqliteConfig { open_tenants: store.open_tenants, ..SqliteConfig::new(&store.data) };
            Db::sqlite(config).await.map_err(|error| data_folder(&store.data, error))?
        }
    };
    Ok(AppState {
        bus: db.bus().clone(),
        db,
        clock: Arc::new(SystemClock),
        chance: Chance::from_system(),
        settings: Arc::new(settings),
        passwords: Arc::new(Passwords::new(PasswordConfig::default())?),
        throttle: Arc::new(Counters::default()),
        segments: Segments::default(),
    })
}

async fn postgres(url: &str, connections: u32) -> Result<Db, DbError> {
    let config = PostgresConfig { connections, ..PostgresConfig::new(url) };
    if config.is_exposed()? {
        tracing::warn!("the way to the database may be readable for others: demand TLS in its address (sslmode=verify-full)");
    }
    Db::postgres(config).await
}

/// One sentence about a data folder, with the way out.
fn data_folder(folder: &std::path::Path, error: DbError) -> anyhow::Error {
    let folder = folder.display();
    let why = match error {
        DbError::File { cause, .. } if cause.kind() == std::io::ErrorKind::PermissionDenied => "this user may not write there".to_owned(),
        DbError::File { cause, .. } => cause.to_string(),
        DbError::Unwritable(why) => why,
        other => return anyhow::Error::new(other).context(format!("the data folder {folder} cannot be used")),
    };
    anyhow::anyhow!("the data folder {folder} cannot be used: {why}; make it writable for this user, or choose another with --data")
}

/// The first certificate of a PEM file.
fn trust_anchor(path: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};
    let certificate = CertificateDer::from_pem_file(path).map_err(|error| anyhow::anyhow!("the trust anchor {} holds no certificate: {error}", path.display()))?;
    Ok(certificate.to_vec())
}

impl Store {
    /// For a command that serves nobody.
    async fn open(&self) -> anyhow::Result<AppState> {
        let public_url = self.public_url.clone().unwrap_or_default();
        let settings = Settings { public_url, secure_cookies: false, mail_readable: false, trust_anchor: Vec::new(), trusted_proxies: Vec::new(), telemetry_days: crate::telemetry::KEEP_DAYS, attachment_bytes: crate::attachments::QUOTA_BYTES };
        open(self, settings).await
    }

    /// For a command whose links lead to the server: its address is given, or the server left it.
    async fn open_with_address(&self) -> anyhow::Result<AppState> {
        let state = self.open().await?;
        let public_url = match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => store::public_url(&mut state.db.control_read().await?).await?.context(
                "where people reach the server is not known before it has served: give --public-url https://… (or OMNIOT_PUBLIC_URL)",
            )?,
        };
        Ok(AppState { settings: Arc::new(Settings { public_url, ..(*state.settings).clone() }), ..state })
    }
}

/// A line on standard output.
fn say(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}
