//! `make bench`: prints the measurements of docs/PERFORMANCE.md.

#![allow(clippy::print_stdout, reason = "this program prints a report")]

use omniot_backend::{db::Layout, testing::App};
use omniot_tests::bench::{self, Effort};

#[tokio::main]
async fn main() {
    println!("{:<64} {:<30} mark", "what", "figure");
    let sqlite = App::sqlite_with(Layout::FileEach).await;
    bench::measure(&sqlite, Effort::FULL).await;
    for app in App::both().await.into_iter().filter(|app| app.engine == "postgres") {
        bench::measure(&app, Effort::FULL).await;
    }
}
