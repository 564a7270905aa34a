//! Who sees what: people who work at chosen sites, rows that move, rights that come and go.

use std::collections::BTreeSet;

use base64::Engine as _;
use omniot_shared::{
    entities::{Attempt, AttemptOutcome, Device, Security},
    ids::{AttemptId, DeviceId, ModelId, PersonId},
    sync::{
        Code, Seq,
        rows::Scope as SyncScope,
        wire::Cursor,
        intent::{DevicePatch, DeviceUpdate, NewDevice, NewModel},
    },
};

use super::*;

/// A tenant with two sites, a device at each and one at none; somebody who works at the first only.
struct Place {
    tenant: Tenant,
    staff: Tablet,
    tess: Tablet,
    east: SiteId,
    west: SiteId,
    model: ModelId,
}

/// What nobody but those who see the western site may ever be sent.
const CANARY: &str = "canary-of-the-west";

impl Place {
    async fn of(app: &App) -> Self {
        let tenant = app.tenant("acme").await;
        let (mut staff, tess) = (Tablet::of(&tenant, Role::Admin).await, Tablet::of(&tenant, Role::Technician).await);
        let (east, west) = (staff.new_site("East"), staff.new_site(CANARY));
        let model: ModelId = app.state.new_id();
        staff.record(Change::ModelCreate(NewModel { id: model, name: "Sensor".into(), sku: "S1".into(), min_security: Security::Sec1 }));
        let mut place = Self { tenant, staff, tess, east, west, model };
        for (serial, site) in [("E-1", Some(east)), (CANARY, Some(west)), ("N-1", None)] {
            place.plan(serial, site);
        }
        place.staff.sync().await;
        let east = place.east;
        place.show(Some(&[east])).await;
        place
    }

    fn plan(&mut self, serial: &str, site_id: Option<SiteId>) {
        self.staff.record(Change::DeviceCreate(NewDevice { serial: serial.into(), name: format!("device {serial}"), model_id: self.model, site_id, note: None }));
    }

    fn device(&self, serial: &str) -> DeviceId {
        DeviceId::for_serial(self.tenant.id, &omniot_shared::ids::normal_serial(serial))
    }

    /// Lets Tess work at these sites only, or everywhere.
    async fn show(&self, sites: Option<&[SiteId]>) {
        let path = format!("/v1/people/{}/sites", self.tess.actor.id);
        self.staff.actor.put(&path, json!({"sites": sites})).await.expect(200);
    }

    /// Moves a device, as staff.
    async fn move_to(&mut self, serial: &str, site: SiteId) {
        let patch = DevicePatch { site_id: Patch::Set(site), ..DevicePatch::default() };
        let id = self.device(serial);
        self.staff.record(Change::DeviceUpdate(DeviceUpdate { id, patch }));
        self.staff.sync().await;
    }

    /// Pulls until nothing is left to narrow, and compares with what the server says she holds.
    async fn tess_pulls(&mut self) {
        for _ in 0..2 {
            let pull = Pull::begin(&self.tess.store).expect("memory never fails");
            let reply = self.tess.actor.post("/v1/sync/pull", json!(pull.request())).await;
            assert_eq!(reply.status, 200);
            let plain = format!("{:?}", frames(&reply.bytes));
            let sees_west = self.tess.actor.get(&format!("/v1/sites/{}", self.west)).await.status == 200;
            assert!(sees_west || !plain.contains(CANARY), "9: a byte of another site was sent: {plain}");
            if let Some(published) = self.tess.take(pull, &frames(&reply.bytes)) {
                assert!(matches!(published, Published::Now { .. }), "{published:?}");
            }
        }
        let (meta, mut whole) = (self.tess.meta(), omniot_shared::sync::Checksum::default());
        self.tess.rows().iter().for_each(|row| whole.add_whole(row).expect("it has JSON"));
        let asked = json!({"schema": SCHEMA, "epoch": meta.epoch, "seq": meta.cursor, "scopes": meta.sight});
        let theirs = self.tess.actor.post("/v1/sync/verify", asked).await.expect(200);
        assert_eq!(theirs["whole"], json!(whole), "1: rows, as the server says that she holds them");
    }

