//! Pushes: twice, late, torn, forked, huge, foreign, unreadable.

use omniot_shared::{
    entities::Security,
    ids::{DeviceId, ModelId},
    sync::{Code, client::Greeting, intent::{NewDevice, NewModel}},
};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};

use super::*;

/// Runs DDL as the database's owner, to make the store fail where it never would.
async fn db_sabotage(tenant: &Tenant, sql: &str) {
    let (url, sql) = (tenant.app.db_url(tenant.id), AssertSqlSafe(sql.to_owned()));
    if url.starts_with("sqlite") {
        SqliteConnection::connect(&url).await.expect("the store opens").execute(sql).await.expect("the sabotage succeeds");
    } else {
        PgConnection::connect(&url).await.expect("the store opens").execute(sql).await.expect("the sabotage succeeds");
    }
}

async fn sites(actor: &Actor) -> Vec<String> {
    let list = actor.get("/v1/sites?limit=200").await.expect(200);
    list["items"].as_array().expect("items").iter().map(|site| site["name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn the_same_push_twice_answers_the_same_receipts_and_does_nothing_more() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut a = Tablet::of(&tenant, Role::Admin).await;
        let site = a.new_site("Depot");
        a.rename(site, "Depot South");
        a.record(rename(site, "Depot North"));
        let push = a.next_push().expect("three intents");
        let first = a.send(&push).await.expect(200);
        app.pass(5_000);
        let second = a.send(&push).await.expect(200);
        assert_eq!(first["receipts"], second["receipts"]);
        assert_eq!(first["seq"], second["seq"], "no sequence was taken: nothing happened");
        assert_eq!(outcomes(&first), ["applied", "applied", "applied"]);
        assert_eq!(sites(&a.actor).await, ["Depot North"]);
        db_checksum_holds(&tenant).await;
    }
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_together_with_what_was_recorded_since() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut a = Tablet::of(&tenant, Role::Admin).await;
        a.new_site("one");
        let lost = a.next_push().expect("one intent");
        a.send(&lost).await.expect(200);
        a.new_site("two");
        let receipts = a.push().await;
        assert_eq!(receipts.iter().map(|receipt| (receipt.n, receipt.outcome.clone())).collect::<Vec<_>>(), [(1, Outcome::Applied), (2, Outcome::Applied)]);
        assert_eq!(sites(&a.actor).await, ["one", "two"]);
    }
}

#[tokio::test]
async fn two_processes_that_push_the_same_outbox_at_once_have_one_effect() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut a = Tablet::of(&tenant, Role::Admin).await;
        for n in 0..20 {
            a.new_site(&format!("site {n:02}"));
        }
        let push = a.next_push().expect("intents");
        let (one, two) = tokio::join!(a.send(&push), a.send(&push));
        assert_eq!(one.expect(200)["receipts"], two.expect(200)["receipts"]);
        assert_eq!(sites(&a.actor).await.len(), 20);
        db_checksum_holds(&tenant).await;
    }
}

#[tokio::test]
async fn a_push_that_breaks_in_the_middle_leaves_nothing_and_succeeds_when_sent_again() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut a = Tablet::of(&tenant, Role::Admin).await;
        a.new_site("one");
        a.new_site("two");
        let push = a.next_push().expect("two intents");
        // Rows, sequence and audit are written by then; the receipts are not.
        db_sabotage(&tenant, "create unique index sabotage on receipt (tenant_id, recorded_at)").await;
        let broken = a.send(&push).await;
        assert!(broken.status >= 400, "{}", broken.status);
        assert_eq!(sites(&a.actor).await, [""; 0], "no effect without its receipt ({})", app.engine);
        db_sabotage(&tenant, "drop index sabotage").await;
        assert_eq!(outcomes(&a.send(&push).await.expect(200)), ["applied", "applied"]);
        assert_eq!(sites(&a.actor).await, ["one", "two"]);
        db_checksum_holds(&tenant).await;
    }
}

