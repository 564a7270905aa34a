//! Pulls: cut off, resumed, big, foreign.

use std::collections::BTreeSet;

use omniot_shared::sync::{Actor as SyncActor, Who, intent::{NewDevice, NewModel}, rows::Scope as SyncScope, wire::Cursor};
use omniot_shared::entities::Security;

use super::*;
use crate::{audit::Author, sync::{execute_as, trail::Circumstances}};

/// Makes `count` devices at a site, behind the API's back.
async fn db_devices(tenant: &Tenant, count: usize, name: &str) {
    let app = &tenant.app;
    let actor = SyncActor { tenant: tenant.id, who: Who::System, now: app.state.now() };
    let model = NewModel { id: app.state.new_id(), name: "Sensor".into(), sku: "S1".into(), min_security: Security::Sec1 };
    let mut scope = tenant.db_write().await;
    let mut batch = vec![Change::ModelCreate(model.clone())];
    batch.extend((0..count).map(|n| Change::DeviceCreate(NewDevice { serial: format!("{name}-{n:05}"), name: format!("{name} {n}"), model_id: model.id, site_id: None, note: None })));
    for change in batch {
        execute_as(&mut scope, &actor, &Author::system("test"), None, change).await.expect("it is done");
    }
    scope.commit().await.expect("a commit");
}

#[tokio::test]
async fn a_pull_that_is_cut_anywhere_publishes_nothing_and_is_resumed() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        db_devices(&tenant, 120, "D").await;
        let mut a = Tablet::of(&tenant, Role::Technician).await;
        let whole = a.actor.post("/v1/sync/pull", json!(from_nothing(a.meta().client_id))).await.bytes;
        for cut in (0..whole.len()).step_by(97) {
            let pull = Pull::begin(&a.store).expect("memory never fails");
            let mut fresh = Tablet::for_actor(&tenant, a.actor.clone(), Role::Technician);
            assert_eq!(fresh.take(pull, &frames(&whole[..cut])), None, "cut at {cut}");
            assert!(fresh.rows().is_empty(), "nothing is shown before the checkpoint");
        }
        // A cut between frames leaves something to resume from.
        let all = frames(&whole);
        let pull = Pull::begin(&a.store).expect("memory never fails");
        let Some(Frame::Rows(rows)) = all.get(1) else { panic!("{:?}", all.first()) };
        let half = [all[0].clone(), Frame::Rows(rows[..60].to_vec())];
        assert_eq!(a.take(pull, &half), None);
        assert_eq!(a.meta().staged.map(|staged| staged.cursor), Some(rows[59].seq));
        db_devices(&tenant, 3, "later").await;
        assert!(matches!(a.pull().await, Published::Now { changes: 125, .. }), "60 staged and 65 more");
        assert_eq!(a.rows().len(), 1 + 120 + 1 + 3);
        db_checksum_holds(&tenant).await;
    }
}

#[tokio::test]
async fn a_change_that_calls_all_apps_of_a_tenant_turns_none_of_them_away() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        db_devices(&tenant, 50, "D").await;
        let owner = tenant.person(Role::Owner).await;
        let pulls = (0..40).map(|_| owner.post("/v1/sync/pull", json!(from_nothing(app.state.new_id()))));
        for pull in futures::future::join_all(pulls).await {
            assert_eq!(pull.status, 200, "{}: {}", app.engine, String::from_utf8_lossy(&pull.bytes));
            assert!(matches!(frames(&pull.bytes).last(), Some(Frame::Checkpoint(_))), "it is whole");
        }
    }
}

#[tokio::test]
async fn a_pull_brings_what_changed_since_and_nothing_else() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (mut a, mut b) = (Tablet::of(&tenant, Role::Admin).await, Tablet::of(&tenant, Role::Admin).await);
        let site = a.new_site("one");
        a.new_site("two");
        a.sync().await;
        assert!(matches!(b.pull().await, Published::Now { changes: 2, .. }));
        assert!(matches!(b.pull().await, Published::Now { changes: 0, .. }));
        a.rename(site, "uno");
        a.sync().await;
        assert!(matches!(b.pull().await, Published::Now { changes: 1, .. }));
        assert_eq!(a.rows(), b.rows());
    }
}