    fn tess_serials(&self) -> BTreeSet<String> {
        let serial = |synced: &SyncedRow| if let Row::Device(Device { serial, .. }) = &synced.row { Some(serial.clone()) } else { None };
        self.tess.store.rows().filter_map(serial).collect()
    }
}

fn serials<const N: usize>(all: [&str; N]) -> BTreeSet<String> {
    all.into_iter().map(omniot_shared::ids::normal_serial).collect()
}

#[tokio::test]
async fn somebody_who_works_at_one_site_holds_that_site_and_what_is_common() {
    for app in App::both().await {
        let mut place = Place::of(&app).await;
        place.tess_pulls().await;
        assert_eq!(place.tess_serials(), serials(["E-1", "N-1"]), "{}", app.engine);
        assert_eq!(place.tess.site(place.west), None);
        let changes = |published| if let Published::Now { changes, .. } = published { changes } else { panic!("{published:?}") };
        place.plan("W-2", Some(place.west));
        place.plan("E-2", Some(place.east));
        place.staff.sync().await;
        assert_eq!(changes(place.tess.pull().await), 1, "an ordinary pull brings what is new and in sight");
        place.tess_pulls().await;
        db_checksum_holds(&place.tenant).await;
    }
}

#[tokio::test]
async fn a_device_that_moves_leaves_one_sight_and_comes_into_another() {
    for app in App::both().await {
        let mut place = Place::of(&app).await;
        place.tess_pulls().await;
        let (east, west) = (place.east, place.west);
        place.move_to("E-1", west).await;
        place.tess_pulls().await;
        assert_eq!(place.tess_serials(), serials(["N-1"]), "it left");
        place.move_to("E-1", east).await;
        place.move_to("N-1", west).await;
        place.tess_pulls().await;
        assert_eq!(place.tess_serials(), serials(["E-1"]), "it came back, the other one left");
        // There and back between two pulls, past somebody who sees both.
        place.show(Some(&[east, west])).await;
        place.tess_pulls().await;
        place.move_to("E-1", west).await;
        place.move_to("E-1", east).await;
        place.move_to("N-1", east).await;
        place.tess_pulls().await;
        assert_eq!(place.tess_serials(), serials(["E-1", CANARY, "N-1"]), "{}", app.engine);
        // Who sees everything saw none of it go.
        assert_eq!(place.staff.store.rows().filter(|row| matches!(row.row, Row::Device(_))).count(), 3);
        db_checksum_holds(&place.tenant).await;
    }
}

#[tokio::test]
async fn a_right_that_comes_brings_everything_and_one_that_goes_takes_it() {
    for app in App::both().await {
        let mut place = Place::of(&app).await;
        place.show(None).await;
        place.tess_pulls().await;
        assert_eq!(place.tess_serials().len(), 3, "everywhere");
        let (east, west) = (place.east, place.west);
        // From everywhere to one site: the rows that stay are not fetched again.
        place.show(Some(&[west])).await;
        let pull = Pull::begin(&place.tess.store).expect("memory never fails");
        let reply = place.tess.actor.post("/v1/sync/pull", json!(pull.request())).await;
        assert_eq!(place.tess.take(pull, &frames(&reply.bytes)), None, "first what is out of sight goes");
        assert_eq!(place.tess_serials(), serials([CANARY, "N-1"]));
        assert!(matches!(place.tess.pull().await, Published::Now { changes: 0, .. }), "{}", app.engine);
        // From one site to another: nothing of the first is left when the second begins to come.
        place.show(Some(&[east])).await;
        place.tess_pulls().await;
        assert_eq!(place.tess_serials(), serials(["E-1", "N-1"]));
        place.show(Some(&[])).await;
        place.tess_pulls().await;
        assert_eq!(place.tess_serials(), serials(["N-1"]), "what is common stays");
    }
}