#[tokio::test]
async fn an_intent_on_which_the_store_fails_is_quarantined_and_the_others_go_through() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let a = Tablet::of(&tenant, Role::Admin).await;
        let client = a.meta().client_id;
        db_sabotage(&tenant, "create unique index sabotage on site (tenant_id, time_zone)").await;
        let with_zone = |name: &str, zone: &str| Change::SiteCreate(NewSite { time_zone: zone.to_owned(), ..new_site(&app, name) });
        let mut intents: Vec<Intent> = [("one", "UTC"), ("two", "UTC"), ("three", "Europe/Oslo")]
            .into_iter().zip(1..).map(|((name, zone), n)| intent(&app, client, n, with_zone(name, zone))).collect();
        let Change::SiteCreate(two) = intents[1].change.clone() else { unreachable!() };
        intents.push(Intent { depends_on: vec![intents[1].id], ..intent(&app, client, 4, rename(two.id, "child of two")) });
        let push = push_of(&app, client, intents);
        let answer = a.send(&push).await.expect(200);
        assert_eq!(outcomes(&answer), ["applied", "quarantined", "applied", "refused"]);
        assert_eq!(answer["receipts"][3]["outcome"]["code"], "parent_refused");
        assert_eq!(sites(&a.actor).await, ["one", "three"]);
        assert_eq!(a.send(&push).await.expect(200)["receipts"], answer["receipts"], "and it stays so");
        let (kept,): (i64,) = tenant.db_write().await.query("select count(*) from receipt where tenant_id = $1 and body is not null").one().await.expect("it reads");
        assert_eq!(kept, 1, "the intent is kept for whoever looks into it");
        db_checksum_holds(&tenant).await;
    }
}

/// Makes the store fail on a site of that name as it does when the moment is bad: no rule is broken.
async fn db_fail_on(tenant: &Tenant, name: &str) {
    if tenant.app.engine == "sqlite" {
        db_sabotage(tenant, &format!("create trigger sabotage before insert on site when new.name = '{name}' begin select raise(abort, 'no room'); end")).await;
    } else {
        db_sabotage(tenant, &format!("create function sabotage() returns trigger language plpgsql as $$ begin if new.name = '{name}' then raise exception 'no room' using errcode = '53100'; end if; return new; end $$")).await;
        db_sabotage(tenant, "create trigger sabotage before insert on site for each row execute function sabotage()").await;
    }
}

#[tokio::test]
async fn a_store_that_fails_for_a_moment_sets_nobodys_work_aside() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut a = Tablet::of(&tenant, Role::Admin).await;
        for name in ["one", "two", "three"] {
            a.new_site(name);
        }
        let push = a.next_push().expect("three intents");
        db_fail_on(&tenant, "two").await;
        assert!(a.send(&push).await.status >= 500, "the push as a whole fails ({})", app.engine);
        assert_eq!(sites(&a.actor).await, [""; 0], "and nothing of it happened");
        db_sabotage(&tenant, if app.engine == "sqlite" { "drop trigger sabotage" } else { "drop function sabotage cascade" }).await;
        assert_eq!(outcomes(&a.send(&push).await.expect(200)), ["applied", "applied", "applied"]);
        db_checksum_holds(&tenant).await;
    }
}

async fn db_receipts(tenant: &Tenant) -> i64 {
    tenant.db_write().await.query("select count(*) from receipt where tenant_id = $1").one::<(i64,)>().await.expect("it reads").0
}

