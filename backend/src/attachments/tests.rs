//! Facts about the files of attempts, through the API, on both engines.

use axum::{body::Body, http::{Request, header}};
use omniot_shared::{
    attachment::{Address, Kind, MOST, MOST_CHECKS, trace::{self, Operation, Trace}},
    checklist::{Answer, Checked, Evidence, Record},
    ids::{AttemptId, ClientId, SiteId},
    roles::Role,
    time::Millis,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::testing::{Actor, App, Tenant};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nthe rest of it";

/// An attempt of that person at that site, as the app pushes it.
async fn record(actor: &Actor, site: Option<SiteId>) -> AttemptId {
    let (id, client) = (AttemptId(Uuid::now_v7()), ClientId(Uuid::now_v7()));
    let attempt = json!({"id": id, "device_id": null, "serial": null, "site_id": site, "technician_id": actor.id, "technician_name": "Tess", "client_id": client,
        "app_version": "1", "os": "test", "radio": "virtual", "protocol": null, "security": null, "firmware": null, "identity_verified": false, "rssi": null, "mtu": null,
        "steps": [], "grant_id": null, "receipt": null, "epoch": null, "network_name": null, "outcome": "failed", "cause": "no_answer", "started_at": 1, "ended_at": 2});
    let intent = json!({"client_id": client, "n": 1, "id": format!("int_{}", Uuid::now_v7().simple()), "at": 2, "base": null, "change": {"kind": "attempt.record", "body": attempt}});
    let answer = actor.post("/v1/sync/push", json!({"schema": 1, "client_id": client, "now": 2, "intents": [intent]})).await.expect(200);
    assert_eq!(answer["receipts"][0]["outcome"]["kind"], "applied", "{answer}");
    id
}

fn packed(attempt: AttemptId, step: &str) -> Vec<u8> {
    let operation = Operation { at_ms: 7, duration_ms: 30, kind: "write".into(), step: step.into(), endpoint: Some("prov-session".into()), size: Some(406), outcome: "att".into(), code: Some(4), retry: 1 };
    trace::pack(&Trace { attempt_id: attempt, started_at: Millis(1), operations: vec![operation], left_out: 0 }).expect("a trace")
}

fn path(attempt: AttemptId, bytes: &[u8]) -> String {
    format!("/v1/attempts/{attempt}/attachments/{}", Address::of(bytes))
}

async fn db_bytes(tenant: &Tenant) -> i64 {
    let row: Option<(i64,)> = tenant.db_write().await.query("select bytes from attachment_meter where tenant_id = $1").optional().await.expect("a meter");
    row.map_or(0, |(bytes,)| bytes)
}

#[tokio::test]
async fn a_trace_is_put_listed_fetched_and_read() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (tess, viewer) = (tenant.person(Role::Technician).await, tenant.person(Role::Viewer).await);
        let id = record(&tess, None).await;
        let bytes = packed(id, "handshake");
        tess.put_bytes(&path(id, &bytes), "application/zstd", &bytes).await.expect(204);
        let listed = viewer.get(&format!("/v1/attempts/{id}/attachments")).await.expect(200);
        assert_eq!(listed["items"], json!([{"sha256": Address::of(&bytes), "kind": "trace", "media_type": "application/zstd", "size": bytes.len(), "added_at": app.state.now()}]), "{}", app.engine);
        let fetched = viewer.get(&path(id, &bytes)).await;
        assert_eq!((fetched.status, &fetched.bytes), (200, &bytes));
        let header = |name| fetched.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert_eq!((header("content-type"), header("x-content-type-options"), header("cache-control")), ("application/zstd", "nosniff", "private, no-cache"));
        let again = Request::get(path(id, &bytes)).header(header::AUTHORIZATION, format!("Bearer {}", viewer.token)).header(header::IF_NONE_MATCH, header("etag"));
        assert_eq!(app.send(again.body(Body::empty()).expect("a request")).await.status, 304);
        let read = viewer.get(&format!("/v1/attempts/{id}/trace")).await.expect(200);
        assert_eq!(read["operations"], json!([{"at_ms": 7, "duration_ms": 30, "kind": "write", "step": "handshake", "endpoint": "prov-session", "size": 406, "outcome": "att", "code": 4, "retry": 1}]));
        let log = tenant.person(Role::Admin).await.get("/v1/audit").await.expect(200);
        assert_eq!((&log["items"][0]["action"], &log["items"][0]["actor"]["id"]), (&json!("attempt.attach"), &json!(tess.id)), "it is in the log: {}", log["items"][0]);
    }
}

