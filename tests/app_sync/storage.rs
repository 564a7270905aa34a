//! What befalls the server's own store: it grows old, and a backup is put back.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use omniot_tests::world::World;
use rusqlite::Connection;
use sqlx::{AssertSqlSafe, Connection as _, Executor, PgConnection};

fn tenants(world: &World) -> Vec<PathBuf> {
    let files = fs::read_dir(world.server.db_folder().join("tenants")).expect("the tenants' folder");
    files.map(|file| file.expect("a file").path()).filter(|path| path.extension().is_some_and(|ending| ending == "db")).collect()
}

/// Carries out a statement in all tenants; how many rows it changed.
pub async fn db_change(world: &World, sql: &str) -> u64 {
    if let Some(url) = world.server.db_owner_url() {
        let mut db = PgConnection::connect(url).await.expect("the database answers");
        return db.execute(AssertSqlSafe(sql)).await.expect("a statement").rows_affected();
    }
    tenants(world).iter().map(|file| Connection::open(file).and_then(|db| db.execute(sql, [])).expect("a statement") as u64).sum()
}

/// Keeps everything the server has, which does not run.
pub async fn db_back_up(world: &World) {
    match world.server.db_owner_url() {
        None => copy(&world.server.db_folder(), &backup(world)),
        Some(url) => db_copy(url, name_of(url), &format!("{}_backup", name_of(url))).await,
    }
}

/// Puts that back, and says so, as whoever does it has to.
pub async fn db_put_back(world: &World, tenant: &str) {
    match world.server.db_owner_url() {
        None => {
            fs::remove_dir_all(world.server.db_folder()).expect("the server's folder");
            copy(&backup(world), &world.server.db_folder());
        }
        Some(url) => db_copy(url, &format!("{}_backup", name_of(url)), name_of(url)).await,
    }
    let said = world.server.omniot(&["tenant", "restored", tenant]).await;
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

fn backup(world: &World) -> PathBuf {
    world.folder().join("backup")
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().expect("cp runs").success());
}

fn name_of(url: &str) -> &str {
    url.rsplit_once('/').expect("the URL names a database").1
}

async fn db_copy(url: &str, from: &str, to: &str) {
    let mut superuser = PgConnection::connect(&format!("{}postgres", url.strip_suffix(name_of(url)).expect("its end"))).await.expect("PostgreSQL answers");
    for sql in [format!("drop database if exists {to} with (force)"), format!("create database {to} template {from}")] {
        superuser.execute(AssertSqlSafe(sql)).await.expect("a superuser copies a database");
    }
}