#[tokio::test]
async fn a_child_waits_for_a_parent_that_was_put_off_in_an_earlier_push() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let a = Tablet::of(&tenant, Role::Admin).await;
        let client = a.meta().client_id;
        let site = new_site(&app, "parent");
        let mut parent = json!(push_of(&app, client, vec![intent(&app, client, 1, Change::SiteCreate(site.clone()))]));
        let (whole, id) = (parent["intents"][0]["change"].clone(), parent["intents"][0]["id"].clone());
        // A newer app's change, which this server cannot read.
        parent["schema"] = json!(SCHEMA + 1);
        parent["intents"][0]["change"] = json!({"kind": "site.fly", "body": {}});
        let first = a.actor.post("/v1/sync/push", parent.clone()).await.expect(200);
        assert_eq!(outcomes(&first), ["later"]);
        let child = |n| Intent { depends_on: vec![serde_json::from_value(id.clone()).expect("an id")], ..intent(&app, client, n, rename(site.id, "child")) };
        let push = push_of(&app, client, vec![child(2)]);
        assert_eq!(outcomes(&a.send(&push).await.expect(200)), ["later"], "not refused: its parent may come yet ({})", app.engine);
        // Put off again and again, one receipt an intent is kept.
        for n in 3..6 {
            parent["intents"][0]["n"] = json!(n);
            assert_eq!(outcomes(&a.actor.post("/v1/sync/push", parent.clone()).await.expect(200)), ["later"]);
        }
        assert_eq!(db_receipts(&tenant).await, 2);
        parent["intents"][0]["n"] = json!(1);
        assert_eq!(outcomes(&a.actor.post("/v1/sync/push", parent.clone()).await.expect(200)), ["later"], "an old push that comes late is answered still");
        parent["intents"][0]["n"] = json!(6);
        parent["intents"][0]["change"] = whole;
        assert_eq!(outcomes(&a.actor.post("/v1/sync/push", parent).await.expect(200)), ["applied"]);
        let again = Intent { id: push.intents[0].id, ..child(7) };
        assert_eq!(outcomes(&a.send(&push_of(&app, client, vec![again])).await.expect(200)), ["applied"]);
        assert_eq!((sites(&a.actor).await, db_receipts(&tenant).await), (vec!["child".to_owned()], 2));
    }
}

#[tokio::test]
async fn a_tenant_that_was_restored_begins_another_epoch_where_it_stands() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut a = Tablet::of(&tenant, Role::Admin).await;
        a.new_site("one");
        a.sync().await;
        let mut epochs = vec![1];
        for _ in 0..3 {
            let mut scope = tenant.db_write().await;
            let epoch = crate::sync::restored(&mut scope, &app.state, &crate::audit::Author::system("test")).await.expect("restored");
            assert!(epoch > epochs[epochs.len() - 1], "{epochs:?} and then {epoch}");
            epochs.push(epoch);
            scope.commit().await.expect("a commit");
            let site = a.new_site("before the greeting");
            let push = a.next_push().expect("a site");
            assert_eq!(a.send(&push).await.refusal(), (409, "other_epoch".into()), "{}: what was seen in the other life means nothing", app.engine);
            a.record(Change::SiteUpdate(SiteUpdate { id: site, patch: SitePatch { name: Patch::Set(format!("in {epoch}")), ..SitePatch::default() } }));
            let body = json!({"protocol": 1, "schema": 1, "client_id": a.meta().client_id, "app_version": "0.1.0", "now": app.state.now()});
            let asked_at = a.meta().cursor;
            let hello: HelloResponse = serde_json::from_value(a.actor.post("/v1/sync/hello", body).await.expect(200)).expect("a hello");
            assert_eq!(hello.began.iter().map(|began| began.epoch).collect::<Vec<_>>(), epochs[1..].iter().rev().copied().collect::<Vec<_>>());
            assert_eq!(hello.kept_since(epochs[epochs.len() - 2]), hello.began[0].seq, "where the last one began");
            assert_eq!(hello.kept_since(1), hello.began.last().expect("it began").seq);
            assert_eq!(client::greet(&mut a.store, &hello, asked_at).expect("memory never fails"), Greeting::Restored, "{}", app.engine);
            client::restored(&mut a.store, app.state.new_id()).expect("memory never fails");
            a.sync().await;
            let mut names = sites(&a.actor).await;
            names.sort_unstable();
            assert_eq!(names.len(), epochs.len(), "nothing is there twice, and nothing is lost: {names:?}");
        }
    }
}

#[tokio::test]
async fn the_same_backup_put_back_twice_begins_two_epochs() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut epochs = Vec::new();
        for _ in 0..2 {
            app.pass(60_000);
            // Dropped without a commit: the store is as it was, as after putting the backup back.
            let mut scope = tenant.db_write().await;
            epochs.push(crate::sync::restored(&mut scope, &app.state, &crate::audit::Author::system("test")).await.expect("restored"));
        }
        assert_ne!(epochs[0], epochs[1], "{}", app.engine);
    }
}