#[tokio::test]
async fn the_same_file_twice_is_one_and_counts_once() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let tess = tenant.person(Role::Technician).await;
        let id = record(&tess, None).await;
        for _ in 0..3 {
            let answer = tess.put_bytes(&path(id, PNG), "image/png", PNG).await;
            let named = answer.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
            answer.expect(204);
            assert_eq!(named, Some(format!("\"{}\"", Address::of(PNG))), "it says what has arrived");
        }
        assert_eq!(tess.get(&format!("/v1/attempts/{id}/attachments")).await.expect(200)["items"].as_array().map(Vec::len), Some(1), "{}", app.engine);
        assert_eq!(db_bytes(&tenant).await, i64::try_from(PNG.len()).expect("a size"));
        let late = record(&tess, None).await;
        app.pass(400 * 24 * 3_600_000);
        let session = tenant.session_of(&tess).await;
        session.put_bytes(&path(late, PNG), "image/png", PNG).await.expect(204);
    }
}

#[tokio::test]
async fn half_a_file_a_huge_one_and_another_one_are_refused_by_code() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let tess = tenant.person(Role::Technician).await;
        let id = record(&tess, None).await;
        let whole = packed(id, "join");
        let huge = [PNG, &vec![0; Kind::Photo.limit()]].concat();
        let vast = vec![0; crate::http::BODY_BYTES + 1];
        let no_trace = b"no trace at all".as_slice();
        let cases = [
            ("application/zstd", &whole[..], &whole[..whole.len() - 1], 422, "hash_mismatch"),
            ("image/png", &huge, &huge, 413, "too_large"),
            ("image/png", &vast, &vast, 413, "too_large"),
            ("image/jpeg", PNG, PNG, 422, "invalid_attachment"),
            ("application/zstd", no_trace, no_trace, 422, "invalid_attachment"),
            ("text/html", PNG, PNG, 415, "unsupported_media_type"),
            ("application/json", PNG, PNG, 422, "invalid_attachment"),
            ("application/pdf", PNG, PNG, 415, "unsupported_media_type"),
        ];
        for (media_type, named, sent, status, code) in cases {
            let refused = tess.put_bytes(&path(id, named), media_type, sent).await;
            assert_eq!(refused.refusal(), (status, code.to_owned()), "{media_type}, {} bytes, {}", sent.len(), app.engine);
        }
        assert_eq!(tess.put_bytes(&format!("/v1/attempts/{id}/attachments/deadbeef"), "image/png", PNG).await.refusal(), (404, "not_found".to_owned()));
        assert_eq!(tess.get(&format!("/v1/attempts/{id}/attachments")).await.expect(200)["items"], json!([]));
        assert_eq!(tess.get(&format!("/v1/attempts/{id}/trace")).await.refusal(), (404, "not_found".to_owned()));
        assert_eq!(db_bytes(&tenant).await, 0, "nothing of them is kept or counted");
        // What broke off is simply sent again.
        tess.put_bytes(&path(id, &whole), "application/zstd", &whole).await.expect(204);
    }
}

