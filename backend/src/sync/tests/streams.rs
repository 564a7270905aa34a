//! Pokes: at once, together, and cut when access ends.

use std::time::Duration;

use axum::body::BodyDataStream;
use futures::StreamExt as _;
use omniot_shared::sync::{Seq, wire::Poke};
use tokio::time::{Instant, timeout};
use tower::ServiceExt as _;

use super::*;
use crate::db::Event;

/// An open stream.
pub(super) struct Ear(BodyDataStream);

impl Ear {
    pub(super) async fn of(app: &App, actor: &Actor) -> Self {
        let request = axum::http::Request::get("/v1/sync/stream").header("authorization", format!("Bearer {}", actor.token)).body(axum::body::Body::empty()).expect("a request");
        let response = crate::build(app.state.clone()).oneshot(request).await.expect("a response");
        assert_eq!(response.status(), 200);
        Self(response.into_body().into_data_stream())
    }

    /// The next piece of the stream; `None` at its end.
    async fn hear(&mut self) -> Option<String> {
        let piece = timeout(Duration::from_secs(1), self.0.next()).await.expect("something within a second")?;
        Some(String::from_utf8(piece.expect("a piece").to_vec()).expect("text"))
    }

    /// The next poke, and its text.
    pub(super) async fn poke(&mut self) -> (Poke, String) {
        let text = self.hear().await.expect("a poke");
        let data = text.strip_prefix("event: changed\ndata: ").unwrap_or_else(|| panic!("{text}"));
        (serde_json::from_str(data.trim_end()).expect("a poke"), text)
    }

    async fn is_silent(&mut self) -> bool {
        timeout(Duration::from_millis(100), self.0.next()).await.is_err()
    }
}

#[tokio::test]
async fn a_change_by_anybody_in_the_tenant_is_poked_once_with_its_sequence() {
    for app in App::both().await {
        let (tenant, other) = (app.tenant("acme").await, app.tenant("globex").await);
        let (mut a, b) = (Tablet::of(&tenant, Role::Admin).await, Tablet::of(&tenant, Role::Viewer).await);
        let mut ear = Ear::of(&app, &b.actor).await;
        assert_eq!(ear.hear().await.as_deref(), Some("event: changed\ndata: {\"seq\":0}\n\n"), "at once where the server stands");
        for n in 0..30 {
            a.new_site(&format!("site {n}"));
        }
        a.push().await;
        assert_eq!(ear.poke().await.0.seq, Seq(30), "one poke for a whole push");
        a.actor.post("/v1/sites", json!({"name": "by REST", "time_zone": "UTC"})).await.expect(201);
        assert_eq!(ear.poke().await.0.seq, Seq(31));
        let mut theirs = Tablet::of(&other, Role::Admin).await;
        theirs.new_site("elsewhere");
        theirs.push().await;
        assert!(ear.is_silent().await, "another tenant's changes are not heard");
    }
}

#[tokio::test]
async fn a_stream_ends_within_a_second_when_its_person_is_removed_or_signs_out() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let owner = tenant.person(Role::Owner).await;
        let (removed, signed_out, stays) = (tenant.person(Role::Viewer).await, tenant.person(Role::Viewer).await, tenant.person(Role::Viewer).await);
        let (mut one, mut two, mut three) = (Ear::of(&app, &removed).await, Ear::of(&app, &signed_out).await, Ear::of(&app, &stays).await);
        for ear in [&mut one, &mut two, &mut three] {
            ear.hear().await.expect("the first poke");
        }
        owner.delete(&format!("/v1/people/{}", removed.id)).await.expect(204);
        assert_eq!(one.hear().await.as_deref(), Some("event: closed\ndata: {\"code\":\"not_signed_in\"}\n\n"));
        assert_eq!(one.hear().await, None);
        signed_out.delete("/v1/sessions/current").await.expect(204);
        assert_eq!(two.hear().await.as_deref(), Some("event: closed\ndata: {\"code\":\"not_signed_in\"}\n\n"));
        assert_eq!(two.hear().await, None);
        assert!(three.is_silent().await, "whoever may stay, stays");
    }
}

