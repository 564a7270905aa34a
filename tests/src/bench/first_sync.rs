//! The first synchronization of an app: 10,000 devices from the server's store into the app's,
//! beside the floor of SYNC.md §3 for the same bytes in the same run.
//!
//! The floor takes the pull as it travelled and does nothing but decompress, parse and upsert into
//! one table of eight columns with two secondary indexes, in one durable transaction: no HTTP, no
//! server, no checksum, no outbox, no search texts.

use std::time::{Duration, Instant};

use omniot_app::{App as Phone, Config};
use omniot_backend::testing::{Actor, App, Tenant};
use omniot_shared::{
    ids::ClientId,
    roles::Role,
    sync::{Row, frame, wire::Frame},
};
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Effort, load, percentile, report};

const PASSWORD: &str = "seven green kettles";

/// A new account's first synchronization beside the floor, and beside one of an empty tenant.
pub async fn measure(app: &App, effort: Effort) {
    let devices = effort.synced;
    let (full, empty) = (furnish(app, "bench-sync", devices).await, furnish(app, "bench-none", 0).await);
    let server = format!("http://{}", load::serve(omniot_backend::build(app.state.clone())).await);
    let (mut whole, mut idle, mut floors) = (Vec::new(), Vec::new(), Vec::new());
    let packed = pull(&full.1).await;
    for _ in 0..effort.rounds {
        floors.push(floor(&packed));
        whole.push(first_sync(&server, &full, devices).await);
        idle.push(first_sync(&server, &empty, 0).await);
    }
    let (whole, idle, floor) = (percentile(&mut whole, 0.5), percentile(&mut idle, 0.5), percentile(&mut floors, 0.5));
    let figure = format!("{:.2} ({:.0} ms / {floor:.0} ms)", (whole - idle) / floor, whole - idle);
    report(&format!("first sync of {devices} devices end to end ÷ rusqlite floor, {}", app.engine), &figure, "≤ 2");
    report("  with sign-in and everything else a new account needs", &format!("{whole:.0} ms, of which {idle:.0} ms"), "");
    #[allow(clippy::cast_precision_loss, reason = "bytes of a pull")]
    report("  on the wire", &format!("{:.1} bytes a row", packed.len() as f64 / devices as f64), "≤ 36");
}

async fn furnish(app: &App, name: &str, devices: usize) -> (Tenant, Actor) {
    let tenant = app.tenant(name).await;
    let owner = tenant.person(Role::Owner).await;
    let hash = app.state.passwords.hash(PASSWORD).await.expect("a hash");
    let mut scope = tenant.db_write().await;
    scope.query("update person set password_hash = $3 where tenant_id = $1 and id = $2").bind(owner.id).bind(hash).execute().await.expect("a password");
    scope.commit().await.expect("a commit");
    let id = |answer: Value| answer["id"].as_str().expect("an id").to_owned();
    let site = id(owner.post("/v1/sites", json!({"name": "Hall 1", "time_zone": "Europe/Vienna"})).await.expect(201));
    let model = id(owner.post("/v1/models", json!({"name": "Sensor", "sku": "OM-SENSE-1", "min_security": "sec2_patch1"})).await.expect(201));
    let client = ClientId(Uuid::now_v7());
    for (batch, first) in (0..devices).step_by(500).enumerate() {
        let intents: Vec<Value> = (first..devices.min(first + 500)).map(|n| {
            json!({"client_id": client, "n": n + 1, "id": format!("int_{}", Uuid::now_v7().simple()), "at": 0, "base": null, "change": {"kind": "device.create",
                "body": {"serial": format!("OM-{:08X}", n * 7919), "name": format!("Temperature sensor {n}, hall {}", n % 40), "model_id": model, "site_id": site}}})
        }).collect();
        let reply = owner.post("/v1/sync/push", json!({"schema": 1, "client_id": client, "now": 0, "intents": intents})).await.expect(200);
        assert_eq!(reply["receipts"].as_array().map(Vec::len), Some(intents.len()), "batch {batch}");
    }
    (tenant, owner)
}

async fn pull(owner: &Actor) -> Vec<u8> {
    let body = json!({"schema": 1, "client_id": ClientId(Uuid::now_v7()), "epoch": 0, "cursors": []});
    owner.post("/v1/sync/pull", body).await.bytes
}

/// Milliseconds from opening the app's empty folder until everything is there and it says so.
async fn first_sync(server: &str, (tenant, owner): &(Tenant, Actor), devices: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let phone = Phone::open(Config::new(folder.path())).await.expect("the app opens");
    let began = Instant::now();
    let account = json!({"server": server, "tenant": tenant.name, "email": owner.email, "password": PASSWORD});
    let reply = phone.request("POST", "/app/accounts", Some(account)).await;
    assert!(reply.status < 300, "{}", reply.body);
    let mut patience = 10_000;
    while phone.request("GET", "/app/sync", None).await.body["state"] != "synced" {
        tokio::time::sleep(Duration::from_millis(1)).await;
        patience -= 1;
        assert!(patience > 0, "the app never synchronized");
    }
    let took = began.elapsed().as_secs_f64() * 1_000.0;
    let seen = phone.request("GET", "/v1/devices?limit=200", None).await.body["items"].as_array().map_or(0, Vec::len);
    assert_eq!(seen, devices.min(200), "the devices are there");
    phone.close().await;
    took
}

/// Milliseconds of the floor for the same bytes.
fn floor(packed: &[u8]) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let mut db = Connection::open(folder.path().join("floor.db")).expect("a file");
    db.execute_batch("pragma journal_mode=wal; pragma synchronous=full;
        create table device (id text primary key, seq integer, serial text, name text, model_id text, site_id text, state text, created_at integer) without rowid;
        create index by_name on device (name, id); create index by_site on device (site_id, id);").expect("a table");
    let began = Instant::now();
    let bytes = zstd::decode_all(&packed[frame::MAGIC.len()..]).expect("a zstd stream");
    let mut reader = frame::FrameReader::default();
    reader.push(&bytes);
    let tx = db.transaction().expect("a transaction");
    {
        let mut insert = tx.prepare("insert into device values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) on conflict (id) do update set seq = excluded.seq, name = excluded.name").expect("a statement");
        while let Some(frame) = reader.next_frame().expect("a frame") {
            let Frame::Rows(rows) = frame else { continue };
            for synced in rows {
                let Row::Device(device) = synced.row else { continue };
                let ids = (device.id.to_string(), device.model_id.to_string(), device.site_id.map(|site| site.to_string()));
                insert.execute(params![ids.0, synced.seq.0, device.serial, device.name, ids.1, ids.2, "planned", device.created_at.0]).expect("a row");
            }
        }
    }
    tx.commit().expect("a commit");
    began.elapsed().as_secs_f64() * 1_000.0
}