#[tokio::test]
async fn only_whoever_made_the_attempt_adds_to_it_and_only_who_sees_it_reads_it() {
    for app in App::both().await {
        let (tenant, other) = (app.tenant("acme").await, app.tenant("bolt").await);
        let owner = tenant.person(Role::Owner).await;
        let site = |name: &str| json!({"name": name, "time_zone": "UTC"});
        let (north, south) = (owner.post("/v1/sites", site("North")).await.expect(201), owner.post("/v1/sites", site("South")).await.expect(201));
        let (tess, tim) = (tenant.person(Role::Technician).await, tenant.person(Role::Technician).await);
        for (person, place) in [(&tess, &north), (&tim, &south)] {
            owner.put(&format!("/v1/people/{}/sites", person.id), json!({"sites": [place["id"]]})).await.expect(200);
        }
        let id = record(&tess, serde_json::from_value(north["id"].clone()).expect("an id")).await;
        let missing = (404, "not_found".to_owned());
        let stranger = other.person(Role::Owner).await;
        for nobody in [&tim, &stranger] {
            assert_eq!(nobody.put_bytes(&path(id, PNG), "image/png", PNG).await.refusal(), missing, "{}", app.engine);
        }
        assert_eq!(owner.put_bytes(&path(id, PNG), "image/png", PNG).await.refusal(), (403, "not_allowed".to_owned()), "one writer");
        tess.put_bytes(&path(id, PNG), "image/png", PNG).await.expect(204);
        for tail in [format!("/v1/attempts/{id}/attachments"), path(id, PNG), format!("/v1/attempts/{id}/trace")] {
            for nobody in [&tim, &stranger] {
                assert_eq!(nobody.get(&tail).await.refusal(), missing, "{tail}");
            }
            assert_eq!(app.nobody().get(&tail).await.refusal(), (401, "not_signed_in".to_owned()));
        }
        assert_eq!(owner.get(&path(id, PNG)).await.status, 200);
        assert_eq!(tenant.person(Role::Viewer).await.put_bytes(&path(id, PNG), "image/png", PNG).await.refusal(), (403, "not_allowed".to_owned()));
    }
}

#[tokio::test]
async fn an_attempt_and_an_organization_hold_so_much_and_no_more() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let tess = tenant.person(Role::Technician).await;
        let id = record(&tess, None).await;
        let photo = |n: usize| [PNG, &n.to_le_bytes()].concat();
        for n in 0..MOST {
            tess.put_bytes(&path(id, &photo(n)), "image/png", &photo(n)).await.expect(204);
        }
        assert_eq!(tess.put_bytes(&path(id, &photo(MOST)), "image/png", &photo(MOST)).await.refusal(), (409, "too_many_attachments".to_owned()), "{}", app.engine);
        tess.put_bytes(&path(id, &photo(0)), "image/png", &photo(0)).await.expect(204);
        let held = db_bytes(&tenant).await;
        let full = app.with_attachment_bytes(held + 40);
        let next = record(&tess, None).await;
        let put = async |bytes: &[u8]| full.bearer(&tess.token).put_bytes(&path(next, bytes), "image/png", bytes).await;
        put(&photo(1)).await.expect(204);
        assert_eq!(put(&photo(2)).await.refusal(), (507, "quota_exceeded".to_owned()));
        assert_eq!(db_bytes(&tenant).await, held + i64::try_from(photo(1).len()).expect("a size"), "what was refused is not counted");
        let other = app.tenant("bolt").await.person(Role::Technician).await;
        let theirs = record(&other, None).await;
        full.bearer(&other.token).put_bytes(&path(theirs, PNG), "image/png", PNG).await.expect(204);
        let items: Value = tess.get(&format!("/v1/attempts/{next}/attachments")).await.expect(200);
        assert_eq!(items["items"].as_array().map(Vec::len), Some(1));
    }
}

