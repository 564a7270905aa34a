//! Facts about the work of leavers, on both engines.

use ed25519_dalek::SigningKey;
use omniot_shared::{
    entities::{Attempt, AttemptOutcome},
    ids::{AttemptId, ClientId, DeviceId, IntentId, ModelId, PersonId, SiteId},
    roles::Role,
    sync::{
        Change, Intent, Patch,
        escrow::{FarewellRequest, MAX_BOXES, MAX_BYTES, PublicKey, Sealed, seal},
        intent::{NewDevice, NewSite, SitePatch, SiteUpdate},
        wire::{PushRequest, SCHEMA},
    },
    time::Millis,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::testing::{Actor, App, Reply, Tenant};

mod files;

const DAY_MS: i64 = 24 * 3_600_000;

/// Somebody with a replica that has shown its key.
struct Tablet {
    tenant: Tenant,
    actor: Actor,
    client: ClientId,
    key: SigningKey,
    escrow_key: Option<PublicKey>,
}

impl Tablet {
    async fn of(tenant: &Tenant, role: Role) -> Self {
        let actor = tenant.person(role).await;
        Self::with(tenant, actor, tenant.app.state.new_id(), SigningKey::from_bytes(&[5; 32])).await
    }

    async fn with(tenant: &Tenant, actor: Actor, client: ClientId, key: SigningKey) -> Self {
        let hello = json!({"protocol": 1, "schema": 1, "client_id": client, "app_version": "0", "now": 0, "device_key": PublicKey(key.verifying_key().to_bytes())});
        let answer = actor.post("/v1/sync/hello", hello).await.expect(200);
        let escrow_key = serde_json::from_value(answer["escrow_key"].clone()).expect("a key or nothing");
        Self { tenant: tenant.clone(), actor, client, key, escrow_key }
    }

    fn sealed(&self, id: IntentId, at: Millis, change: &Change) -> Sealed {
        let intent = Intent { client_id: self.client, n: 1, id, at, at_is_rough: false, base: None, words: None, read: None, past_lost: false, depends_on: vec![], change: change.clone() };
        self.sealed_text(id, &serde_json::to_vec(&intent).unwrap())
    }

    fn sealed_text(&self, id: IntentId, text: &[u8]) -> Sealed {
        let key = self.escrow_key.expect("the tenant has shown its key");
        self.tenant.app.state.chance.with(|rng| seal(key, self.tenant.id, self.client, id, text, rng)).unwrap()
    }

    fn new_sealed(&self, change: &Change) -> Sealed {
        self.sealed(self.tenant.app.state.new_id(), self.tenant.app.state.now(), change)
    }

    fn request(&self, sealed: Vec<Sealed>) -> FarewellRequest {
        FarewellRequest::signed(&self.key, self.tenant.id, self.actor.id, self.client, self.tenant.app.state.now(), sealed)
    }

    async fn hand_over(&self, sealed: Vec<Sealed>) -> Value {
        ask(&self.tenant.app, &self.request(sealed)).await.expect(200)
    }

    async fn model(&self, admin: &Actor) -> ModelId {
        let model = self.tenant.app.state.new_id();
        admin.post("/v1/models", json!({"id": model, "name": "M", "sku": "S", "min_security": "sec1"})).await.expect(201);
        model
    }

    async fn device(&self, admin: &Actor) -> DeviceId {
        let device = json!({"serial": "A1", "name": "Pump", "model_id": self.model(admin).await});
        admin.post("/v1/devices", device).await.expect(201)["id"].as_str().unwrap().parse().unwrap()
    }

    fn attempt(&self, device: DeviceId, serial: &str) -> Change {
        Change::AttemptRecord(Box::new(Attempt {
            id: self.tenant.app.state.new_id::<AttemptId>(), device_id: Some(device), serial: Some(serial.to_owned()), site_id: None, technician_id: self.actor.id, technician_name: "Tess".into(),
            client_id: self.client, app_version: "0".into(), os: "o".into(), radio: "virtual".into(), protocol: None, security: None, firmware: Some("2.0".into()),
            identity_verified: true, rssi: None, mtu: None, steps: vec![], grant_id: None, receipt: None, epoch: None, network_name: None,
            outcome: AttemptOutcome::Succeeded, cause: None, started_at: Millis(1), ended_at: Millis(2),
        }))
    }
}

async fn ask(app: &App, request: &FarewellRequest) -> Reply {
    app.nobody().post("/v1/sync/escrow", json!(request)).await
}

async fn remove(admin: &Actor, person: PersonId) {
    assert_eq!(admin.delete(&format!("/v1/people/{person}")).await.status, 204);
}

async fn listed(admin: &Actor) -> Vec<Value> {
    admin.get("/v1/escrow").await.expect(200)["items"].as_array().expect("items").clone()
}

async fn accept(admin: &Actor, item: &Value) -> Value {
    admin.post(&format!("/v1/escrow/{}/accept", item["id"].as_str().unwrap()), json!({})).await.expect(200)
}

fn new_site(app: &App, name: &str) -> (SiteId, Change) {
    let id: SiteId = app.state.new_id();
    (id, Change::SiteCreate(NewSite { id, name: name.to_owned(), address: None, time_zone: "UTC".to_owned(), note: None }))
}

fn rename(id: SiteId, name: &str) -> Change {
    Change::SiteUpdate(SiteUpdate { id, patch: SitePatch { name: Patch::Set(name.to_owned()), ..SitePatch::default() } })
}

#[tokio::test]
async fn the_work_of_a_technician_who_was_removed_is_accepted_and_stands_in_the_history_of_the_device() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let admin = tenant.person(Role::Admin).await;
        let tess = Tablet::of(&tenant, Role::Technician).await;
        let device = tess.device(&admin).await;
        assert_eq!(tess.hand_over(vec![]).await["standing"], "member");
        let made_at = app.state.now();
        let sealed = tess.sealed(app.state.new_id(), made_at, &tess.attempt(device, "A1"));
        remove(&admin, tess.actor.id).await;
        app.pass(3 * DAY_MS);
        let standing = tess.hand_over(vec![]).await;
        assert_eq!((&standing["standing"], &standing["accepted_until"]), (&json!("ended"), &json!(made_at.plus(30 * DAY_MS))));
        // Three hours wrong, and twice, as after a lost answer.
        let mut request = tess.request(vec![sealed.clone()]);
        for _ in 0..2 {
            request = FarewellRequest::signed(&tess.key, tenant.id, tess.actor.id, tess.client, app.state.now(), request.sealed);
            let answer = ask(&app, &request).await.expect(200);
            assert_eq!((&answer["taken"], &answer["refused"]), (&json!([sealed.intent_id]), &json!([])));
        }
        assert_eq!(tenant.person(Role::Technician).await.get("/v1/escrow").await.refusal(), (403, "not_allowed".to_owned()));
        let items = listed(&admin).await;
        assert_eq!(items.len(), 1, "{}: {items:?}", app.engine);
        let item = &items[0];
        assert_eq!((&item["kind"], &item["why"], &item["evidence"], &item["made_at"]), (&json!("attempt.record"), &json!("left"), &json!(true), &json!(made_at)));
        assert_eq!((&item["author"]["id"], &item["author"]["role"], &item["target"]["name"]), (&json!(tess.actor.id), &json!("technician"), &json!("A1")));
        for _ in 0..2 {
            assert_eq!(accept(&admin, item).await["refusal"], Value::Null);
        }
        let attempts = admin.get(&format!("/v1/devices/{device}/attempts")).await.expect(200)["items"].as_array().unwrap().clone();
        assert_eq!(attempts.len(), 1, "accepted twice, it happened once");
        assert_eq!(attempts[0]["technician_id"], json!(tess.actor.id), "evidence keeps its technician");
        assert!(listed(&admin).await.is_empty());
        let audit = admin.get("/v1/audit?limit=200").await.expect(200);
        let entries: Vec<&Value> = audit["items"].as_array().unwrap().iter().filter(|entry| ["escrow.receive", "escrow.accept", "attempt.record"].contains(&entry["action"].as_str().unwrap())).collect();
        let told: Vec<(&str, &str)> = entries.iter().map(|entry| (entry["action"].as_str().unwrap(), entry["actor"]["id"].as_str().unwrap())).collect();
        let (by, hers) = (admin.id.to_string(), tess.actor.id.to_string());
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told.contains(&("escrow.receive", &hers)) && told.contains(&("escrow.accept", &by)) && told.contains(&("attempt.record", &by)), "{told:?}");
    }
}

