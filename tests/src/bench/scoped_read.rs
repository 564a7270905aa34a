//! What the tenant scope costs: a read through the API beside the same query on bare axum and sqlx.
//!
//! The peer has no authentication, no tenant, no transaction: one pool, one statement, the same rows
//! from the same store, the same JSON. Both are asked in turn, and the ratio is of medians.

use axum::{Json, Router, extract::State, routing::get};
use omniot_backend::testing::{App, Tenant};
use omniot_shared::roles::Role;
use serde::Serialize;
use serde_json::json;
use sqlx::{PgPool, SqlitePool};
use uuid::Uuid;

use super::{Effort, load, percentile, report};

const CONNECTIONS: usize = 8;
/// What the server asks for one site (`sites/store.rs`).
const SITE: &str = "select id, seq, stamps, name, address, time_zone, note, created_at from site where tenant_id = $1 and id = $2";
/// What the server asks for the first page of devices (`devices/store.rs`).
const DEVICES: &str = "
    select d.id, d.seq, d.stamps, d.serial, d.name, d.model_id, d.site_id, d.note, d.state, d.firmware, d.epoch, d.created_at,
           d.search_text, s.name as site_name, m.name as model_name, b.last_seen_at
    from device d
    left join site s on s.tenant_id = d.tenant_id and s.id = d.site_id
    left join device_model m on m.tenant_id = d.tenant_id and m.id = d.model_id
    left join device_binding b on b.tenant_id = d.tenant_id and b.device_id = d.id
    where d.tenant_id = $1
      and (cast($2 as text) is null or d.search_text like $2 escape '\\')
      and (cast($3 as text) is null or d.search_text = $3)
      and (cast($4 as text) is null or d.search_text = $4)
      and (cast($5 as text) is null or d.state = $5)
      and (d.search_text, d.id) > ($6, $7)
    order by d.search_text, d.id
    limit $8";

#[derive(Serialize, sqlx::FromRow)]
struct Site {
    id: Uuid,
    name: String,
    address: Option<String>,
    time_zone: String,
    note: Option<String>,
    created_at: i64,
}

#[derive(Serialize, sqlx::FromRow)]
struct Device {
    id: Uuid,
    serial: String,
    name: String,
    model_id: Uuid,
    site_id: Option<Uuid>,
    note: Option<String>,
    state: String,
    firmware: Option<String>,
    epoch: i64,
    created_at: i64,
    site_name: Option<String>,
    model_name: Option<String>,
    last_seen_at: Option<i64>,
}

macro_rules! peer {
    ($name:ident, $pool:ty) => {
        /// Bare axum and sqlx on this engine.
        fn $name(pool: $pool, tenant: Uuid, site: Uuid) -> Router {
            type Peer = ($pool, Uuid, Uuid);
            let one = async |State((pool, tenant, site)): State<Peer>| -> Json<Site> { Json(sqlx::query_as(SITE).bind(tenant).bind(site).fetch_one(&pool).await.expect("a site")) };
            let many = async |State((pool, tenant, _)): State<Peer>| -> Json<Vec<Device>> {
                let page = sqlx::query_as(DEVICES).bind(tenant).bind(None::<&str>).bind(None::<&str>).bind(None::<&str>).bind(None::<&str>).bind("").bind(Uuid::nil()).bind(51_i64);
                Json(page.fetch_all(&pool).await.expect("devices"))
            };
            Router::new().route("/site", get(one)).route("/devices", get(many)).with_state((pool, tenant, site))
        }
    };
}
peer!(on_sqlite, SqlitePool);
peer!(on_postgres, PgPool);

/// One site, and the first page of devices.
pub async fn measure(app: &App, effort: Effort) {
    let devices = effort.listed;
    let tenant = app.tenant("bench-read").await;
    let owner = tenant.person(Role::Owner).await;
    let site = furnish(&tenant, devices).await;
    let url = app.db_url(tenant.id);
    let site_id = site.parse::<omniot_shared::ids::SiteId>().expect("a site's id").0;
    let peer = if app.engine == "sqlite" {
        on_sqlite(SqlitePool::connect(&url).await.expect("the tenant's file"), tenant.id.0, site_id)
    } else {
        on_postgres(PgPool::connect(&url).await.expect("the database"), tenant.id.0, site_id)
    };
    let (ours, peer) = (load::serve(omniot_backend::build(app.state.clone())).await, load::serve(peer).await);
    for (what, path, bare) in [("one site".to_owned(), format!("/v1/sites/{site}"), "/site"), (format!("50 of {devices} devices"), "/v1/devices?limit=50".to_owned(), "/devices")] {
        let (asked, plain) = (load::get(&path, Some(&owner.token)), load::get(bare, None));
        let (mut ours_per_s, mut peer_per_s) = (Vec::new(), Vec::new());
        for _ in 0..effort.rounds {
            ours_per_s.push(load::throughput(ours, &asked, CONNECTIONS, effort.round).await);
            peer_per_s.push(load::throughput(peer, &plain, CONNECTIONS, effort.round).await);
        }
        let (scoped, bare) = (percentile(&mut ours_per_s, 0.5), percentile(&mut peer_per_s, 0.5));
        report(&format!("scoped read through the API ÷ bare axum + sqlx, {}, {what}", app.engine), &format!("{:.2} ({scoped:.0} / {bare:.0} a second)", scoped / bare), "≥ 0.7");
    }
}

async fn furnish(tenant: &Tenant, devices: usize) -> String {
    let owner = tenant.person(Role::Owner).await;
    let id = |answer: serde_json::Value| answer["id"].as_str().expect("an id").to_owned();
    let site = id(owner.post("/v1/sites", json!({"name": "Hall 1", "time_zone": "Europe/Vienna", "address": "Long Street 1"})).await.expect(201));
    let model = id(owner.post("/v1/models", json!({"name": "Sensor", "sku": "OM-SENSE-1", "min_security": "sec2_patch1"})).await.expect(201));
    for n in 0..devices {
        owner.post("/v1/devices", json!({"serial": format!("BENCH-{n:05}"), "name": format!("Sensor {n}"), "model_id": model, "site_id": site})).await.expect(201);
    }
    site
}