/// What was answered at that time, as the app sends it.
fn checks(attempt: AttemptId, at: i64) -> Vec<u8> {
    let answer = Answer::Text { text: format!("Answer {at}") };
    let item = Checked { id: Uuid::from_u128(1), text: "Where?".into(), required: true, evidence: Evidence::Text, unit: None, answer: Some(answer) };
    Record { schema: 1, attempt_id: attempt, at: Millis(at), checklist: 1, note: None, items: vec![item] }.pack().expect("a record")
}

#[tokio::test]
async fn the_latest_record_of_checks_counts_whenever_it_comes_and_photos_stand_beside_it() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (tess, viewer) = (tenant.person(Role::Technician).await, tenant.person(Role::Viewer).await);
        let id = record(&tess, None).await;
        let shown = format!("/v1/attempts/{id}/checks");
        assert_eq!(viewer.get(&shown).await.expect(200), json!({"record": null, "photos": []}), "{}", app.engine);
        for at in [5, 9, 7] {
            tess.put_bytes(&path(id, &checks(id, at)), "application/json", &checks(id, at)).await.expect(204);
        }
        tess.put_bytes(&path(id, PNG), "image/png", PNG).await.expect(204);
        let read = viewer.get(&shown).await.expect(200);
        assert_eq!((&read["record"]["at"], &read["record"]["items"][0]["answer"]), (&json!(9), &json!({"kind": "text", "text": "Answer 9"})));
        assert_eq!(read["photos"], json!([{"sha256": Address::of(PNG), "media_type": "image/png", "size": PNG.len(), "added_at": app.state.now()}]));
        let fetched = viewer.get(&path(id, &checks(id, 9))).await;
        assert_eq!(fetched.headers.get("content-type").and_then(|value| value.to_str().ok()), Some("application/json"));
        let other = app.tenant("bolt").await.person(Role::Owner).await;
        assert_eq!(other.get(&shown).await.refusal(), (404, "not_found".to_owned()));
    }
}

#[tokio::test]
async fn answering_anew_fills_nothing_up_and_what_is_older_than_all_that_is_kept_changes_nothing() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let tess = tenant.person(Role::Technician).await;
        let id = record(&tess, None).await;
        let put = async |at: i64| tess.put_bytes(&path(id, &checks(id, at)), "application/json", &checks(id, at)).await.expect(204);
        let times = 10..i64::try_from(10 + MOST + 5).expect("few");
        for at in times.clone() {
            put(at).await;
        }
        let kept = async || tess.get(&format!("/v1/attempts/{id}/attachments")).await.expect(200)["items"].as_array().map(Vec::len);
        assert_eq!(kept().await, Some(MOST_CHECKS), "{}", app.engine);
        let size: usize = times.clone().rev().take(MOST_CHECKS).map(|at| checks(id, at).len()).sum();
        assert_eq!(db_bytes(&tenant).await, i64::try_from(size).expect("a size"), "what is forgotten is counted no more");
        put(10).await;
        assert_eq!((kept().await, db_bytes(&tenant).await), (Some(MOST_CHECKS), i64::try_from(size).expect("a size")), "late and old");
        assert_eq!(tess.get(&format!("/v1/attempts/{id}/checks")).await.expect(200)["record"]["at"], times.end - 1);
    }
}

#[tokio::test]
async fn a_record_of_another_attempt_or_of_nobody_is_refused() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let tess = tenant.person(Role::Technician).await;
        let (id, other) = (record(&tess, None).await, record(&tess, None).await);
        let whole = checks(id, 1);
        let refused = |code: &str| (422, code.to_owned());
        assert_eq!(tess.put_bytes(&path(other, &whole), "application/json", &whole).await.refusal(), refused("invalid_attachment"), "{}", app.engine);
        assert_eq!(tess.put_bytes(&path(id, &whole), "application/json", &whole[..40]).await.refusal(), refused("hash_mismatch"));
        assert_eq!(tess.put_bytes(&path(id, b"{}"), "application/json", b"{}").await.refusal(), refused("invalid_attachment"));
        assert_eq!(tess.put_bytes(&path(id, &whole), "image/png", &whole).await.refusal(), refused("invalid_attachment"));
        assert_eq!(db_bytes(&tenant).await, 0, "nothing of them is kept or counted");
        tess.put_bytes(&path(id, &whole), "application/json", &whole).await.expect(204);
    }
}

