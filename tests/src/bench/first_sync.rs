//! The first synchronization of an app: devices from the server's store into the app's, beside the
//! floor of SYNC.md §3 for the same bytes in the same run.
//!
//! The floor takes the pull as it travelled and does nothing but decompress, parse and upsert into
//! one table of eight columns with two secondary indexes, in one durable transaction: no HTTP, no
//! server, no checksum, no outbox, no search texts.

use std::time::Instant;

use omniot_backend::testing::App;
use omniot_shared::sync::{Row, frame, wire::Frame};
use rusqlite::{Connection, params};

use super::{Effort, load, percentile, report, stock::Stock};

/// A new account's first synchronization of so many devices beside the floor, and beside one of an
/// empty tenant; `mark` is the ratio to reach.
pub async fn measure(app: &App, effort: Effort, devices: usize, mark: &str) {
    let (full, empty) = (Stock::of(app, &format!("bench-{devices}"), devices).await, Stock::of(app, &format!("bench-none-{devices}"), 0).await);
    let server = format!("http://{}", load::serve(omniot_backend::build(app.state.clone())).await);
    let (mut whole, mut idle, mut floors) = (Vec::new(), Vec::new(), Vec::new());
    let packed = full.pull().await;
    for _ in 0..effort.rounds {
        floors.push(floor(&packed));
        whole.push(first_sync(&server, &full, devices).await);
        idle.push(first_sync(&server, &empty, 0).await);
    }
    let (whole, idle, floor) = (percentile(&mut whole, 0.5), percentile(&mut idle, 0.5), percentile(&mut floors, 0.5));
    let figure = format!("{:.2} ({:.0} ms / {floor:.0} ms)", (whole - idle) / floor, whole - idle);
    report(&format!("first sync of {devices} devices end to end ÷ rusqlite floor, {}", app.engine), &figure, mark);
    report("  with sign-in and everything else a new account needs", &format!("{whole:.0} ms, of which {idle:.0} ms"), "");
    #[allow(clippy::cast_precision_loss, reason = "bytes of a pull")]
    report("  on the wire", &format!("{:.1} bytes a row", packed.len() as f64 / devices as f64), "≤ 36");
}

/// Milliseconds from signing in to an empty app until everything is there and it says so.
async fn first_sync(server: &str, stock: &Stock, devices: usize) -> f64 {
    let handset = stock.handset().await;
    let began = Instant::now();
    stock.sign_in(&handset, server).await;
    handset.synced().await;
    let took = began.elapsed().as_secs_f64() * 1_000.0;
    let seen = handset.get("/v1/devices?limit=200").await["items"].as_array().map_or(0, Vec::len);
    assert_eq!(seen, devices.min(200), "the devices are there");
    handset.close().await;
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