#[tokio::test]
async fn a_gap_is_refused_with_the_number_that_has_to_come() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let a = Tablet::of(&tenant, Role::Admin).await;
        let client = a.meta().client_id;
        let late = push_of(&app, client, vec![intent(&app, client, 2, Change::SiteCreate(new_site(&app, "x")))]);
        let reply = a.send(&late).await;
        assert_eq!(reply.refusal(), (409, "sequence_gap".into()));
        assert!(reply.json()["error"]["detail"].as_str().expect("words").contains("number 1"));
        assert_eq!(sites(&a.actor).await, [""; 0]);
    }
}

#[tokio::test]
async fn a_copied_client_is_noticed_takes_a_new_name_and_loses_nothing() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut a = Tablet::of(&tenant, Role::Admin).await;
        a.new_site("before the copy");
        a.push().await;
        let mut copy = Tablet::for_actor(&tenant, a.actor.clone(), Role::Admin);
        copy.store = a.store.clone();
        a.new_site("by the original");
        a.push().await;
        let in_copy = copy.new_site("by the copy");
        assert_eq!(copy.send(&copy.next_push().expect("one")).await.refusal(), (409, "client_forked".into()));
        client::fork(&mut copy.store, app.state.new_id()).expect("memory never fails");
        copy.sync().await;
        copy.rename(in_copy, "by the copy, again");
        copy.sync().await;
        assert_eq!(sites(&a.actor).await, ["before the copy", "by the copy, again", "by the original"]);
    }
}

#[tokio::test]
async fn an_old_copy_is_told_by_the_greeting() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut a = Tablet::of(&tenant, Role::Admin).await;
        let old = a.store.clone();
        a.new_site("x");
        a.push().await;
        a.store = old;
        let body = json!({"protocol": 1, "schema": 1, "client_id": a.meta().client_id, "app_version": "0.1.0", "now": app.state.now()});
        let asked_at = a.meta().cursor;
        let hello = serde_json::from_value(a.actor.post("/v1/sync/hello", body).await.expect(200)).expect("a hello");
        assert_eq!(client::greet(&mut a.store, &hello, asked_at).expect("memory never fails"), Greeting::Forked);
    }
}

#[tokio::test]
async fn a_server_that_lost_its_latest_past_gets_it_again() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut a = Tablet::of(&tenant, Role::Admin).await;
        let site = a.new_site("one");
        a.new_site("two");
        a.sync().await;
        let mut scope = tenant.db_write().await;
        for sql in [
            "delete from receipt where tenant_id = $1",
            "delete from sync_client where tenant_id = $1",
            "delete from site where tenant_id = $1",
            "delete from sync_scope where tenant_id = $1",
            "update tenant_clock set seq = 0 where tenant_id = $1",
        ] {
            scope.query(sql).execute().await.expect("a backup of before");
        }
        scope.commit().await.expect("a commit");
        a.rename(site, "uno");
        let body = json!({"protocol": 1, "schema": 1, "client_id": a.meta().client_id, "app_version": "0.1.0", "now": app.state.now()});
        let asked_at = a.meta().cursor;
        let hello = serde_json::from_value(a.actor.post("/v1/sync/hello", body).await.expect(200)).expect("a hello");
        assert_eq!(client::greet(&mut a.store, &hello, asked_at).expect("memory never fails"), Greeting::Restored);
        client::restored(&mut a.store, app.state.new_id()).expect("memory never fails");
        assert_eq!(a.site(site).expect("it is still shown").name, "uno");
        a.sync().await;
        assert_eq!(sites(&a.actor).await, ["two", "uno"], "what was acknowledged and what was pending");
        db_checksum_holds(&tenant).await;
    }
}