#[tokio::test]
async fn evidence_of_somebody_who_was_demoted_before_they_were_removed_is_still_accepted() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let admin = tenant.person(Role::Admin).await;
        let tess = Tablet::of(&tenant, Role::Technician).await;
        let device = tess.device(&admin).await;
        tess.hand_over(vec![]).await;
        let sealed = tess.sealed(app.state.new_id(), app.state.now(), &tess.attempt(device, "A1"));
        admin.patch(&format!("/v1/people/{}", tess.actor.id), json!({"role": "viewer"})).await.expect(200);
        remove(&admin, tess.actor.id).await;
        tess.hand_over(vec![sealed]).await;
        let items = listed(&admin).await;
        assert_eq!(items[0]["author"]["role"], "viewer");
        assert_eq!(accept(&admin, &items[0]).await["refusal"], Value::Null, "on {}", app.engine);
        assert_eq!(admin.get(&format!("/v1/devices/{device}/attempts")).await.expect(200)["items"][0]["technician_id"], json!(tess.actor.id));
    }
}

#[tokio::test]
async fn only_the_first_key_of_the_replica_of_that_person_is_a_proof() {
    for app in App::both().await {
        let (tenant, other) = (app.tenant("acme").await, app.tenant("globex").await);
        let admin = tenant.person(Role::Admin).await;
        let tess = Tablet::of(&tenant, Role::Technician).await;
        let stranger = Tablet::of(&other, Role::Technician).await;
        // A copy, or somebody with her session: another key for the same replica is not taken.
        let again = Tablet::with(&tenant, tess.actor.clone(), tess.client, SigningKey::from_bytes(&[6; 32])).await;
        assert_eq!(again.escrow_key, None);
        // Somebody else of the tenant who knows its name has a replica of their own.
        let other_person = Tablet::with(&tenant, tenant.person(Role::Technician).await, tess.client, SigningKey::from_bytes(&[7; 32])).await;
        assert_eq!((other_person.escrow_key, tess.escrow_key.is_some()), (tess.escrow_key, true));
        remove(&admin, tess.actor.id).await;
        let (_, change) = new_site(&app, "Attack");
        let sealed = || vec![tess.new_sealed(&change)];
        let signed = |key: &SigningKey, tenant, person, client| FarewellRequest::signed(key, tenant, person, client, app.state.now(), sealed());
        let key = &tess.key;
        let forged = [
            again.request(sealed()),
            FarewellRequest { signature: vec![], ..tess.request(sealed()) },
            FarewellRequest { sealed: sealed(), ..tess.request(vec![]) },
            signed(key, tenant.id, tess.actor.id, app.state.new_id()),
            signed(&other_person.key, tenant.id, tess.actor.id, tess.client),
            signed(key, tenant.id, other_person.actor.id, tess.client),
            signed(key, other.id, tess.actor.id, tess.client),
            signed(key, Uuid::from_u128(77).into(), tess.actor.id, tess.client),
            FarewellRequest { tenant: tenant.id, ..stranger.request(vec![]) },
        ];
        let mut said = vec![];
        for request in forged {
            let reply = ask(&app, &request).await;
            assert_eq!(reply.refusal(), (403, "bad_signature".to_owned()), "{}", app.engine);
            said.push(String::from_utf8_lossy(&reply.bytes).into_owned());
        }
        said.dedup();
        assert_eq!(said.len(), 1, "whatever does not fit is the same: {said:?}");
        // A member has a proof, too: one who was taken for a leaver until a server was restored may have boxes.
        let sealed = other_person.new_sealed(&change);
        let answer = other_person.hand_over(vec![sealed.clone()]).await;
        assert_eq!((&answer["standing"], &answer["taken"], &answer["accepted_until"]), (&json!("member"), &json!([sealed.intent_id]), &Value::Null));
        // Sealed to another tenant's key, for another replica or another intent; and what is no change.
        let id: IntentId = app.state.new_id();
        let foreign = Tablet { escrow_key: stranger.escrow_key, tenant: tenant.clone(), actor: tess.actor.clone(), client: tess.client, key: tess.key.clone() };
        let elsewhere = Tablet { client: app.state.new_id(), escrow_key: tess.escrow_key, tenant: tenant.clone(), actor: tess.actor.clone(), key: tess.key.clone() };
        let boxes = vec![foreign.new_sealed(&change), elsewhere.new_sealed(&change), Sealed { intent_id: id, ..tess.new_sealed(&change) }, tess.sealed_text(app.state.new_id(), b"{}")];
        let ids: Vec<IntentId> = boxes.iter().map(|sealed| sealed.intent_id).collect();
        let answer = tess.hand_over(boxes).await;
        assert_eq!((&answer["taken"], &answer["refused"]), (&json!([]), &json!(ids)));
        assert_eq!(listed(&admin).await.len(), 1, "none of it is there, the member's aside");
    }
}