#[tokio::test]
async fn a_stream_ends_when_a_group_of_its_person_is_filled_otherwise_and_the_others_go_on() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let admin = tenant.person(Role::Admin).await;
        let (limited, elsewhere) = (tenant.person(Role::Viewer).await, tenant.person(Role::Viewer).await);
        let site = admin.post("/v1/sites", json!({"name": "East", "time_zone": "UTC"})).await.expect(201)["id"].clone();
        let group = admin.post("/v1/site-groups", json!({"name": "Coast"})).await.expect(201)["id"].clone();
        admin.put(&format!("/v1/people/{}/sites", limited.id), json!({"sites": [], "groups": [group]})).await.expect(200);
        admin.put(&format!("/v1/people/{}/sites", elsewhere.id), json!({"sites": []})).await.expect(200);
        let (mut one, mut two) = (Ear::of(&app, &limited).await, Ear::of(&app, &elsewhere).await);
        for ear in [&mut one, &mut two] {
            ear.hear().await.expect("the first poke");
        }
        admin.patch(&format!("/v1/site-groups/{}", group.as_str().expect("an id")), json!({"version": 1, "sites": [site]})).await.expect(200);
        assert_eq!(one.hear().await.as_deref(), Some("event: closed\ndata: {\"code\":\"not_allowed\"}\n\n"), "on {}", app.engine);
        assert_eq!(one.hear().await, None);
        two.poke().await;
        assert!(two.is_silent().await, "whose sites are the same goes on");
    }
}

#[tokio::test]
async fn a_stream_that_may_have_missed_something_looks_again_at_both() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (stays, goes) = (tenant.person(Role::Viewer).await, tenant.person(Role::Viewer).await);
        let (mut one, mut two) = (Ear::of(&app, &stays).await, Ear::of(&app, &goes).await);
        for ear in [&mut one, &mut two] {
            ear.hear().await.expect("the first poke");
        }
        let mut scope = tenant.db_write().await;
        scope.next_seq(3).await.expect("numbers");
        scope.query("delete from session where tenant_id = $1 and person_id = $2").bind(goes.id).execute().await.expect("signed out");
        scope.commit().await.expect("a commit that tells nobody");
        assert!(one.is_silent().await && two.is_silent().await);
        app.state.bus.doubt();
        assert_eq!(one.hear().await.as_deref(), Some("event: changed\ndata: {\"seq\":3}\n\n"), "on {}", app.engine);
        assert_eq!(two.hear().await.as_deref(), Some("event: closed\ndata: {\"code\":\"not_signed_in\"}\n\n"));
        assert!(one.is_silent().await, "once");
    }
}

#[tokio::test]
async fn streams_and_calls_of_a_suspended_tenant_are_refused_at_once_and_nobody_else_notices() {
    for app in App::both().await {
        let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
        let (a, g) = (acme.person(Role::Admin).await, globex.person(Role::Admin).await);
        let (mut ear, mut other) = (Ear::of(&app, &a).await, Ear::of(&app, &g).await);
        ear.hear().await.expect("the first poke");
        other.hear().await.expect("the first poke");
        app.operator().await.post(&format!("/v1/operator/tenants/{}/suspend", acme.id), json!({"reason": "unpaid"})).await;
        assert_eq!(ear.hear().await.as_deref(), Some("event: closed\ndata: {\"code\":\"tenant_suspended\"}\n\n"));
        assert_eq!(ear.hear().await, None);
        let client: ClientId = app.state.new_id();
        assert_eq!(a.post("/v1/sync/pull", json!(from_nothing(client))).await.refusal(), (403, "tenant_suspended".into()));
        assert_eq!(a.post("/v1/sync/push", json!(push_of(&app, client, vec![]))).await.refusal(), (403, "tenant_suspended".into()));
        assert!(other.is_silent().await);
    }
}

