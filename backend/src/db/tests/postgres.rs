//! Facts about PostgreSQL: isolation that the database itself enforces, and the refusal to run without it.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::super::{Db, DbError, PostgresConfig, TenantAccess, postgres::{AppRole, migrate}};
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
async fn connections_that_the_database_closed_meanwhile_are_replaced_and_nobody_notices() {
    let Some(url) = postgres_url() else { return };
    let app = App::postgres(&url).await;
    let acme = app.tenant("acme").await;
    let access = TenantAccess::for_job(acme.id, "test");
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(app.state.db.read(&access).await.expect("a scope"));
    }
    drop(held);
    let mut admin = PgConnection::connect(&app.db_owner_url().expect("an owner")).await.expect("the owner");
    let closed: Vec<(bool,)> = sqlx::query_as("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()").fetch_all(&mut admin).await.expect("they are closed");
    assert!(closed.len() >= 4, "{closed:?}");
    for _ in 0..8 {
        let mut scope = app.state.db.read(&access).await.expect("a scope all the same");
        let (name,): (String,) = scope.query("select name from tenant where tenant_id = $1").one().await.expect("a row");
        assert_eq!(name, "acme");
    }
    acme.db_write().await.commit().await.expect("writing goes on too");
}

/// Breaks, sees the refusal, mends by hand or by migrating again, and sees the server start.
async fn refuses(break_it: &str, mend_it: &str, says: &str) {
    let Some(url) = postgres_url() else { return };
    let (name, owner) = db_postgres_migrated(&url).await;
    let app = app_url(&url, &name);
    let mut connection = PgConnection::connect(&owner).await.expect("the owner");
    connection.execute(AssertSqlSafe(break_it.to_owned())).await.expect("it breaks");
    assert_refused(&app, says).await;
    if mend_it.is_empty() {
        migrate(&owner, &AppRole { name: "omniot_app_test".to_owned(), password: None }).await.expect("what only the migration can mend, it mends");
    } else {
        connection.execute(AssertSqlSafe(mend_it.to_owned())).await.expect("it mends");
    }
    Db::postgres(&app).await.expect("the server starts again").close().await;
    drop(connection);
    db_drop(&url, &name).await;
}

#[tokio::test]
async fn a_table_whose_row_level_security_is_not_forced_is_refused() {
    refuses("alter table person no force row level security", "alter table person force row level security", "not forced on the table person").await;
}

#[tokio::test]
async fn a_table_without_row_level_security_is_refused() {
    refuses("alter table person disable row level security", "alter table person enable row level security", "not forced on the table person").await;
}

#[tokio::test]
async fn a_policy_that_lets_everything_through_is_refused() {
    refuses("alter policy tenant_isolation on session using (true)", "", "policy on the table session").await;
}

#[tokio::test]
async fn a_policy_that_says_more_than_ours_is_refused() {
    const OURS: &str = "tenant_id = (select nullif(current_setting('omniot.tenant', true), ''))::uuid";
    let or_true = format!("alter policy tenant_isolation on session using ({OURS} or true) with check ({OURS} or true)");
    refuses(&or_true, "", "policy on the table session").await;
}

#[tokio::test]
async fn a_policy_that_checks_nothing_on_writing_is_refused() {
    refuses("alter policy tenant_isolation on session with check (true)", "", "policy on the table session").await;
}

#[tokio::test]
async fn a_missing_policy_is_refused() {
    refuses("drop policy tenant_isolation on session", "", "policy on the table session").await;
}

#[tokio::test]
async fn a_second_policy_is_refused() {
    refuses("create policy more on mail using (true)", "drop policy more on mail", "policy on the table mail").await;
}

#[tokio::test]
async fn a_forgotten_table_is_refused() {
    refuses("create table forgotten (tenant_id uuid not null)", "drop table forgotten", "not forced on the table forgotten").await;
}

#[tokio::test]
async fn a_view_with_its_owners_rights_is_refused() {
    refuses("create view peek with (security_invoker = false) as select * from person", "drop view peek", "peek").await;
}