#[tokio::test]
async fn whatever_a_limited_person_says_they_hold_they_are_sent_what_they_may_see() {
    for app in App::both().await {
        let mut place = Place::of(&app).await;
        place.tess_pulls().await;
        let foreign = Tablet::of(&app.tenant("globex").await, Role::Owner).await.new_site("elsewhere");
        let Meta { client_id, cursor, epoch, .. } = place.tess.meta();
        let (east, west) = (place.east, place.west);
        for sight in [Sight::All, Sight::Sites([west].into()), Sight::Sites([east, west].into()), Sight::Sites([foreign].into()), Sight::Sites(BTreeSet::new())] {
            for seq in [Seq(i64::MIN), Seq(-1), Seq(0), Seq(1), cursor, Seq(cursor.0 + 1), Seq(i64::MAX)] {
                let request = PullRequest { epoch, cursors: vec![Cursor { scope: SyncScope::Tenant, seq }], scopes: sight.clone(), ..from_nothing(client_id) };
                let reply = place.tess.actor.post("/v1/sync/pull", json!(request)).await;
                let came = frames(&reply.bytes);
                assert!(reply.status == 200 && !format!("{came:?}").contains(CANARY), "{} {sight:?} {seq:?}: {came:?}", app.engine);
                let verify = json!({"schema": SCHEMA, "epoch": epoch, "seq": seq, "scopes": sight});
                let answer = place.tess.actor.post("/v1/sync/verify", verify).await.expect(200);
                assert_eq!(answer["whole"], Value::Null, "{} {sight:?} {seq:?}: a sum of what they do not hold", app.engine);
            }
        }
        assert!(matches!(place.tess.pull().await, Published::Now { changes: 0, .. }), "the replica goes on as it was");
    }
}

#[tokio::test]
async fn what_was_changed_at_a_site_that_was_taken_away_is_refused_and_evidence_is_kept() {
    for app in App::both().await {
        let mut place = Place::of(&app).await;
        let tess = place.tenant.person(Role::Operator).await;
        place.tess = Tablet::for_actor(&place.tenant, tess, Role::Operator);
        let (east, west) = (place.east, place.west);
        place.show(Some(&[east, west])).await;
        place.tess_pulls().await;
        let (hers, kept) = (place.device(CANARY), place.device("E-1"));
        let rename = |id| Change::DeviceUpdate(DeviceUpdate { id, patch: DevicePatch { name: Patch::Set("renamed offline".into()), ..DevicePatch::default() } });
        place.tess.record(rename(hers));
        place.tess.record(rename(kept));
        let (serial, person) = (omniot_shared::ids::normal_serial(CANARY), place.tess.actor.id);
        place.tess.record(attempt(&app, person, hers, &serial, Some(west), None));
        place.show(Some(&[east])).await;
        let receipts = place.tess.push().await;
        let code = |receipt: &Receipt| receipt.outcome.refusal().map(|refusal| refusal.code);
        assert_eq!(receipts.iter().map(code).collect::<Vec<_>>(), [Some(Code::NoLongerPermitted), None, None], "{}: {receipts:?}", app.engine);
        place.tess_pulls().await;
        assert_eq!(place.tess_serials(), serials(["E-1", "N-1"]));
        let attempts = place.staff.actor.get("/v1/attempts").await.expect(200);
        assert_eq!(attempts["items"].as_array().map(Vec::len), Some(1), "the record of the work is there");
        assert_eq!(place.tess.actor.get("/v1/attempts").await.expect(200)["items"], json!([]), "and is seen by who sees the site");
    }
}

/// The record of a success.
pub(super) fn attempt(app: &App, person: PersonId, device: DeviceId, serial: &str, site_id: Option<SiteId>, epoch: Option<u32>) -> Change {
    Change::AttemptRecord(Box::new(Attempt {
        id: app.state.new_id::<AttemptId>(), device_id: Some(device), serial: Some(serial.to_owned()), site_id, technician_id: person, technician_name: "Tess".into(),
        client_id: app.state.new_id(), app_version: "0".into(), os: "o".into(), radio: "virtual".into(), protocol: None, security: None, firmware: Some("forged".into()),
        identity_verified: true, rssi: None, mtu: None, steps: vec![], grant_id: None, receipt: epoch.map(|_| "cmVjZWlwdA==".into()), epoch, network_name: None,
        outcome: AttemptOutcome::Succeeded, cause: None, started_at: Millis(1), ended_at: Millis(2),
    }))
}