#[tokio::test]
async fn a_stream_ends_when_its_person_comes_to_see_other_sites_and_the_others_hear_of_it() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (owner, tess) = (tenant.person(Role::Owner).await, tenant.person(Role::Technician).await);
        let (mut hers, mut other) = (Ear::of(&app, &tess).await, Ear::of(&app, &owner).await);
        hers.hear().await.expect("the first poke");
        other.hear().await.expect("the first poke");
        owner.put(&format!("/v1/people/{}/sites", tess.id), json!({"sites": []})).await.expect(200);
        assert_eq!(hers.hear().await.as_deref(), Some("event: closed\ndata: {\"code\":\"not_allowed\"}\n\n"), "on {}", app.engine);
        assert_eq!(hers.hear().await, None);
        assert_eq!(other.hear().await.as_deref(), Some("event: changed\ndata: {\"seq\":1}\n\n"), "it took a sequence");
        let mut again = Ear::of(&app, &tess).await;
        assert_eq!(again.hear().await.as_deref(), Some("event: changed\ndata: {\"seq\":1}\n\n"), "with something to pull");
    }
}

impl Tablet {
    /// Takes what came with a poke, as the app does; `None` where it does not go on from what is here.
    fn take_news(&mut self, poke: Poke) -> Option<Published> {
        let (pull, checkpoint) = Pull::of_poke(&self.store, poke.frames).expect("memory never fails")?;
        Some(client::publish(&mut self.store, pull, &checkpoint, self.app.state.now()).expect("memory never fails"))
    }
}

#[tokio::test]
async fn a_small_change_comes_with_its_poke_and_a_large_one_is_pulled() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (mut a, mut b) = (Tablet::of(&tenant, Role::Admin).await, Tablet::of(&tenant, Role::Viewer).await);
        let (kept, other) = (a.new_site("one"), a.new_site("two"));
        a.sync().await;
        b.sync().await;
        let mut ear = Ear::of(&app, &b.actor).await;
        ear.poke().await;
        a.rename(kept, "renamed");
        a.rename(other, "renamed, too");
        a.sync().await;
        let published = b.take_news(ear.poke().await.0);
        assert!(matches!(published, Some(Published::Now { seq: Seq(4), changes: 2, departed: false })), "{published:?} ({})", app.engine);
        assert_eq!((a.rows(), a.meta().checksum), (b.rows(), b.meta().checksum), "nothing was pulled, and all is there");
        for n in 0..65 {
            a.new_site(&format!("many {n}"));
        }
        a.sync().await;
        let large = ear.poke().await.0;
        assert_eq!((large.seq, large.frames.len()), (Seq(69), 0), "this has to be fetched");
        a.rename(kept, "renamed again");
        a.sync().await;
        let small = ear.poke().await.0;
        assert!(!small.frames.is_empty());
        assert_eq!(b.take_news(small), None, "it does not go on from here");
        b.sync().await;
        assert_eq!(a.rows(), b.rows());
        db_checksum_holds(&tenant).await;
    }
}