#[tokio::test]
async fn work_is_taken_for_thirty_days_and_remembered_for_ninety() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let admin = tenant.person(Role::Admin).await;
        let olaf = Tablet::of(&tenant, Role::Operator).await;
        let (site, create) = new_site(&app, "Depot");
        // Pushed, and the answer was lost: what stands comes to nobody's table.
        let pushed: IntentId = app.state.new_id();
        let intent = Intent { client_id: olaf.client, n: 1, id: pushed, at: app.state.now(), at_is_rough: false, base: None, words: None, read: None, past_lost: false, depends_on: vec![], change: create.clone() };
        olaf.actor.post("/v1/sync/push", json!(PushRequest { schema: SCHEMA, client_id: olaf.client, now: app.state.now(), epoch: None, former: vec![], intents: vec![intent] })).await.expect(200);
        let (early, late) = (olaf.new_sealed(&rename(site, "In time")), olaf.new_sealed(&rename(site, "Too late")));
        remove(&admin, olaf.actor.id).await;
        app.pass(30 * DAY_MS);
        let answer = olaf.hand_over(vec![olaf.sealed(pushed, Millis(0), &create), early.clone()]).await;
        assert_eq!(answer["taken"], json!([pushed, early.intent_id]));
        app.pass(DAY_MS);
        let admin = tenant.session_of(&admin).await;
        let answer = olaf.hand_over(vec![late.clone()]).await;
        assert_eq!((&answer["standing"], &answer["taken"], &answer["refused"]), (&json!("ended"), &json!([]), &json!([late.intent_id])));
        let items = listed(&admin).await;
        assert_eq!(items.len(), 1, "{}: {items:?}", app.engine);
        assert_eq!((&items[0]["mine"], &items[0]["theirs"]["name"]), (&json!({"name": "In time"}), &json!("Depot")));
        assert_eq!(admin.post(&format!("/v1/escrow/{}/reject", early.intent_id), json!({})).await.status, 204);
        assert_eq!(admin.post(&format!("/v1/escrow/{}/accept", early.intent_id), json!({})).await.refusal(), (409, "state_conflict".to_owned()));
        assert_eq!(admin.get(&format!("/v1/sites/{site}")).await.expect(200)["name"], "Depot", "what was rejected did not happen");
        app.pass(91 * DAY_MS);
        let admin = tenant.session_of(&admin).await;
        let nora = Tablet::of(&tenant, Role::Operator).await;
        let hers = nora.new_sealed(&rename(site, "Hers"));
        remove(&admin, nora.actor.id).await;
        nora.hand_over(vec![hers]).await;
        assert_eq!(admin.post(&format!("/v1/escrow/{}/accept", early.intent_id), json!({})).await.refusal(), (404, "not_found".to_owned()), "it is forgotten");
        assert_eq!(olaf.hand_over(vec![early]).await["taken"], json!([]), "and does not come again");
    }
}