#[tokio::test]
async fn a_record_moves_no_device_into_sight_or_out_of_it() {
    for app in App::both().await {
        let mut place = Place::of(&app).await;
        place.tess_pulls().await;
        let (hidden, seen, person) = (place.device(CANARY), place.device("E-1"), place.tess.actor.id);
        let before = place.staff.actor.get(&format!("/v1/devices/{hidden}")).await.expect(200);
        for (device, serial, site) in [(hidden, CANARY, Some(place.east)), (hidden, CANARY, None), (seen, "E-1", Some(place.west))] {
            let change = attempt(&app, person, device, &omniot_shared::ids::normal_serial(serial), site, Some(u32::MAX));
            place.tess.record(change);
            assert_eq!(place.tess.push().await[0].outcome, Outcome::Applied, "the evidence is kept");
        }
        assert_eq!(place.staff.actor.get(&format!("/v1/devices/{hidden}")).await.expect(200), before, "{}: nothing of it changed", app.engine);
        assert_eq!(place.staff.actor.get(&format!("/v1/devices/{seen}")).await.expect(200)["site_id"], json!(place.east));
        place.tess_pulls().await;
        assert_eq!(place.tess_serials(), serials(["E-1", "N-1"]));
        let attempts = place.tess.actor.get("/v1/attempts").await.expect(200).to_string();
        assert!(!attempts.contains(&format!("device {CANARY}")), "the name of a device out of sight: {attempts}");
    }
}

#[tokio::test]
async fn evidence_of_a_site_that_is_made_later_counts_in_its_checksum() {
    for app in App::both().await {
        let mut place = Place::of(&app).await;
        let oz = place.tenant.person(Role::Operator).await;
        let mut tablet = Tablet::for_actor(&place.tenant, oz.clone(), Role::Operator);
        tablet.sync().await;
        let site = tablet.new_site("Made offline");
        tablet.record(attempt(&app, oz.id, place.device("N-1"), "N-1", Some(site), None));
        place.staff.actor.put(&format!("/v1/people/{}/sites", oz.id), json!({"sites": []})).await.expect(200);
        let receipts = tablet.push().await;
        assert_eq!(receipts.iter().map(|receipt| receipt.outcome.is_accepted()).collect::<Vec<_>>(), [false, true]);
        place.staff.actor.put(&format!("/v1/people/{}/sites", oz.id), json!({"sites": null})).await.expect(200);
        let refused = receipts[0].intent_id;
        tablet.pull().await;
        client::retry(&mut tablet.store, refused, app.state.new_id(), app.state.now()).expect("memory never fails").expect("it needs attention").expect("it is allowed");
        tablet.push().await;
        db_checksum_holds(&place.tenant).await;
        place.show(Some(&[site])).await;
        place.tess_pulls().await;
        assert!(place.tess.site(site).is_some(), "{}", app.engine);
    }
}

#[tokio::test]
async fn grants_are_for_the_sites_of_their_technician() {
    for app in App::both().await {
        let place = Place::of(&app).await;
        let ask = || place.tess.actor.post("/v1/grants/pack", json!({"client_id": place.tess.meta().client_id, "count": 3}));
        let sites = |pack: &Value| -> Vec<Vec<SiteId>> {
            let packed = pack["grants"].as_array().expect("grants").iter().map(|grant| base64::engine::general_purpose::STANDARD.decode(grant.as_str().expect("text")).expect("base64"));
            packed.map(|bytes| omniot_shared::claim::SignedGrant(bytes).read().expect("a grant").sites).collect()
        };
        assert_eq!(sites(&ask().await.expect(200)), vec![vec![place.east]; 3], "{}", app.engine);
        place.show(Some(&[place.west])).await;
        assert_eq!(sites(&ask().await.expect(200)), vec![vec![place.west]; 3], "those for the other site are handed out no more");
        place.show(Some(&[])).await;
        assert_eq!(sites(&ask().await.expect(200)), Vec::<Vec<SiteId>>::new());
        place.show(None).await;
        assert_eq!(sites(&ask().await.expect(200)), vec![Vec::<SiteId>::new(); 3], "everywhere");
    }
}

