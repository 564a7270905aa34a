//! Facts about the files that leavers hand over, on both engines.

use omniot_shared::{
    attachment::{Address, MOST, MOST_CHECKS},
    checklist::Record,
    sync::escrow::BoxedFile,
};

use super::*;

fn png(n: usize) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n".as_slice(), n.to_string().as_bytes()].concat()
}

fn photo(attempt: AttemptId, n: usize) -> BoxedFile {
    BoxedFile { attempt, media_type: "image/png".into(), content: png(n) }
}

/// What was checked at that attempt at that time.
fn checks(attempt: AttemptId, at: i64) -> BoxedFile {
    let record = Record { schema: 1, attempt_id: attempt, at: Millis(at), checklist: 1, note: Some(format!("at {at}")), items: vec![] };
    BoxedFile { attempt, media_type: "application/json".into(), content: record.pack().unwrap() }
}

fn recorded(change: &Change) -> AttemptId {
    let Change::AttemptRecord(attempt) = change else { panic!("{change:?}") };
    attempt.id
}

impl Tablet {
    fn boxed(&self, file: &BoxedFile) -> Sealed {
        self.sealed_text(file.id(), &file.plain().unwrap())
    }

    async fn push(&self, change: Change) {
        let app = &self.tenant.app;
        let intent = Intent { client_id: self.client, n: 1, id: app.state.new_id(), at: app.state.now(), at_is_rough: false, base: None, words: None, read: None, past_lost: false, depends_on: vec![], change };
        let request = json!({"schema": SCHEMA, "client_id": self.client, "now": app.state.now(), "intents": [intent]});
        let answer = self.actor.post("/v1/sync/push", request).await.expect(200);
        assert_eq!(answer["receipts"][0]["outcome"]["kind"], "applied", "{answer}");
    }
}

async fn files_of(admin: &Actor, attempt: AttemptId) -> Vec<Value> {
    admin.get(&format!("/v1/attempts/{attempt}/attachments")).await.expect(200)["items"].as_array().unwrap().clone()
}

async fn db_bytes(tenant: &Tenant) -> i64 {
    let row: Option<(i64,)> = tenant.db_write().await.query("select bytes from attachment_meter where tenant_id = $1").optional().await.unwrap();
    row.map_or(0, |(bytes,)| bytes)
}

fn said(answer: &Value) -> (Vec<&str>, Vec<&str>) {
    let list = |name: &str| answer[name].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    (list("taken"), list("refused"))
}

#[tokio::test]
async fn a_file_goes_to_an_attempt_that_is_here_and_waits_for_one_that_is_decided_about() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let admin = tenant.person(Role::Admin).await;
        let tess = Tablet::of(&tenant, Role::Technician).await;
        let device = tess.device(&admin).await;
        let (here, accepted, rejected) = (tess.attempt(device, "A1"), tess.attempt(device, "A1"), tess.attempt(device, "A1"));
        let ids = [recorded(&here), recorded(&accepted), recorded(&rejected)];
        tess.push(here).await;
        remove(&admin, tess.actor.id).await;
        let mut sealed = vec![tess.new_sealed(&accepted), tess.new_sealed(&rejected)];
        for (n, attempt) in ids.into_iter().enumerate() {
            sealed.push(tess.boxed(&photo(attempt, n)));
            sealed.push(tess.boxed(&photo(attempt, 10 + n)));
        }
        // Twice, as after a lost answer.
        for _ in 0..2 {
            let answer = tess.hand_over(sealed.clone()).await;
            assert_eq!((said(&answer).0.len(), said(&answer).1.len()), (8, 0), "{}: {answer}", app.engine);
        }
        assert_eq!(files_of(&admin, ids[0]).await.len(), 2);
        assert_eq!(db_bytes(&tenant).await, 3 * 9 + 3 * 10);
        let items = listed(&admin).await;
        assert_eq!(items.iter().map(|item| item["files"].as_i64().unwrap()).collect::<Vec<_>>(), [2, 2], "{items:?}");
        let of = |id: AttemptId| items.iter().find(|item| item["target"]["id"] == json!(id)).unwrap();
        assert_eq!(accept(&admin, of(ids[1])).await["refusal"], Value::Null);
        admin.post(&format!("/v1/escrow/{}/reject", of(ids[2])["id"].as_str().unwrap()), json!({})).await.expect(204);
        let files = files_of(&admin, ids[1]).await;
        assert_eq!((files.len(), &files[0]["kind"], &files[0]["media_type"]), (2, &json!("photo"), &json!("image/png")));
        assert_eq!(db_bytes(&tenant).await, 2 * 9 + 2 * 10, "what was rejected takes no room");
        // Some that come after the decision.
        let refused = photo(ids[2], 7);
        assert_eq!(said(&tess.hand_over(vec![tess.boxed(&refused)]).await).1, [refused.id().to_string()], "nobody decides about it any more");
        let late = photo(ids[1], 7);
        assert_eq!(said(&tess.hand_over(vec![tess.boxed(&late)]).await).0, [late.id().to_string()]);
        assert_eq!(files_of(&admin, ids[1]).await.len(), 3);
        let log = admin.get("/v1/audit?limit=200").await.expect(200);
        let attached = log["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == "attempt.attach");
        assert!(attached.clone().all(|entry| entry["actor"]["id"] == json!(tess.actor.id) && entry["detail"]["via"] == "escrow"));
        assert_eq!(attached.count(), 5);
    }
}

