//! `omniot serve`: from flags to a running server.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use ipnet::IpNet;

use super::{Store, open, store};
use crate::{
    db::DbError,
    http::{AppState, Settings},
    server::{self, Listening},
    telemetry,
};

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
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
    /// The certificate chain, PEM; read again on SIGHUP.
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
    /// A proxy in front, as an address or a network; its X-Forwarded-For says who calls. Repeatable.
    #[arg(long, env = "OMNIOT_TRUSTED_PROXY", value_delimiter = ',', value_parser = network)]
    trusted_proxy: Vec<IpNet>,
    /// Connections to the public address at once; one more is closed unanswered.
    #[arg(long, env = "OMNIOT_MAX_CONNECTIONS", default_value = "10000")]
    max_connections: NonZeroUsize,
    /// Seconds that the head of a request may take, and that a connection may rest between two.
    #[arg(long, env = "OMNIOT_HEADER_TIMEOUT", default_value = "15", value_parser = clap::value_parser!(u64).range(1..))]
    header_timeout: u64,
    /// Seconds that running requests have after a signal.
    #[arg(long, env = "OMNIOT_SHUTDOWN_GRACE", default_value = "10")]
    shutdown_grace: u64,
    /// Days that devices' readings are kept.
    #[arg(long, env = "OMNIOT_TELEMETRY_DAYS", default_value_t = telemetry::KEEP_DAYS, value_parser = clap::value_parser!(u16).range(2..=3650))]
    telemetry_days: u16,
    /// How many MiB the files of one organization's attempts (photos, traces) may take together.
    #[arg(long, value_name = "MIB", env = "OMNIOT_ATTACHMENT_MIB", default_value_t = 2048)]
    attachment_mib: u32,
    /// Operators may read the tenants' outgoing mail.
    #[arg(long, env = "OMNIOT_DEVELOPMENT")]
    development: bool,
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<std::net::IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or_else(|_| address()).map_err(|_| "it is neither an address nor a network such as 10.0.0.0/8".to_owned())
}

pub(super) async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let listening = Listening {
        public: args.listen,
        internal: args.internal_listen,
        tls: args.tls_cert.clone().zip(args.tls_key.clone()),
        plain_http_anywhere: args.allow_plain_http,
        ui: args.ui_dir.clone(),
        connections: args.max_connections.get(),
        grace: Duration::from_secs(args.shutdown_grace),
        headers: Duration::from_secs(args.header_timeout),
    };
    listening.check()?;
    let settings = args.settings()?;
    args.warn(&settings);
    raise_open_files(&args);
    let state = open(&args.store, settings).await?;
    let keep = async || {
        if let Err(error) = keep_address(&state).await {
            tracing::warn!(%error, "the public address was not stored: commands need --public-url");
        }
    };
    Ok(server::serve(state.clone(), listening, keep).await?)
}

/// For the command line, whose links shall lead here.
async fn keep_address(state: &AppState) -> Result<(), DbError> {
    let mut control = state.db.control_write().await?;
    store::keep_public_url(&mut control, &state.settings.public_url).await?;
    control.commit().await
}

impl ServeArgs {
    fn settings(&self) -> anyhow::Result<Settings> {
        let is_tls = self.tls_cert.is_some();
        let public_url = match &self.store.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None if self.listen.ip().is_unspecified() => {
                bail!("--listen {} names no address that people and devices can reach: say it with --public-url https://…", self.listen)
            }
            None => format!("{}://{}", if is_tls { "https" } else { "http" }, self.listen),
        };
        Ok(Settings {
            secure_cookies: is_tls || public_url.starts_with("https://"),
            public_url,
            mail_readable: self.development,
            trust_anchor: self.trust_anchor.as_deref().map(super::trust_anchor).transpose()?.unwrap_or_default(),
            trusted_proxies: self.trusted_proxy.clone(),
            telemetry_days: self.telemetry_days,
            attachment_bytes: i64::from(self.attachment_mib) * 1024 * 1024,
        })
    }

    /// What works, and should not stay so.
    fn warn(&self, settings: &Settings) {
        let exposed = self.tls_cert.is_none() && !self.listen.ip().is_loopback();
        if exposed && settings.trusted_proxies.is_empty() {
            tracing::warn!("plain HTTP beyond this machine without --trusted-proxy: all clients behind the proxy count as one when tries are throttled");
        }
    }
}

/// Each open tenant takes up to seven connections of three files each, each client one.
fn raise_open_files(args: &ServeArgs) {
    let tenants = if args.store.database_url.is_some() { 0 } else { args.store.open_tenants.get() };
    let wanted = tenants.saturating_mul(21).saturating_add(args.max_connections.get()).saturating_add(128);
    match rlimit::increase_nofile_limit(u64::MAX).context("the limit of open files was not raised") {
        Ok(limit) if limit < wanted as u64 => {
            tracing::warn!(limit, wanted, "this process may open few files: raise its hard limit (LimitNOFILE, ulimit -Hn), or lower --max-connections and --open-tenants");
        }
        Ok(_) => {}
        Err(error) => tracing::warn!("{error:#}"),
    }
}
