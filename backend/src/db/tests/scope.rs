//! Facts that hold on both engines.

use std::time::Duration;

use omniot_shared::{ids::SiteId, time::Millis};

use super::super::{DbError, Event, TenantAccess};
use crate::testing::{App, Tenant};

async fn db_seq(tenant: &Tenant) -> i64 {
    let (seq,): (i64,) = tenant.db_write().await.query("select seq from tenant_clock where tenant_id = $1").one().await.expect("a clock");
    seq
}

#[tokio::test]
async fn what_is_not_committed_never_happened_and_is_told_to_nobody() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let mut events = app.state.bus.subscribe(acme.id);
        let mut scope = acme.db_write().await;
        scope.next_seq(3).await.expect("numbers");
        scope.notify(Event::changed(3));
        drop(scope);
        assert_eq!(db_seq(&acme).await, 0, "on {}", app.engine);
        assert!(events.try_recv().is_err(), "no event without a commit");
    }
}

#[tokio::test]
async fn events_go_to_the_streams_of_their_tenant_after_the_commit() {
    for app in App::both().await {
        let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
        let (mut ours, mut theirs) = (app.state.bus.subscribe(acme.id), app.state.bus.subscribe(other.id));
        let mut scope = acme.db_write().await;
        let seqs = scope.next_seq(2).await.expect("numbers");
        assert_eq!(seqs, 1..=2);
        scope.notify(Event::changed(*seqs.end()));
        assert!(ours.try_recv().is_err(), "nothing before the commit");
        scope.commit().await.expect("a commit");
        assert_eq!(ours.try_recv(), Ok(Event::changed(2)));
        assert!(theirs.try_recv().is_err(), "another tenant hears nothing");
    }
}

#[tokio::test]
async fn a_part_that_is_undone_takes_its_rows_and_events_with_it() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let mut events = app.state.bus.subscribe(acme.id);
        let mut scope = acme.db_write().await;
        scope.part().await.expect("a part");
        scope.next_seq(1).await.expect("kept");
        scope.notify(Event::changed(1));
        scope.part().await.expect("an inner part");
        scope.next_seq(5).await.expect("undone");
        scope.notify(Event::AccessChanged);
        scope.query("insert into tenant_clock (tenant_id) values ($1)").execute().await.expect_err("there is a clock already");
        scope.undo().await.expect("undone after an error");
        scope.keep().await.expect("kept");
        scope.commit().await.expect("a commit");
        assert_eq!(db_seq(&acme).await, 1, "on {}", app.engine);
        assert_eq!((events.try_recv(), events.try_recv().is_err()), (Ok(Event::changed(1)), true));
    }
}

#[tokio::test]
async fn many_writers_of_one_tenant_take_turns_and_numbers_have_no_gaps() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let writers = (0..20).map(|_| {
            let acme = acme.clone();
            tokio::spawn(async move {
                let mut scope = acme.db_write().await;
                // Reads, thinks, writes: lost updates would show.
                let (seen,): (i64,) = scope.query("select seq from tenant_clock where tenant_id = $1").one().await.expect("a clock");
                tokio::task::yield_now().await;
                scope.query("update tenant_clock set seq = $2 where tenant_id = $1").bind(seen + 1).execute().await.expect("a write");
                scope.commit().await.expect("a commit");
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.expect("a writer");
        }
        assert_eq!(db_seq(&acme).await, 20, "on {}", app.engine);
    }
}

#[tokio::test]
async fn a_read_scope_cannot_write_and_sees_one_snapshot() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let mut read = app.state.db.read(&TenantAccess::for_job(acme.id, "test")).await.expect("a scope");
        const SEQ: &str = "select seq from tenant_clock where tenant_id = $1";
        assert_eq!(read.query(SEQ).one::<(i64,)>().await.expect("a clock"), (0,));
        let mut write = acme.db_write().await;
        write.next_seq(1).await.expect("a number");
        write.commit().await.expect("a commit");
        assert_eq!(read.query(SEQ).one::<(i64,)>().await.expect("a clock"), (0,), "the snapshot stands, on {}", app.engine);
        drop(read);
        let mut read = app.state.db.read(&TenantAccess::for_job(acme.id, "test")).await.expect("a scope");
        read.query("update tenant_clock set seq = 9 where tenant_id = $1").execute().await.expect_err("a read scope does not write");
    }
}