#[tokio::test]
async fn the_first_change_is_poked_at_once_and_those_of_the_next_eight_milliseconds_together() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let listener = tenant.person(Role::Viewer).await;
        let mut ear = Ear::of(&app, &listener).await;
        ear.poke().await;
        // Nothing below asks the store, so its clock may stand still.
        tokio::time::pause();
        let (bus, ms) = (&app.state.bus, Duration::from_millis);
        let tell = |seq| bus.relay(tenant.id, Event::changed(seq));
        let began = Instant::now();
        tell(1);
        assert_eq!((ear.poke().await.0.seq, began.elapsed()), (Seq(1), ms(0)), "at once");
        let three_more = async {
            tell(2);
            tokio::time::sleep(ms(3)).await;
            tell(3);
            tokio::time::sleep(ms(3)).await;
            tell(4);
        };
        let (heard, ()) = tokio::join!(ear.poke(), three_more);
        assert_eq!(heard.0.seq, Seq(4), "three are one");
        // A timer goes off within the millisecond after its time.
        assert!((ms(8)..=ms(9)).contains(&began.elapsed()), "{:?}", began.elapsed());
        tokio::time::sleep(ms(20)).await;
        tell(5);
        let began = Instant::now();
        assert_eq!((ear.poke().await.0.seq, began.elapsed()), (Seq(5), ms(0)), "and after a rest at once again");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_silent_stream_beats_every_25_seconds_and_looks_at_its_right_then() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let listener = tenant.person(Role::Viewer).await;
        let mut ear = Ear::of(&app, &listener).await;
        ear.poke().await;
        later(24).await;
        assert!(ear.is_silent().await, "on {}", app.engine);
        later(1).await;
        assert_eq!(ear.hear().await.as_deref(), Some(": \n\n"));
        let mut scope = tenant.db_write().await;
        scope.query("delete from session where tenant_id = $1 and person_id = $2").bind(listener.id).execute().await.expect("it ended");
        scope.commit().await.expect("a commit that tells nobody");
        assert!(ear.is_silent().await);
        later(25).await;
        assert_eq!(ear.hear().await.as_deref(), Some("event: closed\ndata: {\"code\":\"not_signed_in\"}\n\n"), "on {}", app.engine);
    }
}

/// So many seconds pass at once.
async fn later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn whoever_is_limited_to_sites_is_told_that_something_changed_and_not_what() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (mut staff, tess) = (Tablet::of(&tenant, Role::Admin).await, tenant.person(Role::Technician).await);
        let west = staff.new_site("canary-of-the-west");
        staff.sync().await;
        staff.actor.put(&format!("/v1/people/{}/sites", tess.id), json!({"sites": []})).await.expect(200);
        let mut ear = Ear::of(&app, &tess).await;
        ear.poke().await;
        for n in 0..3 {
            staff.rename(west, &format!("canary-of-the-west {n}"));
            staff.sync().await;
            let (poke, text) = ear.poke().await;
            assert_eq!(poke.frames, [], "on {}", app.engine);
            assert!(!text.contains("canary"), "{text}");
        }
    }
}

#[tokio::test]
async fn nothing_is_told_over_a_gap_in_what_was_heard() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (owner, other) = (tenant.person(Role::Owner).await, tenant.person(Role::Viewer).await);
        let mut ear = Ear::of(&app, &other).await;
        ear.poke().await;
        // A commit that is not heard of yet: it may be about what this stream's person sees.
        let mut scope = tenant.db_write().await;
        scope.next_seq(1).await.expect("a number");
        scope.commit().await.expect("a commit that tells nobody");
        for (name, is_told) in [("over the gap", false), ("after it", true)] {
            owner.post("/v1/sites", json!({"name": name, "time_zone": "UTC"})).await.expect(201);
            let (poke, text) = ear.poke().await;
            assert_eq!(!poke.frames.is_empty(), is_told, "on {}: {text}", app.engine);
            assert_eq!(text.contains(name), is_told);
        }
    }
}

#[tokio::test]
async fn what_changed_is_told_on_a_right_that_was_just_looked_at() {
    for app in App::both().await {
        let tenant = app.tenant("acme").await;
        let (owner, gone) = (tenant.person(Role::Owner).await, tenant.person(Role::Viewer).await);
        let mut ear = Ear::of(&app, &gone).await;
        ear.poke().await;
        // A session that ends by itself tells nobody.
        let mut scope = tenant.db_write().await;
        scope.query("delete from session where tenant_id = $1 and person_id = $2").bind(gone.id).execute().await.expect("it ended");
        scope.commit().await.expect("a commit that tells nobody");
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        owner.post("/v1/sites", json!({"name": "canary", "time_zone": "UTC"})).await.expect(201);
        assert_eq!(ear.hear().await.as_deref(), Some("event: closed\ndata: {\"code\":\"not_signed_in\"}\n\n"), "on {}", app.engine);
    }
}
