//! Claim grants, the devices' own calls, and what they report.

use utoipa_axum::router::OpenApiRouter;

use crate::http::AppState;

/// This feature's operations.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
}
