//! `make bench`: prints the measurements of docs/PERFORMANCE.md.

#![allow(clippy::print_stdout, reason = "this program prints a report")]

use omniot_backend::{db::Layout, testing::App};
use omniot_tests::bench::{first_sync, provision, scoped_read};

#[tokio::main]
async fn main() {
    println!("{:<64} {:<30} mark", "what", "figure");
    let sqlite = App::sqlite_with(Layout::FileEach).await;
    scoped_read::measure(&sqlite).await;
    provision::measure(&sqlite, 300).await;
    first_sync::measure(&sqlite).await;
    for app in App::both().await.into_iter().filter(|app| app.engine == "postgres") {
        scoped_read::measure(&app).await;
        provision::measure(&app, 300).await;
        first_sync::measure(&app).await;
    }
}
