//! How long it takes until a new tenant stands: template, brand, sites, models, audit, durable.

use std::time::Instant;

use omniot_backend::testing::App;
use serde_json::json;

use super::{percentile, report};

/// Provisions `tenants` through the operator's API.
pub async fn measure(app: &App, tenants: usize) {
    let operator = app.operator().await;
    let template = operator.get("/v1/operator/templates").await.expect(200)["items"][0]["name"].as_str().expect("a template").to_owned();
    let mut millis = Vec::with_capacity(tenants);
    for n in 0..tenants {
        let body = json!({"name": format!("bench-{n}"), "display_name": format!("Bench {n}"), "template": template, "owner_email": format!("owner{n}@example.org")});
        let began = Instant::now();
        operator.post("/v1/operator/tenants", body).await.expect(201);
        millis.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    let (half, most) = (percentile(&mut millis, 0.5), percentile(&mut millis, 0.99));
    report(&format!("provision a tenant from a template, {}, {tenants} times", app.engine), &format!("p50 {half:.1} ms, p99 {most:.1} ms"), "≤ 50 / 150 ms on SQLite");
}
