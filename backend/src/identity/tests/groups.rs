//! Facts about groups of sites, and about those who work at the sites of one.

use omniot_shared::{
    ids::{SiteGroupId, SiteId},
    roles::Role,
};
use serde_json::{Value, json};

use super::{db_actions, db_mailed_token, names};
use crate::{
    db::Event,
    testing::{Actor, App, Tenant},
};

/// Somebody who manages people, somebody who works at chosen sites, and three sites with a device each.
struct Place {
    tenant: Tenant,
    admin: Actor,
    tess: Actor,
    sites: [Value; 3],
}

impl Place {
    async fn of(app: &App, name: &str) -> Self {
        let tenant = app.tenant(name).await;
        let (admin, tess) = (tenant.person(Role::Admin).await, tenant.person(Role::Technician).await);
        let model = admin.post("/v1/models", json!({"name": "Sensor", "sku": "S1", "min_security": "sec1"})).await.expect(201)["id"].clone();
        let mut sites = Vec::new();
        for site in ["East", "North", "West"] {
            let id = admin.post("/v1/sites", json!({"name": site, "time_zone": "UTC"})).await.expect(201)["id"].clone();
            admin.post("/v1/devices", json!({"serial": site, "name": site, "model_id": model, "site_id": id})).await.expect(201);
            sites.push(id);
        }
        Self { tenant, admin, tess, sites: sites.try_into().expect("three") }
    }

    async fn group(&self, name: &str, sites: &[&Value]) -> Value {
        self.admin.post("/v1/site-groups", json!({"name": name, "sites": sites})).await.expect(201)
    }

    /// All its sites from now on.
    async fn fill(&self, group: &Value, sites: &[&Value]) {
        let version = self.admin.get(&path(group)).await.expect(200)["version"].clone();
        self.admin.patch(&path(group), json!({"version": version, "sites": sites})).await.expect(200);
    }

    async fn show(&self, sites: &[&Value], groups: &[&Value]) {
        self.admin.put(&format!("/v1/people/{}/sites", self.tess.id), json!({"sites": sites, "groups": groups})).await.expect(200);
    }

    /// What she sees, the same in lists and one by one.
    async fn seen(&self) -> Vec<String> {
        let sites = self.tess.get("/v1/sites").await.expect(200);
        let devices = self.tess.get("/v1/devices").await.expect(200);
        assert_eq!(names(&sites), names(&devices), "a site is seen with what stands there");
        for (name, id) in ["East", "North", "West"].iter().zip(&self.sites) {
            let shown = self.tess.get(&format!("/v1/sites/{}", id.as_str().expect("an id"))).await.status;
            assert_eq!(shown == 200, names(&sites).contains(name), "{name} is answered {shown}");
        }
        names(&sites).into_iter().map(str::to_owned).collect()
    }
}

