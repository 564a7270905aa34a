//! The OmnIoT server: one deployment, many tenants.
//!
//! [`build`] is where the features meet. To add one: its folder, a line in `features`.
//! Deliberately not here: sockets, the command line and the environment (`cli`, `server`).

pub mod attachments;
pub mod audit;
pub mod checklist;
pub mod cli;
pub mod commissioning;
pub mod console;
pub mod db;
mod description;
pub mod devices;
pub mod escrow;
pub mod http;
pub mod identity;
pub mod labels;
#[cfg(feature = "seeded-leaks")]
pub mod leaks;
pub mod mail;
pub mod models;
pub mod quality;
pub mod server;
pub mod sites;
pub mod sync;
pub mod telemetry;
pub mod tenancy;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

#[cfg(test)]
mod api_tests;

use axum::{Router, middleware, routing::get};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use http::{ApiError, AppState};

/// The frame of the API description; the operations come from the features.
#[derive(OpenApi)]
#[openapi(info(title = "OmnIoT", description = "Rules, error codes and the list of operations: docs/API.md."), components(schemas(http::ErrorBody, http::Limit, http::Cursor)))]
struct Frame;

/// Every feature's operations and their description, from the same lines, so that they cannot drift.
fn features() -> OpenApiRouter<AppState> {
    let frame = OpenApiRouter::with_openapi(Frame::openapi());
    #[cfg(feature = "seeded-leaks")]
    let frame = frame.merge(leaks::router());
    frame
        .merge(identity::router())
        .merge(sites::router())
        .merge(models::router())
        .merge(devices::router())
        .merge(attachments::router())
        .merge(quality::router())
        .merge(checklist::router())
        .merge(sync::router())
        .merge(escrow::router())
        .merge(commissioning::router())
        .merge(telemetry::router())
        .merge(audit::router())
        .merge(tenancy::router())
        .merge(console::router())
}

/// The description of the API, OpenAPI 3.1.
#[must_use]
pub fn description() -> utoipa::openapi::OpenApi {
    described(features().into_openapi())
}

fn described(mut description: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    utoipa::Modify::modify(&description::Common, &mut description);
    description
}

/// The whole API, ready to serve or to call in a test.
pub fn build(state: AppState) -> Router {
    let (router, description) = features().split_for_parts();
    let description = described(description);
    let router = router
        .route("/v1/openapi.json", get(move || std::future::ready(axum::Json(description.clone()))))
        .method_not_allowed_fallback(|| async { ApiError::new(axum::http::StatusCode::METHOD_NOT_ALLOWED, "bad_request", "This path takes other methods.") });
    router
        .fallback(|| async { ApiError::not_found() })
        .layer(CatchPanicLayer::custom(http::panicked))
        .layer(middleware::from_fn_with_state(state.clone(), http::surround))
        .with_state(state)
}
