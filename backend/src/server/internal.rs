//! The internal port: `/healthz`, `/readyz`, `/metrics`.

use axum::{Router, extract::State, http::StatusCode, routing::get};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::http::AppState;

/// Upper bounds of the latency buckets, in seconds.
const BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The recorder of this process; `None` when there is one already (tests).
pub(super) fn recorder() -> Option<PrometheusHandle> {
    PrometheusBuilder::new().set_buckets(BUCKETS).ok()?.install_recorder().ok()
}

pub(super) fn router(state: AppState, metrics: Option<PrometheusHandle>) -> Router {
    let render = move || {
        let text = metrics.as_ref().map(|handle| {
            handle.run_upkeep();
            handle.render()
        });
        std::future::ready(text.unwrap_or_default())
    };
    Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(ready)).route("/metrics", get(render)).with_state(state)
}

/// Ready when the store can be read and written.
async fn ready(State(state): State<AppState>) -> Result<&'static str, (StatusCode, &'static str)> {
    match state.db.probe().await {
        Ok(()) => Ok("ready\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            Err((StatusCode::SERVICE_UNAVAILABLE, "not ready\n"))
        }
    }
}