#[tokio::test]
async fn every_kind_of_value_comes_back_and_so_does_its_absence() {
    const ECHO: &str = "select cast($2 as bigint), cast($3 as text), cast($4 as text) where cast($1 as text) is not null";
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let mut scope = acme.db_write().await;
        let row: (Option<i64>, Option<String>, Option<String>) = scope.query(ECHO).bind(Millis(5)).bind("ö").bind(None::<String>).one().await.expect("a row");
        assert_eq!(row, (Some(5), Some("ö".to_owned()), None), "on {}", app.engine);
        let row: (Option<i64>, Option<String>, Option<String>) = scope.query(ECHO).bind(None::<Millis>).bind(None::<&str>).bind("").one().await.expect("a row");
        assert_eq!(row, (None, None, Some(String::new())), "on {}", app.engine);
        let found: Option<(uuid::Uuid,)> = scope.query("select tenant_id from tenant where tenant_id = $1 and tenant_id <> $2").bind(SiteId(uuid::Uuid::nil())).optional().await.expect("a row");
        assert_eq!(found, Some((acme.id.0,)), "on {}", app.engine);
    }
}

#[tokio::test]
async fn a_key_that_is_taken_and_a_reference_into_nothing_are_told_apart() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        let mut scope = acme.db_write().await;
        let error = scope.query("insert into tenant_clock (tenant_id) values ($1)").execute().await.expect_err("taken");
        assert!(error.is_unique(), "{error} on {}", app.engine);
        drop(scope);
        let mut scope = acme.db_write().await;
        const ORPHAN: &str = "insert into session (tenant_id, token_hash, id, person_id, client, created_at, last_used_at, expires_at) values ($1, $2, $3, $3, 'app', 0, 0, 0)";
        let inserted = scope.query(ORPHAN).bind([0_u8; 32]).bind(acme.id).execute().await;
        assert!(matches!(inserted, Err(DbError::Reference { .. })), "on {}", app.engine);
    }
}

#[tokio::test]
async fn a_tenant_that_is_not_here_has_no_scope_or_an_empty_one() {
    for app in App::both().await {
        let nowhere = TenantAccess::for_job(app.state.new_id(), "test");
        match app.state.db.write(&nowhere).await {
            Err(DbError::NoSuchTenant(id)) => assert_eq!((id, app.engine), (nowhere.tenant(), "sqlite")),
            Ok(mut scope) => {
                let rows: Vec<(String,)> = scope.query("select name from tenant where tenant_id = $1").all().await.expect("rows");
                assert_eq!(rows, vec![], "on {}", app.engine);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_flood_in_one_tenant_keeps_no_other_tenant_waiting() {
    for app in App::both().await {
        let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
        let access = TenantAccess::for_job(acme.id, "test");
        // Each holds what it gets until the end: readers, writers, and long answers beyond any number of connections.
        let flood: Vec<_> = (0..120)
            .map(|n| {
                let db = app.state.db.clone();
                tokio::spawn(async move {
                    let scope = if n % 2 == 0 { db.read(&access).await } else { db.write(&access).await };
                    let _held = scope.map(|mut scope| scope.linger().map(|()| scope));
                    std::future::pending::<()>().await;
                })
            })
            .collect();
        let began = std::time::Instant::now();
        let whole = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            for _ in 0..5 {
                let mut scope = app.state.db.read(&TenantAccess::for_job(other.id, "test")).await.expect("a read");
                scope.query("select seq from tenant_clock where tenant_id = $1").one::<(i64,)>().await.expect("a row");
            }
            app.state.db.control_read().await.expect("the control store").query("select cast(1 as bigint)").one::<(i64,)>().await.expect("a row");
            app.state.db.glance(&access).await.expect("the watch looks all the same");
        };
        tokio::time::timeout(Duration::from_secs(5), whole).await.unwrap_or_else(|_| panic!("after {:?} on {}", began.elapsed(), app.engine));
        flood.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

#[tokio::test]
async fn many_rows_take_few_statements_and_none_is_lost() {
    for app in App::both().await {
        let scope = app.tenant("acme").await.db_write().await;
        let rows: Vec<u32> = (0..500).collect();
        let sizes = |width: usize| scope.portions(&rows, width).iter().map(|part| part.len()).collect::<Vec<_>>();
        assert_eq!(sizes(1), [256, 128, 64, 32, 16, 4], "on {}", app.engine);
        assert_eq!(sizes(100)[..3], [128, 128, 128], "on {}: so many values and no more", app.engine);
        assert_eq!(scope.portions(&rows, 14).concat(), rows);
        assert_eq!(scope.portions(&rows[..2], 100_000).len(), 2, "one at least");
    }
}
