//! Facts about PostgreSQL: isolation that the database itself enforces, and the refusal to run without it.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::super::{Db, DbError};
use crate::testing::{App, app_url, db_drop, db_postgres_migrated, postgres_url};

#[tokio::test]
async fn row_level_security_stops_a_forgotten_predicate() {
    let Some(url) = postgres_url() else { return };
    let app = App::postgres(&url).await;
    let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
    let mut scope = acme.db_write().await;
    let rows: Vec<(String,)> = scope.query("select name from tenant where $1::uuid is not null").all().await.expect("rows");
    assert_eq!(rows, vec![("acme".to_owned(),)]);
    let touched = scope.query("update tenant set display_name = 'x' where tenant_id = $2 and $1::uuid is not null").bind(other.id).execute().await;
    assert_eq!(touched.expect("an update of nothing"), 0, "another tenant's row cannot be written");
    let forged = scope.query("insert into tenant_clock (tenant_id, seq) select $2, 1 where $1::uuid is not null").bind(other.id).execute().await;
    assert!(forged.expect_err("a row of another tenant cannot be made").to_string().contains("row-level security"));
}

#[tokio::test]
async fn the_tenant_of_one_transaction_is_gone_in_the_next_on_the_same_connection() {
    let Some(url) = postgres_url() else { return };
    let app = App::postgres(&url).await;
    let acme = app.tenant("acme").await;
    for _ in 0..30 {
        acme.db_write().await.commit().await.expect("a commit");
        let mut control = app.state.db.control_read().await.expect("control");
        let rows: Vec<(String,)> = control.query("select name from tenant").all().await.expect("rows");
        assert_eq!(rows, vec![], "outside a scope no tenant's row is visible");
    }
}

#[tokio::test]
async fn every_table_with_a_tenant_has_forced_row_level_security_and_one_policy() {
    let Some(url) = postgres_url() else { return };
    let (name, owner) = db_postgres_migrated(&url).await;
    let mut connection = PgConnection::connect(&owner).await.expect("the owner");
    let tables: Vec<(String, bool, bool, i64)> = sqlx::query_as(
        "select c.relname::text, c.relrowsecurity, c.relforcerowsecurity, (select count(*) from pg_policy p where p.polrelid = c.oid)
         from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
         where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relnamespace = 'public'::regnamespace",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the catalog");
    assert!(tables.len() >= 6, "{tables:?}");
    for (table, enabled, forced, policies) in tables {
        assert!(enabled && forced && policies == 1, "{table}: enabled {enabled}, forced {forced}, {policies} policies");
    }
    // tenant_id first in every key, reference and index of those tables, and nothing that escapes the policies.
    let loose: Vec<(String,)> = sqlx::query_as(
        "select i.indexrelid::regclass::text from pg_index i
         join pg_attribute t on t.attrelid = i.indrelid and t.attname = 'tenant_id'
         join pg_class c on c.oid = i.indrelid and c.relnamespace = 'public'::regnamespace
         where i.indkey[0] <> t.attnum
         union all
         select k.conname::text from pg_constraint k join pg_attribute t on t.attrelid = k.conrelid and t.attname = 'tenant_id'
         where k.contype = 'f' and k.conkey[1] <> t.attnum
         union all
         select p.proname::text from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prosecdef
         union all
         select c.relname::text from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('v', 'm')",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the catalog");
    assert_eq!(loose, vec![], "keys, references and indexes begin with tenant_id; no views, no security definers");
    drop(connection);
    db_drop(&url, &name).await;
}

#[tokio::test]
async fn the_audit_log_is_insert_only_for_the_app_role_and_for_its_owner() {
    let Some(url) = postgres_url() else { return };
    let app = App::postgres(&url).await;
    let acme = app.tenant("acme").await;
    let error = acme.db_write().await.query("delete from audit where tenant_id = $1").execute().await.expect_err("no grant");
    assert!(error.to_string().contains("permission denied"), "{error}");
    let mut owner = PgConnection::connect(&app.db_owner_url().expect("an owner")).await.expect("the owner");
    for sql in ["update audit set action = 'x'", "delete from audit", "truncate audit"] {
        let error = owner.execute(sql).await.expect_err("a trigger").to_string();
        assert!(error.contains("insert-only"), "{sql}: {error}");
    }
}

#[tokio::test]
async fn the_server_refuses_a_database_on_which_isolation_cannot_hold() {
    let Some(url) = postgres_url() else { return };
    let (name, owner) = db_postgres_migrated(&url).await;
    let app = app_url(&url, &name);
    let mut connection = PgConnection::connect(&owner).await.expect("the owner");
    assert_refused(&owner, "superuser").await;
    for (break_it, mend_it, says) in [
        ("alter table person no force row level security", "alter table person force row level security", "not forced on the table person"),
        ("alter table person disable row level security", "alter table person enable row level security", "not forced on the table person"),
        ("alter policy tenant_isolation on session using (true)", "", "policy on the table session"),
        ("drop policy tenant_isolation on session", "", "policy on the table session"),
        ("create policy more on mail using (true)", "drop policy more on mail", "policy on the table mail"),
        ("create table forgotten (tenant_id uuid not null)", "drop table forgotten", "not forced on the table forgotten"),
        ("create view peek with (security_invoker = false) as select * from person", "drop view peek", "peek"),
        ("update _sqlx_migrations set version = 0 where version = 1; delete from _sqlx_migrations where version between 1 and 99999", "", "older than this server"),
    ] {
        connection.execute("begin").await.expect("begin");
        connection.execute("rollback").await.expect("rollback");
        connection.execute(AssertSqlSafe(break_it.to_owned())).await.expect("it breaks");
        assert_refused(&app, says).await;
        if mend_it.is_empty() {
            // What only the migration can mend, it mends.
            let mended = super::super::postgres::migrate(&owner, &super::super::postgres::AppRole { name: "omniot_app_test".to_owned(), password: None }).await;
            if mended.is_err() {
                break;
            }
        } else {
            connection.execute(AssertSqlSafe(mend_it.to_owned())).await.expect("it mends");
        }
    }
    drop(connection);
    db_drop(&url, &name).await;
}

async fn assert_refused(url: &str, says: &str) {
    match Db::postgres(url).await {
        Err(DbError::Unsafe(sentence)) => assert!(sentence.contains(says), "{sentence} should say {says}"),
        Err(other) => panic!("{says}: {other}"),
        Ok(_) => panic!("{says}: the server starts"),
    }
}

#[tokio::test]
async fn a_role_that_owns_a_table_is_refused() {
    let Some(url) = postgres_url() else { return };
    let (name, owner) = db_postgres_migrated(&url).await;
    let mut connection = PgConnection::connect(&owner).await.expect("the owner");
    connection.execute("alter table person owner to omniot_app_test").await.expect("it breaks");
    assert_refused(&app_url(&url, &name), "owns the table person").await;
    drop(connection);
    db_drop(&url, &name).await;
}
