//! `make bench` and, with the word `sync`, `make bench-sync`: print the measurements of docs/PERFORMANCE.md.
//! With the word `edits` or `commission`, those alone.

#![allow(clippy::print_stdout, reason = "this program prints a report")]

use omniot_backend::{db::Layout, testing::App};
use omniot_tests::bench::{self, Effort};

#[tokio::main]
async fn main() {
    println!("{:<64} {:<30} mark", "what", "figure");
    let app = App::sqlite_with(Layout::FileEach).await;
    measure(&app).await;
    if matches!(std::env::args().nth(1).as_deref(), None | Some("commission")) {
        bench::measure_commissioning(&app, Effort::FULL).await;
    }
    for app in App::both().await.into_iter().filter(|app| app.engine == "postgres") {
        measure(&app).await;
    }
}

async fn measure(app: &App) {
    match std::env::args().nth(1).as_deref() {
        Some("sync") => bench::measure_sync(app, Effort::FULL).await,
        Some("edits") => bench::measure_edits(app, Effort::FULL).await,
        Some("commission") => {}
        _ => bench::measure(app, Effort::FULL).await,
    }
}