#[tokio::test]
async fn what_the_rules_refuse_says_why_and_stays() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let admin = tenant.person(Role::Admin).await;
        let tess = Tablet::of(&tenant, Role::Technician).await;
        let nowhere = rename(app.state.new_id(), "Not there");
        let unknown = IntentId(Uuid::from_u128(9));
        let newer = tess.sealed_text(unknown, json!({"id": unknown, "at": 1, "change": {"kind": "moon.phase", "body": {"name": "full"}}}).to_string().as_bytes());
        let boxes = vec![tess.new_sealed(&nowhere), newer];
        remove(&admin, tess.actor.id).await;
        tess.hand_over(boxes).await;
        let items = listed(&admin).await;
        let codes = [accept(&admin, &items[0]).await, accept(&admin, &items[1]).await].map(|answer| answer["refusal"]["code"].as_str().unwrap().to_owned());
        let mut codes = codes.to_vec();
        codes.sort();
        assert_eq!(codes, ["needs_newer_server", "not_found"], "{}", app.engine);
        assert_eq!(listed(&admin).await.len(), 2);
        assert_eq!(admin.get("/v1/sites").await.expect(200)["items"], json!([]));
    }
}

#[tokio::test]
async fn what_somebody_did_before_they_were_demoted_is_accepted_with_the_right_of_whoever_accepts() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let admin = tenant.person(Role::Admin).await;
        let (olaf, vera) = (Tablet::of(&tenant, Role::Operator).await, Tablet::of(&tenant, Role::Operator).await);
        let (hers, create) = new_site(&app, "Depot");
        let (_, theirs) = new_site(&app, "Yard");
        let sealed = vec![olaf.new_sealed(&create), olaf.new_sealed(&rename(hers, "Depot 2"))];
        for person in [olaf.actor.id, vera.actor.id] {
            admin.patch(&format!("/v1/people/{person}"), json!({"role": "viewer"})).await.expect(200);
        }
        remove(&admin, olaf.actor.id).await;
        olaf.hand_over(sealed).await;
        // Who was not removed pushes it, and is told that it is kept.
        let vera_now = tenant.session_of(&vera.actor).await;
        let intent = json!({"client_id": vera.client, "n": 1, "id": app.state.new_id::<IntentId>(), "at": app.state.now(), "base": null, "depends_on": [], "change": theirs});
        let outcome = vera_now.post("/v1/sync/push", json!({"schema": SCHEMA, "client_id": vera.client, "now": app.state.now(), "intents": [intent]})).await.expect(200)["receipts"][0]["outcome"].clone();
        assert_eq!((&outcome["code"], outcome["detail"].as_str().unwrap().contains("administrator")), (&json!("not_allowed"), true), "{}: {outcome}", app.engine);
        let items = listed(&admin).await;
        assert_eq!(items.len(), 3);
        // The site before what was done to it.
        for kind in ["site.create", "site.update"] {
            for item in items.iter().filter(|item| item["kind"] == kind) {
                assert_eq!(accept(&admin, item).await["refusal"], Value::Null, "{item}");
            }
        }
        let mut names: Vec<_> = admin.get("/v1/sites").await.expect(200)["items"].as_array().unwrap().iter().map(|site| site["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        assert_eq!(names, ["Depot 2", "Yard"]);
    }
}

