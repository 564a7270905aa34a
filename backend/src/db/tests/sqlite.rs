//! Facts about the embedded engine.

use std::num::NonZeroUsize;

use sqlx::Connection as _;

use super::super::{Db, DbError, Layout, SqliteConfig, TenantAccess};
use crate::testing::App;

#[tokio::test]
async fn each_tenant_has_its_own_file_and_a_forgotten_predicate_cannot_leave_it() {
    let app = App::sqlite_with(Layout::FileEach).await;
    let (acme, _other) = (app.tenant("acme").await, app.tenant("other").await);
    let rows: Vec<(String,)> = acme.db_write().await.query("select name from tenant where $1 is not null").all().await.expect("rows");
    assert_eq!(rows, vec![("acme".to_owned(),)]);
}

#[tokio::test]
async fn more_tenants_than_may_be_open_are_all_served_at_once() {
    let app = App::sqlite_bounded(NonZeroUsize::new(2).expect("two")).await;
    let mut tenants = Vec::new();
    for i in 0..6 {
        tenants.push(app.tenant(&format!("tenant-{i}")).await);
    }
    let work = (0..60).map(|i| {
        let tenant = tenants[i % tenants.len()].clone();
        tokio::spawn(async move {
            let mut scope = tenant.db_write().await;
            scope.next_seq(1).await.expect("a number");
            scope.commit().await.expect("a commit");
        })
    });
    for done in work.collect::<Vec<_>>() {
        done.await.expect("no writer fails because its file was closed");
    }
    for tenant in &tenants {
        let (seq,): (i64,) = tenant.db_write().await.query("select seq from tenant_clock where tenant_id = $1").one().await.expect("a clock");
        assert_eq!(seq, 10, "{}", tenant.name);
    }
}

#[tokio::test]
async fn a_store_that_is_opened_again_holds_what_was_committed() {
    let folder = tempfile::tempdir().expect("a folder");
    let tenant = omniot_shared::ids::TenantId(uuid::Uuid::from_u128(7));
    for round in 1..=2_i64 {
        let db = Db::sqlite(SqliteConfig::new(folder.path())).await.expect("a store");
        db.place(tenant).expect("a place, once");
        let mut scope = db.write(&TenantAccess::for_job(tenant, "test")).await.expect("a scope");
        const KEEP: &str = "insert into tenant (tenant_id, name, display_name, status, brand, created_at) values ($1, 'n', 'N', 'active', '', $2)
                            on conflict (tenant_id) do update set created_at = tenant.created_at + 1 returning created_at";
        let (at,): (i64,) = scope.query(KEEP).bind(1_i64).one().await.expect("a row");
        assert_eq!(at, round);
        scope.commit().await.expect("a commit");
        db.close().await;
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_named() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let error = Db::sqlite(SqliteConfig::new(file.path())).await.err().expect("no store in a file");
    assert!(matches!(&error, DbError::File { path, .. } if path.starts_with(file.path().to_str().expect("text"))), "{error}");
}

#[tokio::test]
async fn a_place_whose_tenant_never_came_to_be_is_taken_back() {
    let app = App::sqlite_with(Layout::FileEach).await;
    let id: omniot_shared::ids::TenantId = app.state.new_id();
    app.state.db.place(id).expect("a place");
    app.state.db.write(&TenantAccess::for_job(id, "test")).await.expect("it opens");
    app.state.db.unplace(id).await.expect("it goes");
    let gone = app.state.db.write(&TenantAccess::for_job(id, "test")).await;
    assert!(matches!(gone, Err(DbError::NoSuchTenant(_))));
}

#[tokio::test]
async fn whoever_invents_tenants_closes_none_of_others() {
    let app = App::sqlite_bounded(NonZeroUsize::new(2).expect("two")).await;
    let acme = app.tenant("acme").await;
    let mut held = app.state.db.read(&TenantAccess::for_job(acme.id, "test")).await.expect("a scope");
    for _ in 0..5 {
        let nowhere = app.state.db.read(&TenantAccess::for_job(app.state.new_id(), "test")).await;
        assert!(matches!(nowhere, Err(DbError::NoSuchTenant(_))));
    }
    held.query("select seq from tenant_clock where tenant_id = $1").one::<(i64,)>().await.expect("still open");
    let log = app.db_url(acme.id).trim_start_matches("sqlite:").to_owned() + "-shm";
    assert!(std::path::Path::new(&log).exists(), "its file is open, not closed to make room");
}

#[tokio::test]
async fn many_may_ask_at_once_whether_the_store_can_be_written() {
    let app = App::sqlite_with(Layout::FileEach).await;
    let asking: Vec<_> = (0..50).map(|_| { let db = app.state.db.clone(); tokio::spawn(async move { db.probe().await }) }).collect();
    for asked in asking {
        asked.await.expect("no panic").expect("ready");
    }
}

#[tokio::test]
async fn a_mark_changes_with_what_another_process_writes_and_not_by_looking() {
    let folder = tempfile::tempdir().expect("a folder");
    let tenant = omniot_shared::ids::TenantId(uuid::Uuid::from_u128(7));
    let access = TenantAccess::for_job(tenant, "test");
    let (ours, theirs) = (Db::sqlite(SqliteConfig::new(folder.path())).await.expect("a store"), Db::sqlite(SqliteConfig::new(folder.path())).await.expect("a store"));
    ours.place(tenant).expect("a place");
    const TENANT: &str = "insert into tenant (tenant_id, name, display_name, status, brand, created_at) values ($1, 'n', 'N', 'active', '', 0)";
    let mut scope = theirs.write(&access).await.expect("a scope");
    scope.query(TENANT).execute().await.expect("a tenant");
    scope.commit().await.expect("a commit");
    let mut last = None;
    for round in 0..3 {
        let mut scope = theirs.write(&access).await.expect("a scope");
        scope.query("insert into tenant_clock (tenant_id, seq) values ($1, 1) on conflict (tenant_id) do update set seq = tenant_clock.seq + 1").execute().await.expect("a write");
        scope.commit().await.expect("a commit");
        let mark = ours.mark(tenant);
        assert!(mark.is_some() && mark != last, "round {round}: a write shows");
        drop(ours.glance(&access).await.expect("a look"));
        assert_eq!(ours.mark(tenant), mark, "round {round}: a look does not");
        last = mark;
    }
}

#[tokio::test]
async fn what_the_store_writes_is_for_its_own_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let outer = tempfile::tempdir().expect("a folder");
    let folder = outer.path().join("data");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    // As an older version made it.
    std::fs::File::create(folder.join("control.db")).expect("a file");
    std::fs::set_permissions(folder.join("control.db"), std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let db = Db::sqlite(SqliteConfig::new(&folder)).await.expect("a store");
    let tenant = omniot_shared::ids::TenantId(uuid::Uuid::from_u128(7));
    db.place(tenant).expect("a place");
    let _held = db.write(&TenantAccess::for_job(tenant, "test")).await.expect("a scope");
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("tenants"))), (0o700, 0o700));
    for parent in [folder.clone(), folder.join("tenants")] {
        for entry in std::fs::read_dir(parent).expect("a folder") {
            let path = entry.expect("an entry").path();
            assert!(path.is_dir() || mode(&path) == 0o600, "{} is {:o}", path.display(), mode(&path));
        }
    }
}