#[tokio::test]
async fn a_file_of_somebody_else_or_that_is_none_is_refused_and_what_there_is_no_room_for_waits() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let admin = tenant.person(Role::Admin).await;
        let (tess, kim) = (Tablet::of(&tenant, Role::Technician).await, Tablet::of(&tenant, Role::Technician).await);
        let device = tess.device(&admin).await;
        let (hers, theirs) = (tess.attempt(device, "A1"), kim.attempt(device, "A1"));
        let (own, other) = (recorded(&hers), recorded(&theirs));
        tess.push(hers).await;
        kim.push(theirs).await;
        remove(&admin, tess.actor.id).await;
        let (good, foreign) = (photo(own, 1), photo(other, 1));
        let no_type = BoxedFile { media_type: "text/html".into(), ..good.clone() };
        let no_png = BoxedFile { content: b"<script>".to_vec(), ..good.clone() };
        let no_checks = BoxedFile { media_type: "application/json".into(), content: b"{}".to_vec(), ..good.clone() };
        let huge = BoxedFile { content: vec![0; 520 * 1024], ..good.clone() };
        for bad in [&foreign, &no_type, &no_png, &no_checks, &huge] {
            let answer = tess.hand_over(vec![tess.boxed(bad)]).await;
            assert_eq!(said(&answer), (vec![], vec![bad.id().to_string().as_str()]), "{}", app.engine);
        }
        // Under another name than its own.
        let renamed = Sealed { intent_id: good.id(), ..tess.sealed_text(good.id(), &foreign.plain().unwrap()) };
        assert_eq!(said(&tess.hand_over(vec![renamed]).await).1, [good.id().to_string()]);
        assert_eq!((files_of(&admin, own).await.len(), files_of(&admin, other).await.len(), db_bytes(&tenant).await), (0, 0, 0));
        // Of two there is room for one, whether its attempt is here or not.
        let full = app.with_attachment_bytes(9);
        let unknown: AttemptId = app.state.new_id();
        let both = [photo(own, 1), photo(own, 2), photo(unknown, 3)];
        let request = tess.request(both.iter().map(|file| tess.boxed(file)).collect());
        let answer = ask(&full, &request).await.expect(200);
        assert_eq!(said(&answer), (vec![both[0].id().to_string().as_str()], vec![]), "room may be made");
        assert_eq!(db_bytes(&tenant).await, 9, "what was not kept is not counted");
        // And no attempt has more than it may.
        for n in 1..=MOST {
            let _ = tess.hand_over(vec![tess.boxed(&photo(own, n))]).await;
        }
        let more = photo(own, MOST + 1);
        assert_eq!(said(&tess.hand_over(vec![tess.boxed(&more)]).await).1, [more.id().to_string()]);
        assert_eq!(files_of(&admin, own).await.len(), MOST);
    }
}