#[tokio::test]
async fn an_accepted_note_stands_beside_what_was_written_since() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let admin = tenant.person(Role::Admin).await;
        let olaf = Tablet::of(&tenant, Role::Operator).await;
        let mut sites = vec![];
        for name in ["Depot", "Dock"] {
            let made = admin.post("/v1/sites", json!({"name": name, "time_zone": "UTC", "note": "Ring twice"})).await.expect(201);
            sites.push(serde_json::from_value::<SiteId>(made["id"].clone()).expect("an id"));
        }
        let noted = |site: SiteId, note: &str| Change::SiteUpdate(SiteUpdate { id: site, patch: SitePatch { note: Patch::Set(note.into()), name: Patch::Set("Olaf's".into()), ..SitePatch::default() } });
        let sealed = vec![olaf.new_sealed(&noted(sites[0], "Ring twice\nKey at the porter")), olaf.new_sealed(&noted(sites[1], "Key at the porter"))];
        remove(&admin, olaf.actor.id).await;
        olaf.hand_over(sealed).await;
        let shown = listed(&admin).await;
        // Somebody writes there while the administrator looks at it.
        let long = "y".repeat(1_995);
        for (site, note) in [(sites[0], "Ring twice\nMind the dog"), (sites[1], long.as_str())] {
            admin.patch(&format!("/v1/sites/{site}"), json!({"note": note})).await.expect(200);
        }
        app.pass(1_000);
        let mut refusals = vec![];
        for item in &shown {
            refusals.push(accept(&admin, item).await["refusal"]["code"].clone());
        }
        refusals.sort_by_key(Value::is_null);
        assert_eq!(refusals, [json!("state_conflict"), Value::Null], "{}", app.engine);
        let site = async |n: usize| admin.get(&format!("/v1/sites/{}", sites[n])).await.expect(200);
        let both = site(0).await;
        assert_eq!((&both["name"], &both["note"]), (&json!("Olaf's"), &json!("Ring twice\nKey at the porter\nMind the dog")), "{}", app.engine);
        assert_eq!((&site(1).await["name"], &site(1).await["note"]), (&json!("Dock"), &json!(long)), "nothing of it happened");
    }
}

