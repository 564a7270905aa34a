//! Facts about the embedded engine.

use std::num::NonZeroUsize;

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
