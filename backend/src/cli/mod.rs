//! The command line `omniot`, and the one place that reads the environment.
//!
//! Every flag is also an environment variable. Deliberately not here: what the commands do.

mod commands;
mod demo;

use std::{io::{IsTerminal as _, Write as _}, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use omniot_shared::time::SystemClock;

use crate::{
    db::{Db, DbError, SqliteConfig, postgres},
    http::{AppState, Chance, Settings},
    identity::{passwords::{PasswordConfig, Passwords}, throttle::Counters},
    server::{self, Listening},
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
    Serve(Box<ServeArgs>),
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
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    store: Store,
    /// The public address.
    #[arg(long, env = "OMNIOT_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The internal address: /healthz, /readyz, /metrics.
    #[arg(long, env = "OMNIOT_INTERNAL_LISTEN", default_value = "127.0.0.1:8081")]
    internal_listen: SocketAddr,
    /// The built UI.
    #[arg(long, env = "OMNIOT_UI_DIR")]
    ui_dir: Option<PathBuf>,
    /// The certificate chain, PEM.
    #[arg(long, env = "OMNIOT_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its key, PEM.
    #[arg(long, env = "OMNIOT_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The certificate authority that devices shall trust instead of the public ones, PEM.
    #[arg(long, env = "OMNIOT_TRUST_ANCHOR")]
    trust_anchor: Option<PathBuf>,
    /// Speak plain HTTP beyond this machine: something in front speaks TLS.
    #[arg(long, env = "OMNIOT_ALLOW_PLAIN_HTTP")]
    allow_plain_http: bool,
    /// Operators may read the tenants' outgoing mail.
    #[arg(long, env = "OMNIOT_DEVELOPMENT")]
    development: bool,
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
        Command::Serve(args) => serve(*args).await?,
        Command::Migrate(args) => {
            let role = postgres::AppRole { name: args.app_role, password: args.app_password };
            postgres::migrate(&args.owner_url, &role).await.context("the database was not migrated")?;
        }
        Command::Tenant(command) => commands::tenant(command).await?,
        Command::Person(command) => commands::person(command).await?,
        Command::Audit(command) => return commands::audit(command).await,
        Command::Operator(command) => commands::operator(command).await?,
        Command::Demo(args) => demo::demo(args).await?,
        Command::Openapi => say(&crate::description().to_pretty_json()?)?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let scheme = if args.tls_cert.is_some() { "https" } else { "http" };
    let public_url = args.store.public_url.clone().unwrap_or_else(|| format!("{scheme}://{}", args.listen));
    let settings = Settings {
        secure_cookies: public_url.starts_with("https://"),
        public_url: public_url.trim_end_matches('/').to_owned(),
        mail_readable: args.development,
        trust_anchor: args.trust_anchor.as_deref().map(trust_anchor).transpose()?.unwrap_or_default(),
    };
    let listening = Listening {
        public: args.listen,
        internal: args.internal_listen,
        tls: args.tls_cert.zip(args.tls_key),
        plain_http_anywhere: args.allow_plain_http,
        ui: args.ui_dir,
    };
    let state = open(&args.store, settings).await?;
    Ok(server::serve(state, listening).await?)
}

/// Opens the store and assembles what handlers and commands need.
async fn open(store: &Store, settings: Settings) -> anyhow::Result<AppState> {
    let db = match &store.database_url {
        Some(url) => Db::postgres(url).await.context("the database cannot be used")?,
        None => Db::sqlite(SqliteConfig::new(&store.data)).await.map_err(|error| data_folder(&store.data, error))?,
    };
    Ok(AppState {
        bus: db.bus().clone(),
        db,
        clock: Arc::new(SystemClock),
        chance: Chance::from_system(),
        settings: Arc::new(settings),
        passwords: Arc::new(Passwords::new(PasswordConfig::default())?),
        throttle: Arc::new(Counters::default()),
    })
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
        let public_url = self.public_url.clone().unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
        open(self, Settings { public_url, secure_cookies: false, mail_readable: false, trust_anchor: Vec::new() }).await
    }
}

/// A line on standard output.
fn say(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}