#[tokio::test]
async fn the_note_of_a_device_that_two_have_made_joins_the_one_that_stands() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let admin = tenant.person(Role::Admin).await;
        let tess = Tablet::of(&tenant, Role::Technician).await;
        let model = tess.model(&admin).await;
        let made = |serial: &str, note: &str| Change::DeviceCreate(NewDevice { serial: serial.into(), name: "Pump".into(), model_id: model, site_id: None, note: Some(note.to_owned()) });
        let long = "y".repeat(1_995);
        for (serial, note) in [("A1", "mind the dog"), ("A2", long.as_str())] {
            admin.post("/v1/devices", json!({"serial": serial, "name": "Pump", "model_id": model, "note": note})).await.expect(201);
        }
        let sealed = vec![tess.new_sealed(&made("A1", "key at the porter")), tess.new_sealed(&made("A2", "key at the porter"))];
        remove(&admin, tess.actor.id).await;
        tess.hand_over(sealed).await;
        let mut refusals = vec![];
        for item in listed(&admin).await {
            refusals.push((item["mine"]["serial"].as_str().unwrap().to_owned(), accept(&admin, &item).await["refusal"]["code"].clone()));
        }
        refusals.sort_by(|(a, _), (b, _)| a.cmp(b));
        assert_eq!(refusals, [("A1".to_owned(), Value::Null), ("A2".to_owned(), json!("state_conflict"))], "{}", app.engine);
        let note = async |serial| admin.get(&format!("/v1/devices/{}", DeviceId::for_serial(tenant.id, serial))).await.expect(200)["note"].as_str().unwrap().to_owned();
        let both = note("A1").await;
        assert!(both.contains("mind the dog") && both.contains("key at the porter"), "{both}");
        assert_eq!(note("A2").await, long, "nothing of it happened");
        assert_eq!(listed(&admin).await.len(), 1, "and it is still to be decided");
    }
}

#[tokio::test]
async fn what_was_a_leavers_own_is_taken_from_them_and_shown_to_nobody() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let admin = tenant.person(Role::Admin).await;
        let tess = Tablet::of(&tenant, Role::Technician).await;
        let own = json!({"kind": "bookmark.set", "body": {"person_id": tess.actor.id, "device_id": app.state.new_id::<DeviceId>(), "note": "mine"}});
        let id: IntentId = app.state.new_id();
        let sealed = tess.sealed_text(id, json!({"schema": 2, "id": id, "at": 1, "change": own}).to_string().as_bytes());
        remove(&admin, tess.actor.id).await;
        let answer = tess.hand_over(vec![sealed]).await;
        assert_eq!((&answer["taken"], &answer["refused"], &answer["epoch"]), (&json!([id]), &json!([]), &json!(1)), "{}", app.engine);
        assert!(listed(&admin).await.is_empty());
    }
}