#[tokio::test]
async fn an_intent_is_known_by_its_id_under_whatever_number_it_comes() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut a = Tablet::of(&tenant, Role::Admin).await;
        a.new_site("once");
        let first = a.send(&a.next_push().expect("one")).await.expect(200);
        client::fork(&mut a.store, app.state.new_id()).expect("memory never fails");
        let again = a.send(&a.next_push().expect("the answer was lost, so it is pending")).await.expect(200);
        assert_eq!(first["receipts"], again["receipts"]);
        assert_eq!(first["seq"], again["seq"]);
        assert_eq!(sites(&a.actor).await, ["once"]);
    }
}

#[tokio::test]
async fn somebody_elses_client_cannot_be_pushed_for() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (mut a, b) = (Tablet::of(&tenant, Role::Admin).await, Tablet::of(&tenant, Role::Admin).await);
        a.new_site("mine");
        a.push().await;
        let client = a.meta().client_id;
        let stolen = push_of(&app, client, vec![intent(&app, client, 2, Change::SiteCreate(new_site(&app, "theirs")))]);
        assert_eq!(b.send(&stolen).await.refusal(), (409, "client_forked".into()));
        assert_eq!(sites(&a.actor).await, ["mine"]);
    }
}

#[tokio::test]
async fn huge_torn_and_disordered_pushes_are_refused_whole() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let a = Tablet::of(&tenant, Role::Admin).await;
        let client = a.meta().client_id;
        let create = |n| intent(&app, client, n, Change::SiteCreate(new_site(&app, "x")));
        let many = push_of(&app, client, (1..=501).map(create).collect());
        assert_eq!(a.send(&many).await.refusal(), (413, "too_large".into()));
        let long = Intent { change: Change::SiteCreate(NewSite { note: Some("n".repeat(300_000)), ..new_site(&app, "x") }), ..create(1) };
        assert_eq!(a.send(&push_of(&app, client, vec![long])).await.refusal(), (413, "too_large".into()));
        for (numbers, field) in [(vec![0], "intents[0].n"), (vec![1, 3], "intents[1].n"), (vec![1, 1], "intents[1].n"), (vec![2, 1], "intents[1].n")] {
            let reply = a.send(&push_of(&app, client, numbers.into_iter().map(create).collect())).await;
            assert_eq!((reply.refusal(), reply.json()["error"]["field"].clone()), ((422, "invalid_field".into()), json!(field)));
        }
        let other = Intent { client_id: app.state.new_id(), ..create(1) };
        assert_eq!(a.send(&push_of(&app, client, vec![other])).await.json()["error"]["field"], "intents[0].client_id");
        for (body, refusal) in [("{\"schema\":1,", (400, "malformed_json")), ("[]", (422, "invalid_field")), ("{\"schema\":1}", (422, "invalid_field")), ("<html>", (400, "malformed_json"))] {
            let reply = raw(&a, body.as_bytes().to_vec(), &[]).await;
            assert_eq!(reply.refusal(), (refusal.0, refusal.1.to_owned()), "{body}");
        }
        assert_eq!(sites(&a.actor).await, [""; 0]);
    }
}

async fn raw(tablet: &Tablet, body: Vec<u8>, headers: &[(&str, &str)]) -> Reply {
    let mut request = axum::http::Request::post("/v1/sync/push").header("authorization", format!("Bearer {}", tablet.actor.token)).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    tablet.app.send(request.body(body.into()).expect("a request")).await
}

