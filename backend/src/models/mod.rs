//! The kinds of devices a tenant has.

use utoipa_axum::router::OpenApiRouter;

use crate::http::AppState;

/// This feature's operations.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
}