/// As its own migration finds them: written when all rows were of one scope.
#[tokio::test]
async fn rows_of_before_there_were_homes_come_to_live_in_theirs() {
    let mut files: Vec<_> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/tenant")).expect("migrations").map(|file| file.expect("a file").path()).collect();
    files.sort();
    let homes = files.iter().position(|file| file.ends_with("0008_homes.sql")).expect("the migration");
    let mut db = sqlx::SqliteConnection::connect("sqlite::memory:").await.expect("a store");
    let run = async |db: &mut sqlx::SqliteConnection, sql: String| sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(db).await;
    for file in &files[..homes] {
        run(&mut db, std::fs::read_to_string(file).expect("SQL")).await.expect("a migration");
    }
    let rows = "
        insert into tenant (tenant_id, name, display_name, status, brand, created_at) values (x'01', 'a', 'A', 'active', '{}', 1);
        insert into site (tenant_id, id, seq, scope, stamps, search_text, name, time_zone, created_at) values (x'01', x'AB', 1, 'tenant', '{}', 's', 's', 'UTC', 1);
        insert into attempt (tenant_id, id, seq, scope, site_id, technician_id, technician_name, client_id, app_version, os, radio, identity_verified, steps, outcome, started_at, ended_at)
            values (x'01', x'0B', 2, 'tenant', x'AB', x'0C', 'T', x'0D', '0', 'o', 'v', 1, '[]', 'failed', 1, 2), (x'01', x'0E', 3, 'tenant', null, x'0C', 'T', x'0D', '0', 'o', 'v', 1, '[]', 'failed', 1, 2);
        insert into sync_scope (tenant_id, scope, row_count, digest) values (x'01', 'tenant', 3, 7);";
    run(&mut db, rows.to_owned()).await.expect("rows of before");
    run(&mut db, std::fs::read_to_string(&files[homes]).expect("SQL")).await.expect("the migration");
    let scopes: Vec<(String,)> = sqlx::query_as("select scope from site union all select scope from attempt order by scope").fetch_all(&mut db).await.expect("rows");
    assert_eq!(scopes.iter().map(|(scope,)| scope.as_str()).collect::<Vec<_>>(), ["common", "site:ab", "site:ab"]);
    let sums: Vec<(i64,)> = sqlx::query_as("select row_count from sync_scope").fetch_all(&mut db).await.expect("sums");
    assert!(sums.is_empty(), "they are kept anew with the next change");
    assert!(run(&mut db, "update attempt set os = 'x'".to_owned()).await.is_err(), "attempts are insert-only again");
}