#[tokio::test]
async fn a_compressed_push_is_refused_before_it_is_unpacked() {
    use std::io::Read as _;
    let bomb = zstd::encode_all(std::io::repeat(b' ').take(1 << 30), 1).expect("zstd");
    assert!(bomb.len() < 200_000, "a gigabyte in {} bytes", bomb.len());
    for app in App::both().await {
        let a = Tablet::of(&app.tenant("acme").await, Role::Admin).await;
        for encoding in ["zstd", "gzip", "br", "deflate"] {
            assert_eq!(raw(&a, bomb.clone(), &[("content-encoding", encoding)]).await.refusal(), (415, "unsupported_media_type".into()), "on {}", app.engine);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_alone_and_what_is_of_a_newer_schema_waits() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let a = Tablet::of(&tenant, Role::Admin).await;
        let client = a.meta().client_id;
        let push = |schema: u32, first: u64| {
            let good = |n| json!(intent(&app, client, n, Change::SiteCreate(new_site(&app, &format!("good {n:02}")))));
            let with = |n: u64, change: Value| { let mut body = good(n); body["change"] = change; body };
            json!({"schema": schema, "client_id": client, "now": app.state.now(), "intents": [
                with(first, json!({"kind": "gateway.create", "body": {"id": "gat_1"}})),
                with(first + 1, json!({"kind": "site.update", "body": {"id": "sit_00000000000000000000000000000001", "patch": {"colour": "red"}}})),
                with(first + 2, json!(17)),
                good(first + 3),
            ]})
        };
        let answer = a.actor.post("/v1/sync/push", push(SCHEMA, 1)).await.expect(200);
        assert_eq!(outcomes(&answer), ["refused", "refused", "refused", "applied"]);
        assert_eq!(answer["receipts"][0]["outcome"]["code"], "malformed");
        let newer = a.actor.post("/v1/sync/push", push(SCHEMA + 1, 5)).await.expect(200);
        assert_eq!(outcomes(&newer), ["later", "later", "later", "applied"]);
        assert_eq!(newer["receipts"][0]["outcome"]["code"], "needs_newer_server");
        assert_eq!(sites(&a.actor).await, ["good 04", "good 08"]);
    }
}

#[tokio::test]
async fn a_deferred_intent_comes_again_under_a_new_number_and_is_done_once() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut a = Tablet::of(&tenant, Role::Admin).await;
        a.new_site("waits");
        let mut push = json!(a.next_push().expect("one"));
        (push["schema"], push["intents"][0]["change"]["kind"]) = (json!(SCHEMA + 1), json!("site.found"));
        let answer = serde_json::from_value(a.actor.post("/v1/sync/push", push).await.expect(200)).expect("a response");
        let taken = client::take_receipts(&mut a.store, &answer).expect("memory never fails");
        assert_eq!((taken.deferred, a.rows().len()), (1, 1), "it is still shown");
        assert_eq!(client::requeue_deferred(&mut a.store).expect("memory never fails"), 1);
        assert_eq!(a.push().await[0].n, 2);
        a.sync().await;
        assert_eq!(sites(&a.actor).await, ["waits"]);
    }
}

#[tokio::test]
async fn a_refused_intent_advances_the_number_and_takes_only_its_children_along() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut a = Tablet::of(&tenant, Role::Admin).await;
        let doomed = a.new_site("doomed");
        a.rename(doomed, "child of doomed");
        a.new_site("independent");
        // The app let something through that the server does not.
        let mut push = a.next_push().expect("three");
        push.intents[0].change = Change::SiteCreate(NewSite { id: doomed, time_zone: "no such zone!".into(), ..new_site(&app, "doomed") });
        let answer: PushResponse = serde_json::from_value(a.send(&push).await.expect(200)).expect("a response");
        let codes: Vec<_> = answer.receipts.iter().map(|receipt| receipt.outcome.refusal().map(|refusal| refusal.code)).collect();
        assert_eq!(codes, [Some(Code::InvalidField), Some(Code::ParentRefused), None]);
        assert_eq!(answer.last_n, 3);
        let taken = client::take_receipts(&mut a.store, &answer).expect("memory never fails");
        assert_eq!(taken.refused, 2);
        assert_eq!(a.rows().len(), 1, "what was refused is no longer shown");
        a.sync().await;
        assert_eq!(a.rows().len(), 1);
    }
}

#[tokio::test]
async fn a_viewer_pulls_and_every_intent_of_theirs_is_refused_with_its_reason() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let mut viewer = Tablet::of(&tenant, Role::Viewer).await;
        let client = viewer.meta().client_id;
        let push = push_of(&app, client, vec![intent(&app, client, 1, Change::SiteCreate(new_site(&app, "x")))]);
        let answer = viewer.send(&push).await.expect(200);
        assert_eq!((outcomes(&answer), &answer["receipts"][0]["outcome"]["code"]), (vec!["refused".to_owned()], &json!("not_allowed")));
        assert!(matches!(viewer.pull().await, Published::Now { changes: 0, .. }));
    }
}