#[tokio::test]
async fn a_database_that_lacks_a_migration_of_either_list_is_refused() {
    for list in ["version < 100000", "version >= 100000"] {
        let break_it = format!("create table kept as select * from _sqlx_migrations where version = (select max(version) from _sqlx_migrations where {list});
            delete from _sqlx_migrations where version in (select version from kept)");
        refuses(&break_it, "insert into _sqlx_migrations select * from kept", "older than this server").await;
    }
}

#[tokio::test]
async fn a_database_of_a_newer_server_is_refused() {
    for version in [99_999, 199_999] {
        let break_it = format!("insert into _sqlx_migrations (version, description, success, checksum, execution_time) values ({version}, 'later', true, '', 0)");
        refuses(&break_it, &format!("delete from _sqlx_migrations where version = {version}"), "newer than this server").await;
    }
}

#[tokio::test]
async fn a_superuser_is_refused_and_so_is_who_can_become_one() {
    let Some(url) = postgres_url() else { return };
    let (name, owner) = db_postgres_migrated(&url).await;
    assert_refused(&owner, "superuser").await;
    let mut connection = PgConnection::connect(&owner).await.expect("the owner");
    // Roles are the whole cluster's: names of their own, so that other tests do not see them.
    let (strong, member) = (format!("{name}_strong"), format!("{name}_member"));
    for (right, says) in [("bypassrls", "is a member of"), ("superuser", "is a member of")] {
        connection.execute(AssertSqlSafe(format!("create role {strong} {right}; create role {member} login noinherit; grant {strong} to {member}"))).await.expect("roles");
        assert_refused(&app_url(&url, &name).replace("omniot_app_test", &member), says).await;
        connection.execute(AssertSqlSafe(format!("drop role {member}; drop role {strong}"))).await.expect("they go");
    }
    drop(connection);
    db_drop(&url, &name).await;
}

#[tokio::test]
async fn a_writer_that_waits_in_vain_or_goes_away_leaves_nothing_behind() {
    let Some(url) = postgres_url() else { return };
    let app = App::postgres(&url).await;
    let acme = app.tenant("acme").await;
    let access = TenantAccess::for_job(acme.id, "test");
    let short = |patience| PostgresConfig { connections: 8, patience: Duration::from_millis(patience), ..PostgresConfig::new(app.db_app_url().expect("a URL")) };
    // Another server holds the tenant's writer; this one has few connections.
    let ours = Db::postgres(short(100)).await.expect("a server");
    let held = acme.db_write().await;
    for _ in 0..10 {
        assert!(matches!(ours.write(&access).await, Err(DbError::Busy)), "the lock is not given in time");
    }
    let patient = Db::postgres(short(9_000)).await.expect("a server");
    for _ in 0..10 {
        let given_up = tokio::time::timeout(Duration::from_millis(30), patient.write(&access)).await;
        assert!(given_up.is_err(), "whoever waits goes away");
    }
    drop(held);
    for db in [&ours, &patient] {
        for _ in 0..40 {
            let mut read = db.read(&access).await.expect("a read");
            read.query("select seq from tenant_clock where tenant_id = $1").one::<(i64,)>().await.expect("a row");
            let mut write = db.write(&access).await.expect("a write");
            write.next_seq(1).await.expect("a number");
            write.commit().await.expect("a commit");
        }
        db.close().await;
    }
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_not_ready() {
    let Some(url) = postgres_url() else { return };
    let (name, owner) = db_postgres_migrated(&url).await;
    Db::postgres(&app_url(&url, &name)).await.expect("a store").probe().await.expect("ready");
    let mut connection = PgConnection::connect(&owner).await.expect("the owner");
    connection.execute(AssertSqlSafe(format!("alter database {name} set default_transaction_read_only = on"))).await.expect("a setting");
    let stuck = Db::postgres(&app_url(&url, &name)).await.expect("a store").probe().await;
    assert!(matches!(stuck, Err(DbError::Unwritable(_))), "{stuck:?}");
    drop(connection);
    db_drop(&url, &name).await;
}

#[tokio::test]
async fn tls_can_be_demanded_of_the_database_and_its_absence_beyond_this_machine_is_known() {
    for (address, is_exposed) in [
        ("postgres://app@127.0.0.1/iot", false),
        ("postgres://app@localhost/iot", false),
        ("postgres://app@[::1]/iot", false),
        ("postgres:///iot?host=/run/postgresql", false),
        ("postgres://app@db.example/iot", true),
        ("postgres://app@10.0.0.5/iot?sslmode=prefer", true),
        ("postgres://app@10.0.0.5/iot?sslmode=require", false),
        ("postgres://app@db.example/iot?sslmode=verify-full", false),
    ] {
        assert_eq!(PostgresConfig::new(address).is_exposed().expect("a URL"), is_exposed, "{address}");
    }
    let Some(url) = postgres_url() else { return };
    let demanded = Db::postgres(&format!("{url}?sslmode=require")).await.err().expect("this PostgreSQL has no certificate").to_string();
    assert!(demanded.contains("server does not support TLS"), "we could, it cannot: {demanded}");
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