fn path(group: &Value) -> String {
    format!("/v1/site-groups/{}", group["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn a_group_is_made_renamed_filled_and_deleted_and_written_down() {
    for app in App::both().await {
        let place = Place::of(&app, "acme").await;
        let [east, north, _] = &place.sites;
        let before = db_actions(&place.tenant).await.len();
        let made = place.group("  Süd  ", &[east, east]).await;
        assert_eq!((&made["name"], &made["sites"], &made["version"]), (&json!("Süd"), &json!([east]), &json!(1)));
        assert_eq!(place.admin.get(&path(&made)).await.expect(200), made, "{}", app.engine);
        let renamed = place.admin.patch(&path(&made), json!({"version": 1, "name": "South"})).await.expect(200);
        assert_eq!((&renamed["name"], &renamed["sites"], &renamed["version"]), (&json!("South"), &json!([east]), &json!(2)), "what is absent stays");
        let filled = place.admin.patch(&path(&made), json!({"version": 2, "sites": [north, east]})).await.expect(200);
        assert_eq!(filled["sites"].as_array().map(Vec::len), Some(2));
        place.group("North", &[]).await;
        let listed = place.admin.get("/v1/site-groups").await.expect(200);
        assert_eq!((names(&listed), &listed["items"][1]["counts"]), (vec!["North", "South"], &json!({"sites": 2, "people": 0})));
        assert_eq!(names(&place.admin.get("/v1/site-groups?q=SOU").await.expect(200)), ["South"]);
        let first = place.admin.get("/v1/site-groups?limit=1").await.expect(200);
        let rest = place.admin.get(&format!("/v1/site-groups?cursor={}", first["next"].as_str().expect("more"))).await.expect(200);
        assert_eq!((names(&first), names(&rest)), (vec!["North"], vec!["South"]));
        place.admin.delete(&path(&made)).await.expect(204);
        assert_eq!(place.admin.get(&path(&made)).await.refusal(), (404, "not_found".to_owned()));
        assert_eq!(names(&place.admin.get("/v1/sites").await.expect(200)).len(), 3, "its sites stay");
        assert_eq!(db_actions(&place.tenant).await[before..], ["site_group.create", "site_group.update", "site_group.update", "site_group.create", "site_group.delete"]);
        let entry = &place.admin.get("/v1/audit?action=site_group.delete").await.expect(200)["items"][0];
        assert_eq!((&entry["target"]["kind"], &entry["target"]["id"], &entry["target"]["name"]), (&json!("site_group"), &made["id"], &json!("South")));
    }
}

#[tokio::test]
async fn two_groups_are_never_called_alike_however_it_is_spelled() {
    for app in App::both().await {
        let (place, other) = (Place::of(&app, "acme").await, Place::of(&app, "bolt").await);
        let made = place.group("Süd", &[]).await;
        let second = place.group("Nord", &[]).await;
        for name in ["süd", "SUD", " Süd\u{200b}"] {
            let reply = place.admin.post("/v1/site-groups", json!({"name": name})).await;
            assert_eq!((reply.refusal(), &reply.json()["error"]["field"]), ((409, "name_taken".to_owned()), &json!("name")), "{name} on {}", app.engine);
            assert_eq!(place.admin.patch(&path(&second), json!({"version": 1, "name": name})).await.refusal(), (409, "name_taken".to_owned()), "{name}");
        }
        assert_eq!(place.admin.patch(&path(&made), json!({"version": 1, "name": "SÜD"})).await.expect(200)["name"], "SÜD", "one's own name is free");
        other.group("Süd", &[]).await;
        for bad in ["", "  ", &"x".repeat(121), "a\nb"] {
            assert_eq!(place.admin.post("/v1/site-groups", json!({"name": bad})).await.refusal(), (422, "invalid_field".to_owned()), "{bad:?}");
        }
    }
}

#[tokio::test]
async fn the_same_twice_happens_once_and_what_was_not_seen_is_not_overwritten() {
    for app in App::both().await {
        let place = Place::of(&app, "acme").await;
        let [east, north, west] = &place.sites;
        let body = json!({"id": app.state.new_id::<SiteGroupId>(), "name": "Coast", "sites": [east]});
        let made = place.admin.post("/v1/site-groups", body.clone()).await.expect(201);
        assert_eq!(place.admin.post("/v1/site-groups", body).await.refusal(), (409, "already_exists".to_owned()));
        let fill = json!({"version": 1, "sites": [east, north]});
        let filled = place.admin.patch(&path(&made), fill.clone()).await.expect(200);
        let written = db_actions(&place.tenant).await.len();
        assert_eq!(place.admin.patch(&path(&made), fill).await.expect(200), filled, "{}: sent twice", app.engine);
        assert_eq!(db_actions(&place.tenant).await.len(), written, "and nothing is written down again");
        for late in [json!({"version": 1, "sites": [west]}), json!({"version": 1, "name": "Hills"}), json!({"version": 3, "name": "Hills"})] {
            assert_eq!(place.admin.patch(&path(&made), late.clone()).await.refusal(), (409, "stale".to_owned()), "{late}");
        }
        assert_eq!(place.admin.patch(&path(&made), json!({"name": "Hills"})).await.status, 422, "whoever changes it says what they have seen");
        assert_eq!(place.admin.get(&path(&made)).await.expect(200), filled);
        place.admin.delete(&path(&made)).await.expect(204);
        assert_eq!(place.admin.delete(&path(&made)).await.refusal(), (404, "not_found".to_owned()));
    }
}

#[tokio::test]
async fn what_is_of_another_tenant_is_as_if_it_was_not_there() {
    for app in App::both().await {
        let (place, other) = (Place::of(&app, "acme").await, Place::of(&app, "bolt").await);
        let theirs = other.group("Theirs", &[&other.sites[0]]).await;
        let nothing: SiteGroupId = app.state.new_id();
        for group in [path(&theirs), format!("/v1/site-groups/{nothing}"), "/v1/site-groups/sgr_1".to_owned()] {
            assert_eq!(place.admin.get(&group).await.refusal(), (404, "not_found".to_owned()), "{group}");
            assert_eq!(place.admin.patch(&group, json!({"version": 1, "name": "Mine"})).await.refusal(), (404, "not_found".to_owned()), "{group}");
            assert_eq!(place.admin.delete(&group).await.refusal(), (404, "not_found".to_owned()), "{group}");
        }
        let ours = place.group("Ours", &[]).await;
        let people = format!("/v1/people/{}/sites", place.tess.id);
        for (site, group) in [(other.sites[0].clone(), theirs["id"].clone()), (json!(app.state.new_id::<SiteId>()), json!(nothing))] {
            let refused = |reply: crate::testing::Reply| (reply.refusal(), reply.json()["error"]["field"].clone());
            let wrong = |field: &str| ((422, "invalid_field".to_owned()), json!(field));
            assert_eq!(refused(place.admin.post("/v1/site-groups", json!({"name": "With a stranger", "sites": [site]})).await), wrong("sites"));
            assert_eq!(refused(place.admin.patch(&path(&ours), json!({"version": 1, "sites": [place.sites[0], site]})).await), wrong("sites"));
            assert_eq!(refused(place.admin.put(&people, json!({"sites": [], "groups": [group]})).await), wrong("groups"));
            assert_eq!(refused(place.admin.post("/v1/invitations", json!({"email": "a@b.example", "role": "viewer", "sites": [], "groups": [group]})).await), wrong("groups"));
        }
        assert_eq!(place.admin.get(&people).await.expect(200), json!({"sites": null, "groups": []}), "{}: nothing came of it", app.engine);
        assert_eq!(names(&place.admin.get("/v1/site-groups").await.expect(200)), ["Ours"]);
        assert_eq!(place.admin.get(&path(&ours)).await.expect(200)["sites"], json!([]));
        for (method, path, body) in [("GET", "/v1/site-groups".to_owned(), None), ("POST", "/v1/site-groups".to_owned(), Some(json!({"name": "x"}))), ("GET", path(&ours), None), ("PATCH", path(&ours), Some(json!({"version": 1}))), ("DELETE", path(&ours), None)] {
            let method = axum::http::Method::from_bytes(method.as_bytes()).expect("a method");
            assert_eq!(place.tess.call(method, &path, body).await.refusal(), (403, "not_allowed".to_owned()), "{path}");
        }
    }
}

#[tokio::test]
async fn what_a_person_sees_follows_their_groups_at_once() {
    for app in App::both().await {
        let place = Place::of(&app, "acme").await;
        let [east, north, west] = &place.sites;
        let (one, two) = (place.group("One", &[]).await, place.group("Two", &[north]).await);
        place.show(&[east], &[&one["id"], &two["id"]]).await;
        assert_eq!(place.seen().await, ["East", "North"], "{}: chosen sites and those of groups", app.engine);
        let mut events = app.state.bus.subscribe(place.tenant.id);
        place.fill(&one, &[north, west]).await;
        assert_eq!(place.seen().await, ["East", "North", "West"]);
        assert_eq!(events.try_recv(), Ok(Event::AccessChanged), "open streams are told");
        assert!(matches!(events.try_recv(), Ok(Event::Changed { .. })), "and their apps have something to pull");
        place.fill(&two, &[]).await;
        assert_eq!(place.seen().await, ["East", "North", "West"], "what is in another group, too, stays");
        place.fill(&one, &[west]).await;
        assert_eq!(place.seen().await, ["East", "West"]);
        place.admin.delete(&path(&one)).await.expect(204);
        assert_eq!(place.seen().await, ["East"], "without the group they keep their other sites");
        assert_eq!(place.admin.get(&format!("/v1/people/{}/sites", place.tess.id)).await.expect(200), json!({"sites": [east], "groups": [two["id"]]}));
        place.fill(&two, &[east, west]).await;
        // What is not there any more, whoever did away with it, is in no group.
        let mut scope = place.tenant.db_write().await;
        let west: SiteId = west.as_str().expect("an id").parse().expect("an id");
        scope.query("update device set site_id = null where tenant_id = $1 and site_id = $2").bind(west).execute().await.expect("as if nothing stood there");
        scope.query("delete from site where tenant_id = $1 and id = $2").bind(west).execute().await.expect("a site that is gone");
        scope.commit().await.expect("a commit");
        assert_eq!(place.admin.get(&path(&two)).await.expect(200)["sites"], json!([east]));
    }
}

#[tokio::test]
async fn a_change_of_a_group_that_nobody_is_limited_by_ends_nothing() {
    for app in App::both().await {
        let place = Place::of(&app, "acme").await;
        let [east, north, _] = &place.sites;
        let group = place.group("Coast", &[east]).await;
        place.show(&[], &[&group["id"]]).await;
        let mut events = app.state.bus.subscribe(place.tenant.id);
        place.admin.patch(&path(&group), json!({"version": 1, "name": "Shore"})).await.expect(200);
        assert!(events.try_recv().is_err(), "{}: a name takes nothing from anybody", app.engine);
        // Whoever manages people sees everything, whatever was chosen for them.
        place.admin.patch(&format!("/v1/people/{}", place.tess.id), json!({"role": "admin"})).await.expect(200);
        while events.try_recv().is_ok() {}
        place.fill(&group, &[north]).await;
        place.admin.delete(&path(&group)).await.expect(204);
        assert!(events.try_recv().is_err());
        place.admin.patch(&format!("/v1/people/{}", place.tess.id), json!({"role": "technician"})).await.expect(200);
        assert_eq!(place.seen().await, Vec::<String>::new(), "and when they no longer do, the group is gone");
    }
}

#[tokio::test]
async fn what_a_deletion_takes_is_said_before() {
    for app in App::both().await {
        let place = Place::of(&app, "acme").await;
        let [east, north, west] = &place.sites;
        let (one, two) = (place.group("One", &[east, north, west]).await, place.group("Two", &[north]).await);
        let relied_on = async || place.admin.get(&path(&one)).await.expect(200)["relied_on"].clone();
        assert_eq!(relied_on().await, json!({"people": 0, "sites": 0}));
        place.show(&[east], &[&one["id"], &two["id"]]).await;
        assert_eq!(relied_on().await, json!({"people": 1, "sites": 1}), "{}: the eastern site and the northern one are seen without it, too", app.engine);
        let (val, ida) = (place.tenant.person(Role::Viewer).await, place.tenant.person(Role::Viewer).await);
        place.admin.put(&format!("/v1/people/{}/sites", val.id), json!({"sites": [], "groups": [one["id"]]})).await.expect(200);
        place.admin.put(&format!("/v1/people/{}/sites", ida.id), json!({"sites": [east, north, west], "groups": [one["id"]]})).await.expect(200);
        assert_eq!(relied_on().await, json!({"people": 2, "sites": 3}));
        place.admin.patch(&format!("/v1/people/{}", val.id), json!({"role": "admin"})).await.expect(200);
        assert_eq!(relied_on().await, json!({"people": 1, "sites": 1}), "who manages people loses nothing");
        assert_eq!(place.admin.get("/v1/site-groups").await.expect(200)["items"][0]["counts"], json!({"sites": 3, "people": 2}));
    }
}

#[tokio::test]
async fn where_a_person_works_is_said_as_a_whole() {
    for app in App::both().await {
        let place = Place::of(&app, "acme").await;
        let group = place.group("Coast", &[&place.sites[0]]).await["id"].clone();
        let path = format!("/v1/people/{}/sites", place.tess.id);
        let put = |body: Value| place.admin.put(&path, body);
        assert_eq!(put(json!({"sites": null, "groups": [group]})).await.refusal(), (422, "invalid_field".to_owned()), "everywhere has no groups");
        assert_eq!(put(json!({"sites": [], "groups": [group, group]})).await.expect(200), json!({"sites": [], "groups": [group]}));
        let written = db_actions(&place.tenant).await.len();
        put(json!({"sites": [], "groups": [group]})).await.expect(200);
        assert_eq!(db_actions(&place.tenant).await.len(), written, "the same once more is no change");
        assert_eq!(put(json!({"sites": []})).await.expect(200), json!({"sites": [], "groups": [group]}), "who knows of no groups takes none away");
        assert_eq!(put(json!({"sites": [], "groups": []})).await.expect(200), json!({"sites": [], "groups": []}));
        assert_eq!(place.seen().await, Vec::<String>::new(), "{}", app.engine);
        put(json!({"sites": [], "groups": [group]})).await.expect(200);
        put(json!({"sites": null})).await.expect(200);
        assert_eq!(place.seen().await.len(), 3);
        put(json!({"sites": []})).await.expect(200);
        assert_eq!(place.seen().await, Vec::<String>::new(), "a group of before is not theirs again");
    }
}

#[tokio::test]
async fn people_are_listed_with_their_groups_for_those_who_manage_them() {
    for app in App::both().await {
        let place = Place::of(&app, "acme").await;
        let (b, a) = (place.group("Beta", &[]).await, place.group("Alpha", &[]).await);
        place.show(&[], &[&b["id"], &a["id"]]).await;
        let row = async |reader: &Actor| {
            let listed = reader.get("/v1/people?limit=200").await.expect(200);
            listed["items"].as_array().expect("people").iter().find(|row| row["id"] == json!(place.tess.id)).expect("she is listed").clone()
        };
        let both = json!([{"id": a["id"], "name": "Alpha"}, {"id": b["id"], "name": "Beta"}]);
        assert_eq!(row(&place.admin).await["groups"], both, "{}", app.engine);
        let renamed = place.admin.patch(&format!("/v1/people/{}", place.tess.id), json!({"name": "Tess"})).await.expect(200);
        assert_eq!(renamed["groups"], both);
        let viewer = place.tenant.person(Role::Viewer).await;
        assert_eq!(row(&viewer).await["groups"], json!(null), "what groups are called is not everybody's");
        let raised = place.admin.patch(&format!("/v1/people/{}", place.tess.id), json!({"role": "admin"})).await.expect(200);
        assert_eq!((&raised["all_sites"], &raised["groups"]), (&json!(true), &json!([])), "they count for nothing now");
    }
}

#[tokio::test]
async fn who_is_invited_to_a_group_sees_its_sites_as_they_are_when_they_come() {
    for app in App::both().await {
        let place = Place::of(&app, "acme").await;
        let [east, north, west] = &place.sites;
        let (kept, gone) = (place.group("Kept", &[east]).await, place.group("Gone", &[west]).await);
        let invite = |email: &'static str, role: &'static str, sites: Value| place.admin.post("/v1/invitations", json!({"email": email, "role": role, "sites": sites, "groups": [kept["id"], gone["id"]]}));
        assert_eq!(invite("a@acme.example", "viewer", json!(null)).await.refusal(), (422, "invalid_field".to_owned()));
        assert_eq!(invite("a@acme.example", "admin", json!([])).await.refusal(), (422, "invalid_field".to_owned()));
        assert_eq!(invite("a@acme.example", "viewer", json!([])).await.expect(201)["all_sites"], json!(false));
        place.fill(&kept, &[north]).await;
        place.admin.delete(&path(&gone)).await.expect(204);
        let token = db_mailed_token(&place.tenant, "a@acme.example").await;
        app.nobody().post("/v1/invitations/accept", json!({"token": token, "name": "Ada", "password": "nine orange umbrellas"})).await.expect(201);
        let ada = super::signed_in(&app, "acme", "a@acme.example", "nine orange umbrellas").await;
        assert_eq!(names(&ada.get("/v1/sites").await.expect(200)), ["North"], "{}", app.engine);
    }
}
