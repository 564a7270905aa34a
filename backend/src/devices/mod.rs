//! The devices of a tenant.

use utoipa_axum::router::OpenApiRouter;

use crate::http::AppState;

/// This feature's operations.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
}
