//! `make bench` and, with the word `sync`, `make bench-sync`: print the measurements of docs/PERFORMANCE.md.
//! With the word `first`, `edits` or `commission`, those alone.
//!
//! One engine in one process, the first argument: what the one left in memory is not measured with the other.

#![allow(clippy::print_stdout, reason = "this program prints a report")]

use omniot_backend::{db::Layout, testing::App};
use omniot_tests::bench::{self, Effort};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (engine, what) = (arguments.next(), arguments.next());
    let what = what.as_deref();
    if engine.as_deref() == Some("postgres") {
        for app in App::both().await.into_iter().filter(|app| app.engine == "postgres") {
            measure(&app, what).await;
        }
        return;
    }
    println!("{:<64} {:<30} mark", "what", "figure");
    let app = App::sqlite_with(Layout::FileEach).await;
    measure(&app, what).await;
    if matches!(what, None | Some("commission")) {
        bench::measure_commissioning(&app, Effort::FULL).await;
    }
}

async fn measure(app: &App, what: Option<&str>) {
    match what {
        Some("sync") => bench::measure_sync(app, Effort::FULL).await,
        Some("first") => bench::measure_first_syncs(app, Effort::FULL).await,
        Some("edits") => bench::measure_edits(app, Effort::FULL).await,
        Some("commission") => {}
        _ => bench::measure(app, Effort::FULL).await,
    }
}
