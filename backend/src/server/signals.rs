//! What the operating system asks: stop (SIGINT, SIGTERM), read the certificate again (SIGHUP).

use std::path::{Path, PathBuf};

use axum_server::tls_rustls::RustlsConfig;
use tokio::signal::unix::{SignalKind, signal};

/// Waits until the process shall stop.
pub(super) async fn stop() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
        tracing::warn!("signals cannot be received; stop the process by force");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Reads certificate and key again at each SIGHUP; open connections keep the old one. Files that do
/// not load change nothing.
pub(super) async fn renew(tls: RustlsConfig, cert: PathBuf, key: PathBuf) {
    let Ok(mut hang_up) = signal(SignalKind::hangup()) else {
        tracing::warn!("SIGHUP cannot be received: restart the server to renew its certificate");
        return;
    };
    while hang_up.recv().await.is_some() {
        reload(&tls, &cert, &key).await;
    }
}

async fn reload(tls: &RustlsConfig, cert: &Path, key: &Path) {
    match tls.reload_from_pem_file(cert, key).await {
        Ok(()) => tracing::info!(certificate = %cert.display(), "the certificate was read again"),
        Err(error) => tracing::error!(certificate = %cert.display(), %error, "the certificate was not read again; the old one stays"),
    }
}
