//! Sockets: the public one with API and UI, the internal one with health and metrics.
//!
//! Deliberately not here: what is answered (`http` and the features) and where settings come from (`cli`).

mod connections;
mod internal;
mod signals;
mod ui;
mod watch;

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    time::Duration,
};

use axum::Router;
use axum_server::{Handle, tls_rustls::{RustlsAcceptor, RustlsConfig}};

use crate::http::AppState;
use connections::{Door, bounded};

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
    /// Connections to the public address at once.
    pub connections: usize,
    /// How long requests may go on after a signal.
    pub grace: Duration,
    /// How long the head of a request may take, and a connection rest between two.
    pub headers: Duration,
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

/// Connections to the internal address at once.
const INTERNAL_CONNECTIONS: usize = 64;

impl Listening {
    /// Whether passwords and tokens would cross a network unprotected.
    ///
    /// # Errors
    /// [`ServeError::PlainHttp`].
    pub fn check(&self) -> Result<(), ServeError> {
        let is_exposed = self.tls.is_none() && !self.public.ip().is_loopback();
        if is_exposed && !self.plain_http_anywhere { Err(ServeError::PlainHttp(self.public)) } else { Ok(()) }
    }
}

/// Serves until SIGINT or SIGTERM, doing `first` once the addresses are its own, then ends the streams, finishes what is open and closes the store.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(state: AppState, listening: Listening, first: impl AsyncFnOnce()) -> Result<(), ServeError> {
    listening.check()?;
    let tls = match &listening.tls {
        Some((cert, key)) => Some(certificate(cert, key).await?),
        None => None,
    };
    let router = public_router(&state, &listening)?;
    let public = bind(listening.public, "--listen")?;
    let internal = bind(listening.internal, "--internal-listen")?;
    first().await;
    let metrics = internal::recorder();
    let handle = Handle::new();
    let inner = axum_server::from_tcp(internal)?.acceptor(Door::new(INTERNAL_CONNECTIONS)).handle(handle.clone());
    let inner = bounded(inner, listening.headers).serve(internal::router(state.clone(), metrics).into_make_service());
    let inner = tokio::spawn(inner);
    let watch = tokio::spawn(watch::others(state.clone()));
    if let (Some(tls), Some((cert, key))) = (&tls, &listening.tls) {
        tokio::spawn(signals::renew(tls.clone(), cert.clone(), key.clone()));
    }
    tokio::spawn(stop(state.clone(), handle.clone(), listening.grace));
    tracing::info!(address = %listening.public, internal = %listening.internal, tls = tls.is_some(), "listening");
    outer(public, tls, handle, router, &listening).await?;
    inner.await.map_err(std::io::Error::other)??;
    watch.abort();
    state.db.close().await;
    Ok(())
}

/// At the signal: no new connection, no stream, and `grace` for the requests that run.
async fn stop(state: AppState, handle: Handle<SocketAddr>, grace: Duration) {
    signals::stop().await;
    tracing::info!("stopping");
    handle.graceful_shutdown(Some(grace));
    state.bus.close();
}

fn public_router(state: &AppState, listening: &Listening) -> Result<Router, ServeError> {
    let mut router = crate::build(state.clone());
    if let Some(folder) = &listening.ui {
        router = ui::around(router, folder, state.clone())?;
    }
    Ok(ui::guarded(router, listening.tls.is_some()))
}

async fn outer(listener: TcpListener, tls: Option<RustlsConfig>, handle: Handle<SocketAddr>, router: Router, listening: &Listening) -> std::io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let (server, door) = (axum_server::from_tcp(listener)?.handle(handle), Door::new(listening.connections));
    match tls {
        Some(tls) => bounded(server.acceptor(RustlsAcceptor::new(tls).acceptor(door)), listening.headers).serve(service).await,
        None => bounded(server.acceptor(door), listening.headers).serve(service).await,
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