#[tokio::test]
async fn files_that_nobody_decides_about_are_forgotten_and_members_without_a_session_leave_few() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let admin = tenant.person(Role::Admin).await;
        let tess = Tablet::of(&tenant, Role::Technician).await;
        let device = tess.device(&admin).await;
        let records = [tess.attempt(device, "A1"), tess.attempt(device, "A1")];
        let unknown = photo(app.state.new_id(), 1);
        let sealed = records.iter().map(|record| tess.new_sealed(record)).chain([tess.boxed(&unknown)]).collect();
        let answer = tess.hand_over(sealed).await;
        assert_eq!((said(&answer).0.len(), said(&answer).1.len()), (2, 0), "its record may still come");
        let mut taken = 0;
        for n in 0..60 {
            taken += said(&tess.hand_over(vec![tess.boxed(&photo(recorded(&records[n % 2]), n))]).await).0.len();
        }
        assert_eq!(taken, 50, "{}: {taken}", app.engine);
        assert!(db_bytes(&tenant).await > 0);
        remove(&admin, tess.actor.id).await;
        app.pass(20 * DAY_MS);
        let (_, change) = new_site(&app, "Late");
        tess.hand_over(vec![tess.new_sealed(&change)]).await;
        assert!(db_bytes(&tenant).await > 0);
        app.pass(71 * DAY_MS);
        let admin = tenant.session_of(&admin).await;
        let items = listed(&admin).await;
        let item = items.iter().find(|item| item["kind"] == "site.create").unwrap();
        admin.post(&format!("/v1/escrow/{}/reject", item["id"].as_str().unwrap()), json!({})).await.expect(204);
        assert_eq!(db_bytes(&tenant).await, 0);
    }
}

#[tokio::test]
async fn what_was_checked_last_is_taken_however_many_records_there_are_and_pushes_none_out() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let admin = tenant.person(Role::Admin).await;
        let tess = Tablet::of(&tenant, Role::Technician).await;
        let attempt = tess.attempt(tess.device(&admin).await, "A1");
        let id = recorded(&attempt);
        tess.push(attempt).await;
        for at in 1..=i64::try_from(MOST_CHECKS).unwrap() {
            let file = checks(id, at);
            let path = format!("/v1/attempts/{id}/attachments/{}", Address::of(&file.content));
            tess.actor.put_bytes(&path, "application/json", &file.content).await.expect(204);
        }
        remove(&admin, tess.actor.id).await;
        let last = checks(id, 100);
        for _ in 0..2 {
            assert_eq!(said(&tess.hand_over(vec![tess.boxed(&last)]).await), (vec![last.id().to_string().as_str()], vec![]), "{}", app.engine);
        }
        assert_eq!(files_of(&admin, id).await.len(), MOST_CHECKS + 1, "all that was checked stands");
        assert_eq!(admin.get(&format!("/v1/attempts/{id}/checks")).await.expect(200)["record"]["note"], "at 100");
    }
}

#[tokio::test]
async fn what_waits_for_its_record_goes_to_it_though_the_quota_is_lower_by_then() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let admin = tenant.person(Role::Admin).await;
        let tess = Tablet::of(&tenant, Role::Technician).await;
        let attempt = tess.attempt(tess.device(&admin).await, "A1");
        let id = recorded(&attempt);
        remove(&admin, tess.actor.id).await;
        let files = [photo(id, 1), photo(id, 2)];
        let sealed = [tess.new_sealed(&attempt)].into_iter().chain(files.iter().map(|file| tess.boxed(file))).collect();
        assert_eq!(said(&tess.hand_over(sealed).await).0.len(), 3, "{}", app.engine);
        let item = listed(&admin).await.remove(0);
        let full = admin.at(&app.with_attachment_bytes(1));
        assert_eq!(accept(&full, &item).await["refusal"], Value::Null);
        assert_eq!((files_of(&admin, id).await.len(), db_bytes(&tenant).await), (2, 18));
    }
}
