//! Sockets: the public one with API and UI, the internal one with health and metrics.
//!
//! Deliberately not here: what is answered (`http` and the features) and where settings come from (`cli`).

mod internal;
mod ui;
mod watch;

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    time::Duration,
};

use axum::Router;
use axum_server::{Handle, tls_rustls::RustlsConfig};

use crate::http::AppState;

pub use ui::UiError;

/// Where and how to listen.
#[derive(Debug, Clone)]
pub struct Listening {
    /// The public address.
    pub public: SocketAddr,
    /// The internal address: health and metrics.
    pub internal: SocketAddr,
    /// Certificate chain and key, PEM files; plain HTTP without.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whether plain HTTP may be spoken beyond this machine.
    pub plain_http_anywhere: bool,
    /// The built UI.
    pub ui: Option<PathBuf>,
}

/// Why the server does not run; each is one sentence for the person who started it.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The port is taken or not ours to take.
    #[error("cannot listen on {address}: {}; stop the other program or choose another address with {flag}", say(.cause))]
    Port {
        /// Which.
        address: SocketAddr,
        /// The flag that chooses it.
        flag: &'static str,
        /// What the operating system said.
        cause: std::io::Error,
    },
    /// Passwords and tokens would cross a network unprotected.
    #[error("{0} is reachable from other machines and there is no certificate: give --tls-cert and --tls-key, or --allow-plain-http when something in front speaks TLS")]
    PlainHttp(SocketAddr),
    /// The certificate or key does not load.
    #[error("the certificate {cert} with the key {key} cannot be used: {cause}")]
    Certificate {
        /// The chain's file.
        cert: String,
        /// The key's file.
        key: String,
        /// Why.
        cause: std::io::Error,
    },
    /// The UI's folder.
    #[error(transparent)]
    Ui(#[from] UiError),
    /// Anything while running.
    #[error("the server stopped: {0}")]
    Stopped(#[from] std::io::Error),
}

fn say(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "the port is in use",
        std::io::ErrorKind::PermissionDenied => "the port needs more rights",
        std::io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => "the operating system refuses",
    }
}

/// Connections get this long to finish after a signal.
const FAREWELL: Duration = Duration::from_secs(3);

/// Serves until SIGINT or SIGTERM, then finishes what is open and closes the store.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(state: AppState, listening: Listening) -> Result<(), ServeError> {
    if listening.tls.is_none() && !listening.public.ip().is_loopback() && !listening.plain_http_anywhere {
        return Err(ServeError::PlainHttp(listening.public));
    }
    let tls = match &listening.tls {
        Some((cert, key)) => Some(certificate(cert, key).await?),
        None => None,
    };
    let public = bind(listening.public, "--listen")?;
    let internal = bind(listening.internal, "--internal-listen")?;
    let metrics = internal::recorder();
    let mut router = crate::build(state.clone());
    if let Some(folder) = &listening.ui {
        router = ui::around(router, folder)?;
    }
    let router = ui::guarded(router, listening.tls.is_some());
    let handle = Handle::new();
    let inner = axum_server::from_tcp(internal)?.handle(handle.clone()).serve(internal::router(state.clone(), metrics).into_make_service());
    let inner = tokio::spawn(inner);
    let watch = tokio::spawn(watch::others(state.clone()));
    let stopping = handle.clone();
    tokio::spawn(async move {
        signalled().await;
        tracing::info!("stopping");
        stopping.graceful_shutdown(Some(FAREWELL));
    });
    tracing::info!(address = %listening.public, internal = %listening.internal, tls = tls.is_some(), "listening");
    outer(public, tls, handle, router).await?;
    inner.await.map_err(std::io::Error::other)??;
    watch.abort();
    state.db.close().await;
    Ok(())
}

async fn outer(listener: TcpListener, tls: Option<RustlsConfig>, handle: Handle<SocketAddr>, router: Router) -> std::io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    match tls {
        Some(tls) => axum_server::from_tcp_rustls(listener, tls)?.handle(handle).serve(service).await,
        None => axum_server::from_tcp(listener)?.handle(handle).serve(service).await,
    }
}

fn bind(address: SocketAddr, flag: &'static str) -> Result<TcpListener, ServeError> {
    let listener = TcpListener::bind(address).map_err(|cause| ServeError::Port { address, flag, cause })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn certificate(cert: &std::path::Path, key: &std::path::Path) -> Result<RustlsConfig, ServeError> {
    // Already installed is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let refuse = |cause| ServeError::Certificate { cert: cert.display().to_string(), key: key.display().to_string(), cause };
    RustlsConfig::from_pem_file(cert, key).await.map_err(refuse)
}

async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
        tracing::warn!("signals cannot be received; stop the process by force");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
