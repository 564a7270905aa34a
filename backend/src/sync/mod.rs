//! The server side of synchronization, and the one way that synced entities change.

use utoipa_axum::router::OpenApiRouter;

use crate::http::AppState;

/// This feature's operations.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
}