#[tokio::test]
async fn a_flood_is_turned_away() {
    let app = App::sqlite().await;
    let tenant = app.tenant("acme").await;
    let admin = tenant.person(Role::Admin).await;
    let tess = Tablet::of(&tenant, Role::Technician).await;
    let (_, change) = new_site(&app, "x");
    remove(&admin, tess.actor.id).await;
    let one = tess.new_sealed(&change);
    assert_eq!(ask(&app, &tess.request(vec![Sealed { content: vec![], ..one.clone() }; MAX_BOXES + 1])).await.refusal(), (413, "too_large".to_owned()));
    assert_eq!(ask(&app, &tess.request(vec![Sealed { content: vec![0; MAX_BYTES], ..one.clone() }])).await.refusal(), (413, "too_large".to_owned()));
    // Nine megabytes of work are more than one person's.
    let big = vec![b'x'; 150_000];
    let mut waiting = 0;
    for _ in 0..60 {
        let id: IntentId = app.state.new_id();
        let text = json!({"id": id, "at": 1, "change": {"kind": "big", "body": String::from_utf8_lossy(&big)}}).to_string();
        let answer = tess.hand_over(vec![tess.sealed_text(id, text.as_bytes())]).await;
        assert_eq!(answer["refused"], json!([]), "room may be made: nothing is given up");
        waiting += usize::from(answer["taken"] == json!([]));
    }
    assert!((3..8).contains(&waiting), "{waiting}");
    let forged = FarewellRequest { signature: vec![], ..tess.request(vec![]) };
    let mut codes = vec![];
    for _ in 0..40 {
        codes.push(ask(&app, &forged).await.status);
    }
    assert_eq!((codes[0], codes[39]), (403, 429), "{codes:?}");
}

#[tokio::test]
async fn a_suspended_tenant_says_so_to_whoever_proved_themselves_and_nothing_is_lost() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let admin = tenant.person(Role::Admin).await;
        let tess = Tablet::of(&tenant, Role::Operator).await;
        let sealed = vec![tess.new_sealed(&new_site(&app, "Depot").1)];
        remove(&admin, tess.actor.id).await;
        let operator = app.operator().await;
        assert_eq!(operator.post(&format!("/v1/operator/tenants/{}/suspend", tenant.id), json!({"reason": "x"})).await.status / 100, 2);
        assert_eq!(ask(&app, &tess.request(sealed.clone())).await.refusal(), (403, "tenant_suspended".to_owned()));
        assert_eq!(ask(&app, &FarewellRequest { signature: vec![], ..tess.request(vec![]) }).await.refusal(), (403, "bad_signature".to_owned()), "and to nobody else");
        assert_eq!(operator.post(&format!("/v1/operator/tenants/{}/resume", tenant.id), json!({})).await.status / 100, 2);
        assert_eq!(tess.hand_over(sealed).await["taken"].as_array().map(Vec::len), Some(1));
    }
}

#[tokio::test]
async fn what_was_changed_at_a_site_that_was_taken_away_can_still_be_accepted() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let admin = tenant.person(Role::Admin).await;
        let olaf = Tablet::of(&tenant, Role::Operator).await;
        let (site, create) = new_site(&app, "West");
        admin.post("/v1/sites", json!({"id": site, "name": "West", "time_zone": "UTC"})).await.expect(201);
        drop(create);
        admin.put(&format!("/v1/people/{}/sites", olaf.actor.id), json!({"sites": []})).await;
        let olaf_now = tenant.session_of(&olaf.actor).await;
        let (first, second): (IntentId, IntentId) = (app.state.new_id(), app.state.new_id());
        let intent = |n, id, name: &str, depends_on| Intent { client_id: olaf.client, n, id, at: app.state.now(), at_is_rough: false, base: None, words: None, read: None, past_lost: false, depends_on, change: rename(site, name) };
        let push = PushRequest { schema: SCHEMA, client_id: olaf.client, now: app.state.now(), epoch: None, former: vec![], intents: vec![intent(1, first, "West 1", vec![]), intent(2, second, "West 2", vec![first])] };
        let answer = olaf_now.post("/v1/sync/push", json!(push)).await.expect(200);
        let outcomes: Vec<(&str, bool)> = answer["receipts"].as_array().unwrap().iter().map(|receipt| &receipt["outcome"]).map(|outcome| (outcome["code"].as_str().unwrap(), outcome["detail"].as_str().unwrap().contains("administrator"))).collect();
        assert_eq!(outcomes, [("no_longer_permitted", true), ("parent_refused", true)], "{}", app.engine);
        assert_eq!(olaf_now.post("/v1/sync/push", json!(push)).await.expect(200)["receipts"], answer["receipts"], "said again, it is the same");
        let items = listed(&admin).await;
        let mut ids: Vec<&str> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
        ids.sort_unstable();
        let mut both = [first.to_string(), second.to_string()];
        both.sort_unstable();
        assert_eq!(ids, both);
        assert!(items.iter().all(|item| item["why"] == "no_longer_permitted" && item["target"]["name"] == "West"), "{items:?}");
        let item = items.iter().find(|item| item["id"] == json!(second)).unwrap();
        assert_eq!(accept(&admin, item).await["refusal"], Value::Null);
        assert_eq!(admin.get(&format!("/v1/sites/{site}")).await.expect(200)["name"], "West 2");
        assert_eq!(listed(&admin).await.len(), 1);
    }
}