#[tokio::test]
async fn a_cursor_that_is_of_no_use_gets_everything_anew() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut a = Tablet::of(&tenant, Role::Admin).await;
        a.new_site("one");
        a.sync().await;
        let cursor = a.meta().cursor;
        for (epoch, seq, fresh) in [(1, cursor, false), (2, cursor, true), (1, omniot_shared::sync::Seq(cursor.0 + 1), true), (1, omniot_shared::sync::Seq(-5), true), (0, omniot_shared::sync::Seq(0), true)] {
            let request = PullRequest { epoch, cursors: vec![Cursor { scope: SyncScope::Tenant, seq }], ..from_nothing(a.meta().client_id) };
            let all = frames(&a.actor.post("/v1/sync/pull", json!(request)).await.bytes);
            let Some(Frame::Begin(begin)) = all.first() else { panic!("{all:?}") };
            assert_eq!(begin.fresh, fresh, "epoch {epoch}, cursor {seq:?}");
        }
        // A scope that was compacted beyond the cursor.
        let mut scope = tenant.db_write().await;
        scope.query("insert into sync_state (tenant_id, epoch, min_retained_seq) values ($1, 1, $2)").bind(cursor.0 + 1).execute().await.expect("compacted");
        scope.commit().await.expect("a commit");
        a.new_site("two");
        a.sync().await;
        assert_eq!(a.rows().len(), 2, "the outbox was kept and the rows are whole");
    }
}

#[tokio::test]
async fn a_wrong_checksum_publishes_nothing_and_the_next_pull_heals_with_the_outbox_untouched() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (mut a, mut b) = (Tablet::of(&tenant, Role::Admin).await, Tablet::of(&tenant, Role::Admin).await);
        let lost = a.new_site("is lost on B");
        a.sync().await;
        b.sync().await;
        client::Replica::remove(&mut b.store, lost.into()).expect("memory never fails");
        let mut meta = b.meta();
        meta.checksum.remove(lost.into(), b.meta().cursor);
        b.store.save_meta(&meta).expect("memory never fails");
        b.new_site("pending on B");
        a.new_site("news");
        a.sync().await;
        assert!(matches!(b.pull().await, Published::Mismatch { .. }));
        assert_eq!(b.rows().len(), 1, "what was shown stays");
        assert!(matches!(b.pull().await, Published::Now { .. }));
        assert_eq!(b.rows().len(), 3, "all of the server's rows, and the pending one on top");
        b.sync().await;
        a.sync().await;
        assert_eq!(a.rows(), b.rows());
    }
}

#[tokio::test]
async fn of_ones_own_replica_a_few_reports_are_kept_and_of_anothers_none() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (mut mine, other) = (Tablet::of(&tenant, Role::Admin).await, tenant.person(Role::Viewer).await);
        mine.new_site("so that the server knows it");
        mine.push().await;
        let report = json!({"client_id": mine.meta().client_id, "seq": 1, "found_by": "verify", "replica": {"count": 1, "sum": "00000000000000aa"}, "server": {"count": 2, "sum": "00000000000000bb"}});
        for _ in 0..10 {
            other.post("/v1/sync/mismatch", report.clone()).await.expect(204);
            mine.actor.post("/v1/sync/mismatch", report.clone()).await.expect(204);
        }
        let log = tenant.person(Role::Admin).await.get("/v1/audit?action=sync.mismatch").await.expect(200);
        let kept = log["items"].as_array().expect("entries");
        assert_eq!(kept.len(), 3, "on {}: {log}", app.engine);
        assert!(kept.iter().all(|entry| entry["detail"]["server"]["sum"] == "00000000000000bb" && entry["actor"]["id"] == json!(mine.actor.id)), "{log}");
    }
}