#[tokio::test]
async fn ids_of_another_tenant_are_not_found_and_change_nothing_there() {
    for app in App::both().await {
        let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
        let mut theirs = Tablet::of(&globex, Role::Owner).await;
        let site = theirs.new_site("Globex HQ");
        theirs.sync().await;
        let mine = Tablet::of(&acme, Role::Owner).await;
        let client = mine.meta().client_id;
        let push = push_of(&app, client, vec![intent(&app, client, 1, rename(site, "mine now"))]);
        let answer = mine.send(&push).await.expect(200);
        assert_eq!(answer["receipts"][0]["outcome"]["code"], "not_found");
        theirs.sync().await;
        assert_eq!(theirs.site(site).expect("it is there").name, "Globex HQ");
        // The same client id in another tenant is another client.
        let client = theirs.meta().client_id;
        let push = push_of(&app, client, vec![intent(&app, client, 1, Change::SiteCreate(new_site(&app, "Acme HQ")))]);
        assert_eq!(outcomes(&mine.send(&push).await.expect(200)), ["applied"]);
    }
}

#[tokio::test]
async fn a_clock_that_is_years_off_changes_neither_order_nor_outcome() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (mut a, mut b) = (Tablet::of(&tenant, Role::Admin).await, Tablet::of(&tenant, Role::Admin).await);
        let site = a.new_site("Depot");
        a.sync().await;
        b.sync().await;
        b.rename(site, "B, ten years ahead");
        app.pass(60_000);
        a.rename(site, "A, a minute later");
        let ten_years = 10 * 365 * 86_400_000;
        let mut push = b.next_push().expect("one");
        push.now = push.now.plus(ten_years);
        push.intents[0].at = push.intents[0].at.plus(ten_years);
        b.send(&push).await.expect(200);
        a.sync().await;
        assert_eq!(a.site(site).expect("it is there").name, "A, a minute later", "the skew is measured and taken out");
    }
}

#[tokio::test]
async fn two_technicians_who_commission_one_device_offline_both_keep_their_record() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (mut staff, mut a, mut b) = (Tablet::of(&tenant, Role::Admin).await, Tablet::of(&tenant, Role::Technician).await, Tablet::of(&tenant, Role::Technician).await);
        let model: ModelId = app.state.new_id();
        staff.record(Change::ModelCreate(NewModel { id: model, name: "Sensor".into(), sku: "S".into(), min_security: Security::Sec1 }));
        staff.new_site("Depot");
        for tablet in [&mut staff, &mut a, &mut b] {
            tablet.sync().await;
        }
        let device = DeviceId::for_serial(tenant.id, "OM-1");
        for (tablet, name, epoch) in [(&mut a, "by A", 6), (&mut b, "by B", 7)] {
            tablet.record(Change::DeviceCreate(NewDevice { serial: "OM-1".into(), name: name.into(), model_id: model, site_id: None, note: None }));
            let record = super::sights::attempt(&app, tablet.actor.id, device, "OM-1", None, Some(epoch));
            tablet.record(record);
        }
        // The one who was later in the field comes first to the server.
        assert!(b.push().await.iter().all(|receipt| receipt.outcome == Outcome::Applied));
        let receipts = a.push().await;
        assert_eq!(receipts[0].outcome, Outcome::Merged { lost: vec!["name".into()] }, "one device, not two, and it is said whose name stands");
        assert_eq!(receipts[1].outcome, Outcome::Applied, "evidence stands by itself");
        for tablet in [&mut a, &mut b] {
            assert!(matches!(tablet.pull().await, Published::Now { .. }));
        }
        assert_eq!(a.rows(), b.rows());
        let attempts = a.rows().into_iter().filter(|synced| matches!(&synced.row, Row::Attempt(_))).count();
        let epochs: Vec<u32> = a.rows().into_iter().filter_map(|synced| if let Row::Device(device) = synced.row { Some(device.epoch) } else { None }).collect();
        assert_eq!((attempts, epochs), (2, vec![0]), "both records; the epoch in force is what the device itself proves with its claim");
        db_checksum_holds(&tenant).await;
    }
}