#[tokio::test]
async fn what_was_made_for_a_site_that_was_taken_away_waits_for_an_administrator_with_what_was_done_to_it_later() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let admin = tenant.person(Role::Admin).await;
        let olaf = Tablet::of(&tenant, Role::Operator).await;
        let site: SiteId = app.state.new_id();
        admin.post("/v1/sites", json!({"id": site, "name": "West", "time_zone": "UTC"})).await.expect(201);
        let model = admin.post("/v1/models", json!({"name": "Pump", "sku": "P-1", "min_security": "sec1"})).await.expect(201)["id"].clone();
        let elsewhere = admin.post("/v1/devices", json!({"serial": "OLD-1", "name": "Old", "model_id": model})).await.expect(201)["id"].clone();
        admin.put(&format!("/v1/people/{}/sites", olaf.actor.id), json!({"sites": []})).await;
        let olaf_now = tenant.session_of(&olaf.actor).await;
        let device = DeviceId::for_serial(tenant.id, "NEW-1");
        let (made, named, moved): (IntentId, IntentId, IntentId) = (app.state.new_id(), app.state.new_id(), app.state.new_id());
        let intent = |n, id: IntentId, depends_on: &[IntentId], change| json!({"client_id": olaf.client, "n": n, "id": id, "at": app.state.now(), "base": 0, "depends_on": depends_on, "change": change});
        let create = json!({"kind": "device.create", "body": {"serial": "NEW-1", "name": "New", "model_id": model, "site_id": site}});
        let rename = json!({"kind": "device.update", "body": {"id": device, "patch": {"name": "Newer"}}});
        let into = json!({"kind": "device.update", "body": {"id": elsewhere, "patch": {"site_id": site}}});
        for (n, id, depends_on, change, code) in [
            (1, made, &[][..], create, "no_longer_permitted"),
            (2, moved, &[], into, "no_longer_permitted"),
            // In a push of its own.
            (3, named, &[made], rename, "parent_refused"),
        ] {
            let push = json!({"schema": SCHEMA, "client_id": olaf.client, "now": app.state.now(), "intents": [intent(n, id, depends_on, change)]});
            let outcome = olaf_now.post("/v1/sync/push", push).await.expect(200)["receipts"][0]["outcome"].clone();
            assert_eq!((&outcome["code"], outcome["detail"].as_str().unwrap().contains("administrator")), (&json!(code), true), "{}: {outcome}", app.engine);
        }
        let items = listed(&admin).await;
        assert_eq!(items.len(), 3, "{items:?}");
        for id in [made, named, moved] {
            let item = items.iter().find(|item| item["id"] == json!(id)).expect("it is there");
            assert_eq!(accept(&admin, item).await["refusal"], Value::Null, "{item}");
        }
        let there = admin.get(&format!("/v1/devices/{device}")).await.expect(200);
        assert_eq!((&there["name"], &there["site_id"]), (&json!("Newer"), &json!(site)));
    }
}
