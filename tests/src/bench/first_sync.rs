//! The first synchronization of an app: rows from the server's store into the app's, beside the
//! floor of SYNC.md §3 for the same bytes in the same run.
//!
//! The floor takes the pull as it travelled and does nothing but decompress, parse and upsert into
//! one table with two secondary indexes, in one durable transaction, with the page cache that the app gives
//! itself: no HTTP, no server, no checksum, no outbox, no search texts.

use std::time::Instant;

use omniot_backend::testing::App;
use omniot_shared::sync::{Row, SyncedRow, frame, wire::Frame};
use rusqlite::{Connection, params};

use super::{Effort, load, percentile, report, stock::{Kind, Stock}};

/// A new account's first synchronization of so many rows beside the floor, and beside one of an
/// empty tenant; `mark` is the ratio to reach.
pub async fn measure(app: &App, effort: Effort, kind: Kind, count: usize, mark: &str) {
    let name = kind.name();
    let (full, empty) = (Stock::with(app, &format!("bench-{count}-{name}"), kind, count).await, Stock::with(app, &format!("bench-no-{count}-{name}"), kind, 0).await);
    let server = format!("http://{}", load::serve(omniot_backend::build(app.state.clone())).await);
    let (mut whole, mut idle, mut floors) = (Vec::new(), Vec::new(), Vec::new());
    let packed = full.pull().await;
    for _ in 0..effort.rounds {
        floors.push(floor(&packed, count));
        whole.push(first_sync(&server, &full, kind, count).await);
        idle.push(first_sync(&server, &empty, kind, 0).await);
    }
    let (whole, idle, floor) = (percentile(&mut whole, 0.5), percentile(&mut idle, 0.5), percentile(&mut floors, 0.5));
    let figure = format!("{:.2} ({:.0} ms / {floor:.0} ms)", (whole - idle) / floor, whole - idle);
    report(&format!("first sync of {count} {name} end to end ÷ rusqlite floor, {}", app.engine), &figure, mark);
    report("  with sign-in and everything else a new account needs", &format!("{whole:.0} ms, of which {idle:.0} ms"), "");
    #[allow(clippy::cast_precision_loss, reason = "bytes of a pull")]
    report("  on the wire", &format!("{:.1} bytes a row", packed.len() as f64 / count as f64), "≤ 36");
}

/// Milliseconds from signing in to an empty app until everything is there and it says so.
async fn first_sync(server: &str, stock: &Stock, kind: Kind, count: usize) -> f64 {
    let handset = stock.handset().await;
    let began = Instant::now();
    stock.sign_in(&handset, server).await;
    handset.synced().await;
    let took = began.elapsed().as_secs_f64() * 1_000.0;
    let seen = handset.get(&format!("/v1/{}?limit=200", kind.name())).await["items"].as_array().map_or(0, Vec::len);
    assert!(seen >= count.min(200), "they are there");
    handset.close().await;
    took
}

/// Milliseconds of the floor for the same bytes, which hold at least `count` rows.
fn floor(packed: &[u8], count: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let mut db = Connection::open(folder.path().join("floor.db")).expect("a file");
    db.execute_batch("pragma journal_mode=wal; pragma synchronous=full; pragma cache_size=-8192;
        create table device (id text primary key, seq integer, serial text, name text, model_id text, site_id text, state text, created_at integer) without rowid;
        create index by_name on device (name, id); create index by_site on device (site_id, id);
        create table site (id text primary key, seq integer, name text, address text, time_zone text, note text, created_at integer) without rowid;
        create index site_by_name on site (name, id); create index site_by_zone on site (time_zone, id);").expect("a table");
    let began = Instant::now();
    let bytes = zstd::decode_all(&packed[frame::MAGIC.len()..]).expect("a zstd stream");
    let mut reader = frame::FrameReader::default();
    reader.push(&bytes);
    let tx = db.transaction().expect("a transaction");
    let mut rows = 0;
    {
        let mut device = tx.prepare("insert into device values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) on conflict (id) do update set seq = excluded.seq, name = excluded.name").expect("a statement");
        let mut site = tx.prepare("insert into site values (?1, ?2, ?3, ?4, ?5, ?6, ?7) on conflict (id) do update set seq = excluded.seq, name = excluded.name").expect("a statement");
        while let Some(frame) = reader.next_frame().expect("a frame") {
            let Frame::Rows(some) = frame else { continue };
            for SyncedRow { seq, row } in some {
                rows += match row {
                    Row::Device(row) => {
                        let ids = (row.id.to_string(), row.model_id.to_string(), row.site_id.map(|site| site.to_string()));
                        device.execute(params![ids.0, seq.0, row.serial, row.name, ids.1, ids.2, "planned", row.created_at.0]).expect("a row")
                    }
                    Row::Site(row) => site.execute(params![row.id.to_string(), seq.0, row.name, row.address, row.time_zone, row.note, row.created_at.0]).expect("a row"),
                    Row::Model(_) | Row::Attempt(_) | Row::Bookmark(_) => 0,
                };
            }
        }
    }
    tx.commit().expect("a commit");
    let took = began.elapsed().as_secs_f64() * 1_000.0;
    assert!(rows >= count, "{rows} rows");
    took
}