#[tokio::test]
async fn evidence_is_taken_from_whoever_made_it_also_where_they_see_no_more_of_it() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (admin, tess, other) = (tenant.person(Role::Admin).await, tenant.person(Role::Technician).await, tenant.person(Role::Technician).await);
        let site = admin.post("/v1/sites", json!({"name": "East", "time_zone": "UTC"})).await.expect(201)["id"].clone();
        let id = record(&tess, serde_json::from_value(site).expect("an id")).await;
        for person in [&tess, &other] {
            admin.put(&format!("/v1/people/{}/sites", person.id), json!({"sites": []})).await.expect(200);
        }
        tess.put_bytes(&path(id, PNG), "image/png", PNG).await.expect(204);
        for person in [&tess, &other] {
            assert_eq!(person.get(&path(id, PNG)).await.status, 404, "on {}", app.engine);
        }
        assert_eq!(other.put_bytes(&path(id, PNG), "image/png", PNG).await.refusal(), (404, "not_found".into()), "who does not see it hears nothing of it");
        assert_eq!(admin.get(&path(id, PNG)).await.bytes, PNG);
    }
}

#[tokio::test]
async fn evidence_is_taken_from_whoever_made_it_also_where_they_may_commission_no_more() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (admin, tess, other) = (tenant.person(Role::Admin).await, tenant.person(Role::Technician).await, tenant.person(Role::Technician).await);
        let id = record(&tess, None).await;
        for person in [&tess, &other] {
            admin.patch(&format!("/v1/people/{}", person.id), json!({"role": "viewer"})).await.expect(200);
        }
        for (bytes, media_type) in [(PNG.to_vec(), "image/png"), (packed(id, "join"), "application/zstd"), (checks(id, 1), "application/json")] {
            tess.put_bytes(&path(id, &bytes), media_type, &bytes).await.expect(204);
            assert_eq!(other.put_bytes(&path(id, &bytes), media_type, &bytes).await.refusal(), (403, "not_allowed".into()), "a viewer adds nothing to what others made, {}", app.engine);
        }
        let log = admin.get("/v1/audit").await.expect(200);
        assert_eq!((&log["items"][0]["action"], &log["items"][0]["actor"]["id"]), (&json!("attempt.attach"), &json!(tess.id)));
    }
}

#[tokio::test]
async fn an_empty_body_asks_whether_the_attempt_is_there_and_leaves_nothing() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (admin, tess, other) = (tenant.person(Role::Admin).await, tenant.person(Role::Technician).await, tenant.person(Role::Technician).await);
        let site = admin.post("/v1/sites", json!({"name": "East", "time_zone": "UTC"})).await.expect(201)["id"].clone();
        let id = record(&tess, serde_json::from_value(site).expect("an id")).await;
        for person in [&tess, &other] {
            admin.put(&format!("/v1/people/{}/sites", person.id), json!({"sites": []})).await.expect(200);
        }
        for media_type in ["image/png", "application/zstd", "application/json"] {
            let ask = async |person: &Actor, attempt| person.put_bytes(&path(attempt, PNG), media_type, b"").await.refusal();
            assert_eq!(ask(&tess, id).await, (422, "hash_mismatch".to_owned()), "{media_type}, {}", app.engine);
            assert_eq!(ask(&tess, AttemptId(Uuid::now_v7())).await, (404, "not_found".to_owned()));
            assert_eq!(ask(&other, id).await, (404, "not_found".to_owned()), "nobody else is told");
        }
        assert_eq!(db_bytes(&tenant).await, 0);
    }
}