#[tokio::test]
async fn what_left_the_scope_is_gone_after_the_pull_and_never_comes_back() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (mut a, mut b) = (Tablet::of(&tenant, Role::Admin).await, Tablet::of(&tenant, Role::Admin).await);
        let site = a.new_site("to be erased");
        a.new_site("stays");
        a.sync().await;
        b.sync().await;
        let mut scope = tenant.db_write().await;
        db_erase(&mut scope, site, &app).await;
        scope.commit().await.expect("a commit");
        // B edits the erased site offline and comes back late.
        b.rename(site, "still here?");
        assert!(matches!(b.pull().await, Published::Now { changes: 1, .. }));
        assert_eq!(b.site(site), None);
        // It was there when it was edited: that is not the same as never having been.
        assert_eq!(b.push().await[0].outcome.refusal().map(|refusal| refusal.code), Some(omniot_shared::sync::Code::RowDeleted));
        a.sync().await;
        assert_eq!((a.rows().len(), a.rows()), (1, b.rows()));
        db_checksum_holds(&tenant).await;
    }
}

async fn db_erase(scope: &mut crate::db::Scope, site: SiteId, app: &App) {
    let change = rename(site, "erased");
    let mut batch = super::super::batch::Batch::open(scope, [&change]).await.expect("it loads");
    let edit = omniot_shared::sync::policy::Edit { base: None, words: None, at: app.state.now(), by: None, read: None, past_lost: false };
    let removal = omniot_shared::sync::server::Decision::accept(vec![omniot_shared::sync::RowChange::Remove(site.into())]);
    batch.take_in(&change, removal, &edit, &Circumstances::default());
    batch.write(scope, &Author::system("test"), app.state.now(), None).await.expect("it is erased");
}

#[tokio::test]
async fn no_byte_of_another_tenant_is_ever_in_a_pull() {
    for app in App::both().await {
        let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
        db_devices(&acme, 30, "CANARY-OF-ACME").await;
        db_devices(&globex, 30, "CANARY-OF-GLOBEX").await;
        for (tenant, mine, theirs) in [(&acme, "CANARY-OF-ACME", "CANARY-OF-GLOBEX"), (&globex, "CANARY-OF-GLOBEX", "CANARY-OF-ACME")] {
            let tablet = Tablet::of(tenant, Role::Owner).await;
            let bytes = tablet.actor.post("/v1/sync/pull", json!(from_nothing(tablet.meta().client_id))).await.bytes;
            let text = serde_json::to_string(&frames(&bytes)).expect("JSON");
            assert!(text.contains(mine) && !text.contains(theirs), "{}", app.engine);
            let ids: BTreeSet<String> = frames(&bytes).iter().flat_map(|frame| match frame { Frame::Rows(rows) => rows.iter().map(|row| row.row.key().id.to_string()).collect(), _ => vec![] }).collect();
            assert_eq!(ids.len(), 31);
        }
    }
}

#[tokio::test]
async fn ten_thousand_rows_come_in_bounded_pieces_and_few_bytes() {
    use futures::StreamExt as _;
    use tower::ServiceExt as _;
    let app = App::sqlite().await;
    let tenant = app.tenant("acme").await;
    db_devices(&tenant, 10_000, "D").await;
    let mut a = Tablet::of(&tenant, Role::Technician).await;
    let request = axum::http::Request::post("/v1/sync/pull")
        .header("authorization", format!("Bearer {}", a.actor.token)).header("content-type", "application/json")
        .body(json!(from_nothing(a.meta().client_id)).to_string()).expect("a request").map(axum::body::Body::from);
    let mut body = crate::build(app.state.clone()).oneshot(request).await.expect("a response").into_body().into_data_stream();
    let (mut all, mut largest) = (Vec::new(), 0);
    while let Some(piece) = body.next().await {
        let piece = piece.expect("a piece");
        largest = largest.max(piece.len());
        all.extend_from_slice(&piece);
    }
    assert!(largest <= 256 * 1024, "the largest piece has {largest} bytes");
    let frames = frames(&all);
    let rows_per_frame = frames.iter().map(|frame| match frame { Frame::Rows(rows) => rows.len(), _ => 0 }).max();
    assert_eq!(rows_per_frame, Some(500));
    let per_row = all.len() as f64 / 10_001.0;
    assert!(per_row < 36.0, "{per_row:.1} bytes a row on the wire");
    let pull = Pull::begin(&a.store).expect("memory never fails");
    assert!(matches!(a.take(pull, &frames), Some(Published::Now { changes: 10_001, .. })));
}
