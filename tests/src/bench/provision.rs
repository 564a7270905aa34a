//! How long it takes until a new tenant stands: template, brand, sites, models, first invitation, audit, durable.

use std::time::Instant;

use omniot_backend::testing::App;
use serde_json::json;

use super::{Effort, percentile, report};

/// The fullest of the templates: a site and several models.
const TEMPLATE: &str = "facility";

/// Provisions tenants through the operator's API, one after the other.
pub async fn measure(app: &App, effort: Effort) {
    let tenants = effort.tenants;
    let operator = app.operator().await;
    let mut millis = Vec::with_capacity(tenants);
    for n in 0..tenants {
        let body = json!({"name": format!("bench-{n}"), "display_name": format!("Bench {n}"), "template": TEMPLATE, "owner_email": format!("owner{n}@example.org")});
        let began = Instant::now();
        operator.post("/v1/operator/tenants", body).await.expect(201);
        millis.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    let (half, most) = (percentile(&mut millis, 0.5), percentile(&mut millis, 0.99));
    report(&format!("provision a tenant from the template {TEMPLATE}, {}, {tenants} times", app.engine), &format!("p50 {half:.1} ms, p99 {most:.1} ms"), "≤ 50 / 150 ms on SQLite");
}