#[tokio::test]
async fn rest_shows_and_changes_what_is_in_sight_only() {
    for app in App::both().await {
        let place = Place::of(&app).await;
        let oz = place.tenant.person(Role::Operator).await;
        place.staff.actor.put(&format!("/v1/people/{}/sites", oz.id), json!({"sites": [place.east]})).await.expect(200);
        for path in ["/v1/sites", "/v1/devices", "/v1/attempts"] {
            let all = oz.get(path).await.expect(200).to_string();
            assert!(!all.contains(CANARY), "{}: {path} shows {all}", app.engine);
        }
        assert_eq!(oz.get("/v1/devices").await.expect(200)["items"].as_array().map(Vec::len), Some(2));
        let (hidden, seen) = (place.device(CANARY), place.device("E-1"));
        for path in [format!("/v1/sites/{}", place.west), format!("/v1/devices/{hidden}"), format!("/v1/devices/{hidden}/attempts"), format!("/v1/devices/{hidden}/changes"), format!("/v1/devices/{hidden}/telemetry")] {
            assert_eq!(oz.get(&path).await.refusal(), (404, "not_found".to_owned()), "{path}");
        }
        assert_eq!(oz.patch(&format!("/v1/devices/{hidden}"), json!({"name": "x"})).await.refusal(), (404, "not_found".to_owned()));
        assert_eq!(oz.patch(&format!("/v1/sites/{}", place.west), json!({"name": "x"})).await.refusal(), (404, "not_found".to_owned()));
        let (there, nowhere) = (json!({"site_id": place.west}), json!({"site_id": app.state.new_id::<SiteId>()}));
        let moved = oz.patch(&format!("/v1/devices/{seen}"), there).await.refusal();
        assert_eq!(moved, oz.patch(&format!("/v1/devices/{seen}"), nowhere).await.refusal(), "out of sight is as not there");
        assert_eq!(moved, (422, "invalid_field".to_owned()));
        assert_eq!(oz.patch(&format!("/v1/models/{}", place.model), json!({"min_security": "sec1"})).await.refusal(), (403, "not_allowed".to_owned()), "models are everywhere's");
        assert_eq!(oz.post("/v1/sites", json!({"name": "Mine", "time_zone": "UTC"})).await.refusal(), (403, "not_allowed".to_owned()));
        assert_eq!(oz.patch(&format!("/v1/devices/{seen}"), json!({"name": "East one"})).await.expect(200)["name"], json!("East one"));
        let twin = json!({"serial": CANARY, "name": "twin", "model_id": place.model, "site_id": place.east});
        assert_eq!(oz.post("/v1/devices", twin).await.status, 404, "a device that stands elsewhere is not taken over by its serial number");
        assert_eq!(place.staff.actor.get(&format!("/v1/devices/{hidden}")).await.expect(200)["site_id"], json!(place.west));
    }
}

