//! Facts about the audit log.

use omniot_shared::{roles::Role, time::Millis};
use serde_json::json;

use super::{Author, Broken, Entry, append, verify};
use crate::testing::{App, START, Tenant};

async fn db_entries(tenant: &Tenant, count: i64) {
    let mut scope = tenant.db_write().await;
    for i in 0..count {
        let entry = Entry::new("site.create").target("site", format!("sit_{i}"), "Halle Süd").detail(json!({"i": i})).after(&i);
        append(&mut scope, &Author::system("test"), START.plus(i), Some("req"), entry).await.expect("an entry");
    }
    scope.commit().await.expect("a commit");
}

#[tokio::test]
async fn a_chain_that_nobody_touched_holds() {
    for app in App::both().await {
        let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
        db_entries(&acme, 3).await;
        db_entries(&other, 1).await;
        let verdict = verify(&mut acme.db_write().await).await.expect("a verdict");
        assert_eq!((verdict.entries, verdict.broken), (4, None), "three and the tenant's creation, on {}", app.engine);
    }
}

#[tokio::test]
async fn an_entry_is_never_changed_or_deleted_by_the_app() {
    for app in App::both().await {
        let acme = app.tenant("acme").await;
        for sql in ["update audit set action = 'x' where tenant_id = $1", "delete from audit where tenant_id = $1"] {
            let error = acme.db_write().await.query(sql).execute().await.expect_err("insert-only").to_string();
            assert!(error.contains("insert-only") || error.contains("permission denied"), "{}: {error}", app.engine);
        }
    }
    let app = App::sqlite().await;
    let acme = app.tenant("acme").await;
    let replace = "insert or replace into audit select * from audit where tenant_id = $1 and n = 1";
    assert!(acme.db_write().await.query(replace).execute().await.expect_err("insert-only").to_string().contains("insert-only"));
}

#[tokio::test]
async fn verification_names_the_first_broken_link() {
    let app = App::sqlite().await;
    for (name, tamper, broken) in [
        ("changed", "update audit set detail = '{\"i\":9}' where tenant_id = $1 and n = 3", Broken::Changed { n: 3 }),
        ("renumbered", "update audit set n = 9 where tenant_id = $1 and n = 2", Broken::Missing { n: 2 }),
        ("removed", "delete from audit where tenant_id = $1 and n = 2", Broken::Missing { n: 2 }),
        ("cut-off", "delete from audit where tenant_id = $1 and n = 4", Broken::CutOff { n: 4 }),
        ("swapped-null", "update audit set before_hash = after_hash, after_hash = null where tenant_id = $1 and n = 4", Broken::Changed { n: 4 }),
    ] {
        let tenant = app.tenant(name).await;
        db_entries(&tenant, 3).await;
        let mut scope = tenant.db_write().await;
        // Somebody with the file in their hands is not stopped by triggers.
        scope.db_raw("drop trigger audit_is_never_changed").await;
        scope.db_raw("drop trigger audit_is_never_deleted").await;
        scope.query(tamper).execute().await.expect("tampering");
        assert_eq!(verify(&mut scope).await.expect("a verdict").broken, Some(broken), "{name}");
    }
}

#[tokio::test]
async fn the_list_filters_pages_and_stays_inside_the_tenant() {
    for app in App::both().await {
        let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
        db_entries(&acme, 5).await;
        db_entries(&other, 2).await;
        let admin = acme.person(Role::Admin).await;
        let all = admin.get("/v1/audit").await.expect(200);
        assert_eq!(all["items"].as_array().map(Vec::len), Some(6), "{all}");
        assert_eq!((&all["items"][0]["n"], &all["items"][0]["actor"]["kind"], &all["items"][0]["detail"]["i"]), (&json!(6), &json!("system"), &json!(4)));
        let first = admin.get("/v1/audit?limit=4").await.expect(200);
        let cursor = first["next"].as_str().expect("more");
        let rest = admin.get(&format!("/v1/audit?limit=4&cursor={cursor}")).await.expect(200);
        assert_eq!((rest["items"].as_array().map(Vec::len), &rest["next"]), (Some(2), &json!(null)));
        let Millis(start) = START;
        for (query, count) in [("target_id=sit_3", 1), ("action=tenant.create", 1), ("q=halle%20sud", 5), ("q=nobody", 0), ("actor_id=per_1", 0)] {
            let found = admin.get(&format!("/v1/audit?{query}")).await.expect(200);
            assert_eq!(found["items"].as_array().map(Vec::len), Some(count), "{query}");
        }
        let between = admin.get(&format!("/v1/audit?since={}&until={}", start + 1, start + 3)).await.expect(200);
        assert_eq!(between["items"].as_array().map(Vec::len), Some(2));
    }
}

#[tokio::test]
async fn only_those_who_may_read_the_log_do() {
    let app = App::sqlite().await;
    let acme = app.tenant("acme").await;
    for role in Role::ALL {
        let reply = acme.person(role).await.get("/v1/audit").await;
        let wanted = if role.may(omniot_shared::roles::Permission::AuditRead) { 200 } else { 403 };
        assert_eq!(reply.status, wanted, "{}", role.name());
    }
    assert_eq!(app.nobody().get("/v1/audit").await.refusal(), (401, "not_signed_in".to_owned()));
    let admin = acme.person(Role::Admin).await;
    assert_eq!(admin.get("/v1/audit?cursor=e30").await.refusal(), (400, "invalid_cursor".to_owned()));
    for query in ["limit=0", "limit=201", "limit=x", "since=yesterday", "unknown=1"] {
        assert_eq!(admin.get(&format!("/v1/audit?{query}")).await.refusal(), (400, "invalid_query".to_owned()), "{query}");
    }
}