#[tokio::test]
async fn the_sites_of_a_person_are_chosen_by_those_who_manage_people() {
    for app in App::both().await {
        let place = Place::of(&app).await;
        let path = |id| format!("/v1/people/{id}/sites");
        let (tess, admin) = (place.tess.actor.id, place.staff.actor.id);
        let staff = &place.staff.actor;
        assert_eq!(staff.get(&path(tess)).await.expect(200), json!({"sites": [place.east], "groups": []}));
        assert_eq!(staff.put(&path(admin), json!({"sites": [place.east]})).await.refusal(), (422, "invalid_field".to_owned()), "who manages people sees all");
        assert_eq!(staff.put(&path(tess), json!({})).await.status, 422, "nothing said is not everything");
        let stranger: SiteId = app.state.new_id();
        assert_eq!(staff.put(&path(tess), json!({"sites": [stranger]})).await.refusal(), (422, "invalid_field".to_owned()));
        assert_eq!(staff.get(&path(tess)).await.expect(200), json!({"sites": [place.east], "groups": []}), "and nothing happened");
        assert_eq!(place.tess.actor.put(&path(tess), json!({"sites": null})).await.refusal(), (403, "not_allowed".to_owned()));
        let listed = staff.get("/v1/people?limit=100").await.expect(200);
        let flags: Vec<_> = listed["items"].as_array().expect("people").iter().map(|person| (person["id"] == json!(tess), person["all_sites"].as_bool())).collect();
        assert!(flags.contains(&(true, Some(false))) && !flags.contains(&(false, Some(false))), "{listed}");
        // Whoever manages people sees everything, for as long as they do.
        let hers = format!("/v1/people/{tess}");
        let role = |role: &str| staff.patch(&hers, json!({"role": role}));
        assert_eq!(role("admin").await.expect(200)["all_sites"], json!(true));
        assert_eq!(staff.get(&path(tess)).await.expect(200), json!({"sites": null, "groups": []}));
        assert_eq!(place.tess.actor.get(&format!("/v1/sites/{}", place.west)).await.status, 200);
        assert_eq!(role("technician").await.expect(200)["all_sites"], json!(false), "a day as an admin lifts nothing");
        assert_eq!(place.tess.actor.get(&format!("/v1/sites/{}", place.west)).await.status, 404);
        let audit = staff.get("/v1/audit?limit=100").await.expect(200).to_string();
        assert_eq!(audit.matches(r#""person.sites""#).count(), 1, "{audit}");
    }
}

#[tokio::test]
async fn who_is_invited_to_chosen_sites_never_sees_the_others() {
    for app in App::both().await {
        let place = Place::of(&app).await;
        let staff = &place.staff.actor;
        let invite = |email: &'static str, role: &'static str, sites: Value| staff.post("/v1/invitations", json!({"email": email, "role": role, "sites": sites}));
        assert_eq!(invite("a@acme.example", "admin", json!([place.east])).await.refusal(), (422, "invalid_field".to_owned()));
        assert_eq!(invite("a@acme.example", "viewer", json!([app.state.new_id::<SiteId>()])).await.refusal(), (422, "invalid_field".to_owned()));
        assert_eq!(invite("a@acme.example", "viewer", json!([place.east])).await.expect(201)["all_sites"], json!(false));
        let mut scope = place.tenant.db_write().await;
        let (link,): (String,) = scope.query("select link from mail where tenant_id = $1 and recipient = 'a@acme.example'").one().await.expect("a letter");
        drop(scope);
        let token = link.split("token=").nth(1).and_then(|rest| rest.split('&').next()).expect("a token");
        let joined = app.nobody().post("/v1/invitations/accept", json!({"token": token, "name": "Ada", "password": "nine orange umbrellas"})).await.expect(201);
        assert_eq!(joined["email"], json!("a@acme.example"));
        let people = staff.get("/v1/people?q=a@acme.example").await.expect(200);
        assert_eq!(people["items"][0]["all_sites"], json!(false), "{people}");
        let id = people["items"][0]["id"].as_str().expect("an id");
        assert_eq!(staff.get(&format!("/v1/people/{id}/sites")).await.expect(200), json!({"sites": [place.east], "groups": []}), "{}", app.engine);
    }
}

#[tokio::test]
async fn a_site_that_leaves_a_group_leaves_the_replicas_of_those_who_work_there() {
    for app in App::both().await {
        let mut place = Place::of(&app).await;
        let (east, west, tess) = (place.east, place.west, place.tess.actor.id);
        let staff = place.staff.actor.clone();
        let group = staff.post("/v1/site-groups", json!({"name": "Both", "sites": [east, west]})).await.expect(201);
        let path = format!("/v1/site-groups/{}", group["id"].as_str().expect("an id"));
        staff.put(&format!("/v1/people/{tess}/sites"), json!({"sites": [], "groups": [group["id"]]})).await.expect(200);
        place.tess_pulls().await;
        assert_eq!(place.tess_serials(), serials(["E-1", CANARY, "N-1"]), "{}", app.engine);
        let pack = async |tablet: &Tablet| tablet.actor.post("/v1/grants/pack", json!({"client_id": tablet.meta().client_id, "count": 1})).await.expect(200);
        let granted = |pack: &Value| -> BTreeSet<SiteId> {
            let bytes = base64::engine::general_purpose::STANDARD.decode(pack["grants"][0].as_str().expect("a grant")).expect("base64");
            omniot_shared::claim::SignedGrant(bytes).read().expect("a grant").sites.into_iter().collect()
        };
        assert_eq!(granted(&pack(&place.tess).await), BTreeSet::from([east, west]), "grants are for the sites of the group");
        let before = place.tess.meta().cursor;
        staff.patch(&path, json!({"version": 1, "sites": [east]})).await.expect(200);
        assert_eq!(granted(&pack(&place.tess).await), BTreeSet::from([east]));
        place.tess_pulls().await;
        assert_eq!(place.tess_serials(), serials(["E-1", "N-1"]), "its rows are gone");
        assert!(place.tess.meta().cursor > before, "it took a sequence");
        staff.patch(&path, json!({"version": 2, "sites": [west]})).await.expect(200);
        place.tess_pulls().await;
        assert_eq!(place.tess_serials(), serials([CANARY, "N-1"]));
        staff.delete(&path).await.expect(204);
        place.tess_pulls().await;
        assert_eq!(place.tess_serials(), serials(["N-1"]), "what is common stays");
        db_checksum_holds(&place.tenant).await;
    }
}

#[tokio::test]
async fn checksums_that_were_never_kept_are_those_of_the_rows() {
    for app in App::both().await {
        let mut place = Place::of(&app).await;
        let mut scope = place.tenant.db_write().await;
        scope.query("delete from sync_scope where tenant_id = $1").execute().await.expect("as after the migration");
        scope.commit().await.expect("a commit");
        place.tess_pulls().await;
        assert!(matches!(place.staff.pull().await, Published::Now { .. }));
        place.plan("E-9", Some(place.east));
        place.staff.sync().await;
        db_checksum_holds(&place.tenant).await;
        place.tess_pulls().await;
        assert_eq!(place.tess_serials(), serials(["E-1", "E-9", "N-1"]));
    }
}

#[tokio::test]
async fn who_was_away_for_four_months_gets_everything_anew_and_keeps_their_work() {
    const DAY: i64 = 24 * 3_600_000;
    for app in App::both().await {
        let mut place = Place::of(&app).await;
        let (east, west) = (place.east, place.west);
        place.tess_pulls().await;
        let seen = place.device("E-1");
        place.move_to("E-1", west).await;
        app.pass(89 * DAY);
        // Sessions have ended meanwhile; whoever comes back signs in again.
        place.staff.actor = place.tenant.session_of(&place.staff.actor).await;
        place.move_to("N-1", west).await;
        let tombstones = async |tenant: &Tenant| {
            let mut scope = tenant.db_write().await;
            scope.query("select count(*) from tombstone where tenant_id = $1").one::<(i64,)>().await.expect("a count").0
        };
        assert_eq!(tombstones(&place.tenant).await, 2, "{}: both are told of", app.engine);
        // Tess changes the device that has left her sight, without knowing it.
        let patch = DevicePatch { name: Patch::Set("renamed long ago".into()), ..DevicePatch::default() };
        place.tess.record(Change::DeviceUpdate(DeviceUpdate { id: seen, patch }));
        app.pass(31 * DAY);
        let (tess, staff) = (place.tenant.session_of(&place.tess.actor).await, place.tenant.session_of(&place.staff.actor).await);
        (place.tess.actor, place.staff.actor) = (tess, staff);
        place.move_to(CANARY, east).await;
        assert_eq!(tombstones(&place.tenant).await, 2, "the oldest one is forgotten");
        let receipts = place.tess.push().await;
        assert!(receipts[0].outcome.refusal().is_some(), "{receipts:?}");
        let pull = Pull::begin(&place.tess.store).expect("memory never fails");
        let reply = place.tess.actor.post("/v1/sync/pull", json!(pull.request())).await;
        assert!(matches!(frames(&reply.bytes).first(), Some(Frame::Begin(begin)) if begin.fresh), "its cursor is of no use");
        place.tess.take(pull, &frames(&reply.bytes)).expect("it is whole");
        assert_eq!(place.tess_serials(), serials([CANARY]), "{}", app.engine);
        assert_eq!(place.tess.store.entries().filter(|entry| entry.state.name() == "attention").count(), 1, "the work stands under attention");
        assert!(matches!(place.staff.pull().await, Published::Now { .. }));
        db_checksum_holds(&place.tenant).await;
    }
}
